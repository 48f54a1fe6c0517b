/* The queue and the worker, on both databases: nothing is done by nobody, nothing twice. */
#include "house.h"

#include <stdatomic.h>
#include <stdlib.h>

#define WORKER S("here/1/a")
#define OTHER S("there/2/b")

/* ---- kinds ---- */

struct told {
    int64_t n;
};
static const struct field told_fields[] = {
    FIELD(struct told, n, .flags = REQUIRED, .min = 0, .max = 1000, .doc = "A number."),
};
static const struct schema told_schema = SCHEMA("Told", struct told, told_fields);

static bool insert_effect(struct call *c, void *context)
{
    return db_execute(c, "insert into effects(n) values (?)", V(*(int64_t *)context));
}

/* What it does once goes with its end. */
static bool make_effect(struct call *c, struct job_run *run)
{
    int64_t n = ((const struct told *)job_payload(run))->n;
    ((struct told *)job_result(run))->n = 2 * n;
    return job_complete(c, run, insert_effect, &n);
}
static const struct job_kind effect_kind = {
    "effect.make", &told_schema, &told_schema, make_effect, .attempts = 3, .time_limit_s = 60, .doc = "Makes an effect."
};

static _Atomic int runs;
static _Atomic bool running;

static bool go_on_for_ever(struct call *c, struct job_run *run)
{
    (void)c;
    atomic_fetch_add(&runs, 1);
    for (int64_t i = 1; job_tell(run, i, 0, "rounds", S("at it")); i++) {
        atomic_store(&running, true);
        sched_yield();
    }
    return false;
}
static const struct job_kind endless_kind = {
    "endless.run", NULL, NULL, go_on_for_ever, .attempts = 2, .time_limit_s = 60, .doc = "Never ends by itself."
};

static bool fail_as_told(struct call *c, struct job_run *run)
{
    atomic_fetch_add(&runs, 1);
    return error_set(&c->error, (enum error_code)((const struct told *)job_payload(run))->n, "it does not work");
}
static const struct job_kind failing_kind = { "failing.run", &told_schema,       NULL,           fail_as_told,
                                              .attempts = 2, .time_limit_s = 60, .doc = "Fails." };

static const struct job_kind fleeting_kind = { "fleeting.run",      &told_schema,           &told_schema,
                                               make_effect,         .attempts = 3,          .time_limit_s = 60,
                                               .is_fleeting = true, .doc = "Leaves no row." };
static const struct job_kind long_kind = {
    "long.run", NULL, NULL, go_on_for_ever, .attempts = 1, .time_limit_s = 60, .is_long = true, .doc = "Takes hours."
};

static const struct job_kind asking_kind = { "asking.run",
                                             NULL,
                                             NULL,
                                             go_on_for_ever,
                                             .attempts = 1,
                                             .time_limit_s = 60,
                                             .is_waiting = true,
                                             .doc = "Waits for others." };
static const struct job_kind other_asking_kind = { "asking.other",
                                                   NULL,
                                                   NULL,
                                                   go_on_for_ever,
                                                   .attempts = 1,
                                                   .time_limit_s = 60,
                                                   .is_waiting = true,
                                                   .doc = "Waits for others, too." };

/* Shorter than from one renewal to the next: ended before that, it was told otherwise. */
static bool rest_a_while(struct call *c, struct job_run *run)
{
    (void)c;
    atomic_store(&running, true);
    return job_rest(run, 9000000);
}
static const struct job_kind rest_kind = { "rest.run",         NULL,           NULL, rest_a_while, .attempts = 1,
                                           .time_limit_s = 60, .doc = "Rests." };

static _Atomic bool ending_now, asked_now;

static bool wait_at_the_end(struct call *c, void *unused)
{
    (void)c;
    (void)unused;
    atomic_store(&ending_now, true);
    while (!atomic_load(&asked_now))
        sched_yield();
    for (int i = 0; i < 1000; i++) /* who asks gets as far as it can */
        sched_yield();
    return true;
}

static bool end_slowly(struct call *c, struct job_run *run)
{
    return job_complete(c, run, wait_at_the_end, NULL);
}
static const struct job_kind slow_end_kind = {
    "slow.end", NULL, NULL, end_slowly, .attempts = 1, .time_limit_s = 60, .doc = "Is long in ending."
};

static const struct job_kind *kinds[] = { &effect_kind,   &endless_kind, &failing_kind, &fleeting_kind,    &long_kind,
                                          &slow_end_kind, &rest_kind,    &asking_kind,  &other_asking_kind };
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static struct call *begin_quiet(void **state)
{
    atomic_store(&runs, 0);
    atomic_store(&running, false);
    return begin(fixture_of(state));
}

static int64_t put_effect(struct call *c, int64_t n, struct str key)
{
    return put(c, (struct job_order){ .kind = &effect_kind, .payload = &(struct told){ n }, .unique_key = key });
}

struct taking {
    struct str worker;
    struct job job;
    enum found found;
};

static bool take_work(struct call *c, void *context)
{
    struct taking *taking = context;
    taking->found = queue_take(c, (const struct job_kind *const *)kinds, KINDS, taking->worker, &taking->job);
    return taking->found != FAILED;
}

/* Its id; 0: there was nothing to take. */
static int64_t take(struct call *c, struct str worker)
{
    struct taking taking = { .worker = worker };
    sure(c, db_transact(c, take_work, &taking));
    return taking.found == FOUND ? taking.job.id : 0;
}

static bool turn_work(struct call *c, void *context)
{
    return queue_turn_due(c, context);
}

static void turn_due(struct call *c)
{
    bool more;
    sure(c, db_transact(c, turn_work, &more));
    assert_false(more);
}

static bool cancel_work(struct call *c, void *context)
{
    return jobs_cancel(c, *(int64_t *)context);
}

static bool retry_work(struct call *c, void *context)
{
    return jobs_retry(c, *(int64_t *)context);
}

struct ending {
    struct str worker;
    struct job_end end;
};

static bool end_work(struct call *c, void *context)
{
    const struct ending *ending = context;
    return queue_end(c, ending->worker, &ending->end);
}

static bool end_job(struct call *c, struct str worker, struct job_end job_end)
{
    error_clear(&c->error);
    return db_transact(c, end_work, &(struct ending){ worker, job_end });
}

static void start_worker(struct call *c, int threads)
{
    sure(c, worker_open(&app, &(struct worker_options){ kinds, KINDS, threads }, &app.worker, &c->error));
}

static void wait_for_state(struct call *c, int64_t id, enum job_state state)
{
    while (job_of(c, id).state != state)
        sched_yield();
}

/* ---- the queue ---- */

static void asking_twice_is_one_job(void **state)
{
    struct call *c = begin_quiet(state);
    int64_t first = put_effect(c, 1, S("key"));
    assert_int_equal(put_effect(c, 2, S("key")), first);
    assert_int_not_equal(put_effect(c, 1, STR_NULL), put_effect(c, 1, STR_NULL));
    assert_int_equal(take(c, WORKER), first);
    assert_int_equal(put_effect(c, 2, S("key")), first); /* also while it runs */
    sure(c, end_job(c, WORKER, (struct job_end){ .id = first, .state = JOB_SUCCEEDED }));
    assert_int_not_equal(put_effect(c, 2, S("key")), first);
    end();
}

static void urgent_ones_come_first_and_of_those_the_oldest(void **state)
{
    struct call *c = begin_quiet(state);
    static const unsigned priorities[] = { 0, JOB_LOW, JOB_STAT, JOB_HIGH, JOB_STAT };
    static const int order[] = { 2, 4, 3, 0, 1 };
    int64_t ids[5];
    for (int i = 0; i < 5; i++)
        ids[i] = put(c, (struct job_order){ .kind = i % 2 ? &endless_kind : &effect_kind,
                                            .payload = &(struct told){ i },
                                            .priority = priorities[i] });
    for (int i = 0; i < 5; i++)
        assert_int_equal(take(c, WORKER), ids[order[i]]);
    assert_int_equal(take(c, WORKER), 0);
    end();
}

static void one_that_waits_for_its_moment_has_no_turn(void **state)
{
    struct call *c = begin_quiet(state);
    struct instant later = { clock_now().us + 3600000000 };
    int64_t id =
        put(c, (struct job_order){ .kind = &effect_kind, .payload = &(struct told){ 1 }, .not_before = later });
    assert_int_equal(job_of(c, id).due_at.us, later.us);
    turn_due(c);
    assert_int_equal(take(c, WORKER), 0);
    assert_int_equal(queue_is_due(c), NONE);
    change(c, "update jobs set due_at = ?", 1);
    assert_int_equal(queue_is_due(c), FOUND);
    turn_due(c);
    assert_int_equal(take(c, WORKER), id);
    end();
}

static void a_worker_that_is_silent_loses_its_job(void **state)
{
    struct call *c = begin_quiet(state);
    int64_t id = put_effect(c, 1, STR_NULL);
    take(c, WORKER);
    turn_due(c);
    assert_int_equal(job_of(c, id).state, JOB_RUNNING); /* it still has its lease */
    change(c, "update jobs set due_at = ?", 1);
    turn_due(c);
    struct job job = job_of(c, id);
    assert_int_equal(job.state, JOB_QUEUED);
    assert_non_null(strstr(job.error.at, "silent"));
    assert_true(job.due_at.us > clock_now().us); /* after a pause */
    change(c, "update jobs set due_at = ?", 1);
    turn_due(c);
    assert_int_equal(take(c, OTHER), id);
    assert_false(end_job(c, WORKER, (struct job_end){ .id = id, .state = JOB_SUCCEEDED }));
    assert_int_equal(c->error.code, E_CONFLICT);
    error_clear(&c->error);
    sure(c, end_job(c, OTHER, (struct job_end){ .id = id, .state = JOB_SUCCEEDED }));
    assert_int_equal(job_of(c, id).attempt, 2);
    end();
}

static void the_last_attempt_is_the_last(void **state)
{
    struct call *c = begin_quiet(state);
    int64_t id = put(c, (struct job_order){ .kind = &failing_kind, .payload = &(struct told){ 1 } });
    for (int attempt = 1; attempt <= failing_kind.attempts; attempt++) {
        assert_int_equal(take(c, WORKER), id);
        sure(c, end_job(c, WORKER, (struct job_end){ .id = id, .state = JOB_FAILED, .pause = true, .error = S("no") }));
        assert_int_equal(job_of(c, id).state, attempt < failing_kind.attempts ? JOB_QUEUED : JOB_FAILED);
        change(c, "update jobs set due_at = ? where due_at is not null", 1);
        turn_due(c);
    }
    assert_int_equal(take(c, WORKER), 0);
    sure(c, db_transact(c, retry_work, &id));
    assert_int_equal(take(c, WORKER), id);
    assert_int_equal(job_of(c, id).attempt, 1);
    assert_false(db_transact(c, retry_work, &id));
    assert_int_equal(c->error.code, E_CONFLICT);
    end();
}

static void cancelling_ends_what_waits(void **state)
{
    struct call *c = begin_quiet(state);
    int64_t id = put_effect(c, 1, S("key")), none = 12345;
    sure(c, db_transact(c, cancel_work, &id));
    assert_int_equal(job_of(c, id).state, JOB_CANCELLED);
    assert_int_equal(take(c, WORKER), 0);
    assert_false(db_transact(c, cancel_work, &id));
    assert_int_equal(c->error.code, E_CONFLICT);
    error_clear(&c->error);
    assert_false(db_transact(c, cancel_work, &none));
    assert_int_equal(c->error.code, E_NOT_FOUND);
    error_clear(&c->error);
    int64_t other = put_effect(c, 1, S("key"));
    assert_int_not_equal(other, id);
    assert_false(db_transact(c, retry_work, &id)); /* another has its key */
    assert_int_equal(c->error.code, E_CONFLICT);
    end();
}

/* ---- the worker ---- */

static void every_effect_is_made_once(void **state)
{
    enum { JOBS = 100 };
    struct call *c = begin_quiet(state);
    int64_t ids[JOBS], effects;
    struct worker *second;
    start_worker(c, 3);
    sure(c, worker_open(&app, &(struct worker_options){ kinds, KINDS, 3 }, &second, &c->error));
    for (int i = 0; i < JOBS; i++)
        ids[i] = put_effect(c, i, STR_NULL);
    worker_wake(second);
    for (int i = 0; i < JOBS; i++)
        wait_for_state(c, ids[i], JOB_SUCCEEDED);
    sure(c, db_integer(c, &effects, "select count(*) from effects"));
    assert_int_equal(effects, JOBS);
    struct job job = job_of(c, ids[7]);
    assert_string_equal(arena_cstring(&c->arena, job.result.text), "{\"n\":14}");
    assert_int_equal(job.attempt, 1);
    worker_close(second);
    worker_free(second);
    end();
}

static void what_may_pass_is_tried_again_and_what_may_not_is_final(void **state)
{
    struct call *c = begin_quiet(state);
    start_worker(c, 2);
    int64_t passing = put(c, (struct job_order){ .kind = &failing_kind, .payload = &(struct told){ E_UNAVAILABLE } });
    int64_t final = put(c, (struct job_order){ .kind = &failing_kind, .payload = &(struct told){ E_CONFLICT } });
    wait_for_state(c, final, JOB_FAILED);
    while (atomic_load(&runs) < 2 || job_of(c, passing).state == JOB_RUNNING)
        sched_yield();
    assert_int_equal(job_of(c, passing).state, JOB_QUEUED);
    assert_non_null(strstr(job_of(c, final).error.at, "does not work"));
    end();
}

static void a_payload_that_its_schema_refuses_fails(void **state)
{
    struct call *c = begin_quiet(state);
    int64_t id = put_effect(c, 1, STR_NULL);
    change(c, "update jobs set payload = '{\"n\": -1, \"x\": 2}' where id = ?", id);
    start_worker(c, 1);
    wait_for_state(c, id, JOB_FAILED);
    assert_int_equal(job_of(c, id).attempt, 1);
    end();
}

static void one_that_runs_is_told_to_stop(void **state)
{
    struct call *c = begin_quiet(state);
    start_worker(c, 1);
    int64_t id = put(c, (struct job_order){ .kind = &endless_kind });
    while (!atomic_load(&running))
        sched_yield();
    sure(c, db_transact(c, cancel_work, &id));
    wait_for_state(c, id, JOB_CANCELLED);
    assert_true(job_of(c, id).progress_done > 0);
    assert_int_equal(atomic_load(&runs), 1);
    end();
}

static void rest_and_cancel(void **state, bool elsewhere)
{
    struct call *c = begin_quiet(state);
    start_worker(c, 1);
    struct worker *worker = app.worker;
    int64_t id = put(c, (struct job_order){ .kind = &rest_kind });
    while (!atomic_load(&running))
        sched_yield();
    app.worker = elsewhere ? NULL : worker; /* nobody here is told */
    sure(c, db_transact(c, cancel_work, &id));
    app.worker = worker;
    while (job_of(c, id).state == JOB_RUNNING)
        sched_yield();
    assert_int_equal(job_of(c, id).state, JOB_CANCELLED);
    end();
}

static void one_that_tells_nothing_is_told_at_once(void **state)
{
    rest_and_cancel(state, false);
}

static void one_that_is_cancelled_elsewhere_is_told_soon(void **state)
{
    rest_and_cancel(state, true);
}

static void a_worker_that_closes_gives_back_what_it_has(void **state)
{
    struct call *c = begin_quiet(state);
    start_worker(c, 1);
    int64_t id = put(c, (struct job_order){ .kind = &endless_kind });
    while (!atomic_load(&running))
        sched_yield();
    worker_close(app.worker);
    worker_free(app.worker);
    app.worker = NULL;
    struct job job = job_of(c, id);
    assert_int_equal(job.state, JOB_QUEUED);
    assert_int_equal(job.attempt, 0); /* it was not its fault */
    turn_due(c);
    assert_int_equal(take(c, OTHER), id);
    end();
}

static void one_that_is_asked_for_while_it_ends_comes_again(void **state)
{
    struct call *c = begin_quiet(state);
    atomic_store(&ending_now, false);
    atomic_store(&asked_now, false);
    start_worker(c, 1);
    int64_t first = put(c, (struct job_order){ .kind = &slow_end_kind, .unique_key = S("all") });
    while (!atomic_load(&ending_now))
        sched_yield();
    atomic_store(&asked_now, true);
    assert_int_not_equal(put(c, (struct job_order){ .kind = &slow_end_kind, .unique_key = S("all") }), first);
    wait_for_state(c, first, JOB_SUCCEEDED);
    end();
}

static void a_fleeting_one_leaves_no_row(void **state)
{
    struct call *c = begin_quiet(state);
    int64_t left = 1, effects;
    put(c, (struct job_order){ .kind = &fleeting_kind, .payload = &(struct told){ 3 } });
    start_worker(c, 1);
    while (left) {
        db_release(c);
        sure(c, db_integer(c, &left, "select count(*) from jobs"));
    }
    sure(c, db_integer(c, &effects, "select count(*) from effects"));
    assert_int_equal(effects, 1);
    end();
}

static void what_takes_hours_leaves_a_thread(void **state)
{
    struct call *c = begin_quiet(state);
    int64_t running_now, first = put(c, (struct job_order){ .kind = &long_kind });
    put(c, (struct job_order){ .kind = &long_kind });
    start_worker(c, 2);
    wait_for_state(c, put_effect(c, 1, STR_NULL), JOB_SUCCEEDED);
    wait_for_state(c, first, JOB_RUNNING);
    wait_for_state(c, put_effect(c, 2, STR_NULL), JOB_SUCCEEDED);
    sure(c, db_integer(c, &running_now, "select count(*) from jobs where state = 'RUNNING'"));
    assert_int_equal(running_now, 1);
    end();
}

static void what_waits_for_others_leaves_half_of_the_threads(void **state)
{
    struct call *c = begin_quiet(state);
    int64_t running_now, first = put(c, (struct job_order){ .kind = &asking_kind });
    int64_t second = put(c, (struct job_order){ .kind = &other_asking_kind });
    for (int i = 0; i < 4; i++)
        put(c, (struct job_order){ .kind = i % 2 ? &asking_kind : &other_asking_kind });
    start_worker(c, 4);
    wait_for_state(c, put_effect(c, 1, STR_NULL), JOB_SUCCEEDED);
    wait_for_state(c, first, JOB_RUNNING);
    wait_for_state(c, second, JOB_RUNNING);
    wait_for_state(c, put_effect(c, 2, STR_NULL), JOB_SUCCEEDED);
    sure(c, db_integer(c, &running_now, "select count(*) from jobs where state = 'RUNNING'"));
    assert_int_equal(running_now, 2);
    end();
}

static bool end_dead_work(struct call *c, void *unused)
{
    (void)unused;
    return queue_end_dead(c);
}

/* Of our name all but the moment of our start: a process that had our number before us. */
static void what_a_killed_worker_had_is_in_turn_at_once(void **state)
{
    struct call *c = begin_quiet(state);
    char own[WORKER_NAME_BYTES];
    queue_name_worker(own);
    struct str before = arena_format(&c->arena, "%.*s.1/x", (int)(strrchr(own, '.') - own), own);
    int64_t dead = put_effect(c, 1, STR_NULL), ours = put_effect(c, 2, STR_NULL), theirs = put_effect(c, 3, STR_NULL);
    assert_int_equal(take(c, before), dead);
    assert_int_equal(take(c, str_from(own)), ours);
    assert_int_equal(take(c, OTHER), theirs);
    sure(c, db_transact(c, end_dead_work, NULL));
    turn_due(c);
    assert_int_equal(take(c, str_from(own)), dead);
    assert_int_equal(take(c, str_from(own)), 0);
    assert_int_equal(job_of(c, dead).attempt, 2);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(asking_twice_is_one_job),
        ON_BOTH(urgent_ones_come_first_and_of_those_the_oldest),
        ON_BOTH(one_that_waits_for_its_moment_has_no_turn),
        ON_BOTH(a_worker_that_is_silent_loses_its_job),
        ON_BOTH(the_last_attempt_is_the_last),
        ON_BOTH(cancelling_ends_what_waits),
        ON_BOTH(every_effect_is_made_once),
        ON_BOTH(what_may_pass_is_tried_again_and_what_may_not_is_final),
        ON_BOTH(a_payload_that_its_schema_refuses_fails),
        ON_BOTH(one_that_runs_is_told_to_stop),
        ON_BOTH(one_that_tells_nothing_is_told_at_once),
        ON_BOTH(one_that_is_cancelled_elsewhere_is_told_soon),
        ON_BOTH(a_worker_that_closes_gives_back_what_it_has),
        ON_BOTH(one_that_is_asked_for_while_it_ends_comes_again),
        ON_BOTH(a_fleeting_one_leaves_no_row),
        ON_BOTH(what_takes_hours_leaves_a_thread),
        ON_BOTH(what_waits_for_others_leaves_half_of_the_threads),
        ON_BOTH(what_a_killed_worker_had_is_in_turn_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
