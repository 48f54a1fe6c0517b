/* Files that are written: what is in them is legal whatever text came in, and what the program does wrong is said. */
#include "dicom/object.h"
#include "dicom/uid.h"
#include "dicom/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#define SR "1.2.840.10008.5.1.4.1.1.88.33"
#define PATIENT_ID 0x00100020u
#define INSTITUTION_ADDRESS 0x00080081u
#define EVIDENCE 0x0040A375u
#define REFERENCED_INSTANCE 0x00081155u

static struct arena arena;
static struct dicom_object *object;
static struct dicom_writer w;
static struct error error;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    object = NULL;
    error = (struct error){ 0 };
    dicom_writer_begin(&w, 1 << 20, NULL, S(SR), S("1.2.3"));
    return 0;
}

static int end(void **state)
{
    (void)state;
    dicom_object_release(object);
    dicom_writer_release(&w);
    arena_release(&arena);
    return 0;
}

static void written(void)
{
    if (!dicom_writer_end(&w, &error) || !dicom_read(dicom_writer_bytes(&w), NULL, &arena, &object, &error))
        fail_msg("%s", error.message);
    assert_int_equal(object->remark_count, 0);
    assert_int_equal(dicom_writer_bytes(&w).len % 2, 0);
}

static void expect(const struct dicom_dataset *dataset, uint32_t tag, struct str wanted)
{
    struct str text = dicom_text(dataset, tag, &arena);
    if (!str_equal(text, wanted))
        fail_msg("%08X is \"%.*s\"", (unsigned)tag, STR_FMT(text));
}

static void a_file(void **state)
{
    (void)state;
    int64_t n, length;
    double reals[] = { 0.5, -1.25 }, thirds[] = { 100.0 / 3, 0.25 }, real;
    dicom_put(&w, 0x00080020, S("20261127"));
    dicom_put(&w, DICOM_PatientName, S("Li^Wei=李^伟"));
    dicom_put_integer(&w, 0x00200013, -7);
    dicom_put_tag(&w, 0x00280009 /* Frame Increment Pointer */, 0x00181063);
    dicom_put_integer(&w, DICOM_Rows, 65535);
    dicom_put_reals(&w, 0x00280030 /* Pixel Spacing, DS */, thirds, 2);
    dicom_put_real(&w, 0x0040A30A, 100.0 / 3);
    dicom_put_sequence(&w, EVIDENCE);
    for (int i = 0; i < 2; i++) {
        dicom_put_item(&w);
        dicom_put(&w, REFERENCED_INSTANCE, i ? S("1.2.3.44") : S("1.2.3.4"));
        dicom_put_item_end(&w);
    }
    dicom_put_sequence_end(&w);
    dicom_put_reals(&w, 0x00700022, reals, 2);
    dicom_put_bytes(&w, DICOM_PixelData, S("abc"));
    written();
    assert_true(object->file.has_preamble && object->file.has_meta);
    assert_true(dicom_integer(object->meta, 0x00020000, &length));
    assert_int_equal(object->file.data_offset, 128 + 4 + 12 + length);
    expect(object->meta, 0x00020002, S(SR));
    expect(object->meta, 0x00020003, S("1.2.3"));
    expect(object->meta, 0x00020010, S("1.2.840.10008.1.2.1"));
    expect(object->root, DICOM_SpecificCharacterSet, S("ISO_IR 192"));
    expect(object->root, DICOM_PatientName, S("Li^Wei=李^伟"));
    assert_true(dicom_integer(object->root, 0x00200013, &n) && n == -7);
    assert_true(dicom_integer(object->root, DICOM_Rows, &n) && n == 65535);
    expect(dicom_item(object->root, EVIDENCE, 1), REFERENCED_INSTANCE, S("1.2.3.44"));
    assert_null(dicom_item(object->root, EVIDENCE, 2));
    expect(object->root, 0x0040A30A, S("33.3333333333333")); /* 16 characters */
    expect(object->root, 0x00280030, S("33.3333333333333\\0.25"));
    assert_memory_equal(dicom_bytes(object->root, 0x00280009).at, "\x18\0\x63\x10", 4);
    assert_true(dicom_real_at(object->root, 0x00700022, 1, &real) && real == -1.25);
    assert_memory_equal(dicom_bytes(object->root, DICOM_PixelData).at, "abc\0", 4);
}

static void text_of_strangers(void **state)
{
    (void)state;
    char *much = arena_alloc(&arena, 30000);
    for (int i = 0; i < 30000; i += 3)
        memcpy(much + i, "肺", 3);
    dicom_put(&w, 0x00080070, S(" a\x1B$B\x07\\b\xC2\x85 c "));           /* Manufacturer, LO */
    dicom_put(&w, INSTITUTION_ADDRESS, S("one\r\n\ttwo\\three\x01\xFF")); /* ST */
    dicom_put(&w, 0x00081030, (struct str){ much, 30000 });               /* LO */
    dicom_put(&w, DICOM_PatientName, (struct str){ much, 30000 });        /* PN */
    dicom_put(&w, PATIENT_ID, STR_NULL);                                  /* LO */
    dicom_put(&w, 0x0040A160, (struct str){ much, 30000 });               /* UT */
    written();
    expect(object->root, 0x00080070, S("a $B /b  c"));
    expect(object->root, INSTITUTION_ADDRESS, S("one\r\n\ttwo\\three \xEF\xBF\xBD"));
    expect(object->root, 0x00081030, (struct str){ much, 64L * 3 });
    expect(object->root, DICOM_PatientName, (struct str){ much, 64L * 3 });
    assert_non_null(dicom_find(object->root, PATIENT_ID));
    expect(object->root, PATIENT_ID, STR_NULL);
    expect(object->root, 0x0040A160, (struct str){ much, 30000 });
}

static void what_is_no_legal_value_is_empty(void **state)
{
    (void)state;
    dicom_put(&w, 0x00080020, S("20260230")); /* Study Date */
    dicom_put(&w, 0x00080021, S("20240229"));
    dicom_put(&w, 0x00080030, S("at noon")); /* Study Time */
    dicom_put(&w, DICOM_Modality, S("ct"));
    dicom_put(&w, 0x00081155, S("1.2.x"));
    dicom_put(&w, 0x00100040, S("F "));
    dicom_put(&w, 0x00101010, S("045Y")); /* Patient's Age */
    dicom_put(&w, 0x00180015, S("SEVENTEEN LETTERS"));
    dicom_put_real(&w, 0x00181114, NAN); /* DS */
    dicom_put(&w, 0x0020000D, S("1.2.840.113619"));
    written();
    const uint32_t empty[] = { 0x00080020, 0x00080030, DICOM_Modality, 0x00081155, 0x00180015, 0x00181114 };
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        assert_non_null(dicom_find(object->root, empty[i]));
        assert_int_equal(dicom_bytes(object->root, empty[i]).len, 0);
    }
    expect(object->root, 0x00080021, S("20240229"));
    expect(object->root, 0x00100040, S("F"));
    expect(object->root, 0x00101010, S("045Y"));
    expect(object->root, 0x0020000D, S("1.2.840.113619"));
}

static void refused(const char *words)
{
    assert_false(dicom_writer_end(&w, &error));
    assert_int_equal(error.code, E_INTERNAL);
    if (!strstr(error.message, words))
        fail_msg("%s", error.message);
    dicom_writer_release(&w);
    error = (struct error){ 0 };
    dicom_writer_begin(&w, 1 << 20, NULL, S(SR), S("1.2.3"));
}

static void mistakes_of_the_program(void **state)
{
    (void)state;
    dicom_put(&w, 0x00080005, S("ISO_IR 100")); /* again */
    dicom_put(&w, DICOM_Modality, S("SR"));     /* the first counts */
    refused("(0008,0005)");
    dicom_put(&w, 0x00091001, S("private"));
    refused("(0009,1001)");
    dicom_put(&w, DICOM_Rows, S("512"));
    refused("no text");
    dicom_put_integer(&w, DICOM_Rows, 65536);
    refused("(0028,0010)");
    dicom_put_real(&w, DICOM_PatientName, 1);
    refused("no number");
    dicom_put_tag(&w, DICOM_PatientName, 1);
    refused("a tag");
    dicom_put_reals(&w, DICOM_PatientName, (const double[]){ 1 }, 1);
    refused("those numbers");
    dicom_put_sequence(&w, DICOM_PatientName);
    refused("(0010,0010)");
    dicom_put_sequence(&w, EVIDENCE);
    dicom_put(&w, 0x0040A730, S("")); /* between items */
    refused("(0040,A730)");
    dicom_put_sequence(&w, EVIDENCE);
    refused("not closed");
    dicom_put_sequence(&w, EVIDENCE);
    dicom_put_item(&w);
    dicom_put_sequence_end(&w); /* before its item */
    refused("FFFE,E0DD");
    for (int i = 0; i < 40; i++) {
        dicom_put_sequence(&w, 0x0040A730);
        dicom_put_item(&w);
    }
    refused("no sequence");
}

static void more_than_is_allowed(void **state)
{
    (void)state;
    dicom_writer_release(&w);
    dicom_writer_begin(&w, 1000, NULL, S(SR), S("1.2.3"));
    dicom_put_bytes(&w, DICOM_PixelData, (struct str){ (char[1000]){ 0 }, 1000 });
    assert_false(dicom_writer_end(&w, &error));
    assert_int_equal(error.code, E_TOO_LARGE);
}

/* RFC 9562 5.8: version 8, variant 10; the rest is the beginning of SHA-256 of "abc" (FIPS 180-4, B.1), ba7816bf
 * 8f01cfea 414140de 5dae2223. */
static void uids_of_a_seed(void **state)
{
    (void)state;
    struct str uid = uid_of(S("abc"), &arena);
    assert_string_equal(uid.at, "2.25.247859944228867097191300499870369849891");
    assert_true(uid_is_legal(uid) && str_equal(uid, uid_of(S("abc"), &arena)));
    assert_false(str_equal(uid, uid_of(S("abd"), &arena)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file, begin, end),
        cmocka_unit_test_setup_teardown(text_of_strangers, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_legal_value_is_empty, begin, end),
        cmocka_unit_test_setup_teardown(mistakes_of_the_program, begin, end),
        cmocka_unit_test_setup_teardown(more_than_is_allowed, begin, end),
        cmocka_unit_test_setup_teardown(uids_of_a_seed, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
