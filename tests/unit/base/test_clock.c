/* test_clock.c - moments and days. */
#include "test.h"

#include "base/clock.h"

static void dates_walk_day_by_day(void **state)
{
    (void)state;
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int32_t days = -719162;
    for (int year = 1; year <= 9999; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            int last = lengths[month - 1] + (month == 2 && leap);
            for (int day = 1; day <= last; day++, days++) {
                if (date_from_ymd(year, month, day).days != days)
                    fail_msg("%d-%d-%d", year, month, day);
                int y, m, d;
                date_to_ymd((struct date){ days }, &y, &m, &d);
                if (y != year || m != month || d != day)
                    fail_msg("%d gave %d-%d-%d", days, y, m, d);
            }
            assert_true(date_is_null(date_from_ymd(year, month, last + 1)));
            assert_true(date_is_null(date_from_ymd(year, month, 0)));
        }
    }
    assert_int_equal(days, 2932897);
    assert_int_equal(date_from_ymd(1970, 1, 1).days, 0);
    assert_true(date_is_null(date_from_ymd(0, 1, 1)));
    assert_true(date_is_null(date_from_ymd(10000, 1, 1)));
    assert_true(date_is_null(date_from_ymd(2026, 13, 1)));
    assert_true(date_is_null(date_from_ymd(2026, 0, 1)));
}

static void dates_as_text(void **state)
{
    (void)state;
    static const char *const bad[] = { "",           "2026-02-29", "2026-1-05",           "2026-01-5", "2026-13-01",
                                       "2026-00-01", "0000-01-01", "2026-01-05 ",         "20260105",  "2026/01/05",
                                       "+026-01-05", "2026-01-0x", "2026-01-05T00:00:00Z" };
    struct date d = { 4711 };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (date_parse(str_from(bad[i]), &d))
            fail_msg("\"%s\" was taken", bad[i]);
    }
    assert_int_equal(d.days, 4711);
    static const char *const good[] = { "0001-01-01", "1899-12-31", "1970-01-01",
                                        "2024-02-29", "2026-01-05", "9999-12-31" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char out[DATE_TEXT_MAX];
        assert_true(date_parse(str_from(good[i]), &d));
        struct str text = { out, date_write(d, out) };
        assert_str_is(text, good[i]);
    }
    char out[DATE_TEXT_MAX];
    assert_int_equal(date_write(DATE_NULL, out), 0);
    assert_int_equal(date_write((struct date){ 2932897 }, out), 0);
    assert_int_equal(date_write((struct date){ -719163 }, out), 0);
}

static void instants_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: refused */
    } cases[] = {
        { "2026-01-05T14:30:22.123456Z", "2026-01-05T14:30:22.123456Z" },
        { "2026-01-05T14:30:22Z", "2026-01-05T14:30:22.000000Z" },
        { "2026-01-05t14:30:22.5z", "2026-01-05T14:30:22.500000Z" },
        { "2026-01-05 14:30:22", "2026-01-05T14:30:22.000000Z" },
        { "2026-01-05T14:30:22.1234569Z", "2026-01-05T14:30:22.123456Z" },
        { "2026-01-05", "2026-01-05T00:00:00.000000Z" },
        { "2026-01-05T14:30:22+08:00", "2026-01-05T06:30:22.000000Z" },
        { "2026-01-05T01:30:22+08:00", "2026-01-04T17:30:22.000000Z" },
        { "2026-12-31T23:30:00-00:30", "2027-01-01T00:00:00.000000Z" },
        { "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z" },
        { "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z" },
        { "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z" },
        { "0001-01-01T00:00:00+00:01", NULL },
        { "9999-12-31T23:59:59-00:01", NULL },
        { "2026-01-05T23:59:60Z", NULL },
        { "2026-01-05T24:00:00Z", NULL },
        { "2026-01-05T12:60:00Z", NULL },
        { "2026-01-05T12:00Z", NULL },
        { "2026-01-05T12:00:00.Z", NULL },
        { "2026-01-05T12:00:00,5Z", NULL },
        { "2026-01-05T12:00:00+0800", NULL },
        { "2026-01-05T12:00:00+24:00", NULL },
        { "2026-01-05T12:00:00+08:60", NULL },
        { "2026-01-05T12:00:00+08", NULL },
        { "2026-01-05T12:00:00ZZ", NULL },
        { "2026-01-05T12:00:00 Z", NULL },
        { "2026-01-05T", NULL },
        { "2026-01-05X12:00:00Z", NULL },
        { "2026-02-30T12:00:00Z", NULL },
        { "", NULL },
        { "now", NULL },
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct instant t = { 4711 };
        if (instant_parse(str_from(cases[i].in), &t) != (cases[i].out != NULL))
            fail_msg("\"%s\"", cases[i].in);
        if (cases[i].out)
            assert_str_is(instant_format(t, &arena), cases[i].out);
        else
            assert_int_equal(t.us, 4711);
    }
    assert_true(str_is_null(instant_format(INSTANT_NULL, &arena)));
    char out[INSTANT_TEXT_MAX];
    assert_int_equal(instant_write((struct instant){ INT64_MAX }, out), 0);
    arena_release(&arena);
}

static void instants_in_http(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct instant t;
    assert_true(instant_http_parse(S("Sun, 06 Nov 1994 08:49:37 GMT"), &t));
    assert_int_equal(t.us, INT64_C(784111777) * 1000000);
    assert_str_is(instant_http_format(t, &arena), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_str_is(instant_http_format((struct instant){ -1 }, &arena), "Wed, 31 Dec 1969 23:59:59 GMT");
    assert_str_is(instant_http_format((struct instant){ 0 }, &arena), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_true(str_is_null(instant_http_format(INSTANT_NULL, &arena)));
    static const char *const bad[] = { "",
                                       "Mon, 06 Nov 1994 08:49:37 GMT",
                                       "Sun, 06 Nov 1994 08:49:37 UTC",
                                       "Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 1994",
                                       "Sun, 06 nov 1994 08:49:37 GMT",
                                       "Sun, 31 Nov 1994 08:49:37 GMT",
                                       "Sun, 06 Nov 1994 08:49:60 GMT",
                                       "Sun, 06 Nov 1994 08:49:37 GMT ",
                                       "Sun, 06 Foo 1994 08:49:37 GMT",
                                       "Sun,  6 Nov 1994 08:49:37 GMT" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (instant_http_parse(str_from(bad[i]), &t))
            fail_msg("\"%s\" was taken", bad[i]);
    }
    /* Every month and weekday, there and back. */
    for (int day = 0; day < 400; day++) {
        struct instant at = { day * INT64_C(86400000000) + 1000000 }, again;
        assert_true(instant_http_parse(instant_http_format(at, &arena), &again));
        assert_int_equal(again.us, at.us);
    }
    arena_release(&arena);
}

static void days_of_instants(void **state)
{
    (void)state;
    assert_int_equal(date_of((struct instant){ 0 }).days, 0);
    assert_int_equal(date_of((struct instant){ -1 }).days, -1);
    assert_int_equal(date_of((struct instant){ INT64_C(86400000000) - 1 }).days, 0);
    assert_int_equal(date_of((struct instant){ INT64_C(86400000000) }).days, 1);
    assert_true(date_is_null(date_of(INSTANT_NULL)));
    assert_int_equal(date_midnight((struct date){ -2 }).us, -2 * INT64_C(86400000000));
    assert_true(instant_is_null(date_midnight(DATE_NULL)));
}

static void ages(void **state)
{
    (void)state;
    static const struct {
        const char *birth, *today;
        int age;
    } cases[] = {
        { "1990-06-15", "2026-06-14", 35 }, { "1990-06-15", "2026-06-15", 36 }, { "2026-01-05", "2026-01-05", 0 },
        { "2026-01-06", "2026-01-05", -1 }, { "2004-02-29", "2026-02-28", 21 }, { "2004-02-29", "2026-03-01", 22 },
        { "2004-02-29", "2024-02-29", 20 }, { "1999-12-31", "2000-01-01", 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct date birth, today;
        assert_true(date_parse(str_from(cases[i].birth), &birth));
        assert_true(date_parse(str_from(cases[i].today), &today));
        assert_int_equal(date_age_years(birth, today), cases[i].age);
    }
    assert_int_equal(date_age_years(DATE_NULL, (struct date){ 0 }), -1);
}

static void clocks_run(void **state)
{
    (void)state;
    struct instant now = clock_now();
    struct timespec real;
    clock_gettime(CLOCK_REALTIME, &real);
    int64_t apart = (int64_t)real.tv_sec * 1000000 + real.tv_nsec / 1000 - now.us;
    assert_true(apart >= 0 && apart < 5000000);
    int64_t before = clock_monotonic_us();
    assert_true(clock_monotonic_us() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_walk_day_by_day),
        cmocka_unit_test(dates_as_text),
        cmocka_unit_test(instants_are_read),
        cmocka_unit_test(instants_in_http),
        cmocka_unit_test(days_of_instants),
        cmocka_unit_test(ages),
        cmocka_unit_test(clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
