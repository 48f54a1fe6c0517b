/* report_sources.c - what a report says that its parts come from is there, and of this patient. */
#include "reports/report_parts.h"

#include "diagnosis/diagnosis.h"
#include "imaging/annotation.h"
#include "records/image_file.h"
#include "reports/draft_parts.h"

int64_t report_source_number(struct str reference, struct str prefix)
{
    int64_t n;
    return str_starts(reference, prefix) && str_to_integer(str_slice(reference, prefix.len, reference.len), &n) && n > 0
               ? n
               : 0;
}

/* NULL, or what is wrong with it. A failure of the database is left in c->error. */
static const char *flaw_of_diagnosis(struct call *c, const struct report *report, struct content_source *source)
{
    struct diagnosis d;
    int64_t id = report_source_number(source->reference, S("diagnosis/"));
    if (!id || !diagnosis_load(c, id, &d) || d.study_id != report->study_id)
        return "the study has no such diagnosis (diagnosis/77)";
    if (d.status != DIAGNOSIS_REVIEWED || (d.verdict != REVIEW_CONFIRMED && d.verdict != REVIEW_MODIFIED))
        return "no reader has confirmed this diagnosis: only what a person stands by goes into a report";
    source->detail = arena_format(&c->arena, "%.*s %.*s%s", STR_FMT(d.model_name), STR_FMT(d.model_version),
                                  d.research_only ? ", research use only" : "");
    return NULL;
}

bool report_source_annotations(struct str reference, int64_t *image_file_id, int64_t *version)
{
    struct str image, version_text;
    return str_starts(reference, S("images/")) &&
           str_cut(str_slice(reference, 7, reference.len), '/', &image, &version_text) &&
           str_to_integer(image, image_file_id) &&
           (*version = report_source_number(version_text, S("annotations/"))) > 0;
}

static const char *flaw_of_measurement(struct call *c, const struct report *report, struct content_source *source)
{
    struct image_file file;
    struct annotation_set set;
    int64_t version, id;
    if (!report_source_annotations(source->reference, &id, &version) || !image_file_load(c, id, &file) ||
        file.study_id != report->study_id || !annotation_set_load(c, id, version, &set))
        return "the study has no such annotations (images/812/annotations/4: image and version)";
    return NULL;
}

static const char *flaw_of_prior(struct call *c, const struct report *report, struct content_source *source)
{
    struct report prior;
    int64_t id = report_source_number(source->reference, S("reports/"));
    if (!id || id == report->id || !report_load(c, id, &prior) || prior.patient_id != report->patient_id ||
        prior.signed_version == INTEGER_NULL || prior.status == REPORT_ENTERED_IN_ERROR)
        return "the patient has no such signed report that counts (reports/5)";
    return NULL;
}

static bool sources_hold(struct call *c, const struct report *report, const struct list *sources, const char *member)
{
    static const char *(*const flaws[])(struct call *, const struct report *, struct content_source *) = {
        [FROM_DIAGNOSIS] = flaw_of_diagnosis,
        [FROM_MEASUREMENT] = flaw_of_measurement,
        [FROM_PRIOR] = flaw_of_prior,
    };
    for (ptrdiff_t i = 0; i < sources->count; i++) {
        struct content_source *source = (struct content_source *)sources->items + i;
        enum error_code before = c->error.code;
        const char *flaw = flaws[source->kind](c, report, source);
        if (c->error.code != before && c->error.code != E_NOT_FOUND)
            return false;
        if (c->error.code == E_NOT_FOUND)
            error_clear(&c->error);
        if (flaw)
            (void)error_add_problem(&c->error, &c->arena, "body",
                                    arena_format(&c->arena, "%s.%td.reference", member, i), "not_found", "%s", flaw);
    }
    return true;
}

bool report_sources_hold(struct call *c, const struct report *report, struct content_change *change)
{
    struct audit_draft draft = c->actor->audit; /* what is looked at on the way is not what this is about */
    bool ok = (!change->has_sources || sources_hold(c, report, &change->sources, "sources")) &&
              sources_hold(c, report, &change->added_sources, "add_sources");
    if (!ok)
        return false;
    c->actor->audit = draft;
    return c->error.code == E_NONE;
}

/* ---- what still says so ---- */

/* What a report says, read once for all its sources. */
struct words {
    json_t *sections, *fields;
};

static bool words_open(struct call *c, const struct report_content *content, struct words *words)
{
    *words = (struct words){ content_tree(c, content->sections.text), content_tree(c, content->fields.text) };
    return (json_is_object(words->sections) && json_is_object(words->fields)) ||
           fail(c, E_INTERNAL, "a report's sections and fields cannot be read");
}

static void words_close(struct words *words)
{
    json_decref(words->sections);
    json_decref(words->fields);
}

static bool stands(struct call *c, const struct words *words, const struct content_source *source)
{
    if (source->field.len) {
        const json_t *value = template_value(words->fields, source->field);
        return value && str_equal(draft_text_of(c, value), source->text);
    }
    if (!source->section.len)
        return true; /* of the whole */
    struct str section = json_text(json_object_getn(words->sections, source->section.at, (size_t)source->section.len));
    return section.len && str_find(section, source->text) >= 0;
}

bool report_source_stands(struct call *c, const struct report_content *content, const struct content_source *source)
{
    struct words words;
    bool does = words_open(c, content, &words) && stands(c, &words, source);
    words_close(&words);
    return does;
}

bool report_standing_sources(struct call *c, const struct report_content *content, struct list *out)
{
    struct list all;
    struct words words;
    if (!content_source_list(c, content, &all))
        return false;
    struct content_source *kept = arena_alloc(&c->arena, (all.count + 1) * (ptrdiff_t)sizeof(*kept));
    *out = (struct list){ kept, 0 };
    bool ok = words_open(c, content, &words);
    for (ptrdiff_t i = 0; ok && i < all.count; i++) {
        const struct content_source *source = (const struct content_source *)all.items + i;
        if (stands(c, &words, source))
            kept[out->count++] = *source;
    }
    words_close(&words);
    return ok;
}

/* ---- before it is handed on ---- */

static bool still_there(struct call *c, const char *sql, int64_t id, int64_t study_id, struct str member,
                        const char *words)
{
    int64_t count;
    return db_integer(c, &count, sql, V(id), V(study_id)) &&
           (count || error_add_problem(&c->error, &c->arena, "body", member, "gone", "%s", words));
}

/* How a source stands, looked up before any problem is told. */
struct rest {
    enum draft_standing standing;
    struct str field; /* that its sentence compares another number of */
};

static bool find_rest(struct call *c, const struct report *report, const struct list *sources, struct rest *out)
{
    struct content_form form;
    if (!content_form_of(c, &report->content, &form))
        return false;
    for (ptrdiff_t i = 0; i < sources->count && report->kind != REPORT_ADDENDUM; i++) {
        const struct content_source *source = (const struct content_source *)sources->items + i;
        if (!report_source_stands(c, &report->content, source))
            continue;
        if (!draft_standing_of(c, report, &form, source, &out[i].standing))
            return false;
        out[i].field = draft_outdated(c, &report->content, &form, source);
    }
    return true;
}

static void complain(struct call *c, const struct content_source *source, const struct rest *rest, struct str member)
{
    static const char *const gone[] = {
        [FROM_MEASUREMENT] = "this measurement is no longer on the image, or no reader stands by it",
        [FROM_DIAGNOSIS] = "no reader stands by this diagnosis any more",
        [FROM_PRIOR] = "this report no longer counts, or no longer has the value",
    };
    if (rest->standing == SOURCE_IS_GONE)
        (void)error_add_problem(&c->error, &c->arena, "body", member, "gone", "%s", gone[source->kind]);
    if (rest->standing == SOURCE_IS_OUTDATED)
        (void)error_add_problem(&c->error, &c->arena, "body", member, "outdated",
                                "%.*s says another thing by now: fill the draft again, or write it anew",
                                STR_FMT(source->reference));
    if (rest->field.len)
        (void)error_add_problem(&c->error, &c->arena, "body", member, "outdated",
                                "its sentence compares another number than fields.%.*s has by now: fill the draft "
                                "again, or write it anew",
                                STR_FMT(rest->field));
}

bool report_rests(struct call *c, const struct report *report)
{
    struct list images, sources;
    if (!content_images(c, &report->content, &images) || !content_source_list(c, &report->content, &sources))
        return false;
    struct rest *rests = arena_array(&c->arena, struct rest, CONTENT_SOURCES_MAX);
    if (!find_rest(c, report, &sources, rests))
        return false;
    for (ptrdiff_t i = 0; i < images.count; i++)
        (void)still_there(c, "select count(*) from image_files where id = ? and study_id = ? and is_deleted = 0",
                          ((const struct key_image *)images.items)[i].image_file_id, report->study_id,
                          arena_format(&c->arena, "key_images.%td", i), "the study no longer has this image");
    for (ptrdiff_t i = 0; i < sources.count; i++)
        complain(c, (const struct content_source *)sources.items + i, &rests[i],
                 arena_format(&c->arena, "sources.%td", i));
    return c->error.code == E_NONE;
}
