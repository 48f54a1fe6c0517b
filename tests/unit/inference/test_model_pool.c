/* test_model_pool.c - models in processes of their own: what they answer, and what becomes of those that do harm. The
 * real program and the real ONNX Runtime. */
#include "inference/model_lease.h"
#include "base/boxed.h"
#include "base/clock.h"
#include "base/thread.h"
#include "models.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static struct arena arena;
static struct error error;
static struct model_pool *pool;
static float film[64];

/* Each model is known by its name here. */
static struct model_file file_of(const char *name)
{
    struct model_file file = { str_from(name), model_open(name) };
    assert_true(file.fd >= 0);
    return file;
}

static bool run(const char *name, const struct tensor *inputs, int count, struct model_answer *out)
{
    struct model_order order = { file_of(name), inputs, count };
    error_clear(&error);
    bool ok = model_run(pool, &order, &arena, out, &error);
    close(order.file.fd);
    return ok;
}

static struct tensor number_of(const float *value)
{
    return (struct tensor){ { S("image"), TENSOR_FP32, { 1, { 1 } } }, { (const char *)value, sizeof(*value) } };
}

static struct tensor the_film(void)
{
    return (struct tensor){ { S("image"), TENSOR_FP32, { 4, { 1, 1, 8, 8 } } }, { (const char *)film, sizeof(film) } };
}

static void runs_well(void)
{
    struct tensor image = the_film();
    struct model_answer answer;
    if (!run("brightness", &image, 1, &answer))
        fail_msg("%s; %s", error.message, answer.trouble);
    assert_int_equal(answer.output_count, 2);
    assert_true(fabs(tensor_at(&answer.outputs[0], 0) - 31.5 / 64) < 1e-6);
    assert_true(fabs(tensor_at(&answer.outputs[0], 1) - 32.5 / 64) < 1e-6);
    assert_int_equal(answer.outputs[1].info.shape.at[2], 4);
    assert_true(fabs(tensor_at(&answer.outputs[1], 0) - (0 + 1 + 8 + 9) / 4.0 / 64) < 1e-6);
}

static void test_it_answers(void **state)
{
    (void)state;
    runs_well();
    struct model_file file = file_of("brightness");
    struct model_face face;
    assert_true(model_describe(pool, &file, &arena, &face, &error));
    close(file.fd);
    assert_int_equal(face.input_count, 1);
    assert_true(str_equal(face.inputs[0].name, S("image")));
    assert_int_equal(face.inputs[0].shape.at[0], -1);
    assert_true(str_starts(face.runtime, S("ONNX Runtime 1.")));
    assert_int_equal(face.load_us, 0);
}

static void test_inputs_of_two_types_in_any_order(void **state)
{
    (void)state;
    static const float values[] = { 1, 2, 3 };
    static const int64_t count = 3;
    struct tensor inputs[] = { { { S("count"), TENSOR_INT64, { .rank = 0 } }, { (const char *)&count, 8 } },
                               { { S("values"), TENSOR_FP32, { 1, { 3 } } }, { (const char *)values, 12 } } };
    struct model_answer answer;
    assert_true(run("sums", inputs, 2, &answer));
    assert_true(tensor_at(&answer.outputs[0], 2) == 9);
    assert_false(run("sums", inputs, 1, &answer));
    assert_int_equal(error.code, E_INVALID);
    inputs[0].info.name = S("values"); /* the same twice */
    inputs[0].info.type = TENSOR_FP32;
    assert_false(run("sums", inputs, 2, &answer));
    assert_int_equal(error.code, E_INVALID);
}

static void test_any_size(void **state)
{
    (void)state;
    struct tensor image = the_film();
    struct model_answer answer;
    image.info.shape = (struct tensor_shape){ 4, { 1, 1, 2, 32 } };
    assert_true(run("any_size", &image, 1, &answer));
    assert_true(fabs(tensor_at(&answer.outputs[0], 0) - 31.5 / 64) < 1e-6);
    image.info.shape = (struct tensor_shape){ 4, { 1, 1, 4, 32 } }; /* more than there is */
    assert_false(run("any_size", &image, 1, &answer));
    assert_int_equal(error.code, E_INVALID);
    image.info.shape = (struct tensor_shape){ 4, { 0, 1, 4, 32 } };
    image.bytes.len = 0;
    assert_true(run("any_size", &image, 1, &answer));
    assert_int_equal(answer.outputs[0].bytes.len, 0);
}

static void test_what_is_not_a_number_is_told_apart(void **state)
{
    (void)state;
    static const float values[] = { 3, 1 };
    struct tensor image = { { S("image"), TENSOR_FP32, { 2, { 1, 2 } } }, { (const char *)values, 8 } };
    struct model_answer answer;
    assert_true(run("not_a_number", &image, 1, &answer));
    assert_false(tensor_is_finite(&answer.outputs[0]));
}

/* Each is told in words, blamed on the model, and the next model runs as ever. */
static void test_models_that_do_harm(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float value;
        const char *words;
    } rows[] = {
        { "unknown", 1, "Clairvoyance" },
        { "elsewhere", 1, "external data" },
        { "elsewhere_within", 1, "external data" },
        { "texts", 1, "no tensor of numbers" },
        { "hungry", 1e12f, "Failed to allocate memory" },
        { "swells", 3e6f, "larger than" },
        { "endless", 1, "takes longer" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct model_answer answer;
        struct tensor image = number_of(&rows[i].value);
        if (SANITIZED && rows[i].value > 1e9f) /* their allocator ends the process instead */
            continue;
        assert_false(run(rows[i].name, &image, 1, &answer));
        assert_int_equal(error.code, E_INVALID);
        assert_non_null(strstr(error.message, rows[i].words));
        assert_null(strstr(error.message, "/onnxruntime"));
        runs_well();
    }
}

static void *ask_often(void *context)
{
    (void)context;
    struct arena own;
    struct error failed = { 0 };
    arena_init(&own);
    for (int i = 0; i < 20; i++) {
        static const char *const names[] = { "brightness", "any_size" };
        struct tensor image = the_film();
        struct model_order order = { file_of(names[i % 2]), &image, 1 };
        struct model_answer answer;
        bool ok = model_run(pool, &order, &own, &answer, &failed);
        close(order.file.fd);
        if (!ok || fabs(tensor_at(&answer.outputs[0], 0) - 31.5 / 64) > 1e-6)
            return (void *)1;
        arena_reset(&own);
    }
    arena_release(&own);
    return NULL;
}

static void test_many_ask_at_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal((pthread_create)(&threads[i], NULL, ask_often, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

/* Children of this process that are `roentgen model`. */
static int kill_models(int signal)
{
    int killed = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(proc));) {
        char path[300], line[512] = "";
        int parent = 0;
        snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file)
            continue;
        if (fgets(line, sizeof(line), file) && sscanf(line, "%*d (%*[^)]) %*c %d", &parent) == 1 && parent == getpid())
            killed += kill((pid_t)strtol(entry->d_name, NULL, 10), signal) == 0;
        fclose(file);
    }
    closedir(proc);
    return killed;
}

static void test_one_that_was_killed_is_replaced(void **state)
{
    (void)state;
    runs_well();
    assert_true(kill_models(SIGKILL) > 0);
    runs_well();
}

struct asked {
    struct model_pool *pool;
    const char *name;
    struct error error;
    bool ok;
    atomic_bool done;
};

static void *ask_once(void *context)
{
    struct asked *asked = context;
    static const float value = 1;
    struct arena own;
    struct model_answer answer;
    struct tensor image = number_of(&value);
    struct model_order order = { file_of(asked->name), &image, 1 };
    arena_init(&own);
    asked->ok = model_run(asked->pool, &order, &own, &answer, &asked->error);
    close(order.file.fd);
    arena_release(&own);
    atomic_store(&asked->done, true);
    return NULL;
}

/* Each attempt crashes: told so, or as trouble of ours where the process never got to work; and not tried for ever. */
static void test_one_that_dies_at_each_attempt(void **state)
{
    (void)state;
    struct asked asked = { .pool = pool, .name = "endless" };
    pthread_t thread;
    assert_int_equal((pthread_create)(&thread, NULL, ask_once, &asked), 0);
    while (!atomic_load(&asked.done)) {
        kill_models(SIGSEGV);
        usleep(1000);
    }
    pthread_join(thread, NULL);
    assert_false(asked.ok);
    if (asked.error.code == E_INVALID)
        assert_non_null(strstr(asked.error.message, "crashed"));
    else
        assert_int_equal(asked.error.code, E_UNAVAILABLE);
    runs_well();
}

static struct model_pool *another_pool(int processes, const char *library)
{
    struct model_pool *other;
    struct model_pool_options options = { processes, 1, 1 << 30, 60000, 1 << 20, library, getenv("TEST_ROENTGEN") };
    error_clear(&error);
    assert_true(model_pool_open(&options, &other, &error));
    return other;
}

struct taking {
    struct model_pool *pool;
    struct model_slot *slot;
};

static void *take_slow(void *context)
{
    struct taking *taking = context;
    struct error own = { 0 };
    taking->slot = model_slot_take(taking->pool, S("slow"), &own);
    return NULL;
}

/* One that took too long has one process at a time until it answers, so that others find one. */
static void test_one_that_takes_too_long_does_not_hold_all(void **state)
{
    (void)state;
    struct taking taking = { another_pool(2, NULL), NULL };
    struct model_pool_stats stats;
    pthread_t thread;
    struct model_slot *slow = model_slot_take(taking.pool, S("slow"), &error);
    assert_true(slow && model_slot_start(taking.pool, slow, &error));
    model_slot_end(taking.pool, slow, MODEL_TIMED_OUT);
    model_slot_give(taking.pool, slow);
    slow = model_slot_take(taking.pool, S("slow"), &error);
    assert_non_null(slow);
    assert_int_equal((pthread_create)(&thread, NULL, take_slow, &taking), 0);
    do {
        usleep(1000);
        model_pool_stats(taking.pool, &stats);
    } while (!stats.waiting);
    struct model_slot *other = model_slot_take(taking.pool, S("other"), &error);
    assert_true(other && other != slow);
    model_slot_give(taking.pool, other);
    model_slot_give(taking.pool, slow); /* and now the next one of it */
    pthread_join(thread, NULL);
    assert_non_null(taking.slot);
    model_slot_give(taking.pool, taking.slot);
    model_pool_close(taking.pool);
}

/* Who waits for a model that never ends, hears that the pool stops; its process is gone and buried. */
static void check_stopping(void (*stop)(struct model_pool *))
{
    int before = kill_models(0);
    struct asked asked = { .pool = another_pool(1, NULL), .name = "endless" };
    struct model_pool_stats stats;
    pthread_t thread;
    assert_int_equal((pthread_create)(&thread, NULL, ask_once, &asked), 0);
    do {
        usleep(1000);
        model_pool_stats(asked.pool, &stats);
    } while (!stats.running);
    stop(asked.pool);
    pthread_join(thread, NULL);
    assert_false(asked.ok);
    assert_int_equal(asked.error.code, E_UNAVAILABLE);
    assert_non_null(strstr(asked.error.message, "shutting down"));
    model_pool_close(asked.pool);
    assert_int_equal(kill_models(0), before);
}

static void test_stopping_ends_what_runs(void **state)
{
    (void)state;
    check_stopping(model_pool_stop);
}

static void stop_soon(struct model_pool *other)
{
    model_pool_end_within(other, 1);
}

static void test_stopping_by_and_by(void **state)
{
    (void)state;
    check_stopping(stop_soon);
    struct model_pool *other = another_pool(1, NULL); /* closed before its moment comes */
    model_pool_end_within(other, 3600000);
    model_pool_close(other);
}

static void test_processes_come_when_wanted_and_go_when_forgotten(void **state)
{
    (void)state;
    int before = kill_models(0);
    struct model_pool *other = another_pool(1, NULL), *usual = pool;
    struct model_pool_stats stats;
    struct tensor image = the_film();
    struct model_answer answer;
    model_pool_stats(other, &stats);
    assert_int_equal(stats.running, 0);
    assert_int_equal(kill_models(0), before);
    pool = other;
    assert_true(run("brightness", &image, 1, &answer) && answer.load_us > 0);
    assert_true(run("brightness", &image, 1, &answer) && answer.load_us == 0);
    assert_true(run("any_size", &image, 1, &answer) && answer.load_us > 0); /* there is room for one */
    assert_false(run("texts", &image, 1, &answer));
    assert_int_equal(kill_models(0), before + 1);
    model_pool_stats(other, &stats);
    assert_int_equal(stats.running, 1);
    assert_int_equal(stats.runs, 3);
    assert_int_equal(stats.failed, 1);
    assert_true(stats.run_us > 0 && stats.evicted > 0);
    assert_true(run("any_size", &image, 1, &answer));
    model_forget(other, S("brightness")); /* has no process */
    assert_int_equal(kill_models(0), before + 1);
    model_forget(other, S("any_size"));
    assert_int_equal(kill_models(0), before);
    pool = usual;
    model_pool_close(other);
}

static void test_shared_memory_is_given_back(void **state)
{
    (void)state;
    struct boxed process = BOXED_NONE;
    struct stat about;
    char byte = 1;
    process.memory = memfd_create("test", MFD_CLOEXEC);
    assert_true(process.memory >= 0 && ftruncate(process.memory, 1 << 20) == 0);
    assert_int_equal(pwrite(process.memory, film, sizeof(film), 1 << 19), sizeof(film));
    boxed_clear(&process);
    assert_int_equal(pread(process.memory, &byte, 1, (1 << 19) + 5), 1);
    assert_true(byte == 0 && fstat(process.memory, &about) == 0);
    assert_int_equal(about.st_size, 1 << 20);
    assert_int_equal(about.st_blocks, 0);
    close(process.memory);
}

static void test_without_a_library_it_is_said(void **state)
{
    (void)state;
    struct model_pool *without = another_pool(1, "/nonexistent/libonnxruntime.so");
    struct model_pool_stats stats;
    struct model_file file = file_of("brightness");
    struct model_face face;
    assert_false(model_describe(without, &file, &arena, &face, &error));
    assert_int_equal(error.code, E_UNAVAILABLE);
    assert_non_null(strstr(error.message, "ONNX Runtime cannot be loaded"));
    model_pool_stats(without, &stats);
    assert_non_null(strstr(stats.trouble, "ONNX Runtime cannot be loaded"));
    assert_int_equal(stats.running, 0);
    close(file.fd);
    model_pool_close(without);
}

/* Some other library is none. */
static void test_a_library_that_is_another(void **state)
{
    (void)state;
    struct model_pool *without = another_pool(1, "libm.so.6");
    struct model_file file = file_of("brightness");
    struct model_face face;
    assert_false(model_describe(without, &file, &arena, &face, &error));
    assert_int_equal(error.code, E_UNAVAILABLE);
    assert_non_null(strstr(error.message, "is no ONNX Runtime"));
    close(file.fd);
    model_pool_close(without);
}

static int set_up(void **state)
{
    (void)state;
    struct model_pool_options options = { 2, 2, INT64_C(1) << 30, 2000, 1 << 20, NULL, getenv("TEST_ROENTGEN") };
    for (int i = 0; i < 64; i++)
        film[i] = (float)i / 64;
    arena_init(&arena);
    return model_pool_open(&options, &pool, &error) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    model_pool_close(pool);
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_answers),
        cmocka_unit_test(test_inputs_of_two_types_in_any_order),
        cmocka_unit_test(test_any_size),
        cmocka_unit_test(test_what_is_not_a_number_is_told_apart),
        cmocka_unit_test(test_models_that_do_harm),
        cmocka_unit_test(test_many_ask_at_once),
        cmocka_unit_test(test_one_that_was_killed_is_replaced),
        cmocka_unit_test(test_one_that_dies_at_each_attempt),
        cmocka_unit_test(test_one_that_takes_too_long_does_not_hold_all),
        cmocka_unit_test(test_stopping_ends_what_runs),
        cmocka_unit_test(test_stopping_by_and_by),
        cmocka_unit_test(test_processes_come_when_wanted_and_go_when_forgotten),
        cmocka_unit_test(test_shared_memory_is_given_back),
        cmocka_unit_test(test_without_a_library_it_is_said),
        cmocka_unit_test(test_a_library_that_is_another),
    };
    return models_can_run() ? cmocka_run_group_tests(tests, set_up, tear_down) : TEST_SKIPPED;
}
