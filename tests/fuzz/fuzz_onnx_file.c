/* fuzz_onnx_file.c - any bytes as an ONNX file: refused as E_INVALID, or all that is said of it holds. Tensors of what
 * it takes are then made of the same bytes. */
#include "inference/onnx_file.h"

#include <assert.h>
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(struct str text, struct str whole)
{
    return text.len == 0 || (text.at >= whole.at && text.at + text.len <= whole.at + whole.len);
}

static void check_put(const struct tensor_info *info, struct str whole)
{
    assert(info->name.len > 0 && info->name.len <= TENSOR_NAME_MAX && str_is_utf8(info->name));
    assert(lies_in(info->name, whole));
    assert(info->type >= TENSOR_BOOL && info->type <= TENSOR_FP64);
    assert(info->shape.rank >= 0 && info->shape.rank <= TENSOR_RANK_MAX);
    for (int i = 0; i < info->shape.rank; i++)
        assert(info->shape.at[i] >= -1);
}

/* As many bytes as there are, in the shape that the file asks for, -1 taken for `length`. */
static void check_tensor(const struct tensor_info *wanted, struct str bytes, int64_t length)
{
    struct tensor tensor = { .info = *wanted, .bytes = bytes };
    struct error error = { 0 };
    for (int i = 0; i < wanted->shape.rank; i++)
        if (tensor.info.shape.at[i] < 0)
            tensor.info.shape.at[i] = length;
    assert(tensor_suits(&tensor, wanted, &error));
    int64_t count = tensor_count(&tensor.info.shape), need = tensor_bytes(&tensor.info);
    if (need >= 0 && need <= bytes.len)
        tensor.bytes.len = (ptrdiff_t)need;
    bool whole = tensor_check(&tensor, &error);
    assert(whole == (need >= 0 && need <= bytes.len));
    if (!whole) {
        assert(error.code == E_INVALID);
        return;
    }
    assert(need == count * tensor_type_bytes(tensor.info.type));
    bool finite = true;
    for (int64_t i = 0; i < count; i++)
        finite = finite && isfinite(tensor_at(&tensor, i));
    assert(tensor_is_finite(&tensor) == finite);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = { (const char *)data, (ptrdiff_t)size };
    struct onnx_file file;
    struct arena arena;
    struct error error = { 0 };
    arena_init(&arena);
    if (!onnx_file_read(bytes, &arena, &file, &error)) {
        assert(error.code == E_INVALID && error.message[0]);
        arena_release(&arena);
        return 0;
    }
    assert(file.input_count > 0 && file.input_count <= ONNX_PUTS_MAX);
    assert(file.output_count > 0 && file.output_count <= ONNX_PUTS_MAX);
    assert(file.nodes >= 0 && file.nodes <= ONNX_NODES_MAX && file.weights >= 0);
    for (int i = 0; i < file.input_count; i++) {
        check_put(&file.inputs[i], bytes);
        check_tensor(&file.inputs[i], bytes, data[size - 1]);
    }
    for (int i = 0; i < file.output_count; i++)
        check_put(&file.outputs[i], bytes);
    assert(file.property_count >= 0 && file.property_count <= ONNX_PROPERTIES_MAX);
    for (int i = 0; i < file.property_count; i++) {
        assert(lies_in(file.properties[i].key, bytes) && lies_in(file.properties[i].value, bytes));
        assert(onnx_property(&file, file.properties[i].key).at);
    }
    arena_release(&arena);
    return 0;
}
