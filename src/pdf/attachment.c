#include "pdf/parse.h"
#include "base/text.h"
#include "pdf/pdf.h"

#include <zlib.h>

enum { NAMES_MAX = 1024 };

static bool inflate_bytes(struct call *c, struct str packed, ptrdiff_t max_bytes, struct str *out)
{
    z_stream z = { .next_in = (Bytef *)packed.at, .avail_in = (uInt)packed.len };
    struct text text;
    int status = Z_OK;
    if (packed.len > INT32_MAX || inflateInit(&z) != Z_OK)
        return fail(c, E_INVALID, "the attached file is too large");
    text_init(&text, max_bytes);
    while (status == Z_OK) {
        char piece[16384];
        z.next_out = (Bytef *)piece;
        z.avail_out = sizeof piece;
        status = inflate(&z, Z_NO_FLUSH);
        text_put(&text, (struct str){ piece, (ptrdiff_t)(sizeof piece - z.avail_out) });
        if (text.overflowed)
            break;
    }
    inflateEnd(&z);
    bool done = status == Z_STREAM_END && !text.overflowed;
    if (text.overflowed)
        fail(c, E_TOO_LARGE, "the attached file has more than %td bytes", max_bytes);
    else if (!done)
        fail(c, E_INVALID, "the attached file is damaged");
    else
        *out = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return done;
}

static bool read_file(struct call *c, const struct pdf_file *file, struct str specification, ptrdiff_t max_bytes,
                      struct str *out)
{
    struct str files, stream, filter, bytes;
    if (!pdf_resolve(file, specification, &specification) || !pdf_entry(file, specification, "EF", &files) ||
        !pdf_entry(file, files, "F", &stream) || !pdf_stream_bytes(file, stream, &bytes))
        return fail(c, E_INVALID, "the attached file is damaged");
    if (pdf_raw_entry(stream, "Filter", &filter)) {
        if (!str_equal(filter, S("/FlateDecode")))
            return fail(c, E_INVALID, "the attached file is packed in a way that is not read here");
        return inflate_bytes(c, bytes, max_bytes, out);
    }
    if (bytes.len > max_bytes)
        return fail(c, E_TOO_LARGE, "the attached file has more than %td bytes", max_bytes);
    *out = arena_copy(&c->arena, bytes);
    return true;
}

bool pdf_attachment(struct call *c, struct str pdf, struct str name, ptrdiff_t max_bytes, struct str *out)
{
    struct pdf_file file;
    struct str root, names, files, array, rest, key, specification, text;
    if (!pdf_file_read(c, pdf, &file))
        return false;
    if (!pdf_entry(&file, file.trailer, "Root", &root))
        return fail(c, E_INVALID, "this PDF has no catalog");
    if (!pdf_entry(&file, root, "Names", &names) || !pdf_entry(&file, names, "EmbeddedFiles", &files) ||
        !pdf_entry(&file, files, "Names", &array) || !pdf_inside_array(array, &rest))
        return fail(c, E_NOT_FOUND, "this PDF has no attached files");
    for (int i = 0; i < NAMES_MAX && pdf_next_value(&rest, &key) && pdf_next_value(&rest, &specification); i++)
        if (key.len <= 4096 && pdf_text(key, &c->arena, &text) && str_equal(text, name))
            return read_file(c, &file, specification, max_bytes, out);
    return fail(c, E_NOT_FOUND, "this PDF has no attached file of that name");
}
