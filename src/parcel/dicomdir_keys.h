/* dicomdir_keys.h - the records of a DICOMDIR that speak of one file: which type of record, and its keys (PS3.3 F.4,
 * F.5).
 *
 *     const struct dicomdir_record *record = dicomdir_record_of(sop_class_uid);
 *     limits.stop_at = dicomdir_keys_end(record);     // read the file that far; 0: the directory needs nothing of it
 *     dicomdir_keys_put(&out, record, dataset, instance_number, &arena);      // dataset NULL: not read
 *
 * Type 1 has a value; where the file has none, it is made up so that nobody takes it for real: UNKNOWN, 1 January
 * 1900, a concept of that name in our own coding scheme. A document whose flags are not stated is PARTIAL and
 * UNVERIFIED. Type 1C and 3 are as in the file, type 2 may be empty. Sequences are copied with all that is in their
 * items, their text as UTF-8 like the rest of the directory.
 *
 * A SOP class that no row knows gets an IMAGE record, as pydicom does and as the directory always had it here;
 * dcmmkdir refuses such files, but an archive leaves none out. So do kinds that belong to no patient (palettes,
 * implants, hanging protocols) and still state a study: their own records may stand only at the root (F.4).
 *
 * Records are rows of a static table. What is read of the data set is copied into `out`; the arena is for what is only
 * needed meanwhile. Nothing fails: what cannot be read is as if the file did not state it.
 */
#ifndef ROENTGEN_DICOMDIR_KEYS_H
#define ROENTGEN_DICOMDIR_KEYS_H

#include "base/text.h"
#include "dicom/object.h"

struct dicomdir_record;
/* Never NULL. */
const struct dicomdir_record *dicomdir_record_of(struct str sop_class_uid);
/* Its Directory Record Type (0004,1430). */
const char *dicomdir_record_type(const struct dicomdir_record *record);
/* The tag after the last that its keys take from the file; 0: they take none. */
uint32_t dicomdir_keys_end(const struct dicomdir_record *record);
/* Appends its keys. `dataset` NULL: the file was not read. */
void dicomdir_keys_put(struct text *out, const struct dicomdir_record *record, const struct dicom_dataset *dataset,
                       int64_t instance_number, struct arena *arena);

#endif
