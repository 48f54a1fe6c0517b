/* principal.h - who asks, and how we know.
 *
 *   Authorization: Bearer <JWT> -> signature, type and expiry checked -> session and account looked up -> principal
 *
 * An access token (JWT, HS256) names a session, nothing more: rights are read from the database, kept in memory for a
 * few seconds at most, and dropped at once when this process changes an account, a role or a session. So a disabled
 * or demoted user loses access with the next request, on other processes within PRINCIPAL_CACHE_S seconds.
 *
 *     struct principal who;
 *     if (!authority_check(c, app->authority, token, &who)) ...        // E_UNAUTHENTICATED, or the database's failure
 *     principal_may(&who, MAY_READ_STUDIES)
 *     authority_changed(app->authority);                               // after the commit of a change of rights
 *
 * A principal is a copy, which its request keeps to its end. The authority has the key, which SECRET_KEY gives: another
 * SECRET_KEY, and no token is valid any more. Thread-safe.
 */
#ifndef ROENTGEN_PRINCIPAL_H
#define ROENTGEN_PRINCIPAL_H

#include "site/permission.h"

enum { PRINCIPAL_CACHE_S = 2 };

struct principal {
    int64_t user_id;
    int64_t session_id;
    uint64_t permissions; /* PERMISSION_BIT each */
    bool must_change_password;
};

struct authority;

bool authority_open(struct str secret_key, struct authority **out, struct error *error);
void authority_close(struct authority *authority); /* takes NULL */

/* A signed access token for the session, good for `lifetime_s`. */
struct str authority_token(const struct authority *authority, struct arena *arena, struct str session_uuid,
                           int64_t user_id, int64_t lifetime_s);

/* Fills *out from the token; E_UNAUTHENTICATED says only that it is not valid. */
bool authority_check(struct call *c, struct authority *authority, struct str token, struct principal *out);
/* Is it known already, so that checking it needs no database? */
bool authority_knows(struct authority *authority, struct str token);
/* Something about accounts, roles or sessions has changed: forget what was cached. After the commit. */
void authority_changed(struct authority *authority);

static inline bool principal_may(const struct principal *principal, enum permission permission)
{
    return principal && (principal->permissions & PERMISSION_BIT(permission));
}

#endif
