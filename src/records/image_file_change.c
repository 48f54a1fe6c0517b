/* image_file_change.c - changes, tags, deletes and restores one file (image_file_change.h). */
#include "records/image_file_change.h"

#include "records/file_event.h"
#include "records/allowance.h"
#include "records/filing.h"
#include "records/modality.h"
#include "records/patient.h"
#include "records/record_lock.h"
#include "records/trash.h"
#include "records/visibility.h"

static const struct field image_file_change_fields[] = {
    FIELD(struct image_file_change, file_id, .flags = READ_ONLY | NOT_STORED, .min = 1, .max = INT64_MAX,
          .doc = "The file that this is about."),
    FILE_DETAIL_FIELDS(struct image_file_change),
    FIELD(struct image_file_change, updated_at, .flags = READ_ONLY | SET_ON_UPDATE,
          .doc = "The time when it was changed last."),
};
const struct schema image_file_change_schema =
    SCHEMA("ImageFilePatch", struct image_file_change, image_file_change_fields, .table = "image_files", .alias = "f");

bool image_file_change(struct call *c, const struct image_file_change *said, uint64_t members, struct image_file *out)
{
    struct image_file_change in = *said;
    struct image_file before;
    bool names_patient = schema_was_given(&image_file_change_schema, members, "patient_id");
    if (!visibility_asks_for_patients(c, names_patient, "naming a patient") ||
        !modality_take(c, "body", &in.modality) || !lock_file(c, in.file_id, names_patient ? in.patient_id : 0) ||
        !image_file_load_to_change(c, in.file_id, false, &before))
        return false;
    bool moves = names_patient && in.patient_id != before.patient_id;
    if (moves && before.study_id > 0)
        return fail(c, E_CONFLICT, "it belongs to a study of its patient: move the study");
    if (in.patient_id != INTEGER_NULL && names_patient && !patient_must_exist(c, in.patient_id, "body"))
        return false;
    if (db_find_update(c, &image_file_change_schema, &in, members, "where id = ?", V(in.file_id)) == FAILED ||
        !image_file_load(c, in.file_id, out))
        return false;
    audit_about(c, out->id, out->patient_id);
    return image_file_index(c, out->id, out->original_filename, out->description);
}

/* The file, locked, that the caller may change, and that the audit row is about. */
static bool take(struct call *c, int64_t id, bool deleted, struct image_file *file)
{
    if (!lock_file(c, id, 0) || !image_file_load_to_change(c, id, deleted, file))
        return false;
    audit_about(c, file->id, file->patient_id);
    return true;
}

bool image_file_tag(struct call *c, int64_t id, struct texts tags)
{
    struct image_file file, change;
    schema_clear(&image_file_schema, &change);
    change.tags = tags;
    return take(c, id, false, &file) &&
           db_update(c, &image_file_schema, &change, GIVEN(schema_find(&image_file_schema, S("tags"))), "where id = ?",
                     V(file.id));
}

bool image_file_delete(struct call *c, int64_t id)
{
    struct image_file file;
    struct instant now = clock_now();
    return take(c, id, false, &file) &&
           db_execute(c, "update image_files set deleted_at = ?, deleted_by = ?, updated_at = ? where id = ?", V(now),
                      V(call_user(c)), V(now), V(file.id)) &&
           filing_instance_gone(c, &file) && image_file_tell(c, EVENT_FILE_DELETED, &file);
}

/* Who has deleted a file of his own and filled its place brings it back when there is room; what others bring back is
 * theirs to decide. */
static bool has_room_again(struct call *c, const struct image_file *file)
{
    return file->uploaded_by != call_user(c) ||
           allowance_bytes(c, file->uploaded_by, file->duplicate_of > 0 ? 0 : file->file_size);
}

bool image_file_restore(struct call *c, int64_t id, struct image_file *out)
{
    struct image_file file;
    return take(c, id, true, &file) && trash_parents_are_there(c, file.patient_id, file.study_id) &&
           has_room_again(c, &file) && filing_instance_back(c, &file) &&
           db_execute(c, "update image_files set deleted_at = null, deleted_by = null, updated_at = ? where id = ?",
                      V(clock_now()), V(file.id)) &&
           image_file_index(c, file.id, file.original_filename, file.description) &&
           image_file_tell(c, EVENT_FILE_RESTORED, &file) && (!out || image_file_load(c, id, out));
}
