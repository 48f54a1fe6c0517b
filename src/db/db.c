/* db.c - the one face over both databases: opening, borrowing a connection, statements and values. */
#include "db/driver.h"

#include <assert.h>

/* ---- opening ---- */

bool db_open(const struct db_options *options, struct db **out, struct error *error)
{
    struct db *db = calloc(1, sizeof(*db));
    if (!db)
        abort();
    arena_init(&db->arena);
    if (!db_url_parse(options->url, &db->arena, &db->url, error)) {
        arena_release(&db->arena);
        free(db);
        return false;
    }
    db->driver = db->url.local ? &driver_sqlite : &driver_mysql;
    db->pool_size = options->pool_size > 0 ? options->pool_size : 8;
    db->waiting_max = options->waiting_max > 0 ? options->waiting_max : 1;
    db->cache_kib = options->cache_kib > 0 ? options->cache_kib : 2048;
    db->busy_timeout_ms = options->busy_timeout_ms > 0 ? options->busy_timeout_ms : 5000;
    /* A key for each use, so that a hash never tells anything about the sealing key. */
    struct str secret = { (const char *)options->key.bytes, KEY_BYTES };
    crypto_derive(secret, "db seal", &db->seal_key);
    crypto_derive(secret, "db lookup hash", &db->hash_key);
    meters_init(&db->meters);
    if (!db->driver->open(db, error)) {
        meters_release(&db->meters);
        arena_release(&db->arena);
        free(db);
        return false;
    }
    *out = db;
    return true;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    db->driver->close(db);
    meters_release(&db->meters);
    arena_release(&db->arena);
    free(db);
}

void db_end_within(struct db *db, int64_t ms)
{
    if (db->driver->end_within)
        db->driver->end_within(db, ms);
}

bool db_has_ended(struct db *db)
{
    return db->driver->has_ended && db->driver->has_ended(db);
}

bool db_serve(struct db *db, struct error *error)
{
    return !db->driver->serve || db->driver->serve(db, error);
}

bool db_is_local(const struct db *db)
{
    return db->driver->local;
}

struct str db_dialect(const struct db *db)
{
    return str_from(db->driver->dialect);
}

/* ---- connections ---- */

void connection_init(struct db_connection *connection, struct db *db)
{
    *connection = (struct db_connection){ .db = db };
}

void connection_close_statements(struct db_connection *connection)
{
    while (connection->open)
        statement_close(connection->open);
}

/* The call's snapshot ends here; the next read sees what was committed since. */
static void settle(struct db_connection *connection)
{
    if (!connection || !connection->lingering)
        return;
    connection->db->driver->reset(connection->lingering);
    connection->lingering = NULL;
}

void db_release(struct call *c)
{
    struct db_connection *connection = c->connection;
    if (!connection || connection->writing)
        return;
    connection_close_statements(connection);
    settle(connection);
    c->connection = NULL;
    connection->db->driver->give_back(connection);
}

static bool borrow(struct call *c)
{
    if (c->connection && c->connection->lost && !c->connection->writing && !c->connection->open)
        db_release(c); /* and take a sound one below */
    if (c->connection)
        return !c->connection->lost || fail(c, E_UNAVAILABLE, "the connection to the database was lost");
    return c->db->driver->borrow(c->db, &c->connection, &c->error);
}

bool db_in_transaction(const struct call *c)
{
    return c->connection && c->connection->writing;
}

void db_before_commit(struct call *c, bool (*run)(void *context, struct error *error), void *context)
{
    assert(db_in_transaction(c));
    struct db_connection *connection = c->connection;
    for (int i = 0; i < connection->hook_count; i++)
        if (connection->hooks[i].run == run && connection->hooks[i].context == context)
            return;
    assert(connection->hook_count < DB_HOOKS_MAX);
    connection->hooks[connection->hook_count++] = (struct db_hook){ run, context };
}

bool connection_before_commit(struct db_connection *connection, struct error *error)
{
    bool ok = true;
    for (int i = 0; i < connection->hook_count && ok; i++)
        ok = connection->hooks[i].run(connection->hooks[i].context, error);
    connection->hook_count = 0;
    return ok;
}

void db_after_commit(struct call *c, void (*run)(void *context), void *context)
{
    assert(db_in_transaction(c));
    struct db_after *after = &c->connection->after;
    for (int i = 0; i < after->count; i++)
        if (after->hooks[i].run == run && after->hooks[i].context == context)
            return;
    assert(after->count < DB_HOOKS_MAX);
    after->hooks[after->count].run = run;
    after->hooks[after->count++].context = context;
}

void after_commit(const struct db_after *after)
{
    for (int i = 0; i < after->count; i++)
        after->hooks[i].run(after->hooks[i].context);
}

struct conditional {
    bool (*work)(struct call *c, void *context);
    void *context;
};

static bool work_if_it_holds(struct call *c, void *context)
{
    const struct conditional *k = context;
    return c->condition(c) && k->work(c, k->context);
}

bool db_transact(struct call *c, bool (*work)(struct call *c, void *context), void *context)
{
    struct conditional conditional = { work, context };
    if (db_in_transaction(c))
        return work(c, context);
    settle(c->connection); /* what is read afterwards must show what was written */
    if (!c->condition)
        return c->db->driver->transact(c, work, context);
    bool ok = c->db->driver->transact(c, work_if_it_holds, &conditional);
    if (ok)
        c->condition = NULL;
    return ok;
}

bool db_transact_aside(struct call *c, bool (*work)(struct call *c, void *context), void *context)
{
    bool (*condition)(struct call * c) = c->condition;
    c->condition = NULL;
    bool ok = db_transact(c, work, context);
    c->condition = condition;
    return ok;
}

void db_transact_later(struct call *c, bool (*work)(struct call *c, void *context), void *context,
                       void (*done)(struct call *c, bool ok, void *context))
{
    assert(!db_in_transaction(c) && !(c->connection && c->connection->open));
    db_release(c); /* so that waiting for the turn never holds what others need to reach theirs */
    c->db->driver->transact_later(c, work, context, done);
}

/* ---- statements ---- */

static struct statement *prepare(struct call *c, const struct statement_key *key, uint64_t hash, bool cached)
{
    struct text sql;
    text_init(&sql, SQL_MAX);
    statement_sql(key, &sql);
    struct statement *statement = NULL;
    if (sql.overflowed)
        fail(c, E_INTERNAL, "a statement of more than %d bytes", SQL_MAX);
    else
        statement = c->db->driver->prepare(c->connection, text_str(&sql), &c->error);
    if (!statement) {
        text_release(&sql);
        return NULL;
    }
    char *text = malloc((size_t)key->text.len + 1);
    if (!text)
        abort();
    memcpy(text, key->text.at ? key->text.at : "", (size_t)key->text.len);
    text[key->text.len] = '\0';
    statement->connection = c->connection;
    statement->key = *key;
    statement->key.text = (struct str){ text, key->text.len };
    statement->hash = hash;
    meter_add(&c->db->meters, &statement->meter, text_str(&sql));
    text_release(&sql);
    if (cached)
        statements_add(c->connection, statement);
    return statement;
}

void statement_free(struct statement *statement)
{
    struct db *db = statement->connection->db;
    if (statement == statement->connection->lingering)
        settle(statement->connection);
    meter_remove(&db->meters, &statement->meter);
    free((void *)statement->key.text.at);
    db->driver->finalize(statement);
}

static void mark_open(struct statement *statement)
{
    struct db_connection *connection = statement->connection;
    statement->open = true;
    statement->open_previous = NULL;
    statement->open_next = connection->open;
    if (connection->open)
        connection->open->open_previous = statement;
    connection->open = statement;
}

struct statement *statement_open(struct call *c, const struct statement_key *key, const struct value *values, int count)
{
    if (!borrow(c))
        return NULL;
    bool taken;
    uint64_t hash = statement_hash(key);
    struct statement *statement = statements_find(&c->connection->kept, key, hash, &taken);
    if (!statement)
        statement = prepare(c, key, hash, !taken);
    if (!statement)
        return NULL;
    if (statement == c->connection->lingering)
        settle(c->connection);
    mark_open(statement);
    statement->started_us = clock_monotonic_us();
    bool fits = statement->parameters == count;
    if (!fits)
        fail(c, E_INTERNAL, "a statement wants %d values and got %d", statement->parameters, count);
    if (!fits || !c->db->driver->start(statement, values, &c->error)) {
        statement_close(statement);
        return NULL;
    }
    return statement;
}

static bool may_linger(struct statement *statement)
{
    const struct db_connection *connection = statement->connection;
    const struct driver *driver = connection->db->driver;
    return driver->holds_snapshot && !connection->writing && !connection->lingering && statement->cached &&
           !statement->stale && driver->holds_snapshot(statement);
}

void statement_close(struct statement *statement)
{
    struct db_connection *connection = statement->connection;
    if (may_linger(statement))
        connection->lingering = statement;
    else
        connection->db->driver->reset(statement);
    meter_count(&statement->meter, clock_monotonic_us() - statement->started_us);
    if (statement->open_next)
        statement->open_next->open_previous = statement->open_previous;
    if (statement->open_previous)
        statement->open_previous->open_next = statement->open_next;
    else
        connection->open = statement->open_next;
    statement->open = false;
    if (statement->cached && statement->stale)
        statements_remove(&connection->kept, statement);
    if (!statement->cached)
        statement_free(statement);
}

static struct statement *open_sql(struct call *c, const char *sql, struct db_args args)
{
    const struct statement_key key = { .verb = STATEMENT_SQL, .text = str_from(sql) };
    return statement_open(c, &key, args.values + 1, args.count);
}

bool db_execute_(struct call *c, const char *sql, struct db_args args, int64_t *changed)
{
    if (!db_in_transaction(c))
        return fail(c, E_INTERNAL, "a write outside of db_transact");
    struct statement *statement = open_sql(c, sql, args);
    if (!statement)
        return false;
    int step;
    do {
        step = c->db->driver->step(statement, &c->error);
    } while (step == 1);
    if (step == 0 && changed)
        *changed = c->db->driver->changes(statement);
    statement_close(statement);
    return step == 0;
}

/* Which rows a locking statement wants: the same for the same words and values. */
static uint64_t rows_wanted(const char *sql, struct db_args args)
{
    uint64_t hash = str_hash(str_from(sql));
    for (int i = 1; i <= args.count; i++) {
        const struct value *value = &args.values[i];
        uint64_t one = value->type == VALUE_TEXT ? str_hash(value->text) : (uint64_t)value->integer;
        hash = (hash ^ one) * 0x100000001b3u;
    }
    return hash;
}

/* *out: the first column of the first row; NULL: nobody asks. */
static enum found lock_rows(struct call *c, int64_t *out, const char *sql, struct db_args args)
{
    const struct driver *driver = c->db->driver;
    uint64_t wanted = rows_wanted(sql, args);
    struct str locking = arena_format(&c->arena, "%s %s", sql, driver->lock_words(c->connection, wanted));
    struct cursor rows;
    bool got = false;
    for (db_rows_(c, &rows, locking.at, args); cursor_next(&rows); got = true)
        if (!got && out)
            *out = cursor_integer(&rows, 0);
    bool ok = cursor_close(&rows);
    driver->lock_asked(c->connection, wanted, ok);
    return !ok ? FAILED : got ? FOUND : NONE;
}

bool db_lock_(struct call *c, const char *sql, struct db_args args)
{
    assert(db_in_transaction(c));
    return !c->db->driver->lock_words || lock_rows(c, NULL, sql, args) != FAILED;
}

enum found db_find_locked_(struct call *c, int64_t *out, const char *sql, struct db_args args)
{
    assert(db_in_transaction(c));
    if (!c->db->driver->lock_words)
        return db_find_integer_(c, out, sql, args);
    return lock_rows(c, out, sql, args);
}

bool db_lock_integer_(struct call *c, int64_t *out, const char *sql, struct db_args args)
{
    return db_find_locked_(c, out, sql, args) == FOUND;
}

enum found db_find_free_(struct call *c, int64_t *out, const char *sql, struct db_args args)
{
    assert(db_in_transaction(c));
    const char *words = c->db->driver->free_words;
    return db_find_integer_(c, out, words ? arena_format(&c->arena, "%s %s", sql, words).at : sql, args);
}

bool db_again(struct call *c)
{
    assert(db_in_transaction(c));
    if (c->db->driver->again)
        c->db->driver->again(c->connection);
    return fail(c, E_UNAVAILABLE, "it changed while this waited for it");
}

/* ---- reading ---- */

enum found found_by(int step)
{
    return step == 1 ? FOUND : step == 0 ? NONE : FAILED;
}

enum found db_find_value_(struct call *c, struct value *out, const char *sql, struct db_args args)
{
    struct statement *statement = open_sql(c, sql, args);
    if (!statement)
        return FAILED;
    enum found found = found_by(c->db->driver->step(statement, &c->error));
    if (found == FOUND) {
        struct value value = c->db->driver->column(statement, 0);
        if (value.type == VALUE_TEXT)
            value.text = arena_copy(&c->arena, value.text);
        *out = value;
    }
    statement_close(statement);
    return found;
}

bool db_value_(struct call *c, struct value *out, const char *sql, struct db_args args)
{
    return db_find_value_(c, out, sql, args) == FOUND;
}

int64_t value_as_integer(struct value value)
{
    int64_t n = 0;
    switch (value.type) {
    case VALUE_BOOLEAN:
        return value.boolean;
    case VALUE_INTEGER:
        return value.integer;
    case VALUE_REAL:
        return value.real >= -0x1p63 && value.real < 0x1p63 ? (int64_t)value.real : 0;
    case VALUE_TEXT:
        return str_to_integer(value.text, &n) ? n : 0;
    case VALUE_NOTHING:
        break;
    }
    return 0;
}

enum found db_find_integer_(struct call *c, int64_t *out, const char *sql, struct db_args args)
{
    struct statement *statement = open_sql(c, sql, args);
    if (!statement)
        return FAILED;
    enum found found = found_by(c->db->driver->step(statement, &c->error));
    if (found == FOUND)
        *out = value_as_integer(c->db->driver->column(statement, 0));
    statement_close(statement);
    return found;
}

bool db_integer_(struct call *c, int64_t *out, const char *sql, struct db_args args)
{
    return db_find_integer_(c, out, sql, args) == FOUND;
}

bool db_ping(struct call *c)
{
    int64_t n;
    return db_integer_(c, &n, c->db->driver->sql_ping, DB_NO_ARGS);
}

bool db_clock(struct call *c, struct instant *now)
{
    const char *sql = c->db->driver->sql_clock;
    if (sql)
        return db_integer_(c, &now->us, sql, DB_NO_ARGS);
    *now = clock_now(); /* it is in this process */
    return true;
}

bool db_rows_(struct call *c, struct cursor *cursor, const char *sql, struct db_args args)
{
    struct statement *statement = open_sql(c, sql, args);
    *cursor = (struct cursor){ .call = c, .statement = statement, .open = statement, .failed = !statement };
    return statement;
}

static bool change_nothing(struct call *c, void *context)
{
    (void)context;
    return db_execute_(c, c->db->driver->sql_change_nothing, DB_NO_ARGS, NULL);
}

bool db_takes_changes(struct call *c)
{
    return db_transact(c, change_nothing, NULL);
}

void db_found_full(struct db *db)
{
    atomic_store(&db->full_us, clock_monotonic_us());
}

/* Both databases write the page of a row that came and went; of one that was set to what it was, neither does. */
static bool change_and_undo(struct call *c, void *context)
{
    return db_execute(c, "insert into schema_migrations(number, name, applied_at) values (-1, '', 0)") &&
           change_nothing(c, context);
}

bool db_has_room(struct call *c)
{
    enum { QUIET_US = 1000000 };
    int64_t full_us = atomic_load(&c->db->full_us);
    if (!full_us)
        return true;
    if (!db_transact(c, change_and_undo, NULL))
        return false;
    if (clock_monotonic_us() - full_us < QUIET_US)
        return fail(c, E_STORAGE_FULL, "the disk of the database was full a moment ago");
    atomic_compare_exchange_strong(&c->db->full_us, &full_us, 0); /* unless it was full again */
    return true;
}
