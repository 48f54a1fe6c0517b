/* test_card.c - cards that hold, and for each member of a card one that does not, told by its place. */
#include "diagnosis/gate.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>

#undef fail /* cmocka has one, too */
#include <cmocka.h>

#include "cards.h"
#include "diagnosis.h"

static struct call call;
static struct card card;

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

/* ---- cards that hold ---- */

static void test_the_shipped_one(void **state)
{
    (void)state;
    card_of(&call, data_read(&call.arena, SHIPPED "card.json"), &card);
    assert_true(str_equal(card.name, S("chest-pneumonia")));
    assert_int_equal(card.task, TASK_CLASSIFICATION);
    assert_int_equal(card.input.height, 224);
    assert_int_equal(card.input.channels, 1);
    assert_int_equal(card.input.fit, FIT_SQUASH);
    assert_int_equal(card.input.resample, RESAMPLE_AREA);
    assert_int_equal(card.outputs.count, 4);
    assert_true(card_output_of(&card, ROLE_EVIDENCE) == card_output_named(&card, S("evidence")));
    assert_null(card_output_of(&card, ROLE_BOXES));
    const struct card_label *label = card_label_named(&card, S("pneumonia"));
    assert_true(label == card_label_at(&card, 0) && label->threshold == 0.55);
    assert_int_equal(label->also.count, 1);
    assert_null(card_label_at(&card, 1));
    assert_int_equal(card.modality.count, 4);
    assert_int_equal(card.gate.rules.count, 5);
    assert_true(card.research_only);
    assert_true(card.age_years.min == 1 && card.age_years.max == INTEGER_NULL);
    assert_true(isnan(((const struct card_rule *)card.gate.rules.items)[0].max));
}

static void test_one_of_each_task(void **state)
{
    (void)state;
    static const char *const cards[] = { CARD_CLASSIFICATION,  CARD_MULTI_LABEL, CARD_DETECTION,
                                         CARD_DETECTION_APART, CARD_KEYPOINTS,   CARD_SEGMENTATION };
    for (size_t i = 0; i < sizeof(cards) / sizeof(cards[0]); i++)
        card_of(&call, str_from(cards[i]), &card);
    card_of(&call, S(CARD_KEYPOINTS), &card);
    assert_int_equal(((const struct card_output *)card.outputs.items)->layout.count, 2);
}

/* ---- cards that do not ---- */

enum base { SHIPPED_CARD, DETECTION, KEYPOINTS, BASES };

static const struct wrong {
    enum base base;
    const char *path;  /* what is changed */
    const char *value; /* JSON; NULL: taken away */
    const char *place; /* where the problem is; NULL: at the path */
} wrongs[] = {
    { SHIPPED_CARD, "format", "2", NULL },
    { SHIPPED_CARD, "format", NULL, NULL },
    { SHIPPED_CARD, "name", "\"../model\"", NULL },
    { SHIPPED_CARD, "name", NULL, NULL },
    { SHIPPED_CARD, "version", "1.0", NULL },
    { SHIPPED_CARD, "version", "\"1 0\"", NULL },
    { SHIPPED_CARD, "title", "null", NULL },
    { SHIPPED_CARD, "title_zh", "[]", NULL },
    { SHIPPED_CARD, "task", "\"regression\"", NULL },
    { SHIPPED_CARD, "task", "\"keypoints\"", "outputs.0.role" },
    { SHIPPED_CARD, "task", "\"detection\"", "outputs" },
    { SHIPPED_CARD, "file", "1", NULL },
    { SHIPPED_CARD, "sha256", "\"abc\"", NULL },
    { SHIPPED_CARD, "bytes", "0", NULL },
    { SHIPPED_CARD, "opset", "-1", NULL },
    { SHIPPED_CARD, "weights", "1", NULL }, /* not a member */
    { SHIPPED_CARD, "input", "[]", NULL },
    { SHIPPED_CARD, "input", NULL, NULL },
    { SHIPPED_CARD, "input.name", "\"\"", NULL },
    { SHIPPED_CARD, "input.layout", "\"NCWH\"", NULL },
    { SHIPPED_CARD, "input.type", "\"float64\"", NULL },
    { SHIPPED_CARD, "input.size", "[224]", NULL },
    { SHIPPED_CARD, "input.size", "[224, 5000]", "input.size.1" },
    { SHIPPED_CARD, "input.size", "[0, 224]", "input.size.0" },
    { SHIPPED_CARD, "input.size", "[224.5, 224]", "input.size.0" },
    { SHIPPED_CARD, "input.colour", "\"grey\"", NULL },
    { SHIPPED_CARD, "input.fit", "\"stretch\"", NULL },
    { SHIPPED_CARD, "input.fit", NULL, NULL },
    { SHIPPED_CARD, "input.resample", "\"lanczos\"", NULL },
    { SHIPPED_CARD, "input.window", "\"lung\"", NULL },
    { SHIPPED_CARD, "input.window", "\"given\"", "input.window_center" },
    { SHIPPED_CARD, "input.window", "\"given\"", "input.window_width" },
    { SHIPPED_CARD, "input.window_center", "40", NULL },
    { SHIPPED_CARD, "input.window_width", "400", NULL },
    { SHIPPED_CARD, "input.window_width", "\"wide\"", NULL },
    { SHIPPED_CARD, "input.bone", "\"white\"", NULL },
    { SHIPPED_CARD, "input.padding", "2", NULL },
    { SHIPPED_CARD, "input.padding", "0.5", NULL }, /* nothing is padded */
    { SHIPPED_CARD, "input.range", "[0, 1, 2]", NULL },
    { SHIPPED_CARD, "input.range", "[1, 0]", NULL },
    { SHIPPED_CARD, "input.range", "[0, \"1\"]", NULL },
    { SHIPPED_CARD, "input.range", "[0, 1e400]", NULL },
    { SHIPPED_CARD, "input.range", "{}", NULL },
    { SHIPPED_CARD, "input.normalisation", "0", NULL },
    { SHIPPED_CARD, "input.normalisation.mean", "[0.4, 0.4, 0.4]", NULL }, /* of one channel */
    { SHIPPED_CARD, "input.normalisation.mean", "[]", NULL },
    { SHIPPED_CARD, "input.normalisation.mean", "0", NULL },
    { SHIPPED_CARD, "input.normalisation.std", "[0]", NULL },
    { SHIPPED_CARD, "input.normalisation.std", "[-1]", NULL },
    { SHIPPED_CARD, "input.normalisation.std", NULL, NULL },
    { SHIPPED_CARD, "input.preprocessing", "{}", NULL },
    { SHIPPED_CARD, "outputs", "[]", NULL },
    { SHIPPED_CARD, "outputs.0.name", "\"lungs\"", "outputs.1.name" },
    { SHIPPED_CARD, "outputs.0.name", NULL, NULL },
    { SHIPPED_CARD, "outputs.0.role", "\"score\"", NULL },
    { SHIPPED_CARD, "outputs.0.role", "\"gate\"", "outputs" },
    { SHIPPED_CARD, "outputs.3.role", "\"probability\"", "outputs" },
    { SHIPPED_CARD, "outputs.3.role", "\"classes\"", NULL },
    { SHIPPED_CARD, "outputs.0.activation", "\"sigmoid\"", NULL }, /* of a probability */
    { SHIPPED_CARD, "outputs.0.activation", "\"relu\"", NULL },
    { SHIPPED_CARD, "outputs.2.activation", "\"none\"", NULL },
    { SHIPPED_CARD, "outputs.2.label", "\"effusion\"", NULL },
    { SHIPPED_CARD, "outputs.1.label", "\"pneumonia\"", "outputs.1.of" },
    { SHIPPED_CARD, "outputs.2.of", "\"lung\"", NULL },
    { SHIPPED_CARD, "outputs.1.of", "\"heart\"", "gate.rules.2.measure" },
    { SHIPPED_CARD, "outputs.1.threshold", "1.5", NULL },
    { SHIPPED_CARD, "outputs.0.threshold", "0.5", NULL },
    { SHIPPED_CARD, "outputs.0.box", "\"xyxy\"", NULL },
    { DETECTION, "outputs.0.box", NULL, NULL },
    { DETECTION, "outputs.0.box", "\"yxyx\"", NULL },
    { DETECTION, "outputs.0.unit", "\"mm\"", NULL },
    { DETECTION, "outputs.0.scored", "false", "outputs" },
    { DETECTION, "outputs.0.scored", "\"yes\"", NULL },
    { SHIPPED_CARD, "outputs.0.by_column", "true", NULL },
    { DETECTION, "outputs.0.iou", "-0.5", NULL },
    { DETECTION, "outputs.0.least", "0.5", NULL },
    { DETECTION, "outputs.0.activation", "\"softmax\"", NULL },
    { KEYPOINTS, "outputs.0.least", "2", NULL },
    { KEYPOINTS, "outputs.0.points", "\"spine_lateral\"", NULL }, /* beside landmarks */
    { KEYPOINTS, "outputs.0.landmarks", "[\"left_ear\"]", NULL },
    { KEYPOINTS, "outputs.0.landmarks", "[\"knee_left\", \"knee_left\"]", NULL },
    { KEYPOINTS, "outputs.0.landmarks", NULL, "outputs.0.points" },
    { KEYPOINTS, "outputs.0.projection", NULL, NULL },
    { KEYPOINTS, "outputs.0.projection", "\"oblique\"", NULL },
    { SHIPPED_CARD, "labels", "[]", NULL },
    { SHIPPED_CARD, "labels.0.code", NULL, NULL },
    { SHIPPED_CARD, "labels.0.code.scheme", "\"A CODING SCHEME TOO LONG\"", NULL },
    { SHIPPED_CARD, "labels.0.code.value", NULL, NULL },
    { SHIPPED_CARD, "labels.0.code.meaning", "7", NULL },
    { SHIPPED_CARD, "labels.0.also", "{}", NULL },
    { SHIPPED_CARD, "labels.0.also.0.value", NULL, NULL },
    { SHIPPED_CARD, "labels.0.category", "7", NULL },
    { SHIPPED_CARD, "labels.0.label", "\"\"", NULL },
    { DETECTION, "labels.1.label", "\"one\"", NULL },
    { SHIPPED_CARD, "labels.0.label_zh", "1", NULL },
    { SHIPPED_CARD, "labels.0.critical", "\"yes\"", NULL },
    { SHIPPED_CARD, "labels.0.threshold", "1.2", NULL },
    { SHIPPED_CARD, "labels.0.threshold", NULL, NULL },
    { SHIPPED_CARD, "labels.0.critical", "\"yes\"", NULL },
    { SHIPPED_CARD, "labels.0.index", "-1", NULL },
    { DETECTION, "labels.1.index", "0", NULL },
    { SHIPPED_CARD, "modality", "\"CR\"", NULL },
    { SHIPPED_CARD, "modality.1", "5", NULL },
    { SHIPPED_CARD, "body_part", "{}", NULL },
    { SHIPPED_CARD, "view", "[\"\"]", "view.0" },
    { SHIPPED_CARD, "age", "5", NULL },
    { SHIPPED_CARD, "age_years", "18", NULL },
    { SHIPPED_CARD, "age_years", "{\"min\": -1}", "age_years.min" },
    { SHIPPED_CARD, "age_years", "{\"min\": 60, \"max\": 18}", "age_years.max" },
    { SHIPPED_CARD, "intended_use", NULL, NULL },
    { SHIPPED_CARD, "intended_use_zh", "false", NULL },
    { SHIPPED_CARD, "research_only", "\"no\"", NULL },
    { SHIPPED_CARD, "gate", "[]", NULL },
    { SHIPPED_CARD, "gate.rules", NULL, NULL },
    { SHIPPED_CARD, "gate.rules.0.measure", "\"entropy\"", NULL },
    { SHIPPED_CARD, "gate.rules.0.measure", "\"output:probability\"", NULL },
    { SHIPPED_CARD, "gate.rules.0.measure", "\"output:\"", NULL },
    { SHIPPED_CARD, "gate.rules.0.min", NULL, NULL },
    { SHIPPED_CARD, "gate.rules.0.min", "\"a little\"", NULL },
    { SHIPPED_CARD, "gate.rules.2.max", "0.1", NULL }, /* min is 0.14 */
    { SHIPPED_CARD, "gate.rules.0.reason", "\"No contrast\"", NULL },
    { SHIPPED_CARD, "gate.rules.0.text", NULL, NULL },
    { SHIPPED_CARD, "training_data", "\"\\u0000\"", NULL },
    { SHIPPED_CARD, "calibration", "{\"temperature\": 1e999}", NULL },
    { SHIPPED_CARD, "figures", "[1e999]", NULL },
    { SHIPPED_CARD, "licence", NULL, NULL },
    { SHIPPED_CARD, "remote", "\"http://gpu1:8000\"", NULL },
    { SHIPPED_CARD, "remote", "{\"name\": \"m\"}", "remote.url" },
    { SHIPPED_CARD, "remote", "{\"url\": \"http://gpu1:8000\"}", "remote.name" },
    { SHIPPED_CARD, "remote", "{\"url\": \"http://gpu1:8000\", \"name\": \"m\", \"version\": 3}", "remote.version" },
    { SHIPPED_CARD, "remote", "{\"url\": \"http://gpu1:8000\", \"name\": \"m\", \"binary\": 1}", "remote.binary" },
};
enum { WRONGS = sizeof(wrongs) / sizeof(wrongs[0]) };

static struct str base_text(enum base base)
{
    static const char *const texts[BASES] = { [DETECTION] = CARD_DETECTION, [KEYPOINTS] = CARD_KEYPOINTS };
    return base == SHIPPED_CARD ? data_read(&call.arena, SHIPPED "card.json") : str_from(texts[base]);
}

/* The text of a card with what a row changes. A number past all limits is put in as text. */
static struct str changed(const struct wrong *wrong)
{
    json_error_t trouble;
    char path[100], *step = path, *dot;
    struct str text = base_text(wrong->base);
    json_t *root = json_loadb(text.at, (size_t)text.len, 0, &trouble), *at = root;
    assert_non_null(root);
    snprintf(path, sizeof(path), "%s", wrong->path);
    for (; (dot = strchr(step, '.')); step = dot + 1) {
        *dot = 0;
        at = json_is_array(at) ? json_array_get(at, (size_t)strtol(step, NULL, 10)) : json_object_get(at, step);
        assert_non_null(at);
    }
    if (json_is_array(at))
        json_array_set_new(at, (size_t)strtol(step, NULL, 10), json_string("@@"));
    else if (wrong->value)
        json_object_set_new(at, step, json_string("@@"));
    else
        assert_int_equal(json_object_del(at, step), 0);
    char *all = json_dumps(root, 0), *mark = strstr(all, "\"@@\"");
    struct str made = !mark ? arena_copy(&call.arena, str_from(all))
                            : arena_format(&call.arena, "%.*s%s%s", (int)(mark - all), all, wrong->value, mark + 4);
    free(all);
    json_decref(root);
    return made;
}

static bool has_problem(const char *place)
{
    for (const struct problem *p = call.error.problems; p; p = p->next)
        if (str_equal(p->member, str_from(place)))
            return true;
    return false;
}

static void test_a_wrong_one_for_each_member(void **state)
{
    (void)state;
    for (int i = 0; i < WRONGS; i++) {
        const char *place = wrongs[i].place ? wrongs[i].place : wrongs[i].path;
        struct str text = changed(&wrongs[i]);
        assert_false(card_read(&call, text, &card));
        assert_int_equal(call.error.code, E_INVALID);
        if (!has_problem(place))
            fail_msg("%s = %s: no problem at %s, but %.*s", wrongs[i].path, wrongs[i].value ? wrongs[i].value : "none",
                     place, STR_FMT(error_told(&call.error)));
        call_reset(&call);
    }
}

/* "outputs.0.role" as "outputs.role". */
static bool is_about(const char *path, const char *member)
{
    for (; *path; path++) {
        if (*path == '.' && path[1] >= '0' && path[1] <= '9') {
            for (path++; *path >= '0' && *path <= '9'; path++)
                continue;
            if (!*path)
                break;
        }
        if (*path != *member)
            return false;
        member++;
    }
    return !*member;
}

static void look_for(const struct schema *schema, const char *prefix)
{
    for (int i = 0; i < schema->count; i++) {
        char name[200];
        bool found = false;
        snprintf(name, sizeof(name), "%s%s", prefix, schema->fields[i].name);
        for (int k = 0; k < WRONGS && !found; k++)
            found = is_about(wrongs[k].place ? wrongs[k].place : wrongs[k].path, name);
        if (!found && strncmp(name, "labels.also.", 12) != 0 &&
            strncmp(name, "labels.category.", 16) != 0) /* the same rows as labels.code */
            fail_msg("%s has no wrong card", name);
        snprintf(name, sizeof(name), "%s%s.", prefix, schema->fields[i].name);
        if (schema->fields[i].of)
            look_for(schema->fields[i].of, name);
    }
}

static void test_no_member_is_forgotten(void **state)
{
    (void)state;
    look_for(&card_schema, "");
}

static void test_every_problem_at_once(void **state)
{
    (void)state;
    assert_false(card_read(&call,
                           S("{\"format\": 1, \"name\": \"a b\", \"what\": 1, \"labels\": [{\"label\": \"x\"}],"
                             "\"input\": {\"size\": [1, 0], \"range\": [1, 1]}}"),
                           &card));
    static const char *const places[] = { "name",         "what",         "labels.0.code", "labels.0.threshold",
                                          "input.name",   "input.size.1", "input.range",   "outputs",
                                          "intended_use", "licence" };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (!has_problem(places[i]))
            fail_msg("%s is not told", places[i]);
}

/* U+202E and its like, escaped and as they are, in words that no row knows, and in a name. */
static void test_new_words_show_as_they_are_kept(void **state)
{
    (void)state;
    static const struct {
        const char *of, *by, *place;
    } rows[] = {
        { "\"title\": \"Pneumonia", "\"title\": \"Pneumonia\\u202e", "title" },
        { "\"meaning\": \"Pneumonia\"", "\"meaning\": \"\u2066Pneumonia\"", "labels.0.code.meaning" },
        { "\"licence\": \"CC BY 4.0\"", "\"licence\": \"CC\u202dBY\"", "training_data.0.licence" },
        { "\"temperature\":", "\"temper\u202aature\":", "calibration" },
    };
    struct str shipped = data_read(&call.arena, SHIPPED "card.json");
    assert_true(card_read_new(&call, shipped, &card));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str of = str_from(rows[i].of);
        ptrdiff_t at = str_find(shipped, of);
        assert_true(at > 0);
        struct str text = arena_format(&call.arena, "%.*s%s%.*s", (int)at, shipped.at, rows[i].by,
                                       STR_FMT(str_slice(shipped, at + of.len, shipped.len)));
        assert_true(card_read(&call, text, &card)); /* one that is kept is read as it is */
        assert_false(card_read_new(&call, text, &card));
        assert_true(has_problem(rows[i].place));
        error_clear(&call.error);
    }
}

static void test_what_is_no_card(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum error_code code;
    } rows[] = { { "", E_BAD_REQUEST }, { "{", E_BAD_REQUEST }, { "[]", E_INVALID },
                 { "null", E_INVALID }, { "{}", E_INVALID },    { "{\"format\": 1, \"format\": 1}", E_BAD_REQUEST } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_false(card_read(&call, str_from(rows[i].text), &card));
        assert_int_equal(call.error.code, rows[i].code);
        call_reset(&call);
    }
    char *large = calloc(1, CARD_BYTES_MAX + 2);
    memset(large, ' ', CARD_BYTES_MAX + 1);
    assert_false(card_read(&call, str_from(large), &card));
    assert_int_equal(call.error.code, E_TOO_LARGE);
    free(large);
}

static void test_the_rows_hold_together(void **state)
{
    (void)state;
    struct text complaints;
    text_init(&complaints, 10000);
    int wrong = schema_check(&card_schema, &complaints) + schema_check(&finding_schema, &complaints);
    if (wrong)
        fail_msg("%.*s", STR_FMT(text_str(&complaints)));
    text_release(&complaints);
}

/* ---- the card and the model ---- */

static struct model_face face;

static void make_face(const char *json, struct tensor_info input, int outputs, const struct tensor_info *given)
{
    call_reset(&call);
    card_of(&call, str_from(json), &card);
    face = (struct model_face){ .inputs = { input }, .input_count = 1, .output_count = outputs };
    memcpy(face.outputs, given, (size_t)outputs * sizeof(*given));
}

static const struct tensor_info the_image = { { "image", 5 }, TENSOR_FP32, { 4, { -1, 1, 32, 64 } } };

static void suits(const char *json, struct tensor_info output)
{
    make_face(json, the_image, 1, &output);
    if (!card_suits(&call, &card, &face))
        fail_msg("%.*s", STR_FMT(error_told(&call.error)));
}

static void differs(const char *json, struct tensor_info input, struct tensor_info output, const char *place)
{
    make_face(json, input, 1, &output);
    assert_false(card_suits(&call, &card, &face));
    if (!has_problem(place))
        fail_msg("no problem at %s", place);
}

#define OUT(NAME, ...) ((struct tensor_info){ S(NAME), TENSOR_FP32, __VA_ARGS__ })
#define IN(NAME, TYPE, ...) ((struct tensor_info){ S(NAME), TYPE, __VA_ARGS__ })

static void test_it_suits_its_model(void **state)
{
    (void)state;
    suits(CARD_CLASSIFICATION, OUT("logits", { 2, { -1, 2 } }));
    suits(CARD_CLASSIFICATION, OUT("logits", { 2, { 1, -1 } }));
    suits(CARD_CLASSIFICATION, OUT("logits", { 4, { 1, 5, 1, 1 } })); /* five numbers, two of them have labels */
    suits(CARD_DETECTION, OUT("boxes", { 3, { 1, 6, 8400 } }));
    suits(CARD_DETECTION, OUT("boxes", { 3, { -1, 6, -1 } }));
    suits(CARD_KEYPOINTS, OUT("points", { 3, { 1, 300, 11 } }));
    suits(CARD_KEYPOINTS, OUT("points", { 2, { 300, 11 } }));
    suits(CARD_SEGMENTATION, OUT("masks", { 4, { 1, 2, 32, 64 } }));
}

static void test_it_suits_no_other(void **state)
{
    (void)state;
    const struct tensor_info logits = OUT("logits", { 2, { -1, 2 } });
    differs(CARD_CLASSIFICATION, IN("film", TENSOR_FP32, { 4, { 1, 1, 32, 64 } }), logits, "input.name");
    differs(CARD_CLASSIFICATION, IN("image", TENSOR_UINT8, { 4, { 1, 1, 32, 64 } }), logits, "input.type");
    differs(CARD_CLASSIFICATION, IN("image", TENSOR_FP32, { 3, { 1, 32, 64 } }), logits, "input.layout");
    differs(CARD_CLASSIFICATION, IN("image", TENSOR_FP32, { 4, { 1, 3, 32, 64 } }), logits, "input.colour");
    differs(CARD_CLASSIFICATION, IN("image", TENSOR_FP32, { 4, { 1, 1, 64, 32 } }), logits, "input.size");
    differs(CARD_CLASSIFICATION, IN("image", TENSOR_FP32, { 4, { 8, 1, 32, 64 } }), logits, "input.name");
    differs(CARD_CLASSIFICATION, the_image, OUT("scores", { 2, { 1, 2 } }), "outputs.0.name");
    differs(CARD_CLASSIFICATION, the_image, OUT("logits", { 2, { 1, 1 } }), "outputs.0.role");
    differs(CARD_CLASSIFICATION, the_image, OUT("logits", { 3, { 1, 2, 2 } }), "outputs.0.role");
    differs(CARD_CLASSIFICATION, the_image, OUT("logits", { 2, { 4, 2 } }), "outputs.0.role");
    differs(CARD_DETECTION, the_image, OUT("boxes", { 3, { 1, 5, 8400 } }), "outputs.0.role");
    differs(CARD_DETECTION, the_image, OUT("boxes", { 4, { 1, 1, 6, 8400 } }), "outputs.0.role");
    differs(CARD_KEYPOINTS, the_image, OUT("points", { 3, { 1, 300, 8 } }), "outputs.0.role");
    differs(CARD_SEGMENTATION, the_image, OUT("masks", { 4, { 1, 1, 32, 64 } }), "outputs.0.role");
    differs(CARD_SEGMENTATION, the_image, OUT("masks", { 4, { 1, 2, 0, 64 } }), "outputs.0.role");
    make_face(CARD_CLASSIFICATION, the_image, 1, &logits);
    face.inputs[face.input_count++] = IN("age", TENSOR_FP32, { 2, { 1, 1 } });
    assert_false(card_suits(&call, &card, &face));
    assert_true(has_problem("input.name"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_shipped_one),
        TEST(test_one_of_each_task),
        TEST(test_a_wrong_one_for_each_member),
        TEST(test_no_member_is_forgotten),
        TEST(test_every_problem_at_once),
        TEST(test_what_is_no_card),
        TEST(test_the_rows_hold_together),
        TEST(test_it_suits_its_model),
        TEST(test_it_suits_no_other),
        TEST(test_new_words_show_as_they_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
