/* migrate.c - the schema's versions: applied, undone, listed, and checked against what this binary expects. */
#include "db/driver.h"

#include <assert.h>

static const char versions_table[] = "schema_migrations";

/* ---- where the database is ---- */

static bool table_exists(struct call *c, const char *table, bool *exists)
{
    int64_t count = 0;
    if (!db_integer(c, &count, c->db->driver->sql_tables, V(str_from(table))))
        return false;
    *exists = count > 0;
    return true;
}

bool migrate_current(struct call *c, int *number)
{
    bool exists = false;
    int64_t at = 0;
    if (!table_exists(c, versions_table, &exists))
        return false;
    if (exists && !db_integer(c, &at, "select coalesce(max(number), 0) from schema_migrations"))
        return false;
    *number = (int)at;
    return true;
}

static const struct migration *list_of(struct call *c, const struct migrations *migrations)
{
    return c->db->driver == &driver_sqlite ? migrations->sqlite : migrations->mysql;
}

/* ---- one step ---- */

static int count_statements(const char *sql)
{
    struct str rest = str_from(sql), statement;
    int count = 0;
    while (sql_next(&rest, &statement))
        count++;
    return count;
}

/* Runs the statements; *failed_at is the number of the one that failed. */
static bool run_statements(struct call *c, const char *sql, int *failed_at)
{
    struct str rest = str_from(sql), statement;
    *failed_at = 0;
    while (sql_next(&rest, &statement)) {
        ++*failed_at;
        if (!c->db->driver->run(c->connection, statement, &c->error))
            return false;
    }
    *failed_at = 0;
    return true;
}

struct step {
    const struct migrations *migrations;
    int from, to; /* neighbours */
    bool moved;   /* somebody else was faster */
};

static const struct migration *migration_of(struct call *c, const struct step *step)
{
    return &list_of(c, step->migrations)[(step->to > step->from ? step->to : step->from) - 1];
}

static bool make_versions_table(struct call *c)
{
    return c->db->driver->run(c->connection,
                              S("create table if not exists schema_migrations (number bigint not null primary key, "
                                "name varchar(200) not null, applied_at bigint not null)"),
                              &c->error);
}

static bool record_step(struct call *c, void *context)
{
    const struct step *step = context;
    const struct migration *migration = migration_of(c, step);
    if (step->to < step->from)
        return db_execute(c, "delete from schema_migrations where number = ?", V(migration->number));
    return db_execute(c, "insert into schema_migrations(number, name, applied_at) values (?, ?, ?)",
                      V(migration->number), V(str_from(migration->name)), V(clock_now()));
}

/* The first cause stays in an error, so what it was part of is put before it by hand. */
static bool explain(struct call *c, const struct migration *migration, const char *sql, int failed_at)
{
    struct error cause = c->error;
    error_clear(&c->error);
    c->error.retry_after_s = cause.retry_after_s;
    if (c->db->driver->transactional_schema || failed_at == 1)
        return fail(c, cause.code ? cause.code : E_INTERNAL, "migration %s: statement %d of %d: %s", migration->name,
                    failed_at, count_statements(sql), cause.message);
    return fail(
        c, cause.code ? cause.code : E_INTERNAL,
        "migration %s: statement %d of %d: %s. The statements before it stay applied, because this database cannot "
        "undo schema changes: restore a backup, or mend by hand",
        migration->name, failed_at, count_statements(sql), cause.message);
}

static bool apply(struct call *c, struct step *step)
{
    const struct migration *migration = migration_of(c, step);
    const char *sql = step->to > step->from ? migration->up : migration->down;
    int current, failed_at;
    if (!make_versions_table(c) || !migrate_current(c, &current))
        return false;
    step->moved = current != step->from;
    if (step->moved)
        return true;
    return run_statements(c, sql, &failed_at) || explain(c, migration, sql, failed_at);
}

static bool apply_and_record(struct call *c, void *context)
{
    struct step *step = context;
    return apply(c, step) && (step->moved || record_step(c, step));
}

static bool take_step(struct call *c, struct step *step)
{
    step->moved = false;
    if (c->db->driver->transactional_schema)
        return db_transact(c, apply_and_record, step);
    return apply(c, step) && (step->moved || db_transact(c, record_step, step));
}

static bool take_steps(struct call *c, const struct migrations *migrations, int target,
                       void (*tell)(const char *line, void *context), void *context)
{
    for (;;) {
        struct step step = { .migrations = migrations };
        if (!migrate_current(c, &step.from))
            return false;
        if (step.from > migrations->count)
            return fail(c, E_UNAVAILABLE,
                        "the database is at migration %d, which this binary does not know (it ends at %d)", step.from,
                        migrations->count);
        if (step.from == target)
            return true;
        step.to = step.from < target ? step.from + 1 : step.from - 1;
        int64_t start = clock_monotonic_us();
        if (!take_step(c, &step))
            return false;
        if (step.moved || !tell)
            continue;
        tell(arena_cstring(&c->arena,
                           arena_format(&c->arena, "%s %s (%" PRId64 " ms)", step.to > step.from ? "up" : "down",
                                        migration_of(c, &step)->name, (clock_monotonic_us() - start) / 1000)),
             context);
    }
}

bool migrate_to(struct call *c, const struct migrations *migrations, int target,
                void (*tell)(const char *line, void *context), void *context)
{
    if (target < 0 || target > migrations->count)
        return fail(c, E_INVALID, "there is no migration %d: they go from 0 to %d", target, migrations->count);
    assert(!db_in_transaction(c));
    if (!c->db->driver->migrate_begin(c))
        return false;
    bool ok = take_steps(c, migrations, target, tell, context);
    c->db->driver->migrate_end(c);
    return ok;
}

/* ---- what going down would lose ---- */

struct losses {
    struct call *c;
    void (*tell)(struct str what, int64_t rows, void *context);
    void *context;
};

/* "drop table NAME ..." with `words` "drop table": NAME; null: it is something else. */
static struct str name_after(struct str statement, struct str words)
{
    ptrdiff_t at = str_find(statement, words), end;
    if (at < 0)
        return STR_NULL;
    struct str rest = str_trim(str_slice(statement, at + words.len, statement.len));
    for (end = 0; end < rest.len && !strchr(" ,\n\t(", rest.at[end]); end++)
        continue;
    return str_slice(rest, 0, end);
}

/* What a later step of the way made is not there yet: no loss. */
static void tell_loss(const struct losses *losses, struct str what, struct str sql)
{
    int64_t rows = 0;
    if (db_find_integer(losses->c, &rows, sql.at) == FAILED)
        error_clear(&losses->c->error);
    if (rows > 0)
        losses->tell(what, rows, losses->context);
}

static void tell_losses_of(const struct losses *losses, struct str statement)
{
    struct arena *arena = &losses->c->arena;
    struct str dropped = name_after(statement, S("drop table ")), altered = name_after(statement, S("alter table "));
    if (dropped.len)
        tell_loss(losses, dropped, arena_format(arena, "select count(*) from %.*s", STR_FMT(dropped)));
    struct str words = S("drop column ");
    for (ptrdiff_t at; altered.len && (at = str_find(statement, words)) >= 0;
         statement = str_slice(statement, at + words.len, statement.len)) {
        struct str column = name_after(statement, words);
        if (str_find(statement, arena_format(arena, "add column %.*s ", STR_FMT(column))) >= 0)
            continue; /* it is only made anew */
        tell_loss(
            losses, arena_format(arena, "%.*s.%.*s", STR_FMT(altered), STR_FMT(column)),
            arena_format(arena, "select count(*) from %.*s where %.*s is not null", STR_FMT(altered), STR_FMT(column)));
    }
}

bool migrate_losses(struct call *c, const struct migrations *migrations, int target,
                    void (*tell)(struct str what, int64_t rows, void *context), void *context)
{
    struct losses losses = { c, tell, context };
    int current;
    if (!migrate_current(c, &current))
        return false;
    for (int i = current; i > target && i <= migrations->count; i--) {
        struct str rest = str_from(list_of(c, migrations)[i - 1].down), statement;
        while (sql_next(&rest, &statement))
            tell_losses_of(&losses, statement);
    }
    return true;
}

/* ---- telling ---- */

static void put_applied(struct text *out, int64_t number, struct str name, int64_t applied_at, bool known)
{
    char when[INSTANT_TEXT_MAX];
    ptrdiff_t len = instant_write((struct instant){ applied_at }, when);
    text_format(out, "%4" PRId64 "  %-40.*s  applied %.*s%s\n", number, STR_FMT(name), (int)len, when,
                known ? "" : "  (unknown to this binary)");
}

bool migrate_history(struct call *c, const struct migrations *migrations, struct text *out)
{
    const struct migration *list = list_of(c, migrations);
    bool exists = false;
    int last = 0;
    if (!table_exists(c, versions_table, &exists))
        return false;
    if (exists) {
        struct cursor rows;
        for (db_rows(c, &rows, "select number, name, applied_at from schema_migrations order by number");
             cursor_next(&rows);) {
            last = (int)cursor_integer(&rows, 0);
            put_applied(out, last, cursor_text(&rows, 1), cursor_integer(&rows, 2), last <= migrations->count);
        }
        if (!cursor_close(&rows))
            return false;
    }
    for (int i = last; i < migrations->count; i++)
        text_format(out, "%4d  %-40s  pending\n", list[i].number, list[i].name);
    return true;
}

/* Two branches may have made a migration of the same number: then the tables are not what the number says. */
static bool check_names(struct call *c, const struct migrations *migrations)
{
    const struct migration *list = list_of(c, migrations);
    struct cursor rows;
    bool same = true;
    for (db_rows(c, &rows, "select number, name from schema_migrations order by number"); same && cursor_next(&rows);) {
        int64_t number = cursor_integer(&rows, 0);
        if (number < 1 || number > migrations->count)
            continue;
        same = str_equal(cursor_text(&rows, 1), str_from(list[number - 1].name));
        if (!same)
            fail(c, E_UNAVAILABLE, "migration %d is %s here and %.*s in the database: it was made by another build",
                 (int)number, list[number - 1].name, STR_FMT(cursor_text(&rows, 1)));
    }
    cursor_close(&rows);
    return same && !c->error.code;
}

bool migrate_check(struct call *c, const struct migrations *migrations)
{
    int current;
    if (!migrate_current(c, &current))
        return false;
    if (current == 0 && migrations->count > 0)
        return fail(c, E_UNAVAILABLE, "the database is empty: run `roentgen init-db`");
    if (current < migrations->count)
        return fail(c, E_UNAVAILABLE,
                    "the database is at migration %d and this binary needs %d: run `roentgen migrate up`", current,
                    migrations->count);
    if (current > migrations->count)
        return fail(
            c, E_UNAVAILABLE,
            "the database is at migration %d and this binary knows only %d: install the newer version, or let it run "
            "`roentgen migrate down` to %d",
            current, migrations->count, migrations->count);
    return current == 0 || check_names(c, migrations);
}

/* ---- tables against fields ---- */

static bool column_names(struct call *c, const char *table, struct text *names)
{
    struct cursor rows;
    text_put_char(names, ' ');
    for (db_rows(c, &rows, c->db->driver->sql_columns, V(str_from(table))); cursor_next(&rows);) {
        text_put(names, cursor_text(&rows, 0));
        text_put_char(names, ' ');
    }
    return cursor_close(&rows);
}

static int check_column(const struct text *names, const struct schema *schema, const char *column, const char *suffix,
                        struct text *complaints)
{
    char padded[160];
    snprintf(padded, sizeof(padded), " %s%s ", column, suffix);
    if (str_find(text_str(names), str_from(padded)) >= 0)
        return 0;
    text_format(complaints, "%s: table %s has no column %s%s\n", schema->name, schema->table, column, suffix);
    return 1;
}

/* What the joined expressions refer to shows when the database reads the whole select. */
static int check_select(struct call *c, const struct schema *schema, struct text *complaints)
{
    const struct statement_key key = { .verb = STATEMENT_GET, .schema = schema, .text = S("where 1 = 0") };
    struct statement *statement = statement_open(c, &key, NULL, 0);
    if (statement) {
        statement_close(statement);
        return 0;
    }
    text_format(complaints, "%s: %s\n", schema->name, c->error.message);
    return 1;
}

int db_check_schema(struct call *c, const struct schema *schema, struct text *complaints)
{
    if (!schema->table)
        return 0;
    struct error before = c->error;
    struct text names;
    int wrong = 0;
    error_clear(&c->error);
    text_init(&names, 1 << 16);
    if (!column_names(c, schema->table, &names)) {
        text_format(complaints, "%s: %s\n", schema->name, c->error.message);
        wrong++;
    } else if (names.len <= 1) {
        text_format(complaints, "%s: there is no table %s\n", schema->name, schema->table);
        wrong++;
    } else {
        for (int i = 0; i < schema->count; i++) {
            const struct field *field = &schema->fields[i];
            if (!field_is_column(field))
                continue;
            wrong += check_column(&names, schema, field->name, "", complaints);
            if (field->flags & HASHED)
                wrong += check_column(&names, schema, field->name, "_hash", complaints);
        }
        if (!wrong)
            wrong += check_select(c, schema, complaints);
    }
    text_release(&names);
    c->error = before;
    return wrong;
}
