/* test_zip_stream.c - the ZIP that is made while it is sent: libarchive reads it back, its length is known before,
 * and what is large takes the ZIP64 form. */
#include "parcel/zip_stream.h"

#include "../base/folder.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int64_t hole; /* bytes of the file that is nothing but a hole; 0: there is none */

/* Four gigabytes of zeros need not come from the disk. */
ssize_t pread(int fd, void *out, size_t len, off_t at)
{
    if (!hole)
        return (ssize_t)syscall(SYS_pread64, fd, out, len, at);
    int64_t left = hole - at, n = left < (int64_t)len ? left : (int64_t)len;
    memset(out, 0, (size_t)n);
    return (ssize_t)n;
}

static const struct instant now = { 1750000000000000 };

/* All of it, made in pieces of `step` bytes. */
static char *make(struct zip_stream *zip, ptrdiff_t step, int64_t *length)
{
    *length = zip_stream_length(zip);
    char *out = malloc((size_t)*length + (size_t)step);
    int64_t done = 0;
    ptrdiff_t n;
    assert_non_null(out);
    while ((n = zip_stream_read(zip, done, out + done, step)) > 0) {
        done += n;
        assert_true(done <= *length);
    }
    assert_int_equal(n, 0);
    assert_int_equal(done, *length);
    return out;
}

static void reads_back(void **state)
{
    (void)state;
    static const ptrdiff_t steps[] = { 1, 7, 4096, 1 << 20 };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct zip_stream *zip = zip_stream_new(now);
        zip_stream_add_bytes(zip, S("DICOM/A"), S("hello"));
        zip_stream_add_bytes(zip, S("EMPTY"), S(""));
        zip_stream_add_bytes(zip, S("DICOMDIR"), S("0123456789"));
        int64_t length;
        char *bytes = make(zip, steps[i], &length), data[32];
        struct archive *archive = archive_read_new();
        struct archive_entry *entry;
        static const char *const names[] = { "DICOM/A", "EMPTY", "DICOMDIR" }, *const contents[] = { "hello", "",
                                                                                                     "0123456789" };
        archive_read_support_format_zip_seekable(archive);
        assert_int_equal(archive_read_open_memory(archive, bytes, (size_t)length), ARCHIVE_OK);
        int seen = 0;
        for (; archive_read_next_header(archive, &entry) == ARCHIVE_OK; seen++) {
            int at = -1;
            for (int k = 0; k < 3; k++)
                if (strcmp(archive_entry_pathname(entry), names[k]) == 0)
                    at = k;
            assert_true(at >= 0);
            la_ssize_t got = archive_read_data(archive, data, sizeof(data));
            assert_int_equal(got, strlen(contents[at]));
            assert_memory_equal(data, contents[at], (size_t)got);
        }
        assert_int_equal(seen, 3);
        archive_read_free(archive);
        free(bytes);
        zip_stream_free(zip);
    }
}

/* Reads what there is so far behind `done` bytes; the length then. */
static int64_t read_on(struct zip_stream *zip, char *out, int64_t done, int64_t max)
{
    ptrdiff_t n;
    while ((n = zip_stream_read(zip, done, out + done, 7)) > 0) {
        done += n;
        assert_true(done + 7 <= max);
    }
    assert_int_equal(n, 0);
    return done;
}

static void grows_while_it_is_read(void **state)
{
    (void)state;
    static char out[4096];
    static const char *const contents[] = { "first", "second, from a file", "" };
    struct zip_stream *zip = zip_stream_new(now);
    int fd = memfd_create("spool", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, contents[1], strlen(contents[1])), strlen(contents[1]));
    zip_stream_keep_open(zip);
    assert_int_equal(read_on(zip, out, 0, sizeof(out)), 0);
    zip_stream_add_bytes(zip, S("A"), str_from(contents[0]));
    int64_t length = read_on(zip, out, 0, sizeof(out));
    assert_int_equal(length, 30 + 1 + 5); /* all of the entry, and nothing of the directory */
    zip_stream_add_open(zip, S("B"), fd, (int64_t)strlen(contents[1]));
    zip_stream_add_bytes(zip, S("C"), S(""));
    length = read_on(zip, out, length, sizeof(out));
    zip_stream_end(zip);
    assert_int_equal(read_on(zip, out, length, sizeof(out)), zip_stream_length(zip));
    length = zip_stream_length(zip);
    zip_stream_free(zip);
    close(fd);
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    char data[64];
    int seen = 0;
    archive_read_support_format_zip_seekable(archive);
    assert_int_equal(archive_read_open_memory(archive, out, (size_t)length), ARCHIVE_OK);
    for (; archive_read_next_header(archive, &entry) == ARCHIVE_OK; seen++) {
        int at = archive_entry_pathname(entry)[0] - 'A';
        assert_in_range(at, 0, 2);
        assert_int_equal(archive_read_data(archive, data, sizeof(data)), strlen(contents[at]));
        assert_memory_equal(data, contents[at], strlen(contents[at]));
    }
    assert_int_equal(seen, 3);
    archive_read_free(archive);
}

static void many_entries_are_zip64(void **state)
{
    (void)state;
    enum { MANY = 70000 };
    struct zip_stream *zip = zip_stream_new(now);
    char name[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "DICOM/IM%06d", i);
        zip_stream_add_bytes(zip, str_from(name), S("x"));
    }
    int64_t length;
    char *bytes = make(zip, 32768, &length);
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    archive_read_support_format_zip_seekable(archive);
    assert_int_equal(archive_read_open_memory(archive, bytes, (size_t)length), ARCHIVE_OK);
    int seen = 0;
    while (archive_read_next_header(archive, &entry) == ARCHIVE_OK)
        seen++;
    assert_int_equal(seen, MANY);
    archive_read_free(archive);
    free(bytes);
    zip_stream_free(zip);
}

static struct blob_store *store_with(struct folder *folder, const char *key, int64_t size)
{
    struct blob_store *store;
    struct error error = { 0 };
    struct str url = arena_format(&folder->arena, "file://%s", folder->path);
    struct str path = arena_format(&folder->arena, "%s/%s", folder->path, key);
    assert_true(blob_open(url, &store, &error));
    int fd = open(path.at, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    close(fd);
    return store;
}

/* Reads on without keeping; gives the last bytes. */
static int64_t drain(struct zip_stream *zip, char *tail, ptrdiff_t tail_bytes)
{
    enum { STEP = 1 << 20 };
    char *buffer = malloc(STEP);
    int64_t done = 0;
    ptrdiff_t n;
    assert_non_null(buffer);
    while ((n = zip_stream_read(zip, done, buffer, STEP)) > 0) {
        done += n;
        if (n >= tail_bytes)
            memcpy(tail, buffer + n - tail_bytes, (size_t)tail_bytes);
        else {
            memmove(tail, tail + n, (size_t)(tail_bytes - n));
            memcpy(tail + tail_bytes - n, buffer, (size_t)n);
        }
    }
    free(buffer);
    return n < 0 ? -1 : done;
}

static void large_files_are_zip64(void **state)
{
    struct folder *folder = *state;
    int64_t size = (1LL << 32) + 10;
    struct blob_store *store = store_with(folder, "large", size);
    struct zip_stream *zip = zip_stream_new(now);
    char tail[98];
    zip_stream_add_file(zip, S("LARGE"), store, S("large"), size);
    zip_stream_add_bytes(zip, S("DICOMDIR"), S("after it"));
    int64_t length = zip_stream_length(zip);
    assert_true(length > size);
    hole = size;
    assert_int_equal(drain(zip, tail, sizeof(tail)), length);
    hole = 0;
    assert_memory_equal(tail, "PK\6\6", 4);      /* ZIP64 end */
    assert_memory_equal(tail + 56, "PK\6\7", 4); /* its locator */
    assert_memory_equal(tail + 76, "PK\5\6", 4);
    assert_memory_equal(tail + 92, "\xff\xff\xff\xff", 4);
    zip_stream_free(zip);
    blob_close(store);
}

static void what_is_lost_breaks_it(void **state)
{
    struct folder *folder = *state;
    struct blob_store *store = store_with(folder, "short", 1000);
    char tail[8];
    static const struct {
        const char *key;
        int64_t size;
    } wrong[] = { { "short", 2000 }, { "short", 10 }, { "none", 1000 } };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct zip_stream *zip = zip_stream_new(now);
        zip_stream_add_file(zip, S("A"), store, str_from(wrong[i].key), wrong[i].size);
        assert_int_equal(drain(zip, tail, sizeof(tail)), -1);
        zip_stream_free(zip);
    }
    zip_stream_free(NULL);
    blob_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back),
        cmocka_unit_test(grows_while_it_is_read),
        cmocka_unit_test(many_entries_are_zip64),
        cmocka_unit_test_setup_teardown(large_files_are_zip64, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(what_is_lost_breaks_it, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
