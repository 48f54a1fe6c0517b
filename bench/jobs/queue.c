/* queue.c - the queue by itself, with a kind that does nothing: what a job costs beside its work.
 *
 *     bench_jobs URL done COUNT THREADS     puts so many, then lets a worker do them: jobs/s
 *     bench_jobs URL start COUNT            puts one at a time into an idle queue: from before the put to the start, us
 *     bench_jobs URL behind COUNT WAITING   the first COUNT of so many more that wait: jobs/s
 *
 * URL names an empty database, or for `behind` one that it has left. Every put, taking and end is durable. Prints one
 * line of JSON.
 */
#include "jobs/queue.h"
#include "jobs/worker.h"
#include "site/actor.h"
#include "site/app.h"
#include "site/migrations.h"
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static struct app app;
static _Atomic int64_t done, started_us;

static bool nothing(struct call *c, struct job_run *run)
{
    (void)c;
    (void)run;
    atomic_store(&started_us, clock_monotonic_us());
    atomic_fetch_add(&done, 1);
    return true;
}
static const struct job_kind kind = { "bench.nothing",       NULL, NULL, nothing, .attempts = 1, .time_limit_s = 60,
                                      .doc = "Does nothing." };
static const struct job_kind *kinds[] = { &kind };

static void must(const struct call *c, bool ok)
{
    if (ok)
        return;
    fprintf(stderr, "bench_jobs: %s\n", c->error.message);
    exit(1);
}

struct putting {
    int64_t count;
    unsigned priority;
};

static bool put_some(struct call *c, void *context)
{
    const struct putting *p = context;
    for (int64_t i = 0; i < p->count; i++)
        if (!jobs_put(c, &(struct job_order){ .kind = &kind, .priority = p->priority }, NULL))
            return false;
    return true;
}

static void put(struct call *c, int64_t count, unsigned priority)
{
    enum { AT_ONCE = 500 };
    for (int64_t left = count; left > 0; left -= AT_ONCE) {
        must(c, db_transact(c, put_some, &(struct putting){ left < AT_ONCE ? left : AT_ONCE, priority }));
        db_release(c);
        call_reset(c);
    }
}

static void start_worker(struct call *c, int threads)
{
    must(c, worker_open(&app, &(struct worker_options){ .kinds = kinds, .kind_count = 1, .threads = threads },
                        &app.worker, &c->error));
}

static void wait_for(int64_t count)
{
    static const struct timespec moment = { .tv_nsec = 1000000 };
    while (atomic_load(&done) < count)
        nanosleep(&moment, NULL);
}

static int64_t count_ended(struct call *c)
{
    int64_t ended = 0;
    must(c, db_integer(c, &ended, "select count(*) from jobs where state = 'SUCCEEDED'"));
    db_release(c);
    return ended;
}

/* Until the rows say it, too. */
static void wait_for_rows(struct call *c, int64_t count)
{
    static const struct timespec moment = { .tv_nsec = 1000000 };
    while (count_ended(c) < count)
        nanosleep(&moment, NULL);
}

static double rate(struct call *c, int64_t count, int threads)
{
    int64_t before = count_ended(c), from_us = clock_monotonic_us();
    start_worker(c, threads);
    wait_for(count);
    wait_for_rows(c, before + count);
    return (double)count * 1e6 / (double)(clock_monotonic_us() - from_us);
}

static int by_size(const void *a, const void *b)
{
    return (*(const int64_t *)a > *(const int64_t *)b) - (*(const int64_t *)a < *(const int64_t *)b);
}

static void starts(struct call *c, int64_t count)
{
    int64_t *us = calloc((size_t)count, sizeof(*us));
    start_worker(c, 2);
    for (int64_t i = 0; i < count; i++) {
        int64_t from_us = clock_monotonic_us();
        put(c, 1, 0);
        wait_for(i + 1);
        us[i] = atomic_load(&started_us) - from_us;
        wait_for_rows(c, i + 1);
    }
    qsort(us, (size_t)count, sizeof(*us), by_size);
    printf("{\"p50_us\": %" PRId64 ", \"p99_us\": %" PRId64 "}\n", us[count / 2], us[count * 99 / 100]);
    free(us);
}

int main(int argc, char **argv)
{
    struct error error = { 0 };
    struct call c;
    struct actor actor = ACTOR_OF_TASK("bench");
    if (argc < 4) {
        fprintf(stderr, "usage: bench_jobs URL done|start|behind COUNT [THREADS|WAITING]\n");
        return 2;
    }
    struct db_options options = {
        .url = str_from(argv[1]), .pool_size = 16, .cache_kib = 65536, .busy_timeout_ms = 60000
    };
    int64_t count = strtoll(argv[3], NULL, 10), more = argc > 4 ? strtoll(argv[4], NULL, 10) : 0;
    if (!db_open(&options, &app.db, &error) ||
        !log_open(&(struct log_options){ .level = LOG_ERROR, .path = "/dev/null" }, &app.log, &error)) {
        fprintf(stderr, "bench_jobs: %s\n", error.message);
        return 1;
    }
    call_init(&c, &app, app.db);
    c.actor = &actor;
    must(&c, migrate_to(&c, &roentgen_migrations, roentgen_migrations.count, NULL, NULL));
    db_release(&c);
    if (!strcmp(argv[2], "done")) {
        put(&c, count, 0);
        printf("{\"jobs_per_s\": %.0f}\n", rate(&c, count, more ? (int)more : 2));
    } else if (!strcmp(argv[2], "behind")) {
        put(&c, more, JOB_LOW);
        put(&c, count, 0);
        printf("{\"jobs_per_s\": %.0f}\n", rate(&c, count, 1));
    } else {
        starts(&c, count);
    }
    _exit(fflush(stdout) ? 1 : 0); /* without doing the rest of what waits */
}
