/* tasks.h - upkeep as jobs, for schedules and for whoever asks. What they do is in recover.h and upload_chunks.h; here
 * is what they are told and what they answer. */
#ifndef ROENTGEN_TASKS_H
#define ROENTGEN_TASKS_H

#include "jobs/jobs.h"

struct purge_order {
    int64_t older_than_s; /* how long ago it was deleted, at least */
};
struct scrub_order {
    int64_t files;
};

extern const struct job_kind task_backup; /* nothing: to BACKUP_TARGET, of which BACKUP_KEEP stay (backup.h) */
/* Inside a transaction: one is queued, if none is queued or under way; *out is that. E_CONFLICT: nowhere to put it. */
bool backup_ask(struct call *c, struct job *out);
/* The last one that has ended: did it fail, and when was that? Null: there was none. Late: BACKUP_SCHEDULE has come
 * twice since one succeeded, or, where none has, since the first that is known was asked for. */
struct backup_last {
    bool failed, late;
    struct instant ended_at;
};
bool backup_last(struct call *c, struct backup_last *out);
extern const struct job_kind task_purge; /* struct purge_order */
extern const struct job_kind task_scrub; /* struct scrub_order: the next so many, after those of the last time */
extern const struct job_kind task_sweep; /* nothing: uploads that nobody completed */
extern const struct job_kind task_audit; /* nothing: rows of the audit log that are older than AUDIT_KEEP */

#endif
