/* principal.h - who asks, and how we know.
 *
 *   Authorization: Bearer <JWT> -> signature, type and expiry checked -> session and account looked up -> principal
 *   X-API-Key: rg_...           -> check sum, hash, expiry, address    -> key and account looked up     -> principal
 *
 * An access token (JWT, HS256) names a session, nothing more: rights are read from the database, kept in memory for a
 * few seconds at most, and dropped at once when this process changes an account, a role or a session. So a disabled
 * or demoted user loses access with the next request; on other processes as well where they share a Redis
 * (authority_share), else within PRINCIPAL_CACHE_S seconds.
 *
 * A machine shows a key (key_text.h), as a bearer token or in a header of its own. Its principal has those rights of
 * the account that are in the key's scope too, but none that needs a person (permission.h), and no session.
 *
 *     struct principal who;
 *     uint64_t epoch = authority_epoch(app->authority);                // once for a request, as it begins
 *     if (!authority_check(c, app->authority, token, epoch, &who)) ... // E_UNAUTHENTICATED, or the database's failure
 *     principal_may(&who, MAY_READ_STUDIES)
 *     authority_changed(app->authority);                               // after the commit of a change of rights
 *     if (!authority_still(c, app->authority, &who)) ...               // the body has come: may they still?
 *
 * A browser shows a session by a cookie instead (people/session.h): a random text, of which the database has the hash.
 * It is good for as long as its session, and what takes its place when it is used up is good at once, while the one
 * before still is for COOKIE_GRACE_S: pages in other tabs have sent it already.
 *
 * A principal is a copy, which its request keeps to its end. The authority has the key, which SECRET_KEY gives: another
 * SECRET_KEY, and no token is valid any more. Thread-safe.
 */
#ifndef ROENTGEN_PRINCIPAL_H
#define ROENTGEN_PRINCIPAL_H

#include "base/call.h"
#include "site/permission.h"

enum { PRINCIPAL_CACHE_S = 2, COOKIE_GRACE_S = 60 };

struct principal {
    int64_t user_id;
    int64_t session_id;   /* 0: a key */
    int64_t key_id;       /* 0: a session */
    uint64_t permissions; /* PERMISSION_BIT each */
    uint64_t scope;       /* what of the account's permissions a session or key can have */
    bool must_change_password;
    bool by_cookie;        /* the session was shown by its cookie */
    int64_t expires_at_us; /* of the token; of a cookie, the session's */
    uint64_t epoch;        /* of the authority, and when (clock_monotonic_us): what was read then */
    int64_t known_us;
};

struct authority;
struct key;
struct redis;

bool authority_open(struct str secret_key, struct authority **out, struct error *error);
/* Waits for what is being written; takes NULL; before the database. */
void authority_close(struct authority *authority);

/* With the other servers of one SECRET_KEY. Before it is used. */
void authority_share(struct authority *authority, struct redis *redis, const struct key *secret);

/* A signed access token for the session, good for `lifetime_s`. */
struct str authority_token(const struct authority *authority, struct arena *arena, struct str session_uuid,
                           int64_t user_id, int64_t lifetime_s);

/* Which rights are the current ones (kv/cache.h); a question to Redis where it is shared. */
uint64_t authority_epoch(struct authority *authority);
/* Fills *out from the token; E_UNAUTHENTICATED says only that it is not valid. */
bool authority_check(struct call *c, struct authority *authority, struct str token, uint64_t epoch,
                     struct principal *out);
/* The same from what a cookie holds. A token is no cookie, nor the other way round. */
bool authority_check_cookie(struct call *c, struct authority *authority, struct str secret, uint64_t epoch,
                            struct principal *out);
/* What a page has to send with what it changes, when its session is shown by a cookie: bound to the session by
 * SECRET_KEY, and the same for as long as that lasts. */
struct str authority_csrf_token(const struct authority *authority, struct arena *arena, int64_t session_id);
/* After a wait, such as for a body: reads the rights anew, by the session, where PRINCIPAL_CACHE_S have passed or
 * something has changed. A token or session that has only run out meanwhile was good when this began, and still is. */
bool authority_still(struct call *c, struct authority *authority, struct principal *who);
/* For those who keep principals for longer than a request: which of them are still what they were? The session and the
 * account are as good as they were, and their rights the same. Outside of transactions. False: the database failed. */
bool authority_review(struct call *c, const struct principal *const *who, int count, bool *stands);
/* Is it known already, so that checking it needs no database? */
bool authority_knows(struct call *c, struct authority *authority, struct str token, uint64_t epoch);
bool authority_knows_cookie(struct authority *authority, struct str secret, uint64_t epoch);
/* The rights of an account as they are now, for what it has asked to be done later: without a session. NONE: it may not
 * sign in any more. */
enum found authority_of_account(struct call *c, int64_t user_id, struct principal *out);
/* Something about accounts, roles or sessions has changed: forget what was cached. After the commit. */
void authority_changed(struct authority *authority);

/* One session, or one key, with the same rights? */
static inline bool principal_is_same(const struct principal *a, const struct principal *b)
{
    return a->session_id == b->session_id && a->key_id == b->key_id && a->permissions == b->permissions;
}

static inline bool principal_may(const struct principal *principal, enum permission permission)
{
    return principal && (principal->permissions & PERMISSION_BIT(permission));
}

#endif
