/* mysql_statement.c - prepared statements of MySQL/MariaDB.
 *
 * A result is fetched whole before its first row is handed out, so that other statements can run on the connection
 * while a cursor is open; lists are bounded by their callers. Columns arrive in buffers that grow to the longest value
 * met.
 */
#include "db/mysql_driver.h"

enum { COLUMN_BYTES_FIRST = 256 };

static struct mysql_statement *own(struct statement *statement)
{
    return (struct mysql_statement *)statement;
}

static bool failed(struct mysql_statement *s, struct error *error)
{
    struct mysql_connection *connection = (struct mysql_connection *)s->base.connection;
    unsigned number = mysql_stmt_errno(s->handle);
    s->base.stale = number == 1243 || number == 1615 || number == 2057;
    return mysql_fail(connection, number, mysql_stmt_error(s->handle), s->sql, error);
}

static void *clear_array(size_t count, size_t size)
{
    void *array = calloc(count ? count : 1, size);
    if (!array)
        abort();
    return array;
}

/* ---- preparing ---- */

static void bind_column(MYSQL_BIND *bind, struct mysql_column *column, const MYSQL_FIELD *field)
{
    column->sent_as = field->type;
    column->decimals = field->decimals;
    bind->is_null = &column->null;
    bind->error = &column->truncated;
    bind->length = &column->length;
    switch (field->type) {
    case MYSQL_TYPE_NEWDECIMAL:
    case MYSQL_TYPE_DECIMAL:
        /* sum() of integers is DECIMAL without decimals here, and INTEGER on SQLite. */
        column->type = field->decimals ? VALUE_REAL : VALUE_INTEGER;
        break;
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
        column->type = VALUE_REAL;
        break;
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
        column->type = VALUE_INTEGER;
        break;
    default:
        column->type = VALUE_TEXT;
    }
    if (column->type == VALUE_INTEGER) {
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->buffer = &column->integer;
    } else if (column->type == VALUE_REAL) {
        bind->buffer_type = MYSQL_TYPE_DOUBLE;
        bind->buffer = &column->real;
    } else {
        if (!column->bytes) {
            column->bytes = clear_array(1, COLUMN_BYTES_FIRST);
            column->capacity = COLUMN_BYTES_FIRST;
        }
        bind->buffer_type = MYSQL_TYPE_STRING;
        bind->buffer = column->bytes;
        bind->buffer_length = column->capacity;
    }
}

/* What a column is may be known only when the parameters are: `select ?`, `coalesce(?, x)`. */
static void bind_columns(struct mysql_statement *s)
{
    for (int i = 0; i < s->base.columns; i++) {
        const MYSQL_FIELD *field = &s->handle->fields[i];
        if (!s->binds[i].length || s->columns[i].sent_as != field->type || s->columns[i].decimals != field->decimals)
            bind_column(&s->binds[i], &s->columns[i], field);
    }
}

void mysql_finalize(struct statement *statement)
{
    struct mysql_statement *s = own(statement);
    mysql_stmt_close(s->handle);
    for (int i = 0; i < s->base.columns; i++)
        free(s->columns[i].bytes);
    free(s->columns);
    free(s->binds);
    free(s->parameters);
    free((void *)s->sql);
    free(s);
}

struct statement *mysql_prepare(struct db_connection *base, struct str sql, struct error *error)
{
    struct mysql_connection *connection = (struct mysql_connection *)base;
    struct mysql_statement *s = clear_array(1, sizeof(*s));
    char *text = clear_array(1, (size_t)sql.len + 1);
    memcpy(text, sql.at, (size_t)sql.len);
    s->sql = text;
    s->base.connection = base;
    s->handle = mysql_stmt_init(connection->handle);
    if (!s->handle)
        abort();
    if (mysql_stmt_prepare(s->handle, sql.at, (unsigned long)sql.len)) {
        failed(s, error);
        mysql_finalize(&s->base);
        return NULL;
    }
    s->base.parameters = (int)mysql_stmt_param_count(s->handle);
    s->parameters = clear_array((size_t)s->base.parameters, sizeof(*s->parameters));
    s->base.columns = (int)mysql_stmt_field_count(s->handle);
    s->binds = clear_array((size_t)s->base.columns, sizeof(*s->binds));
    s->columns = clear_array((size_t)s->base.columns, sizeof(*s->columns));
    return &s->base;
}

/* ---- running ---- */

static void bind_parameter(MYSQL_BIND *bind, const struct value *value)
{
    *bind = (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_NULL };
    switch (value->type) {
    case VALUE_NOTHING:
        break;
    case VALUE_BOOLEAN:
        bind->buffer_type = MYSQL_TYPE_TINY;
        bind->buffer = (void *)&value->boolean;
        break;
    case VALUE_INTEGER:
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->buffer = (void *)&value->integer;
        break;
    case VALUE_REAL:
        bind->buffer_type = MYSQL_TYPE_DOUBLE;
        bind->buffer = (void *)&value->real;
        break;
    case VALUE_TEXT:
        if (!value->text.at)
            break;
        bind->buffer_type = MYSQL_TYPE_STRING;
        bind->buffer = (void *)value->text.at;
        bind->buffer_length = (unsigned long)value->text.len;
        break;
    }
}

bool mysql_start(struct statement *statement, const struct value *values, struct error *error)
{
    struct mysql_statement *s = own(statement);
    struct mysql_connection *connection = (struct mysql_connection *)statement->connection;
    if (connection->base.writing &&
        connection->conflicted) /* the server has undone the transaction: nothing may follow */
        return error_set(error, E_UNAVAILABLE, "the transaction was undone by a conflict");
    for (int i = 0; i < statement->parameters; i++)
        bind_parameter(&s->parameters[i], &values[i]);
    if (statement->parameters && mysql_stmt_bind_param(s->handle, s->parameters))
        return failed(s, error);
    if (mysql_stmt_execute(s->handle))
        return failed(s, error);
    if (!statement->columns)
        return true;
    if ((int)mysql_stmt_field_count(s->handle) != statement->columns) {
        statement->stale = true; /* `select *` after the table changed */
        return error_set(error, E_UNAVAILABLE, "the tables changed under a statement");
    }
    bind_columns(s);
    s->rebind = false;
    if (mysql_stmt_bind_result(s->handle, s->binds))
        return failed(s, error);
    if (mysql_stmt_store_result(s->handle)) {
        /* A deadlock, say, told after the columns and in place of the rows. The library believes that these are still
         * to come, and would wait for them before it runs the statement again. */
        failed(s, error);
        statement->stale = true;
        return false;
    }
    return true;
}

/* The value did not fit: its buffer grows, and this one is fetched again. */
static bool grow(struct mysql_statement *s, int index, struct error *error)
{
    struct mysql_column *column = &s->columns[index];
    if (column->length > MYSQL_VALUE_MAX)
        return error_set(error, E_INTERNAL, "database: a value of more than %d bytes", MYSQL_VALUE_MAX);
    unsigned long capacity = column->capacity;
    while (capacity < column->length)
        capacity *= 2;
    char *bytes = realloc(column->bytes, capacity);
    if (!bytes)
        abort();
    column->bytes = bytes;
    column->capacity = capacity;
    s->binds[index].buffer = bytes;
    s->binds[index].buffer_length = capacity;
    s->rebind = true;
    return mysql_stmt_fetch_column(s->handle, &s->binds[index], (unsigned)index, 0) == 0 || failed(s, error);
}

static bool complete_row(struct mysql_statement *s, struct error *error)
{
    for (int i = 0; i < s->base.columns; i++) {
        struct mysql_column *column = &s->columns[i];
        if (column->null)
            continue;
        if (column->type == VALUE_TEXT) {
            if (column->length > column->capacity && !grow(s, i, error))
                return false;
        } else if (column->type == VALUE_INTEGER && column->truncated) {
            return error_set(error, E_INTERNAL, "database: a number that does not fit 64 bits");
        }
    }
    return true;
}

int mysql_step(struct statement *statement, struct error *error)
{
    struct mysql_statement *s = own(statement);
    if (!statement->columns)
        return 0;
    if (s->rebind) {
        s->rebind = false;
        if (mysql_stmt_bind_result(s->handle, s->binds)) {
            failed(s, error);
            return -1;
        }
    }
    int code = mysql_stmt_fetch(s->handle);
    if (code == MYSQL_NO_DATA)
        return 0;
    if (code != 0 && code != MYSQL_DATA_TRUNCATED) {
        failed(s, error);
        return -1;
    }
    return complete_row(s, error) ? 1 : -1;
}

struct value mysql_column(struct statement *statement, int index)
{
    const struct mysql_column *column = &own(statement)->columns[index];
    if (column->null)
        return value_nothing();
    switch (column->type) {
    case VALUE_INTEGER:
        return (struct value){ .type = VALUE_INTEGER, .integer = column->integer };
    case VALUE_REAL:
        return (struct value){ .type = VALUE_REAL, .real = column->real };
    default:
        return (struct value){ .type = VALUE_TEXT, .text = { column->bytes, (ptrdiff_t)column->length } };
    }
}

int64_t mysql_changes(struct statement *statement)
{
    return (int64_t)mysql_stmt_affected_rows(own(statement)->handle);
}

int64_t mysql_insert_id_of(struct statement *statement)
{
    return (int64_t)mysql_stmt_insert_id(own(statement)->handle);
}

void mysql_reset(struct statement *statement)
{
    if (statement->columns)
        mysql_stmt_free_result(own(statement)->handle);
}
