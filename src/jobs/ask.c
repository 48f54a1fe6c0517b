/* ask.c - a job that somebody asks for by its kind's name, in words. */
#include "jobs/jobs.h"

#include "site/app.h"
#include "schema/json.h"

const struct job_kind *jobs_kind(const struct app *app, struct str name)
{
    for (int i = 0; i < app->kind_count; i++)
        if (str_equal(name, str_from(app->kinds[i]->name)))
            return app->kinds[i];
    return NULL;
}

/* What is wrong with a member of the payload is so in the body's payload. */
static void name_problems(struct call *c)
{
    for (struct problem *p = c->error.problems; p; p = p->next)
        p->member = p->member.len ? arena_format(&c->arena, "payload.%.*s", STR_FMT(p->member)) : S("payload");
}

static bool is_object(struct str text)
{
    struct str trimmed = str_trim(text);
    return trimmed.len && trimmed.at[0] == '{';
}

static bool read_payload(struct call *c, const struct job_kind *kind, struct str text, const void **out)
{
    uint64_t given;
    if (kind->is_free) {
        struct json *payload = arena_new(&c->arena, struct json);
        payload->text = text.len ? text : S("{}");
        *out = payload;
        if (!is_object(payload->text))
            return error_add_problem(&c->error, &c->arena, "body", S("payload"), "not_an_object", "must be an object");
        const char *why = kind->refuses ? kind->refuses(payload->text, &c->arena) : NULL;
        return !why || error_add_problem(&c->error, &c->arena, "body", S("payload"), "not_taken", "%s", why);
    }
    if (!kind->payload) {
        bool empty = !text.len || str_equal(str_trim(text), S("null")) || str_equal(str_trim(text), S("{}"));
        *out = NULL;
        return empty || error_add_problem(&c->error, &c->arena, "body", S("payload"), "not_empty", "%s takes nothing",
                                          kind->name);
    }
    void *payload = schema_new(kind->payload, &c->arena);
    *out = payload;
    if (text.len && !is_object(text))
        return error_add_problem(&c->error, &c->arena, "body", S("payload"), "not_an_object", "must be an object");
    if (json_decode(c, text.len ? text : S("{}"), kind->payload, payload, false, &given))
        return true;
    name_problems(c);
    return false;
}

bool jobs_ask(struct call *c, const struct job_wish *wish, int64_t *id)
{
    const struct job_kind *kind = jobs_kind(c->app, wish->kind);
    struct job_order order = { .kind = kind,
                               .priority = wish->priority,
                               .not_before = wish->not_before,
                               .unique_key = wish->unique_key,
                               .job_uuid = wish->job_uuid };
    if (!kind || !kind->by_hand)
        return error_add_problem(&c->error, &c->arena, "body", S("kind"), "not_a_choice",
                                 "there is no such work that may be asked for");
    return read_payload(c, kind, wish->payload.text, &order.payload) && jobs_put(c, &order, id);
}
