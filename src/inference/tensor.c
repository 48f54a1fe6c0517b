/* tensor.c - shapes counted without overflow, numbers of any type. */
#include "inference/tensor.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

const char *const tensor_types[] = { "BOOL",  "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16",
                                     "INT32", "INT64", "FP16",   "FP32",   "FP64",   NULL };

int tensor_type_bytes(enum tensor_type type)
{
    static const int bytes[] = { [TENSOR_BOOL] = 1,   [TENSOR_UINT8] = 1, [TENSOR_UINT16] = 2, [TENSOR_UINT32] = 4,
                                 [TENSOR_UINT64] = 8, [TENSOR_INT8] = 1,  [TENSOR_INT16] = 2,  [TENSOR_INT32] = 4,
                                 [TENSOR_INT64] = 8,  [TENSOR_FP16] = 2,  [TENSOR_FP32] = 4,   [TENSOR_FP64] = 8 };
    return bytes[type];
}

int64_t tensor_count(const struct tensor_shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        if (shape->at[i] < 0 || __builtin_mul_overflow(count, shape->at[i], &count))
            return -1;
    return count;
}

int64_t tensor_bytes(const struct tensor_info *info)
{
    int64_t bytes, count = tensor_count(&info->shape);
    return count < 0 || __builtin_mul_overflow(count, (int64_t)tensor_type_bytes(info->type), &bytes) ? -1 : bytes;
}

bool tensor_check(const struct tensor *tensor, struct error *error)
{
    const struct tensor_info *info = &tensor->info;
    int64_t bytes = tensor_bytes(info);
    if (bytes < 0)
        return error_set(error, E_INVALID, "%.*s has a shape that nothing fills", STR_FMT(info->name));
    return bytes == tensor->bytes.len ||
           error_set(error, E_INVALID, "%.*s has %td bytes; its shape and type make %" PRId64, STR_FMT(info->name),
                     tensor->bytes.len, bytes);
}

bool tensor_suits(const struct tensor *tensor, const struct tensor_info *wanted, struct error *error)
{
    const struct tensor_info *info = &tensor->info;
    if (info->type != wanted->type)
        return error_set(error, E_INVALID, "%.*s is %s; the model has %s", STR_FMT(wanted->name),
                         tensor_types[info->type - 1], tensor_types[wanted->type - 1]);
    if (info->shape.rank != wanted->shape.rank)
        return error_set(error, E_INVALID, "%.*s has %d dimensions; the model has %d", STR_FMT(wanted->name),
                         info->shape.rank, wanted->shape.rank);
    for (int i = 0; i < info->shape.rank; i++)
        if (wanted->shape.at[i] >= 0 && info->shape.at[i] != wanted->shape.at[i])
            return error_set(error, E_INVALID, "dimension %d of %.*s is %" PRId64 "; the model has %" PRId64, i + 1,
                             STR_FMT(wanted->name), info->shape.at[i], wanted->shape.at[i]);
    return true;
}

/* IEEE 754 binary16: a sign, five bits of exponent, ten of fraction. */
float float_of_half(uint16_t half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    float size = exponent == 31 ? (fraction ? NAN : INFINITY)
                 : exponent     ? ldexpf((float)(1024 + fraction), exponent - 25)
                                : ldexpf((float)fraction, -24);
    return half >> 15 ? -size : size;
}

/* One number wherever it lies: tensors in a message are not aligned. */
#define READER(NAME, T) \
    static T NAME(const char *at, int64_t index) \
    { \
        T number; \
        memcpy(&number, at + index * (int64_t)sizeof(number), sizeof(number)); \
        return number; \
    }
READER(read_u8, uint8_t)
READER(read_u16, uint16_t)
READER(read_u32, uint32_t)
READER(read_u64, uint64_t)
READER(read_i8, int8_t)
READER(read_i16, int16_t)
READER(read_i32, int32_t)
READER(read_i64, int64_t)
READER(read_f32, float)
READER(read_f64, double)

double tensor_at(const struct tensor *tensor, int64_t index)
{
    const char *at = tensor->bytes.at;
    assert(index >= 0 && (index + 1) * tensor_type_bytes(tensor->info.type) <= tensor->bytes.len);
    switch (tensor->info.type) {
    case TENSOR_BOOL:
        return read_u8(at, index) != 0;
    case TENSOR_UINT8:
        return read_u8(at, index);
    case TENSOR_UINT16:
        return read_u16(at, index);
    case TENSOR_UINT32:
        return read_u32(at, index);
    case TENSOR_UINT64:
        return (double)read_u64(at, index);
    case TENSOR_INT8:
        return read_i8(at, index);
    case TENSOR_INT16:
        return read_i16(at, index);
    case TENSOR_INT32:
        return read_i32(at, index);
    case TENSOR_INT64:
        return (double)read_i64(at, index);
    case TENSOR_FP16:
        return (double)float_of_half(read_u16(at, index));
    case TENSOR_FP32:
        return (double)read_f32(at, index);
    case TENSOR_FP64:
        return read_f64(at, index);
    }
    return 0;
}

bool tensor_is_finite(const struct tensor *tensor)
{
    enum tensor_type type = tensor->info.type;
    if (type != TENSOR_FP16 && type != TENSOR_FP32 && type != TENSOR_FP64)
        return true;
    int64_t count = tensor->bytes.len / tensor_type_bytes(type);
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(tensor_at(tensor, i)))
            return false;
    return true;
}
