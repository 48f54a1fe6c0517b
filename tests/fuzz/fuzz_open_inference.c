/* fuzz_open_inference.c - any bytes as a message of the Open Inference Protocol: what somebody asks /v2, what another
 * server answers or says of its model. Refused in words, or all that is read holds what open_inference.h promises, and
 * is read as the same again when it is written.
 *
 *   two bytes: Inference-Header-Content-Length, big-endian, FFFF: there is none | the body
 */
#include "inference/open_inference.h"
#include "one_of.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { BYTES_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One run: messages are refused with words, and only these codes. */
struct run {
    struct arena arena;
    struct error error;
    struct text text;
};

static void check_refused(struct run *run)
{
    assert(run->error.message[0] &&
           (run->error.code == E_INVALID || run->error.code == E_BAD_REQUEST || run->error.code == E_TOO_LARGE));
    error_clear(&run->error);
}

static void check_info(const struct tensor_info *info, int64_t least)
{
    assert(info->name.len > 0 && info->name.len <= TENSOR_NAME_MAX && str_is_utf8(info->name));
    assert(info->type >= TENSOR_BOOL && info->type <= TENSOR_FP64);
    assert(info->shape.rank >= 0 && info->shape.rank <= TENSOR_RANK_MAX);
    for (int i = 0; i < info->shape.rank; i++)
        assert(info->shape.at[i] >= least);
}

/* Each once, whole, and no more of them than is allowed; every number can be read. */
static void check_tensors(const struct tensor *tensors, int count)
{
    int64_t bytes = 0;
    struct error error = { 0 };
    assert(count > 0 && count <= OIP_TENSORS_MAX);
    for (int i = 0; i < count; i++) {
        check_info(&tensors[i].info, 0);
        assert(tensor_check(&tensors[i], &error));
        bytes += tensors[i].bytes.len;
        bool finite = true;
        for (int64_t k = 0; k < tensor_count(&tensors[i].info.shape); k++)
            finite = finite && isfinite(tensor_at(&tensors[i], k));
        assert(tensor_is_finite(&tensors[i]) == finite);
        for (int k = 0; k < i; k++)
            assert(!str_equal(tensors[i].info.name, tensors[k].info.name));
    }
    assert(bytes <= BYTES_MAX);
}

/* One that is not there is written as an empty one. */
static bool same_text(struct str one, struct str other)
{
    return one.len == other.len && (!one.len || str_equal(one, other));
}

static void check_same(const struct tensor *one, const struct tensor *other, int count, bool as_bytes)
{
    for (int i = 0; i < count; i++) {
        assert(str_equal(one[i].info.name, other[i].info.name) && one[i].info.type == other[i].info.type);
        assert(one[i].info.shape.rank == other[i].info.shape.rank && one[i].bytes.len == other[i].bytes.len);
        assert(!as_bytes || same_text(one[i].bytes, other[i].bytes));
    }
}

/* JSON's whole numbers go to 2^63. */
static bool has_no_json(const struct tensor *tensors, int count)
{
    for (int i = 0; i < count; i++)
        for (int64_t k = 0; tensors[i].info.type == TENSOR_UINT64 && k < tensor_count(&tensors[i].info.shape); k++)
            if (tensor_at(&tensors[i], k) >= 9.2e18)
                return true;
    return false;
}

static void ask(struct run *run, struct str body, int64_t header_bytes)
{
    struct oip_request request, again;
    if (!oip_request_read(body, header_bytes, BYTES_MAX, &run->arena, &request, &run->error)) {
        check_refused(run);
        return;
    }
    check_tensors(request.inputs, request.input_count);
    assert(request.output_count >= 0 && request.output_count <= OIP_TENSORS_MAX && request.id.len <= OIP_ID_MAX);
    for (int i = 0; i < request.output_count; i++)
        assert(request.outputs[i].len > 0 && request.outputs[i].len <= TENSOR_NAME_MAX);
    for (int binary = 0; binary < 2; binary++) {
        text_clear(&run->text);
        if (!oip_request_write(&request, binary, &run->text, &header_bytes, &run->error)) {
            assert(!binary);
            check_refused(run);
            continue;
        }
        assert((header_bytes >= 0) == binary);
        if (!oip_request_read(text_str(&run->text), header_bytes, BYTES_MAX, &run->arena, &again, &run->error)) {
            assert(!binary && has_no_json(request.inputs, request.input_count));
            check_refused(run);
            continue;
        }
        assert(again.input_count == request.input_count && again.output_count == request.output_count);
        assert(same_text(again.id, request.id) && again.all_binary == request.all_binary);
        check_same(request.inputs, again.inputs, request.input_count, binary);
    }
}

static void answer(struct run *run, struct str body, int64_t header_bytes)
{
    struct oip_answer said, again;
    if (!oip_answer_read(body, header_bytes, BYTES_MAX, &run->arena, &said, &run->error)) {
        check_refused(run);
        return;
    }
    check_tensors(said.outputs, said.output_count);
    for (int i = 0; i < said.output_count; i++)
        said.binary[i] = i % 2 == 0 || said.outputs[i].info.type == TENSOR_FP16 || !tensor_is_finite(&said.outputs[i]);
    text_clear(&run->text);
    assert(oip_answer_write(&said, &run->text, &header_bytes, &run->error));
    if (!oip_answer_read(text_str(&run->text), header_bytes, BYTES_MAX, &run->arena, &again, &run->error)) {
        assert(has_no_json(said.outputs, said.output_count));
        check_refused(run);
        return;
    }
    assert(again.output_count == said.output_count && same_text(again.id, said.id));
    check_same(said.outputs, again.outputs, said.output_count, false);
}

static void model(struct run *run, struct str body)
{
    struct oip_model said, again;
    if (!oip_model_read(body, &run->arena, &said, &run->error)) {
        check_refused(run);
        return;
    }
    for (int i = 0; i < said.input_count; i++)
        check_info(&said.inputs[i], -1);
    for (int i = 0; i < said.output_count; i++)
        check_info(&said.outputs[i], -1);
    text_clear(&run->text);
    oip_model_write(&said, &run->text);
    assert(oip_model_read(text_str(&run->text), &run->arena, &again, &run->error));
    assert(again.input_count == said.input_count && again.output_count == said.output_count);
    assert(again.version_count == said.version_count && same_text(again.name, said.name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run run = { .error = { 0 } };
    if (size < 2)
        return 0;
    int which = ONE_OF(3, data, size);
    int64_t header_bytes = data[0] << 8 | data[1];
    struct str body = { (const char *)data + 2, (ptrdiff_t)size - 2 };
    if (header_bytes == 0xFFFF)
        header_bytes = -1;
    arena_init(&run.arena);
    text_init(&run.text, 4 * BYTES_MAX);
    if (which & 1)
        ask(&run, body, header_bytes);
    if (which & 2)
        answer(&run, body, header_bytes);
    if (which & 4)
        model(&run, body);
    text_release(&run.text);
    arena_release(&run.arena);
    return 0;
}
