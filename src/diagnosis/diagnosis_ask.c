/* diagnosis_ask.c - which model is asked of which image, and the row and job of it. */
#include "diagnosis/diagnosis.h"

#include "records/image_file.h"
#include "records/study.h"
#include "records/visibility.h"
#include "site/app.h"

/* What is written when it is asked. */
struct asked {
    int64_t id;
    struct str diagnosis_uuid;
    int64_t image_file_id, frame, model_id;
    struct str model_name, model_version, model_digest;
    bool research_only, is_shadow;
    unsigned status, priority;
    int64_t job_id, asked_by, rule_id;
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
    A(rule_id, .flags = 0),
    A(queued_at, .flags = 0),
};
static const struct schema asked_schema = SCHEMA("DiagnosisAsked", struct asked, asked_fields, .table = "diagnoses");

static bool named_model(struct call *c, int64_t id, struct model *out)
{
    if (!model_load(c, id, out) || (out->state == MODEL_SHADOW && !call_may(c, MAY_MANAGE_SYSTEM))) {
        if (c->error.code && c->error.code != E_NOT_FOUND)
            return false;
        error_clear(&c->error);
        return error_add_problem(&c->error, &c->arena, "body", S("model_id"), "not_found", "there is no such model");
    }
    return out->state == MODEL_ACTIVE || out->state == MODEL_SHADOW || fail(c, E_CONFLICT, "that model is not in use");
}

static bool find_model(struct call *c, const struct diagnosis_wish *wish, const struct gate_subject *subject,
                       struct model *out)
{
    return wish->model_id > 0 ? named_model(c, wish->model_id, out) : model_default(c, subject, out);
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

static enum found find_same(struct call *c, int64_t image_file_id, int64_t frame, const struct model *model,
                            int64_t *id)
{
    return db_find_integer(
        c, id,
        "select d.id from diagnoses d left join jobs j on j.id = d.job_id where d.image_file_id = ? and d.frame = ? "
        "and d.model_id = ? and d.model_digest = ? and d.is_shadow = ? and (d.status = 'COMPLETED' or "
        "(d.status = 'REVIEWED' and coalesce(d.verdict, '') <> 'REJECTED') or (d.status = 'QUEUED' and j.state in "
        "('QUEUED', 'RUNNING'))) order by d.id desc limit 1",
        V(image_file_id), V(frame), V(model->id), V(model->digest), V(model->state == MODEL_SHADOW));
}

/* Whatever became of it: what people took back, rejected or withdrew, no rule asks again. */
static enum found find_any(struct call *c, int64_t image_file_id, const struct model *model, int64_t *id)
{
    return db_find_integer(c, id,
                           "select d.id from diagnoses d where d.image_file_id = ? and d.model_id = ? and "
                           "d.model_digest = ? and d.is_shadow = ? limit 1",
                           V(image_file_id), V(model->id), V(model->digest), V(model->state == MODEL_SHADOW));
}

static bool put(struct call *c, const struct diagnosis_wish *wish, const struct model *model,
                const struct image_file *file, int64_t rule_id, int64_t *id)
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
                         .rule_id = rule_id,
                         .queued_at = clock_now() };
    if (!db_insert(c, &asked_schema, &row, id))
        return false;
    struct diagnosis told = {
        .id = *id, .image_file_id = file->id, .study_id = file->study_id, .is_shadow = row.is_shadow
    };
    int64_t job_id;
    return diagnosis_put_job(c, *id, model, wish->priority, &job_id) &&
           db_execute(c, "update diagnoses set job_id = ? where id = ?", V(job_id), V(*id)) &&
           diagnosis_tell(c, &told, DIAGNOSIS_QUEUED);
}

/* Who is in a greater hurry than those who asked before is answered as soon. */
static bool hasten(struct call *c, int64_t id, unsigned priority)
{
    struct diagnosis d;
    if (!db_get(c, &diagnosis_schema, &d, "where d.id = ?", V(id)))
        return false;
    return d.status != DIAGNOSIS_QUEUED || priority >= d.priority ||
           (db_execute(c, "update diagnoses set priority = ? where id = ?", V(choice_text(job_priorities, priority)),
                       V(id)) &&
            jobs_hasten(c, d.job_id, (enum job_priority)priority));
}

/* The image is locked: one at a time for each, or two who ask at once would both be first. */
static bool ask(struct call *c, const struct diagnosis_wish *wish, const struct model *model,
                const struct image_file *file, int64_t rule_id, struct diagnosis_asked *out)
{
    *out = (struct diagnosis_asked){ .image_file_id = file->id };
    if (!wish->force) {
        enum found found = find_same(c, file->id, wish->frame, model, &out->diagnosis_id);
        if (found != NONE)
            return found == FOUND && hasten(c, out->diagnosis_id, wish->priority);
    }
    out->is_new = true;
    return put(c, wish, model, file, rule_id, &out->diagnosis_id);
}

#define LOCK_IMAGE "select id from image_files where id = ?"

static struct gate_subject subject_of(const struct image_file *file)
{
    return (struct gate_subject){ file->modality, file->body_part, STR_NULL, INTEGER_NULL };
}

bool diagnosis_ask(struct call *c, const struct diagnosis_wish *wish, struct diagnosis_asked *out)
{
    struct image_file file;
    struct model model;
    if (!db_lock(c, LOCK_IMAGE, V(wish->image_file_id)) || !image_file_load(c, wish->image_file_id, &file))
        return false;
    struct gate_subject subject = subject_of(&file);
    audit_about(c, 0, file.patient_id);
    return find_model(c, wish, &subject, &model) && may_be_asked(c, &model, &subject) &&
           ask(c, wish, &model, &file, INTEGER_NULL, out);
}

bool diagnosis_ask_by_rule(struct call *c, const struct diagnosis_wish *wish, const struct model *model,
                           int64_t rule_id, struct diagnosis_asked *out)
{
    struct image_file file;
    *out = (struct diagnosis_asked){ .image_file_id = wish->image_file_id };
    if (!db_lock(c, LOCK_IMAGE, V(wish->image_file_id)))
        return false;
    enum found found =
        db_find(c, &image_file_schema, &file, "where f.id = ? and " IN_SIGHT("f"), V(wish->image_file_id));
    if (found != FOUND)
        return found == NONE;
    found = find_any(c, file.id, model, &out->diagnosis_id);
    return found == NONE ? ask(c, wish, model, &file, rule_id, out) : found == FOUND;
}

/* ---- of a study ---- */

static bool films_of(struct call *c, int64_t study_id, struct integers *out)
{
    struct cursor rows;
    *out = (struct integers){ arena_array(&c->arena, int64_t, DIAGNOSES_AT_ONCE + 1), 0 };
    for (db_rows(c, &rows,
                 "select f.id from image_files f where f.study_id = ? and " IN_SIGHT(
                     "f") " and " VISIBLE_FILE " and f.status in ('UPLOADED', 'PROCESSED', 'ARCHIVED') and "
                          "(f.sop_instance_uid is null or " VISIBLE_OWN_INSTANCE ") order by f.id limit 501",
                 V(study_id), VISIBLE_FILE_TO(c));
         cursor_next(&rows);)
        out->items[out->count++] = cursor_integer(&rows, 0);
    return cursor_close(&rows) &&
           (out->count <= DIAGNOSES_AT_ONCE ||
            fail(c, E_INVALID, "it has more than %d images: name those that are meant", DIAGNOSES_AT_ONCE));
}

/* The model for films that say the same of themselves as the last one did is looked for once. */
struct choice {
    struct str modality, body_part;
    struct model model;
    bool is_made, is_suited;
};

static bool choose(struct call *c, const struct diagnosis_wish *wish, const struct image_file *file,
                   struct choice *choice)
{
    struct gate_subject subject = subject_of(file);
    if (choice->is_made && str_equal(choice->modality, file->modality) && str_equal(choice->body_part, file->body_part))
        return true;
    choice->is_made = true;
    choice->modality = file->modality;
    choice->body_part = file->body_part;
    choice->is_suited = find_model(c, wish, &subject, &choice->model) && may_be_asked(c, &choice->model, &subject);
    if (!choice->is_suited && (c->error.code == E_CONFLICT || c->error.code == E_INVALID))
        error_clear(&c->error);
    return c->error.code == E_NONE;
}

static bool ask_if_suited(struct call *c, const struct diagnosis_wish *wish, int64_t id, struct choice *choice,
                          struct list *out)
{
    struct image_file file;
    if (!db_lock(c, LOCK_IMAGE, V(id)))
        return false;
    if (!image_file_load(c, id, &file)) { /* gone since it was listed */
        if (c->error.code == E_NOT_FOUND)
            error_clear(&c->error);
        return c->error.code == E_NONE;
    }
    if (!choose(c, wish, &file, choice))
        return false;
    return !choice->is_suited ||
           ask(c, wish, &choice->model, &file, INTEGER_NULL, (struct diagnosis_asked *)out->items + out->count++);
}

bool diagnosis_ask_study(struct call *c, const struct diagnosis_wish *wish, struct list *out)
{
    struct study study;
    struct integers films;
    struct model named;
    struct choice choice = { 0 };
    if (!study_load(c, wish->study_id, &study) || (wish->model_id > 0 && !named_model(c, wish->model_id, &named)) ||
        !films_of(c, study.id, &films))
        return false;
    audit_about(c, 0, study.patient_id);
    *out = (struct list){ arena_array(&c->arena, struct diagnosis_asked, films.count + 1), 0 };
    for (ptrdiff_t i = 0; i < films.count; i++)
        if (!ask_if_suited(c, wish, films.items[i], &choice, out))
            return false;
    return out->count || fail(c, E_CONFLICT,
                              wish->model_id > 0 ? "the study has no image that this model is for"
                                                 : "the study has no image that a model in use is for");
}
