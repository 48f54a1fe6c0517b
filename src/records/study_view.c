/* study_view.c - see study_view.h. */
#include "records/study_view.h"

#include "records/modality.h"
#include "records/record_lock.h"
#include "records/visibility.h"
#include "jobs/jobs.h"

#define SAID .doc = "What the account's own files say of it."
static const struct field study_view_fields[] = {
    FIELD(struct study, id, .doc = "The study."),
    FIELD(struct study, created_by, .doc = "Whose view it is."),
    FIELD(struct study, accession_number, .flags = NULLABLE, SAID),
    FIELD(struct study, study_number, .flags = NULLABLE, SAID),
    FIELD(struct study, study_date, .flags = NULLABLE, SAID),
    FIELD(struct study, study_time, .flags = NULLABLE, SAID),
    FIELD(struct study, modality, .flags = NULLABLE, SAID),
    FIELD(struct study, body_part, .flags = NULLABLE, SAID),
    FIELD(struct study, description, .flags = NULLABLE, SAID),
    FIELD(struct study, referring_physician, .flags = NULLABLE, SAID),
    FIELD(struct study, created_at, .flags = SET_ON_INSERT, .doc = "When its first file came."),
};
const struct schema study_view_schema =
    SCHEMA("StudyView", struct study, study_view_fields, .table = "study_views", .alias = "v");

static const struct field series_view_fields[] = {
    FIELD(struct series, id, .doc = "The series."),
    FIELD(struct series, created_by, .doc = "Whose view it is."),
    FIELD(struct series, series_number, .flags = NULLABLE, SAID),
    FIELD(struct series, modality, .flags = NULLABLE, SAID),
    FIELD(struct series, body_part, .flags = NULLABLE, SAID),
    FIELD(struct series, description, .flags = NULLABLE, SAID),
    FIELD(struct series, protocol_name, .flags = NULLABLE, SAID),
    FIELD(struct series, laterality, .flags = NULLABLE, SAID),
    FIELD(struct series, manufacturer, .flags = NULLABLE, SAID),
    FIELD(struct series, institution_name, .flags = NULLABLE, SAID),
    FIELD(struct series, created_at, .flags = SET_ON_INSERT, .doc = "When its first file came."),
};
const struct schema series_view_schema =
    SCHEMA("SeriesView", struct series, series_view_fields, .table = "series_views", .alias = "v");

/* ---- making them ---- */

bool study_view_keep(struct call *c, const struct study *said, int64_t study_id, int64_t by)
{
    struct study view = *said;
    int64_t found = 0;
    enum found there =
        db_find_integer(c, &found, "select 1 from study_views where id = ? and created_by = ?", V(study_id), V(by));
    view.id = study_id;
    view.created_by = by;
    return there != FAILED && (there == FOUND || db_insert(c, &study_view_schema, &view, NULL));
}

bool series_view_keep(struct call *c, const struct series *said, int64_t series_id, int64_t by)
{
    struct series view = *said;
    int64_t found = 0;
    enum found there =
        db_find_integer(c, &found, "select 1 from series_views where id = ? and created_by = ?", V(series_id), V(by));
    view.id = series_id;
    view.created_by = by;
    return there != FAILED && (there == FOUND || db_insert(c, &series_view_schema, &view, NULL));
}

/* ---- what is told of a study ---- */

static bool take_study_view(struct call *c, struct study *study)
{
    struct study view;
    if (db_find(c, &study_view_schema, &view, "where v.id = ? and v.created_by = ?", V(study->id), V(call_user(c))) ==
        FAILED)
        return false;
    study->accession_number = view.accession_number;
    study->study_number = view.study_number;
    study->study_date = view.study_date;
    study->study_time = view.study_time;
    study->modality = view.modality;
    study->body_part = view.body_part;
    study->description = view.description;
    study->referring_physician = view.referring_physician;
    study->created_at = study->updated_at = view.created_at;
    study->created_by = INTEGER_NULL;
    study->status = STUDY_OPEN;
    study->care_setting = CARE_OTHER;
    study->priority = JOB_NORMAL;
    return true;
}

static bool take_study_share(struct call *c, struct study *study, bool all)
{
    struct visible_share share;
    if (!visibility_share_of_study(c, study->id, all, &share))
        return false;
    study->number_of_series = share.series;
    study->number_of_instances = share.instances;
    study->size_bytes = share.bytes;
    study->modalities = share.modalities.count ? share.modalities : (struct texts){ 0 };
    return true;
}

/* That a UID has two studies is told to those who see both, that a file named another patient to its uploader and
 * those. */
static bool veil_conflict(struct call *c, struct study *study)
{
    static struct str patient_id = { "patient_id", 10 };
    int64_t found = 0;
    if (!study->conflict.count || visibility_of_everything(c))
        return true;
    enum found told = db_find_integer(c, &found, "select 1 from study_conflicts where study_id = ? and uploaded_by = ?",
                                      V(study->id), V(call_user(c)));
    study->conflict = told == FOUND ? (struct texts){ &patient_id, 1 } : (struct texts){ 0 };
    return told != FAILED;
}

/* A study that began with a document about pictures: what made the pictures, others' files say. */
static bool take_pictures_modality(struct call *c, struct study *study)
{
    struct cursor rows;
    if (!modality_is_auxiliary(study->modality))
        return true;
    for (ptrdiff_t i = 0; i < study->modalities.count; i++)
        if (!modality_is_auxiliary(study->modalities.items[i])) {
            study->modality = study->modalities.items[i];
            break;
        }
    if (modality_is_auxiliary(study->modality) || study->body_part.len)
        return true;
    db_rows(
        c, &rows,
        "select x.body_part from series x where x.study_id = ? and x.number_of_instances > 0 and x.body_part is not "
        "null and x.modality = ? order by x.id limit 1",
        V(study->id), V(study->modality));
    if (cursor_next(&rows))
        study->body_part = arena_copy(&c->arena, cursor_text(&rows, 0));
    return cursor_close(&rows);
}

bool study_veil(struct call *c, void *record)
{
    struct study *study = record;
    bool all = visibility_of_everything(c), own = study->created_by == call_user(c);
    if (!visibility_of_patients(c)) {
        study->patient_id = INTEGER_NULL;
        study->patient_name = study->patient_number = STR_NULL;
    }
    if (!veil_conflict(c, study))
        return false;
    if (own && study->instances_of_others == 0)
        return true;
    if (!all && !visibility_of_opened(c, study->id, &all, &own))
        return false;
    if (all)
        return (visibility_of_reports(c) || study->instances_of_others == 0 || take_study_share(c, study, true)) &&
               take_pictures_modality(c, study);
    return (own || take_study_view(c, study)) && take_study_share(c, study, false);
}

bool study_shows_all_files(struct call *c, const struct study *study, bool *all)
{
    if (!visibility_of_study_files(c, study->id, all))
        return false;
    *all = *all || (study->created_by == call_user(c) && study->instances_of_others == 0);
    return true;
}

/* ---- and of a series ---- */

static enum found find_series_view(struct call *c, int64_t series_id, int64_t by, struct series *out)
{
    return db_find(c, &series_view_schema, out, "where v.id = ? and v.created_by = ?", V(series_id), V(by));
}

bool series_take_view(struct call *c, struct series *series)
{
    struct series view;
    struct visible_share share;
    int64_t other = 0;
    enum found found;
    if (!visibility_share_of_series(c, series->id, &share))
        return false;
    series->number_of_instances = share.instances;
    series->size_bytes = share.bytes;
    if (series->created_by == call_user(c))
        return true;
    found = find_series_view(c, series->id, call_user(c), &view);
    if (found == NONE) {
        if (!visibility_opened_of(c, series->study_id, &other))
            return false;
        bool documents = false;
        if ((other > 0 && series->created_by == other) || !visibility_of_series_documents(c, series->id, &documents) ||
            documents)
            return !c->error.code;
        found = find_series_view(c, series->id, other, &view);
    }
    if (found == FAILED)
        return false;
    series->series_number = view.series_number;
    series->modality = view.modality;
    series->body_part = view.body_part;
    series->description = view.description;
    series->protocol_name = view.protocol_name;
    series->laterality = view.laterality;
    series->manufacturer = view.manufacturer;
    series->institution_name = view.institution_name;
    series->created_at = series->updated_at = view.created_at;
    return true;
}

/* ---- conflicts ---- */

bool study_conflict_note(struct call *c, int64_t study_id, int64_t by)
{
    int64_t found = 0;
    enum found there = db_find_integer(
        c, &found, "select 1 from study_conflicts where study_id = ? and uploaded_by = ?", V(study_id), V(by));
    return there != FAILED && (there == FOUND || db_execute(c,
                                                            "insert into study_conflicts(study_id, uploaded_by) "
                                                            "values (?, ?)",
                                                            V(study_id), V(by)));
}

static bool settle(struct call *c, int64_t study_id)
{
    int64_t settled = 0;
    bool all = visibility_of_everything(c);
    if (!db_execute_counted(c, &settled,
                            "delete from study_conflicts where study_id = ? and (? = 1 or uploaded_by = ?)",
                            V(study_id), V((int64_t)all), V(call_user(c))))
        return false;
    if (all)
        return db_execute(c, "update studies set conflict = null where id = ?", V(study_id));
    return !settled || db_execute(c,
                                  "update studies set conflict = null where id = ? and conflict = '[\"patient_id\"]' "
                                  "and not exists (select 1 from study_conflicts k where k.study_id = studies.id)",
                                  V(study_id));
}

bool study_conflict_settle(struct call *c, int64_t study_id)
{
    struct study study;
    return lock_study(c, study_id, 0) && study_load(c, study_id, &study) && settle(c, study_id);
}
