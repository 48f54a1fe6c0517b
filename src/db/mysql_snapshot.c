/* mysql_snapshot.c - a moment of a MySQL or MariaDB database as SQL (snapshot.h). */
#include "db/mysql_driver.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    STATEMENT_BYTES = 256 << 10, /* of one insert; more only for a row that alone is longer */
    OUT_MAX_BYTES = 256 << 20,
    TABLES_MAX = 1000,
    TELL_EVERY = 1000
};
#define LAST_TABLE "schema_migrations"

struct dump {
    struct call *c;
    MYSQL *handle;
    int fd;
    struct text out;
    const struct snapshot_watch *watch;
    int64_t rows, total;
};

bool mysql_snapshot_begin(struct call *c)
{
    if (!mysql_borrow_slow(c->db, &c->connection, &c->error))
        return false;
    if (mysql_run(c->connection, S("set transaction isolation level repeatable read"), &c->error) &&
        mysql_run(c->connection, S("start transaction with consistent snapshot, read only"), &c->error))
        return true;
    db_release(c);
    return false;
}

void mysql_snapshot_end(struct call *c)
{
    db_release(c); /* the connection goes, and its transaction with it */
}

/* ---- writing ---- */

static bool fail_query(struct dump *d)
{
    return mysql_fail((struct mysql_connection *)d->c->connection, mysql_errno(d->handle), mysql_error(d->handle), NULL,
                      &d->c->error);
}

static bool flush(struct dump *d)
{
    if (d->out.overflowed)
        return fail(d->c, E_TOO_LARGE, "a row of the database is too long to be written down");
    bool ok = file_write_all(d->fd, text_str(&d->out), &d->c->error);
    text_clear(&d->out);
    return ok;
}

static void put_name(struct text *out, struct str name)
{
    text_put_char(out, '`');
    for (ptrdiff_t i = 0; i < name.len; i++) {
        if (name.at[i] == '`')
            text_put_char(out, '`');
        text_put_char(out, name.at[i]);
    }
    text_put_char(out, '`');
}

static bool is_plain(struct str s)
{
    for (ptrdiff_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < ' ' || s.at[i] == 0x7f || s.at[i] == '\'' || s.at[i] == '\\')
            return false;
    return true;
}

static void put_hex(struct text *out, struct str bytes)
{
    static const char digits[] = "0123456789abcdef";
    text_put(out, S("x'"));
    char *room = text_room(out, 2 * bytes.len);
    if (!room)
        return;
    for (ptrdiff_t i = 0; i < bytes.len; i++) {
        room[2 * i] = digits[(unsigned char)bytes.at[i] >> 4];
        room[2 * i + 1] = digits[(unsigned char)bytes.at[i] & 15];
    }
    text_grown(out, 2 * bytes.len);
    text_put_char(out, '\'');
}

static void put_value(struct text *out, const MYSQL_FIELD *field, struct str value)
{
    enum { BINARY_CHARSET = 63 };
    if (!value.at) {
        text_put(out, S("null"));
    } else if (IS_NUM(field->type)) {
        text_put(out, value);
    } else if (field->charsetnr == BINARY_CHARSET) {
        put_hex(out, value);
    } else if (is_plain(value)) {
        text_put_char(out, '\'');
        text_put(out, value);
        text_put_char(out, '\'');
    } else {
        text_put(out, S("_utf8mb4 "));
        put_hex(out, value);
    }
}

/* ---- rows ---- */

static bool tell(struct dump *d)
{
    const struct snapshot_watch *watch = d->watch;
    if (!watch || !watch->tell)
        return true;
    return watch->tell(watch->context, d->rows, d->rows > d->total ? d->rows : d->total, &d->c->error);
}

static void put_row(struct text *out, MYSQL_RES *result, MYSQL_ROW row)
{
    const MYSQL_FIELD *fields = mysql_fetch_fields(result);
    const unsigned long *lengths = mysql_fetch_lengths(result);
    text_put_char(out, '(');
    for (unsigned i = 0; i < mysql_num_fields(result); i++) {
        if (i)
            text_put_char(out, ',');
        put_value(out, &fields[i], row[i] ? (struct str){ row[i], (ptrdiff_t)lengths[i] } : STR_NULL);
    }
    text_put_char(out, ')');
}

static bool put_rows(struct dump *d, struct str table, struct str columns)
{
    struct arena *arena = &d->c->arena;
    struct str sql = arena_format(arena, "select %.*s from `%.*s`", STR_FMT(columns), STR_FMT(table));
    struct str head = arena_format(arena, "insert into `%.*s` (%.*s) values ", STR_FMT(table), STR_FMT(columns));
    if (mysql_real_query(d->handle, sql.at, (unsigned long)sql.len) != 0)
        return fail_query(d);
    MYSQL_RES *result = mysql_use_result(d->handle);
    if (!result)
        return fail_query(d);
    bool ok = true, open = false;
    for (MYSQL_ROW row; ok && (row = mysql_fetch_row(result));) {
        text_put(&d->out, open ? S(",") : head);
        open = true;
        put_row(&d->out, result, row);
        if (d->out.len > STATEMENT_BYTES) {
            text_put(&d->out, S(";\n"));
            open = false;
            ok = flush(d);
        }
        if (++d->rows % TELL_EVERY == 0)
            ok = ok && tell(d);
    }
    if (open)
        text_put(&d->out, S(";\n"));
    ok = ok && (mysql_errno(d->handle) == 0 || fail_query(d)) && flush(d);
    mysql_free_result(result); /* reads what is left of it */
    return ok;
}

/* What the server works out by itself cannot be given to it. */
static bool columns_of(struct dump *d, struct str table, struct str *out)
{
    struct cursor rows;
    struct text columns;
    text_init(&columns, 1 << 16);
    for (db_rows(d->c, &rows,
                 "select column_name from information_schema.columns where table_schema = database() and table_name = "
                 "? and coalesce(generation_expression, '') = '' order by ordinal_position",
                 V(table));
         cursor_next(&rows);) {
        if (columns.len)
            text_put_char(&columns, ',');
        put_name(&columns, cursor_text(&rows, 0));
    }
    bool ok = cursor_close(&rows) && (columns.len || fail(d->c, E_CONFLICT, "the schema of the database was changed"));
    *out = arena_copy(&d->c->arena, text_str(&columns));
    text_release(&columns);
    return ok;
}

/* ---- tables and triggers ---- */

/* "show create table": its second column, on one line. Nothing that is quoted in it holds a plain end of line. */
static bool put_table(struct dump *d, struct str table)
{
    struct str sql = arena_format(&d->c->arena, "show create table `%.*s`", STR_FMT(table));
    if (mysql_real_query(d->handle, sql.at, (unsigned long)sql.len) != 0)
        return fail_query(d);
    MYSQL_RES *result = mysql_store_result(d->handle);
    MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;
    if (row)
        for (const char *at = row[1]; *at; at++)
            text_put_char(&d->out, (char)(*at == '\n' ? ' ' : *at));
    text_put(&d->out, S(";\n"));
    mysql_free_result(result);
    return row ? flush(d) : fail_query(d);
}

/* Who made them is left out: whoever loads them has them. */
static bool put_triggers(struct dump *d)
{
    struct cursor rows;
    text_put(&d->out, S("delimiter ;;\n"));
    for (db_rows(d->c, &rows,
                 "select trigger_name, action_timing, event_manipulation, event_object_table, action_statement, "
                 "sql_mode from information_schema.triggers where trigger_schema = database() order by "
                 "event_object_table, action_timing, event_manipulation, action_order");
         cursor_next(&rows);) {
        struct str mode = cursor_text(&rows, 5);
        text_format(&d->out, "set sql_mode = '%.*s';;\ncreate trigger ", STR_FMT(mode));
        put_name(&d->out, cursor_text(&rows, 0));
        text_format(&d->out, " %.*s %.*s on ", STR_FMT(cursor_text(&rows, 1)), STR_FMT(cursor_text(&rows, 2)));
        put_name(&d->out, cursor_text(&rows, 3));
        text_put(&d->out, S(" for each row "));
        text_put(&d->out, cursor_text(&rows, 4));
        text_put(&d->out, S("\n;;\n"));
    }
    text_put(&d->out, S("delimiter ;\n"));
    return cursor_close(&rows) && flush(d);
}

/* ---- all of it ---- */

static bool list_tables(struct dump *d, struct str names[TABLES_MAX], int *count)
{
    struct cursor rows;
    *count = 0;
    for (db_rows(d->c, &rows,
                 "select table_name, coalesce(table_rows, 0) from information_schema.tables where table_schema = "
                 "database() and table_type = 'BASE TABLE' order by table_name");
         *count < TABLES_MAX && cursor_next(&rows);) {
        names[(*count)++] = arena_copy(&d->c->arena, cursor_text(&rows, 0));
        d->total += cursor_integer(&rows, 1);
    }
    return cursor_close(&rows);
}

static bool put_content(struct dump *d, struct str table)
{
    struct str columns;
    return columns_of(d, table, &columns) && put_rows(d, table, columns);
}

static bool put_all(struct dump *d)
{
    struct str *names = arena_array(&d->c->arena, struct str, TABLES_MAX);
    int count;
    bool ok = list_tables(d, names, &count);
    text_put(&d->out,
             S("-- A database of Roentgen. To be read by the programs mariadb or mysql into an empty database.\n"
               "set names utf8mb4;\nset time_zone = '+00:00';\nset foreign_key_checks = 0;\nset unique_checks = 0;\n"
               "set sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,"
               "NO_BACKSLASH_ESCAPES';\n"));
    for (int i = 0; ok && i < count; i++)
        ok = put_table(d, names[i]);
    text_put(&d->out, S("begin;\n"));
    for (int i = 0; ok && i < count; i++)
        ok = str_equal(names[i], S(LAST_TABLE)) || put_content(d, names[i]);
    text_put(&d->out, S("commit;\n"));
    return ok && put_triggers(d) && put_content(d, S(LAST_TABLE)) && tell(d);
}

bool mysql_snapshot_copy(struct call *c, const char *path, const struct snapshot_watch *watch)
{
    struct dump d = { .c = c, .handle = ((struct mysql_connection *)c->connection)->handle, .watch = watch };
    d.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (d.fd < 0)
        return file_fail(&c->error, "make", path, errno);
    text_init(&d.out, OUT_MAX_BYTES);
    bool ok = put_all(&d) && (fsync(d.fd) == 0 || file_fail(&c->error, "sync", path, errno));
    text_release(&d.out);
    close(d.fd);
    return ok;
}
