/* image_file_counts.c - reads what triggers count of files, and sums it up (image_file_counts.h). */
#include "records/image_file_counts.h"

#include "records/report_files.h"
#include "records/visibility.h"
#include "base/zone.h"

/* Of everybody's files those that the caller may not see go off: documents of reports, by whom these belong to. */
static bool less(struct call *c, int64_t owner, int64_t *hidden)
{
    *hidden = owner;
    return owner != EVERYBODY || visibility_of_reports(c) || report_files_owner(c, hidden);
}
#define FILES_LESS "sum(case when uploaded_by = ? then files else -files end)"

bool image_file_count(struct call *c, int64_t owner, const struct counted_files *which, int64_t *files)
{
    const struct modalities *asked = &which->modalities;
    int64_t hidden;
    *files = 0;
    if (!less(c, owner, &hidden))
        return false;
    if (!which->file_type && !which->status && !asked->count)
        return db_integer(c, files,
                          "select coalesce(" FILES_LESS ", 0) from image_file_totals where uploaded_by in (?, ?)",
                          V(owner), V(owner), V(hidden));
    for (int i = 0; i < (asked->count ? asked->count : 1); i++) {
        struct value type = V(choice_text(file_types, which->file_type));
        struct value status = V(choice_text(file_statuses, which->status));
        struct value modality = asked->count ? asked->at[i] : value_nothing();
        int64_t some = 0;
        if (!db_integer(c, &some,
                        "select " FILES_LESS
                        " from image_file_counts where uploaded_by in (?, ?) and (? is null or file_type = "
                        "?) and (? is null or status = ?) and (? is null or modality = ?)",
                        V(owner), V(owner), V(hidden), type, type, status, status, modality, modality))
            return false;
        *files += some;
    }
    return true;
}

/* ---- by every kind ---- */

enum { COUNTS_MAX = 256 };

static void count_up(struct call *c, struct counts *counts, struct str name, int64_t n)
{
    if (!name.len)
        return;
    for (ptrdiff_t i = 0; i < counts->count; i++)
        if (str_equal(counts->items[i].name, name)) {
            counts->items[i].n += n;
            return;
        }
    if (counts->count < COUNTS_MAX)
        counts->items[counts->count++] = (struct count){ arena_copy(&c->arena, name), n };
}

bool image_file_sums(struct call *c, bool all, struct image_file_sums *out)
{
    struct cursor rows;
    int64_t owner = all ? (int64_t)EVERYBODY : call_user(c), hidden;
    if (all && !visibility_of_everything(c))
        return fail(c, E_FORBIDDEN, "this needs the permission %s", permission_rows[MAY_READ_ALL_IMAGES].name);
    if (!less(c, owner, &hidden))
        return false;
    *out = (struct image_file_sums){ .by_type.items = arena_array(&c->arena, struct count, COUNTS_MAX),
                                     .by_status.items = arena_array(&c->arena, struct count, COUNTS_MAX),
                                     .by_modality.items = arena_array(&c->arena, struct count, COUNTS_MAX),
                                     .by_modality_exact.items = arena_array(&c->arena, struct count, COUNTS_MAX) };
    for (db_rows(c, &rows,
                 "select file_type, status, modality, " FILES_LESS
                 ", sum(case when uploaded_by = ? then bytes else -bytes "
                 "end) from image_file_counts where uploaded_by in (?, ?) group by file_type, status, modality",
                 V(owner), V(owner), V(owner), V(hidden));
         cursor_next(&rows);) {
        int64_t files = cursor_integer(&rows, 3);
        if (files <= 0)
            continue;
        out->total_files += files;
        out->total_size += cursor_integer(&rows, 4);
        count_up(c, &out->by_type, cursor_text(&rows, 0), files);
        count_up(c, &out->by_status, cursor_text(&rows, 1), files);
        count_up(c, &out->by_modality, modality_group(cursor_text(&rows, 2)), files);
        count_up(c, &out->by_modality_exact, cursor_text(&rows, 2), files);
    }
    return cursor_close(&rows);
}

/* ---- of the house ---- */

static bool named_counts(struct call *c, struct counts *out, const char *sql)
{
    enum { MOST = 32 };
    struct cursor rows;
    out->items = arena_array(&c->arena, struct count, MOST);
    out->count = 0;
    for (db_rows(c, &rows, sql); out->count < MOST && cursor_next(&rows);)
        out->items[out->count++] =
            (struct count){ arena_copy(&c->arena, cursor_text(&rows, 0)), cursor_integer(&rows, 1) };
    return cursor_close(&rows);
}

/* One range of the created_at index a day. */
static bool uploads_by_day(struct call *c, struct counts *out)
{
    enum { DAYS = 14 };
    out->items = arena_array(&c->arena, struct count, DAYS);
    out->count = 0;
    for (int i = DAYS - 1; i >= 0; i--) {
        struct date day = zone_today(), next;
        day.days -= i;
        next = (struct date){ day.days + 1 };
        int64_t n = 0;
        if (!db_integer(
                c, &n,
                "select count(*) from image_files f where " IN_SIGHT("f") " and f.created_at >= ? and f.created_at < ?",
                V(zone_midnight(day)), V(zone_midnight(next))))
            return false;
        char *text = arena_alloc(&c->arena, DATE_TEXT_MAX);
        out->items[out->count++] = (struct count){ { text, date_write(day, text) }, n };
    }
    return true;
}

bool image_file_overview(struct call *c, struct image_file_overview *out)
{
    return db_integer(c, &out->files, "select coalesce(sum(files), 0) from image_file_totals where uploaded_by = 0") &&
           db_integer(c, &out->bytes, "select coalesce(sum(bytes), 0) from image_file_totals where uploaded_by = 0") &&
           named_counts(
               c, &out->by_type,
               "select file_type, sum(files) from image_file_counts where uploaded_by = 0 and files > 0 group by "
               "file_type") &&
           named_counts(c, &out->by_status,
                        "select status, sum(files) from image_file_counts where uploaded_by = 0 and files > 0 group by "
                        "status") &&
           uploads_by_day(c, &out->uploads_by_day);
}
