/* compute.h - the functions of the table in catalogue.c; private to measure/. Each fills `values` in the order of its
 * row. */
#ifndef ROENTGEN_MEASURE_COMPUTE_H
#define ROENTGEN_MEASURE_COMPUTE_H

#include "measure/measure.h"

typedef bool compute_function(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error);

/* figures.c */
compute_function compute_nothing, compute_line, compute_polyline, compute_polygon, compute_rectangle, compute_ellipse,
    compute_angle;
/* spine.c */
compute_function compute_cobb, compute_end_to_end_tilt, compute_obliquity, compute_shift_from_second,
    compute_trunk_shift, compute_slope, compute_kyphosis, compute_lordosis, compute_pelvic_tilt,
    compute_pelvic_incidence, compute_sva;

#endif
