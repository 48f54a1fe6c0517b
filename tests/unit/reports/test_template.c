/* test_template.c - what a template means: values that fit and that do not, words filled in, points added up; and the
 * shipped ones, whose forms are filled in with all that they offer. */
#include "reports/template_parts.h"
#include "reports/template_shipped.h"
#include "reports/template_values.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef fail /* cmocka has one, too */
#include <cmocka.h>

static struct call call;

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

/* A shipped template by its name. */
static const struct template_definition *shipped(const char *name)
{
    struct shipped_template *one = arena_new(&call.arena, struct shipped_template);
    error_clear(&call.error);
    for (int i = 0; i < shipped_template_count; i++) {
        if (!shipped_template_read(&call, i, one))
            print_error("%d: %.*s\n", i, STR_FMT(error_told(&call.error)));
        assert_int_equal(call.error.code, E_NONE);
        if (str_equal(one->definition.name, str_from(name)))
            return &one->definition;
    }
    fail_msg("no template is called %s", name);
    return NULL;
}

static struct json json_of(const char *text)
{
    return (struct json){ str_from(text) };
}

/* "" when the values fit, else the place of the first problem. */
static const char *trouble(const struct template_definition *definition, const char *fields)
{
    error_clear(&call.error);
    bool ok = template_check_values(&call, definition, json_of(fields));
    assert_int_equal(ok, call.error.problems == NULL);
    return ok ? "" : arena_cstring(&call.arena, call.error.problems->member);
}

static const char *words(const struct template_definition *definition, const char *section, const char *language,
                         const char *fields)
{
    struct texts blank;
    return arena_cstring(&call.arena, template_text(&call, definition, template_section(definition, str_from(section)),
                                                    str_from(language), json_of(fields), &blank));
}

/* ---- values ---- */

static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *place;
    } rows[] = {
        { "{}", "" },
        { "{\"nodule_size\": 6.2, \"lung_rads\": \"4A\", \"comparison_date\": \"2025-02-28\"}", "" },
        { "{\"nodule_size\": null}", "" },
        { "{\"nodule_prior\": 5}", "" },
        { "{\"nodule_prior\": \"5\"}", "fields.nodule_prior" },
        { "{\"nodule_size\": \"6\"}", "fields.nodule_size" },
        { "{\"nodule_size\": true}", "fields.nodule_size" },
        { "{\"nodule_size\": -1}", "fields.nodule_size" },
        { "{\"nodule_size\": 301}", "fields.nodule_size" },
        { "{\"nodule_size\": 1e400}", "fields.nodule_size" },
        { "{\"lung_rads\": \"5\"}", "fields.lung_rads" },
        { "{\"lung_rads\": 3}", "fields.lung_rads" },
        { "{\"lung_rads\": [\"3\"]}", "fields.lung_rads" },
        { "{\"comparison_date\": \"2025-02-29\"}", "fields.comparison_date" },
        { "{\"nodule_image\": \"a\\u0007\"}", "fields.nodule_image" },
        { "{\"nodule_image\": {}}", "fields.nodule_image" },
        { "{\"colour\": 1}", "fields.colour" },
        { "[]", "fields" },
    };
    const struct template_definition *chest = shipped("chest-ct");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(trouble(chest, rows[i].fields), rows[i].place);
    const struct template_definition *abdomen = shipped("abdomen-us");
    assert_string_equal(trouble(abdomen, "{\"limitation\": [\"GAS\", \"HABITUS\"]}"), "");
    assert_string_equal(trouble(abdomen, "{\"limitation\": \"GAS\"}"), "fields.limitation");
    assert_string_equal(trouble(abdomen, "{\"limitation\": [\"GAS\", \"GAS\"]}"), "fields.limitation");
    assert_string_equal(trouble(abdomen, "{\"limitation\": [\"WIND\"]}"), "fields.limitation");
    assert_string_equal(trouble(abdomen, "{\"limitation\": [1]}"), "fields.limitation");
    char long_text[2100];
    memset(long_text, 'x', sizeof(long_text));
    struct str json = arena_format(&call.arena, "{\"liver_lesion\": \"%.*s\"}", 2001, long_text);
    assert_string_equal(trouble(abdomen, json.at), "fields.liver_lesion");
}

static void test_what_is_missing(void **state)
{
    (void)state;
    const struct template_definition *chest = shipped("chest-ct");
    assert_false(template_is_complete(&call, chest, json_of("{\"findings\": \"a\", \"impression\": \" \"}"),
                                      json_of("{\"purpose\": \"SCREENING\", \"lung_rads\": \"\"}")));
    static const char *const places[] = { "sections.impression", "fields.contrast", "fields.lung_rads" };
    const struct problem *problem = call.error.problems;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++, problem = problem->next)
        assert_true(problem && str_equal(problem->member, str_from(places[i])));
    assert_null(problem);
    error_clear(&call.error);
    assert_true(template_is_complete(&call, chest, json_of("{\"findings\": \"a\", \"impression\": \"b\"}"),
                                     json_of("{\"purpose\": \"SCREENING\", \"contrast\": \"NONE\", "
                                             "\"lung_rads\": \"2\"}")));
}

/* ---- words ---- */

static void test_words(void **state)
{
    (void)state;
    const struct template_definition *chest = shipped("chest-ct");
    assert_string_equal(words(chest, "impression", "en", "{\"lung_rads\": \"1\"}"),
                        "No pulmonary nodule and no acute abnormality of the chest.\nLung-RADS v2022: 1, negative.");
    assert_string_equal(words(chest, "impression", "zh-CN",
                              "{\"lung_rads\": \"4A\", \"nodule_type\": \"SOLID\", \"nodule_location\": \"RUL\", "
                              "\"nodule_size\": 8.5, \"lung_rads_s\": \"S\"}"),
                        "右肺上叶实性结节,8.5 mm。\nLung-RADS v2022分类:4A类,可疑。"
                        "S修饰:有临床意义或潜在意义的其他发现。");
}

static void test_blanks_are_named(void **state)
{
    (void)state;
    struct texts blank;
    const struct template_definition *age = shipped("bone-age");
    struct str text = template_text(&call, age, template_section(age, S("impression")), S("en"),
                                    json_of("{\"bone_age\": 100}"), &blank);
    assert_true(str_equal(text, S("Bone age 100 months, ____.")));
    assert_int_equal(blank.count, 1);
    assert_true(str_equal(blank.items[0], S("assessment")));
}

static void test_units_and_lists(void **state)
{
    (void)state;
    const struct template_definition *spine = shipped("spine-radiograph");
    assert_string_equal(
        words(spine, "impression", "en", "{\"diagnosis\": [\"SCOLIOSIS\", \"KYPHOSIS\"], \"cobb\": 41}"),
        "Scoliosis, Increased kyphosis. Main curve 41°.");
    assert_string_equal(words(spine, "impression", "zh-CN", "{\"diagnosis\": [\"SCOLIOSIS\", \"KYPHOSIS\"]}"),
                        "脊柱侧弯、脊柱后凸增大。");
    assert_true(str_equal(template_unit_of(template_field(spine, S("sva"))), S("mm")));
}

/* What is found takes the place of what is normal. */
static void test_normal_words_go_where_something_is_found(void **state)
{
    (void)state;
    const struct template_definition *breast = shipped("mammography");
    assert_non_null(strstr(words(breast, "findings", "en", "{}"), "Masses: None."));
    const char *found = words(breast, "findings", "en",
                              "{\"mass_location\": \"left, 2 o'clock\", \"mass_size\": 12, \"mass_shape\": \"ROUND\", "
                              "\"mass_margin\": \"SPICULATED\", \"mass_density\": \"HIGH\"}");
    assert_null(strstr(found, "Masses: None"));
    assert_non_null(strstr(found, "Masses: left, 2 o'clock, 12 mm, shape round, margin spiculated, density high."));
    const struct template_definition *brain = shipped("brain-mr");
    assert_non_null(strstr(words(brain, "impression", "en", "{\"diffusion\": \"NORMAL\"}"), "Normal MR"));
    assert_string_equal(words(brain, "impression", "en", "{\"diffusion\": \"ACUTE-INFARCT\"}"), "");
}

/* ---- points ---- */

static const char *level(const char *fields)
{
    int64_t points;
    const struct template_definition *thyroid = shipped("thyroid-us");
    const struct template_choice *choice =
        template_sum(&call, thyroid, template_field(thyroid, S("tirads")), json_of(fields), &points);
    return choice ? arena_cstring(&call.arena, choice->code) : "";
}

#define NODULE(composition, echogenicity, shape, margin, foci) \
    "{\"composition\": \"" composition "\", \"echogenicity\": \"" echogenicity "\", \"shape\": \"" shape \
    "\", \"margin\": \"" margin "\", \"echogenic_foci\": [" foci "]"

static void test_points_make_the_level(void **state)
{
    (void)state;
    /* ACR TI-RADS (2017): 0 TR1, 2 TR2, 3 TR3, 4 to 6 TR4, 7 and more TR5. */
    assert_string_equal(level(NODULE("CYSTIC", "ANECHOIC", "WIDER", "SMOOTH", "\"NONE\"") "}"), "TR1");
    assert_string_equal(level(NODULE("MIXED", "HYPER-ISO", "WIDER", "SMOOTH", "\"NONE\"") "}"), "TR2");
    assert_string_equal(level(NODULE("SOLID", "HYPER-ISO", "WIDER", "ILL-DEFINED", "\"NONE\"") "}"), "TR3");
    assert_string_equal(level(NODULE("SOLID", "HYPO", "WIDER", "SMOOTH", "\"NONE\"") "}"), "TR4");
    assert_string_equal(level(NODULE("SOLID", "HYPO", "WIDER", "IRREGULAR", "\"NONE\"") "}"), "TR4");
    assert_string_equal(level(NODULE("SOLID", "HYPO", "TALLER", "SMOOTH", "\"NONE\"") "}"), "TR5");
    assert_string_equal(level(NODULE("SOLID", "HYPER-ISO", "WIDER", "SMOOTH", "\"MACRO\", \"PUNCTATE\"") "}"), "TR5");
    assert_string_equal(level("{\"composition\": \"SPONGIFORM\", \"echogenic_foci\": [\"PUNCTATE\"]}"), "TR1");
    assert_string_equal(level("{\"composition\": \"SOLID\", \"echogenicity\": \"HYPO\"}"), "");
}

static void test_a_level_that_does_not_follow(void **state)
{
    (void)state;
    const struct template_definition *thyroid = shipped("thyroid-us");
    const char *rest = ", \"background\": \"NORMAL\", \"lymph_nodes\": \"NORMAL\", \"tirads\": \"";
    const char *nodule = NODULE("SOLID", "HYPO", "WIDER", "SMOOTH", "\"NONE\"");
    struct json sections = json_of("{\"findings\": \"a\", \"impression\": \"b\"}");
    struct str wrong = arena_format(&call.arena, "%s%sTR3\"}", nodule, rest);
    assert_false(template_is_complete(&call, thyroid, sections, (struct json){ wrong }));
    assert_true(str_equal(call.error.problems->member, S("fields.tirads")));
    assert_string_equal(call.error.problems->type, "does_not_follow");
    assert_null(call.error.problems->next);
    error_clear(&call.error);
    struct str right = arena_format(&call.arena, "%s%sTR4\"}", nodule, rest);
    assert_true(template_is_complete(&call, thyroid, sections, (struct json){ right }));
}

/* ---- the shipped ones ---- */

/* A value that the field takes. */
static void put_some_value(struct text *out, const struct template_definition *definition,
                           const struct template_field *field)
{
    const struct template_choice *choices = field->choices.items;
    if (field->kind == TAKES_PRIOR)
        field = template_field(definition, field->prior_of);
    if (field->kind == TAKES_NUMBER || field->kind == TAKES_MEASUREMENT)
        text_put_real(out, field->min > 0.1 ? field->min : 0.5);
    else if (field->kind == TAKES_CHOICE)
        text_format(out, "\"%.*s\"", STR_FMT(choices[0].code));
    else if (field->kind == TAKES_CHOICES)
        text_format(out, "[\"%.*s\"]", STR_FMT(choices[field->choices.count - 1].code));
    else
        text_format(out, "\"%s\"", field->kind == TAKES_DATE ? "2025-01-31" : "something");
}

static struct json all_values(const struct template_definition *definition)
{
    struct text json;
    text_init(&json, 1 << 20);
    const struct template_field *fields = definition->fields.items;
    for (ptrdiff_t i = 0; i < definition->fields.count; i++) {
        text_format(&json, "%s\"%.*s\": ", i ? ", " : "{", STR_FMT(fields[i].name));
        put_some_value(&json, definition, &fields[i]);
    }
    text_put(&json, definition->fields.count ? S("}") : S("{}"));
    struct json out = { arena_copy(&call.arena, text_str(&json)) };
    text_release(&json);
    return out;
}

/* Each field is in words of both languages, and filled in nothing of the form is left. */
static void check_shipped(const struct template_definition *definition)
{
    const struct template_section *sections = definition->sections.items;
    const struct template_field *fields = definition->fields.items;
    static const char *const languages[] = { "zh-CN", "en" };
    struct json values = all_values(definition);
    assert_true(template_check_values(&call, definition, values));
    for (ptrdiff_t i = 0; i < definition->sections.count * 2; i++) {
        struct texts blank;
        struct str text =
            template_text(&call, definition, &sections[i / 2], str_from(languages[i % 2]), values, &blank);
        assert_int_equal(blank.count, 0);
        assert_int_equal(str_find(text, S("{{")), -1);
        assert_int_equal(str_find(text, S("[[")), -1);
        assert_true(!sections[i / 2].text_en.at == !sections[i / 2].text_zh.at);
    }
    for (ptrdiff_t i = 0; i < definition->fields.count; i++) {
        const struct template_section *section = template_section(definition, fields[i].section);
        struct str mark = arena_format(&call.arena, "{{%.*s}}", STR_FMT(fields[i].name));
        bool used = str_find(section->text_en, mark) >= 0 && str_find(section->text_zh, mark) >= 0;
        if (!used)
            print_error("%.*s: no words for %.*s\n", STR_FMT(definition->name), STR_FMT(fields[i].name));
        assert_true(used && fields[i].label_en.at && fields[i].label_zh.at);
    }
}

static void test_the_shipped_ones(void **state)
{
    (void)state;
    struct shipped_template one;
    assert_int_equal(shipped_template_count, 11);
    for (int i = 0; i < shipped_template_count; i++) {
        assert_true(shipped_template_read(&call, i, &one));
        check_shipped(&one.definition);
        call_reset(&call);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_missing, begin, end),
        cmocka_unit_test_setup_teardown(test_words, begin, end),
        cmocka_unit_test_setup_teardown(test_blanks_are_named, begin, end),
        cmocka_unit_test_setup_teardown(test_units_and_lists, begin, end),
        cmocka_unit_test_setup_teardown(test_normal_words_go_where_something_is_found, begin, end),
        cmocka_unit_test_setup_teardown(test_points_make_the_level, begin, end),
        cmocka_unit_test_setup_teardown(test_a_level_that_does_not_follow, begin, end),
        cmocka_unit_test_setup_teardown(test_the_shipped_ones, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
