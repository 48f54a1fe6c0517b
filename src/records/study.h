/* study.h - studies and series: the records.
 *
 *   patient 1-n study 1-n series 1-n instance (a row of image_files with is_instance = 1)
 *
 *     struct study study;
 *     if (!lock_study(c, id, 0) || !study_load_to_change(c, id, &study))       // to change it (record_lock.h)
 *         return false;
 *     ... db_update, then study_index where what it is found by is another ...
 *
 * number_of_series, number_of_instances, size_bytes and modalities are kept by triggers of the database (migrations
 * 0005, 0010): they are right after deletion, restoring, purge and merge, too. A caller who does not see all files of a
 * study is told those of their own, and of the record no word that came from others' files (study_view.h).
 *
 * Text of a loaded study lives in the call's arena. To whom a study may not be shown (visibility.h) it does not exist:
 * E_NOT_FOUND. E_FORBIDDEN: it is there for them, but is not theirs to change.
 */
#ifndef ROENTGEN_STUDY_H
#define ROENTGEN_STUDY_H

#include "records/patient.h"

struct search_text; /* db/db.h */

extern const char *const study_statuses[];
enum study_status { STUDY_STATUS_NONE, STUDY_OPEN, STUDY_CLOSED, STUDY_SCHEDULED, STUDY_CANCELLED };
/* From where the patient was sent. Whoever registers the study says so: what of an image's header names a visit
 * (Admission ID and its like) is filled for out-patients, too. */
extern const char *const care_settings[];
enum care_setting { CARE_EMERGENCY = 1, CARE_OUTPATIENT, CARE_INPATIENT, CARE_OTHER };

struct study {
    int64_t id;
    struct str study_uid;
    int64_t patient_id;
    struct str patient_name, patient_number;
    struct str accession_number, study_number;
    struct date study_date;
    struct str study_time;
    struct str modality, body_part, description, referring_physician;
    struct texts modalities;
    int64_t number_of_series, number_of_instances, size_bytes;
    unsigned status, care_setting, priority; /* priority: enum job_priority */
    struct texts conflict;
    int64_t created_by;
    struct instant created_at, updated_at;
    bool is_deleted;
    struct instant deleted_at;
    int64_t deleted_by;
    int64_t claim;               /* not sent: study_twins.h */
    int64_t instances_of_others; /* not sent: by others than created_by */
};
extern const struct schema study_schema;

struct series {
    int64_t id;
    struct str series_uid;
    int64_t study_id;
    int64_t series_number;
    struct str modality, body_part, description, protocol_name, laterality, manufacturer, institution_name;
    int64_t number_of_instances, size_bytes;
    int64_t created_by; /* not sent: whose file made it; INTEGER_NULL: nobody knows */
    struct instant created_at, updated_at;
};
extern const struct schema series_schema;

struct study_key {
    int64_t id;
};
extern const struct schema study_key;

/* A study that the caller may see. As it is: what is sent of it goes through its veil. */
enum found study_find(struct call *c, int64_t id, bool deleted, struct study *out);
/* The same of one that is not deleted, for the audit row too; E_NOT_FOUND otherwise. */
bool study_load(struct call *c, int64_t id, struct study *out);
/* The same, and the caller may change it, as far as their rights go; E_FORBIDDEN when they see it only because a file
 * of theirs is in it. */
bool study_load_to_change(struct call *c, int64_t id, struct study *out);
/* The same, locked before (lock_study), for what acts on all of its files, deleted ones too: E_FORBIDDEN when the
 * caller does not see each of them. What one does not see one can neither give away, nor move, nor delete. */
bool study_load_with_files(struct call *c, int64_t id, struct study *out);
/* What a study of this patient is found by, at most SEARCH_TEXTS_MAX; returns how many. */
int study_texts(const struct study *study, const struct patient *patient, struct search_text *out);
/* Inside a transaction: that goes into the search index. `patient`: the study's, with names and number; NULL: they
 * are read. */
bool study_index(struct call *c, const struct study *study, const struct patient *patient);

/* ---- series.c ---- */

/* The study of a series, for a caller who may see it; E_NOT_FOUND otherwise, which names the series. */
bool series_load_study(struct call *c, int64_t series_id, struct study *out);
/* Says so; false. Also of one whose study the caller sees, and nothing of the series itself. */
bool series_is_absent(struct call *c, int64_t id);
/* How many instances are in the series, for who sees all files of its study. */
bool series_count_instances(struct call *c, int64_t series_id, int64_t *count);

#endif
