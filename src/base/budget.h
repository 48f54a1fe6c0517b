/* budget.h - memory that strangers' wishes may take: one sum for the process, and a share of it for each account.
 *
 *     struct budget *budget = budget_new(512 << 20, 256 << 20);
 *     struct hold hold = { budget, owner, 0 };                         // one for each unit of work, in struct call
 *     if (!hold_more(&hold, bytes, error)) return false;               // before the bytes are taken
 *     ...
 *     hold_end(&hold);                                                 // at the end of the unit: all of it at once
 *
 * What a request takes from HOLD_FROM_BYTES on counts (less is every request's own, bounded by the number of
 * connections): bodies, decoded frames, answers that wait for slow readers, trees of metadata, inflated data sets,
 * listings of ZIPs. Beyond the budget requests are refused until others have ended; nothing aborts, and nobody's
 * results are thrown away once made.
 *
 * E_UNAVAILABLE with retry_after_s says that it can be had when others, or other requests of the account, have ended.
 * What could not be had even then is E_TOO_LARGE: nobody is told to try again what cannot succeed.
 *
 * A unit that is the only one of its account may take more than the share, if the budget has it, at once or step by
 * step: one thing is never too large for an account that has it to itself.
 * Accounts whose ids are BUDGET_OWNERS apart share one share; of callers without an account each address has a small
 * one.
 *
 * Thread-safe; a hold belongs to one thread at a time. A hold without a budget (a command's) is never refused.
 */
#ifndef ROENTGEN_BUDGET_H
#define ROENTGEN_BUDGET_H

#include "base/error.h"

enum { BUDGET_OWNERS = 16384, HOLD_FROM_BYTES = 64 << 10 };

struct budget;

struct hold {
    struct budget *budget; /* NULL: no limit */
    uint64_t owner;        /* budget_account or budget_stranger; 0: the server itself */
    int64_t bytes;
};

struct budget *budget_new(int64_t total_bytes, int64_t share_bytes);
void budget_free(struct budget *budget); /* takes NULL */
int64_t budget_used(const struct budget *budget);

uint64_t budget_account(int64_t user_id);
uint64_t budget_stranger(struct str address);

/* Less than HOLD_FROM_BYTES is not counted. */
bool hold_more(struct hold *hold, int64_t bytes, struct error *error);
/* The refusal of what is too large on an idle server. Always false. */
bool hold_never(const struct hold *hold, struct error *error);
void hold_less(struct hold *hold, int64_t bytes); /* of what hold_more counted */
void hold_end(struct hold *hold);

#endif
