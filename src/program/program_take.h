/* program_take.h - DICOM files that a program has left are filed: as uploads of who asked, in the study that it was
 * given, or not at all.
 *
 *     whose_read(c, fd, bytes, &whose)                    // of an image that it was given
 *     program_take(c, run, left, &whose, job_uuid, &ids)
 *
 * All are looked at before the first is filed: each has to name the patient (number and issuer) and the study of the
 * images, letter by letter. Once a file is filed the same file is found again (filing.h), so that an attempt after a
 * crash files the rest. Where what the program left is lost with the crash, it is not run again once anything of it was
 * filed: it would give other names to the same findings.
 */
#ifndef ROENTGEN_PROGRAM_TAKE_H
#define ROENTGEN_PROGRAM_TAKE_H

#include "program/work_folder.h"

struct whose {
    struct str patient_id, issuer, study_uid;
    int64_t study_id; /* set by whoever knows it */
};
bool whose_read(struct call *c, int fd, int64_t bytes, struct whose *out);

/* E_INVALID: which file is refused, and why. */
bool program_take(struct call *c, struct job_run *run, const struct left *left, const struct whose *whose,
                  struct str job_uuid, struct integers *ids);
/* False: something of this job was filed in the study already (E_CONFLICT). */
bool program_took_nothing(struct call *c, int64_t study_id, struct str job_uuid);

#endif
