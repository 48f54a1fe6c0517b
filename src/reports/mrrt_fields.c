/* mrrt_fields.c - the controls of an MRRT template as fields. */
#include "reports/mrrt_parts.h"

#include <math.h>

static char lower(char at)
{
    return (char)(at >= 'A' && at <= 'Z' ? at - 'A' + 'a' : at);
}

struct str mrrt_word_of(struct mrrt_reading *r, struct str text, const char *otherwise, char joint)
{
    enum { WORD_MAX = 48 };
    char word[WORD_MAX + 1];
    ptrdiff_t length = 0;
    for (ptrdiff_t i = 0; i < text.len && length < WORD_MAX; i++) {
        char at = lower(text.at[i]);
        bool is_letter = at >= 'a' && at <= 'z', is_digit = at >= '0' && at <= '9';
        if (is_letter || (is_digit && length > 0))
            word[length++] = at;
        else if (length > 0 && word[length - 1] != joint)
            word[length++] = joint;
    }
    while (length > 0 && word[length - 1] == joint)
        length--;
    return length ? arena_copy(&r->c->arena, (struct str){ word, length }) : str_from(otherwise);
}

static struct str label_of(const struct mrrt_reading *r, struct str id)
{
    for (int i = 0; i < r->label_count && id.len; i++)
        if (str_equal(r->labels[i].of, id))
            return r->labels[i].text;
    return STR_NULL;
}

static bool is_taken(const struct mrrt_reading *r, struct str name)
{
    for (int i = 0; i < r->field_count; i++)
        if (str_equal(r->fields[i].name, name))
            return true;
    return false;
}

static struct str free_name(struct mrrt_reading *r, struct str wanted)
{
    struct str name = wanted;
    for (int i = 2; is_taken(r, name); i++)
        name = arena_format(&r->c->arena, "%.*s_%d", STR_FMT(wanted), i);
    return name;
}

/* NULL: there are as many as there may be. */
static struct template_field *begin_field(struct mrrt_reading *r, const xmlNode *node, enum template_kind kind)
{
    if (r->field_count == TEMPLATE_FIELDS_MAX) {
        fail(r->c, E_INVALID, "the template has more than %d fields", TEMPLATE_FIELDS_MAX);
        return NULL;
    }
    struct str id = mrrt_attribute(r, node, "id"), name = mrrt_attribute(r, node, "name");
    struct str label = label_of(r, id);
    if (!label.len)
        label = mrrt_attribute(r, node, "title");
    struct template_field *field = &r->fields[r->field_count];
    *field = (struct template_field){ .kind = kind, .min = NAN, .max = NAN };
    field->name = free_name(r, mrrt_word_of(r, name.len ? name : label.len ? label : id, "field", '_'));
    field->section = r->sections[r->section_count - 1].name;
    mrrt_put_word(r, &field->label_en, &field->label_zh,
                  str_at_most(label.len  ? label
                              : name.len ? name
                                         : field->name,
                              200));
    struct str action = mrrt_attribute(r, node, "data-field-completion-action");
    field->is_required = str_equal_fold(action, S("PROHIBIT")) || mrrt_attribute(r, node, "required").at;
    r->alert |= str_equal_fold(action, S("ALERT"));
    const struct mrrt_code *code = mrrt_code_of(r, id);
    if (code) {
        field->code = code->value;
        field->code_system = code->scheme.len ? code->scheme : STR_NULL;
    }
    r->field_count++;
    return field;
}

/* ---- numbers, days, texts ---- */

static void take_limits(struct mrrt_reading *r, const xmlNode *node, struct template_field *field)
{
    struct str unit = mrrt_attribute(r, node, "data-field-units"), min = mrrt_attribute(r, node, "min"),
               max = mrrt_attribute(r, node, "max");
    bool is_unit = unit.len > 0 && unit.len <= 32;
    for (ptrdiff_t i = 0; i < unit.len; i++)
        is_unit = is_unit && unit.at[i] > ' ' && unit.at[i] <= '~' && !strchr("<>\"`\\", unit.at[i]);
    if (is_unit)
        field->unit = unit;
    else if (unit.len)
        mrrt_remark(r, "The unit of %.*s was left out: it is not one of UCUM.", STR_FMT(field->name));
    if ((min.len && !str_to_real(min, &field->min)) || (max.len && !str_to_real(max, &field->max)) ||
        !(field->min <= 1e300 || isnan(field->min)) || !(field->max >= -1e300 || isnan(field->max))) {
        field->min = field->max = NAN;
        mrrt_remark(r, "The limits of %.*s were left out: one is not a number.", STR_FMT(field->name));
    }
    if (field->min > field->max) {
        field->min = field->max = NAN;
        mrrt_remark(r, "The limits of %.*s were left out: the least is above the most.", STR_FMT(field->name));
    }
}

static void take_plain(struct mrrt_reading *r, const xmlNode *node, struct str type)
{
    struct str mrrt_type = mrrt_attribute(r, node, "data-field-type");
    bool is_number = str_equal_fold(type, S("number")) || str_equal_fold(mrrt_type, S("NUMBER"));
    bool is_date = str_equal_fold(type, S("date")) || str_equal_fold(mrrt_type, S("DATE"));
    bool is_time = str_equal_fold(type, S("time")) || str_equal_fold(mrrt_type, S("TIME"));
    struct template_field *field = begin_field(r, node, is_number ? TAKES_NUMBER : is_date ? TAKES_DATE : TAKES_TEXT);
    if (!field)
        return;
    if (is_number)
        take_limits(r, node, field);
    if (is_time)
        mrrt_remark(r, "%.*s takes a time, which became a text.", STR_FMT(field->name));
    if (str_equal_fold(mrrt_type, S("MERGE")) || mrrt_attribute(r, node, "data-field-merge-flag").len)
        mrrt_remark(r, "%.*s was to be filled by another system, and became a plain field.", STR_FMT(field->name));
    if (mrrt_attribute(r, node, "value").len)
        mrrt_remark(r, "%.*s began with a value, which was left out.", STR_FMT(field->name));
    mrrt_put_variable(r, field->name);
}

/* ---- choices ---- */

static bool is_code(struct str text)
{
    for (ptrdiff_t i = 0; i < text.len; i++)
        if (text.at[i] <= ' ' || text.at[i] > '~' || strchr("<>\"`\\", text.at[i]))
            return false;
    return text.len > 0 && text.len <= 64;
}

static bool has_choice(const struct template_field *field, struct str code)
{
    const struct template_choice *choices = field->choices.items;
    for (ptrdiff_t i = 0; i < field->choices.count; i++)
        if (str_equal(choices[i].code, code))
            return true;
    return false;
}

static void add_choice(struct mrrt_reading *r, struct template_field *field, struct str id, struct str value,
                       struct str label)
{
    if (!field->choices.items)
        field->choices.items = arena_array(&r->c->arena, struct template_choice, TEMPLATE_CHOICES_MAX);
    if (field->choices.count == TEMPLATE_CHOICES_MAX) {
        fail(r->c, E_INVALID, "%.*s has more than %d answers", STR_FMT(field->name), TEMPLATE_CHOICES_MAX);
        return;
    }
    const struct mrrt_code *known = mrrt_code_of(r, id);
    struct template_choice choice = { .code = known ? known->value : value, .points = INTEGER_NULL };
    if (known && known->scheme.len)
        choice.code_system = known->scheme;
    for (int i = (int)field->choices.count + 1; !is_code(choice.code) || has_choice(field, choice.code); i++) {
        choice.code = arena_format(&r->c->arena, "c%d", i);
        choice.code_system = STR_NULL;
    }
    mrrt_put_word(r, &choice.label_en, &choice.label_zh, str_at_most(label.len ? label : choice.code, 300));
    ((struct template_choice *)field->choices.items)[field->choices.count++] = choice;
}

void mrrt_take_select(struct mrrt_reading *r, const xmlNode *node)
{
    bool many = mrrt_attribute(r, node, "multiple").at;
    struct template_field *field = begin_field(r, node, many ? TAKES_CHOICES : TAKES_CHOICE);
    if (!field)
        return;
    for (const xmlNode *at = node; at && r->c->error.code == E_NONE; at = mrrt_following(at, node, true)) {
        if (!mrrt_is(at, "option"))
            continue;
        struct str label = mrrt_text_of(r, at), value = mrrt_attribute(r, at, "value");
        r->preselected |= mrrt_attribute(r, at, "selected").at != NULL;
        if (label.len || value.len) /* "" is the answer that is none */
            add_choice(r, field, mrrt_attribute(r, at, "id"), value, label);
    }
    if (field->choices.count > 0) {
        mrrt_put_variable(r, field->name);
        return;
    }
    mrrt_remark(r, "%.*s was left out: it has no answers.", STR_FMT(field->name));
    r->field_count--;
}

bool mrrt_is_button(struct str type)
{
    return str_equal_fold(type, S("radio")) || str_equal_fold(type, S("checkbox"));
}

/* One of a group of buttons with the same name: an answer more. */
static void take_button(struct mrrt_reading *r, const xmlNode *node, bool is_radio)
{
    struct str id = mrrt_attribute(r, node, "id"), name = mrrt_attribute(r, node, "name"), group = name.len ? name : id;
    int at = 0;
    while (at < r->field_count && !(group.len && str_equal(r->groups[at], group)))
        at++;
    if (at == r->field_count) {
        struct template_field *field = begin_field(r, node, is_radio ? TAKES_CHOICE : TAKES_CHOICES);
        if (!field)
            return;
        r->groups[at] = group;
        mrrt_put_variable(r, field->name);
    }
    r->preselected |= mrrt_attribute(r, node, "checked").at != NULL;
    add_choice(r, &r->fields[at], id, mrrt_attribute(r, node, "value"), label_of(r, id));
}

void mrrt_take_input(struct mrrt_reading *r, const xmlNode *node)
{
    struct str type = mrrt_attribute(r, node, "type");
    static const char *const idle[] = { "button", "submit", "reset", "hidden", "file", "image", "password" };
    for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++)
        if (str_equal_fold(type, str_from(idle[i]))) {
            mrrt_remark(r, "A control of type %s was left out.", idle[i]);
            return;
        }
    if (mrrt_is_button(type))
        take_button(r, node, str_equal_fold(type, S("radio")));
    else
        take_plain(r, node, type);
}
