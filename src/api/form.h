/* form.h - bodies of many parts: files, and text members beside them.
 *
 *   worker thread:  body bytes -> multipart -> files: spool.h
 *                                          `-> text parts, kept for the form's schema
 *
 *     { ..., BODY_MULTIPART, .receive = form_receive_one, ... }          // the row
 *
 *     struct form *form = exchange_of(c)->upload;                        // the handler
 *     return form_take(c, form, &details_schema, &details) && upload_store(c, form->files, &details, user, c->out);
 *
 * The form is the request's: what no handler has taken of it is dropped when that ends. What a form cannot be (too many
 * files or parts, no names) is refused while it arrives, with the rest unread; what its members cannot be, all at once
 * by form_take.
 */
#ifndef ROENTGEN_FORM_H
#define ROENTGEN_FORM_H

#include "web/exchange.h"
#include "intake/spool.h"

/* What arrived of a form: files in order, text members by name. */
struct form {
    struct call *call;
    struct multipart *parser;
    struct spooled *files, *last;
    int file_count, max_files;
    struct form_text *texts;
    struct form_text *current_text;
    struct spooled *current_file;
};
struct form_text {
    struct str name;
    struct text value;
    struct form_text *next;
};

/* `receive` of multipart endpoints: file parts must be called `file` (or `files`). exchange.upload becomes the form;
 * what nobody took of it is dropped when the request ends. */
bool form_receive_one(struct call *c, struct body_sink *sink);
bool form_receive_many(struct call *c, struct body_sink *sink);
/* `receive` of multipart/related bodies whose parts are all DICOM files (PS3.18 8.7.3.5). */
bool form_receive_related(struct call *c, struct body_sink *sink);
/* Text members into a record of `schema`, with all problems; at least one file must be there. */
bool form_take(struct call *c, struct form *form, const struct schema *schema, void *record);
/* The same; there may be no file. */
bool form_take_members(struct call *c, struct form *form, const struct schema *schema, void *record);

#endif
