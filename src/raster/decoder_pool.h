/* decoder_pool.h - decoder processes lent out one at a time. Private to raster/.
 *
 *     struct decoder_slot *slot = decoder_pool_take(pool, flavour, account, owner, &error);     // waits for a free one
 *     if (!decoder_slot_ready(pool, slot, flavour, &process, &error)) ...
 *     ...boxed_send(&process, ...), decoder_receive(&process, ...)...
 *     decoder_pool_give(pool, slot);
 *
 *   pool -> slots[processes] taken or free, each with at most one process of each flavour
 *        -> waiters          in the order in which they come to it
 *        -> spares           processes that have not seen anybody's file
 *        -> keeper           the thread that starts processes
 *
 * Accounts take turns: each waiter has a ticket, one more than the last of its own account, but no less than the
 * number now served, and the lowest is next. Whoever asks for a thousand pictures waits for most of them, and nobody
 * else does.
 *
 * A process ends with the thread that started it (PR_SET_PDEATHSIG), so that has to be one that lives as long as the
 * pool: the keeper.
 *
 * A process belongs to the owner of the first file it got, and gets no other's: what a crafted file may have made of it
 * sees, and changes, nothing but files of the account that brought it.
 *
 * A slot that was taken is given back whatever became of its process, which the pool owns. Thread-safe.
 */
#ifndef ROENTGEN_RASTER_DECODER_POOL_H
#define ROENTGEN_RASTER_DECODER_POOL_H

#include "raster/decoder_protocol.h"

struct decoder_slot;

const struct decoder_options *decoder_pool_options(const struct decoder_pool *pool);
/* E_UNAVAILABLE when none is free within the time of a job, or the pool stops. `account` asks, `owner` brought the
 * file. */
struct decoder_slot *decoder_pool_take(struct decoder_pool *pool, enum decoder_flavour flavour, int64_t account,
                                       int64_t owner, struct error *error);
void decoder_pool_give(struct decoder_pool *pool, struct decoder_slot *slot);

/* A process of this flavour for the owner named in decoder_pool_take, started and in its sandbox. Its own reason when
 * it does not get that far. */
bool decoder_slot_ready(struct decoder_pool *pool, struct decoder_slot *slot, enum decoder_flavour flavour,
                        struct boxed *out, struct error *error);
/* Ends the process, which is replaced on next use. Returns its wait status. */
enum decoder_end { DECODER_DIED, DECODER_TIMED_OUT, DECODER_REPLACED };
int decoder_slot_end(struct decoder_pool *pool, struct decoder_slot *slot, enum decoder_flavour flavour,
                     enum decoder_end why);

/* The reply numbered so, of which nothing has been looked at but its size, its number and that its text ends. */
enum boxed_answer decoder_receive(const struct boxed *process, uint64_t number, int64_t timeout_us,
                                  struct decoder_reply *reply);

bool decoder_pool_is_stopping(struct decoder_pool *pool);
uint64_t decoder_pool_next_number(struct decoder_pool *pool); /* counts a job; never the same twice */

#endif
