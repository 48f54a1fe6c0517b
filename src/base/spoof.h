/* spoof.h - names that could be taken for others, by the tables of Unicode Technical Standard #39 (libicu's uspoof).
 *
 *     const char *unfit = spoof_unfit(name);
 *     if (unfit)
 *         ... refuse: "holds characters that cannot be seen" ...
 *     struct str skeleton = spoof_skeleton(name, &arena);
 *     ... two names with the same skeleton look the same: keep it in a unique column ...
 *
 * ICU's tables are opened by the first call, not at start.
 */
#ifndef ROENTGEN_SPOOF_H
#define ROENTGEN_SPOOF_H

#include "base/arena.h"

enum { SPOOF_MAX_BYTES = 1000 };

/* Why nobody should be called so, as the end of a sentence that begins with "it"; NULL: there is nothing against it.
 * Controls, line ends, characters without width or that turn the direction, spaces other than U+0020, unassigned and
 * private ones; strokes over letters and frames around them; scripts that are not written together (Latin and
 * Cyrillic; but Han goes with Latin, kana, Bopomofo and Hangul: UTS #39 5.2 "highly restrictive"), digits of two
 * scripts. */
const char *spoof_unfit(struct str name);

/* What the name looks like: compatibility forms (full-width letters) and case folded (UAX #15, UTS #46), then each
 * character (but the long s first of all, which folding makes an s) replaced by the simplest one that looks like it
 * (UTS #39 4). Null: the name is longer than SPOOF_MAX_BYTES, or not UTF-8. Not for showing: "chief" has the skeleton
 * "chief", "admin" that of "adrnin", "leo" that of "le0".
 *
 * Digits that stand for letters without looking like them (ch1ef, 5ara, m4ria) have skeletons of their own. The tables
 * take 1 for l, but an i is no l: if it were, mali and mail would be one name; and whoever reads 5 for s cannot tell
 * user5 from users. */
struct str spoof_skeleton(struct str name, struct arena *arena);

#endif
