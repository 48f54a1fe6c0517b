/* test_unended.c - encapsulated pixel data without a delimiter at their end: read, with a remark, when the last frame
 * is whole. */
#include "data_set.h"

#include "dicom/pixels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>
#include <zlib.h>

#define RLE "1.2.840.10008.1.2.5\0"
#define JPEG "1.2.840.10008.1.2.4.50"
#define JPEG_LS "1.2.840.10008.1.2.4.80"
#define JPEG_2000 "1.2.840.10008.1.2.4.90"
#define NATIVE "1.2.840.10008.1.2.1.98"
#define DEFLATED "1.2.840.10008.1.2.8.1\0"
#define FILM "1.2.840.10008.1.2.4.102\0"

static struct arena arena;
static struct error error;

/* Two rows, two columns, one byte. */
static void begin_image(struct str syntax, const char *frames)
{
    ds_clear();
    ds_meta(syntax);
    ds_element(0x00280002, "US", S("\1\0"));
    ds_element(0x00280004, "CS", S("MONOCHROME2 "));
    ds_element(0x00280008, "IS", str_from(frames));
    ds_element(DICOM_Rows, "US", S("\2\0"));
    ds_element(DICOM_Columns, "US", S("\2\0"));
    ds_element(0x00280100, "US", S("\10\0"));
    ds_element(0x00280101, "US", S("\10\0"));
    ds_element(0x00280103, "US", S("\0\0"));
    ds_long(DICOM_PixelData, "OB", DICOM_UNDEFINED_LENGTH);
    ds_item(0);
}

static void fragment(struct str bytes)
{
    ds_item((uint32_t)bytes.len);
    ds_put(bytes.at, bytes.len);
}

/* How many remarks; -1: the pixels are damaged, -2: the file is. */
static int look(void)
{
    struct dicom_object *object;
    struct pixel_format format;
    error_clear(&error);
    int result = -2;
    if (dicom_read(ds_bytes(), NULL, &arena, &object, &error)) {
        bool ok = pixel_format_of(object, &format, &error) && pixels_are_there(object, &format, &arena, &error);
        result = ok ? object->remark_count : -1;
        if (ok && object->remark_count)
            assert_true(str_find(object->remarks[0], S("(7FE0,0010) at byte ")) == 0 &&
                        str_find(object->remarks[0], S("without a delimiter")) > 0);
    }
    dicom_object_release(object);
    return result;
}

/* An RLE frame of one segment: two literal bytes, two repeated. */
static struct str rle(ptrdiff_t cut)
{
    static char frame[64 + 6];
    memset(frame, 0, sizeof(frame));
    frame[0] = 1;
    frame[4] = 64;
    memcpy(frame + 64, "\1ab\377c\200", 6);
    return (struct str){ frame, (ptrdiff_t)sizeof(frame) - cut };
}

static struct str deflated(ptrdiff_t cut)
{
    static unsigned char frame[64];
    z_stream z = {
        .next_in = (Bytef *)(uintptr_t) "abcd", .avail_in = 4, .next_out = frame, .avail_out = sizeof(frame)
    };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    ptrdiff_t bytes = (ptrdiff_t)z.total_out;
    deflateEnd(&z);
    return (struct str){ (char *)frame, bytes - cut };
}

static void whole_frames_are_read(void **state)
{
    const struct {
        struct str syntax, frame;
        int remarks;
    } rows[] = {
        { S(RLE), rle(0), 1 },
        { S(JPEG), S("\377\330\377 ... \377\331"), 1 },
        { S(JPEG), S("\377\330\377 ... \377\331\0"), 1 },
        { S(JPEG_LS), S("\377\330\377\367 \377\331"), 1 },
        { S(JPEG_2000), S("\377\117\377\121 \377\331"), 1 },
        { S(NATIVE), S("abcd"), 1 },
        { S(DEFLATED), deflated(0), 1 },
        { S(FILM), S("whatever"), 1 },
        { S(JPEG), S("\377\330\377 ... "), -1 },
        { S(JPEG_LS), S("\377\330\377\367 \377"), -1 },
        { S(JPEG_2000), S("\377\117\377\121 \331"), -1 },
        { S(JPEG), S("\0\0"), -1 },
        { S(NATIVE), S("abc"), -1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin_image(rows[i].syntax, "1 ");
        fragment(rows[i].frame);
        int found = look();
        if (found != rows[i].remarks)
            fail_msg("row %d: %d, %s", (int)i, found, error.message);
        ds_sequence_end(); /* with its delimiter nothing of this matters */
        assert_int_equal(look(), 0);
    }
}

static void what_is_cut_is_damaged(void **state)
{
    (void)state;
    for (int cut = 0; cut <= 6; cut++) {
        begin_image(S(RLE), "1 ");
        fragment(rle(cut));
        assert_int_equal(look(), cut > 1 ? -1 : 1); /* the last byte is a no-operation */
    }
    begin_image(S(DEFLATED), "1 ");
    fragment(deflated(3));
    assert_int_equal(look(), -1);
    begin_image(S(RLE), "1 ");
    fragment(rle(0));
    ds_cut(ds_bytes().len - 1); /* the fragment is longer than what is there of it */
    assert_int_equal(look(), -2);
    begin_image(S(RLE), "1 ");
    fragment(rle(0));
    ds_put("\376\377\0", 3); /* a header that is cut */
    assert_int_equal(look(), -2);
}

static void a_frame_too_few_is_damaged(void **state)
{
    const struct str frames[] = { S("\377\330\377 1 \377\331"), S("\377\330\377 2 \377\331") };
    (void)state;
    begin_image(S(JPEG), "2 ");
    fragment(frames[0]);
    assert_int_equal(look(), -1);
    assert_non_null(strstr(error.message, "frame 2 of 2"));
    fragment(frames[1]);
    assert_int_equal(look(), 1);
    begin_image(S(JPEG), "1 "); /* one frame of three pieces, the last of them lost */
    fragment(S("\377\330\377 "));
    fragment(S("... "));
    assert_int_equal(look(), -1);
    assert_non_null(strstr(error.message, "not whole"));
    fragment(S("...\377"));
    fragment(S("\331\0"));
    assert_int_equal(look(), 1);
}

static void frames_of_a_film_share_fragments(void **state)
{
    (void)state;
    begin_image(S(FILM), "90");
    fragment(S("a stream of ninety pictures "));
    ds_sequence_end();
    assert_int_equal(look(), 0);
    begin_image(S(FILM), "90");
    ds_sequence_end();
    assert_int_equal(look(), -1);
}

static void what_may_follow(void **state)
{
    const struct {
        struct str bytes;
        int remarks;
    } rows[] = {
        { S("\0\0\0"), 1 },
        { S("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 1 },
        { S("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), -2 },
        { S("\376\377\015\340\0\0\0\0"), 1 },                         /* an item's delimiter */
        { S("\376\377\015\340\0\0\0\0\376\377\335\340\0\0\0\0"), 1 }, /* and the right one, which closes nothing then */
        { S("\376\377\015\340\2\0\0\0ab"), -2 },
        { S("\374\377\374\377OB\0\0\2\0\0\0\0\0"), 1 }, /* trailing padding (PS3.10 7.2) */
        { S("\374\377\374\377\2\0\0\0\0\0"), -2 },      /* no VR */
        { S("\020\0\020\0PN\2\0ab"), -2 },              /* what belongs before */
        { S("garbage!garbage!"), -2 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin_image(S(RLE), "1 ");
        fragment(rle(0));
        ds_put(rows[i].bytes.at, rows[i].bytes.len);
        int found = look();
        if (found != rows[i].remarks)
            fail_msg("row %d: %d, %s", (int)i, found, error.message);
    }
}

static void not_inside_a_sequence(void **state)
{
    (void)state;
    ds_clear();
    ds_meta(S(RLE));
    ds_long(0x00880200, "SQ", DICOM_UNDEFINED_LENGTH);
    ds_item(DICOM_UNDEFINED_LENGTH);
    ds_long(DICOM_PixelData, "OB", DICOM_UNDEFINED_LENGTH);
    ds_item(0);
    fragment(rle(0));
    assert_int_equal(look(), -2); /* the image itself may come behind */
}

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_frames_are_read),
        cmocka_unit_test(what_is_cut_is_damaged),
        cmocka_unit_test(a_frame_too_few_is_damaged),
        cmocka_unit_test(frames_of_a_film_share_fragments),
        cmocka_unit_test(what_may_follow),
        cmocka_unit_test(not_inside_a_sequence),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
