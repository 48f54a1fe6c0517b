/* crypto.c - random numbers, SHA-256, HMAC, key derivation, and bytes as text (hexadecimal, base64). */
#include "base/crypto.h"

#include <assert.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <sys/random.h>

static const char hex_digits[] = "0123456789abcdef";

void crypto_random(void *out, ptrdiff_t len)
{
    assert(len >= 0);
    for (char *at = out; len > 0;) {
        ssize_t got = getrandom(at, (size_t)len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort(); /* nothing here is safe without random numbers */
        at += got;
        len -= got;
    }
}

void crypto_hex_write(char *out, const void *from, ptrdiff_t len)
{
    const unsigned char *bytes = from;
    for (ptrdiff_t i = 0; i < len; i++) {
        out[2 * i] = hex_digits[bytes[i] >> 4];
        out[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
}

void crypto_uuid_mark(unsigned char bytes[UUID_BYTES])
{
    bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x40); /* version 4 */
    bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80); /* variant, RFC 9562 4.1 */
}

void crypto_uuid_write(const unsigned char bytes[UUID_BYTES], char out[UUID_TEXT + 1])
{
    crypto_hex_write(out, bytes, 4);
    crypto_hex_write(out + 9, bytes + 4, 2);
    crypto_hex_write(out + 14, bytes + 6, 2);
    crypto_hex_write(out + 19, bytes + 8, 2);
    crypto_hex_write(out + 24, bytes + 10, 6);
    out[8] = out[13] = out[18] = out[23] = '-';
    out[UUID_TEXT] = '\0';
}

void crypto_uuid(char out[UUID_TEXT + 1])
{
    unsigned char bytes[UUID_BYTES];
    crypto_random(bytes, sizeof(bytes));
    crypto_uuid_mark(bytes);
    crypto_uuid_write(bytes, out);
}

struct str crypto_uuid_text(struct arena *arena)
{
    char text[UUID_TEXT + 1];
    crypto_uuid(text);
    return arena_copy(arena, (struct str){ text, UUID_TEXT });
}

bool crypto_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.at, b.at, (size_t)a.len) == 0);
}

void crypto_sha256(struct str data, unsigned char out[SHA256_BYTES])
{
    if (!EVP_Digest(data.at, (size_t)data.len, out, NULL, EVP_sha256(), NULL))
        abort(); /* only without memory, or with a libcrypto that has no SHA-256 */
}

struct str crypto_sha256_hex(struct str data, struct arena *arena)
{
    unsigned char digest[SHA256_BYTES];
    crypto_sha256(data, digest);
    return crypto_hex(digest, sizeof(digest), arena);
}

void crypto_hmac_sha256(const struct key *key, struct str data, unsigned char out[SHA256_BYTES])
{
    const unsigned char *bytes = (const unsigned char *)(data.at ? data.at : "");
    if (!HMAC(EVP_sha256(), key->bytes, KEY_BYTES, bytes, (size_t)data.len, out, NULL))
        abort();
}

struct str crypto_hmac_hex(const struct key *key, struct str data, struct arena *arena)
{
    unsigned char code[SHA256_BYTES];
    crypto_hmac_sha256(key, data, code);
    return crypto_hex(code, sizeof(code), arena);
}

/* RFC 5869 with no salt: SECRET_KEY is random already. */
void crypto_derive(struct str secret, const char *label, struct key *out)
{
    char digest[] = "SHA256";
    union {
        const char *given;
        char *wanted; /* OSSL_PARAM is not const, though these are only read */
    } ikm = { secret.at ? secret.at : "" }, info = { label };
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, ikm.wanted, (size_t)secret.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.wanted, strlen(label)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    if (!context || EVP_KDF_derive(context, out->bytes, KEY_BYTES, params) != 1)
        abort();
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

struct str crypto_hex(const void *bytes, ptrdiff_t len, struct arena *arena)
{
    char *text = arena_alloc_array(arena, len, 2);
    crypto_hex_write(text, bytes, len);
    return (struct str){ text, 2 * len };
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool crypto_unhex(struct str hex, void *out, ptrdiff_t len)
{
    if (hex.len % 2 || hex.len / 2 != len)
        return false;
    for (ptrdiff_t i = 0; i < hex.len; i++) {
        if (hex_value(hex.at[i]) < 0)
            return false;
    }
    unsigned char *bytes = out;
    for (ptrdiff_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)(hex_value(hex.at[2 * i]) * 16 + hex_value(hex.at[2 * i + 1]));
    return true;
}

#define BASE64_COMMON "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static struct str base64_encode(struct str bytes, const char *alphabet, bool padded, struct arena *arena)
{
    char *text = arena_alloc_array(arena, (bytes.len + 2) / 3, 4), *to = text;
    const unsigned char *from = (const unsigned char *)bytes.at;
    for (ptrdiff_t i = 0; i < bytes.len; i += 3) {
        ptrdiff_t left = bytes.len - i;
        unsigned group = (unsigned)from[i] << 16;
        if (left > 1)
            group |= (unsigned)from[i + 1] << 8;
        if (left > 2)
            group |= from[i + 2];
        *to++ = alphabet[group >> 18];
        *to++ = alphabet[group >> 12 & 63];
        if (left > 1 || padded)
            *to++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
        if (left > 2 || padded)
            *to++ = left > 2 ? alphabet[group & 63] : '=';
    }
    return (struct str){ text, to - text };
}

struct str crypto_base64(struct str bytes, struct arena *arena)
{
    return base64_encode(bytes, BASE64_COMMON "+/", true, arena);
}

struct str crypto_token(struct arena *arena, ptrdiff_t random_bytes)
{
    char *bytes = arena_alloc(arena, random_bytes);
    crypto_random(bytes, random_bytes);
    return base64_encode((struct str){ bytes, random_bytes }, BASE64_COMMON "-_", false, arena);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool crypto_unbase64(struct str text, struct arena *arena, struct str *out)
{
    if (text.len % 4)
        return false;
    ptrdiff_t padding = 0;
    while (padding < 2 && padding < text.len && text.at[text.len - 1 - padding] == '=')
        padding++;
    ptrdiff_t digits = text.len - padding, len = text.len / 4 * 3 - padding;
    unsigned char *bytes = arena_alloc(arena, len + 1);
    unsigned group = 0;
    ptrdiff_t made = 0;
    for (ptrdiff_t i = 0; i < digits; i++) {
        int value = base64_value(text.at[i]);
        if (value < 0)
            return false;
        group = (group << 6 | (unsigned)value) & 0xFFFFFF;
        if (i % 4) /* digits 1, 2, 3 of a group complete one byte each */
            bytes[made++] = (unsigned char)(group >> (6 - 2 * (i % 4)));
    }
    /* Bits left over must be zero, so that each value has one text only (RFC 4648 3.5). */
    if ((padding == 1 && (group & 3)) || (padding == 2 && (group & 15)))
        return false;
    assert(made == len);
    *out = (struct str){ (const char *)bytes, len };
    return true;
}
