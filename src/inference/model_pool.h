/* model_pool.h - models run in processes of their own, where one that crashes, grows or never ends hurts nobody.
 *
 *     if (!model_pool_open(&options, &pool, &error)) ...
 *     struct model_file file = { digest, fd };
 *     struct model_face face;
 *     if (!model_describe(pool, &file, arena, &face, &error)) ...            // loads it, says what goes in and out
 *     struct model_order order = { .file = file, .inputs = tensors, .input_count = 1 };
 *     if (!model_run(pool, &order, arena, &answer, &error)) ...
 *
 *   server                                                  `roentgen model`, a boxed process (base/boxed.h)
 *   setup   + descriptor of the shared memory          -->  opens ONNX Runtime, closes the sandbox
 *   model   + descriptor of the file, read-only        -->  maps it, makes a session
 *                                                      <--  inputs and outputs, or why not
 *   run; tensors lie in the shared memory              -->  runs it
 *                                                      <--  shapes; tensors lie in the shared memory
 *
 * A process has no network, no files and no way to start programs, and a bounded memory and time. It keeps one model,
 * named by the digest of its bytes, until another is wanted and no process is free: the one that was idle longest makes
 * room. Who waits for a process gets one in the order in which they came, a process that has his model a little sooner.
 * A model is told of nothing but tensors: not whose they are, nor what they are of.
 *
 * The model is blamed (E_INVALID) for what it can do: it used all the processor time of a run, asked for more memory
 * than allowed, ended its process by a signal that a program raises itself, or gave what is no answer (a wrong shape,
 * too much). All else is tried once more with another process, then is E_UNAVAILABLE with retry_after_s. One run of one
 * model fails; others go on.
 *
 * Nothing it answers is believed: names, types, shapes and sizes are checked against what it said when it was loaded,
 * and bytes are copied before anybody looks. Whether numbers are finite is for who asked (tensor_is_finite).
 *
 * Thread-safe; blocks. Descriptors, names and input bytes are the caller's, borrowed; results lie in the arena.
 */
#ifndef ROENTGEN_MODEL_POOL_H
#define ROENTGEN_MODEL_POOL_H

#include "base/arena.h"
#include "inference/tensor.h"

enum { MODEL_PUTS_MAX = 16 }; /* inputs, and outputs, of one model */

struct model_pool_options {
    int processes;        /* at most so many, each with one model; none before the first call */
    int threads;          /* of each, for one run */
    int64_t memory_bytes; /* of each, address space */
    int64_t timeout_ms;   /* for loading, and for one run, of its own processor time */
    int64_t tensor_bytes; /* at most, of all inputs of a run, and of all outputs */
    const char *library;  /* ONNXRUNTIME_LIB; NULL or "": looked for (onnx_runtime.h) */
    const char *program;  /* NULL: /proc/self/exe */
};

struct model_file {
    struct str digest; /* SHA-256, hexadecimal: what the file is known by */
    int fd;            /* read-only; its offset is moved */
    /* NULL, or asked before a process loads it: are these the bytes of that digest? Of a model that a process has
     * already the file is not read again, so that it is not asked then. False: *error. */
    bool (*is_whole)(const struct model_file *file, struct error *error);
};

/* What the runtime says goes in and out. */
struct model_face {
    struct tensor_info inputs[MODEL_PUTS_MAX], outputs[MODEL_PUTS_MAX];
    int input_count, output_count;
    struct str runtime; /* "ONNX Runtime 1.27.0" */
    int64_t load_us;    /* 0: it was loaded already */
};

struct model_order {
    struct model_file file;
    const struct tensor *inputs; /* every input of the model once, in any order */
    int input_count;
};

struct model_answer {
    struct tensor outputs[MODEL_PUTS_MAX]; /* in the model's order */
    int output_count;
    int64_t wait_us, load_us, run_us; /* for a free process; for the session (0: it was there); in the runtime */
    char trouble[200];                /* what went wrong that was not the model's fault; "": nothing. Set in any case */
};

struct model_pool;
bool model_pool_open(const struct model_pool_options *options, struct model_pool **out, struct error *error);
/* Runs under way and those that come fail with E_UNAVAILABLE; takes NULL. */
void model_pool_stop(struct model_pool *pool);
/* The same when so much time has passed, for a server that lets what is under way end; once at most. */
void model_pool_end_within(struct model_pool *pool, int64_t ms);
void model_pool_close(struct model_pool *pool); /* takes NULL. Nobody may be in a call of it */

bool model_describe(struct model_pool *pool, const struct model_file *file, struct arena *arena, struct model_face *out,
                    struct error *error);
bool model_run(struct model_pool *pool, const struct model_order *order, struct arena *arena, struct model_answer *out,
               struct error *error);
/* The file is gone, or is to be forgotten: processes that have it end when they are free. */
void model_forget(struct model_pool *pool, struct str digest);

struct model_pool_stats {
    int64_t running, waiting; /* processes; calls that wait for one */
    int64_t runs, run_us;     /* that gave an answer; their time in the runtime */
    int64_t failed;           /* calls of model_run and model_describe that did not */
    int64_t died, timed_out, evicted;
    char trouble
        [200]; /* why the last process could not get ready: there is no library; "": it could, or none was asked */
};
void model_pool_stats(struct model_pool *pool, struct model_pool_stats *out);

/* `roentgen model`: the process itself; returns its exit status. */
int model_main(void);

#endif
