/* rows.h - the tables that the catalogue is made of, and what their rows are written with; private to measure/.
 *
 *     const struct measure_kind chest_kinds[CHEST_KINDS] = {
 *         { .name = "cardiothoracic_ratio",
 *           .view = VIEW_FRONTAL,
 *           .values = { RATIO("cardiothoracic_ratio", "Width of the heart ...", "...") },
 *           .compute = cardiothoracic_ratio, ... },
 *
 * Each stands in the file that computes it. A new kind is one row there, its name in catalogue.c at the same place, a
 * drawing and a paragraph in docs/measurements.md and its Chinese twin; tests compare all of these.
 */
#ifndef ROENTGEN_MEASURE_ROWS_H
#define ROENTGEN_MEASURE_ROWS_H

#include "measure/measure.h"

enum {
    FIGURE_KINDS = 8,
    FRONTAL_SPINE_KINDS = 7,
    LATERAL_SPINE_KINDS = 13,
    HIP_KINDS = 3,
    LEG_KINDS = 6,
    CHEST_KINDS = 1,
    MEASURE_KINDS = FIGURE_KINDS + FRONTAL_SPINE_KINDS + LATERAL_SPINE_KINDS + HIP_KINDS + LEG_KINDS + CHEST_KINDS
};

extern const struct measure_kind figure_kinds[FIGURE_KINDS];               /* figures.c */
extern const struct measure_kind frontal_spine_kinds[FRONTAL_SPINE_KINDS]; /* spine_frontal.c */
extern const struct measure_kind lateral_spine_kinds[LATERAL_SPINE_KINDS]; /* spine_lateral.c */
extern const struct measure_kind hip_kinds[HIP_KINDS];                     /* hips.c */
extern const struct measure_kind leg_kinds[LEG_KINDS];                     /* legs.c */
extern const struct measure_kind chest_kinds[CHEST_KINDS];                 /* chest.c */

#define MEASURE_ROW(NAME, UNIT, EN, ZH) \
    { \
        NAME, UNIT, \
        { \
            EN, ZH \
        } \
    }
#define LENGTH(NAME, EN, ZH) MEASURE_ROW(NAME, MEASURE_LENGTH, EN, ZH)
#define AREA(NAME, EN, ZH) MEASURE_ROW(NAME, MEASURE_AREA, EN, ZH)
#define ANGLE(NAME, EN, ZH) MEASURE_ROW(NAME, MEASURE_DEGREES, EN, ZH)
#define RATIO(NAME, EN, ZH) MEASURE_ROW(NAME, MEASURE_RATIO, EN, ZH)

/* The Spinal Deformity Study Group's. */
#define SDSG_MANUAL \
    "O'Brien MF, Kuklo TR, Blanke KM, Lenke LG (eds). Spinal Deformity Study Group Radiographic Measurement Manual. " \
    "Medtronic Sofamor Danek, 2008"

#endif
