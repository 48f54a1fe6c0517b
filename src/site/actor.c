/* actor.c - what a rule may ask of who acts, and the audit row that grows while it works. */
#include "site/actor.h"

#include <assert.h>

int64_t call_user(const struct call *c)
{
    const struct principal *principal = call_principal(c);
    return principal ? principal->user_id : 0;
}

const struct principal *call_principal(const struct call *c)
{
    return c->actor ? c->actor->principal : NULL;
}

bool call_may(const struct call *c, enum permission permission)
{
    return principal_may(call_principal(c), permission);
}

struct str call_client(const struct call *c)
{
    return c->actor ? c->actor->client : STR_NULL;
}

struct str call_network(const struct call *c)
{
    return c->actor ? c->actor->network : STR_NULL;
}

struct str call_user_agent(const struct call *c)
{
    return c->actor ? c->actor->user_agent : STR_NULL;
}

const char *call_request_id(const struct call *c)
{
    return c->actor ? c->actor->request_id : "";
}

/* ---- the row in progress ---- */

static struct audit_draft *draft_of(struct call *c)
{
    assert(c->actor); /* whoever changes something is somebody */
    return &c->actor->audit;
}

void audit_action(struct call *c, const char *action, const char *entity)
{
    struct audit_draft *draft = draft_of(c);
    draft->action = action;
    draft->entity = entity;
}

void audit_about(struct call *c, int64_t entity_id, int64_t patient_id)
{
    struct audit_draft *draft = draft_of(c);
    draft->entity_id = entity_id;
    draft->patient_id = patient_id;
}

void audit_reason(struct call *c, struct str literal)
{
    draft_of(c)->refusal = literal;
}

void audit_detail(struct call *c, struct str json)
{
    draft_of(c)->detail = json;
}

/* Two JSON objects as one; either may be null or empty. */
static struct str join_objects(struct arena *arena, struct str a, struct str b)
{
    if (a.len <= 2)
        return b.len > 2 ? b : a;
    if (b.len <= 2)
        return a;
    return arena_format(arena, "%.*s,%.*s", STR_FMT(str_slice(a, 0, a.len - 1)), STR_FMT(str_slice(b, 1, b.len)));
}

static void fill_who(struct call *c, struct audit_entry *out)
{
    out->at = clock_now();
    const struct principal *principal = call_principal(c);
    out->user_id = call_user(c);
    out->api_key_id = principal ? principal->key_id : 0;
    snprintf(out->client, sizeof(out->client), "%.*s", STR_FMT(c->actor->client));
    memcpy(out->request_id, c->actor->request_id, sizeof(out->request_id));
}

void audit_entry_of(struct call *c, struct audit_entry *out)
{
    const struct audit_draft *draft = draft_of(c);
    *out = (struct audit_entry){ .action = draft->action,
                                 .entity = draft->entity,
                                 .entity_id = draft->entity_id ? draft->entity_id : draft->named_id,
                                 .patient_id = draft->patient_id,
                                 .outcome = draft->outcome ? draft->outcome : AUDIT_DONE,
                                 .detail = join_objects(&c->arena, c->actor->origin, draft->detail) };
    if (out->entity && !out->patient_id && !strcmp(out->entity, "patient"))
        out->patient_id = out->entity_id;
    fill_who(c, out);
}

bool audit_change(struct call *c)
{
    struct audit_entry entry;
    if (!audit_watched(c))
        return false;
    audit_entry_of(c, &entry);
    assert(entry.action);
    c->actor->audit.written = true;
    return audit_insert(c, &entry);
}

bool audit_also(struct call *c, const char *action, const char *entity, int64_t entity_id, int64_t patient_id)
{
    assert(c->actor);
    struct audit_entry entry = { .action = action,
                                 .entity = entity,
                                 .entity_id = entity_id,
                                 .patient_id = patient_id,
                                 .outcome = AUDIT_DONE,
                                 .detail = c->actor->origin };
    fill_who(c, &entry);
    return audit_insert(c, &entry);
}
