/* test_db_parts.c - what needs no database: the URL, splitting SQL, counters. */
#include "db/driver.h"
#include "db/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- the URL ---- */

static struct arena arena;
static int open_arena(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}
static int close_arena(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static bool parse(const char *text, struct db_url *url)
{
    struct error error = { 0 };
    bool ok = db_url_parse(str_from(text), &arena, url, &error);
    assert_int_equal(error.code, ok ? E_NONE : E_INVALID);
    assert_null(strstr(error.message, "secret"));
    return ok;
}

static void urls_that_are_right(void **state)
{
    (void)state;
    struct db_url url;
    assert_true(parse("sqlite:///data/a%20b.db", &url));
    assert_true(url.local);
    assert_string_equal(url.path, "data/a b.db");
    assert_true(parse("sqlite:////var/lib/x.db", &url));
    assert_string_equal(url.path, "/var/lib/x.db");
    assert_true(parse("mysql://us%40er:se%3Acret%2F@db.example:3307/roentgen", &url));
    assert_false(url.local);
    assert_string_equal(url.user, "us@er");
    assert_string_equal(url.password, "se:cret/");
    assert_string_equal(url.host, "db.example");
    assert_string_equal(url.name, "roentgen");
    assert_int_equal(url.port, 3307);
    assert_false(url.tls);
    assert_true(parse("mysql://root@/name?socket=/run/x.sock", &url));
    assert_null(url.host);
    assert_null(url.password);
    assert_string_equal(url.socket, "/run/x.sock");
    assert_int_equal(url.port, 3306);
    assert_true(parse("mariadb://u:p:q@[::1]:65535/n?tls=1&tls_ca=/etc/ca.pem", &url));
    assert_string_equal(url.host, "::1");
    assert_string_equal(url.password, "p:q");
    assert_int_equal(url.port, 65535);
    assert_true(url.tls);
    assert_string_equal(url.tls_ca, "/etc/ca.pem");
    assert_true(parse("mysql://u:a@b@host/n", &url));
    assert_string_equal(url.password, "a@b");
    assert_string_equal(url.host, "host");
}

static void urls_as_sqlalchemy_spells_them(void **state)
{
    (void)state;
    struct db_url url;
    assert_true(parse("sqlite:///./test.db", &url));
    assert_string_equal(url.path, "./test.db");
    assert_true(parse("sqlite+aiosqlite:///./test.db", &url));
    assert_true(url.local);
    assert_string_equal(url.path, "./test.db");
    assert_true(parse("sqlite+pysqlite:////var/lib/x.db", &url));
    assert_string_equal(url.path, "/var/lib/x.db");
    static const char *const drivers[] = { "mysql+pymysql",   "mysql+aiomysql",          "mysql+asyncmy",
                                           "mysql+mysqldb",   "mysql+mysqlconnector",    "mysql+pyodbc",
                                           "mariadb+pymysql", "mariadb+mariadbconnector" };
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        char text[200];
        snprintf(text, sizeof(text), "%s://medical:p%%40ss%%3Aw%%2Frd@db:3306/medical?charset=utf8mb4", drivers[i]);
        assert_true(parse(text, &url));
        assert_false(url.local);
        assert_string_equal(url.user, "medical");
        assert_string_equal(url.password, "p@ss:w/rd");
        assert_string_equal(url.host, "db");
        assert_string_equal(url.name, "medical");
    }
    assert_true(parse("mysql+pymysql://u@/n?unix_socket=/run/x.sock&charset=UTF8MB4&ssl_ca=/etc/ca.pem", &url));
    assert_string_equal(url.socket, "/run/x.sock");
    assert_string_equal(url.tls_ca, "/etc/ca.pem");
    assert_true(url.tls);
    assert_true(db_url_is_local(S("sqlite+aiosqlite:///x.db")) && db_url_is_local(S("sqlite:///x.db")));
    assert_false(db_url_is_local(S("mysql+pymysql://h/n")) || db_url_is_local(S("sqlite")));
}

static void another_charset_is_refused_in_words(void **state)
{
    (void)state;
    struct db_url url;
    struct error error = { 0 };
    assert_false(db_url_parse(S("mysql+pymysql://u:secret@h/n?charset=utf8"), &arena, &url, &error));
    assert_non_null(strstr(error.message, "utf8mb4"));
    error = (struct error){ 0 };
    assert_false(db_url_parse(S("mysql+mysql://u:secret@h/n"), &arena, &url, &error));
    assert_non_null(strstr(error.message, "driver"));
}

static void urls_that_are_wrong(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "sqlite:",
        "postgres://secret@h/n",
        "sqlite://",
        "sqlite://data/x.db",
        "sqlite:///",
        "sqlite:///data/",
        "sqlite:///:memory:",
        "sqlite:///x.db?mode=ro",
        "sqlite:///a%2",
        "sqlite:///a%zz",
        "sqlite:///a%00b",
        "mysql://u:secret@host",
        "mysql://u:secret@host/",
        "mysql://u:secret@host:0/n",
        "mysql://u:secret@host:65536/n",
        "mysql://u:secret@host:x/n",
        "mysql://u:secret@/n",
        "mysql://u:secret@[::1/n",
        "mysql://u:secret@[::1]x/n",
        "mysql://u:secret@h/n?charset=latin1",
        "mysql+pymysql://u:secret@h/n?charset=",
        "mysql+pymysql://u:secret@h/n?charset=utf8mb4&charset=gbk",
        "mysql+://u:secret@h/n",
        "mysql+aiosqlite://u:secret@h/n",
        "mysql+pymysql+pymysql://u:secret@h/n",
        "sqlite+pymysql:///x.db",
        "sqlite+aiosqlite:///:memory:",
        "sqlite+aiosqlite://",
        "postgresql+psycopg2://u:secret@h/n",
        "+pymysql://u:secret@h/n",
        "MySQL+PyMySQL://u:secret@h/n",
        "mysql://u:secret@h/n?socket",
        "mysql://u:secret@h/n?socket=",
        "mysql://u:%@h/n",
        "mysql://u@h/a/b",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct db_url url;
        if (parse(wrong[i], &url))
            fail_msg("taken: %s", wrong[i]);
    }
}

/* ---- splitting ---- */

static void expect_statements(const char *sql, const char *const *expected)
{
    struct str rest = str_from(sql), statement;
    while (sql_next(&rest, &statement)) {
        if (!*expected)
            fail_msg("one too many: %.*s", STR_FMT(statement));
        if (!str_equal(statement, str_from(*expected)))
            fail_msg("[%.*s] instead of [%s]", STR_FMT(statement), *expected);
        expected++;
    }
    if (*expected)
        fail_msg("missing: %s", *expected);
}

#define EXPECT(sql, ...) expect_statements(sql, (const char *const[]){ __VA_ARGS__, NULL })

static void sql_is_split(void **state)
{
    (void)state;
    expect_statements("", (const char *const[]){ NULL });
    expect_statements(" -- only\n /* this */ ;;\n# and that", (const char *const[]){ NULL });
    EXPECT("a", "a");
    EXPECT("a;b ;\n c\n", "a", "b", "c");
    EXPECT("-- x;y\na; /* ; */ b", "a", "b");
    EXPECT("a 'x;''y' ; b \"q;\" `r;`", "a 'x;''y'", "b \"q;\" `r;`");
    EXPECT("a -- it's; one\n b; c", "a -- it's; one\n b", "c");
    EXPECT("a 'never closed; b", "a 'never closed; b");
    EXPECT("a /* never closed; b", "a /* never closed; b");
    EXPECT("begin; commit", "begin", "commit"); /* a transaction, not a body */
    EXPECT("select case when 1 then 2 end; b", "select case when 1 then 2 end", "b");
}

static void triggers_stay_whole(void **state)
{
    (void)state;
    const char *simple =
        "CREATE TEMP TRIGGER IF NOT EXISTS t after insert on x when new.a is null\nBEGIN\n  update y set n = 1; "
        "delete from z;\nEND";
    const char *nested =
        "create trigger t after update on x for each row\nbegin\n if new.a then\n  update y set n = if(new.b, 1, 2);\n"
        " elseif new.c then set @x = case when 1 then 2 else 3 end; end if;\n"
        " while x < 1 do set x = 2; end while;\n case x when 1 then begin a; end; end case;\nend";
    const char *single = "create trigger t after insert on x for each row update y set n = n + 1";
    char text[2000];
    snprintf(text, sizeof(text), "a;\n%s;\nb", simple);
    EXPECT(text, "a", simple, "b");
    snprintf(text, sizeof(text), "%s; %s;b", nested, single);
    EXPECT(text, nested, single, "b");
    EXPECT("drop trigger if exists t; create table begin_end(a int); x", "drop trigger if exists t",
           "create table begin_end(a int)", "x");
}

/* ---- counters ---- */

static void meter_buckets(void **state)
{
    (void)state;
    struct meters meters;
    struct meter meter = { 0 };
    meters_init(&meters);
    meter_add(&meters, &meter, S("x"));
    static const struct {
        int64_t us;
        int bucket;
    } rows[] = { { 0, 0 },  { 15, 0 },      { 16, 1 },      { 31, 1 },
                 { 32, 2 }, { 262143, 14 }, { 262144, 15 }, { INT64_MAX / 4, 15 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t before = atomic_load(&meter.buckets[rows[i].bucket]);
        meter_count(&meter, rows[i].us);
        assert_int_equal(atomic_load(&meter.buckets[rows[i].bucket]), before + 1);
    }
    assert_int_equal(atomic_load(&meter.count), sizeof(rows) / sizeof(rows[0]));
    meter_remove(&meters, &meter);
    meters_release(&meters);
}

static void meters_are_bounded(void **state)
{
    (void)state;
    struct meters meters;
    static struct meter all[STATS_NODES_MAX + 100];
    memset(all, 0, sizeof(all));
    meters_init(&meters);
    for (int i = 0; i < STATS_NODES_MAX + 100; i++) {
        char sql[32];
        snprintf(sql, sizeof(sql), "select %d", i);
        meter_add(&meters, &all[i], str_from(sql));
    }
    assert_int_equal(meters.count, STATS_NODES_MAX + 1);
    assert_ptr_equal(all[STATS_NODES_MAX].node, all[STATS_NODES_MAX + 99].node);
    for (int i = 0; i < STATS_NODES_MAX + 100; i++)
        meter_remove(&meters, &all[i]);
    meters_release(&meters);
}

static void statement_hash_sees_all(void **state)
{
    (void)state;
    char text[40] = "where id = ? and name = ? and x";
    struct statement_key key = { .verb = STATEMENT_GET, .text = str_from(text) };
    uint64_t first = statement_hash(&key);
    for (ptrdiff_t i = 0; i < key.text.len; i++) {
        text[i] ^= 1;
        assert_true(statement_hash(&key) != first);
        text[i] ^= 1;
        struct statement_key shorter = key;
        shorter.text.len = i;
        assert_true(statement_hash(&shorter) != first);
    }
    key.verb = STATEMENT_SQL;
    assert_true(statement_hash(&key) != first);
    key.verb = STATEMENT_GET;
    key.mask = 1;
    assert_true(statement_hash(&key) != first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(urls_that_are_right, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(urls_as_sqlalchemy_spells_them, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(another_charset_is_refused_in_words, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(urls_that_are_wrong, open_arena, close_arena),
        cmocka_unit_test(sql_is_split),
        cmocka_unit_test(triggers_stay_whole),
        cmocka_unit_test(meter_buckets),
        cmocka_unit_test(meters_are_bounded),
        cmocka_unit_test(statement_hash_sees_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
