/* test_db_sync.c - SQLite: nobody hears of a commit before it is on the disk, and the next group is prepared
 * meanwhile. */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- the disk: syncs of the WAL wait at a gate, or fail; all under the lock ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static bool gate_closed, failing;
static int at_gate;
static unsigned char salts[8]; /* of the WAL's header when it was last synced */
static int headers_alone, headers_late;

static bool is_wal(int fd)
{
    char link[64], path[4096] = "";
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    return len > 4 && strcmp(path + len - 4, "-wal") == 0;
}

/* A WAL that begins anew has other salts in its header. That has to be on the disk before its first frame, which has
 * the same, overwrites one of the old WAL: else a power cut could leave a prefix of the old one that looks whole. */
static void look_at_header(int fd)
{
    unsigned char header[32], frame[24];
    if (pread(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header) || !memcmp(salts, header + 16, sizeof(salts)))
        return;
    memcpy(salts, header + 16, sizeof(salts));
    bool frame_is_new = pread(fd, frame, sizeof(frame), sizeof(header)) == (ssize_t)sizeof(frame) &&
                        !memcmp(frame + 8, salts, sizeof(salts));
    headers_late += frame_is_new;
    headers_alone += !frame_is_new;
}

/* SQLite's library finds this one first. */
int fdatasync(int fd)
{
    bool fails = false;
    if (is_wal(fd)) {
        pthread_mutex_lock(&lock);
        at_gate++;
        look_at_header(fd);
        pthread_cond_broadcast(&moved);
        while (gate_closed)
            pthread_cond_wait(&moved, &lock);
        at_gate--;
        fails = failing;
        pthread_mutex_unlock(&lock);
    }
    errno = EIO;
    return fails ? -1 : (int)syscall(SYS_fdatasync, fd);
}

static void set(bool *what, bool value)
{
    pthread_mutex_lock(&lock);
    *what = value;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}

static void wait_for_gate(void)
{
    pthread_mutex_lock(&lock);
    while (!at_gate)
        pthread_cond_wait(&moved, &lock);
    pthread_mutex_unlock(&lock);
}

/* ---- pieces ---- */

struct piece {
    struct call call;
    int number;
    sem_t ran, done;
    bool ok;
};

static bool insert_number(struct call *c, void *context)
{
    struct piece *piece = context;
    bool ok = db_execute(c, "insert into t_numbers(id) values (?)", V(piece->number));
    sem_post(&piece->ran);
    return ok;
}

static void note_done(struct call *c, bool ok, void *context)
{
    (void)c;
    struct piece *piece = context;
    piece->ok = ok;
    sem_post(&piece->done);
}

static void start(struct fixture *f, struct piece *piece, int number)
{
    *piece = (struct piece){ .number = number };
    sem_init(&piece->ran, 0, 0);
    sem_init(&piece->done, 0, 0);
    call_init(&piece->call, NULL, f->db);
    db_transact_later(&piece->call, insert_number, piece, note_done);
}

static bool is_done(struct piece *piece)
{
    return sem_trywait(&piece->done) == 0;
}

static void end(struct piece *piece)
{
    call_release(&piece->call);
    sem_destroy(&piece->ran);
    sem_destroy(&piece->done);
}

static bool run_sql(struct call *c, void *context)
{
    return db_execute(c, (const char *)context);
}

/* The very first commit syncs the name of the WAL too, and is not divided. */
static void make_table(struct fixture *f)
{
    ddl(f, "create table t_numbers(id integer primary key);");
    must(f, db_transact(&f->call, run_sql, "insert into t_numbers(id) values (1000)"));
}

static int64_t count(struct fixture *f)
{
    int64_t n = -1;
    must(f, db_integer(&f->call, &n, "select count(*) from t_numbers where id not in (1, 1000)"));
    db_release(&f->call);
    return n;
}

static void an_answer_waits_for_the_disk(void **state)
{
    struct fixture *f = fixture_of(state);
    make_table(f);
    struct piece first, second;
    set(&gate_closed, true);
    start(f, &first, 1);
    wait_for_gate();
    assert_false(is_done(&first));
    start(f, &second, 2);
    sem_wait(&second.ran); /* while the disk is busy with the first */
    assert_false(is_done(&first));
    assert_false(is_done(&second));
    set(&gate_closed, false);
    sem_wait(&first.done);
    sem_wait(&second.done);
    assert_true(first.ok && second.ok);
    assert_int_equal(count(f), 1);
    end(&first);
    end(&second);
}

static void after_a_failed_sync_nothing_is_written(void **state)
{
    struct fixture *f = fixture_of(state);
    make_table(f);
    struct piece lost, late;
    set(&failing, true);
    start(f, &lost, 1);
    sem_wait(&lost.done);
    assert_false(lost.ok);
    assert_int_equal(lost.call.error.code, E_UNAVAILABLE);
    assert_true(lost.call.error.in_doubt); /* the frames are written: reopened below, the row may be there */
    set(&failing, false);                  /* the disk may say yes now: it is not believed */
    start(f, &late, 2);
    sem_wait(&late.done);
    assert_false(late.ok);
    assert_int_equal(late.call.error.code, E_UNAVAILABLE);
    assert_false(late.call.error.in_doubt); /* nothing of it was written */
    assert_false(db_takes_changes(&f->call));
    expect_error(f, E_UNAVAILABLE);
    assert_false(db_transact(&f->call, run_sql, "insert into t_numbers(id) values (3)"));
    expect_error(f, E_UNAVAILABLE);
    end(&lost);
    end(&late);
    reopen_db(f);
    must(f, db_transact(&f->call, run_sql, "insert into t_numbers(id) values (4)"));
    assert_int_equal(count(f), 1); /* the first may have reached the disk; those that came later were never written */
}

/* The very first commit is synced by SQLite itself, which then takes it back: but its frames lie in the WAL. */
static void a_failed_sync_inside_the_commit_is_in_doubt_too(void **state)
{
    struct fixture *f = fixture_of(state);
    set(&failing, true);
    assert_false(db_transact(&f->call, run_sql, "create table t_first(id integer primary key)"));
    assert_true(f->call.error.in_doubt);
    error_clear(&f->call.error);
    set(&failing, false);
    assert_false(db_takes_changes(&f->call)); /* the disk may say yes now: it is not believed */
    expect_error(f, E_UNAVAILABLE);
}

static void a_wal_that_begins_anew_syncs_its_header_first(void **state)
{
    struct fixture *f = fixture_of(state);
    ddl(f, "create table t_bodies(id integer primary key, body blob);");
    headers_alone = headers_late = 0;
    for (int i = 0; i < 60; i++) /* sixty megabytes: several checkpoints */
        must(f, db_transact(&f->call, run_sql, "insert into t_bodies(body) values (randomblob(1000000))"));
    pthread_mutex_lock(&lock);
    int alone = headers_alone, late = headers_late;
    pthread_mutex_unlock(&lock);
    assert_in_range(alone, 2, 60);
    assert_int_equal(late, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ONE(an_answer_waits_for_the_disk, sqlite_target),
        ON_ONE(after_a_failed_sync_nothing_is_written, sqlite_target),
        ON_ONE(a_failed_sync_inside_the_commit_is_in_doubt_too, sqlite_target),
        ON_ONE(a_wal_that_begins_anew_syncs_its_header_first, sqlite_target),
    };
    (void)mysql_target;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
