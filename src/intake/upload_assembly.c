/* upload_assembly.c - from all chunks of an upload to one file and its row (upload_chunks.h). */
#include "intake/upload_chunks.h"

#include "records/file_event.h"
#include "records/filing.h"
#include "records/keeping.h"
#include "records/patient.h"
#include "records/record_lock.h"
#include "records/visibility.h"
#include "site/metrics.h"
#include "base/file.h"

#include <unistd.h>

enum { COPY_BYTES = 1 << 20 };

struct str chunked_numbers_text(struct call *c, struct integers numbers)
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

static bool say_missing(struct call *c, struct integers numbers, struct integers *missing)
{
    *missing = numbers;
    return fail(c, E_CONFLICT, "%td chunks are missing", numbers.count);
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
    if (!upload_place(c, f->filing, &row))
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
           db_execute(c, "delete from upload_chunks where image_file_id = ?", V(row.id)) &&
           image_file_tell(c, EVENT_FILE_STORED, &row) && audit_change(c);
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
static bool say_lost(struct call *c, const struct image_file *file, int64_t n, struct integers *missing)
{
    struct integers one = { arena_new(&c->arena, int64_t), 1 };
    one.items[0] = n;
    return chunked_forget(c, file, n) && say_missing(c, one, missing);
}

/* Chunks in order into one temporary file, hashed again as a whole. */
static bool assemble(struct call *c, const struct image_file *file, struct integers *missing, struct spooled **out)
{
    char *buffer = arena_alloc(&c->arena, COPY_BYTES);
    struct spooled *spooled = spool_begin(c, c->app->files, file->original_filename, file->file_size, &c->error);
    bool ok = spooled != NULL;
    for (int64_t n = 0; ok && n < file->total_chunks; n++) {
        bool whole;
        ok = append_chunk(c, file, n, buffer, spooled, &whole) && (whole || say_lost(c, file, n, missing));
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
    return error_add_problem(&c->error, &c->arena, "body", S("file_hash"), "hash_mismatch",
                             "the chunks together do not have the announced hash");
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
    db_transact_aside(c, drop_unnamed, file); /* also where If-Match has refused the change */
    c->error = ours;
}

static bool store_assembled(struct call *c, struct image_file *file, struct integers uploaded, struct spooled *spooled)
{
    struct finishing f = { .file = file, .chunk_numbers = chunked_numbers_text(c, uploaded) };
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
    jobs_image_stored(&c->app->jobs, type);
    chunked_remove_files(c, file);
    return true;
}

static bool complete_now(struct call *c, struct image_file *file, struct integers *missing)
{
    struct integers uploaded, absent;
    struct spooled *spooled;
    if (!chunked_numbers(c, file, &uploaded, &absent))
        return false;
    if (absent.count)
        return say_missing(c, absent, missing);
    db_release(c);
    if (!assemble(c, file, missing, &spooled))
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
    blob_settle(c->app->files, file->storage_path);
    return true;
}

bool chunked_complete(struct call *c, struct str upload_id, struct image_file *file, struct integers *missing)
{
    *missing = (struct integers){ NULL, 0 };
    if (!chunked_load(c, upload_id, file))
        return false;
    /* Sent again: the row can be read, but is it on the disk? Not if the commit failed there. */
    if (file->status != FILE_UPLOADING)
        return db_takes_changes(c);
    if (complete_now(c, file, missing))
        return true;
    if (!completed_meanwhile(c, upload_id, file))
        return false;
    *missing = (struct integers){ NULL, 0 };
    return true;
}
