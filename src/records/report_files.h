/* report_files.h - documents of reports: files that the server makes of signed reports and files with their studies
 * (reports/report_dicom.h).
 *
 *     int64_t owner;
 *     struct upload_details details = { .is_report = true, .only_study = study_id };
 *     report_files_hold_owner(c, &owner) && upload_store(c, file, &details, owner, &row)
 *
 * They are nobody's upload: no quota counts them, and having sent a film opens none. Who sees them is visibility.h's
 * word: whoever sees the report. But a file needs an account that it belongs to (image_files.uploaded_by), as the views
 * and counts of records are by account. So there is one that nobody can sign in with, made with the first document: a
 * row of users that is deleted from its birth, as no list shows it and no name is taken by it. report_owner says which.
 */
#ifndef ROENTGEN_REPORT_FILES_H
#define ROENTGEN_REPORT_FILES_H

#include "base/call.h"

/* Why nobody else's file of that instance is taken. */
#define IS_A_DOCUMENT "by its SOP Instance UID it is a document that this server makes of a report, and files itself"

struct image_file; /* records/image_file.h */

/* The account that they belong to; 0: there are none yet. False: the database failed. */
bool report_files_owner(struct call *c, int64_t *owner);
/* The same, which is made if need be; not inside a transaction. */
bool report_files_hold_owner(struct call *c, int64_t *owner);

struct report_file {
    bool is_made;                 /* here, of a report */
    int64_t existing;             /* the file with these very bytes, which is filed, whoever sees it; 0: none */
    int64_t patient_id, study_id; /* where that is now */
    bool is_seen;                 /* by the sender */
};

/* Inside a transaction: is the file that `by` sends, by its SOP Instance UID, a document? Nobody but this server files
 * such a file: as theirs it would be shown to who may not read reports. */
bool report_files_made(struct call *c, const struct image_file *file, int64_t by, struct report_file *out);
/* Inside a transaction: `file` is a document that is about to be filed, and has its series. `existing` is a file with
 * its bytes that somebody sent before, which is the document from now on; 0: none. All others of that instance,
 * whatever their bytes, are not it, and who does not see the document sees none of them. */
bool report_files_take(struct call *c, const struct image_file *file, int64_t existing);

#endif
