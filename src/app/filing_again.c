/* filing_again.c - files a DICOM file that is stored, but not filed: after a conflict was settled, or one from before files filed themselves. */
#include "app/exchange.h"
#include "app/filing.h"
#include "app/record_lock.h"
#include "app/thumbnails.h"

#include <unistd.h>

struct again {
    const struct image_file *file;
    struct filing *filing;
};

static bool place_again(struct call *c, void *context)
{
    const struct again *a = context;
    struct image_file row = *a->file; /* this may run again, and its patient may have been merged meanwhile */
    row.status = FILE_UPLOADED;
    row.status_reason = STR_NULL;
    row.conflict = STR_NULL;
    if (!lock_patient_of_file(c, row.id, &row.patient_id) ||
        !filing_place(c, a->filing, row.patient_id, row.uploaded_by, &row))
        return false;
    if (a->filing->outcome == FILING_KNOWN)
        row.duplicate_of = a->filing->existing;
    if (!db_update(c, &image_file_schema, &row, filing_members(),
                   "where id = ? and deleted_at is null and is_instance = 0", V(row.id))) {
        a->filing->refused = c->error.code == E_NONE;
        return fail(c, E_CONFLICT, "the file was filed or deleted at the same time");
    }
    audit_about(c, row.id, row.patient_id);
    return image_file_index(c, row.id, row.original_filename, row.description) && audit_change(c);
}

static bool decode_again(struct call *c, const struct image_file *file)
{
    db_release(c);
    audit_about(c, file->id, file->patient_id);
    return thumbnails_make(c, file);
}

static bool file_again(struct call *c)
{
    const struct image_file_key *key = c->in;
    struct image_file file;
    struct filing filing;
    int fd;
    int64_t size;
    if (!image_file_load_to_change(c, key->file_id, false, &file))
        return false;
    if (file.status == FILE_FAILED && (file.file_type != FILE_DICOM || file.is_instance)) /* it is its picture */
        return decode_again(c, &file) && image_file_load(c, key->file_id, c->out);
    if (file.file_type != FILE_DICOM)
        return fail(c, E_CONFLICT, "only DICOM files know where they belong");
    if (file.status == FILE_ARCHIVED)
        return fail(c, E_CONFLICT, "bring it back from the archive first");
    if (!file.is_instance) {
        if (!image_file_open(c, &file, &fd, &size))
            return false;
        db_release(c);
        bool was_read = filing_read(c, fd, size, &filing);
        close(fd);
        if (!was_read)
            return false;
        struct again again = { &file, &filing };
        if (!filing_transact(c, &filing, place_again, &again))
            return false;
    }
    return image_file_load(c, key->file_id, c->out);
}

static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/image-files/{file_id}/file", file_again, &image_file_key, &image_file_schema,
      MAY_UPLOAD_IMAGES, WORKS, .tag = "image-files", .entity = "image_file", .audit = "image_file.file",
      .summary = "Files a stored DICOM file under its patient, study and series",
      .doc =
          "As an upload does: for files that could not be filed then. One that is filed already stays as it is; if its picture could not be "
          "decoded, that is tried again, as for a JPEG, PNG or TIFF file." },
};
ENDPOINT_TABLE(filing_endpoints, rows);
