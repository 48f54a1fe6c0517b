/* seal.c - one column's value, encrypted and bound to its place (AES-256-GCM, NIST SP 800-38D).
 *
 *   base64( version 1 | nonce 12 | ciphertext | tag 16 )
 *
 * Nonces are random: 96 bits are enough for 2^32 values under one key (SP 800-38D 8.3). */
#include "base/crypto.h"

#include <assert.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { SEAL_VERSION = 1, NONCE_BYTES = 12, TAG_BYTES = 16, HEAD_BYTES = 1 + NONCE_BYTES };

static const unsigned char *bytes_of(struct str s)
{
    return (const unsigned char *)(s.at ? s.at : "");
}

struct str crypto_seal(const struct key *key, struct str context, struct str plain, struct arena *arena)
{
    ptrdiff_t len = HEAD_BYTES + plain.len + TAG_BYTES;
    assert(plain.len < INT_MAX && context.len < INT_MAX);
    unsigned char *sealed = arena_alloc(arena, len), *body = sealed + HEAD_BYTES;
    sealed[0] = SEAL_VERSION;
    crypto_random(sealed + 1, NONCE_BYTES);
    int done;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (!cipher || !EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, sealed + 1) ||
        !EVP_EncryptUpdate(cipher, NULL, &done, bytes_of(context), (int)context.len) ||
        !EVP_EncryptUpdate(cipher, body, &done, bytes_of(plain), (int)plain.len) ||
        !EVP_EncryptFinal_ex(cipher, body + plain.len, &done) ||
        !EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, body + plain.len))
        abort();
    EVP_CIPHER_CTX_free(cipher);
    return crypto_base64((struct str){ (const char *)sealed, len }, arena);
}

bool crypto_open(const struct key *key, struct str context, struct str sealed, struct arena *arena, struct str *out)
{
    struct str raw;
    if (!crypto_unbase64(sealed, arena, &raw) || raw.len < HEAD_BYTES + TAG_BYTES || raw.len >= INT_MAX ||
        raw.at[0] != SEAL_VERSION)
        return false;
    assert(context.len < INT_MAX);
    ptrdiff_t len = raw.len - HEAD_BYTES - TAG_BYTES;
    const unsigned char *bytes = bytes_of(raw);
    unsigned char *plain = arena_alloc(arena, len + 1), tag[TAG_BYTES];
    memcpy(tag, bytes + HEAD_BYTES + len, TAG_BYTES);
    int done;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (!cipher || !EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, bytes + 1) ||
        !EVP_DecryptUpdate(cipher, NULL, &done, bytes_of(context), (int)context.len) ||
        !EVP_DecryptUpdate(cipher, plain, &done, bytes + HEAD_BYTES, (int)len) ||
        !EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag))
        abort();
    bool genuine = EVP_DecryptFinal_ex(cipher, plain + len, &done) == 1;
    EVP_CIPHER_CTX_free(cipher);
    if (genuine)
        *out = (struct str){ (const char *)plain, len };
    else
        OPENSSL_cleanse(plain, (size_t)len); /* what a wrong key made is nobody's to read */
    return genuine;
}
