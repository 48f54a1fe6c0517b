/* workers.c - threads for what may block: a queue of jobs, each about one request, in which accounts take turns. */
#include "http/server.h"

#include <errno.h>

/* ---- lines; all under the lock ---- */

static struct line **bucket_of(struct workers *workers, int64_t account)
{
    return &workers->buckets[((uint64_t)account * UINT64_C(0x9e3779b97f4a7c15)) >> 56];
}

static struct line *line_of(struct workers *workers, int64_t account)
{
    struct line **bucket = bucket_of(workers, account);
    for (struct line *line = *bucket; line; line = line->next)
        if (line->account == account)
            return line;
    struct line *line = calloc(1, sizeof(*line));
    if (!line)
        abort();
    line->account = account;
    line->last = &line->first;
    line->next = *bucket;
    return *bucket = line;
}

static void forget_if_empty(struct workers *workers, struct line *line)
{
    if (line->waiting || line->busy)
        return;
    struct line **at = bucket_of(workers, line->account);
    while (*at != line)
        at = &(*at)->next;
    *at = line->next;
    free(line);
}

/* Behind the others, when its next job may begin. Account 0 is everybody nobody has named, and not bounded as one. */
static void make_ready(struct workers *workers, struct line *line)
{
    if (line->is_ready || !line->waiting || (line->account && line->busy >= workers->account_threads))
        return;
    line->is_ready = true;
    line->next_ready = NULL;
    *workers->last_ready = line;
    workers->last_ready = &line->next_ready;
}

static struct job *take_job(struct workers *workers, struct line *line)
{
    struct job *job = line->first;
    workers->ready = line->next_ready;
    if (!workers->ready)
        workers->last_ready = &workers->ready;
    line->is_ready = false;
    line->first = job->next;
    if (!line->first)
        line->last = &line->first;
    line->waiting--;
    line->busy++;
    workers->waiting--;
    workers->busy++;
    make_ready(workers, line);
    if (workers->stopping && workers->waiting == 0)
        pthread_cond_broadcast(&workers->wake);
    return job;
}

/* NULL: the end. */
static struct line *next_line(struct workers *workers)
{
    while (!workers->ready) {
        if (workers->stopping && workers->waiting == 0)
            return NULL;
        pthread_cond_wait(&workers->wake, &workers->lock);
    }
    return workers->ready;
}

/* ---- threads ---- */

static void worker_main(void *self)
{
    struct workers *workers = self;
    pthread_mutex_lock(&workers->lock);
    for (struct line *line; (line = next_line(workers));) {
        struct job *job = take_job(workers, line);
        struct request *r = job->request;
        void (*run)(struct request *) = job->run; /* the job may be queued again while it runs */
        pthread_mutex_unlock(&workers->lock);
        run(r);
        pthread_mutex_lock(&workers->lock);
        workers->busy--;
        line->busy--;
        make_ready(workers, line); /* this thread goes on with whoever is next */
        forget_if_empty(workers, line);
    }
    pthread_mutex_unlock(&workers->lock);
}

bool workers_start(struct workers *workers, const struct http_lane *lane, struct error *error)
{
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->wake, NULL);
    workers->last_ready = &workers->ready;
    workers->count = lane->threads;
    workers->account_threads = lane->account_threads ? lane->account_threads : lane->threads;
    workers->threads = calloc((size_t)lane->threads, sizeof(*workers->threads));
    if (!workers->threads)
        abort();
    bool ok = true;
    for (int i = 0; i < lane->threads && ok; i++)
        ok = thread_start(&workers->threads[i], "http-worker", worker_main, workers, error);
    return ok;
}

void workers_stop(struct workers *workers)
{
    if (!workers->threads)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->wake);
    pthread_mutex_unlock(&workers->lock);
    for (int i = 0; i < workers->count; i++)
        thread_join(&workers->threads[i]);
    free(workers->threads);
    workers->threads = NULL;
    pthread_cond_destroy(&workers->wake);
    pthread_mutex_destroy(&workers->lock);
}

bool workers_add(struct workers *workers, struct job *job, struct request *r, void (*run)(struct request *r),
                 bool bounded)
{
    pthread_mutex_lock(&workers->lock);
    struct line *line = line_of(workers, r->account);
    int64_t most = (int64_t)workers->count * QUEUE_PER_WORKER;
    if (bounded && (workers->waiting >= most || (line->account && line->waiting >= most / 2))) {
        forget_if_empty(workers, line);
        pthread_mutex_unlock(&workers->lock);
        return false;
    }
    atomic_fetch_add_explicit(&r->references, 1, memory_order_relaxed);
    *job = (struct job){ .request = r, .run = run };
    *line->last = job;
    line->last = &job->next;
    line->waiting++;
    workers->waiting++;
    make_ready(workers, line);
    pthread_mutex_unlock(&workers->lock);
    pthread_cond_signal(&workers->wake); /* a worker that runs at once finds the lock free */
    return true;
}
