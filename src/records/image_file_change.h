/* image_file_change.h - what is said of a file is changed; a file is tagged, deleted and brought back.
 *
 *     struct image_file_change change = { .file_id = 7, .modality = S("ct") };
 *     image_file_change(c, &change, GIVEN(schema_find(&image_file_change_schema, S("modality"))), &file)   // CT
 *
 *     image_file_delete(c, 7) && audit_change(c)        // in one transaction; the bytes stay until it is purged
 *     image_file_restore(c, 7, &file) && audit_change(c)
 *
 * Only what people say of a file changes here: its bytes never do, and what its own header says is filing.h's. A file
 * that is alone can be given to another patient, or to none (INTEGER_NULL); one of a study goes where that goes
 * (study_change.h). Deleted as the instance of its series, it leaves that place to the next file of the same instance,
 * and takes it again when it comes back, if it is free (filing.h). Search words stay, so that what is deleted is found
 * among the deleted (trash.h). Nothing comes back into a study, or to a patient, that is deleted.
 *
 * All inside a transaction. Each locks what record_lock.h says for it. Who uploaded the file may do it, and who has
 * image.update: E_FORBIDDEN for others who see it, E_NOT_FOUND for those who do not. The caller writes the audit row
 * (audit_change): it is about the file. False: nothing is changed.
 */
#ifndef ROENTGEN_IMAGE_FILE_CHANGE_H
#define ROENTGEN_IMAGE_FILE_CHANGE_H

#include "records/image_file.h"

struct image_file_change {
    int64_t file_id, patient_id;
    struct str description, modality, body_part;
    struct instant updated_at;
};
extern const struct schema image_file_change_schema;

/* The members in the mask become what `said` says they are. E_CONFLICT: it belongs to a study, and would leave that
 * one's patient. E_INVALID: there is no such modality, or patient. */
bool image_file_change(struct call *c, const struct image_file_change *said, uint64_t members, struct image_file *out);
/* These are its tags from now on. */
bool image_file_tag(struct call *c, int64_t id, struct texts tags);
bool image_file_delete(struct call *c, int64_t id);
/* *out: the file as it is then; NULL: the caller does not want to know. E_CONFLICT says what has to be restored first,
 * or which file that the caller sees has its place. */
bool image_file_restore(struct call *c, int64_t id, struct image_file *out);

#endif
