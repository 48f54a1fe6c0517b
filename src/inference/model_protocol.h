/* model_protocol.h - what server and model process say to each other (base/boxed.h says how). Private to inference/.
 *
 * A setup first, with the descriptor of the shared memory; then orders: one that loads a model, with the descriptor of
 * its file, then runs. A reply to each. In the shared memory:
 *
 *   0            tensor_bytes     2 * tensor_bytes
 *   | inputs .... | outputs ........ |          each tensor at a multiple of MODEL_ALIGN
 *     server writes  process writes
 */
#ifndef ROENTGEN_MODEL_PROTOCOL_H
#define ROENTGEN_MODEL_PROTOCOL_H

#include "base/boxed.h"
#include "inference/model_pool.h"

enum { MODEL_ALIGN = 64, MODEL_LIBRARY_MAX = 1024, MODEL_RUNTIME_MAX = 64 };
#define MODEL_MAGIC 0x6d6f6465u

struct model_setup {
    uint32_t magic;
    int threads;
    int64_t memory_bytes, tensor_bytes;
    char library[MODEL_LIBRARY_MAX]; /* "": looked for */
};

/* An input or output: as a model has it, or one tensor of a run. */
struct model_put {
    char name[TENSOR_NAME_MAX + 1]; /* of a run: "" */
    enum tensor_type type;
    struct tensor_shape shape;
    int64_t offset, bytes; /* of a run: in its half of the shared memory */
};

enum model_order_kind { MODEL_LOAD = 1, MODEL_RUN };
struct model_request {
    uint32_t magic;
    enum model_order_kind kind;
    uint64_t number; /* comes back in the reply */
    int input_count;
    struct model_put inputs[MODEL_PUTS_MAX]; /* of a run, in the model's order */
};

struct model_reply {
    uint32_t magic;
    enum error_code code; /* E_NONE: done */
    uint64_t number;
    int64_t took_us;
    int input_count, output_count;
    struct model_put inputs[MODEL_PUTS_MAX], outputs[MODEL_PUTS_MAX];
    char runtime[MODEL_RUNTIME_MAX];
    char message[ERROR_MESSAGE_MAX];
};

#endif
