/* spool.c - temporary files of uploads, their names, sizes and digests. */
#include "intake/spool.h"

#include "base/file_name.h"

struct spooled *spool_begin(struct call *c, struct blob_store *store, struct str filename, int64_t max_bytes,
                            struct error *error)
{
    struct spooled *file = arena_new(&c->arena, struct spooled);
    if (!blob_create(store, &file->writer, error))
        return NULL;
    file->filename = file_name_of(filename, &c->arena);
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
