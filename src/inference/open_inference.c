/* open_inference.c - tensors in JSON and behind it. */
#include "inference/open_inference.h"

#include "schema/json_read.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- reading ---- */

/* A message as it is taken apart: what is left of the bytes behind the JSON, and of what tensors may have. */
struct message {
    json_t *root;
    struct str rest;
    int64_t bytes_left;
    struct arena *arena;
    struct error *error;
};

static bool refuse(const struct message *m, const char *words)
{
    return error_set(m->error, E_INVALID, "%s", words);
}

static bool message_open(struct message *m, struct str body, int64_t header_bytes)
{
    struct json_flaw flaw;
    if (!header_bytes)
        return refuse(m, "a body of nothing but bytes is not taken: inputs need their names and shapes");
    if (header_bytes > body.len)
        return refuse(m, "Inference-Header-Content-Length is more than the body has");
    if (header_bytes > 0) {
        m->rest = str_slice(body, header_bytes, body.len);
        body.len = header_bytes;
    }
    m->root = json_read(body, m->arena, &flaw);
    if (!m->root)
        return error_set(m->error, E_BAD_REQUEST, "line %d, column %d: %s", flaw.line, flaw.column, flaw.what);
    return json_is_object(m->root) || refuse(m, "the message is no JSON object");
}

static bool message_close(struct message *m, bool is_fine)
{
    json_decref(m->root);
    return is_fine && (!m->rest.len || refuse(m, "there are bytes behind the last tensor"));
}

/* A copy: the tree goes when the message has been read. Null where there is none. */
static bool read_text(const struct message *m, const json_t *of, const char *member, ptrdiff_t max, struct str *out)
{
    const json_t *text = json_object_get(of, member);
    *out = STR_NULL;
    if (!text || json_is_null(text))
        return true;
    if (!json_is_string(text) || json_string_length(text) > (size_t)max)
        return error_set(m->error, E_INVALID, "\"%s\" is no text of at most %td bytes", member, max);
    *out = arena_copy(m->arena, (struct str){ json_string_value(text), (ptrdiff_t)json_string_length(text) });
    return true;
}

static bool read_name(const struct message *m, const json_t *of, struct str *out)
{
    return read_text(m, of, "name", TENSOR_NAME_MAX, out) && (out->len || refuse(m, "a tensor has no name"));
}

static bool read_type(const struct message *m, const json_t *of, struct tensor_info *out)
{
    const char *type = json_string_value(json_object_get(of, "datatype"));
    for (int i = 0; type && tensor_types[i]; i++)
        if (strcmp(type, tensor_types[i]) == 0) {
            out->type = (enum tensor_type)(i + 1);
            return true;
        }
    return error_set(m->error, E_INVALID,
                     "%.*s has a \"datatype\" that is not carried: it is to be one of BOOL, "
                     "UINT8 to UINT64, INT8 to INT64, FP16, FP32, FP64",
                     STR_FMT(out->name));
}

static bool read_shape(const struct message *m, const json_t *of, int64_t least, struct tensor_info *out)
{
    const json_t *shape = json_object_get(of, "shape"), *one;
    size_t i;
    if (!json_is_array(shape) || json_array_size(shape) > TENSOR_RANK_MAX)
        return error_set(m->error, E_INVALID, "%.*s needs a \"shape\" of at most %d lengths", STR_FMT(out->name),
                         TENSOR_RANK_MAX);
    json_array_foreach(shape, i, one)
    {
        if (!json_is_integer(one) || json_integer_value(one) < least)
            return error_set(m->error, E_INVALID, "length %zu of the shape of %.*s is none", i + 1, STR_FMT(out->name));
        out->shape.at[i] = json_integer_value(one);
    }
    out->shape.rank = (int)json_array_size(shape);
    return true;
}

static bool read_info(const struct message *m, const json_t *of, int64_t least, struct tensor_info *out)
{
    return read_name(m, of, &out->name) && read_type(m, of, out) && read_shape(m, of, least, out);
}

/* ---- numbers of JSON ---- */

static bool whole_fits(enum tensor_type type, json_int_t n)
{
    int bits = 8 * tensor_type_bytes(type);
    if (type >= TENSOR_INT8)
        return bits == 64 || (n >= -(INT64_C(1) << (bits - 1)) && n < INT64_C(1) << (bits - 1));
    return n >= 0 && (bits == 64 || n < INT64_C(1) << bits);
}

/* Little-endian, as this machine is. False: it is no number of that type. */
static bool put_number(enum tensor_type type, const json_t *number, char *out)
{
    if (type == TENSOR_FP32 || type == TENSOR_FP64) {
        double value = json_number_value(number);
        float single = (float)value;
        if (!json_is_number(number) || !isfinite(type == TENSOR_FP32 ? (double)single : value))
            return false;
        memcpy(out, type == TENSOR_FP32 ? (const void *)&single : &value, (size_t)tensor_type_bytes(type));
        return true;
    }
    if (type == TENSOR_BOOL && json_is_boolean(number)) {
        *out = json_is_true(number);
        return true;
    }
    json_int_t n = json_integer_value(number);
    if (!json_is_integer(number) || (type == TENSOR_BOOL ? n != 0 && n != 1 : !whole_fits(type, n)))
        return false;
    memcpy(out, &n, (size_t)tensor_type_bytes(type));
    return true;
}

/* Numbers where they are to lie. */
struct filling {
    const struct tensor_info *info;
    char *at, *end;
    bool is_nested;
};

static bool fill(struct filling *f, const json_t *data, int depth)
{
    const json_t *one;
    size_t i;
    if (f->is_nested && (depth >= f->info->shape.rank || json_array_size(data) != (size_t)f->info->shape.at[depth]))
        return false;
    json_array_foreach(data, i, one)
    {
        if (json_is_array(one)) {
            if (!f->is_nested || !fill(f, one, depth + 1))
                return false;
            continue;
        }
        if (f->at == f->end || (f->is_nested && depth != f->info->shape.rank - 1) ||
            !put_number(f->info->type, one, f->at))
            return false;
        f->at += tensor_type_bytes(f->info->type);
    }
    return true;
}

static bool read_numbers(struct message *m, const json_t *data, struct tensor *out)
{
    const struct tensor_info *info = &out->info;
    if (info->type == TENSOR_FP16)
        return error_set(m->error, E_INVALID, "%.*s: FP16 has no form in JSON; send it as bytes behind it",
                         STR_FMT(info->name));
    if (!json_is_array(data))
        return error_set(m->error, E_INVALID, "%.*s has neither \"data\" nor a \"binary_data_size\"",
                         STR_FMT(info->name));
    int64_t bytes = tensor_bytes(info);
    if (tensor_count(&info->shape) > JSON_VALUES_MAX) /* no JSON that is read has so many */
        return error_set(m->error, E_TOO_LARGE, "%.*s has more than %d numbers: send it as bytes behind the JSON",
                         STR_FMT(info->name), JSON_VALUES_MAX);
    char *at = arena_try_alloc(m->arena, bytes ? bytes : 1);
    if (!at)
        return error_set(m->error, E_TOO_LARGE, "there is no memory for %.*s", STR_FMT(info->name));
    struct filling f = { info, at, at + bytes, json_is_array(json_array_get(data, 0)) };
    out->bytes = (struct str){ at, bytes };
    return (fill(&f, data, 0) && f.at == f.end) ||
           error_set(m->error, E_INVALID, "the \"data\" of %.*s are not the numbers that its shape and type say",
                     STR_FMT(info->name));
}

static bool read_bytes(struct message *m, const json_t *size, struct tensor *out)
{
    if (!json_is_integer(size) || json_integer_value(size) < 0 || json_integer_value(size) > m->rest.len)
        return error_set(m->error, E_INVALID, "the \"binary_data_size\" of %.*s is more than the body has",
                         STR_FMT(out->info.name));
    out->bytes = str_slice(m->rest, 0, (ptrdiff_t)json_integer_value(size));
    m->rest = str_slice(m->rest, out->bytes.len, m->rest.len);
    return tensor_check(out, m->error);
}

static bool read_tensor(struct message *m, const json_t *of, struct tensor *out)
{
    const json_t *parameters = json_object_get(of, "parameters"), *data = json_object_get(of, "data");
    const json_t *size = json_object_get(parameters, "binary_data_size");
    if (!read_info(m, of, 0, &out->info))
        return false;
    if (json_object_get(parameters, "shared_memory_region"))
        return refuse(m, "shared memory is not taken");
    if (size && data)
        return error_set(m->error, E_INVALID, "%.*s has both \"data\" and bytes", STR_FMT(out->info.name));
    int64_t bytes = tensor_bytes(&out->info);
    if (bytes < 0 || bytes > m->bytes_left)
        return error_set(m->error, E_TOO_LARGE, "%.*s is larger than the %" PRId64 " bytes that are left for tensors",
                         STR_FMT(out->info.name), m->bytes_left);
    m->bytes_left -= bytes;
    return size ? read_bytes(m, size, out) : read_numbers(m, data, out);
}

static bool is_new(const struct message *m, const struct str *name, const struct tensor *tensors, int count)
{
    for (int i = 0; i < count; i++)
        if (str_equal(tensors[i].info.name, *name))
            return error_set(m->error, E_INVALID, "%.*s is there twice", STR_FMT(*name));
    return true;
}

static bool read_tensors(struct message *m, const char *member, struct tensor *out, int *count)
{
    const json_t *list = json_object_get(m->root, member), *one;
    size_t i;
    *count = 0;
    if (!json_is_array(list) || !json_array_size(list) || json_array_size(list) > OIP_TENSORS_MAX)
        return error_set(m->error, E_INVALID, "\"%s\" is to be a list of 1 to %d tensors", member, OIP_TENSORS_MAX);
    json_array_foreach(list, i, one)
    {
        out[i] = (struct tensor){ 0 };
        if (!read_tensor(m, one, &out[i]) || !is_new(m, &out[i].info.name, out, (int)i))
            return false;
        ++*count;
    }
    return true;
}

static bool read_wanted(struct message *m, struct oip_request *out)
{
    const json_t *list = json_object_get(m->root, "outputs"), *one;
    size_t i;
    if (!list || json_is_null(list))
        return true;
    if (!json_is_array(list) || json_array_size(list) > OIP_TENSORS_MAX)
        return error_set(m->error, E_INVALID, "\"outputs\" is to be a list of at most %d", OIP_TENSORS_MAX);
    json_array_foreach(list, i, one)
    {
        const json_t *parameters = json_object_get(one, "parameters");
        const json_t *binary = json_object_get(parameters, "binary_data");
        if (!read_name(m, one, &out->outputs[i]))
            return false;
        if (json_object_get(parameters, "classification") || json_object_get(parameters, "shared_memory_region"))
            return refuse(m, "neither classification nor shared memory is done for outputs");
        for (size_t k = 0; k < i; k++)
            if (str_equal(out->outputs[k], out->outputs[i]))
                return error_set(m->error, E_INVALID, "%.*s is wanted twice", STR_FMT(out->outputs[i]));
        out->binary[i] = binary ? json_is_true(binary) : out->all_binary;
        out->output_count++;
    }
    return true;
}

static bool read_request(struct message *m, struct oip_request *out)
{
    const json_t *parameters = json_object_get(m->root, "parameters");
    static const char *const sequence[] = { "sequence_id", "sequence_start", "sequence_end" };
    for (int i = 0; i < 3; i++)
        if (json_object_get(parameters, sequence[i]))
            return refuse(m, "sequences are not kept");
    out->all_binary = json_is_true(json_object_get(parameters, "binary_data_output"));
    return read_text(m, m->root, "id", OIP_ID_MAX, &out->id) &&
           read_tensors(m, "inputs", out->inputs, &out->input_count) && read_wanted(m, out);
}

bool oip_request_read(struct str body, int64_t header_bytes, int64_t tensor_bytes, struct arena *arena,
                      struct oip_request *out, struct error *error)
{
    struct message m = { .bytes_left = tensor_bytes, .arena = arena, .error = error };
    *out = (struct oip_request){ 0 };
    return message_close(&m, message_open(&m, body, header_bytes) && read_request(&m, out));
}

bool oip_answer_read(struct str body, int64_t header_bytes, int64_t tensor_bytes, struct arena *arena,
                     struct oip_answer *out, struct error *error)
{
    struct message m = { .bytes_left = tensor_bytes, .arena = arena, .error = error };
    *out = (struct oip_answer){ 0 };
    return message_close(&m, message_open(&m, body, header_bytes) &&
                                 read_text(&m, m.root, "model_name", TENSOR_NAME_MAX, &out->model_name) &&
                                 read_text(&m, m.root, "model_version", TENSOR_NAME_MAX, &out->model_version) &&
                                 read_text(&m, m.root, "id", OIP_ID_MAX, &out->id) &&
                                 read_tensors(&m, "outputs", out->outputs, &out->output_count));
}

/* ---- what a model is ---- */

static bool read_infos(const struct message *m, const char *member, struct tensor_info *out, int *count)
{
    const json_t *list = json_object_get(m->root, member), *one;
    size_t i;
    if (!json_is_array(list) || !json_array_size(list) || json_array_size(list) > OIP_TENSORS_MAX)
        return error_set(m->error, E_INVALID, "the model does not say 1 to %d \"%s\"", OIP_TENSORS_MAX, member);
    json_array_foreach(list, i, one) if (!read_info(m, one, -1, &out[i])) return false;
    *count = (int)json_array_size(list);
    return true;
}

static bool read_versions(const struct message *m, struct oip_model *out)
{
    const json_t *list = json_object_get(m->root, "versions"), *one;
    size_t i;
    json_array_foreach(list, i, one)
    {
        if (i == sizeof(out->versions) / sizeof(*out->versions))
            break;
        if (!json_is_string(one) || json_string_length(one) > TENSOR_NAME_MAX)
            return refuse(m, "a version of the model has no name");
        out->versions[out->version_count++] =
            arena_copy(m->arena, (struct str){ json_string_value(one), (ptrdiff_t)json_string_length(one) });
    }
    return true;
}

bool oip_model_read(struct str body, struct arena *arena, struct oip_model *out, struct error *error)
{
    struct message m = { .arena = arena, .error = error };
    *out = (struct oip_model){ 0 };
    return message_close(&m, message_open(&m, body, -1) && read_text(&m, m.root, "name", TENSOR_NAME_MAX, &out->name) &&
                                 read_text(&m, m.root, "platform", TENSOR_NAME_MAX, &out->platform) &&
                                 read_versions(&m, out) && read_infos(&m, "inputs", out->inputs, &out->input_count) &&
                                 read_infos(&m, "outputs", out->outputs, &out->output_count));
}
