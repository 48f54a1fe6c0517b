/* pixel_doubts.h - what the Image Pixel module (PS3.3 C.7.6.3) says and cannot mean: Pixel Representation 7, a High Bit
 * below the stored ones, Number of Frames "abc", colours that have no name, pixels for more rows than there are. Part
 * of header_doubts.h, which tells when and where.
 */
#ifndef ROENTGEN_PIXEL_DOUBTS_H
#define ROENTGEN_PIXEL_DOUBTS_H

#include "dicom/pixels.h"

/* At most `most` of them; how many. `format` is what pixel_format_of made of the same object. */
int pixel_doubts(const struct dicom_object *object, const struct pixel_format *format, struct str out[], int most,
                 struct arena *arena);

#endif
