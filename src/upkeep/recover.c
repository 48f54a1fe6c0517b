/* recover.c - rows and files brought together again at a start. */
#include "upkeep/recover.h"

#include "records/keeping.h"
#include "site/stored.h"

/* What no row names stays all the same: it may have been acknowledged, and the database be an older one than the
 * store. Not so what is kept for a time only, which is asked for again. */
static bool mend_claim(void *context, struct str key)
{
    struct call *c = context;
    const struct stored_kind *kind = stored_kind_of(key);
    struct error ignored = { 0 };
    bool named;
    if (purge_is_mark(key))
        return purge_mend(c, c->app->files, key);
    if (!kind)
        return true; /* thumbnails can be made again; chunks: below */
    return keeping_look(c, key, &named) &&
           (named || (kind->forget ? blob_remove(c->app->files, key, &ignored) : keeping_set_aside(c, key)));
}

/* chunks/UUID/N.SHA256 whose upload is no longer under way. */
static bool mend_chunk(void *context, struct str key, int64_t size_bytes, struct instant changed)
{
    (void)size_bytes;
    (void)changed;
    struct call *c = context;
    int64_t one;
    struct error ignored = { 0 };
    struct str uuid = str_slice(key, 7, 7 + UUID_TEXT);
    enum found found =
        db_find_integer(c, &one, "select 1 from image_files where file_uuid = ? and status = 'UPLOADING'", V(uuid));
    return found == FOUND || (found == NONE && blob_remove(c->app->files, key, &ignored));
}

/* A file is moved to the archive before its row says so, and may be moved again. */
static bool mend_archive_claim(void *context, struct str key)
{
    struct call *c = context;
    return !purge_is_mark(key) || purge_mend(c, c->app->archive, key);
}

bool recover_files(struct call *c)
{
    struct app *app = c->app;
    if (!blob_alone(app->files))
        return true; /* another process is at work: nothing here is certainly left over */
    bool ok = blob_claims(app->files, mend_claim, c, &c->error) && !c->error.code &&
              blob_walk(app->files, S("chunks/"), mend_chunk, c, &c->error) && !c->error.code;
    if (ok)
        blob_sweep(app->files, 0);
    blob_share(app->files);
    if (ok && app->archive && blob_alone(app->archive)) {
        ok = blob_claims(app->archive, mend_archive_claim, c, &c->error) && !c->error.code;
        blob_sweep(app->archive, 0);
        blob_share(app->archive);
    }
    return ok;
}
