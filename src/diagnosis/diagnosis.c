/* diagnosis.c - what was asked, how it stands, what readers say of it. */
#include "diagnosis/diagnosis.h"

#include "diagnosis/figures.h"
#include "records/image_file.h"
#include "records/visibility.h"
#include "schema/json.h"
#include "schema/json_read.h"
#include "site/app.h"
#include "site/event.h"
#include "base/names.h"

const char *const diagnosis_statuses[] = { "QUEUED",    "RUNNING",  "COMPLETED", "FAILED",
                                           "CANCELLED", "REVIEWED", "WITHDRAWN", NULL };
NAMES_REACH(diagnosis_statuses, DIAGNOSIS_WITHDRAWN);
const char *const review_decisions[] = { "CONFIRMED", "MODIFIED", "REJECTED", NULL };
NAMES_REACH(review_decisions, REVIEW_REJECTED);

/* ---- rows ---- */

#define STATUS \
    "case when d.status <> 'QUEUED' then d.status when j.state = 'QUEUED' then 'QUEUED' when j.state = 'RUNNING' " \
    "then 'RUNNING' when j.state = 'CANCELLED' then 'CANCELLED' else 'FAILED' end"
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
    TOLD(status, .choices = diagnosis_statuses, .type = "DiagnosisStatus", .sql = STATUS, .doc = "How far it is."),
    MAYBE(status_reason, .sql = REASON, .doc = "Why it failed, or was withdrawn."),
    TOLD(priority, .choices = job_priorities, .type = "JobPriority", .doc = "Which of those that wait comes first."),
    MAYBE(findings, .doc = "What the model found: a list of Finding; empty where the gate shut. Null: no result."),
    MAYBE(gate, .doc = "Why there is no finding: {reason, text}. Null: the image was let in."),
    FIELD(struct diagnosis, maps, .flags = READ_ONLY | WRITE_ONLY, .doc = "Grids of the answer."),
    TOLD(has_heatmap, .sql = "case when d.maps like '{\"evidence\"%' then 1 else 0 end",
         .doc = "Is there a picture of where the model found evidence?"),
    MAYBE(input_sha256, .doc = "SHA-256 of the pixels that went in: width, height, channels as text, then bytes."),
    MAYBE(preparation, .example = "squash-area-1/1",
          .doc = "How they were prepared: the card's name for it, and ours."),
    MAYBE(runtime, .example = "ONNX Runtime 1.27.0, CPU", .doc = "What ran the model, and on what."),
    MAYBE(run_us, .doc = "How long the model itself took, in microseconds."),
    MAYBE(reviews,
          .doc = "What readers said of it, in order: [{decision, findings, comment, reviewer_id, reviewed_at}]."),
    MAYBE(verdict, .choices = review_decisions, .type = "ReviewDecision", .doc = "What the last of them decided."),
    MAYBE(job_id, .doc = "The job that does it."),
    MAYBE(asked_by, .doc = "The account that asked."),
    TOLD(queued_at, .doc = "When it was asked."),
    MAYBE(started_at, .sql = "coalesce(d.started_at, j.started_at)", .doc = "When it was begun."),
    MAYBE(finished_at, .sql = "coalesce(d.finished_at, case when d.status = 'QUEUED' then j.finished_at end)",
          .doc = "When it ended."),
};
const struct schema diagnosis_schema =
    SCHEMA("Diagnosis", struct diagnosis, diagnosis_fields, .table = "diagnoses", .alias = "d",
           .join = "left join jobs j on j.id = d.job_id", .doc = "What a model says of an image.");

/* What is written when it is asked. */
struct asked {
    int64_t id;
    struct str diagnosis_uuid;
    int64_t image_file_id, frame, model_id;
    struct str model_name, model_version, model_digest;
    bool research_only, is_shadow;
    unsigned status, priority;
    int64_t job_id, asked_by;
    struct instant queued_at;
};
#define A(member, ...) FIELD(struct asked, member, .doc = "As in Diagnosis.", __VA_ARGS__)
static const struct field asked_fields[] = {
    A(id, .flags = 0),
    A(diagnosis_uuid, .flags = 0),
    A(image_file_id, .flags = 0),
    A(frame, .flags = 0),
    A(model_id, .flags = 0),
    A(model_name, .flags = 0),
    A(model_version, .flags = 0),
    A(model_digest, .flags = 0),
    A(research_only, .flags = 0),
    A(is_shadow, .flags = 0),
    A(status, .choices = diagnosis_statuses),
    A(priority, .choices = job_priorities),
    A(job_id, .flags = 0),
    A(asked_by, .flags = 0),
    A(queued_at, .flags = 0),
};
static const struct schema asked_schema = SCHEMA("DiagnosisAsked", struct asked, asked_fields, .table = "diagnoses");

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
    struct value opened = V(visibility_opened_to(c, call_user(c)));
    values[0] = opened;
    return (struct condition){
        .sql = call_may(c, MAY_MANAGE_SYSTEM) ? SEEN_FILE : SEEN_FILE " and d.is_shadow = 0",
        .value = V(visibility_of_everything(c)),
        .more = { V(call_user(c)), opened, opened },
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

/* ---- asking ---- */

static bool find_model(struct call *c, const struct diagnosis_wish *wish, const struct gate_subject *subject,
                       struct model *out)
{
    if (wish->model_id <= 0)
        return model_default(c, subject, out);
    bool manages = call_may(c, MAY_MANAGE_SYSTEM);
    if (!model_load(c, wish->model_id, out) || (out->state == MODEL_SHADOW && !manages)) {
        if (c->error.code && c->error.code != E_NOT_FOUND)
            return false;
        error_clear(&c->error);
        return error_add_problem(&c->error, &c->arena, "body", S("model_id"), "not_found", "there is no such model");
    }
    return out->state == MODEL_ACTIVE || out->state == MODEL_SHADOW || fail(c, E_CONFLICT, "that model is not in use");
}

static bool may_be_asked(struct call *c, const struct model *model, const struct gate_subject *subject)
{
    struct card card;
    struct gate_reason reason;
    return card_read(c, model->card.text, &card) &&
           (gate_header(c, &card, subject, &reason) ||
            error_add_problem(&c->error, &c->arena, "body", S("image_file_id"), arena_cstring(&c->arena, reason.code),
                              "%.*s", STR_FMT(reason.text)));
}

static enum found find_same(struct call *c, const struct diagnosis_wish *wish, const struct model *model, int64_t *id)
{
    return db_find_integer(
        c, id,
        "select d.id from diagnoses d left join jobs j on j.id = d.job_id where d.image_file_id = ? and d.frame = ? "
        "and d.model_id = ? and d.model_digest = ? and d.is_shadow = ? and (d.status = 'COMPLETED' or "
        "(d.status = 'REVIEWED' and coalesce(d.verdict, '') <> 'REJECTED') or (d.status = 'QUEUED' and j.state in "
        "('QUEUED', 'RUNNING'))) order by d.id desc limit 1",
        V(wish->image_file_id), V(wish->frame), V(model->id), V(model->digest), V(model->state == MODEL_SHADOW));
}

static bool put(struct call *c, const struct diagnosis_wish *wish, const struct model *model,
                const struct image_file *file, int64_t *id)
{
    struct asked row = { .diagnosis_uuid = crypto_uuid_text(&c->arena),
                         .image_file_id = file->id,
                         .frame = wish->frame,
                         .model_id = model->id,
                         .model_name = model->name,
                         .model_version = model->version,
                         .model_digest = model->digest,
                         .research_only = model->research_only,
                         .is_shadow = model->state == MODEL_SHADOW,
                         .status = DIAGNOSIS_QUEUED,
                         .priority = wish->priority,
                         .asked_by = call_user(c) ? call_user(c) : INTEGER_NULL,
                         .queued_at = clock_now() };
    if (!db_insert(c, &asked_schema, &row, id))
        return false;
    struct diagnosis told = {
        .id = *id, .image_file_id = file->id, .study_id = file->study_id, .is_shadow = row.is_shadow
    };
    int64_t job_id;
    return diagnosis_put_job(c, *id, wish->priority, &job_id) &&
           db_execute(c, "update diagnoses set job_id = ? where id = ?", V(job_id), V(*id)) &&
           diagnosis_tell(c, &told, DIAGNOSIS_QUEUED);
}

bool diagnosis_ask(struct call *c, const struct diagnosis_wish *wish, int64_t *id, bool *made)
{
    struct image_file file;
    struct model model;
    *made = false;
    /* One at a time for one image, or two who ask at once would both be first. */
    if (!db_lock(c, "select id from image_files where id = ?", V(wish->image_file_id)) ||
        !image_file_load(c, wish->image_file_id, &file))
        return false;
    struct gate_subject subject = { file.modality, file.body_part, STR_NULL, INTEGER_NULL };
    audit_about(c, 0, file.patient_id);
    if (!find_model(c, wish, &subject, &model) || !may_be_asked(c, &model, &subject))
        return false;
    if (!wish->force) {
        enum found found = find_same(c, wish, &model, id);
        if (found != NONE)
            return found == FOUND;
    }
    *made = true;
    return put(c, wish, &model, &file, id);
}

/* ---- what becomes of it ---- */

static bool hold(struct call *c, int64_t id, struct diagnosis *out)
{
    return db_lock(c, "select id from diagnoses where id = ?", V(id)) && diagnosis_load(c, id, out);
}

bool diagnosis_cancel(struct call *c, int64_t id)
{
    struct diagnosis d;
    if (!hold(c, id, &d))
        return false;
    if (d.status != DIAGNOSIS_QUEUED && d.status != DIAGNOSIS_RUNNING)
        return fail(c, E_CONFLICT, "it has ended");
    if (d.asked_by != call_user(c) && !call_may(c, MAY_MANAGE_SYSTEM))
        return fail(c, E_FORBIDDEN, "somebody else has asked it");
    return jobs_cancel(c, d.job_id) &&
           db_execute(c, "update diagnoses set status = 'CANCELLED', finished_at = ? where id = ?", V(clock_now()),
                      V(id)) &&
           diagnosis_tell(c, &d, DIAGNOSIS_CANCELLED);
}

static bool has_result(struct call *c, const struct diagnosis *d)
{
    return d->status == DIAGNOSIS_COMPLETED || d->status == DIAGNOSIS_REVIEWED ||
           fail(c, E_CONFLICT, "it has no result that could be judged");
}

bool diagnosis_withdraw(struct call *c, int64_t id, struct str reason, struct diagnosis *out)
{
    return hold(c, id, out) && has_result(c, out) &&
           db_execute(c, "update diagnoses set status = 'WITHDRAWN', status_reason = ? where id = ?", V(reason),
                      V(id)) &&
           figure_drop(c, id) && diagnosis_tell(c, out, DIAGNOSIS_WITHDRAWN) && diagnosis_load(c, id, out);
}

/* ---- reviews ---- */

struct review_row {
    unsigned decision;
    struct list findings;
    struct str comment;
    int64_t reviewer_id;
    struct instant reviewed_at;
};
static const struct field review_row_fields[] = {
    FIELD(struct review_row, decision, .choices = review_decisions, .type = "ReviewDecision",
          .doc = "What was decided."),
    FIELD(struct review_row, findings, .of = &finding_schema, .max = FINDINGS_MAX, .doc = "What it should have said."),
    FIELD(struct review_row, comment, .flags = NULLABLE, .doc = "In the reader's words."),
    FIELD(struct review_row, reviewer_id, .doc = "The account that judged."),
    FIELD(struct review_row, reviewed_at, .doc = "When."),
};
static const struct schema review_row_schema = SCHEMA("DiagnosisReviewRow", struct review_row, review_row_fields);

enum { REVIEWS_BYTES_MAX = 1 << 20 };

/* The list with one more. */
static bool with_one_more(struct call *c, const struct diagnosis *d, const struct review *review, struct str *out)
{
    struct text text;
    struct review_row row = { review->decision, review->findings, review->comment, call_user(c), clock_now() };
    text_init(&text, REVIEWS_BYTES_MAX);
    struct str before = d->reviews.text;
    text_put(&text, before.len > 2 ? str_slice(before, 0, before.len - 1) : S("["));
    if (before.len > 2)
        text_put_char(&text, ',');
    json_encode(&text, &review_row_schema, &row, JSON_ALL_FIELDS, &c->arena);
    text_put_char(&text, ']');
    bool fits = !text.overflowed;
    *out = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return fits || fail(c, E_CONFLICT, "it has been judged as often as can be kept");
}

bool diagnosis_review(struct call *c, const struct review *review, struct diagnosis *out)
{
    struct str reviews;
    if (review->decision != REVIEW_MODIFIED && review->findings.count)
        return error_add_problem(&c->error, &c->arena, "body", S("findings"), "unexpected",
                                 "only MODIFIED says what it should have been");
    if (review->decision == REVIEW_REJECTED && !review->comment.len)
        return error_add_problem(&c->error, &c->arena, "body", S("comment"), "missing", "say why it is rejected");
    bool alarm = false;
    for (ptrdiff_t i = 0; i < review->findings.count; i++)
        alarm |= ((const struct finding *)review->findings.items)[i].positive;
    return hold(c, review->id, out) && has_result(c, out) && with_one_more(c, out, review, &reviews) &&
           db_execute(c, "update diagnoses set status = 'REVIEWED', reviews = ?, verdict = ? where id = ?", V(reviews),
                      V(choice_text(review_decisions, review->decision)), V(out->id)) &&
           figure_judge(c, out->id, (enum review_decision)review->decision, alarm) &&
           diagnosis_tell(c, out, DIAGNOSIS_REVIEWED) && diagnosis_load(c, out->id, out);
}
