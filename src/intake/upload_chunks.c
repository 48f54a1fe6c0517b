/* upload_chunks.c - begins and cancels an upload in chunks, and takes them one by one (upload_chunks.h). */
#include "intake/upload_chunks.h"

#include "records/allowance.h"
#include "records/filing.h"
#include "records/patient.h"
#include "records/record_lock.h"
#include "base/file_name.h"

static const struct field upload_key_fields[] = {
    FIELD(struct upload_key, upload_id, .flags = READ_ONLY, .min = 36, .max = 36, .doc = "The upload."),
};
const struct schema upload_key_schema = SCHEMA("UploadKey", struct upload_key, upload_key_fields);

/* ---- begin ---- */

static bool refuse(struct call *c, const char *member, const char *type, const char *message)
{
    return error_add_problem(&c->error, &c->arena, "body", str_from(member), type, "%s", message);
}

/* Chunk size and number from whichever was given. */
static bool lay_out(struct call *c, const struct chunked_plan *plan, int64_t *chunk_size, int64_t *total)
{
    *chunk_size = plan->chunk_size != INTEGER_NULL ? plan->chunk_size : c->app->config.chunk_size_bytes;
    if (plan->chunk_size == INTEGER_NULL && plan->total_chunks != INTEGER_NULL)
        *chunk_size = (plan->file_size + plan->total_chunks - 1) / plan->total_chunks;
    *total = (plan->file_size + *chunk_size - 1) / *chunk_size;
    if (plan->total_chunks != INTEGER_NULL && plan->total_chunks != *total)
        return refuse(c, "total_chunks", "does_not_fit", "file_size, chunk_size and total_chunks do not fit together");
    if (*chunk_size > CHUNK_BYTES_MAX)
        return refuse(c, "total_chunks", "too_small", "chunks may have at most 256 MiB: use more of them");
    if (*total > 1 && *chunk_size < CHUNK_BYTES_MIN)
        return refuse(c, "chunk_size", "too_small", "chunks have at least 64 KiB, unless there is only one");
    if (*total > CHUNKS_MAX)
        return refuse(c, "chunk_size", "too_small", "at most 100000 chunks: use larger ones");
    return true;
}

static bool hash_is_legal(struct call *c, struct str hash)
{
    unsigned char bytes[SHA256_BYTES];
    if (str_is_null(hash) || (hash.len == MD5_TEXT && crypto_unhex(hash, bytes, MD5_BYTES)) ||
        (hash.len == SHA256_TEXT && crypto_unhex(hash, bytes, SHA256_BYTES)))
        return true;
    return refuse(c, "file_hash", "not_a_hash", "an MD5 (32) or SHA-256 (64 hexadecimal digits)");
}

/* May it begin at all, and is it what can be cut into chunks? */
static bool check_plan(struct call *c, const struct chunked_plan *plan, int64_t *chunk_size, int64_t *total)
{
    if (plan->file_size > c->app->config.max_upload_bytes)
        return fail(c, E_TOO_LARGE, "a file may have at most %" PRId64 " bytes", c->app->config.max_upload_bytes);
    return allowance_begin(c, call_user(c)) && allowance_bytes(c, call_user(c), plan->file_size) &&
           lay_out(c, plan, chunk_size, total) && hash_is_legal(c, plan->file_hash);
}

bool chunked_begin(struct call *c, const struct chunked_plan *plan, struct upload_details *details,
                   struct image_file *out)
{
    struct image_file row;
    int64_t chunk_size = 0, total = 0;
    if (!check_plan(c, plan, &chunk_size, &total) || !upload_details_settle(c, details) ||
        (!details->only_stated && details->patient_id != INTEGER_NULL &&
         !patient_must_exist(c, details->patient_id, "body")))
        return false;
    schema_clear(&image_file_schema, &row);
    row.file_uuid = crypto_uuid_text(&c->arena);
    row.original_filename = file_name_of(plan->filename, &c->arena);
    row.file_type = FILE_OTHER; /* known when the bytes are */
    row.mime_type = S("application/octet-stream");
    row.file_size = plan->file_size;
    row.uploaded_by = call_user(c);
    upload_details_put(details, &row);
    row.status = FILE_UPLOADING;
    row.upload_progress = 0;
    row.is_chunked = true;
    row.total_chunks = total;
    row.chunk_size = chunk_size;
    row.expected_hash = plan->file_hash;
    if (!db_insert(c, &image_file_schema, &row, &row.id) ||
        !image_file_index(c, row.id, row.original_filename, row.description))
        return false;
    audit_about(c, row.id, row.patient_id);
    *out = row;
    return true;
}

struct instant chunked_expires_at(const struct call *c, const struct image_file *file)
{
    return (struct instant){ file->created_at.us + c->app->config.upload_expiry_s * 1000000 };
}

/* ---- rows and files ---- */

bool chunked_load(struct call *c, struct str upload_id, struct image_file *out)
{
    if (db_get(c, &image_file_schema, out, "where f.file_uuid = ? and f.is_deleted = 0", V(upload_id)) &&
        out->is_chunked && out->uploaded_by == call_user(c))
        return true;
    return fail(c, E_NOT_FOUND, "there is no such upload");
}

bool chunked_numbers(struct call *c, const struct image_file *file, struct integers *uploaded, struct integers *missing)
{
    struct cursor rows;
    bool done = file->status != FILE_UPLOADING;
    uploaded->items = arena_array(&c->arena, int64_t, file->total_chunks);
    missing->items = arena_array(&c->arena, int64_t, file->total_chunks);
    uploaded->count = missing->count = 0;
    int64_t n = 0;
    for (db_rows(c, &rows, "select number from upload_chunks where image_file_id = ? order by number", V(file->id));
         !done && cursor_next(&rows); n++) {
        int64_t here = cursor_integer(&rows, 0);
        for (; n < here && n < file->total_chunks; n++)
            missing->items[missing->count++] = n;
        if (here < file->total_chunks)
            uploaded->items[uploaded->count++] = here;
    }
    struct integers *rest = done ? uploaded : missing;
    for (; n < file->total_chunks; n++)
        rest->items[rest->count++] = n;
    return cursor_close(&rows);
}

static struct str chunk_file(struct call *c, struct str uuid, int64_t number, struct str sha256)
{
    return arena_format(&c->arena, "chunks/%.*s/%" PRId64 ".%.*s", STR_FMT(uuid), number, STR_FMT(sha256));
}

static enum found find_chunk(struct call *c, int64_t file_id, int64_t number, struct str *sha256)
{
    struct value value;
    enum found found = db_find_value(
        c, &value, "select sha256 from upload_chunks where image_file_id = ? and number = ?", V(file_id), V(number));
    if (found == FOUND)
        *sha256 = value.text;
    return found;
}

bool chunked_open(struct call *c, const struct image_file *file, int64_t number, int *fd, struct str *sha256)
{
    int64_t size;
    *fd = -1;
    if (find_chunk(c, file->id, number, sha256) != FOUND)
        return fail(c, E_CONFLICT, "chunk %" PRId64 " has gone", number);
    if (blob_open_read(c->app->files, chunk_file(c, file->file_uuid, number, *sha256), fd, &size, &c->error))
        return true;
    if (c->error.code != E_NOT_FOUND)
        return false;
    error_clear(&c->error);
    return true;
}

struct forgetting {
    const struct image_file *file;
    int64_t number;
};

static bool forget_chunk(struct call *c, void *context)
{
    const struct forgetting *f = context;
    int64_t still = 0;
    if (!db_lock_integer(c, &still, "select 1 from image_files where id = ? and status = 'UPLOADING'", V(f->file->id)))
        return fail(c, E_CONFLICT, "the upload was completed or cancelled at the same time");
    return db_execute(c, "delete from upload_chunks where image_file_id = ? and number = ?", V(f->file->id),
                      V(f->number));
}

bool chunked_forget(struct call *c, const struct image_file *file, int64_t number)
{
    struct forgetting f = { file, number };
    if (!db_transact(c, forget_chunk, &f))
        return false;
    log_write(c->app->log, LOG_ERROR, call_request_id(c), "chunk.damaged",
              "chunk %" PRId64 " of %.*s is missing or damaged: it is asked for again", number,
              STR_FMT(file->file_uuid));
    return true;
}

static bool remove_one(void *context, struct str key, int64_t size_bytes, struct instant changed)
{
    (void)size_bytes;
    (void)changed;
    struct call *c = context;
    struct error ignored = { 0 };
    blob_remove(c->app->files, key, &ignored);
    return true;
}

void chunked_remove_files(struct call *c, const struct image_file *file)
{
    struct error ignored = { 0 };
    blob_walk(c->app->files, arena_format(&c->arena, "chunks/%.*s/", STR_FMT(file->file_uuid)), remove_one, c,
              &ignored);
}

static bool delete_rows(struct call *c, const struct image_file *file)
{
    int64_t dropped = 0;
    if (!lock_file(c, file->id, 0) ||
        !db_execute(c, "delete from upload_chunks where image_file_id = ?", V(file->id)) ||
        !search_remove(c, "image_file_search", file->id) ||
        !db_execute_counted(c, &dropped, "delete from image_files where id = ? and status = 'UPLOADING'", V(file->id)))
        return false;
    return dropped || fail(c, E_CONFLICT, "the upload was completed at the same time");
}

static bool drop_rows(struct call *c, void *context)
{
    const struct image_file *file = context;
    audit_about(c, file->id, file->patient_id);
    return delete_rows(c, file) && audit_change(c);
}

/* The request fails, and has its own row for that where it leaves one. */
static bool refuse_rows(struct call *c, void *context)
{
    const struct image_file *file = context;
    int64_t patient = file->patient_id > 0 ? file->patient_id : 0;
    return delete_rows(c, file) && audit_also(c, "image_file.upload_cancel", "image_file", file->id, patient);
}

/* Removes an incomplete upload: row and chunk rows in one commit, then the files. */
static bool drop(struct call *c, const struct image_file *file)
{
    if (!db_transact(c, drop_rows, (void *)(uintptr_t)file))
        return false;
    chunked_remove_files(c, file);
    return true;
}

bool chunked_cancel(struct call *c, struct str upload_id)
{
    struct image_file file;
    if (!chunked_load(c, upload_id, &file))
        return false;
    if (file.status != FILE_UPLOADING)
        return fail(c, E_CONFLICT, "the upload is complete: delete the image file instead");
    return drop(c, &file);
}

/* An error of our own (E_UNAVAILABLE) says nothing of the bytes. A cancellation that fails leaves it to the next
 * attempt, or to the sweep; one that has come too late says so. */
static void refuse_by(struct call *c, const struct image_file *file, bool (*work)(struct call *c, void *context))
{
    struct error why = c->error;
    if (why.code != E_UNSUPPORTED_TYPE && why.code != E_INVALID)
        return;
    error_clear(&c->error);
    bool done = db_transact(c, work, (void *)(uintptr_t)file);
    if (done)
        chunked_remove_files(c, file);
    if (done || c->error.code != E_CONFLICT)
        c->error = why;
}

void chunked_refuse(struct call *c, const struct image_file *file)
{
    refuse_by(c, file, refuse_rows);
}

bool chunked_expire(struct call *c, struct instant before, int64_t *count)
{
    struct image_file file;
    *count = 0;
    audit_action(c, "image_file.upload_expire", "image_file");
    enum found found;
    while ((found = db_find(c, &image_file_schema, &file,
                            "where f.is_deleted = 0 and f.status = 'UPLOADING' and f.created_at < ? limit 1",
                            V(before))) == FOUND) {
        if (!drop(c, &file))
            return false;
        ++*count;
    }
    return found == NONE;
}

/* ---- taking one chunk ---- */

bool chunked_check_size(struct call *c, const struct image_file *file, int64_t number, int64_t size)
{
    if (number >= file->total_chunks)
        return error_add_problem(&c->error, &c->arena, "path", S("number"), "too_large",
                                 "the upload has %" PRId64 " chunks, numbered from 0", file->total_chunks);
    int64_t wanted = number < file->total_chunks - 1 ? file->chunk_size
                                                     : file->file_size - file->chunk_size * (file->total_chunks - 1);
    if (size == wanted)
        return true;
    return error_add_problem(&c->error, &c->arena, "body", STR_NULL, "wrong_length",
                             "this chunk has %" PRId64 " bytes, not %" PRId64, wanted, size);
}

struct storing_chunk {
    const struct image_file *file;
    const struct spooled *spooled;
    int64_t number, progress;
};

static bool insert_chunk(struct call *c, void *context)
{
    struct storing_chunk *s = context;
    const struct image_file *file = s->file;
    struct str sha256 = str_from(s->spooled->sha256), before;
    /* One chunk of an upload after the other: the same one sent twice is seen, and the percentage counts all of
     * them. */
    if (!db_lock(c, "select id from image_files where id = ?", V(file->id)))
        return false;
    enum found found = find_chunk(c, file->id, s->number, &before);
    if (found == FOUND && !str_equal(before, sha256))
        return fail(c, E_CONFLICT, "chunk %" PRId64 " is here already, with other bytes", s->number);
    if (found == FAILED ||
        (found == NONE &&
         !db_execute(
             c,
             "insert into upload_chunks(image_file_id, number, size_bytes, md5, sha256, created_at) values (?, ?, ?, "
             "?, ?, ?)",
             V(file->id), V(s->number), V(s->spooled->size_bytes), V(str_from(s->spooled->md5)), V(sha256),
             V(clock_now()))))
        return false;
    int64_t bytes = 0, changed = 0;
    if (!db_integer(c, &bytes, "select sum(size_bytes) from upload_chunks where image_file_id = ?", V(file->id)))
        return false;
    s->progress = bytes * 100 / file->file_size;
    if (!db_execute_counted(
            c, &changed,
            "update image_files set upload_progress = ?, updated_at = ? where id = ? and status = 'UPLOADING'",
            V(s->progress), V(clock_now()), V(file->id)))
        return false;
    return changed || fail(c, E_CONFLICT, "the upload is complete");
}

/* A first chunk that is here already was of a type that is taken: this one is other bytes, and no reason to cancel. */
static bool refuse_first(struct call *c, void *context)
{
    const struct image_file *file = context;
    struct str before;
    if (!lock_file(c, file->id, 0))
        return false;
    enum found found = find_chunk(c, file->id, 0, &before);
    if (found == FOUND)
        return fail(c, E_CONFLICT, "chunk 0 is here already, with other bytes");
    return found == NONE && refuse_rows(c, context);
}

/* All that the type goes by is in the first chunk: one that is shorter is the whole file (CHUNK_BYTES_MIN). */
static bool check_type(struct call *c, const struct image_file *file, int64_t number, const struct spooled *s)
{
    struct image_file seen;
    if (number > 0 || upload_sniff(c, s, &seen))
        return true;
    refuse_by(c, file, refuse_first);
    return false;
}

/* Sent again it is written again: the name alone does not say that its bytes are there. */
static bool keep_chunk(struct call *c, struct spooled *spooled, struct str key)
{
    struct blob_writer *writer = spooled->writer;
    spooled->writer = NULL;
    if (blob_exists(c->app->files, key))
        return blob_replace(writer, key, &c->error);
    if (!blob_commit(writer, key, &c->error) && c->error.code != E_CONFLICT)
        return false;
    error_clear(&c->error); /* E_CONFLICT: another request has just written the same */
    return true;
}

bool chunked_keep(struct call *c, const struct image_file *file, int64_t number, struct spooled *spooled,
                  int64_t *progress)
{
    struct storing_chunk s = { .file = file, .spooled = spooled, .number = number };
    if (!check_type(c, file, number, spooled) ||
        !keep_chunk(c, spooled, chunk_file(c, file->file_uuid, number, str_from(spooled->sha256))) ||
        !db_transact(c, insert_chunk, &s))
        return false;
    *progress = s.progress;
    return true;
}
