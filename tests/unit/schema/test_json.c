/* test_json.c - decoding (every problem, none quoting a value) and encoding. */
#include "check.h"
#include "demo.h"

#include "schema/json.h"
#include "schema/json_read.h"

#include <math.h>

static struct call c;
static uint64_t given;

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

static bool decode_into(const struct schema *schema, void *record, bool partial, struct str body)
{
    error_clear(&c.error);
    given = 0;
    return json_decode(&c, body, schema, record, partial, &given);
}

static bool decode(struct demo *d, const char *body)
{
    schema_clear(&demo_schema, d);
    return decode_into(&demo_schema, d, true, str_from(body));
}

static uint64_t bit(const char *name)
{
    return GIVEN(schema_find(&demo_schema, str_from(name)));
}

static struct str encode(const struct schema *schema, const void *record, uint64_t fields)
{
    struct text out;
    text_init(&out, 1 << 20);
    json_encode(&out, schema, record, fields, &c.arena);
    assert_false(out.overflowed);
    struct str s = arena_copy(&c.arena, text_str(&out));
    text_release(&out);
    return s;
}

/* ---- decoding ---- */

static void whole_object(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    bool ok = decode_into(
        &demo_schema, d, false,
        S("{\"name\":\" \\u5f20伟 \",\"password\":\"  xy \",\"number\":9223372036854775807,\"active\":true,\"ratio\":2,"
          "\"modality\":\"MR\",\"seen_at\":\"2026-01-05T22:30:22.123456+08:00\",\"born_on\":\"1980-02-29\","
          "\"part\":{\"number\":3,\"secret\":\"s\"},\"parts\":[{\"number\":1},{\"number\":9,\"label\":\"x\"}],"
          "\"tags\":[\"a\",\"张\"],\"roles\":[\"doctor\"],\"ids\":[],\"by_type\":{\"CT\":80,\"MR\":0},"
          "\"extra\":{\"b\":[1,0.1,null,\"\\u00e9\\n\"],\"a\":true},\"age\":null}"));
    if (!ok)
        fail_msg("%s: %.*s", c.error.message, STR_FMT(problems_text(&c)));
    assert_str(d->name, "张伟");
    assert_str(d->password, "  xy ");
    assert_true(d->number == INT64_MAX);
    assert_true(d->ratio == 2.0);
    assert_int_equal(d->modality, DEMO_MR);
    assert_true(d->seen_at.us == INT64_C(1767623422123456));
    assert_int_equal(d->part.number, 3);
    assert_str(d->part.secret, "s");
    assert_int_equal(d->parts.count, 2);
    const struct part *parts = d->parts.items;
    assert_true(str_is_null(parts[0].label));
    assert_str(parts[1].label, "x");
    assert_str(d->tags.items[1], "张");
    assert_non_null(d->ids.items);
    assert_int_equal(d->ids.count, 0);
    assert_str(d->by_type.items[0].name, "CT");
    assert_int_equal(d->by_type.items[0].n, 80);
    assert_str(d->extra.text, "{\"b\":[1,0.1,null,\"é\\n\"],\"a\":true}");
    assert_int_equal(d->page, 1);
    assert_true(d->visible);
    assert_int_equal(d->status, 1);
    assert_true(given & bit("age")); /* given, though null */
    assert_true(given & bit("name"));
    assert_false(given & (bit("page") | bit("note") | bit("id") | bit("lang")));
}

static void every_problem_at_once(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    assert_false(decode_into(
        &demo_schema, d, false,
        S("{\"id\":1,\"name\":\"x\",\"nmae\":\"x\",\"age\":151,\"active\":\"true\",\"lang\":\"zh\",\"ratio\":\"1\","
          "\"modality\":\"mr\",\"seen_at\":5,\"born_on\":null,\"part\":[],\"parts\":[{\"number\":0,\"x\":1},7,{}],"
          "\"tags\":[\"a\",1,\" \"],\"roles\":[],\"ids\":[1,1.5],\"by_type\":{\"a\":\"1\"},\"extra\":\"\\u0000\"}")));
    assert_int_equal(c.error.code, E_INVALID);
    assert_str(problems_text(&c),
               "id:read_only name:too_short nmae:unknown age:too_large active:not_a_boolean lang:unknown "
               "ratio:not_a_number modality:not_a_choice seen_at:not_an_instant born_on:null_not_allowed "
               "part:not_an_object parts.0.number:too_small parts.0.x:unknown parts.1:not_an_object "
               "parts.2.number:missing tags.1:not_text tags.2:too_short roles:too_short ids.1:not_an_integer "
               "by_type.0:not_an_integer extra:control_character password:missing number:missing");
    assert_int_equal(given, 0); /* untouched on failure */
}

static void problems_are_bounded(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    struct text body;
    text_init(&body, 1 << 20);
    text_put_char(&body, '{');
    for (int i = 0; i < 1000; i++)
        text_format(&body, "%s\"x%d\":1", i ? "," : "", i);
    text_put_char(&body, '}');
    assert_false(decode_into(&demo_schema, d, true, text_str(&body)));
    assert_int_equal(c.error.problem_count, 1000);
    int kept = 0;
    for (const struct problem *p = c.error.problems; p; p = p->next)
        kept++;
    assert_int_equal(kept, PROBLEMS_MAX);
    text_release(&body);
}

static void values_are_not_quoted(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    static const char *const bodies[] = {
        "{\"password\":\"HUSH\\u0001HUSH\"}",
        "{\"password\":\"HUSHHUSHHUSHHUSH\"}",
        "{\"age\":\"HUSH\"}",
        "{\"modality\":\"HUSH\"}",
        "{\"password\":\"HUSH\" HUSH}",
        "{\"seen_at\":\"HUSH\"}",
        "{\"tags\":[\"HUSH\\u0001\"]}",
        "{\"password\":HUSH}",
        "{\"password\":\"HUSH",
        "{\"extra\":[\"HUSH\\u0000\"]}",
        "{\"by_type\":{\"HUSH\":\"HUSH\"}}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_false(decode(d, bodies[i]));
        assert_null(strstr(c.error.message, "HUSH"));
        for (const struct problem *p = c.error.problems; p; p = p->next) {
            assert_int_equal(str_find(p->message, S("HUSH")), -1);
            assert_int_equal(str_find(p->member, S("HUSH")), -1);
        }
    }
}

static void malformed(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    static const struct {
        const char *body, *message;
    } rows[] = {
        { "", "the body is empty" },
        { " ", "line 1" },
        { "{\n  \"name\": \"x\",\n}", "line 3, column 1: not valid JSON" },
        { "{\"name\":\"x\"} x", "line 1, column 14: something follows" },
        { "{\"name\":\"x\",\"name\":\"y\"}", "a member appears twice" },
        { "{\"name\":\"\xff\"}", "not valid UTF-8" },
        { "{\"name\":\"\\ud800\"}", "not valid JSON" },
        { "{\"a\\u0000\":1}", "U+0000" },
        { "{\"age\":01}", "not valid JSON" },
        { "{\"age\":1e400,\"name\":x}", "line 1, column 21: not valid JSON" },
        { "{\"age\":.5}", "not valid JSON" },
        { "{\"age\":NaN}", "not valid JSON" },
        { "{\"age\":1", "ends too early" },
        { "{'name':1}", "not valid JSON" },
        { "\xef\xbb\xbf{}", "not valid JSON" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_false(decode(d, rows[i].body));
        assert_int_equal(c.error.code, E_BAD_REQUEST);
        if (!strstr(c.error.message, rows[i].message))
            fail_msg("%s: %s", rows[i].body, c.error.message);
    }
}

static void root_is_an_object(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    static const char *const bodies[] = { "[]", "1", "\"x\"", "null", "true", "[{}]" };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_false(decode(d, bodies[i]));
        assert_int_equal(c.error.code, E_INVALID);
        assert_int_equal(c.error.problem_count, 1);
        assert_string_equal(c.error.problems->type, "not_an_object");
        assert_string_equal(c.error.problems->place, "body");
        assert_int_equal(c.error.problems->member.len, 0);
    }
}

static struct str nested(int depth)
{
    char *at = arena_alloc(&c.arena, 2 * depth + 20);
    memcpy(at, "{\"extra\":", 9);
    memset(at + 9, '[', (size_t)depth);
    memset(at + 9 + depth, ']', (size_t)depth);
    at[9 + 2 * depth] = '}';
    return (struct str){ at, 10 + 2 * depth };
}

static void depth_is_bounded(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    assert_true(decode_into(&demo_schema, d, true, nested(JSON_DEPTH_MAX - 1)));
    schema_clear(&demo_schema, d);
    assert_false(decode_into(&demo_schema, d, true, nested(JSON_DEPTH_MAX)));
    assert_int_equal(c.error.code, E_BAD_REQUEST);
    assert_string_equal(c.error.message, "line 1, column 41: nested too deeply");
    schema_clear(&demo_schema, d);
    assert_false(decode_into(&demo_schema, d, true, nested(100000)));
    /* Brackets inside a string are text. */
    assert_true(decode(d, "{\"note\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[\"}"));
}

static void number_of_values(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    struct text body;
    text_init(&body, 1 << 20);
    text_put(&body, S("{\"ids\":[0"));
    for (int i = 0; i < JSON_VALUES_MAX; i++)
        text_put(&body, S(",0"));
    text_put(&body, S("]}"));
    assert_false(decode_into(&demo_schema, d, true, text_str(&body)));
    assert_int_equal(c.error.code, E_BAD_REQUEST);
    assert_non_null(strstr(c.error.message, "too many values"));
    text_release(&body);
}

static void path_members_stay(void **state)
{
    (void)state;
    struct part *part = schema_new(&part_schema, &c.arena);
    part->number = 4;
    assert_true(decode_into(&part_schema, part, false, S("{\"label\":\"a\"}")));
    assert_int_equal(part->number, 4);
    assert_int_equal(given, GIVEN(1));
    schema_clear(&part_schema, part);
    part->number = 4;
    assert_false(decode_into(&part_schema, part, false, S("{\"number\":5}")));
    check_problem(&c, "number", "unknown");
    assert_int_equal(part->number, 4);
}

static void parts_of_a_record(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    assert_true(decode(d, "{}"));
    assert_int_equal(given, 0);
    assert_true(d->page == INTEGER_NULL); /* no defaults */
    assert_true(decode(d, "{\"code\":\"\",\"note\":null,\"modality\":\"\",\"seen_at\":\"\"}"));
    assert_true(given == (bit("code") | bit("note") | bit("modality") | bit("seen_at")));
    assert_true(str_is_null(d->code) && instant_is_null(d->seen_at));
    assert_false(decode(d, "{\"name\":null}"));
    check_problem(&c, "name", "null_not_allowed");
    assert_false(decode(d, "{\"part\":{}}")); /* what is inside a list or object is given as a whole */
    check_problem(&c, "part.number", "missing");
    assert_true(decode(d, "{\"visible\":null,\"page\":null}"));
    assert_true(d->visible);
    assert_int_equal(d->page, 1);
}

static void numbers_that_do_not_fit(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    assert_false(decode(d, "{\"age\":9223372036854775808,\"number\":-99999999999999999999999999,\"page\":1e999}"));
    assert_str(problems_text(&c), "age:too_large number:too_small page:too_large");
    assert_true(decode(d, "{\"ratio\":123456789012345678901234567890}"));
    assert_true(fabs(d->ratio / 123456789012345678901234567890.0 - 1) < 1e-13);
    assert_false(decode(d, "{\"ratio\":-1e999}"));
    check_problem(&c, "ratio", "too_small");
    char body[600] = "{\"ratio\":";
    memset(body + 9, '7', 400);
    memcpy(body + 409, "}", 2);
    assert_false(decode(d, body));
    check_problem(&c, "ratio", "too_large");
    assert_true(decode(d, "{\"number\":-9223372036854775807}"));
    assert_false(decode(d, "{\"number\":-9223372036854775808}"));
    check_problem(&c, "number", "too_small");
    assert_true(decode(d, "{\"note\":\"99999999999999999999\",\"ratio\":1e-400}"));
    assert_str(d->note, "99999999999999999999");
    assert_true(decode(d, "{\"age\":1.0,\"number\":-1.5e3}"));
    assert_true(d->age == 1 && d->number == -1500);
    assert_false(decode(d, "{\"age\":150.5,\"number\":9223372036854775808.0,\"ids\":[1,0.1]}"));
    assert_str(problems_text(&c), "age:not_an_integer number:too_large ids.1:not_an_integer");
    assert_true(decode(d, "{\"number\":9223372036854774784.0}"));
    assert_true(d->number == INT64_C(9223372036854774784));
}

static void long_unknown_name(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    char body[400] = "{\"a";
    for (int i = 0; i < 80; i++)
        memcpy(body + 3 + 3 * i, "张", 4);
    memcpy(body + 243, "\":1}", 5);
    assert_false(decode(d, body));
    assert_int_equal(c.error.problem_count, 1);
    assert_int_equal(c.error.problems->member.len, 64); /* "a" and 21 of three bytes */
    assert_true(str_is_utf8(c.error.problems->member));
}

static void earlier_errors_count(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    error_add_problem(&c.error, &c.arena, "query", S("x"), "unknown", "is not known");
    assert_false(json_decode(&c, S("{\"age\":200}"), &demo_schema, d, true, &given));
    assert_int_equal(c.error.problem_count, 2);
}

/* ---- encoding ---- */

static void encode_every_kind(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    d->id = INT64_MAX;
    d->name = S("q\"\\\n\x01张🩻/");
    d->note = S("");
    d->password = S("hush");
    d->nickname = S("n");
    d->age = 0;
    d->number = -INT64_MAX;
    d->active = true;
    d->weight = 70.5;
    d->ratio = 0.1;
    d->modality = DEMO_XR;
    d->status = 2;
    d->seen_at.us = INT64_C(1767623422123456);
    d->born_on = date_from_ymd(1980, 2, 29);
    d->part = (struct part){ 1, S("L"), S("hush") };
    struct part parts[2] = { { 2, STR_NULL, S("hush") }, { 3, S("x"), STR_NULL } };
    d->parts = (struct list){ parts, 2 };
    struct str tags[2] = { S("a\""), S("b") };
    d->tags = (struct texts){ tags, 2 };
    int64_t ids[3] = { 1, -20, 300 };
    d->ids = (struct integers){ ids, 3 };
    struct count counts[2] = { { S("CT\""), 80 }, { S("MR"), 0 } };
    d->by_type = (struct counts){ counts, 2 };
    d->extra.text = S("{\"a\":[1]}");
    assert_str(
        encode(&demo_schema, d, JSON_ALL_FIELDS),
        "{\"id\":9223372036854775807,\"name\":\"q\\\"\\\\\\n\\u0001张🩻/\",\"note\":\"\",\"code\":null,"
        "\"comment\":null,\"grade\":null,\"origin\":null,\"age\":0,\"number\":-9223372036854775807,\"page\":null,"
        "\"active\":true,\"visible\":false,\"weight\":70.5,\"ratio\":0.1,\"modality\":\"XR\","
        "\"status\":\"AT \\\"REST\\\"\",\"seen_at\":\"2026-01-05T14:30:22.123456Z\",\"created_at\":null,"
        "\"born_on\":\"1980-02-29\",\"part\":{\"number\":1,\"label\":\"L\"},"
        "\"parts\":[{\"number\":2,\"label\":null},{\"number\":3,\"label\":\"x\"}],\"tags\":[\"a\\\"\",\"b\"],"
        "\"roles\":[],\"ids\":[1,-20,300],\"by_type\":{\"CT\\\"\":80,\"MR\":0},\"extra\":{\"a\":[1]},\"lang\":null}");
}

static void encode_nothing(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    /* Lists: null where the row says NULLABLE, empty otherwise. */
    uint64_t lists = bit("parts") | bit("tags") | bit("roles") | bit("ids") | bit("by_type") | bit("extra");
    assert_str(encode(&demo_schema, d, lists),
               "{\"parts\":[],\"tags\":null,\"roles\":[],\"ids\":null,\"by_type\":null,\"extra\":null}");
    assert_str(encode(&demo_schema, d, bit("ratio") | bit("born_on")), "{\"ratio\":null,\"born_on\":null}");
    assert_str(encode(&demo_schema, d, 0), "{}");
    assert_str(encode(&demo_schema, d, bit("password")), "{}");
    static const struct schema none = { .name = "None" };
    assert_str(encode(&none, d, JSON_ALL_FIELDS), "{}");
}

static void encode_mask_is_for_the_top(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    d->part.number = 1;
    assert_str(encode(&demo_schema, d, bit("part")), "{\"part\":{\"number\":1,\"label\":null}}");
}

static void encode_respects_the_maximum(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    struct text out;
    for (ptrdiff_t max = 0; max < 700; max += 7) {
        text_init(&out, max);
        json_encode(&out, &demo_schema, d, JSON_ALL_FIELDS, &c.arena);
        assert_true(out.len <= max);
        text_release(&out);
    }
}

static void integers_of_every_length(void **state)
{
    (void)state;
    struct text out;
    text_init(&out, 1 << 16);
    uint64_t n = 1;
    for (int digits = 1; digits <= 19; digits++, n *= 10) {
        for (int step = -1; step <= 1; step++) {
            int64_t value = (int64_t)n + step;
            char wanted[32];
            for (int sign = 0; sign < 2; sign++, value = -value) {
                snprintf(wanted, sizeof(wanted), "%" PRId64, value);
                text_clear(&out);
                json_put_value(&out, value_integer(value));
                assert_str(text_str(&out), wanted);
            }
        }
    }
    text_release(&out);
}

static void put_value(void **state)
{
    (void)state;
    struct text out;
    text_init(&out, 1000);
    json_put_value(&out, value_nothing());
    json_put_value(&out, value_boolean(true));
    json_put_value(&out, value_boolean(false));
    json_put_value(&out, value_real(1.5));
    json_put_value(&out, value_text(S("x\"")));
    assert_str(text_str(&out), "nulltruefalse1.5\"x\\\"\"");
    text_release(&out);
}

static void fields_mask(void **state)
{
    (void)state;
    uint64_t mask = 0;
    assert_true(json_fields_mask(&c, &demo_schema, STR_NULL, &mask));
    assert_true(mask == JSON_ALL_FIELDS);
    assert_true(json_fields_mask(&c, &demo_schema, S("id, name,extra"), &mask));
    assert_true(mask == (bit("id") | bit("name") | bit("extra")));
    static const char *const bad[] = { "id,nope", "password", "nickname", "id,,name", ",", "id," };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error_clear(&c.error);
        mask = 42;
        assert_false(json_fields_mask(&c, &demo_schema, str_from(bad[i]), &mask));
        check_problem(&c, "fields", "unknown");
        assert_int_equal(mask, 42);
    }
}

/* An object of which nothing is known is null where its row allows that, and comes back as such. */
static void nullable_object(void **state)
{
    (void)state;
    struct outer {
        struct part part;
        struct str name;
    } record, again;
    static const struct field fields[] = {
        FIELD_OBJECT(struct outer, part, .of = &part_schema, .flags = NULLABLE, .doc = "A part."),
        FIELD(struct outer, name, .doc = "Its name."),
    };
    static const struct schema schema = SCHEMA("Outer", struct outer, fields);
    struct text out;
    text_init(&out, 1000);
    schema_clear(&schema, &record);
    json_encode(&out, &schema, &record, JSON_ALL_FIELDS, &c.arena);
    assert_str(text_str(&out), "{\"part\":null,\"name\":null}");
    schema_clear(&schema, &again);
    assert_true(decode_into(&schema, &again, false, text_str(&out)));
    assert_true(again.part.number == INTEGER_NULL);
    record.part.number = 3;
    text_clear(&out);
    json_encode(&out, &schema, &record, JSON_ALL_FIELDS, &c.arena);
    assert_str(text_str(&out), "{\"part\":{\"number\":3,\"label\":null},\"name\":null}");
    text_release(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whole_object),
        TEST(every_problem_at_once),
        TEST(problems_are_bounded),
        TEST(values_are_not_quoted),
        TEST(malformed),
        TEST(root_is_an_object),
        TEST(depth_is_bounded),
        TEST(number_of_values),
        TEST(path_members_stay),
        TEST(parts_of_a_record),
        TEST(numbers_that_do_not_fit),
        TEST(long_unknown_name),
        TEST(earlier_errors_count),
        TEST(encode_every_kind),
        TEST(encode_nothing),
        TEST(encode_mask_is_for_the_top),
        TEST(encode_respects_the_maximum),
        TEST(integers_of_every_length),
        TEST(put_value),
        TEST(fields_mask),
        TEST(nullable_object),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
