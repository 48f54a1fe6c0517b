/* instance.c - the instances of a series: image files that are counted in it. */
#include "web/exchange.h"
#include "web/listing.h"
#include "records/image_file.h"
#include "records/study.h"
#include "records/visibility.h"

struct instance_list {
    struct list_query list;
    int64_t id;
};
#define INSTANCE_SORTS(X) X("instance_number", "f.sort_number")
LIST_ORDER(instance_order, INSTANCE_SORTS);
static const struct field instance_list_fields[] = {
    LIST_FIELDS(struct instance_list, instance_order, "instance_number"),
    KEY(struct instance_list, id, "The series whose instances are listed."),
};
static const struct schema instance_list = SCHEMA("InstanceList", struct instance_list, instance_list_fields);
static const struct listing instance_listing = {
    .row = &image_file_schema, .where = IN_SIGHT("f"), .id = "f.id", .order = &instance_order
};

static bool instance_list_get(struct call *c)
{
    const struct instance_list *in = c->in;
    struct study study;
    struct condition of_series = { "f.series_id = ?", V(in->id) };
    struct within_scopes within = { { { "f.is_instance = 1" } }, 1 };
    struct list_total total = { 0 };
    bool sees = true;
    if (!series_load_study(c, in->id, &study) || !visibility_of_study_files(c, study.id, &total.is_known) ||
        !visibility_of_series(c, in->id, total.is_known, &sees) ||
        (total.is_known && !series_count_instances(c, in->id, &total.rows)))
        return false;
    if (!sees)
        return series_is_absent(c, in->id);
    audit_about(c, in->id, study.patient_id);
    return (total.is_known || visibility_instance_scopes(c, study.id, &within)) &&
           list_answer(c, &instance_listing, (struct list_among){ &of_series, 1, within.scopes, within.count, total });
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/series/{id}/instances", instance_list_get, &instance_list, &image_file_schema, MAY_READ_IMAGES,
      .flags = LIST, .tag = "studies", .entity = "series", .audit = "series.instances",
      .summary = "Lists a series' instances that one may see",
      .doc = "In the order of their numbers; instances without one come last." },
};
ENDPOINT_TABLE(instance_endpoints, rows);
