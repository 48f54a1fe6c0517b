/* test_study_changes.c - what becomes of studies, and who sees them, done by somebody who acts without a request. */
#include "doing.h"

#include "records/assignment.h"
#include "records/study_change.h"
#include "records/study_view.h"
#include "records/visibility.h"
#include "records/modality.h"

struct study_doing {
    struct study said, out;
    struct study_change change;
    uint64_t members;
};

static bool register_study(struct call *c, void *context)
{
    struct study_doing *d = context;
    return study_register(c, &d->said, &d->out);
}

static bool change_study(struct call *c, void *context)
{
    struct study_doing *d = context;
    return study_change(c, &d->change, d->members, &d->out);
}

static bool delete_study(struct call *c, void *context)
{
    return study_delete(c, *(const int64_t *)context);
}

static bool settle_study(struct call *c, void *context)
{
    return study_conflict_settle(c, *(const int64_t *)context);
}

static struct study_doing study_of(int64_t patient, const char *uid)
{
    struct study_doing d;
    schema_clear(&study_schema, &d.said);
    d.said.patient_id = patient;
    d.said.study_uid = str_from(uid);
    d.said.modality = S("ct");
    d.said.status = STUDY_OPEN;
    return d;
}

static void a_study_is_registered_once(void **state)
{
    (void)state;
    struct study_doing d = study_of(a_patient("P1"), "");
    must(&house.call, done("study", register_study, &d));
    assert_str_is(d.out.modality, "CT");
    assert_int_equal(d.out.created_by, 5);
    assert_memory_equal(d.out.study_uid.at, "2.25.", 5);
    d.said.study_uid = d.out.study_uid;
    assert_refused(done("study", register_study, &d), E_CONFLICT, NULL);
    d = study_of(d.said.patient_id, "one.two");
    assert_refused(done("study", register_study, &d), E_INVALID, "not_a_uid");
    d = study_of(77, "1.2.3");
    assert_refused(done("study", register_study, &d), E_INVALID, "unknown_patient");
    assert_int_equal(count_rows("select count(*) from studies"), 1);
    assert_int_equal(count_rows("select count(*) from audit_logs a join studies s on s.id = a.entity_id and "
                                "s.patient_id = a.patient_id where a.entity = 'study' and a.user_id = 5"),
                     1);
}

static void a_study_moves_with_its_files(void **state)
{
    (void)state;
    struct call *c = &house.call;
    struct study_doing d;
    an_instance();
    int64_t study = count_rows("select id from studies"), other = a_patient("P2");
    schema_clear(&study_change_schema, &d.change);
    d.change.id = study;
    d.change.patient_id = other;
    d.change.description = S("moved");
    d.members = member(&study_change_schema, "patient_id") | member(&study_change_schema, "description");
    must(c, done("study", change_study, &d));
    assert_int_equal(d.out.patient_id, other);
    assert_str_is(d.out.description, "moved");
    must(c, done("study", settle_study, &study));
    assert_int_equal(count_rows("select patient_id from image_files"), other);
    assert_int_equal(count_rows("select image_count from patients where patient_id = 'P2'"), 1);
    d.change.patient_id = 77;
    assert_refused(done("study", change_study, &d), E_INVALID, "unknown_patient");
}

static void a_study_comes_back_after_its_patient_only(void **state)
{
    (void)state;
    struct call *c = &house.call;
    struct patient patient;
    struct study_doing d = study_of(a_patient("P1"), "1.2.3");
    must(c, done("study", register_study, &d));
    int64_t id = d.out.id, of = d.out.patient_id;
    must(c, done("study", delete_study, &id));
    assert_refused(done("study", settle_study, &id), E_NOT_FOUND, NULL);
    must(c, done("patient", delete_patient, &of));
    assert_refused(study_restore(c, id, &d.out), E_CONFLICT, NULL);
    must(c, patient_restore(c, of, &patient));
    assert_int_equal(count_rows("select count(*) from studies where is_deleted = 1"), 1);
    must(c, study_restore(c, id, &d.out));
    assert_false(d.out.is_deleted);
    house.who.permissions = 0; /* somebody else, who sees nothing of it */
    house.who.user_id = 6;
    assert_refused(done("study", delete_study, &id), E_NOT_FOUND, NULL);
}

static void a_study_is_shown_to_whom_it_is_opened(void **state)
{
    (void)state;
    struct call *c = &house.call;
    struct study study;
    struct grantee who;
    bool all;
    an_instance();
    int64_t series = count_rows("select id from series"), count = 0;
    must(c, series_load_study(c, series, &study) && series_count_instances(c, series, &count));
    assert_int_equal(count, 1);
    assert_refused(grantee_account(c, 77, &who), E_NOT_FOUND, NULL);
    must(c, grantee_account(c, 5, &who));
    assert_int_equal(who.kind, GRANTEE_USER);
    house.who.permissions = 0;
    must(c, study_shows_all_files(c, &study, &all));
    assert_true(all); /* who registered it, and no other sent any */
    study.instances_of_others = 1;
    must(c, study_shows_all_files(c, &study, &all));
    assert_false(all);
    house.who.user_id = 6;
    assert_refused(series_load_study(c, series, &study), E_NOT_FOUND, NULL);
    db_release(c);
}

static bool open_study(struct call *c, void *context)
{
    const struct study *study = context;
    struct grantee who;
    struct study_opening opening = { study->id, &who, call_user(c), 0 };
    return grantee_account(c, 6, &who) && assignment_may_open(c, study->id, &opening.only_of) &&
           assignment_open(c, &opening, NULL);
}

static bool add_another(struct call *c, void *context)
{
    (void)context;
    return db_execute(c, "insert into users(id, username, email, full_name, password_hash, created_at, updated_at) "
                         "select 6, 'ct2', 'ct2@example.org', 'CT 2', '', created_at, updated_at from users");
}

static bool make_it_theirs(struct call *c, void *context)
{
    (void)context;
    return db_execute(c, "update image_files set uploaded_by = 6");
}

static void who_gives_a_study_away_sees_all_of_it(void **state)
{
    (void)state;
    struct study study = { .id = 77 };
    an_instance();
    must(&house.call, db_transact(&house.call, add_another, NULL));
    assert_refused(done("study", open_study, &study), E_NOT_FOUND, NULL);
    study.id = count_rows("select id from studies");
    house.who.permissions = 0;
    must(&house.call, done("study", open_study, &study));
    must(&house.call, db_transact(&house.call, make_it_theirs, NULL));
    assert_int_equal(count_rows("select count(*) from study_assignments where user_id = 6 and created_by = 5"), 1);
    assert_refused(done("study", open_study, &study), E_FORBIDDEN, NULL);
}

static void studies_are_found_by_modality_as_they_are_shown(void **state)
{
    (void)state;
    struct call *c = &house.call;
    struct modalities asked;
    must(c, modality_take_list(c, S("ct,MR"), &asked));
    struct condition holds = visibility_studies_with_modality(c, &asked);
    assert_int_equal(holds.rest_count, 1); /* two modalities, and of nobody */
    assert_null(strstr(holds.sql, "image_files"));
    house.who.permissions = 0;
    assert_non_null(strstr(visibility_studies_with_modality(c, &asked).sql, "image_files"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_study_is_registered_once, open_house, close_house),
        cmocka_unit_test_setup_teardown(a_study_moves_with_its_files, open_house, close_house),
        cmocka_unit_test_setup_teardown(a_study_comes_back_after_its_patient_only, open_house, close_house),
        cmocka_unit_test_setup_teardown(a_study_is_shown_to_whom_it_is_opened, open_house, close_house),
        cmocka_unit_test_setup_teardown(who_gives_a_study_away_sees_all_of_it, open_house, close_house),
        cmocka_unit_test_setup_teardown(studies_are_found_by_modality_as_they_are_shown, open_house, close_house),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
