/* syntax.h - the transfer syntaxes (PS3.5 chapter 10, PS3.6 table A-1), one row each. */
#ifndef ROENTGEN_DICOM_SYNTAX_H
#define ROENTGEN_DICOM_SYNTAX_H

#include "base/str.h"

/* How a frame is encoded. */
enum dicom_coding {
    CODING_NATIVE,
    CODING_RLE,
    CODING_JPEG,     /* ISO 10918-1: baseline, extended, progressive, lossless; 8 to 16 bits */
    CODING_JPEG_LS,  /* ISO 14495-1 */
    CODING_JPEG2000, /* ISO 15444-1 and, high throughput, -15 */
    CODING_DEFLATED_FRAME,
    CODING_UNSUPPORTED, /* MPEG, JPIP ...: known by name, not decoded */
};

struct dicom_syntax {
    const char *uid, *name;
    bool implicit, big_endian, deflated, encapsulated;
    enum dicom_coding coding;
    bool lossy;             /* may be: the coding allows it */
    const char *media_type; /* of one encoded frame (PS3.18 table 8.7.3-2 and on) */
};

const struct dicom_syntax *dicom_syntax_find(struct str uid); /* NULL: unknown. Padding is ignored */
extern const struct dicom_syntax dicom_syntaxes[];
extern const int dicom_syntax_count;

#define UID_IMPLICIT_LITTLE "1.2.840.10008.1.2"
#define UID_EXPLICIT_LITTLE "1.2.840.10008.1.2.1"
#define UID_EXPLICIT_BIG "1.2.840.10008.1.2.2"

#endif
