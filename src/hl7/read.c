/* read.c - bytes become a message: its character set, its separators, its segments. */
#include "hl7/batch.h"

enum { MSH_HEAD = 4, SEPARATORS_MAX = 5, NAME_BYTES = 3, MSH_CHARSET = 18 };

static bool refuse(struct hl7_refusal *why, enum hl7_error error, struct str words)
{
    *why = (struct hl7_refusal){ error, words, STR_NULL };
    return false;
}

static bool is_end(char c)
{
    return c == '\r' || c == '\n';
}

static bool is_separator(char c)
{
    unsigned char u = (unsigned char)c;
    bool letter = (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z');
    return u > ' ' && u < 0x7F && !letter && u != '"';
}

/* Takes the next segment off *rest; false: there is none. Lines without anything are passed over. */
static bool next_segment(struct str *rest, struct str *segment)
{
    ptrdiff_t from = 0, to;
    while (from < rest->len && is_end(rest->at[from]))
        from++;
    for (to = from; to < rest->len && !is_end(rest->at[to]);)
        to++;
    *segment = str_slice(*rest, from, to);
    *rest = str_slice(*rest, to, rest->len);
    return segment->len > 0;
}

/* ---- MSH-1 and MSH-2 ---- */

static bool take_separators(struct str msh, struct str name, struct hl7_message *out, struct hl7_refusal *why)
{
    char *to[SEPARATORS_MAX] = { &out->component, &out->repetition, &out->escape, &out->subcomponent };
    if (msh.len < MSH_HEAD + 2 || !str_starts(msh, name) || !is_separator(msh.at[NAME_BYTES]))
        return refuse(why, HL7_SEQUENCE, S("the message does not begin with MSH and its separators"));
    out->field = msh.at[NAME_BYTES];
    ptrdiff_t count = 0;
    while (MSH_HEAD + count < msh.len && msh.at[MSH_HEAD + count] != out->field)
        count++;
    if (count < 2 || count > SEPARATORS_MAX)
        return refuse(why, HL7_DATA_TYPE, S("MSH-2 does not name two to five separators"));
    for (ptrdiff_t i = 0; i < count; i++) {
        char c = msh.at[MSH_HEAD + i];
        if (!is_separator(c) || memchr(msh.at + NAME_BYTES, c, (size_t)(i + 1)))
            return refuse(why, HL7_DATA_TYPE, S("MSH-2 names a separator twice, or one that is none"));
        if (to[i])
            *to[i] = c;
    }
    return true;
}

/* ---- MSH-18, while it is not known yet what the bytes mean ---- */

/* `pairs`: a byte above 0x80 takes the next one along, as in GB 18030 and Big5. */
static struct str find_charset(struct str msh, const struct hl7_message *m, bool pairs)
{
    int field = 2; /* what begins behind MSH| */
    ptrdiff_t from = MSH_HEAD;
    for (ptrdiff_t i = MSH_HEAD; i <= msh.len; i++) {
        if (i < msh.len && pairs && (unsigned char)msh.at[i] > 0x80) {
            i++;
            continue;
        }
        if (i < msh.len && msh.at[i] != m->field)
            continue;
        if (field++ == MSH_CHARSET)
            return hl7_repetition(m, str_slice(msh, from, i), 0);
        from = i + 1;
    }
    return STR_NULL;
}

static bool choose_charset(struct str msh, const struct hl7_options *options, struct hl7_message *out,
                           struct hl7_refusal *why)
{
    struct str single = str_trim(find_charset(msh, out, false)), paired = str_trim(find_charset(msh, out, true));
    const struct hl7_charset *of_pairs = paired.len ? hl7_charset(paired) : NULL;
    if (of_pairs && of_pairs->hides_separators)
        out->charset = of_pairs;
    else if (single.len)
        out->charset = hl7_charset(single);
    else
        out->charset = options->charset ? options->charset : hl7_charset(S("ASCII"));
    return out->charset || refuse(why, HL7_NO_SUCH_VALUE, S("MSH-18 names a character set that is not known here"));
}

/* ---- segments ---- */

static bool has_controls(struct str text)
{
    for (ptrdiff_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7F)
            return true;
    }
    return false;
}

static bool is_name(struct str text)
{
    for (int i = 0; i < NAME_BYTES; i++) {
        bool letter = text.at[i] >= 'A' && text.at[i] <= 'Z', digit = text.at[i] >= '0' && text.at[i] <= '9';
        if (!letter && !(digit && i > 0))
            return false;
    }
    return true;
}

static bool take_segment(struct str line, int number, struct arena *arena, struct hl7_message *out,
                         struct hl7_refusal *why)
{
    int fields = 1;
    if (line.len < NAME_BYTES || !is_name(line) || (line.len > NAME_BYTES && line.at[NAME_BYTES] != out->field))
        return refuse(why, HL7_SEQUENCE, arena_format(arena, "segment %d begins with no name", number));
    if (number > 1 && str_starts(line, S("MSH")))
        return refuse(why, HL7_SEQUENCE, S("there is a second MSH in the message"));
    for (ptrdiff_t i = NAME_BYTES + 1; i < line.len; i++)
        fields += line.at[i] == out->field;
    if (fields > HL7_FIELDS_MAX)
        return refuse(why, HL7_DATA_TYPE,
                      arena_format(arena, "segment %d has more than %d fields", number, HL7_FIELDS_MAX));
    out->segments[out->count++] =
        (struct hl7_segment){ str_slice(line, 0, NAME_BYTES), str_slice(line, NAME_BYTES + 1, line.len) };
    return true;
}

static int count_segments(struct str text)
{
    struct str line;
    int count = 0;
    while (count <= HL7_SEGMENTS_MAX && next_segment(&text, &line))
        count++;
    return count;
}

static bool take_segments(struct str text, struct arena *arena, struct hl7_message *out, struct hl7_refusal *why)
{
    struct str line;
    int number = 0, count = count_segments(text);
    if (count > HL7_SEGMENTS_MAX)
        return refuse(why, HL7_SEQUENCE, arena_format(arena, "it has more than %d segments", HL7_SEGMENTS_MAX));
    out->segments = arena_array(arena, struct hl7_segment, count);
    while (next_segment(&text, &line))
        if (!take_segment(line, ++number, arena, out, why))
            return false;
    return true;
}

/* What no answer could repeat is none. */
static void bound(struct str *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i]->len > HL7_CONTROL_ID_MAX)
            *values[i] = STR_NULL;
}

static void take_sender(struct hl7_message *m, const struct hl7_segment *head, struct arena *arena)
{
    struct str *const values[] = { &m->sending_application, &m->sending_facility, &m->receiving_application,
                                   &m->receiving_facility };
    for (int i = 0; i < 4; i++)
        *values[i] = hl7_text(m, head, 3 + i, 1, arena);
    bound(values, 4);
}

/* Of MSH alone, so that a message that is refused further on can be named. */
static void take_head(struct hl7_message *m, struct arena *arena)
{
    const struct hl7_segment *msh = &m->segments[0];
    struct str *const bounded[] = { &m->type, &m->event, &m->control_id };
    take_sender(m, msh, arena);
    m->type = hl7_text(m, msh, 9, 1, arena);
    m->event = hl7_text(m, msh, 9, 2, arena);
    m->control_id = hl7_text(m, msh, 10, 1, arena);
    m->processing = hl7_text(m, msh, 11, 1, arena);
    m->version = hl7_text(m, msh, 12, 1, arena);
    m->application_answer = hl7_text(m, msh, 16, 1, arena);
    bound(bounded, 3);
}

static void take_head_alone(struct str msh, struct hl7_message *out, struct arena *arena)
{
    struct hl7_segment segment = { S("MSH"), str_slice(msh, MSH_HEAD, msh.len) };
    out->segments = &segment;
    out->count = 1;
    take_head(out, arena);
    out->segments = NULL;
    out->count = 0;
}

bool hl7_read(struct str bytes, const struct hl7_options *options, struct arena *arena, struct hl7_message *out,
              struct hl7_refusal *why)
{
    struct str rest = bytes, msh, text;
    ptrdiff_t max = options->bytes_max ? options->bytes_max : HL7_MESSAGE_MAX;
    *out = (struct hl7_message){ 0 };
    *why = (struct hl7_refusal){ 0 };
    if (bytes.len > max)
        return refuse(why, HL7_SEQUENCE, arena_format(arena, "it is larger than %td bytes", max));
    if (!next_segment(&rest, &msh) || !take_separators(msh, S("MSH"), out, why))
        return msh.len ? false : refuse(why, HL7_SEQUENCE, S("there is nothing in the message"));
    const struct hl7_charset *any = options->is_lenient ? hl7_charset(S("8859/1")) : NULL;
    bool is_known = choose_charset(msh, options, out, why);
    if (any && (!is_known || !hl7_charset_decode(out->charset, bytes, arena, &text))) {
        out->charset = any;
        *why = (struct hl7_refusal){ 0 };
    } else if (!is_known) {
        if (str_is_utf8(msh) && !has_controls(msh))
            take_head_alone(msh, out, arena);
        return false;
    }
    if (!hl7_charset_decode(out->charset, bytes, arena, &text)) {
        struct str head;
        if (hl7_charset_decode(out->charset, msh, arena, &head) && !has_controls(head))
            take_head_alone(head, out, arena);
        return refuse(why, HL7_DATA_TYPE,
                      arena_format(arena, "it has bytes that are no text in %s", out->charset->name));
    }
    rest = text;
    if (next_segment(&rest, &msh) && !has_controls(msh))
        take_head_alone(msh, out, arena);
    if (has_controls(text))
        return refuse(why, HL7_DATA_TYPE, S("it has control characters"));
    return take_segments(text, arena, out, why);
}

bool hl7_read_envelope(struct str line, struct arena *arena, struct hl7_message *out, struct hl7_refusal *why)
{
    struct str text, name = str_slice(line, 0, NAME_BYTES < line.len ? NAME_BYTES : line.len);
    *out = (struct hl7_message){ 0 };
    *why = (struct hl7_refusal){ 0 };
    if (!take_separators(line, name, out, why))
        return refuse(why, HL7_SEQUENCE, S("the header of a batch or file does not name its separators"));
    out->charset = hl7_charset(S("UNICODE UTF-8")); /* it has no field that says so */
    if (!hl7_charset_decode(out->charset, line, arena, &text)) {
        out->charset = hl7_charset(S("8859/1"));
        if (!hl7_charset_decode(out->charset, line, arena, &text))
            return refuse(why, HL7_DATA_TYPE, S("the header of a batch or file has bytes that are no text"));
    }
    if (has_controls(text))
        return refuse(why, HL7_DATA_TYPE, S("the header of a batch or file has control characters"));
    struct hl7_segment head = { str_slice(text, 0, NAME_BYTES), str_slice(text, MSH_HEAD, text.len) };
    struct str *const bounded[] = { &out->control_id };
    take_sender(out, &head, arena);
    out->control_id = hl7_text(out, &head, 11, 1, arena);
    bound(bounded, 1);
    return true;
}
