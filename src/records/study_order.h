/* study_order.h - studies that are ordered before there is an image of them.
 *
 *     order placed ------> study SCHEDULED, its words as the order has them
 *     order changed -----> likewise
 *     order taken back --> CANCELLED
 *     first image -------> OPEN: with the study's UID, or else with its patient and its accession number, when one
 *                          SCHEDULED study alone has these; then it gets the UID that the image has (filing.h)
 *
 *     struct study_order order = { .placer_order_number = S("4711"), ... };
 *     study.patient_id = 7, study.accession_number = S("A77"), study.modality = S("CT");
 *     study_order_place(c, &order, &study, &out)
 *
 * An order is known by the filler's number, else the placer's, else the accession number, which names one study of a
 * patient: placing it again changes that. Without one the study has the filler's number, or the placer's. What a
 * message leaves empty stays as it is. Once there are images, modality and date are theirs. The numbers of the order
 * are kept beside the study, for whoever reports it to them who ordered it.
 */
#ifndef ROENTGEN_STUDY_ORDER_H
#define ROENTGEN_STUDY_ORDER_H

#include "records/study.h"

struct study_order {
    int64_t study_id;
    struct str placer_order_number, filler_order_number;
    struct str procedure_code, procedure_text, procedure_scheme;
    struct instant updated_at;
};
extern const struct schema study_order_schema;

/* The order of a study whose record the caller has loaded; *out is cleared where there is none. */
enum found study_order_find(struct call *c, int64_t study_id, struct study_order *out);
/* The study of this patient that was ordered by the filler's number, else by the placer's, else the one with this
 * accession number, as the caller sees it; a SCHEDULED one before others. */
enum found study_order_find_study(struct call *c, int64_t patient_id, const struct study_order *order,
                                  struct str accession_number, struct study *out);

/* Inside transactions, as study_register. E_CONFLICT, E_INVALID. */
bool study_order_place(struct call *c, struct study_order *order, const struct study *said, struct study *out);
/* The same of an order that is there, and stays cancelled if it is. E_NOT_FOUND. */
bool study_order_change(struct call *c, struct study_order *order, const struct study *said, struct study *out);
/* E_NOT_FOUND: there is no such study; E_CONFLICT: it has images. */
bool study_order_cancel(struct call *c, const struct study_order *order, const struct study *said, struct study *out);

/* ---- for filing ---- */

/* Inside a transaction that holds the patient: the one study that is SCHEDULED for it by this number, for those who see
 * it and for machines (dicom.store); `by`: for whom, their rights are the caller's. Whatever the modality: XR is
 * ordered and DX comes, PT and first a CT. */
enum found study_order_scheduled(struct call *c, int64_t patient_id, struct str accession_number, int64_t by,
                                 int64_t *study_id);
/* Inside a transaction that holds the study: its first image has come, and says this of it. *was_ordered: it was
 * SCHEDULED or CANCELLED until now. */
bool study_order_begin(struct call *c, int64_t study_id, const struct study *said, bool *was_ordered);

#endif
