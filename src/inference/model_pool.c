/* model_pool.c - processes that have a model each, lent out one at a time. */
#include "inference/model_lease.h"

#include "base/clock.h"
#include "base/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A run that waits; lives on the stack of who waits. */
struct waiter {
    struct str digest;
    int64_t since_us;
    struct waiter *next;
};

enum { SLOW_MAX = 16 };

struct model_pool {
    struct model_pool_options options;
    pthread_mutex_t lock;          /* guards all below, and what slots say of themselves */
    struct boxed_starter *starter; /* NULL: no process was wanted yet */
    pthread_cond_t freed;
    struct model_slot *slots;
    struct waiter *first, **last;
    char slow[SLOW_MAX][MODEL_DIGEST_BYTES + 1]; /* models that took too long and have not answered since */
    int slow_next;                               /* the oldest of them is forgotten for a new one */
    bool stopping;
    struct background ender; /* stops all when its moment comes; there is one if ends_us is set */
    int64_t ends_us;
    uint64_t number;
    struct model_pool_stats stats;
};

bool model_pool_open(const struct model_pool_options *options, struct model_pool **out, struct error *error)
{
    struct model_pool *pool = calloc(1, sizeof(*pool));
    struct model_slot *slots = calloc((size_t)options->processes, sizeof(*slots));
    if (!pool || !slots) {
        free(pool);
        free(slots);
        return error_set(error, E_UNAVAILABLE, "there is no memory for models");
    }
    pool->options = *options;
    pool->options.tensor_bytes = options->tensor_bytes / MODEL_ALIGN * MODEL_ALIGN;
    if (!pool->options.program)
        pool->options.program = "/proc/self/exe";
    pool->slots = slots;
    for (int i = 0; i < options->processes; i++)
        slots[i].process = BOXED_NONE;
    pool->last = &pool->first;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->freed, NULL);
    *out = pool;
    return true;
}

/* A process whose socket is shut down is gone for whoever waits for it. */
void model_pool_stop(struct model_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    for (int i = 0; i < pool->options.processes; i++)
        if (pool->slots[i].process.pid)
            shutdown(pool->slots[i].process.socket, SHUT_RDWR);
    pthread_cond_broadcast(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}

static void end_then(void *context)
{
    struct model_pool *pool = context;
    background_lock(&pool->ender);
    while (!pool->ender.stopping && background_wait(&pool->ender, pool->ends_us))
        continue;
    bool due = !pool->ender.stopping;
    background_unlock(&pool->ender);
    if (due)
        model_pool_stop(pool);
}

void model_pool_end_within(struct model_pool *pool, int64_t ms)
{
    struct error error = { 0 };
    pool->ends_us = clock_monotonic_us() + ms * 1000;
    if (background_start(&pool->ender, "model-ender", end_then, pool, &error))
        return;
    pool->ends_us = 0;
    model_pool_stop(pool); /* nobody could do it later */
}

void model_pool_close(struct model_pool *pool)
{
    if (!pool)
        return;
    if (pool->ends_us) {
        background_stop(&pool->ender);
        background_release(&pool->ender);
    }
    model_pool_stop(pool);
    for (int i = 0; i < pool->options.processes; i++)
        if (pool->slots[i].process.pid)
            boxed_end(&pool->slots[i].process);
    boxed_starter_close(pool->starter);
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->lock);
    free(pool->slots);
    free(pool);
}

const struct model_pool_options *model_pool_options(const struct model_pool *pool)
{
    return &pool->options;
}

bool model_pool_is_stopping(struct model_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool stopping = pool->stopping;
    pthread_mutex_unlock(&pool->lock);
    return stopping;
}

uint64_t model_pool_next_number(struct model_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    uint64_t number = ++pool->number;
    pthread_mutex_unlock(&pool->lock);
    return number;
}

void model_pool_count(struct model_pool *pool, bool ok, int64_t run_us)
{
    pthread_mutex_lock(&pool->lock);
    pool->stats.runs += ok && run_us > 0;
    pool->stats.run_us += run_us;
    pool->stats.failed += !ok;
    pthread_mutex_unlock(&pool->lock);
}

void model_pool_trouble(struct model_pool *pool, const char *trouble)
{
    pthread_mutex_lock(&pool->lock);
    snprintf(pool->stats.trouble, sizeof(pool->stats.trouble), "%s", trouble);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- slots; under the lock ---- */

/* A process that has another model makes room at once for one that no process has; where one has it and is busy, only
 * when that takes longer than this. So two models that are asked in turns do not push each other out each time. */
enum { PATIENCE_US = 100000 };

static bool has(const struct model_slot *slot, struct str digest)
{
    return slot->process.pid && str_equal(str_from(slot->digest), digest);
}

/* ---- models that take too long ---- */

static int find_slow(const struct model_pool *pool, struct str digest)
{
    for (int i = 0; i < SLOW_MAX; i++)
        if (str_equal(str_from(pool->slow[i]), digest))
            return i;
    return -1;
}

static void note_slow(struct model_pool *pool, const char *digest)
{
    if (find_slow(pool, str_from(digest)) >= 0)
        return;
    snprintf(pool->slow[pool->slow_next], sizeof(pool->slow[0]), "%s", digest);
    pool->slow_next = (pool->slow_next + 1) % SLOW_MAX;
}

static void forget_slow(struct model_pool *pool, const char *digest)
{
    int at = find_slow(pool, str_from(digest));
    if (at >= 0)
        pool->slow[at][0] = '\0';
}

/* Of a model that took too long one is run at a time, until it answers: else it would hold all processes again. */
static bool is_held_back(const struct model_pool *pool, struct str digest)
{
    if (find_slow(pool, digest) < 0)
        return false;
    for (int i = 0; i < pool->options.processes; i++)
        if (pool->slots[i].taken && str_equal(str_from(pool->slots[i].lent_for), digest))
            return true;
    return false;
}

/* ---- whose turn it is ---- */

/* Is it one's turn? Those that are held back are passed over. Who comes later goes first where a process is free that
 * has his model, until somebody has been patient. */
static bool may_take(const struct model_pool *pool, const struct waiter *self, bool has_model, int64_t now_us)
{
    const struct waiter *w = pool->first;
    while (w != self && is_held_back(pool, w->digest))
        w = w->next;
    if (w == self)
        return true;
    if (!has_model || now_us - w->since_us >= PATIENCE_US)
        return false;
    while (w != self && !str_equal(w->digest, self->digest))
        w = w->next;
    return w == self;
}

/* One that has this model; one that has none; the one that was idle longest. NULL: none is free, or not for him. */
static struct model_slot *find_free(struct model_pool *pool, const struct waiter *self, int64_t now_us)
{
    struct model_slot *own = NULL, *idle = NULL, *empty = NULL;
    bool is_busy = false; /* a process that has the model, or will */
    if (is_held_back(pool, self->digest))
        return NULL;
    for (int i = 0; i < pool->options.processes; i++) {
        struct model_slot *slot = &pool->slots[i];
        if (slot->taken)
            is_busy = is_busy || str_equal(str_from(slot->lent_for), self->digest);
        else if (has(slot, self->digest))
            own = slot;
        else if (!slot->process.pid)
            empty = slot;
        else if (!idle || slot->used_us < idle->used_us)
            idle = slot;
    }
    if (is_busy && now_us - self->since_us < PATIENCE_US)
        idle = NULL;
    struct model_slot *found = own ? own : empty ? empty : idle;
    return found && may_take(pool, self, own, now_us) ? found : NULL;
}

static void leave(struct model_pool *pool, const struct waiter *self)
{
    struct waiter **at = &pool->first;
    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    if (!*at)
        pool->last = at;
    pool->stats.waiting--;
}

static bool refuse(struct error *error, const char *why)
{
    error->retry_after_s = 5;
    return error_set(error, E_UNAVAILABLE, "%s", why);
}

struct model_slot *model_slot_take(struct model_pool *pool, struct str digest, struct error *error)
{
    struct model_slot *slot = NULL;
    int64_t now_us = clock_monotonic_us(), until_us = now_us + pool->options.timeout_ms * 1000;
    struct waiter self = { digest, now_us, NULL };
    pthread_mutex_lock(&pool->lock);
    *pool->last = &self;
    pool->last = &self.next;
    pool->stats.waiting++;
    while (!pool->stopping && now_us < until_us && !(slot = find_free(pool, &self, now_us))) {
        int64_t patient_us = self.since_us + PATIENCE_US;
        thread_wait(&pool->freed, &pool->lock, now_us < patient_us && patient_us < until_us ? patient_us : until_us);
        now_us = clock_monotonic_us();
    }
    leave(pool, &self);
    if (slot) {
        slot->taken = true;
        snprintf(slot->lent_for, sizeof(slot->lent_for), "%.*s", STR_FMT(digest));
    } else {
        refuse(error, pool->stopping ? "the server is shutting down" : "all models are busy: try again later");
    }
    pthread_cond_broadcast(&pool->freed); /* another is first now */
    pthread_mutex_unlock(&pool->lock);
    return slot;
}

void model_slot_give(struct model_pool *pool, struct model_slot *slot)
{
    pthread_mutex_lock(&pool->lock);
    slot->taken = false;
    slot->used_us = clock_monotonic_us();
    if (has(slot, str_from(slot->lent_for))) /* it has answered */
        forget_slow(pool, slot->lent_for);
    pthread_cond_broadcast(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}

int model_slot_end(struct model_pool *pool, struct model_slot *slot, enum model_end why)
{
    pthread_mutex_lock(&pool->lock); /* model_pool_stop may be looking at it */
    struct boxed process = slot->process;
    slot->process = BOXED_NONE;
    pool->stats.running--;
    if (why == MODEL_EVICTED)
        pool->stats.evicted++;
    else if (why == MODEL_TIMED_OUT) {
        pool->stats.timed_out++;
        note_slow(pool, slot->lent_for);
    } else if (!pool->stopping)
        pool->stats.died++;
    pthread_mutex_unlock(&pool->lock);
    return boxed_end(&process);
}

/* The thread that starts processes is there from the first one on: who has no models has none. */
static struct boxed_starter *starter_of(struct model_pool *pool, struct error *error)
{
    pthread_mutex_lock(&pool->lock);
    struct boxed_starter *starter = pool->starter;
    if (!starter && boxed_starter_open("model-starter", &starter, error))
        pool->starter = starter;
    pthread_mutex_unlock(&pool->lock);
    return starter;
}

bool model_slot_start(struct model_pool *pool, struct model_slot *slot, struct error *error)
{
    struct boxed process;
    const struct boxed_options options = { pool->options.program, "model", "a model", pool->options.tensor_bytes * 2 };
    struct model_setup setup = { MODEL_MAGIC, pool->options.threads, pool->options.memory_bytes,
                                 pool->options.tensor_bytes, "" };
    if (pool->options.library && strlen(pool->options.library) < sizeof(setup.library))
        memcpy(setup.library, pool->options.library, strlen(pool->options.library));
    struct boxed_starter *starter = starter_of(pool, error);
    if (!starter || !boxed_starter_start(starter, &options, &process, error))
        return false;
    pthread_mutex_lock(&pool->lock);
    slot->process = process;
    slot->digest[0] = '\0';
    pool->stats.running++;
    if (pool->stopping)
        shutdown(process.socket, SHUT_RDWR);
    pthread_mutex_unlock(&pool->lock);
    boxed_send(&process, &setup, sizeof(setup), process.memory); /* one that is gone already is found so */
    return true;
}

void model_forget(struct model_pool *pool, struct str digest)
{
    for (int i = 0; i < pool->options.processes; i++) {
        struct model_slot *slot = &pool->slots[i];
        pthread_mutex_lock(&pool->lock);
        bool found = !slot->taken && has(slot, digest);
        slot->taken = slot->taken || found;
        pthread_mutex_unlock(&pool->lock);
        if (found) {
            model_slot_end(pool, slot, MODEL_EVICTED);
            model_slot_give(pool, slot);
        }
    }
}

/* Those that ended while nobody used them are buried here: they would stay as zombies. */
void model_pool_stats(struct model_pool *pool, struct model_pool_stats *out)
{
    pthread_mutex_lock(&pool->lock);
    for (int i = 0; i < pool->options.processes; i++) {
        struct model_slot *slot = &pool->slots[i];
        if (slot->taken || !slot->process.pid || !boxed_has_ended(&slot->process))
            continue;
        boxed_end(&slot->process);
        pool->stats.running--;
        pool->stats.died++;
    }
    *out = pool->stats;
    pthread_mutex_unlock(&pool->lock);
}
