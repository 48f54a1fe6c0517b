/* draft_measurements.c - what was measured on the study's images, into a draft. */
#include "reports/draft_parts.h"

#include "diagnosis/diagnosis.h"
#include "imaging/annotation.h"
#include "records/visibility.h"
#include "reports/report_subject.h"

#include <math.h>

enum { STORED_MAX = 4 << 20 /* characters of all sets of annotations that are looked at */ };

/* A measurement that may be told of. */
struct measurement {
    int64_t image_file_id, version;
    const struct annotation *it;
    int64_t diagnosis_id; /* of what a model drew, and a reader stands by; else 0 */
    struct str detail;    /* what it is known by */
    bool is_told;         /* in a field */
    bool is_used;         /* some field's value comes from it */
    bool is_struck;       /* somebody has taken its sentence out, or written otherwise */
};
struct measurements {
    struct measurement *items;
    ptrdiff_t count;
    bool is_whole; /* all of the study was looked at, and the caller sees all of it */
};

/* ---- what there is ---- */

static bool is_of_pixels(struct str unit)
{
    return str_equal(unit, S("px")) || str_equal(unit, S("px2"));
}

/* NULL: it was not measured, or in pixels alone. */
static const struct annotation_value *value_of(const struct annotation *a, struct str name)
{
    const struct annotation_value *values = a->values.items;
    for (ptrdiff_t i = 0; i < a->values.count; i++)
        if (str_equal(values[i].name, name) && !is_of_pixels(values[i].unit) && isfinite(values[i].value))
            return &values[i];
    return NULL;
}

static bool take(struct draft *d, const struct annotation_set *set, struct measurements *out)
{
    struct call *c = d->c;
    const struct annotation *all = set->annotations.items;
    for (ptrdiff_t i = 0; i < set->annotations.count && out->count < DRAFT_ANNOTATIONS_MAX; i++) {
        struct measurement m = { .image_file_id = set->file_id,
                                 .version = set->version,
                                 .it = &all[i],
                                 .detail = arena_format(&c->arena, "annotation %.*s", STR_FMT(all[i].id)) };
        if (!all[i].visible || !all[i].values.count)
            continue;
        enum found found =
            all[i].source == SOURCE_MODEL ? report_drawing_confirmed(c, set->file_id, &all[i], &m.diagnosis_id) : FOUND;
        if (found == FAILED)
            return false;
        if (found == FOUND)
            out->items[out->count++] = m;
    }
    return true;
}

static bool find_images(struct draft *d, struct integers *out, bool *all)
{
    struct cursor rows;
    int64_t stored = 0;
    *out = (struct integers){ arena_array(&d->c->arena, int64_t, DRAFT_IMAGES_MAX), 0 };
    for (db_rows(d->c, &rows,
                 "select f.id, length(v.content) from image_files f join image_annotations a on a.image_file_id = "
                 "f.id join image_annotation_versions v on v.image_file_id = a.image_file_id and v.version = "
                 "a.version where f.study_id = ? and " IN_SIGHT("f") " and " VISIBLE_FILE " order by f.id",
                 V(d->report->study_id), VISIBLE_FILE_TO(d->c));
         out->count < DRAFT_IMAGES_MAX && cursor_next(&rows);) {
        stored += cursor_integer(&rows, 1);
        if (stored <= STORED_MAX)
            out->items[out->count++] = cursor_integer(&rows, 0);
    }
    *all = stored <= STORED_MAX && out->count < DRAFT_IMAGES_MAX;
    return cursor_close(&rows);
}

static bool is_in_a_field(const struct draft *d, struct str detail)
{
    for (ptrdiff_t i = 0; i < d->source_count; i++)
        if (d->sources[i].field.len && str_equal(d->sources[i].detail, detail))
            return true;
    return false;
}

static bool find_measurements(struct draft *d, struct measurements *out)
{
    struct integers images;
    bool hides;
    *out = (struct measurements){ arena_array(&d->c->arena, struct measurement, DRAFT_ANNOTATIONS_MAX), 0, false };
    if (!find_images(d, &images, &out->is_whole) || !visibility_hides_files_of_study(d->c, d->report->study_id, &hides))
        return false;
    out->is_whole &= !hides;
    for (ptrdiff_t i = 0; i < images.count; i++) {
        struct annotation_set *set = arena_new(&d->c->arena, struct annotation_set);
        if (!annotation_set_load(d->c, images.items[i], 0, set) || !take(d, set, out))
            return false;
    }
    out->is_whole &= out->count < DRAFT_ANNOTATIONS_MAX;
    for (ptrdiff_t i = 0; i < out->count; i++)
        out->items[i].is_used = is_in_a_field(d, out->items[i].detail);
    return true;
}

static int sources_of(const struct draft *d, const struct measurement *m, struct content_source out[2])
{
    out[0] = (struct content_source){ .kind = FROM_MEASUREMENT,
                                      .reference = arena_format(&d->c->arena, "images/%" PRId64 "/annotations/%" PRId64,
                                                                m->image_file_id, m->version),
                                      .detail = m->detail };
    if (m->diagnosis_id)
        out[1] =
            (struct content_source){ .kind = FROM_DIAGNOSIS,
                                     .reference = arena_format(&d->c->arena, "diagnosis/%" PRId64, m->diagnosis_id),
                                     .detail = arena_format(&d->c->arena, "%.*s %.*s", STR_FMT(m->it->model.name),
                                                            STR_FMT(m->it->model.version)) };
    return m->diagnosis_id ? 2 : 1;
}

/* ---- into fields ---- */

/* Lengths and areas at the detector are magnified, by how much nobody knows: a number without a word about it would be
 * taken for the patient's. */
static bool is_at_detector(const struct annotation_value *value)
{
    return value->spacing == BASIS_DETECTOR && (str_equal(value->unit, S("mm")) || str_equal(value->unit, S("mm2")));
}

static const struct measure_kind *kind_of(const struct annotation *a)
{
    return measure_kind_at((int)a->kind - 1);
}

const struct annotation_value *draft_value_for(const struct template_field *field, const struct annotation *a)
{
    const struct measure_value_row *row = template_measured(field);
    if (!row || !str_equal(field->measurement, str_from(kind_of(a)->name)))
        return NULL;
    const struct annotation_value *value = value_of(a, str_from(row->name));
    return value && str_equal(value->unit, template_unit_of(field)) && !is_at_detector(value) ? value : NULL;
}

static bool is_letter(char one)
{
    return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z');
}

static bool has_word(struct str text, struct str word)
{
    ptrdiff_t at = str_find(text, word);
    return at >= 0 && (at == 0 || !is_letter(text.at[at - 1])) &&
           (at + word.len == text.len || !is_letter(text.at[at + word.len]));
}

static bool is_called(const struct template_field *field, struct str word, struct str capital, struct str zh)
{
    return has_word(field->name, word) || has_word(field->label_en, word) || has_word(field->label_en, capital) ||
           str_find(field->label_zh, zh) >= 0;
}

/* Is the field by its name of the other side? No label moves a hip. */
static bool is_of_other_side(const struct template_field *field, const struct annotation *a)
{
    bool left = is_called(field, S("left"), S("Left"), S("左"));
    bool right = is_called(field, S("right"), S("Right"), S("右"));
    return left != right && ((left && a->laterality == SIDE_RIGHT) || (right && a->laterality == SIDE_LEFT));
}

static bool asks_the_same(const struct template_field *one, const struct template_field *other)
{
    return one != other && other->kind == TAKES_MEASUREMENT && template_measured(one) == template_measured(other) &&
           str_equal(one->measurement, other->measurement);
}

static bool is_only_field(const struct draft *d, const struct template_field *field)
{
    const struct list *fields = &d->form.definition->fields;
    for (ptrdiff_t i = 0; i < fields->count; i++)
        if (asks_the_same(field, (const struct template_field *)fields->items + i))
            return false;
    return true;
}

/* How surely a label says a field: a name is of one field only, words may be of several. */
static int says_field(struct str label, const struct template_field *field)
{
    return !label.len                                                               ? 0
           : str_equal(label, field->name)                                          ? 2
           : str_equal(label, field->label_en) || str_equal(label, field->label_zh) ? 1
                                                                                    : 0;
}

/* The same of the others that ask for the same value, and could have it. */
static int says_others(const struct template_definition *form, struct str label, const struct template_field *field,
                       const struct annotation *a)
{
    int most = 0;
    for (ptrdiff_t i = 0; label.len && i < form->fields.count; i++) {
        const struct template_field *other = (const struct template_field *)form->fields.items + i;
        int says = says_field(label, other);
        if (says > most && asks_the_same(field, other) && !is_of_other_side(other, a))
            most = says;
    }
    return most;
}

bool draft_names_another(const struct template_definition *form, const struct template_field *field,
                         const struct annotation *a)
{
    struct str label = draft_clean(a->label);
    return says_others(form, label, field, a) > says_field(label, field);
}

/* Does the label say this field, and no other as well? */
static bool names_field(const struct draft *d, const struct template_field *field, const struct annotation *a)
{
    struct str label = draft_clean(a->label);
    int says = says_field(label, field);
    return says && !is_of_other_side(field, a) && says > says_others(d->form.definition, label, field, a);
}

/* Is it in another field that asks for the same value? Not where somebody has taken it out there. */
static bool is_taken(const struct draft *d, const struct measurement *m, const struct template_field *field)
{
    for (ptrdiff_t i = 0; i < d->source_count; i++) {
        const struct content_source *one = &d->sources[i];
        const struct template_field *other =
            one->field.len && str_equal(one->detail, m->detail) ? template_field(d->form.definition, one->field) : NULL;
        if (other && asks_the_same(field, other) && draft_value_stands(d, one))
            return true;
    }
    return false;
}

static bool could_fill(const struct draft *d, const struct template_field *field, const struct measurement *m)
{
    return draft_value_for(field, m->it) && !is_of_other_side(field, m->it) && !(m->is_used && is_taken(d, m, field));
}

static bool is_source(const struct content_source *source, const struct measurement *m)
{
    return source && str_equal(source->detail, m->detail);
}

/* What may go into a field without anybody having chosen it: what it was filled with before, unless its label says
 * another field by now; else the one that is called like it; else the only one of its kind, where that has no label,
 * and no other field asks for the same. NULL: which one is not sure. Those that could not go into the field count, too:
 * they may have been meant. */
static struct measurement *choose(const struct draft *d, const struct template_field *field,
                                  const struct measurements *all)
{
    const struct content_source *source = draft_source_of_field(d, field->name);
    struct measurement *called = NULL, *last = NULL;
    int named = 0, of_kind = 0;
    for (ptrdiff_t i = 0; i < all->count; i++) {
        struct measurement *m = &all->items[i];
        if (!str_equal(field->measurement, str_from(kind_of(m->it)->name)))
            continue;
        bool is_called = names_field(d, field, m->it);
        of_kind++;
        named += is_called;
        if (!could_fill(d, field, m))
            continue;
        if (is_source(source, m) && !draft_names_another(d->form.definition, field, m->it))
            return m;
        last = m;
        if (is_called)
            called = m;
    }
    if (named)
        return named == 1 && all->is_whole ? called : NULL;
    bool is_sure = last && of_kind == 1 && all->is_whole && !kind_of(last->it)->sided && !last->it->label.len &&
                   is_only_field(d, field);
    return is_sure ? last : NULL;
}

/* What its label says to be of another field goes out of this one. */
static void take_back(struct draft *d, const struct template_field *field, const struct measurements *all)
{
    const struct content_source *source = draft_source_of_field(d, field->name);
    for (ptrdiff_t i = 0; i < all->count; i++)
        if (is_source(source, &all->items[i])) {
            if (draft_names_another(d->form.definition, field, all->items[i].it))
                draft_drop_value(d, source);
            return;
        }
}

/* What a field has is not told in a sentence, also where somebody has written another value there, or has taken it out.
 * A sentence that somebody took out keeps it only out of fields that it is not in yet. */
static void fill_field(struct draft *d, const struct template_field *field, const struct measurements *all)
{
    struct content_source sources[2];
    struct measurement *m = choose(d, field, all);
    bool is_its = m && is_source(draft_source_of_field(d, field->name), m);
    if (!m || (m->is_struck && !is_its))
        return;
    m->is_told |= is_its || template_value(d->fields, field->name);
    if (!draft_field_is_free(d, field))
        return;
    const struct annotation_value *value = draft_value_for(field, m->it);
    int count = sources_of(d, m, sources);
    m->is_told = draft_put(d, field, json_real(draft_rounded(value->value, value->unit)), sources, count);
    m->is_used |= m->is_told;
    if (m->is_told)
        draft_drop_line(d, S("findings"), FROM_MEASUREMENT, m->detail);
}

/* ---- offered ---- */

static struct str sentence(const struct draft *d, const struct measurement *m);

static void offer(struct draft *d, const struct template_field *field, const struct measurement *m, struct list *out)
{
    struct call *c = d->c;
    const struct annotation_value *value = draft_value_for(field, m->it);
    struct content_source *sources = arena_array(&c->arena, struct content_source, 2);
    double rounded = draft_rounded(value->value, value->unit);
    int count = sources_of(d, m, sources);
    for (int i = 0; i < count; i++) {
        sources[i].field = field->name;
        sources[i].text = draft_number(c, rounded);
    }
    ((struct draft_candidate *)out->items)[out->count++] = (struct draft_candidate){
        .field = field->name, .value = rounded, .text = sentence(d, m), .sources = { sources, count }
    };
}

bool draft_offer_measurements(struct draft *d, struct list *out)
{
    struct measurements all;
    const struct list *fields = d->form.definition ? &d->form.definition->fields : &(struct list){ NULL, 0 };
    *out = (struct list){ arena_array(&d->c->arena, struct draft_candidate, DRAFT_CANDIDATES_MAX), 0 };
    if (!find_measurements(d, &all))
        return false;
    for (ptrdiff_t i = 0; i < fields->count; i++) {
        const struct template_field *field = (const struct template_field *)fields->items + i;
        if (field->kind != TAKES_MEASUREMENT || template_value(d->fields, field->name))
            continue;
        for (ptrdiff_t j = 0; j < all.count && out->count < DRAFT_CANDIDATES_MAX; j++)
            if (could_fill(d, field, &all.items[j]) && !draft_names_another(d->form.definition, field, all.items[j].it))
                offer(d, field, &all.items[j], out);
    }
    return true;
}

/* ---- into sentences ---- */

/* The first value of its kind; of a figure without any that of its pixels. */
const struct annotation_value *draft_main_value(const struct annotation *a)
{
    const char *name = kind_of(a)->values[0].name;
    return value_of(a, name ? str_from(name) : S("value"));
}

static struct str sentence(const struct draft *d, const struct measurement *m)
{
    struct call *c = d->c;
    const struct annotation *a = m->it;
    const struct measure_kind *kind = kind_of(m->it);
    const struct annotation_value *value = draft_main_value(m->it), *mean = value_of(a, S("mean"));
    if (!value)
        return STR_NULL;
    struct draft_part parts[] = {
        { "label", draft_clean(a->label) },
        { "title", template_word(d->language, str_from(kind->title.en), str_from(kind->title.zh)) },
        { "side", !kind->sided                 ? S("")
                  : a->laterality == SIDE_LEFT ? draft_word(d, WORD_LEFT)
                                               : draft_word(d, WORD_RIGHT) },
        { "value", draft_quantity(c, draft_rounded(value->value, value->unit), value->unit) },
        { "mean", mean ? draft_quantity(c, draft_rounded(mean->value, mean->unit), mean->unit) : S("") },
        { "basis", is_at_detector(value) ? draft_word(d, WORD_DETECTOR) : S("") },
        { "model", m->diagnosis_id ? arena_format(&c->arena, "%.*s %.*s", STR_FMT(draft_clean(a->model.name)),
                                                  STR_FMT(draft_clean(a->model.version)))
                                   : S("") },
        { NULL, STR_NULL },
    };
    return draft_say(d, SAY_MEASUREMENT, parts);
}

static void say(struct draft *d, const struct measurement *m)
{
    struct content_source sources[2];
    draft_add_line(d, S("findings"), sentence(d, m),
                   draft_source_of_line(d, S("findings"), FROM_MEASUREMENT, m->detail), sources,
                   sources_of(d, m, sources));
}

/* All that is in the wrong field goes before any is filled: the right one may have it then. */
static void fill_fields(struct draft *d, const struct measurements *all)
{
    void (*const passes[])(struct draft *, const struct template_field *, const struct measurements *) = { take_back,
                                                                                                           fill_field };
    const struct list *fields = d->form.definition ? &d->form.definition->fields : &(struct list){ NULL, 0 };
    for (int pass = 0; pass < 2; pass++)
        for (ptrdiff_t i = 0; i < fields->count; i++) {
            const struct template_field *field = (const struct template_field *)fields->items + i;
            if (field->kind == TAKES_MEASUREMENT)
                passes[pass](d, field, all);
        }
}

bool draft_measurements(struct draft *d)
{
    struct measurements all;
    if (!find_measurements(d, &all))
        return false;
    for (ptrdiff_t i = 0; i < all.count; i++)
        all.items[i].is_struck = draft_line_is_struck(d, S("findings"), FROM_MEASUREMENT, all.items[i].detail);
    fill_fields(d, &all);
    for (ptrdiff_t i = 0; i < all.count; i++)
        if (!all.items[i].is_told || draft_source_of_line(d, S("findings"), FROM_MEASUREMENT, all.items[i].detail))
            say(d, &all.items[i]);
    return true;
}
