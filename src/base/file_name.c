/* file_name.c - see file_name.h. */
#include "base/file_name.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

struct range {
    uint32_t first, last;
};

/* Direction (Unicode TR36 3.5, UAX #9) and no width: soft hyphen, Arabic letter mark, Mongolian vowel separator, zero
 * width space, marks, line and paragraph separators, embeddings and overrides, word joiner and invisible operators,
 * isolates, deprecated format characters, byte order mark, interlinear annotation, tags. */
static const struct range unseen[] = {
    { 0xAD, 0xAD },     { 0x61C, 0x61C },   { 0x180E, 0x180E }, { 0x200B, 0x200B }, { 0x200E, 0x200F },
    { 0x2028, 0x202E }, { 0x2060, 0x206F }, { 0xFEFF, 0xFEFF }, { 0xFFF9, 0xFFFB }, { 0xE0000, 0xE007F },
};

static bool is_unseen(uint32_t point)
{
    for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
        if (point >= unseen[i].first && point <= unseen[i].last)
            return true;
    return false;
}

static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0);
}

/* A byte becomes three at most. */
static struct str clean(struct str sent, struct arena *arena)
{
    char *out = arena_alloc(arena, sent.len * 3 + 1);
    ptrdiff_t len = 0;
    for (struct str rest = sent; rest.len;) {
        struct str before = rest;
        uint32_t point = str_next_code_point(&rest);
        struct str piece = str_slice(before, 0, rest.at - before.at);
        if (is_unseen(point))
            continue;
        if (is_control(point) || point == 0xFFFD)
            piece = S(REPLACEMENT);
        memcpy(out + len, piece.at, (size_t)piece.len);
        len += piece.len;
    }
    return (struct str){ out, len };
}

static bool is_separator(char c)
{
    return c == '/' || c == '\\';
}

static bool has_drive(struct str s)
{
    return s.len >= 2 && s.at[1] == ':' && ((s.at[0] >= 'a' && s.at[0] <= 'z') || (s.at[0] >= 'A' && s.at[0] <= 'Z'));
}

static struct str without_drive(struct str component)
{
    while (has_drive(component))
        component = str_slice(component, 2, component.len);
    return component;
}

/* Takes the first component off *path; empty: it is none, or the directory itself, or the one above. */
static struct str component_next(struct str *path)
{
    ptrdiff_t end = 0;
    while (end < path->len && !is_separator(path->at[end]))
        end++;
    struct str component = without_drive(str_slice(*path, 0, end)), bare = str_trim(component);
    *path = str_slice(*path, end + (end < path->len), path->len);
    return str_equal(bare, S(".")) || str_equal(bare, S("..")) || !bare.len ? S("") : component;
}

static struct str cut(struct str name)
{
    struct str short_name = str_at_most(name, FILE_NAME_BYTES_MAX);
    return short_name.len ? short_name : S("unnamed");
}

struct str file_name_of(struct str sent, struct arena *arena)
{
    struct str path = clean(sent, arena), last = S("");
    if (path.len && is_separator(path.at[path.len - 1]))
        return S("unnamed"); /* the name of a directory */
    while (path.len)
        last = component_next(&path);
    return cut(last);
}

struct str file_path_of(struct str sent, struct arena *arena)
{
    struct str path = clean(sent, arena);
    char *out = arena_alloc(arena, path.len + 1);
    ptrdiff_t len = 0;
    while (path.len) {
        struct str component = component_next(&path);
        if (component.len && len)
            out[len++] = '/';
        if (component.len)
            memcpy(out + len, component.at, (size_t)component.len);
        len += component.len;
    }
    return cut((struct str){ out, len });
}
