/* series.c - the series of a study. */
#include "app/exchange.h"
#include "app/listing.h"
#include "app/study.h"
#include "app/visibility.h"

static const struct field series_fields[] = {
    FIELD(struct series, id, .flags = READ_ONLY | VEILS, .doc = "Identifies the series here."),
    FIELD(struct series, series_uid, .flags = READ_ONLY, .max = 64, .tag = 0x0020000E,
          .doc = "Series Instance UID (0020,000E), unique in its study."),
    FIELD(struct series, study_id, .flags = READ_ONLY, .doc = "The study that it belongs to."),
    FIELD(struct series, series_number, .flags = READ_ONLY | NULLABLE, .tag = 0x00200011,
          .doc = "Series Number (0020,0011)."),
    FIELD(struct series, modality, .flags = READ_ONLY | NULLABLE, .max = 16, .doc = "Modality (0008,0060)."),
    FIELD(struct series, body_part, .flags = READ_ONLY | NULLABLE, .max = 64,
          .doc = "Body Part Examined (0018,0015) of its first file."),
    FIELD(struct series, description, .flags = READ_ONLY | NULLABLE, .max = 2000, .tag = 0x0008103E,
          .doc = "Series Description (0008,103E)."),
    FIELD(struct series, protocol_name, .flags = READ_ONLY | NULLABLE, .max = 64, .tag = 0x00181030,
          .doc = "Protocol Name (0018,1030)."),
    FIELD(struct series, laterality, .flags = READ_ONLY | NULLABLE, .max = 16, .tag = 0x00200060,
          .doc = "Laterality (0020,0060): L or R."),
    FIELD(struct series, manufacturer, .flags = READ_ONLY | NULLABLE, .max = 64, .tag = 0x00080070,
          .doc = "Manufacturer (0008,0070)."),
    FIELD(struct series, institution_name, .flags = READ_ONLY | NULLABLE, .max = 64, .tag = 0x00080080,
          .doc = "Institution Name (0008,0080)."),
    FIELD(struct series, number_of_instances, .flags = GENERATED | READ_ONLY, .doc = "How many instances are in it."),
    FIELD(struct series, size_bytes, .flags = GENERATED | READ_ONLY, .doc = "How many bytes they have together."),
    FIELD(struct series, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When its first file came."),
    FIELD(struct series, updated_at, .flags = READ_ONLY | SET_ON_UPDATE, .doc = "When it was changed last."),
};
const struct schema series_schema =
    SCHEMA("Series", struct series, series_fields, .table = "series", .alias = "x", .doc = "A series of a study.");

struct series_list {
    struct list_query list;
    int64_t id;
    struct str modality;
};
#define SERIES_SORTS(X) X("series_number", "x.sort_number")
LIST_ORDER(series_order, SERIES_SORTS);
static const struct field series_list_fields[] = {
    LIST_FIELDS(struct series_list, series_order, "series_number"),
    KEY(struct series_list, id, "The study."),
    FIELD(struct series_list, modality, .max = 16, .filter = "x.modality = ?", .doc = "Only this modality."),
};
static const struct schema series_list = SCHEMA("SeriesList", struct series_list, series_list_fields);
static const struct listing series_listing = { .row = &series_schema,
                                               .where = "x.deleted_at is null and x.number_of_instances > 0",
                                               .id = "x.id",
                                               .order = &series_order };

static void derive_own(struct call *c, void *record)
{
    struct series *series = record;
    struct visible_share share;
    if (!visibility_share_of_series(c, series->id, &share))
        return;
    series->number_of_instances = share.instances;
    series->size_bytes = share.bytes;
}
static const struct listing own_series_listing = { .row = &series_schema,
                                                   .where = "x.deleted_at is null and x.number_of_instances > 0",
                                                   .id = "x.id",
                                                   .order = &series_order,
                                                   .derive = derive_own };

static bool series_list_get(struct call *c)
{
    const struct series_list *in = c->in;
    struct study study;
    struct condition conditions[] = { { "x.study_id = ?", V(in->id) }, visibility_own_series(c) };
    bool all;
    if (!study_load(c, in->id, &study) || !visibility_of_study_files(c, in->id, &all))
        return false;
    all = all || (study.created_by == call_user(c) && study.instances_of_others == 0);
    return list_answer(c, all ? &series_listing : &own_series_listing,
                       (struct list_among){ .conditions = conditions, .condition_count = all ? 1 : 2 });
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/studies/{id}/series", series_list_get, &series_list, &series_schema, MAY_READ_STUDIES,
      .flags = LIST, .tag = "studies", .entity = "study", .audit = "study.series", .summary = "Lists a study's series",
      .doc = "In the order of their numbers; series without one come last." },
};
ENDPOINT_TABLE(series_endpoints, rows);
