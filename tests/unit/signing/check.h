/* check.h - cmocka beside base/call.h: both have a `fail`. */
#ifndef TEST_SIGNING_CHECK_H
#define TEST_SIGNING_CHECK_H

#include "../base/test.h"

#undef fail
#undef fail_msg
#include "base/call.h"
#define fail_msg(...) (print_error("ERROR: " __VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

#endif
