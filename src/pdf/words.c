#include "pdf/composer.h"

#include <math.h>
#include <pango/pango-glyph-item.h>

/* In a word longer than this a line may end anywhere that a multiple of it does: Pango's time for one that has no such
 * place grows with the square of its length. */
enum { FONTS_MAX = 64, WORD_POINTS_MAX = 200, BYTE_ORDER_MARK = 0xFEFF };

/* Any bytes as the text that is shown (pdf.h). */
static void put_clean(struct text *out, struct str text)
{
    for (int word = 0; text.len > 0;) {
        struct str before = text;
        uint32_t point = str_next_code_point(&text);
        bool breaks = (point >= 0x2E80 && point <= 0xA4CF) || (point >= 0xAC00 && point <= 0xD7A3) ||
                      (point >= 0xF900 && point <= 0xFAFF) || (point >= 0xFF01 && point <= 0xFF60) ||
                      (point >= 0x20000 && point <= 0x3FFFF); /* CJK: a line may end behind each */
        word = point <= ' ' || breaks ? 0 : word + 1;
        if (word > WORD_POINTS_MAX) {
            text_put(out, S("\xE2\x80\x8B")); /* U+200B */
            word = 1;
        }
        bool is_separator = point == 0x2028 || point == 0x2029 || point == 0x85;
        if (point == '\n' || is_separator)
            text_put_char(out, '\n');
        else if (point == '\t')
            text_put(out, S("    "));
        else if (point == '\r')
            text_put(out, str_starts(text, S("\n")) ? S("") : S("\n"));
        else if (point < 0x20 || (point >= 0x7F && point < 0xA0) || point == 0xFFFD || (point & 0xFFFE) == 0xFFFE ||
                 (point >= 0xFDD0 && point <= 0xFDEF) || (point >= 0xE000 && point <= 0xF8FF) || point >= 0xF0000)
            text_put(out, S("\xEF\xBF\xBD"));
        else if (!point_turns_direction(point) && point != BYTE_ORDER_MARK)
            text_put(out, (struct str){ before.at, before.len - text.len });
    }
}

static const char *families_of(struct str language)
{
    if (str_starts(language, S("ja")))
        return "Noto Sans CJK JP";
    if (str_starts(language, S("ko")))
        return "Noto Sans CJK KR";
    if (str_starts(language, S("zh-HK")))
        return "Noto Sans CJK HK";
    if (str_starts(language, S("zh-TW")) || str_starts(language, S("zh-Hant")))
        return "Noto Sans CJK TC";
    return "Noto Sans CJK SC";
}

static PangoLayout *new_layout(struct pdf_composer *p, struct pdf_style style, double width)
{
    PangoLayout *layout = pango_layout_new(p->fonts->context);
    PangoFontDescription *font = pango_font_description_from_string(families_of(p->document->language));
    pango_font_description_set_absolute_size(font, style.size * PANGO_SCALE);
    pango_font_description_set_weight(font, style.strong ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
    pango_layout_set_width(layout, width < 0 ? -1 : (int)(fmax(width, 1) * PANGO_SCALE));
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_alignment(layout, style.alignment);
    return layout;
}

static void add_attribute(PangoAttrList *list, PangoAttribute *attribute, ptrdiff_t from, ptrdiff_t to)
{
    attribute->start_index = (guint)from;
    attribute->end_index = (guint)to;
    pango_attr_list_insert(list, attribute);
}

static void add_grey(PangoAttrList *list, double grey, ptrdiff_t from, ptrdiff_t to)
{
    guint16 level = (guint16)(grey * 65535);
    if (level > 0)
        add_attribute(list, pango_attr_foreground_new(level, level, level), from, to);
}

PangoLayout *pdf_words_of_runs(struct pdf_composer *p, const struct pdf_run *runs, int count, struct pdf_style style,
                               double width)
{
    struct text text;
    text_init(&text, 8 * PDF_TEXT_BYTES_MAX);
    PangoLayout *layout = new_layout(p, style, width);
    PangoAttrList *list = pango_attr_list_new();
    add_attribute(
        list, pango_attr_language_new(pango_language_from_string(arena_cstring(&p->c->arena, p->document->language))),
        0, INT32_MAX);
    for (int i = 0; i < count; i++) {
        ptrdiff_t from = text.len;
        put_clean(&text, runs[i].text);
        if (runs[i].strong)
            add_attribute(list, pango_attr_weight_new(PANGO_WEIGHT_BOLD), from, text.len);
        if (runs[i].faint)
            add_attribute(list, pango_attr_size_new_absolute((int)(style.size * 0.8 * PANGO_SCALE)), from, text.len);
        add_grey(list, runs[i].faint ? 0.35 : style.grey, from, text.len);
    }
    pango_layout_set_text(layout, text.at ? text.at : "", (int)text.len);
    pango_layout_set_attributes(layout, list);
    pango_attr_list_unref(list);
    text_release(&text);
    return layout;
}

PangoLayout *pdf_words(struct pdf_composer *p, struct str text, struct pdf_style style, double width)
{
    return pdf_words_of_runs(p, &(struct pdf_run){ .text = text }, 1, style, width);
}

struct pdf_lines pdf_lines_of(struct pdf_composer *p, PangoLayout *layout)
{
    struct pdf_lines lines = { arena_array(&p->c->arena, struct pdf_line, pango_layout_get_line_count(layout)), 0 };
    PangoLayoutIter *iter = pango_layout_get_iter(layout);
    do {
        PangoRectangle logical;
        int top, bottom;
        pango_layout_iter_get_line_extents(iter, NULL, &logical);
        pango_layout_iter_get_line_yrange(iter, &top, &bottom);
        lines.at[lines.count++] = (struct pdf_line){
            .line = pango_layout_iter_get_line_readonly(iter),
            .x = (double)logical.x / PANGO_SCALE,
            .baseline = (double)pango_layout_iter_get_baseline(iter) / PANGO_SCALE,
            .top = (double)top / PANGO_SCALE,
            .bottom = (double)bottom / PANGO_SCALE,
        };
    } while (pango_layout_iter_next_line(iter));
    pango_layout_iter_free(iter);
    return lines;
}

/* ---- glyphs ---- */

/* A run as it is written: text object, array of codes with corrections, span of replaced text. */
struct pen {
    struct pdf_composer *p;
    struct text *out;
    struct pdf_font *font;
    double size, at; /* where the next code would be painted, in points from the run's left */
    double x, y;     /* of the run's left, on the page */
    bool in_codes, in_text;
};

static struct pdf_font *font_of(struct pdf_composer *p, PangoFont *pango)
{
    struct pdf_face *face = pdf_fonts_face(p->fonts, hb_font_get_face(pango_font_get_hb_font(pango)));
    struct pdf_font **link = &p->first_font;
    for (; *link; link = &(*link)->next)
        if ((*link)->face == face)
            return *link;
    if (p->font_count == FONTS_MAX)
        return NULL;
    *link = arena_new(&p->c->arena, struct pdf_font);
    (*link)->face = face;
    (*link)->index = p->font_count++;
    return *link;
}

static void end_codes(struct pen *pen)
{
    if (pen->in_codes)
        text_put(pen->out, S(">] TJ\n"));
    pen->in_codes = false;
}

static void end_text(struct pen *pen)
{
    end_codes(pen);
    if (pen->in_text)
        text_put(pen->out, S("ET\n"));
    pen->in_text = false;
}

static void begin_text(struct pen *pen)
{
    if (pen->in_text)
        return;
    text_format(pen->out, "BT /F%d ", pen->font->index);
    pdf_put_real(pen->out, pen->size);
    text_put(pen->out, S(" Tf\n"));
    pen->in_text = true;
}

static void put_code(struct pen *pen, const struct pdf_glyph *glyph, double at, double rise)
{
    begin_text(pen);
    if (fabs(rise) > 0.01)
        end_codes(pen);
    if (!pen->in_codes) {
        text_put(pen->out, S("1 0 0 1 "));
        pdf_put_real(pen->out, pen->x + at);
        text_put_char(pen->out, ' ');
        pdf_put_real(pen->out, pen->y + rise);
        text_put(pen->out, S(" Tm [<"));
        pen->at = at;
    }
    pen->in_codes = true;
    double behind = at - pen->at;
    if (fabs(behind) > 0.02) {
        text_put_char(pen->out, '>');
        pdf_put_real(pen->out, -behind * 1000 / pen->size);
        text_put_char(pen->out, '<');
        pen->at = at;
    }
    text_format(pen->out, "%04X", glyph->code);
    pen->at += glyph->width * pen->size / 1000;
    if (fabs(rise) > 0.01)
        end_codes(pen);
}

/* A character that no font has. */
static void put_box(struct pen *pen, double at, double width)
{
    end_text(pen);
    double side = fmin(width * 0.8, pen->size * 0.7);
    text_put(pen->out, S("q 0.5 w "));
    pdf_put_real(pen->out, pen->x + at + width * 0.1);
    text_put_char(pen->out, ' ');
    pdf_put_real(pen->out, pen->y);
    text_put_char(pen->out, ' ');
    pdf_put_real(pen->out, side);
    text_put_char(pen->out, ' ');
    pdf_put_real(pen->out, pen->size * 0.7);
    text_put(pen->out, S(" re S Q\n"));
}

static void begin_span(struct pen *pen, struct str text)
{
    end_text(pen);
    text_put(pen->out, S("/Span << /ActualText "));
    pdf_put_text_string(pen->out, text);
    text_put(pen->out, S(" >> BDC\n"));
}

static void end_span(struct pen *pen)
{
    end_text(pen);
    text_put(pen->out, S("EMC\n"));
}

/* The text of the cluster that glyph `from` begins, and behind which of the run's glyphs it ends. */
static struct str cluster_of(const PangoGlyphItem *run, const char *text, int from, int *to)
{
    const PangoGlyphString *glyphs = run->glyphs;
    int start = glyphs->log_clusters[from], end = run->item->length;
    *to = from;
    while (*to < glyphs->num_glyphs && glyphs->log_clusters[*to] == start)
        (*to)++;
    if (run->item->analysis.level & 1) {
        if (from > 0)
            end = glyphs->log_clusters[from - 1];
    } else if (*to < glyphs->num_glyphs) {
        end = glyphs->log_clusters[*to];
    }
    return (struct str){ text + run->item->offset + start, end > start ? end - start : 0 };
}

/* Is it a glyph of the font, and not the box of what it lacks, or nothing? */
static bool has_shape(const struct pen *pen, PangoGlyph glyph)
{
    return pen->font && glyph != 0 && glyph < pen->font->face->glyphs;
}

/* Can what is copied be told from the codes alone? */
static bool is_plain(struct pen *pen, const PangoGlyphInfo *glyphs, int count, struct str text)
{
    if (count != 1 || !has_shape(pen, glyphs[0].glyph) || str_code_points(text) != 1)
        return false;
    struct pdf_glyph *glyph = pdf_font_glyph(pen->font, &pen->p->c->arena, glyphs[0].glyph, text);
    return str_equal(glyph->text, text);
}

static void put_cluster(struct pen *pen, const PangoGlyphInfo *glyphs, int count, struct str text, double at)
{
    for (int i = 0; i < count; i++) {
        double x = at + (double)glyphs[i].geometry.x_offset / PANGO_SCALE;
        if (glyphs[i].glyph == PANGO_GLYPH_EMPTY)
            ;
        else if (!has_shape(pen, glyphs[i].glyph))
            put_box(pen, at, (double)glyphs[i].geometry.width / PANGO_SCALE);
        else
            put_code(pen, pdf_font_glyph(pen->font, &pen->p->c->arena, glyphs[i].glyph, text), x,
                     -(double)glyphs[i].geometry.y_offset / PANGO_SCALE);
        at += (double)glyphs[i].geometry.width / PANGO_SCALE;
    }
}

static double width_of(const PangoGlyphInfo *glyphs, int count)
{
    int64_t width = 0;
    for (int i = 0; i < count; i++)
        width += glyphs[i].geometry.width;
    return (double)width / PANGO_SCALE;
}

static void put_run(struct pen *pen, const PangoGlyphItem *run, const char *text)
{
    const PangoGlyphString *glyphs = run->glyphs;
    double at = 0;
    for (int i = 0, to; i < glyphs->num_glyphs; i = to) {
        struct str said = cluster_of(run, text, i, &to);
        bool in_span = !is_plain(pen, &glyphs->glyphs[i], to - i, said) && said.len > 0 &&
                       !(to - i == 1 && glyphs->glyphs[i].glyph == PANGO_GLYPH_EMPTY);
        if (in_span)
            begin_span(pen, said);
        put_cluster(pen, &glyphs->glyphs[i], to - i, said.len > 0 ? said : S(" "), at);
        if (in_span)
            end_span(pen);
        at += width_of(&glyphs->glyphs[i], to - i);
    }
    end_text(pen);
}

static double grey_of(const PangoItem *item)
{
    for (GSList *link = item->analysis.extra_attrs; link; link = link->next) {
        PangoAttribute *attribute = link->data;
        if (attribute->klass->type == PANGO_ATTR_FOREGROUND)
            return ((PangoAttrColor *)attribute)->color.red / 65535.0;
    }
    return 0;
}

static double size_of(PangoFont *font)
{
    PangoFontDescription *description = pango_font_describe_with_absolute_size(font);
    double size = (double)pango_font_description_get_size(description) / PANGO_SCALE;
    pango_font_description_free(description);
    return size;
}

static void paint_line(struct pdf_composer *p, const char *text, PangoLayoutLine *line, double x, double y)
{
    struct text *out = &p->sheets[p->sheet_count - 1].content;
    double grey = -1;
    for (GSList *link = line->runs; link; link = link->next) {
        PangoGlyphItem *run = link->data;
        double colour = grey_of(run->item);
        if (colour < grey || colour > grey) {
            pdf_put_real(out, colour);
            text_put(out, S(" g "));
            pdf_put_real(out, colour);
            text_put(out, S(" G\n"));
            grey = colour;
        }
        struct pen pen = { .p = p, .out = out, .size = size_of(run->item->analysis.font), .x = x, .y = y };
        pen.font = font_of(p, run->item->analysis.font);
        put_run(&pen, run, text);
        x += width_of(run->glyphs->glyphs, run->glyphs->num_glyphs);
    }
}

void pdf_paint_lines(struct pdf_composer *p, PangoLayout *layout, const struct pdf_lines *lines, int from, int to,
                     double x, double y)
{
    const char *text = pango_layout_get_text(layout);
    for (int i = from; i < to; i++)
        paint_line(p, text, lines->at[i].line, x + lines->at[i].x,
                   p->page_height - (y + lines->at[i].baseline - lines->at[from].top));
}

bool pdf_flow(struct pdf_composer *p, struct pdf_element *element, PangoLayout *layout, double x)
{
    struct pdf_lines lines = pdf_lines_of(p, layout);
    for (int from = 0, to; from < lines.count; from = to) {
        double top = lines.at[from].top;
        for (to = from; to < lines.count && p->y + lines.at[to].bottom - top <= p->bottom + 0.01;)
            to++;
        if (p->dry)
            to = lines.count;
        if (to == lines.count - 1 && to - from > 2)
            to--; /* nobody stands alone at the top of a page */
        if (to == from && p->y <= p->top)
            to = from + 1; /* a line higher than the page */
        if (to == from || (from == 0 && to == 1 && lines.count > 1 && p->y > p->top)) {
            if (!pdf_next_page(p))
                return false;
            to = from;
            continue;
        }
        if (!p->dry) {
            pdf_begin_content(p, element);
            pdf_paint_lines(p, layout, &lines, from, to, x, p->y);
            pdf_end_content(p);
        }
        p->y += lines.at[to - 1].bottom - top;
        if (to < lines.count && !pdf_next_page(p))
            return false;
    }
    return true;
}
