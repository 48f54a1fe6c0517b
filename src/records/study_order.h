/* study_order.h - studies that are ordered before there is an image of them.
 *
 *     order placed ------> study SCHEDULED, its words as the order has them
 *     order changed -----> likewise
 *     order taken back --> CANCELLED
 *     first image -------> OPEN: with the study's UID, or else with its patient and its accession number, when these
 *                          say which one it is; then it gets the UID that the image has (filing.h)
 *
 *     struct study_order order = { .placer_order_number = S("4711"), ... };
 *     study.patient_id = 7, study.accession_number = S("A77"), study.modality = S("CT");
 *     study_order_place(c, &order, &study, &out)
 *
 * An order is known by the filler's number, else the placer's, else the accession number, unless its own numbers are
 * others. Each procedure of it is a study. Among the studies that one number names, two are the same procedure where
 * they say the same Study Instance UID; else it depends on the first of these that both say: requested procedure ID,
 * told UID, procedure code (its words where there is none). One that is the same by an ID goes before those with the
 * same code. Placing finds the procedure again, or makes a study. Any message may leave all of this out where the
 * number names one study, and is refused where it could mean several orders. A change may also give the one study
 * another code or told UID, and by the filler's number alone it is cancelled whatever the code; but another requested
 * procedure ID is always another procedure.
 *
 *     A77  CT chest, CT abdomen placed     two studies SCHEDULED
 *     A77  CT chest placed again           the first of them
 *     A77  CT abdomen cancelled            the second
 *     A77  cancelled                       that one is left, if only one is; E_NOT_FOUND where both are there still
 *
 * Without an accession number the study has the filler's number, or the placer's. What a message leaves empty stays as
 * it is. Once there are images, modality and date are theirs. The numbers of the order are kept beside the study, for
 * whoever reports it to them who ordered it.
 */
#ifndef ROENTGEN_STUDY_ORDER_H
#define ROENTGEN_STUDY_ORDER_H

#include "records/study.h"

struct study_order {
    int64_t study_id;
    struct str placer_order_number, filler_order_number;
    struct str procedure_code, procedure_text, procedure_scheme;
    struct str requested_procedure_id;
    struct str study_uid; /* that it told */
    struct instant updated_at;
};
extern const struct schema study_order_schema;

/* The order of a study whose record the caller has loaded; *out is cleared where there is none. */
enum found study_order_find(struct call *c, int64_t study_id, struct study_order *out);
/* Inside transactions, as study_register; what is found is what the caller sees. E_CONFLICT, E_INVALID. */
bool study_order_place(struct call *c, struct study_order *order, const struct study *said, struct study *out);
/* The same of an order that is there, and stays cancelled if it is. E_NOT_FOUND. */
bool study_order_change(struct call *c, struct study_order *order, const struct study *said, struct study *out);
/* E_NOT_FOUND: there is no such study, or several could be meant; E_CONFLICT: it has images. */
bool study_order_cancel(struct call *c, struct study_order *order, const struct study *said, struct study *out);

/* ---- for filing ---- */

/* Inside a transaction that holds the patient: the one study that is SCHEDULED for it by this number, for those who see
 * it and for machines (dicom.store); `by`: for whom, their rights are the caller's. Whatever the modality where no
 * other study was ever ordered by this number: PT is ordered, and first a CT comes. Of several, also if the others have
 * begun or are cancelled, the one with the modality of the image, or else a group of it (XR and DX), or the last one
 * that waits and has none. */
enum found study_order_scheduled(struct call *c, int64_t patient_id, struct str accession_number, struct str modality,
                                 int64_t by, int64_t *study_id);
/* Inside a transaction that holds the study: its first image has come, and says this of it. *was_ordered: it was
 * SCHEDULED or CANCELLED until now. */
bool study_order_begin(struct call *c, int64_t study_id, const struct study *said, bool *was_ordered);

#endif
