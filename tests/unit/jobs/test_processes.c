/* Workers that are processes and die, and jobs in processes of their own. This program is also both of these: it starts
 * itself as `worker`, and, as a worker does, as `job`. */
#include "house.h"

#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

extern char **environ;

/* ---- kinds: each leaves its effect once, however often it is begun ---- */

enum { PIECES = 4, ATTEMPTS = 1000 };

struct told {
    int64_t n;
};
static const struct field told_fields[] = {
    FIELD(struct told, n, .flags = REQUIRED, .min = 0, .max = 100000, .doc = "A number."),
};
static const struct schema told_schema = SCHEMA("Told", struct told, told_fields);

struct effect {
    const char *kind;
    int64_t n, piece;
};

static bool insert_effect(struct call *c, void *context)
{
    const struct effect *e = context;
    return db_execute(c, "insert into traces(kind, n, piece) values (?, ?, ?)", V(str_from(e->kind)), V(e->n),
                      V(e->piece));
}

/* What a first run did is done. */
static bool insert_once(struct call *c, void *context)
{
    const struct effect *e = context;
    int64_t one;
    enum found found = db_find_integer(c, &one, "select 1 from traces where kind = ? and n = ? and piece = ?",
                                       V(str_from(e->kind)), V(e->n), V(e->piece));
    return found == FOUND || (found == NONE && insert_effect(c, context));
}

static bool with_its_end(struct call *c, struct job_run *run)
{
    struct effect e = { "with_its_end", ((const struct told *)job_payload(run))->n, 0 };
    return job_complete(c, run, insert_effect, &e);
}

/* In transactions of their own, one after the other; the job's row is locked, so that of two workers that both think
 * that they have it one sees what the other did. */
struct piece {
    struct effect effect;
    int64_t job_id;
};

static bool piece_work(struct call *c, void *context)
{
    const struct piece *p = context;
    return db_lock(c, "select id from jobs where id = ?", V(p->job_id)) && insert_once(c, (void *)&p->effect);
}

static bool in_pieces(struct call *c, struct job_run *run)
{
    int64_t n = ((const struct told *)job_payload(run))->n;
    for (int i = 0; i < PIECES; i++) {
        struct piece p = { { "in_pieces", n, i }, job_id(run) };
        if (!job_tell(run, i, PIECES, "pieces", STR_NULL) || !db_transact(c, piece_work, &p))
            return false;
    }
    return true;
}

static bool apart(struct call *c, struct job_run *run)
{
    struct effect e = { "apart", ((const struct told *)job_payload(run))->n, 0 };
    return job_complete(c, run, insert_effect, &e);
}

static bool fails_first(struct call *c, struct job_run *run)
{
    int64_t begun, n = ((const struct told *)job_payload(run))->n;
    struct effect e = { "fails_first", n, 0 };
    struct piece first = { { "begun", n, 0 }, job_id(run) };
    enum found found = db_find_integer(c, &begun, "select 1 from traces where kind = 'begun' and n = ?", V(n));
    db_release(c);
    if (found == NONE)
        return db_transact(c, piece_work, &first) && error_set(&c->error, E_UNAVAILABLE, "not yet");
    return found == FOUND && job_complete(c, run, insert_effect, &e);
}

static bool eat(struct call *c, struct job_run *run)
{
    enum { BITE = 1 << 20 };
    for (int i = 0; i < 1024; i++) {
        volatile char *bite = malloc(BITE);
        if (!bite)
            abort();
        for (int at = 0; at < BITE; at += 4096)
            bite[at] = 1;
    }
    (void)run;
    return error_set(&c->error, E_INVALID, "it ate all it wanted");
}

static bool hang(struct call *c, struct job_run *run)
{
    (void)c;
    (void)run;
    while (pause())
        continue;
    return true;
}

static bool die(struct call *c, struct job_run *run)
{
    (void)c;
    (void)run;
    raise(SIGKILL);
    return true;
}

static bool put_child(struct call *c, void *context);
static bool has_child(struct call *c, struct job_run *run)
{
    int64_t n = ((const struct told *)job_payload(run))->n;
    return job_complete(c, run, put_child, &n);
}

#define OF(NAME, FUNCTION, ...) \
    static const struct job_kind NAME = { \
        #FUNCTION,           &told_schema,         NULL,       FUNCTION, .attempts = ATTEMPTS, \
        .time_limit_s = 600, .doc = "For a test.", __VA_ARGS__ \
    }
OF(ends_kind, with_its_end, .concurrency = 0);
OF(pieces_kind, in_pieces, .concurrency = 0);
OF(apart_kind, apart, .memory_limit_bytes = INT64_C(256) << 20);
OF(fails_kind, fails_first, .concurrency = 0);
OF(child_kind, has_child, .concurrency = 0);
static const struct job_kind eat_kind = { "eat",
                                          &told_schema,
                                          NULL,
                                          eat,
                                          .attempts = 1,
                                          .time_limit_s = 600,
                                          .memory_limit_bytes = INT64_C(64) << 20,
                                          .doc = "Eats memory." };
static const struct job_kind hang_kind = { "hang",
                                           &told_schema,
                                           NULL,
                                           hang,
                                           .attempts = 1,
                                           .time_limit_s = 1,
                                           .memory_limit_bytes = INT64_C(256) << 20,
                                           .doc = "Never ends." };
static const struct job_kind die_kind = { "die",
                                          &told_schema,
                                          NULL,
                                          die,
                                          .attempts = 1,
                                          .time_limit_s = 600,
                                          .memory_limit_bytes = INT64_C(256) << 20,
                                          .doc = "Dies." };

static const struct job_kind *kinds[] = { &ends_kind,  &pieces_kind, &apart_kind, &fails_kind,
                                          &child_kind, &eat_kind,    &hang_kind,  &die_kind };
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* What came of it is a job of another kind. */
static bool put_child(struct call *c, void *context)
{
    struct told told = { *(const int64_t *)context + 50000 };
    return jobs_put(c, &(struct job_order){ .kind = &ends_kind, .payload = &told }, NULL);
}

/* ---- the other processes ---- */

static void open_again(struct call *c)
{
    struct error error = { 0 };
    struct db_options options = {
        .url = str_from(getenv("TEST_JOBS_URL")), .pool_size = 8, .cache_kib = 512, .busy_timeout_ms = 60000
    };
    memset(options.key.bytes, 7, sizeof(options.key.bytes));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!db_open(&options, &app.db, &error) ||
        !log_open(&(struct log_options){ .level = LOG_ERROR, .path = "/dev/null" }, &app.log, &error))
        _exit(9);
    call_init(c, &app, app.db);
    c->actor = &actor;
}

static int be_worker(void)
{
    struct call c;
    struct error error = { 0 };
    open_again(&c);
    if (!worker_open(&app, &(struct worker_options){ kinds, KINDS, 2, .program = "/proc/self/exe" }, &app.worker,
                     &error))
        return 9;
    for (;;)
        pause();
}

/* job --id N --worker NAME */
static int be_job(char **words)
{
    struct call c;
    struct value name;
    sigset_t stops;
    open_again(&c);
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stops, NULL);
    int64_t id = strtoll(words[3], NULL, 10);
    if (!db_value(&c, &name, "select kind from jobs where id = ?", V(id)))
        return 8;
    db_release(&c);
    for (int i = 0; i < KINDS; i++)
        if (str_equal(name.text, str_from(kinds[i]->name)))
            return worker_do_one(&app, kinds[i], id, str_from(words[5]), &stops, &c.error) ? 0 : 7;
    return 6;
}

static pid_t start_worker_process(void)
{
    pid_t pid;
    char *words[] = { "test", "worker", NULL };
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, words, environ), 0);
    return pid;
}

static void end_process(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- the tests ---- */

static struct call *begin_here(void **state)
{
    struct fixture *f = fixture_of(state);
    struct call *c = begin(f);
    ddl(f, f->sqlite ? "create table traces(kind text, n integer, piece integer)"
                     : "create table traces(kind varchar(40), n bigint, piece bigint) engine=InnoDB");
    setenv("TEST_JOBS_URL", f->url, 1);
    return c;
}

static int64_t count(struct call *c, const char *sql)
{
    int64_t n;
    db_release(c);
    sure(c, db_integer(c, &n, sql));
    return n;
}

/* As if its lease had run out: what it held may be taken at once, and nobody pauses. */
static bool forget_work(struct call *c, void *context)
{
    struct str held = arena_format(&c->arena, "%%/%d.%%", *(pid_t *)context);
    return db_execute(c, "update jobs set due_at = 1 where state = 'RUNNING' and worker like ?", V(held)) &&
           db_execute(c, "update jobs set due_at = 1 where state = 'QUEUED' and due_at is not null");
}

static void workers_that_are_killed_lose_and_double_nothing(void **state)
{
    enum { JOBS = 500, KILLS = 50, WORKERS = 3 };
    struct call *c = begin_here(state);
    pid_t workers[WORKERS];
    unsigned dice = 20261127;
    for (int i = 0; i < JOBS; i++)
        put(c, (struct job_order){ .kind = kinds[i % 5], .payload = &(struct told){ i } });
    for (int i = 0; i < WORKERS; i++)
        workers[i] = start_worker_process();
    int64_t left;
    for (int kills = 0; (left = count(c, "select count(*) from jobs where state in ('QUEUED', 'RUNNING')")) > 0;) {
        static pid_t nobody = 0;
        int64_t aim = (int64_t)JOBS * (KILLS - kills) / KILLS; /* so that they are spread over the work */
        if (kills == KILLS || left > aim) {
            sure(c, db_transact(c, forget_work, &nobody));
            sched_yield();
            continue;
        }
        dice = dice * 1103515245U + 12345U;
        pid_t *victim = &workers[(dice >> 16) % WORKERS];
        end_process(*victim);
        sure(c, db_transact(c, forget_work, victim));
        *victim = start_worker_process();
        kills++;
    }
    for (int i = 0; i < WORKERS; i++)
        end_process(workers[i]);
    assert_int_equal(count(c, "select count(*) from jobs where state = 'SUCCEEDED'"), JOBS + JOBS / 5);
    assert_int_equal(count(c, "select count(*) from traces where kind not in ('in_pieces', 'begun')"), JOBS * 4 / 5);
    assert_int_equal(count(c, "select count(*) from traces where kind = 'in_pieces'"), JOBS / 5 * PIECES);
    assert_int_equal(count(c, "select count(*) from (select distinct kind, n, piece from traces) t"),
                     count(c, "select count(*) from traces"));
    end();
}

static struct str words_of_end(struct call *c, const struct job_kind *kind)
{
    int64_t id = put(c, (struct job_order){ .kind = kind, .payload = &(struct told){ 1 } });
    while (job_of(c, id).state != JOB_FAILED)
        sched_yield();
    struct job job = job_of(c, id);
    assert_int_equal(job.attempt, 1);
    return job.error;
}

static void limits_end_a_process_whatever_it_does(void **state)
{
    struct call *c = begin_here(state);
    struct error error = { 0 };
    assert_true(worker_open(&app, &(struct worker_options){ kinds, KINDS, 2, .program = "/proc/self/exe" }, &app.worker,
                            &error));
    assert_non_null(strstr(words_of_end(c, &die_kind).at, "signal"));
    assert_non_null(strstr(words_of_end(c, &hang_kind).at, "took longer"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    struct str words = words_of_end(c, &eat_kind);
    assert_non_null(strstr(words.at, "signal 6"));
    assert_non_null(strstr(words.at, "64 MiB"));
#endif
    int64_t id = put(c, (struct job_order){ .kind = &apart_kind, .payload = &(struct told){ 7 } });
    while (job_of(c, id).state != JOB_SUCCEEDED)
        sched_yield();
    struct worker_counts counts;
    do
        worker_count(app.worker, &apart_kind, &counts);
    while (!counts.succeeded);
    worker_count(app.worker, &die_kind, &counts);
    assert_int_equal(counts.failed, 1);
    end();
}

static void a_worker_that_closes_ends_the_process(void **state)
{
    struct call *c = begin_here(state);
    struct error error = { 0 };
    static const struct job_kind patient_kind = { "hang",
                                                  &told_schema,
                                                  NULL,
                                                  hang,
                                                  .attempts = 1,
                                                  .time_limit_s = 600,
                                                  .memory_limit_bytes = INT64_C(256) << 20,
                                                  .doc = "Never ends." };
    static const struct job_kind *only[] = { &patient_kind };
    assert_true(
        worker_open(&app, &(struct worker_options){ only, 1, 1, .program = "/proc/self/exe" }, &app.worker, &error));
    int64_t id = put(c, (struct job_order){ .kind = &patient_kind, .payload = &(struct told){ 1 } });
    while (job_of(c, id).state != JOB_RUNNING)
        sched_yield();
    worker_close(app.worker);
    worker_free(app.worker);
    app.worker = NULL;
    struct job job = job_of(c, id);
    assert_int_equal(job.state, JOB_QUEUED);
    assert_int_equal(job.attempt, 0);
    end();
}

static bool cancel_it(struct call *c, void *id)
{
    return jobs_cancel(c, *(const int64_t *)id);
}

/* As of a backup whose disk does not answer any more: it never looks whether somebody wants it to end. */
static void cancelling_ends_a_process_that_does_not_listen(void **state)
{
    struct call *c = begin_here(state);
    struct error error = { 0 };
    static const struct job_kind deaf_kind = { "hang",
                                               &told_schema,
                                               NULL,
                                               hang,
                                               .attempts = 3,
                                               .time_limit_s = 600,
                                               .memory_limit_bytes = INT64_C(256) << 20,
                                               .doc = "Never ends." };
    static const struct job_kind *only[] = { &deaf_kind };
    assert_true(
        worker_open(&app, &(struct worker_options){ only, 1, 1, .program = "/proc/self/exe" }, &app.worker, &error));
    int64_t id = put(c, (struct job_order){ .kind = &deaf_kind, .payload = &(struct told){ 1 } });
    while (job_of(c, id).state != JOB_RUNNING)
        sched_yield();
    assert_true(db_transact(c, cancel_it, &id));
    while (job_of(c, id).state == JOB_RUNNING)
        sched_yield();
    struct job job = job_of(c, id);
    assert_int_equal(job.state, JOB_CANCELLED);
    assert_int_equal(job.attempt, 1);
    end();
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "worker"))
        _exit(be_worker());
    if (argc == 6 && !strcmp(argv[1], "job"))
        _exit(be_job(argv));
    const struct CMUnitTest tests[] = {
        ON_BOTH(workers_that_are_killed_lose_and_double_nothing),
        ON_BOTH(limits_end_a_process_whatever_it_does),
        ON_BOTH(a_worker_that_closes_ends_the_process),
        ON_BOTH(cancelling_ends_a_process_that_does_not_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
