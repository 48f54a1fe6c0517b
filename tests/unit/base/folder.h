/* folder.h - a temporary folder for one test program, removed at its end. */
#ifndef ROENTGEN_BASE_FOLDER_H
#define ROENTGEN_BASE_FOLDER_H

#include "test.h"

#include <ftw.h>
#include <unistd.h>

struct folder {
    char path[64];
    struct arena arena;
};

static inline int folder_setup(void **state)
{
    static struct folder folder;
    folder = (struct folder){ "/tmp/roentgen-test-XXXXXX", { 0 } };
    if (!mkdtemp(folder.path))
        return -1;
    arena_init(&folder.arena);
    *state = &folder;
    return 0;
}

static inline int folder_remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static inline int folder_teardown(void **state)
{
    struct folder *folder = *state;
    arena_release(&folder->arena);
    return nftw(folder->path, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *folder_file(struct folder *folder, const char *name)
{
    return arena_format(&folder->arena, "%s/%s", folder->path, name).at;
}

static inline void folder_write(struct folder *folder, const char *name, struct str bytes)
{
    FILE *file = fopen(folder_file(folder, name), "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.at, 1, (size_t)bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
}

#endif
