/* parse.h - files of the shape that pdf/writer.h writes, read again, whoever sent them.
 *
 *     struct pdf_file file;
 *     struct str root, names;
 *     if (!pdf_file_read(c, pdf, &file)) return false;
 *     if (pdf_entry(&file, file.trailer, "Root", &root) && pdf_entry(&file, root, "Names", &names)) ...
 *
 * What is read: classic cross-reference tables and their updates (/Prev), objects that stand by themselves, streams
 * whose /Length stands in them, packed with Flate or not at all. Cross-reference streams, object streams, encryption,
 * hybrid files and tables that have to be guessed are E_INVALID: only what was made here is asked about, and what can
 * be read in two ways is nothing to be believed. Each object is the one that the tables name; nothing is searched for.
 *
 * A value is a piece of the file: "<< /A 1 >>", "12 0 R", "(text)". Nothing outside of the file's bytes is touched,
 * values lie at most PDF_DEPTH_MAX deep, and tables hold at most PDF_OBJECTS_MAX objects in PDF_REVISIONS_MAX
 * revisions.
 */
#ifndef ROENTGEN_PDF_PARSE_H
#define ROENTGEN_PDF_PARSE_H

#include "base/call.h"

enum { PDF_DEPTH_MAX = 32, PDF_OBJECTS_MAX = 100000, PDF_REVISIONS_MAX = 64 };

struct pdf_file {
    struct str bytes;
    struct str trailer; /* of the last revision, a dictionary */
    int64_t table;      /* where its cross-reference table is */
    int64_t *offsets;   /* of object n; 0: none. In the call's arena */
    int size;           /* one more than the highest number */
};

/* False: it is no such file. */
bool pdf_file_parse(struct arena *arena, struct str bytes, struct pdf_file *out);
/* The same with words: E_INVALID. */
bool pdf_file_read(struct call *c, struct str bytes, struct pdf_file *out);

/* The object of that number. False: there is none, or it is broken. */
bool pdf_object(const struct pdf_file *file, int number, struct str *value);
/* A stream's bytes as they stand; `value` is its dictionary, as pdf_object gives it. */
bool pdf_stream_bytes(const struct pdf_file *file, struct str value, struct str *bytes);
/* What "12 0 R" refers to; anything else is itself. */
bool pdf_resolve(const struct pdf_file *file, struct str value, struct str *out);
/* The number of "12 0 R"; 0: it is no reference. */
int pdf_reference(struct str value);

/* Takes the next value off *rest. False: there is none, or what is there is none. */
bool pdf_next_value(struct str *rest, struct str *value);
/* Takes the next key and its value off the inside of a dictionary. */
bool pdf_next_entry(struct str *rest, struct str *key, struct str *value);
/* What stands between << and >>, [ and ]. False: it is no dictionary, no array. */
bool pdf_inside_dictionary(struct str value, struct str *inside);
bool pdf_inside_array(struct str value, struct str *inside);
/* The value of a dictionary's key, as it stands; and resolved. False: it has none; or two, which nobody can tell
 * apart. */
bool pdf_raw_entry(struct str dictionary, const char *key, struct str *value);
bool pdf_entry(const struct pdf_file *file, struct str dictionary, const char *key, struct str *value);
bool pdf_integer(struct str value, int64_t *out);
/* A string's bytes, (literal) or <hex>; and as UTF-8, from UTF-16 where it says so. In the arena. */
bool pdf_string(struct str value, struct arena *arena, struct str *out);
bool pdf_text(struct str value, struct arena *arena, struct str *out);

#endif
