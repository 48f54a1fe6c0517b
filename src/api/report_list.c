/* report_list.c - lists of reports, of their versions and steps, and what differs between two versions. */
#include "records/visibility.h"
#include "reports/report_choose.h"
#include "reports/report_diff.h"
#include "web/exchange.h"
#include "web/listing.h"

/* ---- reports ---- */

struct report_list {
    struct list_query list;
    struct report_choice choice;
};
#define REPORT_SORTS(X) X("created_at", "r.created_at")
LIST_ORDER(report_order, REPORT_SORTS);
static const struct field report_list_fields[] = {
    LIST_FIELDS(struct report_list, report_order, "-created_at"),
    REPORT_CHOICE(struct report_list, choice),
};
static const struct schema report_list = SCHEMA("ReportList", struct report_list, report_list_fields);
#define LISTING(ROW, SEARCH) \
    { \
        .row = ROW, .id = "r.id", .order = &report_order, .search_table = SEARCH \
    }
static const struct listing written_listing = LISTING(&report_schema, "report_search");
static const struct listing face_listing = LISTING(&report_face_schema, "report_face_search");

/* Those with one code, in the order of the list: for who sees all. */
#define CODE_SORTS(X) X("created_at", "k.created_at")
LIST_ORDER(code_order, CODE_SORTS);
#define CODE_LISTING(ROW, SEARCH, VERSION) \
    { \
        .row = ROW, .from = "report_codes k cross join reports r on r.id = k.report_id " REPORT_BESIDE(VERSION), \
        .id = "k.report_id", .order = &code_order, .search_table = SEARCH \
    }
static const struct listing written_code_listing = CODE_LISTING(&report_schema, "report_search", "r.version");
static const struct listing face_code_listing =
    CODE_LISTING(&report_face_schema, "report_face_search", REPORT_FACE_VERSION);

/* What is found, where all are in sight: the index of words gives it by id, newest first, and stops at the end of the
 * page. Ids are given as reports are begun, so that is the order of `created_at`. Of what nearly every report says only
 * the first FOUND_MAX are counted. */
enum { FOUND_MAX = 1000 };
#define FOUND_SORTS(X) X("created_at", "f.rowid")
LIST_ORDER(found_order, FOUND_SORTS);
#define FOUND_LISTING(ROW, SEARCH, VERSION) \
    { \
        .row = ROW, .from = SEARCH " f cross join reports r on r.id = f.rowid " REPORT_BESIDE(VERSION), \
        .id = "f.rowid", .order = &found_order, .count_max = FOUND_MAX \
    }
static const struct listing written_found_listing = FOUND_LISTING(&report_schema, "report_search", "r.version");
static const struct listing face_found_listing =
    FOUND_LISTING(&report_face_schema, "report_face_search", REPORT_FACE_VERSION);

static bool report_list_get(struct call *c)
{
    const struct report_choice *in = &((const struct report_list *)c->in)->choice;
    struct condition scopes[REPORT_SCOPES], own = { "r.author_id = ?", V(call_user(c)) },
                                            asked[REPORT_CHOICE_CONDITIONS + 1];
    struct list_among among = { .conditions = asked };
    if (in->patient_id > 0)
        audit_about(c, 0, in->patient_id);
    if (!visibility_asks_for_patients(c, in->patient_id > 0, "asking for a patient's"))
        return false;
    among.scopes = in->mine ? &own : scopes;
    among.scope_count = in->mine ? 1 : report_scopes(c, scopes);
    bool among_codes = in->code.len && !among.scope_count && in->study_id <= 0 && in->patient_id <= 0;
    among.condition_count = report_choice_conditions(c, in, among_codes, asked);
    bool writes = report_caller_writes(c);
    struct str phrase = in->search.len && !among.scope_count && !among_codes && db_is_local(c->db)
                            ? search_phrase(c->db, &c->arena, in->search)
                            : STR_NULL;
    if (phrase.at)
        asked[among.condition_count++] =
            (struct condition){ writes ? "f.report_search match ?" : "f.report_face_search match ?", V(phrase) };
    const struct listing *listing = phrase.at     ? writes ? &written_found_listing : &face_found_listing
                                    : among_codes ? writes ? &written_code_listing : &face_code_listing
                                    : writes      ? &written_listing
                                                  : &face_listing;
    return list_answer(c, listing, among);
}

/* ---- versions ---- */

struct version_key {
    int64_t id, version;
};
static const struct field version_key_fields[] = {
    KEY(struct version_key, id, "The report."),
    KEY(struct version_key, version, "The version's number."),
};
static const struct schema version_key = SCHEMA("ReportVersionKey", struct version_key, version_key_fields);

static bool version_get(struct call *c)
{
    const struct version_key *in = c->in;
    return report_version_load(c, in->id, in->version, c->out);
}

struct part_list {
    struct list_query list;
    int64_t id;
};
#define VERSION_SORTS(X) X("version", "v.version")
LIST_ORDER(report_version_order, VERSION_SORTS);
static const struct field version_list_fields[] = {
    LIST_FIELDS(struct part_list, report_version_order, "-version"),
    KEY(struct part_list, id, "The report."),
};
static const struct schema version_list = SCHEMA("ReportVersionList", struct part_list, version_list_fields);
static const struct listing version_listing = { .row = &report_version_schema,
                                                .id = "v.id",
                                                .order = &report_version_order };

static bool versions_get(struct call *c)
{
    const struct part_list *in = c->in;
    struct report report;
    if (!report_load(c, in->id, &report))
        return false;
    struct condition conditions[2] = { { "v.report_id = ?", V(in->id) } };
    int count = 1;
    if (!report_caller_writes(c))
        conditions[count++] =
            (struct condition){ "(v.status not in ('DRAFT', 'CANCELLED') or v.version = ?)", V(report.version) };
    return list_answer(c, &version_listing, (struct list_among){ .conditions = conditions, .condition_count = count });
}

#define STEP_SORTS(X) X("id", "h.id")
LIST_ORDER(report_step_order, STEP_SORTS);
static const struct field step_list_fields[] = {
    LIST_FIELDS(struct part_list, report_step_order, "id"),
    KEY(struct part_list, id, "The report."),
};
static const struct schema step_list = SCHEMA("ReportStepList", struct part_list, step_list_fields);
static const struct listing step_listing = { .row = &report_step_schema, .id = "h.id", .order = &report_step_order };

static bool steps_get(struct call *c)
{
    const struct part_list *in = c->in;
    struct report report;
    if (!report_load(c, in->id, &report))
        return false;
    struct condition shown[2] = { { "h.report_id = ?", V(in->id) } };
    int count = 1;
    if (!report_caller_writes(c) && report.signed_version != INTEGER_NULL)
        shown[count++] = (struct condition){ "h.version <= ? and (h.action is null or h.action not in ('amend', "
                                             "'addendum', 'cancel', 'reject'))",
                                             V(report.signed_version) };
    return list_answer(c, &step_listing, (struct list_among){ .conditions = shown, .condition_count = count });
}

/* ---- what differs ---- */

struct diff_query {
    int64_t id, from, to;
};
static const struct field diff_query_fields[] = {
    KEY(struct diff_query, id, "The report."),
    FIELD(struct diff_query, from, .flags = REQUIRED, .min = 1, .max = INT64_MAX, .doc = "The earlier version."),
    FIELD(struct diff_query, to, .flags = REQUIRED, .min = 1, .max = INT64_MAX, .doc = "The later one."),
};
static const struct schema diff_query = SCHEMA("ReportDiffQuery", struct diff_query, diff_query_fields);

static bool diff_get(struct call *c)
{
    const struct diff_query *in = c->in;
    struct report_version from, to;
    return report_version_load(c, in->id, in->from, &from) && report_version_load(c, in->id, in->to, &to) &&
           report_diff_make(c, &from, &to, c->out);
}

#define REPORTS .permission = MAY_READ_REPORTS, .entity = "report", .tag = "reports"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/reports", report_list_get, &report_list, &report_schema, REPORTS, .flags = LIST,
      .audit = "report.list", .summary = "Lists the reports one may see" },
    { HTTP_GET, "/api/v1/reports/{id}/versions", versions_get, &version_list, &report_version_schema, REPORTS,
      .flags = LIST, .audit = "report.versions", .summary = "Lists a report's versions",
      .doc = "Those that were signed; to who writes reports, all." },
    { HTTP_GET, "/api/v1/reports/{id}/versions/{version}", version_get, &version_key, &report_version_schema, REPORTS,
      .audit = "report.version", .summary = "Shows a version of a report" },
    { HTTP_GET, "/api/v1/reports/{id}/steps", steps_get, &step_list, &report_step_schema, REPORTS, .flags = LIST,
      .audit = "report.steps", .summary = "Lists who did what to a report",
      .doc = "To those who do not write reports, up to the last signature." },
    { HTTP_GET, "/api/v1/reports/{id}/diff", diff_get, &diff_query, &report_diff_schema, REPORTS,
      .audit = "report.diff", .summary = "Says what differs between two versions, section by section" },
};
ENDPOINT_TABLE(report_list_endpoints, rows);
