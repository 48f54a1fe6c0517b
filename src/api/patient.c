/* patient.c - patients: kept, changed, merged, found. */
#include "records/patient_change.h"
#include "web/exchange.h"
#include "web/listing.h"
#include "records/visibility.h"
#include "site/row_counts.h"
#include "base/zone.h"

struct patient_key {
    int64_t id;
};
static const struct field patient_key_fields[] = {
    KEY(struct patient_key, id, "The patient that this is about."),
};
static const struct schema patient_key = SCHEMA("PatientKey", struct patient_key, patient_key_fields);

static bool patient_post(struct call *c)
{
    struct patient *out = c->out;
    if (!patient_register(c, c->in, out))
        return false;
    answer_location(c, "/api/v1/patients/%" PRId64, out->id);
    return true;
}

static bool patient_get(struct call *c)
{
    const struct patient_key *key = c->in;
    return patient_load(c, key->id, c->out);
}

static bool patient_patch(struct call *c)
{
    return patient_change(c, c->in, c->given, c->out);
}

/* PUT replaces: what is not given becomes null. */
static bool patient_put(struct call *c)
{
    uint64_t mask = 0;
    for (int i = 0; i < patient_schema.count; i++)
        if (!(patient_schema.fields[i].flags & (READ_ONLY | NOT_STORED)) && !patient_schema.fields[i].sql)
            mask |= GIVEN(i);
    return patient_change(c, c->in, mask, c->out);
}

static bool patient_remove(struct call *c)
{
    const struct patient_key *key = c->in;
    return patient_delete(c, key->id);
}

static bool patient_restore_post(struct call *c)
{
    const struct patient_key *key = c->in;
    return patient_restore(c, key->id, c->out);
}

static bool patient_settle_conflict(struct call *c)
{
    const struct patient_key *key = c->in;
    return patient_conflict_settle(c, key->id);
}

struct patient_merge {
    int64_t id, source_id;
};
static const struct field patient_merge_fields[] = {
    KEY(struct patient_merge, id, "The patient that stays."),
    FIELD(struct patient_merge, source_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX,
          .doc = "The patient whose studies and files move there; it is deleted and says where it went."),
};
static const struct schema patient_merge_schema = SCHEMA("PatientMerge", struct patient_merge, patient_merge_fields);

static bool patient_merge_post(struct call *c)
{
    const struct patient_merge *in = c->in;
    return patient_merge(c, in->id, in->source_id, c->out);
}

/* ---- the list ---- */

struct patient_list {
    struct list_query list;
    struct str search, id_card, phone;
    unsigned gender, status;
    int64_t age_min, age_max;
    bool has_images, has_conflict;
};
#define PATIENT_SORTS(X) X("created_at", "p.created_at") X("name", "p.name") X("patient_id", "p.patient_id")
LIST_ORDER(patient_order, PATIENT_SORTS);
static const struct field patient_list_fields[] = {
    LIST_FIELDS(struct patient_list, patient_order, "-created_at"),
    FIELD(struct patient_list, search, .max = 100,
          .doc = "Finds part of the name, the Latin name, the reading or the hospital number."),
    FIELD(struct patient_list, id_card, .max = 64, .doc = "Finds exactly this identity card."),
    FIELD(struct patient_list, phone, .max = 32, .doc = "Finds exactly this telephone number."),
    FIELD(struct patient_list, gender, .choices = genders, .type = "Gender", .filter = "p.gender = ?",
          .doc = "Lists only patients of this gender."),
    FIELD(struct patient_list, status, .choices = patient_statuses, .type = "PatientStatus", .filter = "p.status = ?",
          .doc = "Lists only patients of this status."),
    FIELD(struct patient_list, has_images, .doc = "Lists only patients with (or without) image files that one sees."),
    FIELD(struct patient_list, has_conflict,
          .doc = "Lists only those (or only others) of whom some file that one sees says another name, gender or "
                 "birth date."),
    FIELD(struct patient_list, age_min, .min = 0, .max = 200, .doc = "Lists only patients at least so many years old."),
    FIELD(struct patient_list, age_max, .min = 0, .max = 200, .doc = "Lists only patients at most so many years old."),
};
static const struct schema patient_list = SCHEMA("PatientList", struct patient_list, patient_list_fields);
static const struct listing patient_listing = { .row = &patient_schema,
                                                .where = "p.is_deleted = 0",
                                                .id = "p.id",
                                                .order = &patient_order,
                                                .search_table = "patient_search",
                                                .derive = patient_derive_age };

/* The last day on which somebody who is `years` old today may have been born; 29 February counts as 28 February. */
static struct value born_by(struct call *c, int64_t years, int extra_days)
{
    int year, month, day;
    date_to_ymd(zone_today(), &year, &month, &day);
    if (month == 2 && day == 29)
        day = 28;
    struct date d = date_from_ymd(year - (int)years, month, day);
    d.days += extra_days;
    char *text = arena_alloc(&c->arena, DATE_TEXT_MAX);
    return value_text((struct str){ text, date_write(d, text) });
}

static bool given(const struct call *c, const char *name)
{
    return schema_was_given(&patient_list, c->given, name);
}

static bool patient_list_get(struct call *c)
{
    const struct patient_list *in = c->in;
    struct condition more[6], exact = { 0 };
    int count = 0;
    struct list_total total = { 0 };
    if (given(c, "age_min"))
        more[count++] = (struct condition){ "p.birth_date <= ?", born_by(c, in->age_min, 0) };
    if (given(c, "age_max"))
        more[count++] = (struct condition){ "p.birth_date >= ?", born_by(c, in->age_max + 1, 1) };
    if (given(c, "has_images"))
        more[count++] = visibility_patients_with_files(c, in->has_images);
    if (given(c, "has_conflict"))
        more[count++] = visibility_patients_with_conflict(c, in->has_conflict);
    if (in->phone.len)
        exact =
            (struct condition){ "p.phone_hash = ?", value_text(db_lookup_hash(c, in->phone)), .from = "patients p" };
    if (in->id_card.len && exact.sql)
        more[count++] = exact;
    if (in->id_card.len)
        exact = (struct condition){ "p.deleted_at is null and p.id_card_hash = ?",
                                    value_text(db_lookup_hash(c, in->id_card)), .from = "patients p" };
    total.is_known = !count && !exact.sql && list_is_plain(c);
    if (total.is_known && !row_count(c, ROWS_PATIENTS, &total.rows))
        return false;
    return list_answer(c, &patient_listing, (struct list_among){ more, count, &exact, exact.sql != NULL, total });
}

#define PATIENTS .tag = "patients", .entity = "patient"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/patients", patient_list_get, &patient_list, &patient_schema, MAY_READ_PATIENTS, .flags = LIST,
      PATIENTS, .audit = "patient.list", .summary = "Lists and searches patients" },
    { HTTP_POST, "/api/v1/patients", patient_post, &patient_schema, &patient_schema, MAY_CREATE_PATIENTS, WRITES,
      BODY_JSON, 201, PATIENTS, .audit = "patient.create", .summary = "Registers a patient",
      .doc = "The number of a patient who was merged into another still leads there, and is not given again (409)." },
    { HTTP_GET, "/api/v1/patients/{id}", patient_get, &patient_key, &patient_schema, MAY_READ_PATIENTS, PATIENTS,
      .audit = "patient.read", .summary = "Shows one patient" },
    { HTTP_PUT, "/api/v1/patients/{id}", patient_put, &patient_schema, &patient_schema, MAY_UPDATE_PATIENTS, WRITES,
      BODY_JSON, PATIENTS, .audit = "patient.update", .summary = "Replaces a patient's record",
      .doc = "Optional members that are absent become null." },
    { HTTP_PATCH, "/api/v1/patients/{id}", patient_patch, &patient_schema, &patient_schema, MAY_UPDATE_PATIENTS, WRITES,
      BODY_JSON, PATIENTS, .audit = "patient.update", .summary = "Changes what is given of a patient's record" },
    { HTTP_DELETE, "/api/v1/patients/{id}", patient_remove, &patient_key, NULL, MAY_DELETE_PATIENTS, WRITES, PATIENTS,
      .audit = "patient.delete", .summary = "Deletes a patient with the studies and files",
      .doc = "It can be restored; its number is free for another." },
    { HTTP_POST, "/api/v1/patients/{id}/restore", patient_restore_post, &patient_key, &patient_schema,
      MAY_DELETE_PATIENTS, WORKS, .flags = REVIVES, PATIENTS, .audit = "patient.restore",
      .summary = "Brings a deleted patient back",
      .doc = "With the studies and files that were deleted with it. One that was merged comes back without them: they "
             "stay where they are until they are moved; its number leads to it again." },
    { HTTP_DELETE, "/api/v1/patients/{id}/conflict", patient_settle_conflict, &patient_key, NULL, MAY_UPDATE_PATIENTS,
      WRITES, PATIENTS, .audit = "patient.settle_conflict",
      .summary = "Says that a patient's conflict has been looked at" },
    { HTTP_POST, "/api/v1/patients/{id}/merge", patient_merge_post, &patient_merge_schema, &patient_schema,
      MAY_DELETE_PATIENTS, WRITES, BODY_JSON, PATIENTS, .audit = "patient.merge",
      .summary = "Moves another patient's studies and files here" },
};
ENDPOINT_TABLE(patient_endpoints, rows);
