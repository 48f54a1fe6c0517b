/* The first frame of every sample file against what independent decoders made of it (EXPECTED.json beside the files). */
#include "base/crypto.h"
#include "frame.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static char data[4000]; /* folder of the sample files */

struct statistics {
    double min, max, mean;
};

/* Of stored values: cut to Bits Stored, signed where the file says so. */
static double stored_value(const struct test_frame *frame, int64_t i)
{
    const struct pixel_format *format = &frame->format;
    if (format->kind == SAMPLE_FLOAT) {
        float real;
        memcpy(&real, frame->samples + i * 4, 4);
        return (double)real;
    }
    int width = format->bits_allocated <= 8 ? 1 : format->bits_allocated / 8;
    uint64_t raw = 0;
    memcpy(&raw, frame->samples + i * width, (size_t)width);
    raw = raw >> (format->high_bit - format->bits_stored + 1);
    raw &= (UINT64_C(2) << (format->bits_stored - 1)) - 1;
    if (format->is_signed && raw >> (format->bits_stored - 1))
        return (double)raw - ldexp(1, format->bits_stored);
    return (double)raw;
}

static struct statistics statistics_of(const struct test_frame *frame)
{
    struct statistics all = { INFINITY, -INFINITY, 0 };
    int64_t count = frame->bytes / (frame->format.bits_allocated <= 8 ? 1 : frame->format.bits_allocated / 8);
    for (int64_t i = 0; i < count; i++) {
        double value = stored_value(frame, i);
        all.min = value < all.min ? value : all.min;
        all.max = value > all.max ? value : all.max;
        all.mean += value / (double)count;
    }
    return all;
}

static void hash_of(const struct test_frame *frame, char hex[65])
{
    unsigned char digest[32];
    crypto_sha256((struct str){ (const char *)frame->samples, frame->bytes }, digest);
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* Files whose answer is ours to choose, or not what EXPECTED.json has, each with its reason. */
static const struct {
    const char *file, *reason;
    const char *by; /* of several answers, the one that is right */
} differences[] = {
    { "dicom/SC_rgb_rle_16bit.dcm", "gdcm swaps the byte planes of 16-bit colour; PS3.5 G.2: the most significant first",
      "dcmtk" },
};

/* One of several answers, where the decoders differ. */
static json_t *answer_of(const char *name, json_t *frame)
{
    json_t *answers = json_object_get(frame, "disagree"), *answer, *by;
    size_t i, j;
    if (!answers)
        return frame;
    for (size_t d = 0; d < sizeof(differences) / sizeof(differences[0]); d++)
        if (strcmp(differences[d].file, name) == 0)
            json_array_foreach (answers, i, answer)
                json_array_foreach (json_object_get(answer, "by"), j, by)
                    if (strcmp(json_string_value(by), differences[d].by) == 0)
                        return answer;
    fail_msg("%s: the decoders disagree, and no row of `differences` says who is right", name);
    return NULL;
}

static bool near(json_t *expected, const char *key, double value, double tolerance)
{
    return fabs(json_number_value(json_object_get(expected, key)) - value) <= tolerance;
}

/* Null when the frame is what it should be, else what is wrong. */
static const char *compare(const struct test_frame *frame, json_t *expected)
{
    static char wrong[400];
    char hash[65];
    if (frame->bytes != json_integer_value(json_object_get(expected, "bytes")))
        return "length";
    if (strcmp(photometric_names[frame->decoded.photometric],
               json_string_value(json_object_get(expected, "photometric"))) != 0)
        return "photometric interpretation";
    hash_of(frame, hash);
    if (strcmp(hash, json_string_value(json_object_get(expected, "sha256"))) == 0)
        return NULL;
    bool lossy = frame->format.syntax->lossy && frame->format.syntax->coding != CODING_JPEG_LS;
    struct statistics is = statistics_of(frame);
    bool close = near(expected, "min", is.min, 2) && near(expected, "max", is.max, 2) &&
                 near(expected, "mean", is.mean, 0.1);
    snprintf(wrong, sizeof(wrong), "%s: min %g max %g mean %.3f", lossy ? "statistics" : "hash", is.min, is.max,
             is.mean);
    if (getenv("SHOW") && lossy && close) printf("   lossy differs: %s (%g %g %g)\n", wrong, json_number_value(json_object_get(expected, "min")), json_number_value(json_object_get(expected, "max")), json_number_value(json_object_get(expected, "mean")));
    return lossy && close ? NULL : wrong;
}

static void samples_are_as_expected(void **state)
{
    (void)state;
    char path[4200];
    snprintf(path, sizeof(path), "%s/EXPECTED.json", data);
    json_error_t why;
    json_t *all = json_load_file(path, 0, &why), *entry;
    if (!all)
        fail_msg("%s: %s", path, why.text);
    const char *name;
    int compared = 0, wrong = 0;
    json_object_foreach (json_object_get(all, "files"), name, entry) {
        json_t *expected = json_object_get(entry, "frame0");
        if (!expected)
            continue;
        expected = answer_of(name, expected);
        struct test_file file;
        struct test_frame frame;
        snprintf(path, sizeof(path), "%s/%s", data, name);
        assert_true(test_file_open(&file, path));
        const char *problem =
            test_frame_decode(&file, 1, &frame) ? compare(&frame, expected) : frame.error.message;
        if (problem) {
            print_message("%s: %s\n", name, problem);
            wrong++;
        }
        free(frame.samples);
        test_file_close(&file);
        compared++;
    }
    print_message("%d files compared\n", compared);
    assert_true(compared > 100);
    assert_int_equal(wrong, 0);
    json_decref(all);
}

/* Every frame of every file: decoded, or refused with words; nothing else. */
static void no_frame_is_left_in_silence(void **state)
{
    (void)state;
    char path[4200];
    snprintf(path, sizeof(path), "%s/EXPECTED.json", data);
    json_t *all = json_load_file(path, 0, NULL), *entry;
    const char *name;
    json_object_foreach (json_object_get(all, "files"), name, entry) {
        struct test_file file;
        snprintf(path, sizeof(path), "%s/%s", data, name);
        assert_true(test_file_open(&file, path));
        struct pixel_format format;
        struct error error = { 0 };
        int64_t frames = pixel_format_of(file.object, &format, &error) ? format.frames : 0;
        for (int64_t i = 1; i <= frames; i++) {
            struct test_frame frame;
            if (!test_frame_decode(&file, i, &frame)) {
                assert_true(frame.error.message[0]);
                if (getenv("SHOW")) printf("%s frame %d: %s\n", name, (int)i, frame.error.message);
                }
            free(frame.samples);
        }
        test_file_close(&file);
    }
    json_decref(all);
}

int main(void)
{
    snprintf(data, sizeof(data), "%s/../../../shared/data", getenv("ROENTGEN_TEST_DATA"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_as_expected),
        cmocka_unit_test(no_frame_is_left_in_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
