/* test_canonical.c - RFC 8785: its own examples, and what has no canonical form. */
#include "check.h"

#include "signing/canonical.h"

#include <math.h>

static struct call c;

static int set_up(void **state)
{
    (void)state;
    call_init(&c, NULL, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    call_release(&c);
    return 0;
}

static void expect(const char *json, const char *canonical)
{
    struct str out;
    if (!canonical_text(&c, str_from(json), &out))
        fail_msg("%s: %s", json, c.error.message);
    assert_str_is(out, canonical);
    struct str again;
    assert_true(canonical_text(&c, out, &again));
    assert_true(str_equal(out, again));
}

static void refuse(struct str json, enum error_code code, const char *word)
{
    struct str out;
    error_clear(&c.error);
    if (canonical_text(&c, json, &out))
        fail_msg("%.*s is taken", STR_FMT(str_at_most(json, 60)));
    if (c.error.code != code || !strstr(c.error.message, word))
        fail_msg("%.*s: %d %s", STR_FMT(str_at_most(json, 60)), (int)c.error.code, c.error.message);
    error_clear(&c.error);
}

static struct str number_text(double n, char text[CANONICAL_NUMBER_MAX])
{
    return (struct str){ text, canonical_number(n, text) };
}

/* Appendix B, all of it. */
static void test_numbers_of_the_rfc(void **state)
{
    (void)state;
    static const struct {
        uint64_t bits;
        const char *text;
    } rows[] = {
        { 0x0000000000000000, "0" },
        { 0x8000000000000000, "0" },
        { 0x0000000000000001, "5e-324" },
        { 0x8000000000000001, "-5e-324" },
        { 0x7fefffffffffffff, "1.7976931348623157e+308" },
        { 0xffefffffffffffff, "-1.7976931348623157e+308" },
        { 0x4340000000000000, "9007199254740992" },
        { 0xc340000000000000, "-9007199254740992" },
        { 0x4430000000000000, "295147905179352830000" },
        { 0x44b52d02c7e14af5, "9.999999999999997e+22" },
        { 0x44b52d02c7e14af6, "1e+23" },
        { 0x44b52d02c7e14af7, "1.0000000000000001e+23" },
        { 0x444b1ae4d6e2ef4e, "999999999999999700000" },
        { 0x444b1ae4d6e2ef4f, "999999999999999900000" },
        { 0x444b1ae4d6e2ef50, "1e+21" },
        { 0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7" },
        { 0x3eb0c6f7a0b5ed8d, "0.000001" },
        { 0x41b3de4355555553, "333333333.3333332" },
        { 0x41b3de4355555554, "333333333.33333325" },
        { 0x41b3de4355555555, "333333333.3333333" },
        { 0x41b3de4355555556, "333333333.3333334" },
        { 0x41b3de4355555557, "333333333.33333343" },
        { 0xbecbf647612f3696, "-0.0000033333333333333333" },
        { 0x43143ff3c1cb0959, "1424953923781206.2" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[CANONICAL_NUMBER_MAX];
        double n;
        memcpy(&n, &rows[i].bits, sizeof(n));
        assert_str_is(number_text(n, text), rows[i].text);
        expect(rows[i].text, rows[i].text);
    }
}

/* Powers of two, where the nearest decimal of 16 digits is not the double and another one is. What node prints. */
static void test_numbers_beside_a_gap(void **state)
{
    (void)state;
    char text[CANONICAL_NUMBER_MAX];
    assert_str_is(number_text(0x1p-44, text), "5.684341886080802e-14");
    assert_str_is(number_text(0x1p-1022, text), "2.2250738585072014e-308");
    assert_str_is(number_text(0x1p+89, text), "6.189700196426902e+26");
    assert_str_is(number_text(-1.5, text), "-1.5");
    assert_str_is(number_text(123456789012345680000.0, text), "123456789012345680000");
    for (int exponent = -1074; exponent < 1024; exponent++) {
        double n = ldexp(1, exponent);
        ptrdiff_t len = canonical_number(n, text);
        char copy[CANONICAL_NUMBER_MAX + 1] = "";
        memcpy(copy, text, (size_t)len);
        assert_true(strtod(copy, NULL) == n);
    }
}

static void test_examples_of_the_rfc(void **state)
{
    (void)state;
    expect("{\"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],\n"
           "  \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n"
           "  \"literals\": [null, true, false]}",
           "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
           "\"string\":\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
    expect(
        "{\"\\u20ac\": \"Euro Sign\", \"\\r\": \"Carriage Return\", \"\\ufb33\": \"Hebrew Letter Dalet With Dagesh\","
        "\"1\": \"One\", \"\\ud83d\\ude00\": \"Emoji: Grinning Face\", \"\\u0080\": \"Control\","
        "\"\\u00f6\": \"Latin Small Letter O With Diaeresis\"}",
        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xC2\x80\":\"Control\","
        "\"\xC3\xB6\":\"Latin Small Letter O With Diaeresis\",\"\xE2\x82\xAC\":\"Euro Sign\","
        "\"\xF0\x9F\x98\x80\":\"Emoji: Grinning Face\",\"\xEF\xAC\xB3\":\"Hebrew Letter Dalet With Dagesh\"}");
}

static void test_other_values(void **state)
{
    (void)state;
    expect(" [ ] ", "[]");
    expect("{}", "{}");
    expect("\"\\b\\t\\n\\u000b\\f\\r\\u007f\\u0000\"", "\"\\b\\t\\n\\u000b\\f\\r\x7F\\u0000\"");
    expect("[-0, -0.0, 1.0, 10, 1e2, 9007199254740991, 56.0]", "[0,0,1,10,100,9007199254740991,56]");
    expect("{\"aa\":1,\"a\":2,\"\":3,\"b\":{\"z\":[],\"y\":{}}}",
           "{\"\":3,\"a\":2,\"aa\":1,\"b\":{\"y\":{},\"z\":[]}}");
    expect("{\"\xEE\x80\x80\":1,\"\xF4\x8F\xBF\xBF\":2,\"\xED\x9F\xBF\":3,\"\xF0\x90\x80\x80\":4}",
           "{\"\xED\x9F\xBF\":3,\"\xF0\x90\x80\x80\":4,\"\xF4\x8F\xBF\xBF\":2,\"\xEE\x80\x80\":1}");
    expect("null", "null");
}

static struct str nested(char open, int depth)
{
    char *text = arena_alloc(&c.arena, 2L * depth);
    memset(text, open, (size_t)depth);
    memset(text + depth, open + 2, (size_t)depth);
    return (struct str){ text, 2L * depth };
}

static void test_refused(void **state)
{
    (void)state;
    struct str out;
    refuse(S("{\"a\":1,\"b\":2,\"\\u0061\":1}"), E_INVALID, "twice");
    refuse(S("\"\\ud83d\""), E_INVALID, "read");
    refuse(S("\"\\ude00\\ud83d\""), E_INVALID, "read");
    refuse(S("\"\xED\xA0\x80\""), E_INVALID, "UTF-8");
    refuse(S("\"\xC0\x80\""), E_INVALID, "UTF-8");
    refuse(S("[9007199254740993]"), E_INVALID, "digits");
    refuse(S("[-123456789012345678901234]"), E_INVALID, "digits");
    refuse(S("[1e400]"), E_INVALID, "past");
    refuse(S("NaN"), E_INVALID, "read");
    refuse(S("[Infinity]"), E_INVALID, "read");
    refuse(S("[01]"), E_INVALID, "read");
    refuse(S("[1,]"), E_INVALID, "read");
    refuse(S("[1] 2"), E_INVALID, "follows");
    refuse(S(""), E_INVALID, "early");
    refuse(S("{\"a"), E_INVALID, "early");
    refuse(nested('[', CANONICAL_DEPTH_MAX + 1), E_INVALID, "nested");
    refuse(nested('[', 1000000), E_INVALID, "nested");
    assert_true(canonical_text(&c, nested('[', CANONICAL_DEPTH_MAX), &out));
    char *many = arena_alloc(&c.arena, CANONICAL_BYTES_MAX + 1);
    memset(many, ',', CANONICAL_BYTES_MAX + 1);
    refuse((struct str){ many, CANONICAL_BYTES_MAX }, E_TOO_LARGE, "values");
    refuse((struct str){ many, CANONICAL_BYTES_MAX + 1 }, E_TOO_LARGE, "MiB");
}

static void test_trees(void **state)
{
    (void)state;
    struct str out;
    json_t *tree = json_pack("{s:i, s:[f, b, n, s%]}", "b", 7, "a", 0.1, 1, "x\0y", 3);
    assert_true(canonical_json(&c, tree, &out));
    assert_str_is(out, "{\"a\":[0.1,true,null,\"x\\u0000y\"],\"b\":7}");
    json_object_set_new(tree, "c", json_integer(INT64_C(9007199254740993)));
    assert_false(canonical_json(&c, tree, &out));
    error_clear(&c.error);
    json_object_set_new(tree, "c", json_integer(INT64_MAX));
    assert_false(canonical_json(&c, tree, &out));
    error_clear(&c.error);
    json_object_set_new(tree, "c", json_string_nocheck("\xFF"));
    assert_false(canonical_json(&c, tree, &out));
    assert_int_equal(c.error.code, E_INVALID);
    error_clear(&c.error);
    json_decref(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_of_the_rfc),
        cmocka_unit_test(test_numbers_beside_a_gap),
        cmocka_unit_test(test_examples_of_the_rfc),
        cmocka_unit_test(test_other_values),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_trees),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
