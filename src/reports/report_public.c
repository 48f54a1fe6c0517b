/* report_public.c - see report_public.h. */
#include "reports/report_public.h"

#include "base/names.h"
#include "reports/report_parts.h"
#include "reports/report_sign.h"
#include "site/app.h"

enum { ADDRESS_MAX = 500 }; /* more dots than a telephone reads off paper */

const char *const public_states[] = { "VALID", "CHANGED", "REVOKED", "REPLACED", "ENTERED_IN_ERROR", "UNKNOWN", NULL };
NAMES_REACH(public_states, PUBLIC_UNKNOWN);

static const struct field public_fields[] = {
    FIELD(struct report_public, state, .choices = public_states, .type = "PublicReportState",
          .doc = "Does the report behind the code count?"),
    FIELD(struct report_public, hospital, .doc = "Whose report it is."),
    FIELD(struct report_public, signed_at, .flags = NULLABLE, .doc = "When it was signed."),
    FIELD(struct report_public, report, .flags = NULLABLE, .doc = "Where the caller, who is signed in, may read it."),
};
const struct schema report_public_schema = SCHEMA("PublicReport", struct report_public, public_fields,
                                                  .doc = "Whether a report counts, for who has its pages.");

struct str report_token(struct call *c)
{
    unsigned char random[REPORT_TOKEN_TEXT / 2];
    crypto_random(random, sizeof(random));
    return crypto_hex(random, sizeof(random), &c->arena);
}

bool report_public_address(struct call *c, int64_t id, int64_t version, struct str *out)
{
    struct str url = c->app->config.public_url;
    struct cursor rows;
    *out = STR_NULL;
    if (!url.len)
        return true;
    while (url.len && url.at[url.len - 1] == '/')
        url.len--;
    db_rows(c, &rows, "select token from report_signatures where report_id = ? and version = ? and token is not null",
            V(id), V(version));
    if (cursor_next(&rows))
        *out = arena_format(&c->arena, "%.*s/verify/%.*s", STR_FMT(url), STR_FMT(cursor_text(&rows, 0)));
    if (out->len > ADDRESS_MAX)
        *out = STR_NULL;
    return cursor_close(&rows);
}

/* The worst of it first: whoever holds the pages has to know that before all else. */
static enum public_state state_of(const struct report_verification *v)
{
    if (v->status == REPORT_ENTERED_IN_ERROR)
        return PUBLIC_ENTERED_IN_ERROR;
    if (str_equal(v->verdict, str_from(verdict_name(VERDICT_REVOKED))))
        return PUBLIC_REVOKED;
    if (!v->valid || v->is_moved)
        return PUBLIC_CHANGED;
    return v->replaced_by != INTEGER_NULL ? PUBLIC_REPLACED : PUBLIC_VALID;
}

/* What fails inside the house is for its log, and no stranger's business. */
static bool say_no_more(struct call *c)
{
    log_write(c->app->log, LOG_ERROR, call_request_id(c), "report_public.failed", "%s", c->error.message);
    error_clear(&c->error);
    return fail(c, E_UNAVAILABLE, "the report cannot be looked up now; try again later");
}

bool report_public_look(struct call *c, struct str token, struct report_public *out)
{
    struct str hospital = c->app->config.hospital_name;
    struct report_verification v;
    int64_t report_id, version;
    struct instant at;
    *out = (struct report_public){ .state = PUBLIC_UNKNOWN,
                                   .hospital = hospital.len ? hospital : S("Roentgen"),
                                   .signed_at = INSTANT_NULL };
    if (token.len != REPORT_TOKEN_TEXT)
        return true;
    enum found found = report_signature_find(c, token, &report_id, &version, &at);
    if (found != FOUND)
        return found == NONE;
    if (!report_verify_unseen(c, report_id, version, &v))
        return say_no_more(c);
    out->state = state_of(&v);
    out->signed_at = at;
    out->report_id = report_id;
    return true;
}
