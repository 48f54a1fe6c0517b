/* program.c - programs of the house: which there are, and one run on images. */
#include "program/program.h"
#include "jobs/sight.h"
#include "web/exchange.h"

struct program_list {
    struct list items;
    struct str refusal;
};
static const struct field list_fields[] = {
    FIELD(struct program_list, items, .of = &program_schema, .doc = "All there are."),
    FIELD(struct program_list, refusal, .flags = NULLABLE,
          .doc = "Why none of them is run on this server; null: they are."),
};
static const struct schema list_schema = SCHEMA("ProgramList", struct program_list, list_fields);

static bool programs_get(struct call *c)
{
    struct program_list *out = c->out;
    out->items = (struct list){ c->app->programs->at, c->app->programs->count };
    out->refusal = str_from(c->app->programs->refusal); /* null: null */
    return true;
}

static const struct field wish_fields[] = {
    FIELD(struct program_wish, name, .flags = READ_ONLY, .min = 1, .max = 64, .example = "lungs",
          .doc = "The program."),
    FIELD(struct program_wish, study_id, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
          .doc = "On all images of this study that one sees ..."),
    FIELD(struct program_wish, series_uid, .flags = NULLABLE, .min = 1, .max = 64,
          .doc = "... or of one series of it."),
    FIELD(struct program_wish, image_file_ids, .flags = NULLABLE, .max = PROGRAM_IMAGES_MAX,
          .doc = "Or on these, all of one study."),
    FIELD(struct program_wish, priority, .choices = job_priorities, .type = "JobPriority", .fallback = "NORMAL",
          .doc = "STAT comes before all others that wait."),
};
static const struct schema wish_schema =
    SCHEMA("ProgramWish", struct program_wish, wish_fields, .doc = "What a program is run on.");

static bool run_post(struct call *c)
{
    int64_t id;
    if (!program_ask(c, c->in, &id))
        return false;
    audit_about(c, id, 0);
    answer_location(c, "/api/v1/system/jobs/%" PRId64, id);
    return jobs_load(c, id, c->out);
}

#define PROGRAMS .permission = MAY_RUN_AI, .tag = "diagnosis"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/diagnosis/programs", programs_get, NULL, &list_schema, PROGRAMS,
      .summary = "Lists the programs that may be run on images", .doc = "Administrators register them on the server." },
    { HTTP_POST, "/api/v1/diagnosis/programs/{name}/run", run_post, &wish_schema, &job_schema, PROGRAMS,
      .entity = "job", .runs = WRITES, .body = BODY_JSON, .status = 202, .audit = "program.run",
      .summary = "Runs a program on a study, a series or some images",
      .doc = "The answer is the job that does it: its result has what the program said, and which files came of it." },
};
ENDPOINT_TABLE(program_endpoints, rows);
