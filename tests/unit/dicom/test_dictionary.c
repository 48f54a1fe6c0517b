/* The dictionary: known tags, repeating groups, keywords. */
#include "dicom/dictionary.h"
#include "dicom/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static void expect(uint32_t tag, char a, char b, const char *keyword)
{
    const struct dicom_entry *entry = dicom_dictionary_find(tag);
    assert_non_null(entry);
    assert_string_equal(entry->keyword, keyword);
    assert_int_equal(entry->vr, VR(a, b));
}

static void known_tags(void **state)
{
    (void)state;
    expect(0x00000002, 'U', 'I', "AffectedSOPClassUID");
    expect(0x00020010, 'U', 'I', "TransferSyntaxUID");
    expect(0x00080005, 'C', 'S', "SpecificCharacterSet");
    expect(0x00100010, 'P', 'N', "PatientName");
    expect(0x0020000D, 'U', 'I', "StudyInstanceUID");
    expect(0x00280010, 'U', 'S', "Rows");
    expect(0x00283002, 'U', 'S', "LUTDescriptor"); /* US or SS */
    expect(0x00283006, 'O', 'W', "LUTData");       /* US or OW */
    expect(0x00041200, 'U', 'L', "OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity");
    expect(0x7FE00010, 'O', 'W', "PixelData"); /* OB or OW */
    expect(0x7FE00008, 'O', 'F', "FloatPixelData");
    expect(0x52009230, 'S', 'Q', "PerFrameFunctionalGroupsSequence");
    expect(0x00281200, 'O', 'W', "GrayLookupTableData"); /* retired */
    expect(0x0072006D, 'U', 'N', "SelectorUNValue");
    expect(0xFFFCFFFC, 'O', 'B', "DataSetTrailingPadding");
}

static void repeating_groups(void **state)
{
    (void)state;
    expect(0x60003000, 'O', 'W', "OverlayData");
    expect(0x601E3000, 'O', 'W', "OverlayData");
    expect(0x60FE0010, 'U', 'S', "OverlayRows");
    expect(0x50083000, 'O', 'W', "CurveData");
    expect(0x7F020010, 'O', 'W', "VariablePixelData");
    expect(0x002031FF, 'C', 'S', "SourceImageIDs");
    expect(0x00203101, 'C', 'S', "SourceImageIDs");
    expect(0x00280421, 'U', 'S', "ColumnsForNthOrderCoefficients");
    expect(0x00280400, 'L', 'O', "TransformLabel");
    expect(0x00280832, 'U', 'S', "NumberOfTables");
    expect(0x10001235, 'U', 'S', "ShiftTableTriplet");
    expect(0x10104321, 'U', 'S', "ZonalMap");
    assert_int_equal(dicom_dictionary_find(0x601E3000)->tag, 0x60003000);
    assert_int_equal(dicom_dictionary_find(0x601E3000)->mask, 0x00FE);
    assert_int_equal(dicom_dictionary_find(0x00203101)->mask, 0x00FF);
    assert_int_equal(dicom_dictionary_find(0x00280010)->mask, 0);
}

static void group_lengths_and_private(void **state)
{
    (void)state;
    expect(0x00080000, 'U', 'L', "GenericGroupLength");
    expect(0x00020000, 'U', 'L', "FileMetaInformationGroupLength");
    expect(0x60020000, 'U', 'L', "GenericGroupLength");
    expect(0x00090000, 'U', 'L', "GenericGroupLength");
    expect(0x00090010, 'L', 'O', "PrivateCreator");
    expect(0x7FE100FF, 'L', 'O', "PrivateCreator");
    assert_null(dicom_dictionary_find(0x0009000F));
    assert_null(dicom_dictionary_find(0x00091010));
    assert_null(dicom_dictionary_find(0x60013000)); /* odd: private, not an overlay */
    assert_null(dicom_dictionary_find(0x00289999));
    assert_null(dicom_dictionary_find(0x00209900));
    assert_null(dicom_dictionary_find(0xFFFEE000));
    assert_null(dicom_dictionary_find(0xFFFFFFFF));
}

static int tags_that_come_back(uint32_t group)
{
    int known = 0;
    for (uint32_t element = 1; element <= 0xFFFF; element++) {
        uint32_t tag = group << 16 | element;
        const struct dicom_entry *entry = dicom_dictionary_find(tag);
        assert_int_equal(dicom_dictionary_vr(tag, false), entry ? entry->vr : VR('U', 'N'));
        if (!entry)
            continue;
        uint32_t free_bits = entry->mask == 0x00FE ? 0x00FE0000u : entry->mask;
        if ((tag ^ entry->tag) & ~free_bits)
            fail_msg("%08X is told as %08X", tag, entry->tag);
        if (tag != entry->tag)
            continue;
        known++;
        assert_int_equal(dicom_dictionary_tag(str_from(entry->keyword)), tag);
    }
    return known;
}

static void every_tag_comes_back(void **state)
{
    (void)state;
    static const uint32_t groups[] = { 0x0000, 0x0002, 0x0008, 0x0010, 0x0018, 0x0020, 0x0028, 0x0040,
                                       0x0054, 0x0072, 0x3006, 0x300A, 0x5000, 0x5010, 0x5200, 0x6000,
                                       0x60FE, 0x7F00, 0x7FE0, 0x1000, 0x1010, 0x4010, 0xFFFC };
    int known = 0;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        known += tags_that_come_back(groups[i]);
    assert_in_range(known, 2500, 6000);
}

static void signs_that_follow_pixels(void **state)
{
    (void)state;
    assert_int_equal(dicom_dictionary_vr(0x00280120, true), VR('S', 'S')); /* Pixel Padding Value */
    assert_int_equal(dicom_dictionary_vr(0x00283002, true), VR('S', 'S')); /* LUT Descriptor */
    assert_int_equal(dicom_dictionary_vr(0x00280103, true), VR('U', 'S')); /* Pixel Representation itself: US */
    assert_int_equal(dicom_dictionary_vr(0x00283006, true), VR('O', 'W'));
}

static void keywords(void **state)
{
    (void)state;
    assert_int_equal(dicom_dictionary_tag(S("PatientName")), 0x00100010);
    assert_int_equal(dicom_dictionary_tag(S("OverlayData")), 0x60003000);
    assert_int_equal(dicom_dictionary_tag(S("dBdt")), 0x00181318);
    assert_int_equal(dicom_dictionary_tag(S("patientname")), 0);
    assert_int_equal(dicom_dictionary_tag(S("PatientNam")), 0);
    assert_int_equal(dicom_dictionary_tag(S("")), 0);
    assert_int_equal(dicom_dictionary_tag(STR_NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_tags),
        cmocka_unit_test(repeating_groups),
        cmocka_unit_test(group_lengths_and_private),
        cmocka_unit_test(every_tag_comes_back),
        cmocka_unit_test(keywords),
        cmocka_unit_test(signs_that_follow_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
