/* session.c - where one is signed in. */
#include "people/session.h"
#include "web/exchange.h"
#include "web/listing.h"

struct session {
    int64_t id;
    unsigned kind;
    struct str client, user_agent;
    struct instant created_at, last_used_at, expires_at;
    bool current;
};
struct session_list {
    struct list_query list;
};

static const struct field session_fields[] = {
    FIELD(struct session, id, .doc = "Identifies the session."),
    FIELD(struct session, kind, .choices = session_kinds, .type = "SessionKind", .doc = "How it is shown."),
    FIELD(struct session, client, .flags = NULLABLE, .doc = "The address it was started from."),
    FIELD(struct session, user_agent, .flags = NULLABLE, .doc = "The program it was started with."),
    FIELD(struct session, created_at, .doc = "The time when it was started."),
    FIELD(struct session, last_used_at, .doc = "The time when it was last refreshed."),
    FIELD(struct session, expires_at, .doc = "The time when it ends if it is not used."),
    FIELD(struct session, current, .flags = NOT_STORED, .doc = "Is it the one asking?"),
};
static const struct schema session_schema = SCHEMA("Session", struct session, session_fields, .table = "sessions",
                                                   .alias = "s", .doc = "One place where the account is signed in.");
#define SESSION_SORTS(X) X("created_at", "s.created_at")
LIST_ORDER(session_order, SESSION_SORTS);
static const struct field session_list_fields[] = { LIST_FIELDS(struct session_list, session_order, "-created_at") };
static const struct schema session_list = SCHEMA("SessionList", struct session_list, session_list_fields);

static void mark_current(struct call *c, void *record)
{
    struct session *session = record;
    session->current = session->id == call_principal(c)->session_id;
}

static const struct listing session_listing = { .row = &session_schema,
                                                .where = "s.revoked_at is null",
                                                .id = "s.id",
                                                .order = &session_order,
                                                .derive = mark_current };

static bool session_list_get(struct call *c)
{
    struct condition mine[] = { { "s.user_id = ?", V(call_user(c)) }, { "s.expires_at > ?", V(clock_now()) } };
    return list_answer(c, &session_listing, (struct list_among){ .conditions = mine, .condition_count = 2 });
}

struct session_key {
    int64_t id;
};
static const struct field session_key_fields[] = {
    KEY(struct session_key, id, "The session to end."),
};
static const struct schema session_key = SCHEMA("SessionKey", struct session_key, session_key_fields);

static bool session_delete(struct call *c)
{
    const struct session_key *key = c->in;
    return session_end_other(c, key->id);
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/auth/sessions", session_list_get, &session_list, &session_schema, SIGNED_IN,
      .flags = LIST | PERSON, .tag = "auth", .summary = "Lists where one is signed in" },
    { HTTP_DELETE, "/api/v1/auth/sessions/{id}", session_delete, &session_key, NULL, SIGNED_IN, WRITES,
      .flags = CHANGES_AUTHORITY | PERSON, .audit = "auth.session_revoke", .entity = "session", .tag = "auth",
      .summary = "Ends one of one's sessions" },
};
ENDPOINT_TABLE(session_endpoints, rows);
