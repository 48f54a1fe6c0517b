/* account_key.h - how accounts are found by what people call them.
 *
 *     int64_t id;
 *     if (account_find(c, name, &id) != FOUND) ...                          // none, or it is deleted
 *
 *     "... where u.email_key = ?", V(account_key(address, &c->arena))       // one's own statement
 *
 * A user name or an e-mail address is compared letter by letter, but for the case of ASCII letters: VICTOR is victor,
 * and víctor is somebody else. users.username_key and users.email_key, which the database computes, have both so, on
 * either database; the columns themselves have what was typed. What only looks like another name is refused when an
 * account is made (people/account.h), and never found in its place.
 */
#ifndef ROENTGEN_ACCOUNT_KEY_H
#define ROENTGEN_ACCOUNT_KEY_H

#include "base/call.h"
#include "db/db.h"

/* In the arena. */
struct str account_key(struct str name, struct arena *arena);
/* The account of this user name. NONE: there is none, or it is deleted. */
enum found account_find(struct call *c, struct str username, int64_t *id);

#endif
