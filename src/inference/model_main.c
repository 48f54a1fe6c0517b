/* model_main.c - the model process: loads one model, runs it until its socket closes. */
#include "inference/model_protocol.h"

#include "base/clock.h"
#include "base/sandbox.h"
#include "inference/onnx_file.h"
#include "inference/onnx_runtime.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 32, BAD_CALL = 2 };

/* What the process has; all of it until its end. */
struct desk {
    struct model_setup setup;
    char *shared; /* inputs, then outputs */
    struct onnx_runtime *runtime;
    struct onnx_session *session; /* NULL: no model yet */
};

/* ---- loading ---- */

/* Its size is asked for in the one way that the sandbox leaves open. */
static bool map_file(int fd, struct str *out, struct error *error)
{
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (size <= 0)
        return error_set(error, E_INVALID, "the model is empty");
    void *at = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        return error_set(error, E_UNAVAILABLE, "the model cannot be mapped: %s", strerror(errno));
    *out = (struct str){ at, size };
    return true;
}

/* Do its inputs differ in more than how many there are of them? */
static bool is_variable(const struct onnx_file *file)
{
    for (int i = 0; i < file->input_count; i++)
        for (int k = 1; k < file->inputs[i].shape.rank; k++)
            if (file->inputs[i].shape.at[k] < 0)
                return true;
    return false;
}

static bool open_session(struct desk *desk, struct str bytes, struct error *error)
{
    struct arena arena;
    struct onnx_file file;
    arena_init(&arena);
    bool ok = onnx_file_read(bytes, &arena, &file, error);
    struct onnx_session_options options = { desk->setup.threads, ok && is_variable(&file) };
    arena_release(&arena);
    return ok && onnx_session_open(desk->runtime, bytes, &options, &desk->session, error);
}

static void tell_put(const struct tensor_info *info, struct model_put *out)
{
    *out = (struct model_put){ .type = info->type, .shape = info->shape };
    memcpy(out->name, info->name.at, (size_t)info->name.len);
}

static bool load(struct desk *desk, int fd, struct model_reply *reply, struct error *error)
{
    struct str bytes;
    if (desk->session)
        return error_set(error, E_INTERNAL, "this process has a model already");
    if (!map_file(fd, &bytes, error) || !open_session(desk, bytes, error))
        return false;
    int inputs = onnx_session_input_count(desk->session), outputs = onnx_session_output_count(desk->session);
    if (inputs > MODEL_PUTS_MAX || outputs > MODEL_PUTS_MAX)
        return error_set(error, E_INVALID, "the model has more than %d inputs or outputs", MODEL_PUTS_MAX);
    for (int i = 0; i < inputs; i++)
        tell_put(onnx_session_input(desk->session, i), &reply->inputs[i]);
    for (int i = 0; i < outputs; i++)
        tell_put(onnx_session_output(desk->session, i), &reply->outputs[i]);
    reply->input_count = inputs;
    reply->output_count = outputs;
    return true;
}

/* ---- running ---- */

/* The server has checked them; a process that has been taken over gains nothing by checking again. */
static void take_inputs(const struct desk *desk, const struct model_request *request, struct tensor *out)
{
    for (int i = 0; i < request->input_count; i++) {
        const struct model_put *put = &request->inputs[i];
        out[i] = (struct tensor){ .info = { .type = put->type, .shape = put->shape },
                                  .bytes = { desk->shared + put->offset, (ptrdiff_t)put->bytes } };
    }
}

static bool give_outputs(struct desk *desk, const struct tensor *outputs, struct model_reply *reply,
                         struct error *error)
{
    int64_t offset = 0;
    for (int i = 0; i < reply->output_count; i++) {
        const struct tensor *from = &outputs[i];
        if (from->bytes.len > desk->setup.tensor_bytes - offset)
            return error_set(error, E_INVALID, "the model's answer is larger than the bytes allowed");
        reply->outputs[i] = (struct model_put){
            .type = from->info.type, .shape = from->info.shape, .offset = offset, .bytes = from->bytes.len
        };
        if (from->bytes.len)
            memcpy(desk->shared + desk->setup.tensor_bytes + offset, from->bytes.at, (size_t)from->bytes.len);
        offset += (from->bytes.len + MODEL_ALIGN - 1) / MODEL_ALIGN * MODEL_ALIGN;
        if (offset > desk->setup.tensor_bytes)
            offset = desk->setup.tensor_bytes;
    }
    return true;
}

static bool run(struct desk *desk, const struct model_request *request, struct model_reply *reply, struct error *error)
{
    struct tensor inputs[MODEL_PUTS_MAX], outputs[ONNX_PUTS_MAX];
    if (!desk->session || request->input_count != onnx_session_input_count(desk->session))
        return error_set(error, E_INTERNAL, "this process has another model");
    take_inputs(desk, request, inputs);
    reply->output_count = onnx_session_output_count(desk->session);
    return onnx_session_run(desk->session, inputs, outputs, error) && give_outputs(desk, outputs, reply, error);
}

/* ---- the process ---- */

static void answer(struct desk *desk, const struct model_request *request, int fd, struct model_reply *reply)
{
    struct error error = { 0 };
    int64_t begun_us = clock_monotonic_us();
    *reply = (struct model_reply){ .magic = MODEL_MAGIC, .number = request->number };
    bool ok = request->kind == MODEL_LOAD ? load(desk, fd, reply, &error) : run(desk, request, reply, &error);
    reply->took_us = clock_monotonic_us() - begun_us;
    if (!ok) {
        reply->code = error.code;
        snprintf(reply->message, sizeof(reply->message), "%s", error.message);
    }
}

/* All that needs files has to happen before the sandbox closes. */
static bool set_up(struct desk *desk, int memory, struct error *error)
{
    const struct model_setup *setup = &desk->setup;
    size_t shared_bytes = (size_t)setup->tensor_bytes * 2;
    struct sandbox_limits limits = { setup->memory_bytes + (int64_t)shared_bytes, DESCRIPTORS_MAX, BOXED_SOCKET,
                                     setup->threads > 1 };
    void *shared = mmap(NULL, shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (shared == MAP_FAILED)
        return error_set(error, E_UNAVAILABLE, "shared memory cannot be mapped: %s", strerror(errno));
    desk->shared = shared;
    return onnx_runtime_open(setup->library, &desk->runtime, error) && sandbox_enter(&limits, error);
}

static void serve(struct desk *desk)
{
    static struct model_request request;
    static struct model_reply reply;
    int fd;
    while (boxed_take(&request, sizeof(request), &fd) && request.magic == MODEL_MAGIC) {
        answer(desk, &request, fd, &reply);
        if (fd >= 0)
            close(fd);
        if (!boxed_reply(&reply, sizeof(reply)))
            return;
    }
}

int model_main(void)
{
    static struct desk desk;
    struct error error = { 0 };
    static struct model_reply ready = { .magic = MODEL_MAGIC };
    int memory;
    if (!boxed_enter()) {
        fprintf(stderr, "roentgen: a model is run by the server; it cannot be run by hand\n");
        return BAD_CALL;
    }
    if (!boxed_take(&desk.setup, sizeof(desk.setup), &memory) || memory < 0 || desk.setup.magic != MODEL_MAGIC)
        return BAD_CALL;
    if (!set_up(&desk, memory, &error)) {
        ready.code = error.code;
        snprintf(ready.message, sizeof(ready.message), "%s", error.message);
    } else {
        snprintf(ready.runtime, sizeof(ready.runtime), "ONNX Runtime %s", onnx_runtime_version(desk.runtime));
    }
    if (boxed_reply(&ready, sizeof(ready)) && ready.code == E_NONE)
        serve(&desk);
    _exit(ready.code == E_NONE ? 0 : 1); /* what runs at a normal end may do what the sandbox forbids */
}
