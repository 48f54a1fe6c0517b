/* report_work.c - the work list of those who write reports. */
#include "records/modality.h"
#include "records/study.h"
#include "reports/work.h"
#include "web/exchange.h"
#include "web/listing.h"

struct work_list {
    struct list_query list;
    unsigned view, priority, care_setting;
    struct str modality, body_part, department;
};
#define WORK_SORTS(X) X("urgency", "q.urgency")
LIST_ORDER(work_order, WORK_SORTS);
static const struct field work_list_fields[] = {
    LIST_FIELDS(struct work_list, work_order, "urgency"),
    FIELD(struct work_list, view, .choices = work_views, .type = "WorkView", .fallback = "unread",
          .doc = "mine: own drafts, and what one has taken for review; unread: studies that have images and no report; "
                 "to_review: what others have submitted, to who may review; overdue: whatever is late; all."),
    FIELD(struct work_list, priority, .choices = job_priorities, .type = "JobPriority", .doc = "Only this priority."),
    FIELD(struct work_list, modality, .max = 200, .doc = "Only these modalities."),
    FIELD(struct work_list, body_part, .max = 64, .filter = "q.body_part = ?", .doc = "Only this body part."),
    FIELD(struct work_list, care_setting, .choices = care_settings, .type = "CareSetting",
          .filter = "q.care_setting = ?", .doc = "Only patients who were sent from there."),
    FIELD(struct work_list, department, .max = 200,
          .filter = "exists (select 1 from study_department_assignments g where g.study_id = q.study_id and "
                    "g.department = ?) = 1",
          .doc = "Only studies that are assigned to this department."),
};
static const struct schema work_list = SCHEMA("WorkList", struct work_list, work_list_fields);
static const struct listing work_listing = {
    .row = &work_row_schema, .where = "q.is_live = 1", .id = "q.id", .order = &work_order, .derive = work_derive
};

static bool work_list_get(struct call *c)
{
    const struct work_list *in = c->in;
    const struct work_wish wish = { .view = in->view, .priority = in->priority };
    struct condition conditions[WORK_CONDITIONS + 1], each[MODALITIES_ASKED_MAX];
    struct work_asked asked;
    struct modalities modalities;
    if (!modality_take_list(c, in->modality, &modalities) || !work_ask(c, &wish, &asked))
        return false;
    bool apart = modalities.count > 1 && !asked.scope_count; /* each by its own index */
    for (int i = 0; i < asked.condition_count; i++)
        conditions[i] = asked.conditions[i];
    if (apart)
        asked.scope_count = modality_scopes("q.modality = ?", &modalities, each);
    else if (modalities.count)
        conditions[asked.condition_count++] = modality_among(c, "q.modality", &modalities);
    return list_answer(c, &work_listing,
                       (struct list_among){ .conditions = conditions,
                                            .condition_count = asked.condition_count,
                                            .scopes = apart ? each : asked.scopes,
                                            .scope_count = asked.scope_count });
}

struct next_query {
    struct str modality, body_part;
};
static const struct field next_fields[] = {
    FIELD(struct next_query, modality, .flags = NULLABLE, .max = 200, .doc = "Only these modalities."),
    FIELD(struct next_query, body_part, .flags = NULLABLE, .max = 64, .doc = "Only this body part."),
};
static const struct schema next_schema = SCHEMA("WorkNextQuery", struct next_query, next_fields);

static bool work_next_get(struct call *c)
{
    const struct next_query *in = c->in;
    struct work_wish wish = { .body_part = in->body_part };
    if (!modality_take_list(c, in->modality, &wish.modalities))
        return false;
    enum found found = work_next(c, &wish, c->out);
    return found == FOUND || (found == NONE && fail(c, E_NOT_FOUND, "nothing waits to be read by this account"));
}

static bool work_next_post(struct call *c)
{
    const struct next_query *in = c->in;
    struct work_wish wish = { .body_part = in->body_part };
    if (!modality_take_list(c, in->modality, &wish.modalities))
        return false;
    enum found found = work_take(c, &wish, c->out);
    return found == FOUND || (found == NONE && fail(c, E_NOT_FOUND, "nothing waits to be read by this account"));
}

static bool work_next_delete(struct call *c)
{
    return work_give_back(c);
}

#define WORK .permission = MAY_READ_REPORTS, .entity = "study", .tag = "reports"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/reports/worklist", work_list_get, &work_list, &work_row_schema, WORK, .flags = LIST,
      .audit = "report.worklist", .summary = "Lists what waits to be read, reviewed or signed, most urgent first",
      .doc = "By priority (STAT, URGENT, HIGH, NORMAL, LOW), then by when it is due (REPORT_DUE). For those who write "
             "or review reports: what they may see of it." },
    { HTTP_GET, "/api/v1/reports/worklist/next", work_next_get, &next_schema, &work_row_schema, WORK, .runs = WORKS,
      .audit = "report.worklist_next", .summary = "Shows the next study to read",
      .doc = "The most urgent of the studies that nobody reports yet and of one's own drafts that nobody else is "
             "editing. What somebody else has taken is passed over. 404: nothing waits." },
    { HTTP_POST, "/api/v1/reports/worklist/next", work_next_post, &next_schema, &work_row_schema,
      .permission = MAY_CREATE_REPORTS, .entity = "study", .tag = "reports", .runs = WRITES, .body = BODY_JSON,
      .flags = ACTION, .audit = "report.worklist_take", .summary = "Takes the next study to read",
      .doc = "The same, and nobody else gets it, or begins a report on it, for 15 minutes (`held_until`): of many who "
             "ask at once each is given another. Asked again it is the most urgent by then, and what was taken before "
             "is given back, also where that is a draft of one's own. 404 leaves what was taken." },
    { HTTP_DELETE, "/api/v1/reports/worklist/next", work_next_delete, NULL, NULL, .permission = MAY_CREATE_REPORTS,
      .tag = "reports", .runs = WRITES, .audit = "report.worklist_give_back",
      .summary = "Gives back what one has taken to read" },
};
ENDPOINT_TABLE(report_work_endpoints, rows);
