/* driver.h - what SQLite and MySQL have to offer so that db.c can be one face; private to this folder.
 *
 *     struct db            one per process: options, counters, the driver's own state
 *       db_connection      one conversation with the database, used by one thread at a time
 *         statement        prepared once, found again by its key, in use by at most one cursor at a time
 *
 * A statement is keyed by what it says, not by where the text lies: the verb, the schema and mask it walks, and the
 * content of its text (the tail of a db_get, or the whole SQL). So neither a db_get nor a db_insert builds its SQL more
 * than once per connection, and text made in an arena is as good as a literal. Schemas are static tables: their address
 * is their name.
 *
 * Drivers put their own members after these structs (which come first in theirs).
 */
#ifndef ROENTGEN_DRIVER_H
#define ROENTGEN_DRIVER_H

#include "base/text.h"
#include "db/db.h"
#include "db/snapshot.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    STATEMENTS_MAX = 256,    /* kept per connection */
    STATEMENT_BUCKETS = 512, /* a power of two */
    STATS_BUCKETS = 16,
    STATS_NODES_MAX = 2048, /* different SQL texts counted apart; the rest is counted as one */
    PARAMETERS_MAX = 160,   /* 64 fields, each perhaps with a hash, and 16 of the tail */
    SQL_MAX = 1 << 20       /* bytes of one statement */
};

/* ---- the URL (url.c) ---- */

struct db_url {
    bool local;                                                  /* SQLite */
    const char *path;                                            /* SQLite: the file */
    const char *host, *user, *password, *name, *socket, *tls_ca; /* MySQL; NULL: not given */
    unsigned port;
    bool tls;
};
bool db_url_parse(struct str url, struct arena *arena, struct db_url *out, struct error *error);

/* ---- counters (stats.c) ---- */

/* Counts of one prepared statement: written by the thread that uses the connection, read by anyone. */
struct meter {
    _Atomic int64_t count, total_us;
    _Atomic int64_t buckets[STATS_BUCKETS];
    struct meter *next, *previous; /* others of the same text */
    struct meter_node *node;
};
struct meters {
    pthread_mutex_t lock;
    struct meter_node *buckets[STATEMENT_BUCKETS];
    int count;
};
void meters_init(struct meters *meters);
void meters_release(struct meters *meters);
void meter_add(struct meters *meters, struct meter *meter, struct str sql); /* the meter starts at zero */
void meter_remove(struct meters *meters, struct meter *meter);              /* its counts stay with the text */
void meter_count(struct meter *meter, int64_t us);

/* ---- statements and connections ---- */

enum statement_verb { STATEMENT_SQL, STATEMENT_GET, STATEMENT_INSERT, STATEMENT_UPDATE };

struct statement_key {
    enum statement_verb verb;
    const struct schema *schema; /* NULL for plain SQL */
    uint64_t mask;               /* UPDATE: the fields; INSERT: 1 with the id, else 0 */
    struct str text;             /* the tail, or the SQL; any lifetime */
};

struct statement {
    struct db_connection *connection;
    struct statement_key key; /* its text is owned */
    uint64_t hash;
    struct statement *chain;         /* same bucket */
    struct statement *newer, *older; /* by last use */
    struct statement *open_next, *open_previous;
    bool cached, open;
    bool stale; /* to be prepared anew */
    int parameters, columns;
    const struct schema *loads;    /* whose records were last read from it, ... */
    uint64_t load_mask;            /* ... which of their members ... */
    unsigned char load_fields[64]; /* ... and which of its fields the columns are */
    int load_count;
    bool load_unknown; /* the last one that failed did so by a choice that has no name here */
    int64_t started_us;
    struct meter meter;
};

/* The prepared statements of a connection, found by what they say; the least used one goes. */
struct statements {
    struct statement *buckets[STATEMENT_BUCKETS];
    struct statement *newest, *oldest;
    int count;
};

/* db_before_commit, db_after_commit */
struct db_hook {
    bool (*run)(void *context, struct error *error);
    void *context;
};
enum { DB_HOOKS_MAX = 4 };
struct db_after {
    struct {
        void (*run)(void *context);
        void *context;
    } hooks[DB_HOOKS_MAX];
    int count;
};

struct db_connection {
    struct db *db;
    struct statements kept; /* prepared */
    struct statement *open; /* in use */
    /* SQLite: the first closed statement of a call that has not run to its end is not reset, so that its read
     * transaction lasts until db_release: the call's further reads see the same moment, and take no locks of their
     * own. */
    struct statement *lingering;
    bool writing; /* inside db_transact */
    struct db_hook hooks[DB_HOOKS_MAX];
    int hook_count;
    struct db_after after;
    bool lost; /* to be thrown away */
    _Atomic bool borrowed;
    struct db_connection *next_free;
    struct db_connection *next, *previous; /* all of them */
};

struct driver {
    const char *dialect;
    bool local;
    bool (*open)(struct db *db, struct error *error);
    void (*close)(struct db *db);
    bool (*serve)(struct db *db, struct error *error); /* NULL: any number of servers */
    bool (*borrow)(struct db *db, struct db_connection **out, struct error *error);
    void (*give_back)(struct db_connection *connection);
    void (*count)(struct db *db, int64_t *open, int64_t *busy, int64_t *waiting);

    struct statement *(*prepare)(struct db_connection *connection, struct str sql, struct error *error);
    void (*finalize)(struct statement *statement);
    bool (*start)(struct statement *statement, const struct value *values, struct error *error);
    int (*step)(struct statement *statement, struct error *error); /* 1: a row, 0: the end, -1: failed */
    struct value (*column)(struct statement *statement, int column);
    int64_t (*changes)(struct statement *statement);
    int64_t (*insert_id)(struct statement *statement);
    void (*reset)(struct statement *statement);
    bool (*holds_snapshot)(
        struct statement *statement); /* would a reset end a read transaction? NULL: there is no such thing */
    /* One statement without parameters or result, unprepared: for schema changes. */
    bool (*run)(struct db_connection *connection, struct str sql, struct error *error);

    bool (*transact)(struct call *c, bool (*work)(struct call *, void *), void *context);
    void (*transact_later)(struct call *c, bool (*work)(struct call *, void *), void *context,
                           void (*done)(struct call *, bool, void *));
    /* NULL, all three: one writer, nothing is locked and nothing changes under it. What is put behind a select that
     * locks the rows it finds, and what came of it. */
    const char *(*lock_words)(struct db_connection *connection, uint64_t rows);
    void (*lock_asked)(struct db_connection *connection, uint64_t rows, bool granted);
    void (*again)(struct db_connection *connection); /* db_again */
    /* NULL: nobody has to be waited for. */
    void (*end_within)(struct db *db, int64_t ms);
    bool (*has_ended)(struct db *db);

    /* Schema changes: SQLite one transaction per step; MySQL on a patient connection under a named lock. */
    bool (*migrate_begin)(struct call *c);
    void (*migrate_end)(struct call *c);
    /* snapshot.h. On a connection that was borrowed for it; copying to, and loading from, a file. */
    bool (*snapshot_begin)(struct call *c);
    void (*snapshot_end)(struct call *c);
    bool (*snapshot_copy)(struct call *c, const char *path, const struct snapshot_watch *watch);
    bool (*snapshot_load)(struct call *c, const char *path, const struct snapshot_watch *watch);
    const char *snapshot_name;
    bool transactional_schema;
    const char *free_words; /* behind a select: lock the rows that nobody has locked; NULL: one writer */
    const char *sql_clock;  /* microseconds since 1970, UTC; NULL: this machine's */
    const char *sql_ping, *sql_change_nothing, *sql_tables, *sql_columns, *sql_size;
};
extern const struct driver driver_sqlite, driver_mysql;

struct db {
    const struct driver *driver;
    struct arena arena; /* parts of the URL */
    struct db_url url;
    struct key seal_key, hash_key;
    int pool_size;
    int64_t cache_kib;
    int busy_timeout_ms, waiting_max;
    struct meters meters;
    _Atomic int64_t commits, transactions;
    _Atomic int64_t size_bytes, size_read_us; /* as last asked */
    _Atomic int64_t full_us;                  /* when a change last found the disk full; 0: not since there was room */
    void *state;                              /* the driver's */
};

/* cache.c */
uint64_t statement_hash(const struct statement_key *key);
struct statement *statements_find(struct statements *kept, const struct statement_key *key, uint64_t hash, bool *taken);
void statements_add(struct db_connection *connection,
                    struct statement *statement); /* may finalize the oldest idle one */
void statements_remove(struct statements *kept, struct statement *statement);
void statements_release(struct db_connection *connection); /* finalizes all, in use or not */

/* db.c */
void connection_init(struct db_connection *connection, struct db *db);
struct statement *statement_open(struct call *c, const struct statement_key *key, const struct value *values,
                                 int count);
void statement_close(struct statement *statement);
int64_t value_as_integer(struct value value); /* also of a number in text, as MySQL gives sums; else 0 */
/* Of a `step`. */
enum found found_by(int step);
void statement_free(struct statement *statement);                   /* drops it from meters and calls the driver */
void connection_close_statements(struct db_connection *connection); /* cursors that were left open */
void db_found_full(struct db *db);
/* What db_before_commit asked for; false: do not commit. */
bool connection_before_commit(struct db_connection *connection, struct error *error);
/* What db_after_commit asked for. */
void after_commit(const struct db_after *after);

/* record.c */
void statement_sql(const struct statement_key *key, struct text *sql);
bool field_is_column(const struct field *field); /* this table's own */
bool record_load(struct call *c, struct statement *statement, int first, const struct schema *schema, uint64_t mask,
                 void *record, bool copy);

/* ---- splitting a migration into statements (split.c) ---- */

/* Takes the next statement off *sql, trimmed and without its `;`; false at the end. */
bool sql_next(struct str *sql, struct str *statement);

#endif
