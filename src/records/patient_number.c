/* patient_number.c - see patient_number.h. */
#include "records/patient_number.h"

#include "records/visibility.h"

enum { MERGES_MAX = 16 };

struct str patient_number_issuer(struct str issuer)
{
    return issuer.len ? issuer : S("");
}

bool patient_number_find(struct call *c, struct str number, struct str issuer, int64_t *id, bool *by_merge)
{
    struct value key = V(patient_number_issuer(issuer));
    *id = 0;
    *by_merge = false;
    enum found found =
        db_find_integer(c, id, "select id from patients where patient_id = ? and issuer_key = ? and deleted_at is null",
                        V(number), key);
    if (found == FOUND)
        return true;
    *by_merge = true;
    if (found == NONE)
        found = db_find_integer(c, id,
                                "select merged_into from patients where is_deleted = 1 and patient_id = ? and "
                                "issuer_key = ? and merged_into is not null order by id desc limit 1",
                                V(number), key);
    for (int i = 0; found == FOUND && *id > 0 && i < MERGES_MAX; i++) {
        int64_t next;
        found = db_find_integer(
            c, &next, "select coalesce(merged_into, 0) from patients where id = ? and is_deleted = 1", V(*id));
        if (found == FOUND)
            *id = next; /* else it is alive */
    }
    return found != FAILED;
}

/* The patient, as far as the caller is told of patients. */
static struct str told(struct call *c, int64_t id)
{
    return visibility_of_patients(c) ? arena_format(&c->arena, "patient %" PRId64, id) : S("another patient");
}

static bool card_is_free(struct call *c, const struct patient *patient)
{
    int64_t id = 0;
    if (!patient->id_card.len)
        return true;
    enum found found =
        db_find_integer(c, &id, "select id from patients where id_card_hash = ? and deleted_at is null and id <> ?",
                        value_text(db_lookup_hash(c, patient->id_card)), V(patient->id));
    return found == NONE ||
           (found == FOUND && fail(c, E_CONFLICT, "%.*s has this identity card (id_card)", STR_FMT(told(c, id))));
}

static bool is_free(struct call *c, const struct patient *patient, bool also_merged)
{
    int64_t id;
    bool by_merge;
    if (!patient_number_find(c, patient->patient_id, patient->issuer_of_patient_id, &id, &by_merge))
        return false;
    if (id && id != patient->id && !by_merge)
        return fail(c, E_CONFLICT, "%.*s has this number (patient_id)", STR_FMT(told(c, id)));
    if (id && id != patient->id && also_merged)
        return fail(c, E_CONFLICT,
                    "the patient with this number (patient_id) was merged into %.*s, where films with it go: it is "
                    "not given again",
                    STR_FMT(told(c, id)));
    return card_is_free(c, patient);
}

bool patient_number_is_free(struct call *c, const struct patient *patient)
{
    return is_free(c, patient, true);
}

bool patient_number_is_free_still(struct call *c, const struct patient *patient)
{
    return is_free(c, patient, false);
}
