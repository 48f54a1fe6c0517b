/* The tree and its getters: values by tag, of the right VR and the wrong, in items, in damaged files. */
#include "data_set.h"

#include "dicom/encoding.h"
#include "dicom/object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static struct arena arena;
static struct dicom_object *object;
static struct error error;

static int begin(void **state)
{
    (void)state;
    ds_clear();
    arena_init(&arena);
    object = NULL;
    return 0;
}

static int end(void **state)
{
    (void)state;
    dicom_object_release(object);
    arena_release(&arena);
    return 0;
}

static bool read_it(void)
{
    error = (struct error){ 0 };
    return dicom_read(ds_bytes(), NULL, &arena, &object, &error);
}

static void expect_text(uint32_t tag, struct str wanted)
{
    struct str text = dicom_text(object->root, tag, &arena);
    if (!str_equal(text, wanted))
        fail_msg("%08X is \"%.*s\"", (unsigned)tag, STR_FMT(text));
}

static void texts(void **state)
{
    (void)state;
    ds_element(0x00080005, "CS", S("ISO_IR 100"));
    ds_element(0x00080008, "CS", S("ORIGINAL\\ PRIMARY\\AXIAL "));
    ds_element(0x00080060, "CS", S("  "));
    ds_element(0x00100010, "PN", S("M\xFCller^A "));
    ds_element(0x00104000, "LT", S(" two\r\nlines "));
    ds_element(0x00280010, "US", S("\0\2"));
    assert_true(read_it());
    expect_text(0x00100010, S("Müller^A"));
    expect_text(0x00104000, S(" two\r\nlines"));
    expect_text(0x00080060, STR_NULL); /* nothing but padding */
    expect_text(0x00280010, STR_NULL); /* no text */
    expect_text(0x00100020, STR_NULL); /* absent */
    assert_true(str_equal(dicom_text_first(object->root, 0x00080008, &arena), S("ORIGINAL")));
    assert_int_equal(dicom_value_count(object->root, 0x00080008), 3);
    assert_int_equal(dicom_value_count(object->root, 0x00080060), 0);
    assert_int_equal(dicom_value_count(object->root, 0x00104000), 1);
}

static void expect_integer(uint32_t tag, int64_t index, int64_t wanted)
{
    int64_t n = -77;
    assert_true(dicom_integer_at(object->root, tag, index, &n));
    assert_int_equal(n, wanted);
}

static void numbers(void **state)
{
    int64_t n;
    double real;
    (void)state;
    ds_element(0x00200013, "IS", S("+12\\ -3 \\4.0\\x\\"));
    ds_element(0x00280010, "UL", S("\0\2\0\0")); /* US in the dictionary: the meaning is clear */
    ds_element(0x00280011, "IS", S("512 "));
    ds_element(0x00280030, "DS", S("0.5\\1e-1\\nan"));
    ds_element(0x00280120, "SS", S("\x30\xF8\1\0"));
    ds_element(0x00281050, "LO", S("40")); /* not a number's VR */
    ds_element(0x00189087, "FD", S("\0\0\0\0\0\0\xF8\x3F\0\0\0\0\0\0\xF8\x7F"));
    assert_true(read_it());
    expect_integer(0x00200013, 0, 12);
    expect_integer(0x00200013, 1, -3);
    expect_integer(0x00200013, 2, 4);
    assert_false(dicom_integer_at(object->root, 0x00200013, 3, &n));
    assert_false(dicom_integer_at(object->root, 0x00200013, 4, &n));
    assert_false(dicom_integer_at(object->root, 0x00200013, 5, &n));
    assert_false(dicom_integer_at(object->root, 0x00200013, -1, &n));
    expect_integer(DICOM_Rows, 0, 512);
    expect_integer(DICOM_Columns, 0, 512);
    expect_integer(0x00280120, 0, -2000);
    expect_integer(0x00280120, 1, 1);
    assert_false(dicom_integer_at(object->root, 0x00280120, 2, &n));
    assert_false(dicom_integer(object->root, 0x00281050, &n));
    assert_false(dicom_integer(object->root, 0x00280030, &n)); /* 0.5 */
    assert_true(dicom_real_at(object->root, 0x00280030, 1, &real) && real == 0.1);
    assert_false(dicom_real_at(object->root, 0x00280030, 2, &real));
    assert_true(dicom_real(object->root, 0x00189087, &real) && real == 1.5);
    assert_false(dicom_real_at(object->root, 0x00189087, 1, &real)); /* not finite */
}

static void days_times_uids(void **state)
{
    struct date date;
    struct str uid;
    int64_t us;
    (void)state;
    ds_element(0x00080018, "UI", S("1.2.3\0"));
    ds_element(0x00080020, "DA", S("20240229"));
    ds_element(0x00080021, "DA", S("20230229"));
    ds_element(0x00080022, "DA", S("1993.08.22"));
    ds_element(0x00080030, "TM", S("1415"));
    ds_element(0x00080031, "TM", S("235959.25 "));
    ds_element(0x00080032, "TM", S("2560"));
    ds_element(0x0020000D, "UI", S("1.2../x\0"));
    assert_true(read_it());
    assert_true(dicom_date(object->root, 0x00080020, &date));
    assert_true(dicom_date(object->root, 0x00080022, &date));
    assert_false(dicom_date(object->root, 0x00080021, &date));
    assert_true(dicom_time(object->root, 0x00080030, &us) && us == (14 * 3600 + 15 * 60) * 1000000LL);
    assert_true(dicom_time(object->root, 0x00080031, &us) && us == 86399250000LL);
    assert_false(dicom_time(object->root, 0x00080032, &us));
    assert_true(dicom_uid(object->root, DICOM_SOPInstanceUID, &uid) && str_equal(uid, S("1.2.3")));
    assert_false(dicom_uid(object->root, 0x0020000D, &uid));
}

static void items(void **state)
{
    (void)state;
    ds_element(0x00080005, "CS", S("ISO_IR 100"));
    ds_long(0x00081140, "SQ", DICOM_UNDEFINED_LENGTH);
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_element(0x00100020, "LO", S("\xE9"));
    ds_item_end();
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_element(0x00080005, "CS", S("ISO_IR 126"));
    ds_element(0x00100020, "LO", S("\xE9"));
    ds_item_end();
    ds_sequence_end();
    assert_true(read_it());
    const struct dicom_dataset *first = dicom_item(object->root, 0x00081140, 0);
    const struct dicom_dataset *second = dicom_item(object->root, 0x00081140, 1);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(dicom_item(object->root, 0x00081140, 2));
    assert_null(dicom_item(object->root, 0x00081140, -1));
    assert_null(dicom_item(object->root, 0x00100010, 0));
    assert_ptr_equal(first->parent, object->root);
    assert_ptr_equal(first->next, second);
    assert_true(str_equal(dicom_text(first, 0x00100020, &arena), S("é")));  /* the data set's character set */
    assert_true(str_equal(dicom_text(second, 0x00100020, &arena), S("ι"))); /* its own */
    assert_int_equal(dicom_value_count(object->root, 0x00081140), 2);
    assert_null(dicom_find(object->root, 0x00100020)); /* items keep to themselves */
}

static void order_and_repetition(void **state)
{
    (void)state;
    ds_element(0x00280010, "US", S("\1\0"));
    ds_element(0x00100020, "LO", S("first "));
    ds_element(0x00080060, "CS", S("CT"));
    ds_element(0x00100020, "LO", S("second"));
    assert_true(read_it());
    assert_int_equal(object->root->count, 4);
    for (int64_t i = 1; i < object->root->count; i++)
        assert_true(object->root->nodes[i - 1].element.tag <= object->root->nodes[i].element.tag);
    expect_text(0x00100020, S("first"));
    expect_text(0x00080060, S("CT"));
}

static void meta_is_apart(void **state)
{
    (void)state;
    ds_meta(S("1.2.840.10008.1.2.1\0"));
    ds_element(0x00080060, "CS", S("CT"));
    assert_true(read_it());
    assert_int_equal(object->meta->count, 1);
    assert_int_equal(object->root->count, 1);
    assert_non_null(dicom_find(object->meta, 0x00020010));
    assert_null(dicom_find(object->root, 0x00020010));
}

static void fragments(void **state)
{
    (void)state;
    ds_long(0x7FE00010, "OB", DICOM_UNDEFINED_LENGTH);
    ds_item(4);
    ds_put_u32(0);
    for (int i = 0; i < 100; i++) {
        ds_item(2);
        ds_put_u16((unsigned)i);
    }
    ds_sequence_end();
    assert_true(read_it());
    const struct dicom_node *pixels = dicom_find(object->root, DICOM_PixelData);
    assert_non_null(pixels);
    assert_int_equal(pixels->item_count, 100);
    assert_int_equal(pixels->fragments->table.len, 4);
    for (int64_t i = 0; i < 100; i++) {
        assert_int_equal(dicom_u16(pixels->fragments->at[i].at, false), i);
        assert_int_equal(pixels->fragments->offsets[i], 12 + 12 + 10 * i);
    }
}

/* What came before the damage is there, and the tree is whole. */
static void damaged_files(void **state)
{
    (void)state;
    ds_element(0x00080060, "CS", S("CT"));
    ds_long(0x00081140, "SQ", DICOM_UNDEFINED_LENGTH);
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_element(0x00100020, "LO", S("ID"));
    ds_long(0x00081140, "SQ", DICOM_UNDEFINED_LENGTH);
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_element(0x00100030, "DA", S("20240101"));
    assert_false(read_it());
    assert_non_null(strstr(error.message, "byte"));
    expect_text(0x00080060, S("CT"));
    const struct dicom_dataset *item = dicom_item(object->root, 0x00081140, 0);
    assert_non_null(item);
    assert_true(str_equal(dicom_text(item, 0x00100020, &arena), S("ID")));
    item = dicom_item(item, 0x00081140, 0);
    assert_non_null(item);
    assert_true(str_equal(dicom_text(item, 0x00100030, &arena), S("20240101")));
}

/* Text that is not ASCII, wherever in a value it stands, and in an item; bytes of other VRs are none. */
static void foreign_text(void **state)
{
    (void)state;
    static const char signs[] = { '\x1B', '\x80', '\xFF', '\0', '\x7F', '\x1A' };
    for (size_t sign = 0; sign < sizeof(signs); sign++)
        for (ptrdiff_t at = 0; at < 20; at++) {
            char name[20];
            ds_clear();
            memset(name, 'n', sizeof(name));
            name[at] = signs[sign];
            ds_element(0x00100010, "PN", (struct str){ name, sizeof(name) });
            assert_true(read_it());
            if (dicom_has_foreign_text(object) != (sign < 3))
                fail_msg("byte %d at %td", (unsigned char)signs[sign], at);
            dicom_object_release(object);
            object = NULL;
        }
    ds_clear();
    ds_element(0x00100030, "DA", S("\xFF\xFF"));
    ds_element(0x00280106, "US", S("\xFF\xFF"));
    assert_true(read_it());
    assert_false(dicom_has_foreign_text(object));
}

static void nothing_at_all(void **state)
{
    (void)state;
    assert_false(read_it());
    assert_int_equal(object->root->count, 0);
    assert_int_equal(object->meta->count, 0);
    assert_null(dicom_find(object->root, DICOM_Rows));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(texts),         TEST(numbers),   TEST(days_times_uids), TEST(items),          TEST(order_and_repetition),
        TEST(meta_is_apart), TEST(fragments), TEST(damaged_files),   TEST(nothing_at_all), TEST(foreign_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
