/* report_marks.c - from annotations to lines and words over an image. */
#include "reports/report_marks.h"

#include "imaging/annotation.h"
#include "schema/json_read.h"

#include <math.h>

enum { MARKS_MAX = REPORT_MARKED_MAX * MEASURE_STROKES_MAX, WORDS_MAX = 6000, LABEL_MAX = 240 };

struct drawing {
    struct call *c;
    const struct report_marks_wish *wish;
    struct pdf_mark *marks;
    const json_t *confirmed; /* of a signed version: ids of what models drew and a reader stood by */
    int count, places, left_out, unconfirmed;
    struct text words;
};

/* ---- values ---- */

static const char *unit_words(struct call *c, struct str unit)
{
    static const struct {
        const char *unit, *shown;
    } all[] = {
        { "deg", "°" },
        { "mm2", " mm²" },
        { "px2", " px²" },
        { "1", "" },
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (str_equal(unit, str_from(all[i].unit)))
            return all[i].shown;
    return unit.len ? arena_format(&c->arena, " %.*s", STR_FMT(unit)).at : "";
}

static int digits_of(struct str unit, double value)
{
    bool is_area = str_equal(unit, S("mm2")) || str_equal(unit, S("px2"));
    return str_equal(unit, S("1")) ? 2 : is_area && fabs(value) >= 100 ? 0 : 1;
}

static void put_value(struct call *c, struct text *out, const struct annotation_value *value, const char *before)
{
    text_format(out, "%s%.*f%s", before, digits_of(value->unit, value->value), value->value,
                unit_words(c, value->unit));
}

static const struct annotation_value *value_named(const struct annotation *a, const char *name)
{
    const struct annotation_value *values = a->values.items;
    for (ptrdiff_t i = 0; i < a->values.count; i++)
        if (str_equal(values[i].name, str_from(name)))
            return &values[i];
    return NULL;
}

/* "T5-T12 41.3°", "152 mm², 40.2 ± 12.1 HU", "6.2 mm [AI: nodules 2.1]" */
static struct str words_of(struct call *c, const struct annotation *a)
{
    const struct annotation_value *first = a->values.items, *mean = value_named(a, "mean"), *sd = value_named(a, "sd");
    struct text out;
    text_init(&out, WORDS_MAX);
    struct str label = str_at_most(a->label, LABEL_MAX);
    for (ptrdiff_t i = 0; i < label.len; i++)
        text_put_char(&out, label.at[i] == '\n' || label.at[i] == '\r' ? ' ' : label.at[i]);
    if (label.len < a->label.len)
        text_put(&out, S("…"));
    if (a->values.count)
        put_value(c, &out, first, out.len ? " " : "");
    if (mean && sd && first != mean) {
        text_format(&out, ", %.1f ± ", mean->value);
        put_value(c, &out, sd, "");
    }
    if (a->source == SOURCE_MODEL)
        text_format(&out, "%s[AI: %.*s %.*s]", out.len ? " " : "", STR_FMT(a->model.name), STR_FMT(a->model.version));
    struct str made = arena_copy(&c->arena, text_str(&out));
    text_release(&out);
    return made;
}

/* ---- lines ---- */

static struct pdf_place place_of(const struct drawing *d, struct measure_point point)
{
    const struct image_file *file = d->wish->file;
    double x = point.x / (double)file->pixel_columns, y = point.y / (double)file->pixel_rows;
    return (struct pdf_place){ fmin(fmax(x, -1), 2), fmin(fmax(y, -1), 2) };
}

/* Words of a closed figure stand at its lowest point, of others at the last. */
static struct pdf_place place_of_words(const struct drawing *d, const struct measure_stroke *last)
{
    struct measure_point at = last->points[last->count - 1];
    for (int64_t i = 0; i < last->count && last->is_closed; i++)
        if (last->points[i].y > at.y)
            at = last->points[i];
    return place_of(d, at);
}

static void add_stroke(struct drawing *d, const struct annotation *a, const struct measure_stroke *stroke)
{
    struct pdf_place *places = arena_array(&d->c->arena, struct pdf_place, stroke->count);
    for (int64_t i = 0; i < stroke->count; i++)
        places[i] = place_of(d, stroke->points[i]);
    d->places += (int)stroke->count;
    d->marks[d->count++] = (struct pdf_mark){ .places = places,
                                              .count = (int)stroke->count,
                                              .is_closed = stroke->is_closed,
                                              .is_dashed = a->source == SOURCE_MODEL };
}

static void add(struct drawing *d, const struct annotation *a)
{
    const struct measure_kind *kind = measure_kind_at((int)a->kind - 1);
    struct measure_stroke strokes[MEASURE_STROKES_MAX];
    int count = measure_outline(kind, a->points.items, a->points.count, &d->c->arena, strokes);
    const char *title = d->wish->is_chinese ? kind->title.zh : kind->title.en;
    struct str words = words_of(d->c, a);
    for (int i = 0; i < count; i++)
        add_stroke(d, a, &strokes[i]);
    if (!count)
        d->marks[d->count++] =
            (struct pdf_mark){ .text_at = place_of(d, *(const struct measure_point *)a->points.items) };
    else
        d->marks[d->count - 1].text_at = place_of_words(d, &strokes[count - 1]);
    d->marks[d->count - 1].text =
        kind->source && words.len ? arena_format(&d->c->arena, "%s %.*s", title, STR_FMT(words)) : words;
    text_format(&d->words, "%s%s%s%.*s", d->words.len ? "; " : "", title, words.len ? " " : "", STR_FMT(words));
}

/* What people drew is theirs; what a model drew needs a reader who stands by it. */
static enum found is_to_be_drawn(const struct drawing *d, const struct annotation *a)
{
    if (a->source != SOURCE_MODEL)
        return FOUND;
    if (!d->wish->subject)
        return report_drawing_confirmed(d->c, d->wish->file->id, a, NULL);
    for (size_t i = 0; i < json_array_size(d->confirmed); i++)
        if (str_equal(json_text(json_array_get(d->confirmed, i)), a->id))
            return FOUND;
    return NONE;
}

static bool draw(struct drawing *d, const struct annotation_set *set)
{
    const struct annotation *all = set->annotations.items;
    int marked = 0;
    for (ptrdiff_t i = 0; i < set->annotations.count; i++) {
        const struct annotation *a = &all[i];
        if (!a->visible || a->frame != d->wish->frame || !a->points.count)
            continue;
        enum found found = is_to_be_drawn(d, a);
        if (found == FAILED)
            return false;
        if (found == NONE) {
            d->unconfirmed++;
            continue;
        }
        if (marked == REPORT_MARKED_MAX || d->places + a->points.count + MEASURE_ELLIPSE_POINTS > REPORT_PLACES_MAX) {
            d->left_out++;
            continue;
        }
        add(d, a);
        marked++;
    }
    return true;
}

static struct str remark_on(const struct drawing *d)
{
    bool zh = d->wish->is_chinese;
    struct str made = STR_NULL;
    if (d->left_out)
        made =
            arena_format(&d->c->arena, zh ? "另有 %d 项标注未画出" : "%d more annotations are not drawn", d->left_out);
    if (d->unconfirmed)
        made = arena_format(&d->c->arena, "%.*s%s%d %s", STR_FMT(made),
                            !made.len ? ""
                            : zh      ? "；"
                                      : "; ",
                            d->unconfirmed,
                            zh ? "项 AI 标注未经医师确认，未画出"
                               : "annotations by AI that no reader stands by are not drawn");
    return made;
}

/* ---- which of them ---- */

/* NONE: there are none to be drawn. */
static enum found find_set(struct drawing *d, struct annotation_set *set, struct report_marks *out)
{
    struct call *c = d->c;
    const struct report_marks_wish *wish = d->wish;
    int64_t version = 0;
    if (wish->file->pixel_columns <= 0 || wish->file->pixel_rows <= 0)
        return NONE;
    if (wish->subject) {
        struct report_annotations signed_ones;
        enum found found = report_subject_annotations_of(c, wish->subject, wish->file->id, &signed_ones);
        if (found != FOUND)
            return found;
        if (signed_ones.is_changed) {
            out->remark = wish->is_chinese ? S("标注与签署时不符，未画出")
                                           : S("its annotations are not those that were signed, and are not drawn");
            return NONE;
        }
        version = signed_ones.version;
        d->confirmed = signed_ones.confirmed;
    }
    return annotation_set_load(c, wish->file->id, version, set) ? FOUND : FAILED;
}

bool report_marks_load(struct call *c, const struct report_marks_wish *wish, struct report_marks *out)
{
    struct drawing d = { .c = c, .wish = wish };
    struct annotation_set set;
    *out = (struct report_marks){ .words = STR_NULL, .remark = STR_NULL };
    enum found found = find_set(&d, &set, out);
    if (found != FOUND)
        return found == NONE;
    d.marks = arena_array(&c->arena, struct pdf_mark, MARKS_MAX);
    text_init(&d.words, REPORT_MARKED_MAX * WORDS_MAX);
    bool ok = draw(&d, &set);
    if (d.words.len)
        out->words = arena_copy(&c->arena, text_str(&d.words));
    text_release(&d.words);
    out->remark = remark_on(&d);
    out->marks = d.marks;
    out->count = d.count;
    return ok;
}
