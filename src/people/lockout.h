/* lockout.h - how often a password may be guessed.
 *
 * Three counters, of which the first that is over its limit refuses, whether the password was right or wrong:
 *
 *   account and network   LOGIN_MAX_FAILURES           always counts
 *   account               LOGIN_ACCOUNT_MAX_FAILURES   all networks together, which have not signed in to it before
 *   network               LOGIN_NETWORK_MAX_FAILURES   all accounts together that have not been signed in to from it
 *                                                      before
 *
 * A network is an IPv4 address, or the first 64 bits of an IPv6 one. One from which an account has been signed in to
 * lately has only the counter of the two, so that strangers who lock an account do not shut its owner out of where he
 * works, and one person's mistakes do not shut out the hospital behind one address. Elsewhere a lock slows the owner
 * down as it does the strangers, for LOGIN_LOCK at a time; an administrator can lift it (users.unlocked_at: what was
 * counted before does not count).
 *
 *     bool right = password_matches(password, hash);           // compared first, so that a lock takes as long
 *     if (!lockout_pass(c, &who, right, &locked_until))
 *         return fail(c, E_UNAUTHENTICATED, "name or password is wrong");      // with Retry-After when it is locked
 *
 * A name that no account has is counted alike, so that nobody learns which names there are. Counters are in memory
 * (kv/tries.h), or in the Redis that servers share: a failed attempt writes nothing. A lock of an account that exists
 * is kept in sign_in_locks, after the answer, for administrators to see, for the next start and for other servers; it
 * leaves an audit row, and its owner gets a mail. When that cannot be written the lock holds all the same, in this
 * process.
 */
#ifndef ROENTGEN_LOCKOUT_H
#define ROENTGEN_LOCKOUT_H

#include "site/app.h"
#include "base/call.h"

struct lockout;
struct lockout *lockout_open(struct app *app);
void lockout_close(struct lockout *lockout); /* waits for what is being written; takes NULL; before the database */
/* Takes over the locks that the database keeps. */
bool lockout_load(struct call *c, struct lockout *lockout);

struct lock_subject {
    int64_t account_id;  /* 0: no account has this name */
    struct str name;     /* as it was given; counts when there is no account */
    int64_t unlocked_at; /* users.unlocked_at */
    bool familiar;       /* the account was signed in to from this network */
    /* Ends of locks that the database keeps, whichever server began them: from this network, from all; 0: none. */
    int64_t locked_here, locked_everywhere;
};

#define LOCKED_UNTIL(which) \
    "(select max(l.locked_until) from sign_in_locks l where l.user_id = u.id and " which \
    " and l.locked_at > coalesce(u.unlocked_at, 0))"
/* The columns unlocked_at, familiar, locked_here and locked_everywhere of a query on `users u`, with three parameters:
 * network, lockout_familiar_since(), network. */
#define LOCK_COLUMNS \
    "u.unlocked_at, " \
    "(select count(*) from sign_in_networks n where n.user_id = u.id and n.network = ? " \
    "and n.last_at > ?), " LOCKED_UNTIL("l.network = ?") ", " LOCKED_UNTIL("l.network is null")
int64_t lockout_familiar_since(void);

/* Asked once for each password, after it was compared: true when it was right and no counter is over its limit. When
 * one is, *locked_until gets its end, else 0; how long to wait is also in c->error.retry_after_s. */
bool lockout_pass(struct call *c, const struct lock_subject *who, bool right, int64_t *locked_until);

/* Inside a transaction: the account was signed in to from the caller's network. */
bool lockout_familiar(struct call *c, int64_t account_id);
/* Inside a transaction: lifts all locks of the account. */
bool lockout_lift(struct call *c, int64_t account_id);

#endif
