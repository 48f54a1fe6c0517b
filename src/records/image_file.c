/* image_file.c - the record of an uploaded file, and the rules about one. */
#include "records/image_file.h"

#include "site/app.h"
#include "records/keeping.h"
#include "records/visibility.h"
#include "base/names.h"
#include "dicom/object.h"

const char *const file_statuses[] = { "UPLOADING", "UPLOADED", "PROCESSING", "PROCESSED",
                                      "FAILED",    "ARCHIVED", "DELETED",    NULL };
NAMES_REACH(file_statuses, FILE_DELETED);

const char *const file_damages[] = { "MISSING", "SIZE", "CONTENT", NULL };
NAMES_REACH(file_damages, DAMAGE_CONTENT);

static const struct field image_file_fields[] = {
    FIELD(struct image_file, id, .flags = READ_ONLY | VEILS, .doc = "Identifies the file."),
    FIELD(struct image_file, file_uuid, .flags = READ_ONLY, .doc = "Identifies the file outside of this server."),
    FIELD(struct image_file, original_filename, .flags = READ_ONLY, .doc = "The name it was uploaded under.",
          .example = "chest_xray.jpg"),
    FIELD(struct image_file, file_type, .choices = file_types, .type = "FileType", .flags = READ_ONLY | VEILS,
          .doc = "What its content says it is."),
    FIELD(struct image_file, mime_type, .flags = READ_ONLY, .doc = "The media type of its content.",
          .example = "image/jpeg"),
    FIELD(struct image_file, storage_path, .flags = READ_ONLY | NULLABLE,
          .doc = "Where its bytes are, below the root of the store."),
    FIELD(struct image_file, file_size, .flags = READ_ONLY, .doc = "How many bytes it has."),
    FIELD(struct image_file, file_hash, .flags = READ_ONLY | NULLABLE, .doc = "The MD5 of the bytes in hexadecimal."),
    FIELD(struct image_file, sha256, .flags = READ_ONLY | NULLABLE, .doc = "The SHA-256 of the bytes in hexadecimal."),
    FIELD(struct image_file, thumbnail_path, .flags = READ_ONLY | NULLABLE,
          .doc = "Where its thumbnail rests, relative; null: none is kept, it is made when asked for."),
    FIELD(struct image_file, thumbnail_url, .flags = READ_ONLY | NULLABLE | NOT_STORED,
          .example = "/api/v1/images/1/thumbnail",
          .doc = "Where its thumbnail is asked for; null: there are no pixels in it, or it is deleted."),
    FIELD(struct image_file, uploaded_by, .flags = READ_ONLY, .doc = "The account that uploaded it."),
    FIELD(struct image_file, uploader_name, .sql = "(select u.full_name from users u where u.id = f.uploaded_by)",
          .flags = READ_ONLY, .doc = "That account's full name.", .example = "张医生"),
    FILE_DETAIL_FIELDS(struct image_file),
    FIELD(struct image_file, study_id, .flags = READ_ONLY | NULLABLE, .doc = "The study it belongs to."),
    FIELD(struct image_file, series_id, .flags = READ_ONLY | NULLABLE | VEILS, .doc = "The series it belongs to."),
    FIELD(struct image_file, study_date, .flags = READ_ONLY | NULLABLE, .tag = 0x00080020,
          .doc = "The date of its study."),
    FIELD(struct image_file, sop_class_uid, .flags = READ_ONLY | NULLABLE, .max = 64, .tag = DICOM_SOPClassUID,
          .doc = "DICOM: what kind of object it is (0008,0016)."),
    FIELD(struct image_file, sop_instance_uid, .flags = READ_ONLY | NULLABLE, .max = 64, .tag = DICOM_SOPInstanceUID,
          .doc = "DICOM: which object it is (0008,0018)."),
    FIELD(struct image_file, transfer_syntax_uid, .flags = READ_ONLY | NULLABLE, .max = 64,
          .doc = "DICOM: how it is encoded (0002,0010)."),
    FIELD(struct image_file, instance_number, .flags = READ_ONLY | NULLABLE, .tag = 0x00200013,
          .doc = "DICOM: its place in the series (0020,0013)."),
    FIELD(struct image_file, pixel_rows, .flags = READ_ONLY | NULLABLE | VEILS, .min = 0, .max = INT32_MAX,
          .tag = DICOM_Rows, .doc = "Rows of each frame (DICOM: 0028,0010), or of the first page, upright."),
    FIELD(struct image_file, pixel_columns, .flags = READ_ONLY | NULLABLE | VEILS, .min = 0, .max = INT32_MAX,
          .tag = DICOM_Columns, .doc = "Columns of each frame (DICOM: 0028,0011), or of the first page, upright."),
    FIELD(struct image_file, number_of_frames, .flags = READ_ONLY | NULLABLE, .tag = 0x00280008,
          .doc = "How many frames it says it has (DICOM: 0028,0008), or pages (TIFF)."),
    FIELD(struct image_file, is_instance, .flags = READ_ONLY | WRITE_ONLY | VEILS,
          .doc = "The instance of its series."),
    FIELD(struct image_file, is_report, .flags = READ_ONLY | WRITE_ONLY,
          .doc = "A document that the server made of a report."),
    FIELD(struct image_file, is_apart, .flags = READ_ONLY | WRITE_ONLY, .doc = "The instance for its uploader alone."),
    FIELD(struct image_file, conflict, .flags = READ_ONLY | NULLABLE,
          .doc = "DICOM: what the file says of the patient that the patient's record says otherwise."),
    FIELD(struct image_file, stated_patient_number, .flags = READ_ONLY | NULLABLE, .max = 64,
          .doc = "The patient's number, as it was stated by an uploader who does not read patients and is not told "
                 "whether there is one; patient_id says whether there was."),
    FIELD(struct image_file, stated_patient_id, .flags = READ_ONLY | NULLABLE,
          .doc = "The id of a patient, stated likewise."),
    FIELD(struct image_file, character_set, .flags = READ_ONLY | NULLABLE, .max = 64, .example = "GB18030",
          .doc = "DICOM: what its text was read as, when the file names no character set or its bytes contradict the "
                 "name."),
    FIELD(struct image_file, remarks, .flags = READ_ONLY | NULLABLE,
          .doc = "DICOM: what was stepped over or forgiven when the file was read, and what of its header decides "
                 "numbers (rescale, window, spacing, SUV ...) and cannot be read. JPEG, PNG: that it has more pictures "
                 "than the one that is shown, or other colours. It is no failure."),
    FIELD(struct image_file, tags, .flags = READ_ONLY | NULLABLE, .doc = "Words that it was tagged with."),
    FIELD(struct image_file, status, .choices = file_statuses, .type = "ImageFileStatus", .flags = READ_ONLY,
          .doc = "How far it has come."),
    FIELD(struct image_file, status_reason, .flags = READ_ONLY | NULLABLE,
          .doc = "Why it is FAILED, or not the instance of its series."),
    FIELD(struct image_file, upload_progress, .flags = READ_ONLY, .doc = "How much of it is here, in percent."),
    FIELD(struct image_file, is_chunked, .flags = READ_ONLY, .doc = "Was it uploaded in chunks?"),
    FIELD(struct image_file, total_chunks, .flags = READ_ONLY | NULLABLE, .doc = "How many chunks it has."),
    FIELD(struct image_file, uploaded_chunks,
          /* The flag first: it costs less than comparing a word, and nearly all files are done with here. */
          .sql = "case when f.is_chunked = 0 or f.status <> 'UPLOADING' then f.uploaded_chunks else (select '[' || "
                 "coalesce(group_concat(k.number), '') || ']' from upload_chunks k where k.image_file_id = f.id) end",
          .flags = READ_ONLY | NULLABLE, .doc = "The numbers of the chunks that have arrived."),
    FIELD(struct image_file, duplicate_of, .flags = READ_ONLY | NULLABLE,
          .doc = "An earlier file with the same bytes."),
    FIELD(struct image_file, already_stored, .flags = READ_ONLY | NOT_STORED,
          .doc = "In the answer to an upload: this instance was here already, with these bytes; nothing was added."),
    FIELD(struct image_file, damage, .choices = file_damages, .type = "FileDamage", .flags = READ_ONLY | NULLABLE,
          .doc = "What is known to be wrong with the stored bytes: they are missing, of another size, or others than "
                 "were stored. Sending the file again mends it."),
    FIELD(struct image_file, is_archived, .flags = READ_ONLY | WRITE_ONLY, .doc = "Are the bytes in the archive?"),
    FIELD(struct image_file, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When the upload began."),
    FIELD(struct image_file, updated_at, .flags = READ_ONLY | SET_ON_UPDATE, .doc = "When it was changed last."),
    FIELD(struct image_file, uploaded_at, .flags = READ_ONLY | NULLABLE, .doc = "When the upload was complete."),
    FIELD(struct image_file, is_deleted, .flags = GENERATED | READ_ONLY | VEILS, .doc = "Has it been deleted?"),
    FIELD(struct image_file, deleted_at, .flags = READ_ONLY | NULLABLE, .doc = "When it was deleted."),
    FIELD(struct image_file, deleted_by, .flags = READ_ONLY | NULLABLE, .doc = "The account that deleted it."),
    FIELD(struct image_file, chunk_size, .flags = READ_ONLY | WRITE_ONLY, .doc = "Bytes of a chunk."),
    FIELD(struct image_file, expected_hash, .flags = READ_ONLY | WRITE_ONLY, .doc = "The hash the client announced."),
};

/* Another version of an instance is said to be one to whoever sees both, however it came that its uploader was not
 * told. */
static bool tell_other_version(struct call *c, struct image_file *file)
{
    int64_t one;
    enum found found = db_find_integer(
        c, &one,
        "select 1 from image_files o join image_files f on f.series_id = o.series_id and f.sop_instance_uid = "
        "o.sop_instance_uid where o.id = ? and f.is_instance = 1 and f.deleted_at is null and "
        "f.sha256 <> o.sha256 and " VISIBLE_FILE,
        V(file->id), VISIBLE_FILE_TO(c));
    if (found == FOUND)
        file->status_reason = S(OTHER_VERSION);
    return found != FAILED;
}

/* An account that only uploads needs the file's id; those of what it may not read are none of its business. */
static void veil_parents(struct call *c, struct image_file *file)
{
    if (!visibility_of_patients(c)) {
        file->conflict = STR_NULL;
        file->patient_id = INTEGER_NULL;
        if (file->uploaded_by != call_user(c)) {
            file->stated_patient_number = STR_NULL;
            file->stated_patient_id = INTEGER_NULL;
        }
    }
    if (!visibility_of_studies(c))
        file->study_id = file->series_id = INTEGER_NULL;
}

bool image_file_veil(struct call *c, void *record)
{
    struct image_file *file = record;
    bool sees = true;
    if (file->duplicate_of > 0 && file->duplicate_of != file->id && !visibility_of_all_files(c) &&
        !visibility_of_file(c, file->duplicate_of, &sees))
        return false;
    if (!sees)
        file->duplicate_of = INTEGER_NULL;
    if (!file->is_instance && file->series_id > 0 && !file->status_reason.len && !tell_other_version(c, file))
        return false;
    veil_parents(c, file);
    return true;
}

static bool has_pixels(const struct image_file *file)
{
    switch (file->file_type) {
    case FILE_JPEG:
    case FILE_PNG:
    case FILE_TIFF:
        return true;
    case FILE_DICOM:
        return file->pixel_rows > 0 && file->pixel_columns > 0;
    default:
        return false;
    }
}

static void derive(void *record, struct arena *arena)
{
    static const char before[] = "/api/v1/images/", after[] = "/thumbnail";
    enum { BEFORE = sizeof(before) - 1, AFTER = sizeof(after) - 1 };
    struct image_file *file = record;
    file->thumbnail_url = STR_NULL;
    if (file->is_deleted || !has_pixels(file))
        return;
    char *at = arena_alloc(arena, BEFORE + INTEGER_TEXT_MAX + AFTER);
    memcpy(at, before, BEFORE);
    ptrdiff_t len = BEFORE + integer_write(file->id, at + BEFORE);
    memcpy(at + len, after, AFTER);
    file->thumbnail_url = (struct str){ at, len + AFTER };
}

const struct schema image_file_schema =
    SCHEMA("ImageFile", struct image_file, image_file_fields, .table = "image_files", .alias = "f", .derive = derive,
           .veil = image_file_veil, .doc = "An uploaded file.");

static const struct field image_file_key_fields[] = {
    KEY(struct image_file_key, file_id, "The file."),
};
const struct schema image_file_key = SCHEMA("ImageFileKey", struct image_file_key, image_file_key_fields);

/* ---- one that the caller may see ---- */

static bool load(struct call *c, int64_t id, bool deleted, struct image_file *out)
{
    const char *tail = deleted ? "where f.id = ? and not (" IN_SIGHT("f") ") and " VISIBLE_DELETED_FILE
                               : "where f.id = ? and " IN_SIGHT("f") " and " VISIBLE_FILE;
    return db_get(c, &image_file_schema, out, tail, V(id), VISIBLE_FILE_TO(c)) ||
           fail(c, E_NOT_FOUND, "image file %" PRId64 " does not exist", id);
}

bool image_file_load(struct call *c, int64_t id, struct image_file *out)
{
    return load(c, id, false, out);
}

bool image_file_load_to_change(struct call *c, int64_t id, bool deleted, struct image_file *out)
{
    if (!load(c, id, deleted, out))
        return false;
    if (out->uploaded_by == call_user(c) || call_may(c, MAY_UPDATE_IMAGES))
        return true;
    return fail(c, E_FORBIDDEN, "only its uploader or somebody with image.update may change this file");
}

int image_file_texts(struct str filename, struct str description, struct search_text *out)
{
    int count = 0;
    out[count++] = (struct search_text){ filename, .is_name = true }; /* often the patient's */
    out[count++] = (struct search_text){ str_slice(description, 0, SEARCH_DESCRIPTION_BYTES) };
    return count;
}

bool image_file_index(struct call *c, int64_t id, struct str filename, struct str description)
{
    struct search_text texts[SEARCH_TEXTS_MAX];
    return search_put(c, "image_file_search", id, texts, image_file_texts(filename, description, texts));
}

/* ---- the bytes ---- */

struct blob_store *image_file_store(const struct call *c, const struct image_file *file)
{
    return file->is_archived ? c->app->archive : c->app->files;
}

bool image_file_open(struct call *c, const struct image_file *file, int *fd, int64_t *size_bytes)
{
    if (str_is_empty(file->storage_path))
        return fail(c, E_CONFLICT, "image file %" PRId64 " is not uploaded completely", file->id);
    return keeping_open(c, file, fd, size_bytes);
}
