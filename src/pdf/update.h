/* update.h - an appendix to a file made here: new objects, and the catalog (and first page) written anew.
 *
 *     if (!pdf_update_begin(c, pdf, &update)) return false;          // nothing to release
 *     ... objects by update.writer ...
 *     bool done = pdf_update_finish(&update, field, dss, &out);
 *     pdf_update_release(&update);
 *
 * Private to src/pdf.
 */
#ifndef ROENTGEN_PDF_UPDATE_H
#define ROENTGEN_PDF_UPDATE_H

#include "pdf/parse.h"
#include "pdf/writer.h"

struct pdf_update {
    struct call *c;
    struct pdf_file file;
    struct pdf_writer writer;
    int root, page; /* numbers of the catalog and of the first page */
    struct str root_value, page_value;
    int field_count; /* of the form, so far */
};

bool pdf_update_begin(struct call *c, struct str pdf, struct pdf_update *out);
/* With a further field (0: none), and another /DSS (null: as it was). The whole file, in the arena. */
bool pdf_update_finish(struct pdf_update *update, int field, struct str dss, struct str *out);
void pdf_update_release(struct pdf_update *update);

/* The first page's number and value, and the fields of the form (the inside of their array, null: none): what an update
 * touches. False: it is not as written here. */
bool pdf_first_page(const struct pdf_file *file, struct str root, int *number, struct str *value);
bool pdf_form_fields(const struct pdf_file *file, struct str root, struct str *fields);

#endif
