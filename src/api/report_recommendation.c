/* report_recommendation.c - the follow-up register: what reports recommend, and what became of it. */
#include "records/modality.h"
#include "records/visibility.h"
#include "reports/recommendation.h"
#include "web/exchange.h"
#include "web/listing.h"

#include "base/zone.h"

struct recommendation_key {
    int64_t id;
};
static const struct field key_fields[] = { KEY(struct recommendation_key, id, "The recommendation.") };
static const struct schema key_schema = SCHEMA("RecommendationKey", struct recommendation_key, key_fields);

static bool one_get(struct call *c)
{
    return recommendation_load(c, ((const struct recommendation_key *)c->in)->id, c->out);
}

/* ---- written ---- */

#define MAY_SAY(member, limit, ...) FIELD(struct recommendation, member, .flags = NULLABLE, .max = (limit), __VA_ARGS__)
static const struct field write_fields[] = {
    FIELD_AS(struct recommendation, "id", report_id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX,
             .doc = "The report."),
    MAY_SAY(modality, 16, .example = "CT", .doc = "What is to make the pictures, by DICOM's terms; with body_part."),
    MAY_SAY(body_part, 16, .example = "CHEST", .doc = "Of which part of the body, by DICOM's terms; with modality."),
    MAY_SAY(procedure_code, 64, .doc = "Code of a procedure, in place of these or beside them."),
    MAY_SAY(procedure_scheme, 16, .example = "RPID", .doc = "That code's coding scheme (SCT, LN, RPID, 99...)."),
    MAY_SAY(procedure_text, 200, .example = "low-dose CT of the chest", .doc = "The procedure in words."),
    FIELD(struct recommendation, reason, .flags = REQUIRED, .min = 1, .max = 500,
          .example = "solid nodule of 7 mm, right upper lobe", .doc = "Why."),
    MAY_SAY(reason_code, 64, .example = "427359005", .doc = "Code of the reason."),
    MAY_SAY(reason_scheme, 16, .example = "SCT", .doc = "That code's coding scheme."),
    FIELD(struct recommendation, not_before, .flags = NULLABLE, .doc = "What is made before this day does not count."),
    FIELD(struct recommendation, due_on, .flags = REQUIRED, .doc = "The last day on which it is in time."),
};
static const struct schema write_schema = SCHEMA("RecommendationWrite", struct recommendation, write_fields,
                                                 .doc = "What a report recommends: what, by when, why.");

static bool of_report_post(struct call *c)
{
    int64_t id;
    if (!recommendation_write(c, c->in, &id))
        return false;
    answer_location(c, "/api/v1/recommendations/%" PRId64, id);
    return recommendation_load(c, id, c->out);
}

/* ---- closed and opened again ---- */

#define DEED(ACTION, SCHEMA_NAME, ...) \
    static const struct field ACTION##_fields[] = { KEY(struct recommendation_deed, id, "The recommendation."), \
                                                    __VA_ARGS__ }; \
    static const struct schema ACTION##_schema = SCHEMA(SCHEMA_NAME, struct recommendation_deed, ACTION##_fields)

DEED(complete, "RecommendationDone",
     FIELD(struct recommendation_deed, study_id, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
           .doc = "The study of the same patient that did it."),
     FIELD(struct recommendation_deed, note, .flags = NULLABLE, .max = 500, .example = "CT in another hospital, 5 May",
           .doc = "How it was done; needed where no study of ours did it."));
DEED(dismiss, "RecommendationDismiss",
     FIELD(struct recommendation_deed, note, .flags = REQUIRED, .min = 1, .max = 500, .example = "the patient declines",
           .doc = "Why it will not be done."));
DEED(reopen, "RecommendationReopen",
     FIELD(struct recommendation_deed, note, .flags = REQUIRED, .min = 1, .max = 500,
           .example = "that CT was of the other side", .doc = "Why it is still to be done."),
     FIELD(struct recommendation_deed, due_on, .flags = NULLABLE, .doc = "By when now; null: as it was."));

static bool act(struct call *c, enum recommendation_action action)
{
    struct recommendation_deed deed = *(const struct recommendation_deed *)c->in;
    deed.action = action;
    if (action != RECOMMENDATION_COMPLETE)
        deed.study_id = INTEGER_NULL;
    if (action != RECOMMENDATION_REOPEN)
        deed.due_on = DATE_NULL;
    return recommendation_act(c, &deed, c->out);
}

static bool complete_post(struct call *c)
{
    return act(c, RECOMMENDATION_COMPLETE);
}

static bool dismiss_post(struct call *c)
{
    return act(c, RECOMMENDATION_DISMISS);
}

static bool reopen_post(struct call *c)
{
    return act(c, RECOMMENDATION_REOPEN);
}

/* ---- lists ---- */

struct recommendation_list {
    struct list_query list;
    int64_t id, patient_id; /* `id`: of the report */
    unsigned status;
    struct str modality;
    bool overdue;
};
#define RECOMMENDATION_SORTS(X) X("due_on", "k.due_on")
LIST_ORDER(recommendation_order, RECOMMENDATION_SORTS);
#define FILTERS(...) \
    LIST_FIELDS(struct recommendation_list, recommendation_order, "due_on"), \
        FIELD(struct recommendation_list, status, .choices = recommendation_statuses, .type = "RecommendationStatus", \
              .doc = "Only those that stand so.", __VA_ARGS__), \
        FIELD(struct recommendation_list, modality, .max = 200, .doc = "Only what these modalities are to make."), \
        FIELD(struct recommendation_list, overdue, .fallback = "false", \
              .doc = "Only those that are OPEN and were to be done by now.")
static const struct field all_fields[] = {
    FILTERS(.fallback = "OPEN"),
    FIELD(struct recommendation_list, patient_id, .min = 1, .max = INT64_MAX, .doc = "Only this patient's."),
};
static const struct schema all_schema = SCHEMA("RecommendationList", struct recommendation_list, all_fields);
static const struct field of_report_fields[] = { FILTERS(.flags = 0),
                                                 KEY(struct recommendation_list, id, "The report.") };
static const struct schema of_report_schema =
    SCHEMA("ReportRecommendationList", struct recommendation_list, of_report_fields);
static const struct listing recommendation_listing = { .row = &recommendation_schema,
                                                       .id = "k.id",
                                                       .order = &recommendation_order };

/* A patient has few, whatever the register holds. */
static const struct listing patient_listing = {
    .row = &recommendation_schema,
    .from = "studies t cross join reports r on r.study_id = t.id cross join recommendations k on k.report_id = r.id "
            "left join studies s on s.id = r.study_id",
    .id = "k.id",
    .order = &recommendation_order
};

enum { ASKED_MAX = 6 };

/* `by_report`: rows are found by their reports, and what is asked for leads to no other index: a plus keeps those from
 * being used. */
static void put_asked(struct call *c, const struct recommendation_list *in, const struct modalities *modalities,
                      bool by_report, struct condition *out, int *count)
{
    if (in->status)
        out[(*count)++] = (struct condition){ by_report ? "+k.status = ?" : "k.status = ?",
                                              V(choice_text(recommendation_statuses, in->status)) };
    if (in->overdue)
        out[(*count)++] = (struct condition){ by_report ? "+k.status = 'OPEN' and k.due_on < ?"
                                                        : "k.status = 'OPEN' and k.due_on < ?",
                                              recommendation_day(c, zone_today()) };
    if (modalities->count)
        out[(*count)++] = modality_among(c, by_report ? "+k.modality" : "k.modality", modalities);
}

static bool all_get(struct call *c)
{
    const struct recommendation_list *in = c->in;
    struct recommendation_sight sight;
    struct condition asked[ASKED_MAX], each[MODALITIES_ASKED_MAX];
    struct modalities modalities;
    int count = 0;
    bool of_patient = in->patient_id > 0;
    if (!visibility_asks_for_patients(c, of_patient, "asking for one patient's recommendations") ||
        !modality_take_list(c, in->modality, &modalities))
        return false;
    recommendation_in_sight(c, of_patient, &sight);
    bool by_report = of_patient || sight.scope_count;
    bool apart = modalities.count > 1 && !by_report; /* each by its own index */
    int scope_count = apart ? modality_scopes("k.modality = ?", &modalities, each) : sight.scope_count;
    put_asked(c, in, apart ? &(struct modalities){ .count = 0 } : &modalities, by_report, asked, &count);
    for (int i = 0; i < sight.condition_count; i++)
        asked[count++] = sight.conditions[i];
    if (of_patient) {
        audit_about(c, 0, in->patient_id);
        asked[count++] = (struct condition){ "t.patient_id = ?", V(in->patient_id) };
    }
    return list_answer(c, of_patient ? &patient_listing : &recommendation_listing,
                       (struct list_among){ .conditions = asked,
                                            .condition_count = count,
                                            .scopes = apart ? each : sight.scopes,
                                            .scope_count = scope_count });
}

static bool of_report_get(struct call *c)
{
    const struct recommendation_list *in = c->in;
    struct report report;
    struct condition asked[ASKED_MAX] = { { "k.report_id = ?", V(in->id) } };
    struct modalities modalities;
    int count = 1;
    if (!report_caller_writes(c))
        asked[count++] = (struct condition){ "k.opened_at is not null" };
    if (!report_load(c, in->id, &report) || !modality_take_list(c, in->modality, &modalities))
        return false;
    put_asked(c, in, &modalities, true, asked, &count);
    return list_answer(c, &recommendation_listing,
                       (struct list_among){ .conditions = asked, .condition_count = count });
}

struct event_list {
    struct list_query list;
    int64_t id;
};
#define EVENT_SORTS(X) X("id", "e.id")
LIST_ORDER(recommendation_event_order, EVENT_SORTS);
static const struct field event_list_fields[] = {
    LIST_FIELDS(struct event_list, recommendation_event_order, "id"),
    KEY(struct event_list, id, "The recommendation."),
};
static const struct schema event_list = SCHEMA("RecommendationEventList", struct event_list, event_list_fields);
static const struct listing event_listing = { .row = &recommendation_event_schema,
                                              .id = "e.id",
                                              .order = &recommendation_event_order };

static bool events_get(struct call *c)
{
    const struct event_list *in = c->in;
    struct recommendation k;
    struct condition of = { "e.recommendation_id = ?", V(in->id) };
    return recommendation_load(c, in->id, &k) &&
           list_answer(c, &event_listing, (struct list_among){ .conditions = &of, .condition_count = 1 });
}

#define PATH "/api/v1/recommendations"
#define ROW .permission = MAY_READ_REPORTS, .entity = "recommendation", .tag = "reports"
#define CHANGES ROW, .runs = WRITES, .body = BODY_JSON
static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/reports/{id}/recommendations", of_report_post, &write_schema, &recommendation_schema, CHANGES,
      .status = 201, .audit = "recommendation.write", .summary = "Writes down what a report recommends",
      .doc =
          "What (modality and body_part, or a procedure), by when, why. It is no part of what is signed: on a report "
          "that is not signed it is PENDING and runs from the signature on, on a signed one it is OPEN at once. A "
          "later study of the same patient that matches closes it." },
    { HTTP_GET, "/api/v1/reports/{id}/recommendations", of_report_get, &of_report_schema, &recommendation_schema, ROW,
      .flags = LIST, .audit = "recommendation.list", .summary = "Lists what a report recommends" },
    { HTTP_GET, PATH, all_get, &all_schema, &recommendation_schema, ROW, .flags = LIST, .audit = "recommendation.list",
      .summary = "Lists recommendations of the reports one may see: the follow-up register",
      .doc = "The first due first; with `overdue` those that were to be done by now." },
    { HTTP_GET, PATH "/{id}", one_get, &key_schema, &recommendation_schema, ROW, .audit = "recommendation.read",
      .summary = "Shows a recommendation" },
    { HTTP_GET, PATH "/{id}/events", events_get, &event_list, &recommendation_event_schema, ROW, .flags = LIST,
      .audit = "recommendation.events", .summary = "Lists what became of a recommendation" },
    { HTTP_POST, PATH "/{id}/complete", complete_post, &complete_schema, &recommendation_schema, CHANGES,
      .audit = "recommendation.complete", .summary = "Says that it was done, by which study or how",
      .doc = "By who may change reports, or has recommended it." },
    { HTTP_POST, PATH "/{id}/dismiss", dismiss_post, &dismiss_schema, &recommendation_schema, CHANGES,
      .audit = "recommendation.dismiss", .summary = "Says that it will not be done, and why",
      .doc = "By who reviews reports, or has recommended it." },
    { HTTP_POST, PATH "/{id}/reopen", reopen_post, &reopen_schema, &recommendation_schema, CHANGES,
      .audit = "recommendation.reopen", .summary = "Says that it is still to be done, and why",
      .doc = "The study that had closed it does not count for it again. 409: the report was withdrawn." },
};
ENDPOINT_TABLE(report_recommendation_endpoints, rows);
