/* vr.h - what each value representation holds and how it is written (PS3.5 table 6.2-1), one row each. */
#ifndef ROENTGEN_DICOM_VR_H
#define ROENTGEN_DICOM_VR_H

#include "dicom/reader.h"

enum vr_kind {
    VR_TEXTS,    /* values separated by '\' */
    VR_TEXT,     /* one value, in which '\' is a character: LT ST UT UR */
    VR_NAMES,    /* PN: components in up to three groups */
    VR_NUMERALS, /* numbers written as text: DS IS */
    VR_INTEGERS,
    VR_REALS,
    VR_TAGS,
    VR_BYTES, /* OB OW ... UN */
    VR_ITEMS, /* SQ */
};

struct vr_row {
    uint16_t vr; /* 0: no row */
    enum vr_kind kind;
    int width;        /* bytes of one value, or of one word that byte order turns round; text: 1 */
    bool is_wide;     /* its explicit length takes 32 bits (PS3.5 7.1.2) */
    bool has_charset; /* Specific Character Set (0008,0005) says how its text is written (PS3.5 6.1.2.3) */
    bool may_be_bulk; /* PS3.18 F.2.6: its value may be given by reference */
};

/* By their two letters, of which most pairs are none. */
enum { VR_PLACES = 26 * 26 };
#define VR_PLACE(a, b) (((a) - 'A') * 26 + (b) - 'A')
extern const struct vr_row vr_rows[VR_PLACES];

/* What is not known is UN. */
static inline const struct vr_row *vr_row(uint16_t vr)
{
    unsigned a = (vr >> 8) - 'A', b = (vr & 0xFF) - 'A';
    const struct vr_row *row = &vr_rows[a < 26 && b < 26 ? a * 26 + b : VR_PLACE('U', 'N')];
    return row->vr ? row : &vr_rows[VR_PLACE('U', 'N')];
}

static inline bool vr_is_known(uint16_t vr)
{
    return vr_row(vr)->vr == vr;
}

static inline bool vr_is_text(const struct vr_row *row)
{
    return row->kind == VR_TEXTS || row->kind == VR_TEXT || row->kind == VR_NAMES || row->kind == VR_NUMERALS;
}

#endif
