/* crypto.h - random numbers, digests, and sealing, over OpenSSL's libcrypto.
 *
 * Keys: one SECRET_KEY setting; every use derives its own key with HKDF-SHA-256 and a label, so that a token
 * key never seals a phone number. Comparison of secrets goes through crypto_equal.
 */
#ifndef ROENTGEN_CRYPTO_H
#define ROENTGEN_CRYPTO_H

#include "base/arena.h"
#include "base/error.h"

enum {
    SHA256_BYTES = 32,
    MD5_BYTES = 16,
    KEY_BYTES = 32,
    UUID_BYTES = 16,
    UUID_TEXT = 36,
    SHA256_TEXT = 64,
    MD5_TEXT = 32
};

struct key {
    unsigned char bytes[KEY_BYTES];
};

void crypto_random(void *out, ptrdiff_t len); /* aborts when the system has none */
/* UUIDs of version 4 (RFC 9562 5.4), as text in lower case, NUL-terminated. */
void crypto_uuid(char out[UUID_TEXT + 1]);
struct str crypto_uuid_text(struct arena *arena);
/* The same in two steps: of sixteen random bytes, and as text. */
void crypto_uuid_mark(unsigned char bytes[UUID_BYTES]);
void crypto_uuid_write(const unsigned char bytes[UUID_BYTES], char out[UUID_TEXT + 1]);
struct str crypto_token(struct arena *arena, ptrdiff_t random_bytes); /* URL-safe base64 without padding */
bool crypto_equal(struct str a, struct str b);                        /* time depends on the lengths only */

void crypto_sha256(struct str data, unsigned char out[SHA256_BYTES]);
struct str crypto_sha256_hex(struct str data, struct arena *arena);
void crypto_hmac_sha256(const struct key *key, struct str data, unsigned char out[SHA256_BYTES]);
struct str crypto_hmac_hex(const struct key *key, struct str data, struct arena *arena);
void crypto_derive(struct str secret, const char *label, struct key *out); /* HKDF-SHA-256 */

struct str crypto_hex(const void *bytes, ptrdiff_t len, struct arena *arena); /* lower case */
void crypto_hex_write(char *out, const void *bytes, ptrdiff_t len);           /* the same: 2*len digits, no NUL */
bool crypto_unhex(struct str hex, void *out, ptrdiff_t len);                  /* exactly 2*len digits */
struct str crypto_base64(struct str bytes, struct arena *arena);
bool crypto_unbase64(struct str text, struct arena *arena, struct str *out); /* RFC 4648 4, padding required */

/* AES-256-GCM. Sealed text: base64 of version(1) nonce(12) ciphertext tag(16). `context` is bound in: a value
 * sealed for "patients.phone" does not open as "patients.email". False: wrong key, context or damage. */
struct str crypto_seal(const struct key *key, struct str context, struct str plain, struct arena *arena);
bool crypto_open(const struct key *key, struct str context, struct str sealed, struct arena *arena, struct str *out);

/* MD5 (an image file's file_hash) and SHA-256 of one stream, fed in pieces. */
struct digests;
struct digests *digests_new(void);
struct digests *digests_new_sha256(void);   /* without MD5, whose text stays empty */
void digests_free(struct digests *digests); /* takes NULL */
void digests_update(struct digests *digests, const void *bytes, ptrdiff_t len);
void digests_finish(struct digests *digests, char md5[MD5_TEXT + 1], char sha256[SHA256_TEXT + 1]);

/* bcrypt ($2b$), by libxcrypt. Slow on purpose: never on an I/O thread. Passwords over 72 bytes or holding
 * NUL are refused with E_INVALID, not cut. */
bool password_hash(struct str password, int cost, struct arena *arena, struct str *out, struct error *error);
bool password_matches(struct str password, struct str hash); /* false for any hash it cannot read */

#endif
