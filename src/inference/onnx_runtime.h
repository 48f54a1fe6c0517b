/* onnx_runtime.h - ONNX Runtime through its C interface, found when the program runs.
 *
 *     struct onnx_runtime *runtime;
 *     struct onnx_session *session;
 *     if (!onnx_runtime_open(path, &runtime, &error) ||      // before the sandbox closes
 *         !onnx_session_open(runtime, bytes, &options, &session, &error) ||      // in it
 *         !onnx_session_run(session, inputs, count, outputs, &error)) ...
 *
 * Nothing of it is linked: who has no library has no models, and everything else. It is looked for at the path that is
 * set (ONNXRUNTIME_LIB), then as libonnxruntime.so.1, libonnxruntime.so and libonnxruntime.so.1.NN, where the system
 * keeps libraries, and beside the program (../lib/roentgen). Version 1.13 at least (API 13). Official builds from 1.29
 * on send telemetry unless ORT_DISABLE_TELEMETRY=1 is in the environment when the library is set up: it is put there,
 * whatever was inherited.
 *
 * Used only inside `roentgen model` (model_pool.h), in one thread. Messages of the runtime become errors: trimmed,
 * without line ends or paths of where it was built.
 */
#ifndef ROENTGEN_ONNX_RUNTIME_H
#define ROENTGEN_ONNX_RUNTIME_H

#include "base/arena.h"
#include "inference/tensor.h"

struct onnx_runtime;
/* E_UNAVAILABLE: there is none, or none that can be used; the message says where it was looked for. `path` may be NULL
 * or empty. */
bool onnx_runtime_open(const char *path, struct onnx_runtime **out, struct error *error);
const char *onnx_runtime_version(const struct onnx_runtime *runtime);
void onnx_runtime_close(struct onnx_runtime *runtime); /* takes NULL */
struct onnx_session_options {
    int threads;          /* for one run; 1: only the caller's */
    bool variable_shapes; /* inputs differ in size: memory of one run is not kept for the next */
};
struct onnx_session;
/* `bytes` outlive it. E_INVALID, in the runtime's words: an operator that it lacks, shapes that do not go together. */
bool onnx_session_open(struct onnx_runtime *runtime, struct str bytes, const struct onnx_session_options *options,
                       struct onnx_session **out, struct error *error);
void onnx_session_close(struct onnx_session *session); /* takes NULL */

int onnx_session_input_count(const struct onnx_session *session);
int onnx_session_output_count(const struct onnx_session *session);
const struct tensor_info *onnx_session_input(const struct onnx_session *session, int index);
const struct tensor_info *onnx_session_output(const struct onnx_session *session, int index);

/* All inputs, in the model's order; `outputs` has room for all, and their bytes belong to the session until the next
 * run. */
bool onnx_session_run(struct onnx_session *session, const struct tensor *inputs, struct tensor *outputs,
                      struct error *error);

#endif
