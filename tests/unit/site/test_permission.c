/* test_permission.c - the table of rights, and the roles that a new installation starts with. */
#include "site/permission.h"

#include "../base/test.h"

#include <string.h>

static const struct role_row *role(const char *name)
{
    for (int i = 0; i < role_count; i++)
        if (!strcmp(role_rows[i].name, name))
            return &role_rows[i];
    return NULL;
}

static bool grants(const struct role_row *role, enum permission permission)
{
    for (int i = 0; i < role->count; i++)
        if (role->permissions[i] == permission)
            return true;
    return false;
}

static void every_right_has_a_name_of_its_own_and_is_found_by_it(void **state)
{
    (void)state;
    assert_true(PERMISSIONS <= 64); /* bits of a mask */
    for (int i = 0; i < PERMISSIONS; i++) {
        assert_non_null(permission_rows[i].name);
        assert_true(strlen(permission_rows[i].doc) > 0);
        assert_int_equal(permission_of(str_from(permission_rows[i].name)), i);
    }
}

static void a_name_that_is_not_known_opens_nothing(void **state)
{
    (void)state;
    static const char *const names[] = { "", "patient", "patient.rea", "patient.read ", "PATIENT.READ", "*" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(permission_of(str_from(names[i])), -1);
    assert_int_equal(permission_of(STR_NULL), -1);
}

static void only_administrators_begin_with_accounts_and_the_log(void **state)
{
    (void)state;
    static const enum permission kept[] = { MAY_MANAGE_USERS,    MAY_READ_AUDIT,     MAY_READ_SYSTEM,
                                            MAY_DELETE_PATIENTS, MAY_DELETE_STUDIES, MAY_ARCHIVE_IMAGES };
    assert_null(role("admin")->permissions); /* all there are, also those to come */
    for (int i = 0; i < role_count; i++)
        for (size_t k = 0; role_rows[i].permissions && k < sizeof(kept) / sizeof(kept[0]); k++)
            assert_true(!grants(&role_rows[i], kept[k]) ||
                        (kept[k] == MAY_DELETE_PATIENTS && &role_rows[i] == role("interface"))); /* it merges them */
}

static void who_only_looks_changes_nothing(void **state)
{
    (void)state;
    static const enum permission reads[] = { MAY_READ_PATIENTS, MAY_READ_STUDIES, MAY_READ_IMAGES, MAY_READ_REPORTS };
    static const char *const names[] = { "nurse", "viewer" };
    for (int i = 0; i < 2; i++) {
        assert_int_equal(role(names[i])->count, 4);
        for (int k = 0; k < 4; k++)
            assert_true(grants(role(names[i]), reads[k]));
    }
}

static void a_machine_sends_and_sees_nothing(void **state)
{
    (void)state;
    assert_int_equal(role("service")->count, 2);
    assert_true(grants(role("service"), MAY_STORE_DICOM) && grants(role("service"), MAY_UPLOAD_IMAGES));
}

/* And for what tells of everybody's studies. */
static void everybody_s_images_are_for_radiologists(void **state)
{
    (void)state;
    for (int i = 0; i < role_count; i++)
        if (role_rows[i].permissions)
            assert_int_equal(grants(&role_rows[i], MAY_READ_ALL_IMAGES),
                             !strcmp(role_rows[i].name, "radiologist") || !strcmp(role_rows[i].name, "interface"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_right_has_a_name_of_its_own_and_is_found_by_it),
        cmocka_unit_test(a_name_that_is_not_known_opens_nothing),
        cmocka_unit_test(only_administrators_begin_with_accounts_and_the_log),
        cmocka_unit_test(who_only_looks_changes_nothing),
        cmocka_unit_test(a_machine_sends_and_sees_nothing),
        cmocka_unit_test(everybody_s_images_are_for_radiologists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
