/* runs.c - what it costs to run a model in a process of its own, beside calling ONNX Runtime where one is.
 *
 *     bench_inference PROGRAM MODEL SECONDS ROUNDS THREADS
 *
 * PROGRAM is build/roentgen, ONNXRUNTIME_LIB names the library. Each round is so many seconds of both, in turns:
 * THREADS that ask a pool of as many processes, and THREADS that have a session each and call it. All have run before.
 * Prints one line of JSON: of each the runs a second, the median time of one, and its processor time in all processes,
 * which other work on the machine disturbs least; medians of all rounds.
 */
#include "inference/model_pool.h"
#include "inference/onnx_runtime.h"
#include "base/clock.h"
#include "base/thread.h"

#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { POOL, BARE };
enum { THREADS_MAX = 64, ROUNDS_MAX = 100, SAMPLES_MAX = 1 << 20, TENSORS = 64 << 20 };

static struct model_pool *pool;
static struct model_file file;
static struct tensor inputs[MODEL_PUTS_MAX];
static int input_count;

struct asker {
    struct thread thread;
    struct onnx_session *session; /* NULL: asks the pool */
    int64_t until_us;
    int64_t *samples;
    int count;
    struct error error;
    bool ok;
};

static void must(bool ok, const struct error *error)
{
    if (ok)
        return;
    fprintf(stderr, "bench_inference: %s\n", error->message);
    exit(1);
}

static void ask(void *context)
{
    struct asker *a = context;
    struct arena arena;
    arena_init(&arena);
    a->ok = true;
    a->count = 0;
    for (int64_t now = clock_monotonic_us(), then; a->ok && now < a->until_us && a->count < SAMPLES_MAX; now = then) {
        if (a->session) {
            struct tensor outputs[MODEL_PUTS_MAX];
            a->ok = onnx_session_run(a->session, inputs, outputs, &a->error);
        } else {
            struct model_answer answer;
            struct model_order order = { file, inputs, input_count };
            a->ok = model_run(pool, &order, &arena, &answer, &a->error);
            arena_reset(&arena);
        }
        then = clock_monotonic_us();
        a->samples[a->count++] = then - now;
    }
    arena_release(&arena);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *numbers, int count)
{
    qsort(numbers, (size_t)count, sizeof(*numbers), by_size);
    return count ? numbers[count / 2] : 0;
}

/* Processor time of this process and of those that it has started. */
static double processor_us(void)
{
    struct timespec used;
    glob_t threads;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    double us = (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
    if (glob("/proc/self/task/*/children", 0, NULL, &threads) != 0)
        return us;
    for (size_t i = 0; i < threads.gl_pathc; i++) {
        FILE *children = fopen(threads.gl_pathv[i], "r");
        char word[32];
        clockid_t clock;
        while (children && fscanf(children, "%31s", word) == 1)
            if (clock_getcpuclockid((pid_t)strtol(word, NULL, 10), &clock) == 0 && clock_gettime(clock, &used) == 0)
                us += (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
        if (children)
            fclose(children);
    }
    globfree(&threads);
    return us;
}

struct found {
    double per_s;        /* of all together */
    double us;           /* median of one */
    double processor_us; /* of one */
};

static struct found measure(struct asker *askers, int threads, double seconds)
{
    int runs = 0;
    double processor = processor_us();
    struct error error = { 0 };
    int64_t begun_us = clock_monotonic_us();
    for (int i = 0; i < threads; i++) {
        askers[i].until_us = begun_us + (int64_t)(seconds * 1e6);
        must(thread_start(&askers[i].thread, "asker", ask, &askers[i], &error), &error);
    }
    for (int i = 0; i < threads; i++) {
        thread_join(&askers[i].thread);
        must(askers[i].ok, &askers[i].error);
        runs += askers[i].count;
    }
    struct found found = { runs / ((double)(clock_monotonic_us() - begun_us) / 1e6), 0,
                           (processor_us() - processor) / runs };
    double *all = calloc((size_t)runs + 1, sizeof(*all));
    int count = 0;
    if (!all)
        abort();
    for (int i = 0; i < threads; i++)
        for (int k = 0; k < askers[i].count; k++)
            all[count++] = (double)askers[i].samples[k];
    found.us = median(all, count);
    free(all);
    return found;
}

/* One of everything; gray noise, which takes as long as a film. */
static void make_inputs(const struct model_face *face)
{
    input_count = face->input_count;
    for (int i = 0; i < input_count; i++) {
        struct tensor *t = &inputs[i];
        t->info = face->inputs[i];
        t->info.name = (struct str){ strndup(t->info.name.at, (size_t)t->info.name.len), t->info.name.len };
        for (int k = 0; k < t->info.shape.rank; k++)
            if (t->info.shape.at[k] < 0)
                t->info.shape.at[k] = 1;
        int64_t bytes = tensor_bytes(&t->info);
        if (bytes < 0 || t->info.type != TENSOR_FP32) {
            fprintf(stderr, "bench_inference: takes models of FP32 alone\n");
            exit(1);
        }
        float *numbers = malloc((size_t)bytes);
        uint32_t state = 1;
        if (!numbers)
            abort();
        for (int64_t k = 0; k < bytes / 4; k++) {
            state = state * 1664525 + 1013904223;
            numbers[k] = (float)(state >> 24) / 255;
        }
        t->bytes = (struct str){ (const char *)numbers, (ptrdiff_t)bytes };
    }
}

static void open_pool(const char *program, const char *model, int threads)
{
    struct error error = { 0 };
    struct arena arena;
    struct model_face face;
    struct model_pool_options options = { threads, 1, INT64_C(4) << 30, 60000, TENSORS, NULL, program };
    arena_init(&arena);
    file = (struct model_file){ S("0000"), open(model, O_RDONLY | O_CLOEXEC) };
    options.library = getenv("ONNXRUNTIME_LIB");
    must(model_pool_open(&options, &pool, &error) && model_describe(pool, &file, &arena, &face, &error), &error);
    make_inputs(&face);
    arena_release(&arena);
}

static void open_sessions(struct asker *askers, int threads)
{
    static struct onnx_runtime *runtime;
    struct onnx_session_options options = { 1, false };
    struct error error = { 0 };
    off_t size = lseek(file.fd, 0, SEEK_END);
    void *at = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, file.fd, 0);
    must(at != MAP_FAILED || error_set(&error, E_INTERNAL, "the model cannot be mapped"), &error);
    must(onnx_runtime_open(getenv("ONNXRUNTIME_LIB"), &runtime, &error), &error);
    for (int i = 0; i < threads; i++)
        must(onnx_session_open(runtime, (struct str){ at, size }, &options, &askers[i].session, &error), &error);
}

int main(int argc, char **argv)
{
    static struct asker askers[2][THREADS_MAX];
    double per_s[2][ROUNDS_MAX], us[2][ROUNDS_MAX], processor[2][ROUNDS_MAX];
    if (argc != 6) {
        fprintf(stderr, "usage: bench_inference PROGRAM MODEL SECONDS ROUNDS THREADS\n");
        return 2;
    }
    double seconds = strtod(argv[3], NULL);
    int rounds = (int)strtol(argv[4], NULL, 10), threads = (int)strtol(argv[5], NULL, 10);
    if (rounds < 1 || rounds > ROUNDS_MAX || threads < 1 || threads > THREADS_MAX)
        return 2;
    open_pool(argv[1], argv[2], threads);
    open_sessions(askers[BARE], threads);
    for (int which = 0; which < 2; which++)
        for (int i = 0; i < threads; i++)
            if (!(askers[which][i].samples = malloc(SAMPLES_MAX * sizeof(int64_t))))
                abort();
    for (int round = -1; round < rounds; round++) /* the first does not count */
        for (int which = 0; which < 2; which++) {
            struct found found = measure(askers[which], threads, seconds);
            if (round < 0)
                continue;
            per_s[which][round] = found.per_s;
            us[which][round] = found.us;
            processor[which][round] = found.processor_us;
        }
    for (int which = 0; which < 2; which++)
        printf("%s\"%s\": {\"per_s\": %.1f, \"us\": %.1f, \"processor_us\": %.1f}%s", which ? ", " : "{",
               which == BARE ? "bare" : "pool", median(per_s[which], rounds), median(us[which], rounds),
               median(processor[which], rounds), which ? "}\n" : "");
    model_pool_close(pool);
    return 0;
}
