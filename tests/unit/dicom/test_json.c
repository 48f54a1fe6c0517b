/* The DICOM JSON model and the dump, from small data sets written here. */
#include "data_set.h"

#include "dicom/dump.h"
#include "dicom/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

/* ---- what comes of them ---- */

static struct text out;
static struct error error;
static int64_t left_out;

static int set_up(void **state)
{
    (void)state;
    ds_clear();
    text_init(&out, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    text_release(&out);
    return 0;
}

static bool parse(const struct dicom_json_options *options)
{
    struct dicom_input input;
    struct dicom_json json;
    struct dicom_file file;
    text_clear(&out);
    error = (struct error){ 0 };
    dicom_input_memory(&input, ds_bytes());
    dicom_json_begin(&json, options, &out);
    bool ok = dicom_parse(&input, &dicom_default_limits, &dicom_json_events, &json, &file, &error);
    dicom_json_end(&json);
    left_out = json.left_out;
    dicom_input_release(&input);
    return ok;
}

static void expect_with(const struct dicom_json_options *options, const char *wanted)
{
    if (!parse(options))
        fail_msg("%s", error.message);
    if (!str_equal(text_str(&out), str_from(wanted)))
        fail_msg("got %.*s, not %s", STR_FMT(text_str(&out)), wanted);
}

static void expect(const char *wanted)
{
    expect_with(&(struct dicom_json_options){ 0 }, wanted);
}

static void one(uint32_t tag, const char *vr, struct str value, const char *member)
{
    char wanted[1000];
    ds_clear();
    ds_element(tag, vr, value);
    snprintf(wanted, sizeof(wanted), "{\"%08X\":{\"vr\":\"%s\"%s}}", (unsigned)tag, vr, member);
    expect(wanted);
}

static void texts(void **state)
{
    (void)state;
    one(0x00080060, "CS", S("CT"), ",\"Value\":[\"CT\"]");
    one(0x00080008, "CS", S("ORIGINAL \\\\ AXIAL"), ",\"Value\":[\"ORIGINAL\",null,\"AXIAL\"]");
    one(0x00080008, "CS", S("\\ "), ",\"Value\":[null,null]");
    one(0x00080008, "CS", S("  "), "");
    one(0x00080008, "CS", S(""), "");
    one(0x00080018, "UI", S("1.2.3\0"), ",\"Value\":[\"1.2.3\"]");
    one(0x00104000, "LT", S(" a\\b\"\n "), ",\"Value\":[\" a\\\\b\\\"\\n\"]");
    one(0x00080120, "UR", S("http://x/y  "), ",\"Value\":[\"http://x/y\"]");
    one(0x00080119, "UC", S("a\\b "), ",\"Value\":[\"a\",\"b\"]");
    one(0x00081190, "UT", S("\x1b[2J\0x"), ",\"Value\":[\"\xEF\xBF\xBD[2J\\u0000x\"]");
}

static void names(void **state)
{
    (void)state;
    one(0x00100010, "PN", S("A^B"), ",\"Value\":[{\"Alphabetic\":\"A^B\"}]");
    one(0x00100010, "PN", S("=I="), ",\"Value\":[{\"Ideographic\":\"I\"}]");
    one(0x00100010, "PN", S("A= =P"), ",\"Value\":[{\"Alphabetic\":\"A\",\"Phonetic\":\"P\"}]");
    one(0x00081048, "PN", S("A\\\\B "), ",\"Value\":[{\"Alphabetic\":\"A\"},null,{\"Alphabetic\":\"B\"}]");
    one(0x00100010, "PN", S("A=B=C=D "),
        ",\"Value\":[{\"Alphabetic\":\"A\",\"Ideographic\":\"B\",\"Phonetic\":\"C=D\"}]");
}

static void numerals(void **state)
{
    (void)state;
    one(0x00180050, "DS", S("1.50"), ",\"Value\":[1.50]");
    one(0x00280030, "DS", S("+.5\\-.5\\5.\\007\\-00.10 "), ",\"Value\":[0.5,-0.5,5.0,7,-0.10]");
    one(0x00280030, "DS", S("1E3\\-2.e-07\\"), ",\"Value\":[1E3,-2.0e-07,null]");
    one(0x00280030, "DS", S("abc\\1e999\\--1\\+-1\\ 1 2\\nan\\0x10"),
        ",\"Value\":[\"abc\",\"1e999\",\"--1\",\"+-1\",\"1 2\",\"nan\",\"0x10\"]");
    one(0x00200013, "IS", S("+0012"), ",\"Value\":[12]");
    one(0x00200013, "IS", S("1A"), ",\"Value\":[\"1A\"]");
    one(0x00200013, "IS", S("0"), ",\"Value\":[0]");
}

static void numbers(void **state)
{
    (void)state;
    one(0x00280010, "US", S("\0\2\xFF\xFF"), ",\"Value\":[512,65535]");
    one(0x00280120, "SS", S("\x30\xF8"), ",\"Value\":[-2000]");
    one(0x00081197, "UL", S("\xFF\xFF\xFF\xFF"), ",\"Value\":[4294967295]");
    one(0x00186020, "SL", S("\xFF\xFF\xFF\xFF"), ",\"Value\":[-1]");
    one(0x00280009, "AT", S("\x18\x00\x63\x10\xFE\xFF\x0A\xE0"), ",\"Value\":[\"00181063\",\"FFFEE00A\"]");
    one(0x00720083, "UV", S("\0\0\0\0\0\0\x20\0"), ",\"Value\":[9007199254740992]");
    one(0x00720083, "UV", S("\1\0\0\0\0\0\x20\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
        ",\"Value\":[\"9007199254740993\",\"18446744073709551615\"]");
    one(0x00720082, "SV", S("\0\0\0\0\0\0\0\x80\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
        ",\"Value\":[\"-9223372036854775808\",-1]");
    one(0x00189087, "FD", S("\0\0\0\0\0\0\xF8\x3F\0\0\0\0\0\0\xF8\x7F\0\0\0\0\0\0\xF0\x7F\0\0\0\0\0\0\xF0\xFF"),
        ",\"Value\":[1.5,\"NaN\",\"Infinity\",\"-Infinity\"]");
    one(0x00186030, "FL", S("\0\0\xC0\x3F"), ",\"Value\":[1.5]");
    one(0x00280010, "US", S(""), "");
}

static void bytes_as_base64(void **state)
{
    (void)state;
    one(0x00091001, "UN", S("f"), ",\"InlineBinary\":\"Zg==\"");
    one(0x00091001, "OB", S("fo"), ",\"InlineBinary\":\"Zm8=\"");
    one(0x00091001, "OW", S("foobar"), ",\"InlineBinary\":\"Zm9vYmFy\"");
    one(0x00091001, "OB", S("\xFF\xFE\xFD\xFC"), ",\"InlineBinary\":\"//79/A==\"");
    ds_clear();
    ds_element(0x00280010, "US", S("\1\2\3")); /* not whole numbers */
    expect("{\"00280010\":{\"vr\":\"UN\",\"InlineBinary\":\"AQID\"}}");
}

static void sequences(void **state)
{
    (void)state;
    ds_long(0x00081140, "SQ", DICOM_UNDEFINED_LENGTH);
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_element(0x00080060, "CS", S("CT"));
    ds_long(0x00081150, "SQ", 0);
    ds_item_end();
    ds_item(0);
    ds_sequence_end();
    ds_element(0x00100020, "LO", S("ID"));
    expect("{\"00081140\":{\"vr\":\"SQ\",\"Value\":"
           "[{\"00080060\":{\"vr\":\"CS\",\"Value\":[\"CT\"]},\"00081150\":{\"vr\":\"SQ\"}},{}]},"
           "\"00100020\":{\"vr\":\"LO\",\"Value\":[\"ID\"]}}");
}

static void character_sets_of_items(void **state)
{
    (void)state;
    ds_element(0x00080005, "CS", S("ISO_IR 100"));
    ds_long(0x00081140, "SQ", DICOM_UNDEFINED_LENGTH);
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_element(0x00080005, "CS", S("ISO_IR 126"));
    ds_element(0x00100020, "LO", S("\xE9"));
    ds_item_end();
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_element(0x00100020, "LO", S("\xE9"));
    ds_item_end();
    ds_sequence_end();
    expect("{\"00080005\":{\"vr\":\"CS\",\"Value\":[\"ISO_IR 100\"]},\"00081140\":{\"vr\":\"SQ\",\"Value\":["
           "{\"00080005\":{\"vr\":\"CS\",\"Value\":[\"ISO_IR 126\"]},\"00100020\":{\"vr\":\"LO\",\"Value\":[\"ι\"]}},"
           "{\"00100020\":{\"vr\":\"LO\",\"Value\":[\"é\"]}}]}}");
}

static void what_is_left_out(void **state)
{
    (void)state;
    ds_element(0x00080000, "UL", S("\x0A\0\0\0"));
    ds_element(0x00100020, "LO", S("A"));
    ds_element(0x00100020, "LO", S("B"));
    ds_long(0x00100020, "SQ", DICOM_UNDEFINED_LENGTH); /* the same tag, with all that is in it */
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_element(0x00100030, "LO", S("C"));
    ds_long(0x00081150, "SQ", 0);
    ds_item_end();
    ds_sequence_end();
    ds_element(0x00100030, "DA", S("20200101"));
    ds_element(0x00100020, "LO", S("D"));
    ds_element(0x7FE00010, "OW", S("\1\2"));
    expect_with(
        &(struct dicom_json_options){ .skip_pixel_data = true },
        "{\"00100020\":{\"vr\":\"LO\",\"Value\":[\"A\"]},\"00100030\":{\"vr\":\"DA\",\"Value\":[\"20200101\"]}}");
    ds_clear();
    ds_element(0x00020010, "UI", S("1.2.840.10008.1.2.1\0"));
    ds_element(0x00100020, "LO", S("A"));
    expect("{\"00100020\":{\"vr\":\"LO\",\"Value\":[\"A\"]}}");
    expect_with(&(struct dicom_json_options){ .include_meta = true },
                "{\"00020010\":{\"vr\":\"UI\",\"Value\":[\"1.2.840.10008.1.2.1\"]},"
                "\"00100020\":{\"vr\":\"LO\",\"Value\":[\"A\"]}}");
}

static void bulk(void **state)
{
    const struct dicom_json_options options = { .bulk_threshold_bytes = 4, .bulk_uri_prefix = S("bulk/") };
    (void)state;
    ds_long(0x00081140, "SQ", DICOM_UNDEFINED_LENGTH);
    ds_item(0);
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_element(0x00091001, "OB", S("123456"));
    ds_element(0x00091002, "OB", S("1234"));
    ds_item_end();
    ds_sequence_end();
    ds_element(0x00100020, "LO", S("not bulk"));
    ds_long(0x7FE00010, "OB", DICOM_UNDEFINED_LENGTH);
    ds_item(0);
    ds_item(2);
    ds_put("\1\2", 2);
    ds_sequence_end();
    ds_element(0xFFFCFFFC, "OB", S("\0\0"));
    expect_with(&options, "{\"00081140\":{\"vr\":\"SQ\",\"Value\":[{},"
                          "{\"00091001\":{\"vr\":\"OB\",\"BulkDataURI\":\"bulk/00081140/2/00091001\"},"
                          "\"00091002\":{\"vr\":\"OB\",\"InlineBinary\":\"MTIzNA==\"}}]},"
                          "\"00100020\":{\"vr\":\"LO\",\"Value\":[\"not bulk\"]},"
                          "\"7FE00010\":{\"vr\":\"OB\",\"BulkDataURI\":\"bulk/7FE00010\"},"
                          "\"FFFCFFFC\":{\"vr\":\"OB\",\"InlineBinary\":\"AAA=\"}}");
}

static void fragments_inline(void **state)
{
    (void)state;
    ds_long(0x7FE00010, "OB", DICOM_UNDEFINED_LENGTH);
    ds_item(0);
    ds_item(2);
    ds_put("\1\2", 2);
    ds_sequence_end();
    expect("{\"7FE00010\":{\"vr\":\"OB\",\"InlineBinary\":\"/v8A4AAAAAD+/wDgAgAAAAEC\"}}");
}

/* Whatever is cut off, what is written is whole JSON: braces and brackets close. */
static void cut_off_anywhere(void **state)
{
    (void)state;
    ds_element(0x00080060, "CS", S("CT"));
    ds_long(0x00081140, "SQ", DICOM_UNDEFINED_LENGTH);
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_long(0x00081140, "SQ", DICOM_UNDEFINED_LENGTH);
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_element(0x00100020, "LO", S("ID"));
    ds_item_end();
    ds_sequence_end();
    ds_item_end();
    ds_sequence_end();
    ds_long(0x7FE00010, "OB", DICOM_UNDEFINED_LENGTH);
    ds_item(0);
    ds_item(2);
    ds_put("\1\2", 2);
    ds_sequence_end();
    const ptrdiff_t whole = ds_bytes().len;
    for (ptrdiff_t len = whole; len >= 0; len--) {
        ds_cut(len);
        bool ok = parse(&(struct dicom_json_options){ 0 });
        int open = 0, quotes = 0;
        for (ptrdiff_t i = 0; i < out.len; i++) {
            open += (out.at[i] == '{' || out.at[i] == '[') - (out.at[i] == '}' || out.at[i] == ']');
            quotes += out.at[i] == '"';
            assert_true(open > 0 || i == out.len - 1);
        }
        assert_int_equal(open, 0);
        assert_int_equal(quotes % 2, 0);
        assert_true(ok || strstr(error.message, "byte"));
        assert_true(ok || len < whole);
    }
}

static void output_has_a_maximum(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        ds_element(0x00091000 + (uint32_t)i, "LO", S("some text"));
    text_release(&out);
    text_init(&out, 1000);
    assert_true(parse(&(struct dicom_json_options){ 0 }));
    assert_true(out.overflowed);
    assert_true(out.len <= 1000);
}

static void dump_lines(void **state)
{
    struct dicom_input input;
    struct dicom_dump dump;
    struct dicom_file file;
    (void)state;
    ds_element(0x00080005, "CS", S("ISO_IR 100"));
    ds_long(0x00081140, "SQ", DICOM_UNDEFINED_LENGTH);
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_element(0x00100020, "LO", S("\xE9\x1b[2J\x80"));
    ds_item_end();
    ds_sequence_end();
    ds_element(0x00091001, "UN", S("0123456789abcdefg"));
    ds_element(0x00280010, "US", S("\0\2\1\0"));
    ds_long(0x7FE00010, "OB", DICOM_UNDEFINED_LENGTH);
    ds_item(0);
    ds_item(2);
    ds_put("\1\2", 2);
    ds_sequence_end();
    dicom_input_memory(&input, ds_bytes());
    dicom_dump_begin(&dump, &(struct dicom_dump_options){ .offsets = true }, &out);
    assert_true(dicom_parse(&input, &dicom_default_limits, &dicom_dump_events, &dump, &file, &error));
    dicom_dump_end(&dump);
    dicom_input_release(&input);
    text_put_char(&out, '\0');
    assert_string_equal(out.at,
                        "         0  (0008,0005) CS     10  SpecificCharacterSet = ISO_IR 100\n"
                        "        18  (0008,1140) SQ      -  ReferencedImageSequence\n"
                        "        30    item 1\n"
                        "        38      (0010,0020) LO      6  PatientID = é\xEF\xBF\xBD[2J\xEF\xBF\xBD\n"
                        "        68  (0009,1001) UN     17  ? = 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 ...\n"
                        "        97  (0028,0010) US      4  Rows = 512\\1\n"
                        "       109  (7FE0,0010) OB      -  PixelData, in fragments\n"
                        "       121    offset table, 0 bytes\n"
                        "       129    fragment 1, 2 bytes = 01 02\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(texts),
        TEST(names),
        TEST(numerals),
        TEST(numbers),
        TEST(bytes_as_base64),
        TEST(sequences),
        TEST(character_sets_of_items),
        TEST(what_is_left_out),
        TEST(bulk),
        TEST(fragments_inline),
        TEST(cut_off_anywhere),
        TEST(output_has_a_maximum),
        TEST(dump_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
