/* diagnosis_measure.h - the key points that a model found, as measurements that a doctor can correct.
 *
 *     struct measure_wish wish = { .id = 17, .facing = SIDE_LEFT, .standing = true };
 *     diagnosis_measure(c, &wish, &measured)
 *
 *   finding.points --measure/keypoints.h--> measurements of the catalogue --> annotations of the image, source "model"
 *
 * What the points make is added to the image's annotations (imaging/annotation.h), with the model's name and version;
 * the server measures them as any other. From then on they are annotations: who moves a point or removes one makes a
 * new version. A measurement of the same kind, side, frame, model and version that is there already stays as it is, so
 * that to ask twice adds nothing and takes back no correction.
 *
 * The film does not tell which way the patient faces, nor whether they stood: the caller does. What cannot be measured
 * is told with the reason.
 */
#ifndef ROENTGEN_DIAGNOSIS_MEASURE_H
#define ROENTGEN_DIAGNOSIS_MEASURE_H

#include "diagnosis/diagnosis.h"
#include "imaging/annotation.h"

struct measure_wish {
    int64_t id; /* of the diagnosis */
    unsigned facing, patient_left;
    bool standing;
};
struct left_out {
    struct str kind;
    unsigned laterality;
    struct str reason;
};
struct measured {
    int64_t added;
    struct list left_out; /* struct left_out */
    struct annotation_set set;
};
extern const struct schema measured_schema;

/* On a worker, outside of transactions. E_CONFLICT: it has no result, no key points, was rejected, or is what a
 * SHADOW said.
 * E_PRECONDITION_FAILED: somebody changed the annotations meanwhile. */
bool diagnosis_measure(struct call *c, const struct measure_wish *wish, struct measured *out);

#endif
