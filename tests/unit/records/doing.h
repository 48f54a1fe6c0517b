/* doing.h - rules of records, each done as one transaction with its audit row by somebody who acts without a request
 * (house.h), and what they are done to: a patient, an instance. */
#ifndef ROENTGEN_TEST_DOING_H
#define ROENTGEN_TEST_DOING_H

#include "../intake/house.h"

#include "intake/instance_store.h"
#include "records/patient_change.h"

static struct house house;

static inline int open_house(void **state)
{
    house = (struct house){ 0 };
    if (folder_setup(state))
        return -1;
    house_open(&house, *state);
    return 0;
}

static inline int close_house(void **state)
{
    house_close(&house);
    return folder_teardown(state);
}

/* One transaction with its audit row, as a request or a step of a job is. */
struct doing {
    bool (*rule)(struct call *c, void *context);
    void *context;
};

static inline bool do_and_tell(struct call *c, void *context)
{
    const struct doing *d = context;
    return d->rule(c, d->context) && audit_change(c);
}

static inline bool done(const char *entity, bool (*rule)(struct call *c, void *context), void *context)
{
    error_clear(&house.call.error);
    audit_about(&house.call, 0, 0);
    audit_action(&house.call, "test", entity);
    return db_transact(&house.call, do_and_tell, &(struct doing){ rule, context });
}

static inline void assert_refused(bool did, enum error_code code, const char *type)
{
    const struct error *error = &house.call.error;
    assert_false(did);
    assert_int_equal(error->code, code);
    if (type)
        assert_string_equal(error->problems->type, type);
    error_clear(&house.call.error);
}

static inline uint64_t member(const struct schema *schema, const char *name)
{
    int index = schema_find(schema, str_from(name));
    assert_true(index >= 0);
    return GIVEN(index);
}

static inline int64_t count_rows(const char *sql)
{
    return house_count(&house.call, sql);
}

struct patient_doing {
    struct patient said, out;
    uint64_t members;
    int64_t id, source;
};

static inline bool register_patient(struct call *c, void *context)
{
    struct patient_doing *d = context;
    return patient_register(c, &d->said, &d->out);
}

static inline bool delete_patient(struct call *c, void *context)
{
    return patient_delete(c, *(const int64_t *)context);
}

static inline int64_t a_patient(const char *number)
{
    struct patient_doing d;
    schema_clear(&patient_schema, &d.said);
    d.said.patient_id = str_from(number);
    d.said.name = S("王小明");
    d.said.gender = GENDER_MALE;
    d.said.status = PATIENT_ACTIVE;
    must(&house.call, done("patient", register_patient, &d));
    assert_int_equal(d.out.created_by, 5);
    return d.out.id;
}

static inline int64_t an_instance(void)
{
    struct call *c = &house.call;
    struct instance_outcome stored;
    struct spooled *file = house_spool(c, "instance", house_sample(c, "dicom/petct-ct.dcm"));
    audit_action(c, "image_file.upload", "image_file");
    instance_store(c, file, S(""), &stored);
    spool_drop(file);
    assert_int_equal(stored.reason, REASON_NONE);
    return count_rows("select max(id) from image_files");
}

#endif
