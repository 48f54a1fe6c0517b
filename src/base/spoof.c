/* spoof.c - a small face of libicu's unorm2 and uspoof. */
#include "base/spoof.h"

#include <pthread.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uspoof.h>
#include <unicode/ustring.h>

enum { UNITS_MAX = SPOOF_MAX_BYTES * 4 }; /* NFKC of one UTF-16 unit has 18 at most, of a name's letters one or two */

static pthread_once_t opened = PTHREAD_ONCE_INIT;
static USpoofChecker *checker;
static const UNormalizer2 *folding;

static void open_tables(void)
{
    UErrorCode status = U_ZERO_ERROR;
    folding = unorm2_getNFKCCasefoldInstance(&status);
    checker = uspoof_open(&status);
    if (U_SUCCESS(status)) {
        uspoof_setRestrictionLevel(checker, USPOOF_HIGHLY_RESTRICTIVE);
        uspoof_setChecks(checker, USPOOF_RESTRICTION_LEVEL | USPOOF_INVISIBLE | USPOOF_MIXED_NUMBERS, &status);
    }
    if (U_FAILURE(status))
        abort(); /* libicu without its data */
}

/* U+200B, soft hyphens, direction marks, variation selectors: there, but not to be seen. */
static bool is_unseen(uint32_t c)
{
    static const uint32_t refused =
        U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CS_MASK | U_GC_CO_MASK | U_GC_CN_MASK | U_GC_ZL_MASK | U_GC_ZP_MASK;
    uint32_t category = U_MASK(u_charType((UChar32)c));
    return (category & refused) || (c != ' ' && (category & U_GC_ZS_MASK)) ||
           u_hasBinaryProperty((UChar32)c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT);
}

/* Strokes and slashes that are drawn over the letter before (Unicode combining class 1, Overlay), rings and boxes
 * around it: no script writes names with them. */
static bool is_drawn_over(uint32_t c)
{
    return u_getCombiningClass((UChar32)c) == 1 || u_charType((UChar32)c) == U_ENCLOSING_MARK;
}

/* The long s is an s to folding, and an f to the eye. */
static void read_long_s(UChar *text, int32_t len)
{
    enum { LONG_S = 0x017F, LONG_S_WITH_DOT = 0x1E9B, F_WITH_DOT = 0x1E1F };
    for (int32_t i = 0; i < len; i++)
        text[i] = text[i] == LONG_S ? 'f' : text[i] == LONG_S_WITH_DOT ? F_WITH_DOT : text[i];
}

const char *spoof_unfit(struct str name)
{
    UErrorCode status = U_ZERO_ERROR;
    if (name.len > SPOOF_MAX_BYTES || !str_is_utf8(name))
        return "is no text, or too long";
    for (struct str rest = name; rest.len;) {
        uint32_t c = str_next_code_point(&rest);
        if (is_unseen(c))
            return "holds characters that cannot be seen";
        if (is_drawn_over(c))
            return "holds marks that are drawn over letters";
    }
    pthread_once(&opened, open_tables);
    if (uspoof_checkUTF8(checker, name.at, (int32_t)name.len, NULL, &status) || U_FAILURE(status))
        return "mixes letters of different scripts that look alike";
    return NULL;
}

struct str spoof_skeleton(struct str name, struct arena *arena)
{
    UErrorCode status = U_ZERO_ERROR;
    int32_t len = 0;
    if (name.len > SPOOF_MAX_BYTES || !str_is_utf8(name))
        return STR_NULL;
    pthread_once(&opened, open_tables);
    UChar *text = arena_array(arena, UChar, UNITS_MAX), *folded = arena_array(arena, UChar, UNITS_MAX);
    u_strFromUTF8(text, UNITS_MAX, &len, name.at, (int32_t)name.len, &status);
    read_long_s(text, U_SUCCESS(status) ? len : 0);
    len = unorm2_normalize(folding, text, len, folded, UNITS_MAX, &status);
    len = uspoof_getSkeleton(checker, 0, folded, len, text, UNITS_MAX, &status);
    /* Characters may look like capital letters: 0 like O, which is the same name as with an o. */
    len = u_strFoldCase(folded, UNITS_MAX, text, len, U_FOLD_CASE_DEFAULT, &status);
    char *out = arena_alloc(arena, UNITS_MAX * 3);
    u_strToUTF8(out, UNITS_MAX * 3, &len, folded, len, &status);
    return U_FAILURE(status) ? STR_NULL : (struct str){ out, len };
}
