/* program.h - programs of the house that take a folder of DICOM files and give back what they find: registered by who
 * can write the server's files, never named by a request.
 *
 *     PROGRAMS_ROOT/lungs.json
 *     { "title": "Lung volumes", "command": ["/opt/lungs/run", "--fast"], "modalities": ["CT"],
 *       "time_limit_s": 600, "memory_mb": 8192 }
 *
 *     programs_open(app, &app->programs, &error)               // at start: a file that is wrong is said, and refused
 *     program_named(app, S("lungs"))                           // its name is its file's
 *     program_ask(c, &wish, &job_id)                           // in a transaction: a job `program.run`
 *
 * A file, the folder that it lies in, and the program that it names belong to root or to who runs the server, and
 * nobody else may write them: whoever could would run programs as the server. Settings are read once, at start; the
 * program that they name is looked at again before each run.
 *
 * program_run.c gives the program the images and takes back what it leaves (program_take.h), in a folder of its own
 * (work_folder.h); confined.h says what it may do. Who may ask: ai.run. Only of images that the asker sees, when it is
 * asked and when it is done; all of them of one study.
 */
#ifndef ROENTGEN_PROGRAM_H
#define ROENTGEN_PROGRAM_H

#include "jobs/jobs.h"
#include "site/app.h"

enum { PROGRAMS_MAX = 100, PROGRAM_IMAGES_MAX = 4000 };

struct program {
    struct str name, title;
    struct texts command; /* an absolute path, then what it is told */
    int64_t time_limit_s, memory_mb;
    int64_t input_mb, output_mb;         /* at most so much goes in, comes out */
    struct texts modalities, body_parts; /* of which images it may be asked; none: of any */
    struct json settings;                /* told to it in task.json */
};
extern const struct schema program_schema; /* as its file has it, and as it is shown: without its command */

struct programs {
    struct program *at; /* by name */
    int count;
    struct call call;    /* its arena holds them */
    const char *refusal; /* why none is run here, for people; NULL: they are */
};

/* An empty PROGRAMS_ROOT: none. False: E_INVALID, which file is wrong, and how; *out is to be closed all the same. */
bool programs_open(struct app *app, struct programs **out, struct error *error);
/* Where jobs are done, once: says in the log when no program is run here, and removes what runs before have left. */
void programs_begin(struct app *app);
void programs_close(struct programs *programs);                              /* takes NULL */
const struct program *program_named(const struct app *app, struct str name); /* NULL: there is none */

/* Can its file be executed, and can nobody else have written it? E_INVALID, in words. */
bool program_is_safe(struct call *c, const struct program *program);

struct program_wish {
    struct str name;
    int64_t study_id;
    struct str series_uid;          /* of that study */
    struct integers image_file_ids; /* instead of both */
    unsigned priority;
};
/* Inside a transaction. E_NOT_FOUND: the program, the study, its images. E_INVALID: images of several studies, or such
 * as the program does not take. */
bool program_ask(struct call *c, const struct program_wish *wish, int64_t *job_id);
/* The same by a rule, in the name of c->actor's principal. Of images that the program was asked of before, by whomever,
 * it is not asked again: *is_new false. */
bool program_ask_by_rule(struct call *c, const struct program_wish *wish, int64_t rule_id, bool *is_new);
/* Is it for such an image? */
bool program_takes(const struct program *program, struct str modality, struct str body_part);
/* Is this the name of a file that a program has left? Rules give those to none: they would be asked without an end. */
bool program_left(struct str filename);

/* What the job is told. */
struct program_order {
    struct str program;
    struct integers image_file_ids;
    int64_t study_id, patient_id; /* whose they were; null in orders of before */
};
extern const struct job_kind program_run_kind;

#endif
