/* test_pinyin.c - what names are found by in Latin letters. */
#include "base/pinyin.h"

#include "base/folding.h"
#include "base/han.h"
#include "base/text.h"

#include "test.h"

/* "wangming wming ming" */
static struct str words_of(const char *name, struct arena *arena)
{
    struct pinyin_words *words = arena_new(arena, struct pinyin_words);
    pinyin_add(folding_search(str_from(name), arena), arena, words);
    struct str all = S("");
    for (int i = 0; i < words->count; i++)
        all = arena_format(arena, "%.*s%s%.*s", STR_FMT(all), i ? " " : "", STR_FMT(words->at[i]));
    return all;
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words;
    } rows[] = {
        { "王", "wang" },
        { "李明", "liming lming ming" },
        { "王小明", "wangxiaoming wxiaoming wangxming wxming xiaoming xming ming" },
        { "王^小 明", "wangxiaoming wxiaoming wangxming wxming xiaoming xming ming" },
        { "張三", "zhangsan zsan san" },
        { "仇英", "chouying qiuying cying qying ying" },
        { "吕布", "lvbu lubu lyubu lbu bu" },
        { "万俟卨", "wanqixie wansixie moqixie mosixie wqixie wsixie mqixie msixie wanqxie wansxie moqxie mosxie wqxie "
                    "wsxie mqxie msxie qixie sixie qxie sxie xie" },
        { "Doe^John", "" },
        { "王John明", "wang ming" }, /* two names */
        { "山田たろう", "shantian stian tian" },
        { "𠮷野", "ye" }, /* U+20BB7 is in no table */
        { "", "" },
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(arena_cstring(&arena, words_of(rows[i].name, &arena)), rows[i].words);
    arena_release(&arena);
}

/* However long, and however many ways there are to read it. */
static void long_names(void **state)
{
    (void)state;
    struct arena arena;
    struct text name;
    arena_init(&arena);
    text_init(&name, 1 << 20);
    for (int i = 0; i < 2000; i++)
        text_put(&name, i % 50 ? S("单") : S("单x"));
    struct pinyin_words *words = arena_new(&arena, struct pinyin_words);
    pinyin_add(text_str(&name), &arena, words);
    pinyin_add(text_str(&name), &arena, words);
    assert_true(words->count > 20 && words->count <= PINYIN_WORDS_MAX);
    for (int i = 0; i < words->count; i++)
        assert_true(words->at[i].len > 0 && words->at[i].len <= PINYIN_WORD_MAX);
    text_release(&name);
    struct str many = words_of("阿卜杜热合曼买买提明", &arena);
    assert_true(str_find(many, S("abudurehemanmaimaitiming")) >= 0 && str_find(many, S("abdrhmmmtming")) >= 0);
    arena_release(&arena);
}

static void what_is_typed(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *wanted;
    } rows[] = {
        { "wangxiaoming", "wangxiaoming" },
        { "  Wang  Xiao-Ming ", "wangxiaoming" },
        { "WANG^XIAOMING", "wangxiaoming" },
        { "Xi\xe2\x80\x99"
          "an",
          "xian" },
        { "xi'an", "xian" },
        { "ｗｘｍ", "wxm" },
        { "lǚ bù", "lvbu" },
        { "LU\xcc\x88", "lv" },
        { "wxm1", NULL },
        { "王xm", NULL },
        { "a=b", NULL },
        { "a*", NULL },
        { "a\xff", NULL },
        { "  ^ ", NULL },
        { "", NULL },
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str wanted = pinyin_wanted(str_from(rows[i].typed), &arena);
        if (!str_equal(wanted, str_from(rows[i].wanted)) || str_is_null(wanted) != !rows[i].wanted)
            fail_msg("%s: %.*s", rows[i].typed, STR_FMT(wanted));
    }
    char much[1000];
    memset(much, 'a', sizeof(much));
    assert_int_equal(pinyin_wanted((struct str){ much, sizeof(much) }, &arena).len, PINYIN_WORD_MAX);
    arena_release(&arena);
}

static void characters(void **state)
{
    (void)state;
    struct han_readings readings;
    assert_int_equal(han_simplified(U'張'), U'张');
    assert_int_equal(han_simplified(U'张'), U'张');
    assert_int_equal(han_simplified('a'), 'a');
    assert_int_equal(han_simplified(0x10FFFF), 0x10FFFF);
    for (uint32_t c = 0; c < 0x11000; c++) {
        uint32_t simple = han_simplified(c);
        assert_int_equal(han_simplified(simple), simple);
        han_readings(c, &readings);
        assert_true(readings.count <= HAN_READINGS_MAX);
        for (int i = 0; i < readings.count; i++)
            assert_true(readings.at[i][0] >= 'a' && readings.at[i][0] <= 'z');
    }
    han_readings(U'单', &readings);
    assert_int_equal(readings.count, 3);
    assert_string_equal(readings.at[0], "dan");
    han_readings('a', &readings);
    assert_int_equal(readings.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(long_names),
        cmocka_unit_test(what_is_typed),
        cmocka_unit_test(characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
