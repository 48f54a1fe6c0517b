/* writer.c - elements, one after the other. */
#include "dicom/writer.h"

#include "dicom/dictionary.h"
#include "dicom/object.h"
#include "dicom/syntax.h"
#include "dicom/uid.h"
#include "dicom/vr.h"

#include <math.h>
#include <stdio.h>

enum { SHORT_LENGTH_MAX = 65534, GROUP_LENGTH_AT = 128 + 4 + 8 };

/* How much one value takes: characters (PS3.5 table 6.2-1); 0: no limit. */
static const struct limit {
    uint16_t vr;
    int max;
} limits[] = {
    { VR('A', 'E'), 16 },   { VR('A', 'S'), 4 },  { VR('C', 'S'), 16 }, { VR('D', 'A'), 8 },
    { VR('D', 'T'), 26 },   { VR('L', 'O'), 64 }, { VR('P', 'N'), 64 }, { VR('L', 'T'), 10240 },
    { VR('S', 'T'), 1024 }, { VR('S', 'H'), 16 }, { VR('T', 'M'), 14 }, { VR('U', 'I'), 64 },
};

static int limit_of(uint16_t vr)
{
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        if (limits[i].vr == vr)
            return limits[i].max;
    return 0;
}

/* ---- bytes ---- */

static void put_number(struct dicom_writer *w, uint64_t n, int bytes)
{
    for (int i = 0; i < bytes; i++)
        text_put_char(&w->out, (char)(n >> (8 * i)));
}

static void put_tag(struct dicom_writer *w, uint32_t tag)
{
    put_number(w, tag >> 16, 2);
    put_number(w, tag & 0xFFFF, 2);
}

static void put_header(struct dicom_writer *w, uint32_t tag, uint16_t vr, uint32_t length)
{
    put_tag(w, tag);
    text_put_char(&w->out, (char)(vr >> 8));
    text_put_char(&w->out, (char)vr);
    if (vr_row(vr)->is_wide)
        put_number(w, 0, 2);
    put_number(w, length, vr_row(vr)->is_wide ? 4 : 2);
}

/* Values have an even length: UIDs and bytes are padded with NUL, text with a space (PS3.5 6.2). */
static void put_value(struct dicom_writer *w, uint32_t tag, uint16_t vr, struct str value)
{
    put_header(w, tag, vr, (uint32_t)(value.len + value.len % 2));
    text_put(&w->out, value);
    if (value.len % 2)
        text_put_char(&w->out, vr == VR('U', 'I') || vr_row(vr)->kind == VR_BYTES ? '\0' : ' ');
}

/* ---- mistakes ---- */

static bool mistake(struct dicom_writer *w, uint32_t tag, const char *what)
{
    if (!w->mistake) {
        w->mistake = what;
        w->mistaken_tag = tag;
    }
    return false;
}

/* The VR of the element that comes now; 0: it must not. */
static uint16_t next_vr(struct dicom_writer *w, uint32_t tag)
{
    const struct dicom_entry *entry = dicom_dictionary_find(tag);
    if (!entry || !vr_is_known(entry->vr))
        mistake(w, tag, "the dictionary does not know it");
    else if (w->in_sequence || tag <= w->last[w->depth])
        mistake(w, tag, "it does not come here");
    if (w->mistake)
        return 0;
    w->last[w->depth] = tag;
    return entry->vr;
}

/* ---- text ---- */

static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029;
}

/* One value of text, cleaned, appended to `out`. */
static void clean(struct text *out, struct str value, uint16_t vr)
{
    bool lines = vr_row(vr)->kind == VR_TEXT;
    int most = limit_of(vr), count = 0;
    struct str rest = str_trim(value);
    while (rest.len && (!most || count < most)) {
        const char *at = rest.at;
        uint32_t c = str_next_code_point(&rest);
        count++;
        if (lines && (c == '\r' || c == '\n' || c == '\t'))
            text_put_char(out, (char)c);
        else if (is_control(c))
            text_put_char(out, ' ');
        else if (c == '\\' && !lines)
            text_put_char(out, '/');
        else if (c == 0xFFFD)
            text_put(out, S("\xEF\xBF\xBD"));
        else
            text_put(out, (struct str){ at, rest.at - at });
        if (c == '=' && vr == VR('P', 'N'))
            count = 0;
    }
}

static bool all_of(struct str value, const char *allowed)
{
    for (ptrdiff_t i = 0; i < value.len; i++)
        if (!value.at[i] || !strchr(allowed, value.at[i]))
            return false;
    return true;
}

static bool is_legal_date(struct str value)
{
    char text[DATE_TEXT_MAX];
    struct date date;
    if (value.len != 8 || !all_of(value, "0123456789"))
        return false;
    snprintf(text, sizeof(text), "%.4s-%.2s-%.2s", value.at, value.at + 4, value.at + 6);
    return date_parse(str_from(text), &date);
}

static bool is_legal_age(struct str value)
{
    return value.len == 4 && all_of(str_slice(value, 0, 3), "0123456789") && strchr("DWMY", value.at[3]);
}

/* Is one value, without padding, what its VR allows? */
static bool is_legal(struct str value, uint16_t vr)
{
    switch (vr) {
    case VR('C', 'S'):
        return all_of(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _");
    case VR('U', 'I'):
        return uid_is_legal(value);
    case VR('D', 'A'):
        return is_legal_date(value);
    case VR('T', 'M'):
        return value.len >= 2 && all_of(value, "0123456789.");
    case VR('D', 'T'):
        return value.len >= 4 && all_of(value, "0123456789.+-");
    case VR('A', 'S'):
        return is_legal_age(value);
    default:
        return false;
    }
}

static bool are_legal(struct str values, uint16_t vr)
{
    struct str one, rest = values;
    while (str_next(&rest, '\\', &one))
        if (one.len > limit_of(vr) || (one.len && !is_legal(one, vr)))
            return false;
    return true;
}

void dicom_put(struct dicom_writer *w, uint32_t tag, struct str value)
{
    uint16_t vr = next_vr(w, tag);
    struct text text;
    if (!vr)
        return;
    if (!vr_is_text(vr_row(vr)) || vr_row(vr)->kind == VR_NUMERALS) {
        mistake(w, tag, "it is no text");
        return;
    }
    if (!vr_row(vr)->has_charset) {
        struct str trimmed = str_trim(value);
        put_value(w, tag, vr, are_legal(trimmed, vr) ? trimmed : S(""));
        return;
    }
    text_init(&text, w->out.max);
    clean(&text, value, vr);
    if (text.overflowed)
        w->out.overflowed = true;
    else if (!vr_row(vr)->is_wide && text.len > SHORT_LENGTH_MAX)
        mistake(w, tag, "its length does not fit");
    else
        put_value(w, tag, vr, text_str(&text));
    text_release(&text);
}

/* ---- numbers ---- */

static bool fits(uint16_t vr, int64_t n)
{
    switch (vr) {
    case VR('U', 'S'):
        return n >= 0 && n <= UINT16_MAX;
    case VR('U', 'L'):
        return n >= 0 && n <= UINT32_MAX;
    case VR('S', 'S'):
        return n >= INT16_MIN && n <= INT16_MAX;
    default: /* SL, IS */
        return n >= INT32_MIN && n <= INT32_MAX;
    }
}

void dicom_put_integer(struct dicom_writer *w, uint32_t tag, int64_t n)
{
    char digits[INTEGER_TEXT_MAX];
    uint16_t vr = next_vr(w, tag);
    if (!vr)
        return;
    bool is_numeral = vr == VR('I', 'S');
    if ((!is_numeral && vr_row(vr)->kind != VR_INTEGERS) || vr_row(vr)->width > 4 || !fits(vr, n)) {
        mistake(w, tag, "it does not hold that number");
    } else if (is_numeral) {
        put_value(w, tag, vr, (struct str){ digits, integer_write(n, digits) });
    } else {
        put_header(w, tag, vr, (uint32_t)vr_row(vr)->width);
        put_number(w, (uint64_t)n, vr_row(vr)->width);
    }
}

enum { DS_MAX = 16 };

/* The length of what DS holds of it: nothing, where it is not finite. */
static int numeral(double n, char digits[32])
{
    int len = DS_MAX + 1;
    for (int precision = 15; precision > 0 && len > DS_MAX; precision--)
        len = snprintf(digits, 32, "%.*g", precision, n);
    return isfinite(n) ? len : 0;
}

/* Separated by '\\'. */
static void put_numerals(struct dicom_writer *w, uint32_t tag, const double *at, int count)
{
    struct text text;
    char digits[32];
    text_init(&text, SHORT_LENGTH_MAX);
    for (int i = 0; i < count; i++) {
        if (i)
            text_put_char(&text, '\\');
        text_put(&text, (struct str){ digits, numeral(at[i], digits) });
    }
    if (text.overflowed)
        mistake(w, tag, "it does not hold those numbers");
    else
        put_value(w, tag, VR('D', 'S'), text_str(&text));
    text_release(&text);
}

static void put_float(struct dicom_writer *w, double n, int width)
{
    union {
        double wide;
        uint64_t bits;
    } eight = { .wide = n };
    union {
        float narrow;
        uint32_t bits;
    } four = { .narrow = (float)n };
    put_number(w, width == 8 ? eight.bits : four.bits, width);
}

void dicom_put_real(struct dicom_writer *w, uint32_t tag, double n)
{
    uint16_t vr = next_vr(w, tag);
    if (vr == VR('D', 'S')) {
        put_numerals(w, tag, &n, 1);
    } else if (vr && vr_row(vr)->kind == VR_REALS) {
        put_header(w, tag, vr, (uint32_t)vr_row(vr)->width);
        put_float(w, n, vr_row(vr)->width);
    } else if (vr) {
        mistake(w, tag, "it is no number");
    }
}

void dicom_put_reals(struct dicom_writer *w, uint32_t tag, const double *at, int count)
{
    uint16_t vr = next_vr(w, tag);
    if (!vr)
        return;
    if (vr == VR('D', 'S')) {
        put_numerals(w, tag, at, count);
        return;
    }
    if (vr_row(vr)->kind != VR_REALS || count > SHORT_LENGTH_MAX / vr_row(vr)->width) {
        mistake(w, tag, "it does not hold those numbers");
        return;
    }
    put_header(w, tag, vr, (uint32_t)(count * vr_row(vr)->width));
    for (int i = 0; i < count; i++)
        put_float(w, at[i], vr_row(vr)->width);
}

void dicom_put_tag(struct dicom_writer *w, uint32_t tag, uint32_t value)
{
    uint16_t vr = next_vr(w, tag);
    if (vr && vr != VR('A', 'T')) {
        mistake(w, tag, "it does not hold a tag");
    } else if (vr) {
        put_header(w, tag, vr, 4);
        put_tag(w, value);
    }
}

void dicom_put_bytes(struct dicom_writer *w, uint32_t tag, struct str bytes)
{
    uint16_t vr = next_vr(w, tag);
    if (vr && (vr_row(vr)->kind != VR_BYTES || bytes.len >= UINT32_MAX - 1))
        mistake(w, tag, "it does not hold those bytes");
    else if (vr)
        put_value(w, tag, vr, bytes);
}

/* ---- sequences, of undefined length ---- */

void dicom_put_sequence(struct dicom_writer *w, uint32_t tag)
{
    uint16_t vr = next_vr(w, tag);
    if (vr && (vr != VR('S', 'Q') || w->depth + 1 >= DICOM_WRITER_DEPTH_MAX))
        mistake(w, tag, "no sequence can begin here");
    if (w->mistake)
        return;
    put_header(w, tag, vr, DICOM_UNDEFINED_LENGTH);
    w->depth++;
    w->in_sequence = true;
}

static void put_bracket(struct dicom_writer *w, uint32_t tag, uint32_t length, bool in_sequence)
{
    if (w->mistake || (w->depth == 0 || w->in_sequence != in_sequence)) {
        mistake(w, tag, "no item of a sequence begins or ends here");
        return;
    }
    put_tag(w, tag);
    put_number(w, length, 4);
    w->in_sequence = !in_sequence;
}

void dicom_put_item(struct dicom_writer *w)
{
    put_bracket(w, 0xFFFEE000, DICOM_UNDEFINED_LENGTH, true);
    w->last[w->depth] = 0;
}

void dicom_put_item_end(struct dicom_writer *w)
{
    put_bracket(w, 0xFFFEE00D, 0, false);
}

void dicom_put_sequence_end(struct dicom_writer *w)
{
    put_bracket(w, 0xFFFEE0DD, 0, true);
    w->in_sequence = false;
    if (!w->mistake)
        w->depth--;
}

/* ---- the file ---- */

void dicom_writer_begin(struct dicom_writer *w, ptrdiff_t max_bytes, struct hold *hold, struct str class_uid,
                        struct str instance_uid)
{
    *w = (struct dicom_writer){ 0 };
    text_init(&w->out, max_bytes);
    w->out.hold = hold;
    for (int i = 0; i < 128; i++)
        text_put_char(&w->out, '\0');
    text_put(&w->out, S("DICM"));
    dicom_put_integer(w, 0x00020000, 0);
    dicom_put_bytes(w, 0x00020001, (struct str){ "\0\1", 2 });
    dicom_put(w, 0x00020002, class_uid);
    dicom_put(w, 0x00020003, instance_uid);
    dicom_put(w, 0x00020010, S(UID_EXPLICIT_LITTLE));
    dicom_put(w, 0x00020012, S(DICOM_IMPLEMENTATION_UID));
    dicom_put(w, 0x00020013, S(DICOM_IMPLEMENTATION_NAME));
    ptrdiff_t length = w->out.len - GROUP_LENGTH_AT - 4;
    for (int i = 0; i < 4 && w->out.len > GROUP_LENGTH_AT + 4; i++)
        w->out.at[GROUP_LENGTH_AT + i] = (char)((uint64_t)length >> (8 * i));
    dicom_put(w, DICOM_SpecificCharacterSet, S("ISO_IR 192"));
}

bool dicom_writer_end(struct dicom_writer *w, struct error *error)
{
    if (!w->mistake && w->depth)
        mistake(w, w->last[w->depth - 1], "it is not closed");
    if (w->mistake)
        return error_set(error, E_INTERNAL, "DICOM element (%04X,%04X): %s", (unsigned)(w->mistaken_tag >> 16),
                         (unsigned)(w->mistaken_tag & 0xFFFF), w->mistake);
    if (w->out.starved && !w->out.is_too_large)
        return error_set(error, E_UNAVAILABLE, "there is no memory for the DICOM file now");
    return !w->out.overflowed || error_set(error, E_TOO_LARGE, "the DICOM file would be larger than is written here");
}

struct str dicom_writer_bytes(const struct dicom_writer *w)
{
    return text_str(&w->out);
}

void dicom_writer_release(struct dicom_writer *w)
{
    text_release(&w->out);
}
