/* search.c - substring search through full-text indexes.
 *
 * Every pair of neighbouring code points becomes a word, the last one paired with nothing; then any substring of two or
 * more is a phrase of words that follow each other, and a single code point is the beginning of a word. A phrase cannot
 * run from one text of a row into the next, because the word that ends a text never stands in a query.
 *
 *   code point < 1152            2 digits, the first 0..v    Latin, Greek, Cyrillic, ...
 *   the next 139968              w x y and 3 digits          the rest of planes 0 and 1, part of 2
 *   all others                   z and 4 digits
 *
 * A Chinese name has the words of its pinyin beside them, each behind 01, with which no pair begins (it is U+0001,
 * which is a space here): what is typed in Latin letters is the beginning of one of those, too.
 *
 * The digits are base 36, the code is prefix-free, and the shortest word has four letters: InnoDB indexes words of 3 to
 * 84.
 */
#include "base/folding.h"
#include "base/pinyin.h"
#include "db/driver.h"

enum {
    SEARCH_WANTED_MAX = 100,    /* code points of a query; what follows is not looked at */
    SEARCH_INDEXED_MAX = 65536, /* code points of a row */
    SHORT_CODES = 32 * 36,
    LONG_CODES = 3 * 36 * 36 * 36,
    TYPED_MAX = 1000, /* bytes of a query that may be pinyin */
    CODE_MAX = 5,
    WORD_MAX = 2 * CODE_MAX + 1
};

#define PINYIN "01"

/* ---- folding ---- */

static bool in_range(uint32_t c, uint32_t first, uint32_t last)
{
    return c >= first && c <= last;
}

/* Pairs of capital and small letter that follow each other, capitals even or odd. */
static uint32_t fold_alternating(uint32_t c)
{
    if (in_range(c, 0x100, 0x12F) || in_range(c, 0x132, 0x137) || in_range(c, 0x14A, 0x177) ||
        in_range(c, 0x460, 0x481) || in_range(c, 0x48A, 0x4BF) || in_range(c, 0x4D0, 0x52F) ||
        in_range(c, 0x1E00, 0x1E95) || in_range(c, 0x1EA0, 0x1EFF))
        return c | 1;
    if (in_range(c, 0x139, 0x148) || in_range(c, 0x179, 0x17E) || in_range(c, 0x4C1, 0x4CE))
        return c + (c & 1);
    return c;
}

/* Simple case folding (Unicode CaseFolding.txt, status C and S) of Latin, Greek and Cyrillic, and width. */
static uint32_t fold(uint32_t c)
{
    if (in_range(c, 0xFF01, 0xFF5E)) /* full-width ASCII */
        c -= 0xFEE0;
    if (in_range(c, 'A', 'Z') || (in_range(c, 0xC0, 0xDE) && c != 0xD7))
        return c + 0x20;
    if (c < 0x100)
        return c;
    if (in_range(c, 0x391, 0x3AB) && c != 0x3A2)
        return c + 0x20;
    if (in_range(c, 0x410, 0x42F))
        return c + 0x20;
    if (in_range(c, 0x400, 0x40F))
        return c + 0x50;
    switch (c) {
    case 0x130:
        return 'i';
    case 0x178:
        return 0xFF;
    case 0x386:
        return 0x3AC;
    case 0x388:
    case 0x389:
    case 0x38A:
        return c + 37;
    case 0x38C:
        return 0x3CC;
    case 0x38E:
    case 0x38F:
        return c + 63;
    case 0x3C2: /* final sigma */
        return 0x3C3;
    default:
        return fold_alternating(c);
    }
}

static bool is_space(uint32_t c)
{
    return c <= ' ' || in_range(c, 0x7F, 0xA0) || c == 0x3000 || in_range(c, 0x2000, 0x200A) || c == 0x2028 ||
           c == 0x2029;
}

/* The next folded code point; runs of spaces and control characters count as one space. 0 at the end. */
static uint32_t next_folded(struct str *text)
{
    if (!text->len)
        return 0;
    uint32_t c = str_next_code_point(text);
    if (!is_space(c))
        return fold(c);
    while (text->len) {
        struct str ahead = *text;
        if (!is_space(str_next_code_point(&ahead)))
            break;
        *text = ahead;
    }
    return text->len ? ' ' : 0;
}

static void skip_spaces(struct str *text)
{
    while (text->len) {
        struct str ahead = *text;
        if (!is_space(str_next_code_point(&ahead)))
            return;
        *text = ahead;
    }
}

/* ---- words ---- */

static int put_digits(char *out, uint32_t n, int count)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    for (int i = count - 1; i >= 0; i--, n /= 36)
        out[i] = digits[n % 36];
    return count;
}

static int put_code(char *out, uint32_t c)
{
    if (c < SHORT_CODES)
        return put_digits(out, c, 2);
    c -= SHORT_CODES;
    if (c < LONG_CODES) {
        out[0] = (char)('w' + c / (36 * 36 * 36));
        return 1 + put_digits(out + 1, c % (36 * 36 * 36), 3);
    }
    out[0] = 'z';
    return 1 + put_digits(out + 1, c - LONG_CODES, 4);
}

static void put_pair(struct text *words, uint32_t first, uint32_t second)
{
    char word[WORD_MAX];
    int len = 0;
    if (words->len)
        word[len++] = ' ';
    len += put_code(word + len, first);
    len += put_code(word + len, second);
    text_put(words, (struct str){ word, len });
}

static void put_text(struct text *words, struct str text, int *budget)
{
    skip_spaces(&text);
    uint32_t c = next_folded(&text);
    while (c && *budget > 0) {
        uint32_t next = next_folded(&text);
        put_pair(words, c, next);
        c = next;
        --*budget;
    }
}

static struct str phrase_of(struct arena *arena, struct str wanted)
{
    uint32_t points[SEARCH_WANTED_MAX];
    int count = 0;
    skip_spaces(&wanted);
    for (uint32_t c; count < SEARCH_WANTED_MAX && (c = next_folded(&wanted));)
        points[count++] = c;
    if (!count)
        return STR_NULL;
    char out[SEARCH_WANTED_MAX * WORD_MAX + 2];
    int len = 0;
    if (count == 1) {
        len = put_code(out, points[0]);
        out[len++] = '*';
        return arena_copy(arena, (struct str){ out, len });
    }
    out[len++] = '"';
    for (int i = 0; i + 1 < count; i++) {
        if (i)
            out[len++] = ' ';
        len += put_code(out + len, points[i]);
        len += put_code(out + len, points[i + 1]);
    }
    out[len++] = '"';
    return arena_copy(arena, (struct str){ out, len });
}

enum { GROUPS_MAX = 3 };

/* The phrases of a DICOM name's component groups (PS3.5 6.2.1.2), as somebody copies it; 0: that is no such name. The
 * phonetic one counts only where it is alone, since rows of earlier versions have none. */
static int groups_of(struct arena *arena, struct str wanted, struct str *phrases)
{
    struct str group, rest;
    int count = 0, seen = 0;
    if (str_find(wanted, S("^")) < 0 || !str_cut(wanted, '=', &group, &rest))
        return 0;
    for (; wanted.len && seen < GROUPS_MAX; seen++, wanted = rest) {
        if (!str_cut(wanted, '=', &group, &rest)) {
            group = wanted;
            rest = STR_NULL;
        }
        struct str phrase = phrase_of(arena, folding_search(group, arena));
        if (phrase.len && (seen < GROUPS_MAX - 1 || !count))
            phrases[count++] = phrase;
    }
    return wanted.len ? 0 : count;
}

/* Or: a row that has all of these. */
static void put_all(struct text *out, const struct db *db, const struct str *phrases, int count)
{
    bool local = db_is_local(db);
    for (int i = 0; i < count; i++)
        text_format(out, "%s%.*s", i ? local ? " AND " : " +" : local ? " OR " : " (+", STR_FMT(phrases[i]));
    if (count && !local)
        text_put_char(out, ')');
}

/* Rows whose words an earlier version made hold their text as it was, only lowered, until they are made anew: it is
 * looked for, too, as it was typed and with its letters taken apart. */
struct str search_phrase(const struct db *db, struct arena *arena, struct str wanted)
{
    struct str forms[] = { folding_search(wanted, arena), wanted, folding_decompose(wanted, arena) };
    struct str groups[GROUPS_MAX];
    enum { FORMS = sizeof(forms) / sizeof(forms[0]) };
    const char *between = db_is_local(db) ? " OR " : " "; /* MariaDB's boolean mode: any of them */
    struct text out;
    text_init(&out, 8 * (ptrdiff_t)SEARCH_WANTED_MAX * WORD_MAX);
    struct str typed = pinyin_wanted(str_at_most(wanted, TYPED_MAX), arena);
    if (typed.len) /* first: behind a phrase InnoDB does not find what only begins so */
        text_format(&out, PINYIN "%.*s*", STR_FMT(typed));
    for (int i = 0; i < FORMS; i++) {
        bool seen = false;
        forms[i] = phrase_of(arena, forms[i]);
        for (int k = 0; k < i; k++)
            seen = seen || str_equal(forms[i], forms[k]);
        if (forms[i].len && !seen)
            text_format(&out, "%s%.*s", out.len ? between : "", STR_FMT(forms[i]));
    }
    if (out.len)
        put_all(&out, db, groups, groups_of(arena, wanted, groups));
    struct str phrase = out.len ? arena_copy(arena, text_str(&out)) : STR_NULL;
    text_release(&out);
    return phrase;
}

/* ---- the tables ---- */

static struct str words_of(struct arena *arena, const struct search_text *texts, int count)
{
    struct text words;
    struct pinyin_words *pinyin = arena_new(arena, struct pinyin_words);
    text_init(&words, (ptrdiff_t)SEARCH_INDEXED_MAX * WORD_MAX + PINYIN_WORDS_MAX * (PINYIN_WORD_MAX + 3));
    int budget = SEARCH_INDEXED_MAX;
    for (int i = 0; i < count; i++) {
        struct str folded = folding_search(texts[i].text, arena);
        put_text(&words, folded, &budget);
        if (texts[i].is_name)
            pinyin_add(folded, arena, pinyin);
    }
    for (int i = 0; i < pinyin->count; i++)
        text_format(&words, " " PINYIN "%.*s", STR_FMT(pinyin->at[i]));
    struct str copy = words.len ? arena_copy(arena, text_str(&words)) : STR_NULL;
    text_release(&words);
    return copy;
}

static bool replace(struct call *c, const char *search_table, int64_t id, struct str words)
{
    if (!words.len)
        return search_remove(c, search_table, id);
    const char *format = db_is_local(c->db)
                             ? "insert or replace into %s(rowid, grams) values (?, ?)"
                             : "insert into %s(id, grams) values (?, ?) on duplicate key update grams = values(grams)";
    return db_execute(c, arena_format(&c->arena, format, search_table).at, V(id), V(words));
}

bool search_put(struct call *c, const char *search_table, int64_t id, const struct search_text *texts, int count)
{
    return replace(c, search_table, id, words_of(&c->arena, texts, count));
}

static const char *key_of(const struct db *db)
{
    return db_is_local(db) ? "rowid" : "id";
}

bool search_remove(struct call *c, const char *search_table, int64_t id)
{
    return db_execute(c, arena_format(&c->arena, "delete from %s where %s = ?", search_table, key_of(c->db)).at, V(id));
}

bool search_hold(struct call *c, const char *search_table, int64_t id, bool *found)
{
    int64_t n = 0;
    enum found there = db_find_locked(
        c, &n, arena_format(&c->arena, "select 1 from %s where %s = ?", search_table, key_of(c->db)).at, V(id));
    *found = there == FOUND;
    return there != FAILED;
}

bool search_renew(struct call *c, const char *search_table, int64_t id, bool found, const struct search_text *texts,
                  int count, bool *changed)
{
    struct str words = words_of(&c->arena, texts, count);
    struct value old = { .type = VALUE_NOTHING };
    if (!found) {
        const char *format = db_is_local(c->db) ? "insert into %s(rowid, grams) values (?, ?)"
                                                : "insert ignore into %s(id, grams) values (?, ?)";
        *changed = words.len > 0;
        return !words.len || db_execute(c, arena_format(&c->arena, format, search_table).at, V(id), V(words));
    }
    const char *sql = arena_format(&c->arena, "select grams from %s where %s = ?", search_table, key_of(c->db)).at;
    if (db_find_value(c, &old, sql, V(id)) == FAILED)
        return false;
    *changed = old.type != VALUE_TEXT || !str_equal(old.text, words);
    return !*changed || replace(c, search_table, id, words);
}

void search_condition(struct text *sql, const struct db *db, const char *search_table, const char *id_column)
{
    if (db_is_local(db))
        text_format(sql, "%s in (select rowid from %s where %s match ?)", id_column, search_table, search_table);
    else
        text_format(sql, "%s in (select id from %s where match(grams) against (? in boolean mode))", id_column,
                    search_table);
}
