/* uid.c - see uid.h. */
#include "dicom/uid.h"

#include "base/crypto.h"

bool uid_is_legal(struct str uid)
{
    bool digit = false;
    int dots = 0;
    for (ptrdiff_t i = 0; i < uid.len; i++) {
        char c = uid.at[i];
        if (c == '.' ? !digit : c < '0' || c > '9')
            return false;
        digit = c != '.';
        dots += !digit;
    }
    return digit && dots > 0 && uid.len <= UID_MAX;
}

/* Divides the number by ten; what is left over. */
static unsigned next_digit(unsigned char number[UUID_BYTES], bool *more)
{
    unsigned rest = 0;
    *more = false;
    for (int i = 0; i < UUID_BYTES; i++) {
        rest = rest << 8 | number[i];
        number[i] = (unsigned char)(rest / 10);
        rest %= 10;
        *more = *more || number[i];
    }
    return rest;
}

static struct str uid_write(unsigned char number[UUID_BYTES], struct arena *arena)
{
    enum { DIGITS_MAX = 39 }; /* of 128 bits */
    char text[DIGITS_MAX];
    int first = DIGITS_MAX;
    for (bool more = true; more;)
        text[--first] = (char)('0' + next_digit(number, &more));
    return arena_format(arena, "2.25.%.*s", DIGITS_MAX - first, text + first);
}

struct str uid_make(struct arena *arena)
{
    unsigned char number[UUID_BYTES];
    crypto_random(number, UUID_BYTES);
    crypto_uuid_mark(number);
    return uid_write(number, arena);
}

struct str uid_of(struct str seed, struct arena *arena)
{
    unsigned char number[SHA256_BYTES];
    crypto_sha256(seed, number);
    crypto_uuid_mark(number);
    number[6] = (unsigned char)((number[6] & 0x0F) | 0x80); /* version 8: our own way */
    return uid_write(number, arena);
}
