/* diagnosis_measure.c - see diagnosis_measure.h. */
#include "diagnosis/diagnosis_measure.h"

static const struct field left_out_fields[] = {
    FIELD(struct left_out, kind, .doc = "The measurement."),
    FIELD(struct left_out, laterality, .choices = measure_sides, .type = "Side", .flags = NULLABLE,
          .doc = "Of one of two: which."),
    FIELD(struct left_out, reason, .doc = "Why it was not made."),
};
static const struct schema left_out_schema =
    SCHEMA("MeasurementLeftOut", struct left_out, left_out_fields, .doc = "A measurement that could not be made.");
static const struct field measured_fields[] = {
    FIELD(struct measured, added, .doc = "How many annotations were added."),
    FIELD(struct measured, left_out, .of = &left_out_schema, .doc = "What the points do not give, and why."),
    FIELD_OBJECT(struct measured, set, .of = &annotation_set_schema, .doc = "The annotations of the image now."),
};
const struct schema measured_schema =
    SCHEMA("DiagnosisMeasured", struct measured, measured_fields, .doc = "What came of a model's key points.");

struct measuring {
    const struct measure_wish *wish;
    struct diagnosis d;
    struct card card;
    const struct card_output *output;
    struct keypoint points[KEYPOINTS_MAX];
};

/* As the model gave them, in the order of its card. */
static bool take_points(struct call *c, struct measuring *m)
{
    struct list findings;
    if (!diagnosis_findings(c, &m->d, &findings))
        return false;
    for (ptrdiff_t i = 0; i < findings.count; i++) {
        const struct finding *finding = (const struct finding *)findings.items + i;
        const struct finding_point *points = finding->points.items;
        if (finding->points.count != m->output->layout.count)
            continue;
        for (int k = 0; k < m->output->layout.count; k++)
            m->points[k] = (struct keypoint){ points[k].x, points[k].y, points[k].confidence };
        return true;
    }
    return fail(c, E_CONFLICT, "the model found no key points on this image");
}

static bool load(struct call *c, struct measuring *m)
{
    struct model model;
    if (!diagnosis_load(c, m->wish->id, &m->d))
        return false;
    if (m->d.status != DIAGNOSIS_COMPLETED && m->d.status != DIAGNOSIS_REVIEWED)
        return fail(c, E_CONFLICT, "it has no result that could be measured");
    if (m->d.is_shadow) /* all who see the image would see it */
        return fail(c, E_CONFLICT, "the model was a SHADOW when it was asked");
    if (m->d.verdict == REVIEW_REJECTED)
        return fail(c, E_CONFLICT, "a reader has rejected it");
    if (!model_load(c, m->d.model_id, &model) || !card_read(c, model.card.text, &m->card))
        return false;
    m->output = card_output_of(&m->card, ROLE_KEYPOINTS);
    return m->output ? take_points(c, m) : fail(c, E_CONFLICT, "this model finds no key points");
}

/* ---- annotations ---- */

static struct annotation annotation_of(struct call *c, const struct measuring *m, const struct keypoint_measurement *k)
{
    struct annotation a;
    schema_clear(&annotation_schema, &a);
    a.kind = 1;
    while (measure_kind_at((int)a.kind - 1) != k->kind)
        a.kind++;
    a.frame = m->d.frame;
    a.points =
        (struct list){ arena_copy_array(&c->arena, k->points, k->count, (ptrdiff_t)sizeof(*k->points)), k->count };
    a.label = k->label[0] ? arena_copy(&c->arena, str_from(k->label)) : STR_NULL;
    a.facing = k->kind->view == VIEW_LATERAL ? m->wish->facing : SIDE_UNKNOWN;
    a.patient_left = k->kind->view == VIEW_FRONTAL ? m->wish->patient_left : SIDE_UNKNOWN;
    a.laterality = k->laterality;
    a.standing = m->wish->standing;
    a.source = SOURCE_MODEL;
    a.model = (struct annotation_model){ m->d.model_name, m->d.model_version };
    a.visible = true;
    return a;
}

static bool is_there(const struct list *all, const struct annotation *a)
{
    for (ptrdiff_t i = 0; i < all->count; i++) {
        const struct annotation *b = (const struct annotation *)all->items + i;
        if (b->kind == a->kind && b->frame == a->frame && b->laterality == a->laterality && b->source == SOURCE_MODEL &&
            str_equal(b->model.name, a->model.name) && str_equal(b->model.version, a->model.version))
            return true;
    }
    return false;
}

static bool add(struct call *c, const struct measuring *m, struct image *image, struct measured *out)
{
    struct annotation_set before;
    struct keypoint_measurement found[KEYPOINT_MEASUREMENTS_MAX];
    struct keypoint_film film = { .columns = image->file.pixel_columns,
                                  .rows = image->file.pixel_rows,
                                  .column = 1, /* values are measured when they are kept */
                                  .row = 1,
                                  .facing = m->wish->facing,
                                  .patient_left = m->wish->patient_left,
                                  .standing = m->wish->standing,
                                  .threshold = m->output->least };
    int count = keypoints_measure(&m->output->layout, m->points, &film, found);
    if (!annotation_set_load(c, image->file.id, 0, &before))
        return false;
    struct annotation *all = arena_array(&c->arena, struct annotation, before.annotations.count + count + 1);
    struct left_out *left_out = arena_array(&c->arena, struct left_out, count + 1);
    struct list after = { all, before.annotations.count };
    out->left_out = (struct list){ left_out, 0 };
    for (ptrdiff_t i = 0; i < after.count; i++)
        all[i] = ((const struct annotation *)before.annotations.items)[i];
    for (int i = 0; i < count; i++) {
        struct annotation a = annotation_of(c, m, &found[i]);
        if (!found[i].result.count)
            left_out[out->left_out.count++] = (struct left_out){ str_from(found[i].kind->name), found[i].laterality,
                                                                 arena_copy(&c->arena, str_from(found[i].remark)) };
        else if (!is_there(&before.annotations, &a))
            all[after.count++] = a;
    }
    out->added = after.count - before.annotations.count;
    out->set = before;
    return !out->added || annotation_set_replace(c, image, &before, after,
                                                 arena_format(&c->arena, "key points of %.*s %.*s",
                                                              STR_FMT(m->d.model_name), STR_FMT(m->d.model_version)),
                                                 &out->set);
}

bool diagnosis_measure(struct call *c, const struct measure_wish *wish, struct measured *out)
{
    struct measuring m = { .wish = wish };
    struct image_file file;
    struct image image;
    if (!load(c, &m) || !image_file_load(c, m.d.image_file_id, &file) || !image_open(c, &file, &image))
        return false;
    bool ok = add(c, &m, &image, out);
    return image_close(c, &image) && ok;
}
