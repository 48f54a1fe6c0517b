#include "pdf/composer.h"

#include <math.h>

enum { PAGE_BYTES_MAX = 32 << 20 };

bool pdf_next_page(struct pdf_composer *p)
{
    if (p->dry) {
        p->y = p->top;
        return true;
    }
    if (p->sheet_count == PDF_PAGES_MAX)
        return fail(p->c, E_TOO_LARGE, "the document has more than %d pages", PDF_PAGES_MAX);
    if (p->in_box && p->sheet_count > 0) {
        pdf_fill(p, p->left - 9, p->box_from, 2.5, p->bottom - p->box_from, 0.55);
        p->box_from = p->top;
    }
    struct pdf_sheet *sheet = &p->sheets[p->sheet_count++];
    text_init(&sheet->content, PAGE_BYTES_MAX);
    p->y = p->top;
    return true;
}

bool pdf_need(struct pdf_composer *p, double height)
{
    return p->dry || p->y + height <= p->bottom || p->y <= p->top || pdf_next_page(p);
}

struct pdf_element *pdf_add(struct pdf_composer *p, const char *type, struct pdf_element *parent)
{
    return pdf_element_new(&p->c->arena, type, p->dry ? NULL : parent);
}

struct text *pdf_begin_content(struct pdf_composer *p, struct pdf_element *element)
{
    struct pdf_sheet *sheet = &p->sheets[p->sheet_count - 1];
    struct pdf_page_contents *contents = &sheet->contents;
    if (!element) {
        text_put(&sheet->content, S("/Artifact BMC\n"));
        return &sheet->content;
    }
    if (contents->count == contents->capacity) {
        int capacity = contents->capacity ? contents->capacity * 2 : 64;
        struct pdf_element **elements = arena_array(&p->c->arena, struct pdf_element *, capacity);
        if (contents->count)
            memcpy(elements, contents->elements, (size_t)contents->count * sizeof *elements);
        contents->elements = elements;
        contents->capacity = capacity;
    }
    pdf_element_content(&p->c->arena, element, p->sheet_count - 1, contents->count);
    text_format(&sheet->content, "/%s << /MCID %d >> BDC\n", element->type, contents->count);
    contents->elements[contents->count++] = element;
    return &sheet->content;
}

void pdf_end_content(struct pdf_composer *p)
{
    text_put(&p->sheets[p->sheet_count - 1].content, S("EMC\n"));
}

void pdf_put_numbers(struct text *out, int count, const double *values)
{
    for (int i = 0; i < count; i++) {
        pdf_put_real(out, values[i]);
        text_put_char(out, ' ');
    }
}

void pdf_fill(struct pdf_composer *p, double x, double y, double width, double height, double grey)
{
    if (p->dry)
        return;
    struct text *out = pdf_begin_content(p, NULL);
    text_put(out, S("q "));
    pdf_put_numbers(out, 1, &grey);
    text_put(out, S("g "));
    pdf_put_numbers(out, 4, (double[]){ x, p->page_height - y - height, width, height });
    text_put(out, S("re f Q\n"));
    pdf_end_content(p);
}

/* One line at the page's edge, in contents of its own. */
static void paint_edge(struct pdf_composer *p, struct str text, double y, PangoAlignment alignment, const char *subtype)
{
    PangoLayout *layout = pdf_words(p, text, (struct pdf_style){ 8, false, 0.35, alignment }, p->width);
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    pango_layout_set_height(layout, 0); /* one line */
    struct pdf_lines lines = pdf_lines_of(p, layout);
    struct text *out = &p->sheets[p->sheet_count - 1].content;
    text_format(out, "/Artifact << /Type /Pagination /Subtype /%s >> BDC\n", subtype);
    pdf_paint_lines(p, layout, &lines, 0, lines.count > 0, p->left, y);
    pdf_end_content(p);
    g_object_unref(layout);
}

/* "第 {page} 页，共 {pages} 页" */
static struct str page_words(struct pdf_composer *p, int page, int pages)
{
    struct str words = p->document->page_words.at ? p->document->page_words : S("{page} / {pages}");
    struct str of_page = arena_format(&p->c->arena, "%d", page), of_pages = arena_format(&p->c->arena, "%d", pages);
    struct text out;
    text_init(&out, 4096);
    while (words.len > 0) {
        bool is_page = str_starts(words, S("{page}")), is_pages = str_starts(words, S("{pages}"));
        if (is_page || is_pages)
            text_put(&out, is_page ? of_page : of_pages);
        else
            text_put_char(&out, words.at[0]);
        words = str_slice(words, is_page ? 6 : is_pages ? 7 : 1, words.len);
    }
    struct str made = arena_copy(&p->c->arena, text_str(&out));
    text_release(&out);
    return made;
}

/* Large, grey and from corner to corner. It lies below the text, so that no word is lost, and needs no transparency. */
static void paint_watermark(struct pdf_composer *p)
{
    PangoLayout *layout =
        pdf_words(p, p->document->watermark, (struct pdf_style){ 100, true, 0.92, PANGO_ALIGN_LEFT }, -1);
    struct pdf_lines lines = pdf_lines_of(p, layout);
    PangoRectangle size;
    pango_layout_get_extents(layout, NULL, &size);
    double width = (double)size.width / PANGO_SCALE, height = (double)size.height / PANGO_SCALE;
    double scale = 0.75 * hypot(p->page_width, p->page_height) / (width > 0 ? width : 1);
    scale = scale > 1.5 ? 1.5 : scale;
    double angle = atan2(p->page_height, p->page_width), across = cos(angle) * scale, up = sin(angle) * scale;
    struct text *out = &p->sheets[p->sheet_count - 1].content;
    text_put(out, S("/Artifact << /Type /Page /Subtype /Watermark >> BDC\nq "));
    pdf_put_numbers(out, 6, (double[]){ across, up, -up, across, p->page_width / 2, p->page_height / 2 });
    text_put(out, S("cm\n"));
    pdf_paint_lines(p, layout, &lines, 0, lines.count > 0, -width / 2, p->page_height - height / 2);
    text_put(out, S("Q\n"));
    pdf_end_content(p);
    g_object_unref(layout);
}

static void put_edges(struct pdf_composer *p, int page, int pages)
{
    struct pdf_sheet *sheet = &p->sheets[page];
    struct text body = sheet->content; /* put back behind the watermark */
    text_init(&sheet->content, PAGE_BYTES_MAX);
    p->sheet_count = page + 1;
    if (p->document->watermark.len > 0)
        paint_watermark(p);
    text_put(&sheet->content, text_str(&body));
    sheet->content.overflowed |= body.overflowed;
    text_release(&body);
    if (p->document->running_head.len > 0)
        paint_edge(p, p->document->running_head, p->top - 26, PANGO_ALIGN_LEFT, "Header");
    if (p->document->footer.len > 0)
        paint_edge(p, p->document->footer, p->bottom + 12, PANGO_ALIGN_LEFT, "Footer");
    paint_edge(p, page_words(p, page + 1, pages), p->bottom + 12, PANGO_ALIGN_RIGHT, "Footer");
}

void pdf_edges_put(struct pdf_composer *p)
{
    int pages = p->sheet_count;
    for (int i = 0; i < pages; i++)
        put_edges(p, i, pages);
    p->sheet_count = pages;
}

static bool write_page(struct pdf_composer *p, int page, int number, int parent, int resources)
{
    const struct pdf_sheet *sheet = &p->sheets[page];
    int content = pdf_writer_number(&p->writer);
    struct text *out = pdf_writer_begin(&p->writer, number);
    text_format(out, "<< /Type /Page /Parent %d 0 R /MediaBox [0 0 ", parent);
    pdf_put_numbers(out, 2, (double[]){ p->page_width, p->page_height });
    text_format(out, "] /Resources %d 0 R /Contents %d 0 R /StructParents %d /Tabs /S >>", resources, content, page);
    pdf_writer_end(&p->writer);
    pdf_writer_stream(&p->writer, content, S(""), text_str(&sheet->content), true);
    return !sheet->content.overflowed ||
           fail(p->c, E_TOO_LARGE, "a page of the document has more than %d MiB of contents", PAGE_BYTES_MAX >> 20);
}

static bool write_resources(struct pdf_composer *p, int number)
{
    int fonts[64];
    struct text *out = pdf_writer_begin(&p->writer, number);
    text_put(out, S("<< /Font << "));
    for (struct pdf_font *font = p->first_font; font; font = font->next) {
        fonts[font->index] = pdf_writer_number(&p->writer);
        text_format(out, "/F%d %d 0 R ", font->index, fonts[font->index]);
    }
    text_put(out, S(">> /XObject << "));
    for (int i = 0; i < p->picture_count; i++)
        text_format(out, "/I%d %d 0 R ", i, p->pictures[i].object);
    text_put(out, S(">> >>"));
    pdf_writer_end(&p->writer);
    for (struct pdf_font *font = p->first_font; font; font = font->next)
        if (!pdf_font_write(font, p->c, &p->writer, fonts[font->index]))
            return false;
    return true;
}

bool pdf_pages_write(struct pdf_composer *p, int pages_number, int structure_number)
{
    int resources = pdf_writer_number(&p->writer);
    int *numbers = arena_array(&p->c->arena, int, p->sheet_count);
    struct pdf_page_contents *contents = arena_array(&p->c->arena, struct pdf_page_contents, p->sheet_count);
    for (int i = 0; i < p->sheet_count; i++)
        numbers[i] = pdf_writer_number(&p->writer);
    for (int i = 0; i < p->sheet_count; i++) {
        contents[i] = p->sheets[i].contents;
        if (!write_page(p, i, numbers[i], pages_number, resources))
            return false;
    }
    struct text *out = pdf_writer_begin(&p->writer, pages_number);
    text_format(out, "<< /Type /Pages /Count %d /Kids [", p->sheet_count);
    for (int i = 0; i < p->sheet_count; i++)
        text_format(out, "%d 0 R ", numbers[i]);
    text_put(out, S("] >>"));
    pdf_writer_end(&p->writer);
    pdf_structure_write(p->root, p->document->language, &p->writer, structure_number, numbers, contents,
                        p->sheet_count);
    return write_resources(p, resources);
}
