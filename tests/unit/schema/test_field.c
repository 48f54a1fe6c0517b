/* test_field.c - clearing, finding, taking, defaults, SQL in and out, and the check of tables. */
#include "check.h"
#include "demo.h"

#include <math.h>

static struct call c;

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

static bool take(struct demo *d, const char *name, struct value value)
{
    error_clear(&c.error);
    return field_take(&c, demo_field(name), d, value, "query", STR_NULL);
}

static bool take_text(struct demo *d, const char *name, const char *text)
{
    return take(d, name, value_text(str_from(text)));
}

static void clear_is_null(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    assert_true(str_is_null(d->name));
    assert_true(d->age == INTEGER_NULL);
    assert_true(isnan(d->weight));
    assert_true(instant_is_null(d->seen_at));
    assert_true(date_is_null(d->born_on));
    assert_int_equal(d->modality, 0);
    assert_true(d->part.number == INTEGER_NULL);
    assert_null(d->parts.items);
    for (int i = 0; i < demo_schema.count; i++) {
        const struct field *f = &demo_schema.fields[i];
        if (f->kind != &kind_boolean && f->kind != &kind_object)
            assert_int_equal(f->kind->get(f, (char *)d + f->offset, &c.arena).type, VALUE_NOTHING);
    }
}

static void find(void **state)
{
    (void)state;
    assert_int_equal(schema_find(&demo_schema, S("id")), 0);
    assert_int_equal(schema_find(&demo_schema, S("name")), 1);
    assert_int_equal(schema_find(&demo_schema, S("nam")), -1);
    assert_int_equal(schema_find(&demo_schema, S("names")), -1);
    assert_int_equal(schema_find(&demo_schema, S("name\0x")), -1);
    assert_int_equal(schema_find(&demo_schema, STR_NULL), -1);
    assert_true(schema_was_given(&demo_schema, GIVEN(1), "name"));
    assert_false(schema_was_given(&demo_schema, GIVEN(1), "note"));
    assert_false(schema_was_given(&demo_schema, UINT64_MAX, "no"));
}

static void choices(void **state)
{
    (void)state;
    static const char *const names[] = { "A", "B", NULL };
    assert_true(str_is_null(choice_text(names, 0)));
    assert_str(choice_text(names, 2), "B");
    assert_true(str_is_null(choice_text(names, 3)));
    assert_int_equal(choice_of(names, S("A")), 1);
    assert_int_equal(choice_of(names, S("a")), 0);
    assert_int_equal(choice_of(names, STR_NULL), 0);
    assert_int_equal(choice_of(NULL, S("A")), 0);
}

static void texts_are_kept(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    assert_true(take_text(d, "name", " \t张伟 \r\n"));
    assert_str(d->name, "张伟");
    assert_false(take_text(d, "name", " 张  "));
    check_problem(&c, "name", "too_short");
    assert_str(d->name, "张伟");                        /* untouched on failure */
    assert_false(take_text(d, "name", "   abcdef   ")); /* the upper limit counts what was sent */
    check_problem(&c, "name", "too_long");
    assert_false(take_text(d, "name", ""));
    check_problem(&c, "name", "too_short");
    assert_true(take_text(d, "code", " "));
    assert_true(str_is_null(d->code));
    assert_true(take_text(d, "comment", ""));
    assert_false(str_is_null(d->comment));
    assert_int_equal(d->comment.len, 0);
    assert_true(take_text(d, "password", "  a "));
    assert_str(d->password, "  a ");
    assert_false(take_text(d, "name",
                           "a\xff"
                           "b"));
    check_problem(&c, "name", "not_utf8");
    assert_false(take_text(d, "name",
                           "a\x01"
                           "b"));
    check_problem(&c, "name", "control_character");
    assert_true(take_text(d, "note", "a\tb\r\nc"));
    assert_false(take_text(d, "grade", "A "));
    check_problem(&c, "grade", "not_a_choice");
    assert_true(take_text(d, "grade", "B"));
    assert_true(take_text(d, "grade", ""));
    assert_true(str_is_null(d->grade));
}

static void text_is_copied(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    char text[] = "abc";
    assert_true(take_text(d, "name", text));
    text[0] = 'x';
    assert_str(d->name, "abc");
}

static void numbers_as_text(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    assert_true(take_text(d, "age", "150"));
    assert_int_equal(d->age, 150);
    static const struct {
        const char *text, *type;
    } bad[] = {
        { "151", "too_large" },
        { "-1", "too_small" },
        { "1.0", "not_an_integer" },
        { "1 ", "not_an_integer" },
        { "+1", "not_an_integer" },
        { "0x1", "not_an_integer" },
        { "-", "not_an_integer" },
        { "1e2", "not_an_integer" },
        { "99999999999999999999", "too_large" },
        { "-99999999999999999999", "too_small" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(take_text(d, "age", bad[i].text));
        check_problem(&c, "age", bad[i].type);
    }
    assert_true(take_text(d, "age", ""));
    assert_true(d->age == INTEGER_NULL);
    assert_false(take_text(d, "number", ""));
    check_problem(&c, "number", "not_an_integer");
    assert_false(take_text(d, "number", "-9223372036854775808"));
    check_problem(&c, "number", "too_small");
    assert_true(take_text(d, "number", "-9223372036854775807"));
    assert_true(take_text(d, "weight", "70.25"));
    assert_true(d->weight == 70.25);
    assert_false(take_text(d, "weight", "nan"));
    check_problem(&c, "weight", "not_a_number");
    assert_false(take_text(d, "weight", "700.1"));
    check_problem(&c, "weight", "too_large");
}

static void booleans(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    assert_true(take_text(d, "active", "1") && d->active);
    assert_true(take_text(d, "active", "0") && !d->active);
    assert_true(take_text(d, "active", "true") && d->active);
    assert_true(take_text(d, "active", "false") && !d->active);
    assert_false(take_text(d, "active", "yes"));
    check_problem(&c, "active", "not_a_boolean");
    assert_false(take_text(d, "active", ""));
    check_problem(&c, "active", "not_a_boolean");
    assert_true(take_text(d, "visible", "") && d->visible); /* back to its default */
}

static void lists_as_text(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    assert_true(take_text(d, "tags", "a, b,张"));
    assert_int_equal(d->tags.count, 3);
    assert_str(d->tags.items[1], "b");
    assert_false(take_text(d, "tags", "a,,b"));
    check_problem(&c, "tags", "too_short");
    assert_false(take_text(d, "tags", "a,b,c,d,e"));
    check_problem(&c, "tags", "too_long");
    assert_true(take_text(d, "ids", "1,-2, 3"));
    assert_int_equal(d->ids.count, 3);
    assert_int_equal(d->ids.items[1], -2);
    assert_false(take_text(d, "ids", "1,x"));
    check_problem(&c, "ids", "not_an_integer");
    assert_false(take_text(d, "roles", "doctor,king"));
    check_problem(&c, "roles", "not_a_choice");
    assert_true(take_text(d, "extra", "{\"a\" : [1]}"));
    assert_str(d->extra.text, "{\"a\":[1]}");
    assert_false(take_text(d, "extra", "{"));
    check_problem(&c, "extra", "not_json");
    assert_true(take_text(d, "by_type", "{\"CT\":3}"));
    assert_int_equal(d->by_type.items[0].n, 3);
    assert_false(take(d, "tags", value_int(1)));
    check_problem(&c, "tags", "not_a_list");
}

static void null_and_defaults(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    assert_true(take_text(d, "page", "7"));
    assert_true(take(d, "page", value_nothing()));
    assert_int_equal(d->page, 1);
    assert_false(take(d, "name", value_nothing()));
    check_problem(&c, "name", "null_not_allowed");
    assert_false(take(d, "active", value_nothing()));
    check_problem(&c, "active", "null_not_allowed");
    d->age = 5;
    assert_true(take(d, "age", value_nothing()));
    assert_true(d->age == INTEGER_NULL);
}

static void finish(void **state)
{
    (void)state;
    struct part *part = schema_new(&part_schema, &c.arena);
    schema_finish(&c, &part_schema, part, 0, 0, true, "body", STR_NULL);
    assert_int_equal(c.error.code, E_NONE);
    schema_finish(&c, &part_schema, part, 0, GIVEN(0), false, "body", STR_NULL);
    assert_int_equal(c.error.code, E_NONE); /* seen, though bad: not missing as well */
    schema_finish(&c, &part_schema, part, 0, 0, false, "body", S("parts.2."));
    check_problem(&c, "parts.2.number", "missing");

    struct demo *d = schema_new(&demo_schema, &c.arena);
    d->page = 9;
    error_clear(&c.error);
    uint64_t given = GIVEN(schema_find(&demo_schema, S("page")));
    schema_finish(&c, &demo_schema, d, given, given, false, "query", STR_NULL);
    assert_int_equal(d->page, 9);
    assert_int_equal(d->status, 1); /* a default satisfies REQUIRED */
    assert_true(d->visible);
    assert_str(problems_text(&c), "name:missing password:missing number:missing active:missing ratio:missing "
                                  "born_on:missing part:missing roles:missing");
}

static void store_and_load(void **state)
{
    (void)state;
    struct demo *a = schema_new(&demo_schema, &c.arena), *b = schema_new(&demo_schema, &c.arena);
    static const struct {
        const char *name, *text;
        enum value_type type;
        const char *stored;
    } rows[] = {
        { "name", "张伟", VALUE_TEXT, "张伟" },
        { "number", "-5", VALUE_INTEGER, NULL },
        { "active", "true", VALUE_INTEGER, NULL },
        { "weight", "1.5", VALUE_REAL, NULL },
        { "modality", "MR", VALUE_TEXT, "MR" },
        { "seen_at", "2026-01-05T14:30:22.5Z", VALUE_INTEGER, NULL },
        { "born_on", "1980-02-29", VALUE_TEXT, "1980-02-29" },
        { "tags", "a\",b", VALUE_TEXT, "[\"a\\\"\",\"b\"]" },
        { "ids", "1,-2,3", VALUE_TEXT, "[1,-2,3]" },
        { "by_type", "{\"CT\":3,\"名\":0}", VALUE_TEXT, "{\"CT\":3,\"名\":0}" },
        { "extra", "[1, 2]", VALUE_TEXT, "[1,2]" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct field *f = demo_field(rows[i].name);
        assert_true(take_text(a, rows[i].name, rows[i].text));
        struct value stored = f->kind->store(f, (char *)a + f->offset, &c.arena);
        assert_int_equal(stored.type, rows[i].type);
        if (rows[i].stored)
            assert_str(stored.text, rows[i].stored);
        assert_true(f->kind->load(f, (char *)b + f->offset, stored, &c.arena));
        struct value again = f->kind->store(f, (char *)b + f->offset, &c.arena);
        assert_int_equal(again.type, stored.type);
        if (stored.type == VALUE_TEXT)
            assert_true(str_equal(again.text, stored.text));
        else
            assert_memory_equal(&again.integer, &stored.integer, sizeof(int64_t));
        assert_true(f->kind->load(f, (char *)b + f->offset, value_nothing(), &c.arena));
        if (f->kind != &kind_boolean)
            assert_int_equal(f->kind->store(f, (char *)b + f->offset, &c.arena).type, VALUE_NOTHING);
    }
    assert_int_equal(a->seen_at.us, INT64_C(1767623422500000));
}

static void load_refuses(void **state)
{
    (void)state;
    struct demo *d = schema_new(&demo_schema, &c.arena);
    static const struct {
        const char *name, *text;
    } rows[] = {
        { "number", "x" },
        { "active", "true" },
        { "weight", "x" },
        { "modality", "US" },
        { "seen_at", "2026-01-05" },
        { "born_on", "2026-02-30" },
        { "tags", "a" },
        { "tags", "[1]" },
        { "tags", "{}" },
        { "ids", "1,2" },
        { "ids", "[" },
        { "ids", "[1,]" },
        { "ids", "[1,x]" },
        { "by_type", "[]" },
        { "by_type", "{\"a\":\"b\"}" },
        { "parts", "[]" },
        { "part", "{}" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct field *f = demo_field(rows[i].name);
        if (f->kind->load(f, (char *)d + f->offset, value_text(str_from(rows[i].text)), &c.arena))
            fail_msg("%s took %s", rows[i].name, rows[i].text);
    }
    const struct field *f = demo_field("name");
    assert_false(f->kind->load(f, &d->name, value_int(1), &c.arena));
    f = demo_field("number");
    assert_true(f->kind->load(f, &d->number, value_text(S("42")), &c.arena)); /* DECIMAL from MariaDB */
    assert_int_equal(d->number, 42);
    assert_true(f->kind->load(f, &d->number, value_real(43.0), &c.arena));
    assert_int_equal(d->number, 43);
    assert_false(f->kind->load(f, &d->number, value_real(43.5), &c.arena));
    f = demo_field("active");
    assert_true(f->kind->load(f, &d->active, value_boolean(true), &c.arena) && d->active);
    f = demo_field("ids");
    assert_true(f->kind->load(f, &d->ids, value_text(S(" [ ] ")), &c.arena));
    assert_non_null(d->ids.items);
    assert_int_equal(d->ids.count, 0);
}

static void demo_is_right(void **state)
{
    (void)state;
    struct text complaints;
    text_init(&complaints, 65536);
    assert_int_equal(schema_check(&demo_schema, &complaints), 0);
    assert_int_equal(complaints.len, 0);
    text_release(&complaints);
}

struct bad {
    struct str a, b;
    int64_t n;
    unsigned choice;
    struct list list;
    struct texts texts;
};

static void check_complaint(const struct schema *schema, const char *wanted)
{
    struct text complaints;
    text_init(&complaints, 65536);
    int wrong = schema_check(schema, &complaints);
    if (wrong != 1 || str_find(text_str(&complaints), str_from(wanted)) < 0)
        fail_msg("%d: %.*s instead of %s", wrong, STR_FMT(text_str(&complaints)), wanted);
    text_release(&complaints);
}

#define CHECK_BAD(wanted, ...) \
    do { \
        const struct field fields_[] = { __VA_ARGS__ }; \
        const struct schema schema_ = SCHEMA("Bad", struct bad, fields_, .table = "bad"); \
        check_complaint(&schema_, wanted); \
    } while (0)

static void check_complains(void **state)
{
    (void)state;
    CHECK_BAD("has no doc", FIELD(struct bad, a, .flags = NULLABLE));
    CHECK_BAD("has no doc", FIELD(struct bad, a, .doc = ""));
    CHECK_BAD("is there twice", FIELD(struct bad, a, .doc = "A."), FIELD(struct bad, a, .doc = "A."));
    CHECK_BAD("choices", FIELD(struct bad, choice, .doc = "C."));
    CHECK_BAD("default", FIELD(struct bad, n, .min = 1, .max = 5, .fallback = "6", .doc = "N."));
    CHECK_BAD("default", FIELD(struct bad, n, .fallback = "x", .doc = "N."));
    CHECK_BAD("example", FIELD(struct bad, a, .max = 2, .example = "abc", .doc = "A."));
    CHECK_BAD("example", FIELD(struct bad, texts, .example = "[1]", .doc = "T."));
    CHECK_BAD("`of`", FIELD(struct bad, list, .flags = NOT_STORED, .doc = "L."));
    CHECK_BAD("NOT_STORED", FIELD(struct bad, list, .of = &part_schema, .doc = "L."));
    CHECK_BAD("ENCRYPTED", FIELD(struct bad, n, .flags = ENCRYPTED, .doc = "N."));
    CHECK_BAD("SET_ON_INSERT", FIELD(struct bad, n, .flags = SET_ON_INSERT, .doc = "N."));
    CHECK_BAD("identifier", { .name = "a-b", .kind = &kind_text, .doc = "A." });
    CHECK_BAD("no kind", { .name = "a", .doc = "A." });
    CHECK_BAD("outside", { .name = "a", .kind = &kind_text, .offset = sizeof(struct bad) - 8, .doc = "A." });
    struct field many[65];
    char names[65][8];
    for (int i = 0; i < 65; i++) {
        snprintf(names[i], sizeof(names[i]), "f%d", i);
        many[i] = (struct field)FIELD(struct bad, a, .doc = "A.");
        many[i].name = names[i];
    }
    struct schema schema = SCHEMA("Many", struct bad, many);
    check_complaint(&schema, "more than 64");
    schema.count = 64;
    struct text none;
    text_init(&none, 1024);
    assert_int_equal(schema_check(&schema, &none), 0);
    text_release(&none);
}

static void check_looks_inside(void **state)
{
    (void)state;
    const struct field inner_fields[] = { FIELD(struct bad, a, .flags = NULLABLE) };
    const struct schema inner = SCHEMA("Inner", struct bad, inner_fields);
    const struct field fields[] = { FIELD(struct bad, list, .of = &inner, .doc = "L.") };
    const struct schema outer = SCHEMA("Outer", struct bad, fields);
    check_complaint(&outer, "Inner.a: has no doc");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(clear_is_null),
        TEST(find),
        TEST(choices),
        TEST(texts_are_kept),
        TEST(text_is_copied),
        TEST(numbers_as_text),
        TEST(booleans),
        TEST(lists_as_text),
        TEST(null_and_defaults),
        TEST(finish),
        TEST(store_and_load),
        TEST(load_refuses),
        TEST(demo_is_right),
        TEST(check_complains),
        TEST(check_looks_inside),
    };
    return cmocka_run_group_tests_name("field", tests, NULL, NULL);
}
