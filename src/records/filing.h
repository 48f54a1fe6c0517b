/* filing.h - a DICOM file finds its place: patient, study, series, instance.
 *
 *     struct filing f;
 *     if (!filing_read(c, fd, size_bytes, &text, &f)) return false;    // what the file says; damage is no failure
 *     ... bytes are kept under their name ...
 *     db_transact(c, work, ...):                                // filing_transact does this, and again after a clash
 *         filing_place(c, &f, stated_patient_id, user, &row)    // finds or makes patient, study, series; fills the row
 *         if (f.outcome != FILING_KNOWN) db_insert(row)
 *
 * Nothing here knows of HTTP: uploads, import and receivers of DICOM messages use it alike.
 *
 * Rules:
 * - Every number in a record comes from the file, through the `.tag` of its field rows (filing_fill).
 * - UIDs are never made up. A file without legal Study, Series and SOP Instance UIDs, or one that cannot be read, is
 *   FAILED: its bytes are kept, and status_reason says what is wrong, with tag and byte offset. It belongs to no
 *   study.
 * - Study UIDs count for the whole store; Series UIDs within their study; SOP Instance UIDs within their series.
 * - The same instance again with the same bytes is the row that is there (FILING_KNOWN). With other bytes it is
 *   refused (E_CONFLICT), or kept as a file that is not the instance (SAME_INSTANCE=keep). When the one that is there
 *   is none of the caller's business, the caller gets a file of their own, which does not count either, and whoever
 *   sees both is told that there are two.
 * - A file whose pixels are cut short or not what its header promises is FAILED and never the instance: it is kept in
 *   its series, beside the intact one, whichever comes first, and status_reason says so. An instance that was found
 *   to be damaged later gives way as well.
 * - A patient is Issuer of Patient ID + Patient ID; an issuer equal to PATIENT_ID_ISSUER, or none, means our own
 *   numbers. A number whose patient was merged into another leads there. Name, gender or birth date that differ are
 *   said in `conflict` of patient and file and leave an audit row; the patient's record stays as it is.
 * - A Patient ID or issuer that the record cannot hold as it is (longer than 64 characters, control characters, bytes
 *   that are no text) is never cut or mended, which would make different people one: the file is FAILED.
 * - A file whose Study UID no study has goes to the one that was ordered for its patient by its accession number, if
 *   there is one (study_order.h), which has that UID from then on.
 * - A file without Patient ID goes to the patient stated by the uploader, else where its study is already, else its
 *   study gets a patient of its own (is_unidentified) with a number made from the Study UID: nobody's pictures are
 *   ever put under somebody else.
 * - A stated patient whose number is not the file's is refused (E_CONFLICT). What is stated by who is not told of
 *   patients has rules of its own (stated_patient.h).
 * - A study that is filed under another patient than the file says stays there, is marked (studies.conflict), and the
 *   file is FAILED under the patient that it names until somebody decides: what was decided of the study was not
 *   decided of a film that came later. What is in that study with the same bytes has been: it is FILING_KNOWN. Where
 *   the uploader does not see that study, the file gets one of its own (study_twins.h).
 * - What is deleted is not there: a file of a deleted patient or study makes a new one.
 * - A document that this server makes of a report is filed by this server alone (report_files.h): sent back it is
 *   FILING_KNOWN, whoever sees it, and with other bytes, for another patient or study than it has, or after it was
 *   deleted, refused (E_CONFLICT). What came before it with other bytes is no instance from then on.
 * - A DICOMDIR is kept as a file and belongs to no study.
 *
 * A struct filing and all its text live in the call's arena; the descriptor stays the caller's.
 */
#ifndef ROENTGEN_FILING_H
#define ROENTGEN_FILING_H

#include "records/image_file.h"
#include "records/patient.h"
#include "records/study.h"
#include "records/study_twins.h"
#include "dicom/object.h"

enum filing_outcome {
    FILING_NONE,  /* not filed: a DICOMDIR, or status FAILED with its reason */
    FILING_FILED, /* row is the instance */
    FILING_COPY,  /* row is a file of the series, but not the instance: a copy, another version, or damaged */
    FILING_KNOWN, /* `existing` is the instance, with the same bytes: row need not be stored */
};

struct filing {
    struct str reason; /* why it cannot be filed; null: it can */
    /* It has its place, but its pixels are not what the header promises: FAILED with this reason, and no instance. */
    struct str damage;
    bool is_directory;          /* DICOMDIR */
    int64_t only_study;         /* of studies with its UID it belongs to this one; 0: as the rules say */
    struct patient patient;     /* as the file says; patient_id null: it has none */
    struct study study;         /* likewise */
    struct series series;       /* likewise */
    struct image_file instance; /* likewise: the members with a tag */
    /* After filing_place: */
    enum filing_outcome outcome;
    int64_t existing;
    bool is_hidden; /* FILING_KNOWN: from whom the file belongs to */
    bool refused;   /* E_CONFLICT was our word, not a clash in the database */
};

/* What the file's text is in. */
struct filing_text {
    int64_t sender;     /* the account whose file it is: settled by its bytes, DICOM_CHARSET and DICOM_CHARSETS */
    struct str charset; /* sender 0: in this, or, when null, as declared */
};

/* Reads the header of the file behind `fd`; what is wrong with the file is out->reason. False: it could not be looked
 * at, which says nothing of the file: the disk does not give it back (E_UNREADABLE), no memory for it, no descriptor,
 * for which -1 stands (E_UNAVAILABLE). */
bool filing_read(struct call *c, int fd, int64_t size_bytes, const struct filing_text *text, struct filing *out);
/* The same of bytes in memory. */
bool filing_read_bytes(struct call *c, struct str bytes, const struct filing_text *text, struct filing *out);

/* Inside a transaction. `row` has its bytes' members (sha256, file_size, status ...) and gets patient, study, series
 * and what the file says. `stated_patient`: what the uploader said, or not above 0. False: E_CONFLICT, or the
 * database failed. */
bool filing_place(struct call *c, struct filing *f, int64_t stated_patient, int64_t by, struct image_file *row);

/* The members of an image file that filing_place may change: the mask for db_update of a row that is there already. */
uint64_t filing_members(void);

/* db_transact, again when another transaction has made the same patient, study, series or instance at the same
 * moment. */
bool filing_transact(struct call *c, struct filing *f, bool (*work)(struct call *c, void *context), void *context);

/* ---- filing_text.c ---- */

/* Are the character sets that the settings name known? False: E_INVALID, which name is not. */
bool filing_check_charsets(const struct config *config, struct error *error);
/* Settles the text of the file (dicom/encoding.h); *used: its character set, null when that is as declared. */
void filing_settle_text(struct call *c, int64_t sender, struct dicom_object *object, struct str *used);
/* Inside a transaction: what patient, study and series say because text of this file was read as `before` is mended
 * to what it says now. What somebody has changed since stays. */
bool filing_mend_text(struct call *c, const struct filing *before, const struct filing *now, struct image_file *row);

/* ---- filing_instance.c ---- */

/* Inside a transaction: is `row`, whose patient, study and series are known, the instance, a copy beside it, or there
 * already? Fills f->outcome, f->existing, row->is_instance and the row's status. False: E_CONFLICT, or the database
 * failed. */
bool filing_instance(struct call *c, struct filing *f, int64_t by, struct image_file *row);
/* Inside a transaction: is it in this study already, with the same bytes, and seen by whom it belongs to? *f says so
 * then (FILING_KNOWN), and row where. */
bool filing_known_in(struct call *c, struct filing *f, int64_t by, const struct study_twin *study,
                     struct image_file *row);
/* Inside a transaction: `file` has just been deleted; it is about to be restored. False: E_CONFLICT, the caller sees
 * another in its place. */
bool filing_instance_gone(struct call *c, const struct image_file *file);
bool filing_instance_back(struct call *c, const struct image_file *file);

/* ---- filing_fill.c ---- */

/* Fills the members of *record whose rows have a tag: text, integers, reals, dates and choices. Absent values leave
 * the member as it was. Text is cut to the row's limit. A choice is taken by its name or, of one letter, by its
 * initial (M: MALE). */
void filing_fill(struct call *c, const struct dicom_dataset *dataset, const struct schema *schema, void *record);

/* Of one or many lines, without control characters, ends trimmed, at most 100 code points; null when nothing is
 * left. */
void filing_clean(struct arena *arena, struct str raw, struct str *out);

/* Why a number that tells people apart cannot be taken as it is: it is longer than the record holds, has control
 * characters, or bytes that are no text. Cut or mended, those of different people would be one. Null: it can. */
struct str filing_unlike(struct call *c, const struct dicom_dataset *dataset, uint32_t tag, const char *name);

/* A person's name (PS3.5 6.2.1) as people read it. `name`: the ideographic group where there is one, else the
 * alphabetic one; `latin`: the alphabetic one, when it is in Latin letters; `phonetic`: the phonetic one, or one in
 * kana or the like that stands where the alphabetic one should, unless that is the name. Ideographs and Hangul are
 * written without a space: "王^小东" is 王小东. */
void filing_person_name(struct arena *arena, struct str pn, struct str *name, struct str *latin, struct str *phonetic);

/* ---- filing_patient.c ---- */

/* Inside a transaction: what is compared of a patient that is not deleted; *out->id is 0 when there is none. Locks
 * the patient, so that files of one patient are placed one after the other (see patient_must_exist). */
bool filing_load_patient(struct call *c, int64_t id, struct patient *out);
/* Inside a transaction: finds the patient that the file speaks of; *out->id is 0 when there is none yet. */
bool filing_find_patient(struct call *c, struct filing *f, int64_t stated, struct patient *out);
/* Makes the patient as the file says. */
bool filing_make_patient(struct call *c, struct filing *f, int64_t by, struct patient *out);
/* Compares name, gender and birth date; marks patient and row. */
bool filing_compare(struct call *c, const struct filing *f, const struct patient *patient, struct image_file *row);

#endif
