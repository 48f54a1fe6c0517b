/* decoder_pool.c - slots, the thread that starts processes, and the counters. */
#include "raster/decoder_pool.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>

struct decoder_slot {
    struct decoder_process processes[DECODER_FLAVOURS]; /* changed under the pool's mutex */
    bool taken;
};

/* A process that somebody waits for; lives on his stack. */
struct start {
    struct decoder_process process;
    struct error error;
    bool done, ok;
    struct start *next;
};

struct decoder_pool {
    struct decoder_options options;
    struct decoder_slot *slots;
    pthread_mutex_t mutex;
    pthread_cond_t freed, wanted, started; /* a slot; a process; the same */
    pthread_t keeper;
    struct start *starts; /* wanted, not yet looked at */
    bool stopping, closing;
    uint64_t number;
    struct decoder_stats stats;
};

/* ---- the thread that starts processes ---- */

static void *keep(void *context)
{
    struct decoder_pool *pool = context;
    pthread_mutex_lock(&pool->mutex);
    while (!pool->closing) {
        struct start *start = pool->starts;
        if (!start) {
            pthread_cond_wait(&pool->wanted, &pool->mutex);
            continue;
        }
        pool->starts = start->next;
        pthread_mutex_unlock(&pool->mutex);
        start->ok = decoder_process_start(pool->options.program, pool->options.max_result_bytes, &start->process,
                                          &start->error);
        pthread_mutex_lock(&pool->mutex);
        start->done = true;
        pthread_cond_broadcast(&pool->started);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static bool start_process(struct decoder_pool *pool, struct decoder_process *out, struct error *error)
{
    struct start start = { 0 };
    pthread_mutex_lock(&pool->mutex);
    start.next = pool->starts;
    pool->starts = &start;
    pthread_cond_signal(&pool->wanted);
    while (!start.done)
        pthread_cond_wait(&pool->started, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
    if (start.ok)
        *out = start.process;
    else
        *error = start.error;
    return start.ok;
}

/* Those that ended while nobody used them: they would stay as zombies until their slot's next job. Under the mutex. */
static void bury(struct decoder_pool *pool)
{
    for (int i = 0; i < pool->options.helpers; i++)
        for (int f = 0; f < DECODER_FLAVOURS && !pool->slots[i].taken; f++)
            if (pool->slots[i].processes[f].pid && decoder_process_has_ended(&pool->slots[i].processes[f])) {
                decoder_process_end(&pool->slots[i].processes[f]);
                pool->stats.running--;
                pool->stats.died++;
            }
}

/* ---- opening and closing ---- */

bool decoder_pool_open(const struct decoder_options *options, struct decoder_pool **out, struct error *error)
{
    struct decoder_pool *pool = calloc(1, sizeof(*pool));
    struct decoder_slot *slots = calloc((size_t)options->helpers, sizeof(*slots));
    pthread_condattr_t monotonic;
    if (!pool || !slots)
        abort();
    pool->options = *options;
    if (!pool->options.program)
        pool->options.program = "/proc/self/exe";
    pool->slots = slots;
    for (int i = 0; i < options->helpers; i++)
        for (int f = 0; f < DECODER_FLAVOURS; f++)
            slots[i].processes[f] = DECODER_PROCESS_NONE;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->freed, &monotonic);
    pthread_cond_init(&pool->wanted, NULL);
    pthread_cond_init(&pool->started, NULL);
    pthread_condattr_destroy(&monotonic);
    int failed = pthread_create(&pool->keeper, NULL, keep, pool);
    if (failed) {
        free(slots);
        free(pool);
        return error_set(error, E_UNAVAILABLE, "no thread for the decoders: %s", strerror(failed));
    }
    *out = pool;
    return true;
}

/* A process whose socket is shut down is gone for whoever waits for it. */
void decoder_pool_stop(struct decoder_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    for (int i = 0; i < pool->options.helpers; i++)
        for (int f = 0; f < DECODER_FLAVOURS; f++)
            if (pool->slots[i].processes[f].pid)
                shutdown(pool->slots[i].processes[f].socket, SHUT_RDWR);
    pthread_cond_broadcast(&pool->freed);
    pthread_mutex_unlock(&pool->mutex);
}

void decoder_pool_close(struct decoder_pool *pool)
{
    if (!pool)
        return;
    decoder_pool_stop(pool);
    pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    pthread_cond_signal(&pool->wanted);
    pthread_mutex_unlock(&pool->mutex);
    pthread_join(pool->keeper, NULL);
    for (int i = 0; i < pool->options.helpers; i++)
        for (int f = 0; f < DECODER_FLAVOURS; f++)
            if (pool->slots[i].processes[f].pid)
                decoder_process_end(&pool->slots[i].processes[f]);
    pthread_cond_destroy(&pool->started);
    pthread_cond_destroy(&pool->wanted);
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->slots);
    free(pool);
}

/* ---- slots ---- */

/* The first free one that has such a process already, so that no more are started than are needed at once; else the first free one. */
static struct decoder_slot *find_free(struct decoder_pool *pool, enum decoder_flavour flavour)
{
    struct decoder_slot *found = NULL;
    for (int i = 0; i < pool->options.helpers; i++) {
        struct decoder_slot *slot = &pool->slots[i];
        if (slot->taken)
            continue;
        if (slot->processes[flavour].pid)
            return slot;
        if (!found)
            found = slot;
    }
    return found;
}

static bool refuse(struct error *error, int after_s, const char *why)
{
    error->retry_after_s = after_s;
    return error_set(error, E_UNAVAILABLE, "%s", why);
}

struct decoder_slot *decoder_pool_take(struct decoder_pool *pool, enum decoder_flavour flavour, struct error *error)
{
    struct decoder_slot *slot = NULL;
    int64_t until_us = clock_monotonic_us() + pool->options.timeout_ms * 1000;
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
    bool late = false;
    pthread_mutex_lock(&pool->mutex);
    while (!pool->stopping && !(slot = find_free(pool, flavour)) && !late)
        late = pthread_cond_timedwait(&pool->freed, &pool->mutex, &until) == ETIMEDOUT;
    if (slot)
        slot->taken = true;
    else if (pool->stopping)
        refuse(error, 5, "the server is shutting down");
    else
        refuse(error, 5, "all decoders are busy: try again later");
    pthread_mutex_unlock(&pool->mutex);
    return slot;
}

void decoder_pool_give(struct decoder_pool *pool, struct decoder_slot *slot)
{
    pthread_mutex_lock(&pool->mutex);
    slot->taken = false;
    pthread_mutex_unlock(&pool->mutex);
    pthread_cond_signal(&pool->freed); /* who runs at once finds the mutex free */
}

int decoder_slot_end(struct decoder_pool *pool, struct decoder_slot *slot, enum decoder_flavour flavour, bool late)
{
    pthread_mutex_lock(&pool->mutex); /* decoder_pool_stop may be looking at it */
    struct decoder_process process = slot->processes[flavour];
    slot->processes[flavour] = DECODER_PROCESS_NONE;
    pool->stats.running--;
    if (late)
        pool->stats.timed_out++;
    else if (!pool->stopping)
        pool->stats.died++;
    bury(pool); /* where one died others may have */
    pthread_mutex_unlock(&pool->mutex);
    return decoder_process_end(&process);
}

/* Tells a new process what it is for and waits until its sandbox is closed. */
static bool set_up(struct decoder_pool *pool, struct decoder_slot *slot, enum decoder_flavour flavour,
                   struct error *error)
{
    struct decoder_process *process = &slot->processes[flavour];
    struct decoder_setup setup = { DECODER_MAGIC, flavour, pool->options.memory_bytes, pool->options.max_result_bytes };
    struct decoder_reply reply;
    int64_t deadline_us = clock_monotonic_us() + pool->options.timeout_ms * 1000;
    enum decoder_answer answer =
        decoder_process_ask(process, &setup, sizeof(setup), process->memory, 0, deadline_us, &reply);
    if (answer == DECODER_ANSWERED && reply.code == E_NONE)
        return true;
    decoder_slot_end(pool, slot, flavour, answer == DECODER_LATE);
    if (answer == DECODER_ANSWERED && (reply.code == E_INTERNAL || reply.code == E_UNAVAILABLE))
        return error_set(error, reply.code, "%s", reply.message);
    return refuse(error, 5, answer == DECODER_LATE ? "a decoder did not start in time" : "a decoder did not start");
}

bool decoder_slot_ready(struct decoder_pool *pool, struct decoder_slot *slot, enum decoder_flavour flavour,
                        struct decoder_process *out, struct error *error)
{
    struct decoder_process process;
    if (!slot->processes[flavour].pid) {
        if (!start_process(pool, &process, error))
            return false;
        pthread_mutex_lock(&pool->mutex);
        slot->processes[flavour] = process;
        pool->stats.running++;
        if (pool->stopping)
            shutdown(process.socket, SHUT_RDWR);
        pthread_mutex_unlock(&pool->mutex);
        if (!set_up(pool, slot, flavour, error))
            return false;
    }
    *out = slot->processes[flavour];
    return true;
}

/* ---- */

const struct decoder_options *decoder_pool_options(const struct decoder_pool *pool)
{
    return &pool->options;
}

bool decoder_pool_is_stopping(struct decoder_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    bool yes = pool->stopping;
    pthread_mutex_unlock(&pool->mutex);
    return yes;
}

uint64_t decoder_pool_next_number(struct decoder_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    uint64_t number = ++pool->number;
    pool->stats.jobs++;
    pthread_mutex_unlock(&pool->mutex);
    return number;
}

void decoder_stats(struct decoder_pool *pool, struct decoder_stats *out)
{
    *out = (struct decoder_stats){ 0 };
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    bury(pool);
    *out = pool->stats;
    pthread_mutex_unlock(&pool->mutex);
}
