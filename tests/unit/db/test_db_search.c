/* test_db_search.c - any substring is found, and nothing else. */
#include "fixture.h"

struct row {
    int64_t id;
    struct search_text texts[2];
    int count;
};

static bool put_row(struct call *c, void *context)
{
    const struct row *row = context;
    return search_put(c, "t_search", row->id, row->texts, row->count);
}

static bool remove_row(struct call *c, void *context)
{
    return search_remove(c, "t_search", *(int64_t *)context);
}

static void put(struct fixture *f, int64_t id, struct str first, struct str second)
{
    struct row row = { id, { { first, .is_name = true }, { second } }, 2 };
    must(f, db_transact(&f->call, put_row, &row));
}

static void make_tables(struct fixture *f)
{
    ddl(f, f->sqlite
               ? "create virtual table t_search using fts5(grams, tokenize='ascii', columnsize=0);"
                 "create table t_notes(id integer primary key);"
               : "create table t_search(id bigint not null primary key, grams mediumtext character set ascii collate"
                 " ascii_bin not null, fulltext key ft_t_search (grams)) engine=InnoDB;"
                 "create table t_notes(id bigint not null primary key) engine=InnoDB;");
}

static bool insert_notes(struct call *c, void *context)
{
    (void)context;
    for (int i = 1; i <= 9; i++) {
        if (!db_execute(c, "insert into t_notes(id) values (?)", V(i)))
            return false;
    }
    return true;
}

/* The ids found, as the digits of a number: 13 for rows 1 and 3. */
static int64_t find(struct fixture *f, const char *wanted)
{
    struct text sql;
    struct cursor rows;
    int64_t found = 0;
    text_init(&sql, 4096);
    text_put(&sql, S("select n.id from t_notes n where "));
    search_condition(&sql, f->db, "t_search", "n.id");
    text_put(&sql, S(" order by n.id"));
    const char *query = arena_cstring(&f->call.arena, text_str(&sql));
    text_release(&sql);
    struct str phrase = search_phrase(f->db, &f->call.arena, str_from(wanted));
    assert_false(str_is_null(phrase));
    for (db_rows(&f->call, &rows, query, V(phrase)); cursor_next(&rows);)
        found = found * 10 + cursor_integer(&rows, 0);
    cursor_close(&rows);
    must(f, !f->call.error.code);
    return found;
}

static void substrings_are_found(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    must(f, db_transact(&f->call, insert_notes, NULL));
    put(f, 1, S("张伟"), S("P-2024-0001"));
    put(f, 2, S("欧阳张三"), S("p2024"));
    put(f, 3, S("Straße  Ärzte\tA"), S("ЖУРНАЛ Ωmega"));
    put(f, 4, S("chest_CT.dcm"), STR_NULL);
    put(f, 5, S("ab"), S("cd"));
    put(f, 6, S("\xF0\xA0\xAE\xB7\xF3\xA0\x84\x80x"), S("this that with from when")); /* planes 2 and 14; stop words */
    assert_int_equal(find(f, "张伟"), 1);
    assert_int_equal(find(f, "张"), 12);
    assert_int_equal(find(f, "伟"), 1);
    assert_int_equal(find(f, "三"), 2);
    assert_int_equal(find(f, "阳张"), 2);
    assert_int_equal(find(f, "伟张"), 0);
    assert_int_equal(find(f, "2024"), 12);
    assert_int_equal(find(f, "P-2"), 1);
    assert_int_equal(find(f, "p2"), 2);
    assert_int_equal(find(f, "0001"), 1);
    assert_int_equal(find(f, "00001"), 0);
    assert_int_equal(find(f, "ＣＴ.ＤＣＭ"), 4);
    assert_int_equal(find(f, "_"), 4);
    assert_int_equal(find(f, "chest_ct.dcm"), 4);
    assert_int_equal(find(f, "chest%"), 0);
    assert_int_equal(find(f, "ä"), 3);
    assert_int_equal(find(f, "SSE"), 3); /* full case folding */
    assert_int_equal(find(f, "ße är"), 3);
    assert_int_equal(find(f, " ße \n ÄR "), 3);
    assert_int_equal(find(f, "E A"), 3);
    assert_int_equal(find(f, "журнал ω"), 3);
    assert_int_equal(find(f, "ab"), 5);
    assert_int_equal(find(f, "bc"), 0); /* not across the texts of a row */
    assert_int_equal(find(f, "b"), 5);
    assert_int_equal(find(f, "d"), 45);
    assert_int_equal(find(f, "\xF0\xA0\xAE\xB7"), 6);
    assert_int_equal(find(f, "\xF3\xA0\x84\x80X"), 6);
    assert_int_equal(find(f, "this that with"), 6);
    assert_int_equal(find(f, "\" OR *"), 0);
    assert_int_equal(find(f, "'"), 0);
    assert_int_equal(find(f, "*"), 0);
}

/* UAX #15 and CaseFolding.txt: what is one text in any form. */
static void every_form_is_found(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    must(f, db_transact(&f->call, insert_notes, NULL));
    put(f, 1,
        S("Pru\xCC\x88"
          "fung"),
        S("Ceshi Renming"));
    put(f, 2, S("ﾔﾏﾀﾞ"), S("a^b"));
    put(f, 3, S("\u1112\u1161\u11ab"), S("ΟΔΟΣ"));
    put(f, 4, S("Nguyễn"), S("ﬁlm ﻼ"));
    assert_int_equal(find(f, "Prüfung"), 1);
    assert_int_equal(find(f, "PRU\xCC\x88"
                             "FUNG"),
                     1);
    assert_int_equal(find(f, "ceshi^renming"), 1);
    assert_int_equal(find(f, "Ceshi Ren"), 1);
    assert_int_equal(find(f, "ヤマダ"), 2);
    assert_int_equal(find(f, "A^B"), 2);
    assert_int_equal(find(f, "한"), 3);
    assert_int_equal(find(f, "οδος"), 3);
    assert_int_equal(find(f, "NGUYE\xCC\x82\xCC\x83N"), 4);
    assert_int_equal(find(f, "film"), 4);
    assert_int_equal(find(f, "لا"), 4);
    put(f, 5, S("山田太郎"), S("やまだたろう"));
    put(f, 6, S("胸部 正位 X光"), S("ｱﾍﾞ ﾊﾅ"));
    assert_int_equal(find(f, "山田^太郎"), 5);
    assert_int_equal(find(f, "山田　太郎"), 5);
    assert_int_equal(find(f, "ヤマダ"), 25);
    assert_int_equal(find(f, "ﾀﾛｳ"), 5);
    assert_int_equal(find(f, "や"), 25);
    assert_int_equal(find(f, "部正"), 6);
    assert_int_equal(find(f, "部 正"), 6);
    assert_int_equal(find(f, "位X"), 0);
    assert_int_equal(find(f, "あべ^はな"), 6);
    assert_int_equal(find(f, "はべ"), 0);
    assert_int_equal(find(f, "ceshi^"), 1);
    assert_int_equal(find(f, "^renming"), 1);
    assert_int_equal(find(f, "山田^太郎=やまだ^たろう"), 5);
    assert_int_equal(find(f, "やまだ^たろう=山田^太郎=x^y"), 5);
    assert_int_equal(find(f, "==ヤマダ^タロウ"), 5);
    assert_int_equal(find(f, "山田^太郎=はな^"), 0);
    assert_int_equal(find(f, "山田=やまだ"), 0); /* no name */
    assert_int_equal(find(f, "^=="), 0);
    assert_int_equal(find(f, "a^=b=c=d"), 0);
}

/* Of the first text, which is a name. */
static void names_are_found_as_they_are_typed(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    must(f, db_transact(&f->call, insert_notes, NULL));
    put(f, 1, S("王小明"), S("李四"));
    put(f, 2, S("張三"), S("wangxiaoming"));
    put(f, 3, S("单雄信"), S("x"));
    put(f, 4, S("尉迟恭"), STR_NULL);
    put(f, 5, S("吕 布"), STR_NULL);
    put(f, 6, S("王晓敏"), STR_NULL);
    static const struct {
        const char *typed;
        int64_t found;
    } rows[] = {
        { "wangxiaoming", 12 },
        { "Wang Xiaoming", 1 },
        { "WANG^XIAO^MING", 1 },
        { "wang, xiao-ming", 1 },
        { "wáng xiǎo míng", 1 },
        { "wxm", 16 },
        { "wang xm", 16 },
        { "wangxming", 1 },
        { "w xiaomin", 16 },
        { "xm", 16 },
        { "ming", 12 },
        { "xiao", 126 },
        { "wangming", 0 },
        { "iaoming", 2 },
        { "wangxiaomingx", 0 },
        { "lisi", 0 },
        { "ls", 0 },
        { "张三", 2 },
        { "張三", 2 },
        { "张", 2 },
        { "zhangsan", 2 },
        { "zs", 2 },
        { "z", 2 },
        { "danxiongxin", 3 },
        { "shanxiongxin", 3 },
        { "chan xx", 3 },
        { "dxx", 3 },
        { "yuchi", 4 },
        { "weichigong", 4 },
        { "lvbu", 5 },
        { "lü bu", 5 },
        { "LÜ BU", 5 },
        { "lubu", 5 },
        { "lyu bu", 5 },
        { "lb", 5 },
        { "bu", 5 },
        { "w", 1246 },
        { "an", 2 },
        { "王x", 0 },
        { "wxm1", 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t found = find(f, rows[i].typed);
        if (found != rows[i].found)
            fail_msg("%s: %" PRId64, rows[i].typed, found);
    }
    put(f, 1, S("李四"), S("x"));
    assert_int_equal(find(f, "wxm"), 6);
    assert_int_equal(find(f, "lisi"), 1);
}

static bool put_words(struct call *c, void *context)
{
    const struct row *row = context;
    return db_execute(c,
                      db_is_local(c->db) ? "insert into t_search(rowid, grams) values (?, ?)"
                                         : "insert into t_search(id, grams) values (?, ?)",
                      V(row->id), V(row->texts[0].text));
}

/* Sharp s was a letter of its own, and a letter with its mark two. */
static void rows_of_earlier_versions_are_found(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    must(f, db_transact(&f->call, insert_notes, NULL));
    struct row sharp = { 1, { { S("2p67 672t 2t00") } }, 1 }, apart = { 2, { { S("39lk lk2u 2u00") } }, 1 };
    must(f, db_transact(&f->call, put_words, &sharp));
    must(f, db_transact(&f->call, put_words, &apart));
    assert_int_equal(find(f, "aße"), 1);
    assert_int_equal(find(f, "üf"), 2);
}

struct renewing {
    struct row row;
    bool found, changed;
};

static bool renew_row(struct call *c, void *context)
{
    struct renewing *r = context;
    return search_hold(c, "t_search", r->row.id, &r->found) &&
           search_renew(c, "t_search", r->row.id, r->found, r->row.texts, r->row.count, &r->changed);
}

static void words_are_renewed_where_they_differ(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    must(f, db_transact(&f->call, insert_notes, NULL));
    struct row old = { 1, { { S("2p2q 2q00") } }, 1 };
    must(f, db_transact(&f->call, put_words, &old));
    struct renewing r = { .row = { 1, { { S("Straße") } }, 1 } };
    must(f, db_transact(&f->call, renew_row, &r));
    assert_true(r.found && r.changed);
    assert_int_equal(find(f, "strasse"), 1);
    assert_int_equal(find(f, "ab"), 0);
    must(f, db_transact(&f->call, renew_row, &r));
    assert_true(r.found && !r.changed);
    r.row.id = 2;
    must(f, db_transact(&f->call, renew_row, &r));
    assert_true(!r.found && r.changed);
    assert_int_equal(find(f, "STRASSE"), 12);
    r.row.texts[0].text = S(" ");
    must(f, db_transact(&f->call, renew_row, &r));
    assert_true(r.found && r.changed);
    assert_int_equal(find(f, "strasse"), 1);
    must(f, db_transact(&f->call, renew_row, &r));
    assert_true(!r.found && !r.changed);
}

static void rows_are_replaced_and_removed(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    must(f, db_transact(&f->call, insert_notes, NULL));
    put(f, 1, S("before"), S("x"));
    put(f, 2, S("before"), S("y"));
    put(f, 1, S("after"), S("x"));
    assert_int_equal(find(f, "before"), 2);
    assert_int_equal(find(f, "after"), 1);
    put(f, 1, S(" \t"), STR_NULL);
    assert_int_equal(find(f, "after"), 0);
    int64_t id = 2;
    must(f, db_transact(&f->call, remove_row, &id));
    assert_int_equal(find(f, "before"), 0);
    must(f, db_transact(&f->call, remove_row, &id));
}

static void long_texts(void **state)
{
    struct fixture *f = fixture_of(state);
    make_tables(f);
    must(f, db_transact(&f->call, insert_notes, NULL));
    char *text = malloc(150000);
    assert_non_null(text);
    for (int i = 0; i < 150000; i++) /* runs of a..z that shift, so that no substring of 40 comes twice soon */
        text[i] = (char)('a' + (i + i / 26) % 26);
    put(f, 1, (struct str){ text, 150000 }, S("after the limit"));
    char wanted[140];
    memcpy(wanted, text + 60000, 100);
    wanted[100] = '\0';
    assert_int_equal(find(f, wanted), 1);
    memset(wanted + 100, '!', 10); /* the 101st and later are not looked at */
    wanted[110] = '\0';
    assert_int_equal(find(f, wanted), 1);
    wanted[99] = '!';
    assert_int_equal(find(f, wanted), 0);
    assert_int_equal(find(f, "after"), 0);
    free(text);
}

#define WORDS(FIRST, SECOND) (f->sqlite ? S(SECOND " OR " FIRST) : S(SECOND " " FIRST))

static void phrases(void **state)
{
    struct fixture *f = fixture_of(state);
    struct arena arena;
    arena_init(&arena);
    assert_true(str_is_null(search_phrase(f->db, &arena, STR_NULL)));
    assert_true(str_is_null(search_phrase(f->db, &arena, S(" \t\r\n\xE3\x80\x80"))));
    assert_true(str_equal(search_phrase(f->db, &arena, S("A")), WORDS("2p*", "01a*")));
    assert_true(str_equal(search_phrase(f->db, &arena, S("aB")), WORDS("\"2p2q\"", "01ab*")));
    assert_true(str_equal(search_phrase(f->db, &arena, S("\xEF\xBC\xA1")), WORDS("2p*", "01a*")));
    assert_true(
        str_equal(search_phrase(f->db, &arena, S("a\xFFz")), search_phrase(f->db, &arena, S("a\xEF\xBF\xBDz"))));
    assert_true(str_equal(search_phrase(f->db, &arena, S("ΣΟΦΟΣ")), search_phrase(f->db, &arena, S("σοφος"))));
    assert_true(str_equal(search_phrase(f->db, &arena, S("ŽLUŤ")), search_phrase(f->db, &arena, S("žluť"))));
    assert_true(str_equal(search_phrase(f->db, &arena, S("ĽÝĎ")), search_phrase(f->db, &arena, S("ľýď"))));
    assert_true(str_equal(search_phrase(f->db, &arena, S("×")), search_phrase(f->db, &arena, S("×"))));
    assert_false(str_equal(search_phrase(f->db, &arena, S("÷")), search_phrase(f->db, &arena, S("×"))));
    /* Different code points have different codes, none the beginning of another: at the borders of each length. */
    static const char *const points[] = { "\xD1\xBF",         "\xD2\x80",         "\xF0\x9F\xBF\xBF",
                                          "\xF0\xA0\x80\x80", "\xF0\xA2\x9D\x83", "\xF0\xA2\x9D\x84",
                                          "\xF4\x8F\xBF\xBF" };
    for (size_t i = 0; i < 7; i++) {
        for (size_t j = 0; j < 7; j++) {
            struct str a = search_phrase(f->db, &arena, str_from(points[i])),
                       b = search_phrase(f->db, &arena, str_from(points[j]));
            a.len--;
            b.len--;
            assert_int_equal(str_starts(a, b), i == j);
        }
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(substrings_are_found),
        ON_BOTH(names_are_found_as_they_are_typed),
        ON_BOTH(rows_are_replaced_and_removed),
        ON_BOTH(long_texts),
        ON_BOTH(phrases),
        ON_BOTH(words_are_renewed_where_they_differ),
        ON_BOTH(every_form_is_found),
        ON_BOTH(rows_of_earlier_versions_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
