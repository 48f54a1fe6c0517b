/* report_subject.c - a report, its patient, its study and its images as JSON. */
#include "reports/report_subject.h"

#include "records/image_file.h"
#include "records/patient.h"
#include "records/study.h"
#include "reports/report_sign.h"
#include "schema/json_read.h"

static void put(json_t *object, const char *name, struct str text)
{
    if (text.len)
        json_object_set_new(object, name, json_stringn(text.at, (size_t)text.len));
}

static void put_integer(json_t *object, const char *name, int64_t n)
{
    if (n != INTEGER_NULL)
        json_object_set_new(object, name, json_integer(n));
}

static void put_date(json_t *object, const char *name, struct date date)
{
    char text[DATE_TEXT_MAX];
    if (!date_is_null(date))
        put(object, name, (struct str){ text, date_write(date, text) });
}

/* A part that is stored as JSON. False: it cannot be read. */
static bool put_tree(struct call *c, json_t *object, const char *name, struct json stored)
{
    struct json_flaw flaw;
    if (!stored.text.len)
        return true;
    json_t *tree = json_read(stored.text, &c->arena, &flaw);
    if (!tree)
        return fail(c, E_INTERNAL, "a version's %s cannot be read", name);
    json_object_set_new(object, name, tree);
    return true;
}

json_t *report_subject_content(struct call *c, const struct report *report, const struct report_version *version)
{
    const struct report_content *content = &version->content;
    json_t *out = json_object();
    put(out, "report_uuid", report->report_uuid);
    put_integer(out, "version", version->version);
    put(out, "kind", choice_text(report_kinds, version->kind));
    put_integer(out, "replaces", version->replaces);
    put(out, "title", content->title);
    put(out, "language", content->language);
    put_integer(out, "template_id", content->template_id);
    put_integer(out, "template_version", content->template_version);
    put_integer(out, "author", version->author_id);
    if (put_tree(c, out, "sections", content->sections) && put_tree(c, out, "fields", content->fields) &&
        put_tree(c, out, "key_images", content->key_images) && put_tree(c, out, "sources", content->sources) &&
        put_tree(c, out, "addenda", content->addenda))
        return out;
    json_decref(out);
    return NULL;
}

json_t *report_subject_patient(struct call *c, int64_t patient_id)
{
    struct patient patient;
    if (!patient_load(c, patient_id, &patient))
        return NULL;
    json_t *out = json_object();
    put(out, "patient_id", patient.patient_id);
    put(out, "issuer_of_patient_id", patient.issuer_of_patient_id);
    put(out, "name", patient.name);
    put(out, "gender", choice_text(genders, patient.gender));
    put_date(out, "birth_date", patient.birth_date);
    return out;
}

json_t *report_subject_study(struct call *c, const struct report *report)
{
    struct study study;
    if (!study_load(c, report->study_id, &study))
        return NULL;
    json_t *out = json_object();
    put(out, "study_uid", study.study_uid);
    put(out, "accession_number", study.accession_number);
    put_date(out, "study_date", study.study_date);
    put(out, "modality", study.modality);
    put(out, "body_part", study.body_part);
    put(out, "description", study.description);
    return out;
}

json_t *report_subject_images(struct call *c, int64_t study_id)
{
    struct cursor rows;
    json_t *out = json_array();
    for (db_rows(c, &rows,
                 "select file_uuid, sop_instance_uid, sha256 from image_files where study_id = ? and is_deleted = 0 "
                 "and sha256 is not null order by file_uuid limit ?",
                 V(study_id), V((int64_t)REPORT_IMAGES_MAX + 1));
         cursor_next(&rows);) {
        json_t *image = json_object();
        put(image, "file_uuid", cursor_text(&rows, 0));
        put(image, "sop_instance_uid", cursor_text(&rows, 1));
        put(image, "sha256", cursor_text(&rows, 2));
        json_array_append_new(out, image);
    }
    if (cursor_close(&rows) && (json_array_size(out) <= REPORT_IMAGES_MAX ||
                                fail(c, E_TOO_LARGE, "the study has more than %d images", REPORT_IMAGES_MAX)))
        return out;
    json_decref(out);
    return NULL;
}
