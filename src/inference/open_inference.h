/* open_inference.h - messages of the Open Inference Protocol, version 2 (KServe), with Triton's binary extension, read
 * and written: as the client of a remote server (remote_model.h), and as the server that `/v2` is.
 *
 *     struct oip_request request;                                   // a server: what somebody asks
 *     if (!oip_request_read(body, header_bytes, &arena, &request, &error)) ...
 *     if (!oip_answer_write(&answer, &out, &header_bytes, &error)) ...
 *
 *     if (!oip_request_write(&request, true, &out, &header_bytes, &error)) ...   // a client: asks, reads the answer
 *     if (!oip_answer_read(body, header_bytes, &arena, &answer, &error)) ...
 *
 * A body is JSON, or JSON and behind it the bytes of tensors in their order; then the header
 * `Inference-Header-Content-Length` says how long the JSON is (`header_bytes`; -1: there is no such header), and each
 * of these tensors has `parameters.binary_data_size`. FP16 has no JSON form, so it is binary or refused. Numbers in
 * JSON lie flat or nested as the shape is. BYTES tensors, shared memory and sequences are not carried: refused in
 * words.
 *
 * Refused (E_INVALID) as well: more bytes than `tensor_bytes`, a count that is not what the shape says, a size that the
 * body has not, the same name twice, NaN and infinity in JSON (there are none), whole numbers that their type cannot
 * hold. Tensors point into the body or the arena.
 */
#ifndef ROENTGEN_OPEN_INFERENCE_H
#define ROENTGEN_OPEN_INFERENCE_H

#include "base/arena.h"
#include "base/text.h"
#include "inference/tensor.h"

enum { OIP_TENSORS_MAX = 16, OIP_ID_MAX = 128 };

struct oip_request {
    struct str id; /* comes back in the answer; null: none */
    struct tensor inputs[OIP_TENSORS_MAX];
    int input_count;
    struct str outputs[OIP_TENSORS_MAX]; /* wanted, by name */
    bool binary[OIP_TENSORS_MAX];        /* of each of these */
    int output_count;                    /* 0: all */
    bool all_binary;                     /* binary_data_output: of those that are not named */
};

struct oip_answer {
    struct str model_name, model_version, id; /* version, id: null where there is none */
    struct tensor outputs[OIP_TENSORS_MAX];
    bool binary[OIP_TENSORS_MAX]; /* to be written so */
    int output_count;
    struct str parameters; /* to be written: a JSON object of what else there is to say; null: none. Not read */
};

bool oip_request_read(struct str body, int64_t header_bytes, int64_t tensor_bytes, struct arena *arena,
                      struct oip_request *out, struct error *error);
bool oip_answer_read(struct str body, int64_t header_bytes, int64_t tensor_bytes, struct arena *arena,
                     struct oip_answer *out, struct error *error);
/* Appends. *header_bytes: how long the JSON is; -1: it is all, no header is sent. `binary`: all inputs go as bytes;
 * which outputs come so says the request. E_INVALID: an output that has no form in JSON. E_TOO_LARGE: `out` has not the
 * room. */
bool oip_request_write(const struct oip_request *request, bool binary, struct text *out, int64_t *header_bytes,
                       struct error *error);
bool oip_answer_write(const struct oip_answer *answer, struct text *out, int64_t *header_bytes, struct error *error);

/* What `GET v2/models/{name}` answers. */
struct oip_model {
    struct str name, platform;
    struct str versions[16];
    int version_count;
    struct tensor_info inputs[OIP_TENSORS_MAX], outputs[OIP_TENSORS_MAX];
    int input_count, output_count;
};
bool oip_model_read(struct str body, struct arena *arena, struct oip_model *out, struct error *error);
void oip_model_write(const struct oip_model *model, struct text *out);

#endif
