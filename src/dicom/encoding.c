/* encoding.c - evidence from all text of a file, and the table of encoding.h. */
#include "dicom/encoding.h"

#include "dicom/vr.h"

#include <string.h>

enum { ESC = 0x1B };
#define UTF_8 S("ISO_IR 192")
#define REPLACEMENT "\xEF\xBF\xBD"

/* What the text is like. */
struct evidence {
    const struct dicom_charset *declared, *hint, *fallback; /* NULL: there is none */
    struct arena *arena;
    int64_t lost[3];    /* characters that cannot be decoded: as declared, as hinted, by the fallback */
    bool foreign;       /* any text that is not ASCII */
    bool escapes;       /* any escape sequence: ISO 2022 says itself what it is */
    bool utf8;          /* all of it is valid UTF-8 ... */
    bool long_utf8;     /* ... whose characters have three bytes and more ... */
    int64_t long_count; /* ... and how many */
    bool words;         /* some of it looks like a word in an 8-bit set: a letter of it between ASCII letters */
    bool no_words;      /* some of it does not: no letter of ASCII beside it, or more signs than words have */
};

static bool is_high(char c)
{
    return (unsigned char)c >= 0x80;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Is one of 8 bytes high, or ESC? (x - 0x01..01) marks the zero bytes of x. */
static inline bool has_foreign(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    return (word | ((word ^ ones * ESC) - ones)) & ones * 0x80;
}

/* Eight bytes at a time: every text of every file that comes in is looked at. */
static bool is_foreign(struct str text)
{
    ptrdiff_t i = 0;
    for (uint64_t word; text.len - i >= (ptrdiff_t)sizeof(word); i += (ptrdiff_t)sizeof(word)) {
        memcpy(&word, text.at + i, sizeof(word));
        if (has_foreign(word))
            return true;
    }
    for (; i < text.len; i++)
        if (is_high(text.at[i]) || text.at[i] == ESC)
            return true;
    return false;
}

static int64_t count_lost(struct evidence *e, const struct dicom_charset *charset, const struct dicom_element *element)
{
    int64_t lost = 0;
    if (!charset)
        return 0;
    struct str text = dicom_charset_utf8(charset, element->vr, element->value, e->arena);
    for (ptrdiff_t at; (at = str_find(text, S(REPLACEMENT))) >= 0; lost++)
        text = str_slice(text, at + 3, text.len);
    return lost;
}

static void weigh_utf8(struct evidence *e, struct str text)
{
    if (!str_is_utf8(text)) {
        e->utf8 = e->long_utf8 = false;
        return;
    }
    for (ptrdiff_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        e->long_utf8 = e->long_utf8 && (c < 0xC2 || c >= 0xE0);
        e->long_count += c >= 0xE0;
    }
}

/* Runs of bytes above ASCII, as if they were letters of ISO 8859: those begin at 0xC0 (in Latin sets), signs lie
 * below. */
static void weigh_words(struct evidence *e, struct str text)
{
    for (ptrdiff_t i = 0; i < text.len;) {
        ptrdiff_t begin = i, signs = 0;
        for (; i < text.len && is_high(text.at[i]); i++)
            signs += (unsigned char)text.at[i] < 0xC0 || text.at[i] == (char)0xD7 || text.at[i] == (char)0xF7;
        ptrdiff_t len = i - begin;
        bool beside = (begin > 0 && is_letter(text.at[begin - 1])) || (i < text.len && is_letter(text.at[i]));
        e->words = e->words || (len && beside && !signs);
        e->no_words = e->no_words || (len >= 2 && (!beside || 4 * signs >= len));
        i += len == 0;
    }
}

static void weigh(struct evidence *e, const struct dicom_element *element)
{
    struct str text = element->value;
    if (!vr_row(element->vr)->has_charset || !is_foreign(text))
        return;
    while (text.len && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\0'))
        text.len--;
    e->foreign = true;
    e->escapes = e->escapes || memchr(text.at, ESC, (size_t)text.len);
    if (!e->arena) /* only asked whether there is any */
        return;
    weigh_utf8(e, text);
    weigh_words(e, text);
    e->lost[0] += count_lost(e, e->declared, element);
    e->lost[1] += count_lost(e, e->hint, element);
    e->lost[2] += count_lost(e, e->fallback, element);
}

/* Every data set whose character set is that of the root: weighed, or given another. As deep as the parser lets them
 * be. */
static void visit(struct dicom_dataset *dataset, const struct dicom_charset *declared, struct evidence *e,
                  const struct dicom_charset *other)
{
    if (!dicom_charset_equal(&dataset->charset, declared))
        return;
    for (int64_t i = 0; i < dataset->count; i++) {
        if (e)
            weigh(e, &dataset->nodes[i].element);
        for (struct dicom_dataset *item = dataset->nodes[i].items; item; item = item->next)
            visit(item, declared, e, other);
    }
    if (other)
        dataset->charset = *other;
}

static struct str declared_name(const struct dicom_object *object)
{
    return str_trim(dicom_bytes(object->root, DICOM_SpecificCharacterSet));
}

/* "\ISO 2022 IR 149": text that was written without escape sequences is in this set all the same. */
static bool find_hint(const struct dicom_object *object, struct str *name, struct dicom_charset *out)
{
    struct str rest = declared_name(object), first;
    if (!str_cut(rest, '\\', &first, &rest))
        return false;
    str_cut(rest, '\\', name, &first);
    *name = str_trim(*name);
    if (str_find(*name, S("58")) >= 0)
        *name = S("GB18030"); /* which begins with GB 2312 */
    dicom_charset_init(out, *name);
    return out->known && !dicom_charset_is_ascii(out);
}

enum choice { AS_DECLARED, AS_UTF8, AS_HINTED, AS_FALLBACK };

static enum choice decide(const struct evidence *e)
{
    bool declares = e->declared->count && e->declared->known && !dicom_charset_is_ascii(e->declared);
    bool surely_utf8 = e->utf8 && e->long_utf8 && e->long_count >= 2;
    bool wide_fallback = e->fallback && !dicom_charset_is_single(e->fallback);
    if (e->escapes && !e->lost[0])
        return AS_DECLARED;
    if (declares && !e->lost[0]) {
        if (!dicom_charset_is_single(e->declared))
            return AS_DECLARED;
        if (dicom_charset_is_latin(e->declared) ? e->utf8 : surely_utf8)
            return AS_UTF8;
        return wide_fallback && !e->lost[2] && e->no_words && !e->words ? AS_FALLBACK : AS_DECLARED;
    }
    if (surely_utf8)
        return AS_UTF8;
    if (e->hint && !e->lost[1])
        return AS_HINTED;
    if (wide_fallback && !e->lost[2])
        return AS_FALLBACK;
    if (e->utf8)
        return AS_UTF8;
    return e->fallback && e->lost[2] < e->lost[0] ? AS_FALLBACK : AS_DECLARED;
}

/* As people may read it: names of character sets are ASCII, what is written in their place may be anything. */
static struct str readable(struct str name, struct arena *arena)
{
    enum { CHARS_MAX = 64 };
    name = str_slice(name, 0, CHARS_MAX);
    char *out = arena_alloc(arena, name.len + 1);
    for (ptrdiff_t i = 0; i < name.len; i++)
        out[i] = name.at[i] >= ' ' && name.at[i] <= '~' ? name.at[i] : '?';
    return (struct str){ out, name.len };
}

static void say(struct dicom_object *object, struct arena *arena, struct str used, bool lost)
{
    struct str declared = readable(declared_name(object), arena), what;
    if (object->remark_count == DICOM_REMARKS_MAX)
        object->remark_count--; /* this one is about what people read */
    if (!used.at)
        what =
            lost ? S("the text is not in the character set that Specific Character Set (0008,0005) stands for; some of "
                     "it cannot be read")
                 : STR_NULL;
    else if (declared.len)
        what = arena_format(arena,
                            "the text is not in %.*s, as Specific Character Set (0008,0005) says: it was read as %.*s",
                            STR_FMT(declared), STR_FMT(used));
    else
        what = arena_format(arena, "Specific Character Set (0008,0005) is not there: the text was read as %.*s",
                            STR_FMT(used));
    if (what.at)
        object->remarks[object->remark_count++] = what;
}

bool dicom_has_foreign_text(const struct dicom_object *object)
{
    struct evidence e = { 0 };
    struct dicom_charset declared = object->root->charset;
    visit(object->root, &declared, &e, NULL);
    return e.foreign;
}

void dicom_set_encoding(struct dicom_object *object, struct str name)
{
    struct dicom_charset charset, declared = object->root->charset;
    if (!name.len)
        return;
    dicom_charset_init(&charset, name);
    visit(object->root, &declared, NULL, &charset);
}

void dicom_settle_encoding(struct dicom_object *object, struct str fallback, struct arena *arena, struct str *used)
{
    struct dicom_charset declared = object->root->charset, hint, other;
    struct evidence e = { .declared = &declared, .arena = arena, .utf8 = true, .long_utf8 = true };
    struct str hinted = STR_NULL;
    *used = STR_NULL;
    if (!dicom_has_foreign_text(object))
        return;
    if (find_hint(object, &hinted, &hint))
        e.hint = &hint;
    dicom_charset_init(&other, fallback);
    if (fallback.len && other.known)
        e.fallback = &other;
    visit(object->root, &declared, &e, NULL);
    enum choice choice = decide(&e);
    const struct str names[] = { STR_NULL, UTF_8, hinted, fallback };
    *used = names[choice].at ? arena_copy(arena, names[choice]) : STR_NULL;
    dicom_set_encoding(object, *used);
    say(object, arena, *used, e.lost[0] > 0);
}
