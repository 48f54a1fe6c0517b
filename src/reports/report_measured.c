/* report_measured.c - the measurements that a report rests on, as an SR document after TID 1500 "Measurement Report".
 */
#include "reports/report_dicom_parts.h"

#include "dicom/uid.h"
#include "imaging/annotation.h"

static bool is_first_of_image(const struct report_measured *all, ptrdiff_t index)
{
    for (ptrdiff_t i = 0; i < index; i++)
        if (all[i].image == all[index].image)
            return false;
    return true;
}

/* TID 1600: the images, and nothing of them that they do not say themselves. */
static void put_library(const struct report_source *s, struct dicom_writer *w)
{
    const struct report_measured *all = s->measured.items;
    sr_container(w, SR_CONTAINS, CODE("DCM", "111028", "Image Library"), NULL);
    sr_container(w, SR_CONTAINS, CODE("DCM", "126200", "Image Library Group"), NULL);
    for (ptrdiff_t i = 0; i < s->measured.count; i++)
        if (is_first_of_image(all, i))
            sr_image(w, SR_CONTAINS, NULL, &all[i].image->reference);
    sr_children_end(w);
    sr_children_end(w);
}

static struct card_code unit_of(struct str unit)
{
    const struct card_code *known = sr_unit_of(unit.len ? unit : S("1"));
    return known                      ? *known
           : str_equal(unit, S("HU")) ? (struct card_code){ S("UCUM"), S("[hnsf'U]"), S("Hounsfield unit") }
                                      : (struct card_code){ S("UCUM"), unit, unit };
}

static void put_side(const struct annotation *a, struct dicom_writer *w)
{
    const struct card_code *laterality = CODE("SCT", "272741003", "Laterality");
    if (a->laterality == SIDE_LEFT)
        sr_code(w, SR_MODIFIED, laterality, CODE("SCT", "7771000", "Left"));
    if (a->laterality == SIDE_RIGHT)
        sr_code(w, SR_MODIFIED, laterality, CODE("SCT", "24028007", "Right"));
}

/* PS3.3 C.18.6: 0\0 is the upper left corner of the first pixel, as in measure/measure.h. An outline is closed. */
static int places_of(struct call *c, const struct annotation *a, double **out)
{
    const struct measure_point *points = a->points.items;
    bool is_closed = measure_kind_at((int)a->kind - 1)->region == REGION_POLYGON;
    ptrdiff_t count = a->points.count + is_closed;
    *out = arena_array(&c->arena, double, 2 * count);
    for (ptrdiff_t i = 0; i < count; i++) {
        (*out)[2 * i] = points[i % a->points.count].x;
        (*out)[2 * i + 1] = points[i % a->points.count].y;
    }
    return (int)(2 * count);
}

/* TID 300: each value with the points that it was measured from. */
static void put_values(const struct report_source *s, const struct annotation *a, const struct sr_reference *image,
                       struct dicom_writer *w)
{
    const struct annotation_value *values = a->values.items;
    const struct measure_kind *kind = measure_kind_at((int)a->kind - 1);
    bool is_line = kind->region == REGION_POLYGON || kind->max_points > MEASURE_NAMED_MAX;
    double *places;
    int numbers = places_of(s->c, a, &places);
    for (ptrdiff_t i = 0; i < a->values.count; i++) {
        const struct card_code unit = unit_of(values[i].unit);
        const struct card_code concept = { S(OUR_SCHEME), values[i].name, values[i].name };
        sr_number_begin(w, SR_CONTAINS, &concept, values[i].value, &unit);
        sr_points(w, SR_INFERRED, NULL,
                  numbers == 2 ? "POINT"
                  : is_line    ? "POLYLINE"
                               : "MULTIPOINT",
                  places, numbers, image);
        sr_children_end(w);
    }
}

/* TID 1501; TID 4019 of what a model drew. */
static void put_group(const struct report_source *s, const struct report_measured *from, const struct annotation *a,
                      int number, struct dicom_writer *w)
{
    struct arena *arena = &s->c->arena;
    const struct measure_kind *kind = measure_kind_at((int)a->kind - 1);
    const struct card_code meant = { S(OUR_SCHEME), str_from(kind->name), str_from(kind->title.en) };
    struct sr_reference image = from->image->reference;
    image.frame = from->image->has_frames ? a->frame : 0;
    sr_container(w, SR_CONTAINS, CODE("DCM", "125007", "Measurement Group"), "1501");
    sr_text(w, SR_OBSERVED, CODE("DCM", "112039", "Tracking Identifier"),
            arena_format(arena, "Measurement %d", number));
    sr_uid(w, SR_OBSERVED, CODE("DCM", "112040", "Tracking Unique Identifier"),
           uid_of(arena_format(arena, "roentgen/annotation/%.*s", STR_FMT(a->id)), arena));
    sr_code(w, SR_CONTAINS, CODE("DCM", "121071", "Finding"), &meant);
    if (a->source == SOURCE_MODEL) {
        sr_text(w, SR_MODIFIED, CODE("DCM", "111001", "Algorithm Name"), a->model.name);
        sr_text(w, SR_MODIFIED, CODE("DCM", "111003", "Algorithm Version"), a->model.version);
    }
    put_side(a, w);
    put_values(s, a, &image, w);
    sr_text(w, SR_CONTAINS, OURS("LABEL", "Label"), a->label);
    sr_text(w, SR_CONTAINS, CODE("DCM", "121106", "Comment"), a->remark);
    sr_children_end(w);
}

bool report_measurements_write(const struct report_source *s, struct str instance_uid, struct dicom_writer *w)
{
    const struct report_measured *all = s->measured.items;
    int number = 0;
    report_sr_begin(s, REPORT_AS_MEASUREMENTS, CODE("DCM", "126000", "Imaging Measurement Report"), "1500",
                    instance_uid, w);
    sr_code(w, SR_MODIFIED, CODE("DCM", "121058", "Procedure reported"), CODE("SCT", "363679005", "Imaging procedure"));
    put_library(s, w);
    sr_container(w, SR_CONTAINS, CODE("DCM", "126010", "Imaging Measurements"), NULL);
    for (ptrdiff_t i = 0; i < s->measured.count; i++) {
        const struct annotation *items = all[i].annotations.items;
        for (ptrdiff_t k = 0; k < all[i].annotations.count; k++)
            put_group(s, &all[i], &items[k], ++number, w);
    }
    sr_children_end(w);
    dicom_put_sequence_end(w);
    return dicom_writer_end(w, &s->c->error);
}
