/* key_text.h - how the key of a machine is written.
 *
 *     rg_ 4fT9aQzL 3mC0vK7xwD2bYp8uJ5hRnE6sG1tXoAiZ 0kQ3Vd
 *      |  prefix 8 secret 32                        check sum 6
 *
 * Letters and digits only (base 62), so that a double click takes all of it, and it goes into a header, an environment
 * or a URL unchanged. Of 40 random characters the first eight are shown to people, and say which key it is; the other
 * 32 are 190 bits that nobody guesses. The last six are the CRC-32 (of zlib and PNG) of everything before them, in base
 * 62 with leading zeros: whoever types a key, or looks through source text for keys that have got about, knows without
 * asking anybody that it is one: `rg_[0-9A-Za-z]{46}`.
 *
 *     struct str key = key_text_make(&c->arena);
 *     key_text_prefix(key)                       // "rg_4fT9aQzL"
 *     if (!key_text_is_whole(key)) ...           // typed wrong, or cut
 *
 * What is kept of a key is its SHA-256 (people/api_key.h).
 */
#ifndef ROENTGEN_KEY_TEXT_H
#define ROENTGEN_KEY_TEXT_H

#include "base/arena.h"

enum { KEY_PREFIX_LEN = 11, KEY_TEXT_LEN = 49 };

struct str key_text_make(struct arena *arena);
/* Does it begin as keys do? Tokens of sessions do not. */
static inline bool key_text_is_key(struct str text)
{
    return str_starts(text, S("rg_"));
}
bool key_text_is_whole(struct str text);
struct str key_text_prefix(struct str key);

#endif
