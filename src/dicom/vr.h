/* vr.h - what each value representation holds (PS3.5 table 6.2-1), one row each; for those who print values of any kind. */
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
    uint16_t vr;
    enum vr_kind kind;
    int width;        /* bytes of one value, or of one word that byte order turns round; text: 1 */
    bool may_be_bulk; /* PS3.18 F.2.6: its value may be given by reference */
};

const struct vr_row *vr_row(uint16_t vr); /* what is not known is UN */

#endif
