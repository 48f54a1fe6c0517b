/* template_values.c - are these the values of such a report, and what follows from them? */
#include "reports/template_values.h"

#include "measure/measure.h"

#include <math.h>

/* ---- parts ---- */

json_t *template_values(struct call *c, struct json fields)
{
    struct json_flaw flaw;
    json_t *values = fields.text.at ? json_read(fields.text, &c->arena, &flaw) : NULL;
    if (json_is_object(values))
        return values;
    json_decref(values);
    return NULL;
}

const json_t *template_value(const json_t *values, struct str name)
{
    const json_t *value = values ? json_object_getn(values, name.at, (size_t)name.len) : NULL;
    bool says_nothing = !value || json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0) ||
                        (json_is_string(value) && str_trim(json_text(value)).len == 0);
    return says_nothing ? NULL : value;
}

const struct template_choice *template_choice_of(const struct template_field *field, const json_t *code)
{
    const struct template_choice *choices = field->choices.items;
    for (ptrdiff_t i = 0; i < field->choices.count && json_is_string(code); i++)
        if (str_equal(choices[i].code, json_text(code)))
            return &choices[i];
    return NULL;
}

const struct measure_value_row *template_measured(const struct template_field *field)
{
    for (int i = 0; i < measure_kind_count; i++) {
        const struct measure_kind *kind = measure_kind_at(i);
        if (!str_equal(field->measurement, str_from(kind->name)))
            continue;
        for (int k = 0; k < MEASURE_VALUES_MAX && kind->values[k].name; k++)
            if (str_is_empty(field->measured) || str_equal(field->measured, str_from(kind->values[k].name)))
                return &kind->values[k];
    }
    return NULL;
}

struct str template_unit_of(const struct template_field *field)
{
    static const char *const units[] = {
        [MEASURE_LENGTH] = "mm", [MEASURE_AREA] = "mm2", [MEASURE_DEGREES] = "deg", [MEASURE_RATIO] = "1"
    };
    const struct measure_value_row *row = field->kind == TAKES_MEASUREMENT ? template_measured(field) : NULL;
    return field->unit.at ? field->unit : row ? str_from(units[row->unit]) : STR_NULL;
}

/* ---- are they such values? ---- */

struct checking {
    struct call *c;
    const struct template_definition *definition;
};

static void refuse(const struct checking *k, const char *name, const char *type, const char *words)
{
    error_add_problem(&k->c->error, &k->c->arena, "body", arena_format(&k->c->arena, "fields.%.64s", name), type, "%s",
                      words);
}

static void check_text(const struct checking *k, const char *name, const json_t *value)
{
    struct str text = json_text(value);
    if (!json_is_string(value)) {
        refuse(k, name, "not_a_text", "must be a text");
        return;
    }
    if (str_code_points(text) > TEMPLATE_VALUE_MAX)
        refuse(k, name, "too_long", "must have at most 2000 characters");
    for (ptrdiff_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < ' ' && !strchr("\t\r\n", text.at[i] ? text.at[i] : '\1')) {
            refuse(k, name, "control_character", "must have no control characters");
            return;
        }
}

static void check_number(const struct checking *k, const struct template_field *field, const char *name,
                         const json_t *value)
{
    double number = json_number_value(value);
    if (!json_is_number(value) || !(fabs(number) <= 1e15))
        refuse(k, name, "not_a_number", "must be a number");
    else if (number < field->min)
        refuse(k, name, "too_small", arena_format(&k->c->arena, "must be at least %g", field->min).at);
    else if (number > field->max)
        refuse(k, name, "too_large", arena_format(&k->c->arena, "must be at most %g", field->max).at);
}

static void check_choices(const struct checking *k, const struct template_field *field, const char *name,
                          const json_t *value)
{
    if (!json_is_array(value) || json_array_size(value) > TEMPLATE_CHOICES_MAX) {
        refuse(k, name, "not_a_list", "must be a list of codes");
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const struct template_choice *choice = template_choice_of(field, json_array_get(value, i));
        if (!choice)
            refuse(k, name, "not_a_choice", "names an answer that the template does not have");
        for (size_t j = 0; j < i && choice; j++)
            if (choice == template_choice_of(field, json_array_get(value, j)))
                refuse(k, name, "not_unique", "names an answer twice");
    }
}

static void check_date(const struct checking *k, const char *name, const json_t *value)
{
    struct date date;
    if (!json_is_string(value) || !date_parse(json_text(value), &date))
        refuse(k, name, "not_a_date", "must be a day, as 2026-01-05");
}

static void check_value(const struct checking *k, const struct template_field *field, const char *name,
                        const json_t *value)
{
    if (field->kind == TAKES_PRIOR)
        field = template_field(k->definition, field->prior_of);
    if (!field || field->kind == TAKES_TEXT || field->kind == TAKES_FINDING || field->kind == TAKES_PRIOR)
        check_text(k, name, value);
    else if (field->kind == TAKES_NUMBER || field->kind == TAKES_MEASUREMENT)
        check_number(k, field, name, value);
    else if (field->kind == TAKES_CHOICES)
        check_choices(k, field, name, value);
    else if (field->kind == TAKES_DATE)
        check_date(k, name, value);
    else if (!template_choice_of(field, value))
        refuse(k, name, "not_a_choice", "must be the code of one of the template's answers");
}

bool template_check_values(struct call *c, const struct template_definition *definition, struct json fields)
{
    struct checking k = { c, definition };
    if (!fields.text.at)
        return true;
    int before = c->error.problem_count;
    json_t *values = template_values(c, fields), *value;
    const char *name;
    if (!values)
        return error_add_problem(&c->error, &c->arena, "body", S("fields"), "not_an_object", "must be an object");
    json_object_foreach(values, name, value)
    {
        const struct template_field *field = template_field(definition, str_from(name));
        if (!field)
            refuse(&k, name, "unknown", "is no field of the template");
        else if (!json_is_null(value))
            check_value(&k, field, name, value);
    }
    json_decref(values);
    return c->error.problem_count == before;
}

/* ---- sums ---- */

/* Adds what is chosen of one part. True: nothing else counts. */
static bool add_points(const struct template_field *part, const json_t *value, int64_t *points)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < count; i++) {
        const struct template_choice *choice =
            template_choice_of(part, json_is_array(value) ? json_array_get(value, i) : value);
        int64_t own = choice && choice->points != INTEGER_NULL ? choice->points : 0;
        if (choice && choice->is_alone) {
            *points = own;
            return true;
        }
        *points += own;
    }
    return false;
}

static const struct template_choice *level_of(const struct template_field *field, int64_t points)
{
    const struct template_choice *choices = field->choices.items, *best = NULL;
    for (ptrdiff_t i = 0; i < field->choices.count; i++)
        if (choices[i].points != INTEGER_NULL && choices[i].points <= points &&
            (!best || choices[i].points > best->points))
            best = &choices[i];
    return best;
}

static const struct template_choice *sum_of(const struct template_definition *definition,
                                            const struct template_field *field, const json_t *values, int64_t *points)
{
    bool lacks = false;
    *points = 0;
    for (ptrdiff_t i = 0; i < field->sum_of.count; i++) {
        const struct template_field *part = template_field(definition, field->sum_of.items[i]);
        const json_t *value = template_value(values, field->sum_of.items[i]);
        if (part && value && add_points(part, value, points))
            return level_of(field, *points);
        lacks |= !value;
    }
    return lacks || field->sum_of.count == 0 ? NULL : level_of(field, *points);
}

const struct template_choice *template_sum(struct call *c, const struct template_definition *definition,
                                           const struct template_field *field, struct json fields, int64_t *points)
{
    json_t *values = template_values(c, fields);
    const struct template_choice *level = sum_of(definition, field, values, points);
    json_decref(values);
    return level;
}

/* ---- is all there that has to be? ---- */

static void check_sum(const struct checking *k, const struct template_field *field, const json_t *values)
{
    int64_t points;
    const struct template_choice *level = sum_of(k->definition, field, values, &points);
    const json_t *value = template_value(values, field->name);
    if (!level || !value || template_choice_of(field, value) == level)
        return;
    const char *name = arena_cstring(&k->c->arena, field->name);
    refuse(
        k, name, "does_not_follow",
        arena_format(&k->c->arena, "the points come to %" PRId64 ", which is %.*s", points, STR_FMT(level->code)).at);
}

static void miss(struct call *c, const char *list, struct str name, const char *words)
{
    error_add_problem(&c->error, &c->arena, "body", arena_format(&c->arena, "%s.%.*s", list, STR_FMT(name)), "missing",
                      "%s", words);
}

bool template_is_complete(struct call *c, const struct template_definition *definition, struct json sections,
                          struct json fields)
{
    struct checking k = { c, definition };
    int before = c->error.problem_count;
    const struct template_section *section = definition->sections.items;
    const struct template_field *field = definition->fields.items;
    json_t *texts = template_values(c, sections), *values = template_values(c, fields);
    for (ptrdiff_t i = 0; i < definition->sections.count; i++)
        if (section[i].is_required && !template_value(texts, section[i].name))
            miss(c, "sections", section[i].name, "has to say something");
    for (ptrdiff_t i = 0; i < definition->fields.count; i++) {
        if (field[i].is_required && !template_value(values, field[i].name))
            miss(c, "fields", field[i].name, "has to have a value");
        check_sum(&k, &field[i], values);
    }
    json_decref(texts);
    json_decref(values);
    return c->error.problem_count == before;
}
