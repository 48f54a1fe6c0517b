/* test_answer.c - outputs made here, as findings; and outputs that are none. */
#include "diagnosis/gate.h"
#include "diagnosis/mask.h"

#include <setjmp.h>
#include <stdarg.h>

#undef fail /* cmocka has one, too */
#include <cmocka.h>

#include "cards.h"
#include "diagnosis.h"

enum { PUTS = 4, NUMBERS_MAX = 400 };

static struct call call;
static struct card card;
static float numbers[PUTS][NUMBERS_MAX];
static struct tensor outputs[PUTS];
/* A frame of 128 x 64 in an input of 64 x 32: half as large. */
static struct placement placement = { 0.5, 0.5, 0, 0, 128, 64, 64, 32 };
static struct answer answer;
static struct list findings, masks;

static int begin(void **state)
{
    (void)state;
    call_init(&call, NULL, NULL);
    placement = (struct placement){ 0.5, 0.5, 0, 0, 128, 64, 64, 32 };
    return 0;
}

static int end(void **state)
{
    (void)state;
    call_release(&call);
    return 0;
}

static void begin_card(const char *json)
{
    card_of(&call, str_from(json), &card);
    answer = (struct answer){ &card, outputs, 0, &placement };
}

static void put(const char *name, struct tensor_shape shape, const float *values)
{
    struct tensor *tensor = &outputs[answer.count];
    *tensor = (struct tensor){ { str_from(name), TENSOR_FP32, shape }, { (const char *)numbers[answer.count], 0 } };
    tensor->bytes.len = (ptrdiff_t)tensor_bytes(&tensor->info);
    assert_true(tensor->bytes.len <= (ptrdiff_t)sizeof(numbers[0]));
    memcpy(numbers[answer.count++], values, (size_t)tensor->bytes.len);
}
#define PUT(NAME, SHAPE, ...) put(NAME, (struct tensor_shape)SHAPE, (const float[]){ __VA_ARGS__ })
#define SHAPE(...) \
    { \
        sizeof((int[]){ __VA_ARGS__ }) / sizeof(int), \
        { \
            __VA_ARGS__ \
        } \
    }

static const struct finding *found(int count)
{
    error_clear(&call.error);
    if (!answer_check(&answer, &call.error) || !answer_findings(&call, &answer, &findings, &masks))
        fail_msg("%s", call.error.message);
    assert_int_equal(findings.count, count);
    return findings.items;
}

static void refused(const char *words)
{
    error_clear(&call.error);
    assert_false(answer_check(&answer, &call.error));
    assert_int_equal(call.error.code, E_INVALID);
    if (!strstr(call.error.message, words))
        fail_msg("%s", call.error.message);
}

/* ---- numbers ---- */

static void test_logits(void **state)
{
    (void)state;
    begin_card(CARD_CLASSIFICATION);
    PUT("logits", SHAPE(1, 2), 1, 3);
    const struct finding *f = found(2);
    assert_near(f[0].probability, 1 / (1 + exp(2)), 1e-7); /* softmax */
    assert_near(f[1].probability, 1 / (1 + exp(-2)), 1e-7);
    assert_false(f[0].positive);
    assert_true(f[1].positive);
    assert_true(str_equal(f[1].code.value, S("two")) && f[1].threshold == 0.25);
    assert_true(isnan(f[0].box.x) && isnan(f[0].area) && f[0].points.count == 0);
    begin_card(CARD_MULTI_LABEL);
    PUT("logits", SHAPE(1, 2), 0, -1.0986123f); /* sigmoid: 1/2, 1/4: at the threshold is positive */
    f = found(2);
    assert_near(f[0].probability, 0.5, 1e-7);
    assert_near(f[1].probability, 0.25, 1e-7);
    assert_true(f[0].positive);
    begin_card(CARD_CLASSIFICATION);
    PUT("logits", SHAPE(1, 2), 3e38f, -3e38f);
    assert_near(found(2)->probability, 1, 0);
}

/* Of a model that gives now two numbers and now three nobody knows which is whose. */
static void test_numbers_that_come_and_go(void **state)
{
    (void)state;
    struct model_face face = { .output_count = 1 };
    begin_card(CARD_CLASSIFICATION);
    answer.face = &face;
    PUT("logits", SHAPE(1, 3), 1, 3, 9);
    face.outputs[0] = (struct tensor_info){ S("logits"), TENSOR_FP32, { 2, { -1, 3 } } };
    found(2); /* always three, of which two have labels */
    face.outputs[0].shape.at[1] = -1;
    refused("has 3 numbers; the labels name 2");
    error_clear(&call.error);
    begin_card(CARD_CLASSIFICATION);
    answer.face = &face;
    PUT("logits", SHAPE(1, 2), 1, 3);
    found(2);
}

/* Labels may name some of the numbers, in any order. */
static void test_the_index_of_a_label(void **state)
{
    (void)state;
    begin_card(CARD_HEAD("multi-label") "\"labels\": [{\"code\": {\"scheme\": \"99TEST\", \"value\": \"a\", "
                                        "\"meaning\": \"a\"}, \"label\": \"a\", \"threshold\": 0.5, \"index\": 2}],"
                                        "\"outputs\": [{\"name\": \"p\", \"role\": \"probability\"}]}");
    PUT("p", SHAPE(1, 4), 0.1f, 0.2f, 0.7f, 0.4f);
    assert_near(found(1)->probability, 0.7, 1e-6);
    numbers[0][2] = 1.0005f; /* as 16 bits round */
    assert_near(found(1)->probability, 1, 0);
}

static void test_numbers_that_are_none(void **state)
{
    (void)state;
    static const float none[] = { NAN, INFINITY, -INFINITY };
    begin_card(CARD_CLASSIFICATION);
    refused("is not there");
    PUT("logits", SHAPE(1, 2), 0, 0);
    for (int i = 0; i < 3; i++) {
        numbers[0][1] = none[i];
        refused("not finite");
    }
    numbers[0][1] = 0;
    outputs[0].info.shape = (struct tensor_shape)SHAPE(2, 1);
    refused("it is of 2 pictures");
    outputs[0].info.shape = (struct tensor_shape)SHAPE(1, 1);
    outputs[0].bytes.len = 4;
    refused("it has 1 numbers; the labels name 2");
    outputs[0].bytes.len = 7;
    refused("logits");
    error_clear(&call.error);
    card_of(&call, data_read(&call.arena, SHIPPED "card.json"), &card);
    answer.count = 0;
    PUT("probability", SHAPE(1, 1), 1.1f);
    refused("probability has numbers outside of 0 to 1");
    numbers[0][0] = -0.1f;
    refused("outside of 0 to 1");
    numbers[0][0] = 0.5f;
    refused("lungs is not there");
}

/* ---- boxes ---- */

/* cx, cy, w, h, one, two; below each other. */
static void test_scored_boxes_by_column(void **state)
{
    (void)state;
    begin_card(CARD_DETECTION);
    PUT("boxes", SHAPE(1, 6, 5),     /* */
        20, 21, 60, 20, 500,         /* cx */
        10, 10, 16, 10, 10,          /* cy */
        10, 10, 20, 10, 10,          /* w */
        8, 8, 40, 8, 8,              /* h */
        0.9f, 0.8f, 0.1f, 0, 0.99f,  /* one */
        0.1f, 0.1f, 0.3f, 0.24f, 0); /* two */
    const struct finding *f =
        found(2); /* the second box lies on the first; the fourth is not sure, the fifth outside */
    assert_true(str_equal(f[0].label, S("one")) && str_equal(f[1].label, S("two")));
    assert_near(f[0].probability, 0.9, 1e-6);
    assert_near(f[0].box.x, 30, 1e-9);
    assert_near(f[0].box.y, 12, 1e-9);
    assert_near(f[0].box.width, 20, 1e-9);
    assert_near(f[0].box.height, 16, 1e-9);
    assert_near(f[1].box.x, 100, 1e-9); /* cut to the frame */
    assert_near(f[1].box.y, 0, 1e-9);
    assert_near(f[1].box.width, 28, 1e-9);
    assert_near(f[1].box.height, 64, 1e-9);
    ((struct card_output *)card.outputs.items)->iou = NAN; /* only where the card says so */
    found(3);
    ((struct card_output *)card.outputs.items)->iou = 0.9; /* they overlap by 9 to 11 */
    found(3);
    numbers[0][20] = 1.5f;
    refused("outside of 0 to 1");
}

static void test_boxes_scores_classes(void **state)
{
    (void)state;
    begin_card(CARD_DETECTION_APART);
    PUT("boxes", SHAPE(1, 4, 4), 0, 0, 0.5f, 0.5f, 0.5f, 0.5f, 1, 1, 0.9f, 0.9f, 0.1f, 0.1f, 0, 0, 1, 1);
    PUT("scores", SHAPE(1, 4), 0.3f, 0.6f, 1, 0.9f);
    PUT("classes", SHAPE(1, 4), 1, 0, 0, 7);
    const struct finding *f = found(2); /* one is inside out, one of a class that has no label */
    assert_true(str_equal(f[0].label, S("one")) && str_equal(f[1].label, S("two")));
    assert_near(f[0].box.x, 64, 1e-6);
    assert_near(f[0].box.height, 32, 1e-6);
    outputs[2].info.type = TENSOR_INT32;
    int32_t classes[] = { 0, 0, 0, -1 };
    memcpy(numbers[2], classes, sizeof(classes));
    found(1);
    classes[0] = 100000;
    memcpy(numbers[2], classes, sizeof(classes));
    refused("classes that are no places");
    outputs[2].info.shape.at[1] = 3;
    outputs[2].bytes.len = 12;
    classes[0] = 0;
    memcpy(numbers[2], classes, sizeof(classes));
    refused("not of as many");
}

static void test_no_boxes(void **state)
{
    (void)state;
    begin_card(CARD_DETECTION_APART);
    PUT("boxes", SHAPE(0, 4), 0);
    PUT("scores", SHAPE(0), 0);
    PUT("classes", SHAPE(0), 0);
    found(0);
}

/* More than are kept: the surest are. */
static void test_many_boxes(void **state)
{
    (void)state;
    enum { MANY = 6000 };
    float *boxes = calloc(MANY * 6, sizeof(float));
    begin_card(CARD_DETECTION);
    ((struct card_output *)card.outputs.items)->by_column = false;
    ((struct card_output *)card.outputs.items)->iou = 0;
    for (int i = 0; i < MANY; i++) {
        float box[] = { 32, 16, 10, 10, 0.5f + 0.5f * (float)i / MANY, 0 };
        box[0] = (float)(i % 640) * 0.1f;
        memcpy(boxes + i * 6, box, sizeof(box));
    }
    outputs[0] = (struct tensor){ { S("boxes"), TENSOR_FP32, SHAPE(1, MANY, 6) },
                                  { (const char *)boxes, MANY * 6 * sizeof(float) } };
    answer.count = 1;
    error_clear(&call.error);
    assert_true(answer_check(&answer, &call.error) && answer_findings(&call, &answer, &findings, &masks));
    const struct finding *f = findings.items;
    assert_near(f[0].probability, 0.5 + 0.5 * (MANY - 1) / MANY, 1e-6);
    assert_true(findings.count >= 4 && findings.count <= 8); /* each 20 of 128 wide, none on another */
    for (ptrdiff_t i = 0; i < findings.count; i++)
        for (ptrdiff_t k = 0; k < i; k++) {
            assert_true(f[i].probability <= f[k].probability);
            assert_true(fabs(f[i].box.x + f[i].box.width / 2 - f[k].box.x - f[k].box.width / 2) > 9);
        }
    ((struct card_output *)card.outputs.items)->iou = NAN;
    found(FINDINGS_MAX);
    free(boxes);
}

/* ---- key points ---- */

static void test_points(void **state)
{
    (void)state;
    begin_card(CARD_KEYPOINTS);
    placement = (struct placement){ 0.25, 0.25, 16, 8, 128, 64, 64, 32 };
    PUT("points", SHAPE(1, 2, 11),                     /* */
        0, 0, 1, 1, 0.4f, 1, 1, 1, 2, 2, 1,            /* */
        0, 0, 9, 9, 0.8f, 20, 10, 0.9f, 30, 12, 0.2f); /* the surest */
    const struct finding *f = found(1);
    assert_near(f->probability, 0.8, 1e-6);
    assert_int_equal(f->points.count, 2);
    const struct finding_point *points = f->points.items;
    assert_true(str_equal(points[0].name, S("femoral_head_left")));
    assert_near(points[0].x, 16, 1e-6);
    assert_near(points[0].y, 8, 1e-6);
    assert_near(points[1].confidence, 0.2, 1e-6); /* told; what measures by it looks at `least` */
    numbers[0][15] = 0.45f;
    found(0); /* none reaches the label's threshold */
    numbers[0][15] = 2;
    refused("outside of 0 to 1");
}

/* ---- masks ---- */

static void test_masks(void **state)
{
    (void)state;
    begin_card(CARD_SEGMENTATION);
    PUT("masks", SHAPE(1, 2, 1, 4), 5, 5, -5, -5, -5, -5, 5, -5); /* the fourth is both and neither: 1/2 each */
    const struct finding *f = found(2);
    /* Of 128 columns: all before the middle between the second cell and the third; from the fourth's middle, where it
     * is at the threshold, to the edge. */
    assert_int_equal(f[0].area_pixels, (64 + 16) * 64);
    assert_near(f[0].area, 0.625, 1e-9);
    assert_near(f[1].area, 0.5, 1e-9);
    assert_near(f[1].mean_probability, 0.6875, 0.01);
    assert_true(f[0].box.x == 0 && f[0].box.width == 128 && f[1].box.x == 64 && f[1].box.width == 64);
    assert_true(f[1].box.y == 0 && f[1].box.height == 64);
    const struct mask *m = masks.items;
    struct str bits = STR_NULL;
    assert_int_equal(masks.count, 2);
    assert_true(str_equal(m[1].label, S("two")) && m[1].width == 128 && m[1].height == 64);
    assert_true(mask_bits(&call, &m[1], &bits) && bits.len == 128 * 64 / 8);
    for (int64_t i = 0; i < 128 * 64; i++)
        assert_int_equal(mask_has(bits, i), i % 128 >= 64);
    assert_near(f[0].probability, 1 / (1 + exp(-10)), 1e-6);
    struct grid grid;
    assert_true(answer_grid(&call, &answer, ROLE_MASK, S("two"), &grid));
    assert_int_equal(grid.width, 4);
    assert_near((double)grid.at[2], 1 / (1 + exp(-10)), 1e-6);
    assert_false(answer_grid(&call, &answer, ROLE_EVIDENCE, STR_NULL, &grid));
}

/* What lies in the border of a letterbox is none of the frame's, what was cut off is not known. */
static void test_the_area_is_of_the_frame(void **state)
{
    (void)state;
    begin_card(CARD_HEAD("segmentation") "\"labels\": [" CARD_LABEL(
        "one", "0.5") "],"
                      "\"outputs\": [{\"name\": \"mask\", \"role\": \"mask\", \"label\": \"one\"}]}");
    PUT("mask", SHAPE(1, 1, 2, 4), 1, 1, 0, 0, 1, 1, 0, 0);
    placement = (struct placement){ 0.5, 0.5, 16, 0, 64, 64, 64, 32 }; /* a square frame: columns 1 and 2 */
    const struct finding *f = found(1);
    assert_near(f->area, 0.5, 1e-9);
    placement = (struct placement){ 1, 1, -64, 0, 192, 32, 64, 32 }; /* a third of the frame is seen */
    f = found(1);
    assert_near(f->area, 0.5 / 3, 1e-9);
    assert_true(f->box.x == 64 && f->box.width == 32 && f->box.height == 32); /* it begins where the model saw it */
    numbers[0][3] = 1.2f;
    refused("outside of 0 to 1");
}

/* What reaches no threshold has no place; a frame of an odd size, and what is kept turned into something else. */
static void test_a_mask_of_nothing(void **state)
{
    (void)state;
    struct str bits = STR_NULL;
    begin_card(CARD_SEGMENTATION);
    PUT("masks", SHAPE(1, 2, 1, 1), 9, -9);
    placement = (struct placement){ 64.0 / 5, 32.0 / 3, 0, 0, 5, 3, 64, 32 };
    const struct finding *f = found(2);
    struct mask *m = masks.items;
    assert_int_equal(f[0].area_pixels, 15);
    assert_near(f[0].area, 1, 0);
    assert_int_equal(f[1].area_pixels, 0);
    assert_true(isnan(f[1].box.x) && isnan(f[1].mean_probability) && !f[1].positive && f[1].area == 0);
    assert_true(mask_bits(&call, &m[0], &bits) && bits.len == 2);
    assert_memory_equal(bits.at, "\xFF\x7F", 2); /* the sixteenth bit is none of its pixels */
    m[0].width = 9;
    assert_false(mask_bits(&call, &m[0], &bits));
    error_clear(&call.error);
    m[1].packed.len--;
    assert_false(mask_bits(&call, &m[1], &bits));
    error_clear(&call.error);
    placement = (struct placement){ 1, 1, 0, 0, 1 << 16, 1 << 16, 64, 32 };
    assert_false(answer_findings(&call, &answer, &findings, &masks)); /* 2^33 pixels */
    assert_int_equal(call.error.code, E_INVALID);
}

static void test_one_number_of_an_output(void **state)
{
    (void)state;
    begin_card(CARD_CLASSIFICATION);
    PUT("logits", SHAPE(1, 2), 1, 2);
    assert_true(isnan(answer_number(&answer, S("logits"))));
    assert_true(isnan(answer_number(&answer, S("none"))));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_numbers_that_come_and_go),
        TEST(test_logits),
        TEST(test_the_index_of_a_label),
        TEST(test_numbers_that_are_none),
        TEST(test_scored_boxes_by_column),
        TEST(test_boxes_scores_classes),
        TEST(test_no_boxes),
        TEST(test_many_boxes),
        TEST(test_points),
        TEST(test_masks),
        TEST(test_the_area_is_of_the_frame),
        TEST(test_a_mask_of_nothing),
        TEST(test_one_number_of_an_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
