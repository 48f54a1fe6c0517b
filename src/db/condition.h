/* condition.h - a condition of a select with the values of its `?`, so that who says which rows count and who makes the
 * list of them agree. */
#ifndef ROENTGEN_CONDITION_H
#define ROENTGEN_CONDITION_H

#include "base/value.h"

/* `sql` with one `?` for `value` (none when `value` is nothing and there is no `?`). */
struct condition {
    const char *sql;
    struct value value;
    struct value more[3];     /* for further `?` */
    const struct value *rest; /* and for those after them */
    int rest_count;
    /* Of a scope: its own FROM, with tables in the order in which rows are found, when few are found so that sorting
     * them beats walking the order's index. NULL: the row's table. */
    const char *from;
    bool repeats; /* that FROM may give a row more than once */
    /* Of a scope: where `search` looks, when not into the listing's table by the listing's id. */
    const char *search_table, *search_id;
};

#endif
