/* thumbnails.c - small pictures, and where they rest. */
#include "imaging/thumbnails.h"

#include "imaging/image_state.h"
#include "imaging/picture_cache.h"
#include "site/app.h"
#include "base/file.h"

#include <unistd.h>

enum { JPEG_QUALITY = 82 };

bool thumbnails_have(unsigned type)
{
    return file_is_raster(type) || type == FILE_DICOM;
}

void thumbnail_picture_query(struct picture_query *query, int64_t size)
{
    picture_query_default(query);
    query->width = query->height = size;
    query->quality = JPEG_QUALITY;
}

struct made {
    const struct image_file *file;
    struct str key;
};

static bool store_key(struct call *c, void *context)
{
    const struct made *made = context;
    return db_execute(c, "update image_files set thumbnail_path = ? where id = ?", V(made->key), V(made->file->id));
}

struct str thumbnail_key(struct call *c, struct str file_uuid)
{
    return arena_format(&c->arena, "thumbnails/%.2s/%.*s.jpg", file_uuid.at, STR_FMT(file_uuid));
}

bool thumbnail_kept(struct call *c, const struct image_file *file, struct str *jpeg)
{
    int fd;
    int64_t size_bytes;
    struct error ignored = { 0 };
    if (!file->thumbnail_path.at || !blob_open_read(c->app->files, file->thumbnail_path, &fd, &size_bytes, &ignored))
        return false;
    char *bytes = arena_alloc(&c->arena, (ptrdiff_t)size_bytes);
    bool ok = file_read_at(fd, 0, bytes, (ptrdiff_t)size_bytes) == size_bytes;
    close(fd);
    *jpeg = (struct str){ bytes, (ptrdiff_t)size_bytes };
    return ok;
}

static bool keep(struct call *c, const struct image_file *file, struct str jpeg, struct str *key)
{
    struct blob_writer *writer;
    *key = thumbnail_key(c, file->file_uuid);
    if (blob_exists(c->app->files, *key))
        return true;
    if (!blob_create(c->app->files, &writer, &c->error))
        return false;
    if (!blob_write(writer, jpeg, &c->error)) {
        blob_cancel(writer);
        return false;
    }
    return blob_commit(writer, *key, &c->error);
}

/* Thumbnails of raster files rest in the store. Those of DICOM files, which may be a thousand in a series, are in the
 * cache of rendered pictures, whence they may go: the next who asks makes them again. */
bool thumbnails_make(struct call *c, const struct image_file *file)
{
    struct picture_query query;
    struct str jpeg;
    struct made made = { .file = file };
    thumbnail_picture_query(&query, THUMBNAIL_SIZE);
    if (!picture_bytes(c, file, &query, &jpeg)) {
        struct error found = c->error;
        if (found.code != E_UNSUPPORTED_TYPE && found.code != E_INVALID)
            return false;
        error_clear(&c->error);
        return found.code == E_UNSUPPORTED_TYPE || /* no image in it, or none that is decoded here */
               image_undecodable(c, file, arena_copy(&c->arena, str_from(found.message)));
    }
    if (!file_is_raster(file->file_type) || file->thumbnail_path.at)
        return true;
    return keep(c, file, jpeg, &made.key) && db_transact(c, store_key, &made);
}

bool thumbnails_make_wanted(struct call *c, int64_t id)
{
    struct image_file file;
    enum found found = db_find(c, &image_file_schema, &file, "where f.id = ? and f.is_deleted = 0", V(id));
    if (found != FOUND)
        return found == NONE;
    if (file.status != FILE_UPLOADED || file.thumbnail_path.at)
        return true;
    db_release(c);
    return thumbnails_make(c, &file);
}
