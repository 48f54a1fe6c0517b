/* adt.c - patients are registered, changed and merged as ADT messages say (HL7 v2.5.1, chapter 3). */
#include "order/parts.h"

#include "records/patient_change.h"
#include "records/patient_number.h"

/* What a record has that the message says likewise is not said again: an unchanged patient leaves no row. */
static uint64_t differing(const struct patient_said *said, const struct patient *before)
{
    uint64_t members = 0;
    struct arena arena;
    arena_init(&arena);
    for (int i = 0; i < patient_schema.count; i++) {
        const struct field *field = &patient_schema.fields[i];
        if (!(said->members & GIVEN(i)))
            continue;
        struct value a = field->kind->get(field, (const char *)&said->patient + field->offset, &arena);
        struct value b = field->kind->get(field, (const char *)before + field->offset, &arena);
        if (a.type != b.type || !str_equal(a.text, b.text))
            members |= GIVEN(i);
    }
    arena_release(&arena);
    return members;
}

static bool change(struct call *c, struct received *r, struct patient_said *said, int64_t id)
{
    struct patient before, after;
    if (!patient_load(c, id, &before))
        return false;
    uint64_t members = differing(said, &before);
    said->patient.id = id;
    if (!members)
        return true;
    if (!begin_deed(c, r, MAY_UPDATE_PATIENTS, "patient.update", "patient") ||
        !patient_change(c, &said->patient, members, &after))
        return false;
    audit_changed(c, &patient_schema, &before, &after, members);
    return end_deed(c);
}

static bool add(struct call *c, struct received *r, struct patient_said *said, int64_t *id)
{
    struct patient made;
    if (!said->patient.name.len)
        said->patient.name = S("Unnamed");
    if (!said->patient.gender)
        said->patient.gender = GENDER_UNKNOWN;
    if (!said->patient.status)
        said->patient.status = PATIENT_ACTIVE;
    if (!begin_deed(c, r, MAY_CREATE_PATIENTS, "patient.create", "patient") ||
        !patient_register(c, &said->patient, &made))
        return false;
    *id = made.id;
    return end_deed(c);
}

static bool find_or_add(struct call *c, struct received *r, struct patient_said *said, bool changes, int64_t *id)
{
    bool by_merge = false;
    if (!patient_number_find(c, said->patient.patient_id, said->patient.issuer_of_patient_id, id, &by_merge))
        return false;
    if (*id && by_merge && changes) /* what it says is of who has left: it is no word on the one that stays */
        return refuse(c, r, HL7_UNKNOWN_KEY, "PID^1^3", "this number was merged into another patient before");
    return *id ? !changes || change(c, r, said, *id) : add(c, r, said, id);
}

bool patient_of(struct call *c, struct received *r, const struct hl7_segment *pid, bool changes, int64_t *id)
{
    struct patient_said said;
    return patient_said(c, r, pid, &said) && find_or_add(c, r, &said, changes, id);
}

bool adt_change(struct call *c, struct received *r)
{
    int64_t id;
    return patient_of(c, r, hl7_segment(&r->message, "PID"), true, &id);
}

/* ---- merged ---- */

/* A number that nobody has yet is merged all the same: films come with it for years (records/patient_number.h). */
static bool merge(struct call *c, struct received *r, const struct hl7_segment *pid, const struct hl7_segment *mrg)
{
    struct patient_said stays, goes;
    struct patient merged;
    int64_t id, source;
    if (!patient_said(c, r, pid, &stays) ||
        !patient_number_said(c, r, hl7_field(&r->message, mrg, 1), "MRG^1^1", &goes.patient.patient_id,
                             &goes.patient.issuer_of_patient_id))
        return false;
    struct str number = goes.patient.patient_id, issuer = goes.patient.issuer_of_patient_id;
    goes = stays;
    goes.patient.patient_id = number;
    goes.patient.issuer_of_patient_id = issuer;
    goes.patient.id_card = STR_NULL; /* there is one of each */
    if (!find_or_add(c, r, &stays, false, &id) || !find_or_add(c, r, &goes, false, &source))
        return false;
    bool by_merge = false, stays_by_merge = false;
    int64_t own;
    if (!patient_number_find(c, number, issuer, &own, &by_merge) ||
        !patient_number_find(c, stays.patient.patient_id, stays.patient.issuer_of_patient_id, &own, &stays_by_merge))
        return false;
    if (id == source && by_merge && !stays_by_merge)
        return true; /* it was merged before */
    if (id == source)
        return refuse(c, r, HL7_UNKNOWN_KEY, "MRG^1^1", "both numbers are of the patient whom this one stands for");
    if (by_merge)
        return refuse(c, r, HL7_UNKNOWN_KEY, "MRG^1^1", "this number was merged into another patient before");
    return begin_deed(c, r, MAY_DELETE_PATIENTS, "patient.merge", "patient") && patient_merge(c, id, source, &merged) &&
           end_deed(c);
}

/* Each PID goes with the MRG behind it. */
bool adt_merge(struct call *c, struct received *r)
{
    const struct hl7_segment *pid = NULL;
    int count = 0;
    for (int i = 0; i < r->message.count; i++) {
        const struct hl7_segment *segment = &r->message.segments[i];
        if (hl7_is(segment, "PID"))
            pid = segment;
        if (!hl7_is(segment, "MRG"))
            continue;
        count++;
        if (!merge(c, r, pid, segment))
            return false;
    }
    return count || refuse(c, r, HL7_SEQUENCE, "MRG", "it has no MRG");
}
