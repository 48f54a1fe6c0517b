/* test_text.c - the growing buffer: limits, numbers, JSON strings. */
#include "test.h"

#include "base/text.h"

#include <float.h>
#include <locale.h>
#include <math.h>

static void grows_up_to_its_maximum(void **state)
{
    (void)state;
    for (ptrdiff_t max = 0; max < 600; max += 13) {
        struct text text;
        text_init(&text, max);
        for (ptrdiff_t i = 0; i < max; i++)
            text_put_char(&text, 'a');
        assert_false(text.overflowed);
        assert_int_equal(text.len, max);
        text_put_char(&text, 'b');
        assert_true(text.overflowed);
        assert_int_equal(text.len, max);
        text_release(&text);
    }
}

static void drops_everything_after_an_overflow(void **state)
{
    (void)state;
    struct text text;
    text_init(&text, 10);
    text_put(&text, S("12345678"));
    text_put(&text, S("abc"));
    text_put(&text, S("x")); /* would fit, but would follow a gap */
    text_put_integer(&text, 1);
    text_format(&text, "%d", 1);
    text_put_json_string(&text, STR_NULL);
    assert_null(text_room(&text, 0));
    assert_true(text.overflowed);
    assert_str_is(text_str(&text), "12345678");
    text_clear(&text);
    assert_false(text.overflowed);
    text_put(&text, S("1234567890"));
    assert_false(text.overflowed);
    assert_str_is(text_str(&text), "1234567890");
    text_release(&text);
    assert_str_is(text_str(&text), "");
}

static void formats(void **state)
{
    (void)state;
    struct text text;
    text_init(&text, 1000);
    text_format(&text, "%s", "");
    assert_str_is(text_str(&text), "");
    text_format(&text, "%s=%d;", "a", 5);
    assert_str_is(text_str(&text), "a=5;");
    text_format(&text, "%*d", 996, 7); /* exactly full */
    assert_false(text.overflowed);
    assert_int_equal(text.len, 1000);
    assert_int_equal(text.at[999], '7');
    text_format(&text, "%s", "");
    assert_false(text.overflowed);
    text_format(&text, "x");
    assert_true(text.overflowed);
    assert_int_equal(text.len, 1000);
    text_release(&text);
}

static void room(void **state)
{
    (void)state;
    struct text text;
    text_init(&text, 8);
    char *at = text_room(&text, 5);
    memcpy(at, "hello", 5);
    text_grown(&text, 4);
    assert_str_is(text_str(&text), "hell");
    assert_non_null(text_room(&text, 4));
    assert_null(text_room(&text, 5));
    text_release(&text);
}

static void check_integer(int64_t n, const char *expected)
{
    struct text text;
    text_init(&text, 100);
    text_put_integer(&text, n);
    assert_str_is(text_str(&text), expected);
    text_release(&text);
}

static void integers(void **state)
{
    (void)state;
    check_integer(0, "0");
    check_integer(-1, "-1");
    check_integer(INT64_MAX, "9223372036854775807");
    check_integer(INT64_MIN, "-9223372036854775808");
    int64_t power = 1;
    for (int digits = 1; digits <= 18; digits++, power *= 10) {
        for (int64_t n = power - 1; n <= power + 1; n++) {
            char expected[24];
            snprintf(expected, sizeof(expected), "%lld", (long long)n);
            check_integer(n, expected);
            snprintf(expected, sizeof(expected), "%lld", (long long)-n);
            check_integer(-n, expected);
        }
    }
}

static void check_real(double n, const char *expected)
{
    struct text text;
    text_init(&text, 400);
    text_put_real(&text, n);
    assert_str_is(text_str(&text), expected);
    text_release(&text);
}

/* The expected forms are those of JavaScript's String(n). */
static void reals(void **state)
{
    (void)state;
    static const struct {
        double n;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { -0.0, "-0" },
        { 1, "1" },
        { -1.5, "-1.5" },
        { 0.1, "0.1" },
        { 0.1 + 0.2, "0.30000000000000004" },
        { 100, "100" },
        { 123456789, "123456789" },
        { 0.000001, "0.000001" },
        { 1e-7, "1e-7" },
        { 1.5e-7, "1.5e-7" },
        { 0.0000123, "0.0000123" },
        { 1.0 / 3, "0.3333333333333333" },
        { 2.0 / 3, "0.6666666666666666" },
        { 9007199254740991.0, "9007199254740991" },
        { 9007199254740993.0, "9007199254740992" },
        { 1e15, "1000000000000000" },
        { 1e20, "100000000000000000000" },
        { 1e21, "1e+21" },
        { 1.25e25, "1.25e+25" },
        { 123456789012345680000.0, "123456789012345680000" },
        { DBL_MAX, "1.7976931348623157e+308" },
        { DBL_MIN, "2.2250738585072014e-308" },
        { 5e-324, "5e-324" },
        { 36.6, "36.6" },
        { 0.703125, "0.703125" },
        { 12345.678901, "12345.678901" },
        { 4.35, "4.35" },
        { 1e6 + 0.1, "1000000.1" },
        { 299792458.123, "299792458.123" },
        { NAN, "null" },
        { INFINITY, "null" },
        { -INFINITY, "null" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_real(cases[i].n, cases[i].text);
}

/* Whatever is written reads back as the same number, and no shorter form would (checked against %.*e). */
static void reals_read_back(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        double n, again;
        if (i % 2)
            memcpy(&n, &random, sizeof(n));
        else
            n = (double)(int64_t)(random >> 30) / (i % 3 ? 1000.0 : 1024.0);
        if (!isfinite(n))
            continue;
        struct text text;
        text_init(&text, 400);
        text_put_real(&text, n);
        assert_true(str_to_real(text_str(&text), &again));
        if (memcmp(&n, &again, sizeof(n)) != 0)
            fail_msg("%.17g became %.*s", n, STR_FMT(text_str(&text)));
        text_release(&text);
    }
}

static void reals_whatever_the_locale(void **state)
{
    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8"))
        skip();
    check_real(1.0 / 3, "0.3333333333333333");
    check_real(1.5e-9, "1.5e-9");
    setlocale(LC_NUMERIC, "C");
}

static void check_json(struct str s, const char *expected)
{
    struct text text;
    text_init(&text, 1000);
    text_put_json_string(&text, s);
    assert_str_is(text_str(&text), expected);
    text_release(&text);
}

#define REPLACED "\xEF\xBF\xBD"

static void json_strings(void **state)
{
    (void)state;
    check_json(S(""), "\"\"");
    check_json(STR_NULL, "\"\"");
    check_json(S("plain text, longer than a word"), "\"plain text, longer than a word\"");
    check_json(S("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
    check_json(S("\n\r\t\b\f"), "\"\\n\\r\\t\\u0008\\u000c\"");
    check_json(S("\0\x01\x1F \x7F"), "\"\\u0000\\u0001\\u001f \x7F\"");
    check_json(S("\xE5\xBC\xA0\xE4\xB8\x89 X-ray \xF0\x9F\xA9\xBB"),
               "\"\xE5\xBC\xA0\xE4\xB8\x89 X-ray \xF0\x9F\xA9\xBB\"");
    check_json(S("a\xFF"
                 "b"),
               "\"a" REPLACED "b\"");
    check_json(S("\xE5\xBC"), "\"" REPLACED REPLACED "\"");
    check_json(S("\xED\xA0\x80"), "\"" REPLACED REPLACED REPLACED "\"");
    check_json(S("\xEF\xBF\xBD"), "\"" REPLACED "\""); /* itself a good character */
}

/* One special byte at each place of a word and around it. */
static void json_specials_at_every_place(void **state)
{
    (void)state;
    static const struct {
        char byte;
        const char *escape;
    } specials[] = { { '"', "\\\"" },
                     { '\\', "\\\\" },
                     { '\0', "\\u0000" },
                     { 0x1F, "\\u001f" },
                     { '\n', "\\n" },
                     { (char)0x80, REPLACED },
                     { (char)0xFF, REPLACED },
                     { ' ', " " },
                     { '!', "!" },
                     { '#', "#" },
                     { '[', "[" },
                     { ']', "]" },
                     { 0x7F, "\x7F" } };
    for (size_t k = 0; k < sizeof(specials) / sizeof(specials[0]); k++) {
        for (int len = 1; len <= 25; len++) {
            for (int place = 0; place < len; place++) {
                char in[25], expected[80];
                memset(in, 'x', sizeof(in));
                in[place] = specials[k].byte;
                snprintf(expected, sizeof(expected), "\"%.*s%s%.*s\"", place, "xxxxxxxxxxxxxxxxxxxxxxxxx",
                         specials[k].escape, len - place - 1, "xxxxxxxxxxxxxxxxxxxxxxxxx");
                check_json((struct str){ in, len }, expected);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_up_to_its_maximum),
        cmocka_unit_test(drops_everything_after_an_overflow),
        cmocka_unit_test(formats),
        cmocka_unit_test(room),
        cmocka_unit_test(integers),
        cmocka_unit_test(reals),
        cmocka_unit_test(reals_read_back),
        cmocka_unit_test(reals_whatever_the_locale),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(json_specials_at_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
