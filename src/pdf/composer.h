/* composer.h - a document on its way onto pages: where the next thing goes, and what is there already.
 *
 *   y = 0 is the top of the page, in points; contents are written with y upwards, as PDF has it.
 *
 *     |  running head        |
 *     |----------------------| top
 *     |  left ... width ...  | <- y: the next block begins here
 *     |----------------------| bottom
 *     |  footer       1 / 2  |
 *
 * Blocks are painted as they come; a page's edge, which knows how many pages there are, is painted at the end.
 * Where `dry` is set nothing is painted or remembered, and y alone moves: so a block is measured.
 * Private to src/pdf.
 */
#ifndef ROENTGEN_PDF_COMPOSER_H
#define ROENTGEN_PDF_COMPOSER_H

#include "pdf/fonts.h"
#include "pdf/pdf.h"
#include "pdf/structure.h"

#define PDF_MM (72 / 25.4)

struct pdf_sheet { /* a page under way */
    struct text content;
    struct pdf_page_contents contents;
};

struct pdf_picture { /* an image object in the file: /I0, /I1 ... in their order */
    const struct pdf_image *image;
    int object, width, height;
};

struct pdf_composer {
    struct call *c;
    const struct pdf_document *document;
    struct pdf_writer writer;
    struct pdf_fonts *fonts; /* held while there is anything to paint */
    struct pdf_font *first_font;
    int font_count;
    struct pdf_element *root;
    struct pdf_sheet *sheets; /* PDF_PAGES_MAX of them */
    int sheet_count;
    struct pdf_picture *pictures; /* in the order in which they are painted */
    int picture_count, pictures_painted;
    int64_t pixels; /* of all images */
    double page_width, page_height, left, width, top, bottom;
    double y;
    bool dry;
    int heading_level; /* of the last one */
    double box_from;   /* y from which the bar of a box is still to be drawn on this page */
    bool in_box;
};

/* ---- pages (page.c) ---- */

void pdf_put_numbers(struct text *out, int count, const double *values); /* each with a space behind it */
bool pdf_next_page(struct pdf_composer *p);
/* False: failed. Room for so much, on this page or else at the top of the next. */
bool pdf_need(struct pdf_composer *p, double height);
/* Contents of an element; NULL: an artifact. Every begin has its end. */
struct text *pdf_begin_content(struct pdf_composer *p, struct pdf_element *element);
void pdf_end_content(struct pdf_composer *p);
struct pdf_element *pdf_add(struct pdf_composer *p, const char *type, struct pdf_element *parent);
void pdf_fill(struct pdf_composer *p, double x, double y, double width, double height, double grey); /* an artifact */
/* Heads, footers and watermarks of all pages: the last that the fonts are needed for. */
void pdf_edges_put(struct pdf_composer *p);
/* The pages' objects. */
bool pdf_pages_write(struct pdf_composer *p, int pages_number, int structure_number);

/* ---- text (words.c) ---- */

struct pdf_style {
    double size; /* points */
    bool strong;
    double grey; /* 0: black */
    PangoAlignment alignment;
};

/* Broken at `width` points (negative: not at all). To be given back by g_object_unref. */
PangoLayout *pdf_words(struct pdf_composer *p, struct str text, struct pdf_style style, double width);
PangoLayout *pdf_words_of_runs(struct pdf_composer *p, const struct pdf_run *runs, int count, struct pdf_style style,
                               double width);

struct pdf_line {
    PangoLayoutLine *line;
    double x, baseline, top, bottom; /* in the layout */
};
struct pdf_lines {
    struct pdf_line *at;
    int count;
};
struct pdf_lines pdf_lines_of(struct pdf_composer *p, PangoLayout *layout);
/* Lines [from, to) with the top of the first at (x, y). Within contents begun by the caller. */
void pdf_paint_lines(struct pdf_composer *p, PangoLayout *layout, const struct pdf_lines *lines, int from, int to,
                     double x, double y);
/* The whole layout from p->y on, over pages; moves y. */
bool pdf_flow(struct pdf_composer *p, struct pdf_element *element, PangoLayout *layout, double x);

/* ---- blocks ---- */

bool pdf_block_put(struct pdf_composer *p, struct pdf_element *parent, const struct pdf_block *block,
                   const struct pdf_block *next);
bool pdf_table_put(struct pdf_composer *p, struct pdf_element *parent, const struct pdf_block *block);
bool pdf_facts_put(struct pdf_composer *p, struct pdf_element *parent, const struct pdf_fact *facts, int count,
                   int columns);
bool pdf_figure_put(struct pdf_composer *p, struct pdf_element *parent, const struct pdf_block *block);
/* What it would take, caption and all. */
double pdf_figure_height(struct pdf_composer *p, const struct pdf_block *block, int width, int height);
bool pdf_qr_put(struct pdf_composer *p);
bool pdf_head_put(struct pdf_composer *p);

/* ---- images (image.c) ---- */

bool pdf_image_size(struct call *c, const struct pdf_image *image, int *width, int *height);
/* Decoded, packed, and written: without the fonts, in the order in which they are painted later. */
bool pdf_image_put(struct pdf_composer *p, const struct pdf_image *image);
/* Paints the next of them, which is this one, within contents begun by the caller. */
void pdf_image_paint(struct pdf_composer *p, struct text *out, const struct pdf_image *image, double x, double y,
                     double width, double height);

/* ---- what is drawn over them (marks.c) ---- */

/* Over the image that was painted there, within the same contents. */
void pdf_marks_paint(struct pdf_composer *p, struct text *out, const struct pdf_block *figure, double x, double y,
                     double width, double height);

/* ---- what is beside the pages (catalog.c) ---- */

bool pdf_catalog_write(struct pdf_composer *p, int catalog, int pages, int structure);

#endif
