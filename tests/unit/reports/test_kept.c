/* test_kept.c - kept pages: what is too large to be read again takes no readable file's place. */
#include "reports/report_pdf_kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef fail /* cmocka has one, too */
#include <cmocka.h>

/* Before anything is done: there is no store here, and no database. */
static void test_too_large(void **state)
{
    (void)state;
    struct call call;
    struct kept_pdf before = { .id = 1, .storage_path = S("reports/aa/before.pdf") }, after = before;
    call_init(&call, NULL, NULL);
    assert_false(kept_pdf_swap(&call, &before, &after, (struct str){ "", PDF_BYTES_MAX + (ptrdiff_t)1 }));
    assert_int_equal(call.error.code, E_TOO_LARGE);
    assert_true(str_equal(after.storage_path, before.storage_path));
    call_release(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
