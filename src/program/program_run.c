/* program_run.c - the job that runs a program: images into a folder, the program on it, what it leaves taken back.
 *
 * Both families of conventions are kept, so that programs made for either run as they are: mercure's (MERCURE_IN_DIR,
 * MERCURE_OUT_DIR, task.json, result.json) and those of MONAI application packages (HOLOSCAN_INPUT_PATH,
 * HOLOSCAN_OUTPUT_PATH). A program that fails has failed for good: it would again.
 */
#include "program/program.h"

#include "base/confined.h"
#include "base/text.h"
#include "program/program_take.h"
#include "records/image_file.h"
#include "records/visibility.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LOOK_MS = 100,
    WEIGH_EVERY_MS = 250,
    PROCESSES_MAX = 256 /* as the words have it */,
    WORDS_MAX = 66,
    SAID_MAX = 250
};

static const struct field order_fields[] = {
    FIELD(struct program_order, program, .flags = REQUIRED, .min = 1, .max = 64, .doc = "Which."),
    FIELD(struct program_order, image_file_ids, .flags = REQUIRED, .min = 1, .max = PROGRAM_IMAGES_MAX,
          .doc = "On which images."),
    FIELD(struct program_order, study_id, .flags = NULLABLE, .doc = "The study that all of them were of."),
    FIELD(struct program_order, patient_id, .flags = NULLABLE, .doc = "The patient whose they were."),
};
static const struct schema order_schema = SCHEMA("ProgramOrder", struct program_order, order_fields);

struct program_ran {
    int64_t images, started_ms, run_ms, others;
    struct integers image_file_ids;
    struct json result;
};
static const struct field ran_fields[] = {
    FIELD(struct program_ran, images, .doc = "How many images it was given."),
    FIELD(struct program_ran, started_ms, .doc = "How long it took until the program was started."),
    FIELD(struct program_ran, run_ms, .doc = "How long the program took."),
    FIELD(struct program_ran, image_file_ids, .doc = "The DICOM files that it left, as they are filed."),
    FIELD(struct program_ran, others, .doc = "How many files it left that are neither DICOM nor its result."),
    FIELD(struct program_ran, result, .flags = NULLABLE, .doc = "Its result.json."),
};
static const struct schema ran_schema = SCHEMA("ProgramRan", struct program_ran, ran_fields);

/* One that is under way. */
struct running {
    struct job_run *run;
    const struct program_order *order;
    const struct program *program;
    struct principal asker;
    struct str job_uuid;
    int64_t study_id;
    struct work_folder folder;
    int64_t began_us, given_bytes;
    struct program_ran *ran;
};

/* ---- who asked, and for what ---- */

static bool settle(struct call *c, struct running *r)
{
    struct cursor rows;
    int64_t asked_by = 0;
    for (db_rows(c, &rows, "select job_uuid, asked_by from jobs where id = ?", V(job_id(r->run)));
         cursor_next(&rows);) {
        r->job_uuid = arena_copy(&c->arena, cursor_text(&rows, 0));
        asked_by = cursor_integer(&rows, 1);
    }
    if (!cursor_close(&rows))
        return false;
    enum found found = authority_of_account(c, asked_by, &r->asker);
    db_release(c);
    if (found == FAILED)
        return false;
    if (found == NONE || !principal_may(&r->asker, MAY_RUN_AI))
        return fail(c, E_FORBIDDEN, "who asked for it may not do so any more");
    if (c->app->programs->refusal)
        return fail(c, E_INVALID, "%s", c->app->programs->refusal);
    r->program = program_named(c->app, r->order->program);
    if (!r->program)
        return fail(c, E_NOT_FOUND, "there is no program %.*s here any more", STR_FMT(r->order->program));
    return program_is_safe(c, r->program);
}

/* ---- what goes in ---- */

/* What was moved to another study or patient meanwhile was not asked about. */
static bool is_still_theirs(const struct program_order *order, const struct image_file *file)
{
    return (order->study_id <= 0 || order->study_id == file->study_id) &&
           (order->patient_id <= 0 || order->patient_id == file->patient_id);
}

/* Its file's name in the folder: as mercure has them. */
static bool open_image(struct call *c, struct running *r, int64_t id, struct str *name, int *fd, int64_t *bytes)
{
    struct image_file file;
    struct value series = V(S("none"));
    enum found found = db_find(c, &image_file_schema, &file, "where f.id = ? and " IN_SIGHT("f") " and " VISIBLE_FILE,
                               V(id), VISIBLE_FILE_TO(c));
    if (found != FOUND)
        return found == NONE ? fail(c, E_NOT_FOUND, "an image is not there any more") : false;
    if (!is_still_theirs(r->order, &file))
        return fail(c, E_CONFLICT,
                    "an image is not of the study or patient any more that it was of when this was asked");
    if (file.series_id > 0 &&
        !db_value(c, &series, "select x.series_uid from series x where x.id = ?", V(file.series_id)))
        return false;
    *name = arena_format(&c->arena, "in/%.*s#%.*s.dcm", STR_FMT(series.text), STR_FMT(file.file_uuid));
    r->study_id = file.study_id;
    db_release(c);
    return image_file_open(c, &file, fd, bytes);
}

static bool give_image(struct call *c, struct running *r, int64_t id)
{
    struct str name;
    int fd;
    int64_t bytes;
    if (!open_image(c, r, id, &name, &fd, &bytes))
        return false;
    bool ok = work_folder_copy(c, &r->folder, arena_cstring(&c->arena, name), fd, bytes);
    close(fd);
    return ok;
}

/* mercure's: process.settings are the module's. */
static bool give_task(struct call *c, struct running *r)
{
    struct text text;
    struct str settings = r->program->settings.text;
    text_init(&text, 64 << 10);
    text_format(&text, "{\"id\":\"%.*s\",\"info\":{\"action\":\"process\"},\"process\":{\"module_name\":",
                STR_FMT(r->job_uuid));
    text_put_json_string(&text, r->program->name);
    text_format(&text, ",\"settings\":%.*s}}\n", STR_FMT(settings.len ? settings : S("{}")));
    bool ok = work_folder_write(c, &r->folder, "in/task.json", text_str(&text));
    text_release(&text);
    return ok;
}

static bool give(struct call *c, struct running *r)
{
    const struct integers *ids = &r->order->image_file_ids;
    for (ptrdiff_t i = 0; i < ids->count; i++)
        if (!job_tell(r->run, i, ids->count, "images", S("copying")) || !give_image(c, r, ids->items[i]))
            return false;
    return give_task(c, r);
}

/* ---- the program itself ---- */

static char *word(struct call *c, struct str text)
{
    return (char *)arena_cstring(&c->arena, text);
}

static bool start(struct call *c, struct running *r, struct confined *out)
{
    const struct program *p = r->program;
    const struct work_folder *f = &r->folder;
    char *words[WORDS_MAX] = { NULL };
    char *environment[] = {
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "LANG=C.UTF-8",
        word(c, arena_format(&c->arena, "HOME=%s", f->home)),
        word(c, arena_format(&c->arena, "TMPDIR=%s", f->home)),
        word(c, arena_format(&c->arena, "MERCURE_IN_DIR=%s", f->in)),
        word(c, arena_format(&c->arena, "MERCURE_OUT_DIR=%s", f->out)),
        word(c, arena_format(&c->arena, "HOLOSCAN_INPUT_PATH=%s", f->in)),
        word(c, arena_format(&c->arena, "HOLOSCAN_OUTPUT_PATH=%s", f->out)),
        word(c, arena_format(&c->arena, "HOLOSCAN_WORKDIR=%s", f->home)),
        NULL,
    };
    for (ptrdiff_t i = 0; i < p->command.count; i++)
        words[i] = word(c, p->command.items[i]);
    struct confined_options options = { .words = words,
                                        .environment = environment,
                                        .folder = f->home,
                                        .writable = { f->out, f->home },
                                        .memory_bytes = p->memory_mb << 20,
                                        .file_bytes = p->output_mb << 20,
                                        .processor_s = p->time_limit_s * 64,
                                        .trusted = c->app->config.programs_unconfined };
    return confined_start(&options, out, &c->error);
}

/* Why it has to end; NULL: it may go on. The job's own reasons are in c->error. */
static const char *look(struct running *r, const struct confined *it, int64_t until_us, int64_t *weigh_us)
{
    int64_t now_us = clock_monotonic_us();
    if (!job_tell(r->run, 0, 0, NULL, S("running")))
        return "";
    if (now_us >= until_us)
        return "it took longer than its time limit";
    if (now_us < *weigh_us)
        return NULL;
    struct confined_use use = confined_use(it, r->program->memory_mb << 20);
    bool much = (work_folder_bytes(&r->folder) - r->given_bytes) >> 20 > r->program->output_mb;
    *weigh_us = clock_monotonic_us() + WEIGH_EVERY_MS * INT64_C(1000);
    if (use.processes > PROCESSES_MAX)
        return "it had more than 256 processes at once";
    if (use.memory_bytes >> 20 > r->program->memory_mb)
        return "its processes together had more memory than it may";
    return much ? "it wrote more than it may" : NULL;
}

/* Its last bytes, at most so many, and no code point in half. */
static struct str tail(struct str text, ptrdiff_t most)
{
    if (text.len <= most)
        return text;
    text = (struct str){ text.at + text.len - most, most };
    for (int i = 0; i < 3 && text.len && (text.at[0] & 0xC0) == 0x80; i++)
        text = (struct str){ text.at + 1, text.len - 1 };
    return text;
}

static struct str shown(struct str piece, uint32_t point)
{
    if (point == '\n')
        return S("|");
    return point < ' ' || (point >= 0x7f && point < 0xa0) || point == 0xFFFD ? S("\xef\xbf\xbd") : piece;
}

/* The last that it printed, for people; what is no UTF-8, or a control character, as U+FFFD. */
static struct str told(struct call *c, const struct confined *it)
{
    struct text text;
    text_init(&text, 4 * SAID_MAX);
    for (struct str rest = tail((struct str){ it->said, it->said_bytes }, SAID_MAX); rest.len;) {
        struct str before = rest;
        uint32_t point = str_next_code_point(&rest);
        text_put(&text, shown((struct str){ before.at, rest.at - before.at }, point));
    }
    struct str out = arena_copy(&c->arena, str_trim(tail(text_str(&text), SAID_MAX)));
    text_release(&text);
    return out;
}

static bool judge(struct call *c, const struct confined *it)
{
    struct str said = told(c, it);
    if (WIFSIGNALED(it->status))
        return fail(c, E_INVALID, "the program was ended by signal %d (%s): %.*s", WTERMSIG(it->status),
                    strsignal(WTERMSIG(it->status)), STR_FMT(said));
    return WEXITSTATUS(it->status) == 0 ||
           fail(c, E_INVALID, "the program ended with status %d: %.*s", WEXITSTATUS(it->status), STR_FMT(said));
}

static bool run_program(struct call *c, struct running *r)
{
    struct confined it;
    const char *why = NULL;
    int64_t started_us = clock_monotonic_us(), weigh_us = started_us;
    r->given_bytes = work_folder_bytes(&r->folder);
    if (!start(c, r, &it))
        return false;
    r->ran->started_ms = (started_us - r->began_us) / 1000;
    while (!confined_wait(&it, LOOK_MS)) {
        why = why ? why : look(r, &it, started_us + r->program->time_limit_s * 1000000, &weigh_us);
        if (why)
            confined_kill(&it);
    }
    r->ran->run_ms = (clock_monotonic_us() - started_us) / 1000;
    if (why && *why)
        return fail(c, E_INVALID, "the program was ended: %s: %.*s", why, STR_FMT(told(c, &it)));
    return !c->error.code && judge(c, &it);
}

/* ---- all of it ---- */

static bool whose_images(struct call *c, struct running *r, struct whose *out)
{
    struct str name;
    int fd;
    int64_t bytes;
    if (!open_image(c, r, r->order->image_file_ids.items[0], &name, &fd, &bytes))
        return false;
    bool ok = whose_read(c, fd, bytes, out);
    out->study_id = r->study_id;
    close(fd);
    return ok;
}

static bool take_back(struct call *c, struct running *r)
{
    struct whose whose;
    struct left *left = arena_new(&c->arena, struct left);
    bool ok = left_read(c, &r->folder, r->program->output_mb << 20, left) &&
              (left->count == 0 || (whose_images(c, r, &whose) &&
                                    program_take(c, r->run, left, &whose, r->job_uuid, &r->ran->image_file_ids)));
    r->ran->images = r->order->image_file_ids.count;
    r->ran->others = left->others;
    r->ran->result.text = left->result;
    left_close(left);
    return ok;
}

static bool work(struct call *c, struct running *r)
{
    if (!work_folder_open(c, r->job_uuid, &r->folder))
        return false;
    if (r->folder.done)
        return take_back(c, r);
    return give(c, r) && program_took_nothing(c, r->study_id, r->job_uuid) && run_program(c, r) &&
           work_folder_mark(c, &r->folder) && take_back(c, r);
}

static bool run(struct call *c, struct job_run *run)
{
    struct running *r = arena_new(&c->arena, struct running);
    *r = (struct running){
        .run = run, .order = job_payload(run), .began_us = clock_monotonic_us(), .ran = job_result(run)
    };
    if (!settle(c, r))
        return false;
    work_folders_sweep(c);
    c->actor->principal = &r->asker;
    bool ok = work(c, r);
    c->actor->principal = NULL;
    /* One that is done and not taken back stays for the next attempt. */
    if (r->folder.path && (ok || !r->folder.done || !job_may_pass(c->error.code)))
        work_folder_remove(&r->folder);
    return ok;
}

const struct job_kind program_run_kind = { "program.run",   &order_schema,
                                           &ran_schema,     run,
                                           .attempts = 3,   .time_limit_s = 100000,
                                           .is_long = true, .doc = "Runs a program of the house on images." };
