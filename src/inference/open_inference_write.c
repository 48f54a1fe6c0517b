/* open_inference_write.c - tensors as JSON, or as bytes behind it. */
#include "inference/open_inference.h"

#include <inttypes.h>
#include <string.h>

static void put_info(struct text *out, const struct tensor_info *info)
{
    text_put(out, S("{\"name\":"));
    text_put_json_string(out, info->name);
    text_format(out, ",\"datatype\":\"%s\",\"shape\":[", tensor_types[info->type - 1]);
    for (int i = 0; i < info->shape.rank; i++)
        text_format(out, "%s%" PRId64, i ? "," : "", info->shape.at[i]);
    text_put(out, S("]"));
}

static void put_number_text(struct text *out, const struct tensor *tensor, int64_t index)
{
    uint64_t large;
    int64_t whole;
    switch (tensor->info.type) {
    case TENSOR_BOOL:
        text_put(out, tensor_at(tensor, index) != 0 ? S("true") : S("false"));
        return;
    case TENSOR_UINT64:
        memcpy(&large, tensor->bytes.at + 8 * index, 8);
        text_format(out, "%" PRIu64, large);
        return;
    case TENSOR_INT64:
        memcpy(&whole, tensor->bytes.at + 8 * index, 8);
        text_put_integer(out, whole);
        return;
    case TENSOR_FP16:
    case TENSOR_FP32:
    case TENSOR_FP64:
        text_put_real(out, tensor_at(tensor, index));
        return;
    default:
        text_put_integer(out, (int64_t)tensor_at(tensor, index));
    }
}

static bool put_tensor(struct text *out, const struct tensor *tensor, bool binary, struct error *error)
{
    put_info(out, &tensor->info);
    if (binary) {
        text_format(out, ",\"parameters\":{\"binary_data_size\":%td}}", tensor->bytes.len);
        return true;
    }
    if (tensor->info.type == TENSOR_FP16)
        return error_set(error, E_INVALID, "%.*s: FP16 has no form in JSON; ask for it as binary data",
                         STR_FMT(tensor->info.name));
    if (!tensor_is_finite(tensor))
        return error_set(error, E_INVALID, "%.*s holds what is no number, for which JSON has no form",
                         STR_FMT(tensor->info.name));
    text_put(out, S(",\"data\":["));
    int64_t count = tensor_count(&tensor->info.shape);
    for (int64_t i = 0; i < count && !out->overflowed; i++) {
        if (i)
            text_put_char(out, ',');
        put_number_text(out, tensor, i);
    }
    text_put(out, S("]}"));
    return true;
}

/* The list as JSON; the bytes of those that go so follow when the JSON has been closed (put_bytes). */
static bool put_tensors(struct text *out, const char *member, const struct tensor *tensors, const bool *binary,
                        int count, struct error *error)
{
    text_format(out, ",\"%s\":[", member);
    for (int i = 0; i < count; i++) {
        if (i)
            text_put_char(out, ',');
        if (!put_tensor(out, &tensors[i], binary[i], error))
            return false;
    }
    text_put_char(out, ']');
    return true;
}

static void put_bytes(struct text *out, const struct tensor *tensors, const bool *binary, int count,
                      int64_t *header_bytes)
{
    int64_t json_bytes = out->len;
    *header_bytes = -1;
    for (int i = 0; i < count; i++)
        if (binary[i]) {
            *header_bytes = json_bytes;
            text_put(out, tensors[i].bytes);
        }
}

static void put_wanted(struct text *out, const struct oip_request *request)
{
    for (int i = 0; i < request->output_count; i++) {
        text_put(out, i ? S(",{\"name\":") : S(",\"outputs\":[{\"name\":"));
        text_put_json_string(out, request->outputs[i]);
        text_format(out, ",\"parameters\":{\"binary_data\":%s}}", request->binary[i] ? "true" : "false");
    }
    if (request->output_count)
        text_put_char(out, ']');
}

bool oip_request_write(const struct oip_request *request, bool binary, struct text *out, int64_t *header_bytes,
                       struct error *error)
{
    bool as_bytes[OIP_TENSORS_MAX];
    for (int i = 0; i < request->input_count; i++)
        as_bytes[i] = binary;
    text_put(out, S("{\"id\":"));
    text_put_json_string(out, request->id);
    if (request->all_binary)
        text_put(out, S(",\"parameters\":{\"binary_data_output\":true}"));
    if (!put_tensors(out, "inputs", request->inputs, as_bytes, request->input_count, error))
        return false;
    put_wanted(out, request);
    text_put_char(out, '}');
    put_bytes(out, request->inputs, as_bytes, request->input_count, header_bytes);
    return !out->overflowed || error_set(error, E_TOO_LARGE, "the request is larger than allowed");
}

bool oip_answer_write(const struct oip_answer *answer, struct text *out, int64_t *header_bytes, struct error *error)
{
    text_put(out, S("{\"model_name\":"));
    text_put_json_string(out, answer->model_name);
    if (answer->model_version.at) {
        text_put(out, S(",\"model_version\":"));
        text_put_json_string(out, answer->model_version);
    }
    if (answer->id.at) {
        text_put(out, S(",\"id\":"));
        text_put_json_string(out, answer->id);
    }
    if (answer->parameters.at) {
        text_put(out, S(",\"parameters\":"));
        text_put(out, answer->parameters);
    }
    if (!put_tensors(out, "outputs", answer->outputs, answer->binary, answer->output_count, error))
        return false;
    text_put_char(out, '}');
    put_bytes(out, answer->outputs, answer->binary, answer->output_count, header_bytes);
    return !out->overflowed || error_set(error, E_TOO_LARGE, "the answer is larger than allowed");
}

void oip_model_write(const struct oip_model *model, struct text *out)
{
    text_put(out, S("{\"name\":"));
    text_put_json_string(out, model->name);
    text_put(out, S(",\"versions\":["));
    for (int i = 0; i < model->version_count; i++) {
        if (i)
            text_put_char(out, ',');
        text_put_json_string(out, model->versions[i]);
    }
    text_put(out, S("],\"platform\":"));
    text_put_json_string(out, model->platform);
    for (int side = 0; side < 2; side++) {
        const struct tensor_info *infos = side ? model->outputs : model->inputs;
        int count = side ? model->output_count : model->input_count;
        text_put(out, side ? S(",\"outputs\":[") : S(",\"inputs\":["));
        for (int i = 0; i < count; i++) {
            if (i)
                text_put_char(out, ',');
            put_info(out, &infos[i]);
            text_put_char(out, '}');
        }
        text_put_char(out, ']');
    }
    text_put_char(out, '}');
}
