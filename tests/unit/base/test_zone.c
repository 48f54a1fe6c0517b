/* test_zone.c - days of a place. Expected moments are those of the IANA time zone database. */
#include "test.h"

#include "base/zone.h"

static void set(const char *name)
{
    struct error error = { 0 };
    assert_true(zone_set(str_from(name), &error));
}

static void expect(const char *text, const char *utc)
{
    struct instant got = INSTANT_NULL, wanted = INSTANT_NULL;
    assert_true(instant_parse(str_from(utc), &wanted));
    assert_true(zone_parse(str_from(text), &got));
    assert_int_equal(got.us, wanted.us);
}

static void what_lacks_a_zone_is_of_the_place(void **state)
{
    (void)state;
    set("Asia/Shanghai");
    expect("2026-01-05", "2026-01-04T16:00:00Z");
    expect("2026-01-05T14:30:22", "2026-01-05T06:30:22Z");
    expect("2026-01-05 14:30:22.5", "2026-01-05T06:30:22.5Z");
    expect("2026-01-05T14:30:22Z", "2026-01-05T14:30:22Z");
    expect("2026-01-05T14:30:22-05:00", "2026-01-05T19:30:22Z");
    expect("1931-02-03", "1931-02-02T16:00:00Z");
    set("UTC");
    expect("2026-01-05", "2026-01-05T00:00:00Z");
}

static void summer_time(void **state)
{
    (void)state;
    set("Europe/Berlin");
    expect("2026-01-05", "2026-01-04T23:00:00Z");
    expect("2026-07-05", "2026-07-04T22:00:00Z");
    expect("2026-03-29T02:30:00", "2026-03-29T01:30:00Z"); /* there is none */
    expect("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"); /* of two the first */
    expect("2026-10-25T03:00:00", "2026-10-25T02:00:00Z");
    set("Australia/Lord_Howe"); /* clocks are put back from 2:00 to 1:30 */
    expect("2026-04-05T01:30:00", "2026-04-04T14:30:00Z");
    expect("2026-04-05T02:00:00", "2026-04-04T15:30:00Z");
    set("Pacific/Apia"); /* 2011-12-30 was not */
    expect("2011-12-29T12:00:00", "2011-12-29T22:00:00Z");
    expect("2011-12-31T12:00:00", "2011-12-30T22:00:00Z");
    set("America/Sao_Paulo"); /* on 2018-11-04 clocks went from 23:59:59 to 1:00 */
    expect("2018-11-04", "2018-11-04T03:00:00Z");
    expect("2018-11-05", "2018-11-05T02:00:00Z");
}

static void the_ends_of_time(void **state)
{
    (void)state;
    struct instant kept = { 7 };
    set("Asia/Shanghai");
    assert_false(zone_parse(S("0001-01-01"), &kept));
    set("America/New_York");
    assert_false(zone_parse(S("9999-12-31T23:00:00"), &kept));
    assert_false(zone_parse(S("2026/11/26"), &kept));
    assert_int_equal(kept.us, 7);
    expect("1969-12-31T18:59:59", "1969-12-31T23:59:59Z"); /* which is -1 as time_t */
}

static void zones_that_are_none(void **state)
{
    (void)state;
    static const char *const names[] = { "Mars/Olympus", "../../etc/passwd", "/etc/localtime",
                                         "+8",           "Asia/Shanghai ",   "<x>-8" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct error error = { 0 };
        assert_false(zone_set(str_from(names[i]), &error));
        assert_int_equal(error.code, E_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lacks_a_zone_is_of_the_place),
        cmocka_unit_test(summer_time),
        cmocka_unit_test(the_ends_of_time),
        cmocka_unit_test(zones_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
