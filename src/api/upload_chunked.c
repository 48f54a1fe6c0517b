/* upload_chunked.c - a file in pieces, in any order, in parallel, over days if need be.
 *
 *   POST      a row of image_files, status UPLOADING; its file_uuid is the upload_id
 *   PUT n     chunk -> temporary file -> hash checked -> chunks/UUID/N.SHA256, synced -> row in upload_chunks
 *   complete  chunks -> one file, hashed on the way -> synced under its name -> row UPLOADED, chunk rows gone (one
 *             commit)
 *
 * A chunk is its row: bytes without one are as good as absent. Sent again with the same bytes a chunk is accepted
 * again; with others it is refused. Uploads that nobody completes are swept after UPLOAD_EXPIRY.
 *
 * What would be refused as a whole is refused as early as it shows, and is cancelled with that: a type that is not
 * taken at chunk 0, whenever that comes; a wrong hash or a picture without a readable header at the end.
 */
#include "records/allowance.h"
#include "api/chunk.h"
#include "records/filing.h"
#include "records/keeping.h"
#include "site/metrics.h"
#include "records/patient.h"
#include "records/record_lock.h"
#include "intake/upload.h"
#include "intake/upload_chunks.h"
#include "records/visibility.h"
#include "base/file.h"
#include "base/file_name.h"

#include <unistd.h>

enum { COPY_BYTES = 1 << 20 };

/* ---- begin ---- */

struct chunked_begin {
    struct str filename;
    int64_t file_size, total_chunks, chunk_size;
    struct str file_hash;
    int64_t patient_id;
    struct str description, modality, body_part, patient_number;
};
static const struct field chunked_begin_fields[] = {
    FIELD(struct chunked_begin, filename, .flags = REQUIRED, .min = 1, .max = 500, .doc = "Name of the file.",
          .example = "ct.dcm"),
    FIELD(struct chunked_begin, file_size, .flags = REQUIRED, .min = 1, .max = (int64_t)1 << 50,
          .doc = "How many bytes the file has."),
    FIELD(struct chunked_begin, total_chunks, .min = 1, .max = 100000,
          .doc = "How many chunks; or give chunk_size, or neither."),
    FIELD(struct chunked_begin, chunk_size, .min = 1, .max = CHUNK_BYTES_MAX,
          .doc = "Bytes of every chunk but the last."),
    FIELD(struct chunked_begin, file_hash, .min = 32, .max = 64,
          .doc = "MD5 or SHA-256 of the whole file, hex; checked at the end."),
    FILE_DETAIL_FIELDS(struct chunked_begin),
    PATIENT_NUMBER_FIELD(struct chunked_begin),
};
static const struct schema chunked_begin = SCHEMA("ChunkedUploadRequest", struct chunked_begin, chunked_begin_fields);

struct chunked_started {
    struct str upload_id;
    int64_t image_file_id, chunk_size, total_chunks;
    struct instant expires_at;
};
static const struct field chunked_started_fields[] = {
    FIELD(struct chunked_started, upload_id, .doc = "Names the upload."),
    FIELD(struct chunked_started, image_file_id, .doc = "The file's record, status UPLOADING."),
    FIELD(struct chunked_started, chunk_size, .doc = "Bytes of every chunk but the last."),
    FIELD(struct chunked_started, total_chunks, .doc = "Chunks, numbered from 0."),
    FIELD(struct chunked_started, expires_at, .doc = "When an incomplete upload is removed."),
};
static const struct schema chunked_started = SCHEMA("ChunkedUpload", struct chunked_started, chunked_started_fields);

static bool refuse(struct call *c, const char *member, const char *type, const char *message)
{
    return error_add_problem(&c->error, &c->arena, "body", str_from(member), type, "%s", message);
}

/* Chunk size and number from whichever was given. */
static bool lay_out(struct call *c, const struct chunked_begin *in, int64_t *chunk_size, int64_t *total)
{
    *chunk_size = in->chunk_size != INTEGER_NULL ? in->chunk_size : c->app->config.chunk_size_bytes;
    if (in->chunk_size == INTEGER_NULL && in->total_chunks != INTEGER_NULL)
        *chunk_size = (in->file_size + in->total_chunks - 1) / in->total_chunks;
    *total = (in->file_size + *chunk_size - 1) / *chunk_size;
    if (in->total_chunks != INTEGER_NULL && in->total_chunks != *total)
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

static bool chunked_post(struct call *c)
{
    const struct chunked_begin *in = c->in;
    struct chunked_started *out = c->out;
    struct image_file row;
    int64_t chunk_size, total;
    struct upload_details details = { in->patient_id, in->description, in->modality, in->body_part,
                                      in->patient_number };
    if (in->file_size > c->app->config.max_upload_bytes)
        return fail(c, E_TOO_LARGE, "a file may have at most %" PRId64 " bytes", c->app->config.max_upload_bytes);
    if (!allowance_begin(c, call_user(c)) || !allowance_bytes(c, call_user(c), in->file_size) ||
        !lay_out(c, in, &chunk_size, &total) || !hash_is_legal(c, in->file_hash) ||
        !upload_details_settle(c, &details) ||
        (details.patient_id != INTEGER_NULL && !patient_must_exist(c, details.patient_id, "body")))
        return false;
    schema_clear(&image_file_schema, &row);
    row.file_uuid = crypto_uuid_text(&c->arena);
    row.original_filename = file_name_of(in->filename, &c->arena);
    row.file_type = FILE_OTHER; /* known when the bytes are */
    row.mime_type = S("application/octet-stream");
    row.file_size = in->file_size;
    row.uploaded_by = call_user(c);
    row.patient_id = details.patient_id;
    row.description = details.description;
    row.modality = details.modality;
    row.body_part = details.body_part;
    row.status = FILE_UPLOADING;
    row.upload_progress = 0;
    row.is_chunked = true;
    row.total_chunks = total;
    row.chunk_size = chunk_size;
    row.expected_hash = in->file_hash;
    if (!db_insert(c, &image_file_schema, &row, &row.id) ||
        !image_file_index(c, row.id, row.original_filename, row.description))
        return false;
    *out = (struct chunked_started){
        row.file_uuid, row.id, chunk_size, total, { row.created_at.us + c->app->config.upload_expiry_s * 1000000 }
    };
    audit_about(c, row.id, row.patient_id);
    answer_header(c, "Location", arena_format(&c->arena, "/api/v1/upload/chunked/%.*s", STR_FMT(row.file_uuid)));
    return true;
}

/* ---- state ---- */

struct chunked_state {
    struct str upload_id;
    int64_t image_file_id;
    struct str filename;
    int64_t file_size, chunk_size, total_chunks;
    struct integers uploaded_chunks, missing_chunks;
    int64_t upload_progress;
    unsigned status;
    struct instant expires_at;
};
static const struct field chunked_state_fields[] = {
    FIELD(struct chunked_state, upload_id, .doc = "Names the upload."),
    FIELD(struct chunked_state, image_file_id, .doc = "The file's record."),
    FIELD(struct chunked_state, filename, .doc = "Name of the file."),
    FIELD(struct chunked_state, file_size, .doc = "How many bytes the file has."),
    FIELD(struct chunked_state, chunk_size, .doc = "Bytes of every chunk but the last."),
    FIELD(struct chunked_state, total_chunks, .doc = "Chunks, numbered from 0."),
    FIELD(struct chunked_state, uploaded_chunks, .doc = "Numbers of those that are here."),
    FIELD(struct chunked_state, missing_chunks, .doc = "Numbers of those that are not."),
    FIELD(struct chunked_state, upload_progress, .doc = "How much of it is here, in percent."),
    FIELD(struct chunked_state, status, .choices = file_statuses, .doc = "Status of the file's record."),
    FIELD(struct chunked_state, expires_at, .doc = "When an incomplete upload is removed."),
};
static const struct schema chunked_state = SCHEMA("ChunkedUploadState", struct chunked_state, chunked_state_fields);

static bool chunked_get(struct call *c)
{
    const struct upload_key *key = c->in;
    struct chunked_state *out = c->out;
    struct image_file file;
    if (!chunked_load(c, key->upload_id, &file) ||
        !chunked_numbers(c, &file, &out->uploaded_chunks, &out->missing_chunks))
        return false;
    out->upload_id = file.file_uuid;
    out->image_file_id = file.id;
    out->filename = file.original_filename;
    out->file_size = file.file_size;
    out->chunk_size = file.chunk_size;
    out->total_chunks = file.total_chunks;
    out->upload_progress = file.upload_progress;
    out->status = file.status;
    out->expires_at = (struct instant){ file.created_at.us + c->app->config.upload_expiry_s * 1000000 };
    return true;
}

/* ---- complete ---- */

/* As JSON: [0,1,2]. */
static struct str numbers_text(struct call *c, struct integers numbers)
{
    struct text text;
    text_init(&text, 1 << 20);
    text_put_char(&text, '[');
    for (ptrdiff_t i = 0; i < numbers.count; i++) {
        if (i)
            text_put_char(&text, ',');
        text_put_integer(&text, numbers.items[i]);
    }
    text_put_char(&text, ']');
    struct str copy = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return copy;
}

static bool say_missing(struct call *c, struct integers missing)
{
    exchange_of(c)->problem_extra =
        arena_format(&c->arena, "\"missing_chunks\":%.*s", STR_FMT(numbers_text(c, missing)));
    return fail(c, E_CONFLICT, "%td chunks are missing", missing.count);
}

struct finishing {
    const struct image_file *file;
    struct filing *filing; /* of a DICOM file; NULL: another */
    struct str chunk_numbers;
};

/* The members that completing an upload changes. */
static uint64_t finished_members(void)
{
    static const char *const names[] = { "file_type",     "mime_type",       "storage_path", "file_hash",
                                         "sha256",        "upload_progress", "uploaded_at",  "pixel_rows",
                                         "pixel_columns", "number_of_frames" };
    uint64_t mask = filing_members();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        mask |= GIVEN(schema_find(&image_file_schema, str_from(names[i])));
    return mask;
}

static bool finish_row(struct call *c, void *context)
{
    const struct finishing *f = context;
    struct image_file row = *f->file;                      /* this may run again */
    if (!lock_patient_of_file(c, row.id, &row.patient_id)) /* who may have been merged since the upload began */
        return false;
    if (f->filing ? !filing_place(c, f->filing, row.patient_id, row.uploaded_by, &row)
                  : row.patient_id > 0 && !patient_must_exist(c, row.patient_id, "body"))
        return false;
    if (f->filing && f->filing->outcome == FILING_KNOWN)
        row.duplicate_of = f->filing->existing;
    if (!db_lock(c, "select id from image_files where id = ?", V(row.id)))
        return false;
    if (!blob_exists(c->app->files, row.storage_path)) {
        c->error.retry_after_s = 1;
        return fail(c, E_UNAVAILABLE, "another attempt to complete this upload was refused: try again");
    }
    enum found found = db_find_update(
        c, &image_file_schema, &row, finished_members(),
        "where id = ? and status = 'UPLOADING' and deleted_at is null and " STAYS("image_files"), V(row.id));
    if (found != FOUND) {
        if (f->filing)
            f->filing->refused = found == NONE;
        return fail(c, E_CONFLICT, "the upload was completed or cancelled at the same time");
    }
    audit_about(c, row.id, row.patient_id);
    return image_file_index(c, row.id, row.original_filename, row.description) &&
           db_execute(c, "update image_files set uploaded_chunks = ? where id = ?", V(f->chunk_numbers), V(row.id)) &&
           db_execute(c, "delete from upload_chunks where image_file_id = ?", V(row.id)) && audit_change(c);
}

/* One chunk to the end of `spooled`. *whole: it had the bytes that were acknowledged. */
static bool append_chunk(struct call *c, const struct image_file *file, int64_t n, char *buffer,
                         struct spooled *spooled, bool *whole)
{
    struct str wanted;
    char md5[MD5_TEXT + 1], sha256[SHA256_TEXT + 1];
    int fd;
    *whole = false;
    if (!chunked_open(c, file, n, &fd, &wanted))
        return false;
    if (fd < 0)
        return true;
    struct digests *digests = digests_new_sha256();
    ptrdiff_t got = 1;
    bool ok = true;
    for (int64_t at = 0; ok && (got = file_read_at(fd, at, buffer, COPY_BYTES)) > 0; at += got) {
        digests_update(digests, buffer, got);
        ok = spool_write(spooled, (struct str){ buffer, got }, &c->error);
    }
    digests_finish(digests, md5, sha256);
    digests_free(digests);
    close(fd);
    *whole = ok && got == 0 && str_equal(str_from(sha256), wanted);
    if (!ok && c->error.code == E_TOO_LARGE) { /* it has grown */
        error_clear(&c->error);
        ok = true;
    }
    return ok;
}

/* Its bytes are not in the store any more: as good as never sent. */
static bool say_lost(struct call *c, const struct image_file *file, int64_t n)
{
    return chunked_forget(c, file, n) && say_missing(c, (struct integers){ &n, 1 });
}

/* Chunks in order into one temporary file, hashed again as a whole. */
static bool assemble(struct call *c, const struct image_file *file, struct spooled **out)
{
    char *buffer = arena_alloc(&c->arena, COPY_BYTES);
    struct spooled *spooled = spool_begin(c, c->app->files, file->original_filename, file->file_size, &c->error);
    bool ok = spooled != NULL;
    for (int64_t n = 0; ok && n < file->total_chunks; n++) {
        bool whole;
        ok = append_chunk(c, file, n, buffer, spooled, &whole) && (whole || say_lost(c, file, n));
    }
    if (ok)
        spool_finish(spooled);
    else if (spooled)
        spool_drop(spooled);
    *out = spooled;
    return ok;
}

static bool hash_fits(struct call *c, const struct image_file *file, const struct spooled *spooled)
{
    struct str wanted = file->expected_hash;
    if (str_is_empty(wanted) ||
        str_equal_fold(wanted, str_from(wanted.len == MD5_TEXT ? spooled->md5 : spooled->sha256)))
        return true;
    return refuse(c, "file_hash", "hash_mismatch", "the chunks together do not have the announced hash");
}

static bool keep_assembled(struct call *c, struct spooled *spooled, struct str key)
{
    struct blob_writer *writer = spooled->writer;
    spooled->writer = NULL;
    if (!blob_claim(c->app->files, key, &c->error)) {
        blob_cancel(writer);
        return false;
    }
    return blob_replace(writer, key, &c->error); /* an earlier attempt may have got as far */
}

static bool drop_unnamed(struct call *c, void *context)
{
    const struct image_file *file = context;
    struct error ignored = { 0 };
    int64_t one;
    if (!db_lock(c, "select id from image_files where id = ?", V(file->id)))
        return false;
    enum found named = db_find_integer(c, &one, "select 1 from image_files where id = ? and storage_path = ?",
                                       V(file->id), V(file->storage_path));
    if (named == FAILED)
        return false;
    if (named == NONE && blob_remove(c->app->files, file->storage_path, &ignored))
        blob_settle(c->app->files, file->storage_path);
    return true;
}

/* Refused, or cancelled meanwhile: nobody but the upload's own row can ever name these bytes. Another attempt to
 * complete it may be on its way there: both look under the lock of the row, which of them comes first. When the
 * database does not answer, and while nobody knows whether the commit was made, the claim stays. */
static void take_back(struct call *c, struct image_file *file)
{
    struct error ours = c->error;
    if (ours.in_doubt)
        return;
    error_clear(&c->error);
    db_transact(c, drop_unnamed, file);
    c->error = ours;
}

static bool store_assembled(struct call *c, struct image_file *file, struct integers uploaded, struct spooled *spooled)
{
    struct finishing f = { .file = file, .chunk_numbers = numbers_text(c, uploaded) };
    if (!hash_fits(c, file, spooled) || !upload_classify(c, spooled, file)) {
        chunked_refuse(c, file);
        return false;
    }
    enum file_type type = (enum file_type)file->file_type;
    file->storage_path = upload_key(c, file->file_uuid, type);
    file->file_hash = str_from(spooled->md5);
    file->sha256 = str_from(spooled->sha256);
    file->status = FILE_UPLOADED;
    file->upload_progress = 100;
    file->uploaded_at = clock_now();
    if (type == FILE_DICOM) {
        f.filing = arena_new(&c->arena, struct filing);
        if (!filing_read(c, blob_writer_fd(spooled->writer), spooled->size_bytes,
                         &(struct filing_text){ .sender = file->uploaded_by }, f.filing))
            return false;
    }
    if (!keep_assembled(c, spooled, file->storage_path))
        return false;
    if (!(f.filing ? filing_transact(c, f.filing, finish_row, &f) : db_transact(c, finish_row, &f))) {
        take_back(c, file);
        return false;
    }
    blob_settle(c->app->files, file->storage_path);
    keeping_mend_others(c, file);
    metrics_upload(c->app->metrics, file->file_size);
    jobs_want_thumbnail(&c->app->jobs, file->id, type);
    chunked_remove_files(c, file);
    return true;
}

static bool complete_now(struct call *c, struct image_file *file)
{
    struct integers uploaded, missing;
    struct spooled *spooled;
    if (!chunked_numbers(c, file, &uploaded, &missing))
        return false;
    if (missing.count)
        return say_missing(c, missing);
    db_release(c);
    if (!assemble(c, file, &spooled))
        return false;
    bool ok = store_assembled(c, file, uploaded, spooled);
    spool_drop(spooled);
    return ok;
}

/* Another client's completion takes the chunks away under ours, in any order. Once it has, ours is one that was sent
 * again. */
static bool completed_meanwhile(struct call *c, struct str upload_id, struct image_file *file)
{
    struct error ours = c->error;
    bool refused = ours.code == E_UNSUPPORTED_TYPE || ours.code == E_INVALID;
    if (ours.in_doubt || refused) /* in doubt: what can be read now need not be on the disk */
        return false;
    error_clear(&c->error);
    if (!chunked_load(c, upload_id, file))
        return false; /* cancelled: there is no such upload any more */
    if (file->status == FILE_UPLOADING) {
        c->error = ours;
        return false;
    }
    exchange_of(c)->problem_extra = STR_NULL;
    blob_settle(c->app->files, file->storage_path);
    return true;
}

static bool chunked_complete(struct call *c)
{
    const struct upload_key *key = c->in;
    struct image_file file, *out = c->out;
    if (!chunked_load(c, key->upload_id, &file))
        return false;
    /* Sent again: the row can be read, but is it on the disk? Not if the commit failed there. */
    if (file.status != FILE_UPLOADING && !db_takes_changes(c))
        return false;
    if (file.status == FILE_UPLOADING && !complete_now(c, &file) && !completed_meanwhile(c, key->upload_id, &file))
        return false;
    answer_location(c, "/api/v1/image-files/%" PRId64, file.id);
    return image_file_load(c, file.id, out);
}

/* ---- cancel ---- */

static bool chunked_delete(struct call *c)
{
    const struct upload_key *key = c->in;
    struct image_file file;
    if (!chunked_load(c, key->upload_id, &file))
        return false;
    if (file.status != FILE_UPLOADING)
        return fail(c, E_CONFLICT, "the upload is complete: delete the image file instead");
    return chunked_drop(c, &file);
}

#define UPLOADS .permission = MAY_UPLOAD_IMAGES, .tag = "upload", .entity = "image_file"
static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/upload/chunked", chunked_post, &chunked_begin, &chunked_started, .runs = WRITES,
      .body = BODY_JSON, .status = 201, UPLOADS, .audit = "image_file.upload_begin",
      .summary = "Begins a chunked upload" },
    { HTTP_GET, "/api/v1/upload/chunked/{upload_id}", chunked_get, &upload_key_schema, &chunked_state, UPLOADS,
      .summary = "Tells which chunks are here" },
    { HTTP_PUT, "/api/v1/upload/chunked/{upload_id}/chunks/{number}", chunk_put, &chunk_key_schema,
      &chunk_stored_schema, .runs = WORKS, .body = BODY_RAW, UPLOADS, .receive = chunk_receive,
      .body_max = CHUNK_BYTES_MAX, .summary = "Sends one chunk",
      .doc = "Chunks are numbered from 0 and have exactly chunk_size bytes, but for the last. Content-MD5, Digest or "
             "Content-Digest are checked. A chunk may be sent again. Chunk 0 tells the type: 415 when it is none "
             "that is taken, and the upload is cancelled." },
    { HTTP_POST, "/api/v1/upload/chunked/{upload_id}/complete", chunked_complete, &upload_key_schema,
      &image_file_schema, .runs = WORKS, .status = 201, UPLOADS, .audit = "image_file.upload",
      .summary = "Puts the chunks together and checks size and hash",
      .doc = "409 with missing_chunks while some are missing. May be repeated. Refused for its hash or its content "
             "(415, 422) the upload is cancelled: begin another." },
    { HTTP_DELETE, "/api/v1/upload/chunked/{upload_id}", chunked_delete, &upload_key_schema, NULL, .runs = WORKS,
      UPLOADS, .audit = "image_file.upload_cancel", .summary = "Cancels an upload and frees what it took" },
};
ENDPOINT_TABLE(upload_chunked_endpoints, rows);
