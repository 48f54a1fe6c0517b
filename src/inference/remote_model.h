/* remote_model.h - a model that another server runs: Triton, KServe, OpenVINO Model Server, MLServer.
 *
 *     struct remote_model at = { S("http://gpu1:8000"), S("chest"), S("3") };
 *     if (!remote_model_describe(&options, &at, arena, &said, &error)) ...     // GET v2/models/chest/versions/3
 *     struct remote_order order = { at, &said.face, said.is_binary, id, tensors, 1 };
 *     if (!remote_model_run(&options, &order, arena, &answer, &error)) ...
 *
 * Where to: only servers that the operator has listed (outbound.h; INFERENCE_HOSTS).
 *
 * Runs: the request has an id, so that asking again is safe; asked again REMOTE_ATTEMPTS times in all after what passes
 * (no connection, 429, 502, 503, 504), with a pause; not after what the server says of the request (other 4xx:
 * E_INVALID in its words, trimmed). A server that goes on failing is left alone for a while (outbound.h).
 *
 * What a server says of its model is what it said once: kept by who asked for it, and what the model answers
 * later is compared with it.
 *
 * Results lie in the arena. Thread-safe; blocks for `timeout_ms` at most, per attempt.
 */
#ifndef ROENTGEN_REMOTE_MODEL_H
#define ROENTGEN_REMOTE_MODEL_H

#include "inference/model_pool.h"
#include "inference/open_inference.h"
#include "outbound/outbound.h"

enum { REMOTE_ATTEMPTS = 3 };

struct remote_options {
    struct outbound *outbound;                /* borrowed */
    int64_t timeout_ms;                       /* of each attempt */
    int64_t tensor_bytes;                     /* at most, of all inputs of a run, and of all outputs */
    bool (*is_stopping)(const void *context); /* asked now and then while somebody waits; NULL: nothing stops it */
    const void *context;
};

struct remote_model {
    struct str url;           /* http(s)://host[:port][/prefix] */
    struct str name, version; /* version: null or empty for the server's own choice */
};

/* What a server says of one of its models. */
struct remote_said {
    struct model_face face;
    struct str text; /* the answer to GET v2/models/NAME, as it came */
    bool is_binary;  /* it takes and gives tensors as bytes: GET v2 names the extension binary_tensor_data */
};
bool remote_model_describe(const struct remote_options *options, const struct remote_model *at, struct arena *arena,
                           struct remote_said *out, struct error *error);
/* The `text`, read once more. */
bool remote_model_face(struct str text, struct arena *arena, struct model_face *out, struct error *error);
/* `id`: of the request, for the logs of both. `face`: what the inputs are compared with before anything is sent, and
 * the outputs, which come in its order, when they have come. */
struct remote_order {
    struct remote_model at;
    const struct model_face *face;
    bool is_binary; /* else as JSON, where FP16 has no form: E_INVALID */
    struct str id;
    const struct tensor *inputs;
    int input_count;
};
bool remote_model_run(const struct remote_options *options, const struct remote_order *order, struct arena *arena,
                      struct model_answer *out, struct error *error);

/* The messages alone, for another way there than HTTP: what is sent, and what came. Both are compared with the face, as
 * above. */
bool remote_request_write(const struct remote_order *order, struct text *out, int64_t *header_bytes,
                          struct error *error);
bool remote_answer_read(const struct model_face *face, struct str body, int64_t header_bytes, int64_t tensor_bytes,
                        struct arena *arena, struct model_answer *out, struct error *error);

#endif
