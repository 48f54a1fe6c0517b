/* program_ask.c - a program is asked for: of which images. */
#include "program/program.h"

#include "records/image_file.h"
#include "records/study.h"
#include "records/visibility.h"

/* What is known of the images so far. */
struct choosing {
    const struct program *program;
    struct program_order order;
    int64_t study_id, bytes;
};

static bool is_listed(const struct texts *texts, struct str text)
{
    bool listed = texts->count == 0;
    for (ptrdiff_t i = 0; !listed && i < texts->count; i++)
        listed = str_equal_fold(texts->items[i], text);
    return listed;
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
    if (it->study_id > 0 && file->study_id != it->study_id)
        return refuse(c, "image_file_ids", "several_studies", "images of one study at once");
    if (!is_listed(&it->program->modalities, file->modality))
        return refuse(c, "image_file_ids", "modality", "this program does not take images of this modality");
    if (!is_listed(&it->program->body_parts, file->body_part))
        return refuse(c, "image_file_ids", "body_part", "this program does not take images of this part of the body");
    it->study_id = file->study_id;
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
                id, VISIBLE_TO(c), id, V(wish->series_uid));
    else
        db_rows(c, &rows, OF_STUDY IN_ORDER, id, VISIBLE_TO(c));
    while (ok && cursor_next(&rows)) {
        struct image_file file = { .id = cursor_integer(&rows, 0),
                                   .file_size = cursor_integer(&rows, 1),
                                   .modality = cursor_text(&rows, 2),
                                   .body_part = cursor_text(&rows, 3),
                                   .study_id = wish->study_id,
                                   .file_type = FILE_DICOM };
        ok = add(c, it, &file);
    }
    if (!cursor_close(&rows) || !ok)
        return false;
    return it->order.image_file_ids.count > 0 || fail(c, E_NOT_FOUND, "there are no such images");
}

bool program_ask(struct call *c, const struct program_wish *wish, int64_t *job_id)
{
    struct choosing it = { .program = program_named(c->app, wish->name) };
    bool of_files = wish->image_file_ids.count > 0;
    if (!it.program)
        return fail(c, E_NOT_FOUND, "there is no program %.*s", STR_FMT(wish->name));
    if (of_files == (wish->study_id > 0) || (of_files && wish->series_uid.len))
        return refuse(c, "study_id", "not_one", "a study, with or without one of its series, or files: one of these");
    it.order = (struct program_order){ it.program->name, { arena_array(&c->arena, int64_t, PROGRAM_IMAGES_MAX), 0 } };
    return (of_files ? add_given(c, wish, &it) : add_of_study(c, wish, &it)) &&
           jobs_put(c,
                    &(struct job_order){ .kind = &program_run_kind, .payload = &it.order, .priority = wish->priority },
                    job_id);
}
