/* frame_histogram.h - how the values of a frame are spread, in the unit that its file states.
 *
 *     static bool put(struct call *c, struct image *image) { ... frame_histogram_of(c, image, 1, &found) ... }
 *
 * The values are those that measurements tell (pixel_values.h): padding and what stands for nothing is not counted. Of
 * colours their luminance is, 0 to 255.
 *
 * Unit and remark lie in the call's arena. Failure: as for a picture of the frame (image.h); besides, E_INVALID where
 * no pixel has a value. Blocks: on a worker.
 */
#ifndef ROENTGEN_FRAME_HISTOGRAM_H
#define ROENTGEN_FRAME_HISTOGRAM_H

#include "imaging/image.h"

struct frame_histogram {
    struct histogram counted;
    struct str unit;   /* of the values; null: as stored */
    struct str remark; /* what of the header says what values stand for and cannot be read, or of
                        * the ICC profile; null: nothing */
};
bool frame_histogram_of(struct call *c, const struct image *image, int64_t number, struct frame_histogram *out);

#endif
