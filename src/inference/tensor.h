/* tensor.h - the numbers that go into a model and come out of it: a type, a shape, and bytes.
 *
 *     struct tensor film = { { S("image"), TENSOR_FP32, { 4, { 1, 1, 224, 224 } } }, bytes };
 *     if (!tensor_check(&film, &error)) ...               // as many bytes as its shape says
 *     if (!tensor_suits(&film, &model.inputs[0], &error)) // the shape that the model takes
 *
 * Row-major, little-endian, as ONNX and the Open Inference Protocol have them; bytes are the caller's, borrowed. In the
 * shape of what a model takes or gives -1 stands for any length. Texts (BYTES, ONNX's string) are not carried.
 *
 * Whatever comes from a model or from outside is checked before anything else looks at it: the rank, every length,
 * their product, and, where it is to be a number that people read, that it is finite.
 */
#ifndef ROENTGEN_TENSOR_H
#define ROENTGEN_TENSOR_H

#include "base/error.h"
#include "base/str.h"

enum tensor_type {
    TENSOR_BOOL = 1,
    TENSOR_UINT8,
    TENSOR_UINT16,
    TENSOR_UINT32,
    TENSOR_UINT64,
    TENSOR_INT8,
    TENSOR_INT16,
    TENSOR_INT32,
    TENSOR_INT64,
    TENSOR_FP16,
    TENSOR_FP32,
    TENSOR_FP64,
};
extern const char *const tensor_types[]; /* "BOOL", "UINT8"...: names of the protocol; NULL ends the list */

enum { TENSOR_RANK_MAX = 8, TENSOR_NAME_MAX = 128 };

struct tensor_shape {
    int rank; /* 0: one number */
    int64_t at[TENSOR_RANK_MAX];
};

/* What a model takes or gives. */
struct tensor_info {
    struct str name; /* at most TENSOR_NAME_MAX bytes */
    enum tensor_type type;
    struct tensor_shape shape; /* -1: any length */
};

struct tensor {
    struct tensor_info info; /* without -1 */
    struct str bytes;
};

int tensor_type_bytes(enum tensor_type type); /* of one number */
/* How many numbers, how many bytes; -1: a length below 0, or more than 63 bits can count. */
int64_t tensor_count(const struct tensor_shape *shape);
int64_t tensor_bytes(const struct tensor_info *info);

/* E_INVALID, in words that name the tensor. */
bool tensor_check(const struct tensor *tensor, struct error *error);
bool tensor_suits(const struct tensor *tensor, const struct tensor_info *wanted, struct error *error);
/* Every number is one: no NaN, no infinity. True of what has no such. */
bool tensor_is_finite(const struct tensor *tensor);
/* Number `index`, below tensor_count, of any type. */
double tensor_at(const struct tensor *tensor, int64_t index);
float float_of_half(uint16_t half);

#endif
