/* budget.c - counters: the sum, and one for each owner in two tables of fixed size. */
#include "base/budget.h"

#include <inttypes.h>
#include <stdatomic.h>

enum { STRANGERS = 1024, STRANGERS_PART = 32 };
#define STRANGER ((uint64_t)1 << 63)

struct budget {
    int64_t total_bytes, share_bytes;
    _Atomic int64_t used;
    _Atomic int64_t accounts[BUDGET_OWNERS], strangers[STRANGERS];
};

struct budget *budget_new(int64_t total_bytes, int64_t share_bytes)
{
    struct budget *budget = calloc(1, sizeof(*budget));
    if (!budget)
        abort(); /* at the start */
    budget->total_bytes = total_bytes;
    budget->share_bytes = share_bytes;
    return budget;
}

void budget_free(struct budget *budget)
{
    free(budget);
}

int64_t budget_used(const struct budget *budget)
{
    return atomic_load(&budget->used);
}

uint64_t budget_account(int64_t user_id)
{
    return (uint64_t)user_id & ~STRANGER;
}

uint64_t budget_stranger(struct str address)
{
    return STRANGER | str_hash(address);
}

static _Atomic int64_t *share_of(const struct hold *hold)
{
    struct budget *budget = hold->budget;
    return hold->owner & STRANGER ? &budget->strangers[hold->owner % STRANGERS]
                                  : &budget->accounts[hold->owner % BUDGET_OWNERS];
}

static int64_t most_of(const struct hold *hold)
{
    return hold->owner & STRANGER ? hold->budget->share_bytes / STRANGERS_PART : hold->budget->share_bytes;
}

/* What one unit may hold while there is no other. */
static int64_t most_alone(const struct hold *hold)
{
    return hold->owner & STRANGER && hold->bytes ? most_of(hold) : hold->budget->total_bytes;
}

bool hold_never(const struct hold *hold, struct error *error)
{
    return error_set(error, E_TOO_LARGE,
                     "this takes more memory than the server may give to one request: %" PRId64
                     " bytes (MEMORY_BUDGET)",
                     most_alone(hold));
}

bool hold_more(struct hold *hold, int64_t bytes, struct error *error)
{
    if (!hold->budget || bytes < HOLD_FROM_BYTES)
        return true;
    int64_t mine = atomic_fetch_add(share_of(hold), bytes), all = atomic_fetch_add(&hold->budget->used, bytes);
    bool is_mine_alone = hold->owner && mine == (hold->owner & STRANGER ? 0 : hold->bytes);
    if (all + bytes <= hold->budget->total_bytes && (!hold->owner || is_mine_alone || mine + bytes <= most_of(hold))) {
        hold->bytes += bytes;
        return true;
    }
    atomic_fetch_sub(share_of(hold), bytes);
    atomic_fetch_sub(&hold->budget->used, bytes);
    if (bytes > most_alone(hold) - hold->bytes)
        return hold_never(hold, error);
    error->retry_after_s = 2;
    return error_set(error, E_UNAVAILABLE, "too much is under way %s: try again when that has ended",
                     all + bytes <= hold->budget->total_bytes ? "for this account" : "on this server");
}

void hold_less(struct hold *hold, int64_t bytes)
{
    if (!hold->budget || bytes < HOLD_FROM_BYTES)
        return;
    hold->bytes -= bytes;
    atomic_fetch_sub(share_of(hold), bytes);
    atomic_fetch_sub(&hold->budget->used, bytes);
}

void hold_end(struct hold *hold)
{
    if (!hold->bytes)
        return;
    atomic_fetch_sub(share_of(hold), hold->bytes);
    atomic_fetch_sub(&hold->budget->used, hold->bytes);
    hold->bytes = 0;
}
