/* spool.c - temporary files of uploads, their names, sizes and digests. */
#include "app/spool.h"

#include "base/text.h"

enum { FILENAME_BYTES_MAX = 512 };

/* Directories of the sender are nobody's business (RFC 7578 4.2, RFC 6266 4.3), whichever system wrote them. Nothing is left of "../..". */
static struct str last_component(struct str name)
{
    ptrdiff_t begin = name.len;
    while (begin > 0 && name.at[begin - 1] != '/' && name.at[begin - 1] != '\\')
        begin--;
    struct str last = str_slice(name, begin, name.len), bare = str_trim(last);
    return str_equal(bare, S(".")) || str_equal(bare, S("..")) ? STR_NULL : last;
}

/* Not valid UTF-8, or too long: cut at a code point. NUL and other controls become U+FFFD, so that names can be shown. */
struct str spool_clean_name(struct call *c, struct str name)
{
    struct text out;
    struct str rest = name;
    text_init(&out, FILENAME_BYTES_MAX);
    while (rest.len) {
        struct str before = rest;
        uint32_t point = str_next_code_point(&rest);
        ptrdiff_t taken = rest.at - before.at;
        bool replace = point < 0x20 || point == 0x7f || point == 0xfffd;
        struct str piece = replace ? S("\xef\xbf\xbd") : str_slice(before, 0, taken);
        if (out.len + piece.len > FILENAME_BYTES_MAX)
            break;
        text_put(&out, piece);
    }
    struct str copy = arena_copy(&c->arena, out.len ? text_str(&out) : S("unnamed"));
    text_release(&out);
    return copy;
}

struct str spool_filename(struct call *c, struct str name)
{
    return spool_clean_name(c, last_component(name));
}

struct spooled *spool_begin(struct call *c, struct blob_store *store, struct str filename, int64_t max_bytes,
                            struct error *error)
{
    struct spooled *file = arena_new(&c->arena, struct spooled);
    if (!blob_create(store, &file->writer, error))
        return NULL;
    file->filename = spool_filename(c, filename);
    file->max_bytes = max_bytes;
    file->digests = digests_new();
    return file;
}

bool spool_write(struct spooled *file, struct str bytes, struct error *error)
{
    if (file->size_bytes + bytes.len > file->max_bytes)
        return error_set(error, E_TOO_LARGE, "a file may have at most %" PRId64 " bytes", file->max_bytes);
    if (file->size_bytes < SNIFF_BYTES) {
        ptrdiff_t room = SNIFF_BYTES - (ptrdiff_t)file->size_bytes, some = bytes.len < room ? bytes.len : room;
        memcpy(file->head + file->size_bytes, bytes.at, (size_t)some);
    }
    file->size_bytes += bytes.len;
    digests_update(file->digests, bytes.at, bytes.len);
    return blob_write(file->writer, bytes, error);
}

void spool_finish(struct spooled *file)
{
    digests_finish(file->digests, file->md5, file->sha256);
    digests_free(file->digests);
    file->digests = NULL;
}

void spool_drop(struct spooled *file)
{
    digests_free(file->digests);
    blob_cancel(file->writer);
    file->digests = NULL;
    file->writer = NULL;
}

struct str spool_head(const struct spooled *file)
{
    return (struct str){ file->head, file->size_bytes < SNIFF_BYTES ? (ptrdiff_t)file->size_bytes : SNIFF_BYTES };
}
