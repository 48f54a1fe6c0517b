/* suv.h - standardised uptake values of PET by body weight, where the header has all that they take.
 *
 * Follows the vendor-neutral pseudo code of the QIBA FDG-PET profile, its "happy path" and the branches for what GE
 * and Philips write:
 *
 *   SUVbw [g/ml] = activity [Bq/ml] * weight [g] / dose left at the time that the decay is corrected to [Bq]
 *
 * Images that are corrected for attenuation and decay only. Anything missing or impossible: no SUV, the activity
 * stays what it is.
 *
 * Times of the file without an offset from UTC are of one clock, whose offset (0008,0201) states. A Radiopharmaceutical
 * Start DateTime (0018,1078) with an offset of its own is reckoned to that clock. Where the file does not state one,
 * it is taken for that clock's if (0018,1072) shows the same time; else there is no SUV.
 */
#ifndef ROENTGEN_SUV_H
#define ROENTGEN_SUV_H

#include "dicom/object.h"

/* What rescaled values are multiplied by, and the unit they have then: "g/ml", or what Units (0054,1001) says in the
 * words of UCUM.
 * 1 and null for what is no PET. `arena` holds texts meanwhile. */
struct pet_scale {
    double factor;
    struct str unit;
    const char *trouble; /* what of the times, weight and dose contradicts itself or is impossible; NULL: nothing */
};
struct pet_scale pet_scale_of(const struct dicom_dataset *root, struct arena *arena);

#endif
