/* receive.c - a message is done once, or refused with words (order.h). */
#include "order/parts.h"

#include "jobs/clean.h"
#include "hl7/batch.h"
#include "site/app.h"
#include "base/log.h"

enum { CLASHES_MAX = 3 };

/* ---- for those who read messages ---- */

bool refuse(struct call *c, struct received *r, enum hl7_error error, const char *place, const char *words)
{
    r->why = (struct hl7_refusal){ error, str_from(words), str_from(place) };
    error_clear(&c->error);
    return fail(c, E_INVALID, "%s", words);
}

bool begin_deed(struct call *c, struct received *r, enum permission permission, const char *action, const char *entity)
{
    if (!call_may(c, permission))
        return refuse(c, r, HL7_INTERNAL, NULL,
                      arena_format(&c->arena, "the account of HL7_ACCOUNT lacks the permission %s",
                                   permission_rows[permission].name)
                          .at);
    c->actor->audit = (struct audit_draft){ .action = action, .entity = entity };
    return true;
}

bool end_deed(struct call *c)
{
    bool ok = audit_change(c);
    c->actor->audit = (struct audit_draft){ 0 };
    return ok;
}

bool take_text(struct call *c, struct received *r, const struct schema *schema, const char *member, struct str value,
               const char *place, struct str *to, uint64_t *members)
{
    int index = schema_find(schema, str_from(member));
    if (!value.len)
        return true;
    if (str_code_points(value) > (ptrdiff_t)schema->fields[index].max)
        return refuse(c, r, HL7_DATA_TYPE, place,
                      arena_format(&c->arena, "it is longer than the %d characters that %s holds",
                                   (int)schema->fields[index].max, member)
                          .at);
    char *copy = arena_alloc(&c->arena, value.len + 1);
    for (ptrdiff_t i = 0; i < value.len; i++)
        copy[i] = value.at[i] == '\n' || value.at[i] == '\t' ? ' ' : value.at[i];
    *to = (struct str){ copy, value.len };
    *members |= GIVEN(index);
    return true;
}

/* ---- once ---- */

/* Who sends, by all that they call themselves, and what they call it. Not their address: of two that stand in for each
 * other the second one sends what the first has no answer to. */
static struct str key_of(struct call *c, const struct hl7_message *m)
{
    const struct hl7_segment *msh = &m->segments[0];
    return crypto_sha256_hex(arena_format(&c->arena, "%.*s\n%.*s\n%.*s\n%.*s", STR_FMT(hl7_field(m, msh, 3)),
                                          STR_FMT(hl7_field(m, msh, 4)), STR_FMT(hl7_field(m, msh, 9)),
                                          STR_FMT(m->control_id)),
                             &c->arena);
}

static struct str sent_at_of(struct call *c, const struct hl7_message *m)
{
    return crypto_sha256_hex(hl7_field(m, &m->segments[0], 7), &c->arena);
}

/* All but MSH, which says when it was sent. */
static struct str digest_of(struct call *c, const struct hl7_message *m)
{
    const struct hl7_segment *last = &m->segments[m->count - 1];
    struct str first = m->segments[0].fields;
    const char *from = first.at + first.len;
    return crypto_sha256_hex((struct str){ from, last->fields.at + last->fields.len - from }, &c->arena);
}

/* FOUND: it was done before. Counters begin anew: what was sent at another time and says something else is another
 * message. */
static enum found find_done(struct call *c, struct received *r)
{
    struct cursor rows;
    enum found found = NONE;
    bool same_time = false;
    db_rows(c, &rows, "select digest, sent_at from hl7_messages where message_key = ?", V(key_of(c, &r->message)));
    if (cursor_next(&rows)) {
        found = str_equal(cursor_text(&rows, 0), digest_of(c, &r->message)) ? FOUND : NONE;
        same_time = str_equal(cursor_text(&rows, 1), sent_at_of(c, &r->message));
    }
    if (!cursor_close(&rows))
        return FAILED;
    if (found == FOUND || !same_time)
        return found;
    refuse(c, r, HL7_DUPLICATE_KEY, "MSH^1^10", "another message has been received by this MSH-10");
    return FAILED;
}

/* ---- by type ---- */

struct event_row {
    const char *type, *event;
    bool (*take)(struct call *c, struct received *r);
    struct response response;
};
static const struct event_row events[] = {
    { "ADT", "A01", adt_change },
    { "ADT", "A04", adt_change },
    { "ADT", "A05", adt_change },
    { "ADT", "A08", adt_change },
    { "ADT", "A28", adt_change },
    { "ADT", "A31", adt_change },
    { "ADT", "A18", adt_merge },
    { "ADT", "A34", adt_merge },
    { "ADT", "A40", adt_merge },
    { "ORM", "O01", orders_take, { "ORR", "O02", "ORR_O02" } },
    { "OMI", "O23", orders_take, { "ORI", "O24", "ORI_O24" } },
};
enum { EVENTS = sizeof(events) / sizeof(events[0]) };

static const struct event_row *row_of(const struct hl7_message *m, bool *type_is_known)
{
    *type_is_known = false;
    for (int i = 0; i < EVENTS; i++) {
        if (!str_equal(m->type, str_from(events[i].type)))
            continue;
        *type_is_known = true;
        if (str_equal(m->event, str_from(events[i].event)))
            return &events[i];
    }
    return NULL;
}

struct doing {
    struct received *r;
    const struct event_row *row;
};

static bool do_message(struct call *c, void *context)
{
    const struct doing *d = context;
    d->r->why = (struct hl7_refusal){ 0 };
    enum found done = find_done(c, d->r);
    if (done != NONE)
        return done == FOUND;
    return d->row->take(c, d->r) &&
           db_execute(c, "delete from hl7_messages where message_key = ?", V(key_of(c, &d->r->message))) &&
           db_execute(c, "insert into hl7_messages(message_key, digest, sent_at, received_at) values (?, ?, ?, ?)",
                      V(key_of(c, &d->r->message)), V(digest_of(c, &d->r->message)), V(sent_at_of(c, &d->r->message)),
                      V(clock_now()));
}

/* In the name of the account, again when another server has made the same patient or study at the same moment. */
static bool do_once(struct call *c, struct received *r, const struct event_row *row)
{
    struct doing doing = { r, row };
    for (int i = 1;; i++) {
        if (db_transact(c, do_message, &doing))
            return true;
        if (c->error.code != E_CONFLICT || r->why.error || i == CLASHES_MAX)
            return false;
        error_clear(&c->error);
    }
}

static bool act_as_account(struct call *c, struct principal *out)
{
    int64_t id;
    enum found found = db_find_integer(c, &id, "select id from users where username = ? and deleted_at is null",
                                       V(c->app->config.hl7_account));
    if (found == FOUND)
        found = authority_of_account(c, id, out);
    db_release(c);
    if (found != FOUND)
        return found == NONE && fail(c, E_FORBIDDEN, "HL7_ACCOUNT names no account that may act");
    c->actor->principal = out;
    return true;
}

/* ---- answers ---- */

static enum hl7_error error_of(enum error_code code)
{
    return code == E_NOT_FOUND  ? HL7_UNKNOWN_KEY
           : code == E_CONFLICT ? HL7_DUPLICATE_KEY
           : code == E_INVALID  ? HL7_DATA_TYPE
                                : HL7_INTERNAL;
}

/* What stands in MSH alone; false: AR. */
static const struct event_row *accept_head(struct received *r)
{
    const struct hl7_message *m = &r->message;
    bool type_is_known;
    const struct event_row *row = row_of(m, &type_is_known);
    if (!m->control_id.len)
        r->why = (struct hl7_refusal){ HL7_MISSING, S("MSH-10 is empty, or too long"), S("MSH^1^10") };
    else if (!str_starts(m->version, S("2.")))
        r->why = (struct hl7_refusal){ HL7_UNKNOWN_VERSION, S("messages of version 2 are understood"), S("MSH^1^12") };
    else if (m->processing.len && !str_equal(m->processing, S("P")))
        r->why = (struct hl7_refusal){ HL7_UNKNOWN_PROCESSING, S("this server is for production (P)"), S("MSH^1^11") };
    else if (!type_is_known)
        r->why = (struct hl7_refusal){ HL7_UNKNOWN_TYPE, S("messages of this type are not taken"), S("MSH^1^9^1") };
    else if (!row)
        r->why = (struct hl7_refusal){ HL7_UNKNOWN_EVENT, S("messages of this event are not taken"), S("MSH^1^9^2") };
    if (row && row->response.type && str_equal(m->application_answer, S("AL")))
        r->response = &row->response;
    return r->why.error ? NULL : row;
}

static void tell_log(struct call *c, const struct received *r, enum hl7_code code)
{
    const struct hl7_message *m = &r->message;
    if (code == HL7_AA)
        return;
    log_write(c->app->log, LOG_WARNING, NULL, "hl7.refused", "%s^%s from %.*s: %.*s",
              arena_cstring(&c->arena, m->type.len ? m->type : S("?")),
              arena_cstring(&c->arena, m->event.len ? m->event : S("?")), STR_FMT(r->client), STR_FMT(r->why.words));
    if (c->error.code && !r->why.error)
        log_write(c->app->log, LOG_ERROR, NULL, "hl7.failed", "%s", c->error.message);
}

static struct str origin_of(struct call *c, const struct hl7_message *m)
{
    struct text out;
    text_init(&out, 4000);
    text_put(&out, S("{\"by\":\"hl7\",\"sender\":"));
    text_put_json_string(&out, m->sending_application);
    text_put(&out, S(",\"message\":"));
    text_put_json_string(&out, m->control_id);
    text_put_char(&out, '}');
    struct str origin = arena_copy(&c->arena, text_str(&out));
    text_release(&out);
    return origin;
}

static enum hl7_code receive(struct call *c, struct received *r, struct str bytes)
{
    struct principal who;
    struct hl7_options options = {
        .charset = hl7_charset(choice_text(hl7_charsets, c->app->config.hl7_charset + 1)),
    };
    if (!hl7_read(bytes, &options, &c->arena, &r->message, &r->why))
        return HL7_AR;
    const struct event_row *row = accept_head(r);
    if (!row)
        return HL7_AR;
    c->actor->origin = origin_of(c, &r->message);
    if (act_as_account(c, &who) && do_once(c, r, row))
        return HL7_AA;
    if (!r->why.error) {
        r->why.error = error_of(c->error.code);
        r->why.words = arena_copy(&c->arena, error_told(&c->error));
    }
    return r->why.error == HL7_INTERNAL && job_may_pass(c->error.code) ? HL7_AR : HL7_AE;
}

void order_receive(struct call *c, struct str client, struct str bytes, struct text *answer)
{
    struct received r = { .client = client };
    struct actor actor = { .client = client };
    if (hl7_is_batch(bytes)) {
        batch_receive(c, client, bytes, answer);
        return;
    }
    c->actor = &actor;
    enum hl7_code code = receive(c, &r, bytes);
    if (code != HL7_AA)
        tell_log(c, &r, code);
    put_answer(c, &r, code, answer);
    db_release(c);
    c->actor = NULL;
}

void order_refuse_length(struct call *c, struct text *answer)
{
    struct received r = {
        .why = { HL7_SEQUENCE, arena_format(&c->arena, "the message is larger than %d bytes", HL7_MESSAGE_MAX),
                 STR_NULL },
    };
    put_answer(c, &r, HL7_AR, answer);
}

/* ---- forgotten ---- */

struct forgotten {
    int64_t messages;
};
static const struct field forgotten_fields[] = {
    FIELD(struct forgotten, messages, .doc = "How many messages are known no more."),
};
static const struct schema forgotten = SCHEMA("Hl7Forgotten", struct forgotten, forgotten_fields);

static bool forget(struct call *c, struct job_run *run)
{
    static const struct aged aged = AGED("hl7_messages", "received_at");
    struct forgotten *out = job_result(run);
    out->messages = 0;
    return clean_aged(c, run, &aged, clean_before(HL7_KEPT_S), "messages", &out->messages);
}

const struct job_kind hl7_clean = { "hl7.clean", NULL,     &forgotten,
                                    forget,      CLEANING, .doc = "Forgets HL7 messages received 30 days ago." };
