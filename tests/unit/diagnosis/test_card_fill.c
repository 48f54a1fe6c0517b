/* test_card_fill.c - what files say of themselves, as the beginning of a card. */
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

/* Is this a part of it? Members and items that are there have to be alike. */
static void holds(struct str text, const char *expected)
{
    json_error_t trouble;
    json_t *all = json_loadb(text.at, (size_t)text.len, 0, &trouble), *part = json_loads(expected, 0, &trouble), *value;
    const char *key;
    assert_non_null(all);
    assert_non_null(part);
    json_object_foreach(part, key, value)
    {
        char *found = json_dumps(json_object_get(all, key), JSON_ENCODE_ANY | JSON_SORT_KEYS);
        if (!json_equal(json_object_get(all, key), value))
            fail_msg("%s: %s", key, found ? found : "not there");
        free(found);
    }
    json_decref(all);
    json_decref(part);
}

static void lacks(struct str text, const char *member)
{
    json_error_t trouble;
    json_t *all = json_loadb(text.at, (size_t)text.len, 0, &trouble);
    assert_non_null(all);
    assert_null(json_object_get(all, member));
    json_decref(all);
}

/* ---- files ---- */

static void test_the_shipped_model(void **state)
{
    (void)state;
    struct onnx_file file;
    struct str text, whole = data_read(&call.arena, SHIPPED "card.json"), json;
    assert_true(onnx_file_read(data_read(&call.arena, SHIPPED "model.onnx"), &call.arena, &file, &call.error));
    text = card_of_file(&call, &file);
    assert_true(card_merge(&call, S("{\"title\": \"Mine\", \"input\": {\"fit\": \"squash\"}}"), text, &json));
    card_of(&call, json, &card);
    assert_true(str_equal(card.title, S("Mine")));
    assert_true(str_equal(card.name, S("chest-pneumonia")));
    assert_int_equal(card.outputs.count, 4);
    assert_int_equal(card.gate.rules.count, 5);
    assert_int_equal(card.input.height, 224);
    assert_true(card_label_named(&card, S("pneumonia"))->threshold == 0.55);
    assert_true(card_merge(&call, whole, text, &json)); /* what is given stays */
    card_of(&call, json, &card);
    assert_true(str_equal(card.title, S("Pneumonia on frontal chest films")));
}

static struct tensor_info film = { { "images", 6 }, TENSOR_FP32, { 4, { 1, 3, 640, 512 } } };
static struct tensor_info boxes = { { "output0", 7 }, TENSOR_FP32, { 3, { 1, 6, 8400 } } };

static struct str filled(struct onnx_property *properties, int count)
{
    struct onnx_file file = { .opset = 17,
                              .inputs = &film,
                              .outputs = &boxes,
                              .input_count = 1,
                              .output_count = 1,
                              .properties = properties,
                              .property_count = count };
    return card_of_file(&call, &file);
}

static void test_a_graph_alone(void **state)
{
    (void)state;
    struct str text = filled(NULL, 0);
    holds(text, "{\"format\": 1, \"opset\": 17, \"input\": {\"name\": \"images\", \"layout\": \"NCHW\", \"colour\": "
                "\"rgb\", \"size\": [640, 512], \"type\": \"float32\"}}");
    lacks(text, "labels");
    lacks(text, "task");
    film.shape = (struct tensor_shape){ 4, { -1, -1, -1, 1 } };
    holds(filled(NULL, 0), "{\"input\": {\"name\": \"images\", \"layout\": \"NHWC\", \"colour\": \"gray\", "
                           "\"type\": \"float32\"}}");
    film.shape = (struct tensor_shape){ 2, { -1, 10 } };
    holds(filled(NULL, 0), "{\"input\": {\"name\": \"images\", \"type\": \"float32\"}}");
    film.shape = (struct tensor_shape){ 4, { 1, 3, 640, 512 } };
}

static void test_a_yolo_export(void **state)
{
    (void)state;
    struct onnx_property properties[] = {
        { S("names"), S("{0: 'fracture', 1: \"Schmorl's node\"}") },
        { S("task"), S("detect") },
        { S("imgsz"), S("[640, 512]") },
        { S("stride"), S("32") },
    };
    struct str text = filled(properties, 4), json;
    holds(text, "{\"task\": \"detection\", \"outputs\": [{\"name\": \"output0\", \"role\": \"boxes\", \"box\": "
                "\"cxcywh\", \"scored\": true, \"iou\": 0.7, \"by_column\": true}],"
                "\"labels\": [{\"code\": {\"scheme\": \"99LOCAL\", \"value\": \"fracture\", \"meaning\": "
                "\"fracture\"}, \"label\": \"fracture\"}, {\"code\": {\"scheme\": \"99LOCAL\", \"value\": "
                "\"Schmorl's node\", \"meaning\": \"Schmorl's node\"}, \"label\": \"Schmorl's node\"}]}");
    /* What people have to say is missing, and only that. */
    assert_false(card_read(&call, text, &card));
    for (const struct problem *p = call.error.problems; p; p = p->next)
        if (strcmp(p->type, "missing") != 0)
            fail_msg("%.*s: %s", STR_FMT(p->member), p->type);
    error_clear(&call.error);
    assert_true(card_merge(
        &call,
        S("{\"name\": \"fractures\", \"version\": \"1\", \"title\": \"Fractures\","
          "\"intended_use\": \"None.\", \"licence\": \"AGPL-3.0\", \"labels\": [" CARD_LABEL("fracture", "0.25") "]}"),
        text, &json));
    card_of(&call, json, &card);
    assert_int_equal(card.input.fit, FIT_LETTERBOX);
    assert_int_equal(card.input.height, 640);
    struct model_face face = { .inputs = { film }, .outputs = { boxes }, .input_count = 1, .output_count = 1 };
    assert_true(card_suits(&call, &card, &face));
}

static void test_properties_that_say_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "{", "[", "{}", "'", "{0: 'a", "{0: ''}", "\xff\xfe", "null", "1e999" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct str text = str_from(texts[i]);
        struct onnx_property properties[] = { { S("names"), text },    { S("labels"), text }, { S("card"), text },
                                              { S("imgsz"), text },    { S("task"), text },   { S("input"), text },
                                              { S("outputs"), text },  { S("name"), text },   { S("format"), text },
                                              { S("modality"), text }, { S("gate"), text },   { S("figures"), text } };
        struct str json = filled(properties, 12);
        holds(json, "{\"opset\": 17}");
        assert_false(card_read(&call, json, &card));
        assert_int_equal(call.error.code, E_INVALID);
        call_reset(&call);
    }
}

/* ---- bundles ---- */

static void test_a_bundle(void **state)
{
    (void)state;
    struct str json;
    assert_true(card_of_bundle(
        &call,
        S("{\"name\": \"Spleen slices\", \"version\": \"0.3.1\", \"intended_use\": "
          "\"Demonstration\", \"copyright\": \"Copyright (c) MONAI Consortium\", \"data_source\": \"MSD Task09\","
          "\"eval_metrics\": {\"mean_dice\": 0.96}, \"network_data_format\": {\"inputs\": {\"image\": {\"type\": "
          "\"image\", \"num_channels\": 1, \"spatial_shape\": [96, 80], \"value_range\": [0, 1]}}, \"outputs\": "
          "{\"pred\": {\"type\": \"image\", \"format\": \"segmentation\", \"channel_def\": {\"0\": \"background\", "
          "\"1\": \"spleen\"}}}}}"),
        &json));
    holds(json, "{\"format\": 1, \"title\": \"Spleen slices\", \"version\": \"0.3.1\", \"intended_use\": "
                "\"Demonstration\", \"licence\": \"Copyright (c) MONAI Consortium\", \"training_data\": \"MSD Task09\","
                "\"figures\": {\"mean_dice\": 0.96}, \"task\": \"segmentation\","
                "\"input\": {\"name\": \"image\", \"size\": [96, 80], \"colour\": \"gray\", \"range\": [0, 1], "
                "\"layout\": \"NCHW\"}, \"outputs\": [{\"name\": \"pred\", \"role\": \"mask\"}],"
                "\"labels\": [{\"code\": {\"scheme\": \"99LOCAL\", \"value\": \"spleen\", \"meaning\": \"spleen\"}, "
                "\"label\": \"spleen\", \"index\": 1}]}");
}

static void test_a_bundle_of_another_kind(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{\"network_data_format\": 1}",
        "{\"network_data_format\": {\"inputs\": [], \"outputs\": {\"a\": 1}}}",
        "{\"network_data_format\": {\"inputs\": {\"image\": {\"spatial_shape\": [\"160*n\", 1], \"value_range\": []}},"
        "\"outputs\": {\"pred\": {\"channel_def\": {\"x\": \"y\", \"1\": 2}}}}, \"name\": 5}",
    };
    struct str json;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_true(card_of_bundle(&call, str_from(texts[i]), &json));
        holds(json, "{\"format\": 1}");
        lacks(json, "labels");
    }
    assert_false(card_of_bundle(&call, S("[]"), &json));
    assert_int_equal(call.error.code, E_BAD_REQUEST);
}

static void test_together(void **state)
{
    (void)state;
    struct str json;
    assert_true(card_merge(&call, STR_NULL, S("{\"a\": 1}"), &json));
    holds(json, "{\"a\": 1}");
    assert_true(card_merge(&call, S("{\"a\": null, \"input\": {\"x\": 1}}"),
                           S("{\"a\": 1, \"input\": {\"x\": 2, \"y\": 3}}"), &json));
    holds(json, "{\"a\": null, \"input\": {\"x\": 1, \"y\": 3}}");
    assert_false(card_merge(&call, S("[1]"), S("{}"), &json));
    assert_int_equal(call.error.code, E_BAD_REQUEST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_shipped_model), TEST(test_a_graph_alone),
        TEST(test_a_yolo_export),     TEST(test_properties_that_say_nothing),
        TEST(test_a_bundle),          TEST(test_a_bundle_of_another_kind),
        TEST(test_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
