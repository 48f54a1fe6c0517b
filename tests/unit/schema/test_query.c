/* test_query.c - query strings and forms. */
#include "check.h"
#include "demo.h"

#include "schema/query.h"

static struct call c;
static uint64_t given, seen;

static int setup(void **state)
{
    (void)state;
    call_init(&c, NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    call_release(&c);
    return 0;
}

static bool decode(struct demo *d, const char *query, bool (*accepts)(const struct field *field))
{
    error_clear(&c.error);
    schema_clear(&demo_schema, d);
    given = seen = 0;
    return query_decode(&c, str_from(query), &demo_schema, d, "query", accepts, &given, &seen);
}

static uint64_t bit(const char *name)
{
    return GIVEN(schema_find(&demo_schema, str_from(name)));
}

static void pairs(void **state)
{
    (void)state;
    struct str query = S("&&a=1&b=%E5%BC%A0+x&c&=e&d=a=b&"), name, value;
    bool ok = true;
    static const char *const wanted[][2] = { { "a", "1" }, { "b", "张 x" }, { "c", "" }, { "", "e" }, { "d", "a=b" } };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        assert_true(query_next(&query, &c.arena, &name, &value, &ok));
        assert_str(name, wanted[i][0]);
        assert_str(value, wanted[i][1]);
    }
    assert_false(query_next(&query, &c.arena, &name, &value, &ok));
    assert_true(ok);
    query = STR_NULL;
    assert_false(query_next(&query, &c.arena, &name, &value, &ok));
}

static void bad_pairs(void **state)
{
    (void)state;
    static const char *const bad[] = { "%", "%1", "%g0", "%0g", "%00", "%ff", "%ed%a0%80", "a%", "%c3", "%f0%9f" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct str name, value;
        bool ok = true;
        struct str query = arena_format(&c.arena, "x=%s&y=1", bad[i]);
        assert_true(query_next(&query, &c.arena, &name, &value, &ok));
        assert_false(ok);
        assert_str(name, "x");
        assert_true(str_is_null(value));
        assert_true(query_next(&query, &c.arena, &name, &value, &ok));
        assert_str(name, "y");
        assert_false(ok); /* stays so */
        ok = true;
        query = arena_format(&c.arena, "%s=1", bad[i]);
        assert_true(query_next(&query, &c.arena, &name, &value, &ok));
        assert_false(ok);
        assert_true(str_is_null(name));
    }
}

static void queries_are_decoded(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    assert_true(
        decode(d, "name=%E5%BC%A0%e4%bc%9f&age=7&active=1&modality=CT&ids=1,2&seen_at=2026-01-05&weight=1.5", NULL));
    assert_str(d->name, "张伟");
    assert_int_equal(d->age, 7);
    assert_true(d->active);
    assert_int_equal(d->modality, DEMO_CT);
    assert_int_equal(d->ids.count, 2);
    assert_true(d->seen_at.us == INT64_C(1767571200000000));
    assert_true(given == seen);
    assert_true(given == (bit("name") | bit("age") | bit("active") | bit("modality") | bit("ids") | bit("seen_at") |
                          bit("weight")));
    assert_true(decode(d, "", NULL));
    assert_int_equal(seen, 0);
}

static void empty_is_not_given(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    assert_true(decode(d, "age=&modality=&seen_at&page=&ids=", NULL));
    assert_int_equal(given, 0);
    assert_true(seen == (bit("age") | bit("modality") | bit("seen_at") | bit("page") | bit("ids")));
    assert_true(d->age == INTEGER_NULL);
    assert_int_equal(d->page, 1);
}

static void an_empty_boolean_is_not_given(void **state)
{
    (void)state;
    struct flags {
        bool wanted, needed;
    } record;
    static const struct field fields[] = {
        FIELD(struct flags, wanted, .doc = "Only those."),
        FIELD(struct flags, needed, .flags = REQUIRED, .doc = "Has to be said."),
    };
    static const struct schema schema = SCHEMA("Flags", struct flags, fields);
    given = seen = 0;
    assert_true(query_decode(&c, S("wanted="), &schema, &record, "query", NULL, &given, &seen));
    assert_true(given == 0 && seen == GIVEN(0));
    assert_false(query_decode(&c, S("needed="), &schema, &record, "query", NULL, &given, &seen));
    assert_str(problems_text(&c), "needed:not_a_boolean");
}

static void problems(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    assert_false(decode(d, "nope=1&age=x&age=3&note=%ff&%ff=1&id=5&name=a&=7&grade=A&grade=A", NULL));
    assert_str(problems_text(&c), "nope:unknown age:not_an_integer age:duplicate note:bad_encoding :bad_encoding "
                                  "id:read_only name:too_short :unknown grade:duplicate");
    assert_string_equal(c.error.problems->place, "query");
    assert_true(given == bit("grade"));
    assert_true(seen & bit("age")); /* so that it is not missing too */
    assert_str(d->grade, "A");
}

static bool only_in_query(const struct field *field)
{
    return field->flags & IN_QUERY;
}

static void accept_is_understood(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    assert_true(decode(d, "lang=zh", only_in_query));
    assert_str(d->lang, "zh");
    assert_false(decode(d, "lang=zh&age=5", only_in_query));
    check_problem(&c, "age", "unknown");
}

static void path_members_stay(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    d->number = 5;
    given = 0;
    seen = bit("number");
    assert_false(query_decode(&c, S("number=6"), &demo_schema, d, "query", NULL, &given, &seen));
    check_problem(&c, "number", "unknown");
    assert_int_equal(d->number, 5);
}

static void long_unknown_name(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    char query[1000] = "a";
    for (int i = 0; i < 100; i++)
        memcpy(query + 1 + 9 * i, "%E5%BC%A0", 10);
    assert_false(decode(d, query, NULL));
    assert_int_equal(c.error.problems->member.len, 64);
    assert_true(str_is_utf8(c.error.problems->member));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pairs),
        TEST(bad_pairs),
        TEST(queries_are_decoded),
        TEST(empty_is_not_given),
        TEST(an_empty_boolean_is_not_given),
        TEST(problems),
        TEST(accept_is_understood),
        TEST(path_members_stay),
        TEST(long_unknown_name),
    };
    return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
