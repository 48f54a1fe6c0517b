/* dicom_measurements.c - what a model's key points have become (diagnosis_measure.h), in the report. */
#include "diagnosis/dicom_source.h"
#include "diagnosis/sr_content.h"

#include "dicom/uid.h"

static void put_side(struct dicom_writer *w, enum measure_side side)
{
    const struct card_code *laterality = CODE("SCT", "272741003", "Laterality");
    if (side == SIDE_LEFT)
        sr_code(w, SR_MODIFIED, laterality, CODE("SCT", "7771000", "Left"));
    if (side == SIDE_RIGHT)
        sr_code(w, SR_MODIFIED, laterality, CODE("SCT", "24028007", "Right"));
}

/* TID 1501, each value after TID 300: inferred from the points, in the order of the catalogue. */
static void put_values(struct call *c, struct dicom_writer *w, const struct dicom_source *source,
                       const struct annotation *a)
{
    const struct annotation_value *values = a->values.items;
    const struct measure_point *points = a->points.items;
    double *places = arena_array(&c->arena, double, 2 * a->points.count + 1);
    for (ptrdiff_t i = 0; i < a->points.count; i++) {
        places[2 * i] = points[i].x;
        places[2 * i + 1] = points[i].y;
    }
    for (ptrdiff_t i = 0; i < a->values.count; i++) {
        const struct card_code *unit = sr_unit_of(values[i].unit);
        const struct card_code concept = { str_from(OUR_SCHEME), values[i].name, values[i].name };
        if (!unit)
            continue;
        sr_number_begin(w, SR_CONTAINS, &concept, values[i].value, unit);
        sr_points(w, SR_INFERRED, NULL, "MULTIPOINT", places, (int)(2 * a->points.count), &source->reference);
        sr_children_end(w);
    }
}

void dicom_measurements_put(struct call *c, struct dicom_writer *w, const struct dicom_source *source)
{
    const struct annotation *all = source->measurements.items;
    for (ptrdiff_t i = 0; i < source->measurements.count; i++) {
        const struct annotation *a = &all[i];
        const struct measure_kind *kind = measure_kind_at((int)a->kind - 1);
        const struct card_code meant = { str_from(OUR_SCHEME), str_from(kind->name), str_from(kind->title.en) };
        struct str seed = arena_format(&c->arena, "roentgen/annotation/%.*s", STR_FMT(a->id));
        sr_container(w, SR_CONTAINS, CODE("DCM", "125007", "Measurement Group"), "1501");
        sr_text(w, SR_OBSERVED, CODE("DCM", "112039", "Tracking Identifier"),
                arena_format(&c->arena, "Measurement %td", i + 1));
        sr_uid(w, SR_OBSERVED, CODE("DCM", "112040", "Tracking Unique Identifier"), uid_of(seed, &c->arena));
        sr_code(w, SR_CONTAINS, CODE("DCM", "121071", "Finding"), &meant);
        dicom_algorithm_put(c, w, &source->d);
        put_side(w, a->laterality);
        put_values(c, w, source, a);
        if (a->updated_at.us != a->created_at.us)
            sr_code(w, SR_CONTAINS, OURS("CORRECTED", "Points corrected by a person"), CODE("SCT", "373066001", "Yes"));
        sr_text(w, SR_CONTAINS, OURS("LABEL", "Label"), a->label);
        sr_children_end(w);
    }
}
