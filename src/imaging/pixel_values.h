/* pixel_values.h - what a stored sample stands for: one path for pictures, histograms and measurements, so that two
 * answers about one pixel cannot differ.
 *
 *   stored bits --(raster/layout.h: shift, mask, sign)--> stored value
 *     |
 *     +-- Modality LUT, or rescale (PS3.3 C.11.1) ----------> modality value: the file's VOI LUTs and windows
 *     |
 *     +-- real-world mapping (C.7.6.16.2.11)           \
 *     +-- Dose Grid Scaling of RT doses (C.8.8.3)       +---> real-world value, with its unit: histograms, lengths,
 *     +-- SUV of PET (measure/suv.h)                    /     windows that are asked for; the first that the file has,
 *     +-- rescale, whose unit the file states                 else the modality value
 *
 *     struct pixel_source source = { c, object, &format, frame };
 *     struct str unit;
 *     if (!pixel_values_real(&source, presentation, &unit)) ... // then sample_meaning (raster/render.h) for each
 *
 * Nothing is guessed: a unit is told where the file states it, or where the standard fixes it (HU for CT). Stored
 * values that a mapping does not cover have no value.
 *
 * Tables are copied into the presentation, which refers to nothing of the source; the unit lies in the call's arena or
 * the data set. Failure is a Modality LUT that is broken (E_INVALID): pixels whose values cannot be known are not shown
 * as if they were. Other statements that cannot be read are as if absent; measure/header_doubts.h tells of them.
 */
#ifndef ROENTGEN_PIXEL_VALUES_H
#define ROENTGEN_PIXEL_VALUES_H

#include "base/call.h"
#include "dicom/pixels.h"
#include "raster/render.h"

/* The frame whose values are asked for. */
struct pixel_source {
    struct call *c;
    const struct dicom_object *object;
    const struct pixel_format *format; /* of one sample a pixel, no palette */
    int64_t frame;
};

/* As stored, without a unit: what a raster file has. */
void pixel_values_plain(struct presentation *out);
/* Both fill what stored values stand for, and no other part of *out. E_INVALID for a Modality LUT that is broken; one
 * without descriptor or data is none. */
bool pixel_values_modality(const struct pixel_source *from, struct presentation *out, struct str *unit);
bool pixel_values_real(const struct pixel_source *from, struct presentation *out, struct str *unit);

#endif
