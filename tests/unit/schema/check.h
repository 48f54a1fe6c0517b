/* check.h - cmocka, and the few checks that the schema tests share. */
#ifndef ROENTGEN_TESTS_CHECK_H
#define ROENTGEN_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* call.h has a `fail` of its own. */
#undef fail
#undef fail_msg
#define fail_msg(...) (print_error("ERROR: " __VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

#include "base/call.h"
#include "base/text.h"

#define assert_str(s, text) \
    do { \
        struct str got_ = (s), wanted_ = str_from(text); \
        if (got_.len != wanted_.len || (got_.len && !str_equal(got_, wanted_))) \
            fail_msg("got %.*s, wanted %s", STR_FMT(got_), (const char *)(text)); \
    } while (0)

/* Exactly one problem, of that type, about that member. */
static inline void check_problem(const struct call *c, const char *member, const char *type)
{
    assert_int_equal(c->error.code, E_INVALID);
    assert_int_equal(c->error.problem_count, 1);
    assert_string_equal(c->error.problems->type, type);
    assert_str(c->error.problems->member, member);
    assert_true(c->error.problems->message.len > 0);
}

/* All problems as "member:type member:type". */
static inline struct str problems_text(struct call *c)
{
    struct str all = S("");
    for (const struct problem *p = c->error.problems; p; p = p->next)
        all = arena_format(&c->arena, "%.*s%s%.*s:%s", STR_FMT(all), all.len ? " " : "", STR_FMT(p->member), p->type);
    return all;
}

#endif
