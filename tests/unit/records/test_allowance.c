/* test_allowance.c - how much one account may take up. The counters are those that triggers of the database keep. */
#include "../intake/house.h"

#include "records/allowance.h"

static struct house house;

static int open_house(void **state)
{
    house = (struct house){ 0 };
    if (folder_setup(state))
        return -1;
    house_open(&house, *state);
    return 0;
}

static int close_house(void **state)
{
    house_close(&house);
    return folder_teardown(state);
}

static bool run_statement(struct call *c, void *context)
{
    return db_execute(c, context);
}

static void run(const char *sql)
{
    must(&house.call, db_transact(&house.call, run_statement, (void *)(uintptr_t)sql));
}

/* Each begins with an account that has nothing. */
static int nothing_there(void **state)
{
    (void)state;
    run("delete from image_files");
    return 0;
}

static void files(const char *values)
{
    struct call *c = &house.call;
    const char *sql =
        arena_format(&c->arena,
                     "insert into image_files(file_uuid, original_filename, file_type, mime_type, file_size, "
                     "uploaded_by, status, created_at, updated_at) values %s",
                     values)
            .at;
    run(sql);
}

static bool begin(struct call *c, void *context)
{
    (void)context;
    return allowance_begin(c, 5);
}

static bool hold(struct call *c, void *context)
{
    return allowance_bytes(c, 5, *(const int64_t *)context);
}

static bool fits(int64_t more)
{
    bool ok = db_transact(&house.call, hold, &more);
    if (!ok)
        assert_int_equal(house.call.error.code, E_STORAGE_FULL);
    error_clear(&house.call.error);
    return ok;
}

static void uploads_under_way_are_few(void **state)
{
    (void)state;
    struct call *c = &house.call;
    house.app.config.max_uploads_under_way = 2;
    must(c, db_transact(c, begin, NULL));
    files("('u1', 'a', 'PNG', 'image/png', 10, 5, 'UPLOADING', 1, 1), "
          "('u2', 'b', 'PNG', 'image/png', 10, 5, 'UPLOADED', 1, 1)");
    must(c, db_transact(c, begin, NULL)); /* one of the two is done */
    files("('u3', 'c', 'PNG', 'image/png', 10, 5, 'UPLOADING', 1, 1)");
    assert_false(db_transact(c, begin, NULL));
    assert_int_equal(c->error.code, E_TOO_MANY);
    assert_true(c->error.retry_after_s > 0);
    error_clear(&c->error);
    run("delete from image_files where file_uuid = 'u1'");
    must(c, db_transact(c, begin, NULL));
}

static void bytes_may_come_up_to_the_quota_and_no_further(void **state)
{
    (void)state;
    house.app.config.account_quota_bytes = 100;
    assert_true(fits(100));
    assert_false(fits(101));
    assert_false(fits(INT64_MAX)); /* nothing runs over */
    files("('u1', 'a', 'PNG', 'image/png', 60, 5, 'UPLOADED', 1, 1), "
          "('u2', 'b', 'PNG', 'image/png', 30, 5, 'UPLOADING', 1, 1)");
    assert_true(fits(10));
    assert_false(fits(11));
}

static void what_is_deleted_is_given_back(void **state)
{
    (void)state;
    house.app.config.account_quota_bytes = 100;
    files("('u1', 'a', 'PNG', 'image/png', 100, 5, 'UPLOADED', 1, 1)");
    assert_false(fits(1));
    run("update image_files set deleted_at = 2, deleted_by = 5");
    assert_true(fits(100));
}

static void without_a_quota_there_is_none(void **state)
{
    (void)state;
    house.app.config.account_quota_bytes = 0;
    assert_true(fits(INT64_MAX));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup(name, nothing_there)
    const struct CMUnitTest tests[] = {
        CASE(uploads_under_way_are_few),
        CASE(bytes_may_come_up_to_the_quota_and_no_further),
        CASE(what_is_deleted_is_given_back),
        CASE(without_a_quota_there_is_none),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
