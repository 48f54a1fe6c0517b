/* siphash.h - a keyed hash that a stranger cannot make collide. Private to kv/.
 *
 * SipHash-2-4 with a 128-bit result (Aumasson and Bernstein, 2012). The tables here keep the hash instead of the key:
 * with a random secret nobody can aim at another's entry, 128 bits do not meet by chance, and tokens do not rest in
 * memory.
 */
#ifndef ROENTGEN_KV_SIPHASH_H
#define ROENTGEN_KV_SIPHASH_H

#include "base/str.h"

struct sip_key {
    uint64_t k0, k1;
};
struct sip_hash {
    uint64_t a, b;
};

struct sip_hash siphash(struct sip_key key, struct str data);

#endif
