/* test_db_migrate.c - up, down, half way, and two at once. */
#include "fixture.h"

#include <pthread.h>

static const struct migration good[] = {
    { 1, "0001_one",
      "-- One.\ncreate table m_one(id integer primary key, body varchar(20)); insert into m_one(id, body) values (1, "
      "'a;b');",
      "drop table m_one;" },
    { 2, "0002_two", "create table m_two(id integer primary key, n integer);\ninsert into m_two(id, n) values (1, 0);",
      "drop table m_two" },
};
static const struct migration good_sqlite[] = {
    { 1, "0001_one",
      "create table m_one(id integer primary key, body varchar(20)); insert into m_one(id, body) values (1, 'a;b');",
      "drop table m_one;" },
    { 2, "0002_two",
      "create table m_two(id integer primary key, n integer);\ninsert into m_two(id, n) values (1, 0);"
      "create trigger m_count after insert on m_one begin update m_two set n = n + 1; update m_two set n = n + 10; "
      "end;",
      "drop trigger m_count; drop table m_two" },
};
static const struct migration good_mysql[] = {
    { 1, "0001_one",
      "create table m_one(id integer primary key, body varchar(20)); insert into m_one(id, body) values (1, 'a;b');",
      "drop table m_one;" },
    { 2, "0002_two",
      "create table m_two(id integer primary key, n integer);\ninsert into m_two(id, n) values (1, 0);"
      "create trigger m_count after insert on m_one for each row begin if new.id > 0 then update m_two set n = n + "
      "1; end if; update m_two set n = if(new.id > 0, n + 10, 0); end;",
      "drop trigger m_count; drop table m_two" },
};
static const struct migration broken[] = {
    { 1, "0001_one", "create table m_one(id integer primary key, body varchar(20));", "drop table m_one;" },
    { 2, "0002_broken",
      "create table m_two(id integer primary key); insert into m_two(id) values (1); insert into nowhere values (1)",
      "drop table m_two" },
};
static const struct migrations both = { good_sqlite, good_mysql, 2 }, only_first = { good, good, 1 },
                               half = { broken, broken, 2 };

static void count_lines(const char *line, void *context)
{
    assert_non_null(strstr(line, "000"));
    ++*(int *)context;
}

static int current(struct fixture *f)
{
    int number = -1;
    must(f, migrate_current(&f->call, &number));
    return number;
}

static bool has_table(struct fixture *f, const char *table)
{
    int64_t n = 0;
    must(f, db_integer(&f->call, &n, f->db->driver->sql_tables, V(str_from(table))));
    return n > 0;
}

static bool insert_one(struct call *c, void *context)
{
    (void)context;
    return db_execute(c, "insert into m_one(id, body) values (2, 'x')");
}

static void up_and_down(void **state)
{
    struct fixture *f = fixture_of(state);
    int lines = 0;
    int64_t n = -1;
    assert_int_equal(current(f), 0);
    must(f, migrate_to(&f->call, &both, 2, count_lines, &lines));
    assert_int_equal(lines, 2);
    assert_int_equal(current(f), 2);
    must(f, migrate_to(&f->call, &both, 2, count_lines, &lines)); /* nothing to do */
    assert_int_equal(lines, 2);
    must(f, db_transact(&f->call, insert_one, NULL));
    must(f, db_integer(&f->call, &n, "select n from m_two"));
    assert_int_equal(n, 11);
    must(f, migrate_to(&f->call, &both, 1, count_lines, &lines));
    assert_int_equal(lines, 3);
    assert_true(has_table(f, "m_one") && !has_table(f, "m_two"));
    must(f, migrate_to(&f->call, &both, 0, NULL, NULL));
    assert_int_equal(current(f), 0);
    assert_false(has_table(f, "m_one"));
    must(f, migrate_to(&f->call, &both, 2, NULL, NULL));
    assert_false(migrate_to(&f->call, &both, 3, NULL, NULL));
    expect_error(f, E_INVALID);
    assert_false(migrate_to(&f->call, &both, -1, NULL, NULL));
    expect_error(f, E_INVALID);
    assert_false(db_in_transaction(&f->call));
}

static void check_and_history(void **state)
{
    struct fixture *f = fixture_of(state);
    struct text out;
    text_init(&out, 4096);
    assert_false(migrate_check(&f->call, &both));
    assert_non_null(strstr(f->call.error.message, "init-db"));
    expect_error(f, E_UNAVAILABLE);
    must(f, migrate_history(&f->call, &both, &out));
    assert_true(str_find(text_str(&out), S("0002_two")) > 0 && str_find(text_str(&out), S("applied")) < 0);
    must(f, migrate_to(&f->call, &both, 1, NULL, NULL));
    assert_false(migrate_check(&f->call, &both));
    assert_non_null(strstr(f->call.error.message, "migrate up"));
    expect_error(f, E_UNAVAILABLE);
    must(f, migrate_check(&f->call, &only_first));
    text_clear(&out);
    must(f, migrate_history(&f->call, &both, &out));
    assert_true(str_find(text_str(&out), S("applied")) > 0 && str_find(text_str(&out), S("pending")) > 0);
    must(f, migrate_to(&f->call, &both, 2, NULL, NULL));
    must(f, migrate_check(&f->call, &both));
    assert_false(migrate_check(&f->call, &only_first));
    assert_non_null(strstr(f->call.error.message, "migrate down"));
    expect_error(f, E_UNAVAILABLE);
    assert_false(migrate_to(&f->call, &only_first, 1, NULL, NULL)); /* it lacks the way down */
    expect_error(f, E_UNAVAILABLE);
    assert_false(migrate_check(&f->call, &half)); /* same number, another name */
    assert_non_null(strstr(f->call.error.message, "0002_broken"));
    expect_error(f, E_UNAVAILABLE);
    text_release(&out);
}

static void failing_step(void **state)
{
    struct fixture *f = fixture_of(state);
    assert_false(migrate_to(&f->call, &half, 2, NULL, NULL));
    assert_non_null(strstr(f->call.error.message, "0002_broken: statement 3 of 3"));
    assert_int_equal(strstr(f->call.error.message, "stay applied") != NULL, !f->sqlite);
    expect_error(f, E_INTERNAL);
    assert_int_equal(current(f), 1);
    assert_int_equal(has_table(f, "m_two"), !f->sqlite);
}

static void *migrate_up(void *context)
{
    struct call c;
    call_init(&c, NULL, context);
    bool ok = migrate_to(&c, &both, 2, NULL, NULL);
    if (!ok)
        print_error("%s\n", c.error.message);
    db_release(&c);
    call_release(&c);
    return (void *)(intptr_t)ok;
}

static void several_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct fixture others[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        others[i] = *f;
        open_db(&others[i]);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, migrate_up, others[i].db), 0);
    for (int i = 0; i < 4; i++) {
        void *ok;
        pthread_join(threads[i], &ok);
        assert_non_null(ok);
        db_close(others[i].db);
    }
    assert_int_equal(current(f), 2);
    int64_t rows = 0;
    must(f, db_integer(&f->call, &rows, "select count(*) from m_one"));
    assert_int_equal(rows, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(up_and_down),
        ON_BOTH(check_and_history),
        ON_BOTH(failing_step),
        ON_BOTH(several_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
