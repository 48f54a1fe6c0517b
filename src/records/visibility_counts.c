/* visibility_counts.c - how much of a study, a series or a patient somebody sees. */
#include "records/visibility_parts.h"

enum { STUDY_MODALITIES_MAX = 64 }; /* that are told of one study */

/* Sorted, each once. */
static void add_modality(struct call *c, struct texts *list, struct str modality)
{
    ptrdiff_t at = 0;
    while (at < list->count && str_compare(list->items[at], modality) < 0)
        at++;
    if (!modality.len || list->count == STUDY_MODALITIES_MAX ||
        (at < list->count && str_equal(list->items[at], modality)))
        return;
    memmove(&list->items[at + 1], &list->items[at], (size_t)(list->count - at) * sizeof(struct str));
    list->items[at] = arena_copy(&c->arena, modality);
    list->count++;
}

/* All but documents: added up from the series. */
static bool share_of_films(struct call *c, int64_t study_id, struct visible_share *out)
{
    struct cursor rows;
    for (db_rows(c, &rows,
                 "select upper(x.modality), x.number_of_instances, x.size_bytes from series x where x.study_id = ? and "
                 "x.number_of_instances > 0 and " OF_FILMS("x"),
                 V(study_id));
         cursor_next(&rows);) {
        add_modality(c, &out->modalities, cursor_text(&rows, 0));
        out->series++;
        out->instances += cursor_integer(&rows, 1);
        out->bytes += cursor_integer(&rows, 2);
    }
    return cursor_close(&rows);
}

bool visibility_share_of_study(struct call *c, int64_t study_id, bool all, struct visible_share *out)
{
    struct cursor rows;
    int64_t last = 0;
    *out = (struct visible_share){ .modalities.items = arena_array(&c->arena, struct str, STUDY_MODALITIES_MAX) };
    if (all)
        return share_of_films(c, study_id, out);
    for (db_rows(c, &rows,
                 "select f.modality, f.series_id, count(*), sum(f.file_size) from image_files f where f.study_id = ? "
                 "and f.is_deleted = 0 and " VISIBLE_OWN_INSTANCE " and " VISIBLE_FILE
                 " group by f.series_id, f.modality order by f.series_id",
                 V(study_id), VISIBLE_FILE_TO(c));
         cursor_next(&rows);) {
        add_modality(c, &out->modalities, cursor_text(&rows, 0));
        out->series += cursor_integer(&rows, 1) != last;
        last = cursor_integer(&rows, 1);
        out->instances += cursor_integer(&rows, 2);
        out->bytes += cursor_integer(&rows, 3);
    }
    return cursor_close(&rows);
}

bool visibility_share_of_series(struct call *c, int64_t series_id, struct visible_share *out)
{
    struct cursor rows;
    *out = (struct visible_share){ .series = 1 };
    db_rows(c, &rows,
            "select count(*), sum(f.file_size) from image_files f "
            "where f.series_id = ? and f.is_deleted = 0 and " VISIBLE_OWN_INSTANCE " and " VISIBLE_FILE,
            V(series_id), VISIBLE_FILE_TO(c));
    if (cursor_next(&rows)) {
        out->instances = cursor_integer(&rows, 0);
        out->bytes = cursor_integer(&rows, 1);
    }
    return cursor_close(&rows);
}

#define DOCUMENTS_REGISTERED \
    "(select count(*) from studies s cross join " DOCUMENTS_OF( \
        "s.id") " where s.patient_id = ? and s.is_deleted = 0 and f.is_deleted = 0 and ? = 1 and " \
                "s.created_by = ? and not (" VISIBLE_OPENED("s.id") "))"
#define FILES_OWN "coalesce((select k.files from patient_uploads k where k.patient_id = ? and k.uploaded_by = ?), 0)"
#define FILES_OPENED \
    "coalesce((select sum((select count(*) from image_files f where f.study_id = s.id and f.is_deleted = 0 and " \
    "f.uploaded_by <> ? and f.is_report <= ? and (" VISIBLE_OPENED_FILE( \
        "f") "))) from studies s where " \
             "s.patient_id = ? and s.is_deleted = 0 and (" VISIBLE_OPENED("s.id") ")), 0)"
bool visibility_count_patient_files(struct call *c, int64_t patient_id, int64_t *files)
{
    struct value patient = V(patient_id), me = V(call_user(c)), reads = V(visibility_of_reports(c));
    int64_t hidden = 0;
    if (visibility_of_everything(c)) {
        if (!visibility_of_reports(c) && !db_integer(c, &hidden, "select " PATIENT_DOCUMENTS("?"), patient))
            return false;
        *files -= hidden < *files ? hidden : *files;
        return true;
    }
    return db_integer(c, files, "select " FILES_OWN " + " FILES_OPENED " + " DOCUMENTS_REGISTERED, patient, me, me,
                      reads, me, me, me, patient, me, me, me, patient, reads, me, me, me, me);
}
