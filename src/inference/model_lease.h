/* model_lease.h - model processes lent out one at a time. Private to inference/.
 *
 *     struct model_slot *slot = model_slot_take(pool, digest, &error);          // waits for a free one
 *     ... model_slot_start, boxed_send, boxed_receive, model_slot_end ...
 *     model_slot_give(pool, slot);                                             // whatever became of its process
 *
 * Who has taken a slot has it for himself; its process may have another model, or none. Thread-safe.
 */
#ifndef ROENTGEN_MODEL_LEASE_H
#define ROENTGEN_MODEL_LEASE_H

#include "inference/model_protocol.h"

enum { MODEL_DIGEST_BYTES = 64 };

struct model_slot {
    struct boxed process;                /* changed under the pool's lock */
    char digest[MODEL_DIGEST_BYTES + 1]; /* of the model that it has; "": none yet */
    struct model_reply face;             /* what it said when it had loaded it */
    char runtime[MODEL_RUNTIME_MAX];
    int64_t used_us; /* when it was given back */
    bool taken;
    char lent_for[MODEL_DIGEST_BYTES + 1]; /* while it is taken: the model that is wanted; under the lock */
};

const struct model_pool_options *model_pool_options(const struct model_pool *pool);
bool model_pool_is_stopping(struct model_pool *pool);
uint64_t model_pool_next_number(struct model_pool *pool); /* never the same twice */
/* Counts a call that has ended; one that failed with 0. */
void model_pool_count(struct model_pool *pool, bool ok, int64_t run_us);
/* What model_pool_stats says of processes that cannot get ready; "": they can. */
void model_pool_trouble(struct model_pool *pool, const char *trouble);

/* E_UNAVAILABLE when none is free within the time of a run, or the pool stops. */
struct model_slot *model_slot_take(struct model_pool *pool, struct str digest, struct error *error);
void model_slot_give(struct model_pool *pool, struct model_slot *slot);
/* A process of a slot that has none, told what it is for; whether it is ready is for who uses it to find out. */
bool model_slot_start(struct model_pool *pool, struct model_slot *slot, struct error *error);
/* Ends the process. Returns its wait status. */
enum model_end { MODEL_DIED, MODEL_TIMED_OUT, MODEL_EVICTED };
int model_slot_end(struct model_pool *pool, struct model_slot *slot, enum model_end why);

#endif
