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
    use_zone("UTC");
}

/* Each that comes from the one moment on, up to the other. */
static void assert_comes(const char *schedule, const char *from, const char *to, const char *const *wanted)
{
    struct cron cron;
    struct error error = { 0 };
    assert_true(cron_read(str_from(schedule), &cron, &error));
    struct instant t = { at(from).us - 1 };
    while ((t = cron_next(&cron, t)).us < at(to).us) {
        if (!*wanted || t.us != at(*wanted).us) {
            char text[INSTANT_TEXT_MAX];
            instant_write(t, text);
            fail_msg("%s comes at %s instead of %s", schedule, text, *wanted ? *wanted : "never");
        }
        wanted++;
    }
    if (*wanted)
        fail_msg("%s does not come at %s", schedule, *wanted);
}
#define COMES(schedule, from, to, ...) assert_comes(schedule, from, to, (const char *const[]){ __VA_ARGS__, NULL })

/* The changes are those of the IANA time zone database. */
static void what_clocks_put_forward_leap_over_comes_once(void **state)
{
    (void)state;
    use_zone("Europe/Berlin"); /* at 01:00Z from 2:00 to 3:00 */
    COMES("30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z");
    COMES("0,30 2 * * sun", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", "2026-03-29T01:00:00Z");
    COMES("30 2,3 * * *", "2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z", "2026-03-29T01:00:00Z",
          "2026-03-29T01:30:00Z");
    COMES("*/15 * * * *", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T00:30:00Z",
          "2026-03-29T00:45:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z");
    COMES("5 * * * *", "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z", "2026-03-29T00:05:00Z", "2026-03-29T01:05:00Z");
    use_zone("America/New_York"); /* at 07:00Z from 2:00 to 3:00 */
    COMES("30 2 * * *", "2026-03-08T00:00:00Z", "2026-03-09T12:00:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z");
    use_zone("Australia/Lord_Howe"); /* at 15:30Z from 2:00 to 2:30 */
    COMES("15 2 * * *", "2026-10-03T12:00:00Z", "2026-10-04T12:00:00Z", "2026-10-03T15:30:00Z");
    COMES("30 2 * * *", "2026-10-03T12:00:00Z", "2026-10-04T12:00:00Z", "2026-10-03T15:30:00Z");
    COMES("*/15 * * * *", "2026-10-03T15:00:00Z", "2026-10-03T16:00:00Z", "2026-10-03T15:00:00Z",
          "2026-10-03T15:15:00Z", "2026-10-03T15:30:00Z", "2026-10-03T15:45:00Z");
    use_zone("America/Sao_Paulo"); /* 2018-11-04, at 03:00Z from 0:00 to 1:00 */
    COMES("@daily", "2018-11-03T12:00:00Z", "2018-11-05T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z");
    use_zone("UTC");
}

static void what_comes_twice_is_taken_once_unless_it_goes_by_the_passing_of_time(void **state)
{
    (void)state;
    use_zone("Europe/Berlin"); /* at 01:00Z from 3:00 to 2:00 */
    COMES("30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z");
    COMES("0 12 * * *", "2026-10-24T11:00:00Z", "2026-10-26T11:00:00Z", "2026-10-25T11:00:00Z");
    COMES("30 1-3 * * *", "2026-10-24T22:00:00Z", "2026-10-25T12:00:00Z", "2026-10-24T23:30:00Z",
          "2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z");
    COMES("*/15 * * * *", "2026-10-25T00:30:00Z", "2026-10-25T02:15:00Z", "2026-10-25T00:30:00Z",
          "2026-10-25T00:45:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:15:00Z", "2026-10-25T01:30:00Z",
          "2026-10-25T01:45:00Z", "2026-10-25T02:00:00Z");
    COMES("*/30 0-2 * * *", "2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z", "2026-10-25T00:00:00Z",
          "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z");
    COMES("@hourly", "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z", "2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z",
          "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z");
    use_zone("America/New_York"); /* at 06:00Z from 2:00 to 1:00 */
    COMES("30 1 * * *", "2026-10-31T12:00:00Z", "2026-11-02T12:00:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z");
    COMES("30 * * * *", "2026-11-01T05:00:00Z", "2026-11-01T08:00:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z",
          "2026-11-01T07:30:00Z");
    use_zone("Australia/Lord_Howe"); /* at 15:00Z from 2:00 to 1:30 */
    COMES("45 1 * * *", "2026-04-04T12:00:00Z", "2026-04-05T12:00:00Z", "2026-04-04T14:45:00Z");
    COMES("30 1 * * *", "2026-04-04T12:00:00Z", "2026-04-05T12:00:00Z", "2026-04-04T14:30:00Z");
    COMES("*/15 * * * *", "2026-04-04T14:30:00Z", "2026-04-04T15:45:00Z", "2026-04-04T14:30:00Z",
          "2026-04-04T14:45:00Z", "2026-04-04T15:00:00Z", "2026-04-04T15:15:00Z", "2026-04-04T15:30:00Z");
    use_zone("America/Sao_Paulo"); /* 2018-02-18, at 02:00Z from 0:00 to 23:00 of the day before */
    COMES("30 23 * * *", "2018-02-17T12:00:00Z", "2018-02-18T12:00:00Z", "2018-02-18T01:30:00Z");
    COMES("@daily", "2018-02-17T12:00:00Z", "2018-02-18T12:00:00Z", "2018-02-18T03:00:00Z");
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
        cmocka_unit_test(what_clocks_put_forward_leap_over_comes_once),
        cmocka_unit_test(what_comes_twice_is_taken_once_unless_it_goes_by_the_passing_of_time),
        cmocka_unit_test(what_is_no_schedule_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
