/* charset.h - text of any Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 chapter 6 and annexes H to K) as UTF-8.
 *
 *     struct dicom_charset charset;
 *     dicom_charset_init(&charset, S("\\ISO 2022 IR 87"));            // value of (0008,0005), or null
 *     struct str name = dicom_charset_utf8(&charset, VR('P', 'N'), raw, arena);
 *
 * Knows the repertoires without code extensions, ISO 2022 switching with all escape sequences of the standard, GB18030,
 * GBK and UTF-8; and what is no defined term, but found in files all the same: Big5, Shift_JIS, EUC-JP, EUC-KR, some
 * windows-125x, KOI8-R. What cannot be decoded becomes U+FFFD; nothing fails. Names that say their character set in an
 * odd but unmistakable way ("ISO-IR 100", "ISO_IR_100", "ISO 2022 IR 100" alone) are understood.
 */
#ifndef ROENTGEN_DICOM_CHARSET_H
#define ROENTGEN_DICOM_CHARSET_H

#include "base/arena.h"

enum { DICOM_CHARSETS_MAX = 8 };
struct dicom_charset {
    int count;                              /* of values; 0: ISO IR 6 */
    unsigned char sets[DICOM_CHARSETS_MAX]; /* rows of charset.c's table */
    bool known;                             /* all values were */
};

void dicom_charset_init(struct dicom_charset *charset, struct str specific_character_set);
bool dicom_charset_equal(const struct dicom_charset *a, const struct dicom_charset *b);
/* Does text of this VR depend on the character set? */
bool dicom_charset_concerns(uint16_t vr);
/* What the first value is: none but ASCII; one byte for each character; that of a Latin alphabet. */
bool dicom_charset_is_ascii(const struct dicom_charset *charset);
bool dicom_charset_is_single(const struct dicom_charset *charset);
bool dicom_charset_is_latin(const struct dicom_charset *charset);
/* Only text VRs (LO LT PN SH ST UC UT) use the character set; others are taken as ASCII. Trailing padding (space, NUL)
 * is kept out. The result is a view of `raw` where that is UTF-8 already, else in the arena: at most 4 bytes for each
 * of raw. Valid UTF-8 in all cases. */
struct str dicom_charset_utf8(const struct dicom_charset *charset, uint16_t vr, struct str raw, struct arena *arena);

#endif
