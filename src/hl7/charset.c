/* charset.c - see charset.h. By glibc's iconv. */
#include "hl7/charset.h"

#include <iconv.h>

static const struct hl7_charset charsets[] = {
    { "ASCII", NULL, .is_ascii = true },
    { "UNICODE UTF-8", NULL },
    { "GB 18030-2000", "GB18030", .hides_separators = true },
    { "8859/1", "ISO-8859-1" },
    { "8859/2", "ISO-8859-2" },
    { "8859/3", "ISO-8859-3" },
    { "8859/4", "ISO-8859-4" },
    { "8859/5", "ISO-8859-5" },
    { "8859/6", "ISO-8859-6" },
    { "8859/7", "ISO-8859-7" },
    { "8859/8", "ISO-8859-8" },
    { "8859/9", "ISO-8859-9" },
    { "8859/15", "ISO-8859-15" },
    { "BIG-5", "BIG5", .hides_separators = true },
};
enum { CHARSETS = sizeof(charsets) / sizeof(charsets[0]) };

/* What is found in messages, and in no table. */
static const struct {
    const char *alias, *name;
} aliases[] = {
    { "UTF-8", "UNICODE UTF-8" },
    { "UTF8", "UNICODE UTF-8" },
    { "UNICODE UTF8", "UNICODE UTF-8" },
    { "GB18030", "GB 18030-2000" },
    { "GB 18030", "GB 18030-2000" },
    { "GBK", "GB 18030-2000" },
    { "GB2312", "GB 18030-2000" },
    { "ISO8859-1", "8859/1" },
    { "ISO-8859-1", "8859/1" },
    { "US-ASCII", "ASCII" },
    { "BIG5", "BIG-5" },
};

const struct hl7_charset *hl7_charset(struct str name)
{
    name = str_trim(name);
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (str_equal_fold(name, str_from(aliases[i].alias)))
            name = str_from(aliases[i].name);
    for (int i = 0; i < CHARSETS; i++)
        if (str_equal_fold(name, str_from(charsets[i].name)))
            return &charsets[i];
    return NULL;
}

static bool is_ascii(struct str s)
{
    for (ptrdiff_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] > 0x7F)
            return false;
    return true;
}

/* All of it or nothing: `growth` bytes at most for each of `from`. */
static bool convert(const char *to_name, const char *from_name, struct str from, ptrdiff_t growth, struct arena *arena,
                    struct str *out)
{
    iconv_t converter = iconv_open(to_name, from_name);
    if (converter == (iconv_t)-1)
        return false;
    char *start = arena_alloc(arena, from.len * growth + 1), *to = start;
    char *in = (char *)(uintptr_t)from.at; /* iconv does not write there */
    size_t left = (size_t)from.len, room = (size_t)(from.len * growth);
    bool ok = iconv(converter, &in, &left, &to, &room) != (size_t)-1 && !left;
    iconv_close(converter);
    *out = (struct str){ start, to - start };
    return ok;
}

bool hl7_charset_decode(const struct hl7_charset *charset, struct str bytes, struct arena *arena, struct str *out)
{
    *out = bytes;
    if (charset->is_ascii || !bytes.len)
        return is_ascii(bytes);
    if (!charset->iconv_name)
        return str_is_utf8(bytes);
    return convert("UTF-8", charset->iconv_name, bytes, 4, arena, out) && str_is_utf8(*out);
}

bool hl7_charset_encode(const struct hl7_charset *charset, struct str text, struct arena *arena, struct str *out)
{
    *out = text;
    if (charset->is_ascii || !text.len)
        return is_ascii(text);
    return !charset->iconv_name || convert(charset->iconv_name, "UTF-8", text, 4, arena, out);
}
