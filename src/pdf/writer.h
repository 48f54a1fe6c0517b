/* writer.h - the file as it grows: numbered objects one behind the other, then the table of where they are.
 *
 *     int number = pdf_writer_number(w);            // may be referred to before it is written
 *     struct text *out = pdf_writer_begin(w, number);
 *     text_put(out, S("<< /Type /Catalog /Lang "));
 *     pdf_put_text_string(out, S("zh-CN"));
 *     text_put(out, S(" >>"));
 *     pdf_writer_end(w);
 *
 *   %PDF-1.7 | object | object | ... | xref table | trailer | startxref | %%EOF
 *
 * Classic cross-reference tables, and no object streams: an incremental update is then a plain appendix, and who checks
 * a signature sees what it covers. Private to src/pdf.
 */
#ifndef ROENTGEN_PDF_WRITER_H
#define ROENTGEN_PDF_WRITER_H

#include "base/call.h"
#include "base/text.h"

struct pdf_writer {
    struct text out;
    int64_t base;        /* where `out` begins in the file: 0, or the length of what it is appended to */
    int64_t *offsets;    /* of object n; 0: none (yet) */
    int count, capacity; /* numbers given out, 0 among them */
};

void pdf_writer_init(struct pdf_writer *writer, struct call *c, int64_t base, int first_number);
void pdf_writer_release(struct pdf_writer *writer);

int pdf_writer_number(struct pdf_writer *writer);
struct text *pdf_writer_begin(struct pdf_writer *writer, int number);
void pdf_writer_end(struct pdf_writer *writer);
/* `entries` stand in the dictionary beside /Length and /Filter. Packed (Flate) where asked for. */
void pdf_writer_stream(struct pdf_writer *writer, int number, struct str entries, struct str bytes, bool pack);
/* The table of all objects written, the trailer and its end. `entries` stand in it beside /Size. */
void pdf_writer_finish(struct pdf_writer *writer, struct str entries);

/* ---- what stands in objects and in pages ---- */

void pdf_put_real(struct text *out, double value); /* three digits at most, whatever the locale */
void pdf_put_reference(struct text *out, int number);
void pdf_put_name(struct text *out, struct str name);        /* with its slash */
void pdf_put_hex_string(struct text *out, struct str bytes); /* <...> */
void pdf_put_text_string(struct text *out, struct str utf8); /* UTF-16BE with its mark */
struct str pdf_date(int64_t us, struct arena *arena);        /* D:20260105143022Z */

#endif
