/* Pixel formats and frames of data sets made here: what is refused, how frames are told apart, native cells of all
 * kinds. */
#include "dicom/codec_faces.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- data sets, explicit VR little endian ---- */

struct dataset {
    unsigned char at[8192];
    ptrdiff_t len;
};

static void put(struct dataset *d, const void *bytes, ptrdiff_t len)
{
    if (len)
        memcpy(d->at + d->len, bytes, (size_t)len);
    d->len += len;
}

static void put_number(struct dataset *d, uint64_t value, int bytes)
{
    put(d, &value, bytes);
}

static void element(struct dataset *d, uint32_t tag, const char *vr, const void *value, ptrdiff_t len)
{
    bool is_long = vr[0] == 'O' || strcmp(vr, "UN") == 0;
    put_number(d, tag >> 16, 2);
    put_number(d, tag & 0xFFFF, 2);
    put(d, vr, 2);
    if (is_long)
        put_number(d, 0, 2);
    put_number(d, (uint64_t)len, is_long ? 4 : 2);
    if (len != 0xFFFFFFFF)
        put(d, value, len);
}

static void number(struct dataset *d, uint32_t tag, int value)
{
    uint16_t word = (uint16_t)value;
    element(d, tag, "US", &word, 2);
}

/* What a test varies; zero leaves the element out. */
struct image {
    const char *syntax, *photometric, *frames;
    int samples, planar, rows, columns, allocated, stored, high, is_signed;
};

static const struct image ct = { .syntax = "1.2.840.10008.1.2.1",
                                 .photometric = "MONOCHROME2 ",
                                 .samples = 1,
                                 .rows = 2,
                                 .columns = 3,
                                 .allocated = 16,
                                 .stored = 12,
                                 .high = 11 };

static void header(struct dataset *d, struct image image)
{
    char uid[64] = { 0 };
    d->len = 0;
    for (int i = 0; i < 128; i++)
        put(d, "", 1);
    put(d, "DICM", 4);
    snprintf(uid, sizeof(uid), "%s", image.syntax);
    element(d, 0x00020010, "UI", uid, (ptrdiff_t)(strlen(uid) + 1) / 2 * 2);
    if (image.samples)
        number(d, 0x00280002, image.samples);
    if (image.photometric)
        element(d, 0x00280004, "CS", image.photometric, (ptrdiff_t)strlen(image.photometric));
    if (image.planar)
        number(d, 0x00280006, image.planar);
    if (image.frames)
        element(d, 0x00280008, "IS", image.frames, (ptrdiff_t)strlen(image.frames));
    if (image.rows)
        number(d, 0x00280010, image.rows);
    if (image.columns)
        number(d, 0x00280011, image.columns);
    if (image.allocated)
        number(d, 0x00280100, image.allocated);
    if (image.stored)
        number(d, 0x00280101, image.stored);
    if (image.high)
        number(d, 0x00280102, image.high);
    if (image.is_signed)
        number(d, 0x00280103, image.is_signed);
}

static void open_dataset(struct test_file *file, const struct dataset *d)
{
    struct error error = { 0 };
    *file = (struct test_file){ 0 };
    char *bytes = malloc((size_t)d->len);
    memcpy(bytes, d->at, (size_t)d->len);
    file->bytes = (struct str){ bytes, d->len };
    arena_init(&file->arena);
    file->whole = dicom_read(file->bytes, NULL, &file->arena, &file->object, &error);
}

static void refused(struct image image, const char *words)
{
    struct dataset d;
    struct test_file file;
    struct pixel_format format;
    struct error error = { 0 };
    header(&d, image);
    element(&d, DICOM_PixelData, "OW", "123456789012", 12);
    open_dataset(&file, &d);
    assert_false(pixel_format_of(file.object, &format, &error));
    if (!strstr(error.message, words))
        fail_msg("\"%s\" does not say \"%s\"", error.message, words);
    test_file_close(&file);
}

static void formats_that_contradict_themselves(void **state)
{
    (void)state;
    struct image i;
    i = ct, i.rows = 0, refused(i, "Rows (0028,0010)");
    i = ct, i.columns = 0, refused(i, "Columns (0028,0011)");
    i = ct, i.allocated = 0, refused(i, "Bits Allocated (0028,0100)");
    i = ct, i.allocated = 65, refused(i, "Bits Allocated (0028,0100)");
    i = ct, i.stored = 17, refused(i, "Bits Stored (0028,0101)");
    i = ct, i.samples = 2, refused(i, "Samples per Pixel (0028,0002)");
    i = ct, i.samples = 3, refused(i, "Photometric Interpretation (0028,0004)");
    i = ct, i.photometric = "RGB ", refused(i, "Photometric Interpretation (0028,0004)");
    i = ct, i.frames = "99999999", refused(i, "Number of Frames (0028,0008)");
    i = ct, i.syntax = "1.2.3.4", refused(i, "1.2.3.4");
}

static struct pixel_format format_of(struct image image, const char *vr)
{
    struct dataset d;
    struct test_file file;
    struct pixel_format format;
    struct error error = { 0 };
    header(&d, image);
    element(&d, DICOM_PixelData, vr, "123456789012", 12);
    open_dataset(&file, &d);
    if (!pixel_format_of(file.object, &format, &error))
        fail_msg("%s", error.message);
    test_file_close(&file);
    return format;
}

static void what_is_left_out(void **state)
{
    (void)state;
    struct image i = ct;
    i.photometric = NULL, i.samples = 0, i.stored = 0, i.high = 0, i.frames = "1A";
    struct pixel_format format = format_of(i, "OW");
    assert_int_equal(format.photometric, MONOCHROME2);
    assert_int_equal(format.samples, 1);
    assert_int_equal(format.bits_stored, 16);
    assert_int_equal(format.high_bit, 15);
    assert_int_equal(format.frames, 1);
    i = ct;
    i.high = 3; /* less than Bits Stored allows */
    assert_int_equal(format_of(i, "OW").high_bit, 11);
    i = ct;
    i.photometric = "YBR_FULL_422", i.samples = 3, i.columns = 2, i.allocated = 8, i.stored = 8, i.high = 7;
    assert_int_equal(format_of(i, "OB").photometric, YBR_FULL); /* 12 bytes: not subsampled, whatever its name is */
    assert_int_equal(pixel_frame_bytes(&(struct pixel_format){ .syntax = dicom_syntax_find(S("1.2.840.10008.1.2.1")),
                                                               .rows = 2,
                                                               .columns = 4,
                                                               .samples = 3,
                                                               .bits_allocated = 8,
                                                               .photometric = YBR_FULL_422 }),
                     16);
}

/* Rows as UL or IS: their own VR says how they are read, never an assumed size. */
static void dimensions_of_another_vr(void **state)
{
    (void)state;
    struct image i = ct;
    struct dataset d;
    struct test_file file;
    struct pixel_format format;
    struct error error = { 0 };
    uint32_t rows = 0x00020002; /* 2 if cut to 16 bits */
    i.rows = i.columns = 0;
    header(&d, i);
    element(&d, DICOM_Rows, "UL", &rows, 4);
    number(&d, DICOM_Columns, 3);
    element(&d, DICOM_PixelData, "OW", "123456789012", 12);
    open_dataset(&file, &d);
    assert_false(pixel_format_of(file.object, &format, &error));
    assert_non_null(strstr(error.message, "Rows (0028,0010)"));
    test_file_close(&file);
}

static void pixels_that_end_early(void **state)
{
    (void)state;
    struct image i = ct;
    struct dataset d;
    struct test_file file;
    struct test_frame frame;
    i.frames = "2 ";
    header(&d, i);
    element(&d, DICOM_PixelData, "OW", "12345678901234567890", 20);
    open_dataset(&file, &d);
    assert_true(test_frame_decode(&file, 1, &frame));
    free(frame.samples);
    assert_false(test_frame_decode(&file, 2, &frame));
    assert_non_null(strstr(frame.error.message, "(7FE0,0010)"));
    assert_non_null(strstr(frame.error.message, "needs 4 more"));
    assert_false(test_frame_decode(&file, 3, &frame));
    test_file_close(&file);
}

/* ---- fragments ---- */

static void fragment(struct dataset *d, const char *text)
{
    ptrdiff_t len = (ptrdiff_t)strlen(text);
    put_number(d, 0xE000FFFE, 4);
    put_number(d, (uint64_t)len, 4);
    put(d, text, len);
}

/* The frame's pieces, joined with '|'. */
static void expect_pieces(struct test_file *file, int64_t number, const char *wanted)
{
    struct pixel_format format;
    struct frame_source source;
    struct error error = { 0 };
    char got[200] = "";
    assert_true(pixel_format_of(file->object, &format, &error));
    if (!pixel_frame(file->object, &format, number, &file->arena, &source, &error)) {
        snprintf(got, sizeof(got), "refused");
        assert_true(error.message[0]);
    } else {
        size_t at = 0;
        for (int64_t i = 0; i < source.count; i++) {
            assert_ptr_equal(file->bytes.at + source.offsets[i], source.pieces[i].at);
            at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%.*s", i ? "|" : "", STR_FMT(source.pieces[i]));
        }
    }
    assert_string_equal(got, wanted);
}

static void encapsulated(struct dataset *d, const char *frames, const uint32_t *offsets, int offset_count,
                         const uint64_t *extended, int extended_count)
{
    struct image i = ct;
    i.syntax = "1.2.840.10008.1.2.4.70";
    i.frames = frames;
    header(d, i);
    if (extended_count)
        element(d, 0x7FE00001, "OV", extended, (ptrdiff_t)extended_count * 8);
    element(d, DICOM_PixelData, "OB", NULL, 0xFFFFFFFF);
    put_number(d, 0xE000FFFE, 4);
    put_number(d, (uint64_t)offset_count * 4, 4);
    put(d, offsets, (ptrdiff_t)offset_count * 4);
}

static void encapsulated_end(struct dataset *d, struct test_file *file)
{
    put_number(d, 0xE0DDFFFE, 4);
    put_number(d, 0, 4);
    open_dataset(file, d);
    assert_true(file->whole);
}

#define A \
    "\xFF\xD8\xFF" \
    "a1234"
#define B \
    "\xFF\xD8\xFF" \
    "b1234"

static void frames_by_tables_and_markers(void **state)
{
    (void)state;
    static const uint32_t right[] = { 0, 32 }, wrong[] = { 4, 36 }, backwards[] = { 32, 0 };
    static const uint64_t extended[] = { 0, 32 };
    static const struct {
        const uint32_t *basic;
        const uint64_t *extended;
    } tables[] = { { right, NULL }, { NULL, extended }, { wrong, extended },
                   { NULL, NULL },  { wrong, NULL },    { backwards, NULL } };
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        struct dataset d;
        struct test_file file;
        encapsulated(&d, "2 ", tables[t].basic, tables[t].basic ? 2 : 0, tables[t].extended,
                     tables[t].extended ? 2 : 0);
        fragment(&d, A);
        fragment(&d, "A2345678");
        fragment(&d, B);
        encapsulated_end(&d, &file);
        expect_pieces(&file, 1, A "|A2345678");
        expect_pieces(&file, 2, B);
        expect_pieces(&file, 3, "refused");
        test_file_close(&file);
    }
}

static void frames_by_count(void **state)
{
    (void)state;
    struct dataset d;
    struct test_file file;
    encapsulated(&d, "1 ", NULL, 0, NULL, 0); /* one frame: all there is */
    fragment(&d, "no"), fragment(&d, "markers."), fragment(&d, "");
    encapsulated_end(&d, &file);
    expect_pieces(&file, 1, "no|markers.");
    test_file_close(&file);
    encapsulated(&d, "2 ", NULL, 0, NULL, 0); /* one each, and an empty one behind */
    fragment(&d, "first."), fragment(&d, "second"), fragment(&d, "");
    encapsulated_end(&d, &file);
    expect_pieces(&file, 1, "first.");
    expect_pieces(&file, 2, "second");
    test_file_close(&file);
    encapsulated(&d, "2 ", NULL, 0, NULL, 0); /* nothing tells them apart */
    fragment(&d, "x1"), fragment(&d, "x2"), fragment(&d, "x3");
    encapsulated_end(&d, &file);
    expect_pieces(&file, 1, "refused");
    test_file_close(&file);
    encapsulated(&d, "4 ", NULL, 0, NULL, 0); /* fewer than frames */
    fragment(&d, "f1"), fragment(&d, "f2");
    encapsulated_end(&d, &file);
    expect_pieces(&file, 2, "f2");
    expect_pieces(&file, 3, "refused");
    test_file_close(&file);
}

/* ---- native cells ---- */

static void expect_cells(const struct pixel_format *format, struct str encoded, int first_bit, const void *wanted,
                         ptrdiff_t wanted_len)
{
    unsigned char out[256];
    struct decoded_format decoded;
    struct error error = { 0 };
    assert_int_equal(pixel_frame_bytes(format), wanted_len);
    if (!frame_decode(format, encoded, first_bit, out, wanted_len, &decoded, &error))
        fail_msg("%s", error.message);
    assert_memory_equal(out, wanted, (size_t)wanted_len);
    error_clear(&error);
    assert_false(
        frame_decode(format, str_slice(encoded, 0, encoded.len - 1), first_bit, out, wanted_len, &decoded, &error));
    assert_int_equal(error.code, E_INVALID);
}

static struct pixel_format native(int64_t rows, int64_t columns, int samples, int bits)
{
    return (struct pixel_format){ .syntax = dicom_syntax_find(S("1.2.840.10008.1.2.1")),
                                  .rows = rows,
                                  .columns = columns,
                                  .frames = 1,
                                  .samples = samples,
                                  .bits_allocated = bits,
                                  .bits_stored = bits,
                                  .high_bit = bits - 1,
                                  .photometric = samples == 1 ? MONOCHROME2 : RGB };
}

static void native_cells(void **state)
{
    (void)state;
    struct pixel_format f = native(1, 10, 1, 1);
    expect_cells(&f, S("\x05\x02"), 0, "\1\0\1\0\0\0\0\0\0\1", 10);
    expect_cells(&f, S("\x28\x10"), 3, "\1\0\1\0\0\0\0\0\0\1", 10);
    f = native(1, 3, 1, 12); /* PS3.5 annex D: cells follow each other without padding */
    expect_cells(&f, S("\x21\x43\x65\x87\x09"), 0, "\x21\x03\x54\x06\x87\x09", 6);
    f.big_endian = f.as_words = true;
    expect_cells(&f, S("\x43\x21\x87\x65\x00\x09"), 0, "\x21\x03\x54\x06\x87\x09", 6);
    f = native(1, 2, 1, 16);
    expect_cells(&f, S("\x01\x02\x03\x04"), 0, "\x01\x02\x03\x04", 4);
    f.big_endian = true;
    expect_cells(&f, S("\x01\x02\x03\x04"), 0, "\x02\x01\x04\x03", 4);
    f = native(1, 1, 1, 64);
    f.big_endian = true;
    expect_cells(&f, S("\1\2\3\4\5\6\7\10"), 0, "\10\7\6\5\4\3\2\1", 8);
    f = native(1, 4, 1, 8);
    f.big_endian = f.as_words = true; /* bytes in swapped pairs; the second begins in the middle of one */
    expect_cells(&f, S("\x02\x01\x04\x03"), 0, "\x01\x02\x03\x04", 4);
    f = native(1, 2, 3, 8);
    f.planar = true;
    expect_cells(&f, S("rRgGbB"), 0, "rgbRGB", 6);
    f = native(1, 2, 3, 16);
    f.planar = f.big_endian = true;
    expect_cells(&f, S("\1\2\3\4\5\6\7\10\11\12\13\14"), 0, "\2\1\6\5\12\11\4\3\10\7\14\13", 12);
}

static void rle_planes(void **state)
{
    (void)state;
    unsigned char frame[80] = { 2, 0, 0, 0, 64, 0, 0, 0, 70 };
    memcpy(frame + 64,
           "\xFD\x01\x80\x00\x05\x00" /* run of 4; nothing; a literal more than needed */
           "\x01\x10\x20\xFF\x30",    /* two literals, run of 2 */
           11);
    struct pixel_format f = native(2, 2, 1, 16);
    f.syntax = dicom_syntax_find(S("1.2.840.10008.1.2.5"));
    expect_cells(&f, (struct str){ (char *)frame, 75 }, 0, "\x10\1\x20\1\x30\1\x30\1", 8);
    unsigned char out[8];
    struct decoded_format decoded;
    struct error error = { 0 };
    frame[4] = 63; /* inside the header */
    assert_false(frame_decode(&f, (struct str){ (char *)frame, 75 }, 0, out, 8, &decoded, &error));
    assert_non_null(strstr(error.message, "segment 1"));
    error_clear(&error);
    frame[4] = 64, frame[9] = 1; /* past the end */
    assert_false(frame_decode(&f, (struct str){ (char *)frame, 75 }, 0, out, 8, &decoded, &error));
    assert_non_null(strstr(error.message, "segment 2"));
}

static void unsupported_codings(void **state)
{
    (void)state;
    struct pixel_format f = native(1, 1, 1, 8);
    f.syntax = dicom_syntax_find(S("1.2.840.10008.1.2.4.102"));
    unsigned char out[1];
    struct decoded_format decoded;
    struct error error = { 0 };
    assert_false(frame_decode(&f, S("?"), 0, out, 1, &decoded, &error));
    assert_int_equal(error.code, E_UNSUPPORTED_TYPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_that_contradict_themselves),
        cmocka_unit_test(what_is_left_out),
        cmocka_unit_test(dimensions_of_another_vr),
        cmocka_unit_test(pixels_that_end_early),
        cmocka_unit_test(frames_by_tables_and_markers),
        cmocka_unit_test(frames_by_count),
        cmocka_unit_test(native_cells),
        cmocka_unit_test(rle_planes),
        cmocka_unit_test(unsupported_codings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
