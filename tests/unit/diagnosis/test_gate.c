/* test_gate.c - who is let in by what the file says, and by what the picture looks like. */
#include "diagnosis/gate.h"

#include <setjmp.h>
#include <stdarg.h>

#undef fail /* cmocka has one, too */
#include <cmocka.h>

#include "diagnosis.h"

static struct call call;
static struct card card;

static int begin(void **state)
{
    (void)state;
    call_init(&call, NULL, NULL);
    card_of(&call, data_read(&call.arena, SHIPPED "card.json"), &card);
    card.age_years = (struct card_ages){ 18, 90 };
    return 0;
}

static int end(void **state)
{
    (void)state;
    call_release(&call);
    return 0;
}

/* ---- the header ---- */

static void test_what_contradicts_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *modality, *body_part, *view;
        int64_t age;
        const char *code, *text; /* NULL: let in */
    } rows[] = {
        { "DX", "CHEST", "PA", 50, NULL, NULL },
        { "dx", " chest ", "ap", 18, NULL, NULL },
        { NULL, NULL, NULL, INTEGER_NULL, NULL, NULL },
        { "CR", "", "", 90, NULL, NULL },
        { "CT", "CHEST", "PA", 50, "modality", "The model asks for the modality CR, DX, DR, XR; this image has CT." },
        { "CT", "KNEE", "LL", 5, "modality", NULL }, /* the first is told */
        { "DX", "KNEE", NULL, 50, "body_part",
          "The model asks for the body part CHEST, THORAX, LUNG; this image has KNEE." },
        { "DX", NULL, "LL", 50, "view", "The model asks for the view AP, PA; this image has LL." },
        { "DX", NULL, NULL, 17, "age", "The model asks for patients of 18 to 90 years; this one was 17." },
        { "DX", NULL, NULL, 91, "age", NULL },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gate_subject subject = { str_from(rows[i].modality), str_from(rows[i].body_part), str_from(rows[i].view),
                                        rows[i].age };
        struct gate_reason reason;
        assert_int_equal(gate_header(&call, &card, &subject, &reason), rows[i].code == NULL);
        assert_true(str_equal(reason.code, str_from(rows[i].code)));
        if (rows[i].text)
            assert_true(str_equal(reason.text, str_from(rows[i].text)));
        assert_int_equal(str_is_null(reason.text), rows[i].code == NULL);
    }
}

static void test_a_card_without_limits_lets_all_in(void **state)
{
    (void)state;
    struct gate_subject subject = { S("MG"), S("BREAST"), S("CC"), 200 };
    struct gate_reason reason;
    card.modality.count = card.body_part.count = card.view.count = 0;
    card.age_years = (struct card_ages){ INTEGER_NULL, INTEGER_NULL };
    assert_true(gate_header(&call, &card, &subject, &reason));
    card.age_years.min = 201;
    assert_false(gate_header(&call, &card, &subject, &reason));
    assert_true(str_find(reason.text, S("201 years and more")) > 0);
    card.age_years = (struct card_ages){ INTEGER_NULL, 12 };
    assert_false(gate_header(&call, &card, &subject, &reason));
    assert_true(str_find(reason.text, S("up to 12 years")) > 0);
}

/* ---- the picture ---- */

enum { SIDE = 28, CELLS = SIDE * SIDE };
static float probability[] = { 0.9f }, frontal[] = { 0.99f }, lungs[CELLS], evidence[CELLS];
static struct tensor outputs[4];
static struct prepared ready;

static struct tensor tensor_of(const char *name, float *at, struct tensor_shape shape)
{
    struct tensor tensor = { { str_from(name), TENSOR_FP32, shape }, { (const char *)at, 0 } };
    tensor.bytes.len = (ptrdiff_t)tensor_bytes(&tensor.info);
    return tensor;
}

/* A film that passes: two lungs of `columns` x 14 cells each, of this certainty. */
static struct answer made(int left, int right, float certainty)
{
    for (int i = 0; i < CELLS; i++) {
        int row = i / SIDE, column = i % SIDE;
        bool in_rows = row >= 7 && row < 21;
        lungs[i] =
            in_rows && ((column >= 4 && column < 4 + left) || (column >= 16 && column < 16 + right)) ? certainty : 0.1f;
    }
    frontal[0] = 0.99f;
    ready.mean = 0.5;
    ready.deviation = 0.2;
    outputs[0] = tensor_of("probability", probability, (struct tensor_shape){ 2, { 1, 1 } });
    outputs[1] = tensor_of("lungs", lungs, (struct tensor_shape){ 4, { 1, 1, SIDE, SIDE } });
    outputs[2] = tensor_of("evidence", evidence, (struct tensor_shape){ 4, { 1, 1, SIDE, SIDE } });
    outputs[3] = tensor_of("frontal", frontal, (struct tensor_shape){ 2, { 1, 1 } });
    return (struct answer){ &card, outputs, 4, &ready.placement };
}

static void refused(const struct answer *answer, const char *expected)
{
    struct gate_reason reason;
    assert_int_equal(gate_pixels(&call, answer, &ready, &reason), expected == NULL);
    assert_true(str_equal(reason.code, str_from(expected)));
    assert_int_equal(reason.text.len > 0, expected != NULL);
}

static void test_the_measures(void **state)
{
    (void)state;
    struct answer answer = made(6, 4, 0.75f);
    assert_near(gate_measure(&call, &answer, &ready, S("pixel_mean")), 0.5, 0);
    assert_near(gate_measure(&call, &answer, &ready, S("pixel_deviation")), 0.2, 0);
    assert_near(gate_measure(&call, &answer, &ready, S("lung_area")), 140.0 / CELLS, 1e-12);
    assert_near(gate_measure(&call, &answer, &ready, S("lung_smaller_half")), 56.0 / CELLS, 1e-12);
    assert_near(gate_measure(&call, &answer, &ready, S("lung_certainty")), 0.75, 1e-7);
    assert_near(gate_measure(&call, &answer, &ready, S("output:frontal")), 0.99, 1e-7);
    answer = made(0, 0, 1);
    assert_near(gate_measure(&call, &answer, &ready, S("lung_certainty")), 0, 0);
    answer = made(3, 3, 0.5f); /* at 0.5 is lung */
    assert_near(gate_measure(&call, &answer, &ready, S("lung_area")), 84.0 / CELLS, 1e-12);
}

static void test_the_first_rule_that_is_not_kept(void **state)
{
    (void)state;
    struct answer answer = made(6, 6, 0.9f);
    refused(&answer, NULL);
    ready.deviation = 0.06;
    refused(&answer, NULL); /* limits are inclusive */
    ready.deviation = 0.0599;
    frontal[0] = 0;
    refused(&answer, "no_contrast");
    ready.deviation = 0.2;
    refused(&answer, "not_frontal_chest");
    answer = made(2, 2, 0.9f);
    refused(&answer, "no_lungs");
    answer = made(10, 1, 0.9f);
    refused(&answer, "one_lung");
    answer = made(6, 6, 0.6f);
    refused(&answer, "unclear_lungs");
}

static void test_what_cannot_be_measured_refuses(void **state)
{
    (void)state;
    struct answer answer = made(6, 6, 0.9f);
    answer.count = 1; /* no lungs, no frontal */
    refused(&answer, "not_frontal_chest");
    assert_true(isnan(gate_measure(&call, &answer, &ready, S("lung_area"))));
    assert_true(isnan(gate_measure(&call, &answer, &ready, S("anything"))));
    ready.deviation = NAN;
    refused(&answer, "no_contrast");
}

static void test_the_closed_set(void **state)
{
    (void)state;
    assert_true(gate_knows(&card, S("lung_area")));
    assert_true(gate_knows(&card, S("output:frontal")));
    assert_false(gate_knows(&card, S("output:lungs")));
    assert_false(gate_knows(&card, S("output")));
    assert_false(gate_knows(&card, S("Lung_area")));
    assert_false(gate_knows(&card, S("")));
    ((struct card_output *)card.outputs.items)[1].of = S("heart");
    assert_false(gate_knows(&card, S("lung_area")));
    assert_true(gate_knows(&card, S("pixel_mean")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_contradicts_is_refused),
        TEST(test_a_card_without_limits_lets_all_in),
        TEST(test_the_measures),
        TEST(test_the_first_rule_that_is_not_kept),
        TEST(test_what_cannot_be_measured_refuses),
        TEST(test_the_closed_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
