/* draft_findings.c - what models found on the study's images, and a reader stands by, into a draft. */
#include "reports/draft_parts.h"

#include "diagnosis/diagnosis.h"

#include <math.h>

/* Those of the study that a reader has judged, and the caller sees; what a shadow says is for nobody's report. */
static bool find_diagnoses(struct draft *d, struct integers *out)
{
    struct call *c = d->c;
    struct cursor rows;
    struct value values[DIAGNOSIS_SIGHT_VALUES];
    struct condition seen = diagnosis_in_sight(c, values);
    struct str sql =
        arena_format(&c->arena,
                     "select d.id from image_files i join diagnoses d on d.image_file_id = i.id where i.study_id = ? "
                     "and d.status = 'REVIEWED' and d.is_shadow = 0 and %s "
                     "order by d.image_file_id, d.frame, d.model_id, d.id desc limit %d",
                     seen.sql, DRAFT_DIAGNOSES_MAX);
    *out = (struct integers){ arena_array(&c->arena, int64_t, DRAFT_DIAGNOSES_MAX), 0 };
    for (db_rows(c, &rows, sql.at, V(d->report->study_id), seen.value, seen.more[0], seen.more[1], seen.more[2],
                 values[0], values[1], values[2]);
         cursor_next(&rows);)
        out->items[out->count++] = cursor_integer(&rows, 0);
    return cursor_close(&rows);
}

static const struct template_field *field_for(const struct draft *d, const struct finding *finding)
{
    const struct list *fields = d->form.definition ? &d->form.definition->fields : &(struct list){ NULL, 0 };
    for (ptrdiff_t i = 0; i < fields->count; i++) {
        const struct template_field *field = (const struct template_field *)fields->items + i;
        if (field->kind == TAKES_FINDING && str_equal(field->finding, finding->label))
            return field;
    }
    return NULL;
}

/* Is this field filled, or written, with this very diagnosis, or by hand? Then it is told. */
static bool is_told_by(const struct draft *d, const struct template_field *field, const struct content_source *source)
{
    const struct content_source *known = draft_source_of_field(d, field->name);
    return known ? str_equal(known->reference, source->reference) : !draft_field_is_free(d, field);
}

/* What was said of this finding when the diagnosis was read before. */
static const struct content_source *known_line(const struct draft *d, const struct content_source *source,
                                               struct str label)
{
    static const char *const around[] = { ": %.*s,", ": %.*s (", "：%.*s，", "：%.*s（" }; /* as SAY_FINDING has it */
    for (ptrdiff_t i = 0; i < d->source_count; i++) {
        const struct content_source *one = &d->sources[i];
        bool is_of_it = one->kind == FROM_DIAGNOSIS && str_equal(one->section, S("findings")) &&
                        str_equal(one->reference, source->reference);
        for (int k = 0; is_of_it && k < 4; k++)
            if (str_find(one->text, arena_format(&d->c->arena, around[k], STR_FMT(label))) >= 0)
                return one;
    }
    return NULL;
}

static void tell(struct draft *d, const struct diagnosis *it, const struct finding *finding)
{
    struct call *c = d->c;
    bool is_models = it->verdict != REVIEW_MODIFIED && isfinite(finding->probability);
    struct str model = arena_format(&c->arena, "%.*s %.*s", STR_FMT(it->model_name), STR_FMT(it->model_version));
    struct content_source source = {
        .kind = FROM_DIAGNOSIS,
        .reference = arena_format(&c->arena, "diagnosis/%" PRId64, it->id),
        .detail = arena_format(&c->arena, "%.*s%s", STR_FMT(model), it->research_only ? ", research use only" : ""),
    };
    struct draft_part parts[] = {
        { "label", draft_clean(template_word(d->language, finding->label, finding->label_zh)) },
        { "how", draft_word(d, it->verdict == REVIEW_MODIFIED ? WORD_MODIFIED : WORD_CONFIRMED) },
        { "probability", is_models ? draft_quantity(c, round(finding->probability * 1000) / 10, S("%")) : S("") },
        { "model", draft_clean(model) },
        { "research", it->research_only ? draft_word(d, WORD_RESEARCH) : S("") },
        { NULL, STR_NULL },
    };
    const struct template_field *field = field_for(d, finding);
    if (!parts[0].text.len || (field && is_told_by(d, field, &source)))
        return;
    if (field && draft_field_is_free(d, field) && !draft_source_of_field(d, field->name) &&
        draft_put(d, field, json_of_text(draft_say(d, SAY_FINDING_IN_FIELD, parts)), &source, 1))
        return;
    draft_add_line(d, S("findings"), draft_say(d, SAY_FINDING, parts), known_line(d, &source, parts[0].text), &source,
                   1);
}

static bool is_of_same(const struct diagnosis *a, const struct diagnosis *b)
{
    return a->image_file_id == b->image_file_id && a->frame == b->frame && a->model_id == b->model_id;
}

bool draft_findings(struct draft *d)
{
    struct integers ids;
    struct diagnosis last = { 0 }; /* of one model and frame the last result that was judged counts */
    if (!find_diagnoses(d, &ids))
        return false;
    for (ptrdiff_t i = 0; i < ids.count; i++) {
        struct diagnosis *it = arena_new(&d->c->arena, struct diagnosis);
        struct list findings;
        enum found found = db_find(d->c, &diagnosis_schema, it, "where d.id = ?", V(ids.items[i]));
        if (found == NONE || (found == FOUND && is_of_same(it, &last)))
            continue;
        if (found == FAILED)
            return false;
        last = *it;
        if (it->verdict == REVIEW_REJECTED)
            continue;
        if (!draft_findings_of(d->c, it, &findings))
            return false;
        for (ptrdiff_t k = 0; k < findings.count; k++) {
            const struct finding *finding = (const struct finding *)findings.items + k;
            if (finding->positive)
                tell(d, it, finding);
        }
    }
    return true;
}
