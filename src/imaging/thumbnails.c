/* thumbnails.c - the background thread that makes small pictures. */
#include "imaging/thumbnails.h"

#include "site/actor.h"
#include "imaging/image_state.h"
#include "imaging/picture_cache.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"

#include <unistd.h>

enum { QUEUE_MAX = 4096, SWEEP_ROWS = 1000, JPEG_QUALITY = 82, QUIET_US = 1000000 };
enum { PAUSE_US = 1000000, PAUSE_MAX_US = 300000000 };

struct ring {
    int64_t ids[QUEUE_MAX];
    int first, count;
};

struct thumbnails {
    struct app *app;
    struct background background;
    struct ring rasters;   /* at once */
    struct ring dicom;     /* when nothing has come for a while: whoever sends a thousand slices comes first */
    int64_t last_dicom_us; /* when the last of these came */
    bool busy;             /* one is being made, or looked for */
    bool missed;           /* raster files were dropped, or the process has just started: look in the database */
    int64_t again_us; /* when to look there for those that could not be made now (decoders, disk); 0: there are none */
    int64_t pause_us; /* after how long, next time */
};

static bool ring_put(struct ring *ring, int64_t id)
{
    if (ring->count == QUEUE_MAX)
        return false;
    ring->ids[(ring->first + ring->count++) % QUEUE_MAX] = id;
    return true;
}

static int64_t ring_take(struct ring *ring)
{
    int64_t id = ring->ids[ring->first];
    ring->first = (ring->first + 1) % QUEUE_MAX;
    ring->count--;
    return id;
}

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

static bool process(struct call *c, int64_t id)
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

/* ---- the thread ---- */

/* The moment from which there is something to do; NEVER: when somebody says so. */
static int64_t due_us(const struct thumbnails *t)
{
    int64_t dicom_us = t->dicom.count ? t->last_dicom_us + QUIET_US : NEVER;
    int64_t again_us = t->again_us ? t->again_us : NEVER;
    if (t->background.stopping || t->rasters.count || t->missed)
        return 0;
    return dicom_us < again_us ? dicom_us : again_us;
}

/* Waits for something to do. False: the end. */
static bool next(struct thumbnails *t, int64_t *id, bool *look)
{
    background_lock(&t->background);
    t->busy = false;
    for (int64_t due; (due = due_us(t)) > clock_monotonic_us();)
        background_wait(&t->background, due);
    if (t->again_us && clock_monotonic_us() >= t->again_us) {
        t->again_us = 0;
        t->missed = true;
    }
    bool go_on = !t->background.stopping;
    t->busy = true;
    *look = !t->rasters.count && t->missed;
    if (t->rasters.count)
        *id = ring_take(&t->rasters);
    else if (*look)
        t->missed = false;
    else if (go_on)
        *id = ring_take(&t->dicom);
    background_unlock(&t->background);
    return go_on;
}

/* Sooner at first, then seldom: it may be over in a second, or when somebody has bought a disk. */
static void try_again_later(struct thumbnails *t)
{
    background_lock(&t->background);
    if (!t->again_us) {
        t->pause_us = t->pause_us < PAUSE_US ? PAUSE_US : t->pause_us < PAUSE_MAX_US ? t->pause_us * 4 : PAUSE_MAX_US;
        t->again_us = clock_monotonic_us() + t->pause_us;
    }
    background_unlock(&t->background);
}

static void try_one(struct thumbnails *t, struct call *c, int64_t id)
{
    call_reset(c);
    bool ok = process(c, id);
    if (!ok)
        log_write(t->app->log, c->error.code == E_UNREADABLE ? LOG_ERROR : LOG_WARNING, NULL, "thumbnail.failed",
                  "image file %" PRId64 ": %s", id, c->error.message);
    if (!ok && c->error.code == E_UNAVAILABLE)
        try_again_later(t);
    else if (ok && !t->again_us)
        t->pause_us = 0;
    db_release(c);
}

/* Uploaded raster files without a thumbnail, in steps of SWEEP_ROWS: after a start, and when the queue was too
 * short. */
static void look_in_database(struct thumbnails *t, struct call *c)
{
    static const char *const sql =
        "select id from image_files where status = 'UPLOADED' and thumbnail_path is null "
        "and file_type in ('JPEG', 'PNG', 'TIFF') and deleted_at is null and id > ? order by id limit 1000";
    int64_t ids[SWEEP_ROWS], last = 0;
    int count;
    do {
        struct cursor rows;
        call_reset(c);
        count = 0;
        for (db_rows(c, &rows, sql, V(last)); count < SWEEP_ROWS && cursor_next(&rows);)
            ids[count++] = cursor_integer(&rows, 0);
        cursor_close(&rows);
        db_release(c);
        for (int i = 0; i < count && !background_is_stopping(&t->background); i++)
            try_one(t, c, last = ids[i]);
    } while (count == SWEEP_ROWS && !background_is_stopping(&t->background));
}

int thumbnails_waiting(struct thumbnails *t)
{
    background_lock(&t->background);
    int waiting = t->rasters.count + t->dicom.count + t->missed + t->busy;
    background_unlock(&t->background);
    return waiting;
}

static void make_wanted(void *context)
{
    struct thumbnails *t = context;
    struct call c;
    int64_t id = 0;
    bool look;
    struct actor actor = ACTOR_OF_TASK("thumbnails");
    call_init(&c, t->app, t->app->db);
    c.actor = &actor;
    c.hold.budget = t->app->budget;
    while (next(t, &id, &look)) {
        if (look)
            look_in_database(t, &c);
        else
            try_one(t, &c, id);
    }
    call_release(&c);
}

bool thumbnails_open(struct app *app, struct thumbnails **out, struct error *error)
{
    struct thumbnails *t = calloc(1, sizeof(*t));
    if (!t)
        abort();
    t->app = app;
    t->missed = true;
    if (!background_start(&t->background, "thumbnails", make_wanted, t, error)) {
        free(t);
        return false;
    }
    *out = t;
    return true;
}

void thumbnails_close(struct thumbnails *t)
{
    if (!t)
        return;
    background_stop(&t->background);
    background_release(&t->background);
    free(t);
}

void thumbnails_want(void *thumbnails, int64_t image_file_id, unsigned file_type)
{
    struct thumbnails *t = thumbnails;
    enum file_type type = (enum file_type)file_type;
    if (!thumbnails_have(type))
        return;
    background_lock(&t->background);
    if (type == FILE_DICOM) {
        ring_put(&t->dicom, image_file_id); /* one that finds no room is made when it is asked for */
        t->last_dicom_us = clock_monotonic_us();
    } else if (!ring_put(&t->rasters, image_file_id)) {
        t->missed = true;
    }
    if (type != FILE_DICOM || t->dicom.count == 1) /* further ones only put the moment off */
        background_wake(&t->background);
    background_unlock(&t->background);
}
