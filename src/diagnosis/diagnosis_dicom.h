/* diagnosis_dicom.h - a diagnosis as DICOM: what other systems file beside the film and open.
 *
 *     struct diagnosis_object object = { .id = 17, .kind = OBJECT_REPORT };
 *     diagnosis_dicom(c, &object)                                    // object.bytes, in the call's arena
 *     diagnosis_dicom_store(c, &object, &file)                       // with the study, as any upload
 *
 *   OBJECT_REPORT   a Comprehensive SR document after TID 1500 (PS3.16): who observed (the model, as a device), of
 *                   which image, and of each finding its code, how sure, the threshold of that day, whether it was
 *                   reached; a box as a region (TID 1410), key points as points on the image, and the measurements
 *                   that they have become (diagnosis_measure.h); the model with version, digest and preparation as
 *                   algorithm (TID 4019); what readers said, theirs marked as theirs. The image is named in Current
 *                   Requested Procedure Evidence Sequence (0040,A375) as well: viewers refuse a document without
 *   OBJECT_HEATMAP  a Secondary Capture image, DERIVED\SECONDARY: the evidence over the film, as it is drawn for people
 *   OBJECT_SEGMENTATION  a Segmentation, BINARY: the masks, in the film's own pixels, a segment and a frame for each
 *                   label of the model, also for one of which nothing was found; type and category are the card's codes
 *
 * Patient and study are told as the film's header tells them, so that both are filed in one place. Of a film that is no
 * DICOM file there is nothing to refer to, and nothing is made up: E_CONFLICT.
 *
 * Completion Flag is COMPLETE. Verification Flag is VERIFIED, with the readers' names, only where a reader has
 * confirmed the result and none says otherwise; of each reader the last word counts. What was rejected or withdrawn
 * says so in its Series Description and in its content, and is never VERIFIED.
 *
 * The same result at the same standing makes the same file, byte for byte: its SOP Instance UID is made of all the rest
 * (uid.h), so that to store it twice is to store it once. A review or a withdrawal makes another instance of the same
 * series, with a greater Instance Number; what was stored before stays, as it was said.
 */
#ifndef ROENTGEN_DIAGNOSIS_DICOM_H
#define ROENTGEN_DIAGNOSIS_DICOM_H

#include "diagnosis/diagnosis.h"

enum diagnosis_object_kind { OBJECT_REPORT = 1, OBJECT_HEATMAP, OBJECT_SEGMENTATION };
extern const char *const diagnosis_object_kinds[]; /* "report", "heatmap", "segmentation" */

struct diagnosis_object {
    int64_t id; /* of the diagnosis */
    unsigned kind;
    struct str bytes; /* of the file, once it is made */
};

/* On a worker, outside of transactions. E_NOT_FOUND as diagnosis_load. E_CONFLICT: it has no result, no evidence to
 * draw, or no masks; its film is no DICOM file, or belongs to no study. */
bool diagnosis_dicom(struct call *c, struct diagnosis_object *object);
/* The same, then stored as an upload is (intake/upload.h), as a file of whom the film belongs to, so that it is seen by
 * who sees the film; out->already_stored says that it was there. Of what a shadow said: E_CONFLICT, for they all would
 * see it. */
bool diagnosis_dicom_store(struct call *c, struct diagnosis_object *object, struct image_file *out);

#endif
