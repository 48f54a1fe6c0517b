/* decoder_pool.h - decoder processes lent out one at a time. Private to raster/.
 *
 *     struct decoder_slot *slot = decoder_pool_take(pool, &error);     // waits for a free one
 *     if (!decoder_slot_ready(pool, slot, DECODER_FRAMES, deadline_us, &process, &error)) ...
 *     ...decoder_process_ask(process, ...)...
 *     decoder_pool_give(pool, slot);
 *
 *   pool -> slots[helpers]: taken or free, each with at most one process of each flavour
 *        -> keeper: the thread that starts processes. They end with the thread that started them (PR_SET_PDEATHSIG), so it has to
 *           be one that lives as long as the pool.
 */
#ifndef ROENTGEN_RASTER_DECODER_POOL_H
#define ROENTGEN_RASTER_DECODER_POOL_H

#include "raster/decoder_process.h"

struct decoder_slot;

const struct decoder_options *decoder_pool_options(const struct decoder_pool *pool);
/* E_UNAVAILABLE when none is free within the time of a job, or the pool stops. */
struct decoder_slot *decoder_pool_take(struct decoder_pool *pool, enum decoder_flavour flavour, struct error *error);
void decoder_pool_give(struct decoder_pool *pool, struct decoder_slot *slot);

/* A process of this flavour, started and in its sandbox. Its own reason when it does not get that far. */
bool decoder_slot_ready(struct decoder_pool *pool, struct decoder_slot *slot, enum decoder_flavour flavour,
                        struct decoder_process *out, struct error *error);
/* Ends the process, which is replaced on next use. Returns its wait status. `late`: counts as timed out, else as died. */
int decoder_slot_end(struct decoder_pool *pool, struct decoder_slot *slot, enum decoder_flavour flavour, bool late);

bool decoder_pool_is_stopping(struct decoder_pool *pool);
uint64_t decoder_pool_next_number(struct decoder_pool *pool); /* counts a job; never the same twice */

#endif
