/* row_counts.c - reads what triggers count (row_counts.h). */
#include "site/row_counts.h"

#include "db/db.h"

struct counted {
    const char *name, *count;
};
#define COUNTED(NAME) \
    { \
        NAME, "select n from row_counts where name = '" NAME "'" \
    }
static const struct counted counted[ROW_KINDS] = {
    [ROWS_USERS] = COUNTED("users"),
    [ROWS_PATIENTS] = COUNTED("patients"),
    [ROWS_STUDIES] = COUNTED("studies"),
    [ROWS_SERIES] = COUNTED("series"),
};

bool row_count(struct call *c, enum row_kind kind, int64_t *count)
{
    return db_integer(c, count, counted[kind].count);
}

bool row_counts(struct call *c, int64_t counts[ROW_KINDS])
{
    struct cursor rows;
    for (int i = 0; i < ROW_KINDS; i++)
        counts[i] = 0;
    for (db_rows(c, &rows, "select name, n from row_counts"); cursor_next(&rows);)
        for (int i = 0; i < ROW_KINDS; i++)
            if (str_equal(cursor_text(&rows, 0), str_from(counted[i].name)))
                counts[i] = cursor_integer(&rows, 1);
    return cursor_close(&rows);
}
