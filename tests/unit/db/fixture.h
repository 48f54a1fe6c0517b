/* fixture.h - a database to test against: SQLite in a folder that goes away, and MySQL where TEST_MYSQL_URL says so.
 *
 * Each test function is listed once per database; without TEST_MYSQL_URL those for MySQL are skipped. The URL names
 * any database that exists (mysql://root@/mysql?socket=...): each test makes and drops one of its own beside it, so
 * that several test programs can run at once.
 */
#ifndef ROENTGEN_TEST_DB_FIXTURE_H
#define ROENTGEN_TEST_DB_FIXTURE_H

#include "db/driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    bool sqlite;
    struct db *db;
    struct call call;
    char folder[64];
    char url[256];
    char database[64]; /* MySQL: made for this test */
    int patience_ms;   /* with a busy database, from the next opening on; 0: as long as it takes */
};

enum { ON_SQLITE = 1, ON_MYSQL = 2 };
static int sqlite_target = ON_SQLITE, mysql_target = ON_MYSQL;

#define ON_BOTH(test) \
    { #test " (sqlite)", test, fixture_open, fixture_close, &sqlite_target }, \
    { \
#test " (mysql)", test, fixture_open, fixture_close, &mysql_target \
    }
#define ON_ONE(test, target) \
    { \
#test, test, fixture_open, fixture_close, &target \
    }

static inline bool ddl_work(struct call *c, void *context)
{
    struct str rest = str_from(context), statement;
    while (sql_next(&rest, &statement)) {
        if (!c->db->driver->run(c->connection, statement, &c->error))
            return false;
    }
    return true;
}

/* Schema statements. */
static inline void ddl(struct fixture *f, const char *sql)
{
    struct call c;
    call_init(&c, NULL, f->db);
    if (!db_transact(&c, ddl_work, (void *)sql))
        fail_msg("%s: %s", sql, c.error.message);
    call_release(&c);
}

static inline void open_db(struct fixture *f)
{
    struct error error = { 0 };
    struct db_options options = {
        .url = str_from(f->url),
        .pool_size = 8,
        .cache_kib = 512,
        .busy_timeout_ms = f->patience_ms ? f->patience_ms : 100000, /* a busy machine keeps nobody from it */
    };
    memset(options.key.bytes, 7, sizeof(options.key.bytes));
    if (!db_open(&options, &f->db, &error))
        fail_msg("%s", error.message);
}

static inline void reopen_db(struct fixture *f)
{
    db_release(&f->call);
    db_close(f->db);
    open_db(f);
    f->call.db = f->db;
}

/* Runs one statement beside the test's own database, which may not exist. */
static inline void on_server(const char *sql)
{
    struct fixture server = { 0 };
    snprintf(server.url, sizeof(server.url), "%s", getenv("TEST_MYSQL_URL"));
    open_db(&server);
    ddl(&server, sql);
    db_close(server.db);
}

/* mysql://root@/mysql?socket=x -> mysql://root@/DATABASE?socket=x */
static inline void make_mysql_database(struct fixture *f)
{
    const char *url = getenv("TEST_MYSQL_URL"), *options = strchr(url, '?'),
               *slash = options ? options : url + strlen(url);
    char sql[200];
    while (*slash != '/')
        slash--;
    snprintf(f->database, sizeof(f->database), "roentgen_unit_%d", (int)getpid());
    snprintf(f->url, sizeof(f->url), "%.*s/%s%s", (int)(slash - url), url, f->database, options ? options : "");
    snprintf(sql, sizeof(sql), "drop database if exists %s; create database %s", f->database, f->database);
    on_server(sql);
}

static inline int fixture_open(void **state)
{
    bool sqlite = **(int **)state == ON_SQLITE;
    struct fixture *f = calloc(1, sizeof(*f));
    const char *url = getenv("TEST_MYSQL_URL");
    f->sqlite = sqlite;
    *state = f;
    if (!sqlite && (!url || !*url))
        return 0;
    if (sqlite) {
        snprintf(f->folder, sizeof(f->folder), "/tmp/roentgen-test-db-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        snprintf(f->url, sizeof(f->url), "sqlite:///%s/deep/er/test.db", f->folder);
    } else {
        make_mysql_database(f);
    }
    open_db(f);
    call_init(&f->call, NULL, f->db);
    return 0;
}

static inline void remove_tree(const char *folder)
{
    char path[512];
    static const char *const names[] = {
        "deep/er/test.db", "deep/er/test.db-wal", "deep/er/test.db-shm", "deep/er", "deep", ""
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        if (unlink(path))
            rmdir(path);
    }
}

static inline int fixture_close(void **state)
{
    struct fixture *f = *state;
    if (f->db) {
        db_release(&f->call);
        call_release(&f->call);
        db_close(f->db);
        if (f->sqlite) {
            remove_tree(f->folder);
        } else {
            char sql[200];
            snprintf(sql, sizeof(sql), "drop database %s", f->database);
            on_server(sql);
        }
    }
    free(f);
    return 0;
}

/* The fixture, or the test ends here as skipped. */
static inline struct fixture *fixture_of(void **state)
{
    struct fixture *f = *state;
    if (!f->db)
        skip();
    return f;
}

static inline void expect_error(struct fixture *f, enum error_code code)
{
    if (f->call.error.code != code)
        fail_msg("error %d (%s) instead of %d", (int)f->call.error.code, f->call.error.message, (int)code);
    error_clear(&f->call.error);
}

static inline void must(struct fixture *f, bool ok)
{
    if (!ok)
        fail_msg("failed: %s", f->call.error.code ? f->call.error.message : "without an error");
}

#endif
