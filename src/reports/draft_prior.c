/* draft_prior.c - what the last signed report of the same region said, into a draft. */
#include "reports/draft_parts.h"
#include "reports/report_parts.h"

struct prior {
    struct report report;
    struct report_version version; /* what was signed */
    struct content_form form;      /* that it was written by */
    json_t *fields;
    struct content_source source;
};

/* NONE: there is none that the caller sees. */
static enum found find_prior(struct draft *d, struct prior *out)
{
    struct call *c = d->c;
    int64_t id;
    enum found found = report_find_prior(c, d->report, &id);
    if (found != FOUND)
        return found;
    if (!report_load(c, id, &out->report) || !report_version_load(c, id, out->report.signed_version, &out->version) ||
        !content_form_of(c, &out->version.content, &out->form))
        return FAILED;
    out->source =
        (struct content_source){ .kind = FROM_PRIOR, .reference = arena_format(&c->arena, "reports/%" PRId64, id) };
    out->fields = content_tree(c, out->version.content.fields.text);
    return FOUND;
}

/* ---- fields ---- */

static bool is_number(const struct template_field *field)
{
    return field->kind == TAKES_NUMBER || field->kind == TAKES_MEASUREMENT;
}

/* What that report has for a field of this one: of the same name and kind, in the same unit. NULL: nothing. */
static json_t *earlier(const struct prior *prior, const struct template_field *field)
{
    const struct template_field *then =
        prior->form.definition ? template_field(prior->form.definition, field->name) : NULL;
    if (!then || !(then->kind == field->kind || (is_number(then) && is_number(field))) ||
        (is_number(field) && !str_equal(template_unit_of(then), template_unit_of(field))))
        return NULL;
    return template_value(prior->fields, field->name)
               ? json_object_getn(prior->fields, field->name.at, (size_t)field->name.len)
               : NULL;
}

static void put_earlier(struct draft *d, const struct prior *prior, const struct template_field *field)
{
    const struct template_field *of = template_field(d->form.definition, field->prior_of);
    json_t *value = of ? earlier(prior, of) : NULL;
    if (value && draft_field_is_free(d, field))
        (void)draft_put(d, field, json_incref(value), &prior->source, 1);
}

/* The day that it is compared with, where the template asks for one. */
static void put_date(struct draft *d, const struct prior *prior, const struct template_field *field, struct str day)
{
    if (draft_field_is_free(d, field))
        (void)draft_put(d, field, json_of_text(day), &prior->source, 1);
}

static bool has_prior_field(const struct template_definition *definition, const struct template_field *of)
{
    const struct template_field *fields = definition->fields.items;
    for (ptrdiff_t i = 0; i < definition->fields.count; i++)
        if (fields[i].kind == TAKES_PRIOR && str_equal(fields[i].prior_of, of->name))
            return true;
    return false;
}

/* ---- sentences ---- */

/* Of a number whose earlier value has no field of its own. */
static void say_change(struct draft *d, const struct prior *prior, const struct template_field *field)
{
    struct call *c = d->c;
    const json_t *now = template_value(d->fields, field->name), *then = earlier(prior, field);
    struct str unit = template_unit_of(field), change, percent;
    struct content_source source = prior->source;
    if (!json_is_number(now) || !json_is_number(then))
        return;
    template_change_between(&c->arena, json_number_value(now), json_number_value(then), unit, &change, &percent);
    struct draft_part parts[] = {
        { "label", draft_clean(template_word(d->language, field->label_en, field->label_zh)) },
        { "now", draft_quantity(c, json_number_value(now), unit) },
        { "then", draft_quantity(c, json_number_value(then), unit) },
        { "change", change },
        { "percent", percent },
        { NULL, STR_NULL },
    };
    source.detail = field->name;
    draft_add_line(d, S("comparison"), draft_say(d, SAY_CHANGE, parts),
                   draft_source_of_line(d, S("comparison"), FROM_PRIOR, source.detail), &source, 1);
}

static void say_prior(struct draft *d, const struct prior *prior, struct str day)
{
    struct call *c = d->c;
    struct content_source source = prior->source;
    struct draft_part parts[] = {
        { "kind", draft_clean(arena_format(&c->arena, "%.*s %.*s", STR_FMT(prior->report.modality),
                                           STR_FMT(prior->report.body_part))) },
        { "date", day },
        { "report", arena_format(&c->arena, "%" PRId64, prior->report.id) },
        { NULL, STR_NULL },
    };
    source.detail = S("examination");
    draft_add_line(d, S("comparison"), draft_say(d, SAY_PRIOR, parts),
                   draft_source_of_line(d, S("comparison"), FROM_PRIOR, source.detail), &source, 1);
}

static void fill_fields(struct draft *d, const struct prior *prior, struct str day)
{
    const struct template_definition *definition = d->form.definition;
    const struct template_field *fields = definition->fields.items;
    bool has_day = false;
    for (ptrdiff_t i = 0; i < definition->fields.count; i++) {
        if (fields[i].kind == TAKES_PRIOR)
            put_earlier(d, prior, &fields[i]);
        if (fields[i].kind == TAKES_DATE && !has_day && str_equal(fields[i].section, S("comparison"))) {
            put_date(d, prior, &fields[i], day);
            has_day = true;
        }
    }
    for (ptrdiff_t i = 0; i < definition->fields.count; i++)
        if (is_number(&fields[i]) && !has_prior_field(definition, &fields[i]))
            say_change(d, prior, &fields[i]);
}

bool draft_prior(struct draft *d)
{
    struct prior *prior = arena_new(&d->c->arena, struct prior);
    char text[DATE_TEXT_MAX];
    enum found found = find_prior(d, prior);
    if (found != FOUND)
        return found == NONE;
    struct str day = arena_copy(&d->c->arena, (struct str){ text, date_write(prior->report.study_date, text) });
    say_prior(d, prior, day);
    if (d->form.definition)
        fill_fields(d, prior, day);
    json_decref(prior->fields);
    return true;
}

/* ---- later ---- */

/* A report as it was signed last, whoever asks. */
static bool load_signed(struct call *c, int64_t id, struct prior *out)
{
    return report_load_unseen(c, id, &out->report) &&
           db_get(c, &report_version_schema, &out->version, "where v.report_id = ? and v.version = ?", V(id),
                  V(out->report.signed_version)) &&
           content_form_of(c, &out->version.content, &out->form);
}

/* The field whose earlier number or words the source is of; NULL: it is of no value. */
static const struct template_field *compared(const struct content_form *form, const struct content_source *source)
{
    if (!form->definition)
        return NULL;
    const struct template_field *field =
        template_field(form->definition, source->field.len ? source->field : source->detail);
    if (!field || !source->field.len)
        return field && is_number(field) ? field : NULL;
    return field->kind == TAKES_PRIOR ? template_field(form->definition, field->prior_of) : NULL;
}

/* As SAY_CHANGE has it, in either language. */
static bool tells_earlier(struct call *c, struct str text, struct str then)
{
    return str_find(text, arena_format(&c->arena, ", earlier %.*s,", STR_FMT(then))) >= 0 ||
           str_find(text, arena_format(&c->arena, "，前次%.*s，", STR_FMT(then))) >= 0;
}

bool draft_prior_stands(struct call *c, const struct report *report, const struct content_form *form,
                        const struct content_source *source, enum draft_standing *out)
{
    struct prior *prior = arena_new(&c->arena, struct prior);
    *out = SOURCE_HOLDS;
    if (!load_signed(c, report_source_number(source->reference, S("reports/")), prior))
        return false;
    const struct template_field *field = compared(form, source);
    if (prior->report.status == REPORT_ENTERED_IN_ERROR || prior->report.patient_id != report->patient_id)
        *out = SOURCE_IS_GONE;
    if (*out != SOURCE_HOLDS || !field)
        return true;
    prior->fields = content_tree(c, prior->version.content.fields.text);
    const json_t *value = earlier(prior, field);
    if (!value)
        *out = SOURCE_IS_GONE;
    else if (source->field.len ? !str_equal(draft_text_of(c, value), source->text)
                               : !json_is_number(value) || !tells_earlier(c, source->text,
                                                                          draft_quantity(c, json_number_value(value),
                                                                                         template_unit_of(field))))
        *out = SOURCE_IS_OUTDATED;
    json_decref(prior->fields);
    return true;
}

struct str draft_outdated(struct call *c, const struct report_content *content, const struct content_form *form,
                          const struct content_source *source)
{
    const struct template_field *field =
        form->definition && source->kind == FROM_PRIOR ? template_field(form->definition, source->detail) : NULL;
    struct str section = source->section.len ? content_section(c, content, source->section) : STR_NULL;
    if (!field || !is_number(field) || str_find(section, source->text) < 0)
        return STR_NULL;
    json_t *fields = content_tree(c, content->fields.text);
    const json_t *value = template_value(fields, field->name);
    bool is_there = false;
    if (json_is_number(value)) { /* as SAY_CHANGE has it */
        struct str now = draft_quantity(c, json_number_value(value), template_unit_of(field));
        is_there = str_find(source->text, arena_format(&c->arena, ": %.*s,", STR_FMT(now))) >= 0 ||
                   str_find(source->text, arena_format(&c->arena, "：%.*s，", STR_FMT(now))) >= 0;
    }
    json_decref(fields);
    return is_there ? STR_NULL : field->name;
}
