/* encoding.c - what the client accepts (RFC 9110 12.5), gzip, and what is packed. */
#include "http/http.h"

#include <zlib.h>

/* "0", "0.0", "0.00", "0.000": the only weights that refuse. */
static bool weight_is_zero(struct str weight)
{
    if (!weight.len || *weight.at != '0')
        return false;
    for (ptrdiff_t i = 1; i < weight.len; i++)
        if (weight.at[i] != '0' && !(i == 1 && weight.at[i] == '.'))
            return false;
    return true;
}

/* Takes one `name;param;q=0.5` off *list. */
static bool next_choice(struct str *list, struct str *name, bool *refused)
{
    struct str element;
    if (!str_next(list, ',', &element))
        return false;
    *refused = false;
    str_cut(element, ';', name, &element);
    *name = str_trim(*name);
    for (struct str part; str_next(&element, ';', &part);) {
        part = str_trim(part);
        if (part.len > 2 && (*part.at | 0x20) == 'q' && part.at[1] == '=')
            *refused = weight_is_zero(str_trim(str_slice(part, 2, part.len)));
    }
    return true;
}

bool http_accepts_gzip(struct str header)
{
    struct str name;
    bool refused, any = false;
    while (next_choice(&header, &name, &refused)) {
        if (str_equal_fold(name, S("gzip")) || str_equal_fold(name, S("x-gzip")))
            return !refused;
        if (str_equal(name, S("*")))
            any = !refused;
    }
    return any;
}

bool http_gzip(struct str in, struct text *out)
{
    enum { LEVEL = 4, GZIP_WINDOW = 15 + 16, MEMORY = 8, HEADER_BYTES = 18 };
    z_stream stream = { 0 };
    ptrdiff_t limit = in.len - 1; /* it has to get smaller */
    if (in.len <= HEADER_BYTES || in.len > INT32_MAX)
        return false;
    char *room = text_room(out, limit);
    if (!room || deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    stream.next_in = (Bytef *)(uintptr_t)in.at;
    stream.avail_in = (uInt)in.len;
    stream.next_out = (Bytef *)room;
    stream.avail_out = (uInt)limit;
    int result = deflate(&stream, Z_FINISH);
    deflateEnd(&stream);
    if (result != Z_STREAM_END)
        return false;
    text_grown(out, (ptrdiff_t)stream.total_out);
    return true;
}

bool http_unpack(struct str in, struct text *out)
{
    enum { EITHER_HEADER = 32 + MAX_WBITS, PIECE = 64 << 10 };
    unsigned char piece[PIECE];
    z_stream stream = { 0 };
    int result = Z_OK;
    if (in.len > INT32_MAX || inflateInit2(&stream, EITHER_HEADER) != Z_OK)
        return false;
    stream.next_in = (Bytef *)(uintptr_t)in.at;
    stream.avail_in = (uInt)in.len;
    while (result == Z_OK && !out->overflowed) {
        stream.next_out = piece;
        stream.avail_out = PIECE;
        result = inflate(&stream, Z_NO_FLUSH); /* Z_BUF_ERROR: it ends too early */
        text_put(out, (struct str){ (const char *)piece, PIECE - (ptrdiff_t)stream.avail_out });
    }
    inflateEnd(&stream);
    return result == Z_STREAM_END && !stream.avail_in && !out->overflowed;
}
