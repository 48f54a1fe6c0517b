/* upload.c - one file in one request; and the way from bytes to a row that all uploads share. */
#include "intake/upload.h"

#include "records/file_event.h"
#include "records/allowance.h"
#include "records/keeping.h"
#include "site/metrics.h"
#include "records/modality.h"
#include "records/patient_number.h"
#include "records/report_files.h"
#include "records/stated_patient.h"
#include "site/turns.h"
#include "records/visibility.h"
#include "base/names.h"

#include <unistd.h>

enum { TRIES_MAX = 3 };

static const struct field upload_details_fields[] = { FILE_DETAIL_FIELDS(struct upload_details),
                                                      PATIENT_NUMBER_FIELD(struct upload_details) };
const struct schema upload_details_schema = SCHEMA("UploadDetails", struct upload_details, upload_details_fields);

bool upload_details_settle(struct call *c, struct upload_details *details)
{
    int64_t id = 0;
    bool by_merge;
    if (!modality_take(c, "body", &details->modality))
        return false;
    details->only_stated = !visibility_of_patients(c);
    if (details->only_stated || !details->patient_number.len)
        return true;
    if (!patient_number_find(c, details->patient_number, STR_NULL, &id, &by_merge))
        return false;
    if (!id || (details->patient_id > 0 && details->patient_id != id))
        return error_add_problem(&c->error, &c->arena, "body", S("patient_number"), "unknown_patient",
                                 id ? "patient_id names another patient" : "there is no patient with this number");
    details->patient_id = id;
    return true;
}

static bool invalid_file(struct call *c, const char *type, const char *message)
{
    return error_add_problem(&c->error, &c->arena, "body", S("file"), type, "%s", message);
}

void upload_details_put(const struct upload_details *details, struct image_file *row)
{
    row->description = details->description;
    row->modality = details->modality;
    row->body_part = details->body_part;
    row->is_report = details->is_report;
    row->patient_id = details->only_stated ? INTEGER_NULL : details->patient_id;
    row->stated_patient_id = details->only_stated ? details->patient_id : INTEGER_NULL;
    row->stated_patient_number = details->only_stated ? details->patient_number : STR_NULL;
}

/* Animations, and the several pictures of a camera: nobody may think that the one they see is all there is. Nor that
 * its colours are right where they may not be. */
static void put_remarks(struct call *c, const struct raster_info *info, struct image_file *row)
{
    enum { REMARKS = 2 };
    struct str *items = arena_array(&c->arena, struct str, REMARKS);
    int64_t count = 0;
    if (info->pictures > 1)
        items[count++] = arena_format(
            &c->arena, "the file says that it has %" PRId64 " pictures: only the first is shown", info->pictures);
    if (info->odd_colours)
        items[count++] = S("the file says by cICP, gAMA or cHRM that its colours are not those of sRGB: they are shown "
                           "as if they were");
    if (count)
        row->remarks = (struct texts){ items, count };
}

/* What its header says of the picture. */
static bool measure_picture(struct call *c, int fd, struct image_file *row)
{
    struct raster_info info;
    struct error error = { 0 };
    if (raster_probe(fd, row->file_type, c->app->config.max_pixels, &info, &error)) {
        row->pixel_rows = info.height;
        row->pixel_columns = info.width;
        put_remarks(c, &info, row);
        if (row->file_type == FILE_TIFF)
            row->number_of_frames = info.pages;
        return true;
    }
    if (error.code == E_INVALID)
        return invalid_file(c, "bad_image", error.message);
    c->error = error;
    return false;
}

bool upload_sniff(struct call *c, const struct spooled *file, struct image_file *row)
{
    const char *mime;
    enum file_type type = sniff(spool_head(file), &mime);
    row->file_type = type;
    row->mime_type = str_from(mime);
    if (type == FILE_OTHER && !c->app->config.allow_other)
        return fail(c, E_UNSUPPORTED_TYPE,
                    "only DICOM, JPEG, PNG and TIFF files are taken; by its content this is none of them");
    return true;
}

bool upload_classify(struct call *c, const struct spooled *file, struct image_file *row)
{
    if (file->size_bytes == 0)
        return invalid_file(c, "empty", "the file is empty");
    if (!upload_sniff(c, file, row))
        return false;
    if (row->file_type != FILE_JPEG && row->file_type != FILE_PNG && row->file_type != FILE_TIFF)
        return true;
    return measure_picture(c, blob_writer_fd(file->writer), row);
}

struct storing {
    struct spooled *file;
    const struct upload_details *details;
    struct image_file row;
    struct filing *filing;    /* of a DICOM file; NULL: another */
    struct image_file shared; /* whose bytes the row is to share; id 0: it has its own */
    bool shared_has_gone;     /* they were there, and are not any more */
    int64_t stored_id;
    struct str key; /* of bytes of our own, once they are there */
    struct image_file *out;
};

/* The same bytes, where the caller may see them. What others keep privately must not show through. */
static bool find_duplicate(struct call *c, struct storing *s)
{
    struct cursor rows;
    const struct image_file *row = &s->row;
    struct image_file *shared = &s->shared;
    schema_clear(&image_file_schema, shared);
    shared->id = 0;
    db_rows(c, &rows,
            "select f.id, f.storage_path, f.duplicate_of, f.damage from image_files f where f.sha256 = ? and " IN_SIGHT(
                "f") " and f.storage_path is not null and f.is_archived = 0 and " VISIBLE_FILE " order by f.id limit 1",
            V(row->sha256), VISIBLE_FILE_TO_USER(c, row->uploaded_by));
    if (cursor_next(&rows)) {
        shared->id = cursor_integer(&rows, 0);
        shared->storage_path = arena_copy(&c->arena, cursor_text(&rows, 1));
        shared->duplicate_of = cursor_integer(&rows, 2) ? cursor_integer(&rows, 2) : shared->id;
        shared->damage = choice_of(file_damages, cursor_text(&rows, 3));
        shared->sha256 = row->sha256;
        shared->file_size = row->file_size;
    }
    return cursor_close(&rows);
}

/* Between finding the bytes and naming them again they may have been purged, or moved to the archive. */
static bool hold_shared(struct call *c, struct storing *s)
{
    bool there;
    if (!keeping_hold(c, &s->shared, &there))
        return false;
    s->shared_has_gone = !there;
    return there || fail(c, E_UNAVAILABLE, "the stored copy has just been moved: send the file again");
}

static bool flush_files(void *files, struct error *error)
{
    return blob_flush(files, error);
}

bool upload_place(struct call *c, struct filing *filing, struct image_file *row)
{
    if (filing)
        return filing_place(c, filing, row->patient_id, row->uploaded_by, row);
    return row->patient_id > 0 ? patient_must_exist(c, row->patient_id, "body") : stated_patient_find(c, row);
}

static bool insert_row(struct call *c, void *context)
{
    struct storing *s = context;
    struct image_file row = s->row; /* this may run again */
    bool is_known;
    if ((!row.is_report && !allowance_bytes(c, row.uploaded_by, s->shared.id ? 0 : row.file_size)) ||
        !upload_place(c, s->filing, &row))
        return false;
    is_known = s->filing && s->filing->outcome == FILING_KNOWN;
    if (s->details->only_study > 0 && !is_known && row.study_id != s->details->only_study) {
        if (s->filing)
            s->filing->refused = true; /* no clash, which would be tried again */
        return fail(c, E_CONFLICT, "the study that it is made for is not there any more, or another patient's");
    }
    if (is_known)
        row.id = s->filing->existing;
    else if ((s->shared.id && !hold_shared(c, s)) || !db_insert(c, &image_file_schema, &row, &row.id) ||
             !image_file_index(c, row.id, row.original_filename, row.description) ||
             !image_file_tell(c, EVENT_FILE_STORED, &row))
        return false;
    if (!is_known && s->key.at)
        db_before_commit(c, flush_files, c->app->files);
    s->stored_id = row.id;
    audit_about(c, row.id, row.patient_id);
    return audit_change(c) && db_get(c, &image_file_schema, s->out, "where f.id = ?", V(row.id));
}

struct str upload_key(struct call *c, struct str file_uuid, enum file_type type)
{
    static const char *const suffixes[] = {
        [FILE_DICOM] = "dcm", [FILE_JPEG] = "jpg", [FILE_PNG] = "png", [FILE_TIFF] = "tif", [FILE_OTHER] = "bin"
    };
    NAMES_REACH(suffixes, FILE_OTHER);
    return arena_format(&c->arena, "completed/%.2s/%.*s.%s", file_uuid.at, STR_FMT(file_uuid), suffixes[type]);
}

static void fill_row(struct call *c, struct storing *s, int64_t uploaded_by)
{
    struct image_file *row = &s->row;
    const struct spooled *file = s->file;
    schema_clear(&image_file_schema, row);
    row->file_uuid = crypto_uuid_text(&c->arena);
    row->original_filename = file->filename;
    row->file_size = file->size_bytes;
    row->file_hash = arena_copy(&c->arena, str_from(file->md5));
    row->sha256 = arena_copy(&c->arena, str_from(file->sha256));
    row->uploaded_by = uploaded_by;
    upload_details_put(s->details, row);
    row->status = FILE_UPLOADED;
    row->upload_progress = 100;
    row->uploaded_at = clock_now();
}

/* The bytes are there under their name before the row is inserted, and durable before it commits. */
static bool keep_bytes(struct call *c, struct storing *s)
{
    s->shared_has_gone = false;
    if (!find_duplicate(c, s))
        return false;
    db_release(c); /* not held while files are read and written */
    s->row.duplicate_of = s->shared.id ? s->shared.duplicate_of : INTEGER_NULL;
    s->row.storage_path = s->shared.storage_path;
    if (s->shared.id)
        return keeping_confirm(c, &s->shared, blob_writer_fd(s->file->writer));
    struct str key = upload_key(c, s->row.file_uuid, (enum file_type)s->row.file_type);
    struct blob_writer *writer = s->file->writer;
    s->file->writer = NULL;
    s->row.storage_path = key;
    if (!blob_place(writer, key, &c->error))
        return false;
    s->key = key;
    return true;
}

/* Bytes, then row; again when the bytes that were to be shared have gone meanwhile. */
static bool keep_and_name(struct call *c, struct storing *s)
{
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        error_clear(&c->error);
        if (keep_bytes(c, s) &&
            (s->filing ? filing_transact(c, s->filing, insert_row, s) : db_transact(c, insert_row, s)))
            return true;
        if (!s->shared_has_gone)
            return false;
    }
    c->error.retry_after_s = 1;
    return false;
}

/* The very instance is there: its row was believed, its bytes are looked at before ours go. */
static bool confirm_known(struct call *c, struct storing *s)
{
    struct image_file known;
    int fd = -1;
    int64_t size;
    if (!db_get(c, &image_file_schema, &known, "where f.id = ?", V(s->filing->existing))) {
        c->error.retry_after_s = 1;
        return fail(c, E_UNAVAILABLE, "the stored copy has just been removed: send the file again");
    }
    db_release(c);
    if (s->shared.id && str_equal(s->shared.storage_path, known.storage_path))
        return true; /* those were */
    if (!s->key.at)
        return keeping_confirm(c, &known, blob_writer_fd(s->file->writer));
    bool ok = blob_open_read(c->app->files, s->key, &fd, &size, &c->error) && keeping_confirm(c, &known, fd);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool read_filing(struct call *c, struct storing *s)
{
    const struct filing_text text = { .sender = s->row.uploaded_by };
    struct blob_writer *writer = s->file->writer;
    struct str bytes = blob_writer_bytes(writer);
    s->filing = arena_new(&c->arena, struct filing);
    bool ok = bytes.at ? filing_read_bytes(c, bytes, &text, s->filing)
                       : filing_read(c, blob_writer_fd(writer), s->file->size_bytes, &text, s->filing);
    s->filing->only_study = s->details->only_study;
    return ok;
}

/* One upload of the same bytes by one person after the other: the second finds those of the first. */
static bool store_in_turn(struct call *c, struct storing *s)
{
    struct turn turn;
    struct str key = arena_format(&c->arena, "%" PRId64 " %.*s", s->row.uploaded_by, STR_FMT(s->row.sha256));
    db_release(c);
    turn_take(c->app->turns, key, &turn); /* in vain: they are stored twice, which is no harm */
    bool named = keep_and_name(c, s);
    turn_give(&turn);
    return named;
}

/* What is there is none of the sender's business: they are told what they have sent. */
static void tell_sent(struct storing *s)
{
    struct image_file sent = s->row;
    sent.id = s->out->id;
    sent.file_uuid = s->out->file_uuid;
    sent.storage_path = STR_NULL;
    sent.duplicate_of = INTEGER_NULL;
    sent.created_at = sent.updated_at = sent.uploaded_at;
    *s->out = sent;
}

bool upload_store(struct call *c, struct spooled *file, const struct upload_details *details, int64_t uploaded_by,
                  struct image_file *out)
{
    struct storing s = { .file = file, .details = details, .out = out };
    fill_row(c, &s, uploaded_by);
    if (!upload_classify(c, file, &s.row) || (s.row.file_type == FILE_DICOM && !read_filing(c, &s)))
        return false;
    bool stored = store_in_turn(c, &s);
    bool is_known = stored && s.filing && s.filing->outcome == FILING_KNOWN;
    if (is_known)
        stored = confirm_known(c, &s);
    if (s.key.at)
        keeping_settle(c, s.key, stored && !is_known);
    spool_drop(file);
    if (!stored)
        return false;
    if (is_known && s.filing->is_hidden)
        tell_sent(&s);
    out->already_stored = is_known;
    if (!is_known) {
        metrics_upload(c->app->metrics, s.row.file_size);
        jobs_image_stored(&c->app->jobs, s.row.file_type);
    }
    return true;
}
