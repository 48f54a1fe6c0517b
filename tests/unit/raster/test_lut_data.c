/* test_lut_data.c - descriptors and their corners, packed entries, segments; and tables that lie. */
#include "raster/lut_data.h"

#include "written.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { DESCRIPTOR = 0x00283002, DATA = 0x00283006, SEGMENTS = 0x00281221 };
static const struct lut_place place = { DESCRIPTOR, DATA, SEGMENTS, "table" };
static struct lut lut;
static struct error error;

/* Reads the table just written. */
static bool reads(struct written *w, bool is_signed)
{
    memset(&error, 0, sizeof(error));
    written_read(w);
    bool ok = lut_read(w->object->root, &place, is_signed, &lut, &error);
    written_end(w);
    assert_int_equal(error.code, ok ? E_NONE : E_INVALID);
    return ok;
}

#define WORDS(...) \
    (int)(sizeof((const uint16_t[]){ __VA_ARGS__ }) / 2), (const uint16_t[]) \
    { \
        __VA_ARGS__ \
    }

static void entries_of_16_bits(void **state)
{
    (void)state;
    for (int big_endian = 0; big_endian < 2; big_endian++) {
        struct written w;
        written_begin(&w, big_endian);
        written_us(&w, DESCRIPTOR, WORDS(3, 65534, 12));
        written_words(&w, DATA, "OW", WORDS(1, 0x102, 0xFFF));
        assert_true(reads(&w, false));
        assert_true(lut.count == 3 && lut.first == 65534 && lut.bits == 12);
        assert_true(lut.entries[0] == 1 && lut.entries[1] == 0x102 && lut.entries[2] == 0xFFF);
    }
}

static void a_first_value_is_signed_when_the_samples_are(void **state)
{
    (void)state;
    struct written w;
    written_begin(&w, false);
    written_us(&w, DESCRIPTOR, WORDS(1, 65534, 16));
    written_us(&w, DATA, WORDS(1));
    assert_true(reads(&w, true));
    assert_int_equal(lut.first, -2);
    written_begin(&w, false);
    written_words(&w, DESCRIPTOR, "SS", WORDS(1, 65534, 16));
    written_us(&w, DATA, WORDS(1));
    assert_true(reads(&w, false));
    assert_int_equal(lut.first, -2);
}

static void a_count_of_0_is_65536(void **state)
{
    (void)state;
    struct written w;
    uint16_t *words = calloc(65536, 2);
    words[65535] = 4711;
    written_begin(&w, false);
    written_us(&w, DESCRIPTOR, WORDS(0, 0, 16));
    written_words(&w, DATA, "OW", 65536, words);
    assert_true(reads(&w, false));
    assert_int_equal(lut.count, 65536);
    assert_int_equal(lut.entries[65535], 4711);
    /* 40000 as SS is negative. */
    written_begin(&w, false);
    written_words(&w, DESCRIPTOR, "SS", WORDS(40000, 0, 16));
    written_words(&w, DATA, "OW", 40000, words);
    assert_true(reads(&w, true));
    assert_int_equal(lut.count, 40000);
    free(words);
}

static void entries_of_8_bits_are_packed_or_not(void **state)
{
    (void)state;
    static const char *const vrs[] = { "OW", "OW", "OB" };
    for (int i = 0; i < 3; i++) {
        struct written w;
        written_begin(&w, i == 1);
        written_us(&w, DESCRIPTOR, WORDS(4, 0, 16));
        if (i < 2)
            written_words(&w, DATA, vrs[i], WORDS(0x0201, 0x0403));
        else
            written_bytes(&w, DATA, vrs[i], "\1\2\3\4", 4);
        assert_true(reads(&w, false));
        assert_int_equal(lut.bits, 8);
        for (int k = 0; k < 4; k++)
            assert_int_equal(lut.entries[k], k + 1);
    }
    struct written w;
    written_begin(&w, false);
    written_us(&w, DESCRIPTOR, WORDS(2, 0, 8));
    written_words(&w, DATA, "OW", WORDS(0x0001, 0x00FF));
    assert_true(reads(&w, false));
    assert_true(lut.bits == 8 && lut.entries[0] == 1 && lut.entries[1] == 255);
}

static void absent_is_no_error(void **state)
{
    (void)state;
    struct written w;
    written_begin(&w, false);
    written_text(&w, DICOM_Modality, "CS", "CT");
    assert_true(reads(&w, false));
    assert_int_equal(lut.count, 0);
}

static void tables_that_lie(void **state)
{
    (void)state;
    static const uint16_t descriptors[][3] = { { 4, 0, 17 }, { 4, 0, 0 }, { 5, 0, 16 }, { 0, 0, 16 }, { 65535, 0, 8 } };
    struct written w;
    for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++) {
        written_begin(&w, false);
        written_us(&w, DESCRIPTOR, 3, descriptors[i]);
        written_words(&w, DATA, "OW", WORDS(1, 2));
        assert_false(reads(&w, false));
    }
    written_begin(&w, false);
    written_us(&w, DESCRIPTOR, WORDS(4, 0));
    written_words(&w, DATA, "OW", WORDS(1, 2, 3, 4));
    assert_false(reads(&w, false));
    written_begin(&w, false);
    written_us(&w, DESCRIPTOR, WORDS(4, 0, 16));
    assert_false(reads(&w, false));
    written_begin(&w, false); /* another VR, as if to make the reader take it for more than it is */
    written_bytes(&w, DESCRIPTOR, "UL", "\xff\xff\xff\xff\0\0\0\0\x10\0\0\0", 12);
    written_words(&w, DATA, "OW", WORDS(1, 2, 3, 4));
    assert_false(reads(&w, false));
}

/* ---- segments (PS3.3 C.7.9.2) ---- */

static bool expands(uint16_t entries, uint16_t bits, bool big_endian, int count, const uint16_t *words)
{
    struct written w;
    written_begin(&w, big_endian);
    written_words(&w, SEGMENTS, "OW", count, words);
    written_us(&w, DESCRIPTOR, WORDS(entries, 0, bits));
    return reads(&w, false);
}

static void entries_are(const uint16_t *should, int count)
{
    assert_int_equal(lut.count, count);
    assert_memory_equal(lut.entries, should, (size_t)count * 2);
}

static void segments_of_16_bits(void **state)
{
    (void)state;
    for (int big_endian = 0; big_endian < 2; big_endian++) {
        /* Discrete 0 0; linear 4 up to 1000; linear 3 down to 1; indirect: the first 2 segments again. */
        assert_true(expands(15, 16, big_endian, WORDS(0, 2, 0, 0, 1, 4, 1000, 1, 3, 1, 2, 2, 0, 0)));
        entries_are((const uint16_t[]){ 0, 0, 250, 500, 750, 1000, 667, 334, 1, 0, 0, 250, 500, 750, 1000 }, 15);
    }
}

static void segments_of_8_bits(void **state)
{
    (void)state;
    /* 0 1 10 | 1 3 40 | 2 1 0000 (4 bytes of offset: the discrete one again), padded. */
    assert_true(expands(5, 8, false, WORDS(0x0100, 0x010A, 0x2803, 0x0102, 0x0000, 0x0000)));
    entries_are((const uint16_t[]){ 10, 20, 30, 40, 10 }, 5);
}

static void segments_that_lie(void **state)
{
    (void)state;
    assert_false(expands(5, 16, false, WORDS(0, 2, 0, 0)));                    /* ends early */
    assert_false(expands(5, 16, false, WORDS(0, 6, 0, 0, 0, 0, 0, 0)));        /* too many entries */
    assert_false(expands(5, 16, false, WORDS(0, 5, 0)));                       /* too few numbers */
    assert_false(expands(5, 16, false, WORDS(0, 0, 0, 0)));                    /* an empty segment */
    assert_false(expands(5, 16, false, WORDS(1, 5, 9)));                       /* from nowhere */
    assert_false(expands(5, 16, false, WORDS(3, 5, 9)));                       /* no such segment */
    assert_false(expands(5, 16, false, WORDS(2, 1, 0, 0)));                    /* itself */
    assert_false(expands(5, 16, false, WORDS(0, 1, 7, 2, 1, 6, 0)));           /* an indirect one */
    assert_false(expands(5, 16, false, WORDS(0, 1, 7, 2, 1, 3, 0)));           /* between two numbers */
    assert_false(expands(5, 16, false, WORDS(0, 1, 7, 2, 1, 0xFFFF, 0xFFFF))); /* outside */
    assert_false(expands(5, 16, false, WORDS(0, 1, 7, 2, 0xFFFF, 0, 0)));      /* too often */
    assert_false(expands(5, 16, false, WORDS(0, 1, 7, 2)));
}

static void low_palettes_of_16_bits_have_8(void **state)
{
    (void)state;
    static struct lut palette[3];
    struct written w;
    struct error none = { 0 };
    written_begin(&w, false);
    for (uint32_t i = 0; i < 3; i++)
        written_us(&w, 0x00281101 + i, WORDS(2, 0, 16));
    for (uint32_t i = 0; i < 3; i++)
        written_us(&w, 0x00281201 + i, WORDS(0, 255));
    written_read(&w);
    assert_true(palette_read(w.object->root, false, palette, &none));
    assert_true(palette[0].bits == 8 && palette[1].bits == 8 && palette[2].bits == 8);
    written_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_of_16_bits),    cmocka_unit_test(a_first_value_is_signed_when_the_samples_are),
        cmocka_unit_test(a_count_of_0_is_65536), cmocka_unit_test(entries_of_8_bits_are_packed_or_not),
        cmocka_unit_test(absent_is_no_error),    cmocka_unit_test(tables_that_lie),
        cmocka_unit_test(segments_of_16_bits),   cmocka_unit_test(segments_of_8_bits),
        cmocka_unit_test(segments_that_lie),     cmocka_unit_test(low_palettes_of_16_bits_have_8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
