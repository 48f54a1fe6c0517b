/* decode.c - how fast frames are decoded: the first frame of each file, again and again, in this process.
 *
 *     decode SECONDS FILE...
 *
 * Prints a line for each: decoded bytes, frames a second, MB/s of decoded samples, transfer syntax, file. Seconds are
 * of processor time, which other work on the machine does not stretch. Compiled by the bench against the libraries of
 * the release build. */
#include "dicom/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct str file_bytes(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return STR_NULL;
    fseek(file, 0, SEEK_END);
    long len = ftell(file);
    rewind(file);
    char *bytes = malloc((size_t)len + 1);
    len = bytes ? (long)fread(bytes, 1, (size_t)len, file) : 0;
    fclose(file);
    return (struct str){ bytes, len };
}

static struct str joined(const struct frame_source *source, struct arena *arena)
{
    if (source->count == 1)
        return source->pieces[0];
    ptrdiff_t len = 0, at = 0;
    for (int64_t i = 0; i < source->count; i++)
        len += source->pieces[i].len;
    char *bytes = arena_alloc(arena, len + 1);
    for (int64_t i = 0; i < source->count; i++) {
        memcpy(bytes + at, source->pieces[i].at, (size_t)source->pieces[i].len);
        at += source->pieces[i].len;
    }
    return (struct str){ bytes, len };
}

static bool measure(const char *path, double seconds, struct error *error)
{
    struct str bytes = file_bytes(path);
    struct arena arena;
    struct dicom_object *object;
    struct pixel_format format;
    struct frame_source source;
    struct decoded_format decoded;
    arena_init(&arena);
    dicom_read(bytes, NULL, &arena, &object, error);
    bool ok = error->code == E_NONE && pixel_format_of(object, &format, error) &&
              pixel_frame(object, &format, 1, &arena, &source, error);
    if (ok) {
        struct str encoded = joined(&source, &arena);
        ptrdiff_t len = pixel_frame_bytes(&format);
        void *out = malloc((size_t)len);
        double begin = now(), passed = 0;
        long frames = 0;
        for (; ok && passed < seconds; frames++, passed = now() - begin)
            ok = frame_decode(&format, encoded, source.first_bit, out, len, &decoded, error);
        if (ok)
            printf("%td\t%.1f\t%.1f\t%s\t%s\n", len, (double)frames / passed,
                   (double)len * (double)frames / passed / 1e6, format.syntax->name, path);
        free(out);
    }
    dicom_object_release(object);
    arena_release(&arena);
    free((void *)(uintptr_t)bytes.at);
    return ok;
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? strtod(argv[1], NULL) : 0;
    if (seconds <= 0)
        return fprintf(stderr, "usage: decode SECONDS FILE...\n"), 2;
    int failed = 0;
    for (int i = 2; i < argc; i++) {
        struct error error = { 0 };
        if (!measure(argv[i], seconds, &error)) {
            fprintf(stderr, "%s: %s\n", argv[i], error.message);
            failed = 1;
        }
    }
    return failed;
}
