/* reports.h - documents for the tests: a Chinese report of two pages, and what is odd. */
#ifndef TEST_PDF_REPORTS_H
#define TEST_PDF_REPORTS_H

#include "pdf/pdf.h"

/* A picture of bands and discs, `seed` apart from others; in the arena. */
struct pdf_image test_picture(struct arena *arena, int width, int height, int seed);
/* Letterhead, facts, headings, paragraphs, a table, a list, two figures, a box, a signature, a code, two attachments,
 * a watermark. */
struct pdf_document test_report(struct arena *arena);

#endif
