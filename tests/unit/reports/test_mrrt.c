/* test_mrrt.c - MRRT read: fields, words and codes, nothing of the mark-up, and a remark for what is left out; and what
 * is written reads back the same. */
#include "reports/mrrt.h"
#include "reports/template_shipped.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#undef fail /* cmocka has one, too */
#include <cmocka.h>

static struct call call;
static struct template_definition made;
static struct texts remarks;

static int begin(void **state)
{
    (void)state;
    call_init(&call, NULL, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    call_release(&call);
    return 0;
}

static void read_html(struct str html)
{
    bool ok = mrrt_read(&call, html, &made, &remarks);
    if (!ok)
        print_error("%.*s\n", STR_FMT(error_told(&call.error)));
    assert_true(ok && template_check(&call, &made, ""));
}

static void read_wrist(void)
{
    enum { FILE_MAX = 64 << 10 };
    char path[4096];
    snprintf(path, sizeof(path), "%s/reports/wrist.html", getenv("ROENTGEN_TEST_DATA"));
    char *at = arena_alloc(&call.arena, FILE_MAX);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, at, FILE_MAX);
    close(fd);
    assert_true(got > 0);
    read_html((struct str){ at, got });
}

static bool is_remarked(const char *begins)
{
    for (ptrdiff_t i = 0; i < remarks.count; i++)
        if (str_starts(remarks.items[i], str_from(begins)))
            return true;
    return false;
}

static const struct template_field *field(const char *name)
{
    const struct template_field *found = template_field(&made, str_from(name));
    if (!found)
        print_error("no field %s\n", name);
    assert_non_null(found);
    return found;
}

static void assert_str(struct str text, const char *expected)
{
    assert_string_equal(arena_cstring(&call.arena, text), expected);
}

static void test_words_fields_and_codes(void **state)
{
    (void)state;
    read_wrist();
    assert_str(made.name, "wrist-after-fall");
    assert_str(made.title_en, "Radiograph of the wrist");
    assert_int_equal(made.sections.count, 3);
    assert_str(template_section(&made, S("indication"))->text_en, "Fall on the outstretched hand.");
    assert_str(template_section(&made, S("findings"))->text_en,
               "Films of the {{side}} wrist.\nDisplacement: {{displacement}}\nSoft tissue: {{soft_tissue}}\n"
               "Carpal bones\nAligned; <script> is a word, and so is { {this} }.\nScaphoid intact.");
    assert_str(template_section(&made, S("impression"))->text_en, "Seen on {{date}} at {{time}}.");
    const struct template_field *size = field("displacement");
    assert_int_equal(size->kind, TAKES_NUMBER);
    assert_true(size->min == 0 && size->max == 50 && !size->is_required);
    assert_str(size->unit, "mm");
    assert_str(size->code, "99001");
    assert_str(size->code_system, "99TEST");
    assert_str(size->label_en, "Displacement");
    const struct template_field *side = field("side");
    const struct template_choice *sides = side->choices.items;
    assert_true(side->kind == TAKES_CHOICE && side->is_required && side->choices.count == 2);
    assert_str(sides[0].code, "R");
    assert_str(sides[1].code, "7771000");
    assert_str(sides[1].code_system, "SCT");
    const struct template_choice *tissue = field("soft_tissue")->choices.items;
    assert_int_equal(field("soft_tissue")->kind, TAKES_CHOICES);
    assert_str(tissue[0].code, "SWELLING");
    assert_str(tissue[1].code, "c2"); /* a value with a space is no code */
    assert_str(tissue[1].label_en, "foreign body");
    assert_int_equal(field("date")->kind, TAKES_DATE);
}

static void test_what_is_left_out_is_told(void **state)
{
    (void)state;
    read_wrist();
    static const char *const expected[] = { "Scripts were left out: 1",
                                            "Event handlers were left out: 2",
                                            "Styles were left out: 2",
                                            "References to elsewhere were left out: 3",
                                            "Pictures and",
                                            "Sections inside sections",
                                            "Answers that were chosen",
                                            "time takes a time",
                                            "dcterms.creator was left out" };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        if (!is_remarked(expected[i]))
            print_error("not told: %s\n", expected[i]);
        assert_true(is_remarked(expected[i]));
    }
    assert_int_equal(remarks.count, sizeof(expected) / sizeof(expected[0]));
}

static void test_chinese(void **state)
{
    (void)state;
    read_html(S("<html lang='zh-CN'><title>胸部X线</title><section data-section-name='影像所见'><label for=a>结节:"
                "</label><input id=a name=size type=number min=x><textarea>两肺清晰</textarea></section>"));
    assert_str(made.name, "imported");
    assert_str(made.title_zh, "胸部X线");
    assert_null(made.title_en.at);
    assert_str(template_section(&made, S("findings"))->text_zh, "结节: {{size}}\n两肺清晰");
    assert_str(field("size")->label_zh, "结节");
    assert_str(made.languages.items[0], "zh-CN");
    assert_true(is_remarked("The limits of size"));
}

static void test_words_outside_of_sections(void **state)
{
    (void)state;
    read_html(S("<p>Just words</p><input name=a><section data-section-name=Impression>b</section><p>more"));
    assert_int_equal(made.sections.count, 3);
    assert_str(template_section(&made, S("text"))->text_en, "Just words\n{{a}}");
    assert_str(template_section(&made, S("text_2"))->text_en, "more");
    assert_true(is_remarked("Words outside"));
}

static void test_names_are_used_once(void **state)
{
    (void)state;
    read_html(S("<section data-section-name=Findings><input name=a><input name=a><input name='?'></section>"
                "<section data-section-name=Findings><select name=a><option>x<option>x<option value=''></select>"));
    assert_non_null(template_section(&made, S("findings_2")));
    field("a");
    field("a_2");
    field("field");
    const struct template_choice *choices = field("a_3")->choices.items;
    assert_int_equal(field("a_3")->choices.count, 2);
    assert_str(choices[0].code, "c1");
    assert_str(choices[1].code, "c2");
}

static void refused(struct str html)
{
    error_clear(&call.error);
    assert_false(mrrt_read(&call, html, &made, &remarks));
    assert_int_equal(call.error.code, E_INVALID);
}

static struct str repeated(const char *head, const char *piece, int times)
{
    size_t one = strlen(piece), first = strlen(head);
    char *at = arena_alloc(&call.arena, (ptrdiff_t)(first + one * (size_t)times + 1));
    memcpy(at, head, first);
    for (int i = 0; i < times; i++)
        memcpy(at + first + one * (size_t)i, piece, one);
    return (struct str){ at, (ptrdiff_t)(first + one * (size_t)times) };
}

static void test_what_is_no_template(void **state)
{
    (void)state;
    refused(S(""));
    refused(S("<html><script>alert(1)</script></html>"));
    refused(repeated("", "x", TEMPLATE_BYTES_MAX + 1));
    refused(repeated("", "<b>", MRRT_TAGS_MAX + 1));
    refused(repeated("<section>", "<input name=a>", TEMPLATE_FIELDS_MAX + 1));
    refused(repeated("<section><select>", "<option>a", TEMPLATE_CHOICES_MAX + 1));
    refused(repeated("", "<section>a</section>", TEMPLATE_SECTIONS_MAX + 1));
    refused(repeated("<section>", "word ", TEMPLATE_TEXT_MAX));
}

/* Deep trees, entities that grow, bytes that are no text: nothing breaks, and what is text comes out. */
static void test_hostile_trees(void **state)
{
    (void)state;
    read_html(repeated("words", "<div>", MRRT_TAGS_MAX - 10));
    read_html(repeated("words", "<section>", MRRT_TAGS_MAX - 10));
    read_html(S("<script type='text/xml'><!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;&b;'>]>"
                "<template_attributes>&c;</template_attributes></script>words"));
    assert_true(is_remarked("The codes were left out"));
    read_html(S("<script type='text/xml'><other/></script>words"));
    assert_true(is_remarked("A block of XML"));
    read_html(S("words \xff\xfe<p title='\xc3'>more\0hidden"));
}

static void test_what_is_written_reads_the_same(void **state)
{
    (void)state;
    struct shipped_template one;
    for (int i = 0; i < shipped_template_count; i++) {
        assert_true(shipped_template_read(&call, i, &one));
        read_html(mrrt_write(&call, &one.definition, S("en")));
        const struct template_field *again = made.fields.items;
        assert_str(made.name, arena_cstring(&call.arena, one.definition.name));
        assert_int_equal(made.fields.count, one.definition.fields.count);
        assert_int_equal(made.sections.count, one.definition.sections.count);
        for (ptrdiff_t k = 0; k < made.fields.count; k++) {
            const struct template_field *same = template_field(&one.definition, again[k].name);
            assert_non_null(same);
            assert_int_equal(same->choices.count, again[k].choices.count);
            assert_int_equal(same->is_required, again[k].is_required);
            assert_true(same->kind == again[k].kind || again[k].kind == TAKES_NUMBER || again[k].kind == TAKES_TEXT);
        }
        call_reset(&call);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_words_fields_and_codes, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_left_out_is_told, begin, end),
        cmocka_unit_test_setup_teardown(test_chinese, begin, end),
        cmocka_unit_test_setup_teardown(test_words_outside_of_sections, begin, end),
        cmocka_unit_test_setup_teardown(test_names_are_used_once, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_no_template, begin, end),
        cmocka_unit_test_setup_teardown(test_hostile_trees, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_written_reads_the_same, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
