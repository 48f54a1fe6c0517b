/* stated_patient.c - see stated_patient.h. */
#include "records/stated_patient.h"

#include "records/patient_number.h"

bool stated_patient_find(struct call *c, struct image_file *row)
{
    struct str number = str_trim(row->stated_patient_number);
    int64_t id = row->stated_patient_id, named = 0;
    bool by_merge;
    struct patient patient;
    if (!number.len && id <= 0)
        return true;
    row->patient_id = INTEGER_NULL;
    if (number.len && !patient_number_find(c, number, STR_NULL, &named, &by_merge))
        return false;
    if (number.len && id > 0 && named != id)
        return true;
    if (!filing_load_patient(c, number.len ? named : id, &patient))
        return false;
    if (named && !patient.id) /* it was found before it could be locked */
        return db_again(c);
    if (patient.id)
        row->patient_id = patient.id;
    return true;
}

bool stated_patient_join(struct call *c, struct filing *f, const struct image_file *row)
{
    struct str stated = str_trim(row->stated_patient_number), *number = &f->patient.patient_id;
    if (!number->len && stated.len)
        *number = stated;
    if (!stated.len || (str_equal(str_trim(*number), stated) && !f->patient.issuer_of_patient_id.len))
        return true;
    f->refused = true;
    return fail(c, E_CONFLICT,
                "the file speaks of another patient: its Patient ID (0010,0020) is not the number stated");
}
