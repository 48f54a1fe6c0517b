/* header_doubts.h - what of a DICOM header decides numbers and brightness, is there, and cannot be read: Rescale
 * Slope "abc", a Pixel Spacing of 0, a window without its width. The image is shown and measured all the same, as if
 * it were not there; but a doctor has to be told, since values that are only stored ones look like Hounsfield units.
 *
 *     struct str doubts[DOUBTS_MAX];
 *     int count = header_doubts(object, 3, DOUBT_VALUES, doubts, &arena);
 *     "Rescale Slope (0028,1053) is no finite number: values are as stored, without a unit"
 *
 * What is absent altogether is no doubt: that the file does not know is told by a unit or a spacing that is not
 * there. What is used instead is decided by those who use it (pixel_values.h, image.h, suv.h, ultrasound.h); a test
 * compares.
 */
#ifndef ROENTGEN_HEADER_DOUBTS_H
#define ROENTGEN_HEADER_DOUBTS_H

#include "dicom/object.h"

enum doubt {
    DOUBT_VALUES = 1, /* what a sample stands for */
    DOUBT_WINDOW = 2, /* how it is shown when nothing is asked for */
    DOUBT_LENGTHS = 4,
    DOUBT_DATES = 8, /* of the patient and the study: told of the file alone */
    DOUBT_ALL = 15,
};

enum { DOUBTS_MAX = 8 }; /* further ones are not told */

/* How many, of one frame, from 1; 0: of all, each thing once. Their text is the arena's. */
int header_doubts(const struct dicom_object *object, int64_t frame, unsigned about, struct str out[DOUBTS_MAX],
                  struct arena *arena);
/* The same as one text, "; " between them, cut to whole ones of at most `most` bytes. Null: there are none. */
struct str header_doubts_text(const struct dicom_object *object, int64_t frame, unsigned about, ptrdiff_t most,
                              struct arena *arena);

#endif
