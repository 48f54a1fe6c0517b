/* models.h - the small models of tests/data/models (make_models.py says what each does). */
#ifndef TEST_MODELS_H
#define TEST_MODELS_H

#include "inference/model_pool.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int model_open(const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/models/%s.onnx", getenv("ROENTGEN_TEST_DATA"), name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static inline struct str model_bytes(struct arena *arena, const char *name)
{
    struct stat about = { 0 };
    int fd = model_open(name);
    if (fd < 0 || fstat(fd, &about) != 0)
        return STR_NULL;
    char *at = arena_alloc(arena, about.st_size);
    ssize_t got = read(fd, at, (size_t)about.st_size);
    close(fd);
    return (struct str){ at, got };
}

enum { TEST_SKIPPED = 77 };

/* Is there an ONNX Runtime? script/bootstrap fetches one; a test without it is left out. */
static inline bool models_can_run(void)
{
    struct model_pool *pool;
    struct error error = { 0 };
    struct arena arena;
    struct model_face face;
    struct model_file file = { S("sums"), model_open("sums") };
    struct model_pool_options options = { 1, 1, INT64_C(1) << 30, 20000, 1 << 20, NULL, getenv("TEST_ROENTGEN") };
    arena_init(&arena);
    bool ok = model_pool_open(&options, &pool, &error);
    bool lacking = ok && !model_describe(pool, &file, &arena, &face, &error) && error.code == E_UNAVAILABLE;
    if (lacking)
        printf("%s\n", error.message);
    model_pool_close(ok ? pool : NULL);
    arena_release(&arena);
    close(file.fd);
    return !lacking;
}

#endif
