/* listing.c - builds and runs the SQL of a list. All text in it is ours; what the caller sent travels as parameters. */
#include "web/listing.h"

#include "base/crypto.h"
#include "base/log.h"
#include "schema/json.h"

#include <assert.h>

enum { SQL_MAX = 32768, ARGS_MAX = 512 };

struct plan {
    struct call *c;
    const struct listing *listing;
    const struct list_query *query;
    struct list_among among;
    const char *column; /* of the order */
    bool descending;
    struct value after_key, after_id; /* nothing: no cursor */
    struct text sql;
    struct value args[ARGS_MAX + 1];
    int count;
    bool asks_too_much; /* more values, or a longer statement, than fit here */
    uint64_t members;   /* of a row, that are read */
    int64_t page_rows;  /* asked of the database: one more than shown, to know whether a next page exists */
};

static void bind(struct plan *p, struct value value)
{
    if (p->count < ARGS_MAX)
        p->args[++p->count] = value;
    else
        p->asks_too_much = true;
}

/* False: it has more values, or is longer, than fits here; bounds of the input say what that would take. */
static bool is_statement(struct plan *p)
{
    return (!p->asks_too_much && !p->sql.overflowed) ||
           fail(p->c, E_INVALID, "this asks for too much at once: for fewer modalities, say");
}

static struct db_args args_of(struct plan *p)
{
    return (struct db_args){ p->args, p->count };
}

/* ---- cursors: base64 of "sort|key|id" ---- */

static const char *sort_name(const struct plan *p)
{
    return p->listing->order->names[p->query->sort - 1];
}

static struct str make_cursor(struct plan *p, struct value key, int64_t id)
{
    struct arena *arena = &p->c->arena;
    struct str text = key.type == VALUE_TEXT
                          ? arena_format(arena, "%s|t%.*s|%" PRId64, sort_name(p), STR_FMT(key.text), id)
                          : arena_format(arena, "%s|i%" PRId64 "|%" PRId64, sort_name(p), key.integer, id);
    return crypto_base64(text, arena);
}

static bool bad_cursor(struct plan *p)
{
    return error_add_problem(&p->c->error, &p->c->arena, "query", S("after"), "bad_cursor",
                             "this is not a cursor of a list with this sort");
}

static bool read_cursor(struct plan *p)
{
    struct str text, sort, rest;
    int64_t id, number;
    p->after_key = p->after_id = value_nothing();
    if (str_is_empty(p->query->after))
        return true;
    if (!crypto_unbase64(p->query->after, &p->c->arena, &text) || !str_is_utf8(text) ||
        !str_cut(text, '|', &sort, &rest) || !str_equal(sort, str_from(sort_name(p))) || rest.len < 3)
        return bad_cursor(p);
    ptrdiff_t bar = rest.len;
    while (bar > 0 && rest.at[bar - 1] != '|')
        bar--;
    struct str id_text = str_slice(rest, bar, rest.len);
    struct str key = str_slice(rest, 1, bar - 1);
    if (bar < 2 || !str_to_integer(id_text, &id))
        return bad_cursor(p);
    if (rest.at[0] == 't')
        p->after_key = value_text(key);
    else if (rest.at[0] == 'i' && str_to_integer(key, &number))
        p->after_key = value_integer(number);
    else
        return bad_cursor(p);
    p->after_id = value_integer(id);
    return true;
}

/* ---- conditions ---- */

static void put_and(struct plan *p, bool *first)
{
    text_put(&p->sql, *first ? S(" where ") : S(" and "));
    *first = false;
}

static void put_condition(struct plan *p, const struct condition *condition, bool *first)
{
    put_and(p, first);
    text_put(&p->sql, str_from(condition->sql));
    if (condition->value.type != VALUE_NOTHING)
        bind(p, condition->value);
    for (int i = 0; i < 3 && condition->more[i].type != VALUE_NOTHING; i++)
        bind(p, condition->more[i]);
    for (int i = 0; i < condition->rest_count; i++)
        bind(p, condition->rest[i]);
}

static void put_search(struct plan *p, const struct condition *scope)
{
    bool elsewhere = scope && scope->search_table;
    search_condition(&p->sql, p->c->db, elsewhere ? scope->search_table : p->listing->search_table,
                     elsewhere ? scope->search_id : p->listing->id);
}

static void put_filters(struct plan *p, const struct condition *scope, bool *first)
{
    struct call *c = p->c;
    const struct schema *in = exchange_of(c)->endpoint->in;
    for (int i = 0; i < in->count; i++) {
        const struct field *field = &in->fields[i];
        const void *member = (const char *)c->in + field->offset;
        struct value value = field->kind->store(field, member, &c->arena);
        bool is_search = p->listing->search_table && !strcmp(field->name, "search");
        if ((!field->filter && !is_search) || value.type == VALUE_NOTHING || !(c->given & GIVEN(i)))
            continue;
        struct str phrase = is_search ? search_phrase(c->db, &c->arena, value.text) : STR_NULL;
        if (is_search && !phrase.at)
            continue; /* nothing but spaces and marks: it is part of every name */
        put_and(p, first);
        if (is_search) {
            put_search(p, scope);
            value = value_text(phrase);
        } else {
            text_put(&p->sql, str_from(field->filter));
        }
        bind(p, value);
    }
}

static void put_where(struct plan *p, const struct condition *scope, bool with_cursor)
{
    bool first = true;
    if (p->listing->where) {
        put_and(p, &first);
        text_put(&p->sql, scope && scope->from ? S("+") : S("")); /* a unary plus keeps an index from being used */
        text_put(&p->sql, str_from(p->listing->where));
    }
    if (scope)
        put_condition(p, scope, &first);
    for (int i = 0; i < p->among.condition_count; i++)
        put_condition(p, &p->among.conditions[i], &first);
    put_filters(p, scope, &first);
    if (with_cursor && p->after_id.type != VALUE_NOTHING) {
        const char *beyond = p->descending ? "<" : ">";
        put_and(p, &first);
        text_format(&p->sql, "%s %s= ? and (%s %s ? or %s %s ?)", p->column, beyond, p->column, beyond, p->listing->id,
                    beyond);
        bind(p, p->after_key);
        bind(p, p->after_key);
        bind(p, p->after_id);
    }
}

static void put_order(struct plan *p, const char *column, const char *id, const struct condition *scope)
{
    const char *way = p->descending ? "desc" : "asc";
    text_format(&p->sql, " order by %s%s %s", scope && scope->from ? "+" : "", column, way);
    if (strcmp(column, id) != 0) /* a full-text index gives rows by their ids, but by these alone */
        text_format(&p->sql, ", %s %s", id, way);
}

/* The beginning of the i-th scope's part, whose end is " limit ...) sI". `key`: with what it is ordered by, too. */
static void put_scope_from(struct plan *p, int i, bool key)
{
    const struct schema *row = p->listing->row;
    const char *own = p->among.scope_count ? p->among.scopes[i].from : NULL;
    const char *from = own ? own : p->listing->from;
    bool repeats = p->among.scope_count && p->among.scopes[i].repeats; /* each row takes one place of the page */
    text_format(&p->sql, "%sselect * from (select %s%s as id", i ? " union " : "", repeats ? "distinct " : "",
                p->listing->id);
    if (key)
        text_format(&p->sql, ", %s as sort_key", p->column);
    text_put(&p->sql, S(" from "));
    if (from)
        text_put(&p->sql, str_from(from));
    else
        text_format(&p->sql, "%s %s", row->table, row->alias);
}

/* ---- totals ---- */

static int count_max(const struct plan *p)
{
    return p->listing->count_max ? p->listing->count_max : LIST_COUNT_MAX;
}

static bool count_matches(struct plan *p, int64_t *total, bool *lower_bound)
{
    text_clear(&p->sql);
    p->count = 0;
    text_put(&p->sql, S("select count(*) from ("));
    for (int i = 0; i < (p->among.scope_count ? p->among.scope_count : 1); i++) {
        put_scope_from(p, i, false);
        put_where(p, p->among.scope_count ? &p->among.scopes[i] : NULL, false);
        text_format(&p->sql, " limit %d) s%d", count_max(p) + 1, i);
    }
    text_put(&p->sql, S(") m"));
    text_put_char(&p->sql, '\0');
    if (!is_statement(p) || !db_integer_(p->c, total, p->sql.at, args_of(p)))
        return false;
    *lower_bound = *total > count_max(p);
    if (*lower_bound)
        *total = count_max(p);
    return true;
}

/* ---- the page ---- */

/* Rows before the page: the database walks past each of them. */
static int64_t offset_of(const struct plan *p)
{
    return p->after_id.type != VALUE_NOTHING ? 0 : (p->query->page - 1) * p->query->page_size;
}

static bool too_deep(struct plan *p)
{
    return error_add_problem(&p->c->error, &p->c->arena, "query", S("page"), "too_deep",
                             "only the first %d rows have numbered pages; go on from there with after=, which takes "
                             "`next` of the page before",
                             LIST_OFFSET_MAX);
}

/* The members that are sent: others need no column, but those that the veil looks at (VEILS). */
static uint64_t members_sent(const struct plan *p)
{
    const struct schema *row = p->listing->row;
    uint64_t mask = exchange_of(p->c)->fields;
    for (int i = 0; i < row->count; i++)
        if (row->fields[i].flags & (WRITE_ONLY | SECRET))
            mask &= ~GIVEN(i);
    return mask;
}

static void put_page(struct plan *p)
{
    const struct schema *row = p->listing->row;
    int64_t offset = offset_of(p);
    text_clear(&p->sql);
    p->count = 0;
    bool merged = p->among.scope_count > 1;
    text_format(&p->sql, "select %s, %s, ", merged ? "m.id" : p->listing->id, merged ? "m.sort_key" : p->column);
    db_select_columns(&p->sql, row, p->members);
    text_put(&p->sql, S(" from "));
    if (merged) {
        text_put_char(&p->sql, '(');
        for (int i = 0; i < p->among.scope_count; i++) {
            put_scope_from(p, i, true);
            put_where(p, &p->among.scopes[i], true);
            put_order(p, p->column, p->listing->id, &p->among.scopes[i]);
            text_format(&p->sql, " limit ?) s%d", i);
            bind(p, value_integer(offset + p->page_rows));
        }
        text_put(&p->sql, S(") m cross join "));
        db_select_from(&p->sql, row);
        text_format(&p->sql, " where %s.id = m.id", row->alias); /* the row's own joins may stand between */
    } else {
        if (p->listing->from)
            text_put(&p->sql, str_from(p->listing->from));
        else
            db_select_from(&p->sql, row);
        put_where(p, p->among.scope_count ? &p->among.scopes[0] : NULL, true);
    }
    put_order(p, merged ? "m.sort_key" : p->column, merged ? "m.id" : p->listing->id,
              p->among.scope_count == 1 ? &p->among.scopes[0] : NULL);
    text_put(&p->sql, S(" limit ?"));
    bind(p, value_integer(p->page_rows));
    if (offset) {
        text_put(&p->sql, S(" offset ?"));
        bind(p, value_integer(offset));
    }
    text_put_char(&p->sql, '\0');
}

static bool put_item(struct plan *p, struct text *out, void *record, bool first)
{
    const struct schema *row = p->listing->row;
    if (!first)
        text_put_char(out, ',');
    if (p->listing->derive)
        p->listing->derive(p->c, record);
    if (row->veil && !row->veil(p->c, record))
        return false;
    json_encode(out, row, record, exchange_of(p->c)->fields, &p->c->arena);
    return true;
}

/* A row that a newer version beside this one has written does not keep the others from being read. */
static void say_left_out(struct plan *p, int64_t count)
{
    const struct schema *row = p->listing->row;
    if (count)
        log_write(p->c->app->log, LOG_WARNING, NULL, "list.left_out",
                  "%" PRId64 " of %s hold what this version does not know, and were left out of a list", count,
                  row->table ? row->table : row->name);
}

static bool put_items(struct plan *p, struct text *out, struct str *next)
{
    struct call *c = p->c;
    const struct schema *row = p->listing->row;
    uint64_t fields = exchange_of(c)->fields;
    void *record = schema_new(row, &c->arena);
    struct cursor rows;
    struct value last_key = value_nothing();
    int64_t last_id = 0, read = 0, shown = 0;
    bool more = false;
    put_page(p);
    if (!is_statement(p))
        return false;
    text_put(out, S("\"items\":["));
    for (db_rows_(c, &rows, p->sql.at, args_of(p)); !more && cursor_next(&rows);) {
        more = read++ == p->query->page_size;
        if (fields != JSON_ALL_FIELDS)
            schema_clear(row, record); /* of what the veil set for the row before */
        if (more)
            break;
        if (cursor_record(&rows, 2, row, p->members, record, false)) {
            if (!put_item(p, out, record, !shown++))
                break;
        } else if (!cursor_leaves_out(&rows)) {
            break;
        }
        if (read == p->query->page_size) {
            last_id = cursor_integer(&rows, 0);
            last_key = cursor_value(&rows, 1);
            if (last_key.type == VALUE_TEXT)
                last_key.text = arena_copy(&c->arena, last_key.text);
        }
    }
    cursor_close(&rows);
    say_left_out(p, read - more - shown);
    text_put_char(out, ']');
    *next = more ? make_cursor(p, last_key, last_id) : STR_NULL;
    return c->error.code == E_NONE;
}

static bool run(struct plan *p)
{
    int64_t total = p->among.total.rows;
    struct text *out = &exchange_of(p->c)->answer;
    bool lower_bound = false;
    struct str next = STR_NULL;
    if (!read_cursor(p) || (!p->among.total.is_known && !count_matches(p, &total, &lower_bound)))
        return false;
    int64_t offset = offset_of(p);
    bool past_the_end = offset > 0 && offset >= total && !lower_bound;
    if (offset > LIST_OFFSET_MAX && !past_the_end)
        return too_deep(p);
    text_format(out,
                "{\"total\":%" PRId64 ",\"total_is_lower_bound\":%s,\"page\":%" PRId64 ",\"page_size\":%" PRId64 ",",
                total, lower_bound ? "true" : "false", p->query->page, p->query->page_size);
    if (past_the_end)
        text_put(out, S("\"items\":[]"));
    else if (!put_items(p, out, &next))
        return false;
    text_put(out, S(",\"next\":"));
    if (next.at)
        text_put_json_string(out, next);
    else
        text_put(out, S("null"));
    text_put_char(out, '}');
    return true;
}

bool list_answer(struct call *c, const struct listing *listing, struct list_among among)
{
    struct plan *p = arena_new(&c->arena, struct plan);
    p->c = c;
    p->listing = listing;
    p->query = c->in; /* struct list_query is the first member of every list input */
    p->among = among;
    assert(p->query->sort <= (unsigned)listing->order->count);
    p->column = listing->order->columns[p->query->sort - 1];
    p->descending = sort_name(p)[0] == '-';
    p->page_rows = p->query->page_size + 1;
    p->members = members_sent(p);
    text_init(&p->sql, SQL_MAX);
    bool ok = run(p);
    text_release(&p->sql);
    return ok;
}

bool list_is_plain(const struct call *c)
{
    const struct schema *in = exchange_of((struct call *)(uintptr_t)c)->endpoint->in;
    for (int i = 0; i < in->count; i++)
        if ((in->fields[i].filter || !strcmp(in->fields[i].name, "search")) && (c->given & GIVEN(i)))
            return false;
    return true;
}
