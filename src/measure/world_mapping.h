/* world_mapping.h - one item of a Real World Value Mapping Sequence (0040,9096): stored values from `first` to `last`
 * stand for what a line or a table makes of them (PS3.3 C.7.6.16.2.11).
 *
 *     struct world_mapping mapping;
 *     struct mapping_fault fault;
 *     if (!world_mapping_read(item, &format, arena, &mapping, &fault) && fault.of) ...    // "Slope", "is 0"
 *
 * Those who compute values and those who tell what of a header cannot be used ask the same function.
 */
#ifndef ROENTGEN_WORLD_MAPPING_H
#define ROENTGEN_WORLD_MAPPING_H

#include "dicom/pixels.h"

enum { WORLD_MAPPINGS_MAX = 64 }; /* further items are not read */

struct world_mapping {
    double first, last, slope, intercept;
    const struct dicom_node *table; /* NULL: by slope and intercept */
    struct str unit;                /* a view of the file, or the arena's */
};

/* What makes it useless; `of` NULL: nothing, or the item is room that its writer never filled. */
struct mapping_fault {
    const char *of, *what;
};

/* False: it cannot be used with samples of that format. */
bool world_mapping_read(const struct dicom_dataset *item, const struct pixel_format *format, struct arena *arena,
                        struct world_mapping *out, struct mapping_fault *fault);

#endif
