/* import_job.h - an import in the background, asked for over REST: of a folder below IMPORT_ROOT, which somebody has
 * put there, on the machine whose worker does it.
 *
 *     struct import_wish wish = { .folder = S("cd-2026-11"), .owner = S("li") };
 *     import_wish_check(c, &wish)                    // E_FORBIDDEN: IMPORT_ROOT is not set; E_NOT_FOUND, E_INVALID
 *     ... in a transaction: jobs_put(c, &(struct job_order){ .kind = &import_kind, .payload = &wish }, &id)
 *
 * What is asked for is checked when it is asked for, and again when it is done, for folders and accounts may be others
 * by then. The account that asked imports; without `owner` the files are its own.
 */
#ifndef ROENTGEN_IMPORT_JOB_H
#define ROENTGEN_IMPORT_JOB_H

#include "jobs/jobs.h"

struct import_wish {
    struct str folder, owner, assign, modality, description, patient_number;
    int64_t patient_id;
};
extern const struct schema import_wish_schema;
extern const struct job_kind import_kind;

bool import_wish_check(struct call *c, const struct import_wish *wish);

#endif
