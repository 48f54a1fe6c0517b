/* series_api.c - lists the series of a study. */
#include "app/exchange.h"
#include "app/listing.h"
#include "app/study.h"
#include "app/visibility.h"

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
