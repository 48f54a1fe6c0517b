/* draft.c - see draft.h: how what is known gets into a draft, and what has to stay. */
#include "reports/draft_parts.h"

#include "base/text.h"

static const struct field candidate_fields[] = {
    FIELD(struct draft_candidate, field, .doc = "The field that has no value yet.", .example = "cobb"),
    FIELD(struct draft_candidate, value, .doc = "The value that it would have.", .example = "41.3"),
    FIELD(struct draft_candidate, text, .flags = NULLABLE, .doc = "What was measured, in words: label, side, value."),
    FIELD(struct draft_candidate, sources, .of = &content_source_schema,
          .doc = "Where it comes from, as the report's `sources` will have it."),
};
static const struct schema candidate_schema = SCHEMA("ReportCandidate", struct draft_candidate, candidate_fields,
                                                     .doc = "A measurement that could go into a field.");
static const struct field candidates_fields[] = {
    FIELD(struct draft_candidates, report_id, .doc = "The report."),
    FIELD(struct draft_candidates, candidates, .of = &candidate_schema, .doc = "What could go where."),
};
const struct schema draft_candidates_schema =
    SCHEMA("ReportCandidates", struct draft_candidates, candidates_fields,
           .doc = "For each field of a draft that takes a measurement and has none: what was measured that fits.");

/* ---- sources ---- */

static bool has_room(const struct draft *d, int count)
{
    return d->source_count + count <= CONTENT_SOURCES_MAX;
}

static void add_sources(struct draft *d, struct str section, struct str field, struct str text,
                        const struct content_source *sources, int count)
{
    for (int i = 0; i < count; i++) {
        struct content_source *own = &d->sources[d->source_count++];
        *own = sources[i];
        own->section = section;
        own->field = field;
        own->text = text;
    }
}

/* Takes out those of this text of a section or field; with `detail`, this one of them. */
static void forget_sources(struct draft *d, struct str section, struct str field, struct str text,
                           const struct str *detail)
{
    ptrdiff_t kept = 0;
    for (ptrdiff_t i = 0; i < d->source_count; i++) {
        const struct content_source one = d->sources[i];
        if (!str_equal(one.section, section) || !str_equal(one.field, field) || !str_equal(one.text, text) ||
            (detail && !str_equal(one.detail, *detail)))
            d->sources[kept++] = one;
    }
    d->source_count = kept;
}

/* ---- fields ---- */

struct str draft_text_of(struct call *c, const json_t *value)
{
    return json_is_string(value)   ? arena_copy(&c->arena, json_text(value))
           : json_is_number(value) ? draft_number(c, json_number_value(value))
                                   : json_tree_text(value, TEMPLATE_VALUE_MAX, &c->arena);
}

bool draft_value_stands(const struct draft *d, const struct content_source *source)
{
    const json_t *value = template_value(d->fields, source->field);
    return value && str_equal(draft_text_of(d->c, value), source->text);
}

const struct content_source *draft_source_of_field(const struct draft *d, struct str field)
{
    const struct content_source *first = NULL;
    for (ptrdiff_t i = 0; i < d->source_count; i++) {
        const struct content_source *one = &d->sources[i];
        if (!str_equal(one->field, field))
            continue;
        if (draft_value_stands(d, one))
            return one;
        first = first ? first : one;
    }
    return first;
}

bool draft_field_is_free(const struct draft *d, const struct template_field *field)
{
    const struct content_source *source = draft_source_of_field(d, field->name);
    return source ? draft_value_stands(d, source) : !template_value(d->fields, field->name);
}

/* Does the template take it? */
static bool is_fit(struct draft *d, const char *name, json_t *value)
{
    struct call *c = d->c;
    json_t *one = json_object();
    json_object_set(one, name, value);
    struct json fields = { json_tree_text(one, CONTENT_BYTES_MAX, &c->arena) };
    json_decref(one);
    if (fields.text.at && template_check_values(c, d->form.definition, fields))
        return true;
    error_clear(&c->error);
    return false;
}

/* A measurement is the same in each version of its image's annotations that has it. */
static bool is_same_source(const struct content_source *one, const struct content_source *other)
{
    return one->kind == other->kind && str_equal(one->detail, other->detail) &&
           (one->kind == FROM_MEASUREMENT || str_equal(one->reference, other->reference));
}

bool draft_put(struct draft *d, const struct template_field *field, json_t *value, const struct content_source *sources,
               int count)
{
    struct call *c = d->c;
    if (!value)
        return false;
    const char *name = arena_cstring(&c->arena, field->name);
    struct str text = draft_text_of(c, value);
    const struct content_source *source = draft_source_of_field(d, field->name);
    if (source && str_equal(source->text, text) && is_same_source(source, &sources[0])) {
        json_decref(value);
        return true;
    }
    bool is_put = text.len && has_room(d, count) && is_fit(d, name, value);
    if (is_put) {
        for (; source; source = draft_source_of_field(d, field->name)) /* also what it had before */
            forget_sources(d, STR_NULL, field->name, source->text, NULL);
        json_object_set(d->fields, name, value);
        add_sources(d, STR_NULL, field->name, text, sources, count);
    }
    json_decref(value);
    return is_put;
}

/* ---- sentences ---- */

const struct content_source *draft_source_of_line(const struct draft *d, struct str section, unsigned kind,
                                                  struct str detail)
{
    for (ptrdiff_t i = 0; i < d->source_count; i++) {
        const struct content_source *one = &d->sources[i];
        if (str_equal(one->section, section) && one->kind == kind && str_equal(one->detail, detail))
            return one;
    }
    return NULL;
}

/* Where a section has this line; -1: nowhere. */
static ptrdiff_t find_line(struct str text, struct str line)
{
    for (ptrdiff_t at = 0; at + line.len <= text.len;) {
        ptrdiff_t end = str_find(str_slice(text, at, text.len), S("\n"));
        end = end < 0 ? text.len : at + end;
        if (str_equal(str_slice(text, at, end), line))
            return at;
        at = end + 1;
    }
    return -1;
}

static struct str section_now(const struct draft *d, struct str section)
{
    return json_text(json_object_get(d->sections, arena_cstring(&d->c->arena, section)));
}

static bool has_source_of(const struct draft *d, struct str section, struct str text, const struct content_source *as)
{
    for (ptrdiff_t i = 0; i < d->source_count; i++)
        if (str_equal(d->sources[i].section, section) && str_equal(d->sources[i].text, text) &&
            (!as || (str_equal(d->sources[i].reference, as->reference) && str_equal(d->sources[i].detail, as->detail))))
            return true;
    return false;
}

/* Does the same sentence come from something else of the kind, too? */
static bool is_shared(const struct draft *d, const struct content_source *known)
{
    for (ptrdiff_t i = 0; i < d->source_count; i++) {
        const struct content_source *one = &d->sources[i];
        if (str_equal(one->section, known->section) && str_equal(one->text, known->text) && one->kind == known->kind &&
            !str_equal(one->detail, known->detail))
            return true;
    }
    return false;
}

static void say_line(struct draft *d, struct str section, struct str text, struct str instead,
                     const struct content_source *sources, int count)
{
    d->lines[d->line_count++] = (struct draft_line){ section, text, instead };
    d->line_bytes += text.len;
    add_sources(d, section, STR_NULL, text, sources, count);
}

void draft_add_line(struct draft *d, struct str section, struct str text, const struct content_source *known,
                    const struct content_source *sources, int count)
{
    if (!text.len || !content_form_has(&d->form, section) || !has_room(d, count) ||
        d->line_count >= CONTENT_SOURCES_MAX || d->line_bytes + text.len > DRAFT_LINES_BYTES_MAX ||
        str_code_points(text) > TEMPLATE_VALUE_MAX ||
        (known && str_equal(known->text, text) && is_same_source(known, &sources[0])))
        return;
    if (known) {
        const struct content_source was = *known;
        bool is_shared_line = is_shared(d, known);
        if (find_line(section_now(d, section), was.text) < 0)
            return; /* somebody has written otherwise */
        forget_sources(d, section, STR_NULL, was.text, is_shared_line ? &was.detail : NULL);
        say_line(d, section, text, is_shared_line ? STR_NULL : was.text, sources, count);
    } else if (!has_source_of(d, section, text, NULL)) {
        say_line(d, section, text, STR_NULL, sources, count);
    } else {
        for (int i = 0; i < count; i++) /* the same is said of another: one sentence, and both are named */
            if (!has_source_of(d, section, text, &sources[i]))
                add_sources(d, section, STR_NULL, text, &sources[i], 1);
    }
}

/* Nothing else stands by the same words. */
static bool is_alone(const struct draft *d, const struct content_source *source)
{
    int count = 0;
    for (ptrdiff_t i = 0; i < d->source_count; i++)
        count += str_equal(d->sources[i].section, source->section) && str_equal(d->sources[i].field, source->field) &&
                 str_equal(d->sources[i].text, source->text) && d->sources[i].kind == source->kind;
    return count == 1;
}

/* Does it stand, as a value or a whole line? */
static bool is_put_there(struct draft *d, const struct content_source *source)
{
    return source->field.len ? draft_value_stands(d, source)
                             : find_line(section_now(d, source->section), source->text) >= 0;
}

static void drop(struct draft *d, ptrdiff_t at)
{
    const struct content_source was = d->sources[at];
    if (!is_alone(d, &was)) {
        memmove(&d->sources[at], &d->sources[at + 1], (size_t)(--d->source_count - at) * sizeof(was));
        return;
    }
    if (was.field.len)
        json_object_set_new(d->fields, arena_cstring(&d->c->arena, was.field), json_null());
    else if (d->line_count < CONTENT_SOURCES_MAX)
        d->lines[d->line_count++] = (struct draft_line){ was.section, STR_NULL, was.text };
    else
        return;
    forget_sources(d, was.section, was.field, was.text, NULL);
}

bool draft_line_is_struck(struct draft *d, struct str section, unsigned kind, struct str detail)
{
    const struct content_source *source = draft_source_of_line(d, section, kind, detail);
    return source && !is_put_there(d, source);
}

void draft_drop_line(struct draft *d, struct str section, unsigned kind, struct str detail)
{
    const struct content_source *source = draft_source_of_line(d, section, kind, detail);
    if (source && is_put_there(d, source))
        drop(d, source - d->sources);
}

void draft_drop_value(struct draft *d, const struct content_source *source)
{
    if (draft_value_stands(d, source))
        drop(d, source - d->sources);
}

bool draft_drop_gone(struct draft *d)
{
    for (ptrdiff_t i = d->source_count - 1; i >= 0; i--) {
        enum draft_standing standing;
        if (i >= d->source_count || !is_put_there(d, &d->sources[i]))
            continue;
        if (!draft_standing_of(d->c, d->report, &d->form, &d->sources[i], &standing))
            return false;
        if (standing == SOURCE_IS_GONE || (standing != SOURCE_HOLDS && d->sources[i].kind == FROM_DIAGNOSIS))
            drop(d, i);
    }
    return true;
}

static struct str without_line(struct call *c, struct str text, struct str line)
{
    ptrdiff_t at = find_line(text, line);
    if (at < 0)
        return text;
    ptrdiff_t end = at + line.len, from = at && end == text.len ? at - 1 : at;
    return arena_format(&c->arena, "%.*s%.*s", STR_FMT(str_slice(text, 0, from)),
                        STR_FMT(str_slice(text, end < text.len ? end + 1 : end, text.len)));
}

static struct str with_line(struct call *c, struct str text, const struct draft_line *line)
{
    if (!line->text.len)
        return without_line(c, text, line->instead);
    ptrdiff_t at = line->instead.len ? find_line(text, line->instead) : -1;
    if (at >= 0)
        return arena_format(&c->arena, "%.*s%.*s%.*s", STR_FMT(str_slice(text, 0, at)), STR_FMT(line->text),
                            STR_FMT(str_slice(text, at + line->instead.len, text.len)));
    return arena_format(&c->arena, "%.*s%s%.*s", STR_FMT(text), text.len ? "\n" : "", STR_FMT(line->text));
}

/* ---- the whole ---- */

static bool open_draft(struct draft *d, const struct report_content *content)
{
    struct call *c = d->c;
    struct list sources;
    if (!content_form_of(c, content, &d->form) || !content_source_list(c, content, &sources))
        return false;
    d->sources = arena_array(&c->arena, struct content_source, CONTENT_SOURCES_MAX);
    d->source_count = sources.count < CONTENT_SOURCES_MAX ? sources.count : CONTENT_SOURCES_MAX;
    for (ptrdiff_t i = 0; i < d->source_count; i++)
        d->sources[i] = ((const struct content_source *)sources.items)[i];
    d->lines = arena_array(&c->arena, struct draft_line, CONTENT_SOURCES_MAX);
    d->fields = content_tree(c, content->fields.text);
    d->sections = content_tree(c, content->sections.text);
    return (json_is_object(d->fields) && json_is_object(d->sections)) ||
           fail(c, E_INTERNAL, "a report's sections and fields cannot be read");
}

/* The words follow the fields first, and then the sentences come behind them. */
static bool close_draft(struct draft *d, struct json said, struct report_content *content)
{
    struct call *c = d->c;
    struct content_change fields = { .template_id = INTEGER_NULL, .sections = said },
                          lines = { .template_id = INTEGER_NULL };
    if (d->form.definition)
        fields.fields.text = json_tree_text(d->fields, CONTENT_BYTES_MAX, &c->arena);
    if (!content_merge(c, content, &fields, content))
        return false;
    json_t *changed = json_object();
    for (ptrdiff_t i = 0; i < d->line_count; i++) {
        const char *name = arena_cstring(&c->arena, d->lines[i].section);
        json_t *before = json_object_get(changed, name);
        struct str text = json_is_null(before) ? STR_NULL
                          : before             ? json_text(before)
                                               : content_section(c, content, d->lines[i].section);
        struct str after = with_line(c, text, &d->lines[i]);
        json_object_set_new(changed, name, after.len ? json_of_text(after) : json_null());
    }
    lines.sections.text = json_tree_text(changed, CONTENT_BYTES_MAX, &c->arena);
    json_decref(changed);
    lines.has_sources = true;
    lines.sources = (struct list){ d->sources, d->source_count };
    return content_merge(c, content, &lines, content);
}

bool draft_fill(struct call *c, const struct report *report, struct json said, struct report_content *content)
{
    struct draft d = { .c = c, .report = report, .language = content->language };
    struct audit_draft audit = c->actor->audit; /* what is looked at on the way is not what this is about */
    bool ok = open_draft(&d, content) && draft_drop_gone(&d) && draft_measurements(&d) && draft_findings(&d) &&
              draft_prior(&d) && close_draft(&d, said, content);
    json_decref(d.fields);
    json_decref(d.sections);
    c->actor->audit = audit;
    return ok;
}

bool draft_candidates(struct call *c, const struct report *report, struct draft_candidates *out)
{
    struct draft d = { .c = c, .report = report, .language = report->content.language };
    struct audit_draft audit = c->actor->audit;
    *out = (struct draft_candidates){ .report_id = report->id };
    if (report->status != REPORT_DRAFT || report->kind == REPORT_ADDENDUM)
        return true;
    bool ok = open_draft(&d, &report->content) && draft_offer_measurements(&d, &out->candidates);
    json_decref(d.fields);
    json_decref(d.sections);
    c->actor->audit = audit;
    return ok;
}
