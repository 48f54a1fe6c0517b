/* study_order.c - see study_order.h. */
#include "records/study_order.h"

#include "records/modality.h"
#include "records/record_lock.h"
#include "records/study_change.h"
#include "records/study_twins.h"
#include "records/visibility.h"
#include "dicom/uid.h"
#include "jobs/jobs.h"
#include "site/actor.h"

static const struct field order_fields[] = {
    FIELD(struct study_order, study_id, .doc = "The study."),
    FIELD(struct study_order, placer_order_number, .flags = NULLABLE, .max = 64, .doc = "The number of who ordered."),
    FIELD(struct study_order, filler_order_number, .flags = NULLABLE, .max = 64, .doc = "The number of who does it."),
    FIELD(struct study_order, procedure_code, .flags = NULLABLE, .max = 64, .doc = "What was ordered, by a code."),
    FIELD(struct study_order, procedure_text, .flags = NULLABLE, .max = 200, .doc = "In words."),
    FIELD(struct study_order, procedure_scheme, .flags = NULLABLE, .max = 64, .doc = "Whose code that is."),
    FIELD(struct study_order, updated_at, .flags = READ_ONLY | SET_ON_INSERT | SET_ON_UPDATE,
          .doc = "When the order was last told of."),
};
const struct schema study_order_schema = SCHEMA("StudyOrder", struct study_order, order_fields, .table = "study_orders",
                                                .alias = "o", .doc = "The order that a study follows from.");

enum found study_order_find(struct call *c, int64_t study_id, struct study_order *out)
{
    enum found found = db_find(c, &study_order_schema, out, "where o.study_id = ?", V(study_id));
    if (found == NONE)
        schema_clear(&study_order_schema, out);
    return found;
}

#define SCHEDULED_FIRST " order by case when s.status = 'SCHEDULED' then 0 else 1 end, s.id limit 1"

static enum found find_by_filler(struct call *c, int64_t patient_id, struct str number, struct study *out)
{
    return db_find(c, &study_schema, out,
                   "where s.patient_id = ? and s.is_deleted = 0 and exists (select 1 from study_orders o where "
                   "o.study_id = s.id and o.filler_order_number = ?) and " VISIBLE_STUDY SCHEDULED_FIRST,
                   V(patient_id), V(number), VISIBLE_STUDY_TO(c));
}

/* One number of the placer's may be that of several orders: what else is known of them tells them apart. */
static enum found find_by_placer(struct call *c, int64_t patient_id, const struct study_order *order,
                                 struct str accession_number, struct study *out)
{
    return db_find(c, &study_schema, out,
                   "where s.patient_id = ? and s.is_deleted = 0 and (? = 0 or s.accession_number = ?) and exists "
                   "(select 1 from study_orders o where o.study_id = s.id and o.placer_order_number = ? and (? = 0 or "
                   "o.filler_order_number is null)) and " VISIBLE_STUDY SCHEDULED_FIRST,
                   V(patient_id), V((int64_t)accession_number.len), V(accession_number), V(order->placer_order_number),
                   V((int64_t)order->filler_order_number.len), VISIBLE_STUDY_TO(c));
}

static enum found find_by_accession(struct call *c, int64_t patient_id, struct str accession_number, struct study *out)
{
    return db_find(
        c, &study_schema, out,
        "where s.accession_number = ? and s.patient_id = ? and s.is_deleted = 0 and " VISIBLE_STUDY SCHEDULED_FIRST,
        V(accession_number), V(patient_id), VISIBLE_STUDY_TO(c));
}

enum found study_order_find_study(struct call *c, int64_t patient_id, const struct study_order *order,
                                  struct str accession_number, struct study *out)
{
    enum found found = NONE;
    if (order->filler_order_number.len)
        found = find_by_filler(c, patient_id, order->filler_order_number, out);
    if (found == NONE && order->placer_order_number.len)
        found = find_by_placer(c, patient_id, order, accession_number, out);
    if (found == NONE && accession_number.len)
        found = find_by_accession(c, patient_id, accession_number, out);
    return found;
}

/* As the column has it; null: there is none. */
static struct str date_text(struct call *c, struct date date)
{
    char text[DATE_TEXT_MAX];
    return date_is_null(date) ? STR_NULL : arena_copy(&c->arena, (struct str){ text, date_write(date, text) });
}

/* ---- placed ---- */

static bool keep_order(struct call *c, struct study_order *order, int64_t study_id)
{
    struct study_order there;
    order->study_id = study_id;
    enum found found = study_order_find(c, study_id, &there);
    if (found != FOUND)
        return found == NONE && db_insert(c, &study_order_schema, order, NULL);
    uint64_t members = 0;
    const struct str said[] = { order->placer_order_number, order->filler_order_number, order->procedure_code,
                                order->procedure_text, order->procedure_scheme };
    for (int i = 0; i < 5; i++)
        members |= said[i].len ? GIVEN(i + 1) : 0; /* in the order of the rows above */
    return db_update(c, &study_order_schema, order, members, "where study_id = ?", V(study_id));
}

/* What no PATCH changes: until there are images, the order says it. */
static bool schedule_anew(struct call *c, const struct study *said, int64_t id, bool revives)
{
    struct str modality = said->modality;
    return modality_take(c, "body", &modality) &&
           db_execute(c,
                      "update studies set status = case when ? = 1 then 'SCHEDULED' else status end, modality = "
                      "coalesce(?, modality), study_date = coalesce(?, study_date), study_time = coalesce(?, "
                      "study_time) where id = ? and number_of_instances = 0 and status in ('SCHEDULED', 'CANCELLED')",
                      V((int64_t)revives), V(modality), V(date_text(c, said->study_date)), V(said->study_time), V(id));
}

/* A UID that is told after the order was placed. One that a study has whom the caller does not see is not told of: the
 * images find the study by its accession number then. */
static bool take_uid(struct call *c, const struct study *said, const struct study *study)
{
    struct study_twins twins;
    if (!said->study_uid.len || str_equal(said->study_uid, study->study_uid))
        return true;
    if (!uid_is_legal(said->study_uid))
        return fail(c, E_INVALID, "a study's UID is made of numbers joined by dots");
    if (!study_twins_find(c, said->study_uid, call_user(c), &twins))
        return false;
    if (study_twins_seen(&twins))
        return fail(c, E_CONFLICT, "another study has this Study Instance UID");
    return twins.count || db_execute(c,
                                     "update studies set study_uid = ? where id = ? and number_of_instances = 0 and "
                                     "status in ('SCHEDULED', 'CANCELLED')",
                                     V(said->study_uid), V(study->id));
}

static bool change(struct call *c, const struct study *said, const struct study *study, bool revives, struct study *out)
{
    static const char *const names[] = { "body_part", "description", "referring_physician" };
    const struct str values[] = { said->body_part, said->description, said->referring_physician };
    struct study_change change = { .id = study->id };
    struct str *to[] = { &change.body_part, &change.description, &change.referring_physician };
    uint64_t members = 0;
    change.care_setting = said->care_setting;
    change.priority = said->priority;
    if (said->care_setting)
        members |= GIVEN(schema_find(&study_change_schema, S("care_setting")));
    if (said->priority)
        members |= GIVEN(schema_find(&study_change_schema, S("priority")));
    for (int i = 0; i < 3; i++)
        if (values[i].len) {
            *to[i] = values[i];
            members |= GIVEN(schema_find(&study_change_schema, str_from(names[i])));
        }
    /* Locked and looked at first: study_change does both, also where it has nothing to change. */
    return study_change(c, &change, members, out) && schedule_anew(c, said, study->id, revives) &&
           take_uid(c, said, study) && study_load(c, study->id, out) && study_index(c, out, NULL);
}

/* Without an accession number it has the number of who does it, else that of who ordered it. */
static bool place_anew(struct call *c, const struct study_order *order, const struct study *said, struct study *out)
{
    struct study wish = *said;
    wish.status = STUDY_SCHEDULED;
    wish.care_setting = wish.care_setting ? wish.care_setting : CARE_OTHER;
    wish.priority = wish.priority ? wish.priority : JOB_NORMAL;
    if (!wish.accession_number.len)
        wish.accession_number =
            order->filler_order_number.len ? order->filler_order_number : order->placer_order_number;
    return study_register(c, &wish, out);
}

bool study_order_place(struct call *c, struct study_order *order, const struct study *said, struct study *out)
{
    struct study there;
    enum found found = study_order_find_study(c, said->patient_id, order, said->accession_number, &there);
    if (found == FAILED)
        return false;
    bool placed = found == FOUND ? change(c, said, &there, true, out) : place_anew(c, order, said, out);
    return placed && keep_order(c, order, out->id);
}

static bool find_ordered(struct call *c, const struct study_order *order, const struct study *said, struct study *out)
{
    enum found found = study_order_find_study(c, said->patient_id, order, said->accession_number, out);
    return found == FOUND || (found == NONE && fail(c, E_NOT_FOUND, "no study was ordered by these numbers"));
}

bool study_order_change(struct call *c, struct study_order *order, const struct study *said, struct study *out)
{
    struct study there;
    return find_ordered(c, order, said, &there) && change(c, said, &there, false, out) && keep_order(c, order, out->id);
}

bool study_order_cancel(struct call *c, const struct study_order *order, const struct study *said, struct study *out)
{
    struct study there;
    int64_t changed = 0;
    if (!find_ordered(c, order, said, &there))
        return false;
    if (!lock_study(c, there.id, 0) || !study_load_to_change(c, there.id, out) ||
        !db_execute_counted(c, &changed,
                            "update studies set status = 'CANCELLED' where id = ? and number_of_instances = 0 and "
                            "status in ('SCHEDULED', 'CANCELLED')",
                            V(there.id)))
        return false;
    if (!changed && out->status != STUDY_CANCELLED)
        return fail(c, E_CONFLICT, "the study has begun: its order cannot be cancelled any more");
    return study_load(c, there.id, out);
}

/* ---- for filing ---- */

enum found study_order_scheduled(struct call *c, int64_t patient_id, struct str accession_number, int64_t by,
                                 int64_t *study_id)
{
    struct cursor rows;
    int count = 0;
    *study_id = 0;
    for (db_rows(c, &rows,
                 "select s.id from studies s where s.accession_number = ? and s.patient_id = ? and s.status = "
                 "'SCHEDULED' and s.number_of_instances = 0 and s.deleted_at is null and (? = 1 or " VISIBLE_STUDY
                 ") limit 2",
                 V(accession_number), V(patient_id), V((int64_t)call_may(c, MAY_STORE_DICOM)),
                 VISIBLE_STUDY_TO_USER(c, by));
         cursor_next(&rows); count++)
        *study_id = cursor_integer(&rows, 0);
    return !cursor_close(&rows) ? FAILED : count == 1 ? FOUND : NONE;
}

bool study_order_begin(struct call *c, int64_t study_id, const struct study *said, bool *was_ordered)
{
    struct study study;
    int64_t changed = 0;
    struct str made_by = modality_is_auxiliary(said->modality) ? STR_NULL : said->modality;
    *was_ordered = false;
    if (!db_execute_counted(
            c, &changed,
            "update studies set status = 'OPEN', study_uid = ?, study_date = coalesce(?, study_date), study_time = "
            "coalesce(?, study_time), study_number = coalesce(?, study_number), modality = coalesce(?, modality, "
            "?), body_part = coalesce(body_part, ?), description = coalesce(description, ?), referring_physician = "
            "coalesce(referring_physician, ?), updated_at = ? where id = ? and number_of_instances = 0 and "
            "status in ('SCHEDULED', 'CANCELLED')",
            V(said->study_uid), V(date_text(c, said->study_date)), V(said->study_time), V(said->study_number),
            V(made_by), V(said->modality), V(said->body_part), V(said->description), V(said->referring_physician),
            V(clock_now()), V(study_id)))
        return false;
    *was_ordered = changed > 0;
    if (!changed)
        return true;
    return db_find(c, &study_schema, &study, "where s.id = ?", V(study_id)) == FOUND && study_index(c, &study, NULL) &&
           audit_also(c, "study.begin", "study", study_id, study.patient_id);
}
