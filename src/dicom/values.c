/* values.c - values of elements as text, numbers, days and UIDs (PS3.5 6.2). */
#include "dicom/object.h"

#include "dicom/uid.h"
#include "dicom/vr.h"

#include <math.h>

/* ---- text ---- */

/* Values of one text begin with what counts: only what follows is padding. A UR is trimmed like several texts. */
static bool keeps_leading_spaces(const struct vr_row *row)
{
    return row->kind == VR_TEXT && row->vr != VR('U', 'R');
}

static bool is_padding(char c)
{
    return c == ' ' || c == '\0';
}

static struct str trim(struct str s, bool leading)
{
    while (s.len && is_padding(s.at[s.len - 1]))
        s.len--;
    while (leading && s.len && s.at[0] == ' ') {
        s.at++;
        s.len--;
    }
    return s;
}

struct str dicom_node_text(const struct dicom_dataset *dataset, const struct dicom_node *node, struct arena *arena)
{
    const struct dicom_element *e = &node->element;
    const struct vr_row *row = vr_row(e->vr);
    if (!vr_is_text(row) || !e->value.at)
        return STR_NULL;
    struct str text = dicom_charset_utf8(&dataset->charset, e->vr, e->value, arena);
    text = trim(text, !keeps_leading_spaces(row));
    return text.len ? text : STR_NULL;
}

struct str dicom_text(const struct dicom_dataset *dataset, uint32_t tag, struct arena *arena)
{
    const struct dicom_node *node = dicom_find(dataset, tag);
    return node ? dicom_node_text(dataset, node, arena) : STR_NULL;
}

struct str dicom_text_first(const struct dicom_dataset *dataset, uint32_t tag, struct arena *arena)
{
    struct str first, rest, text = dicom_text(dataset, tag, arena);
    if (!text.at || !str_cut(text, '\\', &first, &rest))
        return text;
    first = trim(first, true);
    return first.len ? first : STR_NULL;
}

struct str dicom_bytes(const struct dicom_dataset *dataset, uint32_t tag)
{
    const struct dicom_node *node = dicom_find(dataset, tag);
    return node ? node->element.value : STR_NULL;
}

/* ---- numbers ---- */

/* Bytes of one value that is a number; 0: it is none, or written as text. */
static ptrdiff_t binary_width(const struct vr_row *row)
{
    return row->kind == VR_INTEGERS || row->kind == VR_REALS || row->kind == VR_TAGS ? row->width : 0;
}

static int64_t count_texts(struct str text)
{
    int64_t count = 1;
    for (ptrdiff_t i = 0; i < text.len; i++)
        count += text.at[i] == '\\';
    return trim(text, true).len ? count : 0;
}

int64_t dicom_node_count(const struct dicom_node *node)
{
    const struct dicom_element *e = &node->element;
    const struct vr_row *row = vr_row(e->vr);
    ptrdiff_t width = binary_width(row);
    if (row->kind == VR_ITEMS)
        return node->item_count;
    if (width)
        return e->value.len / width;
    if (keeps_leading_spaces(row) || !vr_is_text(row))
        return e->value.len > 0;
    return count_texts(e->value);
}

/* The index-th of values separated by '\', trimmed; IS and DS hold ASCII alone. */
static bool number_text(struct str text, int64_t index, struct str *out)
{
    struct str value = text, rest = STR_NULL;
    if (index < 0)
        return false;
    bool more = str_cut(text, '\\', &value, &rest);
    if (!more)
        value = text;
    while (index-- > 0) {
        if (!more)
            return false;
        text = rest;
        more = str_cut(text, '\\', &value, &rest);
        if (!more)
            value = text;
    }
    value = trim(value, true);
    if (value.len > 1 && value.at[0] == '+' && value.at[1] != '-')
        value = str_slice(value, 1, value.len);
    *out = value;
    return value.len > 0;
}

static bool real_to_integer(double real, int64_t *out)
{
    if (!(real > -9.2e18 && real < 9.2e18) || real != floor(real))
        return false;
    *out = (int64_t)real;
    return true;
}

static bool binary_real(const struct dicom_element *e, const char *at, double *out)
{
    if (e->vr == VR('F', 'L')) {
        uint32_t bits = dicom_u32(at, e->big_endian);
        float real;
        memcpy(&real, &bits, sizeof(real));
        *out = (double)real;
    } else {
        uint64_t bits = dicom_u64(at, e->big_endian);
        memcpy(out, &bits, sizeof(*out));
    }
    return isfinite(*out);
}

static bool binary_integer(const struct dicom_element *e, const char *at, int64_t *out)
{
    double real;
    switch (e->vr) {
    case VR('U', 'S'):
        *out = dicom_u16(at, e->big_endian);
        return true;
    case VR('S', 'S'):
        *out = (int16_t)dicom_u16(at, e->big_endian);
        return true;
    case VR('U', 'L'):
        *out = dicom_u32(at, e->big_endian);
        return true;
    case VR('S', 'L'):
        *out = (int32_t)dicom_u32(at, e->big_endian);
        return true;
    case VR('A', 'T'):
        *out = (int64_t)dicom_u16(at, e->big_endian) << 16 | dicom_u16(at + 2, e->big_endian);
        return true;
    case VR('U', 'V'):
    case VR('S', 'V'):
        *out = (int64_t)dicom_u64(at, e->big_endian);
        return *out != INT64_MIN && (e->vr == VR('S', 'V') || *out >= 0);
    default:
        return binary_real(e, at, &real) && real_to_integer(real, out);
    }
}

static bool binary_at(const struct dicom_element *e, int64_t index, const char **at)
{
    ptrdiff_t width = binary_width(vr_row(e->vr));
    if (!width || index < 0 || index >= e->value.len / width)
        return false;
    *at = e->value.at + index * width;
    return true;
}

bool dicom_node_integer(const struct dicom_node *node, int64_t index, int64_t *out)
{
    const struct dicom_element *e = &node->element;
    const char *at;
    struct str text;
    int64_t integer;
    double real;
    if (binary_at(e, index, &at)) {
        if (!binary_integer(e, at, &integer))
            return false;
    } else if ((e->vr != VR('I', 'S') && e->vr != VR('D', 'S')) || !number_text(e->value, index, &text) ||
               (!str_to_integer(text, &integer) && !(str_to_real(text, &real) && real_to_integer(real, &integer)))) {
        return false;
    }
    *out = integer;
    return true;
}

bool dicom_node_real(const struct dicom_node *node, int64_t index, double *out)
{
    const struct dicom_element *e = &node->element;
    const char *at;
    struct str text;
    double real;
    int64_t integer;
    if (binary_at(e, index, &at)) {
        if (e->vr == VR('F', 'L') || e->vr == VR('F', 'D')) {
            if (!binary_real(e, at, &real))
                return false;
        } else {
            if (!binary_integer(e, at, &integer))
                return false;
            real = (double)integer;
        }
    } else if ((e->vr != VR('I', 'S') && e->vr != VR('D', 'S')) || !number_text(e->value, index, &text) ||
               !str_to_real(text, &real)) {
        return false;
    }
    *out = real;
    return true;
}

bool dicom_integer_at(const struct dicom_dataset *dataset, uint32_t tag, int64_t index, int64_t *out)
{
    const struct dicom_node *node = dicom_find(dataset, tag);
    return node && dicom_node_integer(node, index, out);
}

bool dicom_real_at(const struct dicom_dataset *dataset, uint32_t tag, int64_t index, double *out)
{
    const struct dicom_node *node = dicom_find(dataset, tag);
    return node && dicom_node_real(node, index, out);
}

bool dicom_integer(const struct dicom_dataset *dataset, uint32_t tag, int64_t *out)
{
    return dicom_integer_at(dataset, tag, 0, out);
}

bool dicom_real(const struct dicom_dataset *dataset, uint32_t tag, double *out)
{
    return dicom_real_at(dataset, tag, 0, out);
}

bool dicom_sole_integer(const struct dicom_dataset *dataset, uint32_t tag, int64_t *out)
{
    return dicom_value_count(dataset, tag) == 1 && dicom_integer(dataset, tag, out);
}

bool dicom_sole_real(const struct dicom_dataset *dataset, uint32_t tag, double *out)
{
    return dicom_value_count(dataset, tag) == 1 && dicom_real(dataset, tag, out);
}

bool dicom_two_reals(const struct dicom_dataset *dataset, uint32_t tag, double *first, double *second)
{
    return dicom_value_count(dataset, tag) == 2 && dicom_real_at(dataset, tag, 0, first) &&
           dicom_real_at(dataset, tag, 1, second);
}

int64_t dicom_value_count(const struct dicom_dataset *dataset, uint32_t tag)
{
    const struct dicom_node *node = dicom_find(dataset, tag);
    return node ? dicom_node_count(node) : 0;
}

/* ---- days, times, UIDs ---- */

/* The first value of a text VR, without padding, as bytes. The sign of a number is none of a day's, a time's or a
 * UID's: without it a UID would be another's. */
static struct str first_value(const struct dicom_dataset *dataset, uint32_t tag)
{
    const struct dicom_node *node = dicom_find(dataset, tag);
    struct str value;
    if (!node || !vr_is_text(vr_row(node->element.vr)) || !number_text(node->element.value, 0, &value) ||
        (value.at > node->element.value.at && value.at[-1] == '+'))
        return STR_NULL;
    return value;
}

static bool digits(struct str s, ptrdiff_t from, ptrdiff_t count, int *out)
{
    int n = 0;
    if (from + count > s.len)
        return false;
    for (ptrdiff_t i = from; i < from + count; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        n = 10 * n + (s.at[i] - '0');
    }
    *out = n;
    return true;
}

/* "20260105", or "2026.01.05" as ACR-NEMA wrote it. */
bool dicom_date(const struct dicom_dataset *dataset, uint32_t tag, struct date *out)
{
    struct str s = first_value(dataset, tag);
    int year, month, day;
    ptrdiff_t gap = s.len == 10 && s.at[4] == s.at[7] && (s.at[4] == '.' || s.at[4] == '-');
    if ((s.len != 8 && !gap) || !digits(s, 0, 4, &year) || !digits(s, 4 + gap, 2, &month) ||
        !digits(s, 6 + 2 * gap, 2, &day))
        return false;
    struct date date = date_from_ymd(year, month, day);
    if (date_is_null(date))
        return false;
    *out = date;
    return true;
}

/* "HH", "HHMM", "HHMMSS", "HHMMSS.F" to ".FFFFFF"; also with colons, as ACR-NEMA wrote it. */
bool dicom_clock(const struct dicom_dataset *dataset, uint32_t tag, struct dicom_clock *out)
{
    struct str s = first_value(dataset, tag);
    struct dicom_clock clock = { 0 };
    ptrdiff_t gap = s.len >= 5 && s.at[2] == ':';
    int unit = 100000;
    if (!digits(s, 0, 2, &clock.hour) || (s.len > 2 && !digits(s, 2 + gap, 2, &clock.minute)) ||
        (s.len > 4 + gap && !digits(s, 4 + 2 * gap, 2, &clock.second)))
        return false;
    ptrdiff_t i = 6 + 2 * gap;
    if (s.len > i && (s.at[i] != '.' || s.len > i + 7))
        return false;
    for (i++; i < s.len; i++, unit /= 10) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        clock.microsecond += unit * (s.at[i] - '0');
    }
    if (clock.hour > 23 || clock.minute > 59 || clock.second > 60)
        return false;
    *out = clock;
    return true;
}

bool dicom_time(const struct dicom_dataset *dataset, uint32_t tag, int64_t *microseconds)
{
    struct dicom_clock clock;
    if (!dicom_clock(dataset, tag, &clock))
        return false;
    *microseconds = ((int64_t)clock.hour * 3600 + clock.minute * 60 + clock.second) * 1000000 + clock.microsecond;
    return true;
}

bool dicom_uid(const struct dicom_dataset *dataset, uint32_t tag, struct str *out)
{
    struct str s = first_value(dataset, tag);
    if (!uid_is_legal(s) || dicom_value_count(dataset, tag) != 1)
        return false;
    *out = s;
    return true;
}
