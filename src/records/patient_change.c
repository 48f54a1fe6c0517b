/* patient_change.c - registers, changes, deletes, restores and merges patients (patient_change.h). */
#include "records/patient_change.h"

#include "records/patient_number.h"
#include "records/record_lock.h"
#include "records/renewal.h"
#include "records/study_twins.h"
#include "records/trash.h"
#include "site/app.h"
#include "base/zone.h"

static bool birth_is_past(struct call *c, const struct patient *p)
{
    if (date_is_null(p->birth_date) || p->birth_date.days <= zone_today().days)
        return true;
    return error_add_problem(&c->error, &c->arena, "body", S("birth_date"), "in_the_future",
                             "a birth date cannot lie in the future");
}

/* What was done is about this patient, as it is now. */
static bool show(struct call *c, int64_t id, struct patient *out)
{
    audit_about(c, id, id);
    return patient_load(c, id, out);
}

bool patient_register(struct call *c, const struct patient *said, struct patient *out)
{
    struct patient p = *said;
    p.created_by = call_user(c);
    p.id = 0;
    return birth_is_past(c, &p) && patient_number_is_free(c, &p) && db_insert(c, &patient_schema, &p, &p.id) &&
           patient_index(c, &p) && show(c, p.id, out);
}

/* The studies are found by what has changed. */
static bool renames(const struct patient *before, const struct patient *after)
{
    struct search_text was[SEARCH_TEXTS_MAX], is[SEARCH_TEXTS_MAX];
    int count = patient_texts(before, was);
    patient_texts(after, is);
    for (int i = 0; i < count; i++)
        if (!str_equal(was[i].text, is[i].text))
            return true;
    return false;
}

/* The number or card that it gets is nobody else's. */
static bool number_fits(struct call *c, const struct patient *in, uint64_t members, const struct patient *before)
{
    static const char *const names[] = { "patient_id", "issuer_of_patient_id", "id_card" };
    struct patient after = *before;
    struct str *to[] = { &after.patient_id, &after.issuer_of_patient_id, &after.id_card };
    const struct str from[] = { in->patient_id, in->issuer_of_patient_id, in->id_card };
    bool changes = false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (schema_was_given(&patient_schema, members, names[i]) && !str_equal(*to[i], from[i])) {
            *to[i] = from[i];
            changes = true;
        }
    return !changes || patient_number_is_free(c, &after);
}

bool patient_change(struct call *c, const struct patient *said, uint64_t members, struct patient *out)
{
    struct patient in = *said, before;
    if (!lock_patients(c, in.id, 0) || !patient_load(c, in.id, &before) || !birth_is_past(c, &in) ||
        !number_fits(c, &in, members, &before))
        return false;
    if (db_find_update(c, &patient_schema, &in, members, "where id = ? and deleted_at is null", V(in.id)) == FAILED)
        return false;
    return show(c, in.id, out) && patient_index(c, out) && (!renames(&before, out) || renewal_of_patient(c, in.id));
}

bool patient_delete(struct call *c, int64_t id)
{
    const struct tree tree = { .patient_id = id };
    struct patient before;
    return lock_patients(c, id, 0) && show(c, id, &before) && trash_tree(c, &tree) &&
           search_remove(c, "patient_search", id);
}

/* ---- brought back ---- */

struct bringing {
    int64_t id;
    struct patient *out;
};

static bool find_deleted(struct call *c, void *context, struct tree *tree, struct instant *deleted_at)
{
    const struct bringing *b = context;
    if (!lock_patients(c, b->id, 0))
        return false;
    if (!db_get(c, &patient_schema, b->out, "where p.id = ? and p.deleted_at is not null", V(b->id)))
        return fail(c, E_NOT_FOUND, "there is no deleted patient %" PRId64, b->id);
    *tree = (struct tree){ .patient_id = b->id };
    *deleted_at = b->out->deleted_at;
    return patient_number_is_free_still(c, b->out) && study_twins_make_way(c, tree, *deleted_at);
}

static bool finish_restoring(struct call *c, void *context)
{
    const struct bringing *b = context;
    return db_execute(c, "update patients set merged_into = null where id = ? and merged_into is not null", V(b->id)) &&
           show(c, b->id, b->out) && patient_index(c, b->out) && audit_change(c);
}

bool patient_restore(struct call *c, int64_t id, struct patient *out)
{
    static const struct restoring how = { find_deleted, finish_restoring };
    return trash_restore(c, &how, &(struct bringing){ id, out });
}

/* ---- the other record turned out to be the same person ---- */

bool patient_merge(struct call *c, int64_t id, int64_t source, struct patient *out)
{
    struct patient gone, target;
    struct instant now = clock_now();
    if (id == source)
        return error_add_problem(&c->error, &c->arena, "body", S("source_id"), "same_patient",
                                 "this is the patient itself");
    if (!lock_patients(c, id, source) || !patient_load(c, id, &target))
        return false; /* locked: nothing may be filed under the one that goes meanwhile */
    enum found found = patient_find(c, source, &gone);
    if (found != FOUND)
        return found == NONE && error_add_problem(&c->error, &c->arena, "body", S("source_id"), "unknown_patient",
                                                  "there is no such patient");
    return trash_move(c, &(struct tree){ .patient_id = source }, id) &&
           db_execute(
               c, "update patients set deleted_at = ?, deleted_by = ?, merged_into = ?, updated_at = ? where id = ?",
               V(now), V(call_user(c)), V(id), V(now), V(source)) &&
           search_remove(c, "patient_search", source) && renewal_of_patient(c, id) && show(c, id, out);
}
