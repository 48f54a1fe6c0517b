/* lut_data.h - lookup tables out of a data set (PS3.3 C.11.1.1, C.11.2.1.1, C.7.6.3.1.5, C.7.6.3.1.6, C.7.9.2).
 *
 *     static const struct lut_place place = { .descriptor = 0x00283002, .data = 0x00283006, .name = "modality LUT" };
 *     if (!lut_read(item, &place, is_signed, &presentation->modality, &error)) ...
 *
 *   descriptor  count (0: 65536) \ first value mapped \ bits of an entry
 *   data        one entry in 16 bits each; or, of 8 bits, packed one in each byte
 *   segments    (palettes) discrete 0 n v1..vn | linear 1 n end | indirect 2 n offset: n segments again
 *
 * What is told is checked against what is there, and never more than 65536 entries are made.
 */
#ifndef ROENTGEN_RASTER_LUT_DATA_H
#define ROENTGEN_RASTER_LUT_DATA_H

#include "dicom/object.h"
#include "raster/render.h"

struct lut_place {
    uint32_t descriptor, data;
    uint32_t segments; /* 0: the table has no segmented form */
    const char *name;  /* for messages */
};

/* Absent, or without a value for its descriptor (Type 1): true, with out->count 0. E_INVALID when it is broken; *out is
 * then unspecified. `is_signed`: the values looked up may be negative, so that the first one mapped is signed even
 * where its VR says US. */
bool lut_read(const struct dicom_dataset *from, const struct lut_place *place, bool is_signed, struct lut *out,
              struct error *error);
/* The three Palette Color Lookup Tables; all absent: true. */
bool palette_read(const struct dicom_dataset *from, bool is_signed, struct lut palette[3], struct error *error);

#endif
