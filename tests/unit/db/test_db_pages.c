/* test_db_pages.c - SQLite: a commit does not look through all pages that are cached, and those that were added and
 * taken back are discarded. */
#include "fixture.h"

#include <sqlite3.h>

enum { ROWS = 5000, COMMITS = 50, LOCK_PAGE = 0x40000000 / 4096 + 1 };

/* ---- what reaches SQLite's own cache ---- */

static sqlite3_pcache_methods2 own;
static _Atomic int swaps, discards;

static void count_rename(sqlite3_pcache *cache, sqlite3_pcache_page *page, unsigned from, unsigned to)
{
    swaps += to == LOCK_PAGE;
    own.xRekey(cache, page, from, to);
}

static void count_discard(sqlite3_pcache *cache, unsigned first)
{
    discards += first > 1; /* 1: everything */
    own.xTruncate(cache, first);
}

static void watch_cache(void)
{
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETPCACHE2, &own), SQLITE_OK);
    sqlite3_pcache_methods2 watched = own;
    watched.xRekey = count_rename;
    watched.xTruncate = count_discard;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_PCACHE2, &watched), SQLITE_OK);
}

/* ---- the tests ---- */

static bool insert(struct call *c, void *context)
{
    int *rows = context;
    for (int i = 0; i < ROWS / COMMITS; i++, ++*rows)
        if (!db_execute(c, "insert into words(word) values (hex(randomblob(100)))"))
            return false;
    return true;
}

static bool insert_and_fail(struct call *c, void *context)
{
    return insert(c, context) && error_set(&c->error, E_CONFLICT, "so it is wanted");
}

static int64_t ask(struct fixture *f, const char *sql)
{
    int64_t answer = -1;
    assert_true(db_integer(&f->call, &answer, sql));
    db_release(&f->call);
    return answer;
}

static void commits_look_through_nothing(void **state)
{
    struct fixture *f = *state;
    int rows = 0;
    ddl(f, "create table words(id integer primary key, word text not null); create index ix_words on words(word)");
    swaps = discards = 0;
    for (int i = 0; i < COMMITS; i++)
        assert_true(db_transact(&f->call, insert, &rows));
    assert_int_equal(ask(f, "select count(*) from words"), rows);
    assert_in_range(swaps, 1, INT32_MAX); /* or nothing was asked */
    assert_int_equal(discards, 0);
}

static void what_was_taken_back_is_discarded(void **state)
{
    struct fixture *f = *state;
    int rows = 0, lost = 0;
    ddl(f, "create table words(id integer primary key, word text not null); create index ix_words on words(word)");
    discards = 0;
    for (int i = 0; i < COMMITS; i++) {
        assert_true(db_transact(&f->call, insert, &rows));
        assert_false(db_transact(&f->call, insert_and_fail, &lost));
        error_clear(&f->call.error);
    }
    assert_in_range(discards, 1, INT32_MAX);
    assert_int_equal(ask(f, "select count(*) from words"), rows);
    assert_int_equal(ask(f, "select count(distinct word) from words"), rows);
    assert_int_equal(ask(f, "select count(*) from pragma_integrity_check where integrity_check <> 'ok'"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ONE(commits_look_through_nothing, sqlite_target),
        ON_ONE(what_was_taken_back_is_discarded, sqlite_target),
    };
    (void)mysql_target;
    watch_cache();
    return cmocka_run_group_tests_name("db_pages", tests, NULL, NULL);
}
