/* diagnosis_run.c - the job that asks the model. */
#include "diagnosis/diagnosis.h"

#include "diagnosis/critical.h"
#include "diagnosis/diagnosis_maps.h"
#include "diagnosis/figures.h"
#include "diagnosis/mask.h"
#include "diagnosis/model_task.h"
#include "records/visibility.h"
#include "schema/json.h"
#include "site/app.h"

#include <math.h>

enum { FINDINGS_BYTES_MAX = 4 << 20, REASON_MAX = 900 };

struct order {
    int64_t diagnosis_id;
};
static const struct field order_fields[] = {
    FIELD(struct order, diagnosis_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX, .doc = "What was asked."),
};
static const struct schema order_schema = SCHEMA("DiagnosisOrder", struct order, order_fields);

/* One that is being made. */
struct making {
    struct job_run *run;
    struct diagnosis d;
    struct model model;
    struct card card;
    struct image_file file;
    struct prepared ready;
    struct model_answer answer;
    struct model_face face;
    struct list findings, masks;
    struct str findings_text;
    struct gate_reason reason;
    struct diagnosis_maps maps;
    struct str runtime;
    struct instant started_at;
    bool failed;
};

/* ---- what is written ---- */

struct findings_record {
    struct list findings;
};
static const struct field findings_fields[] = {
    FIELD(struct findings_record, findings, .of = &finding_schema, .doc = "What was found."),
};

/* False: more than is kept. To leave some out would say that they were not found. */
static bool findings_text(struct call *c, const struct list *findings, struct str *out)
{
    struct text text;
    struct findings_record record = { *findings };
    text_init(&text, FINDINGS_BYTES_MAX);
    json_put_member(&text, &findings_fields[0], &record.findings, &c->arena);
    bool fits = !text.overflowed;
    *out = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return fits || fail(c, E_INVALID, "the model found more than can be kept");
}

static struct str gate_text(struct call *c, const struct gate_reason *reason)
{
    struct text text;
    if (!reason->code.at)
        return STR_NULL;
    text_init(&text, 16 << 10);
    text_put(&text, S("{\"reason\":"));
    text_put_json_string(&text, reason->code);
    text_put(&text, S(",\"text\":"));
    text_put_json_string(&text, reason->text);
    text_put_char(&text, '}');
    struct str out = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return out;
}

static struct str maps_text(struct call *c, struct making *m)
{
    struct text text;
    text_init(&text, MAPS_BYTES_MAX);
    maps_put(&text, &m->maps, &c->arena);
    struct str out = text.overflowed ? STR_NULL : arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return out;
}

/* It may have been cancelled meanwhile: then what came of it is not wanted. */
static bool is_wanted(struct call *c, int64_t id, bool *wanted)
{
    int64_t count;
    if (!db_lock(c, "select id from diagnoses where id = ?", V(id)) ||
        !db_integer(c, &count, "select count(*) from diagnoses where id = ? and status = 'QUEUED'", V(id)))
        return false;
    *wanted = count > 0;
    return true;
}

static bool note_figure(struct call *c, const struct making *m, struct instant now)
{
    struct figure figure = { .diagnosis_id = m->d.id,
                             .model_id = m->d.model_id,
                             .study_id = m->file.study_id,
                             .finished_at = now,
                             .is_shadow = m->d.is_shadow,
                             .is_refused = m->reason.code.at != NULL,
                             .score = NAN,
                             .wait_us = now.us - m->d.queued_at.us,
                             .run_us = m->answer.run_us,
                             .histogram = m->ready.pixels_sha256[0] ? m->ready.histogram : NULL };
    for (ptrdiff_t i = 0; i < m->findings.count; i++) {
        const struct finding *finding = (const struct finding *)m->findings.items + i;
        figure.is_alarm |= finding->positive;
        figure.score = fmax(figure.score, finding->probability); /* of NaN: the other */
    }
    return figure_note(c, &figure);
}

static bool write_result(struct call *c, void *context)
{
    struct making *m = context;
    struct instant now = clock_now();
    bool wanted, is_prepared = m->ready.pixels_sha256[0] != '\0'; /* not where its header was enough to refuse it */
    struct str critical = m->model.state == MODEL_ACTIVE
                              ? critical_label(&m->card, &m->findings, c->app->config.diagnosis_critical)
                              : STR_NULL;
    struct str preparation = arena_format(&c->arena, "%.*s/" PREPARATION_VERSION, STR_FMT(m->card.input.preprocessing));
    if (!critical_hold(c, m->d.id) || !is_wanted(c, m->d.id, &wanted))
        return false;
    return !wanted ||
           (db_execute(c,
                       "update diagnoses set status = 'COMPLETED', findings = ?, gate = ?, maps = ?, has_mask = ?, "
                       "input_sha256 = ?, preparation = ?, runtime = ?, run_us = ?, started_at = ?, finished_at = ? "
                       "where id = ?",
                       V(m->findings_text), V(gate_text(c, &m->reason)), V(maps_text(c, m)), V(m->masks.count > 0),
                       V(is_prepared ? str_from(m->ready.pixels_sha256) : STR_NULL),
                       V(is_prepared ? preparation : STR_NULL), V(m->runtime), V(m->answer.run_us), V(m->started_at),
                       V(now), V(m->d.id)) &&
            masks_keep(c, m->d.id, &m->masks) && note_figure(c, m, now) && critical_note(c, &m->d, critical) &&
            jobs_result_judged(&c->app->jobs, c, m->d.id) && diagnosis_tell(c, &m->d, DIAGNOSIS_COMPLETED));
}

static bool write_failure(struct call *c, void *context)
{
    struct making *m = context;
    bool wanted;
    struct str reason = str_at_most(m->d.status_reason, REASON_MAX);
    if (!is_wanted(c, m->d.id, &wanted))
        return false;
    return !wanted || (db_execute(c,
                                  "update diagnoses set status = 'FAILED', status_reason = ?, started_at = ?, "
                                  "finished_at = ? where id = ?",
                                  V(reason), V(m->started_at), V(clock_now()), V(m->d.id)) &&
                       diagnosis_tell(c, &m->d, DIAGNOSIS_FAILED));
}

/* ---- the way from the image to the answer ---- */

/* "045Y", "018M", "003W", "012D" (PS3.5, AS) in whole years; null: not said. */
static int64_t age_of(struct str text)
{
    int64_t n;
    if (text.len != 4 || !str_to_integer(str_slice(text, 0, 3), &n) || n < 0)
        return INTEGER_NULL;
    switch (text.at[3]) {
    case 'Y':
        return n;
    case 'M':
        return n / 12;
    case 'W':
        return n * 7 / 366;
    case 'D':
        return n / 366;
    default:
        return INTEGER_NULL;
    }
}

static struct gate_subject subject_of(struct call *c, const struct image *image)
{
    struct gate_subject subject = { image->file.modality, image->file.body_part, STR_NULL, INTEGER_NULL };
    if (image->dicom) {
        subject.view = dicom_text_first(image->dicom->root, 0x00185101 /* View Position */, &c->arena);
        subject.age_years = age_of(dicom_text_first(image->dicom->root, 0x00101010 /* Patient's Age */, &c->arena));
    }
    return subject;
}

static bool is_stopping(const void *run)
{
    return job_is_stopping(run);
}

static bool ask_model(struct call *c, struct making *m)
{
    struct model_question question = { .model = &m->model,
                                       .inputs = &m->ready.tensor,
                                       .input_count = 1,
                                       .id = m->d.diagnosis_uuid,
                                       .is_stopping = is_stopping,
                                       .context = m->run };
    return model_ask(c, &question, &m->answer, &m->face, &m->runtime);
}

static bool read_answer(struct call *c, struct making *m)
{
    struct answer answer = { &m->card, m->answer.outputs, m->answer.output_count, &m->ready.placement, &m->face };
    if (!answer_check(&answer, &c->error))
        return false;
    m->maps.placement = m->ready.placement;
    (void)answer_grid(c, &answer, ROLE_EVIDENCE, STR_NULL, &m->maps.evidence);
    (void)answer_grid(c, &answer, ROLE_MASK, STR_NULL, &m->maps.region);
    if (gate_pixels(c, &answer, &m->ready, &m->reason))
        return answer_findings(c, &answer, &m->findings, &m->masks);
    m->maps.evidence = (struct grid){ 0 }; /* of what is no such image it says nothing */
    return !c->error.code;
}

/* A file that knows regions of ultrasound has a spacing for each of them, and for what lies outside none. */
static void measure_areas(struct call *c, struct making *m, const struct image *image)
{
    struct pixel_spacing spacing;
    struct finding *findings = m->findings.items;
    if (!m->masks.count || (image->dicom && dicom_item(image->dicom->root, 0x00186011 /* Regions of US */, 0)))
        return;
    image_spacing(c, image, m->d.frame, &spacing);
    if (spacing.source == SPACING_NONE)
        return;
    for (ptrdiff_t i = 0; i < m->findings.count; i++) {
        double area = (double)findings[i].area_pixels * spacing.row_mm * spacing.column_mm;
        if (!isfinite(area))
            return;
        findings[i].area_mm2 = area;
        findings[i].area_spacing = spacing.source == SPACING_DETECTOR ? AREA_AT_DETECTOR : AREA_OF_PIXEL_SPACING;
    }
}

static bool look(struct call *c, struct making *m, struct image *image)
{
    struct film film;
    struct gate_subject subject = subject_of(c, image);
    if (!gate_header(c, &m->card, &subject, &m->reason))
        return !c->error.code; /* what its header says: no score */
    if (!film_of_image(c, image, m->d.frame, &m->card.input, &film) || !prepare(c, &film, &m->card.input, &m->ready) ||
        !ask_model(c, m) || !read_answer(c, m))
        return false;
    measure_areas(c, m, image);
    return true;
}

static bool make(struct call *c, struct making *m)
{
    struct image image;
    enum found found =
        db_find(c, &image_file_schema, &m->file, "where f.id = ? and " IN_SIGHT("f"), V(m->d.image_file_id));
    if (found != FOUND)
        return found == NONE ? fail(c, E_NOT_FOUND, "the image is not there any more") : false;
    if (!model_load(c, m->d.model_id, &m->model) || !card_read(c, m->model.card.text, &m->card))
        return false;
    db_release(c);
    if (!c->app->models)
        return fail(c, E_UNAVAILABLE, "models are not run here");
    if (!image_open(c, &m->file, &image))
        return false;
    bool ok = look(c, m, &image);
    return image_close(c, &image) && ok;
}

static bool run(struct call *c, struct job_run *run)
{
    const struct order *order = job_payload(run);
    struct making *m = arena_new(&c->arena, struct making);
    m->run = run;
    m->started_at = clock_now();
    enum found found = db_find(c, &diagnosis_schema, &m->d, "where d.id = ?", V(order->diagnosis_id));
    if (found != FOUND || m->d.status != DIAGNOSIS_RUNNING) /* gone with its image; cancelled; done by a first run */
        return found != FAILED;
    if (make(c, m) && findings_text(c, &m->findings, &m->findings_text))
        return job_complete(c, run, write_result, m);
    if (job_is_stopping(run) || job_may_pass(c->error.code))
        return false;
    m->d.status_reason = arena_copy(&c->arena, error_told(&c->error));
    error_clear(&c->error);
    return job_complete(c, run, write_failure, m);
}

static bool follow(struct call *c, const struct job *job, enum job_state state, struct str error)
{
    struct order order;
    struct diagnosis d;
    uint64_t given;
    int64_t changed = 0;
    bool again = state == JOB_QUEUED;
    enum diagnosis_status status = again                    ? DIAGNOSIS_QUEUED
                                   : state == JOB_CANCELLED ? DIAGNOSIS_CANCELLED
                                                            : DIAGNOSIS_FAILED;
    schema_clear(&order_schema, &order);
    if (!json_decode(c, job->payload.text, &order_schema, &order, false, &given))
        return false;
    enum found found = db_find(c, &diagnosis_schema, &d, "where d.id = ?", V(order.diagnosis_id));
    if (found != FOUND) /* gone with its image */
        return found == NONE;
    return db_execute_counted(c, &changed,
                              "update diagnoses set status = ?, status_reason = ?, finished_at = ? where id = ? and "
                              "job_id = ? and (status = 'QUEUED' or (? = 1 and status in ('FAILED', 'CANCELLED')))",
                              V(choice_text(diagnosis_statuses, status)), V(str_at_most(error, REASON_MAX)),
                              again ? value_nothing() : V(clock_now()), V(d.id), V(job->id), V(again)) &&
           (!changed || diagnosis_tell(c, &d, status));
}

/* Attempts: a worker that is killed counts as one, and is none of the question's faults. */
const struct job_kind diagnosis_run_kind = { "diagnosis.run",
                                             &order_schema,
                                             NULL,
                                             run,
                                             .attempts =
                                                 6, /* a server that is killed again and again is none of its faults */
                                             .time_limit_s = 3600,
                                             .is_fleeting = false,
                                             .follow = follow,
                                             .doc = "Asks a model for its opinion on an image." };

/* A task that no worker serves is waited for to the end of MODEL_TIMEOUT, by each question: all else goes on beside. */
const struct job_kind diagnosis_task_kind = { "diagnosis.task",
                                              &order_schema,
                                              NULL,
                                              run,
                                              .attempts = 6,
                                              .time_limit_s = 2 * 3600,
                                              .is_waiting = true,
                                              .follow = follow,
                                              .doc = "Asks a model that a worker of Celery serves." };

bool diagnosis_put_job(struct call *c, int64_t id, const struct model *model, unsigned priority, int64_t *job_id)
{
    struct order order = { id };
    struct card card;
    if (!card_read(c, model->card.text, &card))
        return false;
    const struct job_kind *kind = model_is_task(&card) ? &diagnosis_task_kind : &diagnosis_run_kind;
    return jobs_put(c, &(struct job_order){ .kind = kind, .payload = &order, .priority = priority }, job_id);
}
