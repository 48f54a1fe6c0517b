/* structure.h - what the document is, apart from how it looks (ISO 32000-1 14.7, PDF/UA-1 7).
 *
 *   Document
 *     H1            <- content 0 of page 1
 *     Table
 *       TR
 *         TH        <- content 1 of page 1
 *         TD        <- content 2 of page 1, content 0 of page 2 (it went on there)
 *
 * Private to src/pdf.
 */
#ifndef ROENTGEN_PDF_STRUCTURE_H
#define ROENTGEN_PDF_STRUCTURE_H

#include "pdf/writer.h"

struct pdf_element;

/* A piece of a page that belongs to an element, or an element in it. */
struct pdf_kid {
    struct pdf_element *element; /* NULL: content */
    int page, content;           /* pages from 0; /MCID */
    struct pdf_kid *next;
};

struct pdf_element {
    const char *type; /* "P" */
    struct pdf_element *parent;
    struct pdf_kid *first, *last;
    int number;        /* of its object, when it is written */
    struct str alt;    /* of a figure */
    const char *scope; /* of a TH: "Row", "Column" */
    int column_span;   /* of a cell; 0: 1 */
    double box[4];     /* of a figure: where it stands; all zero: nowhere */
    bool numbered;     /* of an L */
};

struct pdf_element *pdf_element_new(struct arena *arena, const char *type, struct pdf_element *parent);
void pdf_element_content(struct arena *arena, struct pdf_element *element, int page, int content);

/* The elements of each page's contents, by content. */
struct pdf_page_contents {
    struct pdf_element **elements;
    int count, capacity;
};

/* Writes the tree, its root under `number`. `pages` are the numbers of the pages' objects. */
void pdf_structure_write(struct pdf_element *document, struct str language, struct pdf_writer *writer, int number,
                         const int *pages, const struct pdf_page_contents *contents, int page_count);

#endif
