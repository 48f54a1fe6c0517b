/* in_hand.c - see in_hand.h. */
#include "jobs/in_hand.h"

#include "jobs/run.h"

#include <assert.h>
#include <stdlib.h>

static char *copy_of(struct str text)
{
    char *copy = text.at ? malloc((size_t)text.len + 1) : NULL;
    if (text.at && !copy)
        abort();
    if (copy) {
        memcpy(copy, text.at, (size_t)text.len);
        copy[text.len] = '\0';
    }
    return copy;
}

static struct str text_of(const char *copy)
{
    return copy ? str_from(copy) : STR_NULL;
}

/* ---- ready ---- */

int hand_ready_of(const struct worker *w, const struct job_kind *kind)
{
    int count = 0;
    for (int i = 0; i < w->hand.ready_count; i++)
        count += w->hand.ready[i].kind == kind;
    return count;
}

static struct ready_job take_out(struct in_hand *hand, int index)
{
    struct ready_job one = hand->ready[index];
    hand->ready_count--;
    memmove(&hand->ready[index], &hand->ready[index + 1], (size_t)(hand->ready_count - index) * sizeof(hand->ready[0]));
    return one;
}

bool hand_begin(struct job_run *run)
{
    struct in_hand *hand = &run->worker->hand;
    if (!hand->ready_count)
        return false;
    struct ready_job one = take_out(hand, 0);
    run_begin(run, one.kind, one.id, one.attempt, text_of(one.payload));
    free(one.payload);
    return true;
}

static void put_ready(struct worker *w, const struct job *job, const struct job_kind *kind)
{
    w->hand.ready[w->hand.ready_count++] = (struct ready_job){
        job->id, job->attempt, clock_monotonic_us(), kind, copy_of(job->payload.text),
    };
    pthread_cond_broadcast(&w->given);
}

/* ---- ends ---- */

static void put_end(struct in_hand *hand, const struct job_end *end, const struct job_lease *last)
{
    struct unwritten_end *out = &hand->ends[hand->end_count++];
    *out = (struct unwritten_end){ *end, *last, copy_of(last->text), copy_of(end->result), copy_of(end->error) };
    out->last.text = text_of(out->text);
    out->end.result = text_of(out->result);
    out->end.error = text_of(out->error);
}

static void free_end(struct unwritten_end *end)
{
    free(end->text);
    free(end->result);
    free(end->error);
}

void hand_end(struct job_run *run, const struct job_end *end, const struct job_lease *last)
{
    struct worker *w = run->worker;
    background_lock(&w->keeper);
    while (w->hand.end_count == HAND_ENDS && !db_has_ended(w->app->db))
        thread_wait(&w->written, &w->keeper.lock, clock_monotonic_us() + LOOK_EVERY_US);
    bool has_room = w->hand.end_count < HAND_ENDS;
    if (has_room)
        put_end(&w->hand, end, last);
    background_unlock(&w->keeper);
    if (!has_room)
        log_write(w->app->log, LOG_ERROR, NULL, "job.end_unwritten",
                  "job %" PRId64 ": how it ended could not be written, for the database is away", end->id);
}

void hand_give_back(struct worker *w, bool all)
{
    int64_t now_us = clock_monotonic_us();
    for (int i = w->hand.ready_count - 1; i >= 0 && w->hand.end_count < HAND_ENDS; i--) {
        if (!all && now_us - w->hand.ready[i].taken_us < READY_MAX_US)
            continue;
        struct ready_job one = take_out(&w->hand, i);
        struct job_lease last = { .id = one.id };
        put_end(&w->hand, &(struct job_end){ .id = one.id, .state = JOB_FAILED, .back = true }, &last);
        free(one.payload);
    }
}

/* ---- the exchange ---- */

struct exchange {
    struct worker *worker;
    bool closing;          /* nothing is taken */
    int ends;              /* the first so many */
    int idle, ready;       /* threads that have nothing; jobs that wait for one */
    int busy[KINDS_MAX];   /* of each kind, running or ready */
    bool brief[KINDS_MAX]; /* so that it may be taken ahead */
    int taken[KINDS_MAX];
    int count;
    struct job jobs[HAND_READY];
    const struct job_kind *kinds[HAND_READY];
};

static bool is_brief(const struct worker *w, int index)
{
    const struct job_kind *kind = w->options.kinds[index];
    int64_t us = w->counts[index].lately_us;
    return us && us < BRIEF_US && !kind->concurrency && !kind->is_long && !kind->is_waiting &&
           !kind->memory_limit_bytes;
}

/* Under the lock. */
static void plan(struct worker *w, struct exchange *x)
{
    x->worker = w;
    x->closing = w->closing;
    x->ends = w->hand.end_count;
    x->ready = w->hand.ready_count;
    for (int i = 0; i < w->thread_count; i++)
        x->idle += !w->runs[i].kind;
    for (int k = 0; k < w->options.kind_count; k++) {
        const struct job_kind *kind = w->options.kinds[k];
        assert(kind);
        x->busy[k] = hand_ready_of(w, kind);
        for (int i = 0; i < w->thread_count; i++)
            x->busy[k] += w->runs[i].kind == kind;
        x->brief[k] = is_brief(w, k);
    }
}

/* What waits for others leaves half of the threads for all else, whoever lets it wait. */
static bool is_full(const struct exchange *x, int index)
{
    const struct worker *w = x->worker;
    const struct job_kind *kind = w->options.kinds[index];
    int half = w->thread_count > 1 ? w->thread_count / 2 : 1, waiting = 0;
    for (int k = 0; kind->is_waiting && k < w->options.kind_count; k++)
        waiting += w->options.kinds[k]->is_waiting ? x->busy[k] + x->taken[k] : 0;
    return waiting >= half || (kind->concurrency && x->busy[index] + x->taken[index] >= kind->concurrency);
}

/* Those of which one more may be taken. What takes hours leaves a thread for what somebody waits for. */
static int open_kinds(const struct exchange *x, const struct job_kind *out[KINDS_MAX])
{
    const struct worker *w = x->worker;
    int in_hand = x->ready + x->count, idle = x->idle - in_hand, count = 0;
    for (int k = 0; k < w->options.kind_count && in_hand < HAND_READY && !x->closing; k++) {
        const struct job_kind *kind = w->options.kinds[k];
        bool is_kept = kind->is_long && idle == 1 && w->thread_count > 1;
        if (!is_full(x, k) && (idle > 0 ? !is_kept : x->brief[k]))
            out[count++] = kind;
    }
    return count;
}

static bool write_end(struct call *c, struct str name, struct unwritten_end *end)
{
    end->last.tell = false;                                  /* its end tells of it */
    if (end->last.unit && !queue_renew(c, name, &end->last)) /* for its progress */
        return false;
    return end->last.lost || queue_end(c, name, &end->end);
}

/* An end that comes too late, for the lease was lost, is nobody's business any more. */
static bool write_ends(struct call *c, const struct exchange *x)
{
    for (int i = 0; i < x->ends; i++) {
        if (write_end(c, str_from(x->worker->name), &x->worker->hand.ends[i]))
            continue;
        if (c->error.code != E_CONFLICT)
            return false;
        error_clear(&c->error);
    }
    return true;
}

static enum found take_one(struct call *c, struct exchange *x)
{
    const struct worker *w = x->worker;
    const struct job_kind *open[KINDS_MAX];
    int count = open_kinds(x, open);
    struct job *job = &x->jobs[x->count];
    enum found found = count ? queue_take(c, open, count, str_from(w->name), job) : NONE;
    for (int k = 0; found == FOUND && k < w->options.kind_count; k++)
        if (str_equal(job->kind, str_from(w->options.kinds[k]->name))) {
            x->kinds[x->count++] = w->options.kinds[k];
            x->taken[k]++;
            break;
        }
    return found;
}

static bool exchange_work(struct call *c, void *context)
{
    struct exchange *x = context;
    enum found found;
    x->count = 0;
    memset(x->taken, 0, sizeof(x->taken));
    if (!write_ends(c, x))
        return false;
    while ((found = take_one(c, x)) == FOUND)
        continue;
    return found != FAILED;
}

static bool is_worth_it(struct call *c, const struct exchange *x)
{
    const struct job_kind *open[KINDS_MAX];
    int count = open_kinds(x, open);
    bool has_turn = count && queue_has_turn(c, open, count) == FOUND;
    db_release(c);
    return x->ends || has_turn;
}

/* Under the lock. */
static void forget_ends(struct worker *w, int count)
{
    struct in_hand *hand = &w->hand;
    for (int i = 0; i < count; i++)
        free_end(&hand->ends[i]);
    hand->end_count -= count;
    memmove(&hand->ends[0], &hand->ends[count], (size_t)hand->end_count * sizeof(hand->ends[0]));
    pthread_cond_broadcast(&w->written);
}

bool hand_exchange(struct worker *w, struct call *c, bool *moved)
{
    struct exchange x = { 0 };
    background_lock(&w->keeper);
    plan(w, &x);
    w->exchanging = true;
    background_unlock(&w->keeper);
    bool ok = true;
    *moved = is_worth_it(c, &x);
    if (*moved)
        ok = db_transact(c, exchange_work, &x);
    background_lock(&w->keeper);
    if (ok && *moved) {
        forget_ends(w, x.ends);
        for (int i = 0; i < x.count; i++)
            put_ready(w, &x.jobs[i], x.kinds[i]);
    }
    w->exchanging = false;
    pthread_cond_broadcast(&w->ended);
    background_unlock(&w->keeper);
    return ok;
}

void hand_release(struct in_hand *hand)
{
    for (int i = 0; i < hand->end_count; i++)
        free_end(&hand->ends[i]);
    for (int i = 0; i < hand->ready_count; i++)
        free(hand->ready[i].payload);
}
