/* workers.c - threads for what may block: a queue of jobs, each about one request. */
#include "http/server.h"

#include <errno.h>

static struct job *next_job(struct workers *workers)
{
    while (!workers->first && !workers->stopping)
        pthread_cond_wait(&workers->wake, &workers->lock);
    struct job *job = workers->first;
    if (!job)
        return NULL;
    workers->first = job->next;
    if (!job->next)
        workers->last = &workers->first;
    workers->waiting--;
    return job;
}

static void *worker_main(void *self)
{
    struct workers *workers = self;
    pthread_mutex_lock(&workers->lock);
    for (struct job *job; (job = next_job(workers));) {
        struct request *r = job->request;
        void (*run)(struct request *) = job->run; /* the job may be queued again while it runs */
        workers->busy++;
        pthread_mutex_unlock(&workers->lock);
        run(r);
        pthread_mutex_lock(&workers->lock);
        workers->busy--;
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

bool workers_start(struct workers *workers, int count, struct error *error)
{
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->wake, NULL);
    workers->last = &workers->first;
    workers->count = count;
    workers->threads = calloc((size_t)count, sizeof(*workers->threads));
    if (!workers->threads)
        abort();
    for (int i = 0; i < count; i++) {
        int failed = pthread_create(&workers->threads[i], NULL, worker_main, workers);
        if (failed)
            return error_set(error, E_INTERNAL, "cannot start worker thread %d of %d: %s", i + 1, count,
                             strerror(failed));
        workers->started++;
    }
    return true;
}

void workers_stop(struct workers *workers)
{
    if (!workers->threads)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->wake);
    pthread_mutex_unlock(&workers->lock);
    for (int i = 0; i < workers->started; i++)
        pthread_join(workers->threads[i], NULL);
    free(workers->threads);
    workers->threads = NULL;
    pthread_cond_destroy(&workers->wake);
    pthread_mutex_destroy(&workers->lock);
}

bool workers_add(struct workers *workers, struct job *job, struct request *r, void (*run)(struct request *r),
                 bool bounded)
{
    pthread_mutex_lock(&workers->lock);
    if (bounded && workers->waiting >= (int64_t)workers->count * QUEUE_PER_WORKER) {
        pthread_mutex_unlock(&workers->lock);
        return false;
    }
    atomic_fetch_add_explicit(&r->references, 1, memory_order_relaxed);
    *job = (struct job){ .request = r, .run = run };
    *workers->last = job;
    workers->last = &job->next;
    workers->waiting++;
    pthread_mutex_unlock(&workers->lock);
    pthread_cond_signal(&workers->wake); /* a worker that runs at once finds the lock free */
    return true;
}
