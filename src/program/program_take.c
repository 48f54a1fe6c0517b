/* program_take.c - see program_take.h. */
#include "program/program_take.h"

#include "base/file.h"
#include "base/file_view.h"
#include "dicom/object.h"
#include "intake/upload.h"

enum { PATIENT_ID = 0x00100020, ISSUER = 0x00100021, STUDY_UID = 0x0020000D, AFTER_THEM = 0x00200010 };
enum { READ_BYTES = 32 << 10 };

#define NAME_BEGIN "program-"
#define NAME_OF NAME_BEGIN "%.*s-"

bool program_left(struct str filename)
{
    ptrdiff_t begin = (ptrdiff_t)strlen(NAME_BEGIN);
    return filename.len > begin + UUID_TEXT && str_starts(filename, S(NAME_BEGIN)) &&
           filename.at[begin + UUID_TEXT] == '-' && str_ends(filename, S(".dcm"));
}

bool whose_read(struct call *c, int fd, int64_t bytes, struct whose *out)
{
    struct dicom_limits limits = dicom_default_limits;
    struct dicom_object *object;
    struct error flaw = { 0 };
    struct file_view view;
    struct str uid = STR_NULL;
    limits.stop_at = AFTER_THEM;
    if (!file_view_open(&view, fd, bytes, &c->error))
        return false;
    dicom_read(view.bytes, &limits, &c->arena, &object, &flaw);
    (void)dicom_uid(object->root, STUDY_UID, &uid);
    *out = (struct whose){ arena_copy(&c->arena, dicom_text(object->root, PATIENT_ID, &c->arena)),
                           arena_copy(&c->arena, dicom_text(object->root, ISSUER, &c->arena)),
                           arena_copy(&c->arena, uid) };
    dicom_object_release(object);
    return file_view_close(&view, &c->error);
}

static bool refuse(struct call *c, const struct left_file *file, const char *why)
{
    return fail(c, E_INVALID, "nothing was filed of what the program left: %.64s %s", file->name, why);
}

static bool check(struct call *c, const struct left_file *file, const struct whose *wanted)
{
    struct whose says;
    if (!whose_read(c, file->fd, file->bytes, &says))
        return false;
    if (!says.study_uid.len || !str_equal(says.study_uid, wanted->study_uid))
        return refuse(c, file, "is of another study than the images that it was given");
    if (!str_equal(says.patient_id, wanted->patient_id) || !str_equal(says.issuer, wanted->issuer))
        return refuse(c, file, "names another patient than the images that it was given");
    return true;
}

static bool spool(struct call *c, const struct left_file *left, struct str name, struct spooled **out)
{
    char buffer[READ_BYTES];
    struct spooled *file = spool_begin(c, c->app->files, name, c->app->config.max_upload_bytes, &c->error);
    bool ok = file != NULL;
    for (int64_t at = 0; ok && at < left->bytes;) {
        ptrdiff_t got = file_read_at(left->fd, at, buffer, READ_BYTES);
        ok = got > 0 ? spool_write(file, (struct str){ buffer, got }, &c->error)
                     : fail(c, E_UNREADABLE, "what the program left cannot be read");
        at += got;
    }
    if (ok)
        spool_finish(file);
    else if (file)
        spool_drop(file);
    *out = file;
    return ok;
}

static bool store(struct call *c, const struct left_file *left, int64_t study_id, struct str name, int64_t *id)
{
    struct upload_details nothing;
    struct image_file row;
    struct spooled *file;
    schema_clear(&upload_details_schema, &nothing);
    nothing.only_study = study_id;
    c->actor->audit = (struct audit_draft){ .action = "image_file.upload", .entity = "image_file" };
    if (!spool(c, left, name, &file))
        return false;
    bool ok = upload_store(c, file, &nothing, call_user(c), &row);
    spool_drop(file);
    if (ok && row.status == FILE_FAILED)
        return fail(c, E_INVALID, "%.64s was kept, but not filed: %.*s", left->name, STR_FMT(row.status_reason));
    if (ok)
        *id = row.id;
    return ok;
}

bool program_take(struct call *c, struct job_run *run, const struct left *left, const struct whose *whose,
                  struct str job_uuid, struct integers *ids)
{
    for (int i = 0; i < left->count; i++)
        if (!check(c, &left->files[i], whose))
            return false;
    ids->items = arena_array(&c->arena, int64_t, left->count);
    for (int i = 0; i < left->count; i++) {
        struct str name = arena_format(&c->arena, NAME_OF "%d.dcm", STR_FMT(job_uuid), i + 1);
        if (!job_tell(run, i, left->count, "files", S("filing")) ||
            !store(c, &left->files[i], whose->study_id, name, &ids->items[i]))
            return false;
        ids->count = i + 1;
    }
    return true;
}

bool program_took_nothing(struct call *c, int64_t study_id, struct str job_uuid)
{
    int64_t files = 0;
    struct str names = arena_format(&c->arena, NAME_OF "%%", STR_FMT(job_uuid));
    if (!db_integer(c, &files, "select count(*) from image_files f where f.study_id = ? and f.original_filename like ?",
                    V(study_id), V(names)))
        return false;
    db_release(c);
    return files == 0 ||
           fail(c, E_CONFLICT, "%" PRId64 " files of an earlier run of it are there: it is not run again", files);
}
