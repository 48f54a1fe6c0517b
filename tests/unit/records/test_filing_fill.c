/* test_filing_fill.c - from a data set into a record by the tags of its rows; and names of persons. */
#include "records/filing.h"

#include "../base/test.h"

struct thing {
    struct str word, person, untagged;
    int64_t number, narrow;
    double real;
    struct date day;
    unsigned sex;
};
static const char *const sexes[] = { "MALE", "FEMALE", "OTHER", NULL };
static const struct field thing_fields[] = {
    FIELD(struct thing, word, .max = 5, .tag = 0x00081030, .doc = "x"),
    FIELD(struct thing, person, .max = 64, .tag = 0x00100010, .doc = "x"),
    FIELD(struct thing, untagged, .doc = "x"),
    FIELD(struct thing, number, .tag = 0x00280010, .doc = "x"),
    FIELD(struct thing, narrow, .min = 1, .max = 10, .tag = 0x00200013, .doc = "x"),
    FIELD(struct thing, real, .tag = 0x00180050, .doc = "x"),
    FIELD(struct thing, day, .tag = 0x00100030, .doc = "x"),
    FIELD(struct thing, sex, .choices = sexes, .tag = 0x00100040, .doc = "x"),
};
static const struct schema thing_schema = SCHEMA("Thing", struct thing, thing_fields);

static struct call call;

static struct thing fill(struct str bytes)
{
    struct thing thing;
    struct dicom_object *object;
    struct error error = { 0 };
    call_reset(&call);
    assert_true(dicom_read(bytes, NULL, &call.arena, &object, &error));
    schema_clear(&thing_schema, &thing);
    filing_fill(&call, object->root, &thing_schema, &thing);
    dicom_object_release(object);
    return thing;
}

static void members_come_from_their_tags(void **state)
{
    (void)state;
    struct thing t = fill(S("\x08\0\x05\0CS\x0a\0ISO_IR 192" /* UTF-8 */
                            "\x08\0\x30\x10LO\x08\0a\tb\x1b"
                            "cdef"
                            "\x10\0\x10\0PN\x06\0Li^Na "
                            "\x10\0\x30\0DA\x08\0"
                            "19800229"
                            "\x10\0\x40\0CS\x02\0F "
                            "\x18\0\x50\0DS\x04\0-1.5"
                            "\x20\0\x13\0IS\x02\0"
                            "7 "
                            "\x28\0\x10\0US\x02\0\0\2"));
    assert_str_is(t.word, "a b c");
    assert_str_is(t.person, "Li Na");
    assert_true(str_is_null(t.untagged));
    assert_int_equal(t.number, 512);
    assert_int_equal(t.narrow, 7);
    assert_true(t.real == -1.5);
    assert_int_equal(t.day.days, date_from_ymd(1980, 2, 29).days);
    assert_int_equal(t.sex, 2);
}

static void what_does_not_fit_stays_as_it_was(void **state)
{
    (void)state;
    struct thing t = fill(S("\x08\0\x05\0CS\x0a\0ISO_IR 192"
                            "\x08\0\x30\x10LO\x02\0  "
                            "\x10\0\x30\0DA\x08\0"
                            "19810229"
                            "\x10\0\x40\0CS\x02\0X "
                            "\x20\0\x13\0IS\x02\0"
                            "11"));
    assert_true(str_is_null(t.word) && str_is_null(t.person));
    assert_true(date_is_null(t.day));
    assert_int_equal(t.sex, 0);
    assert_true(t.narrow == INTEGER_NULL && t.number == INTEGER_NULL);
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *pn, *name, *latin, *phonetic;
    } rows[] = {
        { "Doe^John", "Doe John", "Doe John" },
        { "Doe^John^^Dr", "Doe John Dr", "Doe John Dr" },
        { "Wang^XiaoDong=王^小东", "王小东", "Wang XiaoDong" },
        { "=王^小东", "王小东", NULL },
        { "王^小东", "王小东", NULL },
        { "王小东", "王小东", NULL },
        { "==やまだ^たろう", "やまだたろう", NULL },
        { "Hong^Gildong=洪^吉洞=홍^길동", "洪吉洞", "Hong Gildong", "홍길동" },
        /* PS3.5 H.3 examples 1 and 2, and an alphabetic group in kana of full width */
        { "Yamada^Tarou=山田^太郎=やまだ^たろう", "山田太郎", "Yamada Tarou", "やまだたろう" },
        { "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう", "山田太郎", "ﾔﾏﾀﾞ ﾀﾛｳ", "やまだたろう" },
        { "ヤマダ^タロウ=山田^太郎", "山田太郎", NULL, "ヤマダタロウ" },
        { "Yamada^Tarou==やまだ^たろう", "Yamada Tarou", "Yamada Tarou", "やまだたろう" },
        { "A^B\\C^D", "A B", "A B" },
        { "  A  ^ B ", "A B", "A B" },
        { "^^^^", NULL, NULL },
        { "==", NULL, NULL },
        { "", NULL, NULL },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str name, latin, phonetic;
        filing_person_name(&call.arena, str_from(rows[i].pn), &name, &latin, &phonetic);
        assert_str_is(name, rows[i].name);
        assert_str_is(latin, rows[i].latin);
        assert_str_is(phonetic, rows[i].phonetic);
    }
}

static int begin(void **state)
{
    (void)state;
    call_init(&call, NULL, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    call_release(&call);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_from_their_tags),
        cmocka_unit_test(what_does_not_fit_stays_as_it_was),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
