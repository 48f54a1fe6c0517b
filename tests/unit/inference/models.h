/* models.h - the small models of tests/data/models (make_models.py says what each does). */
#ifndef TEST_MODELS_H
#define TEST_MODELS_H

#include "base/arena.h"

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

#endif
