/* template_text.c - the words that a section begins with, and how values read in them. */
#include "reports/template_parts.h"

#include "reports/template_values.h"
#include "base/text.h"

#include <math.h>

const struct template_section *template_section(const struct template_definition *definition, struct str name)
{
    const struct template_section *sections = definition->sections.items;
    for (ptrdiff_t i = 0; i < definition->sections.count; i++)
        if (str_equal(sections[i].name, name))
            return &sections[i];
    return NULL;
}

const struct template_field *template_field(const struct template_definition *definition, struct str name)
{
    const struct template_field *fields = definition->fields.items;
    for (ptrdiff_t i = 0; i < definition->fields.count; i++)
        if (str_equal(fields[i].name, name))
            return &fields[i];
    return NULL;
}

static bool is_chinese(struct str language)
{
    return str_starts(language, S("zh"));
}

struct str template_word(struct str language, struct str en, struct str zh)
{
    struct str first = is_chinese(language) ? zh : en, second = is_chinese(language) ? en : zh;
    return str_is_empty(first) ? second : first;
}

/* ---- pieces ---- */

static bool begins(struct str text, ptrdiff_t at, const char pair[2])
{
    return at + 1 < text.len && text.at[at] == pair[0] && text.at[at + 1] == pair[1];
}

static bool is_mark(struct str text, ptrdiff_t at)
{
    return begins(text, at, "{{") || begins(text, at, "[[") || begins(text, at, "]]");
}

enum template_piece template_next(struct str *text, struct str *piece)
{
    if (text->len == 0)
        return PIECE_END;
    enum { VARIABLE_MAX = 100 }; /* bytes; so that what never ends is soon known not to */
    ptrdiff_t end = begins(*text, 0, "{{") ? str_find(str_slice(*text, 0, VARIABLE_MAX), S("}}")) : -1;
    if (end >= 0) {
        *piece = str_trim(str_slice(*text, 2, end));
        *text = str_slice(*text, end + 2, text->len);
        return PIECE_VARIABLE;
    }
    enum template_piece kind = begins(*text, 0, "[[") ? PIECE_OPEN : begins(*text, 0, "]]") ? PIECE_CLOSE : PIECE_TEXT;
    ptrdiff_t length = kind == PIECE_TEXT ? 1 : 2;
    if (begins(*text, 0, "{{")) /* without an end: text */
        length = 2;
    while (kind == PIECE_TEXT && length < text->len && !is_mark(*text, length))
        length++;
    *piece = str_slice(*text, 0, length);
    *text = str_slice(*text, length, text->len);
    return kind;
}

/* ---- values ---- */

struct str template_unit(struct arena *arena, struct str unit)
{
    static const struct {
        const char *ucum, *shown;
    } known[] = { { "deg", "°" },      { "%", "%" },          { "1", "" },       { "Cel", " °C" },
                  { "mm2", " mm²" },   { "cm2", " cm²" },     { "mm3", " mm³" }, { "cm3", " cm³" },
                  { "m2", " m²" },     { "kg/m2", " kg/m²" }, { "um", " µm" },   { "a", " y" },
                  { "mo", " months" }, { "[hnsf'U]", " HU" } };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (str_equal(unit, str_from(known[i].ucum)))
            return str_from(known[i].shown);
    if (str_is_empty(unit) || unit.at[0] == '{')
        return S("");
    return arena_format(arena, " %.*s", STR_FMT(unit));
}

/* With its sign; of `scale` 10 one decimal. */
static struct str signed_number(struct arena *arena, double n, double scale, struct str unit)
{
    struct text text;
    double rounded = round(n * scale) / scale + 0.0; /* no negative zero */
    text_init(&text, 64);
    text_put(&text, rounded > 0 ? S("+") : S(""));
    text_put_real(&text, rounded);
    text_put(&text, template_unit(arena, unit));
    struct str out = arena_copy(arena, text_str(&text));
    text_release(&text);
    return out;
}

void template_change_between(struct arena *arena, double now, double then, struct str unit, struct str *change,
                             struct str *percent)
{
    *change = signed_number(arena, now - then, 1000, unit);
    double share = (now - then) / fabs(then) * 100;
    *percent = fabs(share) <= 1e9 ? signed_number(arena, share, 10, S("%")) : S(""); /* not of 0 */
}

static void put_choices(struct text *out, const struct template_field *field, struct str language, const json_t *value)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < count; i++) {
        const json_t *code = json_is_array(value) ? json_array_get(value, i) : value;
        const struct template_choice *choice = template_choice_of(field, code);
        if (i)
            text_put(out, is_chinese(language) ? S("、") : S(", "));
        if (choice)
            text_put(out, template_word(language, choice->label_en, choice->label_zh));
    }
}

static void put_value(struct text *out, struct call *c, const struct template_definition *definition,
                      const struct template_field *field, struct str language, const json_t *value)
{
    if (field->kind == TAKES_PRIOR && template_field(definition, field->prior_of))
        field = template_field(definition, field->prior_of);
    if (field->kind == TAKES_CHOICE || field->kind == TAKES_CHOICES) {
        put_choices(out, field, language, value);
    } else if (json_is_number(value)) {
        text_put_real(out, json_number_value(value));
        text_put(out, template_unit(&c->arena, template_unit_of(field)));
    } else if (json_is_string(value)) {
        text_put(out, json_text(value));
    }
}

/* Behind an earlier number how far the present one has gone from it. */
static void put_change(struct text *out, struct call *c, const struct template_definition *definition,
                       const struct template_field *prior, struct str language, const json_t *values)
{
    struct str change, percent;
    const struct template_field *field = template_field(definition, prior->prior_of);
    const json_t *then = template_value(values, prior->name), *now = template_value(values, prior->prior_of);
    if (!field || !json_is_number(now) || !json_is_number(then))
        return;
    bool zh = is_chinese(language);
    template_change_between(&c->arena, json_number_value(now), json_number_value(then), template_unit_of(field),
                            &change, &percent);
    text_put(out, zh ? S("（此后") : S(" (since then "));
    text_put(out, change);
    if (percent.len)
        text_put(out, zh ? S("，") : S(", "));
    text_put(out, percent);
    text_put(out, zh ? S("）") : S(")"));
}

/* ---- filling in ---- */

/* A condition: {{!name}}, {{name=CODE}}. It says nothing itself. */
static bool is_condition(struct str name)
{
    return str_starts(name, S("!")) || str_find(name, S("=")) >= 0;
}

static bool holds(const struct filling *filling, struct str name)
{
    struct str field, code;
    if (str_starts(name, S("!")))
        return !filling->put(filling->context, str_slice(name, 1, name.len), NULL);
    if (str_cut(name, '=', &field, &code))
        return filling->is && filling->is(filling->context, field, code);
    return filling->put(filling->context, name, NULL);
}

/* Does all hold that is asked for up to the end of this passage? */
static bool passage_is_filled(const struct filling *filling, struct str text)
{
    struct str piece;
    for (enum template_piece kind; (kind = template_next(&text, &piece)) != PIECE_END && kind != PIECE_CLOSE;)
        if (kind == PIECE_VARIABLE && !holds(filling, piece))
            return false;
    return true;
}

static void skip_passage(struct str *text)
{
    struct str piece;
    for (enum template_piece kind; (kind = template_next(text, &piece)) != PIECE_END && kind != PIECE_CLOSE;)
        continue;
}

struct str template_fill(struct arena *arena, struct str text, const struct filling *filling)
{
    enum { FILLED_MAX = 1 << 20 };
    struct str piece;
    struct text out;
    text_init(&out, FILLED_MAX);
    for (enum template_piece kind; (kind = template_next(&text, &piece)) != PIECE_END;) {
        if (kind == PIECE_TEXT)
            text_put(&out, piece);
        else if (kind == PIECE_VARIABLE && !is_condition(piece) && !filling->put(filling->context, piece, &out))
            filling->lacks(filling->context, piece, &out);
        else if (kind == PIECE_OPEN && !passage_is_filled(filling, text))
            skip_passage(&text);
    }
    struct str made = out.overflowed ? STR_NULL : arena_copy(arena, text_str(&out));
    text_release(&out);
    return made;
}

void template_note(struct arena *arena, struct texts *names, ptrdiff_t max, struct str name)
{
    for (ptrdiff_t i = 0; i < names->count; i++)
        if (str_equal(names->items[i], name))
            return;
    if (names->count < max)
        names->items[names->count++] = arena_copy(arena, name);
}

/* ---- a section ---- */

struct section_values {
    struct call *c;
    const struct template_definition *definition;
    struct str language;
    const json_t *values;
    struct texts *blank;
};

static bool put_field(void *context, struct str name, struct text *out)
{
    const struct section_values *s = context;
    const struct template_field *field = template_field(s->definition, name);
    const json_t *value = field ? template_value(s->values, name) : NULL;
    if (value && out)
        put_value(out, s->c, s->definition, field, s->language, value);
    if (value && out && field->kind == TAKES_PRIOR)
        put_change(out, s->c, s->definition, field, s->language, s->values);
    return value;
}

static bool field_is(void *context, struct str name, struct str code)
{
    const struct section_values *s = context;
    const json_t *value = template_value(s->values, name);
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < count && value; i++) {
        const json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
        if (str_equal(code, str_from(json_string_value(one))))
            return true;
    }
    return false;
}

static void put_blank(void *context, struct str name, struct text *out)
{
    const struct section_values *s = context;
    text_put(out, S("____"));
    template_note(&s->c->arena, s->blank, TEMPLATE_FIELDS_MAX, name);
}

struct str template_text(struct call *c, const struct template_definition *definition,
                         const struct template_section *section, struct str language, struct json fields,
                         struct texts *blank)
{
    *blank = (struct texts){ arena_array(&c->arena, struct str, TEMPLATE_FIELDS_MAX), 0 };
    json_t *values = template_values(c, fields);
    struct section_values s = { c, definition, language, values, blank };
    struct filling filling = { &s, put_field, field_is, put_blank };
    struct str text = template_fill(&c->arena, template_word(language, section->text_en, section->text_zh), &filling);
    json_decref(values);
    return text;
}
