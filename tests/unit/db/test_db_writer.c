/* test_db_writer.c - transactions of many at once: what they share, and that one's failure is its own. */
#include "fixture.h"

#include <pthread.h>
#include <semaphore.h>

enum { THREADS = 16, ROUNDS = 30, LATER = 100 };

static void make_tables(struct fixture *f)
{
    ddl(f,
        f->sqlite
            ? "create table t_counts(id integer primary key, n integer not null, body text);"
            : "create table t_counts(id bigint not null primary key, n bigint not null, body longtext) engine=InnoDB;");
}

static int64_t integer(struct fixture *f, const char *sql)
{
    int64_t n = -1;
    must(f, db_integer(&f->call, &n, sql));
    return n;
}

static void pause_ms(int ms)
{
    struct timespec pause = { .tv_nsec = ms * 1000000L };
    nanosleep(&pause, NULL);
}

static void wait_waiting(struct fixture *f, int64_t wanted)
{
    struct db_stats stats = { 0 };
    for (int i = 0; i < 100000 && stats.writer_waiting < wanted; i++) {
        pause_ms(1);
        f->db->driver->count(f->db, &stats.connections_open, &stats.connections_busy, &stats.writer_waiting);
    }
    assert_true(stats.writer_waiting >= wanted);
}

static bool run_sql(struct call *c, void *context)
{
    return db_execute(c, (const char *)context);
}

/* ---- counters ---- */

static bool increment(struct call *c, void *context)
{
    (void)context;
    int64_t n;
    return db_integer(c, &n, "select n from t_counts where id = 1 for update") &&
           db_execute(c, "update t_counts set n = ? where id = 1", V(n + 1));
}

static bool increment_sqlite(struct call *c, void *context)
{
    (void)context;
    int64_t n;
    return db_integer(c, &n, "select n from t_counts where id = 1") &&
           db_execute(c, "update t_counts set n = ? where id = 1", V(n + 1));
}

static void *count_up(void *context)
{
    struct db *db = context;
    struct call c;
    intptr_t failures = 0;
    call_init(&c, NULL, db);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t n;
        if (!db_integer(&c, &n, "select n from t_counts where id = 1")) {
            print_error("no row %d\n", i);
            failures++;
        }
        failures += !db_transact(&c, db_is_local(db) ? increment_sqlite : increment, NULL);
        if (c.error.code)
            print_error("%s\n", c.error.message);
        db_release(&c);
        call_reset(&c);
    }
    call_release(&c);
    return (void *)failures;
}

static void counters_of_many_threads(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    must(f, db_transact(&f->call, run_sql, "insert into t_counts(id, n) values (1, 0)"));
    struct db_stats before, after;
    db_stats(f->db, &before);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, f->db), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failures;
        pthread_join(threads[i], &failures);
        assert_null(failures);
    }
    db_stats(f->db, &after);
    assert_int_equal(integer(f, "select n from t_counts where id = 1"), THREADS * ROUNDS);
    assert_int_equal(after.transactions - before.transactions, THREADS * ROUNDS);
    if (f->sqlite)
        assert_true(after.commits - before.commits < THREADS * ROUNDS);
    db_release(&f->call);
    db_stats(f->db, &after);
    assert_true(after.connections_busy <= 1); /* the writer may still be tidying up */
    assert_int_equal(after.writer_waiting, 0);
}

/* ---- groups: the writer is held while others queue ---- */

struct piece {
    struct call call;
    int number;
    int runs;
    const char *sql; /* instead of inserting the number */
    bool ok, fails, finished;
    sem_t *done;
};

static bool insert_number(struct call *c, void *context)
{
    struct piece *piece = context;
    piece->runs++;
    if (piece->sql)
        return db_execute(c, piece->sql);
    return db_execute(c, "insert into t_counts(id, n) values (?, ?)", V(piece->number), V(piece->number)) &&
           !piece->fails;
}

static void note_done(struct call *c, bool ok, void *context)
{
    (void)c;
    struct piece *piece = context;
    piece->ok = ok;
    piece->finished = true;
    sem_post(piece->done);
}

enum { GATE_ID = 1000000 };
struct gate {
    sem_t entered, open;
    bool fails; /* after it has written a row */
};

static bool wait_at_gate(struct call *c, void *context)
{
    struct gate *gate = context;
    sem_post(&gate->entered);
    sem_wait(&gate->open);
    sem_post(&gate->open); /* stays open, should it run again */
    if (gate->fails)
        db_execute(c, "insert into t_counts(id, n) values (?, 0)", V(GATE_ID));
    return !gate->fails;
}

static void forget(struct call *c, bool ok, void *context)
{
    (void)c, (void)ok, (void)context;
}

/* Queues the pieces behind a closed gate, opens it, and waits for all. */
static void run_behind(struct fixture *f, bool gate_fails, struct piece *pieces, int count)
{
    struct gate gate = { .fails = gate_fails };
    struct call gate_call;
    sem_t done;
    sem_init(&gate.entered, 0, 0);
    sem_init(&gate.open, 0, 0);
    sem_init(&done, 0, 0);
    call_init(&gate_call, NULL, f->db);
    db_transact_later(&gate_call, wait_at_gate, &gate, forget);
    sem_wait(&gate.entered);
    for (int i = 0; i < count; i++) {
        pieces[i].done = &done;
        call_init(&pieces[i].call, NULL, f->db);
        db_transact_later(&pieces[i].call, insert_number, &pieces[i], note_done);
    }
    if (f->sqlite)
        wait_waiting(f, count);
    sem_post(&gate.open);
    for (int i = 0; i < count; i++)
        sem_wait(&done);
    assert_true(
        db_transact(&f->call, run_sql, "delete from t_counts where id = -1")); /* the gate's own answer came before */
    call_release(&gate_call);
}

static void run_together(struct fixture *f, struct piece *pieces, int count)
{
    run_behind(f, false, pieces, count);
}

static void release_pieces(struct piece *pieces, int count)
{
    for (int i = 0; i < count; i++)
        call_release(&pieces[i].call);
}

static void all_that_wait_share_a_commit(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    static struct piece pieces[LATER];
    memset(pieces, 0, sizeof(pieces));
    for (int i = 0; i < LATER; i++) {
        pieces[i].number = i + 1;
        pieces[i].fails = i % 10 == 3;
    }
    struct db_stats before, after;
    db_stats(f->db, &before);
    run_together(f, pieces, LATER);
    db_stats(f->db, &after);
    for (int i = 0; i < LATER; i++) {
        assert_int_equal(pieces[i].ok, !pieces[i].fails);
        assert_int_equal(pieces[i].runs, 1);
        assert_int_equal(pieces[i].call.error.code, E_NONE);
    }
    assert_int_equal(integer(f, "select count(*) from t_counts"), LATER - LATER / 10);
    assert_int_equal(integer(f, "select count(*) from t_counts where id % 10 = 4"), 0);
    if (f->sqlite)
        assert_true(after.commits - before.commits <=
                    LATER / 2); /* a group is cut each 20 ms, be the machine as slow as it may */
    release_pieces(pieces, LATER);
}

/* What it wrote is gone, and what others of its group write stays. */
static void first_piece_fails_alone(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct piece pieces[] = { { .number = 1, .fails = true }, { .number = 2 }, { .number = 3 } };
    run_behind(f, true, pieces, 3);
    assert_false(pieces[0].ok);
    assert_true(pieces[1].ok && pieces[2].ok);
    assert_int_equal(integer(f, "select count(*) from t_counts where id in (2, 3)"), 2);
    assert_int_equal(integer(f, "select count(*) from t_counts"), 2);
    release_pieces(pieces, 3);
}

static void clashing_piece_fails_alone(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct piece pieces[3] = { { .number = 1 }, { .number = 1 }, { .number = 2 } };
    run_together(f, pieces, 3);
    assert_int_equal(pieces[0].ok + pieces[1].ok, 1);
    assert_true(pieces[2].ok);
    assert_int_equal(pieces[pieces[0].ok ? 1 : 0].call.error.code, E_CONFLICT);
    assert_int_equal(pieces[pieces[0].ok ? 0 : 1].call.error.code, E_NONE);
    assert_int_equal(integer(f, "select count(*) from t_counts"), 2);
    release_pieces(pieces, 3);
}

/* ---- a full disk, played by a limit on the number of pages ---- */

static bool limit_pages(struct call *c, void *context)
{
    char sql[80];
    int64_t pages = 0;
    if (!db_integer(c, &pages, "select page_count from pragma_page_count"))
        return false;
    snprintf(sql, sizeof(sql), "pragma max_page_count = %d", (int)pages + *(int *)context);
    return c->db->driver->run(c->connection, str_from(sql), &c->error);
}

static void full_disk(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    int more = 20;
    must(f, db_transact(&f->call, limit_pages, &more));
    struct piece pieces[4] = {
        { .number = 1 },
        { .sql = "insert into t_counts(id, n, body) values (100, 1, hex(randomblob(200000)))" },
        { .number = 2 },
        { .number = 3, .fails = true },
    };
    run_together(f, pieces, 4);
    assert_true(pieces[0].ok && pieces[2].ok);
    assert_false(pieces[1].ok);
    assert_false(pieces[3].ok);
    assert_int_equal(pieces[1].call.error.code, E_STORAGE_FULL);
    assert_int_equal(pieces[0].call.error.code, E_NONE);
    assert_int_equal(pieces[0].runs, 2); /* its first run went down with the transaction */
    assert_int_equal(integer(f, "select count(*) from t_counts"), 2);
    release_pieces(pieces, 4);
    more = 100000;
    must(f, db_transact(&f->call, limit_pages, &more));
    must(f,
         db_transact(&f->call, run_sql, "insert into t_counts(id, n, body) values (100, 1, hex(randomblob(200000)))"));
}

static bool go_on_after_full(struct call *c, void *context)
{
    (void)context;
    db_execute(c, "insert into t_counts(id, n, body) values (100, 1, hex(randomblob(200000)))");
    db_execute(c, "insert into t_counts(id, n) values (5, 5)"); /* must not slip in outside of the transaction */
    return true;
}

static void nothing_slips_past_a_failure(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    int more = 20;
    must(f, db_transact(&f->call, limit_pages, &more));
    assert_false(db_transact(&f->call, go_on_after_full, NULL));
    expect_error(f, E_STORAGE_FULL);
    assert_int_equal(integer(f, "select count(*) from t_counts"), 0);
}

/* ---- another process writes ---- */

static void busy_database(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct fixture other = *f;
    open_db(&other);
    call_init(&other.call, NULL, other.db);
    f->patience_ms = 300;
    reopen_db(f);
    struct gate gate = { .fails = false };
    sem_init(&gate.entered, 0, 0);
    sem_init(&gate.open, 0, 0);
    db_transact_later(&other.call, wait_at_gate, &gate, forget);
    sem_wait(&gate.entered);
    int64_t start = clock_monotonic_us();
    assert_false(db_transact(&f->call, run_sql, "insert into t_counts(id, n) values (1, 1)"));
    assert_true(clock_monotonic_us() - start >= 200000);
    assert_int_equal(f->call.error.retry_after_s, 1);
    expect_error(f, E_UNAVAILABLE);
    assert_int_equal(integer(f, "select count(*) from t_counts"), 0); /* reading goes on */
    sem_post(&gate.open);
    must(f, db_transact(&f->call, run_sql, "insert into t_counts(id, n) values (1, 1)"));
    db_close(other.db);
    call_release(&other.call);
}

/* ---- nesting, and errors that were there before ---- */

static bool inner(struct call *c, void *context)
{
    return db_execute(c, "insert into t_counts(id, n) values (?, 0)", V(*(int *)context));
}
static bool outer(struct call *c, void *context)
{
    int first = 1, second = 2;
    return db_transact(c, inner, &first) && db_in_transaction(c) && db_transact(c, inner, &second) && *(bool *)context;
}

static void nested_transactions_are_one(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    bool ok = false;
    assert_false(db_transact(&f->call, outer, &ok));
    assert_int_equal(integer(f, "select count(*) from t_counts"), 0);
    ok = true;
    must(f, db_transact(&f->call, outer, &ok));
    assert_int_equal(integer(f, "select count(*) from t_counts"), 2);
    error_set(&f->call.error, E_FORBIDDEN, "before");
    int third = 3;
    assert_true(db_transact(&f->call, inner, &third)); /* an audit row of something that failed */
    expect_error(f, E_FORBIDDEN);
    assert_int_equal(integer(f, "select count(*) from t_counts"), 3);
}

/* ---- closing ---- */

static void close_runs_what_waits(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct piece pieces[20] = { 0 };
    sem_t done;
    sem_init(&done, 0, 0);
    for (int i = 0; i < 20; i++) {
        pieces[i].number = i + 1;
        pieces[i].done = &done;
        call_init(&pieces[i].call, NULL, f->db);
        db_transact_later(&pieces[i].call, insert_number, &pieces[i], note_done);
    }
    reopen_db(f);
    for (int i = 0; i < 20; i++)
        assert_true(pieces[i].finished && pieces[i].ok);
    assert_int_equal(integer(f, "select count(*) from t_counts"), 20);
    release_pieces(pieces, 20);
    sem_destroy(&done);
}

/* ---- threads that come and go ---- */

static void *read_once(void *context)
{
    struct db *db = context;
    struct call c;
    int64_t n = -1;
    call_init(&c, NULL, db);
    db_integer(&c, &n, "select count(*) from t_counts");
    db_release(&c);
    call_release(&c);
    return (void *)(intptr_t)n;
}

static void count_one(void *context)
{
    for (int i = 0; i < 100; i++)
        sched_yield(); /* time for whoever was answered too early */
    atomic_fetch_add((atomic_int *)context, 1);
}

static bool increment_and_tell(struct call *c, void *context)
{
    db_after_commit(c, count_one, context);
    return db_execute(c, "update t_counts set n = n + 1 where id = 1");
}

/* Who has its answer may take away what the hook speaks to. */
static void whoever_is_told_of_a_commit_is_told_before_it_is_answered(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    must(f, db_transact(&f->call, run_sql, "insert into t_counts(id, n) values (1, 0)"));
    atomic_int told = 0;
    for (int i = 1; i <= 20; i++) {
        must(f, db_transact(&f->call, increment_and_tell, &told));
        assert_int_equal(atomic_load(&told), i);
    }
}

static void connections_of_ended_threads_are_used_again(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    db_release(&f->call);
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        void *n;
        assert_int_equal(pthread_create(&thread, NULL, read_once, f->db), 0);
        pthread_join(thread, &n);
        assert_null(n);
    }
    struct db_stats stats;
    db_stats(f->db, &stats);
    assert_true(stats.connections_open <= 4);
    assert_true(stats.connections_busy <= 1);
}

static void two_calls_on_one_thread(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct call second;
    struct cursor rows;
    int64_t n;
    call_init(&second, NULL, f->db);
    must(f, db_rows(&f->call, &rows, "select 1"));
    assert_true(db_integer(&second, &n, "select 2"));
    assert_ptr_not_equal(second.connection, f->call.connection);
    assert_true(cursor_next(&rows));
    cursor_close(&rows);
    db_release(&f->call);
    db_release(&second);
    assert_true(db_integer(&second, &n, "select 2"));
    db_release(&second);
    call_release(&second);
}

/* ---- the WAL stays bounded ---- */

static bool write_much(struct call *c, void *context)
{
    (void)context;
    return db_execute(c, "update t_counts set body = hex(randomblob(500000)) where id = 1");
}

struct readers {
    struct db *db;
    _Atomic bool stop;
    _Atomic int64_t reads;
};

static void *read_always(void *context)
{
    struct readers *readers = context;
    struct call c;
    int64_t n;
    call_init(&c, NULL, readers->db);
    while (!atomic_load(&readers->stop)) {
        assert_true(db_integer(&c, &n, "select n from t_counts where length(body) > 0"));
        atomic_fetch_add(&readers->reads, 1);
    }
    db_release(&c);
    call_release(&c);
    return NULL;
}

static long wal_bytes(struct fixture *f)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/deep/er/test.db-wal", f->folder);
    FILE *wal = fopen(path, "r");
    assert_non_null(wal);
    fseek(wal, 0, SEEK_END);
    long bytes = ftell(wal);
    fclose(wal);
    return bytes;
}

/* How often it began anew: its header counts (SQLite's file format, 4.1). */
static uint32_t wal_beginnings(struct fixture *f)
{
    char path[200];
    unsigned char header[16] = { 0 };
    snprintf(path, sizeof(path), "%s/deep/er/test.db-wal", f->folder);
    FILE *wal = fopen(path, "r");
    assert_non_null(wal);
    assert_int_equal(fread(header, 1, sizeof(header), wal), sizeof(header));
    fclose(wal);
    return (uint32_t)header[12] << 24 | (uint32_t)header[13] << 16 | (uint32_t)header[14] << 8 | header[15];
}

/* Each time that so much has come as could be copied, the writer waits a moment for those who read. How long they
 * take is the machine's business: on a busy one it may find none of the first moments, but it does not go on without
 * for long. */
static void wal_begins_anew_under_constant_reading(void **state)
{
    enum { MEGABYTES_MAX = 1000 };
    struct fixture *f = fixture_of(state);
    make_tables(f);
    must(f, db_transact(&f->call, run_sql, "insert into t_counts(id, n, body) values (1, 0, 'x')"));
    struct readers readers = { .db = f->db };
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_always, &readers), 0);
    uint32_t first = wal_beginnings(f);
    int megabytes = 0;
    for (; wal_beginnings(f) < first + 2 && megabytes < MEGABYTES_MAX; megabytes++)
        must(f, db_transact(&f->call, write_much, NULL));
    atomic_store(&readers.stop, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&readers.reads) > 0);
    assert_true(megabytes < MEGABYTES_MAX);
    assert_true(wal_bytes(f) < (long)megabytes << 20);
}

static void wal_shrinks_after_a_long_reader(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    must(f, db_transact(&f->call, run_sql, "insert into t_counts(id, n, body) values (1, 0, 'x')"));
    struct cursor rows;
    must(f, db_rows(&f->call, &rows, "select n, body from t_counts"));
    must(f, cursor_next(&rows));
    for (int i = 0; i < 80; i++)
        must(f, db_transact(&f->call, write_much, NULL));
    assert_true(str_equal(cursor_text(&rows, 1), S("x"))); /* still its own view */
    cursor_close(&rows);
    assert_true(wal_bytes(f) > 70 << 20);
    for (int i = 0; i < 20; i++)
        must(f, db_transact(&f->call, write_much, NULL));
    assert_true(wal_bytes(f) <= 65 << 20); /* journal_size_limit */
    reopen_db(f);
    assert_true(wal_bytes(f) == 0);
}

/* ---- MySQL: deadlocks and lost connections ---- */

struct crossing {
    struct db *db;
    pthread_barrier_t *barrier;
    int first, second;
    int runs;
    bool ok;
    struct error error;
};

static bool cross(struct call *c, void *context)
{
    struct crossing *x = context;
    x->runs++;
    if (!db_execute(c, "update t_counts set n = n + 1 where id = ?", V(x->first)))
        return false;
    if (x->runs == 1)
        pthread_barrier_wait(x->barrier);
    return db_execute(c, "update t_counts set n = n + 1 where id = ?", V(x->second));
}

static void *run_crossing(void *context)
{
    struct crossing *x = context;
    struct call c;
    call_init(&c, NULL, x->db);
    x->ok = db_transact(&c, cross, x);
    x->error = c.error;
    db_release(&c);
    call_release(&c);
    return NULL;
}

static void deadlocks_are_run_again(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    must(f, db_transact(&f->call, run_sql, "insert into t_counts(id, n) values (1, 0), (2, 0)"));
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 2);
    struct crossing x[2] = { { f->db, &barrier, 1, 2 }, { f->db, &barrier, 2, 1 } };
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, run_crossing, &x[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(x[0].ok && x[1].ok);
    assert_int_equal(x[0].error.code, E_NONE);
    assert_int_equal(x[0].runs + x[1].runs, 3);
    assert_int_equal(integer(f, "select sum(n) from t_counts"), 4);
    pthread_barrier_destroy(&barrier);
}

/* Undone by a deadlock, as far as anybody can see, as often as *context says. */
static bool lose_often(struct call *c, void *context)
{
    int *left = context;
    if (!db_execute(c, "insert into t_counts(id, n) values (7, 7)"))
        return false;
    return (*left)-- <= 0 || db_execute(c, "signal sqlstate '40001' set mysql_errno = 1213");
}

static void bad_luck_is_not_counted(void **state)
{
    struct fixture *f = fixture_of(state);
    int left = 40;
    make_tables(f);
    must(f, db_transact(&f->call, lose_often, &left));
    assert_int_equal(left, -1);
    assert_int_equal(integer(f, "select n from t_counts where id = 7"), 7);
}

static bool kill_itself(struct call *c, void *context)
{
    (void)context;
    return db_execute(c, "insert into t_counts(id, n) values (9, 9)") && db_execute(c, "kill connection_id()");
}

static void lost_connections_are_replaced(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    struct call other;
    int64_t id = 0, n = 0;
    call_init(&other, NULL, f->db);
    must(f, db_integer(&f->call, &id, "select connection_id()"));
    char sql[60];
    snprintf(sql, sizeof(sql), "kill %d", (int)id);
    assert_true(db_transact(&other, run_sql, sql));
    db_release(&other);
    call_release(&other);
    assert_false(db_integer(&f->call, &n, "select count(*) from t_counts"));
    assert_int_equal(f->call.error.retry_after_s, 2);
    expect_error(f, E_UNAVAILABLE);
    must(f, db_integer(&f->call, &n, "select count(*) from t_counts")); /* the same call may go on */
    assert_false(db_transact(&f->call, kill_itself, NULL));
    expect_error(f, E_UNAVAILABLE);
    must(f, db_integer(&f->call, &n, "select count(*) from t_counts"));
    assert_int_equal(n, 0);
    db_release(&f->call);
    struct db_stats stats;
    db_stats(f->db, &stats);
    assert_int_equal(stats.connections_busy, 0);
}

/* As after a restart of the server: nobody who asks afterwards is told of it. */
static void connections_ended_meanwhile_are_not_lent(void **state)
{
    enum { IDLE = 3 };
    struct fixture *f = fixture_of(state);
    make_tables(f);
    must(f, db_transact(&f->call, run_sql, "insert into t_counts(id, n) values (1, 0)"));
    struct call others[IDLE];
    int64_t ids[IDLE], n = 0;
    must(f, db_integer(&f->call, &n, "select 1")); /* has one of its own, which it keeps */
    for (int i = 0; i < IDLE; i++) {
        call_init(&others[i], NULL, f->db);
        assert_true(db_integer(&others[i], &ids[i], "select connection_id()"));
    }
    for (int i = 0; i < IDLE; i++)
        db_release(&others[i]);
    for (int i = 0; i < IDLE; i++) {
        char sql[60];
        snprintf(sql, sizeof(sql), "kill %d", (int)ids[i]);
        assert_true(db_transact(&f->call, run_sql, sql));
        do {
            must(f, db_integer(&f->call, &n, "select count(*) from information_schema.processlist where id = ?",
                               V(ids[i])));
        } while (n);
    }
    for (int i = 0; i < IDLE; i++)
        assert_true(i % 2 ? db_transact(&others[i], increment, NULL)
                          : db_integer(&others[i], &n, "select count(*) from t_counts"));
    for (int i = 0; i < IDLE; i++) {
        db_release(&others[i]);
        call_release(&others[i]);
    }
}

static void pool_is_bounded(void **state)
{
    struct fixture *f = fixture_of(state);
    struct call calls[9];
    int64_t n;
    f->db->busy_timeout_ms = 200;
    db_release(&f->call);
    for (int i = 0; i < 9; i++) {
        call_init(&calls[i], NULL, f->db);
        assert_int_equal(db_integer(&calls[i], &n, "select 1"), i < 8);
    }
    assert_int_equal(calls[8].error.code, E_UNAVAILABLE);
    error_clear(&calls[8].error);
    db_release(&calls[0]);
    assert_true(db_integer(&calls[8], &n, "select 1"));
    for (int i = 0; i < 9; i++) {
        db_release(&calls[i]);
        call_release(&calls[i]);
    }
}

/* Without a disk to fill: a limit of the database's own says the same. */
static void a_full_disk_is_remembered_until_there_is_room(void **state)
{
    struct fixture *f = fixture_of(state);
    ddl(f, "create table schema_migrations (number bigint not null primary key, name varchar(99) not null, applied_at "
           "bigint not null);");
    ddl(f, f->sqlite ? "create table t_small(body blob); pragma max_page_count = 20;"
                     : "create table t_small(body varchar(10000)) engine=memory max_rows = 1;");
    must(f, db_has_room(&f->call));
    const char *fill = f->sqlite ? "insert into t_small(body) values (randomblob(1000000))"
                                 : "insert into t_small(body) select repeat('x', 10000) from seq_1_to_20000";
    assert_false(db_transact(&f->call, run_sql, (void *)fill));
    expect_error(f, E_STORAGE_FULL);
    assert_false(db_has_room(&f->call)); /* what is small may pass: that alone says little */
    expect_error(f, E_STORAGE_FULL);
    for (int i = 0; i < 10000 && !db_has_room(&f->call); i++) {
        expect_error(f, E_STORAGE_FULL);
        pause_ms(10);
    }
    must(f, db_has_room(&f->call));
    assert_int_equal(integer(f, "select count(*) from schema_migrations"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(counters_of_many_threads),
        ON_BOTH(all_that_wait_share_a_commit),
        ON_BOTH(first_piece_fails_alone),
        ON_BOTH(clashing_piece_fails_alone),
        ON_ONE(full_disk, sqlite_target),
        ON_ONE(nothing_slips_past_a_failure, sqlite_target),
        ON_ONE(busy_database, sqlite_target),
        ON_BOTH(a_full_disk_is_remembered_until_there_is_room),
        ON_BOTH(nested_transactions_are_one),
        ON_BOTH(close_runs_what_waits),
        ON_BOTH(connections_of_ended_threads_are_used_again),
        ON_BOTH(two_calls_on_one_thread),
        ON_BOTH(whoever_is_told_of_a_commit_is_told_before_it_is_answered),
        ON_ONE(wal_begins_anew_under_constant_reading, sqlite_target),
        ON_ONE(wal_shrinks_after_a_long_reader, sqlite_target),
        ON_ONE(deadlocks_are_run_again, mysql_target),
        ON_ONE(bad_luck_is_not_counted, mysql_target),
        ON_ONE(lost_connections_are_replaced, mysql_target),
        ON_ONE(connections_ended_meanwhile_are_not_lent, mysql_target),
        ON_ONE(pool_is_bounded, mysql_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
