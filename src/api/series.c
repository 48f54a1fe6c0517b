/* series.c - lists the series of a study. */
#include "web/exchange.h"
#include "web/listing.h"
#include "records/modality.h"
#include "records/study_view.h"
#include "records/visibility.h"

struct series_list {
    struct list_query list;
    int64_t id;
    struct str modality;
};
#define SERIES_SORTS(X) X("series_number", "x.sort_number")
LIST_ORDER(series_order, SERIES_SORTS);
static const struct field series_list_fields[] = {
    LIST_FIELDS(struct series_list, series_order, "series_number"),
    KEY(struct series_list, id, "The study whose series are listed."),
    FIELD(struct series_list, modality, .max = 200, .doc = "Lists only series of these modalities."),
};
static const struct schema series_list = SCHEMA("SeriesList", struct series_list, series_list_fields);
static const struct listing series_listing = { .row = &series_schema,
                                               .where = "x.deleted_at is null and x.number_of_instances > 0",
                                               .id = "x.id",
                                               .order = &series_order };

/* Of who does not see all files: words, orders and filters by what their own say. */
static void derive_own(struct call *c, void *record)
{
    series_take_view(c, record);
}
static const struct listing own_series_listing = {
    .row = &series_schema, .where = "x.deleted_at is null", .id = "x.id", .order = &series_order, .derive = derive_own
};

static bool series_list_get(struct call *c)
{
    const struct series_list *in = c->in;
    struct study study;
    struct condition conditions[3] = { { "x.study_id = ?", V(in->id) } };
    struct within_scopes within = { .count = 0 };
    struct modalities asked;
    int count = 1;
    bool all;
    if (!study_load(c, in->id, &study) || !study_shows_all_files(c, &study, &all) ||
        !modality_take_list(c, in->modality, &asked))
        return false;
    if (asked.count)
        conditions[count++] = modality_among(c, "x.modality", &asked);
    if (!all)
        conditions[count++] = visibility_shown_series(c);
    else if (!visibility_of_reports(c))
        conditions[count++] = visibility_series_of_films();
    if (!all && !visibility_series_scopes(c, in->id, &within))
        return false;
    return list_answer(c, all ? &series_listing : &own_series_listing,
                       (struct list_among){ conditions, count, within.scopes, within.count, { 0 } });
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/studies/{id}/series", series_list_get, &series_list, &series_schema, MAY_READ_STUDIES,
      .flags = LIST, .tag = "studies", .entity = "study", .audit = "study.series", .summary = "Lists a study's series",
      .doc = "In the order of their numbers; series without one come last." },
};
ENDPOINT_TABLE(series_endpoints, rows);
