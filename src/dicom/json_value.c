/* json_value.c - values as JSON (PS3.18 F.2.2 to F.2.7). */
#include "dicom/json_value.h"

#include "dicom/object.h"

#include <inttypes.h>
#include <math.h>

/* ---- base64 (RFC 4648) ---- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void four_of(char *to, const unsigned char three[3])
{
    to[0] = alphabet[three[0] >> 2];
    to[1] = alphabet[(three[0] & 3) << 4 | three[1] >> 4];
    to[2] = alphabet[(three[1] & 15) << 2 | three[2] >> 6];
    to[3] = alphabet[three[2] & 63];
}

void base64_put(struct text *out, struct str bytes, unsigned char carry[3], int *carry_count)
{
    const unsigned char *from = (const unsigned char *)bytes.at;
    ptrdiff_t i = 0;
    while (*carry_count && i < bytes.len) {
        carry[(*carry_count)++] = from[i++];
        if (*carry_count == 3) {
            char four[4];
            four_of(four, carry);
            text_put(out, (struct str){ four, 4 });
            *carry_count = 0;
        }
    }
    ptrdiff_t groups = (bytes.len - i) / 3;
    char *to = text_room(out, 4 * groups);
    if (!to)
        return;
    for (ptrdiff_t group = 0; group < groups; group++, i += 3)
        four_of(to + 4 * group, from + i);
    text_grown(out, 4 * groups);
    while (i < bytes.len)
        carry[(*carry_count)++] = from[i++];
}

void base64_end(struct text *out, const unsigned char carry[3], int carry_count)
{
    unsigned char three[3] = { carry[0], carry_count > 1 ? carry[1] : 0, 0 };
    char four[4];
    if (!carry_count)
        return;
    four_of(four, three);
    four[3] = '=';
    if (carry_count == 1)
        four[2] = '=';
    text_put(out, (struct str){ four, 4 });
}

/* Words turned round, a piece at a time; whole words only. */
static void put_swapped(struct text *out, struct str bytes, int width, unsigned char carry[3], int *carry_count)
{
    char piece[4096];
    for (ptrdiff_t done = 0; done < bytes.len;) {
        ptrdiff_t len = bytes.len - done < (ptrdiff_t)sizeof(piece) ? bytes.len - done : (ptrdiff_t)sizeof(piece);
        for (ptrdiff_t i = 0; i < len; i++)
            piece[i] = bytes.at[done + (i - i % width) + (width - 1 - i % width)];
        base64_put(out, (struct str){ piece, len }, carry, carry_count);
        done += len;
    }
}

static void put_bytes(struct text *out, const struct dicom_element *e, int width)
{
    unsigned char carry[3];
    int carry_count = 0;
    text_put(out, S(",\"InlineBinary\":\""));
    if (e->big_endian && width > 1 && e->value.len % width == 0)
        put_swapped(out, e->value, width, carry, &carry_count);
    else
        base64_put(out, e->value, carry, &carry_count);
    base64_end(out, carry, carry_count);
    text_put_char(out, '"');
}

/* ---- text ---- */

static struct str without_padding(struct str s, bool leading)
{
    while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\0'))
        s.len--;
    while (leading && s.len && s.at[0] == ' ')
        s = str_slice(s, 1, s.len);
    return s;
}

/* Up to three component groups: alphabetic=ideographic=phonetic (PS3.5 6.2.1.1). */
static void put_name(struct text *out, struct str name)
{
    static const char *const groups[] = { "Alphabetic", "Ideographic", "Phonetic" };
    struct str group;
    bool first = true;
    text_put_char(out, '{');
    for (int i = 0; i < 3 && name.len; i++) {
        if (i < 2)
            str_cut(name, '=', &group, &name);
        else
            group = name;
        group = without_padding(group, true);
        if (!group.len)
            continue;
        text_format(out, "%s\"%s\":", first ? "" : ",", groups[i]);
        text_put_json_string(out, group);
        first = false;
    }
    text_put_char(out, '}');
}

/* A numeral of PS3.5 6.2 (DS, IS) as a JSON number: without plus sign and needless zeros in front, with digits on both
 * sides of the point. False: it is none. */
static bool put_numeral(struct text *out, struct str s)
{
    double real;
    struct str number = s.len > 1 && s.at[0] == '+' && s.at[1] != '-' ? str_slice(s, 1, s.len) : s;
    if (!number.len || number.at[0] == '+' || !str_to_real(number, &real))
        return false;
    if (number.at[0] == '-') {
        text_put_char(out, '-');
        number = str_slice(number, 1, number.len);
    }
    ptrdiff_t whole = 0, zeros = 0;
    while (whole < number.len && number.at[whole] >= '0' && number.at[whole] <= '9')
        whole++;
    while (zeros + 1 < whole && number.at[zeros] == '0')
        zeros++;
    text_put(out, whole ? str_slice(number, zeros, whole) : S("0"));
    number = str_slice(number, whole, number.len);
    if (number.len && number.at[0] == '.') {
        bool has_digits = number.len > 1 && number.at[1] >= '0' && number.at[1] <= '9';
        text_put(out, has_digits ? S(".") : S(".0"));
        number = str_slice(number, 1, number.len);
    }
    text_put(out, number);
    return true;
}

static void put_one_text(struct text *out, struct str s, enum vr_kind kind)
{
    s = without_padding(s, kind != VR_TEXT);
    if (!s.len)
        text_put(out, S("null"));
    else if (kind == VR_NAMES)
        put_name(out, s);
    else if (kind != VR_NUMERALS || !put_numeral(out, s))
        text_put_json_string(out, s);
}

static void put_texts(struct text *out, const struct dicom_element *e, enum vr_kind kind,
                      const struct dicom_charset *charset, struct arena *arena)
{
    struct str rest = dicom_charset_utf8(charset, e->vr, e->value, arena), one;
    if (!without_padding(rest, true).len)
        return;
    text_put(out, S(",\"Value\":["));
    for (bool more = kind != VR_TEXT; more;) {
        more = str_cut(rest, '\\', &one, &rest);
        put_one_text(out, one, kind);
        text_put(out, more ? S(",") : S(""));
    }
    if (kind == VR_TEXT)
        put_one_text(out, rest, kind);
    text_put_char(out, ']');
}

/* ---- numbers ---- */

static void put_integer(struct text *out, const struct dicom_node *node, int64_t index)
{
    enum { EXACT_BITS = 53 };
    const int64_t limit = (int64_t)1 << EXACT_BITS;
    const struct dicom_element *e = &node->element;
    int64_t n;
    if (!dicom_node_integer(node, index, &n)) { /* the two ends of 64 bits that int64_t here does not hold */
        uint64_t bits = dicom_u64(e->value.at + 8 * index, e->big_endian);
        if (e->vr == VR('S', 'V'))
            text_put(out, S("\"-9223372036854775808\""));
        else
            text_format(out, "\"%" PRIu64 "\"", bits);
    } else if (n > limit || n < -limit) {
        text_format(out, "\"%" PRId64 "\"", n);
    } else {
        text_put_integer(out, n);
    }
}

static void put_real(struct text *out, const struct dicom_element *e, int64_t index)
{
    double real;
    if (e->vr == VR('F', 'L')) {
        uint32_t bits = dicom_u32(e->value.at + 4 * index, e->big_endian);
        float single;
        memcpy(&single, &bits, sizeof(single));
        real = (double)single;
    } else {
        uint64_t bits = dicom_u64(e->value.at + 8 * index, e->big_endian);
        memcpy(&real, &bits, sizeof(real));
    }
    if (isfinite(real))
        text_put_real(out, real);
    else
        text_put(out, isnan(real) ? S("\"NaN\"") : real > 0 ? S("\"Infinity\"") : S("\"-Infinity\""));
}

static void put_numbers(struct text *out, const struct dicom_element *e, const struct vr_row *row)
{
    struct dicom_node node = { .element = *e };
    int64_t tag, count = e->value.len / row->width;
    text_put(out, S(",\"Value\":["));
    for (int64_t i = 0; i < count && !out->overflowed; i++) {
        if (i)
            text_put_char(out, ',');
        if (row->kind == VR_INTEGERS)
            put_integer(out, &node, i);
        else if (row->kind == VR_REALS)
            put_real(out, e, i);
        else if (dicom_node_integer(&node, i, &tag))
            text_format(out, "\"%08" PRIX64 "\"", (uint64_t)tag);
    }
    text_put_char(out, ']');
}

void dicom_json_put_value(struct text *out, const struct dicom_element *e, const struct vr_row *row,
                          const struct dicom_charset *charset, struct arena *arena)
{
    if (!e->value.len)
        return;
    switch (row->kind) {
    case VR_TEXTS:
    case VR_TEXT:
    case VR_NAMES:
    case VR_NUMERALS:
        put_texts(out, e, row->kind, charset, arena);
        break;
    case VR_INTEGERS:
    case VR_REALS:
    case VR_TAGS:
        put_numbers(out, e, row);
        break;
    case VR_BYTES:
    case VR_ITEMS:
        put_bytes(out, e, row->width);
        break;
    }
}
