/* decoder_pool.c - slots, the thread that starts processes, and the counters. */
#include "raster/decoder_pool.h"

#include "base/clock.h"
#include "base/thread.h"

#include <assert.h>
#include <sys/socket.h>

struct decoder_slot {
    struct boxed processes[DECODER_FLAVOURS]; /* changed under the pool's lock, as are their owners */
    int64_t owners[DECODER_FLAVOURS];         /* whose files the process has seen */
    int64_t account, owner;                   /* of the job that has it, or had it last */
    int64_t ticket;
    bool taken;
};

/* A process that somebody waits for; lives on his stack. */
struct start {
    enum decoder_flavour flavour;
    struct boxed process;
    struct error error;
    bool done, ok;
    struct start *next;
};

/* A job that waits for a slot; lives on the stack of who waits. */
struct waiter {
    int64_t account, ticket;
    struct waiter *next;
};

/* More than this many at once are not replaced before the first of them is ready again. */
enum { SPARES_MAX = 2 };

struct decoder_pool {
    struct decoder_options options;
    struct decoder_slot *slots;
    struct background keeper;      /* its lock guards all; woken when a process is wanted */
    pthread_cond_t freed, started; /* a slot; a process */
    struct start *starts;          /* wanted, not yet looked at */
    struct waiter *waiters, **last_waiter;
    int64_t serving; /* the highest ticket that got a slot */
    struct boxed spares[DECODER_FLAVOURS][SPARES_MAX];
    bool wants_spares
        [DECODER_FLAVOURS]; /* once one had to be replaced: where all files come from one account none is ever needed */
    bool stopping;          /* no more jobs; the keeper ends when the pool is closed */
    uint64_t number;
    struct decoder_stats stats;
};

/* ---- the thread that starts processes ---- */

/* Tells it what it is for. That it is ready is for who uses it to find out: a spare gets ready while nobody waits. */
static bool start_process(const struct decoder_pool *pool, enum decoder_flavour flavour, struct boxed *out,
                          struct error *error)
{
    const struct boxed_options options = { pool->options.program, "decoder", "a decoder",
                                           DECODER_REQUEST_BYTES + pool->options.max_result_bytes };
    struct decoder_setup setup = { DECODER_MAGIC, flavour, pool->options.memory_bytes, pool->options.max_result_bytes };
    if (!boxed_start(&options, out, error))
        return false;
    boxed_send(out, &setup, sizeof(setup), out->memory); /* one that is gone already is found so */
    return true;
}

/* Under the lock, which it lets go of meanwhile. */
static void answer_start(struct decoder_pool *pool)
{
    struct start *start = pool->starts;
    pool->starts = start->next;
    background_unlock(&pool->keeper);
    start->ok = start_process(pool, start->flavour, &start->process, &start->error);
    background_lock(&pool->keeper);
    start->done = true;
    pthread_cond_broadcast(&pool->started);
}

static struct boxed *empty_place(struct decoder_pool *pool, enum decoder_flavour *flavour)
{
    for (int f = 0; f < DECODER_FLAVOURS; f++)
        for (int i = 0; pool->wants_spares[f] && !pool->stopping && i < SPARES_MAX && i < pool->options.processes; i++)
            if (!pool->spares[f][i].pid) {
                *flavour = (enum decoder_flavour)f;
                return &pool->spares[f][i];
            }
    return NULL;
}

/* Under the lock, as above. One that cannot be started now is wanted again when the next has to be replaced. */
static void fill_place(struct decoder_pool *pool, enum decoder_flavour flavour, struct boxed *place)
{
    struct boxed process;
    struct error ignored = { 0 };
    background_unlock(&pool->keeper);
    bool ok = start_process(pool, flavour, &process, &ignored);
    background_lock(&pool->keeper);
    if (!ok) {
        pool->wants_spares[flavour] = false;
        return;
    }
    *place = process;
    pool->stats.running++;
}

static void keep(void *context)
{
    struct decoder_pool *pool = context;
    enum decoder_flavour flavour;
    background_lock(&pool->keeper);
    while (!pool->keeper.stopping) {
        struct boxed *place;
        if (pool->starts)
            answer_start(pool);
        else if ((place = empty_place(pool, &flavour)))
            fill_place(pool, flavour, place);
        else
            background_wait(&pool->keeper, NEVER);
    }
    background_unlock(&pool->keeper);
}

static void bury_one(struct decoder_pool *pool, struct boxed *process)
{
    if (!process->pid || !boxed_has_ended(process))
        return;
    boxed_end(process);
    pool->stats.running--;
    pool->stats.died++;
}

/* Those that ended while nobody used them: they would stay as zombies until their slot's next job. Under the lock. */
static void bury(struct decoder_pool *pool)
{
    for (int f = 0; f < DECODER_FLAVOURS; f++) {
        for (int i = 0; i < pool->options.processes; i++)
            if (!pool->slots[i].taken)
                bury_one(pool, &pool->slots[i].processes[f]);
        for (int i = 0; i < SPARES_MAX; i++)
            bury_one(pool, &pool->spares[f][i]);
    }
}

/* Under the lock. */
static bool take_spare(struct decoder_pool *pool, enum decoder_flavour flavour, struct boxed *out)
{
    bury(pool);
    for (int i = 0; i < SPARES_MAX; i++)
        if (pool->spares[flavour][i].pid) {
            *out = pool->spares[flavour][i];
            pool->spares[flavour][i] = BOXED_NONE;
            pool->stats.running--;
            background_wake(&pool->keeper);
            return true;
        }
    return false;
}

/* A spare, else a new one, which somebody waits for. */
static bool get_process(struct decoder_pool *pool, enum decoder_flavour flavour, struct boxed *out, struct error *error)
{
    struct start start = { .flavour = flavour };
    background_lock(&pool->keeper);
    if (take_spare(pool, flavour, out)) {
        background_unlock(&pool->keeper);
        return true;
    }
    start.next = pool->starts;
    pool->starts = &start;
    background_wake(&pool->keeper);
    while (!start.done)
        pthread_cond_wait(&pool->started, &pool->keeper.lock);
    background_unlock(&pool->keeper);
    if (start.ok)
        *out = start.process;
    else
        *error = start.error;
    return start.ok;
}

/* ---- opening and closing ---- */

static void release(struct decoder_pool *pool)
{
    pthread_cond_destroy(&pool->started);
    pthread_cond_destroy(&pool->freed);
    free(pool->slots);
    free(pool);
}

bool decoder_pool_open(const struct decoder_options *options, struct decoder_pool **out, struct error *error)
{
    struct decoder_pool *pool = calloc(1, sizeof(*pool));
    struct decoder_slot *slots = calloc((size_t)options->processes, sizeof(*slots));
    if (!pool || !slots)
        abort();
    pool->options = *options;
    if (!pool->options.program)
        pool->options.program = "/proc/self/exe";
    pool->slots = slots;
    pool->last_waiter = &pool->waiters;
    for (int f = 0; f < DECODER_FLAVOURS; f++) {
        for (int i = 0; i < options->processes; i++)
            slots[i].processes[f] = BOXED_NONE;
        for (int i = 0; i < SPARES_MAX; i++)
            pool->spares[f][i] = BOXED_NONE;
    }
    pthread_cond_init(&pool->freed, NULL);
    pthread_cond_init(&pool->started, NULL);
    if (!background_start(&pool->keeper, "decoder-keeper", keep, pool, error)) {
        release(pool);
        return false;
    }
    *out = pool;
    return true;
}

/* A process whose socket is shut down is gone for whoever waits for it. */
void decoder_pool_stop(struct decoder_pool *pool)
{
    if (!pool)
        return;
    background_lock(&pool->keeper);
    pool->stopping = true;
    for (int i = 0; i < pool->options.processes; i++)
        for (int f = 0; f < DECODER_FLAVOURS; f++)
            if (pool->slots[i].processes[f].pid)
                shutdown(pool->slots[i].processes[f].socket, SHUT_RDWR);
    pthread_cond_broadcast(&pool->freed);
    background_unlock(&pool->keeper);
}

void decoder_pool_close(struct decoder_pool *pool)
{
    if (!pool)
        return;
    decoder_pool_stop(pool);
    background_stop(&pool->keeper);
    background_release(&pool->keeper);
    for (int f = 0; f < DECODER_FLAVOURS; f++) {
        for (int i = 0; i < pool->options.processes; i++)
            if (pool->slots[i].processes[f].pid)
                boxed_end(&pool->slots[i].processes[f]);
        for (int i = 0; i < SPARES_MAX; i++)
            if (pool->spares[f][i].pid)
                boxed_end(&pool->spares[f][i]);
    }
    release(pool);
}

/* ---- slots ---- */

/* How well a free slot suits: its process knows only this owner's files; it has none, so that nobody else's has to be
 * given up; it has another's. */
static int fitness(const struct decoder_slot *slot, enum decoder_flavour flavour, int64_t owner)
{
    if (slot->taken)
        return 0;
    if (!slot->processes[flavour].pid)
        return 2;
    return slot->owners[flavour] == owner ? 3 : 1;
}

static struct decoder_slot *find_free(struct decoder_pool *pool, enum decoder_flavour flavour, int64_t owner)
{
    struct decoder_slot *found = NULL;
    int best = 0;
    for (int i = 0; i < pool->options.processes; i++) {
        int fits = fitness(&pool->slots[i], flavour, owner);
        if (fits > best) {
            best = fits;
            found = &pool->slots[i];
        }
    }
    return found;
}

static bool refuse(struct error *error, int after_s, const char *why)
{
    error->retry_after_s = after_s;
    return error_set(error, E_UNAVAILABLE, "%s", why);
}

/* ---- the queue; under the lock ---- */

static int64_t ticket_for(const struct decoder_pool *pool, int64_t account)
{
    int64_t last = pool->serving - 1;
    for (const struct waiter *w = pool->waiters; w; w = w->next)
        if (w->account == account && w->ticket > last)
            last = w->ticket;
    for (int i = 0; i < pool->options.processes; i++)
        if (pool->slots[i].taken && pool->slots[i].account == account && pool->slots[i].ticket > last)
            last = pool->slots[i].ticket;
    return last + 1;
}

static bool is_next(const struct decoder_pool *pool, const struct waiter *waiter)
{
    const struct waiter *first = pool->waiters;
    for (const struct waiter *w = pool->waiters; w; w = w->next)
        if (w->ticket < first->ticket)
            first = w;
    return first == waiter;
}

static void queue(struct decoder_pool *pool, struct waiter *waiter)
{
    waiter->ticket = ticket_for(pool, waiter->account);
    *pool->last_waiter = waiter;
    pool->last_waiter = &waiter->next;
    pool->stats.waiting++;
}

static void leave_queue(struct decoder_pool *pool, const struct waiter *waiter)
{
    struct waiter **at = &pool->waiters;
    while (*at && *at != waiter)
        at = &(*at)->next;
    assert(*at);
    *at = waiter->next;
    if (!*at)
        pool->last_waiter = at;
    pool->stats.waiting--;
}

struct decoder_slot *decoder_pool_take(struct decoder_pool *pool, enum decoder_flavour flavour, int64_t account,
                                       int64_t owner, struct error *error)
{
    struct decoder_slot *slot = NULL;
    struct waiter self = { .account = account };
    int64_t until_us = clock_monotonic_us() + pool->options.timeout_ms * 1000;
    bool late = false;
    background_lock(&pool->keeper);
    queue(pool, &self);
    while (!pool->stopping && !late && !(is_next(pool, &self) && (slot = find_free(pool, flavour, owner))))
        late = !thread_wait(&pool->freed, &pool->keeper.lock, until_us);
    leave_queue(pool, &self);
    if (slot) {
        slot->taken = true;
        slot->account = account;
        slot->owner = owner;
        slot->ticket = self.ticket;
        pool->serving = self.ticket > pool->serving ? self.ticket : pool->serving;
    } else if (pool->stopping) {
        refuse(error, 5, "the server is shutting down");
    } else {
        refuse(error, 5, "all decoders are busy: try again later");
    }
    pthread_cond_broadcast(&pool->freed); /* another is next now */
    background_unlock(&pool->keeper);
    return slot;
}

void decoder_pool_give(struct decoder_pool *pool, struct decoder_slot *slot)
{
    background_lock(&pool->keeper);
    slot->taken = false;
    background_unlock(&pool->keeper);
    pthread_cond_broadcast(&pool->freed); /* who runs at once finds the lock free */
}

int decoder_slot_end(struct decoder_pool *pool, struct decoder_slot *slot, enum decoder_flavour flavour,
                     enum decoder_end why)
{
    background_lock(&pool->keeper); /* decoder_pool_stop may be looking at it */
    struct boxed process = slot->processes[flavour];
    slot->processes[flavour] = BOXED_NONE;
    pool->stats.running--;
    if (why == DECODER_REPLACED)
        pool->stats.replaced++;
    else if (why == DECODER_TIMED_OUT)
        pool->stats.timed_out++;
    else if (!pool->stopping)
        pool->stats.died++;
    bury(pool); /* where one died others may have */
    background_unlock(&pool->keeper);
    return boxed_end(&process);
}

enum boxed_answer decoder_receive(const struct boxed *process, uint64_t number, int64_t timeout_us,
                                  struct decoder_reply *reply)
{
    struct decoder_reply got;
    enum boxed_answer answer = boxed_receive(process, &got, sizeof(got), timeout_us);
    if (answer != BOXED_ANSWERED)
        return answer;
    if (got.magic != DECODER_MAGIC || got.number != number || !memchr(got.message, '\0', sizeof(got.message)))
        return BOXED_GARBLED;
    *reply = got;
    return BOXED_ANSWERED;
}

static bool wait_until_ready(struct decoder_pool *pool, struct decoder_slot *slot, enum decoder_flavour flavour,
                             struct error *error)
{
    struct boxed *process = &slot->processes[flavour];
    struct decoder_reply reply;
    enum boxed_answer answer = decoder_receive(process, 0, pool->options.timeout_ms * 1000, &reply);
    if (answer == BOXED_ANSWERED && reply.code == E_NONE)
        return true;
    bool late = answer == BOXED_LATE || answer == BOXED_SPENT;
    decoder_slot_end(pool, slot, flavour, late ? DECODER_TIMED_OUT : DECODER_DIED);
    if (answer == BOXED_ANSWERED && (reply.code == E_INTERNAL || reply.code == E_UNAVAILABLE))
        return error_set(error, reply.code, "%s", reply.message);
    if (decoder_pool_is_stopping(pool))
        return refuse(error, 5, "the server is shutting down");
    return refuse(error, 5, late ? "a decoder did not start in time" : "a decoder did not start");
}

/* What saw another's files ends before it could see this one's. A spare to come in its place is wanted from now on. */
static void give_up_other(struct decoder_pool *pool, struct decoder_slot *slot, enum decoder_flavour flavour)
{
    if (!slot->processes[flavour].pid || slot->owners[flavour] == slot->owner)
        return;
    decoder_slot_end(pool, slot, flavour, DECODER_REPLACED);
    background_lock(&pool->keeper);
    pool->wants_spares[flavour] = true;
    background_wake(&pool->keeper);
    background_unlock(&pool->keeper);
}

bool decoder_slot_ready(struct decoder_pool *pool, struct decoder_slot *slot, enum decoder_flavour flavour,
                        struct boxed *out, struct error *error)
{
    struct boxed process;
    give_up_other(pool, slot, flavour);
    if (!slot->processes[flavour].pid) {
        if (!get_process(pool, flavour, &process, error))
            return false;
        background_lock(&pool->keeper);
        slot->processes[flavour] = process;
        slot->owners[flavour] = slot->owner;
        pool->stats.running++;
        if (pool->stopping)
            shutdown(process.socket, SHUT_RDWR);
        background_unlock(&pool->keeper);
        if (!wait_until_ready(pool, slot, flavour, error))
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
    background_lock(&pool->keeper);
    bool yes = pool->stopping;
    background_unlock(&pool->keeper);
    return yes;
}

uint64_t decoder_pool_next_number(struct decoder_pool *pool)
{
    background_lock(&pool->keeper);
    uint64_t number = ++pool->number;
    pool->stats.jobs++;
    background_unlock(&pool->keeper);
    return number;
}

void decoder_stats(struct decoder_pool *pool, struct decoder_stats *out)
{
    *out = (struct decoder_stats){ 0 };
    if (!pool)
        return;
    background_lock(&pool->keeper);
    bury(pool);
    *out = pool->stats;
    background_unlock(&pool->keeper);
}
