/* test_sniff.c - the type of a file by its first bytes. */
#include "raster/raster.h"

#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

static struct str read_head(const char *name, char buffer[SNIFF_BYTES])
{
    char path[1000];
    snprintf(path, sizeof(path), "%s/%s", getenv("ROENTGEN_TEST_DATA"), name);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, buffer, SNIFF_BYTES);
    assert_true(n > 0);
    close(fd);
    return (struct str){ buffer, n };
}

static void real_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum file_type type;
        const char *mime;
    } rows[] = {
        { "dicom/CT_small.dcm", FILE_DICOM, "application/dicom" },
        { "dicom/ExplVR_BigEndNoMeta.dcm", FILE_DICOM, "application/dicom" },
        { "dicom/ExplVR_LitEndNoMeta.dcm", FILE_DICOM, "application/dicom" },
        { "dicom/no_meta_group_length.dcm", FILE_DICOM, "application/dicom" },
        { "dicom/nested_priv_SQ.dcm", FILE_DICOM, "application/dicom" },
        { "dicom/bad/no_preamble_dicm_in_data", FILE_DICOM, "application/dicom" },
        { "dicom/CR-MONO1-10-chest", FILE_DICOM, "application/dicom" },
        { "dicom/no_meta.dcm", FILE_DICOM, "application/dicom" },
        { "dicom/bad/54-implicit-file-meta-info.dcm", FILE_DICOM, "application/dicom" },
        { "dicom/bad/MR_truncated.dcm", FILE_DICOM, "application/dicom" }, /* its preamble says TIFF */
        { "dicom/dicomdir/DICOMDIR", FILE_DICOM, "application/dicom" },
        { "dicom/ExplVR_BigEnd.dcm", FILE_DICOM, "application/dicom" },
        { "dicom/bad/no_meta_stray_byte.dcm", FILE_OTHER, "application/octet-stream" }, /* no reader takes it */
        { "images/kermany_person101_virus_187.jpeg", FILE_JPEG, "image/jpeg" },
        { "images/truncated.jpg", FILE_JPEG, "image/jpeg" },
        { "images/nih_00027426_000.png", FILE_PNG, "image/png" },
        { "images/microaneurysms.png", FILE_PNG, "image/png" },
        { "images/stardist_img2d.tif", FILE_TIFF, "image/tiff" },
        { "NOTICE.md", FILE_OTHER, "text/plain" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char buffer[SNIFF_BYTES];
        const char *mime = NULL;
        print_message("%s\n", rows[i].name);
        assert_int_equal(sniff(read_head(rows[i].name, buffer), &mime), rows[i].type);
        assert_string_equal(mime, rows[i].mime);
    }
}

static void heads(void **state)
{
    (void)state;
    static const struct {
        struct str head;
        enum file_type type;
        const char *mime;
    } rows[] = {
        { { "", 0 }, FILE_OTHER, "application/octet-stream" },
        { { NULL, 0 }, FILE_OTHER, "application/octet-stream" },
        { { "\0", 1 }, FILE_OTHER, "application/octet-stream" },
        { { "a", 1 }, FILE_OTHER, "text/plain" },
        { { "\xff\xd8", 2 }, FILE_OTHER, "application/octet-stream" },
        { { "\xff\xd8\xff", 3 }, FILE_JPEG, "image/jpeg" },
        { { "\x89PNG\r\n\x1a", 7 }, FILE_OTHER, "application/octet-stream" },
        { { "\x89PNG\r\n\x1a\n", 8 }, FILE_PNG, "image/png" },
        { { "II*\0", 4 }, FILE_TIFF, "image/tiff" },
        { { "MM\0*", 4 }, FILE_TIFF, "image/tiff" },
        { { "II+\0\x08\0\0\0", 8 }, FILE_TIFF, "image/tiff" },
        { { "II", 2 }, FILE_OTHER, "text/plain" },
        { { "%PDF-1.7\n", 9 }, FILE_OTHER, "application/pdf" },
        { { "PK\3\4\x14\0", 6 }, FILE_OTHER, "application/zip" },
        { { "\x7f"
            "ELF\2\1\1\0",
            8 },
          FILE_OTHER,
          "application/x-executable" },
        { { "MZ\x90\0", 4 }, FILE_OTHER, "application/vnd.microsoft.portable-executable" },
        { { "#!/bin/sh\n", 10 }, FILE_OTHER, "text/x-script" },
        { { "{\"a\": 1}", 8 }, FILE_OTHER, "application/json" },
        { { " \n[1, 2]", 8 }, FILE_OTHER, "application/json" },
        { { "<!DOCTYPE html>", 15 }, FILE_OTHER, "text/html" },
        { { "<?xml version='1.0'?>", 21 }, FILE_OTHER, "application/xml" },
        { { "GIF89a", 6 }, FILE_OTHER, "image/gif" },
        { { "RIFF\0\0\0\0WEBP", 12 }, FILE_OTHER, "image/webp" },
        { { "\x1f\x8b\x08\0", 4 }, FILE_OTHER, "application/gzip" },
        { { "\xe5\xbc\xa0\xe4\xbc", 5 }, FILE_OTHER, "text/plain" }, /* the head ends inside a character */
        { { "a\xff"
            "b",
            3 },
          FILE_OTHER,
          "application/octet-stream" },
        /* What looks like a first element but is none, or is followed by nothing that could come next. */
        { { "\x08\0\x05\0CS\x0a\0", 8 }, FILE_OTHER, "application/octet-stream" },
        { { "\x08\0\x05\0CS\2\0ab", 10 }, FILE_DICOM, "application/dicom" },
        { { "\x08\0\x05\0CS\2\0ab\x08\0\x05\0CS\2\0ab", 20 }, FILE_OTHER, "application/octet-stream" },
        { { "\x08\0\x05\0CS\2\0ab\x08\0\x08\0CS\2\0ab", 20 }, FILE_DICOM, "application/dicom" },
        { { "\x08\0\x05\0CS\2\0ab\x02\0\x08\0CS\2\0ab", 20 }, FILE_OTHER, "application/octet-stream" },
        { { "\x08\0\0\0\x02\0\0\0ab", 10 }, FILE_OTHER, "application/octet-stream" }, /* group length of two bytes */
        { { "\x08\0\0\0\x04\0\0\0abcd\x08\0\x08\0\x02\0\0\0XY", 22 }, FILE_DICOM, "application/dicom" },
        { { "\x09\0\x05\0CS\2\0ab", 10 },
          FILE_OTHER,
          "application/octet-stream" }, /* a private group cannot come first */
        { { "\0\x08\0\x05\0\0\0\2ab", 10 }, FILE_OTHER, "application/octet-stream" }, /* big endian is explicit */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *mime = NULL;
        print_message("head %zu\n", i);
        assert_int_equal(sniff(rows[i].head, &mime), rows[i].type);
        assert_string_equal(mime, rows[i].mime);
    }
}

/* 132 bytes of preamble and prefix, then what follows. */
static enum file_type with_preamble(const char *preamble, ptrdiff_t preamble_len, struct str after)
{
    char head[SNIFF_BYTES] = { 0 };
    memcpy(head, preamble, (size_t)preamble_len);
    memcpy(head + 128, "DICM", 4);
    memcpy(head + 132, after.at, (size_t)after.len);
    const char *mime;
    return sniff((struct str){ head, 132 + after.len }, &mime);
}

static void preambles(void **state)
{
    (void)state;
    struct str meta = { "\2\0\0\0UL\4\0\x10\0\0\0", 12 };
    assert_int_equal(with_preamble("", 0, meta), FILE_DICOM);
    assert_int_equal(with_preamble("II*\0", 4, meta), FILE_DICOM);
    assert_int_equal(with_preamble("anything at all", 15, meta), FILE_DICOM);
    assert_int_equal(with_preamble("", 0, (struct str){ "\0\2\0\0UL\0\4", 8 }), FILE_DICOM);
    assert_int_equal(with_preamble("", 0, (struct str){ "\2\0\0\0UL\4", 7 }), FILE_OTHER); /* nothing after it */
    assert_int_equal(with_preamble("", 0, (struct str){ "\x03\0\0\0UL\4\0", 8 }), FILE_OTHER);
    /* A program or document that also says DICM is what it is. */
    assert_int_equal(with_preamble("MZ", 2, meta), FILE_OTHER);
    assert_int_equal(with_preamble("\x7f"
                                   "ELF",
                                   4, meta),
                     FILE_OTHER);
    assert_int_equal(with_preamble("#!/bin/sh", 9, meta), FILE_OTHER);
    assert_int_equal(with_preamble("PK\3\4", 4, meta), FILE_OTHER);
    assert_int_equal(with_preamble("%PDF-", 5, meta), FILE_OTHER);
    assert_int_equal(with_preamble("<script>", 8, meta), FILE_OTHER);
}

static void every_length_of_a_real_head_is_safe(void **state)
{
    (void)state;
    static const char *const names[] = { "dicom/CT_small.dcm", "dicom/CR-MONO1-10-chest", "dicom/no_meta.dcm",
                                         "images/stardist_img2d.tif" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char buffer[SNIFF_BYTES];
        struct str head = read_head(names[i], buffer);
        for (ptrdiff_t len = 0; len <= head.len; len++) {
            char *exact = malloc((size_t)len + 1); /* the address sanitizer sees a read past the end */
            memcpy(exact + 1, head.at, (size_t)len);
            const char *mime = NULL;
            enum file_type type = sniff((struct str){ exact + 1, len }, &mime);
            assert_non_null(mime);
            if (len == head.len)
                assert_int_equal(type, i == 3 ? FILE_TIFF : FILE_DICOM);
            free(exact);
        }
    }
}

static void names_follow_the_enum(void **state)
{
    (void)state;
    assert_string_equal(file_types[FILE_DICOM - 1], "DICOM");
    assert_string_equal(file_types[FILE_JPEG - 1], "JPEG");
    assert_string_equal(file_types[FILE_PNG - 1], "PNG");
    assert_string_equal(file_types[FILE_TIFF - 1], "TIFF");
    assert_string_equal(file_types[FILE_OTHER - 1], "OTHER");
    assert_null(file_types[FILE_OTHER]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_files),
        cmocka_unit_test(heads),
        cmocka_unit_test(preambles),
        cmocka_unit_test(every_length_of_a_real_head_is_safe),
        cmocka_unit_test(names_follow_the_enum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
