/* template_check.c - what no row can say of a definition. */
#include "reports/template_values.h"

#include "measure/measure.h"

#include <math.h>
#include <stdarg.h>

struct checking {
    struct call *c;
    const struct template_definition *definition;
    const char *place; /* "definition." */
};

/* A problem at PLACE LIST.INDEX.MEMBER. */
static void refuse(const struct checking *k, const char *list, ptrdiff_t index, const char *member, const char *type,
                   const char *format, ...) __attribute__((format(printf, 6, 7)));

static void refuse(const struct checking *k, const char *list, ptrdiff_t index, const char *member, const char *type,
                   const char *format, ...)
{
    struct arena *arena = &k->c->arena;
    va_list args;
    va_start(args, format);
    struct str words = arena_vformat(arena, format, args);
    va_end(args);
    error_add_problem(&k->c->error, arena, "body", arena_format(arena, "%s%s.%td.%s", k->place, list, index, member),
                      type, "%.*s", STR_FMT(words));
}

/* ---- sections ---- */

/* What is wrong with a variable; NULL: nothing. */
static const char *variable_trouble(const struct checking *k, struct str name, bool is_in_passage)
{
    struct str field_name = name, code = STR_NULL;
    bool is_not = str_starts(name, S("!"));
    bool is_code = !is_not && str_cut(name, '=', &field_name, &code);
    if (is_not)
        field_name = str_slice(name, 1, name.len);
    const struct template_field *field = template_field(k->definition, is_code || is_not ? field_name : name);
    if (!field)
        return "names no field of the template";
    if ((is_not || is_code) && !is_in_passage)
        return "is a condition, which stands in [[ ]]";
    const struct template_choice *choices = field->choices.items;
    for (ptrdiff_t i = 0; is_code && i < field->choices.count; i++)
        if (str_equal(choices[i].code, code))
            return NULL;
    return is_code ? "names an answer that the field does not have" : NULL;
}

static void check_words(const struct checking *k, ptrdiff_t index, const char *member, struct str text)
{
    bool is_open = false;
    struct str piece;
    for (enum template_piece kind; (kind = template_next(&text, &piece)) != PIECE_END;) {
        const char *trouble = kind == PIECE_VARIABLE ? variable_trouble(k, piece, is_open) : NULL;
        if (trouble)
            refuse(k, "sections", index, member, "unknown_field", "{{%.*s}} %s", STR_FMT(str_at_most(piece, 64)),
                   trouble);
        if (kind == PIECE_TEXT && str_find(piece, S("{{")) >= 0)
            refuse(k, "sections", index, member, "unended", "{{ has no }}");
        if ((kind == PIECE_OPEN && is_open) || (kind == PIECE_CLOSE && !is_open))
            refuse(k, "sections", index, member, "unended", "[[ and ]] do not go together");
        is_open = kind == PIECE_OPEN || (is_open && kind != PIECE_CLOSE);
    }
    if (is_open)
        refuse(k, "sections", index, member, "unended", "[[ has no ]]");
}

static void check_sections(const struct checking *k)
{
    const struct template_section *sections = k->definition->sections.items;
    for (ptrdiff_t i = 0; i < k->definition->sections.count; i++) {
        for (ptrdiff_t j = 0; j < i; j++)
            if (str_equal(sections[i].name, sections[j].name))
                refuse(k, "sections", i, "name", "not_unique", "is that of another section");
        if (str_is_empty(sections[i].title_en) && str_is_empty(sections[i].title_zh))
            refuse(k, "sections", i, "title_en", "missing", "a section has a title in a language at least");
        check_words(k, i, "text_en", sections[i].text_en);
        check_words(k, i, "text_zh", sections[i].text_zh);
    }
}

/* ---- fields ---- */

static bool has_choices(const struct template_field *field)
{
    return field->kind == TAKES_CHOICE || field->kind == TAKES_CHOICES;
}

static void check_choices(const struct checking *k, ptrdiff_t index, const struct template_field *field)
{
    const struct template_choice *choices = field->choices.items;
    if (has_choices(field) != (field->choices.count > 0))
        refuse(k, "fields", index, "choices", has_choices(field) ? "missing" : "not_used",
               has_choices(field) ? "a choice has answers" : "only choices have answers");
    for (ptrdiff_t i = 0; i < field->choices.count; i++) {
        for (ptrdiff_t j = 0; j < i; j++)
            if (str_equal(choices[i].code, choices[j].code))
                refuse(k, "fields", index, arena_format(&k->c->arena, "choices.%td.code", i).at, "not_unique",
                       "is that of another answer");
        if (str_is_empty(choices[i].label_en) && str_is_empty(choices[i].label_zh))
            refuse(k, "fields", index, arena_format(&k->c->arena, "choices.%td.label_en", i).at, "missing",
                   "an answer has a label in a language at least");
    }
}

static void check_numbers(const struct checking *k, ptrdiff_t index, const struct template_field *field)
{
    bool is_number = field->kind == TAKES_NUMBER || field->kind == TAKES_MEASUREMENT;
    if (!is_number && field->unit.at)
        refuse(k, "fields", index, "unit", "not_used", "only numbers have a unit");
    if (!is_number && (!isnan(field->min) || !isnan(field->max)))
        refuse(k, "fields", index, isnan(field->min) ? "max" : "min", "not_used", "only numbers have limits");
    if (field->min > field->max)
        refuse(k, "fields", index, "max", "too_small", "must not be less than `min`");
}

static void check_measurement(const struct checking *k, ptrdiff_t index, const struct template_field *field)
{
    if (field->kind != TAKES_MEASUREMENT) {
        if (field->measurement.at || field->measured.at)
            refuse(k, "fields", index, field->measurement.at ? "measurement" : "measured", "not_used",
                   "is only of kind measurement");
        return;
    }
    struct template_field plain = *field;
    plain.unit = STR_NULL;
    if (!template_measured(field))
        refuse(k, "fields", index, "measurement", "not_a_choice",
               "must be a measurement of the catalogue, and `measured` one of its values (GET /measurements)");
    else if (field->unit.at && !str_equal(field->unit, template_unit_of(&plain)))
        refuse(k, "fields", index, "unit", "not_a_choice", "must be %.*s, as the catalogue has it",
               STR_FMT(template_unit_of(&plain)));
}

static void check_prior(const struct checking *k, ptrdiff_t index, const struct template_field *field)
{
    const struct template_field *of = field->prior_of.at ? template_field(k->definition, field->prior_of) : NULL;
    if (field->kind != TAKES_PRIOR && field->prior_of.at)
        refuse(k, "fields", index, "prior_of", "not_used", "is only of kind prior");
    if (field->kind == TAKES_PRIOR && (!of || of->kind == TAKES_PRIOR))
        refuse(k, "fields", index, "prior_of", "unknown_field", "must name another field, which is no prior value");
    if (field->kind != TAKES_FINDING && field->finding.at)
        refuse(k, "fields", index, "finding", "not_used", "is only of kind finding");
}

static void check_sum(const struct checking *k, ptrdiff_t index, const struct template_field *field)
{
    const struct template_choice *choices = field->choices.items;
    if (field->sum_of.count > 0 && field->kind != TAKES_CHOICE)
        refuse(k, "fields", index, "sum_of", "not_used", "is only of kind choice");
    for (ptrdiff_t i = 0; i < field->sum_of.count; i++) {
        const struct template_field *part = template_field(k->definition, field->sum_of.items[i]);
        if (!part || !has_choices(part) || part->sum_of.count > 0)
            refuse(k, "fields", index, "sum_of", "unknown_field", "must name choices, which are no sums themselves");
    }
    bool counts = false;
    for (ptrdiff_t i = 0; i < field->choices.count; i++)
        counts |= choices[i].points != INTEGER_NULL;
    if (field->sum_of.count > 0 && !counts)
        refuse(k, "fields", index, "choices", "missing", "one answer at least says from how many points on it holds");
}

static void check_fields(const struct checking *k)
{
    const struct template_field *fields = k->definition->fields.items;
    for (ptrdiff_t i = 0; i < k->definition->fields.count; i++) {
        for (ptrdiff_t j = 0; j < i; j++)
            if (str_equal(fields[i].name, fields[j].name))
                refuse(k, "fields", i, "name", "not_unique", "is that of another field");
        if (!template_section(k->definition, fields[i].section))
            refuse(k, "fields", i, "section", "unknown_section", "names no section of the template");
        if (str_is_empty(fields[i].label_en) && str_is_empty(fields[i].label_zh))
            refuse(k, "fields", i, "label_en", "missing", "a field has a label in a language at least");
        check_choices(k, i, &fields[i]);
        check_numbers(k, i, &fields[i]);
        check_measurement(k, i, &fields[i]);
        check_prior(k, i, &fields[i]);
        check_sum(k, i, &fields[i]);
    }
}

bool template_check(struct call *c, const struct template_definition *definition, const char *place)
{
    struct checking k = { c, definition, place };
    int before = c->error.problem_count;
    if (str_is_empty(definition->title_en) && str_is_empty(definition->title_zh))
        error_add_problem(&c->error, &c->arena, "body", arena_format(&c->arena, "%stitle_en", place), "missing",
                          "a template has a title in a language at least");
    check_sections(&k);
    check_fields(&k);
    return c->error.problem_count == before && c->error.code == E_NONE;
}
