/* What is seen, not read: figures, the letterhead's logo, the code for telephones. */
#include "pdf/composer.h"

#include <math.h>
#include <qrencode.h>

static PangoLayout *caption_of(struct pdf_composer *p, const struct pdf_block *block)
{
    return pdf_words(p, block->text, (struct pdf_style){ 8.5, false, 0.25, PANGO_ALIGN_LEFT }, p->width);
}

static double width_of(struct pdf_composer *p, const struct pdf_block *block, int width, int height)
{
    double wanted = block->width_mm > 0 ? fmin(block->width_mm * PDF_MM, p->width) : p->width;
    double most = (p->bottom - p->top) * 0.85; /* with its caption it fits on a page */
    return fmin(wanted, most * width / height);
}

double pdf_figure_height(struct pdf_composer *p, const struct pdf_block *block, int width, int height)
{
    PangoLayout *layout = caption_of(p, block);
    PangoRectangle size;
    pango_layout_get_extents(layout, NULL, &size);
    g_object_unref(layout);
    double caption = block->text.len > 0 ? (double)size.height / PANGO_SCALE + 3 : 0;
    return width_of(p, block, width, height) * height / width + fmin(caption, 40) + 4;
}

static void mark_figure(struct pdf_composer *p, struct pdf_element *figure, struct str alt, double x, double y,
                        double width, double height)
{
    double bottom = p->page_height - y - height;
    figure->alt = alt;
    memcpy(figure->box, (double[]){ x, bottom, x + width, bottom + height }, sizeof figure->box);
}

bool pdf_figure_put(struct pdf_composer *p, struct pdf_element *parent, const struct pdf_block *block)
{
    int width, height;
    if (!pdf_image_size(p->c, &block->image, &width, &height) ||
        !pdf_need(p, pdf_figure_height(p, block, width, height)))
        return false;
    double wide = width_of(p, block, width, height), high = wide * height / width;
    if (!p->dry) {
        struct pdf_element *figure = pdf_add(p, "Figure", parent);
        mark_figure(p, figure, block->alt, p->left, p->y, wide, high);
        struct text *out = pdf_begin_content(p, figure);
        pdf_image_paint(p, out, &block->image, p->left, p->y, wide, high);
        pdf_marks_paint(p, out, block, p->left, p->y, wide, high);
        pdf_end_content(p);
    }
    p->y += high + 3;
    if (block->text.len > 0) {
        PangoLayout *layout = caption_of(p, block);
        bool done = pdf_flow(p, pdf_add(p, "P", parent), layout, p->left);
        g_object_unref(layout);
        if (!done)
            return false;
    }
    p->y += 6;
    return true;
}

bool pdf_head_put(struct pdf_composer *p)
{
    const struct pdf_document *document = p->document;
    double left = p->left, top = p->y, below = top;
    if (document->logo.kind != PDF_NO_IMAGE) {
        const struct pdf_picture *picture = &p->pictures[p->pictures_painted];
        double shape = (double)picture->width / picture->height, high = fmin(40, 120 / shape), wide = high * shape;
        struct pdf_element *figure = document->logo_alt.len > 0 ? pdf_add(p, "Figure", p->root) : NULL;
        if (figure)
            mark_figure(p, figure, document->logo_alt, left, top, wide, high);
        pdf_image_paint(p, pdf_begin_content(p, figure), &document->logo, left, top, wide, high);
        pdf_end_content(p);
        left += wide + 10;
        below = top + high + 4;
    }
    for (int i = 0; i < document->head_count; i++) {
        struct pdf_style style = { i == 0 ? 15 : 9, i == 0, i == 0 ? 0 : 0.3, PANGO_ALIGN_LEFT };
        PangoLayout *layout = pdf_words(p, document->head[i], style, p->left + p->width - left);
        bool done = pdf_flow(p, pdf_add(p, "P", p->root), layout, left);
        g_object_unref(layout);
        if (!done)
            return false;
    }
    if (p->y < below && p->sheet_count == 1)
        p->y = below;
    if (p->y > top || p->sheet_count > 1) {
        pdf_fill(p, p->left, p->y + 2, p->width, 0.8, 0.2);
        p->y += 8;
    }
    return true;
}

static void paint_code(struct pdf_composer *p, const QRcode *code, double x, double y, double side)
{
    struct text *out = &p->sheets[p->sheet_count - 1].content;
    double module = side / code->width;
    text_put(out, S("0 g\n"));
    for (int row = 0; row < code->width; row++)
        for (int i = 0, to; i < code->width; i = to + 1) {
            for (to = i; to < code->width && (code->data[row * code->width + to] & 1);)
                to++;
            if (to == i)
                continue;
            double box[4] = { x + i * module, p->page_height - y - (row + 1) * module, (to - i) * module, module };
            for (int j = 0; j < 4; j++) {
                pdf_put_real(out, box[j]);
                text_put_char(out, ' ');
            }
            text_put(out, S("re\n"));
        }
    text_put(out, S("f\n"));
}

bool pdf_qr_put(struct pdf_composer *p)
{
    const struct pdf_document *document = p->document;
    double side = 26 * PDF_MM;
    QRcode *code = QRcode_encodeString8bit(arena_cstring(&p->c->arena, document->qr), 0, QR_ECLEVEL_M);
    if (!code)
        return fail(p->c, E_INVALID, "the text of the code for telephones is too long for one");
    if (!pdf_need(p, side + 12)) {
        QRcode_free(code);
        return false;
    }
    p->y += 8;
    struct pdf_element *figure = pdf_add(p, "Figure", p->root);
    mark_figure(p, figure, document->qr_alt, p->left, p->y, side, side);
    pdf_begin_content(p, figure);
    paint_code(p, code, p->left, p->y, side);
    pdf_end_content(p);
    QRcode_free(code);
    double below = p->y + side;
    int sheet = p->sheet_count;
    if (document->qr_caption.len > 0) {
        struct pdf_style style = { 8.5, false, 0.25, PANGO_ALIGN_LEFT };
        PangoLayout *layout = pdf_words(p, document->qr_caption, style, p->width - side - 12);
        bool done = pdf_flow(p, pdf_add(p, "P", p->root), layout, p->left + side + 12);
        g_object_unref(layout);
        if (!done)
            return false;
    }
    if (p->sheet_count == sheet && p->y < below)
        p->y = below;
    return true;
}
