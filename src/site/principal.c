/* principal.c - tokens made and checked (libjwt), and the rights behind them read from the database. */
#include "site/principal_parts.h"

#include "site/actor.h"
#include "site/key_text.h"
#include "kv/cache.h"

#include <jwt.h>

enum { CACHED_PRINCIPALS = 4096, COOKIE_MAX = 100 };

struct cached {
    struct principal principal;
    int64_t expires_at_us;
};

bool authority_open(struct str secret_key, struct authority **out, struct error *error)
{
    struct authority *authority = calloc(1, sizeof(*authority));
    if (!authority)
        return error_set(error, E_INTERNAL, "out of memory");
    crypto_derive(secret_key, "roentgen access tokens", &authority->key);
    crypto_derive(secret_key, "roentgen page tokens", &authority->csrf_key);
    authority->cache = cache_new(CACHED_PRINCIPALS, (ptrdiff_t)sizeof(struct cached));
    key_uses_open(&authority->uses);
    *out = authority;
    return true;
}

void authority_close(struct authority *authority)
{
    if (!authority)
        return;
    key_uses_close(&authority->uses);
    cache_free(authority->cache);
    free(authority);
}

void authority_share(struct authority *authority, struct redis *redis, const struct key *secret)
{
    cache_share(authority->cache, redis, "principals", secret);
}

struct str authority_token(const struct authority *authority, struct arena *arena, struct str session_uuid,
                           int64_t user_id, int64_t lifetime_s)
{
    jwt_t *jwt = NULL;
    char id[UUID_TEXT + 1];
    crypto_uuid(id);
    int64_t now_s = clock_now().us / 1000000;
    struct str subject = arena_format(arena, "%" PRId64, user_id);
    bool ok =
        jwt_new(&jwt) == 0 && jwt_set_alg(jwt, JWT_ALG_HS256, authority->key.bytes, KEY_BYTES) == 0 &&
        jwt_add_grant(jwt, "typ", "access") == 0 && jwt_add_grant(jwt, "sub", arena_cstring(arena, subject)) == 0 &&
        jwt_add_grant(jwt, "sid", arena_cstring(arena, session_uuid)) == 0 && jwt_add_grant(jwt, "jti", id) == 0 &&
        jwt_add_grant_int(jwt, "iat", now_s) == 0 && jwt_add_grant_int(jwt, "exp", now_s + lifetime_s) == 0;
    char *text = ok ? jwt_encode_str(jwt) : NULL;
    if (!text)
        abort(); /* only memory can be missing */
    struct str token = arena_copy(arena, str_from(text));
    free(text);
    jwt_free(jwt);
    return token;
}

/* The session's name and the expiry, if the signature, algorithm, type and time are right. */
static bool read_token(const struct authority *authority, struct arena *arena, struct str token, struct str *session,
                       int64_t *expires_at_us)
{
    jwt_t *jwt = NULL;
    if (token.len > 2048 || jwt_decode(&jwt, arena_cstring(arena, token), authority->key.bytes, KEY_BYTES))
        return false;
    const char *sid = jwt_get_grant(jwt, "sid"), *type = jwt_get_grant(jwt, "typ");
    int64_t expires_s = jwt_get_grant_int(jwt, "exp");
    bool ok = jwt_get_alg(jwt) == JWT_ALG_HS256 && sid && type && !strcmp(type, "access") && expires_s > 0 &&
              expires_s < INT64_MAX / 1000000;
    if (ok) {
        *session = arena_copy(arena, str_from(sid));
        *expires_at_us = expires_s * 1000000;
    }
    jwt_free(jwt);
    return ok;
}

#define PERMISSIONS_OF \
    "from user_roles u join role_permissions r on r.role_id = u.role_id join permissions p on p.id = " \
    "r.permission_id where u.user_id "

/* With what it implies. */
void principal_add(uint64_t *permissions, struct str name)
{
    int permission = permission_of(name);
    if (permission >= 0)
        *permissions |= PERMISSION_BIT(permission);
    if (*permissions & PERMISSION_BIT(MAY_READ_ALL_IMAGES))
        *permissions |= PERMISSION_BIT(MAY_READ_IMAGES);
    if (*permissions & (PERMISSION_BIT(MAY_CREATE_REPORTS) | PERMISSION_BIT(MAY_UPDATE_REPORTS) |
                        PERMISSION_BIT(MAY_REVIEW_REPORTS) | PERMISSION_BIT(MAY_SIGN_REPORTS)))
        *permissions |= PERMISSION_BIT(MAY_READ_REPORTS);
}

bool principal_load_permissions(struct call *c, struct principal *out)
{
    struct cursor rows;
    out->permissions = 0;
    for (db_rows(c, &rows, "select distinct p.name " PERMISSIONS_OF "= ?", V(out->user_id)); cursor_next(&rows);)
        principal_add(&out->permissions, cursor_text(&rows, 0));
    out->permissions &= out->scope;
    return cursor_close(&rows);
}

enum found authority_of_account(struct call *c, int64_t user_id, struct principal *out)
{
    int64_t one;
    enum found found = db_find_integer(
        c, &one, "select 1 from users where id = ? and status = 'ACTIVE' and deleted_at is null", V(user_id));
    *out = (struct principal){ .user_id = user_id, .scope = UINT64_MAX, .known_us = clock_monotonic_us() };
    return found == FOUND && !principal_load_permissions(c, out) ? FAILED : found;
}

#define LOADED_FROM(sessions) \
    "select s.id, s.user_id, u.must_change_password, s.expires_at from " sessions \
    " join users u on u.id = s.user_id where s.revoked_at is null and u.status = 'ACTIVE' and u.deleted_at is null and "
#define LOADED LOADED_FROM("sessions s")

/* What `rows` has found. */
static bool load(struct call *c, struct cursor *rows, uint64_t epoch, struct principal *out)
{
    struct principal loaded = { .scope = UINT64_MAX,
                                .by_cookie = out->by_cookie,
                                .expires_at_us = out->expires_at_us,
                                .epoch = epoch,
                                .known_us = clock_monotonic_us() };
    bool found = cursor_next(rows);
    if (found) {
        loaded.session_id = cursor_integer(rows, 0);
        loaded.user_id = cursor_integer(rows, 1);
        loaded.must_change_password = cursor_integer(rows, 2) != 0;
        if (loaded.by_cookie)
            loaded.expires_at_us = cursor_integer(rows, 3);
    }
    if (!cursor_close(rows) || !found || !principal_load_permissions(c, &loaded))
        return false;
    *out = loaded;
    return true;
}

static bool load_by_name(struct call *c, struct str session, uint64_t epoch, struct principal *out)
{
    struct cursor rows;
    db_rows(c, &rows, LOADED "s.session_uuid = ? and s.expires_at > ?", V(session), V(clock_now()));
    return load(c, &rows, epoch, out);
}

/* What is shown as a token is none because a cookie was known by that name, nor the other way round. */
static bool recall(struct authority *authority, struct str name, uint64_t epoch, bool by_cookie, struct cached *out)
{
    struct cached cached;
    if (!cache_get(authority->cache, name, epoch, &cached) || cached.principal.by_cookie != by_cookie)
        return false;
    *out = cached;
    return true;
}

uint64_t authority_epoch(struct authority *authority)
{
    return cache_epoch(authority->cache);
}

static bool load_by_token(struct call *c, struct authority *authority, struct str token, uint64_t epoch,
                          struct cached *out)
{
    struct str session;
    if (!read_token(authority, &c->arena, token, &session, &out->expires_at_us) ||
        !load_by_name(c, session, epoch, &out->principal))
        return fail(c, E_UNAUTHENTICATED, "the token is not valid, or no longer");
    out->principal.expires_at_us = out->expires_at_us;
    return true;
}

static bool load_by_key(struct call *c, struct authority *authority, struct str key, uint64_t epoch, struct cached *out)
{
    if (!principal_of_key(c, authority, key, epoch, &out->principal))
        return false;
    out->expires_at_us = out->principal.expires_at_us;
    return true;
}

/* Where a key is good depends on the address that shows it. */
static struct str cache_name(struct call *c, struct str token)
{
    return key_text_is_key(token) ? arena_format(&c->arena, "%.*s from %.*s", STR_FMT(token), STR_FMT(call_client(c)))
                                  : token;
}

bool authority_check(struct call *c, struct authority *authority, struct str token, uint64_t epoch,
                     struct principal *out)
{
    struct cached cached = { 0 };
    struct str name = cache_name(c, token);
    if (!recall(authority, name, epoch, false, &cached)) {
        if (!(key_text_is_key(token) ? load_by_key : load_by_token)(c, authority, token, epoch, &cached))
            return false;
        cache_put(authority->cache, name, epoch, &cached, PRINCIPAL_CACHE_S * 1000);
    }
    if (cached.expires_at_us <= clock_now().us)
        return fail(c, E_UNAUTHENTICATED, "the token has expired");
    *out = cached.principal;
    return true;
}

/* ---- cookies ---- */

#define LOADED_BY_COOKIE LOADED_FROM("refresh_tokens t join sessions s on s.id = t.session_id")

static bool load_by_cookie(struct call *c, struct str hash, uint64_t epoch, struct principal *out)
{
    struct cursor rows;
    struct instant now = clock_now(), long_used = { now.us - COOKIE_GRACE_S * INT64_C(1000000) };
    db_rows(c, &rows,
            LOADED_BY_COOKIE "t.token_hash = ? and s.kind = 'cookie' and s.expires_at > ? and "
                             "(t.used_at is null or t.used_at > ?)",
            V(hash), V(now), V(long_used));
    return load(c, &rows, epoch, out);
}

bool authority_check_cookie(struct call *c, struct authority *authority, struct str secret, uint64_t epoch,
                            struct principal *out)
{
    struct cached cached = { .principal.by_cookie = true };
    struct str hash = crypto_sha256_hex(secret, &c->arena);
    if (!recall(authority, hash, epoch, true, &cached)) {
        if (secret.len > COOKIE_MAX || !load_by_cookie(c, hash, epoch, &cached.principal))
            return fail(c, E_UNAUTHENTICATED, "the session of the cookie has ended: sign in again");
        cached.expires_at_us = cached.principal.expires_at_us;
        cache_put(authority->cache, hash, epoch, &cached, PRINCIPAL_CACHE_S * 1000);
    }
    if (cached.expires_at_us <= clock_now().us)
        return fail(c, E_UNAUTHENTICATED, "the session of the cookie has ended: sign in again");
    *out = cached.principal;
    return true;
}

bool authority_knows_cookie(struct authority *authority, struct str secret, uint64_t epoch)
{
    struct cached cached;
    char hash[SHA256_TEXT];
    unsigned char digest[SHA256_BYTES];
    crypto_sha256(secret, digest);
    crypto_hex_write(hash, digest, SHA256_BYTES);
    return recall(authority, (struct str){ hash, SHA256_TEXT }, epoch, true, &cached);
}

struct str authority_csrf_token(const struct authority *authority, struct arena *arena, int64_t session_id)
{
    return crypto_hmac_hex(&authority->csrf_key, arena_format(arena, "session %" PRId64, session_id), arena);
}

bool authority_still(struct call *c, struct authority *authority, struct principal *who)
{
    struct cursor rows;
    uint64_t epoch = cache_epoch(authority->cache);
    if (epoch != CACHE_BLIND && epoch == who->epoch &&
        clock_monotonic_us() - who->known_us < PRINCIPAL_CACHE_S * 1000000)
        return true;
    db_release(c); /* what this call sees is as old as its first look */
    if (who->key_id)
        return principal_of_key_still(c, epoch, who) ||
               fail(c, E_UNAUTHENTICATED, "the account or its key has ended meanwhile");
    db_rows(c, &rows, LOADED "s.id = ?", V(who->session_id));
    return load(c, &rows, epoch, who) || fail(c, E_UNAUTHENTICATED, "the account or its session has ended meanwhile");
}

/* ---- looked at again ---- */

static bool find_good(struct call *c, const struct principal *const *who, int count, bool *stands)
{
    struct value values[2 + REVIEWED_AT_ONCE];
    struct cursor rows;
    values[0] = values[1] = V(clock_now());
    for (int i = 0; i < REVIEWED_AT_ONCE; i++)
        values[2 + i] = V(i < count ? who[i]->session_id : INT64_C(0));
    for (db_rows_(c, &rows, LOADED "s.expires_at > ? and s.id in (" DB_MARKS_32 ")",
                  (struct db_args){ values, 1 + REVIEWED_AT_ONCE });
         cursor_next(&rows);)
        for (int i = 0; i < count; i++)
            stands[i] |= who[i]->session_id == cursor_integer(&rows, 0) &&
                         who[i]->user_id == cursor_integer(&rows, 1) &&
                         who[i]->must_change_password == (cursor_integer(&rows, 2) != 0);
    return cursor_close(&rows);
}

static bool compare_permissions(struct call *c, const struct principal *const *who, int count, bool *stands)
{
    struct value values[1 + REVIEWED_AT_ONCE];
    uint64_t permissions[REVIEWED_AT_ONCE] = { 0 };
    struct cursor rows;
    values[0] = V(INT64_C(0));
    for (int i = 0; i < REVIEWED_AT_ONCE; i++)
        values[1 + i] = V(i < count ? who[i]->user_id : INT64_C(0));
    for (db_rows_(c, &rows, "select distinct u.user_id, p.name " PERMISSIONS_OF "in (" DB_MARKS_32 ")",
                  (struct db_args){ values, REVIEWED_AT_ONCE });
         cursor_next(&rows);)
        for (int i = 0; i < count; i++)
            if (who[i]->user_id == cursor_integer(&rows, 0))
                principal_add(&permissions[i], cursor_text(&rows, 1));
    for (int i = 0; i < count; i++)
        stands[i] = stands[i] && (permissions[i] & who[i]->scope) == who[i]->permissions;
    return cursor_close(&rows);
}

bool authority_review(struct call *c, const struct principal *const *who, int count, bool *stands)
{
    for (int at = 0; at < count; at += REVIEWED_AT_ONCE) {
        int some = count - at < REVIEWED_AT_ONCE ? count - at : REVIEWED_AT_ONCE;
        memset(stands + at, 0, (size_t)some);
        if (!find_good(c, who + at, some, stands + at) || !principal_find_good_keys(c, who + at, some, stands + at) ||
            !compare_permissions(c, who + at, some, stands + at))
            return false;
    }
    return true;
}

bool authority_knows(struct call *c, struct authority *authority, struct str token, uint64_t epoch)
{
    struct cached cached;
    return recall(authority, cache_name(c, token), epoch, false, &cached);
}

void authority_changed(struct authority *authority)
{
    cache_clear(authority->cache);
}
