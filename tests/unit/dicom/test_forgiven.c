/* What the reader steps over or forgives: what follows is read, and a remark says so. */
#include "data_set.h"

#include "dicom/dump.h"
#include "dicom/object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>
#include <zlib.h>

static struct arena arena;
static struct dicom_object *object;
static struct error error;

static bool read_it(void)
{
    dicom_object_release(object);
    object = NULL;
    error_clear(&error);
    return dicom_read(ds_bytes(), NULL, &arena, &object, &error);
}

/* It is read to its end, which is the pixel data, with one remark; a dump says the same. */
static void forgiven(const char *remark)
{
    struct text text;
    struct dicom_dump dump;
    struct dicom_input input;
    struct dicom_file file;
    if (!read_it())
        fail_msg("%s", error.message);
    assert_int_equal(dicom_bytes(object->root, DICOM_PixelData).len, 4);
    assert_int_equal(object->remark_count, 1);
    if (str_find(object->remarks[0], str_from(remark)) < 0)
        fail_msg("\"%.*s\" does not say \"%s\"", STR_FMT(object->remarks[0]), remark);
    text_init(&text, 1 << 16);
    dicom_input_memory(&input, ds_bytes());
    dicom_dump_begin(&dump, &(struct dicom_dump_options){ 0 }, &text);
    assert_true(dicom_parse(&input, &dicom_default_limits, &dicom_dump_events, &dump, &file, &error));
    dicom_dump_end(&dump);
    dicom_input_release(&input);
    assert_true(str_find(text_str(&text), str_from(remark)) >= 0);
    text_release(&text);
}

static void pixels(void)
{
    ds_long(DICOM_PixelData, "OW", 4);
    ds_put("abcd", 4);
}

static void implicit(uint32_t tag, struct str value)
{
    ds_put_tag(tag);
    ds_put_u32((uint32_t)value.len);
    ds_put(value.at, value.len);
}

static void text_in_an_implicit_sequence(void **state)
{
    const struct str contents[] = { S("NAMED TYPE"), S("AB"), S("ABCDEFGH"), S("\0\0\0\0\0\0\0\0\0\0") };
    (void)state;
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        ds_clear();
        ds_meta(S("1.2.840.10008.1.2\0"));
        implicit(0x00080060, S("CT"));
        implicit(0x0040A170, contents[i]);
        implicit(DICOM_PixelData, S("abcd"));
        forgiven("(0040,A170) at byte ");
        const struct dicom_node *node = dicom_find(object->root, 0x0040A170);
        assert_int_equal(node->element.vr, VR('U', 'N'));
        assert_true(str_equal(node->element.value, contents[i]));
    }
}

static void text_in_an_explicit_sequence(void **state)
{
    const uint32_t tags[] = { 0x0040A170, 0x00091010, 0x00400275 };
    (void)state;
    for (int i = 0; i < 3; i++) {
        ds_clear();
        ds_meta(S("1.2.840.10008.1.2.1\0"));
        ds_element(0x00080060, "CS", S("CT"));
        ds_long(tags[i], "SQ", 10);
        ds_put("NAMED TYPE", 10);
        pixels();
        forgiven("what this sequence holds is no items");
        assert_true(str_equal(dicom_bytes(object->root, tags[i]), S("NAMED TYPE")));
    }
}

static void text_in_an_unknown_sequence(void **state)
{
    (void)state;
    ds_meta(S("1.2.840.10008.1.2.1\0"));
    ds_long(0x0040A170, "UN", 10);
    ds_put("NAMED TYPE", 10);
    pixels();
    forgiven("(0040,A170)");
}

static void text_in_a_nested_sequence(void **state)
{
    (void)state;
    for (int open = 0; open < 2; open++) {
        ds_clear();
        ds_meta(S("1.2.840.10008.1.2.1\0"));
        ds_long(0x00081140, "SQ", open ? DICOM_UNDEFINED_LENGTH : 8 + 22 + 10);
        ds_item(open ? DICOM_UNDEFINED_LENGTH : 22 + 10);
        ds_long(0x0040A170, "SQ", 10);
        ds_put("NAMED TYPE", 10);
        ds_element(0x0040A730, "LO", S("ab"));
        if (open) {
            ds_item_end();
            ds_sequence_end();
        }
        pixels();
        forgiven("(0040,A170)");
        const struct dicom_dataset *item = dicom_item(object->root, 0x00081140, 0);
        assert_true(str_equal(dicom_bytes(item, 0x0040A170), S("NAMED TYPE")));
        assert_non_null(dicom_find(item, 0x0040A730));
    }
}

static void what_does_not_fit_inside(void **state)
{
    (void)state;
    ds_meta(S("1.2.840.10008.1.2.1\0"));
    ds_long(0x00081140, "SQ", 18 + 6); /* an item, and then something else */
    ds_item(10);
    ds_element(0x00080060, "CS", S("CT"));
    ds_put("QQQQQQ", 6);
    pixels();
    forgiven("(0008,1140)");
    assert_non_null(dicom_find(dicom_item(object->root, 0x00081140, 0), 0x00080060));
    ds_clear();
    ds_meta(S("1.2.840.10008.1.2.1\0"));
    ds_long(0x00081140, "SQ", 18 + 18);
    ds_item(10);
    ds_put_tag(0x00080060);
    ds_put("CS", 2);
    ds_put_u16(200); /* past the item, whose length is right */
    ds_put("CT", 2);
    ds_item(10);
    ds_element(0x00080060, "CS", S("MR"));
    pixels();
    forgiven("(0008,0060)");
    assert_null(dicom_find(dicom_item(object->root, 0x00081140, 0), 0x00080060));
    assert_non_null(dicom_find(dicom_item(object->root, 0x00081140, 1), 0x00080060));
}

/* Explicit elements inside UN, which ought to be implicit (PS3.5 6.2.2). */
static void unknown_with_explicit_items(void **state)
{
    (void)state;
    ds_meta(S("1.2.840.10008.1.2.1\0"));
    ds_long(0x00081140, "UN", 18);
    ds_item(10);
    ds_element(0x00080060, "CS", S("CT"));
    pixels();
    forgiven("(0008,0060)");
}

/* Where what follows shows that the length is wrong, nothing is stepped over. */
static void lengths_not_to_be_trusted(void **state)
{
    (void)state;
    ds_element(0x00080060, "CS", S("CT"));
    ds_long(0x00081140, "SQ", 4);
    ds_put("abcd\1\0\2\0efgh", 12);
    assert_false(read_it());
    assert_non_null(strstr(error.message, "(0008,1140)"));
    ds_clear();
    ds_long(0x00081140, "SQ", 18);
    ds_item(10 + 8); /* the item is longer than its sequence: what lies behind is the item's */
    ds_element(0x00080060, "CS", S("CT"));
    ds_element(0x00080005, "CS", S(""));
    pixels();
    assert_false(read_it());
    assert_int_equal(object->remark_count, 0);
    ds_clear();
    ds_element(0x00080060, "CS", S("CT"));
    ds_long(0x00081140, "SQ", 400); /* the file is cut short */
    ds_put("NAMED TYPE", 10);
    assert_false(read_it());
}

/* ---- deflated data sets ---- */

static void deflated(int window_bits)
{
    static unsigned char plain[256], packed[1024];
    z_stream z = { 0 };
    ds_clear();
    ds_element(0x00080060, "CS", S("CT"));
    pixels();
    memcpy(plain, ds_bytes().at, (size_t)ds_bytes().len);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = plain;
    z.avail_in = (unsigned)ds_bytes().len;
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    ds_clear();
    ds_meta(S("1.2.840.10008.1.2.1.99"));
    ds_put(packed, (ptrdiff_t)z.total_out);
    deflateEnd(&z);
}

static void wrapped_deflate(void **state)
{
    (void)state;
    for (int bits = 9; bits <= 15; bits++) {
        deflated(bits);
        forgiven("zlib header");
    }
    deflated(15 + 16);
    forgiven("gzip header");
    deflated(-15);
    assert_true(read_it());
    assert_int_equal(object->remark_count, 0);
    deflated(15);
    ds_cut(ds_bytes().len - 8);
    assert_false(read_it() && dicom_find(object->root, DICOM_PixelData));
}

/* A stored block whose padding is not zero may begin with the two bytes of a zlib header: 0x78 0xDA. Its length's
 * complement tells. */
static void stored_block_like_a_zlib_header(void **state)
{
    enum { SIZE = 0xDA, TEXT = SIZE - 12 - 16 };
    static const unsigned char head[] = { 0x78, SIZE, 0, (unsigned char)~SIZE, 0xFF };
    (void)state;
    assert_int_equal((0x78 << 8 | SIZE) % 31, 0);
    ds_meta(S("1.2.840.10008.1.2.1.99"));
    ds_put(head, sizeof(head));
    ds_long(0x00081190, "UT", TEXT);
    for (int i = 0; i < TEXT; i++)
        ds_put(" ", 1);
    pixels();
    ds_put("\3", 2); /* the last block, of nothing */
    assert_true(read_it());
    assert_int_equal(object->remark_count, 0);
    assert_non_null(dicom_find(object->root, DICOM_PixelData));
}

static void not_deflated_at_all(void **state)
{
    (void)state;
    ds_meta(S("1.2.840.10008.1.2.1.99"));
    ds_element(0x00080060, "CS", S("CT"));
    pixels();
    forgiven("not deflated");
}

static int begin(void **state)
{
    (void)state;
    ds_clear();
    return 0;
}

static int begin_group(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int end_group(void **state)
{
    (void)state;
    dicom_object_release(object);
    arena_release(&arena);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(text_in_an_implicit_sequence),    TEST(text_in_an_explicit_sequence),
        TEST(text_in_an_unknown_sequence),     TEST(text_in_a_nested_sequence),
        TEST(what_does_not_fit_inside),        TEST(unknown_with_explicit_items),
        TEST(lengths_not_to_be_trusted),       TEST(wrapped_deflate),
        TEST(stored_block_like_a_zlib_header), TEST(not_deflated_at_all),
    };
    return cmocka_run_group_tests(tests, begin_group, end_group);
}
