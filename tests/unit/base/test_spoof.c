/* test_spoof.c - names that look like others, and names that nobody should have. */
#include "base/spoof.h"

#include "test.h"

static void look_alikes_have_one_skeleton(void **state)
{
    (void)state;
    static const struct {
        const char *name, *like;
        bool alike;
    } rows[] = {
        { "chief", "Chief", true },  { "chief", "ｃｈｉｅｆ", true }, /* full width */
        { "chief", "сhief", true },                                   /* Cyrillic es */
        { "scope", "ѕсоре", true },                                   /* all of it Cyrillic */
        { "chief", "𝐜𝐡𝐢𝐞𝐟", true },                                   /* mathematical */
        { "chief", "chieſ", true },  { "ẛine", "fine", false },       /* long s, with a dot over it */
        { "chies", "chieſ", false }, { "admin", "adrnin", true },
        { "li", "1i", true },        { "é", "e\xcc\x81", true }, /* composed or not */
        { "李娜", "李娜", true },    { "李娜", "李那", false },
        { "leo", "le0", true },      { "LEO", "le0", true },
        { "user1", "userl", true },  { "anna1", "anna2", false },
        { "mali", "mail", false },   { "user5", "users", false },
        { "chief", "chef", false },  { "zhangwei", "zhangwei2", false },
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str a = spoof_skeleton(str_from(rows[i].name), &arena),
                   b = spoof_skeleton(str_from(rows[i].like), &arena);
        if (str_equal(a, b) != rows[i].alike)
            fail_msg("%s %s: %.*s %.*s", rows[i].name, rows[i].like, STR_FMT(a), STR_FMT(b));
    }
    char longest[SPOOF_MAX_BYTES + 1];
    memset(longest, 'x', sizeof(longest));
    assert_true(str_is_null(spoof_skeleton((struct str){ longest, sizeof(longest) }, &arena)));
    assert_true(str_is_null(spoof_skeleton(S("\xff"), &arena)));
    struct str most = spoof_skeleton(S("ﷺﷺﷺ"), &arena); /* eighteen units each */
    assert_true(most.len > 50);
    arena_release(&arena);
}

static void nobody_should_be_called_so(void **state)
{
    (void)state;
    static const char *const unfit[] = {
        "chi\xe2\x80\x8b"
        "ef",                /* zero width space */
        "chief\xe2\x80\xae", /* right-to-left override */
        "chief\xc2\xad",     /* soft hyphen */
        "chief\xef\xbb\xbf", /* byte order mark */
        "chief\xef\xb8\x8f", /* variation selector */
        "chief\n",
        "chief\tx",
        "chief\xc2\xa0x", /* no-break space */
        "chief\xe2\x80\xa8",
        "chief\xee\x80\x80", /* private */
        "chief\xe1\x85\x9f", /* Hangul filler */
        "c\xcc\xb6"
        "hief", /* combining long stroke overlay */
        "chi\xe2\x83\x92"
        "ef", /* combining long vertical line overlay */
        "c\xe2\x83\x9d"
        "hief", /* combining enclosing circle */
        "сhief",
        "chiеf",
        "admin\xff",
    };
    static const char *const fit[] = { "chief",  "李娜",       "li",     "zhang wei",    "张wei2", "müller",
                                       "Иванов", "やまだ太郎", "김철수", "o'neil-x.y_z", "محمد" };
    for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++)
        if (!spoof_unfit(str_from(unfit[i])))
            fail_msg("%zu: %s", i, unfit[i]);
    for (size_t i = 0; i < sizeof(fit) / sizeof(fit[0]); i++)
        if (spoof_unfit(str_from(fit[i])))
            fail_msg("%s: %s", fit[i], spoof_unfit(str_from(fit[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(look_alikes_have_one_skeleton),
        cmocka_unit_test(nobody_should_be_called_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
