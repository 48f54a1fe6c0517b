/* filing_again.c - places a stored file that has no place yet, and mends the text of one that has (filing_again.h). */
#include "records/filing_again.h"

#include "records/file_event.h"
#include "records/filing.h"
#include "records/keeping.h"
#include "records/record_lock.h"
#include "records/visibility.h"

#include <unistd.h>

struct again {
    const struct image_file *file;
    struct filing *before, *filing; /* its text as it was read when it was filed, and as it is read now */
};

/* It fits nowhere still. Why, and whether anything changes, depends on which patients there are: who is not told of
 * them is answered with the record as it is. */
static bool stays(struct call *c, struct filing *f)
{
    f->refused = true;
    return fail(c, E_CONFLICT, "the file fits nowhere");
}

static bool place_again(struct call *c, void *context)
{
    const struct again *a = context;
    struct image_file row = *a->file; /* this may run again, and its patient may have been merged meanwhile */
    row.status = row.is_archived ? FILE_ARCHIVED : FILE_UPLOADED;
    row.status_reason = STR_NULL;
    row.conflict = STR_NULL;
    if (!lock_patient_of_file(c, row.id, &row.patient_id) ||
        !audit_watch(c, "image_file", &image_file_schema, row.id) ||
        !filing_place(c, a->filing, row.patient_id, row.uploaded_by, &row))
        return false;
    if (a->filing->outcome == FILING_NONE && !visibility_of_patients(c))
        return stays(c, a->filing);
    if (a->filing->outcome == FILING_KNOWN)
        row.duplicate_of = a->filing->existing;
    enum found found =
        db_find_update(c, &image_file_schema, &row, filing_members(),
                       "where id = ? and deleted_at is null and is_instance = 0 and " STAYS("image_files"), V(row.id));
    if (found != FOUND) {
        a->filing->refused = found == NONE;
        return fail(c, E_CONFLICT, "the file was filed or deleted at the same time");
    }
    audit_about(c, row.id, row.patient_id);
    return image_file_index(c, row.id, row.original_filename, row.description) &&
           image_file_tell(c, EVENT_FILE_CHANGED, &row) && audit_change(c);
}

static bool decode_again(struct call *c, const struct image_file *file, filing_decode *decode)
{
    db_release(c);
    audit_about(c, file->id, file->patient_id);
    return decode(c, file);
}

/* An instance keeps its place. What records say because of its text is mended when that is read otherwise now. */
static bool mend_instance(struct call *c, void *context)
{
    static const char *const names[] = { "description", "conflict", "character_set", "remarks" };
    const struct again *a = context;
    struct image_file row;
    struct patient patient;
    uint64_t mask = 0;
    if (!lock_file(c, a->file->id, 0))
        return false;
    if (!db_get(c, &image_file_schema, &row, "where f.id = ? and " IN_SIGHT("f") " and f.is_instance = 1",
                V(a->file->id)))
        return fail(c, E_CONFLICT, "the file was moved or deleted at the same time");
    const struct image_file was = row;
    row.conflict = STR_NULL;
    row.character_set = a->filing->instance.character_set;
    row.remarks = a->filing->instance.remarks;
    if (!filing_mend_text(c, a->before, a->filing, &row) || !filing_load_patient(c, row.patient_id, &patient) ||
        (patient.id && !filing_compare(c, a->filing, &patient, &row)))
        return false;
    audit_about(c, row.id, row.patient_id);
    if (str_equal(was.description, row.description) && str_equal(was.conflict, row.conflict) &&
        str_equal(was.character_set, row.character_set) && was.remarks.count == row.remarks.count)
        return audit_change(c);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        mask |= GIVEN(schema_find(&image_file_schema, str_from(names[i])));
    return db_update(c, &image_file_schema, &row, mask, "where id = ?", V(row.id)) &&
           image_file_index(c, row.id, row.original_filename, row.description) &&
           image_file_tell(c, EVENT_FILE_CHANGED, &row) && audit_change(c);
}

/* As it is read now, and as it was when it was filed. */
static bool read_again(struct call *c, const struct image_file *file, struct filing *now, struct filing *before)
{
    int fd;
    int64_t size;
    if (!image_file_open(c, file, &fd, &size))
        return false;
    db_release(c);
    bool ok = keeping_is_as_stored(c, file, fd) && /* what a disk has turned mends no record */
              filing_read(c, fd, size, &(struct filing_text){ .sender = file->uploaded_by }, now) &&
              filing_read(c, fd, size, &(struct filing_text){ .charset = file->character_set }, before);
    close(fd);
    return ok;
}

bool filing_again(struct call *c, int64_t id, filing_decode *decode, struct image_file *out)
{
    struct image_file file;
    struct filing before, filing;
    if (!image_file_load_to_change(c, id, false, &file))
        return false;
    if (file.status == FILE_FAILED && (file.file_type != FILE_DICOM || file.is_instance)) /* it is its picture */
        if (!decode_again(c, &file, decode) || file.file_type != FILE_DICOM)
            return !c->error.code && image_file_load(c, id, out);
    if (file.file_type != FILE_DICOM)
        return fail(c, E_CONFLICT, "only DICOM files know where they belong");
    if (file.status == FILE_ARCHIVED)
        return fail(c, E_CONFLICT, "bring it back from the archive first");
    struct again again = { &file, &before, &filing };
    if (!read_again(c, &file, &filing, &before))
        return false;
    if (!filing_transact(c, &filing, file.is_instance ? mend_instance : place_again, &again)) {
        if (!filing.refused || visibility_of_patients(c))
            return false;
        error_clear(&c->error);
    }
    return image_file_load(c, id, out);
}
