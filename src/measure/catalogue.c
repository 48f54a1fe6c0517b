/* catalogue.c - all kinds of annotation in their order, and what is checked of each before it is computed. */
#include "measure/rows.h"

#include "base/names.h"

#include <math.h>

const char *const measure_sides[] = { "left", "right", NULL };
const char *const measure_views[] = { "any", "lateral", "frontal", NULL };
NAMES_REACH(measure_sides, SIDE_RIGHT);
NAMES_REACH(measure_views, VIEW_FRONTAL + 1);

/* A constant table for field rows, which a member of the rows cannot be; a test keeps them equal. */
const char *const measure_names[] = { "point",
                                      "line",
                                      "polyline",
                                      "polygon",
                                      "rectangle",
                                      "ellipse",
                                      "angle",
                                      "text",
                                      "cobb",
                                      "t1_tilt",
                                      "csvl_distance",
                                      "apical_vertebral_translation",
                                      "trunk_shift",
                                      "shoulder_obliquity",
                                      "pelvic_obliquity",
                                      "t1_slope",
                                      "thoracic_kyphosis",
                                      "lumbar_lordosis",
                                      "sacral_slope",
                                      "pelvic_tilt",
                                      "pelvic_incidence",
                                      "sva",
                                      "cervical_lordosis",
                                      "c2_c7_sva",
                                      "ts_cl",
                                      "pi_ll",
                                      "t1_pelvic_angle",
                                      "global_tilt",
                                      "centre_edge_angle",
                                      "sharp_angle",
                                      "acetabular_index",
                                      "leg_length_difference",
                                      "hip_knee_ankle_angle",
                                      "mldfa",
                                      "mpta",
                                      "jlca",
                                      "hallux_valgus",
                                      "cardiothoracic_ratio",
                                      NULL };
NAMES_REACH(measure_names, MEASURE_KINDS);
const int measure_kind_count = MEASURE_KINDS;

static const struct {
    const struct measure_kind *rows;
    int count;
} tables[] = { { figure_kinds, FIGURE_KINDS },
               { frontal_spine_kinds, FRONTAL_SPINE_KINDS },
               { lateral_spine_kinds, LATERAL_SPINE_KINDS },
               { hip_kinds, HIP_KINDS },
               { leg_kinds, LEG_KINDS },
               { chest_kinds, CHEST_KINDS } };

const struct measure_kind *measure_kind_at(int index)
{
    assert(index >= 0 && index < MEASURE_KINDS);
    size_t table = 0;
    while (index >= tables[table].count)
        index -= tables[table++].count;
    return &tables[table].rows[index];
}

static bool check_points(const struct measure_kind *kind, const struct measure_input *in, struct error *error)
{
    if (in->count < kind->min_points || in->count > kind->max_points) {
        if (kind->min_points == kind->max_points)
            return error_set(error, E_INVALID, "%s takes %d points", kind->name, kind->min_points);
        return error_set(error, E_INVALID, "%s takes %d to %d points", kind->name, kind->min_points, kind->max_points);
    }
    for (int64_t i = 0; i < in->count; i++)
        if (!isfinite(in->points[i].x) || !isfinite(in->points[i].y))
            return error_set(error, E_INVALID, "a coordinate is not a finite number");
    return true;
}

/* What no film tells by itself. */
static bool check_told(const struct measure_kind *kind, const struct measure_input *in, struct error *error)
{
    if (kind->view == VIEW_LATERAL && in->facing == SIDE_UNKNOWN)
        return error_set(error, E_INVALID, "%s needs `facing`: to which side of the image the patient looks",
                         kind->name);
    if (kind->view == VIEW_FRONTAL && in->patient_left == SIDE_UNKNOWN)
        return error_set(error, E_INVALID, "%s needs `patient_left`: on which side of the image the patient's left is",
                         kind->name);
    if (kind->sided && in->laterality == SIDE_UNKNOWN)
        return error_set(error, E_INVALID, "%s needs `laterality`: which of the patient's two sides is measured",
                         kind->name);
    if (kind->standing && !in->standing)
        return error_set(error, E_INVALID, "%s needs `standing`: it is defined on films of the standing patient alone",
                         kind->name);
    return true;
}

bool measure(const struct measure_kind *kind, const struct measure_input *in, struct measure_result *out,
             struct error *error)
{
    double values[MEASURE_VALUES_MAX] = { 0 };
    if (!check_points(kind, in, error) || !check_told(kind, in, error) || !kind->compute(in, values, error))
        return false;
    *out = (struct measure_result){ .count = 0 };
    for (int i = 0; i < MEASURE_VALUES_MAX && kind->values[i].name; i++) {
        out->values[i].name = kind->values[i].name;
        out->values[i].value = values[i] + 0.0; /* no negative zero */
        out->values[i].unit = kind->values[i].unit;
        out->count++;
    }
    return true;
}
