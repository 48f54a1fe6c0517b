/* test.h - what every unit test of base needs: cmocka, and comparing of text. */
#ifndef ROENTGEN_BASE_TEST_H
#define ROENTGEN_BASE_TEST_H

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_str_is(actual, expected) assert_str_at((actual), (expected), __FILE__, __LINE__)

static inline void assert_str_at(struct str actual, const char *expected, const char *file, int line)
{
    if (str_equal(actual, str_from(expected)))
        return;
    print_error("got \"%.*s\"\nnot \"%s\"\n", STR_FMT(actual), expected ? expected : "(null)");
    _fail(file, line);
}

#endif
