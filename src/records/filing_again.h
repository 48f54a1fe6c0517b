/* filing_again.h - a file that is stored, again: after a conflict was settled, where its picture could not be made, or
 * where its text is read otherwise now.
 *
 *     filing_again(c, id, thumbnails_make, &file)       // file: as its record says now
 *
 *   DICOM, no instance yet        finds its place by the rules of an upload (filing.h): as one of its uploader, under
 *                                 the patient that its row names
 *   DICOM, an instance            keeps its place. What patient, study and series say because of its text is mended
 *                                 where that is read in another character set now, unless somebody has changed it
 *   FAILED for its picture        that is decoded again first: of a JPEG, PNG or TIFF this is all there is to do
 *
 * The bytes are compared with what was stored before they mend any record. Decoding is handed in, because it lies
 * above the records: it says on the row how it went, and is false only when it could not be tried.
 *
 * Who asks may change the file (its uploader, or image.update). E_CONFLICT: no DICOM file, one that is in the archive,
 * or one that was filed, moved or deleted at the same time; and what filing refuses. E_UNREADABLE: keeping.h. What
 * fails changes no record, but for what was found out of the picture and of the bytes.
 */
#ifndef ROENTGEN_FILING_AGAIN_H
#define ROENTGEN_FILING_AGAIN_H

#include "records/image_file.h"

typedef bool filing_decode(struct call *c, const struct image_file *file);

/* Outside a transaction, on a worker. */
bool filing_again(struct call *c, int64_t id, filing_decode *decode, struct image_file *out);

#endif
