/* instance_store.h - stores DICOM instances for who sends DICOM, and says of each what DICOM wants to hear.
 *
 *     struct instance_outcome outcome;
 *     instance_store(c, spooled, STR_NULL, &outcome);
 *     spool_drop(spooled);
 *     outcome.reason == REASON_NONE ? stored : failed
 *
 * The file is filed as any upload is (upload.h), as the caller's own. Nothing that was not filed is reported as stored:
 * a file whose bytes are kept but which could not be read is a failure, and so is one that is no DICOM file. An
 * instance that is here already is stored.
 *
 * A failure is an outcome, not an error: c->error is clear afterwards, and the next file is taken. What the file calls
 * itself is told also when it is refused, as far as it could be read. The spooled file stays the caller's to drop.
 */
#ifndef ROENTGEN_INSTANCE_STORE_H
#define ROENTGEN_INSTANCE_STORE_H

#include "intake/upload.h"

/* Failure Reason (0008,1197): PS3.18 table 10.5.3-1, PS3.4 table CC.2.3-1. */
enum instance_failure {
    REASON_NONE = 0,
    REASON_PROCESSING = 0x0110,
    REASON_DUPLICATE = 0x0111,
    REASON_NO_RESOURCES = 0xA700,
    REASON_WRONG_STUDY = 0xA900,
    REASON_NOT_UNDERSTOOD = 0xC000,
};

struct instance_outcome {
    struct str class_uid, instance_uid; /* in c's arena; null: the file does not say */
    enum instance_failure reason;
};

/* `wanted_study`: the Study Instance UID that it must have (REASON_WRONG_STUDY); empty: any. On a worker. */
void instance_store(struct call *c, struct spooled *file, struct str wanted_study, struct instance_outcome *out);

#endif
