/* Tables, and grids of facts, which are tables whose rows have headers: rows of cells, painted line by line so that a
 * row may go on over pages. */
#include "pdf/composer.h"

#include <math.h>

struct cell {
    struct str text;
    bool is_header;
    struct pdf_style style;
    PangoLayout *layout;
    struct pdf_lines lines;
    int next; /* line to be painted */
    struct pdf_element *element;
};

struct grid {
    struct pdf_composer *p;
    int columns;
    double widths[2 * PDF_COLUMNS_MAX], pad;
    bool ruled;
    const struct str *head; /* of `columns` cells, to be seen on each page; NULL: none */
    bool in_head;
};

static bool put_row(struct grid *grid, struct pdf_element *parent, struct cell *cells, const char *scope);

/* The header on a further page: seen, but said already. */
static bool next_page(struct grid *grid)
{
    struct cell cells[2 * PDF_COLUMNS_MAX] = { 0 };
    if (!pdf_next_page(grid->p))
        return false;
    if (!grid->head || grid->in_head)
        return true;
    for (int i = 0; i < grid->columns; i++)
        cells[i] = (struct cell){ .text = grid->head[i], .is_header = true, .style = { 9, true, 0, PANGO_ALIGN_LEFT } };
    return put_row(grid, NULL, cells, NULL);
}

/* Lines of the cell that fit; how high they are. */
static double paint_cell(struct grid *grid, struct cell *cell, double x, bool forced)
{
    struct pdf_composer *p = grid->p;
    double top = cell->next < cell->lines.count ? cell->lines.at[cell->next].top : 0, height = 0;
    int from = cell->next;
    while (cell->next < cell->lines.count) {
        double bottom = cell->lines.at[cell->next].bottom - top;
        if (!p->dry && p->y + 2 * grid->pad + bottom > p->bottom + 0.01 && !(forced && cell->next == from))
            break;
        height = bottom;
        cell->next++;
    }
    if (cell->next > from && cell->text.len > 0 && !p->dry) {
        pdf_begin_content(p, cell->element);
        pdf_paint_lines(p, cell->layout, &cell->lines, from, cell->next, x, p->y + grid->pad);
        pdf_end_content(p);
    }
    return height;
}

static double shape_row(struct grid *grid, struct pdf_element *row, struct cell *cells, const char *scope)
{
    double height = 0;
    for (int i = 0; i < grid->columns; i++) {
        struct cell *cell = &cells[i];
        cell->element = row ? pdf_add(grid->p, cell->is_header ? "TH" : "TD", row) : NULL;
        if (cell->element && cell->is_header)
            cell->element->scope = scope;
        cell->layout = pdf_words(grid->p, cell->text, cell->style, grid->widths[i] - 2 * grid->pad);
        cell->lines = pdf_lines_of(grid->p, cell->layout);
        if (cell->lines.count > 0)
            height = fmax(height, cell->lines.at[cell->lines.count - 1].bottom);
    }
    return height + 2 * grid->pad;
}

static bool paint_row(struct grid *grid, struct cell *cells, double height)
{
    struct pdf_composer *p = grid->p;
    if (!p->dry && p->y + height > p->bottom && p->y > p->top && !grid->in_head && !next_page(grid))
        return false;
    for (bool more = true, forced = false; more; forced = true) {
        double x = p->left, used = 0;
        if (grid->ruled && cells[0].is_header)
            pdf_fill(p, p->left, p->y, p->width, fmin(height, p->bottom - p->y), 0.92);
        more = false;
        for (int i = 0; i < grid->columns; i++) {
            used = fmax(used, paint_cell(grid, &cells[i], x + grid->pad, forced || p->y <= p->top));
            x += grid->widths[i];
            more |= cells[i].next < cells[i].lines.count;
        }
        p->y += used + 2 * grid->pad;
        if (grid->ruled)
            pdf_fill(p, p->left, p->y - 0.4, p->width, 0.4, 0.6);
        if (more && !next_page(grid))
            return false;
    }
    return true;
}

static bool put_row(struct grid *grid, struct pdf_element *parent, struct cell *cells, const char *scope)
{
    struct pdf_element *row = parent ? pdf_add(grid->p, "TR", parent) : NULL;
    bool before = grid->in_head;
    grid->in_head |= !parent;
    bool done = paint_row(grid, cells, shape_row(grid, row, cells, scope));
    grid->in_head = before;
    for (int i = 0; i < grid->columns; i++)
        g_object_unref(cells[i].layout);
    return done;
}

static void share_width(struct grid *grid, const double *shares)
{
    double sum = 0;
    for (int i = 0; i < grid->columns; i++)
        sum += shares ? shares[i] : 1;
    for (int i = 0; i < grid->columns; i++)
        grid->widths[i] = grid->p->width * (shares ? shares[i] : 1) / sum;
}

bool pdf_table_put(struct pdf_composer *p, struct pdf_element *parent, const struct pdf_block *block)
{
    struct grid grid = { .p = p, .columns = block->columns, .pad = 3, .ruled = true };
    share_width(&grid, block->widths);
    struct pdf_element *table = pdf_add(p, "Table", parent);
    if (block->text.len > 0) {
        struct pdf_element *caption = pdf_add(p, "Caption", table);
        PangoLayout *layout = pdf_words(p, block->text, (struct pdf_style){ 9, true, 0, PANGO_ALIGN_LEFT }, p->width);
        bool done = pdf_need(p, 50) && pdf_flow(p, caption, layout, p->left);
        g_object_unref(layout);
        if (!done)
            return false;
        p->y += 2;
    }
    if (!pdf_need(p, 34)) /* the header and a row */
        return false;
    for (int row = 0; row * block->columns < block->count; row++) {
        struct cell cells[2 * PDF_COLUMNS_MAX] = { 0 };
        for (int i = 0; i < block->columns; i++)
            cells[i] = (struct cell){ .text = block->cells[row * block->columns + i],
                                      .is_header = row == 0,
                                      .style = { 9, row == 0, 0, PANGO_ALIGN_LEFT } };
        if (!put_row(&grid, table, cells, "Column"))
            return false;
        if (row == 0)
            grid.head = block->cells;
    }
    p->y += 6;
    return true;
}

static double widest_label(struct pdf_composer *p, const struct pdf_fact *facts, int count, int columns, int column)
{
    double widest = 0;
    for (int i = column; i < count; i += columns) {
        PangoRectangle size;
        PangoLayout *layout = pdf_words(p, facts[i].label, (struct pdf_style){ 9, false, 0, PANGO_ALIGN_LEFT }, -1);
        pango_layout_get_extents(layout, NULL, &size);
        widest = fmax(widest, (double)size.width / PANGO_SCALE);
        g_object_unref(layout);
    }
    return widest;
}

bool pdf_facts_put(struct pdf_composer *p, struct pdf_element *parent, const struct pdf_fact *facts, int count,
                   int columns)
{
    struct grid grid = { .p = p, .columns = 2 * columns, .pad = 1.5 };
    for (int i = 0; i < columns; i++) {
        double pair = p->width / columns;
        grid.widths[2 * i] = fmin(pair * 0.45, widest_label(p, facts, count, columns, i) + 2 * grid.pad + 4);
        grid.widths[2 * i + 1] = pair - grid.widths[2 * i];
    }
    struct pdf_element *table = pdf_add(p, "Table", parent);
    for (int row = 0; row * columns < count; row++) {
        struct cell cells[2 * PDF_COLUMNS_MAX] = { 0 };
        for (int i = 0; i < columns; i++) {
            int at = row * columns + i;
            cells[2 * i] = (struct cell){ .text = at < count ? facts[at].label : S(""),
                                          .is_header = at < count,
                                          .style = { 9, false, 0.35, PANGO_ALIGN_LEFT } };
            cells[2 * i + 1] = (struct cell){ .text = at < count ? facts[at].value : S(""),
                                              .style = { 9.5, false, 0, PANGO_ALIGN_LEFT } };
        }
        if (!put_row(&grid, table, cells, "Row"))
            return false;
    }
    return true;
}
