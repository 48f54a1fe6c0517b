/* annotation_measure.c - checks annotations against the image and computes their values, frame by frame. */
#include "imaging/annotation.h"

#include "site/app.h"
#include "measure/header_doubts.h"
#include "imaging/presentation.h"
#include "measure/ultrasound.h"
#include "base/names.h"
#include "schema/kinds.h"

#include <math.h>

/* Frames that are decoded for one set of annotations. */
enum { FRAMES_MAX = 100 };
enum { MM_PER_CM = 10 };

static const char *const units_px[] = { "px", "px2", "deg", "1" }, *const units_mm[] = { "mm", "mm2", "deg", "1" };
NAMES_REACH(units_px, MEASURE_RATIO);
NAMES_REACH(units_mm, MEASURE_RATIO);

/* One frame while its annotations are measured. */
struct frame {
    int64_t number, columns, rows;
    struct pixel_spacing spacing;
    double aspect; /* height of a pixel divided by its width */
    struct ultrasound ultrasound;
    struct samples samples;
    bool has_samples;
    struct sample_meanings *meanings; /* of these, where there are any */
    struct str unit;                  /* of what they stand for */
    struct str remark;                /* why there are none */
};

struct measuring {
    struct call *c;
    const struct image *image;
    struct annotation *all;
    ptrdiff_t count;
    bool *done;                  /* one for each: measured, or told why not */
    int64_t work;                /* left */
    int decoded;                 /* frames */
    struct presentation *values; /* what the frame's samples stand for */
    struct frame frame;
};

static bool refuse(struct measuring *m, const struct annotation *a, const char *member, const char *type,
                   const char *message)
{
    struct arena *arena = &m->c->arena;
    return error_add_problem(&m->c->error, arena, "body", arena_format(arena, "annotations.%td.%s", a - m->all, member),
                             type, "%s", message);
}

static bool is_waiting(const struct measuring *m, ptrdiff_t i, int64_t frame)
{
    return !m->done[i] && m->all[i].frame == frame;
}

static const struct measure_kind *kind_of(const struct annotation *a)
{
    return measure_kind_at((int)a->kind - 1);
}

/* ---- scale ---- */

static bool is_on_image(const struct frame *f, struct measure_point p)
{
    return p.x >= 0 && p.y >= 0 && p.x <= (double)f->columns && p.y <= (double)f->rows;
}

/* The region of an ultrasound image that holds all of the figure. */
static const struct ultrasound_region *region_of(const struct measuring *m, const struct annotation *a)
{
    return ultrasound_region_of(&m->frame.ultrasound, a->points.items, a->points.count);
}

static bool calibrate(struct measuring *m, const struct annotation *a, double aspect, struct measure_input *in)
{
    const struct annotation_calibration *k = &a->calibration;
    bool by_pixel = !isnan(k->mm_per_pixel), has_length = !isnan(k->length_mm);
    bool has_points = !isnan(k->from.x) && !isnan(k->to.x), has_point = !isnan(k->from.x) || !isnan(k->to.x);
    if (by_pixel ? has_length || has_point : !(has_length && has_points))
        return refuse(m, a, "calibration", "unclear", "give either mm_per_pixel, or length_mm with from and to");
    double mm = k->mm_per_pixel;
    if (!by_pixel) {
        if (!is_on_image(&m->frame, k->from) || !is_on_image(&m->frame, k->to))
            return refuse(m, a, "calibration", "outside", "its points lie outside the image");
        mm = k->length_mm / hypot(k->to.x - k->from.x, (k->to.y - k->from.y) * aspect);
    }
    if (!(mm > 0) || !isfinite(mm))
        return refuse(m, a, "calibration", "not_positive", "needs a length above 0 between two different points");
    in->column = mm;
    in->row = mm * aspect;
    return true;
}

static bool has_calibration(const struct annotation *a)
{
    const struct annotation_calibration *k = &a->calibration;
    return !isnan(k->mm_per_pixel) || !isnan(k->length_mm) || !isnan(k->from.x) || !isnan(k->to.x);
}

static bool find_scale(struct measuring *m, const struct annotation *a, struct measure_input *in,
                       enum value_basis *basis)
{
    const struct pixel_spacing *spacing = &m->frame.spacing;
    const struct ultrasound_region *region = region_of(m, a);
    bool is_spatial = region && ultrasound_is_spatial(region);
    if (has_calibration(a)) {
        *basis = BASIS_CALIBRATION;
        return calibrate(m, a, is_spatial ? fabs(region->down.delta / region->across.delta) : m->frame.aspect, in);
    }
    if (is_spatial) {
        *basis = BASIS_ULTRASOUND;
        in->column = fabs(region->across.delta) * MM_PER_CM;
        in->row = fabs(region->down.delta) * MM_PER_CM;
        return true;
    }
    if (spacing->source == SPACING_NONE) {
        *basis = BASIS_PIXELS;
        in->column = 1;
        in->row = m->frame.aspect;
        return true;
    }
    *basis = spacing->source == SPACING_DETECTOR ? BASIS_DETECTOR : BASIS_PIXEL_SPACING;
    in->column = spacing->column_mm;
    in->row = spacing->row_mm;
    return true;
}

/* ---- values of the pixels ---- */

struct sampling {
    const struct frame *frame;
    struct sample_meanings *meanings;
    struct roi_stats stats;
};

static void add_span(void *context, int64_t row, int64_t from, int64_t to)
{
    struct sampling *s = context;
    const struct frame *f = s->frame;
    for (int64_t column = from; column < to; column++) {
        double value = sample_meaning(s->meanings, row * f->columns + column);
        if (!isnan(value))
            roi_stats_add(&s->stats, value);
    }
}

static void note(struct measuring *m, struct annotation *a, struct str text)
{
    if (text.len)
        a->remark = a->remark.len ? arena_format(&m->c->arena, "%.*s; %.*s", STR_FMT(a->remark), STR_FMT(text)) : text;
}

/* What would have given these numbers a unit, and cannot be read. */
static void note_doubts(struct measuring *m, struct annotation *a, unsigned about)
{
    enum { BYTES_MAX = 1000 };
    if (m->image->dicom && about)
        note(m, a, header_doubts_text(m->image->dicom, m->frame.number, about, BYTES_MAX, &m->c->arena));
}

/* A rescale may be so large that no number is left. */
static void put_value(struct measuring *m, struct annotation *a, const char *name, double value, struct str unit,
                      enum value_basis basis)
{
    struct annotation_value *values = a->values.items;
    if (fabs(value) <= REAL_MOST)
        values[a->values.count++] = (struct annotation_value){ str_from(name), value, unit, basis };
    else
        note(m, a, arena_format(&m->c->arena, "%s is too large to be told", name));
}

/* ---- ultrasound regions whose axes are no lengths ---- */

/* Of two points how far they are apart along the axis, of one where it is. */
static void put_along(struct measuring *m, struct annotation *a, const char *name, const struct ultrasound_axis *axis,
                      double from, double to)
{
    if (axis->unit && a->points.count == 2)
        put_value(m, a, name, fabs((to - from) * axis->delta), str_from(axis->unit), BASIS_ULTRASOUND);
    else if (axis->unit && axis->has_origin)
        put_value(m, a, name, (from - axis->origin) * axis->delta + axis->origin_value, str_from(axis->unit),
                  BASIS_ULTRASOUND);
}

static struct str axis_words(struct arena *arena, const struct ultrasound_axis *axis)
{
    if (axis->unit)
        return arena_format(arena, "calibrated in %s", axis->unit);
    return axis->is_unread ? S("of a scale that cannot be read") : S("not calibrated");
}

/* Seconds across and velocities down have no length between them: what a line or a point is along each axis is told
 * instead. */
static void measure_axes(struct measuring *m, struct annotation *a)
{
    const struct ultrasound_region *region = region_of(m, a);
    const struct measure_point *p = a->points.items, *q = p + a->points.count - 1;
    enum measure_region kind = kind_of(a)->region;
    if (!m->frame.ultrasound.has_regions || (region && ultrasound_is_spatial(region)))
        return;
    if (!region) {
        note(
            m, a,
            S("its points are not all in one region of the ultrasound image, or in regions that contradict each other: "
              "lengths, areas and angles are of pixels"));
        return;
    }
    struct arena *arena = &m->c->arena;
    note(m, a,
         arena_format(
             arena,
             "of this ultrasound region the horizontal axis is %.*s, the vertical axis %.*s: lengths, areas and "
             "angles are of pixels",
             STR_FMT(axis_words(arena, &region->across)), STR_FMT(axis_words(arena, &region->down))));
    if ((kind == REGION_POINT && a->points.count == 1) || (!strcmp(kind_of(a)->name, "line") && a->points.count == 2)) {
        put_along(m, a, "horizontal", &region->across, p->x, q->x);
        put_along(m, a, "vertical", &region->down, p->y, q->y);
    }
}

static bool measure_pixels(struct measuring *m, struct annotation *a)
{
    struct frame *f = &m->frame;
    struct sampling sampling = { .frame = f, .meanings = f->meanings };
    struct roi roi = { kind_of(a)->region, a->points.items, a->points.count, f->columns, f->rows };
    struct error error = { 0 };
    if (!f->has_samples) {
        note(m, a, f->remark);
        return true;
    }
    if (!roi_visit(&roi, &m->work, &m->c->arena, add_span, &sampling, &error))
        return refuse(m, a, "points", "too_large", error.message);
    const struct roi_stats *stats = &sampling.stats;
    struct str unit = f->unit;
    if (roi.region == REGION_POINT && stats->count) {
        put_value(m, a, "value", stats->mean, unit, BASIS_NONE);
        return true;
    }
    if (roi.region != REGION_POINT)
        put_value(m, a, "pixel_count", (double)stats->count, STR_NULL, BASIS_NONE);
    if (!stats->count) {
        note(m, a, S("no pixel with a value has its centre inside"));
        return true;
    }
    put_value(m, a, "mean", stats->mean, unit, BASIS_NONE);
    put_value(m, a, "sd", roi_stats_sd(stats), unit, BASIS_NONE);
    put_value(m, a, "min", stats->min, unit, BASIS_NONE);
    put_value(m, a, "max", stats->max, unit, BASIS_NONE);
    return true;
}

/* ---- one annotation ---- */

static bool check_source(struct measuring *m, const struct annotation *a)
{
    if (a->source == SOURCE_MODEL && !a->model.name.at)
        return refuse(m, a, "model", "missing", "source model needs the model's name and version");
    if (a->source == SOURCE_HUMAN && a->model.name.at)
        return refuse(m, a, "model", "not_a_model", "only with source model");
    if (a->kind && !strcmp(kind_of(a)->name, "text") && !a->label.at)
        return refuse(m, a, "label", "missing", "a text needs its words here");
    return true;
}

static bool check_points(struct measuring *m, const struct annotation *a)
{
    const struct measure_point *points = a->points.items;
    for (ptrdiff_t i = 0; i < a->points.count; i++)
        if (!is_on_image(&m->frame, points[i])) {
            struct str message =
                arena_format(&m->c->arena, "lies outside the image, which has %" PRId64 " columns and %" PRId64 " rows",
                             m->frame.columns, m->frame.rows);
            return refuse(m, a, arena_format(&m->c->arena, "points.%td", i).at, "outside", message.at);
        }
    return true;
}

static bool measure_one(struct measuring *m, struct annotation *a)
{
    struct measure_input in = { .points = a->points.items,
                                .count = a->points.count,
                                .facing = a->facing,
                                .patient_left = a->patient_left,
                                .laterality = a->laterality,
                                .standing = a->standing };
    struct measure_result result;
    struct error error = { 0 };
    enum value_basis basis = BASIS_NONE;
    a->remark = STR_NULL;
    if (!check_source(m, a) || !check_points(m, a) || !find_scale(m, a, &in, &basis))
        return false;
    if (!measure(kind_of(a), &in, &result, &error))
        return refuse(m, a, "points", "not_measurable", error.message);
    const char *const *units = basis == BASIS_PIXELS ? units_px : units_mm;
    a->values = (struct list){ arena_array(&m->c->arena, struct annotation_value, ANNOTATION_VALUES_MAX), 0 };
    for (int i = 0; i < result.count; i++)
        put_value(m, a, result.values[i].name, result.values[i].value, str_from(units[result.values[i].unit]), basis);
    if (basis != BASIS_CALIBRATION)
        measure_axes(m, a);
    bool has_region = kind_of(a)->region != REGION_NONE;
    note_doubts(m, a,
                (basis == BASIS_PIXELS && !m->frame.ultrasound.has_regions ? DOUBT_LENGTHS : 0u) |
                    (has_region && m->frame.has_samples ? DOUBT_VALUES : 0u));
    return !has_region || measure_pixels(m, a);
}

/* ---- one frame ---- */

static double read_aspect(const struct pixel_spacing *spacing, const struct dicom_dataset *root)
{
    double down, across;
    if (spacing->source != SPACING_NONE)
        return spacing->row_mm / spacing->column_mm;
    if (root && dicom_two_reals(root, 0x00280034 /* Pixel Aspect Ratio */, &down, &across) && down > 0 && across > 0)
        return down / across;
    return 1;
}

static bool probe(struct measuring *m, int64_t number, struct pixel_format *out)
{
    struct decode_job job;
    struct decode_result result;
    if (m->image->dicom)
        return image_format(m->c, m->image, out);
    if (!image_job(m->c, m->image, number, &job))
        return false;
    job.kind = DECODE_PROBE;
    if (!image_run(m->c, &job, &result))
        return false;
    *out = result.format;
    return true;
}

/* Does what went wrong lie in the file? Then it becomes a remark; when the server failed, the error stays. */
static bool is_of_file(struct measuring *m, const char *what)
{
    struct call *c = m->c;
    if ((c->error.code != E_INVALID && c->error.code != E_UNSUPPORTED_TYPE) || !image_blame(c, m->image))
        return false;
    m->frame.remark = arena_format(&c->arena, "%s: %s", what, c->error.message);
    error_clear(&c->error);
    return true;
}

/* What decoding gave. Pixels that cannot be had, or that stand for nothing that is known, leave a remark. */
static void take_samples(struct measuring *m, bool decoded)
{
    struct frame *f = &m->frame;
    const struct pixel_format *format = &f->samples.format;
    if (!decoded) {
        is_of_file(m, "the pixels could not be decoded");
        return;
    }
    f->has_samples = format->samples == 1 && format->photometric != PALETTE_COLOR && format->columns == f->columns &&
                     format->rows == f->rows;
    if (!f->has_samples)
        f->remark = S("pixels in colour have no single value");
    if (!f->has_samples)
        return;
    if (presentation_of_values(m->c, m->image->dicom, format, f->number, m->values, &f->unit))
        f->meanings = sample_meanings_new(&f->samples, m->values, &m->c->error);
    if (!f->meanings) {
        f->has_samples = false;
        is_of_file(m, "what the pixels stand for is not known");
    }
}

static bool needs_samples(const struct measuring *m, int64_t number)
{
    for (ptrdiff_t i = 0; i < m->count; i++)
        if (is_waiting(m, i, number) && kind_of(&m->all[i])->region != REGION_NONE)
            return true;
    return false;
}

static bool open_frame(struct measuring *m, const struct annotation *a)
{
    struct pixel_format format;
    struct frame *f = &m->frame;
    const struct image *image = m->image;
    *f = (struct frame){ .number = a->frame };
    if (!probe(m, a->frame, &format))
        return false;
    if (image->dicom && a->frame > format.frames)
        return refuse(m, a, "frame", "no_such_frame",
                      arena_format(&m->c->arena, "the file has %" PRId64 " frames", format.frames).at);
    f->columns = format.columns;
    f->rows = format.rows;
    if (image->dicom)
        ultrasound_of(image->dicom->root, &f->ultrasound);
    if (!f->ultrasound.has_regions)
        image_spacing(m->c, image, a->frame, &f->spacing);
    f->aspect = read_aspect(&f->spacing, image->dicom ? image->dicom->root : NULL);
    return true;
}

/* Frame `number` and all that waits for it. Its samples are in an arena of their own, given back before the next.
 * Once something is refused nothing is decoded any more. */
static void measure_frame(struct measuring *m, const struct annotation *first)
{
    struct call *c = m->c;
    struct arena samples;
    int64_t number = first->frame;
    bool decodes = !c->error.code && needs_samples(m, number), costs = decodes || !m->image->dicom, opened = false;
    if (costs && m->decoded++ >= FRAMES_MAX)
        refuse(m, first, "frame", "too_many_frames", "so many frames are not measured at once");
    else
        opened = open_frame(m, first);
    arena_init(&samples);
    if (opened && decodes) {
        if (!m->values)
            m->values = presentation_new();
        struct arena own = c->arena;
        c->arena = samples;
        bool decoded = image_samples(c, m->image, number, &m->frame.samples);
        samples = c->arena;
        c->arena = own;
        take_samples(m, decoded);
    }
    for (ptrdiff_t i = first - m->all; i < m->count; i++) {
        if (!is_waiting(m, i, number))
            continue;
        m->done[i] = true;
        if (opened && (!c->error.code || c->error.code == E_INVALID))
            measure_one(m, &m->all[i]);
    }
    sample_meanings_free(m->frame.meanings);
    m->frame.meanings = NULL;
    arena_release(&samples);
}

bool annotations_measure(struct call *c, const struct image *image, struct annotation *annotations, ptrdiff_t count)
{
    struct measuring m = { .c = c, .image = image, .all = annotations, .count = count, .work = ROI_WORK_MAX };
    m.done = arena_array(&c->arena, bool, count + 1);
    for (ptrdiff_t i = 0; i < count; i++)
        m.done[i] = annotations[i].values.items != NULL;
    for (ptrdiff_t i = 0; i < count && (!c->error.code || c->error.code == E_INVALID); i++)
        if (!m.done[i])
            measure_frame(&m, &annotations[i]);
    presentation_free(m.values);
    return c->error.code == E_NONE;
}
