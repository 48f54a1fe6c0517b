/* filing.c - puts a DICOM file in its place. filing.h has the rules. */
#include "records/filing.h"

#include "site/app.h"
#include "records/modality.h"
#include "records/report_files.h"
#include "records/study_order.h"
#include "records/stated_patient.h"
#include "records/study_twins.h"
#include "records/study_view.h"
#include "records/worklist.h"
#include "jobs/jobs.h"

#define OTHER_PATIENT "its study is filed under another patient than the one stated"
enum { CLASHES_MAX = 12 };

struct place {
    struct call *c;
    struct filing *f;
    struct image_file *row;
    int64_t by, stated;
    struct patient patient;
    struct study_twins twins;
    int64_t study_id, study_patient, study_by, series_id; /* study_by: who registered it */
    struct str study_modality;
    bool is_ordered, by_accession; /* the study has no image yet; its UID is not the file's */
};

static bool refuse(struct place *p, const char *why)
{
    p->f->refused = true;
    return fail(p->c, E_CONFLICT, "%s", why);
}

static bool set_aside(struct place *p, const char *why)
{
    p->row->status = FILE_FAILED;
    p->row->status_reason = str_from(why);
    p->f->outcome = FILING_NONE;
    return true;
}

/* With the patient known: a study of theirs, else one that the uploader sees under another patient. */
static void choose_study(struct place *p)
{
    const struct study_twin *twin = p->f->only_study > 0 ? study_twins_of_id(&p->twins, p->f->only_study) : NULL;
    if (!twin && p->patient.id)
        twin = study_twins_of_patient(&p->twins, p->patient.id);
    if (!twin)
        twin = study_twins_seen(&p->twins);
    if (!twin)
        return;
    p->study_id = twin->id;
    p->study_patient = twin->patient_id;
    p->study_by = twin->created_by;
    p->study_modality = twin->modality;
    p->is_ordered = twin->is_ordered;
}

/* Where no study has the UID: the one that was ordered for this patient by the file's accession number. */
static bool find_ordered(struct place *p)
{
    int64_t id;
    struct str accession = p->f->study.accession_number;
    if (p->study_id || p->twins.count || !p->patient.id || !accession.len)
        return true;
    enum found found = study_order_scheduled(p->c, p->patient.id, accession, p->f->instance.modality, p->by, &id);
    if (found != FOUND)
        return found == NONE;
    if (db_find_integer(p->c, &p->study_by, "select created_by from studies where id = ?", V(id)) != FOUND)
        return false;
    p->study_id = id;
    p->study_patient = p->patient.id;
    p->is_ordered = p->by_accession = true;
    return true;
}

/* Its first image: it is what was ordered. Another that came first may have made it its own meanwhile. */
static bool begin_ordered(struct place *p, const struct study *said)
{
    bool was_ordered;
    if (!p->is_ordered)
        return true;
    if (!study_order_begin(p->c, p->study_id, said, &was_ordered))
        return false;
    return was_ordered || !p->by_accession || db_again(p->c);
}

/* The study says, where it is, that a file of it names another patient: to those who see that file. */
static bool mark_study(struct place *p)
{
    struct call *c = p->c;
    int64_t changed = 0;
    return db_execute_counted(c, &changed,
                              "update studies set conflict = '[\"patient_id\"]' where id = ? and conflict is null",
                              V(p->study_id)) &&
           study_conflict_note(c, p->study_id, p->by) &&
           (!changed || audit_also(c, "study.conflict", "study", p->study_id, p->study_patient));
}

/* What the file says of its study and series. */
static struct study said_of_study(const struct filing *f)
{
    struct study study = f->study;
    study.modality = f->instance.modality;
    study.body_part = f->instance.body_part;
    return study;
}

static struct series said_of_series(const struct filing *f)
{
    struct series series = f->series;
    series.modality = f->instance.modality;
    series.body_part = f->instance.body_part;
    return series;
}

static bool make_study(struct place *p)
{
    struct study study = said_of_study(p->f);
    study.patient_id = p->patient.id;
    study.status = STUDY_OPEN;
    study.care_setting = CARE_OTHER;
    study.priority = JOB_NORMAL;
    study.created_by = p->by;
    study.claim = study_twins_claim(&p->twins, p->by);
    if (!db_insert(p->c, &study_schema, &study, &study.id) || !study_index(p->c, &study, &p->patient) ||
        !study_twins_mark(p->c, &p->twins, study.id, study.patient_id))
        return false;
    p->study_id = study.id;
    p->study_by = p->by;
    p->study_modality = study.modality;
    return true;
}

static bool make_series(struct place *p)
{
    struct call *c = p->c;
    struct series series = said_of_series(p->f);
    struct str modality = series.modality, body_part = series.body_part;
    series.study_id = p->study_id;
    series.created_by = p->by;
    if (!db_insert(c, &series_schema, &series, &series.id))
        return false;
    p->series_id = series.id;
    /* What others' files say is no word of the record: those who see them are told by the veil. */
    if (p->by == p->study_by && modality.len && modality_is_auxiliary(p->study_modality) &&
        !str_equal(p->study_modality, modality))
        return db_execute(c, "update studies set modality = ?, body_part = coalesce(body_part, ?) where id = ?",
                          V(modality), V(body_part), V(p->study_id)) &&
               worklist_study_changed(c, p->study_id);
    return true;
}

/* The one that is there, or a new one. */
static bool find_series(struct place *p)
{
    struct call *c = p->c;
    struct cursor rows;
    int64_t made_by = 0;
    db_rows(c, &rows, "select id, created_by from series where study_id = ? and series_uid = ? and deleted_at is null",
            V(p->study_id), V(p->f->series.series_uid));
    bool found = cursor_next(&rows);
    p->series_id = found ? cursor_integer(&rows, 0) : 0;
    made_by = found ? cursor_integer(&rows, 1) : 0;
    if (!cursor_close(&rows))
        return false;
    if (!found)
        return make_series(p);
    const struct series said = said_of_series(p->f);
    return made_by == p->by || series_view_keep(c, &said, p->series_id, p->by);
}

static bool find_study(struct place *p)
{
    if (!p->study_id)
        return make_study(p);
    const struct study said = said_of_study(p->f);
    return begin_ordered(p, &said) && (p->study_by == p->by || study_view_keep(p->c, &said, p->study_id, p->by));
}

/* The patient that the uploader, the file or its study names, locked. */
static bool find_patient(struct place *p)
{
    struct call *c = p->c;
    struct filing *f = p->f;
    const struct study_twin *seen = study_twins_seen(&p->twins);
    if (!seen || f->patient.patient_id.len || p->stated > 0)
        return filing_find_patient(c, f, p->stated, &p->patient);
    return filing_load_patient(c, seen->patient_id, &p->patient) && (p->patient.id || db_again(c));
}

/* The study was found before its patient could be locked: it may have been deleted or moved since. From here on it
 * stays. */
static bool lock_study_found(struct place *p)
{
    struct call *c = p->c;
    int64_t patient = 0;
    if (!p->study_id || db_is_local(c->db))
        return true;
    if (db_find_locked(c, &patient, "select patient_id from studies where id = ? and deleted_at is null",
                       V(p->study_id)) == FAILED)
        return false;
    return patient == p->study_patient || db_again(c);
}

/* A study may have been moved to another patient since its film came: what is in there is sent again, and no new film
 * of the patient whom it still names. */
static bool find_moved(struct place *p)
{
    for (int i = 0; i < p->twins.count && p->f->outcome != FILING_KNOWN; i++) {
        const struct study_twin *twin = &p->twins.at[i];
        if (twin->is_seen && twin->patient_id != p->patient.id && !filing_known_in(p->c, p->f, p->by, twin, p->row))
            return false;
    }
    return true;
}

/* A row that is there beside it (a chunked upload's) goes to the same place. */
static bool hold_known(struct place *p)
{
    p->study_id = p->row->study_id;
    p->study_patient = p->row->patient_id;
    return filing_load_patient(p->c, p->study_patient, &p->patient) && lock_study_found(p);
}

/* Patient and study, or the reason why they do not fit together. */
static bool find_parents(struct place *p, bool *fit)
{
    *fit = false;
    if (!study_twins_find(p->c, p->f->study.study_uid, p->by, &p->twins) || !find_patient(p))
        return false;
    if (p->stated <= 0 && !find_moved(p))
        return false;
    if (p->f->outcome == FILING_KNOWN)
        return hold_known(p);
    choose_study(p);
    if (!find_ordered(p) || !lock_study_found(p))
        return false;
    if (p->study_id && p->study_patient != p->patient.id) {
        if (p->stated > 0)
            return refuse(p, OTHER_PATIENT);
        p->row->patient_id = p->patient.id ? p->patient.id : INTEGER_NULL;
        return mark_study(p) &&
               set_aside(p, "its Study Instance UID (0020,000D) is filed under another patient than its "
                            "Patient ID (0010,0020) says");
    }
    *fit = true;
    return true;
}

/* A document of a report that somebody sends back. It has a UID that was made here (dicom/uid.h), as hardly a film. */
static bool find_document(struct place *p)
{
    struct filing *f = p->f;
    struct image_file *row = p->row;
    struct report_file document;
    if (row->is_report || !str_starts(row->sop_instance_uid, S("2.25.")))
        return true;
    if (!report_files_made(p->c, row, p->by, &document))
        return false;
    if (!document.is_made)
        return true;
    if (!document.existing || row->id > 0)
        return refuse(p, IS_A_DOCUMENT);
    if (p->stated > 0 && document.patient_id != p->stated)
        return refuse(p, OTHER_PATIENT);
    if (f->only_study > 0 && document.study_id != f->only_study)
        return refuse(p, "it is a document of a report of another study");
    f->outcome = FILING_KNOWN;
    f->existing = document.existing;
    f->is_hidden = !document.is_seen;
    row->patient_id = document.patient_id;
    row->study_id = document.study_id;
    return true;
}

/* Rows and Columns are US (PS3.6): a number that does not fit there, in whatever VR it came, is none. */
static int64_t side(int64_t said)
{
    return said <= UINT16_MAX ? said : INTEGER_NULL;
}

/* What the file says goes before what the uploader says, but for the description. */
static void say_what_the_file_says(const struct filing *f, struct image_file *row)
{
    const struct image_file *said = &f->instance;
    if (said->modality.len)
        row->modality = said->modality;
    if (said->body_part.len)
        row->body_part = said->body_part;
    if (!row->description.len)
        row->description = f->series.description.len ? f->series.description : f->study.description;
    row->study_date = said->study_date;
    row->sop_class_uid = said->sop_class_uid;
    row->sop_instance_uid = said->sop_instance_uid;
    row->transfer_syntax_uid = said->transfer_syntax_uid;
    row->instance_number = said->instance_number;
    row->pixel_rows = side(said->pixel_rows);
    row->pixel_columns = side(said->pixel_columns);
    row->number_of_frames = said->number_of_frames;
    row->character_set = said->character_set;
    row->remarks = said->remarks;
}

static bool place_without_study(struct place *p)
{
    struct filing *f = p->f;
    f->outcome = FILING_NONE;
    if (p->stated > 0 ? !filing_find_patient(p->c, f, p->stated, &p->patient) : !stated_patient_find(p->c, p->row))
        return false;
    if (f->reason.at) {
        p->row->status = FILE_FAILED;
        p->row->status_reason = f->reason;
    }
    return true;
}

bool filing_place(struct call *c, struct filing *f, int64_t stated_patient, int64_t by, struct image_file *row)
{
    struct place p = { .c = c, .f = f, .row = row, .by = by, .stated = stated_patient };
    bool fit;
    f->existing = 0;
    f->is_hidden = false;
    f->outcome = FILING_NONE;
    row->is_instance = row->is_apart = false;
    say_what_the_file_says(f, row);
    if (p.stated <= 0 && !stated_patient_join(c, f, row))
        return false;
    if (f->reason.at || f->is_directory)
        return place_without_study(&p);
    if (!find_document(&p))
        return false;
    if (f->outcome == FILING_KNOWN)
        return true;
    if (!find_parents(&p, &fit))
        return false;
    if (!fit)
        return true;
    if ((!p.patient.id && !filing_make_patient(c, f, by, &p.patient)) || !find_study(&p) || !find_series(&p))
        return false;
    row->patient_id = p.patient.id;
    row->study_id = p.study_id;
    row->series_id = p.series_id;
    return filing_compare(c, f, &p.patient, row) && filing_instance(c, f, by, row);
}

uint64_t filing_members(void)
{
    static const char *const names[] = {
        "status",          "status_reason", "duplicate_of",  "patient_id",       "study_id",
        "series_id",       "is_instance",   "is_apart",      "modality",         "body_part",
        "description",     "study_date",    "sop_class_uid", "sop_instance_uid", "transfer_syntax_uid",
        "instance_number", "pixel_rows",    "pixel_columns", "number_of_frames", "conflict",
        "character_set",   "remarks",
    };
    uint64_t mask = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        mask |= GIVEN(schema_find(&image_file_schema, str_from(names[i])));
    return mask;
}

bool filing_transact(struct call *c, struct filing *f, bool (*work)(struct call *c, void *context), void *context)
{
    for (int clashes = 0; clashes < CLASHES_MAX; clashes++) {
        f->refused = false;
        if (db_transact(c, work, context))
            return true;
        if (c->error.code != E_CONFLICT || f->refused)
            return false;
        error_clear(&c->error);
    }
    c->error.retry_after_s = 1;
    return fail(c, E_UNAVAILABLE, "too many uploads of the same study at this moment: send the file again");
}
