/* url.c - see url.h. */
#include "base/url.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

bool url_decode(struct str s, struct arena *arena, const char **out)
{
    char *text = arena_alloc(arena, s.len + 1);
    ptrdiff_t len = 0;
    for (ptrdiff_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (c == '%') {
            if (s.len - i < 3 || hex_digit(s.at[i + 1]) < 0 || hex_digit(s.at[i + 2]) < 0)
                return false;
            c = (char)(hex_digit(s.at[i + 1]) << 4 | hex_digit(s.at[i + 2]));
            i += 2;
        }
        if (!c)
            return false;
        text[len++] = c;
    }
    text[len] = '\0';
    *out = text;
    return true;
}

bool url_split_host(struct str text, struct str *host, struct str *port)
{
    if (!str_starts(text, S("["))) {
        str_cut(text, ':', host, port);
        return true;
    }
    *port = STR_NULL;
    /* RFC 3986 3.2.2: an IPv6 address stands in brackets */
    ptrdiff_t end = str_find(text, S("]"));
    if (end < 0)
        return false;
    *host = str_slice(text, 1, end);
    struct str after = str_slice(text, end + 1, text.len);
    if (after.len && !str_starts(after, S(":")))
        return false;
    if (after.len)
        *port = str_slice(after, 1, after.len);
    return true;
}

void url_split_user(struct str authority, struct str *before, struct str *host)
{
    *before = STR_NULL;
    *host = authority;
    for (ptrdiff_t i = authority.len - 1; i >= 0; i--)
        if (authority.at[i] == '@') {
            *before = str_slice(authority, 0, i);
            *host = str_slice(authority, i + 1, authority.len);
            return;
        }
}
