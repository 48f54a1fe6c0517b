/* folding.c - a small face of libicu's unorm2, and the rules on top of it. */
#include "base/folding.h"

#include "base/han.h"

#include <unicode/uchar.h>
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

static bool in_range(uint32_t c, uint32_t first, uint32_t last)
{
    return c >= first && c <= last;
}

bool folding_is_east_asian(uint32_t point)
{
    return in_range(point, 0x1100, 0x11ff) || in_range(point, 0x2e80, 0x9fff) || in_range(point, 0xac00, 0xd7a3) ||
           in_range(point, 0xf900, 0xfaff) || in_range(point, 0x20000, 0x3ffff);
}

/* ---- what is searched ---- */

/* Katakana with a hiragana of the same sound stand 0x60 above it: letters, and the marks of repetition. */
static uint32_t to_hiragana(uint32_t c)
{
    return in_range(c, 0x30a1, 0x30f6) || in_range(c, 0x30fd, 0x30fe) ? c - 0x60 : c;
}

static bool is_space(uint32_t c)
{
    return c == '^' || c <= ' ' || in_range(c, 0x7f, 0xa0) || u_isUWhiteSpace((UChar32)c);
}

static struct str simplify(struct str folded, struct arena *arena)
{
    uint8_t *out = arena_alloc(arena, 3 * folded.len + 1);
    ptrdiff_t len = 0;
    bool space = false;
    for (uint32_t last = 0; folded.len;) {
        uint32_t c = to_hiragana(han_simplified(str_next_code_point(&folded)));
        if (is_space(c)) {
            space = len > 0;
            continue;
        }
        if (space && !(folding_is_east_asian(last) && folding_is_east_asian(c)))
            out[len++] = ' ';
        space = false;
        U8_APPEND_UNSAFE(out, len, c);
        last = c;
    }
    return (struct str){ (char *)out, len };
}

struct str folding_search(struct str text, struct arena *arena)
{
    if (is_ascii(text) && str_find(text, S("^")) < 0)
        return text;
    return simplify(folding_text(text, arena), arena);
}

/* ---- names ---- */

static bool is_between(uint32_t c)
{
    static const uint32_t punctuation = U_GC_P_MASK | U_GC_SK_MASK | U_GC_Z_MASK | U_GC_CC_MASK;
    return (U_MASK(u_charType((UChar32)c)) & punctuation) != 0;
}

struct str folding_name(struct str name, struct arena *arena)
{
    struct str folded = folding_text(name, arena);
    uint8_t *out = arena_alloc(arena, 3 * folded.len + 1);
    ptrdiff_t len = 0;
    while (folded.len) {
        uint32_t c = str_next_code_point(&folded);
        if (is_between(c))
            continue;
        c = in_range(c, 'A', 'Z') ? c + 0x20 : c;
        U8_APPEND_UNSAFE(out, len, c);
    }
    return len ? (struct str){ (char *)out, len } : STR_NULL;
}
