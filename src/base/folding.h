/* folding.h - text as it is compared: NFKC_Casefold (Unicode 3.13 D147, UAX #15) by libicu, and what is built on it.
 *
 * "STRASSE" and "Straße", composed and decomposed letters, full and half width, ligatures, final sigma: each pair is
 * one text. Characters that cannot be seen are dropped.
 *
 *     folding_text      of anything
 *     folding_search    of what is searched, and of what is searched for
 *     folding_name      of persons' names that may be one name
 *
 * What a newer libicu folds otherwise are characters that an older one did not know: what is assigned stays as it is
 * (Unicode Character Encoding Stability Policies, "Case Folding", "Normalization"). So text that was folded once and
 * kept need not be folded again for a new libicu.
 */
#ifndef ROENTGEN_FOLDING_H
#define ROENTGEN_FOLDING_H

#include "base/arena.h"

/* The folded text, in the arena; ASCII is given back as it is: its capitals are lowered by the caller. */
struct str folding_text(struct str text, struct arena *arena);

/* Folded, and:
 * - ^ is a space: it stands between the components of a DICOM name (PS3.5 6.2.1.2), where people write a space;
 * - runs of spaces are one space, and none between two characters of scripts that are written without: 山田 太郎 is 山田太郎;
 * - traditional Chinese characters are simplified ones (han.h): 張三 is 张三;
 * - katakana are hiragana. They are two ways to write one sound, and a reading is kept in either of them; the Japanese
 *   order of text tells them apart at its fourth level only (JIS X 4061, CLDR `ja`), so what compares by it, as the
 *   find of browsers and the usual collations of databases do, finds one by the other. Small kana and voice marks stay
 *   what they are.
 * ASCII without ^ is given back as it is, its capitals and its runs of spaces for the caller. */
struct str folding_search(struct str text, struct arena *arena);

/* Folded, without spaces and punctuation: "DOE^John", "Doe, John" and the same in full width are one name. Kana stay as
 * they are. Null when nothing is left. */
struct str folding_name(struct str name, struct arena *arena);

/* The text with its letters taken apart (NFD), nothing else changed. */
struct str folding_decompose(struct str text, struct arena *arena);

/* Han, kana, Hangul: family and given name are written together. */
bool folding_is_east_asian(uint32_t point);

#endif
