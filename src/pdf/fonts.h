/* fonts.h - the fonts of the process, and what of them a document uses.
 *
 *     struct pdf_fonts *fonts = pdf_fonts_take(error);     // the lock is held from here
 *     PangoLayout *layout = pango_layout_new(fonts->context); ...
 *     struct pdf_face *face = pdf_fonts_face(fonts, hb_face);
 *     pdf_fonts_give(fonts);                               // layouts are gone; faces stay
 *
 * One set for the process, made at the first use and never given back: fontconfig and Pango keep caches of their own
 * that are as old as the process. A Pango font map is for one thread at a time, hence the lock; a `struct pdf_face`,
 * once made, never changes, and is read without it.
 *
 * Fonts are those below /usr/share/fonts and /usr/local/share/fonts that have outlines in a format that can be embedded
 * (TrueType, CFF), without colour and variations; rules of the machine's fontconfig are not read, so that a page does
 * not look otherwise where somebody likes other fonts.
 */
#ifndef ROENTGEN_PDF_FONTS_H
#define ROENTGEN_PDF_FONTS_H

#include "base/call.h"
#include "pdf/writer.h"

#include <hb.h>
#include <pango/pangoft2.h>

/* How codes in a page reach glyphs. */
enum pdf_face_kind {
    PDF_FACE_TRUETYPE, /* code = glyph of the whole font; /CIDToGIDMap says where it is in the subset */
    PDF_FACE_CFF,      /* code = glyph, which keeps its number in the subset */
    PDF_FACE_CFF_CID   /* code = the CID that the font's own charset gives the glyph (Adobe TN 5176, 13) */
};

struct pdf_face {
    hb_face_t *face;
    hb_font_t *font; /* at one unit an em unit */
    enum pdf_face_kind kind;
    unsigned units, glyphs;
    const uint16_t *cids; /* of PDF_FACE_CFF_CID: of each glyph; NULL: the same number */
    struct pdf_face *next;
};

struct pdf_fonts {
    PangoFontMap *map;
    PangoContext *context;
    struct pdf_face *faces;
};

struct pdf_fonts *pdf_fonts_take(struct error *error); /* NULL: E_UNAVAILABLE */
void pdf_fonts_give(struct pdf_fonts *fonts);
struct pdf_face *pdf_fonts_face(struct pdf_fonts *fonts, hb_face_t *face);

/* ---- what a document uses ---- */

struct pdf_glyph {
    uint32_t glyph;
    uint16_t code;
    int width;       /* thousandths of the size */
    struct str text; /* what it says when copied; in the call's arena */
};

struct pdf_font {
    struct pdf_face *face;
    int index;        /* /F0, /F1 ... in pages */
    uint32_t *places; /* of each glyph of the face: 1 + its place below; 0: not used */
    struct pdf_glyph *used;
    int count, capacity;
    struct pdf_font *next;
};

/* Its use of a glyph, noted at the first; the text of the first stays. */
struct pdf_glyph *pdf_font_glyph(struct pdf_font *font, struct arena *arena, uint32_t glyph, struct str text);
/* Cuts the font down to what is used, and embeds it. False: the font is broken. */
bool pdf_font_write(struct pdf_font *font, struct call *c, struct pdf_writer *writer, int number);

/* The CIDs of a CFF table's glyphs, `glyphs` of them. NULL: it has none, being no CID-keyed font, or broken. */
uint16_t *pdf_cff_cids(struct str table, unsigned glyphs);
/* HarfBuzz 6 writes the operator ROS where it likes; it has to be the first (TN 5176, 9). */
void pdf_cff_put_ros_first(char *table, ptrdiff_t len);

#endif
