#include "pdf/composer.h"

enum { PIECE_RUNS_MAX = 256 }; /* of one layout */

static const double heading_sizes[] = { 13, 11.5, 10.5, 10, 10 };

static bool put_text(struct pdf_composer *p, const char *type, struct pdf_element *parent, struct str text,
                     struct pdf_style style)
{
    PangoLayout *layout = pdf_words(p, text, style, p->width);
    bool done = pdf_flow(p, pdf_add(p, type, parent), layout, p->left);
    g_object_unref(layout);
    return done;
}

/* What has to stand below a heading on its page. */
static double beginning_of(struct pdf_composer *p, const struct pdf_block *next)
{
    int width, height;
    if (!next)
        return 0;
    if (next->kind == PDF_FIGURE && pdf_image_size(p->c, &next->image, &width, &height))
        return pdf_figure_height(p, next, width, height);
    return next->kind == PDF_HEADING || next->kind == PDF_TABLE ? 60 : 34;
}

static bool put_heading(struct pdf_composer *p, struct pdf_element *parent, const struct pdf_block *block,
                        const struct pdf_block *next)
{
    static const char *const types[] = { "H2", "H3", "H4", "H5", "H6" };
    int level = block->level;
    if (level > p->heading_level + 1)
        level = p->heading_level + 1; /* PDF/UA-1 7.4.2: none is skipped */
    if (!p->dry)
        p->heading_level = level;
    double size = heading_sizes[level - 1];
    if (!pdf_need(p, 8 + size * 1.5 + beginning_of(p, next)))
        return false;
    if (p->y > p->top)
        p->y += 8;
    bool done =
        put_text(p, types[level - 1], parent, block->text, (struct pdf_style){ size, true, 0, PANGO_ALIGN_LEFT });
    p->y += 2;
    return done;
}

/* How much of a text that is too long for one layout goes into it: up to a line's end, else a space, else a
 * letter's. */
static ptrdiff_t piece_length(struct str text, ptrdiff_t room)
{
    struct str piece = str_at_most(text, room);
    if (piece.len == text.len)
        return text.len;
    for (const char *ends = "\n "; *ends; ends++)
        for (ptrdiff_t i = piece.len; i > 0; i--)
            if (piece.at[i - 1] == *ends)
                return i;
    return piece.len;
}

/* Takes runs of at most so many bytes off *rest, the last of them in part. */
static int take_piece(struct pdf_run *rest, int count, struct pdf_run *piece, int *taken)
{
    ptrdiff_t room = PDF_PART_BYTES_MAX;
    int made = 0;
    *taken = 0;
    while (*taken < count && made < PIECE_RUNS_MAX && room > 0) {
        struct pdf_run *run = &rest[*taken];
        ptrdiff_t len = piece_length(run->text, room);
        if (len == 0 && run->text.len > 0 && made > 0)
            return made; /* no room for its first letter */
        if (len == 0 && run->text.len > 0)
            len = room; /* not of letters at all */
        piece[made] = *run;
        piece[made++].text = str_slice(run->text, 0, len);
        run->text = str_slice(run->text, len, run->text.len);
        room -= len;
        if (run->text.len > 0)
            return made;
        ++*taken;
    }
    return made;
}

/* The line feed that a piece ends with: the next piece begins a line anyway. */
static void drop_line_end(struct pdf_run *last, bool more)
{
    if (more && str_ends(last->text, S("\n")))
        last->text.len--;
}

static bool put_paragraph(struct pdf_composer *p, struct pdf_element *parent, const struct pdf_block *block)
{
    struct pdf_style style = { 10.5, false, 0, PANGO_ALIGN_LEFT };
    struct pdf_run one = { .text = block->text }, piece[PIECE_RUNS_MAX];
    int count = block->runs ? block->count : 1, taken;
    struct pdf_run *rest = arena_copy_array(&p->c->arena, block->runs ? block->runs : &one, count, sizeof one);
    struct pdf_element *element = pdf_add(p, "P", parent);
    do {
        int made = take_piece(rest, count, piece, &taken);
        rest += taken;
        count -= taken;
        if (made > 0)
            drop_line_end(&piece[made - 1], count > 0);
        PangoLayout *layout = pdf_words_of_runs(p, piece, made, style, p->width);
        bool done = pdf_flow(p, element, layout, p->left);
        g_object_unref(layout);
        if (!done)
            return false;
    } while (count > 0);
    p->y += 4;
    return true;
}

static bool put_list(struct pdf_composer *p, struct pdf_element *parent, const struct pdf_block *block)
{
    struct pdf_style style = { 10.5, false, 0, PANGO_ALIGN_LEFT };
    struct pdf_element *list = pdf_add(p, "L", parent);
    list->numbered = block->numbered;
    for (int i = 0; i < block->count; i++) {
        if (!pdf_need(p, 17))
            return false;
        struct pdf_element *item = pdf_add(p, "LI", list), *label = pdf_add(p, "Lbl", item);
        struct str mark = block->numbered ? arena_format(&p->c->arena, "%d.", i + 1) : S("•");
        PangoLayout *layout = pdf_words(p, mark, style, -1);
        if (!p->dry) {
            struct pdf_lines lines = pdf_lines_of(p, layout);
            pdf_begin_content(p, label);
            pdf_paint_lines(p, layout, &lines, 0, 1, p->left + 3, p->y);
            pdf_end_content(p);
        }
        g_object_unref(layout);
        layout = pdf_words(p, block->items[i], style, p->width - 24);
        bool done = pdf_flow(p, pdf_add(p, "LBody", item), layout, p->left + 24);
        g_object_unref(layout);
        if (!done)
            return false;
    }
    p->y += 4;
    return true;
}

static bool put_inside(struct pdf_composer *p, struct pdf_element *section, const struct pdf_block *block)
{
    if (block->text.len > 0 &&
        !put_text(p, "P", section, block->text, (struct pdf_style){ 9, true, 0.3, PANGO_ALIGN_LEFT }))
        return false;
    for (int i = 0; i < block->count; i++)
        if (!pdf_block_put(p, section, &block->blocks[i], i + 1 < block->count ? &block->blocks[i + 1] : NULL))
            return false;
    return true;
}

static bool put_box(struct pdf_composer *p, struct pdf_element *parent, const struct pdf_block *block)
{
    if (!pdf_need(p, 40))
        return false;
    p->y += 4;
    p->left += 12;
    p->width -= 12;
    p->box_from = p->y;
    p->in_box = true;
    bool done = put_inside(p, pdf_add(p, "Sect", parent), block);
    p->in_box = false;
    if (done)
        pdf_fill(p, p->left - 9, p->box_from, 2.5, p->y - p->box_from, 0.55);
    p->left -= 12;
    p->width += 12;
    p->y += 6;
    return done;
}

static bool put_signature_lines(struct pdf_composer *p, struct pdf_element *parent, const struct pdf_block *block)
{
    p->y += 6;
    pdf_fill(p, p->left, p->y, p->width, 0.6, 0.4);
    p->y += 4;
    struct pdf_element *section = pdf_add(p, "Sect", parent);
    if (block->text.len > 0 &&
        !put_text(p, "P", section, block->text, (struct pdf_style){ 10.5, true, 0, PANGO_ALIGN_LEFT }))
        return false;
    bool done = pdf_facts_put(p, section, block->facts, block->count, block->columns ? block->columns : 2);
    p->y += 6;
    return done;
}

static bool put_signature(struct pdf_composer *p, struct pdf_element *parent, const struct pdf_block *block)
{
    bool was_dry = p->dry;
    double y = p->y;
    p->dry = true;
    bool measured = put_signature_lines(p, parent, block);
    double height = p->y - y;
    p->dry = was_dry;
    p->y = y;
    return measured && (height > p->bottom - p->top || pdf_need(p, height)) && put_signature_lines(p, parent, block);
}

bool pdf_block_put(struct pdf_composer *p, struct pdf_element *parent, const struct pdf_block *block,
                   const struct pdf_block *next)
{
    switch (block->kind) {
    case PDF_HEADING:
        return put_heading(p, parent, block, next);
    case PDF_PARAGRAPH:
        return put_paragraph(p, parent, block);
    case PDF_FACTS: {
        bool done = pdf_facts_put(p, parent, block->facts, block->count, block->columns ? block->columns : 1);
        p->y += 4;
        return done;
    }
    case PDF_TABLE:
        return pdf_table_put(p, parent, block);
    case PDF_LIST:
        return put_list(p, parent, block);
    case PDF_FIGURE:
        return pdf_figure_put(p, parent, block);
    case PDF_BOX:
        return put_box(p, parent, block);
    case PDF_SIGNATURE:
        return put_signature(p, parent, block);
    case PDF_RULE:
        pdf_fill(p, p->left, p->y + 3, p->width, 0.5, 0.6);
        p->y += 8;
        return true;
    case PDF_PAGE_BREAK:
        return p->y <= p->top || pdf_next_page(p);
    }
    return fail(p->c, E_INVALID, "a block of the document is of no kind that is known");
}
