/* pinyin.c - the words of a name, and what is typed to find it. */
#include "base/pinyin.h"

#include "base/folding.h"
#include "base/han.h"

#include <string.h>
#include <unicode/uchar.h>

enum { SYLLABLES_MAX = 12, MIXED_MAX = 4, READ_IN_WAYS_MAX = 16 };

struct name {
    struct han_readings syllables[SYLLABLES_MAX];
    int count;
};

/* The next name of the text. False: there is none. */
static bool next_name(struct str *text, struct name *out)
{
    struct han_readings readings;
    out->count = 0;
    while (text->len) {
        uint32_t c = str_next_code_point(text);
        han_readings(c, &readings);
        if (readings.count && out->count < SYLLABLES_MAX)
            out->syllables[out->count++] = readings;
        else if (!readings.count && out->count && u_isalnum((UChar32)c))
            break;
    }
    return out->count > 0;
}

/* ---- words ---- */

/* One mixture: the syllables from `at` on, those in `whole` whole. */
struct mixture {
    const struct name *name;
    unsigned whole;
    int left; /* ways to read it that are still taken */
    char letters[SYLLABLES_MAX * HAN_SYLLABLE_MAX];
    struct arena *arena;
    struct pinyin_words *words;
};

static void put_word(const struct mixture *m, int len)
{
    struct pinyin_words *words = m->words;
    struct str word = { m->letters, len < PINYIN_WORD_MAX ? len : PINYIN_WORD_MAX };
    for (int i = 0; i < words->count; i++)
        if (str_equal(words->at[i], word))
            return;
    if (words->count < PINYIN_WORDS_MAX)
        words->at[words->count++] = arena_copy(m->arena, word);
}

/* In each way that its syllables are read, the commonest first. */
static void put_ways(struct mixture *m, int at, int len)
{
    if (at == m->name->count) {
        put_word(m, len);
        m->left--;
        return;
    }
    const struct han_readings *readings = &m->name->syllables[at];
    for (int i = 0; i < readings->count && m->left > 0; i++) {
        int letters = m->whole >> at & 1 ? (int)strlen(readings->at[i]) : 1;
        memcpy(m->letters + len, readings->at[i], (size_t)letters);
        put_ways(m, at + 1, len + letters);
    }
}

static void put_mixture(struct mixture *m, int from, unsigned whole)
{
    m->whole = whole | 1U << (m->name->count - 1);
    m->left = READ_IN_WAYS_MAX;
    put_ways(m, from, 0);
}

static void put_from(struct mixture *m, int from)
{
    int count = m->name->count - from;
    unsigned all = ~0U, none = 0, first = 1U << from;
    if (count <= MIXED_MAX) {
        for (unsigned whole = 1U << (count - 1); whole-- > 0;)
            put_mixture(m, from, whole << from);
        return;
    }
    const unsigned few[] = { all, none, first, first | first << 1 };
    for (size_t i = 0; i < sizeof(few) / sizeof(few[0]); i++)
        put_mixture(m, from, few[i]);
}

void pinyin_add(struct str folded, struct arena *arena, struct pinyin_words *words)
{
    struct name name;
    struct mixture m = { .name = &name, .arena = arena, .words = words };
    while (next_name(&folded, &name))
        for (int from = 0; from < name.count; from++)
            put_from(&m, from);
}

/* ---- what is typed ---- */

static bool is_between(uint32_t c)
{
    return c <= ' ' || (c < 0x80 && strchr("^,'-.", (int)c)) || c == 0xB7 || c == 0x2019 || u_isUWhiteSpace((UChar32)c);
}

struct str pinyin_wanted(struct str typed, struct arena *arena)
{
    enum { MARKS = 0x300, TWO_DOTS = 0x308, MARKS_END = 0x370 };
    struct str apart = folding_decompose(folding_text(typed, arena), arena);
    char *out = arena_alloc(arena, PINYIN_WORD_MAX + 1);
    ptrdiff_t len = 0;
    while (apart.len && len < PINYIN_WORD_MAX) {
        uint32_t c = str_next_code_point(&apart);
        c = c >= 'A' && c <= 'Z' ? c + 0x20 : c;
        if (c >= 'a' && c <= 'z')
            out[len++] = (char)c;
        else if (c == TWO_DOTS && len && out[len - 1] == 'u')
            out[len - 1] = 'v';
        else if (!is_between(c) && (c < MARKS || c >= MARKS_END))
            return STR_NULL;
    }
    return len ? (struct str){ out, len } : STR_NULL;
}
