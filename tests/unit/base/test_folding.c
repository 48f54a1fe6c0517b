/* test_folding.c - which texts are one when they are searched, and which names are one. */
#include "base/folding.h"

#include "test.h"

struct pair {
    const char *one, *other;
    bool same;
};

static void compare(struct str (*fold)(struct str, struct arena *), const struct pair *pairs, size_t count)
{
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < count; i++) {
        struct str a = fold(str_from(pairs[i].one), &arena), b = fold(str_from(pairs[i].other), &arena);
        if (str_equal(a, b) != pairs[i].same)
            fail_msg("\"%s\" \"%s\": \"%.*s\" \"%.*s\"", pairs[i].one, pairs[i].other, STR_FMT(a), STR_FMT(b));
    }
    arena_release(&arena);
}

static void what_is_searched(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        { "Prüfung",
          "Pru\xcc\x88"
          "fung",
          true },
        { "ﾔﾏﾀﾞ", "ヤマダ", true },   /* half width with its voice mark apart */
        { "ヤマダ", "やまだ", true }, /* JIS X 4061: told apart at the fourth level */
        { "ヽヾ", "ゝゞ", true },
        { "はは", "ばば", false }, /* voiced */
        { "や", "ゃ", false },
        { "ラーメン", "らーめん", true },
        { "山田 太郎", "山田太郎", true },
        { "張三", "张三", true },
        { "陳麗華", "陈丽华", true },
        { "鍾", "钟", true },
        { "黃", "黄", true },
        { "王", "汪", false },
        { "山田\xe3\x80\x80太郎", "山田^太郎", true },
        { "홍 길동", "홍길동", true },
        { "胸部 CT", "胸部CT", false }, /* a space between scripts is one */
        { "a^b", "a b", true },
        { "ä^^b", "ä  b", true },
        { "^a^", "a", true },
        { "ä^", "ä", true },
        { "ä  \t b", "ä b", true },
        { "straße", "strasse", true },
        { "", "^", true },
        { "a\xff", "a", false },
    };
    compare(folding_search, pairs, sizeof(pairs) / sizeof(pairs[0]));
}

static void names(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        { "DOE^John", "Doe John", true },
        { "Doe, J.-P.", "doe jp", true },
        { "O'Brien",
          "O\xe2\x80\x99"
          "Brien",
          true }, /* U+2019 */
        { "Müller", "MU\xcc\x88LLER", true },
        { "Strauß", "STRAUSS", true },
        { "ＤＯＥ　Ｊｏｈｎ", "Doe^John", true },
        { "ﾔﾏﾀﾞ ﾀﾛｳ", "ヤマダ^タロウ", true },
        { "山田 太郎", "山田太郎", true },
        { "Müller", "Muller", false },
        { "ヤマダ", "やまだ", false },
        { "Doe 2", "Doe", false },
        { "王小东", "王小東", false },
        { "...", "", true },
    };
    compare(folding_name, pairs, sizeof(pairs) / sizeof(pairs[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_searched),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
