/* report_choose.c - see report_choose.h. */
#include "reports/report_choose.h"

#include <assert.h>
#include <stdlib.h>

int report_choice_conditions(struct call *c, const struct report_choice *choice, bool among_codes,
                             struct condition out[REPORT_CHOICE_CONDITIONS])
{
    bool writes = report_caller_writes(c);
    int count = 0;
    if (!writes)
        out[count++] = report_for_readers;
    if (choice->status)
        out[count++] = (struct condition){ writes ? "r.status = ?" : REPORT_FACE_STATUS " = ?",
                                           V(choice_text(report_statuses, choice->status)) };
    if (choice->author_id > 0)
        out[count++] = (struct condition){ writes ? "r.author_id = ?"
                                                  : "exists (select 1 from report_versions w where w.report_id = r.id "
                                                    "and w.version = coalesce(r.signed_version, r.version) and "
                                                    "w.author_id = ?)",
                                           V(choice->author_id) };
    if (choice->code.len)
        out[count++] = (struct condition){ among_codes ? "k.is_face = ? and k.code = ?"
                                                       : "exists (select 1 from report_codes k where k.report_id = "
                                                         "r.id and k.is_face = ? and k.code = ?) = 1",
                                           V((int64_t)!writes),
                                           { V(report_code_key(c, choice->code)) } };
    return count;
}

/* ---- all of them ---- */

enum { SQL_MAX = 16 << 10, ARGS_MAX = 64 };

struct choosing {
    struct call *c;
    const struct report_choice *choice;
    struct condition conditions[REPORT_CHOICE_CONDITIONS + 2];
    int condition_count;
    struct str phrase; /* null: no words are looked for */
    struct text sql;
    struct value args[ARGS_MAX + 1];
    int arg_count;
    ptrdiff_t max;
    int64_t *ids;
    ptrdiff_t count;
};

static void bind(struct choosing *k, struct value value)
{
    assert(k->arg_count < ARGS_MAX);
    k->args[++k->arg_count] = value;
}

static void put_condition(struct choosing *k, const struct condition *one, const char *before)
{
    text_put(&k->sql, str_from(before));
    text_put(&k->sql, str_from(one->sql));
    if (one->value.type != VALUE_NOTHING)
        bind(k, one->value);
    for (int i = 0; i < 3 && one->more[i].type != VALUE_NOTHING; i++)
        bind(k, one->more[i]);
    for (int i = 0; i < one->rest_count; i++)
        bind(k, one->rest[i]);
}

/* One more than may be is enough to know that there are too many. In no order: an index that finds few is to be used,
 * not the one that has them in order. `scope` NULL: all are in sight. */
static bool choose_among(struct choosing *k, const struct condition *scope)
{
    struct cursor rows;
    text_clear(&k->sql);
    k->arg_count = 0;
    text_format(&k->sql, "select %sr.id from %s where 1 = 1", scope && scope->repeats ? "distinct " : "",
                scope && scope->from ? scope->from : "reports r");
    if (scope)
        put_condition(k, scope, " and ");
    for (int i = 0; i < k->condition_count; i++)
        put_condition(k, &k->conditions[i], " and ");
    if (k->phrase.at) {
        text_put(&k->sql, S(" and "));
        search_condition(&k->sql, k->c->db, report_caller_writes(k->c) ? "report_search" : "report_face_search",
                         "r.id");
        bind(k, V(k->phrase));
    }
    text_put(&k->sql, S(" limit ?"));
    bind(k, V((int64_t)k->max + 1));
    assert(!k->sql.overflowed);
    const char *sql = arena_cstring(&k->c->arena, text_str(&k->sql));
    for (db_rows_(k->c, &rows, sql, (struct db_args){ k->args, k->arg_count }); cursor_next(&rows);)
        k->ids[k->count++] = cursor_integer(&rows, 0);
    return cursor_close(&rows);
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

void report_ids_sort(struct integers *ids)
{
    ptrdiff_t kept = 0;
    if (ids->count)
        qsort(ids->items, (size_t)ids->count, sizeof(*ids->items), compare_ids);
    for (ptrdiff_t i = 0; i < ids->count; i++)
        if (!kept || ids->items[kept - 1] != ids->items[i])
            ids->items[kept++] = ids->items[i];
    ids->count = kept;
}

static void put_choice(struct choosing *k)
{
    const struct report_choice *choice = k->choice;
    k->condition_count = report_choice_conditions(k->c, choice, false, k->conditions);
    if (choice->study_id > 0)
        k->conditions[k->condition_count++] = (struct condition){ REPORT_OF_STUDY, V(choice->study_id) };
    if (choice->patient_id > 0)
        k->conditions[k->condition_count++] = (struct condition){ REPORT_OF_PATIENT, V(choice->patient_id) };
    if (choice->search.len)
        k->phrase = search_phrase(k->c->db, &k->c->arena, choice->search);
}

bool report_choose(struct call *c, const struct report_choice *choice, ptrdiff_t max, struct integers *out)
{
    struct condition scopes[REPORT_SCOPES] = { { "r.author_id = ?", V(call_user(c)) } };
    struct choosing k = { .c = c, .choice = choice, .max = max };
    if (!visibility_asks_for_patients(c, choice->patient_id > 0, "asking for a patient's"))
        return false;
    int count = choice->mine ? 1 : report_scopes(c, scopes);
    k.ids = arena_array(&c->arena, int64_t, (max + 1) * (count ? count : 1));
    text_init(&k.sql, SQL_MAX);
    put_choice(&k);
    bool ok = count || choose_among(&k, NULL);
    for (int i = 0; ok && i < count; i++)
        ok = choose_among(&k, &scopes[i]);
    text_release(&k.sql);
    db_release(c);
    if (!ok)
        return false;
    *out = (struct integers){ k.ids, k.count };
    report_ids_sort(out); /* who sees a report for two reasons sees it once */
    return out->count <= max || fail(c, E_TOO_LARGE, "that chooses more than %td reports: choose fewer", max);
}
