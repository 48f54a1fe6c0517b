/* idempotency.c - a POST sent twice with one Idempotency-Key happens once: the first answer is kept for 24 hours and
 * given again. Kept answers are sealed, since they may hold patients' data. */
#include "web/idempotency.h"

#include "jobs/clean.h"
#include "web/exchange.h"
#include "base/crypto.h"

enum { KEPT_S = 24 * 3600, UNDER_WAY_S = 300 };

static struct str key_hash(struct call *c)
{
    return crypto_hmac_hex(&c->app->lookup_key, exchange_of(c)->idempotency_key, &c->arena);
}

/* The same key for another request is a mistake of the client. */
static struct str request_hash(struct call *c)
{
    struct str text = arena_format(&c->arena, "%.*s %.*s\n%.*s", STR_FMT(http_method_text(c->request)),
                                   STR_FMT(http_path(c->request)), STR_FMT(http_body(c->request)));
    return crypto_hmac_hex(&c->app->lookup_key, text, &c->arena);
}

static enum found find(struct call *c, struct str *request, int64_t *status, struct str *body, struct instant *created)
{
    struct cursor rows;
    db_rows(c, &rows,
            "select request_hash, status, body, created_at from idempotency_keys where user_id = ? and key_hash = ?",
            V(call_user(c)), V(key_hash(c)));
    bool is_there = cursor_next(&rows);
    if (is_there) {
        *request = arena_copy(&c->arena, cursor_text(&rows, 0));
        *status = cursor_integer(&rows, 1);
        *body = arena_copy(&c->arena, cursor_text(&rows, 2));
        *created = (struct instant){ cursor_integer(&rows, 3) };
    }
    return !cursor_close(&rows) ? FAILED : is_there ? FOUND : NONE;
}

static bool replay(struct call *c, int64_t status, struct str sealed)
{
    struct exchange *x = exchange_of(c);
    struct str kept, location, body;
    if (!crypto_open(&c->app->lookup_key, S("idempotency"), sealed, &c->arena, &kept) ||
        !str_cut(kept, '\n', &location, &body))
        return fail(c, E_INTERNAL, "a kept answer does not open");
    if (location.len)
        answer_header(c, "Location", location);
    text_put(&x->answer, body);
    x->status = (int)status;
    return true;
}

static bool forget(struct call *c)
{
    return db_execute(c, "delete from idempotency_keys where user_id = ? and key_hash = ?", V(call_user(c)),
                      V(key_hash(c)));
}

enum idempotency idempotency_begin(struct call *c)
{
    struct str request, body;
    int64_t status;
    struct instant created, now = clock_now();
    enum found found = find(c, &request, &status, &body, &created);
    if (found == FAILED)
        return IDEMPOTENCY_REFUSED;
    if (found == FOUND) {
        int64_t age_s = (now.us - created.us) / 1000000;
        bool expired = age_s > KEPT_S || (status == 0 && age_s > UNDER_WAY_S);
        if (!expired) {
            if (!str_equal(request, request_hash(c)))
                error_add_problem(&c->error, &c->arena, "header", S("Idempotency-Key"), "reused",
                                  "this key was used for another request");
            else if (status == 0)
                fail(c, E_CONFLICT, "the first request with this Idempotency-Key is still under way");
            else if (replay(c, status, body))
                return IDEMPOTENCY_REPLAY;
            return IDEMPOTENCY_REFUSED;
        }
        if (!forget(c))
            return IDEMPOTENCY_REFUSED;
    }
    bool ok = db_execute(c,
                         "insert into idempotency_keys(user_id, key_hash, request_hash, status, body, created_at) "
                         "values (?, ?, ?, 0, '', ?)",
                         V(call_user(c)), V(key_hash(c)), V(request_hash(c)), V(now));
    return ok ? IDEMPOTENCY_FIRST : IDEMPOTENCY_REFUSED;
}

bool idempotency_end(struct call *c, bool ok)
{
    struct exchange *x = exchange_of(c);
    if (!ok)
        return forget(c);
    struct str location = S("");
    for (int i = 0; i < x->header_count; i++)
        if (!strcmp(x->headers[i].name, "Location"))
            location = x->headers[i].value;
    struct str kept = arena_format(&c->arena, "%.*s\n%.*s", STR_FMT(location), STR_FMT(text_str(&x->answer)));
    struct str sealed = crypto_seal(&c->app->lookup_key, S("idempotency"), kept, &c->arena);
    return db_execute(c, "update idempotency_keys set status = ?, body = ? where user_id = ? and key_hash = ?",
                      V((int64_t)x->status), V(sealed), V(call_user(c)), V(key_hash(c)));
}

/* ---- once they are old ---- */

struct cleaned {
    int64_t answers;
};
static const struct field cleaned_fields[] = {
    FIELD(struct cleaned, answers, .doc = "How many kept answers were removed."),
};
static const struct schema cleaned = SCHEMA("AnswersCleaned", struct cleaned, cleaned_fields);

static bool clean(struct call *c, struct job_run *run)
{
    static const struct aged keys = AGED("idempotency_keys", "created_at");
    struct cleaned *out = job_result(run);
    out->answers = 0;
    return clean_aged(c, run, &keys, clean_before(KEPT_S), "answers", &out->answers);
}

const struct job_kind idempotency_clean = { "answers.clean", NULL,
                                            &cleaned,        clean,
                                            CLEANING,        .doc = "Forgets kept answers of Idempotency-Keys." };
