/* report_subject.c - a report, its patient, its study and its images as JSON. */
#include "reports/report_subject.h"

#include "reports/report_parts.h"
#include "reports/report_sign.h"
#include "imaging/annotation.h"
#include "schema/json_read.h"
#include "signing/canonical.h"

static void put(json_t *object, const char *name, struct str text)
{
    if (text.len)
        json_object_set_new(object, name, json_of_text(text));
}

bool report_subject_put(json_t *whole, const char *name, json_t *part)
{
    return part && !json_object_set_new(whole, name, part);
}

static void put_integer(json_t *object, const char *name, int64_t n)
{
    if (n != INTEGER_NULL)
        json_object_set_new(object, name, json_integer(n));
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

/* The first row, its texts by these names; the report was found as the caller may see it. */
static json_t *row_of(struct call *c, const char *sql, int64_t id, const char *const *names)
{
    struct cursor rows;
    json_t *out = json_object();
    db_rows(c, &rows, sql, V(id));
    if (cursor_next(&rows))
        for (int i = 0; names[i]; i++)
            put(out, names[i], cursor_text(&rows, i));
    if (cursor_close(&rows))
        return out;
    json_decref(out);
    return NULL;
}

json_t *report_subject_patient(struct call *c, int64_t study_id)
{
    static const char *const names[] = { "patient_id", "issuer_of_patient_id", "name", "gender", "birth_date", NULL };
    return row_of(c,
                  "select p.patient_id, p.issuer_of_patient_id, p.name, p.gender, p.birth_date from patients p join "
                  "studies s on s.patient_id = p.id where s.id = ?",
                  study_id, names);
}

json_t *report_subject_study(struct call *c, int64_t study_id)
{
    static const char *const names[] = { "study_uid", "accession_number", "study_date", "modality",
                                         "body_part", "description",      NULL };
    return row_of(c,
                  "select study_uid, accession_number, study_date, modality, body_part, description from studies where "
                  "id = ?",
                  study_id, names);
}

json_t *report_subject_images(struct call *c, int64_t study_id)
{
    struct cursor rows;
    json_t *out = json_array();
    for (db_rows(
             c, &rows,
             "select file_uuid, sop_instance_uid, sha256, id from image_files where study_id = ? and is_deleted = 0 "
             "and sha256 is not null and not exists (select 1 from report_instances o where o.sop_instance_uid = "
             "image_files.sop_instance_uid) order by file_uuid limit ?",
             V(study_id), V((int64_t)REPORT_IMAGES_MAX + 1));
         cursor_next(&rows);) {
        json_t *image = json_object();
        put(image, "file_uuid", cursor_text(&rows, 0));
        put(image, "sop_instance_uid", cursor_text(&rows, 1));
        put(image, "sha256", cursor_text(&rows, 2));
        put_integer(image, "image_file_id", cursor_integer(&rows, 3));
        json_array_append_new(out, image);
    }
    if (cursor_close(&rows) && (json_array_size(out) <= REPORT_IMAGES_MAX ||
                                fail(c, E_TOO_LARGE, "the study has more than %d images", REPORT_IMAGES_MAX)))
        return out;
    json_decref(out);
    return NULL;
}

/* Numbers that were read in the canonical form are reals (signing/canonical.h). */
static int64_t integer_of(const json_t *object, const char *name)
{
    double n = json_number_value(json_object_get(object, name));
    return n >= 1 && n < (double)(INT64_C(1) << 53) ? (int64_t)n : 0;
}

static bool has_annotations_of(const json_t *list, int64_t image_file_id)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (integer_of(json_array_get(list, i), "image_file_id") == image_file_id)
            return true;
    return false;
}

enum found report_drawing_confirmed(struct call *c, int64_t image_file_id, const struct annotation *drawn,
                                    int64_t *diagnosis_id)
{
    int64_t id = 0;
    enum found found = db_find_integer(
        c, &id,
        "select case when verdict = 'CONFIRMED' then id else 0 end from diagnoses where image_file_id = ? and frame = "
        "? and model_name = ? and model_version = ? and status = 'REVIEWED' and is_shadow = 0 order by id desc limit 1",
        V(image_file_id), V(drawn->frame), V(drawn->model.name), V(drawn->model.version));
    if (diagnosis_id)
        *diagnosis_id = id;
    return found == FOUND && !id ? NONE : found;
}

/* Ids of what models drew there, and readers stand by now. */
static bool put_confirmed(struct call *c, int64_t image_file_id, int64_t version, json_t *out)
{
    struct annotation_set set;
    if (!annotation_set_load(c, image_file_id, version, &set))
        return false;
    json_t *ids = json_array();
    for (ptrdiff_t i = 0; !c->error.code && i < set.annotations.count; i++) {
        const struct annotation *a = (const struct annotation *)set.annotations.items + i;
        if (a->source == SOURCE_MODEL && report_drawing_confirmed(c, image_file_id, a, NULL) == FOUND)
            json_array_append_new(ids, json_of_text(a->id));
    }
    if (json_array_size(ids))
        json_object_set(out, "confirmed", ids);
    json_decref(ids);
    return !c->error.code;
}

json_t *report_subject_annotations(struct call *c, const struct report_version *version)
{
    struct list images;
    json_t *out = json_array();
    bool ok = content_images(c, &version->content, &images);
    for (ptrdiff_t i = 0; ok && i < images.count; i++) {
        const struct key_image *image = (const struct key_image *)images.items + i;
        int64_t number;
        struct str digest;
        enum found found = has_annotations_of(out, image->image_file_id)
                               ? NONE
                               : annotation_set_digest(c, image->image_file_id, 0, &number, &digest);
        ok = found != FAILED;
        if (found != FOUND)
            continue;
        json_t *one = json_object();
        put_integer(one, "image_file_id", image->image_file_id);
        put_integer(one, "version", number);
        put(one, "sha256", digest);
        ok = put_confirmed(c, image->image_file_id, number, one);
        json_array_append_new(out, one);
    }
    if (ok)
        return out;
    json_decref(out);
    return NULL;
}

static enum found look_at_annotations(struct call *c, const json_t *one, struct report_annotations *out)
{
    int64_t number = integer_of(one, "version"), found_number;
    struct str digest;
    if (number < 1)
        return NONE;
    enum found found = annotation_set_digest(c, integer_of(one, "image_file_id"), number, &found_number, &digest);
    out->version = number;
    out->confirmed = json_object_get(one, "confirmed");
    out->is_changed = found == NONE || !str_equal(digest, json_text(json_object_get(one, "sha256")));
    return found == FAILED ? FAILED : FOUND;
}

enum found report_subject_annotations_of(struct call *c, const json_t *subject, int64_t image_file_id,
                                         struct report_annotations *out)
{
    const json_t *list = json_object_get(subject, "annotations");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (integer_of(one, "image_file_id") == image_file_id)
            return look_at_annotations(c, one, out);
    }
    return NONE;
}

/* Annotations go with their file, when that is purged. */
static enum found is_purged(struct call *c, const json_t *one)
{
    int64_t id, file_id = integer_of(one, "image_file_id");
    enum found found = db_find_integer(c, &id, "select id from image_files where id = ?", V(file_id));
    return found == FAILED ? FAILED : found == NONE ? FOUND : NONE;
}

/* NONE: some that the record has are not what was signed. */
static enum found annotations_hold(struct call *c, const json_t *subject)
{
    const json_t *list = json_object_get(subject, "annotations");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        struct report_annotations now;
        enum found found = look_at_annotations(c, one, &now);
        if (found == FAILED)
            return FAILED;
        if (found == NONE || !now.is_changed)
            continue;
        enum found purged = is_purged(c, one);
        if (purged != FOUND)
            return purged;
    }
    return FOUND;
}

/* Does the version say what was signed of it? */
static bool is_as_signed(struct call *c, const struct report *report, const struct report_version *version,
                         const json_t *content)
{
    struct str was, is;
    const json_t *part = json_object_get(content, "report");
    json_t *now = report_subject_content(c, report, version);
    bool same = now && part && canonical_json(c, part, &was) && canonical_json(c, now, &is) && str_equal(was, is);
    json_decref(now);
    return same;
}

enum found report_subject_compare(struct call *c, const struct report *report, const struct report_version *version,
                                  const json_t *content)
{
    bool same = is_as_signed(c, report, version, content);
    if (c->error.code == E_UNAVAILABLE)
        return FAILED;
    error_clear(&c->error); /* what cannot be read does not say it */
    return same ? annotations_hold(c, content) : NONE;
}

/* ---- reading ---- */

static json_t *as_recorded(struct call *c, const struct report *report)
{
    json_t *out = json_object();
    if (report_subject_put(out, "patient", report_subject_patient(c, report->study_id)) &&
        report_subject_put(out, "study", report_subject_study(c, report->study_id)))
        return out;
    json_decref(out);
    return NULL;
}

json_t *report_subject_load(struct call *c, const struct report *report, const struct report_version *version,
                            struct str *envelope)
{
    struct report same;
    struct instant at;
    int64_t number;
    *envelope = STR_NULL;
    if (!report_version_is_signed(version))
        return as_recorded(c, report);
    if (!report_signature_load(c, report->id, version->version, &same, envelope, &at, &number))
        return NULL;
    json_t *whole = canonical_read(c, *envelope), *content = json_incref(json_object_get(whole, "content"));
    json_decref(whole);
    if (!content)
        fail(c, E_INTERNAL, "what was signed cannot be read");
    return content;
}

struct str report_subject_text(struct call *c, const json_t *subject, const char *part, const char *name)
{
    struct str text = json_text(json_object_get(json_object_get(subject, part), name));
    return text.at ? arena_copy(&c->arena, text) : STR_NULL;
}
