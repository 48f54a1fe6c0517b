/* ultrasound.h - the calibrated regions of an ultrasound image (PS3.3 C.8.5.5): rectangles, each with scales of its
 * own.
 *
 *   +------------------+
 *   | 2D: cm, cm       |     a figure inside: millimetres
 *   +------------------+
 *   | Doppler: s, cm/s |     a figure inside: no lengths, but seconds across and cm/s down
 *   +------------------+     a figure across both, or outside: pixels
 *
 *     struct ultrasound regions;
 *     ultrasound_of(root, &regions);
 *     region = ultrasound_region_of(&regions, points, count);     // NULL: no one region holds them all
 *
 * Where regions overlap and their scales differ, one of high priority goes before those of low priority
 * (C.8.5.5.1.3); among equals it is not determined, and nothing is taken. An image that has regions has no other
 * spacing: a Pixel Spacing beside them does not know which region it is of.
 */
#ifndef ROENTGEN_ULTRASOUND_H
#define ROENTGEN_ULTRASOUND_H

#include "dicom/object.h"
#include "measure/measure.h"

enum { ULTRASOUND_REGIONS_MAX = 64 };

struct ultrasound_axis {
    const char *unit; /* NULL: not calibrated */
    bool is_length;   /* in centimetres */
    bool is_unread;   /* it states a unit, but which, or how much a pixel is of it, cannot be read */
    double delta;     /* units from pixel to pixel, may be negative: velocities grow upwards */
    bool has_origin;  /* C.8.5.5.1.16: where on the image (pixel coordinates of measure.h) which value is */
    double origin, origin_value;
};

struct ultrasound_region {
    double left, top, right, bottom; /* outer edges */
    bool is_low_priority;
    struct ultrasound_axis across, down;
};

struct ultrasound {
    bool has_regions;
    int count;  /* of those whose rectangle makes sense */
    int unread; /* of the others */
    struct ultrasound_region regions[ULTRASOUND_REGIONS_MAX];
};

void ultrasound_of(const struct dicom_dataset *root, struct ultrasound *out);
const struct ultrasound_region *ultrasound_region_of(const struct ultrasound *ultrasound,
                                                     const struct measure_point *points, int64_t count);
bool ultrasound_is_spatial(const struct ultrasound_region *region); /* both axes are lengths */

#endif
