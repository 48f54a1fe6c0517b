/* frame.c - see frame.h. */
#include "frame.h"

bool test_file_open(struct test_file *file, const char *path)
{
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return false;
    fseek(stream, 0, SEEK_END);
    long len = ftell(stream);
    rewind(stream);
    char *bytes = malloc((size_t)len + 1);
    size_t got = fread(bytes, 1, (size_t)len, stream);
    fclose(stream);
    *file = (struct test_file){ .bytes = { bytes, (ptrdiff_t)got } };
    arena_init(&file->arena);
    struct error error = { 0 };
    file->whole = dicom_read(file->bytes, NULL, &file->arena, &file->object, &error);
    return true;
}

void test_file_close(struct test_file *file)
{
    dicom_object_release(file->object);
    arena_release(&file->arena);
    free((void *)(uintptr_t)file->bytes.at);
}

struct str test_frame_joined(const struct frame_source *source)
{
    ptrdiff_t len = 0;
    for (int64_t i = 0; i < source->count; i++)
        len += source->pieces[i].len;
    char *bytes = malloc((size_t)len + 1), *to = bytes;
    for (int64_t i = 0; i < source->count; i++) {
        memcpy(to, source->pieces[i].at, (size_t)source->pieces[i].len);
        to += source->pieces[i].len;
    }
    return (struct str){ bytes, len };
}

bool test_frame_decode(struct test_file *file, int64_t number, struct test_frame *frame)
{
    struct frame_source source;
    *frame = (struct test_frame){ 0 };
    if (!pixel_format_of(file->object, &frame->format, &frame->error) ||
        !pixel_frame(file->object, &frame->format, number, &file->arena, &source, &frame->error))
        return false;
    struct str encoded = test_frame_joined(&source);
    frame->bytes = pixel_frame_bytes(&frame->format);
    frame->samples = malloc((size_t)frame->bytes);
    bool ok = frame_decode(&frame->format, encoded, source.first_bit, frame->samples, frame->bytes, &frame->decoded,
                           &frame->error);
    struct decoded_format decoded;
    const void *in_place = frame_in_place(&frame->format, encoded, source.first_bit, &decoded);
    frame->in_place = in_place != NULL;
    if (in_place &&
        (!ok || memcmp(in_place, frame->samples, (size_t)frame->bytes) != 0 ||
         decoded.photometric != frame->decoded.photometric || decoded.bits_stored != frame->decoded.bits_stored ||
         decoded.is_signed != frame->decoded.is_signed))
        ok = error_set(&frame->error, E_INTERNAL, "the frame in its place is not what decoding makes of it");
    free((void *)(uintptr_t)encoded.at);
    if (!ok) {
        free(frame->samples);
        frame->samples = NULL;
    }
    return ok;
}
