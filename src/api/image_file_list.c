/* image_file_list.c - lists and totals of files, who opened one, and what is done to many at once. */
#include "web/exchange.h"
#include "web/listing.h"
#include "records/image_file_counts.h"
#include "records/patient.h"
#include "records/visibility.h"
#include "base/names.h"

/* ---- lists ---- */

struct image_file_list {
    struct list_query list;
    unsigned file_type, status;
    struct str modality, body_part, search;
    int64_t patient_id, uploaded_by;
    struct instant start_date, end_date;
};
#define FILE_SORTS(X) X("created_at", "f.created_at") X("file_size", "f.file_size")
LIST_ORDER(file_order, FILE_SORTS);

#define FILE_LIST_FIELDS \
    LIST_FIELDS(struct image_file_list, file_order, "-created_at"), \
        FIELD(struct image_file_list, file_type, .choices = file_types, .type = "FileType", \
              .filter = "f.file_type = ?", .doc = "Lists only files of this type."), \
        FIELD(struct image_file_list, status, .choices = file_statuses, .type = "ImageFileStatus", \
              .doc = "Lists only files of this status. DELETED: the deleted files that one may restore."), \
        FIELD(struct image_file_list, modality, .max = 200, .example = "CT,MR", \
              .doc = "Lists only files of these modalities."), \
        FIELD(struct image_file_list, body_part, .max = 64, .filter = "f.body_part = ?", \
              .doc = "Lists only files of this part of the body."), \
        FIELD(struct image_file_list, start_date, .filter = "f.created_at >= ?", \
              .doc = "Lists only files uploaded at or after this date or instant."), \
        FIELD(struct image_file_list, end_date, .flags = DAY_END, .filter = "f.created_at <= ?", \
              .doc = "Lists only files uploaded up to this date (its whole day) or instant."), \
        FIELD(struct image_file_list, search, .max = 100, .doc = "Finds part of the file name or description.")
static const struct field my_images_fields[] = {
    FILE_LIST_FIELDS,
    FIELD(struct image_file_list, patient_id, .min = 1, .max = INT64_MAX, .filter = "f.patient_id = ?",
          .doc = "Lists only files of this patient."),
};
static const struct schema my_images = SCHEMA("MyImages", struct image_file_list, my_images_fields);
static const struct field all_images_fields[] = {
    FILE_LIST_FIELDS,
    FIELD(struct image_file_list, patient_id, .min = 1, .max = INT64_MAX, .filter = "f.patient_id = ?",
          .doc = "Lists only files of this patient."),
    FIELD(struct image_file_list, uploaded_by, .min = 1, .max = INT64_MAX, .filter = "f.uploaded_by = ?",
          .doc = "Lists only files that this account uploaded."),
};
static const struct schema all_images = SCHEMA("ImageFileList", struct image_file_list, all_images_fields);
static const struct field patient_images_fields[] = {
    FILE_LIST_FIELDS,
    KEY(struct image_file_list, patient_id, "The patient whose files are listed."),
};
static const struct schema patient_images = SCHEMA("PatientImages", struct image_file_list, patient_images_fields);
static const struct listing file_listing = { .row = &image_file_schema,
                                             .where = IN_SIGHT("f"),
                                             .id = "f.id",
                                             .order = &file_order,
                                             .search_table = "image_file_search" };

/* How many files of `owner` pass the filters, where these are only those that counters know. */
static bool count_owned(struct call *c, int64_t owner, const struct modalities *asked, struct list_total *total)
{
    const struct image_file_list *in = c->in;
    const struct schema *schema = exchange_of(c)->endpoint->in;
    bool others = in->status == FILE_DELETED || in->body_part.len || in->search.len || in->patient_id > 0 ||
                  in->uploaded_by > 0 || schema_was_given(schema, c->given, "start_date") ||
                  schema_was_given(schema, c->given, "end_date");
    *total = (struct list_total){ .is_known = !others };
    return others ||
           image_file_count(c, owner, &(struct counted_files){ in->file_type, in->status, *asked }, &total->rows);
}

/* What is deleted keeps the status it had, for when it comes back. */
static void derive_deleted(struct call *c, void *record)
{
    (void)c;
    struct image_file *file = record;
    if (file->status)
        file->status = FILE_DELETED;
}
static const struct listing deleted_listing = { .row = &image_file_schema,
                                                .where = "f.is_deleted = 1",
                                                .id = "f.id",
                                                .order = &file_order,
                                                .search_table = "image_file_search",
                                                .derive = derive_deleted };

/* `first` may be NULL. Several modalities of a list that has no scopes yet become scopes: each is found in order by
 * its own index. */
static bool answer_files(struct call *c, const struct condition *first, const struct condition *scopes, int scope_count,
                         const struct modalities *asked, struct list_total total)
{
    const struct image_file_list *in = c->in;
    bool deleted = in->status == FILE_DELETED;
    struct condition conditions[4], each[MODALITIES_ASKED_MAX];
    int count = 0;
    count += visibility_excludes_documents(c, &conditions[count]);
    if (first)
        conditions[count++] = *first;
    if (in->status && !deleted)
        conditions[count++] = (struct condition){ "f.status = ?", V(choice_text(file_statuses, in->status)) };
    if (asked->count == 1 || (asked->count && scope_count)) {
        /* A plus: each scope is found by its own index, and not by several of modalities. */
        conditions[count++] = modality_among(c, asked->count == 1 ? "f.modality" : "+f.modality", asked);
    } else if (asked->count) {
        scope_count = modality_scopes("f.modality = ?", asked, each);
        scopes = each;
    }
    return list_answer(c, deleted ? &deleted_listing : &file_listing,
                       (struct list_among){ conditions, count, scopes, scope_count, total });
}

static bool take_asked(struct call *c, struct modalities *asked)
{
    const struct image_file_list *in = c->in;
    return visibility_asks_for_patients(c, in->patient_id > 0, "asking for a patient's") &&
           modality_take_list(c, in->modality, asked);
}

static bool my_images_get(struct call *c)
{
    struct condition mine = visibility_own_files(c);
    struct modalities asked;
    struct list_total total;
    return take_asked(c, &asked) && count_owned(c, call_user(c), &asked, &total) &&
           answer_files(c, &mine, NULL, 0, &asked, total);
}

static bool answer_visible(struct call *c, const struct condition *first, const struct modalities *asked,
                           struct list_total total)
{
    const struct image_file_list *in = c->in;
    struct condition scopes[VISIBILITY_SCOPES] = { visibility_own_files(c) };
    int scope_count = 1;
    if (in->status != FILE_DELETED)
        scope_count = visibility_file_scopes(c, scopes);
    else if (call_may(c, MAY_UPDATE_IMAGES))
        scope_count = visibility_deleted_file_scopes(c, scopes);
    return answer_files(c, first, scopes, scope_count, asked, total);
}

static bool all_images_get(struct call *c)
{
    struct list_total total = { 0 };
    struct modalities asked;
    if (!take_asked(c, &asked) || (visibility_of_everything(c) && !count_owned(c, EVERYBODY, &asked, &total)))
        return false;
    return answer_visible(c, NULL, &asked, total);
}

static bool patient_images_get(struct call *c)
{
    const struct image_file_list *in = c->in;
    struct patient patient;
    struct modalities asked;
    struct condition of_patient = { "f.patient_id = ?", V(in->patient_id) };
    audit_about(c, 0, in->patient_id);
    return patient_load_shown(c, in->patient_id, &patient) && take_asked(c, &asked) &&
           answer_visible(c, &of_patient, &asked, (struct list_total){ 0 });
}

/* ---- totals ---- */

enum stats_scope { SCOPE_NONE, SCOPE_MINE, SCOPE_ALL };
static const char *const stats_scopes[] = { "mine", "all", NULL };
NAMES_REACH(stats_scopes, SCOPE_ALL);
struct stats_query {
    unsigned scope;
};
static const struct field stats_query_fields[] = {
    FIELD(struct stats_query, scope, .choices = stats_scopes, .type = "StatsScope", .fallback = "mine",
          .doc = "Counts one's own files, or all (needs image.read_all)."),
};
static const struct schema stats_query = SCHEMA("StatsQuery", struct stats_query, stats_query_fields);

static const struct field file_stats_fields[] = {
    FIELD(struct image_file_sums, total_files, .doc = "How many files there are."),
    FIELD(struct image_file_sums, total_size, .doc = "How many bytes they have together."),
    FIELD(struct image_file_sums, by_type, .doc = "How many files there are of each type."),
    FIELD(struct image_file_sums, by_status, .doc = "How many files there are of each status."),
    FIELD(struct image_file_sums, by_modality,
          .doc = "How many files there are of each modality, all X-rays as XR; files without one are not in it."),
    FIELD(struct image_file_sums, by_modality_exact, .doc = "The same, each X-ray as it is called."),
};
static const struct schema file_stats_schema =
    SCHEMA("ImageFileStats", struct image_file_sums, file_stats_fields, .doc = "Totals of files.");

static bool stats_get(struct call *c)
{
    const struct stats_query *in = c->in;
    return image_file_sums(c, in->scope == SCOPE_ALL, c->out);
}

/* ---- who opened it ---- */

struct access {
    int64_t id;
    struct instant at;
    int64_t user_id;
    struct str username, action, client;
    int64_t outcome;
};
static const struct field access_fields[] = {
    FIELD(struct access, id, .doc = "Identifies the entry."),
    FIELD(struct access, at, .sql = "a.created_at", .doc = "The time when it was accessed."),
    FIELD(struct access, user_id, .flags = NULLABLE, .doc = "The account that accessed it."),
    FIELD(struct access, username, .sql = "(select u.username from users u where u.id = a.user_id)", .flags = NULLABLE,
          .doc = "The name that account signs in with."),
    FIELD(struct access, action, .doc = "What was done."),
    FIELD(struct access, client, .flags = NULLABLE, .doc = "The address it came from."),
    FIELD(struct access, outcome, .doc = "The HTTP status of the answer."),
};
static const struct schema access_schema =
    SCHEMA("Access", struct access, access_fields, .table = "audit_logs", .alias = "a", .doc = "One access to a file.");
struct access_list {
    struct list_query list;
    int64_t file_id;
};
#define ACCESS_SORTS(X) X("id", "a.id")
LIST_ORDER(access_order, ACCESS_SORTS);
static const struct field access_list_fields[] = {
    LIST_FIELDS(struct access_list, access_order, "-id"),
    KEY(struct access_list, file_id, "The file that was accessed."),
};
static const struct schema access_list = SCHEMA("AccessList", struct access_list, access_list_fields);
static const struct listing access_listing = { .row = &access_schema,
                                               .where = "a.entity = 'image_file' and a.user_id is not null",
                                               .id = "a.id",
                                               .order = &access_order };

static bool access_log_get(struct call *c)
{
    const struct access_list *in = c->in;
    struct image_file file;
    struct condition of_file = { "a.entity_id = ?", V(in->file_id) };
    return image_file_load(c, in->file_id, &file) &&
           list_answer(c, &access_listing, (struct list_among){ .conditions = &of_file, .condition_count = 1 });
}

#define FILES .tag = "image-files", .entity = "image_file"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/image-files/my-images", my_images_get, &my_images, &image_file_schema, MAY_READ_IMAGES,
      .flags = LIST, FILES, .audit = "image_file.list", .summary = "Lists one's own files" },
    { HTTP_GET, "/api/v1/image-files", all_images_get, &all_images, &image_file_schema, MAY_READ_IMAGES, .flags = LIST,
      FILES, .audit = "image_file.list", .summary = "Lists all files one may see" },
    { HTTP_GET, "/api/v1/image-files/patient/{patient_id}", patient_images_get, &patient_images, &image_file_schema,
      MAY_READ_IMAGES, .flags = LIST, FILES, .audit = "image_file.list",
      .summary = "Lists a patient's files that one may see" },
    { HTTP_GET, "/api/v1/image-files/stats/summary", stats_get, &stats_query, &file_stats_schema, MAY_READ_IMAGES,
      FILES, .summary = "Counts files and bytes by type, status and modality" },
    { HTTP_GET, "/api/v1/image-files/{file_id}/access-log", access_log_get, &access_list, &access_schema,
      MAY_READ_IMAGES, .flags = LIST, FILES, .audit = "image_file.access_log",
      .summary = "Lists who opened or changed the file" },
};
ENDPOINT_TABLE(image_file_list_endpoints, rows);
