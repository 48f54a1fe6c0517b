/* measurements.c - the catalogue of what can be drawn and measured, for front ends: the rows of measure/catalogue.c. */
#include "web/endpoint.h"
#include "base/names.h"
#include "measure/measure.h"

static const char *const unit_kinds[] = { "length", "area", "angle", "ratio", NULL };
NAMES_REACH(unit_kinds, MEASURE_RATIO + 1);

struct named_point {
    struct str name, name_zh;
};
static const struct field named_point_fields[] = {
    FIELD(struct named_point, name, .doc = "What the point is."),
    FIELD(struct named_point, name_zh, .doc = "The same in Chinese."),
};
static const struct schema named_point_schema =
    SCHEMA("MeasurementPoint", struct named_point, named_point_fields, .doc = "A point of a measurement.");

struct named_value {
    struct str name;
    unsigned quantity;
    struct str doc, doc_zh;
};
static const struct field named_value_fields[] = {
    FIELD(struct named_value, name, .doc = "The value's name in an annotation."),
    FIELD(struct named_value, quantity, .choices = unit_kinds, .type = "Quantity",
          .doc = "What is measured: length (mm or px), area (mm2 or px2), angle (deg) or ratio (1)."),
    FIELD(struct named_value, doc, .doc = "What it is, and what its sign means."),
    FIELD(struct named_value, doc_zh, .doc = "The same in Chinese."),
};
static const struct schema named_value_schema =
    SCHEMA("MeasurementValue", struct named_value, named_value_fields, .doc = "A value that a measurement gives.");

struct measurement {
    struct str kind, name, name_zh, doc, doc_zh;
    unsigned view;
    bool sided, standing;
    int64_t min_points, max_points;
    struct list points, values;
    bool has_pixel_values;
    struct str source;
};
static const struct field measurement_fields[] = {
    FIELD(struct measurement, kind, .doc = "The `kind` that such annotations have."),
    FIELD(struct measurement, name, .doc = "What it is called in English."),
    FIELD(struct measurement, name_zh, .doc = "Its name in Chinese."),
    FIELD(struct measurement, doc, .doc = "What is measured."),
    FIELD(struct measurement, doc_zh, .doc = "The same in Chinese."),
    FIELD(struct measurement, view, .choices = measure_views, .type = "MeasurementView",
          .doc = "What has to be said beside the points: lateral: `facing`; frontal: `patient_left`; any: neither."),
    FIELD(struct measurement, sided, .doc = "Is it of one of two hips or legs, so that `laterality` has to be said?"),
    FIELD(struct measurement, standing,
          .doc = "Is it defined on films of the standing patient alone, so that `standing` has to be said?"),
    FIELD(struct measurement, min_points, .doc = "How many points it needs."),
    FIELD(struct measurement, max_points, .doc = "How many points it takes at most."),
    FIELD(struct measurement, points, .of = &named_point_schema,
          .doc = "The points in their order; empty where they have no names (outlines)."),
    FIELD(struct measurement, values, .of = &named_value_schema, .doc = "The values that it gives."),
    FIELD(struct measurement, has_pixel_values,
          .doc = "Does it also give mean, sd, min, max and pixel_count (a point: value) of the pixels inside?"),
    FIELD(struct measurement, source, .flags = NULLABLE,
          .doc = "The publication that defines it; null: a plain figure."),
};
static const struct schema measurement_schema =
    SCHEMA("Measurement", struct measurement, measurement_fields,
           .doc = "A kind of annotation: its points, its values, its signs.");

struct catalogue {
    struct list items;
};
static const struct field catalogue_fields[] = {
    FIELD(struct catalogue, items, .of = &measurement_schema, .doc = "All kinds of measurement there are."),
};
static const struct schema catalogue_schema =
    SCHEMA("MeasurementCatalogue", struct catalogue, catalogue_fields, .doc = "What can be drawn and measured.");

static struct list points_of(struct call *c, const struct measure_kind *kind)
{
    struct named_point *points = arena_array(&c->arena, struct named_point, MEASURE_NAMED_MAX);
    ptrdiff_t count = 0;
    for (; count < MEASURE_NAMED_MAX && kind->points[count].en; count++)
        points[count] = (struct named_point){ str_from(kind->points[count].en), str_from(kind->points[count].zh) };
    return (struct list){ points, count };
}

static struct list values_of(struct call *c, const struct measure_kind *kind)
{
    struct named_value *values = arena_array(&c->arena, struct named_value, MEASURE_VALUES_MAX);
    ptrdiff_t count = 0;
    for (; count < MEASURE_VALUES_MAX && kind->values[count].name; count++) {
        const struct measure_value_row *row = &kind->values[count];
        values[count] = (struct named_value){ str_from(row->name), 1 + (unsigned)row->unit, str_from(row->doc.en),
                                              str_from(row->doc.zh) };
    }
    return (struct list){ values, count };
}

static bool catalogue_get(struct call *c)
{
    struct catalogue *out = c->out;
    struct measurement *items = arena_array(&c->arena, struct measurement, measure_kind_count);
    for (int i = 0; i < measure_kind_count; i++) {
        const struct measure_kind *kind = measure_kind_at(i);
        items[i] = (struct measurement){ .kind = str_from(kind->name),
                                         .name = str_from(kind->title.en),
                                         .name_zh = str_from(kind->title.zh),
                                         .doc = str_from(kind->doc.en),
                                         .doc_zh = str_from(kind->doc.zh),
                                         .view = 1 + (unsigned)kind->view,
                                         .sided = kind->sided,
                                         .standing = kind->standing,
                                         .min_points = kind->min_points,
                                         .max_points = kind->max_points,
                                         .points = points_of(c, kind),
                                         .values = values_of(c, kind),
                                         .has_pixel_values = kind->region != REGION_NONE,
                                         .source = kind->source ? str_from(kind->source) : STR_NULL };
    }
    out->items = (struct list){ items, measure_kind_count };
    return true;
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/measurements", catalogue_get, NULL, &catalogue_schema, SIGNED_IN, .tag = "images",
      .summary = "Lists the kinds of annotations: points, values, units, signs" },
};
ENDPOINT_TABLE(measurement_endpoints, rows);
