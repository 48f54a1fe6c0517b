/* Moments of schedules, as crontab(5) has them. */
#include "jobs/cron.h"

#include "../base/test.h"
#include "base/zone.h"

static struct instant at(const char *text)
{
    struct instant t;
    assert_true(zone_parse(str_from(text), &t));
    return t;
}

static void use_zone(const char *name)
{
    struct error error = { 0 };
    assert_true(zone_set(str_from(name), &error));
}

static void assert_next(const char *schedule, const char *after, const char *next)
{
    struct cron cron;
    struct error error = { 0 };
    assert_true(cron_read(str_from(schedule), &cron, &error));
    assert_int_equal(cron_next(&cron, at(after)).us, at(next).us);
}

static void parts_are_numbers_ranges_steps_lists_and_names(void **state)
{
    (void)state;
    use_zone("UTC");
    assert_next("* * * * *", "2026-03-01T10:00:00Z", "2026-03-01T10:01:00Z");
    assert_next("* * * * *", "2026-03-01T10:00:59.5Z", "2026-03-01T10:01:00Z");
    assert_next("30 2 * * *", "2026-03-01T02:30:00Z", "2026-03-02T02:30:00Z");
    assert_next("*/15 9-17 * * mon-fri", "2026-02-27T17:45:00Z", "2026-03-02T09:00:00Z");
    assert_next("0 0 1 JAN,jul *", "2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z");
    assert_next("5/20 * * * *", "2026-03-01T10:06:00Z", "2026-03-01T10:25:00Z");
    assert_next("0 12 * * 7", "2026-03-02T00:00:00Z", "2026-03-08T12:00:00Z");
    assert_next("0 12 * * 0", "2026-03-02T00:00:00Z", "2026-03-08T12:00:00Z");
    assert_next(" @daily ", "2026-12-31T10:00:00Z", "2027-01-01T00:00:00Z");
    assert_next("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z");
}

static void two_days_are_either(void **state)
{
    (void)state;
    use_zone("UTC");
    assert_next("0 0 13 * fri", "2026-03-01T00:00:00Z", "2026-03-06T00:00:00Z");
    assert_next("0 0 13 * *", "2026-03-01T00:00:00Z", "2026-03-13T00:00:00Z");
    assert_next("0 0 */10 * fri", "2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z"); /* begins with a star */
}

static void a_day_that_never_comes_is_refused(void **state)
{
    (void)state;
    struct cron cron;
    struct error error = { 0 };
    use_zone("UTC");
    assert_false(cron_read(S("0 0 31 2 *"), &cron, &error));
    assert_false(cron_read(S("0 0 30 feb *"), &cron, &error));
    assert_true(cron_read(S("0\t0\t 31  1,2 *"), &cron, &error));
}

static void times_are_of_the_zone(void **state)
{
    (void)state;
    use_zone("Asia/Shanghai");
    assert_next("0 2 * * *", "2026-03-01T17:59:00Z", "2026-03-01T18:00:00Z");
    use_zone("Europe/Berlin"); /* 2026-03-29 02:00 is 03:00; 2026-10-25 03:00 is 02:00 once more */
    assert_next("30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z");
    assert_next("30 2 * * *", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z");
    assert_next("0 12 * * *", "2026-10-24T11:00:00Z", "2026-10-25T11:00:00Z");
    struct cron cron;
    struct error error = { 0 };
    assert_true(cron_read(S("30 2 * * *"), &cron, &error));
    struct instant once = cron_next(&cron, at("2026-10-24T12:00:00Z"));
    assert_int_equal(cron_next(&cron, once).us, at("2026-10-26T01:30:00Z").us);
    use_zone("UTC");
}

static void what_is_no_schedule_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "",           "* * * *",      "* * * * * *", "60 * * * *",  "* 24 * * *",
                                         "* * 0 * *",  "* * * 13 *",   "* * * * 8",   "*/0 * * * *", "5-1 * * * *",
                                         "a * * * *",  "1,,2 * * * *", "1- * * * *",  "@never",      "-1 * * * *",
                                         "* * * foo *" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct cron cron;
        struct error error = { 0 };
        if (cron_read(str_from(wrong[i]), &cron, &error))
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_int_equal(error.code, E_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_numbers_ranges_steps_lists_and_names),
        cmocka_unit_test(two_days_are_either),
        cmocka_unit_test(a_day_that_never_comes_is_refused),
        cmocka_unit_test(times_are_of_the_zone),
        cmocka_unit_test(what_is_no_schedule_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
