/* digests.c - MD5 and SHA-256 of one stream, computed side by side. */
#include "base/crypto.h"

#include <assert.h>
#include <openssl/evp.h>

/* Both digests read a slice while it is in the first-level cache. */
enum { SLICE_BYTES = 16 * 1024 };

struct digests {
    EVP_MD_CTX *md5, *sha256;
};

static EVP_MD_CTX *begin(const EVP_MD *algorithm)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || !EVP_DigestInit_ex(context, algorithm, NULL))
        abort();
    return context;
}

struct digests *digests_new_sha256(void)
{
    struct digests *digests = calloc(1, sizeof(*digests));
    if (!digests)
        abort();
    digests->sha256 = begin(EVP_sha256());
    return digests;
}

struct digests *digests_new(void)
{
    struct digests *digests = digests_new_sha256();
    digests->md5 = begin(EVP_md5());
    return digests;
}

void digests_free(struct digests *digests)
{
    if (!digests)
        return;
    EVP_MD_CTX_free(digests->md5);
    EVP_MD_CTX_free(digests->sha256);
    free(digests);
}

void digests_update(struct digests *digests, const void *bytes, ptrdiff_t len)
{
    assert(len >= 0);
    for (const char *at = bytes; len > 0;) {
        size_t slice = len < SLICE_BYTES ? (size_t)len : SLICE_BYTES;
        if ((digests->md5 && !EVP_DigestUpdate(digests->md5, at, slice)) ||
            !EVP_DigestUpdate(digests->sha256, at, slice))
            abort();
        at += slice;
        len -= (ptrdiff_t)slice;
    }
}

static void finish_one(EVP_MD_CTX *context, char *out, int len)
{
    static const char hex_digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    *out = '\0';
    if (!context)
        return;
    if (!EVP_DigestFinal_ex(context, digest, NULL))
        abort();
    for (int i = 0; i < len; i++) {
        *out++ = hex_digits[digest[i] >> 4];
        *out++ = hex_digits[digest[i] & 15];
    }
    *out = '\0';
}

void digests_finish(struct digests *digests, char md5[MD5_TEXT + 1], char sha256[SHA256_TEXT + 1])
{
    finish_one(digests->md5, md5, MD5_BYTES);
    finish_one(digests->sha256, sha256, SHA256_BYTES);
}
