/* The first frame of every sample file against what independent decoders made of it (tests/data/EXPECTED.json). */
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

/* Files whose first frame is not simply what EXPECTED.json has, each with its reason. */
static const struct {
    const char *file;
    const char *by;      /* of several answers, the one that is right */
    const char *refused; /* we decode nothing, and the message has this in it */
    const char *reason;
} differences[] = {
    { "dicom/SC_rgb_rle_16bit.dcm", .by = "dcmtk",
      .reason = "gdcm swaps the byte planes of 16-bit colour; PS3.5 G.2 puts the most significant first, as dcmtk and "
                "pydicom do" },
    { "dicom/bad/MR_truncated.dcm", .refused = "Pixel Data (7FE0,0010)",
      .reason = "the file ends inside of Pixel Data; gdcm fills what is missing with zeros, we make up no pixels" },
};
enum { DIFFERENCES = (int)(sizeof(differences) / sizeof(differences[0])) };

static int difference_of(const char *name)
{
    for (int i = 0; i < DIFFERENCES; i++)
        if (strcmp(differences[i].file, name) == 0)
            return i;
    return -1;
}

/* One of several answers, where the decoders differ. */
static json_t *answer_of(const char *name, json_t *frame)
{
    json_t *answers = json_object_get(frame, "disagree"), *answer, *by;
    size_t i, j;
    if (!answers)
        return frame;
    int difference = difference_of(name);
    if (difference < 0 || !differences[difference].by)
        fail_msg("%s: the decoders disagree, and `differences` does not say who is right", name);
    json_array_foreach(answers, i, answer)
        json_array_foreach(json_object_get(answer, "by"), j,
                           by) if (strcmp(json_string_value(by), differences[difference].by) == 0) return answer;
    fail_msg("%s: no answer of %s", name, differences[difference].by);
    return NULL;
}

static bool near(json_t *expected, const char *key, double value, double tolerance)
{
    return fabs(json_number_value(json_object_get(expected, key)) - value) <= tolerance;
}

/* Null when the frame is what it should be, else what is wrong. The sum binds lossless coding and JPEG-LS, which has
 * one exact answer even where it loses; other lossy decoders may round otherwise. */
static const char *compare(const struct test_frame *frame, json_t *expected)
{
    static char wrong[400];
    char hash[65];
    if (frame->bytes != json_integer_value(json_object_get(expected, "bytes")))
        return "length";
    if (frame->format.bits_allocated != json_integer_value(json_object_get(expected, "bits_allocated")))
        return "bits allocated";
    if (strcmp(photometric_names[frame->decoded.photometric],
               json_string_value(json_object_get(expected, "photometric"))) != 0)
        return "photometric interpretation";
    hash_of(frame, hash);
    if (strcmp(hash, json_string_value(json_object_get(expected, "sha256"))) == 0)
        return NULL;
    bool lossy = frame->format.syntax->lossy && frame->format.syntax->coding != CODING_JPEG_LS;
    struct statistics is = statistics_of(frame);
    if (lossy && near(expected, "min", is.min, 2) && near(expected, "max", is.max, 2) &&
        near(expected, "mean", is.mean, 0.1))
        return NULL;
    snprintf(wrong, sizeof(wrong), "%s: min %g, max %g, mean %.3f", lossy ? "statistics" : "hash", is.min, is.max,
             is.mean);
    return wrong;
}

static const char *first_frame_problem(const char *name, json_t *expected)
{
    static char message[ERROR_MESSAGE_MAX];
    char path[4200];
    struct test_file file;
    struct test_frame frame;
    snprintf(path, sizeof(path), "%s/%s", data, name);
    if (!test_file_open(&file, path))
        return "cannot be opened";
    int difference = difference_of(name);
    const char *refused = difference < 0 ? NULL : differences[difference].refused, *problem;
    if (!test_frame_decode(&file, 1, &frame)) {
        snprintf(message, sizeof(message), "%s", frame.error.message);
        problem = refused && strstr(message, refused) ? NULL : message;
    } else {
        problem = refused ? "decoded, but it should be refused" : compare(&frame, expected);
    }
    free(frame.samples);
    test_file_close(&file);
    return problem;
}

static json_t *expectations(void)
{
    char path[4200];
    json_error_t why;
    snprintf(path, sizeof(path), "%s/EXPECTED.json", data);
    json_t *all = json_load_file(path, 0, &why);
    if (!all)
        fail_msg("%s: %s", path, why.text);
    return all;
}

static void first_frames(void **state)
{
    (void)state;
    json_t *all = expectations(), *entry;
    const char *name;
    int compared = 0, wrong = 0;
    json_object_foreach(json_object_get(all, "files"), name, entry)
    {
        json_t *expected = json_object_get(entry, "frame0");
        if (!expected)
            continue;
        const char *problem = first_frame_problem(name, answer_of(name, expected));
        if (problem)
            print_message("%s: %s\n", name, problem);
        wrong += problem != NULL;
        compared++;
    }
    assert_true(compared > 125);
    assert_int_equal(wrong, 0);
    json_decref(all);
}

/* Every frame of every file, damaged ones, too: decoded or refused with words. */
static void all_frames(void **state)
{
    (void)state;
    json_t *all = expectations(), *entry;
    const char *name;
    int decoded = 0, refused = 0, in_place = 0;
    json_object_foreach(json_object_get(all, "files"), name, entry)
    {
        char path[4200];
        struct test_file file;
        snprintf(path, sizeof(path), "%s/%s", data, name);
        assert_true(test_file_open(&file, path));
        struct pixel_format format;
        struct error error = { 0 };
        int64_t frames = pixel_format_of(file.object, &format, &error) ? format.frames : 0;
        for (int64_t i = 1; i <= frames; i++) {
            struct test_frame frame;
            bool ok = test_frame_decode(&file, i, &frame);
            decoded += ok;
            refused += !ok;
            in_place += ok && frame.in_place;
            assert_true(ok || (frame.error.code == E_INVALID && frame.error.message[0]));
            free(frame.samples);
        }
        test_file_close(&file);
    }
    assert_true(decoded > 450);
    assert_in_range(in_place, 100, decoded - 100);
    /* multiframe.dcm: tiles at the edge whose codestreams are smaller than Rows and Columns say; and what is in
     * bad/. */
    assert_in_range(refused, 20, 40);
    json_decref(all);
}

int main(void)
{
    snprintf(data, sizeof(data), "%s", getenv("ROENTGEN_TEST_DATA"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_frames),
        cmocka_unit_test(all_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
