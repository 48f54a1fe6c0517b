/* charset.c - the table of character sets, escape sequences, and decoding by glibc's iconv.
 *
 * ISO 2022 as DICOM uses it (PS3.5 6.1.2.5): bytes below 0x80 are of the set designated as G0, the others of G1. An
 * escape sequence designates a set; delimiters and control characters bring back those of the first value of Specific
 * Character Set.
 *
 *   ESC $ B | 3B 33 45 44 | ESC ( B | ^ | ESC $ B | 42 40 4F 3A        \ISO 2022 IR 87
 *   G0=JIS    pairs         G0=ASCII  delimiter: reset
 */
#include "dicom/charset.h"

#include "dicom/vr.h"

#include <errno.h>
#include <iconv.h>
#include <stdatomic.h>
#include <string.h>

enum { ESC = 0x1B };
#define REPLACEMENT S("\xEF\xBF\xBD")

/* A set of characters that G0 or G1 can designate, or an encoding of the whole text. */
enum repertoire {
    NONE,
    ASCII,
    ROMAJI,   /* ISO IR 14: ASCII with yen and overline */
    KATAKANA, /* ISO IR 13: half width */
    LATIN1,
    LATIN2,
    LATIN3,
    LATIN4,
    CYRILLIC,
    ARABIC,
    GREEK,
    HEBREW,
    LATIN5,
    THAI,
    LATIN9,
    JIS_X_0208,
    JIS_X_0212,
    KS_X_1001,
    GB_2312,
    UTF8,
    GB_18030,
    GBK,
    BIG5,
    SHIFT_JIS,
    EUC_JP,
    EUC_KR,
    WINDOWS_1250,
    WINDOWS_1251,
    WINDOWS_1252,
    WINDOWS_1253,
    WINDOWS_1254,
    WINDOWS_1256,
    WINDOWS_874,
    KOI8_R,
    REPERTOIRES
};

enum form { SINGLE, PAIRS_IN_G0, PAIRS_IN_G1, WHOLE };

static const struct repertoire_row {
    enum form form;
    const char *iconv_name; /* NULL: needs none */
} repertoires[REPERTOIRES] = {
    [LATIN1] = { SINGLE, "ISO-8859-1" },      [LATIN2] = { SINGLE, "ISO-8859-2" },
    [LATIN3] = { SINGLE, "ISO-8859-3" },      [LATIN4] = { SINGLE, "ISO-8859-4" },
    [CYRILLIC] = { SINGLE, "ISO-8859-5" },    [ARABIC] = { SINGLE, "ISO-8859-6" },
    [GREEK] = { SINGLE, "ISO-8859-7" },       [HEBREW] = { SINGLE, "ISO-8859-8" },
    [LATIN5] = { SINGLE, "ISO-8859-9" },      [THAI] = { SINGLE, "ISO-8859-11" },
    [LATIN9] = { SINGLE, "ISO-8859-15" },     [JIS_X_0208] = { PAIRS_IN_G0, "EUC-JP" },
    [JIS_X_0212] = { PAIRS_IN_G0, "EUC-JP" }, [KS_X_1001] = { PAIRS_IN_G1, "EUC-KR" },
    [GB_2312] = { PAIRS_IN_G1, "EUC-CN" },    [UTF8] = { WHOLE, NULL },
    [GB_18030] = { WHOLE, "GB18030" },        [GBK] = { WHOLE, "GBK" },
    [BIG5] = { WHOLE, "BIG5-HKSCS" },         [SHIFT_JIS] = { WHOLE, "CP932" },
    [EUC_JP] = { WHOLE, "EUC-JP" },           [EUC_KR] = { WHOLE, "CP949" },
    [WINDOWS_1250] = { WHOLE, "CP1250" },     [WINDOWS_1251] = { WHOLE, "CP1251" },
    [WINDOWS_1252] = { WHOLE, "CP1252" },     [WINDOWS_1253] = { WHOLE, "CP1253" },
    [WINDOWS_1254] = { WHOLE, "CP1254" },     [WINDOWS_1256] = { WHOLE, "CP1256" },
    [WINDOWS_874] = { WHOLE, "CP874" },       [KOI8_R] = { WHOLE, "KOI8-R" },
};

/* PS3.3 C.12.1.1.2. `name` is what remains of the defined term without ISO, 2022, IR and punctuation; g0 and g1 are
 * what the set designates as the first value. Further rows: names that are not defined terms, but say the same. */
static const struct charset_row {
    const char *name;
    enum repertoire g0, g1;
} rows[] = {
    { "6", ASCII, NONE },
    { "100", ASCII, LATIN1 },
    { "101", ASCII, LATIN2 },
    { "109", ASCII, LATIN3 },
    { "110", ASCII, LATIN4 },
    { "144", ASCII, CYRILLIC },
    { "127", ASCII, ARABIC },
    { "126", ASCII, GREEK },
    { "138", ASCII, HEBREW },
    { "148", ASCII, LATIN5 },
    { "203", ASCII, LATIN9 },
    { "13", ROMAJI, KATAKANA },
    { "166", ASCII, THAI },
    { "87", ASCII, NONE },
    { "159", ASCII, NONE },
    { "149", ASCII, KS_X_1001 },
    { "58", ASCII, GB_2312 },
    { "192", UTF8, NONE },
    { "GB18030", GB_18030, NONE },
    { "GBK", GBK, NONE },
    { "UTF8", UTF8, NONE },
    { "GB2312", GBK, NONE },
    { "88591", ASCII, LATIN1 },
    { "88592", ASCII, LATIN2 },
    { "88593", ASCII, LATIN3 },
    { "88594", ASCII, LATIN4 },
    { "88595", ASCII, CYRILLIC },
    { "88596", ASCII, ARABIC },
    { "88597", ASCII, GREEK },
    { "88598", ASCII, HEBREW },
    { "88599", ASCII, LATIN5 },
    { "885911", ASCII, THAI },
    { "885915", ASCII, LATIN9 },
    { "LATIN1", ASCII, LATIN1 },
    { "BIG5", BIG5, NONE },
    { "BIG5HKSCS", BIG5, NONE },
    { "CP950", BIG5, NONE },
    { "SHIFTJIS", SHIFT_JIS, NONE },
    { "SJIS", SHIFT_JIS, NONE },
    { "CP932", SHIFT_JIS, NONE },
    { "WINDOWS31J", SHIFT_JIS, NONE },
    { "EUCJP", EUC_JP, NONE },
    { "EUCKR", EUC_KR, NONE },
    { "CP949", EUC_KR, NONE },
    { "UHC", EUC_KR, NONE },
    { "CP936", GBK, NONE },
    { "EUCCN", GBK, NONE },
    { "WINDOWS1250", WINDOWS_1250, NONE },
    { "WINDOWS1251", WINDOWS_1251, NONE },
    { "WINDOWS1252", WINDOWS_1252, NONE },
    { "WINDOWS1253", WINDOWS_1253, NONE },
    { "WINDOWS1254", WINDOWS_1254, NONE },
    { "WINDOWS1256", WINDOWS_1256, NONE },
    { "WINDOWS874", WINDOWS_874, NONE },
    { "KOI8R", KOI8_R, NONE },
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]), ROW_IR_6 = 0 };

/* What follows ESC. Those after the blank line are not in DICOM, but other users of ISO 2022 write them. */
static const struct escape {
    const char *text;
    int g; /* 0 or 1 */
    enum repertoire designates;
} escapes[] = {
    { "(B", 0, ASCII },      { "(J", 0, ROMAJI },      { ")I", 1, KATAKANA },    { "-A", 1, LATIN1 },
    { "-B", 1, LATIN2 },     { "-C", 1, LATIN3 },      { "-D", 1, LATIN4 },      { "-L", 1, CYRILLIC },
    { "-G", 1, ARABIC },     { "-F", 1, GREEK },       { "-H", 1, HEBREW },      { "-M", 1, LATIN5 },
    { "-T", 1, THAI },       { "-b", 1, LATIN9 },      { "$B", 0, JIS_X_0208 },  { "$(D", 0, JIS_X_0212 },
    { "$)C", 1, KS_X_1001 }, { "$)A", 1, GB_2312 },

    { "$@", 0, JIS_X_0208 }, { "$(B", 0, JIS_X_0208 }, { "$(@", 0, JIS_X_0208 },
};

/* ---- Specific Character Set ---- */

/* "ISO 2022 IR 100", "ISO_IR 100", "iso-ir-100" -> "100" */
static struct str bare_name(struct str term, char *into, ptrdiff_t room)
{
    ptrdiff_t len = 0;
    for (ptrdiff_t i = 0; i < term.len; i++) {
        char c = term.at[i];
        if (c == ' ' || c == '_' || c == '-' || c == '\0')
            continue;
        if (len == room)
            return STR_NULL;
        into[len++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    struct str name = { into, len };
    const struct str prefixes[] = { S("ISO"), S("2022"), S("IR") };
    for (int i = 0; i < 3; i++)
        if (str_starts(name, prefixes[i]))
            name = str_slice(name, prefixes[i].len, name.len);
    return name;
}

static int row_of(struct str term)
{
    char room[32];
    struct str name = bare_name(term, room, (ptrdiff_t)sizeof(room));
    if (str_is_null(name))
        return -1;
    if (name.len == 0) /* an empty value, but not "ISO" alone */
        return str_is_empty(str_trim(term)) ? ROW_IR_6 : -1;
    for (int i = 0; i < ROWS; i++)
        if (str_equal(name, str_from(rows[i].name)))
            return i;
    return -1;
}

void dicom_charset_init(struct dicom_charset *charset, struct str specific_character_set)
{
    *charset = (struct dicom_charset){ .known = true };
    struct str rest = specific_character_set, term;
    if (str_is_empty(str_trim(rest)))
        return;
    for (bool more = true; more;) {
        more = str_cut(rest, '\\', &term, &rest);
        int row = row_of(term);
        charset->known = charset->known && row >= 0 && charset->count < DICOM_CHARSETS_MAX;
        if (charset->count < DICOM_CHARSETS_MAX)
            charset->sets[charset->count++] = (unsigned char)(row < 0 ? ROW_IR_6 : row);
    }
    /* Encodings of the whole text have no code extensions, and are none (PS3.3 C.12.1.1.2). Behind an empty value one
     * still says what it is. */
    for (int i = 0; i < charset->count; i++) {
        if (repertoires[rows[charset->sets[i]].g0].form == WHOLE) {
            charset->sets[0] = charset->sets[i];
            charset->count = 1;
        } else if (charset->sets[i] != ROW_IR_6) {
            break;
        }
    }
}

bool dicom_charset_equal(const struct dicom_charset *a, const struct dicom_charset *b)
{
    return a->count == b->count && !memcmp(a->sets, b->sets, (size_t)a->count);
}

static const struct charset_row *first_row(const struct dicom_charset *charset)
{
    return &rows[charset->count ? charset->sets[0] : ROW_IR_6];
}

bool dicom_charset_is_ascii(const struct dicom_charset *charset)
{
    const struct charset_row *row = first_row(charset);
    return charset->count <= 1 && row->g0 == ASCII && row->g1 == NONE;
}

bool dicom_charset_is_single(const struct dicom_charset *charset)
{
    const struct charset_row *row = first_row(charset);
    bool is_8859 = row->g1 != NONE && repertoires[row->g1].form == SINGLE;
    return charset->count == 1 && (is_8859 || (row->g0 >= WINDOWS_1250 && row->g0 <= KOI8_R));
}

bool dicom_charset_is_latin(const struct dicom_charset *charset)
{
    const struct charset_row *row = first_row(charset);
    return charset->count == 1 && ((row->g1 >= LATIN1 && row->g1 <= LATIN4) || row->g1 == LATIN5 || row->g1 == LATIN9 ||
                                   row->g0 == WINDOWS_1250 || row->g0 == WINDOWS_1252 || row->g0 == WINDOWS_1254);
}

/* ---- output: counted first, then written ---- */

struct sink {
    char *at; /* NULL: only counts */
    ptrdiff_t len;
};

static void put(struct sink *sink, struct str s)
{
    if (sink->at && s.len)
        memcpy(sink->at + sink->len, s.at, (size_t)s.len);
    sink->len += s.len;
}

static void put_byte(struct sink *sink, unsigned char byte)
{
    put(sink, (struct str){ (const char *)&byte, 1 });
}

/* ---- iconv ---- */

/* One converter of each kind is kept for the next who needs it. iconv_open takes some microseconds, and a converter is
 * for one thread at a time: who finds none opens one, and the later one of two that come back is closed. */
static _Atomic(iconv_t) spare[REPERTOIRES];

static iconv_t take_converter(enum repertoire repertoire)
{
    iconv_t converter = atomic_exchange(&spare[repertoire], NULL);
    if (!converter)
        converter = iconv_open("UTF-8", repertoires[repertoire].iconv_name);
    return converter;
}

static void give_converter(enum repertoire repertoire, iconv_t converter)
{
    converter = atomic_exchange(&spare[repertoire], converter);
    if (converter)
        iconv_close(converter);
}

/* Bytes of the character that could not be decoded: pairs are kept in step. */
static size_t step_over(enum repertoire repertoire, const char *at, size_t left)
{
    enum form form = repertoires[repertoire].form;
    size_t step = form == SINGLE || form == WHOLE ? 1 : at[0] == (char)0x8F ? 3 : 2;
    return step < left ? step : left;
}

/* Takes bytes that are all of one repertoire. */
static void convert(struct sink *sink, enum repertoire repertoire, struct str bytes)
{
    iconv_t converter = take_converter(repertoire);
    bool is_open = converter != (iconv_t)-1; /* no: a system without this part of glibc */
    char *in = (char *)(uintptr_t)bytes.at;
    size_t left = (size_t)bytes.len;
    while (left) {
        char room[512], *out = room;
        size_t free_bytes = sizeof(room);
        bool failed = !is_open || (iconv(converter, &in, &left, &out, &free_bytes) == (size_t)-1 && errno != E2BIG);
        put(sink, (struct str){ room, out - room });
        if (failed) {
            put(sink, REPLACEMENT);
            size_t step = step_over(repertoire, in, left);
            in += step;
            left -= step;
            if (is_open)
                iconv(converter, NULL, NULL, NULL, NULL);
        }
    }
    if (is_open) {
        iconv(converter, NULL, NULL, NULL, NULL);
        give_converter(repertoire, converter);
    }
}

/* ---- ISO 2022 ---- */

struct decoder {
    struct sink sink;
    enum repertoire initial[2], now[2]; /* G0, G1 */
    bool backslash_delimits, is_name;
};

static void reset(struct decoder *d)
{
    d->now[0] = d->initial[0];
    /* Without a G1 of its own, the first value leaves nothing that bytes above 0x7F could mean, except what they meant
     * last. */
    if (d->initial[1] != NONE)
        d->now[1] = d->initial[1];
}

/* At ESC: what to skip; 1 when nothing that we know follows. */
static ptrdiff_t take_escape(struct decoder *d, struct str at_escape)
{
    struct str after = str_slice(at_escape, 1, at_escape.len);
    for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        struct str text = str_from(escapes[i].text);
        if (str_starts(after, text)) {
            d->now[escapes[i].g] = escapes[i].designates;
            return 1 + text.len;
        }
    }
    put(&d->sink, REPLACEMENT);
    return 1;
}

static bool is_high(char c)
{
    return (unsigned char)c >= 0x80;
}

static void put_katakana(struct sink *sink, struct str run)
{
    for (ptrdiff_t i = 0; i < run.len; i++) {
        unsigned char byte = (unsigned char)run.at[i];
        if (byte < 0xA1 || byte > 0xDF) {
            put(sink, REPLACEMENT);
            continue;
        }
        unsigned point = 0xFF61u + (byte - 0xA1u);
        char utf8[3] = { (char)0xEF, (char)(0x80 | (point >> 6 & 0x3F)), (char)(0x80 | (point & 0x3F)) };
        put(sink, (struct str){ utf8, 3 });
    }
}

/* Bytes from 0x80 on. Those to 0x9F are C1 control characters, which DICOM does not use (PS3.5 6.1.3). */
static ptrdiff_t take_g1(struct decoder *d, struct str rest)
{
    bool is_control = (unsigned char)rest.at[0] < 0xA0;
    ptrdiff_t len = 1;
    while (len < rest.len && is_high(rest.at[len]) && ((unsigned char)rest.at[len] < 0xA0) == is_control)
        len++;
    struct str run = { rest.at, len };
    enum repertoire g1 = d->now[1];
    if (g1 == KATAKANA) {
        put_katakana(&d->sink, run);
    } else if (g1 != NONE && !is_control) {
        convert(&d->sink, g1, run);
    } else {
        for (ptrdiff_t i = 0; i < len; i++)
            put(&d->sink, REPLACEMENT);
    }
    return len;
}

static bool is_pair_byte(char c)
{
    return c >= 0x21 && c <= 0x7E;
}

/* Pairs of JIS in G0, as EUC-JP has them: high bits set, those of JIS X 0212 behind 0x8F. */
static ptrdiff_t take_pairs(struct decoder *d, struct str rest)
{
    char euc[3 * 64];
    ptrdiff_t len = 0, taken = 0;
    while (taken + 1 < rest.len && is_pair_byte(rest.at[taken]) && is_pair_byte(rest.at[taken + 1]) &&
           len + 3 <= (ptrdiff_t)sizeof(euc)) {
        if (d->now[0] == JIS_X_0212)
            euc[len++] = (char)0x8F;
        euc[len++] = (char)(rest.at[taken] | 0x80);
        euc[len++] = (char)(rest.at[taken + 1] | 0x80);
        taken += 2;
    }
    if (len) {
        convert(&d->sink, JIS_X_0208, (struct str){ euc, len });
        return taken;
    }
    put(&d->sink, REPLACEMENT); /* half of a pair */
    return 1;
}

static void take_g0(struct decoder *d, char c)
{
    bool is_delimiter = (c == '\\' && d->backslash_delimits) || ((c == '^' || c == '=') && d->is_name);
    if (d->now[0] == ROMAJI && c == '\\' && !is_delimiter)
        put(&d->sink, S("\xC2\xA5"));
    else if (d->now[0] == ROMAJI && c == '~')
        put(&d->sink, S("\xE2\x80\xBE"));
    else
        put_byte(&d->sink, (unsigned char)c);
    if (is_delimiter || c == '\r' || c == '\n' || c == '\f' || c == '\t') /* PS3.5 6.1.2.5.3 */
        reset(d);
}

static void decode_extended(struct decoder *d, struct str raw)
{
    ptrdiff_t i = 0;
    d->now[1] = NONE;
    reset(d);
    while (i < raw.len) {
        struct str rest = { raw.at + i, raw.len - i };
        if (rest.at[0] == ESC) {
            i += take_escape(d, rest);
        } else if (is_high(rest.at[0])) {
            i += take_g1(d, rest);
        } else if (repertoires[d->now[0]].form == PAIRS_IN_G0 && is_pair_byte(rest.at[0])) {
            i += take_pairs(d, rest);
        } else {
            take_g0(d, rest.at[0]);
            i++;
        }
    }
}

/* ---- whole texts ---- */

static bool is_plain(struct str raw, bool romaji)
{
    for (ptrdiff_t i = 0; i < raw.len; i++)
        if (is_high(raw.at[i]) || raw.at[i] == ESC || (romaji && (raw.at[i] == '\\' || raw.at[i] == '~')))
            return false;
    return true;
}

static void repair_utf8(struct sink *sink, struct str raw)
{
    while (raw.len) {
        struct str before = raw;
        bool is_replaced = str_next_code_point(&raw) == 0xFFFD;
        put(sink, is_replaced ? REPLACEMENT : (struct str){ before.at, before.len - raw.len });
    }
}

static void decode(struct decoder *d, struct str raw)
{
    if (d->initial[0] == UTF8)
        repair_utf8(&d->sink, raw);
    else if (repertoires[d->initial[0]].form == WHOLE)
        convert(&d->sink, d->initial[0], raw);
    else
        decode_extended(d, raw);
}

bool dicom_charset_concerns(uint16_t vr)
{
    return vr_row(vr)->has_charset;
}

struct str dicom_charset_utf8(const struct dicom_charset *charset, uint16_t vr, struct str raw, struct arena *arena)
{
    while (raw.len && (raw.at[raw.len - 1] == ' ' || raw.at[raw.len - 1] == '\0'))
        raw.len--;
    bool has_set = dicom_charset_concerns(vr) && charset->count;
    const struct charset_row *row = &rows[has_set ? charset->sets[0] : ROW_IR_6];
    if (is_plain(raw, row->g0 == ROMAJI))
        return raw;
    /* UTF-8 under another name: bytes that are valid UTF-8 are hardly ever anything else, and IR 6 leaves them no other
     * meaning. */
    bool may_be_utf8 =
        row->g0 == UTF8 || (dicom_charset_concerns(vr) && row->g0 == ASCII && row->g1 == NONE && charset->count <= 1);
    if (may_be_utf8 && str_is_utf8(raw) && (row->g0 == UTF8 || !memchr(raw.at, ESC, (size_t)raw.len)))
        return raw;
    struct decoder d = {
        .initial = { row->g0, row->g1 },
        .backslash_delimits = vr_row(vr)->kind != VR_TEXT,
        .is_name = vr == VR('P', 'N'),
    };
    decode(&d, raw);
    d.sink = (struct sink){ arena_alloc(arena, d.sink.len), 0 };
    decode(&d, raw);
    return (struct str){ d.sink.at, d.sink.len };
}
