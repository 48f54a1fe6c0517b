/* password.c - bcrypt by libxcrypt. */
#include "base/crypto.h"

#include <crypt.h>
#include <openssl/crypto.h>

/* bcrypt looks at 72 bytes; what is longer would be cut without a word. */
enum { PASSWORD_MAX = 72, BCRYPT_TEXT = 60, SALT_BYTES = 16 };

static bool fits_bcrypt(struct str password)
{
    return password.len <= PASSWORD_MAX && (password.len == 0 || !memchr(password.at, '\0', (size_t)password.len));
}

/* setting: a salt, or a hash whose salt is used again. crypt_data is 32 KiB: too much for a small stack. */
static bool bcrypt(struct str password, const char *setting, char out[BCRYPT_TEXT + 1])
{
    char text[PASSWORD_MAX + 1] = { 0 };
    if (password.len)
        memcpy(text, password.at, (size_t)password.len);
    struct crypt_data *work = calloc(1, sizeof(*work));
    if (!work)
        abort();
    const char *hash = crypt_r(text, setting, work);
    /* A failure token ("*0") is shorter than a hash. */
    bool good = hash && strlen(hash) == BCRYPT_TEXT;
    if (good)
        memcpy(out, hash, BCRYPT_TEXT + 1);
    OPENSSL_cleanse(text, sizeof(text));
    OPENSSL_cleanse(work, sizeof(*work));
    free(work);
    return good;
}

bool password_hash(struct str password, int cost, struct arena *arena, struct str *out, struct error *error)
{
    if (!fits_bcrypt(password))
        return error_set(error, E_INVALID, "a password has at most %d bytes and no NUL", PASSWORD_MAX);
    char random[SALT_BYTES], setting[CRYPT_GENSALT_OUTPUT_SIZE], hash[BCRYPT_TEXT + 1];
    crypto_random(random, sizeof(random));
    if (cost < 4 || cost > 31 ||
        !crypt_gensalt_rn("$2b$", (unsigned long)cost, random, sizeof(random), setting, sizeof(setting)) ||
        !bcrypt(password, setting, hash))
        return error_set(error, E_INTERNAL, "bcrypt with cost %d failed", cost);
    *out = arena_copy(arena, (struct str){ hash, BCRYPT_TEXT });
    return true;
}

bool password_matches(struct str password, struct str hash)
{
    /* $2a$ and $2y$ are the same function under the names older programs wrote. */
    if (!fits_bcrypt(password) || hash.len != BCRYPT_TEXT ||
        !(str_starts(hash, S("$2b$")) || str_starts(hash, S("$2a$")) || str_starts(hash, S("$2y$"))))
        return false;
    char setting[BCRYPT_TEXT + 1], again[BCRYPT_TEXT + 1];
    memcpy(setting, hash.at, BCRYPT_TEXT);
    setting[BCRYPT_TEXT] = '\0';
    return bcrypt(password, setting, again) && crypto_equal((struct str){ again, BCRYPT_TEXT }, hash);
}
