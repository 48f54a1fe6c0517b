/* multipart.c - a state machine over pushed pieces.
 *
 *   PREAMBLE --delimiter--> LINE --CRLF--> HEADERS --empty line--> DATA --delimiter--> LINE ... --"--"--> EPILOGUE
 *
 * The delimiter is CRLF "--" boundary (RFC 2046 5.1.1). CR occurs in it once, at its front. So when a piece ends in
 * the middle of what may be a delimiter, only the number of bytes seen needs keeping (`held`): if it turns out to be
 * data after all, the same bytes come out of `delimiter`, and the search goes on behind them. Nothing is copied. */
#include "http/multipart.h"

#include "http/http.h"

#include <assert.h>

enum { BOUNDARY_MAX = 70, PART_HEADERS_MAX = 16 * 1024, PADDING_MAX = 128 };

enum state { PREAMBLE, LINE, HEADERS, DATA, EPILOGUE, FAILED };

struct multipart {
    struct multipart_events events;
    struct arena *arena;
    enum state state;
    int parts, max_parts;
    char delimiter[BOUNDARY_MAX + 4];
    ptrdiff_t delimiter_len, held;
    char line[2]; /* LINE: what followed the boundary, without padding */
    ptrdiff_t line_len, padding;
    ptrdiff_t header_len; /* in `header`, which begins with the CRLF of the boundary's line */
    char header[PART_HEADERS_MAX + 6];
};

/* RFC 2046 5.1.1: bchars, not ending in a space. */
static bool is_boundary(struct str boundary)
{
    if (boundary.len < 1 || boundary.len > BOUNDARY_MAX || boundary.at[boundary.len - 1] == ' ')
        return false;
    for (ptrdiff_t i = 0; i < boundary.len; i++) {
        char c = boundary.at[i];
        bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c && strchr("'()+_,-./:=? ", c)))
            return false;
    }
    return true;
}

struct multipart *multipart_new(struct arena *arena, struct str boundary, int max_parts,
                                const struct multipart_events *events, struct error *error)
{
    if (!is_boundary(boundary)) {
        error_set(error, E_BAD_REQUEST, "the multipart boundary is missing or not 1 to 70 allowed characters");
        return NULL;
    }
    struct multipart *m = arena_new(arena, struct multipart);
    m->arena = arena;
    m->events = *events;
    m->max_parts = max_parts;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.at, (size_t)boundary.len);
    m->delimiter_len = boundary.len + 4;
    m->held = 2; /* the first delimiter may be the very beginning, as if a CRLF came before */
    return m;
}

/* ---- headers of a part ---- */

/* Browsers escape only these three in filename="..." (WHATWG HTML, multipart/form-data encoding). */
static struct str browser_unescape(struct str text, struct arena *arena)
{
    static const struct {
        struct str escape;
        char c;
    } escapes[] = { { { "%22", 3 }, '"' }, { { "%0D", 3 }, '\r' }, { { "%0A", 3 }, '\n' } };
    if (str_find(text, S("%")) < 0)
        return text;
    char *out = arena_alloc(arena, text.len);
    ptrdiff_t n = 0;
    while (text.len) {
        ptrdiff_t taken = 1;
        char c = *text.at;
        for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++)
            if (str_starts(text, escapes[i].escape)) {
                c = escapes[i].c;
                taken = escapes[i].escape.len;
            }
        out[n++] = c;
        text = str_slice(text, taken, text.len);
    }
    return (struct str){ out, n };
}

/* RFC 8187: UTF-8'language'percent-encoded. Null when it is anything else. */
static struct str extended_value(struct str text, struct arena *arena)
{
    struct str charset, language, encoded, decoded;
    if (!str_cut(text, '\'', &charset, &text) || !str_cut(text, '\'', &language, &encoded) ||
        !str_equal_fold(charset, S("UTF-8")) || !http_percent_decode(encoded, false, arena, &decoded))
        return STR_NULL;
    return decoded;
}

static void read_disposition(struct str value, struct multipart_part *part, struct arena *arena)
{
    part->name = http_header_parameter(value, S("name"), arena);
    if (part->name.at)
        part->name = browser_unescape(part->name, arena);
    struct str extended = http_header_parameter(value, S("filename*"), arena);
    if (extended.at)
        part->filename = extended_value(extended, arena);
    if (part->filename.at)
        return;
    part->filename = http_header_parameter(value, S("filename"), arena);
    if (part->filename.at)
        part->filename = browser_unescape(part->filename, arena);
}

/* A line beginning with white space continues the one before (RFC 5322 2.2.3). */
static void unfold(char *at, ptrdiff_t len)
{
    for (ptrdiff_t i = 0; i + 2 < len; i++)
        if (at[i] == '\r' && at[i + 1] == '\n' && (at[i + 2] == ' ' || at[i + 2] == '\t'))
            at[i] = at[i + 1] = ' ';
}

static bool read_headers(struct str block, struct multipart_part *part, struct arena *arena, struct error *error)
{
    part->headers = block;
    while (block.len) {
        struct str line = block, name, value;
        ptrdiff_t end = str_find(block, S("\r\n"));
        if (end >= 0)
            line = str_slice(block, 0, end);
        block = end >= 0 ? str_slice(block, end + 2, block.len) : STR_NULL;
        if (!str_cut(line, ':', &name, &value))
            return error_set(error, E_BAD_REQUEST, "a header line of a part has no colon");
        value = str_trim(value);
        if (str_equal_fold(name, S("content-disposition")))
            read_disposition(value, part, arena);
        else if (str_equal_fold(name, S("content-type")))
            part->content_type = value;
    }
    return true;
}

/* `header` holds CRLF lines CRLF CRLF. */
static bool begin_part(struct multipart *m, struct error *error)
{
    struct multipart_part part = { 0 };
    ptrdiff_t len = m->header_len > 6 ? m->header_len - 6 : 0;
    if (++m->parts > m->max_parts)
        return error_set(error, E_TOO_LARGE, "more than the %d parts allowed", m->max_parts);
    unfold(m->header + 2, len);
    struct str block = arena_copy(m->arena, (struct str){ m->header + 2, len });
    if (!read_headers(block, &part, m->arena, error))
        return false;
    m->state = DATA;
    return m->events.part(m->events.self, &part, error);
}

/* ---- the states: each takes what it can off *in ---- */

static struct str after(struct str s, ptrdiff_t taken)
{
    return (struct str){ s.at + taken, s.len - taken };
}

static bool emit(struct multipart *m, const char *at, ptrdiff_t len, struct error *error)
{
    if (len == 0 || m->state != DATA)
        return true;
    return m->events.data(m->events.self, (struct str){ at, len }, error);
}

static bool reach_delimiter(struct multipart *m, struct error *error)
{
    bool in_part = m->state == DATA;
    m->state = LINE;
    m->held = m->line_len = m->padding = 0;
    return !in_part || m->events.end(m->events.self, error);
}

/* Goes on comparing what an earlier piece began. */
static bool take_held(struct multipart *m, struct str *in, struct error *error)
{
    ptrdiff_t left = m->delimiter_len - m->held, n = in->len < left ? in->len : left;
    if (memcmp(m->delimiter + m->held, in->at, (size_t)n) != 0) {
        ptrdiff_t held = m->held;
        bool beginning = m->state == PREAMBLE;
        m->held = 0;
        return beginning || emit(m, m->delimiter, held, error);
    }
    m->held += n;
    *in = after(*in, n);
    return m->held < m->delimiter_len || reach_delimiter(m, error);
}

/* How many bytes at the end of `s` may be the beginning of a delimiter. */
static ptrdiff_t partial_match(const struct multipart *m, struct str s)
{
    ptrdiff_t window = s.len < m->delimiter_len - 1 ? s.len : m->delimiter_len - 1;
    const char *end = s.at + s.len, *cr = memrchr(end - window, '\r', (size_t)window);
    return cr && memcmp(cr, m->delimiter, (size_t)(end - cr)) == 0 ? end - cr : 0;
}

static bool take_data(struct multipart *m, struct str *in, struct error *error)
{
    if (m->held)
        return take_held(m, in, error);
    const char *found = memmem(in->at, (size_t)in->len, m->delimiter, (size_t)m->delimiter_len);
    struct str data = { in->at, found ? found - in->at : in->len };
    if (!found) {
        m->held = partial_match(m, data);
        data.len -= m->held;
    }
    *in = found ? after(*in, data.len + m->delimiter_len) : after(*in, in->len);
    return emit(m, data.at, data.len, error) && (!found || reach_delimiter(m, error));
}

/* What follows the boundary on its line: "--" ends everything; else padding and CRLF (RFC 2046 5.1.1). */
static bool take_line(struct multipart *m, struct str *in, struct error *error)
{
    char c = *in->at;
    *in = after(*in, 1);
    if (m->line_len == 0 && (c == ' ' || c == '\t') && m->padding++ < PADDING_MAX)
        return true;
    m->line[m->line_len++] = c;
    bool dash = m->line[0] == '-' && m->padding == 0;
    if (m->line[0] != '\r' && !dash)
        return error_set(error, E_BAD_REQUEST, "a multipart boundary is followed by other characters");
    if (m->line_len < 2)
        return true;
    if (c != (dash ? '-' : '\n'))
        return error_set(error, E_BAD_REQUEST, "a multipart boundary is followed by other characters");
    m->state = dash ? EPILOGUE : HEADERS;
    memcpy(m->header, "\r\n", 2);
    m->header_len = 2;
    return true;
}

static bool take_headers(struct multipart *m, struct str *in, struct error *error)
{
    ptrdiff_t room = (ptrdiff_t)sizeof(m->header) - m->header_len, n = in->len < room ? in->len : room;
    memcpy(m->header + m->header_len, in->at, (size_t)n);
    ptrdiff_t from = m->header_len > 3 ? m->header_len - 3 : 0;
    struct str added = { m->header + from, m->header_len + n - from };
    ptrdiff_t end = str_find(added, S("\r\n\r\n"));
    if (end >= 0) {
        ptrdiff_t whole = from + end + 4;
        *in = after(*in, whole - m->header_len);
        m->header_len = whole;
        return begin_part(m, error);
    }
    m->header_len += n;
    *in = after(*in, n);
    if (m->header_len < (ptrdiff_t)sizeof(m->header))
        return true;
    return error_set(error, E_BAD_REQUEST, "the headers of a part have more than %d bytes", PART_HEADERS_MAX);
}

bool multipart_push(struct multipart *m, struct str bytes, struct error *error)
{
    bool ok = m->state != FAILED;
    while (ok && bytes.len > 0 && m->state != EPILOGUE) {
        switch (m->state) {
        case PREAMBLE:
        case DATA:
            ok = take_data(m, &bytes, error);
            break;
        case LINE:
            ok = take_line(m, &bytes, error);
            break;
        case HEADERS:
            ok = take_headers(m, &bytes, error);
            break;
        case EPILOGUE:
        case FAILED:
            break;
        }
    }
    if (!ok) {
        m->state = FAILED;
        error_set(error, E_BAD_REQUEST, "the multipart body is damaged"); /* only if no cause was given */
    }
    return ok;
}

bool multipart_finish(struct multipart *m, struct error *error)
{
    if (m->state == EPILOGUE)
        return true;
    m->state = FAILED;
    return error_set(error, E_BAD_REQUEST, "the multipart body ends before its last boundary");
}
