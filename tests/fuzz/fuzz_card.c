/* fuzz_card.c - any card, and any output of its model: refused, or findings that hold what finding.h promises.
 *
 *   card as JSON | 00 | numbers: of each output its type, rank and lengths, then its bytes, as far as they go
 *
 * The same text is read as what files and bundles say of themselves.
 */
#include "base/call.h"
#include "diagnosis/gate.h"
#include "one_of.h"

#include <assert.h>
#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rest {
    const uint8_t *at, *end;
};

static int next(struct rest *rest)
{
    return rest->at < rest->end ? *rest->at++ : 0;
}

/* Lengths are small, so that there is something in it. */
static struct tensor make_output(struct call *c, const struct card_output *output, struct rest *rest)
{
    enum { LENGTH_MAX = 16, RANK_MAX = 4 };
    struct tensor tensor = { .info = { .name = output->name } };
    tensor.info.type = next(rest) % 8 ? TENSOR_FP32 : TENSOR_INT32;
    tensor.info.shape.rank = next(rest) % (RANK_MAX + 1);
    for (int i = 0; i < tensor.info.shape.rank; i++)
        tensor.info.shape.at[i] = next(rest) % LENGTH_MAX;
    ptrdiff_t bytes = (ptrdiff_t)tensor_bytes(&tensor.info);
    char *at = arena_alloc(&c->arena, bytes + 1);
    ptrdiff_t left = rest->end - rest->at, taken = left < bytes ? left : bytes;
    memcpy(at, rest->at, (size_t)taken);
    rest->at += taken;
    tensor.bytes = (struct str){ at, bytes };
    return tensor;
}

static bool is_share(double value)
{
    return value >= 0 && value <= 1;
}

static void check_finding(const struct finding *finding, const struct placement *p)
{
    const struct finding_box *box = &finding->box;
    assert(finding->label.at && is_share(finding->threshold) && is_share(finding->probability));
    assert(finding->positive == (finding->probability >= finding->threshold));
    assert(isnan(finding->area) || is_share(finding->area));
    assert(isnan(box->x) || (box->x >= 0 && box->y >= 0 && box->width > 0 && box->height > 0 &&
                             box->x + box->width <= (double)p->frame_width + 1e-6 &&
                             box->y + box->height <= (double)p->frame_height + 1e-6));
}

static void ask(struct call *c, const struct card *card, struct rest rest)
{
    static const uint8_t pixels[6 * 4 * 3] = { 1, 50, 200, 7 };
    struct film film = { 6, 4, next(&rest) % 2 ? 3 : 1, 1, pixels };
    struct tensor outputs[CARD_OUTPUTS_MAX];
    struct prepared ready;
    struct list findings, masks;
    struct gate_reason reason;
    if (card->input.width * card->input.height > 64 * 64)
        return;
    for (ptrdiff_t i = 0; i < card->outputs.count; i++)
        outputs[i] = make_output(c, (const struct card_output *)card->outputs.items + i, &rest);
    assert(prepare(c, &film, &card->input, &ready));
    struct answer answer = { card, outputs, (int)card->outputs.count, &ready.placement };
    if (!answer_check(&answer, &c->error))
        return;
    assert(answer_findings(c, &answer, &findings, &masks) && findings.count <= FINDINGS_MAX);
    for (ptrdiff_t i = 0; i < findings.count; i++)
        check_finding((const struct finding *)findings.items + i, &ready.placement);
    assert(gate_pixels(c, &answer, &ready, &reason) == !reason.code.at);
}

static void fill(struct call *c, struct str text)
{
    struct tensor_info put = { S("image"), TENSOR_FP32, { 4, { 1, 1, 8, 8 } } };
    struct onnx_property properties[] = { { S("card"), text }, { S("names"), text }, { S("labels"), text } };
    struct onnx_file file = { .inputs = &put,
                              .outputs = &put,
                              .input_count = 1,
                              .output_count = 1,
                              .properties = properties,
                              .property_count = 3 };
    struct str json, merged;
    struct card card;
    json = card_of_file(c, &file);
    assert(card_merge(c, STR_NULL, json, &merged));
    card_read(c, merged, &card);
    error_clear(&c->error);
    card_of_bundle(c, text, &json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct call call;
    struct card card;
    const uint8_t *zero = memchr(data, 0, size), *end = data + size;
    struct str text = { (const char *)data, zero ? zero - data : (ptrdiff_t)size };
    int which = ONE_OF(2, data, size);
    call_init(&call, NULL, NULL);
    if ((which & 1) && card_read(&call, text, &card))
        ask(&call, &card, (struct rest){ zero ? zero + 1 : end, end });
    call_reset(&call);
    if (which & 2)
        fill(&call, text);
    call_release(&call);
    return 0;
}
