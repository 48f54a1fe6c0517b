/* test_visibility.c - who sees what: the conditions themselves, asked of a few rows by callers of all kinds. */
#include "../intake/house.h"

#include "records/visibility.h"

enum { OWNER = 5, BY_NAME = 6, BY_ROLE = 7, BY_DEPARTMENT = 8, STRANGER = 9, DEPARTMENTLESS = 10 };
enum { SHARED_STUDY = 1, OWN_STUDY, SHARED_FILE = 1, OWN_FILE, LOOSE_FILE };

static struct house house;

static bool run_statements(struct call *c, void *context)
{
    static const char *const rows[] = {
        "insert into users(id, username, email, full_name, password_hash, department, created_at, updated_at) values "
        "(6, 'b', 'b@x.y', 'B', '', null, 1, 1), (7, 'c', 'c@x.y', 'C', '', 'icu', 1, 1), "
        "(8, 'd', 'd@x.y', 'D', '', 'ward', 1, 1), (9, 'e', 'e@x.y', 'E', '', 'Ward 2', 1, 1), "
        "(10, 'f', 'f@x.y', 'F', '', null, 1, 1)",
        "insert into roles(id, name, description, created_at) values (1, 'night', '', 1), (2, 'day', '', 1)",
        "insert into user_roles(user_id, role_id) values (7, 1), (9, 2)",
        "insert into patients(id, patient_id, name, created_by, created_at, updated_at) values (1, 'P', 'P', 5, 1, 1)",
        "insert into studies(id, study_uid, patient_id, created_by, created_at, updated_at) values "
        "(1, '1.1', 1, 5, 1, 1), (2, '1.2', 1, 5, 1, 1)",
        "insert into image_files(id, file_uuid, original_filename, file_type, mime_type, file_size, uploaded_by, "
        "patient_id, study_id, status, created_at, updated_at) values "
        "(1, 'a', 'a', 'DICOM', 'a/d', 1, 5, 1, 1, 'UPLOADED', 1, 1), "
        "(2, 'b', 'b', 'DICOM', 'a/d', 1, 5, 1, 2, 'UPLOADED', 1, 1), "
        "(3, 'c', 'c', 'PNG', 'image/png', 1, 5, 1, null, 'UPLOADED', 1, 1)",
        "insert into study_assignments(study_id, user_id, created_by, created_at) values (1, 6, 5, 1)",
        "insert into study_role_assignments(study_id, role_id, created_by, created_at) values (1, 1, 5, 1)",
        "insert into study_department_assignments(study_id, department, created_by, created_at) values "
        "(1, 'ward', 5, 1)",
    };
    (void)context;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!db_execute(c, rows[i]))
            return false;
    return true;
}

static int open_house(void **state)
{
    if (folder_setup(state))
        return -1;
    house_open(&house, *state);
    must(&house.call, db_transact(&house.call, run_statements, NULL));
    return 0;
}

static int close_house(void **state)
{
    house_close(&house);
    return folder_teardown(state);
}

static struct call *as(int64_t user, uint64_t permissions)
{
    house.who = (struct principal){ .user_id = user, .permissions = permissions };
    return &house.call;
}

static const uint64_t reads = PERMISSION_BIT(MAY_READ_IMAGES) | PERMISSION_BIT(MAY_READ_STUDIES);

static bool sees_file(int64_t user, uint64_t permissions, int64_t file)
{
    bool sees = false;
    must(&house.call, visibility_of_file(as(user, permissions), file, &sees));
    return sees;
}

static bool sees_study(int64_t user, uint64_t permissions, int64_t study)
{
    int64_t one;
    struct call *c = as(user, permissions);
    return db_find_integer(c, &one, "select 1 from studies s where s.id = ? and " VISIBLE_STUDY, V(study),
                           VISIBLE_STUDY_TO(c)) == FOUND;
}

static void owners_see_their_own(void **state)
{
    (void)state;
    for (int64_t file = SHARED_FILE; file <= LOOSE_FILE; file++)
        assert_true(sees_file(OWNER, reads, file));
    assert_true(sees_study(OWNER, reads, OWN_STUDY));
    assert_true(sees_file(OWNER, 0, OWN_FILE)); /* who uploads only still has what was uploaded */
}

static void strangers_see_nothing(void **state)
{
    (void)state;
    static const int64_t users[] = { STRANGER, DEPARTMENTLESS, 0, 99 };
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
        for (int64_t file = SHARED_FILE; file <= LOOSE_FILE; file++)
            assert_false(sees_file(users[i], reads, file));
        assert_false(sees_study(users[i], reads, SHARED_STUDY));
    }
}

static void a_study_is_opened_to_an_account_a_role_or_a_department(void **state)
{
    (void)state;
    for (int64_t user = BY_NAME; user <= BY_DEPARTMENT; user++) {
        bool assigned = false;
        assert_true(sees_study(user, reads, SHARED_STUDY));
        assert_true(sees_file(user, reads, SHARED_FILE));
        must(&house.call, visibility_is_assigned(&house.call, user, SHARED_STUDY, &assigned));
        assert_true(assigned);
        assert_false(sees_study(user, reads, OWN_STUDY)); /* and no other */
        assert_false(sees_file(user, reads, OWN_FILE));
        assert_false(sees_file(user, reads, LOOSE_FILE)); /* of the same patient */
    }
}

static void what_is_opened_needs_the_right_to_read(void **state)
{
    (void)state;
    uint64_t uploads = PERMISSION_BIT(MAY_UPLOAD_IMAGES) | PERMISSION_BIT(MAY_READ_PATIENTS);
    for (int64_t user = BY_NAME; user <= BY_DEPARTMENT; user++) {
        assert_false(sees_study(user, uploads, SHARED_STUDY));
        assert_false(sees_file(user, uploads, SHARED_FILE));
    }
}

static void one_right_opens_everything(void **state)
{
    (void)state;
    uint64_t all = PERMISSION_BIT(MAY_READ_ALL_IMAGES);
    struct condition scopes[VISIBILITY_SCOPES];
    for (int64_t file = SHARED_FILE; file <= LOOSE_FILE; file++)
        assert_true(sees_file(STRANGER, all, file));
    assert_true(sees_study(STRANGER, all, OWN_STUDY));
    uint64_t documents = all | PERMISSION_BIT(MAY_READ_REPORTS);
    assert_int_equal(visibility_file_scopes(as(STRANGER, documents), scopes), 0);
    assert_false(visibility_excludes_documents(as(STRANGER, documents), scopes));
    assert_int_equal(visibility_file_scopes(as(STRANGER, all), scopes), 0);
    assert_true(visibility_excludes_documents(as(STRANGER, all), scopes)); /* all but reports' documents */
    assert_true(visibility_file_scopes(as(STRANGER, UINT64_MAX & ~all), scopes) > 0);
    db_release(&house.call);
}

static void others_files_of_a_study_are_hidden_or_not(void **state)
{
    (void)state;
    bool hides = false, all = true;
    must(&house.call, visibility_hides_files_of_study(as(STRANGER, reads), SHARED_STUDY, &hides));
    assert_true(hides);
    must(&house.call, visibility_of_study_files(as(STRANGER, reads), SHARED_STUDY, &all));
    assert_false(all);
    for (int64_t user = OWNER; user <= BY_DEPARTMENT; user++) {
        must(&house.call, visibility_hides_files_of_study(as(user, reads), SHARED_STUDY, &hides));
        assert_false(hides);
    }
    db_release(&house.call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners_see_their_own),
        cmocka_unit_test(strangers_see_nothing),
        cmocka_unit_test(a_study_is_opened_to_an_account_a_role_or_a_department),
        cmocka_unit_test(what_is_opened_needs_the_right_to_read),
        cmocka_unit_test(one_right_opens_everything),
        cmocka_unit_test(others_files_of_a_study_are_hidden_or_not),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
