/* diagnosis.h - a model's opinion on an image: asked for, made, kept, judged.
 *
 *     struct diagnosis_wish wish = { .image_file_id = 812, .frame = 1 };
 *     diagnosis_ask(c, &wish, &asked)                       // in a transaction: a row, and a job `diagnosis.run`
 *     diagnosis_load(c, id, &diagnosis)
 *     diagnosis_review(c, id, &review, &diagnosis)
 *
 *   QUEUED --> RUNNING --> COMPLETED --review--> REVIEWED
 *     |           |            `------------------+---withdraw--> WITHDRAWN
 *     |           `--> FAILED     with the reason: the model's, the image's, the moment's
 *     `--> CANCELLED
 *
 * The row is QUEUED until its end is written, in the transaction that ends its job: a result is there once however
 * often a process dies (jobs/jobs.h), or in that which gives it up. While it is QUEUED, how its job stands is how it
 * stands (RUNNING).
 *
 * What was asked already is answered by what is there, or on its way: the same image, frame, model and digest,
 * unless `force`, or a reader has rejected it. A result is never rewritten; reviews stand beside it, each with its
 * reader. It says what is needed to understand it in ten years: model, version and digest, the hash of the pixels
 * that went in, how they were prepared, runtime and times, each finding with the threshold of that day. Where the
 * gate shut (gate.h) there is no finding: COMPLETED, and `gate` says why.
 *
 * Who may see it: who sees the image's file; what a model says as a SHADOW only who manages the system. It goes with
 * its file.
 */
#ifndef ROENTGEN_DIAGNOSIS_DIAGNOSIS_H
#define ROENTGEN_DIAGNOSIS_DIAGNOSIS_H

#include "diagnosis/model.h"
#include "db/condition.h"
#include "jobs/jobs.h"

enum diagnosis_status {
    DIAGNOSIS_QUEUED = 1,
    DIAGNOSIS_RUNNING,
    DIAGNOSIS_COMPLETED,
    DIAGNOSIS_FAILED,
    DIAGNOSIS_CANCELLED,
    DIAGNOSIS_REVIEWED,
    DIAGNOSIS_WITHDRAWN,
};
extern const char *const diagnosis_statuses[];
/* How a row of `diagnoses d` stands. */
#define DIAGNOSIS_STATUS_SQL \
    "case when d.status <> 'QUEUED' then d.status else coalesce((select case when sj.state in ('QUEUED', 'RUNNING', " \
    "'CANCELLED') then sj.state else 'FAILED' end from jobs sj where sj.id = d.job_id), 'FAILED') end"

enum review_decision { REVIEW_CONFIRMED = 1, REVIEW_MODIFIED, REVIEW_REJECTED };
extern const char *const review_decisions[];

struct diagnosis {
    int64_t id;
    struct str diagnosis_uuid;
    int64_t image_file_id, study_id, frame, model_id;
    struct str model_name, model_version, model_digest;
    bool research_only;
    bool is_shadow; /* the model was one when it was asked; not sent */
    unsigned status;
    struct str status_reason;
    unsigned priority;
    struct json findings; /* a list of finding.h */
    struct json gate;     /* {"reason", "text"}; null: it was let in */
    struct json maps;     /* diagnosis_maps.h; not sent */
    bool has_heatmap, has_mask;
    struct str input_sha256, preparation, runtime;
    int64_t run_us;
    struct json reviews; /* a list: {"decision", "findings", "comment", "reviewer_id", "reviewed_at"} */
    unsigned verdict;    /* enum review_decision of the last of them; 0: none */
    int64_t job_id, asked_by, rule_id;
    struct instant queued_at, started_at, finished_at;
};
extern const struct schema diagnosis_schema;
extern const struct job_kind diagnosis_run_kind;
extern const struct job_kind diagnosis_task_kind; /* the same of models that Celery's workers serve (model_task.h) */

struct diagnosis_wish {
    int64_t image_file_id, study_id, frame;
    int64_t model_id;  /* null: the default for such an image */
    unsigned priority; /* enum job_priority */
    bool force;
};
struct diagnosis_asked {
    int64_t image_file_id, diagnosis_id;
    bool is_new; /* else it was there, or is on its way */
};
/* Inside a transaction. E_NOT_FOUND: the image, the model. E_INVALID, naming what the model asks for, when this image
 * is none that it may be asked of; E_CONFLICT: the model is not in use, or there is none. */
bool diagnosis_ask(struct call *c, const struct diagnosis_wish *wish, struct diagnosis_asked *out);
/* The same of each image of a study that the caller sees and the model is for; of the others it is not asked. *out:
 * struct diagnosis_asked, at least one. E_CONFLICT: there is none; E_INVALID: more than DIAGNOSES_AT_ONCE images. */
enum { DIAGNOSES_AT_ONCE = 500 };
bool diagnosis_ask_study(struct call *c, const struct diagnosis_wish *wish, struct list *out);
/* The same by a rule (rule.h), whoever sees the image. Of one that has gone it is not asked: diagnosis_id 0. */
bool diagnosis_ask_by_rule(struct call *c, const struct diagnosis_wish *wish, const struct model *model,
                           int64_t rule_id, struct diagnosis_asked *out);
/* E_NOT_FOUND, also of what the caller may not see. */
bool diagnosis_load(struct call *c, int64_t id, struct diagnosis *out);
/* Inside transactions. E_CONFLICT: it has ended; it has no result to judge. E_FORBIDDEN: to cancel what others have
 * asked. */
bool diagnosis_cancel(struct call *c, int64_t id);
/* Its patient, its study and its row stay as they are until the commit (record_lock.h). */
bool diagnosis_hold_with_study(struct call *c, int64_t id);
bool diagnosis_withdraw(struct call *c, int64_t id, struct str reason, struct diagnosis *out);

struct review {
    int64_t id; /* of the diagnosis */
    unsigned decision;
    struct list findings; /* MODIFIED: struct finding, what it should have said */
    struct str comment;
};
/* What is kept of a review. */
struct reading {
    unsigned decision;
    struct list findings; /* struct finding */
    struct str comment;
    int64_t reviewer_id;
    struct instant reviewed_at;
};
enum { READINGS_MAX = 10000 };
bool diagnosis_findings(struct call *c, const struct diagnosis *diagnosis, struct list *out); /* struct finding */
bool diagnosis_readings(struct call *c, const struct diagnosis *diagnosis, struct list *out); /* struct reading */
/* Inside a transaction. A reader's later review stands beside the earlier one, and counts. */
bool diagnosis_review(struct call *c, const struct review *review, struct diagnosis *out);

/* For lists of `diagnoses d`: those of images that the caller sees. `values`: of its parameters, as long as it. */
enum { DIAGNOSIS_SIGHT_VALUES = 3 };
struct condition diagnosis_in_sight(struct call *c, struct value values[DIAGNOSIS_SIGHT_VALUES]);

/* Inside a transaction: the job that answers this question. */
bool diagnosis_put_job(struct call *c, int64_t id, const struct model *model, unsigned priority, int64_t *job_id);
/* Inside a transaction: who listens is told how it stands. */
bool diagnosis_tell(struct call *c, const struct diagnosis *diagnosis, enum diagnosis_status status);

#endif
