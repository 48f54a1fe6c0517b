/* visibility_parts.h - pieces of SQL that conditions and counts have in common. Private to visibility*.c. */
#ifndef ROENTGEN_VISIBILITY_PARTS_H
#define ROENTGEN_VISIBILITY_PARTS_H

#include "records/visibility.h"

/* Documents have series of their own, made by their owner: so they are found without reading a study's films. */
#define OF_DOCUMENTS(X) X ".created_by = " DOCUMENTS_OWNER
#define OF_FILMS(X) "coalesce(" X ".created_by <> " DOCUMENTS_OWNER ", 1) = 1"
#define DOCUMENTS_OF(STUDY) \
    "series dx on dx.study_id = " STUDY \
    " and " OF_DOCUMENTS("dx") " cross join image_files f on f.series_id = dx.id and f.is_report = 1"
/* How many documents of reports a patient has. */
#define PATIENT_DOCUMENTS(PATIENT) \
    "coalesce((select k.files from patient_uploads k where k.patient_id = " PATIENT \
    " and k.uploaded_by = " DOCUMENTS_OWNER "), 0)"

#endif
