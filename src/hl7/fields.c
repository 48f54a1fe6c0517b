/* fields.c - a message is taken apart, and its escapes undone. */
#include "hl7/message.h"

/* The piece number `index`, from 0, of those that `separator` parts. */
static struct str piece(struct str text, char separator, int index)
{
    if (!text.at || index < 0)
        return STR_NULL;
    if (!separator)
        return index ? STR_NULL : text;
    ptrdiff_t from = 0;
    for (ptrdiff_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.at[i] != separator)
            continue;
        if (!index--)
            return str_slice(text, from, i);
        from = i + 1;
    }
    return STR_NULL;
}

bool hl7_is(const struct hl7_segment *segment, const char *name)
{
    return str_equal(segment->name, str_from(name));
}

const struct hl7_segment *hl7_segment(const struct hl7_message *m, const char *name)
{
    for (int i = 0; i < m->count; i++)
        if (hl7_is(&m->segments[i], name))
            return &m->segments[i];
    return NULL;
}

struct str hl7_field(const struct hl7_message *m, const struct hl7_segment *segment, int field)
{
    if (!segment)
        return STR_NULL;
    bool is_head = hl7_is(segment, "MSH") || hl7_is(segment, "BHS") || hl7_is(segment, "FHS");
    return piece(segment->fields, m->field, is_head ? field - 2 : field - 1);
}

struct str hl7_repetition(const struct hl7_message *m, struct str field, int index)
{
    return piece(field, m->repetition, index);
}

struct str hl7_component(const struct hl7_message *m, struct str repetition, int component)
{
    return piece(repetition, m->component, component - 1);
}

struct str hl7_subcomponent(const struct hl7_message *m, struct str component, int subcomponent)
{
    return piece(component, m->subcomponent, subcomponent - 1);
}

bool hl7_is_delete(struct str value)
{
    return str_equal(value, S("\"\""));
}

/* ---- escapes (2.7) ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* \Xdd..\: bytes in the message's character set. What is no text of it is left out. */
static void put_hex(const struct hl7_message *m, struct text *out, struct str digits, struct arena *arena)
{
    char *bytes = arena_alloc(arena, digits.len / 2 + 1);
    struct str text;
    ptrdiff_t count = 0;
    if (!m->charset)
        return;
    for (ptrdiff_t i = 0; i + 1 < digits.len; i += 2) {
        int high = hex_digit(digits.at[i]), low = hex_digit(digits.at[i + 1]);
        if (high < 0 || low < 0)
            return;
        bytes[count++] = (char)(high << 4 | low);
    }
    if (!hl7_charset_decode(m->charset, (struct str){ bytes, count }, arena, &text))
        return;
    for (ptrdiff_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c == '\n' || c == '\t' || (c >= ' ' && c != 0x7F))
            text_put_char(out, (char)c);
        else if (c == '\r')
            text_put_char(out, '\n');
    }
}

/* What stands between two escape characters. What only says how text looks is left out. */
static void put_escape(const struct hl7_message *m, struct text *out, struct str what, struct arena *arena)
{
    static const char letters[] = "FSRTE";
    const char separators[] = { m->field, m->component, m->repetition, m->subcomponent, m->escape };
    const char *letter = what.len == 1 ? strchr(letters, what.at[0]) : NULL;
    if (letter && *letter && separators[letter - letters])
        text_put_char(out, separators[letter - letters]);
    else if (what.at[0] == 'X')
        put_hex(m, out, str_slice(what, 1, what.len), arena);
    else if (str_starts(what, S(".br")) || str_starts(what, S(".sp")) || str_starts(what, S(".ce")))
        text_put_char(out, '\n');
}

enum { ESCAPE_MAX = 4096 };

static bool begins_escape(struct str text)
{
    static const char begins[] = "FSRTEXHNCMZ.P";
    return text.len > 0 && strchr(begins, text.at[0]) && text.at[0];
}

static void put_plain(const struct hl7_message *m, struct text *out, struct str value, struct arena *arena)
{
    for (ptrdiff_t i = 0; i < value.len; i++) {
        struct str rest = str_slice(value, i + 1, value.len < i + 1 + ESCAPE_MAX ? value.len : i + 1 + ESCAPE_MAX);
        const char *end = value.at[i] == m->escape && m->escape && begins_escape(rest)
                              ? memchr(rest.at, m->escape, (size_t)rest.len)
                              : NULL;
        if (!end) { /* one that nothing ends stands for itself */
            text_put_char(out, value.at[i]);
            continue;
        }
        put_escape(m, out, str_slice(rest, 0, end - rest.at), arena);
        i += end - rest.at + 1;
    }
}

struct str hl7_plain(const struct hl7_message *m, struct str value, struct arena *arena)
{
    struct text out;
    if (!value.len || hl7_is_delete(value))
        return STR_NULL;
    value = str_at_most(value, HL7_TEXT_MAX);
    struct str plain = value;
    if (m->escape && memchr(value.at, m->escape, (size_t)value.len)) {
        text_init(&out, 4 * value.len + 4);
        put_plain(m, &out, value, arena);
        plain = arena_copy(arena, text_str(&out));
        text_release(&out);
    }
    plain = str_trim(plain);
    return plain.len ? plain : STR_NULL;
}

struct str hl7_text(const struct hl7_message *m, const struct hl7_segment *segment, int field, int component,
                    struct arena *arena)
{
    struct str first = hl7_repetition(m, hl7_field(m, segment, field), 0);
    return hl7_plain(m, hl7_subcomponent(m, hl7_component(m, first, component), 1), arena);
}

/* ---- moments ---- */

/* `count` digits off *text; -1: there are not so many. */
static int take_digits(struct str *text, int count)
{
    int value = 0;
    if (text->len < count)
        return -1;
    for (int i = 0; i < count; i++) {
        if (text->at[i] < '0' || text->at[i] > '9')
            return -1;
        value = value * 10 + (text->at[i] - '0');
    }
    *text = str_slice(*text, count, text->len);
    return value;
}

static bool take_zone(struct str text, struct hl7_time *out)
{
    char sign = text.len ? text.at[0] : 0;
    if (!sign)
        return true;
    text = str_slice(text, 1, text.len);
    int hours = take_digits(&text, 2), minutes = take_digits(&text, 2);
    if ((sign != '+' && sign != '-') || hours < 0 || hours > 14 || minutes < 0 || minutes > 59 || text.len)
        return false;
    out->has_zone = true;
    out->zone_minutes = (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

bool hl7_time(struct str value, struct hl7_time *out)
{
    struct str rest = str_trim(value);
    struct hl7_time t = {
        .year = take_digits(&rest, 4), .month = -1, .day = -1, .hour = -1, .minute = -1, .second = -1
    };
    int *to[] = { &t.month, &t.day, &t.hour, &t.minute, &t.second };
    for (int i = 0; i < 5 && rest.len && rest.at[0] >= '0' && rest.at[0] <= '9'; i++)
        if ((*to[i] = take_digits(&rest, 2)) < 0)
            return false;
    if (rest.len > 1 && rest.at[0] == '.') {
        rest = str_slice(rest, 1, rest.len);
        while (rest.len && rest.at[0] >= '0' && rest.at[0] <= '9')
            rest = str_slice(rest, 1, rest.len);
    }
    if (t.year < 1 || t.hour > 23 || t.minute > 59 || t.second > 59 || !take_zone(rest, &t))
        return false;
    if (t.day > 0 ? date_is_null(date_from_ymd(t.year, t.month, t.day)) : t.month == 0 || t.month > 12 || t.day == 0)
        return false;
    *out = t;
    return true;
}
