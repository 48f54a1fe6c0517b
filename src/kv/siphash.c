/* siphash.c - SipHash-2-4-128. */
#include "kv/siphash.h"

struct state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static void rounds(struct state *s, int count)
{
    for (int i = 0; i < count; i++) {
        s->v0 += s->v1;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v2 = rotate(s->v2, 32);
    }
}

/* Up to eight bytes, least significant first. */
static uint64_t load(const char *at, ptrdiff_t len)
{
    uint64_t word = 0;
    for (ptrdiff_t i = 0; i < len; i++)
        word |= (uint64_t)(unsigned char)at[i] << (8 * i);
    return word;
}

static void absorb(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    rounds(s, 2);
    s->v0 ^= word;
}

struct sip_hash siphash(struct sip_key key, struct str data)
{
    struct state s = { key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d ^ 0xee, key.k0 ^ 0x6c7967656e657261,
                       key.k1 ^ 0x7465646279746573 };
    ptrdiff_t whole = data.len & ~(ptrdiff_t)7;
    for (ptrdiff_t i = 0; i < whole; i += 8)
        absorb(&s, load(data.at + i, 8));
    uint64_t rest = data.len > whole ? load(data.at + whole, data.len - whole) : 0;
    absorb(&s, rest | (uint64_t)data.len << 56);
    struct sip_hash hash;
    s.v2 ^= 0xee;
    rounds(&s, 4);
    hash.a = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    s.v1 ^= 0xdd;
    rounds(&s, 4);
    hash.b = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    return hash;
}
