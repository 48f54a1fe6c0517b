/* annotation.c - what is drawn on an image file: shown, replaced, and how it came to be. */
#include "imaging/annotation.h"
#include "web/exchange.h"
#include "web/listing.h"

struct set_key {
    int64_t file_id, version;
};
static const struct field set_key_fields[] = {
    KEY(struct set_key, file_id, "The file they are drawn on."),
    FIELD(struct set_key, version, .min = 1, .max = INT64_MAX, .doc = "Shows this version instead of the current one."),
};
static const struct schema set_key = SCHEMA("AnnotationSetKey", struct set_key, set_key_fields);

static bool annotations_get(struct call *c)
{
    const struct set_key *in = c->in;
    struct image_file file;
    if (!image_file_load(c, in->file_id, &file))
        return false;
    audit_about(c, file.id, file.patient_id);
    return annotation_set_load(c, file.id, in->version == INTEGER_NULL ? 0 : in->version, c->out);
}

/* ---- history ---- */

struct version_row {
    int64_t version, created_by;
    struct str created_by_name;
    struct instant created_at;
    struct str comment;
    int64_t annotation_count, added_count, changed_count, removed_count, id;
};
static const struct field version_fields[] = {
    FIELD(struct version_row, id, .flags = READ_ONLY | WRITE_ONLY, .doc = "Identifies the row."),
    FIELD(struct version_row, version, .doc = "The version's number; the first is 1."),
    FIELD(struct version_row, created_by, .doc = "The account that made it."),
    FIELD(struct version_row, created_by_name, .sql = "(select u.full_name from users u where u.id = v.created_by)",
          .example = "张医生", .doc = "That account's full name."),
    FIELD(struct version_row, created_at, .doc = "The time when it was made."),
    FIELD(struct version_row, comment, .flags = NULLABLE, .doc = "What was said about it."),
    FIELD(struct version_row, annotation_count, .doc = "How many annotations are in it."),
    FIELD(struct version_row, added_count, .doc = "How many of them are new."),
    FIELD(struct version_row, changed_count, .doc = "How many of them were changed."),
    FIELD(struct version_row, removed_count, .doc = "How many of the version before are gone."),
};
static const struct schema version_schema =
    SCHEMA("AnnotationVersion", struct version_row, version_fields, .table = "image_annotation_versions", .alias = "v",
           .doc = "One version of a file's annotations; GET /images/{file_id}/annotations?version= shows it whole.");

struct version_list {
    struct list_query list;
    int64_t file_id;
};
#define VERSION_SORTS(X) X("version", "v.version")
LIST_ORDER(version_order, VERSION_SORTS);
static const struct field version_list_fields[] = {
    LIST_FIELDS(struct version_list, version_order, "-version"),
    KEY(struct version_list, file_id, "The file they are drawn on."),
};
static const struct schema version_list = SCHEMA("AnnotationHistory", struct version_list, version_list_fields);
static const struct listing version_listing = { .row = &version_schema, .id = "v.id", .order = &version_order };

static bool history_get(struct call *c)
{
    const struct version_list *in = c->in;
    struct image_file file;
    struct condition of_file = { "v.image_file_id = ?", V(in->file_id) };
    if (!image_file_load(c, in->file_id, &file))
        return false;
    audit_about(c, file.id, file.patient_id);
    return list_answer(c, &version_listing, (struct list_among){ .conditions = &of_file, .condition_count = 1 });
}

/* ---- replacing ---- */

struct set_put {
    int64_t file_id;
    struct list annotations;
    struct str comment;
};
static const struct field set_put_fields[] = {
    KEY(struct set_put, file_id, "The file they are drawn on."),
    FIELD(struct set_put, annotations, .of = &annotation_schema, .flags = REQUIRED, .min = 0, .max = ANNOTATIONS_MAX,
          .doc = "All annotations the file is to have; those left out are removed."),
    FIELD(struct set_put, comment, .flags = NULLABLE, .max = 1000, .doc = "Why they were changed."),
};
static const struct schema set_put = SCHEMA("AnnotationSetPut", struct set_put, set_put_fields);

/* dispatch has compared If-Match with what was there then; what counts is what this set was made from. */
static bool check_version(struct call *c, const struct annotation_set *now)
{
    struct str wanted = http_header(c->request, "If-Match");
    if (!wanted.at && now->version)
        return fail(c, E_PRECONDITION_FAILED,
                    "the file has annotations (version %" PRId64 "): read them and send their ETag as If-Match",
                    now->version);
    return record_matches(c, &annotation_set_schema, now);
}

static bool replace(struct call *c, struct image *image)
{
    const struct set_put *in = c->in;
    struct annotation_set before;
    return annotation_set_load(c, in->file_id, 0, &before) && check_version(c, &before) &&
           annotation_set_replace(c, image, &before, in->annotations, in->comment, c->out);
}

static bool annotations_put(struct call *c)
{
    const struct set_put *in = c->in;
    return image_look(c, in->file_id, IMAGE_READ, replace);
}

#define IMAGES .tag = "images", .entity = "image_file", .lane = LANE_PICTURES
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/images/{file_id}/annotations", annotations_get, &set_key, &annotation_set_schema,
      MAY_READ_IMAGES, IMAGES, .audit = "annotations.read",
      .summary = "Shows what is drawn and measured on an image file" },
    { HTTP_PUT, "/api/v1/images/{file_id}/annotations", annotations_put, &set_put, &annotation_set_schema,
      MAY_ANNOTATE_IMAGES, WORKS, BODY_JSON, IMAGES, .audit = "annotations.update",
      .summary = "Replaces what is drawn and measured on an image file",
      .doc = "Where there are annotations already, If-Match must hold the ETag of the version this one was made from; "
             "otherwise 412. Values are computed here. Annotations that are the same as before keep their author and "
             "times." },
    { HTTP_GET, "/api/v1/images/{file_id}/annotations/history", history_get, &version_list, &version_schema,
      MAY_READ_IMAGES, .flags = LIST, IMAGES, .audit = "annotations.history",
      .summary = "Lists the versions of a file's annotations" },
};
ENDPOINT_TABLE(annotation_endpoints, rows);
