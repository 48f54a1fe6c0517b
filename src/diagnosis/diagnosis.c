/* diagnosis.c - what was asked, and how it stands. */
#include "diagnosis/diagnosis.h"

#include "records/image_file.h"
#include "records/visibility.h"
#include "site/app.h"
#include "site/event.h"
#include "base/names.h"

const char *const diagnosis_statuses[] = { "QUEUED",    "RUNNING",  "COMPLETED", "FAILED",
                                           "CANCELLED", "REVIEWED", "WITHDRAWN", NULL };
NAMES_REACH(diagnosis_statuses, DIAGNOSIS_WITHDRAWN);

/* ---- rows ---- */

#define REASON \
    "case when d.status <> 'QUEUED' or j.state in ('QUEUED', 'RUNNING') then d.status_reason when j.id is null then " \
    "'its job is gone' else j.error end"

#define TOLD(member, ...) FIELD(struct diagnosis, member, .flags = READ_ONLY, __VA_ARGS__)
#define MAYBE(member, ...) FIELD(struct diagnosis, member, .flags = READ_ONLY | NULLABLE, __VA_ARGS__)

static const struct field diagnosis_fields[] = {
    FIELD(struct diagnosis, id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX,
          .doc = "Identifies the diagnosis here."),
    TOLD(diagnosis_uuid, .doc = "The same everywhere."),
    TOLD(image_file_id, .doc = "The image that was looked at."),
    MAYBE(study_id, .sql = "(select f.study_id from image_files f where f.id = d.image_file_id)",
          .doc = "The study of that image."),
    TOLD(frame, .doc = "Which of its frames, from 1."),
    TOLD(model_id, .doc = "The model that was asked."),
    TOLD(model_name, .doc = "What it was called."),
    TOLD(model_version, .doc = "Its version."),
    TOLD(model_digest, .doc = "SHA-256 of its file."),
    FIELD(struct diagnosis, is_shadow, .flags = READ_ONLY | WRITE_ONLY, .doc = "The model was a SHADOW."),
    TOLD(research_only, .doc = "The model is for research: nobody's treatment may depend on this."),
    TOLD(status, .choices = diagnosis_statuses, .type = "DiagnosisStatus", .sql = DIAGNOSIS_STATUS_SQL,
         .doc = "How far it is."),
    MAYBE(status_reason, .sql = REASON, .doc = "Why it failed, or was withdrawn."),
    TOLD(priority, .choices = job_priorities, .type = "JobPriority", .doc = "Which of those that wait comes first."),
    MAYBE(findings, .doc = "What the model found: a list of Finding; empty where the gate shut. Null: no result."),
    MAYBE(gate, .doc = "Why there is no finding: {reason, text}. Null: the image was let in."),
    FIELD(struct diagnosis, maps, .flags = READ_ONLY | WRITE_ONLY, .doc = "Grids of the answer."),
    TOLD(has_heatmap, .sql = "case when d.maps like '{\"evidence\"%' then 1 else 0 end",
         .doc = "Is there a picture of where the model found evidence?"),
    TOLD(has_mask, .doc = "Are there masks: which pixels have which label?"),
    MAYBE(input_sha256, .doc = "SHA-256 of the pixels that went in: width, height, channels as text, then bytes."),
    MAYBE(preparation, .example = "squash-area-1/1",
          .doc = "How they were prepared: the card's name for it, and ours."),
    MAYBE(runtime, .example = "ONNX Runtime 1.27.0, CPU", .doc = "What ran the model, and on what."),
    MAYBE(run_us, .doc = "How long the model itself took, in microseconds."),
    MAYBE(reviews,
          .doc = "What readers said of it, in order: [{decision, findings, comment, reviewer_id, reviewed_at}]."),
    MAYBE(verdict, .choices = review_decisions, .type = "ReviewDecision", .doc = "What the last of them decided."),
    MAYBE(job_id, .doc = "The job that does it."),
    MAYBE(asked_by, .doc = "The account that asked; null: a rule."),
    MAYBE(rule_id, .doc = "The rule that asked."),
    TOLD(queued_at, .doc = "When it was asked."),
    MAYBE(started_at, .sql = "coalesce(d.started_at, j.started_at)", .doc = "When it was begun."),
    MAYBE(finished_at, .sql = "coalesce(d.finished_at, case when d.status = 'QUEUED' then j.finished_at end)",
          .doc = "When it ended."),
};
const struct schema diagnosis_schema =
    SCHEMA("Diagnosis", struct diagnosis, diagnosis_fields, .table = "diagnoses", .alias = "d",
           .join = "left join jobs j on j.id = d.job_id", .doc = "What a model says of an image.");

/* ---- seeing ---- */

static bool missing(struct call *c, int64_t id)
{
    if (c->error.code == E_NOT_FOUND)
        error_clear(&c->error);
    return fail(c, E_NOT_FOUND, "diagnosis %" PRId64 " does not exist", id);
}

bool diagnosis_load(struct call *c, int64_t id, struct diagnosis *out)
{
    struct image_file file;
    if (!db_get(c, &diagnosis_schema, out, "where d.id = ?", V(id)) || !image_file_load(c, out->image_file_id, &file))
        return missing(c, id);
    audit_about(c, id, file.patient_id);
    return !out->is_shadow || call_may(c, MAY_MANAGE_SYSTEM) || missing(c, id);
}

/* Counted rather than asked whether they exist: MariaDB would make a join of that, and begin it with the files. */
#define SEEN_FILE \
    "(select count(*) from image_files f where f.id = d.image_file_id and " IN_SIGHT("f") " and " VISIBLE_FILE ") > 0"

struct condition diagnosis_in_sight(struct call *c, struct value values[DIAGNOSIS_SIGHT_VALUES])
{
    const struct value seeing[VISIBLE_FILE_VALUES] = { VISIBLE_FILE_TO(c) };
    memcpy(values, seeing + 4, sizeof(*values) * DIAGNOSIS_SIGHT_VALUES);
    return (struct condition){
        .sql = call_may(c, MAY_MANAGE_SYSTEM) ? SEEN_FILE : SEEN_FILE " and d.is_shadow = 0",
        .value = seeing[0],
        .more = { seeing[1], seeing[2], seeing[3] },
        .rest = values,
        .rest_count = DIAGNOSIS_SIGHT_VALUES,
    };
}

bool diagnosis_tell(struct call *c, const struct diagnosis *d, enum diagnosis_status status)
{
    return d->is_shadow || event_put(c, &(struct event){ .type = EVENT_DIAGNOSIS_CHANGED,
                                                         .diagnosis_id = d->id,
                                                         .file_id = d->image_file_id,
                                                         .study_id = d->study_id,
                                                         .state = choice_text(diagnosis_statuses, status) });
}

/* ---- what becomes of it ---- */

bool diagnosis_cancel(struct call *c, int64_t id)
{
    struct diagnosis d;
    if (!db_lock(c, "select id from diagnoses where id = ?", V(id)) || !diagnosis_load(c, id, &d))
        return false;
    if (d.status != DIAGNOSIS_QUEUED && d.status != DIAGNOSIS_RUNNING)
        return fail(c, E_CONFLICT, "it has ended");
    if (d.asked_by != call_user(c) && !call_may(c, MAY_MANAGE_SYSTEM))
        return fail(c, E_FORBIDDEN, "somebody else has asked it");
    return db_execute(c, "update diagnoses set status = 'CANCELLED', finished_at = ? where id = ?", V(clock_now()),
                      V(id)) &&
           jobs_cancel(c, d.job_id) && diagnosis_tell(c, &d, DIAGNOSIS_CANCELLED);
}
