/* test_assets.c - what the binary carries: every file unpacks, pages name only files that are there, migrations are
 * whole. */
#include "server/assets.h"
#include "site/migrations.h"

#include <stdarg.h>

#include <setjmp.h>
#include <cmocka.h>

static void every_file_unpacks(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    assert_true(asset_count > 0);
    for (int i = 0; i < asset_count; i++) {
        const struct asset *asset = &assets[i];
        assert_true(asset_find(str_from(asset->path)) == asset);
        assert_memory_equal(asset->gzip, "\x1f\x8b\x08", 3);
        struct str plain = asset_plain(asset, &arena);
        assert_int_equal(plain.len, asset->plain_bytes);
        assert_true(plain.len > 0 && strlen(asset->etag) == 34);
    }
    assert_null(asset_find(S("/docs/assets/none.js")));
    assert_null(asset_find(S("")));
    assert_null(asset_find(STR_NULL));
    arena_release(&arena);
}

/* Each href="..." and src="..." of a page. */
static void pages_name_only_what_is_here(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    static const char *const pages[] = { "/docs", "/redoc" };
    for (int i = 0; i < 2; i++) {
        const struct asset *page = asset_find(str_from(pages[i]));
        assert_non_null(page);
        assert_non_null(page->policy);
        assert_null(strstr(page->policy, "unsafe-eval"));
        struct str html = asset_plain(page, &arena);
        assert_true(str_find(html, S("<script>")) < 0 && str_find(html, S("<style")) < 0);
        int links = 0;
        for (ptrdiff_t at; (at = str_find(html, S("=\"/"))) >= 0; links++) {
            html = str_slice(html, at + 2, html.len);
            struct str path = str_slice(html, 0, str_find(html, S("\"")));
            if (!str_equal(path, S("/openapi.json")))
                assert_non_null(asset_find(path));
        }
        assert_true(links >= 4);
    }
    arena_release(&arena);
}

static void migrations_are_numbered_in_both_dialects(void **state)
{
    (void)state;
    assert_true(roentgen_migrations.count >= 1);
    for (int i = 0; i < roentgen_migrations.count; i++) {
        const struct migration *sqlite = &roentgen_migrations.sqlite[i], *mysql = &roentgen_migrations.mysql[i];
        assert_int_equal(sqlite->number, i + 1);
        assert_int_equal(mysql->number, i + 1);
        assert_string_equal(sqlite->name, mysql->name);
        assert_true(*sqlite->up && *sqlite->down && *mysql->up && *mysql->down);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_unpacks),
        cmocka_unit_test(pages_name_only_what_is_here),
        cmocka_unit_test(migrations_are_numbered_in_both_dialects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
