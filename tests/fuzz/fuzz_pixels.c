/* fuzz_pixels.c - whole files: what their numbers say of the image, where frames are, and native and RLE frames to
 * samples (other codecs have targets of their own, which are quicker). */
#include "codec_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void frame(const struct dicom_object *object, const struct pixel_format *format, int64_t number,
                  struct arena *arena, struct str bytes)
{
    struct frame_source source;
    struct error error = { 0 };
    if (!pixel_frame(object, format, number, arena, &source, &error)) {
        assert(error.message[0]);
        return;
    }
    assert(source.count >= 1 && source.first_bit >= 0 && source.first_bit < 16);
    for (int64_t i = 0; i < source.count; i++) {
        assert(source.pieces[i].len >= 0);
        if (source.offsets[i] >= 0 && source.pieces[i].len)
            assert(bytes.at + source.offsets[i] == source.pieces[i].at &&
                   source.offsets[i] + source.pieces[i].len <= bytes.len);
    }
    enum dicom_coding coding = format->syntax->coding;
    if ((coding == CODING_NATIVE || coding == CODING_RLE) && pixel_frame_bytes(format) <= 1 << 16)
        fuzz_decode(format, source.pieces[0], source.first_bit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = { (const char *)data, (ptrdiff_t)size };
    struct arena arena;
    arena_init(&arena);
    struct dicom_object *object;
    struct error error = { 0 };
    dicom_read(bytes, NULL, &arena, &object, &error);
    struct pixel_format format;
    error_clear(&error);
    if (pixel_format_of(object, &format, &error)) {
        assert(pixel_frame_bytes(&format) > 0);
        assert(pixels_left_over(object, &format) >= 0);
        frame(object, &format, 1, &arena, bytes);
        frame(object, &format, 2, &arena, bytes);
        frame(object, &format, format.frames, &arena, bytes);
    }
    dicom_object_release(object);
    arena_release(&arena);
    return 0;
}
