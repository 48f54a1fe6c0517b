/* mysql_driver.h - what the files of the MySQL/MariaDB driver share.
 *
 *   mysql.c            the driver's row, opening and closing
 *   mysql_pool.c       connections: made, lent, found dead, replaced
 *   mysql_statement.c  prepared statements and their rows
 *   mysql_writer.c     transactions, and the threads that run them for callers who do not wait
 *   mysql_held.c       rows that somebody holds for long
 *   mysql_snapshot.c   one moment of it as SQL; mysql_load.c reads that
 *   mysql_end.c        the end of the process, whether the server answers or not
 *   mysql_error.c      error numbers as ours
 *
 * libmariadb (Connector/C) keeps nothing per thread: mysql_thread_init is empty there, so threads need no greeting.
 */
#ifndef ROENTGEN_MYSQL_DRIVER_H
#define ROENTGEN_MYSQL_DRIVER_H

#include "db/driver.h"

#include "base/thread.h"

#include <mysql.h>

enum {
    MYSQL_CONNECT_TIMEOUT_S = 3,
    MYSQL_IO_TIMEOUT_S = 30,
    MYSQL_SLOW_TIMEOUT_S = 3600,   /* schema changes */
    MYSQL_IDLE_PING_US = 60000000, /* after which a connection is tried before it is lent */
    MYSQL_VALUE_MAX = 64 << 20,    /* bytes of one column of one row */
    MYSQL_WRITERS_MAX = 4,
    MYSQL_LOCK_WAIT_S = 1, /* for a row, before others get the connection and the thread */
    MYSQL_SLOW_LOCK_WAIT_S = 60,
    HELD_ROWS_MAX = 64
};

struct mysql_connection {
    struct db_connection base;
    MYSQL *handle;
    int64_t idle_since_us;
    int generation;  /* older than the pool's: made before somebody found the server gone */
    int line;        /* the socket, once more: to be shut from another thread, whatever the library does with its own */
    bool slow;       /* outside the pool, for schema changes */
    bool held;       /* conflicted, because a row that it wants is held by somebody else */
    bool conflicted; /* deadlock, lock timeout or db_again in this transaction: it is undone, and run again */
};

struct mysql_column {
    char *bytes;
    unsigned long capacity, length;
    int64_t integer;
    double real;
    my_bool null, truncated;
    enum value_type type;
    enum enum_field_types sent_as;
    unsigned decimals;
};

struct mysql_statement {
    struct statement base;
    MYSQL_STMT *handle;
    MYSQL_BIND *parameters;
    MYSQL_BIND *binds;
    struct mysql_column *columns;
    bool rebind;     /* a buffer grew */
    const char *sql; /* for naming the table in errors */
};

struct mysql_writers;

struct held_rows {
    pthread_mutex_t lock;
    uint64_t rows[HELD_ROWS_MAX];
    int count;
    int next; /* to be overwritten when all are in use */
};

struct mysql {
    struct db *db;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct db_connection *free; /* last used first */
    struct db_connection *all;
    int count, waiting, generation;
    struct mysql_writers *writers;
    struct held_rows held;
    atomic_int lingering; /* callers that wait on their own threads for rows that are held */
    /* The end (mysql_end.c): */
    struct background ender;
    int64_t end_us;
    atomic_bool ends; /* the thread runs */
    bool ended;       /* under `lock`: the lines were cut */
};

/* mysql_pool.c */
bool mysql_borrow(struct db *db, struct db_connection **out, struct error *error);
bool mysql_borrow_slow(struct db *db, struct db_connection **out, struct error *error);
void mysql_give_back(struct db_connection *connection);
void mysql_pool_count(struct db *db, int64_t *open, int64_t *busy, int64_t *waiting);
void mysql_pool_release(struct mysql *mysql);
bool mysql_run(struct db_connection *connection, struct str sql, struct error *error);

/* mysql_held.c */
void held_init(struct held_rows *held);
void held_release(struct held_rows *held);
const char *mysql_lock_words(struct db_connection *connection, uint64_t row);
void mysql_lock_asked(struct db_connection *connection, uint64_t row, bool granted);

/* mysql_snapshot.c, mysql_load.c */
bool mysql_snapshot_begin(struct call *c);
void mysql_snapshot_end(struct call *c);
bool mysql_snapshot_copy(struct call *c, const char *path, const struct snapshot_watch *watch);
bool mysql_snapshot_load(struct call *c, const char *path, const struct snapshot_watch *watch);

/* mysql_end.c */
void mysql_end_within(struct db *db, int64_t ms);
bool mysql_has_ended(struct db *db);
void mysql_end_release(struct mysql *mysql);

/* mysql_error.c: always false. `sql` may be NULL. */
bool mysql_fail(struct mysql_connection *connection, unsigned number, const char *message, const char *sql,
                struct error *error);

/* mysql_statement.c */
struct statement *mysql_prepare(struct db_connection *connection, struct str sql, struct error *error);
void mysql_finalize(struct statement *statement);
bool mysql_start(struct statement *statement, const struct value *values, struct error *error);
int mysql_step(struct statement *statement, struct error *error);
struct value mysql_column(struct statement *statement, int column);
int64_t mysql_changes(struct statement *statement);
int64_t mysql_insert_id_of(struct statement *statement);
void mysql_reset(struct statement *statement);

/* mysql_writer.c */
bool mysql_writers_new(struct db *db, struct mysql_writers **out, struct error *error);
void mysql_writers_free(struct mysql_writers *writers); /* finishes what waits; takes NULL */
int64_t mysql_writers_waiting(struct mysql_writers *writers);
bool mysql_transact(struct call *c, bool (*work)(struct call *, void *), void *context);
void mysql_again(struct db_connection *connection);
void mysql_transact_later(struct call *c, bool (*work)(struct call *, void *), void *context,
                          void (*done)(struct call *, bool, void *));

#endif
