/* job.c - work in the background: listed, shown, cancelled, done again; and what comes by itself, and when. */
#include "web/exchange.h"
#include "web/listing.h"
#include "jobs/schedule.h"
#include "jobs/sight.h"

/* ---- lists ---- */

struct job_list {
    struct list_query list;
    unsigned state;
    struct str kind;
};
#define JOB_SORTS(X) X("created_at", "j.created_at")
LIST_ORDER(job_order, JOB_SORTS);
static const struct field job_list_fields[] = {
    LIST_FIELDS(struct job_list, job_order, "-created_at"),
    FIELD(struct job_list, state, .choices = job_states, .type = "JobState", .filter = "j.state = ?",
          .doc = "Only those that stand so."),
    FIELD(struct job_list, kind, .max = 64, .filter = "j.kind = ?", .doc = "Only those of this kind.",
          .example = "trash.purge"),
};
static const struct schema job_list = SCHEMA("JobList", struct job_list, job_list_fields);
static const struct listing job_listing = { .row = &job_schema, .id = "j.id", .order = &job_order };

static bool job_list_get(struct call *c)
{
    struct condition mine;
    int count = jobs_in_sight(c, &mine);
    return list_answer(c, &job_listing, (struct list_among){ .conditions = &mine, .condition_count = count });
}

/* ---- one ---- */

struct job_key {
    int64_t id;
};
static const struct field job_key_fields[] = {
    KEY(struct job_key, id, "The job."),
};
static const struct schema job_key = SCHEMA("JobKey", struct job_key, job_key_fields);

static bool job_get(struct call *c)
{
    return jobs_load(c, ((const struct job_key *)c->in)->id, c->out);
}

static bool change(struct call *c, bool (*how)(struct call *c, int64_t id))
{
    const struct job_key *key = c->in;
    return jobs_load(c, key->id, c->out) && how(c, key->id) && jobs_load(c, key->id, c->out);
}

static bool job_cancel(struct call *c)
{
    return change(c, jobs_cancel);
}

static bool job_retry(struct call *c)
{
    return change(c, jobs_retry);
}

/* ---- asking for one ---- */

static const struct field job_wish_fields[] = {
    FIELD(struct job_wish, kind, .flags = REQUIRED, .min = 1, .max = 64,
          .doc = "What is to be done: a kind that may be asked for by hand, or one of TASK_NAMES (task.NAME).",
          .example = "files.scrub"),
    FIELD(struct job_wish, payload, .flags = NULLABLE, .max = JOB_PAYLOAD_MAX,
          .doc = "What it is told: an object, as the kind wants it."),
    FIELD(struct job_wish, priority, .choices = job_priorities, .type = "JobPriority", .fallback = "NORMAL",
          .doc = "Which of those that wait comes first."),
    FIELD(struct job_wish, not_before, .flags = NULLABLE, .doc = "Not before then."),
    FIELD(struct job_wish, unique_key, .flags = NULLABLE, .max = 190,
          .doc = "While one of this kind with this key is queued or running, asking again is the same."),
};
static const struct schema job_wish = SCHEMA("JobWish", struct job_wish, job_wish_fields, .doc = "Work to be done.");

static bool job_post(struct call *c)
{
    int64_t id;
    return jobs_ask(c, c->in, &id) && jobs_load(c, id, c->out);
}

/* ---- what comes by itself ---- */

static const struct field schedule_fields[] = {
    FIELD(struct schedule_told, name, .doc = "What comes again."),
    FIELD(struct schedule_told, kind, .doc = "The kind of job that it puts."),
    FIELD(struct schedule_told, schedule, .flags = NULLABLE,
          .doc =
              "When: minute, hour, day of the month, month, day of the week, in the server's time zone; null: never."),
    FIELD(struct schedule_told, next_at, .flags = NULLABLE, .doc = "When it comes next; null: never."),
    FIELD(struct schedule_told, doc, .doc = "What it does."),
};
static const struct schema schedule_schema = SCHEMA("Schedule", struct schedule_told, schedule_fields);

struct schedule_answer {
    struct list items;
};
static const struct field schedule_answer_fields[] = {
    FIELD(struct schedule_answer, items, .of = &schedule_schema, .doc = "All there are."),
};
static const struct schema schedule_answer =
    SCHEMA("Schedules", struct schedule_answer, schedule_answer_fields, .doc = "Work that comes by itself.");

static bool schedule_get(struct call *c)
{
    struct schedule_answer *out = c->out;
    int count = schedules_count(c->app->schedules);
    struct schedule_told *told = arena_array(&c->arena, struct schedule_told, count);
    for (int i = 0; i < count; i++)
        schedules_tell(c->app->schedules, i, &told[i]);
    out->items = (struct list){ told, count };
    return true;
}

#define JOB .permission = SIGNED_IN, .entity = "job", .tag = "system"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/system/jobs", job_list_get, &job_list, &job_schema, JOB, .flags = LIST,
      .summary = "Lists work in the background",
      .doc = "All of it for those who have `system.read`; else what one has asked for." },
    { HTTP_POST, "/api/v1/system/jobs", job_post, &job_wish, &job_schema, .permission = MAY_MANAGE_SYSTEM,
      .runs = WRITES, .body = BODY_JSON, .status = 202, .audit = "job.create", .entity = "job", .tag = "system",
      .summary = "Asks for work in the background",
      .doc = "The answer is the job as it was put, or the one that is there for the same unique_key. "
             "422 names what the kind refuses; nothing is put then." },
    { HTTP_GET, "/api/v1/system/jobs/{id}", job_get, &job_key, &job_schema, JOB, .summary = "Shows one job" },
    { HTTP_POST, "/api/v1/system/jobs/{id}/cancel", job_cancel, &job_key, &job_schema, JOB, .runs = WRITES,
      .audit = "job.cancel", .summary = "Cancels a job",
      .doc = "One that waits ends at once; one that is under way is told to, and ends soon. 409 when it has ended." },
    { HTTP_POST, "/api/v1/system/jobs/{id}/retry", job_retry, &job_key, &job_schema, JOB, .runs = WRITES,
      .audit = "job.retry", .summary = "Does a job again",
      .doc = "One that has failed or was cancelled; 409 otherwise." },
    { HTTP_GET, "/api/v1/system/schedule", schedule_get, NULL, &schedule_answer, .permission = MAY_READ_SYSTEM,
      .tag = "system", .summary = "What comes by itself, and when" },
};
ENDPOINT_TABLE(job_endpoints, rows);
