/* test_str.c - text as pointer and length. */
#include "test.h"

#include <locale.h>
#include <math.h>

static void null_is_not_empty(void **state)
{
    (void)state;
    assert_true(str_is_null(STR_NULL));
    assert_false(str_is_null(S("")));
    assert_true(str_is_empty(STR_NULL));
    assert_true(str_is_empty(S("")));
    assert_false(str_is_empty(S("a")));
    assert_true(str_is_null(str_from(NULL)));
    assert_false(str_equal(STR_NULL, S("")));
    assert_true(str_equal(STR_NULL, STR_NULL));
    assert_false(str_equal_fold(STR_NULL, S("")));
}

static void equality_and_order(void **state)
{
    (void)state;
    assert_true(str_equal(S("abc"), S("abc")));
    assert_false(str_equal(S("abc"), S("abd")));
    assert_false(str_equal(S("abc"), S("ab")));
    assert_true(str_equal_fold(S("Content-LENGTH"), S("content-length")));
    assert_false(str_equal_fold(S("[a"), S("{a"))); /* differ in the case bit, but are no letters */
    assert_false(str_equal_fold(S("@"), S("`")));
    assert_true(str_compare(S("a"), S("b")) < 0);
    assert_true(str_compare(S("b"), S("a")) > 0);
    assert_true(str_compare(S("a"), S("ab")) < 0);
    assert_true(str_compare(S("\x80"), S("a")) > 0); /* bytes are unsigned */
    assert_int_equal(str_compare(S("a\0b"), S("a\0b")), 0);
    assert_true(str_compare(S("a\0b"), S("a\0c")) < 0);
    assert_int_equal(str_compare(STR_NULL, S("")), 0);
}

static void finding_and_cutting(void **state)
{
    (void)state;
    assert_true(str_starts(S("abc"), S("")));
    assert_true(str_starts(S("abc"), S("abc")));
    assert_false(str_starts(S("abc"), S("abcd")));
    assert_true(str_ends(S("abc"), S("bc")));
    assert_true(str_ends(STR_NULL, STR_NULL));
    assert_false(str_ends(S("bc"), S("abc")));
    assert_int_equal(str_find(S("abcabc"), S("ca")), 2);
    assert_int_equal(str_find(S("abc"), S("d")), -1);
    assert_int_equal(str_find(S("abc"), S("")), 0);
    assert_int_equal(str_find(STR_NULL, S("a")), -1);
    assert_str_is(str_slice(S("abcdef"), 2, 4), "cd");
    assert_str_is(str_slice(S("abc"), -5, 99), "abc");
    assert_str_is(str_slice(S("abc"), 3, 2), "");
    assert_true(str_is_null(str_slice(STR_NULL, 0, 1)));
    assert_str_is(str_trim(S(" \t\r\n a b \n")), "a b");
    assert_str_is(str_trim(S("  \n")), "");
    struct str before, after;
    assert_true(str_cut(S("a=b=c"), '=', &before, &after));
    assert_str_is(before, "a");
    assert_str_is(after, "b=c");
    assert_true(str_cut(S("a="), '=', &before, &after));
    assert_str_is(after, "");
    assert_false(str_cut(S("abc"), '=', &before, &after));
    assert_str_is(before, "abc");
    assert_true(str_is_null(after));
    assert_false(str_cut(STR_NULL, '=', &before, &after));
}

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t n;
    } cases[] = {
        { "0", true, 0 },
        { "-0", true, 0 },
        { "007", true, 7 },
        { "-12", true, -12 },
        { "9223372036854775807", true, INT64_MAX },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775807", true, -INT64_MAX },
        { "-9223372036854775808", false, 0 },
        { "99999999999999999999", false, 0 },
        { "", false, 0 },
        { "-", false, 0 },
        { "+1", false, 0 },
        { " 1", false, 0 },
        { "1 ", false, 0 },
        { "1.0", false, 0 },
        { "0x1", false, 0 },
        { "--1", false, 0 },
        { "1/", false, 0 },
        { "1:", false, 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t n = 4711;
        if (str_to_integer(str_from(cases[i].text), &n) != cases[i].good)
            fail_msg("\"%s\"", cases[i].text);
        assert_int_equal(n, cases[i].good ? cases[i].n : 4711);
    }
    int64_t n;
    assert_false(str_to_integer(STR_NULL, &n));
}

static void reals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        double n;
    } cases[] = {
        { "0", true, 0 },           { "-1.5", true, -1.5 },
        { ".5", true, 0.5 },        { "5.", true, 5 },
        { "1e3", true, 1000 },      { "1E-3", true, 0.001 },
        { "1e+3", true, 1000 },     { "1.7976931348623157e308", true, 1.7976931348623157e308 },
        { "1e309", false, 0 },      { "1e-400", true, 0 },
        { "5e-324", true, 5e-324 }, { "0.1", true, 0.1 },
        { "", false, 0 },           { ".", false, 0 },
        { "-", false, 0 },          { "e5", false, 0 },
        { "1e", false, 0 },         { "1e+", false, 0 },
        { "nan", false, 0 },        { "inf", false, 0 },
        { "0x10", false, 0 },       { "1,5", false, 0 },
        { " 1", false, 0 },         { "+1", false, 0 },
        { "1.2.3", false, 0 },      { "1d", false, 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double n = 4711;
        if (str_to_real(str_from(cases[i].text), &n) != cases[i].good)
            fail_msg("\"%s\"", cases[i].text);
        if (n != (cases[i].good ? cases[i].n : 4711))
            fail_msg("\"%s\" gave %.17g", cases[i].text, n);
    }
    char longest[513];
    double n;
    memset(longest, '0', sizeof(longest));
    assert_true(str_to_real((struct str){ longest, 512 }, &n));
    assert_false(str_to_real((struct str){ longest, 513 }, &n));
    assert_true(str_to_real(S("1.5"), &n) && n == 1.5);
    assert_true(str_to_real((struct str){ "1.55", 3 }, &n) && n == 1.5); /* not past the end */
}

/* Digits of every number, the point in every place: to the bit what strtod makes of them (IEEE 754 5.12.2). */
static void reals_are_rounded_once(void **state)
{
    (void)state;
    uint64_t random = 0x2545F4914F6CDD1D;
    for (int round = 0; round < 20000; round++) {
        char text[24];
        ptrdiff_t len = 0, digits = 1 + round % 17;
        if (round % 3 == 0)
            text[len++] = '-';
        for (ptrdiff_t i = 0; i < digits; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            if (i == (ptrdiff_t)(random >> 33) % 17)
                text[len++] = '.';
            text[len++] = (char)('0' + (random >> 40) % 10);
            if (memchr(text, '.', (size_t)len) == NULL && i == digits / 2)
                text[len++] = '.';
        }
        text[len] = '\0';
        double n, expected = strtod(text, NULL);
        bool one_point = strchr(text, '.') == strrchr(text, '.');
        assert_int_equal(str_to_real((struct str){ text, len }, &n), one_point);
        if (one_point && memcmp(&n, &expected, sizeof(n)) != 0)
            fail_msg("\"%s\" gave %.17g", text, n);
    }
}

static void reals_whatever_the_locale(void **state)
{
    (void)state;
    static const char *const comma_locales[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", NULL };
    for (int i = 0; comma_locales[i]; i++)
        if (setlocale(LC_NUMERIC, comma_locales[i]))
            break;
    double n = 0;
    assert_true(str_to_real(S("1234.5"), &n));
    assert_true(n == 1234.5);
    setlocale(LC_NUMERIC, "C");
}

static void utf8(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        bool good;
        ptrdiff_t points;
    } cases[] = {
        { { "", 0 }, true, 0 },
        { { "plain ASCII text", 16 }, true, 16 },
        { { "\xE5\xBC\xA0\xE4\xB8\x89", 6 }, true, 2 },
        { { "12345678\xC3\xA9", 10 }, true, 9 },
        { { "\xC2\x80", 2 }, true, 1 },
        { { "\xC1\xBF", 2 }, false, 2 }, /* overlong */
        { { "\xE0\xA0\x80", 3 }, true, 1 },
        { { "\xE0\x9F\xBF", 3 }, false, 3 }, /* overlong */
        { { "\xED\x9F\xBF", 3 }, true, 1 },
        { { "\xED\xA0\x80", 3 }, false, 3 }, /* surrogate */
        { { "\xEF\xBF\xBF", 3 }, true, 1 },
        { { "\xF0\x90\x80\x80", 4 }, true, 1 },
        { { "\xF0\x8F\xBF\xBF", 4 }, false, 4 }, /* overlong */
        { { "\xF4\x8F\xBF\xBF", 4 }, true, 1 },  /* U+10FFFF */
        { { "\xF4\x90\x80\x80", 4 }, false, 4 }, /* past it */
        { { "\xF5\x80\x80\x80", 4 }, false, 4 },
        { { "\x80", 1 }, false, 1 },
        { { "\xE5\xBC", 2 }, false, 2 }, /* cut off */
        { { "abcdefgh\xFF", 9 }, false, 9 },
        { { "\xE5\xBC"
            "a",
            3 },
          false,
          3 },
        { { "a\0b", 3 }, true, 3 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (str_is_utf8(cases[i].text) != cases[i].good)
            fail_msg("case %zu", i);
        assert_int_equal(str_code_points(cases[i].text), cases[i].points);
    }
    assert_true(str_is_utf8(STR_NULL));
}

static void code_points(void **state)
{
    (void)state;
    struct str s = S("a\xC3\xA9\xE5\xBC\xA0\xF0\x9F\xA9\xBB\xFF\xE5");
    static const uint32_t expected[] = { 'a', 0xE9, 0x5F20, 0x1FA7B, 0xFFFD, 0xFFFD };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_int_equal(str_next_code_point(&s), expected[i]);
    assert_int_equal(s.len, 0);
}

static void hashes(void **state)
{
    (void)state;
    assert_true(str_hash(S("abc")) == str_hash((struct str){ "abcd", 3 }));
    assert_true(str_hash(S("abc")) != str_hash(S("abd")));
    assert_true(str_hash(S("a")) != str_hash(S("a\0")));
    assert_true(str_hash(S("12345678a")) != str_hash(S("12345678b")));
    /* Numbered keys spread over a small table. */
    int slots[64] = { 0 }, fullest = 0;
    for (int i = 0; i < 640; i++) {
        char key[16];
        int len = snprintf(key, sizeof(key), "key-%d", i);
        int *slot = &slots[str_hash((struct str){ key, len }) % 64];
        if (++*slot > fullest)
            fullest = *slot;
    }
    assert_true(fullest < 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_not_empty),
        cmocka_unit_test(equality_and_order),
        cmocka_unit_test(finding_and_cutting),
        cmocka_unit_test(integers),
        cmocka_unit_test(reals),
        cmocka_unit_test(reals_are_rounded_once),
        cmocka_unit_test(reals_whatever_the_locale),
        cmocka_unit_test(utf8),
        cmocka_unit_test(code_points),
        cmocka_unit_test(hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
