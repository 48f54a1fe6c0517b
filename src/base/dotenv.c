/* dotenv.c - reads `.env` lines. Problems name the line, never its content: it may hold a secret. */
#include "base/dotenv.h"

static bool is_name(struct str s)
{
    for (ptrdiff_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s.len > 0;
}

/* What follows a closing quote may only be a comment. */
static bool is_rest_empty(struct str rest)
{
    rest = str_trim(rest);
    return rest.len == 0 || rest.at[0] == '#';
}

static char unescape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case '"':
    case '\\':
    case '$':
        return c;
    default:
        return '\0';
    }
}

/* s starts after the opening quote. Returns what is wrong, or NULL. */
static const char *read_double_quoted(struct str s, struct arena *arena, struct str *out)
{
    char *to = arena_alloc(arena, s.len);
    ptrdiff_t len = 0;
    for (ptrdiff_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (c == '"') {
            *out = (struct str){ to, len };
            return is_rest_empty(str_slice(s, i + 1, s.len)) ? NULL : "something follows the closing quote";
        }
        if (c == '\\' && i + 1 < s.len && unescape(s.at[i + 1]))
            c = unescape(s.at[++i]);
        to[len++] = c;
    }
    return "the quote is not closed";
}

static const char *read_value(struct str s, struct arena *arena, struct str *out)
{
    if (str_starts(s, S("\"")))
        return read_double_quoted(str_slice(s, 1, s.len), arena, out);
    if (str_starts(s, S("'"))) {
        struct str rest;
        if (!str_cut(str_slice(s, 1, s.len), '\'', out, &rest))
            return "the quote is not closed";
        return is_rest_empty(rest) ? NULL : "something follows the closing quote";
    }
    /* Without quotes, '#' begins a comment at the start or after a blank: passwords in URLs hold '#'. */
    ptrdiff_t end = 0;
    while (end < s.len && !(s.at[end] == '#' && (end == 0 || s.at[end - 1] == ' ' || s.at[end - 1] == '\t')))
        end++;
    *out = str_trim(str_slice(s, 0, end));
    return NULL;
}

static const char *read_line(struct str line, struct arena *arena, struct dotenv_line *out)
{
    if (!str_is_utf8(line) || memchr(line.at, '\0', (size_t)line.len))
        return "the line is not text (UTF-8)";
    if (str_starts(line, S("export ")) || str_starts(line, S("export\t")))
        line = str_trim(str_slice(line, 7, line.len));
    struct str name, value;
    if (!str_cut(line, '=', &name, &value))
        return "there is no '='";
    out->name = str_trim(name);
    if (!is_name(out->name))
        return "the name is not made of letters, digits and '_'";
    return read_value(str_trim(value), arena, &out->value);
}

struct dotenv_line *dotenv_parse(struct str content, const char *file, struct arena *arena, struct text *problems)
{
    struct dotenv_line *first = NULL, **end = &first;
    if (str_starts(content, S("\xEF\xBB\xBF"))) /* a mark that some editors put before UTF-8 */
        content = str_slice(content, 3, content.len);
    struct str line;
    for (int number = 1; str_next(&content, '\n', &line); number++) {
        line = str_trim(line);
        if (line.len == 0 || line.at[0] == '#')
            continue;
        struct dotenv_line read = { .number = number };
        const char *wrong = read_line(line, arena, &read);
        if (wrong) {
            text_format(problems, "%s line %d: %s\n", file, number, wrong);
            continue;
        }
        *end = arena_new(arena, struct dotenv_line);
        **end = read;
        end = &(*end)->next;
    }
    return first;
}
