#include "pdf/pdf.h"

#include "pdf/composer.h"

#include <math.h>

/* ---- is it a document? ---- */

struct count {
    struct call *c;
    int blocks;
    int64_t bytes, places;
};

static bool add_text(struct count *count, struct str text)
{
    count->bytes += text.len;
    return count->bytes <= PDF_TEXT_BYTES_MAX ||
           fail(count->c, E_TOO_LARGE, "the document has more than %d bytes of text", PDF_TEXT_BYTES_MAX);
}

/* Pango's time for a text grows with the square of its lines, and others wait for the fonts: paragraphs are laid out in
 * pieces, all else is short. */
static bool add_part(struct count *count, struct str text, ptrdiff_t most)
{
    if (text.len > most)
        return fail(count->c, E_TOO_LARGE, "a text of the document that is no paragraph has %td bytes; it may have %td",
                    text.len, most);
    return add_text(count, text);
}

static bool check_facts(struct count *count, const struct pdf_fact *facts, int facts_count, int columns)
{
    if (columns < 0 || columns > PDF_COLUMNS_MAX)
        return fail(count->c, E_INVALID, "a grid of facts has %d columns; it may have 1 to %d", columns,
                    PDF_COLUMNS_MAX);
    for (int i = 0; i < facts_count; i++)
        if (!add_part(count, facts[i].label, PDF_LABEL_BYTES_MAX) ||
            !add_part(count, facts[i].value, PDF_PART_BYTES_MAX))
            return false;
    return true;
}

static bool check_table(struct count *count, const struct pdf_block *block)
{
    if (block->columns < 1 || block->columns > PDF_COLUMNS_MAX)
        return fail(count->c, E_INVALID, "a table has %d columns; it may have 1 to %d", block->columns,
                    PDF_COLUMNS_MAX);
    if (block->count < block->columns || block->count % block->columns != 0)
        return fail(count->c, E_INVALID, "a table of %d columns has %d cells", block->columns, block->count);
    for (int i = 0; i < block->columns && block->widths; i++)
        if (!(block->widths[i] > 0) || !isfinite(block->widths[i]))
            return fail(count->c, E_INVALID, "a column of a table has no width");
    for (int i = 0; i < block->count; i++)
        if (!add_part(count, block->cells[i], PDF_PART_BYTES_MAX))
            return false;
    return true;
}

static bool lies_near(struct pdf_place place)
{
    return place.x >= -1 && place.x <= 2 && place.y >= -1 && place.y <= 2;
}

static bool check_figure(struct count *count, const struct pdf_block *block)
{
    if (!block->alt.len)
        return fail(count->c, E_INVALID, "a figure has no alternative text");
    if (block->count > PDF_MARKS_MAX)
        return fail(count->c, E_TOO_LARGE, "over a figure there are more than %d marks", PDF_MARKS_MAX);
    for (int i = 0; i < block->count; i++) {
        const struct pdf_mark *mark = &block->marks[i];
        bool is_near = lies_near(mark->text_at) && mark->count >= 0;
        for (int k = 0; k < mark->count && is_near; k++)
            is_near = lies_near(mark->places[k]);
        if (!is_near)
            return fail(count->c, E_INVALID, "a mark over a figure lies further away than the figure is wide");
        count->places += mark->count;
        if (count->places > PDF_PLACES_MAX)
            return fail(count->c, E_TOO_LARGE, "the marks over figures have more than %d places", PDF_PLACES_MAX);
        if (!add_part(count, mark->text, PDF_LABEL_BYTES_MAX))
            return false;
    }
    return true;
}

static bool check_block(struct count *count, const struct pdf_block *block, bool in_box);

static bool check_blocks(struct count *count, const struct pdf_block *blocks, int blocks_count, bool in_box)
{
    for (int i = 0; i < blocks_count; i++) {
        if (++count->blocks > PDF_BLOCKS_MAX)
            return fail(count->c, E_TOO_LARGE, "the document has more than %d blocks", PDF_BLOCKS_MAX);
        if (!check_block(count, &blocks[i], in_box))
            return false;
    }
    return true;
}

static bool check_block(struct count *count, const struct pdf_block *block, bool in_box)
{
    ptrdiff_t most = block->kind == PDF_PARAGRAPH ? PDF_TEXT_BYTES_MAX : PDF_PART_BYTES_MAX;
    if (!add_part(count, block->text, most) || !add_part(count, block->alt, PDF_PART_BYTES_MAX))
        return false;
    if (block->count < 0)
        return fail(count->c, E_INVALID, "a block has less than no parts");
    switch (block->kind) {
    case PDF_HEADING:
        return (block->level >= 1 && block->level <= 5) ||
               fail(count->c, E_INVALID, "a heading's level is %d, not 1 to 5", block->level);
    case PDF_PARAGRAPH:
        for (int i = 0; i < block->count && block->runs; i++)
            if (!add_text(count, block->runs[i].text))
                return false;
        return true;
    case PDF_FACTS:
    case PDF_SIGNATURE:
        return check_facts(count, block->facts, block->count, block->columns);
    case PDF_TABLE:
        return check_table(count, block);
    case PDF_LIST:
        for (int i = 0; i < block->count; i++)
            if (!add_part(count, block->items[i], PDF_PART_BYTES_MAX))
                return false;
        return true;
    case PDF_FIGURE:
        return check_figure(count, block);
    case PDF_BOX:
        if (in_box)
            return fail(count->c, E_INVALID, "a box stands in a box");
        return check_blocks(count, block->blocks, block->count, true);
    case PDF_RULE:
    case PDF_PAGE_BREAK:
        return true;
    }
    return fail(count->c, E_INVALID, "a block of the document is of no kind that is known");
}

static bool check_attachments(struct count *count, const struct pdf_document *document)
{
    if (document->attachment_count < 0 || document->attachment_count > PDF_ATTACHMENTS_MAX)
        return fail(count->c, E_INVALID, "the document has more than %d attachments", PDF_ATTACHMENTS_MAX);
    for (int i = 0; i < document->attachment_count; i++) {
        const struct pdf_attachment *one = &document->attachments[i];
        if (one->name.len == 0 || one->name.len > 255 || one->media_type.len == 0 || one->media_type.len > 255 ||
            one->description.len > 4096 || !str_is_utf8(one->name))
            return fail(count->c, E_INVALID, "an attachment has no name or media type, or too long a one");
        if (one->relationship > PDF_SUPPLEMENT)
            return fail(count->c, E_INVALID, "an attachment's relationship is none that is known");
        for (int j = 0; j < i; j++)
            if (str_equal(one->name, document->attachments[j].name))
                return fail(count->c, E_INVALID, "two attachments have the same name");
    }
    return true;
}

static bool check(struct call *c, const struct pdf_document *document)
{
    struct count count = { .c = c };
    char date[INSTANT_TEXT_MAX];
    if (str_trim(document->title).len == 0 || document->language.len < 2 || document->language.len > 35)
        return fail(c, E_INVALID, "the document has no title, or no language");
    if (instant_write(document->created_at, date) == 0)
        return fail(c, E_INVALID, "the document has no date");
    if (document->qr.len > 1000 || (document->qr.len > 0 && document->qr_alt.len == 0))
        return fail(c, E_INVALID, "the text of the code for telephones is too long, or it has no alternative text");
    const struct str texts[] = { document->title,    document->author,     document->subject,   document->running_head,
                                 document->footer,   document->page_words, document->watermark, document->qr_caption,
                                 document->logo_alt, document->qr_alt };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].len > 4096)
            return fail(c, E_INVALID, "a line of the document's edge, or its title, has more than 4096 bytes");
    for (int i = 0; i < document->head_count; i++)
        if (!add_part(&count, document->head[i], PDF_LABEL_BYTES_MAX))
            return false;
    return check_facts(&count, document->facts, document->fact_count, document->fact_columns) &&
           check_blocks(&count, document->blocks, document->block_count, false) && check_attachments(&count, document);
}

/* ---- it is ---- */

static void begin(struct pdf_composer *p)
{
    bool is_letter = p->document->page == PDF_LETTER;
    p->page_width = is_letter ? 612 : 595.276;
    p->page_height = is_letter ? 792 : 841.89;
    p->left = 18 * PDF_MM;
    p->width = p->page_width - 2 * p->left;
    p->top = 20 * PDF_MM;
    p->bottom = p->page_height - 20 * PDF_MM;
    p->sheets = arena_array(&p->c->arena, struct pdf_sheet, PDF_PAGES_MAX);
    p->pictures = arena_array(&p->c->arena, struct pdf_picture, PDF_BLOCKS_MAX + 1);
    p->root = pdf_element_new(&p->c->arena, "Document", NULL);
    pdf_writer_init(&p->writer, p->c, 0, 1);
    text_put(&p->writer.out, S("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n"));
}

static bool put_title(struct pdf_composer *p)
{
    PangoLayout *layout =
        pdf_words(p, p->document->title, (struct pdf_style){ 16, true, 0, PANGO_ALIGN_CENTER }, p->width);
    bool done = pdf_flow(p, pdf_add(p, "H1", p->root), layout, p->left);
    g_object_unref(layout);
    p->y += 6;
    return done;
}

static bool put_facts(struct pdf_composer *p)
{
    const struct pdf_document *document = p->document;
    if (document->fact_count == 0)
        return true;
    int columns = document->fact_columns ? document->fact_columns : 3;
    if (!pdf_facts_put(p, p->root, document->facts, document->fact_count, columns))
        return false;
    pdf_fill(p, p->left, p->y + 3, p->width, 0.5, 0.5);
    p->y += 8;
    return true;
}

static bool put_all(struct pdf_composer *p)
{
    const struct pdf_document *document = p->document;
    if (!pdf_next_page(p) || !pdf_head_put(p) || !put_title(p) || !put_facts(p))
        return false;
    for (int i = 0; i < document->block_count; i++)
        if (!pdf_block_put(p, p->root, &document->blocks[i],
                           i + 1 < document->block_count ? &document->blocks[i + 1] : NULL))
            return false;
    return document->qr.len == 0 || pdf_qr_put(p);
}

static bool put_images(struct pdf_composer *p, const struct pdf_block *blocks, int count)
{
    for (int i = 0; i < count; i++)
        if ((blocks[i].kind == PDF_FIGURE && !pdf_image_put(p, &blocks[i].image)) ||
            (blocks[i].kind == PDF_BOX && !put_images(p, blocks[i].blocks, blocks[i].count)))
            return false;
    return true;
}

/* Images are decoded and packed before the fonts are taken, and pages packed after they are given back: others wait for
 * those. */
static bool compose(struct pdf_composer *p)
{
    const struct pdf_document *document = p->document;
    int catalog = pdf_writer_number(&p->writer), pages = pdf_writer_number(&p->writer);
    int structure = pdf_writer_number(&p->writer);
    if ((document->logo.kind != PDF_NO_IMAGE && !pdf_image_put(p, &document->logo)) ||
        !put_images(p, document->blocks, document->block_count))
        return false;
    p->fonts = pdf_fonts_take(&p->c->error);
    bool done = p->fonts && put_all(p);
    if (done)
        pdf_edges_put(p);
    if (p->fonts)
        pdf_fonts_give(p->fonts);
    return done && pdf_pages_write(p, pages, structure) && pdf_catalog_write(p, catalog, pages, structure);
}

bool pdf_make(struct call *c, const struct pdf_document *document, struct str *out)
{
    struct pdf_composer p = { .c = c, .document = document };
    if (!check(c, document))
        return false;
    begin(&p);
    bool done = compose(&p);
    for (int i = 0; i < p.sheet_count; i++)
        text_release(&p.sheets[i].content);
    if (done && p.writer.out.overflowed)
        done = p.writer.out.starved ? fail(c, E_UNAVAILABLE, "there is no memory for the document")
                                    : fail(c, E_TOO_LARGE, "the document has more than %d bytes", PDF_BYTES_MAX);
    if (done)
        *out = arena_copy(&c->arena, text_str(&p.writer.out));
    pdf_writer_release(&p.writer);
    return done;
}
