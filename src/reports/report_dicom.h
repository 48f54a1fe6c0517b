/* report_dicom.h - a report as DICOM: what other systems file beside the films and open.
 *
 *     struct report_object object = { .id = 12, .version = 0, .kind = REPORT_AS_SR };
 *     report_dicom(c, &object)                          // object.bytes, in the call's arena
 *
 *   REPORT_AS_PDF           Encapsulated PDF (PS3.3 A.45.1): the PDF that report_pdf gives
 *   REPORT_AS_SR            Comprehensive SR after TID 2000: a container for each section, with its text and, coded,
 *                           the values of its fields (numbers with UCUM units), what was added, and the key images
 *   REPORT_AS_MEASUREMENTS  Comprehensive SR after TID 1500: the annotations that the report's sources name, each value
 *                           with the points that it was measured from on its image: sources whose words still stand,
 *                           annotations that can be seen, and a model's only while a reader stands by them
 *                           (report_drawing_confirmed). E_CONFLICT: they name none; E_NOT_FOUND: the caller does not
 *                           see one of these images
 *   REPORT_AS_REJECTION     Key Object Selection, "Rejected for Patient Safety Reasons" (IHE IOCM), of what was stored
 *                           of a report that was entered in error. E_CONFLICT: nothing was, or it is no such report
 *
 * Patient and study are those that were signed; of what is not signed, as the records say now. What the record no
 * longer has as it was signed is not given out so (E_CONFLICT); neither is a report on a study without a UID.
 *
 *   signed        COMPLETE, VERIFIED by who signed, FINAL; the version before, where its SR is with the study,
 *                 in Predecessor Documents Sequence
 *   entered in    COMPLETE, UNVERIFIED, with the reason in the text
 *   error
 *   not signed    PARTIAL, UNVERIFIED, PRELIMINARY
 *
 * The SOP Instance UID is made of the report's UUID, the version, the kind and all that is in the object (dicom/uid.h).
 * So asking twice gives the same object, and what has changed (HOSPITAL_NAME, TIME_ZONE, a key image that was purged)
 * is another one. Versions of one kind are a series. An identifier that is too long for its element is left out.
 *
 * Once a report is signed, or marked as entered in error, a job stores SR, measurements, where there are any, and the
 * PDF that is kept (report_pdf_as_signed; where there can be none, the job fails and says so) with the study, or then
 * the rejection note (REPORT_DICOM; report_dicom_store.c). Whoever sees the report sees them (visibility.h), and they
 * are nobody's upload (records/report_files.h). The table report_instances says what was stored. These are no images:
 * no signature is of them (report_subject.h), no rule asks a model of them, and they have no thumbnail.
 */
#ifndef ROENTGEN_REPORTS_REPORT_DICOM_H
#define ROENTGEN_REPORTS_REPORT_DICOM_H

#include "reports/report.h"

enum report_object_kind { REPORT_AS_PDF = 1, REPORT_AS_SR, REPORT_AS_MEASUREMENTS, REPORT_AS_REJECTION };
extern const char *const report_object_kinds[]; /* "pdf", "sr", "measurements", "rejection" */

struct report_object {
    int64_t id;      /* of the report */
    int64_t version; /* 0: the one that the report shows the caller, whose number it is then */
    unsigned kind;
    bool as_kept; /* of REPORT_AS_PDF: the pages that are kept, or none */
    /* Once it is made: */
    bool is_empty; /* of REPORT_AS_MEASUREMENTS, which is not made then: there are none */
    struct str bytes, instance_uid;
    int64_t study_id;
    struct str patient_number; /* as it says */
};

/* On a worker, outside of transactions. E_NOT_FOUND as report_load; E_FORBIDDEN as report_may_be_given_out. */
bool report_dicom(struct call *c, struct report_object *object);

extern const struct job_kind report_dicom_kind;
/* Inside the transaction that signs it or marks it as entered in error. */
bool report_dicom_ask(struct call *c, int64_t report_id);

#endif
