/* mysql.c - the MySQL/MariaDB driver: opening, closing, and its row of functions. */
#include "db/mysql_driver.h"

#include <assert.h>

enum { MIGRATE_LOCK_WAIT_S = 60 };

/* libmariadb's global start is not thread-safe, and happens once per process. */
static void start_library(void)
{
    mysql_library_init(0, NULL, NULL);
}

static void release(struct mysql *mysql)
{
    mysql_end_release(mysql);
    mysql_pool_release(mysql);
    held_release(&mysql->held);
    pthread_cond_destroy(&mysql->freed);
    pthread_mutex_destroy(&mysql->lock);
    free(mysql);
}

static bool mysql_open(struct db *db, struct error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_library);
    struct mysql *mysql = calloc(1, sizeof(*mysql));
    if (!mysql)
        abort();
    mysql->db = db;
    db->state = mysql;
    pthread_mutex_init(&mysql->lock, NULL);
    pthread_cond_init(&mysql->freed, NULL);
    held_init(&mysql->held);
    struct db_connection *first;
    if (!mysql_borrow(db, &first, error)) {
        release(mysql);
        return false;
    }
    mysql_give_back(first);
    if (!mysql_writers_new(db, &mysql->writers, error)) {
        release(mysql);
        return false;
    }
    return true;
}

static void mysql_close_all(struct db *db)
{
    struct mysql *mysql = db->state;
    mysql_writers_free(mysql->writers);
    release(mysql);
}

/* ---- schema changes ---- */

/* GET_LOCK belongs to the connection: if this process dies, the lock goes with it. */
static bool mysql_migrate_begin(struct call *c)
{
    assert(!c->connection || !c->connection->open);
    db_release(c);
    if (!mysql_borrow_slow(c->db, &c->connection, &c->error))
        return false;
    int64_t got = 0;
    if (db_integer(c, &got, "select get_lock(concat('roentgen_migrate.', database()), ?)",
                   V((int)MIGRATE_LOCK_WAIT_S)) &&
        got)
        return true;
    db_release(c);
    return fail(c, E_UNAVAILABLE, "another process changes the schema");
}

static void mysql_migrate_end(struct call *c)
{
    db_release(c);
}

const struct driver driver_mysql = {
    .dialect = "mysql",
    .local = false,
    .open = mysql_open,
    .close = mysql_close_all,
    .borrow = mysql_borrow,
    .give_back = mysql_give_back,
    .count = mysql_pool_count,
    .prepare = mysql_prepare,
    .finalize = mysql_finalize,
    .start = mysql_start,
    .step = mysql_step,
    .column = mysql_column,
    .changes = mysql_changes,
    .insert_id = mysql_insert_id_of,
    .reset = mysql_reset,
    .run = mysql_run,
    .transact = mysql_transact,
    .transact_later = mysql_transact_later,
    .lock_words = mysql_lock_words,
    .lock_asked = mysql_lock_asked,
    .again = mysql_again,
    .end_within = mysql_end_within,
    .has_ended = mysql_has_ended,
    .migrate_begin = mysql_migrate_begin,
    .migrate_end = mysql_migrate_end,
    .snapshot_begin = mysql_snapshot_begin,
    .snapshot_end = mysql_snapshot_end,
    .snapshot_copy = mysql_snapshot_copy,
    .snapshot_load = mysql_snapshot_load,
    .snapshot_name = "database.sql",
    .transactional_schema = false,
    .free_words = "for update skip locked",
    .sql_ping = "select 1",
    .sql_clock = "select cast(round(unix_timestamp(now(6)) * 1000000) as signed)",
    .sql_change_nothing = "delete from schema_migrations where number < 0",
    .sql_tables = "select count(*) from information_schema.tables where table_schema = database() and table_name = ?",
    .sql_columns =
        "select column_name from information_schema.columns where table_schema = database() and table_name = ?",
    .sql_size = "select coalesce(sum(data_length + index_length), 0) from information_schema.tables"
                " where table_schema = database()",
};
