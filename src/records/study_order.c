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
    FIELD(struct study_order, requested_procedure_id, .flags = NULLABLE, .max = 64,
          .doc = "Which of the order's procedures it is, by the number of who does it."),
    FIELD(struct study_order, study_uid, .flags = NULLABLE, .max = 64, .doc = "The Study Instance UID that was told."),
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

/* ---- which study an order means ---- */

enum wish { TO_PLACE, TO_CHANGE, TO_CANCEL };

/* OTHER: certainly another procedure. UNLIKE: another by what may change. LIKE: of the same kind, as others may be. */
enum likeness { OTHER, UNLIKE, UNKNOWN, LIKE, SAME, SAME_UID, LIKENESSES };

/* The studies that a number names, by how like they are; of each likeness one that is SCHEDULED comes first. */
struct named {
    const struct study_order *order;
    enum wish wish;
    struct str accession_number;
    bool by_own_number; /* the filler's, and not the accession number for it */
    struct {
        int64_t first;
        int count, scheduled, ordered;
    } by[LIKENESSES];
    int count;
};

static enum likeness compare(struct str a, struct str b)
{
    return !a.len || !b.len ? UNKNOWN : str_equal(a, b) ? LIKE : UNLIKE;
}

#define NAMED_COLUMNS \
    "s.id, case when s.status = 'SCHEDULED' then 1 else 0 end, case when o.study_id is null then 0 else 1 end, " \
    "s.accession_number, s.study_uid, " \
    "o.placer_order_number, o.filler_order_number, o.requested_procedure_id, o.study_uid, o.procedure_code, " \
    "o.procedure_scheme, o.procedure_text"
enum { ID, IS_SCHEDULED, IS_ORDERED, ACCESSION, UID, PLACER, FILLER, REQUESTED, TOLD_UID, CODE, SCHEME, WORDS };
#define NAMED_ORDER " order by case when s.status = 'SCHEDULED' then 0 else 1 end, s.id limit 200"

static enum likeness likeness(const struct study_order *order, struct cursor *row, enum wish wish)
{
    if (compare(order->study_uid, cursor_text(row, UID)) == LIKE)
        return SAME_UID;
    enum likeness out = compare(order->requested_procedure_id, cursor_text(row, REQUESTED));
    if (out != UNKNOWN)
        return out == LIKE ? SAME : OTHER;
    out = compare(order->study_uid, cursor_text(row, TOLD_UID));
    if (out != UNKNOWN)
        return out == LIKE ? SAME : wish == TO_CANCEL ? OTHER : UNLIKE; /* a change may tell another UID */
    out = compare(order->procedure_code, cursor_text(row, CODE));
    if (out == UNKNOWN)
        return compare(order->procedure_text, cursor_text(row, WORDS));
    return compare(order->procedure_scheme, cursor_text(row, SCHEME)) == UNLIKE ? UNLIKE : out;
}

/* By the accession number alone: not what has another number of its own. */
static bool is_anothers(const struct study_order *order, struct cursor *row)
{
    return compare(order->filler_order_number, cursor_text(row, FILLER)) == UNLIKE ||
           compare(order->placer_order_number, cursor_text(row, PLACER)) == UNLIKE;
}

enum naming { BY_FILLER, BY_PLACER, BY_ACCESSION };

static bool take_named(struct named *n, struct cursor *rows, enum naming naming)
{
    while (cursor_next(rows)) {
        enum likeness like = likeness(n->order, rows, n->wish);
        if (naming == BY_ACCESSION && is_anothers(n->order, rows))
            continue;
        if (!n->by[like].count++)
            n->by[like].first = cursor_integer(rows, ID);
        n->by[like].scheduled += cursor_integer(rows, IS_SCHEDULED) != 0;
        n->by[like].ordered += cursor_integer(rows, IS_ORDERED) != 0;
        n->by_own_number |=
            naming == BY_FILLER && !str_equal(n->order->filler_order_number, cursor_text(rows, ACCESSION));
        n->count++;
    }
    return cursor_close(rows);
}

static bool find_by_filler(struct call *c, int64_t patient_id, struct named *n)
{
    struct cursor rows;
    struct str number = n->order->filler_order_number;
    if (!number.len)
        return true;
    db_rows(c, &rows,
            "select " NAMED_COLUMNS " from studies s left join study_orders o on o.study_id = s.id "
            "where s.patient_id = ? and s.is_deleted = 0 and o.filler_order_number = ? and " VISIBLE_STUDY NAMED_ORDER,
            V(patient_id), V(number), VISIBLE_STUDY_TO(c));
    return take_named(n, &rows, BY_FILLER);
}

/* One number of the placer's may be that of several orders: what else is known of them tells them apart. */
static bool find_by_placer(struct call *c, int64_t patient_id, struct named *n)
{
    struct cursor rows;
    struct str number = n->order->placer_order_number;
    if (n->count || !number.len)
        return true;
    db_rows(c, &rows,
            "select " NAMED_COLUMNS " from studies s left join study_orders o on o.study_id = s.id "
            "where s.patient_id = ? and s.is_deleted = 0 and (? = 0 or s.accession_number = ?) and "
            "o.placer_order_number = ? and (? = 0 or o.filler_order_number is null) and " VISIBLE_STUDY NAMED_ORDER,
            V(patient_id), V((int64_t)n->accession_number.len), V(n->accession_number), V(number),
            V((int64_t)n->order->filler_order_number.len), VISIBLE_STUDY_TO(c));
    return take_named(n, &rows, BY_PLACER);
}

static bool find_by_accession(struct call *c, int64_t patient_id, struct named *n)
{
    struct cursor rows;
    if (n->count || !n->accession_number.len)
        return true;
    db_rows(c, &rows,
            "select " NAMED_COLUMNS " from studies s left join study_orders o on o.study_id = s.id "
            "where s.accession_number = ? and s.patient_id = ? and s.is_deleted = 0 and " VISIBLE_STUDY NAMED_ORDER,
            V(n->accession_number), V(patient_id), VISIBLE_STUDY_TO(c));
    return take_named(n, &rows, BY_ACCESSION);
}

/* Is what is most like them certainly not meant? Of one whom the filler's number names alone, a cancellation need not
 * know the procedure that a change has made of it. */
static bool is_none(const struct named *n, enum likeness like)
{
    return like == OTHER ||
           (like == UNLIKE && (n->wish == TO_PLACE || (n->wish == TO_CANCEL && (!n->by_own_number || n->count > 1))));
}

static enum found choose(struct call *c, const struct named *n, int64_t *id)
{
    enum likeness like = SAME_UID;
    while (like > OTHER && !n->by[like].count)
        like--;
    *id = n->by[like].first;
    if (!n->count || is_none(n, like))
        return NONE;
    bool one_waits = n->by[like].scheduled == 1 && (like == UNKNOWN || like == LIKE);
    if (n->wish == TO_PLACE ? like != UNKNOWN || n->by[like].ordered < 2 : n->by[like].count == 1 || one_waits)
        return FOUND;
    fail(c, E_NOT_FOUND, "several studies were ordered by these numbers, and which of them is meant is not said");
    return FAILED;
}

/* As the caller sees it; order->study_uid is what `said` tells. */
static enum found find_ordered_study(struct call *c, struct study_order *order, const struct study *said,
                                     enum wish wish, struct study *out)
{
    struct named n = { .order = order, .wish = wish, .accession_number = said->accession_number };
    int64_t id, patient = said->patient_id;
    order->study_uid = said->study_uid;
    if (!find_by_filler(c, patient, &n) || !find_by_placer(c, patient, &n) || !find_by_accession(c, patient, &n))
        return FAILED;
    enum found found = choose(c, &n, &id);
    return found != FOUND ? found : study_load(c, id, out) ? FOUND : FAILED;
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
    const struct str said[] = {
        order->placer_order_number, order->filler_order_number,    order->procedure_code, order->procedure_text,
        order->procedure_scheme,    order->requested_procedure_id, order->study_uid
    };
    for (int i = 0; i < (int)(sizeof(said) / sizeof(said[0])); i++)
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
    enum found found = find_ordered_study(c, order, said, TO_PLACE, &there);
    if (found == FAILED)
        return false;
    bool placed = found == FOUND ? change(c, said, &there, true, out) : place_anew(c, order, said, out);
    return placed && keep_order(c, order, out->id);
}

static bool find_ordered(struct call *c, struct study_order *order, const struct study *said, enum wish wish,
                         struct study *out)
{
    enum found found = find_ordered_study(c, order, said, wish, out);
    return found == FOUND || (found == NONE && fail(c, E_NOT_FOUND, "no study was ordered by these numbers"));
}

bool study_order_change(struct call *c, struct study_order *order, const struct study *said, struct study *out)
{
    struct study there;
    return find_ordered(c, order, said, TO_CHANGE, &there) && change(c, said, &there, false, out) &&
           keep_order(c, order, out->id);
}

bool study_order_cancel(struct call *c, struct study_order *order, const struct study *said, struct study *out)
{
    struct study there;
    int64_t changed = 0;
    if (!find_ordered(c, order, said, TO_CANCEL, &there))
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

/* Those that were ordered by one accession number; of those that wait, the last, and those for the modality. */
struct ordered {
    int64_t waits, exact, suits;
    bool has_modality; /* the last */
    int count, waiting, exact_count, suiting;
};

static void take_ordered(struct ordered *o, struct cursor *row, struct str modality)
{
    struct str wanted = cursor_text(row, 1);
    int64_t id = cursor_integer(row, 0);
    o->count++;
    if (!cursor_integer(row, 2))
        return;
    o->waiting++;
    o->waits = id;
    o->has_modality = wanted.len != 0;
    if (compare(wanted, modality) == LIKE && !o->exact_count++)
        o->exact = id;
    if (wanted.len && modality.len && modality_suits(modality, wanted) && !o->suiting++)
        o->suits = id;
}

enum found study_order_scheduled(struct call *c, int64_t patient_id, struct str accession_number, struct str modality,
                                 int64_t by, int64_t *study_id)
{
    struct cursor rows;
    struct ordered o = { 0 };
    db_rows(c, &rows,
            "select s.id, s.modality, case when s.status = 'SCHEDULED' and s.number_of_instances = 0 then 1 else 0 end "
            "from studies s where s.accession_number = ? and s.patient_id = ? and s.deleted_at is null and (s.status "
            "in ('SCHEDULED', 'CANCELLED') or exists (select 1 from study_orders o where o.study_id = s.id)) and "
            "(? = 1 or " VISIBLE_STUDY ") limit 100",
            V(accession_number), V(patient_id), V((int64_t)call_may(c, MAY_STORE_DICOM)), VISIBLE_STUDY_TO_USER(c, by));
    while (cursor_next(&rows))
        take_ordered(&o, &rows, modality);
    *study_id = o.exact_count == 1                                    ? o.exact
                : !o.exact_count && o.suiting == 1                    ? o.suits
                : o.waiting == 1 && (o.count == 1 || !o.has_modality) ? o.waits
                                                                      : 0;
    return !cursor_close(&rows) ? FAILED : *study_id ? FOUND : NONE;
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
