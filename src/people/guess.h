/* guess.h - how soon would this password be tried?
 *
 * An estimate of the base-two logarithm of how many guesses come first, by whoever knows how people choose: it is the
 * cheapest way to put the password together of
 *
 *   words and usual passwords   words/passwords.txt knows how soon each is tried; letters may be digits (p4ssw0rd)
 *   keyboard walks              qwertz.., 1qaz, zaq12wsx: each key next to the one before
 *   runs                        12345, abcdef, 7777
 *   years                       1900 to 2059
 *   the piece before, again     hunter2hunter2
 *   single characters
 *
 * in the manner of D. Wheeler, "zxcvbn: Low-Budget Password Strength Estimation", USENIX Security 2016.
 *
 *     guess_bits(S("p4ssw0rd2024"))        // less than 30: password.c refuses it
 *     guess_bits(S("brave-otter-9174"))    // more
 *
 * A pure function over tables that are built in: it cannot fail, and keeps nothing of the password.
 */
#ifndef ROENTGEN_GUESS_H
#define ROENTGEN_GUESS_H

#include "base/str.h"

enum { GUESS_MAX_BYTES = 72 };
double guess_bits(struct str password); /* looks at the first GUESS_MAX_BYTES bytes */

#endif
