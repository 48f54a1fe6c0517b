/* pdf.h - documents that people print and programs read: PDF/A-3u, tagged (PDF/UA-1), with files attached.
 *
 *     const struct pdf_block blocks[] = {
 *         { .kind = PDF_HEADING, .level = 1, .text = S("影像所见") },
 *         { .kind = PDF_PARAGRAPH, .text = S("双肺纹理清晰。\n未见异常。") },
 *         { .kind = PDF_FIGURE, .image = { PDF_JPEG, jpeg }, .width_mm = 80, .alt = S("右肺上叶轴位图像"),
 *           .text = S("图 1") },
 *     };
 *     const struct pdf_document document = {
 *         .title = S("胸部 CT 报告"), .language = S("zh-CN"), .created_at = signed_at,
 *         .blocks = blocks, .block_count = 3,
 *     };
 *     struct str pdf;
 *     if (!pdf_make(c, &document, &pdf)) return false;
 *
 * Same document, same bytes, in any process with the same fonts and libraries: the file's dates are `created_at`, its
 * ID comes of its content. Nothing is taken from the clock, and nothing is random. `pdf` lives in the call's arena.
 *
 *   document     -> pages: letterhead, title, facts, blocks one below the other; on each page header, footer, watermark
 *   blocks       -> structure: Document > H1 (title), H2..H6, P, Table, L, Figure (Alt), Sect; all else is an artifact
 *   attachments  -> /AF and /EmbeddedFiles, each with its relationship (PDF/A-3, ISO 19005-3 6.8)
 *
 * How it is made: Pango shapes and breaks lines, HarfBuzz cuts the fonts down to the glyphs used, and the file is
 * written by `pdf/writer.h`. Not Cairo, since its version 1.16 has neither artifacts nor alternative texts nor
 * attributes of structure, and would have needed its content streams parsed
 * and written again; so there is no second pass, and each object is written once, as it is to be.
 *
 * A signature is an incremental update of these bytes: pdf/signature.h.
 *
 * Fonts: Noto Sans CJK (Debian: fonts-noto-cjk), for what it lacks any outline font below /usr/share/fonts. All are
 * embedded as subsets. Without Noto Sans CJK pdf_make is E_UNAVAILABLE and says the package's name; so it is without
 * sRGB.icc (Debian: icc-profiles-free). A character that no font has is shown as a box, which says (ActualText) what it
 * is.
 *
 * Text is any bytes: what is no UTF-8 and control characters are shown as U+FFFD, a line feed ends a line, marks that
 * turn the direction of text are left out (an "exe.gpj" stays what it is), a word longer than a line is broken, scripts
 * that run from right to left do so. Colour emoji are not to be had: they are boxes, or outlines of another font.
 * Nothing is cut without words: too much is E_INVALID (counts) or E_TOO_LARGE (pages, bytes).
 *
 * Images: JPEG is put in as it is (8 bits, grey or colour, not CMYK); PNG is decoded here, in the process, so that only
 * PNG that the operator or this server made may be given; strangers' bytes come as RGB from raster/decoder.h.
 *
 * Threads: pdf_make may be called by any number at once. There is one set of fonts in the process, with a lock, made at
 * the first use (pdf/fonts.h), and shaping is done under it; decoding images, cutting fonts and packing is not.
 */
#ifndef ROENTGEN_PDF_H
#define ROENTGEN_PDF_H

#include "base/call.h"
#include "base/clock.h"

enum {
    PDF_PAGES_MAX = 200,
    PDF_BLOCKS_MAX = 2000,     /* those inside of boxes too */
    PDF_PART_BYTES_MAX = 8192, /* a text that is no paragraph: a cell, an item, a heading */
    PDF_LABEL_BYTES_MAX = 1024,
    PDF_TEXT_BYTES_MAX = 2 << 20,     /* all texts together */
    PDF_COLUMNS_MAX = 12,             /* of a table or a grid of facts */
    PDF_IMAGE_SIDE_MAX = 8192,        /* pixels */
    PDF_IMAGE_PIXELS_MAX = 128 << 20, /* all images together */
    PDF_MARKS_MAX = 500,              /* over one figure */
    PDF_PLACES_MAX = 1 << 18,         /* of all marks together */
    PDF_ATTACHMENTS_MAX = 32,
    PDF_BYTES_MAX = 256 << 20,
};

enum pdf_page { PDF_A4, PDF_LETTER };

enum pdf_image_kind { PDF_NO_IMAGE, PDF_PNG, PDF_JPEG, PDF_RGB };
struct pdf_image {
    enum pdf_image_kind kind;
    struct str bytes;
    int width, height; /* of PDF_RGB: 3 bytes a pixel, rows from the top, without padding; else of the file itself */
};

/* A label and what it says: "姓名" "张三". */
struct pdf_fact {
    struct str label, value;
};

/* A piece of a paragraph. */
struct pdf_run {
    struct str text;
    bool strong; /* bold, tagged as Strong would be: a Span */
    bool faint;  /* grey and smaller: where a sentence comes from */
};

/* Drawn over a figure's image, in a colour that can be told from any film, and sharp at any size. */
struct pdf_place {
    double x, y; /* on the image: 0, 0 is its upper left corner, 1, 1 its lower right one; -1 to 2, and what lies
                    outside is cut */
};
struct pdf_mark {
    const struct pdf_place *places; /* one: a cross; more: a line through them */
    int count;                      /* 0: words alone */
    bool is_closed, is_dashed;
    struct str text;          /* words beside it, at most three lines; null: none */
    struct pdf_place text_at; /* near which they stand: they are moved until they cover no others, and lie inside */
};

enum pdf_block_kind {
    PDF_HEADING,   /* .text, .level 1 to 5 (H2 to H6; a level that skips one is raised). Stays with what follows it */
    PDF_PARAGRAPH, /* .runs, .count; or .text */
    PDF_FACTS,     /* .facts, .count, in .columns pairs a row (0: 1) */
    PDF_TABLE,     /* .cells by rows, .count of them, .columns; the first row is the header, again on each page;
                      .widths as shares, or NULL: equal; .text, if any, its caption */
    PDF_LIST,      /* .items, .count; .numbered */
    PDF_FIGURE,    /* .image, .width_mm (0, or too much: the text's width), .alt (needed), .text its caption; .marks,
                      .count: what is drawn over it, which .alt has to name as well */
    PDF_BOX,       /* .text its title, if any; .blocks, .count inside, with a bar at their left: what is not the
                      author's own word, as a finding by AI. No box in a box */
    PDF_SIGNATURE, /* .text what the signature means, .facts, .count: name, time, certificate. Kept on one page */
    PDF_RULE,      /* a line across */
    PDF_PAGE_BREAK
};

struct pdf_block {
    enum pdf_block_kind kind;
    int level;
    struct str text;
    const struct pdf_run *runs;
    const struct pdf_fact *facts;
    const struct str *cells;
    const struct str *items;
    const struct pdf_block *blocks;
    int count, columns;
    const double *widths;
    bool numbered;
    struct pdf_image image;
    double width_mm;
    struct str alt;
    const struct pdf_mark *marks;
};

/* What the attached file is to the document (ISO 32000-2 7.11.3, AFRelationship). */
enum pdf_relationship { PDF_SOURCE, PDF_DATA, PDF_ALTERNATIVE, PDF_SUPPLEMENT };

struct pdf_attachment {
    struct str name;       /* "report.json": unique, a plain name */
    struct str media_type; /* "application/json" */
    struct str description;
    enum pdf_relationship relationship;
    struct str bytes;
};

struct pdf_document {
    struct str title;    /* needed: the file's, and the first heading */
    struct str author;   /* null: none */
    struct str subject;  /* null: none */
    struct str language; /* "zh-CN", "en": which forms of Chinese characters, and for those who are read to. Needed */
    struct instant created_at;
    enum pdf_page page;

    struct pdf_image logo;  /* at the left of the letterhead; PDF_NO_IMAGE: none */
    struct str logo_alt;    /* null: the logo is decoration */
    const struct str *head; /* lines of the letterhead: the first large */
    int head_count;

    const struct pdf_fact *facts; /* below the title: the patient, the study */
    int fact_count;
    int fact_columns; /* pairs a row; 0: 3 */

    struct str running_head; /* at the top of each page: who and what, in one line. Null: none */
    struct str footer;       /* at the bottom, at the left. Null: none */
    struct str page_words;   /* "第 {page} 页，共 {pages} 页". Null: "{page} / {pages}" */
    struct str watermark;    /* across each page: "DRAFT", "草稿". Null: none */

    const struct pdf_block *blocks;
    int block_count;

    struct str qr;         /* what the code says: an address. At most 1000 bytes. Null: no code */
    struct str qr_alt;     /* needed with it */
    struct str qr_caption; /* beside it. Null: none */

    const struct pdf_attachment *attachments;
    int attachment_count;
};

/* E_INVALID: the document breaks a rule above, and the words say which; an image cannot be read. E_TOO_LARGE: more
 * pages or bytes than the maximum. E_UNAVAILABLE: fonts or profile are not installed. */
bool pdf_make(struct call *c, const struct pdf_document *document, struct str *out);

/* The bytes of an embedded file out of a PDF that anybody may have sent: by pdf_make, with or without signatures after
 * it (pdf/parse.h says what is read). E_NOT_FOUND: it has none of that name. E_INVALID: it is not a PDF that is read
 * here, or the file is broken. E_TOO_LARGE: it inflates to more than `max_bytes`. */
bool pdf_attachment(struct call *c, struct str pdf, struct str name, ptrdiff_t max_bytes, struct str *out);

#endif
