/* draft_standing.c - does what a source names still say what the report says by it? */
#include "reports/draft_parts.h"

#include "diagnosis/diagnosis.h"
#include "imaging/annotation.h"
#include "reports/report_parts.h"
#include "reports/report_subject.h"

/* ---- what models found ---- */

/* The last that a reader has judged of the same model on the same frame; NONE: there is none. */
static enum found find_last_judged(struct call *c, int64_t id, int64_t study_id, struct diagnosis *out)
{
    int64_t last;
    enum found found = db_find_integer(
        c, &last,
        "select n.id from diagnoses d join image_files f on f.id = d.image_file_id join diagnoses n on n.image_file_id "
        "= d.image_file_id and n.frame = d.frame and n.model_id = d.model_id where d.id = ? and f.study_id = ? and "
        "d.status = 'REVIEWED' and d.verdict in ('CONFIRMED', 'MODIFIED') and n.status = 'REVIEWED' and n.is_shadow = "
        "0 order by n.id desc limit 1",
        V(id), V(study_id));
    return found == FOUND ? db_find(c, &diagnosis_schema, out, "where d.id = ?", V(last)) : found;
}

bool draft_findings_of(struct call *c, const struct diagnosis *it, struct list *out)
{
    struct list readings;
    if (it->verdict != REVIEW_MODIFIED)
        return diagnosis_findings(c, it, out);
    if (!diagnosis_readings(c, it, &readings))
        return false;
    *out = readings.count ? ((const struct reading *)readings.items)[readings.count - 1].findings : (struct list){ 0 };
    return true;
}

static bool names(struct str text, struct str label)
{
    return label.len && str_find(text, label) >= 0;
}

/* Is this label, or one that it is a part of, among what is there? */
static bool is_there(const struct list *findings, struct str label)
{
    const struct finding *all = findings->items;
    for (ptrdiff_t i = 0; i < findings->count; i++)
        if (all[i].positive && (names(all[i].label, label) || names(all[i].label_zh, label)))
            return true;
    return false;
}

/* Does the text name something of `said` that is not there `now`? */
static bool names_what_is_gone(struct str text, const struct list *said, const struct list *now)
{
    const struct finding *all = said->items;
    for (ptrdiff_t i = 0; i < said->count; i++)
        if ((names(text, all[i].label) && !is_there(now, all[i].label)) ||
            (names(text, all[i].label_zh) && !is_there(now, all[i].label_zh)))
            return true;
    return false;
}

/* The text without the model's name, which may sound like a finding. */
static struct str without_model(struct call *c, struct str text, const struct diagnosis *it)
{
    struct str model = arena_format(&c->arena, "%.*s %.*s", STR_FMT(it->model_name), STR_FMT(it->model_version));
    ptrdiff_t at = str_find(text, model);
    return at < 0 ? text
                  : arena_format(&c->arena, "%.*s%.*s", STR_FMT(str_slice(text, 0, at)),
                                 STR_FMT(str_slice(text, at + model.len, text.len)));
}

static bool check_diagnosis(struct call *c, const struct report *report, const struct content_source *source,
                            enum draft_standing *out)
{
    struct diagnosis last, named;
    struct list now, said, readings;
    int64_t id = report_source_number(source->reference, S("diagnosis/"));
    enum found found = find_last_judged(c, id, report->study_id, &last);
    *out = found == FOUND && last.verdict != REVIEW_REJECTED ? SOURCE_HOLDS : SOURCE_IS_GONE;
    if (found == FAILED || *out == SOURCE_IS_GONE)
        return found != FAILED;
    if (!draft_findings_of(c, &last, &now) || !db_get(c, &diagnosis_schema, &named, "where d.id = ?", V(id)) ||
        !diagnosis_findings(c, &named, &said) || !diagnosis_readings(c, &named, &readings))
        return false;
    struct str text = without_model(c, source->text, &named);
    bool is_outdated = names_what_is_gone(text, &said, &now);
    for (ptrdiff_t i = 0; i < readings.count; i++)
        is_outdated |= names_what_is_gone(text, &((const struct reading *)readings.items)[i].findings, &now);
    if (is_outdated)
        *out = SOURCE_IS_OUTDATED;
    else if (last.id != id)
        *out = SOURCE_IS_SUPERSEDED;
    return true;
}

/* ---- what was measured ---- */

static const struct annotation *annotation_of(const struct annotation_set *set, struct str detail)
{
    const struct annotation *all = set->annotations.items;
    for (ptrdiff_t i = 0; i < set->annotations.count; i++)
        if (str_starts(detail, S("annotation ")) && str_equal(all[i].id, str_slice(detail, 11, detail.len)))
            return &all[i];
    return NULL;
}

/* "5 mm" in "line 5 mm", and not in "line 25 mm". */
static bool tells(struct str text, struct str quantity)
{
    for (ptrdiff_t from = 0; quantity.len && from < text.len;) {
        ptrdiff_t at = str_find(str_slice(text, from, text.len), quantity);
        if (at < 0)
            return false;
        at += from;
        char before = at ? text.at[at - 1] : ' ';
        if ((before < '0' || before > '9') && before != '.' && before != '-')
            return true;
        from = at + 1;
    }
    return false;
}

static struct str main_quantity(struct call *c, const struct annotation *a)
{
    const struct annotation_value *value = draft_main_value(a);
    return value ? draft_quantity(c, draft_rounded(value->value, value->unit), value->unit) : STR_NULL;
}

/* Of a field the value itself is compared, and whether the label says another field; of a sentence the number that it
 * told then. */
static bool says_another(struct call *c, const struct content_form *form, const struct content_source *source,
                         const struct annotation *then, const struct annotation *now)
{
    const struct template_field *field =
        form->definition && source->field.len ? template_field(form->definition, source->field) : NULL;
    if (field && field->kind == TAKES_MEASUREMENT) {
        const struct annotation_value *value = draft_value_for(field, now);
        return !value || draft_names_another(form->definition, field, now) ||
               !str_equal(draft_number(c, draft_rounded(value->value, value->unit)), source->text);
    }
    return then && tells(source->text, main_quantity(c, then)) && !tells(source->text, main_quantity(c, now));
}

static bool is_on_image(struct call *c, int64_t image, const struct annotation *a, bool *is)
{
    enum found found = a && a->source == SOURCE_MODEL ? report_drawing_confirmed(c, image, a, NULL) : FOUND;
    *is = a && a->visible && found == FOUND;
    return found != FAILED;
}

static bool check_measurement(struct call *c, const struct report *report, const struct content_form *form,
                              const struct content_source *source, enum draft_standing *out)
{
    struct annotation_set then, now;
    int64_t image, version, count;
    bool is_there_still;
    *out = SOURCE_HOLDS;
    if (!str_starts(source->detail, S("annotation ")) ||
        !report_source_annotations(source->reference, &image, &version))
        return true; /* which of them it is about is not told */
    if (!db_integer(c, &count, "select count(*) from image_files where id = ? and study_id = ? and is_deleted = 0",
                    V(image), V(report->study_id)))
        return false;
    if (!count) {
        *out = SOURCE_IS_GONE;
        return true;
    }
    if (!annotation_set_load(c, image, version, &then) || !annotation_set_load(c, image, 0, &now))
        return false;
    const struct annotation *known = annotation_of(&now, source->detail);
    if (!is_on_image(c, image, known, &is_there_still))
        return false;
    if (!is_there_still)
        *out = SOURCE_IS_GONE;
    else if (says_another(c, form, source, annotation_of(&then, source->detail), known))
        *out = SOURCE_IS_OUTDATED;
    return true;
}

bool draft_standing_of(struct call *c, const struct report *report, const struct content_form *form,
                       const struct content_source *source, enum draft_standing *out)
{
    return source->kind == FROM_DIAGNOSIS     ? check_diagnosis(c, report, source, out)
           : source->kind == FROM_MEASUREMENT ? check_measurement(c, report, form, source, out)
                                              : draft_prior_stands(c, report, form, source, out);
}
