/* folding.h - text as it is compared: NFKC_Casefold (Unicode 3.13 D147, UAX #15) by libicu.
 *
 * "STRASSE" and "Straße", composed and decomposed letters, full and half width, ligatures, final sigma: each pair is one
 * text. Characters that cannot be seen are dropped. ASCII is lowered by the caller and never meets libicu.
 */
#ifndef ROENTGEN_FOLDING_H
#define ROENTGEN_FOLDING_H

#include "base/arena.h"

/* The folded text, in the arena; ASCII is given back as it is. */
struct str folding_text(struct str text, struct arena *arena);

/* The text with its letters taken apart (NFD), nothing else changed. */
struct str folding_decompose(struct str text, struct arena *arena);

#endif
