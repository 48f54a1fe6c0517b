/* dicomdir.h - writes a DICOMDIR: the directory of a file-set (PS3.3 annex F, PS3.10 chapter 8), for one study.
 *
 *     struct dicomdir dir;
 *     dicomdir_begin(&dir, instance_uid, patient, study);
 *     dicomdir_series(&dir, &series);
 *     dicomdir_file(&dir, &file);      // belongs to the series before it
 *     struct str bytes = dicomdir_end(&dir);    // until dicomdir_release
 *     dicomdir_release(&dir);
 *
 *   PATIENT -> STUDY -> SERIES -> IMAGE, SR DOCUMENT, ...    each record points to the next of its kind and to its
 *                                                            first below, by byte offsets in the file
 *
 * Explicit VR little endian; text is UTF-8 (ISO_IR 192). What is not known is written empty; but keys of Type 1
 * (PS3.3 F.5) have to have a value, without which many readers refuse the directory. Those that no file states are
 * made up so that nobody takes them for real: 1 January 1900, midnight, modality OT, the patient's number of our own,
 * the study's, series' and file's number in the order of this directory. The files stay as they are. Keys of the
 * records that speak of files: dicomdir_keys.h.
 *
 * What is passed is written at once and not kept. The directory owns the bytes, which dicomdir_end lends. Nothing fails
 * before the end: dicomdir_end tells when it has become too large, and is asked before anything is made of it.
 */
#ifndef ROENTGEN_DICOMDIR_H
#define ROENTGEN_DICOMDIR_H

#include "records/study.h"
#include "base/text.h"
#include "dicom/object.h"

enum { DICOMDIR_FILE_ID_MAX = 64 };

/* One file of the file-set. */
struct dicomdir_file {
    struct str file_id; /* components joined by '\', each of at most 8 of A-Z, 0-9, _ (PS3.10 8.2, 8.5) */
    struct str sop_class_uid, sop_instance_uid, transfer_syntax_uid;
    int64_t instance_number;             /* INTEGER_NULL: none */
    const struct dicom_dataset *content; /* as far as dicomdir_keys_end asks for it; NULL: not read */
    struct arena *arena;                 /* for what is only needed until the record is written */
};

/* A directory being written; offsets are from the beginning of `out`. */
struct dicomdir {
    struct text out;
    ptrdiff_t directory_length;          /* where the length of the record sequence stands */
    ptrdiff_t patient, study;            /* their records */
    ptrdiff_t last_series, last_file;    /* the latest records; 0: none */
    int64_t series, files;               /* how many series, and files of the latest */
    ptrdiff_t first_offset, last_offset; /* where the offsets of the root's first and last record stand */
};

/* Whose study it is. */
struct dicomdir_patient {
    struct str name; /* as in the files: a PN in UTF-8 */
    struct str patient_id, issuer;
    struct date birth_date;
    char sex; /* M, F, O; 0: unknown */
};

enum { DICOMDIR_BYTES_MAX = 64 << 20 };

/* `instance_uid` becomes the directory's own. */
void dicomdir_begin(struct dicomdir *dir, struct str instance_uid, const struct dicomdir_patient *patient,
                    const struct study *study);
void dicomdir_series(struct dicomdir *dir, const struct series *series);
void dicomdir_file(struct dicomdir *dir, const struct dicomdir_file *file);
/* All of it, until dicomdir_release. Null: it would be larger than DICOMDIR_BYTES_MAX. */
struct str dicomdir_end(struct dicomdir *dir);
void dicomdir_release(struct dicomdir *dir);

#endif
