/* key_text.c - keys of machines: made, and told from what is none. */
#include "site/key_text.h"

#include "base/crypto.h"

enum { HEAD = 3, CHECK_LEN = 6, BODY_LEN = KEY_TEXT_LEN - CHECK_LEN };

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
enum { BASE = 62, FAIR = 256 - 256 % BASE };

/* ISO 3309, as PNG (15.2) and zlib have it. */
static uint32_t crc32_of(const char *at, ptrdiff_t len)
{
    uint32_t crc = UINT32_MAX;
    for (ptrdiff_t i = 0; i < len; i++) {
        crc ^= (unsigned char)at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xEDB88320) : 0);
    }
    return ~crc;
}

static void put_check(char *key)
{
    uint32_t crc = crc32_of(key, BODY_LEN);
    for (int i = KEY_TEXT_LEN - 1; i >= BODY_LEN; i--, crc /= BASE)
        key[i] = digits[crc % BASE];
}

/* Each digit as likely as any other: bytes from FAIR on are thrown away. */
struct str key_text_make(struct arena *arena)
{
    char *key = arena_alloc(arena, KEY_TEXT_LEN + 1);
    memcpy(key, "rg_", HEAD);
    for (int filled = HEAD; filled < BODY_LEN;) {
        unsigned char bytes[64];
        crypto_random(bytes, (ptrdiff_t)sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes) && filled < BODY_LEN; i++)
            if (bytes[i] < FAIR)
                key[filled++] = digits[bytes[i] % BASE];
    }
    put_check(key);
    return (struct str){ key, KEY_TEXT_LEN };
}

bool key_text_is_whole(struct str text)
{
    char key[KEY_TEXT_LEN];
    if (text.len != KEY_TEXT_LEN || !key_text_is_key(text))
        return false;
    memcpy(key, text.at, KEY_TEXT_LEN);
    put_check(key);
    return !memcmp(key, text.at, KEY_TEXT_LEN);
}

struct str key_text_prefix(struct str key)
{
    return str_slice(key, 0, KEY_PREFIX_LEN);
}
