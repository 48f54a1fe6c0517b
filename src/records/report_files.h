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

struct image_file; /* records/image_file.h */

/* The account that they belong to; 0: there are none yet. False: the database failed. */
bool report_files_owner(struct call *c, int64_t *owner);
/* The same, which is made if need be; not inside a transaction. */
bool report_files_hold_owner(struct call *c, int64_t *owner);

/* Inside a transaction: is this file, by its SOP Instance UID, one that is made here of a report? *existing: the one
 * with these very bytes, which is filed, whoever sees it; 0: none. Nobody else files such a file: as theirs it would
 * be shown to who may not read reports. */
bool report_files_made(struct call *c, const struct image_file *file, bool *made, int64_t *existing);
/* Inside a transaction: `file` is a document that is about to be filed, and has its series. Files with its bytes that
 * somebody sent before are documents from now on. */
bool report_files_take(struct call *c, const struct image_file *file);

#endif
