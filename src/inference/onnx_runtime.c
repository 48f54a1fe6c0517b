/* onnx_runtime.c - the few entries of OrtApi that are used, by their number; sessions and their runs. */
#include "inference/onnx_runtime.h"

#include "inference/onnx_file.h"

#include <assert.h>
#include <dlfcn.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the interface ----
 * OrtApi is a table of function pointers that only grows; a number, once given out, stays (onnxruntime_c_api.h).
 * OrtApiBase is {GetApi, GetVersionString} for ever. */

typedef void (*ort_entry)(void);
struct ort_api {
    ort_entry slots[225]; /* those of version 13 */
};
struct ort_base {
    const struct ort_api *(*get_api)(uint32_t version);
    const char *(*get_version)(void);
};
enum { ORT_API_VERSION = 13, ORT_LEVEL_FATAL = 4, ORT_ALL_OPTIMISATIONS = 99, ORT_TENSOR = 1, ORT_ARENA = 1 };

struct ort_status;
struct ort_env;
struct ort_options;
struct ort_session;
struct ort_allocator;
struct ort_memory_info;
struct ort_value;
struct ort_type_info;
struct ort_shape_info;

#define STATUS struct ort_status *
#define ORT_ENTRIES(X) \
    X(2, error_message, const char *, (const struct ort_status *)) \
    X(93, release_status, void, (struct ort_status *)) \
    X(4, create_env, STATUS, \
      (void (*)(void *, int, const char *, const char *, const char *, const char *), void *, int, const char *, \
       struct ort_env **)) \
    X(92, release_env, void, (struct ort_env *)) \
    X(10, create_options, STATUS, (struct ort_options **)) \
    X(100, release_options, void, (struct ort_options *)) \
    X(17, disable_memory_pattern, STATUS, (struct ort_options *)) \
    X(19, disable_arena, STATUS, (struct ort_options *)) \
    X(22, set_log_level, STATUS, (struct ort_options *, int)) \
    X(23, set_optimisation, STATUS, (struct ort_options *, int)) \
    X(24, set_threads, STATUS, (struct ort_options *, int)) \
    X(25, set_outer_threads, STATUS, (struct ort_options *, int)) \
    X(130, set_entry, STATUS, (struct ort_options *, const char *, const char *)) \
    X(8, create_session, STATUS, \
      (const struct ort_env *, const void *, size_t, const struct ort_options *, struct ort_session **)) \
    X(95, release_session, void, (struct ort_session *)) \
    X(9, run, STATUS, \
      (struct ort_session *, const void *, const char *const *, const struct ort_value *const *, size_t, \
       const char *const *, size_t, struct ort_value **)) \
    X(30, input_count, STATUS, (const struct ort_session *, size_t *)) \
    X(31, output_count, STATUS, (const struct ort_session *, size_t *)) \
    X(33, input_type, STATUS, (const struct ort_session *, size_t, struct ort_type_info **)) \
    X(34, output_type, STATUS, (const struct ort_session *, size_t, struct ort_type_info **)) \
    X(36, input_name, STATUS, (const struct ort_session *, size_t, struct ort_allocator *, char **)) \
    X(37, output_name, STATUS, (const struct ort_session *, size_t, struct ort_allocator *, char **)) \
    X(69, create_memory_info, STATUS, (int, int, struct ort_memory_info **)) \
    X(94, release_memory_info, void, (struct ort_memory_info *)) \
    X(78, allocator, STATUS, (struct ort_allocator **)) \
    X(76, free_text, STATUS, (struct ort_allocator *, void *)) \
    X(49, wrap_tensor, STATUS, \
      (const struct ort_memory_info *, void *, size_t, const int64_t *, size_t, int, struct ort_value **)) \
    X(51, tensor_data, STATUS, (struct ort_value *, void **)) \
    X(65, tensor_shape, STATUS, (const struct ort_value *, struct ort_shape_info **)) \
    X(67, value_type, STATUS, (const struct ort_value *, int *)) \
    X(96, release_value, void, (struct ort_value *)) \
    X(55, shape_of_type, STATUS, (const struct ort_type_info *, const struct ort_shape_info **)) \
    X(98, release_type, void, (struct ort_type_info *)) \
    X(99, release_shape, void, (struct ort_shape_info *)) \
    X(60, element_type, STATUS, (const struct ort_shape_info *, int *)) \
    X(61, rank, STATUS, (const struct ort_shape_info *, size_t *)) \
    X(62, lengths, STATUS, (const struct ort_shape_info *, int64_t *, size_t))

struct entries {
#define MEMBER(slot, name, result, parameters) result(*name) parameters;
    ORT_ENTRIES(MEMBER)
#undef MEMBER
};

struct onnx_runtime {
    struct entries call;
    void *library;
    const char *version;
    struct ort_env *env;
    struct ort_allocator *allocator;
    struct ort_memory_info *memory;
};

/* How long is "/onnxruntime_src/onnxruntime/core/x.cc:25 bool ns::f(int, T (*)()) ", where in the runtime's source
 * something went wrong: 0 when no such thing stands here. */
static ptrdiff_t place_length(struct str said)
{
    int depth = 0;
    if (said.at[0] != '/')
        return 0;
    ptrdiff_t end = str_find(said, S(" ")), colon = str_find(said, S(".cc:"));
    if (end < 0 || colon < 0 || colon > end)
        return 0;
    for (ptrdiff_t at = end + 1; at < said.len; at++) {
        depth += said.at[at] == '(' ? 1 : said.at[at] == ')' ? -1 : 0;
        if (depth == 0 && said.at[at - 1] == ')' && said.at[at] == ' ')
            return at + 1;
    }
    return end + 1;
}

/* What it says may be long, and name the folders where it was built. True when there is nothing to say. */
static bool went_well(const struct onnx_runtime *runtime, STATUS status, enum error_code code, struct error *error)
{
    char line[ERROR_MESSAGE_MAX * 3 / 4];
    size_t len = 0;
    if (!status)
        return true;
    struct str said = str_from(runtime->call.error_message(status));
    while (said.len > 0 && len < sizeof(line) - 1) {
        ptrdiff_t skipped = place_length(said);
        unsigned char c = (unsigned char)said.at[skipped < said.len ? skipped : 0];
        if (skipped < said.len)
            line[len++] = (char)(c < 0x20 || c > 0x7e ? ' ' : c);
        said = str_slice(said, skipped < said.len ? skipped + 1 : said.len, said.len);
    }
    error_set(error, code, "ONNX Runtime: %.*s", STR_FMT(str_trim((struct str){ line, (ptrdiff_t)len })));
    runtime->call.release_status(status);
    return false;
}

/* ---- the library ---- */

static const char *const library_names[] = { "libonnxruntime.so.1", "libonnxruntime.so", NULL };

/* Distributions name theirs by its minor version alone. */
static const char *const library_patterns[] = { "/usr/lib/*/libonnxruntime.so.1.*", "/usr/local/lib/libonnxruntime.so*",
                                                "/usr/lib/libonnxruntime.so*", NULL };

/* Where the program was installed, its copy lies in ../lib/roentgen; in a folder that was built, script/bootstrap has
 * left one in ../.cache/onnxruntime. */
static const char *const beside_program[] = { "../lib/roentgen/libonnxruntime.so.1",
                                              "../.cache/onnxruntime/libonnxruntime.so.1", NULL };

static void *open_library(const char *path)
{
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static void *open_beside(char *path, size_t size)
{
    char program[4096];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    char *slash = len > 0 ? memrchr(program, '/', (size_t)len) : NULL;
    for (int i = 0; slash && beside_program[i]; i++) {
        snprintf(path, size, "%.*s/%s", (int)(slash - program), program, beside_program[i]);
        void *library = access(path, R_OK) == 0 ? open_library(path) : NULL;
        if (library)
            return library;
    }
    return NULL;
}

static void *open_matching(char *path, size_t size)
{
    void *library = NULL;
    for (int i = 0; !library && library_patterns[i]; i++) {
        glob_t found;
        if (glob(library_patterns[i], 0, NULL, &found) != 0)
            continue;
        for (size_t k = found.gl_pathc; !library && k > 0; k--) /* the newest last */
            if ((library = open_library(found.gl_pathv[k - 1])))
                snprintf(path, size, "%s", found.gl_pathv[k - 1]);
        globfree(&found);
    }
    return library;
}

static void *find_library(const char *wanted, char *path, size_t size, struct error *error)
{
    if (wanted && wanted[0]) {
        snprintf(path, size, "%s", wanted);
        void *library = open_library(wanted);
        if (!library)
            error_set(error, E_UNAVAILABLE, "ONNX Runtime cannot be loaded from %s: %s", wanted, dlerror());
        return library;
    }
    for (int i = 0; library_names[i]; i++) {
        void *library = open_library(library_names[i]);
        if (library) {
            snprintf(path, size, "%s", library_names[i]);
            return library;
        }
    }
    void *library = open_beside(path, size);
    library = library ? library : open_matching(path, size);
    if (!library)
        error_set(error, E_UNAVAILABLE,
                  "ONNX Runtime is not there: install libonnxruntime, or name the library in ONNXRUNTIME_LIB");
    return library;
}

static void say_nothing(void *context, int level, const char *category, const char *id, const char *place,
                        const char *message)
{
    (void)context, (void)level, (void)category, (void)id, (void)place, (void)message;
}

static bool load_entries(struct onnx_runtime *runtime, struct error *error)
{
    union {
        void *symbol;
        const struct ort_base *(*get)(void);
    } entry = { dlsym(runtime->library, "OrtGetApiBase") };
    const struct ort_base *base = entry.symbol ? entry.get() : NULL;
    const struct ort_api *api = base ? base->get_api(ORT_API_VERSION) : NULL;
    if (!api)
        return error_set(error, E_UNAVAILABLE, "the library is no ONNX Runtime of version 1.%d or later",
                         ORT_API_VERSION);
    runtime->version = base->get_version();
#define LOAD(slot, name, result, parameters) memcpy(&runtime->call.name, &api->slots[slot], sizeof(ort_entry));
    ORT_ENTRIES(LOAD)
#undef LOAD
    return true;
}

bool onnx_runtime_open(const char *path, struct onnx_runtime **out, struct error *error)
{
    char found[4096];
    struct onnx_runtime *runtime = calloc(1, sizeof(*runtime));
    if (!runtime)
        abort();
    setenv("ORT_DISABLE_TELEMETRY", "1", 1);
    runtime->library = find_library(path, found, sizeof(found), error);
    if (runtime->library && load_entries(runtime, error) &&
        went_well(runtime, runtime->call.create_env(say_nothing, NULL, ORT_LEVEL_FATAL, "roentgen", &runtime->env),
                  E_UNAVAILABLE, error) &&
        went_well(runtime, runtime->call.allocator(&runtime->allocator), E_UNAVAILABLE, error) &&
        went_well(runtime, runtime->call.create_memory_info(ORT_ARENA, 0, &runtime->memory), E_UNAVAILABLE, error)) {
        *out = runtime;
        return true;
    }
    onnx_runtime_close(runtime);
    return false;
}

const char *onnx_runtime_version(const struct onnx_runtime *runtime)
{
    return runtime->version;
}

/* The library stays loaded: what it has begun cannot be undone by unloading it. */
void onnx_runtime_close(struct onnx_runtime *runtime)
{
    if (!runtime)
        return;
    if (runtime->memory)
        runtime->call.release_memory_info(runtime->memory);
    if (runtime->env)
        runtime->call.release_env(runtime->env);
    free(runtime);
}

/* ---- sessions ---- */

struct onnx_session {
    struct onnx_runtime *runtime;
    struct ort_session *session;
    struct arena arena;
    struct tensor_info *inputs, *outputs;
    const char **input_names, **output_names; /* the same, NUL-terminated */
    int input_count, output_count;
    struct ort_value **values; /* of the last run */
};

static bool set_options(struct onnx_runtime *runtime, const struct onnx_session_options *wanted,
                        struct ort_options *options, struct error *error)
{
    const struct entries *call = &runtime->call;
    return went_well(runtime, call->set_log_level(options, ORT_LEVEL_FATAL), E_INTERNAL, error) &&
           went_well(runtime, call->set_optimisation(options, ORT_ALL_OPTIMISATIONS), E_INTERNAL, error) &&
           went_well(runtime, call->set_threads(options, wanted->threads), E_INTERNAL, error) &&
           went_well(runtime, call->set_outer_threads(options, 1), E_INTERNAL, error) &&
           went_well(runtime, call->set_entry(options, "session.intra_op.allow_spinning", "0"), E_INTERNAL, error) &&
           /* else it also takes its own format, which nobody has looked through */
           went_well(runtime, call->set_entry(options, "session.load_model_format", "ONNX"), E_INTERNAL, error) &&
           (!wanted->variable_shapes || (went_well(runtime, call->disable_arena(options), E_INTERNAL, error) &&
                                         went_well(runtime, call->disable_memory_pattern(options), E_INTERNAL, error)));
}

static bool read_shape(struct onnx_runtime *runtime, const struct ort_shape_info *info, struct tensor_info *out,
                       struct error *error)
{
    const struct entries *call = &runtime->call;
    int type = 0;
    size_t rank = 0;
    if (!went_well(runtime, call->element_type(info, &type), E_INVALID, error) ||
        !went_well(runtime, call->rank(info, &rank), E_INVALID, error))
        return false;
    out->type = onnx_tensor_type(type);
    out->shape.rank = (int)rank;
    if (!out->type || rank > TENSOR_RANK_MAX)
        return error_set(error, E_INVALID, "%.*s is of a type that is not carried, or has too many dimensions",
                         STR_FMT(out->name));
    return went_well(runtime, call->lengths(info, out->shape.at, rank), E_INVALID, error);
}

static bool read_info(struct onnx_session *s, bool is_input, size_t index, struct tensor_info *out, struct error *error)
{
    struct onnx_runtime *runtime = s->runtime;
    const struct entries *call = &runtime->call;
    struct ort_type_info *type = NULL;
    const struct ort_shape_info *shape = NULL;
    char *name = NULL;
    if (!went_well(runtime,
                   (is_input ? call->input_name : call->output_name)(s->session, index, runtime->allocator, &name),
                   E_INVALID, error) ||
        !went_well(runtime, (is_input ? call->input_type : call->output_type)(s->session, index, &type), E_INVALID,
                   error))
        return false;
    out->name = arena_copy(&s->arena, str_from(name));
    went_well(runtime, call->free_text(runtime->allocator, name), E_INTERNAL, error);
    bool ok = went_well(runtime, call->shape_of_type(type, &shape), E_INVALID, error) &&
              (shape || error_set(error, E_INVALID, "%.*s is no tensor", STR_FMT(out->name))) &&
              (out->name.len <= TENSOR_NAME_MAX || error_set(error, E_INVALID, "a name is too long")) &&
              read_shape(runtime, shape, out, error);
    call->release_type(type);
    return ok;
}

static bool read_infos(struct onnx_session *s, bool is_input, struct tensor_info **infos, const char ***names, int *out,
                       struct error *error)
{
    const struct entries *call = &s->runtime->call;
    size_t count = 0;
    if (!went_well(s->runtime, (is_input ? call->input_count : call->output_count)(s->session, &count), E_INVALID,
                   error))
        return false;
    if (count == 0 || count > ONNX_PUTS_MAX)
        return error_set(error, E_INVALID, "the model has %zu %s", count, is_input ? "inputs" : "outputs");
    *infos = arena_array(&s->arena, struct tensor_info, (ptrdiff_t)count);
    *names = arena_array(&s->arena, const char *, (ptrdiff_t)count);
    for (size_t i = 0; i < count; i++) {
        if (!read_info(s, is_input, i, &(*infos)[i], error))
            return false;
        (*names)[i] = (*infos)[i].name.at;
    }
    *out = (int)count;
    return true;
}

bool onnx_session_open(struct onnx_runtime *runtime, struct str bytes, const struct onnx_session_options *wanted,
                       struct onnx_session **out, struct error *error)
{
    const struct entries *call = &runtime->call;
    struct ort_options *options = NULL;
    struct onnx_session *s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    s->runtime = runtime;
    arena_init(&s->arena);
    bool ok = went_well(runtime, call->create_options(&options), E_INTERNAL, error) &&
              set_options(runtime, wanted, options, error) &&
              went_well(runtime, call->create_session(runtime->env, bytes.at, (size_t)bytes.len, options, &s->session),
                        E_INVALID, error) &&
              read_infos(s, true, &s->inputs, &s->input_names, &s->input_count, error) &&
              read_infos(s, false, &s->outputs, &s->output_names, &s->output_count, error);
    if (options)
        call->release_options(options);
    if (!ok) {
        onnx_session_close(s);
        return false;
    }
    s->values = (struct ort_value **)arena_array(&s->arena, void *, s->output_count);
    *out = s;
    return true;
}

static void release_values(struct onnx_session *s)
{
    for (int i = 0; s->values && i < s->output_count; i++) {
        s->runtime->call.release_value(s->values[i]);
        s->values[i] = NULL;
    }
}

void onnx_session_close(struct onnx_session *s)
{
    if (!s)
        return;
    release_values(s);
    if (s->session)
        s->runtime->call.release_session(s->session);
    arena_release(&s->arena);
    free(s);
}

int onnx_session_input_count(const struct onnx_session *s)
{
    return s->input_count;
}

int onnx_session_output_count(const struct onnx_session *s)
{
    return s->output_count;
}

const struct tensor_info *onnx_session_input(const struct onnx_session *s, int index)
{
    return &s->inputs[index];
}

const struct tensor_info *onnx_session_output(const struct onnx_session *s, int index)
{
    return &s->outputs[index];
}

/* ---- running ---- */

/* ONNX's number of each type; those of onnx_tensor_type backwards. */
static int onnx_number(enum tensor_type type)
{
    for (int number = 1; number < 16; number++)
        if (onnx_tensor_type(number) == type)
            return number;
    return 0;
}

static bool wrap(struct onnx_session *s, const struct tensor *input, struct ort_value **out, struct error *error)
{
    struct onnx_runtime *runtime = s->runtime;
    static const char nothing[8]; /* a tensor without numbers has an address all the same */
    const char *at = input->bytes.len ? input->bytes.at : nothing;
    return went_well(runtime,
                     runtime->call.wrap_tensor(runtime->memory, (void *)(uintptr_t)at, (size_t)input->bytes.len,
                                               input->info.shape.at, (size_t)input->info.shape.rank,
                                               onnx_number(input->info.type), out),
                     E_INVALID, error);
}

static bool read_value(struct onnx_session *s, int index, struct tensor *out, struct error *error)
{
    struct onnx_runtime *runtime = s->runtime;
    const struct entries *call = &runtime->call;
    struct ort_shape_info *shape = NULL;
    void *data = NULL;
    int type = 0;
    *out = (struct tensor){ .info = { .name = s->outputs[index].name } };
    if (!s->values[index] || !went_well(runtime, call->value_type(s->values[index], &type), E_INVALID, error) ||
        type != ORT_TENSOR)
        return error_set(error, E_INVALID, "%.*s is no tensor", STR_FMT(out->info.name));
    if (!went_well(runtime, call->tensor_shape(s->values[index], &shape), E_INVALID, error))
        return false;
    bool ok = read_shape(runtime, shape, &out->info, error);
    call->release_shape(shape);
    int64_t bytes = ok ? tensor_bytes(&out->info) : -1;
    if (ok && bytes < 0)
        return error_set(error, E_INVALID, "%.*s has a shape that nothing fills", STR_FMT(out->info.name));
    if (!ok || !went_well(runtime, call->tensor_data(s->values[index], &data), E_INVALID, error))
        return false;
    out->bytes = (struct str){ data, (ptrdiff_t)bytes };
    return true;
}

bool onnx_session_run(struct onnx_session *s, const struct tensor *inputs, struct tensor *outputs, struct error *error)
{
    const struct entries *call = &s->runtime->call;
    struct ort_value *wrapped[ONNX_PUTS_MAX] = { NULL };
    bool ok = true;
    release_values(s);
    for (int i = 0; ok && i < s->input_count; i++)
        ok = wrap(s, &inputs[i], &wrapped[i], error);
    ok = ok && went_well(s->runtime,
                         call->run(s->session, NULL, s->input_names, (const struct ort_value *const *)wrapped,
                                   (size_t)s->input_count, s->output_names, (size_t)s->output_count, s->values),
                         E_INVALID, error);
    for (int i = 0; i < s->input_count; i++)
        call->release_value(wrapped[i]);
    for (int i = 0; ok && i < s->output_count; i++)
        ok = read_value(s, i, &outputs[i], error);
    return ok;
}
