/* jpeg2000_parts.h - is all of a JPEG 2000 codestream there, though its end is not marked? Private to dicom/.
 *
 *     ptrdiff_t end = jpeg2000_end_of_parts(stream, tiles);
 *     if (end >= 0) ...      // stream[0, end) and an EOC marker are the whole codestream
 *
 * Encoders that forget EOC exist; files that were cut are more. OpenJPEG, told to forgive, draws holes for both, so
 * that the difference is found here: every tile says how many parts it has (TNsot) and has them, and each is as long
 * as it says (Psot). Where a codestream does not say, it is not known to be whole.
 */
#ifndef ROENTGEN_DICOM_JPEG2000_PARTS_H
#define ROENTGEN_DICOM_JPEG2000_PARTS_H

#include "dicom/codec_faces.h"

enum { JPEG2000_TILES_MAX = 4096 };

/* Where the last tile-part ends; -1: EOC is there, or something else is missing. `stream` begins with SOC. */
ptrdiff_t jpeg2000_end_of_parts(struct str stream, int tiles);

#endif
