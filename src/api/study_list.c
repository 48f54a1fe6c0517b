/* study_list.c - lists of studies: all that one may see, and those of a patient. */
#include "web/exchange.h"
#include "web/listing.h"
#include "records/modality.h"
#include "records/patient.h"
#include "records/study.h"
#include "records/visibility.h"
#include "site/row_counts.h"

struct study_list {
    struct list_query list;
    int64_t id, patient_id;
    struct str study_uid, accession_number, modality, search;
    struct date start_date, end_date;
    bool has_conflict;
};
#define STUDY_SORTS(X) X("created_at", "s.created_at") X("study_date", "s.sort_date")
LIST_ORDER(study_order, STUDY_SORTS);

#define STUDY_FILTERS \
    LIST_FIELDS(struct study_list, study_order, "-created_at"), \
        FIELD(struct study_list, modality, .max = 200, .example = "CT,PT", \
              .doc = "Lists only studies with any of these modalities: Modalities in Study (0008,0061)."), \
        FIELD(struct study_list, start_date, .filter = "s.sort_date >= ?", \
              .doc = "Lists only studies made on this day or later."), \
        FIELD(struct study_list, end_date, .filter = "s.sort_date <= ? and s.study_date is not null", \
              .doc = "Lists only studies made on this day or earlier."), \
        FIELD(struct study_list, accession_number, .max = 64, \
              .doc = "Lists only studies of exactly this accession number."), \
        FIELD(struct study_list, study_uid, .max = 64, \
              .doc = "Lists only studies of exactly this Study Instance UID."), \
        FIELD(struct study_list, has_conflict, .doc = "Lists only studies with (or without) a conflict."), \
        FIELD(struct study_list, search, .max = 100, \
              .doc = \
                  "Finds part of the description, accession number, referring physician, patient's name or number.")
static const struct field study_list_fields[] = {
    STUDY_FILTERS,
    FIELD(struct study_list, patient_id, .min = 1, .max = INT64_MAX, .doc = "Lists only studies of this patient."),
};
static const struct schema study_list = SCHEMA("StudyList", struct study_list, study_list_fields);
static const struct field patient_studies_fields[] = {
    STUDY_FILTERS,
    KEY(struct study_list, id, "The patient whose studies are listed."),
};
static const struct schema patient_studies = SCHEMA("PatientStudies", struct study_list, patient_studies_fields);
static const struct listing study_listing = { .row = &study_schema,
                                              .where = "s.is_deleted = 0",
                                              .id = "s.id",
                                              .order = &study_order,
                                              .search_table = "study_search" };

/* The studies of each modality, in the order that the list wants. */
#define MODALITY_SORTS(X) X("created_at", "k.created_at") X("study_date", "k.sort_date")
LIST_ORDER(modality_order, MODALITY_SORTS);
static const struct listing modality_listing = { .row = &study_schema,
                                                 .from = "study_modalities k cross join studies s on s.id = k.study_id",
                                                 .where = "k.is_deleted = 0",
                                                 .id = "k.study_id",
                                                 .order = &modality_order,
                                                 .search_table = "study_search" };

static struct value day(struct call *c, struct date date)
{
    char *text = arena_alloc(&c->arena, DATE_TEXT_MAX);
    return value_text((struct str){ text, date_write(date, text) });
}

/* All studies of these modalities, each by its own index: from the table of modalities alone, days too. */
static bool answer_modalities(struct call *c, const struct modalities *asked)
{
    const struct study_list *in = c->in;
    struct condition conditions[2], each[MODALITIES_ASKED_MAX];
    int each_count = visibility_modality_scopes(c, asked, each), count = 0;
    if (!date_is_null(in->start_date))
        conditions[count++] = (struct condition){ "k.sort_date >= ?", day(c, in->start_date) };
    if (!date_is_null(in->end_date))
        conditions[count++] = (struct condition){ "k.sort_date <= ?", day(c, in->end_date) };
    return list_answer(c, &modality_listing,
                       (struct list_among){ conditions, count, .scopes = each, .scope_count = each_count });
}

/* Conditions that leave few rows: with all studies in sight they say where to look, else they thin out the caller's
 * own. */
static bool answer(struct call *c, int64_t patient_id)
{
    const struct study_list *in = c->in;
    struct condition few[6], scopes[VISIBILITY_SCOPES];
    struct modalities modalities;
    int count = 0, scope_count = visibility_study_scopes(c, scopes);
    struct list_total total = { 0 };
    if (!visibility_asks_for_patients(c, in->search.len > 0, "searching, which looks into patients' names,") ||
        !modality_take_list(c, in->modality, &modalities))
        return false;
    if (in->study_uid.len)
        few[count++] =
            (struct condition){ "s.deleted_at is null and s.study_uid = ?", V(in->study_uid), .from = "studies s" };
    if (in->accession_number.len)
        few[count++] = (struct condition){ "s.accession_number = ?", V(in->accession_number), .from = "studies s" };
    if (patient_id > 0)
        few[count++] = (struct condition){ "s.patient_id = ?", V(patient_id), .from = "studies s" };
    bool has_few = count > 0, asks_conflict = schema_was_given(exchange_of(c)->endpoint->in, c->given, "has_conflict");
    if (!scope_count && !has_few && !asks_conflict && modalities.count)
        return answer_modalities(c, &modalities);
    if (asks_conflict)
        few[count++] = visibility_studies_with_conflict(c, in->has_conflict);
    if (modalities.count) {
        few[count++] = visibility_studies_with_modality(c, &modalities);
        count += visibility_studies_by_films(c, &modalities, &few[count]);
    }
    if (!scope_count && has_few)
        return list_answer(c, &study_listing,
                           (struct list_among){ few + 1, count - 1, .scopes = few, .scope_count = 1 });
    total.is_known = !scope_count && !count && list_is_plain(c);
    if (total.is_known && !row_count(c, ROWS_STUDIES, &total.rows))
        return false;
    return list_answer(c, &study_listing, (struct list_among){ few, count, scopes, scope_count, total });
}

static bool study_list_get(struct call *c)
{
    const struct study_list *in = c->in;
    if (in->patient_id > 0)
        audit_about(c, 0, in->patient_id);
    return visibility_asks_for_patients(c, in->patient_id > 0, "asking for a patient's") && answer(c, in->patient_id);
}

static bool patient_studies_get(struct call *c)
{
    const struct study_list *in = c->in;
    struct patient patient;
    audit_about(c, in->id, in->id);
    return patient_load_shown(c, in->id, &patient) && answer(c, in->id);
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/studies", study_list_get, &study_list, &study_schema, MAY_READ_STUDIES, .flags = LIST,
      .tag = "studies", .entity = "study", .audit = "study.list",
      .summary = "Lists and searches the studies one may see" },
    { HTTP_GET, "/api/v1/patients/{id}/studies", patient_studies_get, &patient_studies, &study_schema, MAY_READ_STUDIES,
      .flags = LIST, .tag = "patients", .entity = "patient", .audit = "patient.studies",
      .summary = "Lists a patient's studies that one may see" },
};
ENDPOINT_TABLE(study_list_endpoints, rows);
