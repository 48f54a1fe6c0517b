/* api_key.c - keys of machines. */
#include "people/api_key.h"

#include "people/session.h"
#include "web/exchange.h"
#include "web/listing.h"

struct api_key_list {
    struct list_query list;
    int64_t user_id;
    bool all;
};
#define API_KEY_SORTS(X) X("created_at", "k.created_at")
LIST_ORDER(api_key_order, API_KEY_SORTS);
static const struct field api_key_list_fields[] = {
    LIST_FIELDS(struct api_key_list, api_key_order, "-created_at"),
    FIELD(struct api_key_list, user_id, .min = 1, .max = INT64_MAX,
          .doc = "This account's; others' for those who manage accounts."),
    FIELD(struct api_key_list, all, .doc = "Everybody's, for those who manage accounts."),
};
static const struct schema api_key_list = SCHEMA("ApiKeyList", struct api_key_list, api_key_list_fields);
static const struct listing api_key_listing = {
    .row = &api_key_schema, .where = "k.revoked_at is null", .id = "k.id", .order = &api_key_order
};

static bool api_key_list_get(struct call *c)
{
    const struct api_key_list *in = c->in;
    int64_t whose = in->user_id == INTEGER_NULL ? call_user(c) : in->user_id;
    struct condition owned = { "k.user_id = ?", V(whose) };
    if ((in->all || whose != call_user(c)) && !call_may(c, MAY_MANAGE_USERS))
        return fail(c, E_FORBIDDEN, "others' keys are shown to those who manage accounts");
    return list_answer(c, &api_key_listing,
                       (struct list_among){ .conditions = &owned, .condition_count = in->all ? 0 : 1 });
}

static bool api_key_confirm(struct call *c)
{
    return password_confirmed(c, call_user(c), ((const struct new_api_key *)c->in)->current_password,
                              "current_password");
}

static bool api_key_post(struct call *c)
{
    int64_t id;
    struct str key;
    struct api_key *out = c->out;
    if (!api_key_make(c, call_user(c), c->in, &id, &key) || !api_key_load(c, id, out))
        return false;
    out->key = key;
    return true;
}

struct api_key_key {
    int64_t id;
};
static const struct field api_key_key_fields[] = { KEY(struct api_key_key, id, "The key to revoke.") };
static const struct schema api_key_key = SCHEMA("ApiKeyKey", struct api_key_key, api_key_key_fields);

static bool api_key_delete(struct call *c)
{
    return api_key_revoke(c, ((const struct api_key_key *)c->in)->id, call_may(c, MAY_MANAGE_USERS) ? 0 : call_user(c));
}

#define API_KEYS .permission = SIGNED_IN, .tag = "auth", .entity = "api_key"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/auth/api-keys", api_key_list_get, &api_key_list, &api_key_schema, API_KEYS,
      .flags = LIST | PERSON, .summary = "Lists one's keys for machines" },
    { HTTP_POST, "/api/v1/auth/api-keys", api_key_post, &new_api_key_schema, &api_key_schema, API_KEYS, .runs = WRITES,
      .first = api_key_confirm, .lane = LANE_SIGN_IN, .body = BODY_JSON, .status = 201, .flags = PERSON | TELLS_SECRET,
      .audit = "api_key.create", .summary = "Makes a key for a machine",
      .doc =
          "It has those rights of the account that are in its scopes, as far as the account has them at that moment. "
          "What needs a person answers 403 with the type urn:roentgen:problem:person-required." },
    { HTTP_DELETE, "/api/v1/auth/api-keys/{id}", api_key_delete, &api_key_key, NULL, API_KEYS, .runs = WRITES,
      .flags = PERSON | CHANGES_AUTHORITY, .audit = "api_key.revoke", .summary = "Revokes a key",
      .doc = "One's own; anybody's for those who manage accounts." },
};
ENDPOINT_TABLE(api_key_endpoints, rows);
