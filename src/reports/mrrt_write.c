/* mrrt_write.c - a definition as MRRT's HTML, in one language. */
#include "reports/mrrt.h"

#include "reports/template_values.h"
#include "base/text.h"

#include <math.h>

struct writing {
    struct text *out;
    const struct template_definition *definition;
    struct str language;
    bool written[TEMPLATE_FIELDS_MAX];
};

static void put(struct writing *w, const char *literal)
{
    text_put(w->out, str_from(literal));
}

/* Text or an attribute's value (HTML 13.3), which is right in XML too. */
static void put_escaped(struct writing *w, struct str text)
{
    for (ptrdiff_t i = 0; i < text.len; i++) {
        const char *entity = text.at[i] == '<'    ? "&lt;"
                             : text.at[i] == '>'  ? "&gt;"
                             : text.at[i] == '&'  ? "&amp;"
                             : text.at[i] == '"'  ? "&quot;"
                             : text.at[i] == '\'' ? "&#39;"
                                                  : NULL;
        if (entity)
            put(w, entity);
        else
            text_put_char(w->out, text.at[i]);
    }
}

static void put_attribute(struct writing *w, const char *name, struct str value)
{
    text_format(w->out, " %s=\"", name);
    put_escaped(w, value);
    put(w, "\"");
}

/* ---- controls ---- */

static void put_ids(struct writing *w, const struct template_field *field)
{
    put_attribute(w, "id", field->name);
    put_attribute(w, "name", field->name);
    put_attribute(w, "title", template_word(w->language, field->label_en, field->label_zh));
    put_attribute(w, "data-field-completion-action", field->is_required ? S("PROHIBIT") : S("NONE"));
}

static void put_select(struct writing *w, const struct template_field *field)
{
    const struct template_choice *choices = field->choices.items;
    put(w, "<select");
    put_ids(w, field);
    put(w, " data-field-type=\"SELECTION_LIST\"");
    put(w, field->kind == TAKES_CHOICES ? " multiple>" : ">");
    for (ptrdiff_t i = 0; i < field->choices.count; i++) {
        put(w, "\n<option");
        text_format(w->out, " id=\"%.*s-%td\"", STR_FMT(field->name), i + 1);
        put_attribute(w, "value", choices[i].code);
        put(w, ">");
        put_escaped(w, template_word(w->language, choices[i].label_en, choices[i].label_zh));
        put(w, "</option>");
    }
    put(w, "</select>");
}

static void put_limit(struct writing *w, const char *name, double limit)
{
    if (isnan(limit))
        return;
    text_format(w->out, " %s=\"", name);
    text_put_real(w->out, limit);
    put(w, "\"");
}

static void put_input(struct writing *w, const struct template_field *field)
{
    bool is_number = field->kind == TAKES_NUMBER || field->kind == TAKES_MEASUREMENT;
    const char *type = is_number ? "number" : field->kind == TAKES_DATE ? "date" : "text";
    put(w, "<input");
    put_ids(w, field);
    text_format(w->out, " type=\"%s\" data-field-type=\"%s\"", type,
                is_number                   ? "NUMBER"
                : field->kind == TAKES_DATE ? "DATE"
                                            : "TEXT");
    if (is_number) {
        put_limit(w, "min", field->min);
        put_limit(w, "max", field->max);
        struct str unit = template_unit_of(field);
        if (unit.len)
            put_attribute(w, "data-field-units", unit);
    }
    put(w, ">");
}

static void put_control(struct writing *w, const struct template_field *field)
{
    const struct template_field *all = w->definition->fields.items;
    w->written[field - all] = true;
    if (field->kind == TAKES_CHOICE || field->kind == TAKES_CHOICES)
        put_select(w, field);
    else
        put_input(w, field);
}

/* ---- sections ---- */

static void put_line(struct writing *w, struct str line)
{
    struct str piece;
    put(w, "<p>");
    for (enum template_piece kind; (kind = template_next(&line, &piece)) != PIECE_END;) {
        const struct template_field *field = kind == PIECE_VARIABLE ? template_field(w->definition, piece) : NULL;
        if (kind == PIECE_TEXT)
            put_escaped(w, piece);
        if (!field)
            continue;
        if (w->written[field - (const struct template_field *)w->definition->fields.items])
            put_escaped(w, template_word(w->language, field->label_en, field->label_zh));
        else
            put_control(w, field);
    }
    put(w, "</p>\n");
}

/* Fields that no word has asked for. */
static void put_rest(struct writing *w, const struct template_section *section)
{
    const struct template_field *fields = w->definition->fields.items;
    for (ptrdiff_t i = 0; i < w->definition->fields.count; i++) {
        if (w->written[i] || !str_equal(fields[i].section, section->name))
            continue;
        put(w, "<p>");
        text_format(w->out, "<label for=\"%.*s\">", STR_FMT(fields[i].name));
        put_escaped(w, template_word(w->language, fields[i].label_en, fields[i].label_zh));
        put(w, "</label> ");
        put_control(w, &fields[i]);
        put(w, "</p>\n");
    }
}

static void put_section(struct writing *w, const struct template_section *section)
{
    struct str title = template_word(w->language, section->title_en, section->title_zh);
    struct str text = template_word(w->language, section->text_en, section->text_zh), line;
    text_format(w->out, "<section id=\"%.*s\" class=\"level1\"", STR_FMT(section->name));
    put_attribute(w, "data-section-name", title);
    put(w, ">\n<header class=\"level1\">");
    put_escaped(w, title);
    put(w, "</header>\n");
    while (str_next(&text, '\n', &line))
        if (str_trim(line).len)
            put_line(w, str_trim(line));
    put_rest(w, section);
    put(w, "</section>\n");
}

/* ---- the head ---- */

static void put_entry(struct writing *w, struct str id, struct str value, struct str scheme, struct str meaning)
{
    put(w, "<entry");
    put_attribute(w, "ORIGTXT", id);
    put(w, "><term><code");
    put_attribute(w, "meaning", meaning);
    put_attribute(w, "value", value);
    put_attribute(w, "scheme", scheme);
    put(w, "/></term></entry>\n");
}

static void put_codes(struct writing *w)
{
    const struct template_field *fields = w->definition->fields.items;
    put(w, "<script type=\"text/xml\">\n<template_attributes><coded_content>\n");
    for (ptrdiff_t i = 0; i < w->definition->fields.count; i++) {
        if (fields[i].code.len)
            put_entry(w, fields[i].name, fields[i].code, fields[i].code_system,
                      template_word(w->language, fields[i].label_en, fields[i].label_zh));
    }
    put(w, "</coded_content></template_attributes>\n</script>\n");
}

static void put_meta(struct writing *w, const char *name, struct str content)
{
    if (str_is_empty(content))
        return;
    text_format(w->out, "<meta name=\"%s\"", name);
    put_attribute(w, "content", content);
    put(w, ">\n");
}

struct str mrrt_write(struct call *c, const struct template_definition *definition, struct str language)
{
    enum { HTML_MAX = 8 * TEMPLATE_BYTES_MAX };
    struct text out;
    text_init(&out, HTML_MAX);
    struct writing *w = arena_new(&c->arena, struct writing);
    *w = (struct writing){ .out = &out, .definition = definition, .language = language };
    const struct template_section *sections = definition->sections.items;
    struct str title = template_word(language, definition->title_en, definition->title_zh);
    put(w, "<!DOCTYPE html>\n<html");
    put_attribute(w, "lang", language);
    put(w, ">\n<head>\n<meta charset=\"UTF-8\">\n<title>");
    put_escaped(w, title);
    put(w, "</title>\n");
    put_meta(w, "dcterms.title", title);
    put_meta(w, "dcterms.description", template_word(language, definition->description_en, definition->description_zh));
    put_meta(w, "dcterms.identifier", definition->name);
    put_meta(w, "dcterms.language", language);
    put_meta(w, "dcterms.type", S("IMAGE_REPORT_TEMPLATE"));
    put_codes(w);
    put(w, "</head>\n<body>\n");
    for (ptrdiff_t i = 0; i < definition->sections.count; i++)
        put_section(w, &sections[i]);
    put(w, "</body>\n</html>\n");
    struct str made = out.overflowed ? STR_NULL : arena_copy(&c->arena, text_str(&out));
    text_release(&out);
    return made;
}
