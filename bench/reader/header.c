/* header.c - how fast headers are read: the parser of the server on files already in memory, and a folder of them.
 *
 *     header FILE             microseconds of processor time for FILE's header, mapped and warm: to the pixels, a tree
 *     header -f FOLDER        files a second of all in FOLDER: open, read 8 KiB, parse; a longer header is mapped
 *
 * Compiled by the bench against the libraries of the release build. */
#include "dicom/object.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_BYTES = 8192, RUNS = 7, TIMES = 20000 };

static struct str map(int folder, const char *path)
{
    struct stat st;
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) {
        fprintf(stderr, "header: %s: %s\n", path, strerror(errno));
        exit(1);
    }
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    return at == MAP_FAILED ? STR_NULL : (struct str){ at, (ptrdiff_t)st.st_size };
}

static void read_one(struct str bytes, const struct dicom_limits *limits, struct arena *arena)
{
    struct dicom_object *object;
    struct error error = { 0 };
    arena_reset(arena);
    if (!dicom_read(bytes, limits, arena, &object, &error)) {
        fprintf(stderr, "header: %s\n", error.message);
        exit(1);
    }
    dicom_object_release(object);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double processor_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void time_file(const char *path, const struct dicom_limits *limits, struct arena *arena)
{
    struct str bytes = map(AT_FDCWD, path);
    double runs[RUNS];
    for (int r = 0; r < RUNS; r++) {
        double begin = processor_us();
        for (int i = 0; i < TIMES; i++)
            read_one(bytes, limits, arena);
        runs[r] = (processor_us() - begin) / TIMES;
    }
    qsort(runs, RUNS, sizeof(*runs), by_value);
    printf("%.2f\n", runs[RUNS / 2]);
}

/* The header is in the first bytes, or the whole file is needed. */
static void read_file(int folder, const char *name, const struct dicom_limits *limits, struct arena *arena)
{
    static char first[FIRST_BYTES];
    struct dicom_object *object;
    struct error error = { 0 };
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : pread(fd, first, sizeof(first), 0);
    close(fd);
    arena_reset(arena);
    bool ok = got > 0 && dicom_read((struct str){ first, got }, limits, arena, &object, &error);
    if (got > 0)
        dicom_object_release(object);
    if (ok)
        return;
    struct str bytes = map(folder, name);
    read_one(bytes, limits, arena);
    munmap((void *)(uintptr_t)bytes.at, (size_t)bytes.len);
}

static void time_folder(const char *path, const struct dicom_limits *limits, struct arena *arena)
{
    DIR *folder = opendir(path);
    int count = 0;
    int64_t begin = clock_monotonic_us();
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        read_file(dirfd(folder), entry->d_name, limits, arena);
        count++;
    }
    if (folder)
        closedir(folder);
    printf("%.0f\n", (double)count * 1e6 / (double)(clock_monotonic_us() - begin));
}

int main(int count, char **arguments)
{
    struct dicom_limits limits = dicom_default_limits;
    struct arena arena;
    limits.stop_at = DICOM_PixelData;
    arena_init(&arena);
    if (count == 3 && !strcmp(arguments[1], "-f"))
        time_folder(arguments[2], &limits, &arena);
    else if (count == 2)
        time_file(arguments[1], &limits, &arena);
    else
        return 2;
    arena_release(&arena);
    return 0;
}
