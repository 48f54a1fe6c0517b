/* stated_patient.h - whom an uploader who is not told of patients says a file is of.
 *
 * Who reads patients and states one that is not there is refused, so that a slip is seen. To who does not (a machine
 * with image.upload) that answer would tell which patients there are. What they state is therefore taken whatever it
 * is, kept with the file, and acted on without a word:
 *
 *     stated           DICOM file                                  any other file
 *     number           as if it were its Patient ID, where the     its patient's, where there is one; otherwise
 *                      file has none; else the two have to be      nobody's, until somebody who reads patients
 *                      the same text (E_CONFLICT)                  decides (PATCH)
 *     id               nothing: the header decides                 likewise
 *     both             by the number                               of the one patient whom both name; else nobody's
 *
 * Every answer follows from the request and from what the account itself has sent. That is why an id counts for
 * nothing beside a header: films of the same study that come later would tell by being FAILED whose id it was.
 */
#ifndef ROENTGEN_STATED_PATIENT_H
#define ROENTGEN_STATED_PATIENT_H

#include "records/filing.h"

/* Inside a transaction, of a file that does not know by itself: where a patient is stated, row->patient_id becomes who
 * that is, locked; null: nobody. */
bool stated_patient_find(struct call *c, struct image_file *row);
/* What is stated of a DICOM file becomes what the file says, where it says nothing. False: E_CONFLICT, it says
 * otherwise. */
bool stated_patient_join(struct call *c, struct filing *f, const struct image_file *row);

#endif
