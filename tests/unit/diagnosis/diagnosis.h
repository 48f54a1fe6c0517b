/* diagnosis.h - for tests: a call, the shipped card, cards and answers made here. Include after cmocka.h. */
#ifndef ROENTGEN_TEST_DIAGNOSIS_H
#define ROENTGEN_TEST_DIAGNOSIS_H

#include "base/call.h"
#include "diagnosis/gate.h"
#include "diagnosis/heat_map.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file below tests/data; null: there is none. */
__attribute__((unused)) static struct str data_read(struct arena *arena, const char *name)
{
    char path[4096];
    struct stat about = { 0 };
    snprintf(path, sizeof(path), "%s/%s", getenv("ROENTGEN_TEST_DATA"), name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0)
        return STR_NULL;
    char *at = arena_alloc(arena, about.st_size + 1);
    ssize_t got = read(fd, at, (size_t)about.st_size);
    close(fd);
    return (struct str){ at, got };
}

#define SHIPPED "../../models/chest-pneumonia/"

__attribute__((unused)) static void card_of(struct call *c, struct str json, struct card *card)
{
    if (!card_read(c, json, card))
        print_error("%.*s\n", STR_FMT(error_told(&c->error)));
    assert_int_equal(c->error.code, E_NONE);
}

__attribute__((unused)) static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        print_error("%.9g, not %.9g\n", value, expected);
    assert_true(fabs(value - expected) <= tolerance);
}

#endif
