/* folding.c - a small face of libicu's unorm2. */
#include "base/folding.h"

#include <unicode/unorm2.h>
#include <unicode/ustring.h>

typedef const UNormalizer2 *open_normalizer(UErrorCode *status);

static bool is_ascii(struct str text)
{
    for (ptrdiff_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] >= 0x80)
            return false;
    return true;
}

static struct str normalize(struct str text, struct arena *arena, open_normalizer *open)
{
    UErrorCode status = U_ZERO_ERROR;
    int32_t len = 0, needed = 0;
    if (text.len > INT32_MAX / 64 || is_ascii(text))
        return text;
    const UNormalizer2 *normalizer = open(&status);
    UChar *units = arena_array(arena, UChar, text.len + 1);
    u_strFromUTF8WithSub(units, (int32_t)text.len + 1, &len, text.at, (int32_t)text.len, 0xFFFD, NULL, &status);
    if (U_FAILURE(status))
        return text;
    needed = unorm2_normalize(normalizer, units, len, NULL, 0, &status);
    if (status != U_BUFFER_OVERFLOW_ERROR)
        return STR_NULL; /* nothing is left */
    status = U_ZERO_ERROR;
    UChar *out = arena_array(arena, UChar, needed + 1);
    needed = unorm2_normalize(normalizer, units, len, out, needed + 1, &status);
    char *bytes = arena_alloc(arena, (ptrdiff_t)needed * 3 + 1);
    u_strToUTF8(bytes, needed * 3 + 1, &len, out, needed, &status);
    return U_FAILURE(status) ? text : (struct str){ bytes, len };
}

struct str folding_text(struct str text, struct arena *arena)
{
    return normalize(text, arena, unorm2_getNFKCCasefoldInstance);
}

struct str folding_decompose(struct str text, struct arena *arena)
{
    return normalize(text, arena, unorm2_getNFDInstance);
}
