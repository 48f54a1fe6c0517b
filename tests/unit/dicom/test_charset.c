/* Character sets: the examples of PS3.5 annexes H to K, code extensions and their resets, damage. */
#include "dicom/charset.h"
#include "dicom/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct str decoded(struct str terms, char a, char b, struct str raw)
{
    struct dicom_charset charset;
    dicom_charset_init(&charset, terms);
    struct str text = dicom_charset_utf8(&charset, VR(a, b), raw, &arena);
    assert_true(str_is_utf8(text));
    assert_true(text.len <= 4 * raw.len);
    return text;
}

static void expect(struct str terms, char a, char b, struct str raw, struct str wanted)
{
    struct str text = decoded(terms, a, b, raw);
    if (!str_equal(text, wanted))
        fail_msg("under %.*s: got \"%.*s\", not \"%.*s\"", STR_FMT(terms), STR_FMT(text), STR_FMT(wanted));
}

#define PN 'P', 'N'
#define LO 'L', 'O'
#define ST 'S', 'T'
#define FFFD "\xEF\xBF\xBD"

static void single_byte_sets(void **state)
{
    (void)state;
    expect(S("ISO_IR 100"), PN, S("Buc^J\xE9r\xF4me"), S("Buc^Jérôme"));
    expect(S("ISO_IR 101"), PN,
           S("W\xB3"
             "adys\xB3"
             "aw"),
           S("Władysław"));
    expect(S("ISO_IR 109"), LO, S("\xA1"), S("Ħ"));
    expect(S("ISO_IR 110"), LO, S("\xA6"), S("Ļ"));
    expect(S("ISO_IR 144"), PN, S("\xBB\xEE\xDA\x63\x65\xDC\xD1\x79\x70\xD3 "), S("Люкceмбypг"));
    expect(S("ISO_IR 127"), PN, S("\xE2\xC8\xC7\xE6\xEA^\xE4\xE6\xD2\xC7\xD1"), S("قباني^لنزار"));
    expect(S("ISO_IR 126"), PN, S("\xC4\xE9\xEF\xED\xF5\xF3\xE9\xEF\xF2"), S("Διονυσιος"));
    expect(S("ISO_IR 138"), PN, S("\xF9\xF8\xE5\xEF^\xE3\xE1\xE5\xF8\xE4"), S("שרון^דבורה"));
    expect(S("ISO_IR 148"), PN,
           S("\xC7"
             "avu\xFEo\xF0lu"),
           S("Çavuşoğlu"));
    expect(S("ISO_IR 203"), LO, S("\xA4"), S("€"));
    expect(S("ISO_IR 166"), PN, S("\xB9\xD2\xC1"), S("นาม"));
    expect(S("ISO_IR 13"), PN, S("\xD4\xCF\xC0\xDE^\xC0\xDB\xB3"), S("ﾔﾏﾀﾞ^ﾀﾛｳ"));
    expect(S("ISO_IR 192"), PN, S("Wang^XiaoDong=王^小東"), S("Wang^XiaoDong=王^小東"));
    expect(S("GB18030"), PN, S("Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB"), S("Wang^XiaoDong=王^小东"));
    expect(S("GBK"), PN, S("Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB"), S("Wang^XiaoDong=王^小东"));
}

static void odd_names_of_sets(void **state)
{
    (void)state;
    const struct str names[] = { S("ISO-IR 100"),      S("ISO_IR_100"), S("ISO 2022 IR 100"), S("ISO IR 100 "),
                                 S("iso_ir 100"),      S("ISO_IR100"),  S("ISO-8859-1"),      S("latin1"),
                                 S("ISO_2022_IR_100"), S("IR 100") };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct dicom_charset charset;
        dicom_charset_init(&charset, names[i]);
        assert_true(charset.known);
        expect(names[i], LO, S("\xE9"), S("é"));
    }
    struct dicom_charset charset;
    dicom_charset_init(&charset, S("ISO_IR 999"));
    assert_false(charset.known);
    dicom_charset_init(&charset, S("ISO 2022 IR 6\\KOI8"));
    assert_false(charset.known);
    dicom_charset_init(&charset, STR_NULL);
    assert_true(charset.known);
    assert_int_equal(charset.count, 0);
    dicom_charset_init(&charset, S("\\\\\\\\\\\\\\\\\\\\\\\\"));
    assert_int_equal(charset.count, DICOM_CHARSETS_MAX);
    expect(S("UTF-8"), LO, S("é"), S("é"));
    expect(S("\\ISO_IR 192"), LO, S("é"), S("é"));
}

/* PS3.5 H.3.1, H.3.2 */
static void japanese(void **state)
{
    (void)state;
    expect(S("\\ISO 2022 IR 87"), PN,
           S("Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"),
           S("Yamada^Tarou=山田^太郎=やまだ^たろう"));
    expect(S("ISO 2022 IR 13\\ISO 2022 IR 87"), PN,
           S("\xD4\xCF\xC0\xDE^\xC0\xDB\xB3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J"),
           S("ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"));
    /* JIS X 0212, and katakana designated explicitly */
    expect(S("\\ISO 2022 IR 159"), LO, S("\x1b$(D0\x21\x1b(B."), S("丂."));
    expect(S("\\ISO 2022 IR 13"), LO, S("a\x1b)I\xD4"), S("aﾔ"));
    /* a pair may hold the bytes of delimiters: 3D 2A is 秋 ... */
    expect(S("\\ISO 2022 IR 87"), PN, S("\x1b$B=)\x1b(B"), S("秋"));
    /* ... and 5C: 25 5C is ポ no delimiter */
    expect(S("\\ISO 2022 IR 87"), LO, S("\x1b$B%]\x1b(B\\\x1b$B%\\\x1b(B\\x"), S("ポ\\ボ\\x"));
    /* yen and overline of ISO IR 14; the delimiter stays one */
    expect(S("ISO_IR 13"), ST, S("\\100~"), S("¥100‾"));
    expect(S("ISO_IR 13"), LO, S("a\\b~"), S("a\\b‾"));
}

/* PS3.5 I.2, I.3 */
static void korean(void **state)
{
    (void)state;
    expect(S("\\ISO 2022 IR 149"), PN,
           S("Hong^Gildong=\x1b$)C\xFB\xF3^\x1b$)C\xD1\xCE\xD4\xD7=\x1b$)C\xC8\xAB^\x1b$)C\xB1\xE6\xB5\xBF"),
           S("Hong^Gildong=洪^吉洞=홍^길동"));
    expect(S("\\ISO 2022 IR 149"), ST,
           S("\x1b$)CThe first line includes \xB1\xE6\xB5\xBF.\r\n\x1b$)CThe second line includes \xB1\xE6\xB5\xBF, "
             "too.\r\n"
             "The third line."),
           S("The first line includes 길동.\r\nThe second line includes 길동, too.\r\nThe third line."));
    expect(S("ISO 2022 IR 149"), LO, S("\xC8\xAB"), S("홍")); /* the only value: meant from the begin */
}

/* PS3.5 K.2 */
static void chinese(void **state)
{
    (void)state;
    expect(S("\\ISO 2022 IR 58"), PN, S("Zhang^XiaoDong=\x1b$)A\xD5\xC5^\x1b$)A\xD0\xA1\xB6\xAB="),
           S("Zhang^XiaoDong=张^小东="));
    expect(S("\\ISO 2022 IR 58"), ST, S("1. \x1b$)A\xB5\xDA\xD2\xBB\xD0\xD0\r\n2. x"), S("1. 第一行\r\n2. x"));
    /* second bytes 5C, 5E and 7C in GBK and GB18030; four bytes; the euro sign of GB18030 */
    expect(S("GBK"), LO, S("\x81\x5C\\\x81\x5E"), S("乗\\乛"));
    expect(S("GB18030"), LO, S("\x95\x5C\\\x81\x30\x81\x30"), S("昞\\\xC2\x80"));
    expect(S("GB18030"), LO, S("\xA2\xE3"), S("€"));
}

static void resets(void **state)
{
    (void)state;
    /* Greek is in force to the delimiter, then Latin-1 is again (PS3.5 6.1.2.5.3) */
    const struct str terms = S("ISO 2022 IR 100\\ISO 2022 IR 126");
    expect(terms, LO, S("\xE9\x1b-F\xE9\\\xE9"), S("éι\\é"));
    expect(terms, PN, S("\x1b-F\xE9^\xE9=\x1b-F\xE9\\\xE9"), S("ι^é=ι\\é"));
    expect(terms, LO, S("\x1b-F\xE9^\xE9=\xE9"), S("ι^ι=ι")); /* ^ and = delimit names alone */
    expect(terms, ST, S("\x1b-F\xE9\\\xE9\r\xE9"), S("ι\\ι\ré"));
    expect(terms, ST, S("\x1b-F\xE9\n\xE9\x1b-F\xE9\f\xE9\x1b-F\xE9\t\xE9"), S("ι\néι\féι\té"));
    /* G0 comes back too, even where the switch back was forgotten before a line's end */
    expect(S("\\ISO 2022 IR 87"), ST, S("\x1b$B;3\r\nabc"), S("山\r\nabc"));
    expect(S("ISO 2022 IR 100\\ISO 2022 IR 149"), LO, S("\xE9\x1b$)C\xC8\xAB"), S("é홍"));
}

static void damage(void **state)
{
    (void)state;
    expect(S("\\ISO 2022 IR 87"), LO, S("\x1b$B;3E"), S("山" FFFD));
    expect(S("\\ISO 2022 IR 87"), LO, S("\x1b$B;"), S(FFFD));
    expect(S("\\ISO 2022 IR 87"), LO, S("\x1bZabc"), S(FFFD "Zabc"));
    expect(S("\\ISO 2022 IR 87"), LO, S("abc\x1b"), S("abc" FFFD));
    expect(S("\\ISO 2022 IR 87"), LO, S("\x1b$B\x2D\x7E\x1b(B."), S(FFFD "."));
    expect(S("\\ISO 2022 IR 149"), LO, S("\x1b$)C\xC8"), S(FFFD));
    expect(S("GB18030"), LO, S("a\x81 b"), S("a" FFFD " b"));
    expect(S("GB18030"), LO, S("a\x81\x30"), S("a" FFFD "0"));
    expect(S("GBK"), LO, S("\xFF\xFF"), S(FFFD FFFD));
    expect(S("ISO_IR 192"), LO, S("a\xC3(\xE7\x8E"), S("a" FFFD "(" FFFD FFFD));
    expect(S("ISO_IR 127"), LO, S("\xA1"), S(FFFD)); /* not in ISO 8859-6 */
    expect(S("ISO_IR 100"), LO, S("\x80\x9F\xA0z"), S(FFFD FFFD "\xC2\xA0z"));
    expect(S("ISO_IR 13"), LO, S("\xFE\xB1"), S(FFFD "ｱ"));
    expect(STR_NULL, LO, S("\xE9t\xE9"), S(FFFD "t" FFFD));
    expect(STR_NULL, LO, S("été"), S("été"));              /* UTF-8 that says nothing of it */
    expect(S("ISO_IR 100"), 'C', 'S', S("\xE9"), S(FFFD)); /* not a text VR */
    expect(S("ISO_IR 87 87 87 87 87 87 87 87 87 87 87"), LO, S("a"), S("a"));
}

static void plain_text_is_a_view(void **state)
{
    (void)state;
    struct str raw = S("Yamada^Tarou  \0");
    const struct str terms[] = { STR_NULL,     S("ISO_IR 100"), S("\\ISO 2022 IR 87"),
                                 S("GB18030"), S("ISO_IR 192"), S("ISO_IR 13") };
    for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
        struct str text = decoded(terms[i], PN, raw);
        assert_ptr_equal(text.at, raw.at);
        assert_int_equal(text.len, 12);
    }
    assert_int_equal(decoded(S("ISO_IR 100"), LO, S("  \0 ")).len, 0);
    assert_int_equal(decoded(S("ISO_IR 100"), LO, S("")).len, 0);
    assert_int_equal(arena.used_bytes, 0);
}

static void long_text(void **state)
{
    (void)state;
    static char raw[100000];
    memset(raw, 0xE9, sizeof(raw));
    struct str text = decoded(S("ISO_IR 100"), 'U', 'T', (struct str){ raw, (ptrdiff_t)sizeof(raw) });
    assert_int_equal(text.len, 2 * (ptrdiff_t)sizeof(raw));
    for (ptrdiff_t i = 0; i < text.len; i += 2)
        assert_memory_equal(text.at + i, "é", 2);
    for (size_t i = 0; i < sizeof(raw); i++)
        raw[i] = i < 3 ? "\x1b$B"[i] : ';' + (i % 2 ? 0 : -8); /* pairs ;3 over and over */
    text = decoded(S("\\ISO 2022 IR 87"), 'U', 'T', (struct str){ raw, (ptrdiff_t)sizeof(raw) - 1 });
    assert_int_equal(text.len, ((ptrdiff_t)sizeof(raw) - 4) / 2 * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(single_byte_sets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(odd_names_of_sets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(japanese, set_up, tear_down),
        cmocka_unit_test_setup_teardown(korean, set_up, tear_down),
        cmocka_unit_test_setup_teardown(chinese, set_up, tear_down),
        cmocka_unit_test_setup_teardown(resets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(plain_text_is_a_view, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_text, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
