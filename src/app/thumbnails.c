/* thumbnails.c - the background thread that makes small pictures, and the endpoint that shows them. */
#include "app/thumbnails.h"

#include "app/exchange.h"
#include "app/image_file.h"
#include "base/log.h"
#include "raster/decoder.h"

#include <pthread.h>
#include <unistd.h>

enum { QUEUE_MAX = 4096, SWEEP_ROWS = 1000, JPEG_QUALITY = 82 };

struct thumbnails {
    struct app *app;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int64_t queue[QUEUE_MAX]; /* a ring */
    int first, count;
    bool missed; /* some were dropped, or the process has just started: look in the database */
    bool stopping;
};

static bool is_picture(unsigned type)
{
    return type == FILE_JPEG || type == FILE_PNG || type == FILE_TIFF;
}

/* The picture of at most size x size, from the stored bytes. */
static bool make(struct call *c, const struct image_file *file, int size, struct str *jpeg)
{
    struct decode_job *job = arena_new(&c->arena, struct decode_job); /* too large for the stack */
    struct decode_result result;
    int64_t size_bytes;
    job->kind = DECODE_RENDER;
    job->file_type = (enum file_type)file->file_type;
    job->page = 1;
    job->max_pixels = c->app->config.max_pixels;
    job->render.slope = job->render.pixel_aspect = 1;
    job->render.box_width = job->render.box_height = size;
    job->render.format = PICTURE_JPEG;
    job->render.quality = JPEG_QUALITY;
    job->render.bits = 8;
    if (!image_file_open(c, file, &job->fd, &size_bytes))
        return false;
    bool ok = decoder_run(c->app->decoders, job, &c->arena, &result, &c->error);
    close(job->fd);
    if (ok)
        *jpeg = result.bytes;
    return ok;
}

struct outcome {
    const struct image_file *file;
    struct str key, reason;
};

static bool store_outcome(struct call *c, void *context)
{
    const struct outcome *outcome = context;
    if (outcome->reason.at)
        return db_execute(
            c,
            "update image_files set status = 'FAILED', status_reason = ?, updated_at = ? where id = ? and status = 'UPLOADED'",
            V(outcome->reason), V(clock_now()), V(outcome->file->id));
    return db_execute(c, "update image_files set thumbnail_path = ? where id = ?", V(outcome->key),
                      V(outcome->file->id));
}

struct str thumbnail_key(struct call *c, struct str file_uuid)
{
    return arena_format(&c->arena, "thumbnails/%.2s/%.*s.jpg", file_uuid.at, STR_FMT(file_uuid));
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

static bool process(struct call *c, int64_t id)
{
    struct image_file file;
    struct str jpeg;
    struct outcome outcome = { .file = &file };
    if (!db_get(c, &image_file_schema, &file, "where f.id = ? and f.is_deleted = 0", V(id)))
        return c->error.code == E_NONE;
    if (file.status != FILE_UPLOADED || !is_picture(file.file_type) || file.thumbnail_path.at)
        return true;
    db_release(c);
    if (make(c, &file, THUMBNAIL_SIZE, &jpeg)) {
        if (!keep(c, &file, jpeg, &outcome.key))
            return false;
    } else if (c->error.code == E_INVALID) {
        outcome.reason = arena_copy(&c->arena, str_from(c->error.message));
        error_clear(&c->error);
    } else {
        return false;
    }
    return db_transact(c, store_outcome, &outcome);
}

/* ---- the thread ---- */

static bool next(struct thumbnails *t, int64_t *id, bool *look)
{
    pthread_mutex_lock(&t->mutex);
    while (!t->count && !t->missed && !t->stopping)
        pthread_cond_wait(&t->wake, &t->mutex);
    bool go_on = !t->stopping;
    *look = !t->count && t->missed;
    if (t->count) {
        *id = t->queue[t->first];
        t->first = (t->first + 1) % QUEUE_MAX;
        t->count--;
    }
    if (*look)
        t->missed = false;
    pthread_mutex_unlock(&t->mutex);
    return go_on;
}

static bool stopping(struct thumbnails *t)
{
    pthread_mutex_lock(&t->mutex);
    bool yes = t->stopping;
    pthread_mutex_unlock(&t->mutex);
    return yes;
}

static void try_one(struct thumbnails *t, struct call *c, int64_t id)
{
    call_reset(c);
    if (!process(c, id))
        log_write(t->app->log, LOG_WARNING, NULL, "thumbnail.failed", "image file %" PRId64 ": %s", id,
                  c->error.message);
    db_release(c);
}

/* Uploaded pictures without a thumbnail, in steps of SWEEP_ROWS: after a start, and when the queue was too short. */
static void look_in_database(struct thumbnails *t, struct call *c)
{
    static const char *const sql =
        "select id from image_files where status = 'UPLOADED' and thumbnail_path is null "
        "and file_type in ('JPEG', 'PNG', 'TIFF') and is_deleted = 0 and id > ? order by id limit 1000";
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
        for (int i = 0; i < count && !stopping(t); i++)
            try_one(t, c, last = ids[i]);
    } while (count == SWEEP_ROWS && !stopping(t));
}

static void *run(void *context)
{
    struct thumbnails *t = context;
    struct call c;
    int64_t id = 0;
    bool look;
    call_init(&c, t->app, t->app->db);
    while (next(t, &id, &look)) {
        if (look)
            look_in_database(t, &c);
        else
            try_one(t, &c, id);
    }
    call_release(&c);
    return NULL;
}

struct thumbnails *thumbnails_open(struct app *app)
{
    struct thumbnails *t = calloc(1, sizeof(*t));
    if (!t)
        abort();
    t->app = app;
    t->missed = true;
    pthread_mutex_init(&t->mutex, NULL);
    pthread_cond_init(&t->wake, NULL);
    if (pthread_create(&t->thread, NULL, run, t))
        abort();
    return t;
}

void thumbnails_close(struct thumbnails *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->mutex);
    t->stopping = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->mutex);
    pthread_join(t->thread, NULL);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->mutex);
    free(t);
}

void thumbnails_want(struct thumbnails *t, int64_t image_file_id, enum file_type type)
{
    if (!t || !is_picture(type))
        return;
    pthread_mutex_lock(&t->mutex);
    if (t->count < QUEUE_MAX)
        t->queue[(t->first + t->count++) % QUEUE_MAX] = image_file_id;
    else
        t->missed = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->mutex);
}

/* ---- the endpoint ---- */

struct thumbnail_query {
    int64_t file_id, size;
};
static const struct field thumbnail_query_fields[] = {
    FIELD(struct thumbnail_query, file_id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = "The file."),
    FIELD(struct thumbnail_query, size, .min = 16, .max = 1024, .fallback = "256", .doc = "Longest side in pixels."),
};
static const struct schema thumbnail_query = SCHEMA("ThumbnailQuery", struct thumbnail_query, thumbnail_query_fields);

static bool stored_thumbnail(struct call *c, const struct image_file *file, struct str *jpeg)
{
    int fd;
    int64_t size_bytes;
    struct error ignored = { 0 };
    if (!file->thumbnail_path.at || !blob_open_read(c->app->files, file->thumbnail_path, &fd, &size_bytes, &ignored))
        return false;
    char *bytes = arena_alloc(&c->arena, (ptrdiff_t)size_bytes);
    bool ok = pread(fd, bytes, (size_t)size_bytes, 0) == size_bytes;
    close(fd);
    *jpeg = (struct str){ bytes, (ptrdiff_t)size_bytes };
    return ok;
}

static bool thumbnail_get(struct call *c)
{
    const struct thumbnail_query *in = c->in;
    struct image_file file;
    struct str jpeg;
    if (!image_file_load(c, in->file_id, &file))
        return false;
    db_release(c);
    audit_about(c, file.id, file.patient_id);
    if (!is_picture(file.file_type))
        return fail(c, E_UNSUPPORTED_TYPE, "there are no thumbnails of %s files", file_types[file.file_type - 1]);
    struct str etag = arena_format(&c->arena, "\"%.32s-%" PRId64 "\"", file.sha256.at ? file.sha256.at : "", in->size);
    answer_header(c, "ETag", etag);
    answer_header(c, "Cache-Control", S("private, no-cache"));
    struct str known = http_header(c->request, "If-None-Match");
    if (known.at && http_etag_matches(known, etag, true)) {
        answer_status(c, 304);
        return true;
    }
    if (!(in->size == THUMBNAIL_SIZE && stored_thumbnail(c, &file, &jpeg)) && !make(c, &file, (int)in->size, &jpeg))
        return false;
    answer_bytes(c, "image/jpeg", jpeg);
    return true;
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/images/{file_id}/thumbnail", thumbnail_get, &thumbnail_query, NULL, MAY_READ_IMAGES, WORKS,
      .flags = NOT_JSON, .tag = "images", .entity = "image_file", .audit = "image_file.thumbnail",
      .answers = "image/jpeg", .summary = "Shows a small picture of a JPEG, PNG or TIFF file" },
};
ENDPOINT_TABLE(thumbnail_endpoints, rows);
