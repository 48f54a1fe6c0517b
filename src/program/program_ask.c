/* program_ask.c - a program is asked for: of which images. */
#include "program/program.h"

#include "base/crypto.h"
#include "records/image_file.h"
#include "records/modality.h"
#include "records/study.h"
#include "records/visibility.h"

/* What is known of the images so far. */
struct choosing {
    const struct program *program;
    struct program_order order;
    int64_t bytes;
};

/* ---- which images ---- */

static bool is_listed(const struct texts *texts, struct str text)
{
    bool listed = texts->count == 0;
    for (ptrdiff_t i = 0; !listed && i < texts->count; i++)
        listed = str_equal_fold(texts->items[i], text);
    return listed;
}

static bool takes_modality(const struct program *program, struct str modality)
{
    bool takes = program->modalities.count == 0;
    for (ptrdiff_t i = 0; !takes && i < program->modalities.count; i++)
        takes = modality_suits(modality, program->modalities.items[i]);
    return takes;
}

bool program_takes(const struct program *program, struct str modality, struct str body_part)
{
    return takes_modality(program, modality) && is_listed(&program->body_parts, body_part);
}

static bool refuse(struct call *c, const char *member, const char *type, const char *words)
{
    return error_add_problem(&c->error, &c->arena, "body", str_from(member), type, "%s", words);
}

static bool add(struct call *c, struct choosing *it, const struct image_file *file)
{
    struct integers *ids = &it->order.image_file_ids;
    if (file->study_id <= 0 || file->file_type != FILE_DICOM)
        return refuse(c, "image_file_ids", "not_dicom", "programs take DICOM files that belong to a study");
    if (it->order.study_id > 0 && file->study_id != it->order.study_id)
        return refuse(c, "image_file_ids", "several_studies", "images of one study at once");
    if (!takes_modality(it->program, file->modality))
        return refuse(c, "image_file_ids", "modality", "this program does not take images of this modality");
    if (!is_listed(&it->program->body_parts, file->body_part))
        return refuse(c, "image_file_ids", "body_part", "this program does not take images of this part of the body");
    it->order.study_id = file->study_id;
    it->order.patient_id = file->patient_id;
    it->bytes += file->file_size;
    if (ids->count == PROGRAM_IMAGES_MAX || it->bytes >> 20 >= it->program->input_mb)
        return refuse(c, "image_file_ids", "too_many", "this is more than the program takes at once");
    ids->items[ids->count++] = file->id;
    return true;
}

static bool add_given(struct call *c, const struct program_wish *wish, struct choosing *it)
{
    for (ptrdiff_t i = 0; i < wish->image_file_ids.count; i++) {
        struct image_file file;
        if (!image_file_load(c, wish->image_file_ids.items[i], &file) || !add(c, it, &file))
            return false;
    }
    return true;
}

#define OF_STUDY \
    "select f.id, f.file_size, f.modality, f.body_part from image_files f where f.study_id = ? and " IN_SIGHT( \
        "f") " and f.file_type = 'DICOM' and " VISIBLE_OWN_INSTANCE " and " VISIBLE_FILE
#define IN_ORDER " order by f.series_id, f.instance_number, f.id"

static bool add_of_study(struct call *c, const struct program_wish *wish, struct choosing *it)
{
    struct study study;
    struct cursor rows;
    struct value id = V(wish->study_id);
    bool ok = true;
    if (!study_load(c, wish->study_id, &study))
        return false;
    if (wish->series_uid.len)
        db_rows(c, &rows,
                OF_STUDY " and f.series_id in (select x.id from series x where x.study_id = ? and x.series_uid = "
                         "?)" IN_ORDER,
                id, VISIBLE_FILE_TO(c), id, V(wish->series_uid));
    else
        db_rows(c, &rows, OF_STUDY IN_ORDER, id, VISIBLE_FILE_TO(c));
    while (ok && cursor_next(&rows)) {
        struct image_file file = { .id = cursor_integer(&rows, 0),
                                   .file_size = cursor_integer(&rows, 1),
                                   .modality = cursor_text(&rows, 2),
                                   .body_part = cursor_text(&rows, 3),
                                   .patient_id = study.patient_id,
                                   .study_id = wish->study_id,
                                   .file_type = FILE_DICOM };
        ok = add(c, it, &file);
    }
    if (!cursor_close(&rows) || !ok)
        return false;
    return it->order.image_file_ids.count > 0 || fail(c, E_NOT_FOUND, "there are no such images");
}

/* ---- asking ---- */

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The same for the same images, in whatever order they are named. */
static struct str digest_of(struct call *c, const struct integers *ids)
{
    char md5[MD5_TEXT + 1], sha256[SHA256_TEXT + 1];
    int64_t *sorted = arena_array(&c->arena, int64_t, ids->count);
    struct digests *digests = digests_new_sha256();
    if (ids->count)
        memcpy(sorted, ids->items, (size_t)ids->count * sizeof(*sorted));
    qsort(sorted, (size_t)ids->count, sizeof(*sorted), by_number);
    for (ptrdiff_t i = 0; i < ids->count; i++) {
        struct str number = arena_format(&c->arena, "%" PRId64 "\n", sorted[i]);
        digests_update(digests, number.at, number.len);
    }
    digests_finish(digests, md5, sha256);
    digests_free(digests);
    return arena_copy(&c->arena, str_from(sha256));
}

static bool choose(struct call *c, const struct program_wish *wish, struct choosing *it)
{
    bool of_files = wish->image_file_ids.count > 0;
    *it = (struct choosing){ .program = program_named(c->app, wish->name) };
    if (!it->program)
        return fail(c, E_NOT_FOUND, "there is no program %.*s", STR_FMT(wish->name));
    if (of_files == (wish->study_id > 0) || (of_files && wish->series_uid.len))
        return refuse(c, "study_id", "not_one", "a study, with or without one of its series, or files: one of these");
    it->order.program = it->program->name;
    it->order.image_file_ids.items = arena_array(&c->arena, int64_t, PROGRAM_IMAGES_MAX);
    return of_files ? add_given(c, wish, it) : add_of_study(c, wish, it);
}

static bool put(struct call *c, const struct choosing *it, unsigned priority, int64_t rule_id, int64_t *job_id)
{
    return jobs_put(c, &(struct job_order){ .kind = &program_run_kind, .payload = &it->order, .priority = priority },
                    job_id) &&
           db_execute(c,
                      "insert into program_asks(study_id, program, images_sha256, rule_id, job_id, created_at) "
                      "values (?, ?, ?, ?, ?, ?)",
                      V(it->order.study_id), V(it->order.program), V(digest_of(c, &it->order.image_file_ids)),
                      V(rule_id), V(*job_id), V(clock_now()));
}

/* Locked: two who ask at once would both be first, and it may not go meanwhile. */
#define LOCK_STUDY "select id from studies where id = ?"

bool program_ask(struct call *c, const struct program_wish *wish, int64_t *job_id)
{
    struct choosing it;
    return choose(c, wish, &it) && db_lock(c, LOCK_STUDY, V(it.order.study_id)) &&
           put(c, &it, wish->priority, INTEGER_NULL, job_id);
}

bool program_ask_by_rule(struct call *c, const struct program_wish *wish, int64_t rule_id, bool *is_new)
{
    struct choosing it;
    int64_t asked, job;
    if (!choose(c, wish, &it) || !db_lock(c, LOCK_STUDY, V(it.order.study_id)) ||
        !db_integer(c, &asked,
                    "select count(*) from program_asks where study_id = ? and program = ? and images_sha256 = ?",
                    V(it.order.study_id), V(it.order.program), V(digest_of(c, &it.order.image_file_ids))))
        return false;
    *is_new = asked == 0;
    return !*is_new || put(c, &it, wish->priority, rule_id, &job);
}
