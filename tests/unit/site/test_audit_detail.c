/* test_audit_detail.c - what the log tells of a change: from what to what, and of secrets nothing but that. */
#include "site/actor.h"

#include "../base/test.h"

#include <string.h>

struct thing {
    struct str name, note, card, word;
    int64_t size;
};
static const struct field fields[] = {
    FIELD(struct thing, name, .max = 20000),
    FIELD(struct thing, note, .flags = NULLABLE, .max = 20000),
    FIELD(struct thing, card, .flags = NULLABLE | ENCRYPTED, .max = 100),
    FIELD(struct thing, word, .flags = NULLABLE | SECRET, .max = 100),
    FIELD(struct thing, size, .min = -10),
};
static const struct schema schema = SCHEMA("Thing", struct thing, fields, .doc = "Something that is kept.");

static struct thing plain(void)
{
    return (struct thing){ .name = S("a"), .card = S("1101"), .word = S("sesame"), .size = 7 };
}

static struct str told(struct call *c, struct thing after, uint64_t mask)
{
    static struct actor actor;
    actor = (struct actor){ 0 };
    call_reset(c);
    c->actor = &actor;
    struct thing before = plain();
    audit_changed(c, &schema, &before, &after, mask);
    return actor.audit.detail;
}

static void what_changed_is_told_from_what_to_what(void **state)
{
    struct call *c = *state;
    struct thing after = plain();
    after.name = S("\"王\"");
    after.size = -1;
    assert_str_is(told(c, after, UINT64_MAX),
                  "{\"name\":{\"from\":\"a\",\"to\":\"\\\"王\\\"\"},\"size\":{\"from\":7,\"to\":-1}}");
    after = plain();
    after.note = S("n");
    assert_str_is(told(c, after, UINT64_MAX), "{\"note\":{\"from\":null,\"to\":\"n\"}}");
}

static void what_stayed_is_not_told(void **state)
{
    struct call *c = *state;
    struct thing after = plain();
    assert_true(str_is_null(told(c, after, UINT64_MAX)));
    after.name = S("b");
    after.size = 8;
    assert_str_is(told(c, after, 1 << 4), "{\"size\":{\"from\":7,\"to\":8}}"); /* the others were not asked about */
}

static void of_secrets_only_that_they_changed(void **state)
{
    struct call *c = *state;
    struct thing after = plain();
    after.card = S("4499");
    after.word = STR_NULL;
    struct str detail = told(c, after, UINT64_MAX);
    assert_true(str_find(detail, S("\"card\":{\"changed\":true}")) >= 0);
    static const char *const never[] = { "1101", "4499", "sesame" };
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        assert_true(str_find(detail, str_from(never[i])) < 0);
}

static void long_texts_are_cut_between_characters(void **state)
{
    struct call *c = *state;
    static char many[12001];
    for (int i = 0; i < 4000; i++)
        memcpy(many + 3 * i, "髓", 3);
    struct thing after = plain();
    after.name = str_from(many);
    struct str detail = told(c, after, UINT64_MAX);
    assert_true(detail.len < 1000 && str_is_utf8(detail));
    assert_true(str_find(detail, S("髓…\"")) >= 0);
}

static int open_call(void **state)
{
    static struct call call;
    call_init(&call, NULL, NULL);
    *state = &call;
    return 0;
}

static int close_call(void **state)
{
    call_release(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_changed_is_told_from_what_to_what),
        cmocka_unit_test(what_stayed_is_not_told),
        cmocka_unit_test(of_secrets_only_that_they_changed),
        cmocka_unit_test(long_texts_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, open_call, close_call);
}
