/* test_sample.c - the check that the other layers run over their tables finds nothing in a right one, and does find
 * what is wrong. */
#include "check.h"
#include "demo.h"
#include "sample.h"

#include "schema/json.h"

static void the_demo_table(void **state)
{
    (void)state;
    struct text complaints;
    text_init(&complaints, 1 << 20);
    int wrong = sample_check(&demo_schema, &complaints);
    if (wrong)
        fail_msg("%d:\n%.*s", wrong, STR_FMT(text_str(&complaints)));
    text_release(&complaints);
}

static void mixes_differ(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct demo *a = schema_new(&demo_schema, &arena), *b = schema_new(&demo_schema, &arena);
    sample_fill(&demo_schema, a, 5, &arena);
    sample_fill(&demo_schema, b, 5, &arena);
    assert_null(sample_difference(&demo_schema, a, b, UINT64_MAX, &arena));
    sample_fill(&demo_schema, b, 6, &arena);
    assert_non_null(sample_difference(&demo_schema, a, b, UINT64_MAX, &arena));
    sample_fill(&demo_schema, b, 5, &arena);
    b->born_on.days++;
    assert_string_equal(sample_difference(&demo_schema, a, b, UINT64_MAX, &arena), "born_on");
    uint64_t others = ~GIVEN(schema_find(&demo_schema, S("born_on")));
    assert_null(sample_difference(&demo_schema, a, b, others, &arena));
    arena_release(&arena);
}

static void limits_are_there(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct sample_limit limits[SAMPLE_LIMITS_MAX];
    int count = sample_limits(demo_field("age"), &arena, limits), taken = 0, below = 0, above = 0;
    for (int i = 0; i < count; i++) {
        taken += str_equal(limits[i].json, S("150")) && !limits[i].trouble;
        above += str_equal(limits[i].json, S("151")) && strcmp(limits[i].trouble, "too_large") == 0;
        below += str_equal(limits[i].json, S("-1")) && strcmp(limits[i].trouble, "too_small") == 0;
    }
    assert_int_equal(taken, 1);
    assert_int_equal(above, 1);
    assert_int_equal(below, 1);
    arena_release(&arena);
}

/* A kind that forgets what it was told: the round trip must notice. */
static const char *forget(const struct field *field, void *member, struct value value, struct arena *arena,
                          struct str *message)
{
    (void)value, (void)arena, (void)message;
    field->kind->clear(field, member);
    return NULL;
}

static void finds_a_broken_kind(void **state)
{
    (void)state;
    struct kind broken = kind_integer;
    broken.set = forget;
    struct field fields[] = { FIELD(struct part, number, .flags = REQUIRED, .doc = "N.") };
    fields[0].kind = &broken;
    const struct schema schema = SCHEMA("Broken", struct part, fields);
    struct text complaints;
    text_init(&complaints, 1 << 20);
    assert_true(sample_check(&schema, &complaints) > 0);
    text_release(&complaints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_demo_table),
        cmocka_unit_test(mixes_differ),
        cmocka_unit_test(limits_are_there),
        cmocka_unit_test(finds_a_broken_kind),
    };
    return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
