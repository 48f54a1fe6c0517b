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

/* The account that they belong to; 0: there are none yet. False: the database failed. */
bool report_files_owner(struct call *c, int64_t *owner);
/* The same, which is made if need be; not inside a transaction. */
bool report_files_hold_owner(struct call *c, int64_t *owner);

#endif
