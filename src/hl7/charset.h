/* charset.h - the character sets of MSH-18 (HL7 v2.5.1, table 0211), to UTF-8 and back.
 *
 *     const struct hl7_charset *charset = hl7_charset(S("GB 18030-2000"));     // NULL: not known here
 *     if (!hl7_charset_decode(charset, bytes, &arena, &text)) ...              // bytes that are no text of it
 *
 * Known: ASCII, 8859/1 to 8859/9, 8859/15, GB 18030-2000, BIG-5, UNICODE UTF-8; and what is written for them all the
 * same ("UTF-8", "GBK", "ISO8859-1"). Nothing is mended: what is not of the character set is refused.
 */
#ifndef ROENTGEN_HL7_CHARSET_H
#define ROENTGEN_HL7_CHARSET_H

#include "base/arena.h"

struct hl7_charset {
    const char *name;       /* of table 0211 */
    const char *iconv_name; /* NULL: ASCII, or UTF-8 */
    bool is_ascii;
    /* Of two bytes the second may be a separator's: '|' and '\' are among those of GB 18030 and Big5. */
    bool hides_separators;
};

const struct hl7_charset *hl7_charset(struct str name);
bool hl7_charset_decode(const struct hl7_charset *charset, struct str bytes, struct arena *arena, struct str *out);
/* Of UTF-8. False: it has characters that the set does not. */
bool hl7_charset_encode(const struct hl7_charset *charset, struct str text, struct arena *arena, struct str *out);

#endif
