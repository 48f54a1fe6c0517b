/* api_key.h - keys of machines: made, listed and revoked. How one is written is site/key_text.h's, what it may do
 * site/principal.h's.
 *
 *     int64_t id;
 *     struct str key;
 *     struct new_api_key wish = { S("RIS"), scopes, networks, expires_at };
 *     if (!api_key_make(c, owner, &wish, &id, &key)) ...                  // inside a transaction
 *     printf("%.*s\n", STR_FMT(key));                                     // once: only its SHA-256 is kept
 *
 * A key belongs to an account, and may do what is in its scope and what the account may do at that moment: a right that
 * the account loses the key loses with it, and a disabled account's keys are good for nothing. What needs a person
 * (permission_row.needs_person) is in no scope. A key outlives its owner's sessions and passwords: it ends when it is
 * revoked, at expires_at, or with the account.
 *
 * SHA-256 without salt or stretching is enough for 190 random bits, and lets a key be found by its hash.
 *
 * False with call.error set: problems at `scopes`, `networks` or `expires_at`, E_CONFLICT for too many keys,
 * E_NOT_FOUND for one that is not there, or not the caller's.
 */
#ifndef ROENTGEN_API_KEY_H
#define ROENTGEN_API_KEY_H

#include "base/call.h"
#include "schema/field.h"

enum { API_KEYS_MAX = 50, API_KEY_DAYS = 365, API_KEY_DAYS_MAX = 5 * 366 };

struct api_key {
    int64_t id, user_id;
    struct str username, name, prefix;
    struct texts scopes, networks;
    struct instant created_at, expires_at, last_used_at;
    struct str last_used_from;
    struct str key;      /* of one that has just been made */
    struct str key_hash; /* its SHA-256, in hexadecimal digits */
};
extern const struct schema api_key_schema;

struct new_api_key {
    struct str name;
    struct texts scopes, networks; /* no networks: from anywhere */
    struct instant expires_at;     /* null: in API_KEY_DAYS */
    struct str current_password;   /* of who asks */
};
extern const struct schema new_api_key_schema;

/* Inside a transaction. The owner gets a mail. */
bool api_key_make(struct call *c, int64_t owner, const struct new_api_key *in, int64_t *id, struct str *key);
bool api_key_load(struct call *c, int64_t id, struct api_key *out);
/* Inside a transaction. `owner` 0: whosever it is. Who has cached principals forgets them after the commit. */
bool api_key_revoke(struct call *c, int64_t id, int64_t owner);

#endif
