#include "pdf/structure.h"

struct pdf_element *pdf_element_new(struct arena *arena, const char *type, struct pdf_element *parent)
{
    struct pdf_element *element = arena_new(arena, struct pdf_element);
    element->type = type;
    element->parent = parent;
    if (!parent)
        return element;
    struct pdf_kid *kid = arena_new(arena, struct pdf_kid);
    kid->element = element;
    *(parent->last ? &parent->last->next : &parent->first) = kid;
    parent->last = kid;
    return element;
}

void pdf_element_content(struct arena *arena, struct pdf_element *element, int page, int content)
{
    struct pdf_kid *kid = arena_new(arena, struct pdf_kid);
    *kid = (struct pdf_kid){ NULL, page, content, NULL };
    *(element->last ? &element->last->next : &element->first) = kid;
    element->last = kid;
}

static void give_numbers(struct pdf_element *element, struct pdf_writer *writer)
{
    element->number = pdf_writer_number(writer);
    for (struct pdf_kid *kid = element->first; kid; kid = kid->next)
        if (kid->element)
            give_numbers(kid->element, writer);
}

static void put_attributes(const struct pdf_element *element, struct text *out)
{
    if (element->scope || element->column_span > 1) {
        text_put(out, S(" /A << /O /Table"));
        if (element->scope)
            text_format(out, " /Scope /%s", element->scope);
        if (element->column_span > 1)
            text_format(out, " /ColSpan %d", element->column_span);
        text_put(out, S(" >>"));
    }
    if (strcmp(element->type, "L") == 0)
        text_format(out, " /A << /O /List /ListNumbering /%s >>", element->numbered ? "Decimal" : "Disc");
    if (element->box[2] > 0) {
        text_put(out, S(" /A << /O /Layout /Placement /Block /BBox ["));
        for (int i = 0; i < 4; i++) {
            pdf_put_real(out, element->box[i]);
            text_put_char(out, ' ');
        }
        text_put(out, S("] >>"));
    }
}

static void write_element(struct pdf_element *element, int parent, struct pdf_writer *writer, const int *pages)
{
    struct text *out = pdf_writer_begin(writer, element->number);
    text_format(out, "<< /Type /StructElem /S /%s /P %d 0 R", element->type, parent);
    put_attributes(element, out);
    if (element->alt.len > 0) {
        text_put(out, S(" /Alt "));
        pdf_put_text_string(out, element->alt);
    }
    if (element->first)
        text_put(out, S(" /K ["));
    for (struct pdf_kid *kid = element->first; kid; kid = kid->next) {
        if (kid->element)
            text_format(out, "%d 0 R ", kid->element->number);
        else
            text_format(out, "<< /Type /MCR /Pg %d 0 R /MCID %d >> ", pages[kid->page], kid->content);
    }
    text_put(out, element->first ? S("] >>") : S(" >>"));
    pdf_writer_end(writer);
    for (struct pdf_kid *kid = element->first; kid; kid = kid->next)
        if (kid->element)
            write_element(kid->element, element->number, writer, pages);
}

void pdf_structure_write(struct pdf_element *document, struct str language, struct pdf_writer *writer, int number,
                         const int *pages, const struct pdf_page_contents *contents, int page_count)
{
    give_numbers(document, writer);
    int parents = pdf_writer_number(writer);
    struct text *out = pdf_writer_begin(writer, number);
    text_format(out, "<< /Type /StructTreeRoot /K [%d 0 R] /ParentTree %d 0 R /ParentTreeNextKey %d /Lang ",
                document->number, parents, page_count);
    pdf_put_text_string(out, language);
    text_put(out, S(" >>"));
    pdf_writer_end(writer);
    write_element(document, number, writer, pages);
    out = pdf_writer_begin(writer, parents);
    text_put(out, S("<< /Nums ["));
    for (int page = 0; page < page_count; page++) {
        text_format(out, "%d [", page);
        for (int i = 0; i < contents[page].count; i++)
            text_format(out, "%d 0 R ", contents[page].elements[i]->number);
        text_put(out, S("] "));
    }
    text_put(out, S("] >>"));
    pdf_writer_end(writer);
}
