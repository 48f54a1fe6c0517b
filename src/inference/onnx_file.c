/* onnx_file.c - a protocol buffer walked once: what is wanted is kept, what is forbidden is found wherever it hides. */
#include "inference/onnx_file.h"

#include <inttypes.h>
#include <string.h>

/* ---- protocol buffers (protobuf.dev/programming-guides/encoding): fields of a number, a wire type, a value ---- */

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct member {
    int64_t number;
    enum wire wire;
    uint64_t value;   /* of WIRE_VARINT */
    struct str bytes; /* of WIRE_BYTES */
};

static bool take_varint(struct str *from, uint64_t *out)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (from->len == 0)
            return false;
        unsigned char byte = (unsigned char)*from->at;
        *from = str_slice(*from, 1, from->len);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct str *from, uint64_t count, struct str *out)
{
    if (count > (uint64_t)from->len)
        return false;
    *out = str_slice(*from, 0, (ptrdiff_t)count);
    *from = str_slice(*from, (ptrdiff_t)count, from->len);
    return true;
}

/* False: there is none, or what there is, is none; `from` is then not empty. A key beyond 32 bits is none: readers that
 * drop the upper ones would find another field than we do. */
static bool take_member(struct str *from, struct member *out)
{
    uint64_t key, length;
    struct str skipped;
    if (from->len == 0 || !take_varint(from, &key) || key >> 3 == 0 || key > UINT32_MAX)
        return false;
    *out = (struct member){ .number = (int64_t)(key >> 3), .wire = (enum wire)(key & 7) };
    switch (out->wire) {
    case WIRE_VARINT:
        return take_varint(from, &out->value);
    case WIRE_FIXED64:
        return take_bytes(from, 8, &skipped);
    case WIRE_BYTES:
        return take_varint(from, &length) && take_bytes(from, length, &out->bytes);
    case WIRE_FIXED32:
        return take_bytes(from, 4, &skipped);
    }
    return false;
}

/* ---- the walk ---- */

struct reading {
    struct onnx_file *file;
    struct arena *arena;
    struct error *error;
    struct str initialisers[4096]; /* names of the main graph's; more than that are not told from inputs */
    int initialiser_count;
};

static bool damaged(struct reading *r)
{
    return error_set(r->error, E_INVALID, "the file is no ONNX model, or it is cut off");
}

/* Loops over the fields of a message; after it the message must be used up. */
#define EACH_MEMBER(field, rest) while (take_member(&(rest), &(field)))

static bool is_message(const struct member *f, int64_t number)
{
    return f->number == number && f->wire == WIRE_BYTES;
}

/* TensorProto: dims 1, external_data 13, data_location 14. */
static bool walk_tensor(struct reading *r, struct str rest, struct str *name)
{
    struct member f;
    int64_t count = 1;
    EACH_MEMBER(f, rest)
    {
        if (f.number == 13 || (f.number == 14 && (f.wire != WIRE_VARINT || f.value != 0)))
            return error_set(r->error, E_INVALID,
                             "the model keeps numbers in other files (external data): save it as one file");
        if (f.number == 1 && f.wire == WIRE_VARINT && __builtin_mul_overflow(count, (int64_t)f.value, &count))
            return damaged(r);
        struct str dims = f.bytes;
        uint64_t length;
        while (is_message(&f, 1) && dims.len > 0) /* packed */
            if (!take_varint(&dims, &length) || __builtin_mul_overflow(count, (int64_t)length, &count))
                return damaged(r);
        if (is_message(&f, 8) && name)
            *name = f.bytes;
    }
    if (count > 0 && __builtin_add_overflow(r->file->weights, count, &r->file->weights))
        return damaged(r);
    return rest.len == 0 || damaged(r);
}

/* SparseTensorProto: values 1, indices 2. */
static bool walk_sparse(struct reading *r, struct str rest)
{
    struct member f;
    EACH_MEMBER(f, rest)
    if ((is_message(&f, 1) || is_message(&f, 2)) && !walk_tensor(r, f.bytes, NULL))
        return false;
    return rest.len == 0 || damaged(r);
}

static bool walk_graph(struct reading *r, struct str rest, int depth);

/* AttributeProto: t 5, g 6, tensors 10, graphs 11, sparse_tensor 22, sparse_tensors 23. */
static bool walk_attribute(struct reading *r, struct str rest, int depth)
{
    struct member f;
    EACH_MEMBER(f, rest)
    {
        bool ok = true;
        if (is_message(&f, 5) || is_message(&f, 10))
            ok = walk_tensor(r, f.bytes, NULL);
        else if (is_message(&f, 6) || is_message(&f, 11))
            ok = walk_graph(r, f.bytes, depth + 1);
        else if (is_message(&f, 22) || is_message(&f, 23))
            ok = walk_sparse(r, f.bytes);
        if (!ok)
            return false;
    }
    return rest.len == 0 || damaged(r);
}

/* NodeProto: attribute 5. */
static bool walk_node(struct reading *r, struct str rest, int depth)
{
    struct member f;
    if (++r->file->nodes > ONNX_NODES_MAX)
        return error_set(r->error, E_INVALID, "the model has more than %d nodes", ONNX_NODES_MAX);
    EACH_MEMBER(f, rest)
    if (is_message(&f, 5) && !walk_attribute(r, f.bytes, depth))
        return false;
    return rest.len == 0 || damaged(r);
}

/* FunctionProto: node 7, attribute_proto 11. */
static bool walk_function(struct reading *r, struct str rest)
{
    struct member f;
    EACH_MEMBER(f, rest)
    if ((is_message(&f, 7) && !walk_node(r, f.bytes, 1)) || (is_message(&f, 11) && !walk_attribute(r, f.bytes, 1)))
        return false;
    return rest.len == 0 || damaged(r);
}

/* TrainingInfoProto: initialization 1, algorithm 2. */
static bool walk_training(struct reading *r, struct str rest)
{
    struct member f;
    EACH_MEMBER(f, rest)
    if ((is_message(&f, 1) || is_message(&f, 2)) && !walk_graph(r, f.bytes, 1))
        return false;
    return rest.len == 0 || damaged(r);
}

static bool keep_initialiser(struct reading *r, struct str tensor, int depth)
{
    struct str name = STR_NULL;
    if (!walk_tensor(r, tensor, &name))
        return false;
    int most = (int)(sizeof(r->initialisers) / sizeof(r->initialisers[0]));
    if (depth == 0 && r->initialiser_count < most)
        r->initialisers[r->initialiser_count++] = name;
    return true;
}

/* GraphProto: node 1, name 2, initializer 5, doc_string 10, input 11, output 12, sparse_initializer 15. Inputs and
 * outputs of the main graph (depth 0) are read apart. */
static bool walk_graph(struct reading *r, struct str rest, int depth)
{
    struct member f;
    if (depth > ONNX_DEPTH_MAX)
        return error_set(r->error, E_INVALID, "the model is nested deeper than %d graphs", ONNX_DEPTH_MAX);
    EACH_MEMBER(f, rest)
    {
        bool ok = true;
        if (is_message(&f, 1))
            ok = walk_node(r, f.bytes, depth);
        else if (is_message(&f, 5))
            ok = keep_initialiser(r, f.bytes, depth);
        else if (is_message(&f, 15))
            ok = walk_sparse(r, f.bytes);
        else if (depth == 0 && is_message(&f, 2))
            r->file->graph_name = f.bytes;
        if (!ok)
            return false;
    }
    return rest.len == 0 || damaged(r);
}

/* ---- what goes in and out ---- */

/* TensorProto.DataType */
static const enum tensor_type types_of_onnx[] = {
    [1] = TENSOR_FP32,  [2] = TENSOR_UINT8, [3] = TENSOR_INT8,    [4] = TENSOR_UINT16,
    [5] = TENSOR_INT16, [6] = TENSOR_INT32, [7] = TENSOR_INT64,   [9] = TENSOR_BOOL,
    [10] = TENSOR_FP16, [11] = TENSOR_FP64, [12] = TENSOR_UINT32, [13] = TENSOR_UINT64,
};

enum tensor_type onnx_tensor_type(int64_t number)
{
    return number > 0 && number < (int64_t)(sizeof(types_of_onnx) / sizeof(types_of_onnx[0])) ? types_of_onnx[number]
                                                                                              : 0;
}

/* TensorShapeProto.Dimension: dim_value 1; dim_param 2, or nothing: any length. */
static bool read_dimension(struct reading *r, struct str rest, int64_t *length)
{
    struct member f;
    *length = -1;
    EACH_MEMBER(f, rest)
    if (f.number == 1 && f.wire == WIRE_VARINT)
        *length = (int64_t)f.value;
    return (rest.len == 0 && *length >= -1) || damaged(r);
}

static bool read_shape(struct reading *r, struct str rest, struct tensor_info *out)
{
    struct member f;
    EACH_MEMBER(f, rest)
    {
        if (!is_message(&f, 1))
            continue;
        if (out->shape.rank == TENSOR_RANK_MAX)
            return error_set(r->error, E_INVALID, "%.*s has more than %d dimensions", STR_FMT(out->name),
                             TENSOR_RANK_MAX);
        if (!read_dimension(r, f.bytes, &out->shape.at[out->shape.rank++]))
            return false;
    }
    return rest.len == 0 || damaged(r);
}

/* TypeProto: tensor_type 1 {elem_type 1, shape 2}; all else is no tensor. */
static bool read_type(struct reading *r, struct str rest, struct tensor_info *out)
{
    struct member f;
    struct str tensor = STR_NULL;
    EACH_MEMBER(f, rest)
    if (is_message(&f, 1))
        tensor = f.bytes;
    if (rest.len > 0)
        return damaged(r);
    EACH_MEMBER(f, tensor)
    {
        if (f.number == 1 && f.wire == WIRE_VARINT)
            out->type = onnx_tensor_type(f.value > INT32_MAX ? 0 : (int64_t)f.value);
        if (is_message(&f, 2) && !read_shape(r, f.bytes, out))
            return false;
    }
    if (tensor.len > 0)
        return damaged(r);
    return out->type ||
           error_set(r->error, E_INVALID, "%.*s is no tensor of numbers: texts, sequences and maps are not carried",
                     STR_FMT(out->name));
}

/* ValueInfoProto: name 1, type 2. */
static bool read_put(struct reading *r, struct str rest, struct tensor_info *out)
{
    struct member f;
    struct str type = STR_NULL;
    *out = (struct tensor_info){ .name = STR_NULL };
    EACH_MEMBER(f, rest)
    {
        if (is_message(&f, 1))
            out->name = f.bytes;
        if (is_message(&f, 2))
            type = f.bytes;
    }
    if (rest.len > 0 || str_is_empty(out->name) || out->name.len > TENSOR_NAME_MAX || !str_is_utf8(out->name))
        return damaged(r);
    return read_type(r, type, out);
}

static bool is_initialiser(const struct reading *r, struct str name)
{
    for (int i = 0; i < r->initialiser_count; i++)
        if (str_equal(r->initialisers[i], name))
            return true;
    return false;
}

static bool read_puts(struct reading *r, struct str rest, int64_t number, struct tensor_info **out, int *count)
{
    struct member f;
    struct tensor_info put;
    *out = arena_array(r->arena, struct tensor_info, ONNX_PUTS_MAX);
    EACH_MEMBER(f, rest)
    {
        if (!is_message(&f, number))
            continue;
        if (!read_put(r, f.bytes, &put))
            return false;
        if (number == 11 && is_initialiser(r, put.name))
            continue;
        if (*count == ONNX_PUTS_MAX)
            return error_set(r->error, E_INVALID, "the model has more than %d inputs or outputs", ONNX_PUTS_MAX);
        (*out)[(*count)++] = put;
    }
    return true;
}

/* ---- the model ---- */

/* StringStringEntryProto: key 1, value 2. */
static bool read_property(struct reading *r, struct str rest)
{
    struct member f;
    struct onnx_property property = { STR_NULL, S("") };
    EACH_MEMBER(f, rest)
    {
        if (is_message(&f, 1))
            property.key = f.bytes;
        if (is_message(&f, 2))
            property.value = f.bytes;
    }
    if (rest.len > 0 || !str_is_utf8(property.key) || !str_is_utf8(property.value))
        return damaged(r);
    if (r->file->property_count == ONNX_PROPERTIES_MAX)
        return error_set(r->error, E_INVALID, "the model has more than %d properties", ONNX_PROPERTIES_MAX);
    if (!r->file->properties)
        r->file->properties = arena_array(r->arena, struct onnx_property, ONNX_PROPERTIES_MAX);
    r->file->properties[r->file->property_count++] = property;
    return true;
}

/* OperatorSetIdProto: domain 1, version 2. */
static bool read_opset(struct reading *r, struct str rest)
{
    struct member f;
    struct str domain = S("");
    int64_t version = 0;
    EACH_MEMBER(f, rest)
    {
        if (is_message(&f, 1))
            domain = f.bytes;
        if (f.number == 2 && f.wire == WIRE_VARINT)
            version = (int64_t)f.value;
    }
    if (domain.len == 0 || str_equal(domain, S("ai.onnx")))
        r->file->opset = version;
    return rest.len == 0 || damaged(r);
}

static void read_text(const struct member *f, int64_t number, struct str *out)
{
    if (is_message(f, number) && str_is_utf8(f->bytes))
        *out = f->bytes;
}

/* ModelProto: ir_version 1, producer_name 2, producer_version 3, domain 4, model_version 5, doc_string 6, graph 7,
 * opset_import 8, metadata_props 14, training_info 20, functions 25. */
static bool read_model(struct reading *r, struct str rest, struct str *graph)
{
    struct onnx_file *file = r->file;
    struct member f;
    EACH_MEMBER(f, rest)
    {
        bool ok = true;
        if (f.number == 1 && f.wire == WIRE_VARINT)
            file->ir_version = (int64_t)f.value;
        if (f.number == 5 && f.wire == WIRE_VARINT)
            file->model_version = (int64_t)f.value;
        read_text(&f, 2, &file->producer);
        read_text(&f, 3, &file->producer_version);
        read_text(&f, 4, &file->domain);
        read_text(&f, 6, &file->description);
        if (is_message(&f, 7) && graph->at)
            return damaged(r); /* parsers merge two, and so could hide one */
        if (is_message(&f, 7))
            *graph = f.bytes;
        if (is_message(&f, 8))
            ok = read_opset(r, f.bytes);
        if (is_message(&f, 14))
            ok = read_property(r, f.bytes);
        if (is_message(&f, 20))
            ok = walk_training(r, f.bytes);
        if (is_message(&f, 25))
            ok = walk_function(r, f.bytes);
        if (!ok)
            return false;
    }
    return (rest.len == 0 && file->ir_version > 0 && graph->at) || damaged(r);
}

bool onnx_file_read(struct str bytes, struct arena *arena, struct onnx_file *out, struct error *error)
{
    struct onnx_file file = { .opset = 0 };
    struct reading *r = arena_new(arena, struct reading);
    struct str graph = STR_NULL;
    *r = (struct reading){ .file = &file, .arena = arena, .error = error };
    if (!read_model(r, bytes, &graph) || !walk_graph(r, graph, 0) ||
        !read_puts(r, graph, 11, &file.inputs, &file.input_count) ||
        !read_puts(r, graph, 12, &file.outputs, &file.output_count))
        return false;
    if (file.input_count == 0 || file.output_count == 0)
        return error_set(error, E_INVALID, "the model has no %s", file.input_count ? "output" : "input");
    *out = file;
    return true;
}

struct str onnx_property(const struct onnx_file *file, struct str key)
{
    for (int i = 0; i < file->property_count; i++)
        if (str_equal(file->properties[i].key, key))
            return file->properties[i].value;
    return STR_NULL;
}
