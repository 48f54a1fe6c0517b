/* cursor.c - the rows of a statement, one after another. */
#include "db/driver.h"

#include <assert.h>

bool cursor_next(struct cursor *cursor)
{
    if (!cursor->open)
        return false;
    int step = cursor->call->db->driver->step(cursor->statement, &cursor->call->error);
    cursor->failed |= step < 0;
    return step == 1;
}

struct value cursor_value(struct cursor *cursor, int column)
{
    struct statement *statement = cursor->statement;
    assert(cursor->open && column >= 0 && column < statement->columns);
    return cursor->call->db->driver->column(statement, column);
}

struct str cursor_text(struct cursor *cursor, int column)
{
    struct value value = cursor_value(cursor, column);
    return value.type == VALUE_TEXT ? value.text : STR_NULL;
}

int64_t cursor_integer(struct cursor *cursor, int column)
{
    return value_as_integer(cursor_value(cursor, column));
}

bool cursor_record(struct cursor *cursor, int first, const struct schema *schema, uint64_t mask, void *record,
                   bool copy)
{
    assert(cursor->open);
    struct statement *statement = cursor->statement;
    bool ok = record_load(cursor->call, statement, first, schema, mask, record, copy);
    cursor->unknown = !ok && !cursor->failed && statement->load_unknown;
    cursor->failed |= !ok;
    return ok;
}

bool cursor_leaves_out(struct cursor *cursor)
{
    bool unknown = cursor->unknown;
    if (unknown) {
        error_clear(&cursor->call->error);
        cursor->failed = cursor->unknown = false;
    }
    return unknown;
}

bool cursor_close(struct cursor *cursor)
{
    if (cursor->open)
        statement_close(cursor->statement);
    cursor->open = false;
    cursor->statement = NULL;
    return !cursor->failed;
}
