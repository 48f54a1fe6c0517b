/* webhook_sign.c - see webhook_sign.h. */
#include "webhook/webhook_sign.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

bool webhook_key(struct str secret, struct arena *arena, struct str *key)
{
    struct str prefix = S("whsec_");
    if (str_starts(secret, prefix))
        secret = str_slice(secret, prefix.len, secret.len);
    return crypto_unbase64(secret, arena, key) && key->len >= WEBHOOK_KEY_MIN && key->len <= WEBHOOK_KEY_MAX;
}

struct str webhook_sign(struct str key, struct str id, int64_t at_s, struct str body, struct arena *arena)
{
    unsigned char mac[SHA256_BYTES];
    unsigned int len = sizeof(mac);
    struct str text = arena_format(arena, "%.*s.%" PRId64 ".%.*s", STR_FMT(id), at_s, STR_FMT(body));
    if (!HMAC(EVP_sha256(), key.at, (int)key.len, (const unsigned char *)text.at, (size_t)text.len, mac, &len))
        abort();
    struct str code = crypto_base64((struct str){ (const char *)mac, SHA256_BYTES }, arena);
    return arena_format(arena, "v1,%.*s", STR_FMT(code));
}
