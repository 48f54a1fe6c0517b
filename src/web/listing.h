/* listing.h - lists: filters, order, pages and totals, for every list endpoint.
 *
 *     #define USER_SORTS(X) X("created_at", "u.created_at") X("name", "u.full_name")
 *     LIST_ORDER(user_order, USER_SORTS);
 *     struct user_list { struct list_query list; unsigned status; };
 *     static const struct field user_list_fields[] = {
 *         LIST_FIELDS(struct user_list, user_order, "-created_at"),
 *         FIELD(struct user_list, status, .choices = user_statuses, .type = "UserStatus", .filter = "u.status = ?",
 *               .doc = "..."),
 *     };
 *     static const struct listing user_listing = { .row = &user_schema, .where = "u.is_deleted = 0", .id = "u.id",
 *         .order = &user_order };
 *     return list_answer(c, &user_listing, (struct list_among){ 0 });
 *
 * Members of the input with `filter` become conditions when given. Pages come by number (page, page_size) or by
 * cursor (after), which costs the same wherever it points: the order is always (sort column, id), and the cursor
 * holds both of the last row. A numbered page costs a walk past all rows before it: one past the end is empty without
 * a look, one that begins behind LIST_OFFSET_MAX rows is refused. Rows go from the database straight into the answer.
 * Totals come from a maintained counter where the caller has one; otherwise matches are counted up to LIST_COUNT_MAX
 * and the answer says so (total_is_lower_bound).
 *
 * The listing is static; conditions and what they point to live until list_answer returns. False: a problem says which
 * member of the query cannot be (a cursor of another sort, a page too deep), or the database failed; what had been
 * written of the answer is not sent.
 */
#ifndef ROENTGEN_LISTING_H
#define ROENTGEN_LISTING_H

#include "web/exchange.h"
#include "db/condition.h"

enum { LIST_COUNT_MAX = 10000, LIST_OFFSET_MAX = 10000 };

struct list_query {
    int64_t page, page_size;
    struct str after;
    unsigned sort;
};

/* The orders of a list: one row X(name, SQL column) each, both ways. */
struct list_order {
    const char *const *names;   /* the choices of `sort`: each name, and each with a leading '-' */
    const char *const *columns; /* of each name, in the same order */
    int count;
};
#define LIST_ORDER_NAMES(name, column) name, "-" name,
#define LIST_ORDER_COLUMNS(name, column) column, column,
#define LIST_ORDER(ORDER, ROWS) \
    static const char *const ORDER##_names[] = { ROWS(LIST_ORDER_NAMES) NULL }; \
    static const char *const ORDER##_columns[] = { ROWS(LIST_ORDER_COLUMNS) }; \
    static const struct list_order ORDER = { ORDER##_names, ORDER##_columns, \
                                             (int)(sizeof(ORDER##_columns) / sizeof(ORDER##_columns[0])) }

#define LIST_FIELDS(T, order, first) \
    { .name = "page", \
      .kind = &kind_integer, \
      .offset = offsetof(T, list.page), \
      .min = 1, \
      .max = 1000000, \
      .fallback = "1", \
      .doc = "Which page, from 1; only of the first 10,000 rows." }, \
        { .name = "page_size", \
          .kind = &kind_integer, \
          .offset = offsetof(T, list.page_size), \
          .min = 1, \
          .max = 100, \
          .fallback = "20", \
          .doc = "Rows on a page." }, \
        { .name = "after", \
          .kind = &kind_text, \
          .offset = offsetof(T, list.after), \
          .max = 600, \
          .doc = "`next` of an earlier answer with the same sort: the rows after it." }, \
    { \
        .name = "sort", .kind = &kind_choice, .offset = offsetof(T, list.sort), .choices = order##_names, \
        .type = #order, .fallback = first, .doc = "Order of the rows; with a minus the other way." \
    }

struct listing {
    const struct schema *row;
    /* FROM with tables in the order in which rows are found, when the order's column is of another table; NULL: the
     * row's. */
    const char *from;
    const char *where;                            /* always true for rows of this list; NULL: nothing */
    const char *id;                               /* "f.id": unique, ends every order */
    const struct list_order *order;               /* has the names of the input's, in their order */
    const char *search_table;                     /* for the member `search`, when the input has one */
    void (*derive)(struct call *c, void *record); /* fills members that no column holds; may be NULL */
    int count_max;                                /* so many matches are counted at most; 0: LIST_COUNT_MAX */
};

/* What a maintained counter says of a list. */
struct list_total {
    bool is_known; /* false: matches are counted */
    int64_t rows;
};

/* Which of the listing's rows, beside what the input's own members with `filter` ask for. All of it may be left out. */
struct list_among {
    const struct condition *conditions; /* hold for every row */
    int condition_count;
    /* Alternatives; a row is listed when any of them holds. The page is the merge of the scopes' own pages, so that
     * each uses its own index. A scope's own FROM may give the row's alias to something that says other than the
     * row's table does: then orders and filters go by that. None: no such restriction. */
    const struct condition *scopes;
    int scope_count;
    struct list_total total;
};
bool list_answer(struct call *c, const struct listing *listing, struct list_among among);
/* Is the input's list unfiltered (no member with `filter` or `search` given)? Then a counter knows the total. */
bool list_is_plain(const struct call *c);

#endif
