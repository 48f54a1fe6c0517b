/* header.c - the grammar of header values: tokens, parameters, Content-Disposition, percent escapes. */
#include "base/file_name.h"
#include "http/server.h"

/* RFC 9110 5.6.2: tchar. */
static bool is_token_char(unsigned char c)
{
    static const uint32_t allowed[8] = { 0, 0x03FF6CFA, 0xC7FFFFFE, 0x57FFFFFF };
    return allowed[c >> 5] >> (c & 31) & 1;
}

bool header_is_token(const char *at, ptrdiff_t len)
{
    for (ptrdiff_t i = 0; i < len; i++)
        if (!is_token_char((unsigned char)at[i]))
            return false;
    return len > 0;
}

/* Is none of 8 bytes below a space, a DEL or not ASCII? (x - 0x01..01) marks the zero bytes of x. */
static inline bool is_plain(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    return !(((word - ones * ' ') | ((word ^ ones * 0x7F) - ones) | word) & ones * 0x80);
}

bool header_value_is_clean(struct str value)
{
    ptrdiff_t i = 0;
    for (uint64_t word; value.len - i >= (ptrdiff_t)sizeof(word); i += (ptrdiff_t)sizeof(word)) {
        memcpy(&word, value.at + i, sizeof(word));
        if (!is_plain(word))
            break; /* what follows is looked at one by one */
    }
    for (; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if ((c < ' ' && c != '\t') || c == 0x7F)
            return false;
    }
    return true;
}

struct str http_media_type(struct str value)
{
    struct str type, rest;
    str_cut(value, ';', &type, &rest);
    return str_trim(type);
}

/* ---- parameters: `; name=token` and `; name="quoted \" string"` ---- */

/* The end of what begins at the quote, one past the closing one; -1 when it never closes. */
static ptrdiff_t quoted_end(struct str s)
{
    for (ptrdiff_t i = 1; i < s.len; i++) {
        if (s.at[i] == '\\')
            i++;
        else if (s.at[i] == '"')
            return i + 1;
    }
    return -1;
}

/* `piece` with its quotes. Only \" and \\ are escapes: a Windows path comes with plain backslashes. */
static struct str unquote(struct str piece, struct arena *arena)
{
    char *out = arena_alloc(arena, piece.len);
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 1; i < piece.len - 1; i++) {
        char c = piece.at[i];
        if (c == '\\' && i + 1 < piece.len - 1 && (piece.at[i + 1] == '"' || piece.at[i + 1] == '\\'))
            c = piece.at[++i];
        out[n++] = c;
    }
    return (struct str){ out, n };
}

/* Takes `name=value` off *rest, which begins after a ';'. */
static bool next_parameter(struct str *rest, struct str *name, struct str *value)
{
    ptrdiff_t at = 0;
    while (at < rest->len && rest->at[at] != '=' && rest->at[at] != ';')
        at++;
    *name = str_trim(str_slice(*rest, 0, at));
    if (at == rest->len || rest->at[at] == ';') { /* a name alone, or nothing */
        *value = STR_NULL;
        *rest = str_slice(*rest, at + 1, rest->len);
        return true;
    }
    *rest = str_slice(*rest, at + 1, rest->len);
    while (rest->len && (*rest->at == ' ' || *rest->at == '\t'))
        *rest = str_slice(*rest, 1, rest->len);
    ptrdiff_t end = 0;
    if (rest->len && *rest->at == '"' && (end = quoted_end(*rest)) < 0)
        return false;
    ptrdiff_t semicolon = end;
    while (semicolon < rest->len && rest->at[semicolon] != ';')
        semicolon++;
    *value = str_trim(str_slice(*rest, 0, semicolon));
    *rest = str_slice(*rest, semicolon + 1, rest->len);
    return true;
}

struct str http_header_parameter(struct str value, struct str name, struct arena *arena)
{
    struct str type, rest, found, text;
    if (!str_cut(value, ';', &type, &rest))
        return STR_NULL;
    while (rest.len > 0) {
        if (!next_parameter(&rest, &found, &text))
            return STR_NULL;
        if (!text.at || !str_equal_fold(found, name))
            continue;
        if (text.len && *text.at == '"')
            return text.len >= 2 && text.at[text.len - 1] == '"' ? unquote(text, arena) : STR_NULL;
        return arena_copy(arena, text);
    }
    return STR_NULL;
}

/* ---- percent escapes ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool http_percent_decode(struct str in, bool plus_is_space, struct arena *arena, struct str *out)
{
    char *text = arena_alloc(arena, in.len + 1);
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0; i < in.len; i++) {
        char c = in.at[i];
        if (c == '%') {
            int high = i + 2 < in.len ? hex_value(in.at[i + 1]) : -1,
                low = i + 2 < in.len ? hex_value(in.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0')
            return false;
        text[n++] = c;
    }
    struct str decoded = { text, n };
    if (!str_is_utf8(decoded))
        return false;
    *out = decoded;
    return true;
}

/* ---- Content-Disposition ---- */

/* RFC 8187 3.2.1: attr-char. */
static bool is_attribute_char(unsigned char c)
{
    return is_token_char(c) && c != '*' && c != '\'' && c != '%';
}

static ptrdiff_t put_utf8(char out[4], uint32_t c)
{
    if (c < 0x80)
        return out[0] = (char)c, 1;
    if (c < 0x800)
        return out[0] = (char)(0xC0 | c >> 6), out[1] = (char)(0x80 | (c & 0x3F)), 2;
    if (c < 0x10000)
        return out[0] = (char)(0xE0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 0x3F)),
               out[2] = (char)(0x80 | (c & 0x3F)), 3;
    return out[0] = (char)(0xF0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 0x3F)),
           out[2] = (char)(0x80 | (c >> 6 & 0x3F)), out[3] = (char)(0x80 | (c & 0x3F)), 4;
}

static ptrdiff_t put_escaped(char *out, uint32_t c)
{
    static const char digits[] = "0123456789ABCDEF";
    char bytes[4];
    ptrdiff_t n = 0, count = put_utf8(bytes, c);
    for (ptrdiff_t i = 0; i < count; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (is_attribute_char(byte)) {
            out[n++] = bytes[i];
        } else {
            out[n++] = '%';
            out[n++] = digits[byte >> 4];
            out[n++] = digits[byte & 15];
        }
    }
    return n;
}

struct str http_content_disposition(struct arena *arena, struct str stored)
{
    struct str name =
        file_name_of(stored, arena); /* of one that is stored, itself, unless it is older than that rule */
    /* A byte becomes three. */
    char *plain = arena_alloc(arena, name.len + 1), *escaped = arena_alloc(arena, name.len * 3 + 1);
    ptrdiff_t plain_len = 0, escaped_len = 0;
    for (struct str rest = name; rest.len > 0;) {
        uint32_t c = str_next_code_point(&rest);
        bool safe = c < 0x80 && c != '"' && c != '%';
        plain[plain_len++] = safe ? (char)c : '_';
        escaped_len += put_escaped(escaped + escaped_len, c);
    }
    struct str ascii = { plain, plain_len }, utf8 = { escaped, escaped_len };
    return arena_format(arena, "attachment; filename=\"%.*s\"; filename*=UTF-8''%.*s", STR_FMT(ascii), STR_FMT(utf8));
}
