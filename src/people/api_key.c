/* api_key.c - the rules of keys of machines. */
#include "people/api_key.h"

#include "base/address.h"
#include "base/crypto.h"
#include "people/mailing.h"
#include "site/actor.h"
#include "site/key_text.h"

static const int64_t day_us = INT64_C(86400) * 1000000;

#define API_KEY_FIELDS \
    FIELD(struct api_key, id, .flags = READ_ONLY, .doc = "Identifies the key."), \
        FIELD(struct api_key, user_id, .flags = READ_ONLY, .doc = "The account that it belongs to."), \
        FIELD(struct api_key, username, .sql = "(select u.username from users u where u.id = k.user_id)", \
              .doc = "The name that account signs in with."), \
        FIELD(struct api_key, name, .doc = "What it is for.", .example = "RIS"), \
        FIELD(struct api_key, prefix, .doc = "How it begins.", .example = "rg_4fT9aQzL"), \
        FIELD(struct api_key, scopes, .doc = "The permissions that it has, as far as its account has them."), \
        FIELD(struct api_key, networks, .flags = NULLABLE, .doc = "Where it may come from; null: anywhere."), \
        FIELD(struct api_key, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was made."), \
        FIELD(struct api_key, expires_at, .doc = "When it ends."), \
        FIELD(struct api_key, last_used_at, .flags = READ_ONLY | NULLABLE, \
              .doc = "When it was last used, to the minute."), \
        FIELD(struct api_key, last_used_from, .flags = READ_ONLY | NULLABLE, .doc = "The address it came from then.")

static const struct field api_key_fields[] = {
    API_KEY_FIELDS,
    FIELD(struct api_key, key, .flags = NOT_STORED | NULLABLE,
          .doc = "The key itself, in the answer that makes it and never again."),
};
const struct schema api_key_schema =
    SCHEMA("ApiKey", struct api_key, api_key_fields, .table = "api_keys", .alias = "k", .doc = "A key of a machine.");
static const struct field stored_key_fields[] = {
    API_KEY_FIELDS,
    FIELD(struct api_key, key_hash, .doc = "SHA-256 of the key."),
};
static const struct schema stored_key_schema =
    SCHEMA("StoredApiKey", struct api_key, stored_key_fields, .table = "api_keys", .alias = "k");

static const struct field new_api_key_fields[] = {
    FIELD(struct new_api_key, name, .flags = REQUIRED, .min = 1, .max = 100, .doc = "What it is for.",
          .example = "RIS"),
    FIELD(struct new_api_key, scopes, .flags = REQUIRED, .min = 1, .max = PERMISSIONS,
          .doc = "The permissions that it is to have: some of one's own."),
    FIELD(struct new_api_key, networks, .flags = NULLABLE, .max = 20,
          .doc = "Addresses and networks (10.1.0.0/16) it may come from; null: any."),
    FIELD(struct new_api_key, expires_at, .flags = NULLABLE,
          .doc = "When it ends; null: in a year. At most five years ahead."),
    FIELD(struct new_api_key, current_password, .flags = REQUIRED | SECRET | KEEP_SPACES, .min = 1, .max = 200,
          .doc = "One's password, once more: a key outlives the session that makes it."),
};
const struct schema new_api_key_schema = SCHEMA("NewApiKey", struct new_api_key, new_api_key_fields);

static bool refuse(struct call *c, const char *member, const char *type, struct str value, const char *why)
{
    return error_add_problem(&c->error, &c->arena, "body", str_from(member), type, "%.*s %s", STR_FMT(value), why);
}

static bool check_scopes(struct call *c, const struct principal *owner, struct texts scopes)
{
    bool ok = true;
    for (ptrdiff_t i = 0; i < scopes.count; i++) {
        int permission = permission_of(scopes.items[i]);
        if (permission < 0)
            ok = refuse(c, "scopes", "unknown_permission", scopes.items[i], "is no permission");
        else if (permission_rows[permission].needs_person)
            ok = refuse(c, "scopes", "needs_person", scopes.items[i], "needs a person: no key can have it");
        else if (!principal_may(owner, (enum permission)permission))
            ok = refuse(c, "scopes", "not_held", scopes.items[i], "is not a permission of the account itself");
    }
    return ok;
}

static bool check_networks(struct call *c, struct texts networks)
{
    bool ok = true;
    for (ptrdiff_t i = 0; i < networks.count; i++)
        if (!address_is_network(networks.items[i]))
            ok = refuse(c, "networks", "not_a_network", networks.items[i],
                        "is neither an address nor a network such as 10.1.0.0/16");
    return ok;
}

static bool check_end(struct call *c, struct instant *end)
{
    int64_t now_us = clock_now().us;
    if (end->us == INSTANT_NULL.us)
        end->us = now_us + API_KEY_DAYS * day_us;
    if (end->us > now_us && end->us <= now_us + API_KEY_DAYS_MAX * day_us)
        return true;
    return error_add_problem(&c->error, &c->arena, "body", S("expires_at"), "out_of_range",
                             "has to be ahead, by five years at most");
}

/* The account's row makes those take turns that would each make the last key. */
static bool has_room(struct call *c, int64_t owner)
{
    int64_t count;
    return db_lock(c, "select id from users where id = ?", V(owner)) &&
           db_integer(c, &count,
                      "select count(*) from api_keys where user_id = ? and revoked_at is null and expires_at > ?",
                      V(owner), V(clock_now())) &&
           (count < API_KEYS_MAX ||
            fail(c, E_CONFLICT, "the account has %d keys: revoke one that is not needed", API_KEYS_MAX));
}

static bool tell_owner(struct call *c, int64_t owner, const struct api_key *key)
{
    struct cursor rows;
    struct str email = STR_NULL;
    db_rows(c, &rows, "select email from users where id = ?", V(owner));
    if (cursor_next(&rows))
        email = arena_copy(&c->arena, cursor_text(&rows, 0));
    if (!cursor_close(&rows) || !email.len)
        return c->error.code == E_NONE;
    struct mail mail = { email, S("Roentgen: new API key / 新的 API 密钥") };
    mail.body = arena_format(
        &c->arena,
        "An API key was made for your Roentgen account: %.*s (%.*s...). If this was not you, revoke it and tell an "
        "administrator at once.\r\n\r\n您的 Roentgen 账户新建了一个 API 密钥：%.*s（%.*s…）。如果不是您本人操作，"
        "请撤销该密钥并立即联系管理员。",
        STR_FMT(key->name), STR_FMT(key->prefix), STR_FMT(key->name), STR_FMT(key->prefix));
    return mailing_put(c, &mail);
}

bool api_key_make(struct call *c, int64_t owner, const struct new_api_key *in, int64_t *id, struct str *key)
{
    struct principal account;
    struct instant end = in->expires_at;
    enum found found = authority_of_account(c, owner, &account);
    if (found != FOUND)
        return found == NONE && fail(c, E_NOT_FOUND, "the account is not there, or not active");
    bool fits = check_scopes(c, &account, in->scopes);
    fits = check_networks(c, in->networks) && fits;
    fits = check_end(c, &end) && fits;
    if (!fits || !has_room(c, owner))
        return false;
    *key = key_text_make(&c->arena);
    struct api_key row;
    schema_clear(&stored_key_schema, &row);
    row.user_id = owner;
    row.name = in->name;
    row.prefix = key_text_prefix(*key);
    row.scopes = in->scopes;
    row.networks = in->networks.count ? in->networks : (struct texts){ 0 };
    row.expires_at = end;
    row.key_hash = crypto_sha256_hex(*key, &c->arena);
    return db_insert(c, &stored_key_schema, &row, id) && tell_owner(c, owner, &row);
}

bool api_key_load(struct call *c, int64_t id, struct api_key *out)
{
    return db_get(c, &api_key_schema, out, "where k.id = ?", V(id));
}

bool api_key_revoke(struct call *c, int64_t id, int64_t owner)
{
    int64_t revoked = 0, by = call_user(c);
    if (!db_execute_counted(c, &revoked,
                            "update api_keys set revoked_at = ?, revoked_by = ? where id = ? and revoked_at is null "
                            "and (? = 0 or user_id = ?)",
                            V(clock_now()), by ? V(by) : value_nothing(), V(id), V(owner), V(owner)))
        return false;
    return revoked || fail(c, E_NOT_FOUND, "API key %" PRId64 " does not exist", id);
}
