/* model_run.c - one order, from the server's side: checked, written into the shared memory, its answer checked and
 * copied. */
#include "inference/model_lease.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What an order holds while it is carried out. */
struct errand {
    struct model_pool *pool;
    const struct model_file *file;
    const struct tensor *inputs;
    int input_count;
    struct arena *arena;
    struct model_slot *slot;
    struct model_request request;
    struct model_reply reply;
    struct model_answer *answer;
    char suspicion[ERROR_MESSAGE_MAX / 2]; /* what the model is thought to have done */
    int suspicions;                        /* attempts that ended so */
    int64_t moved_bytes;                   /* through the shared memory */
    struct error *error;
};

/* How an attempt ended. */
enum attempt {
    DONE,
    REFUSED, /* what is wrong is said */
    SUSPECT, /* the model may have done it: true when it happens to another process too */
    OURS,    /* says nothing of the model */
};

__attribute__((format(printf, 2, 3))) static enum attempt ours(struct errand *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(e->answer->trouble, sizeof(e->answer->trouble), format, args);
    va_end(args);
    return OURS;
}

__attribute__((format(printf, 2, 3))) static enum attempt suspect(struct errand *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(e->suspicion, sizeof(e->suspicion), format, args);
    va_end(args);
    ours(e, "once: %.150s", e->suspicion);
    e->suspicions++;
    return SUSPECT;
}

static enum attempt died(struct errand *e, int status)
{
    if (!WIFSIGNALED(status))
        return ours(e, "a model's process stopped (exit status %d)", WEXITSTATUS(status));
    int number = WTERMSIG(status);
    if (number == SIGSYS)
        return suspect(e, "the model wants what the sandbox forbids");
    if (!boxed_is_own_signal(number))
        return ours(e, "a model's process was ended: %s", sigdescr_np(number));
    return suspect(e, number == SIGABRT ? "the model gave up: it needs more memory than allowed, or is damaged"
                                        : "the model's process crashed");
}

/* Ends the process, whatever it is doing: the next attempt is with another. */
static enum attempt unanswered(struct errand *e, enum boxed_answer answer)
{
    int64_t timeout_s = (model_pool_options(e->pool)->timeout_ms + 999) / 1000;
    bool late = answer == BOXED_LATE || answer == BOXED_SPENT;
    int status = model_slot_end(e->pool, e->slot, late ? MODEL_TIMED_OUT : MODEL_DIED);
    if (model_pool_is_stopping(e->pool)) {
        error_set(e->error, E_UNAVAILABLE, "the server is shutting down");
        return REFUSED;
    }
    switch (answer) {
    case BOXED_UNSENT:
        return ours(e, "a model's process had ended before it was given anything (wait status %d)", status);
    case BOXED_GONE:
        return died(e, status);
    case BOXED_LATE:
        return ours(e, "a model's process did not get to work for %" PRId64 " s", timeout_s);
    case BOXED_SPENT: /* measured in its own time, it would be no different again */
        error_set(e->error, E_INVALID, "the model takes longer than %" PRId64 " s", timeout_s);
        return REFUSED;
    default:
        return suspect(e, "the model's process answered what makes no sense");
    }
}

/* Its own words reach people, so they are text whatever was done to it. */
static enum attempt refused(struct errand *e)
{
    for (char *c = e->reply.message; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
            *c = '?';
    if (e->reply.code == E_INVALID) {
        error_set(e->error, E_INVALID, "%s", e->reply.message);
        return REFUSED;
    }
    bool is_lacking = e->reply.code == E_UNAVAILABLE && e->request.number == 0; /* there is no library */
    model_slot_end(e->pool, e->slot, MODEL_DIED);
    if (!is_lacking)
        return ours(e, "a model's process says: %.150s", e->reply.message);
    model_pool_trouble(e->pool, e->reply.message);
    error_set(e->error, E_UNAVAILABLE, "%s", e->reply.message);
    return REFUSED;
}

/* Sends the request, with a descriptor or without, and waits for its reply. */
static enum attempt talk(struct errand *e, int fd)
{
    struct model_reply *reply = &e->reply;
    enum boxed_answer answer = BOXED_UNSENT;
    bool is_setup = e->request.kind == 0; /* it was sent when the process started */
    if (is_setup || boxed_send(&e->slot->process, &e->request, sizeof(e->request), fd))
        answer =
            boxed_receive(&e->slot->process, reply, sizeof(*reply), model_pool_options(e->pool)->timeout_ms * 1000);
    if (answer == BOXED_ANSWERED && (reply->magic != MODEL_MAGIC || reply->number != e->request.number ||
                                     !memchr(reply->message, '\0', sizeof(reply->message)) ||
                                     !memchr(reply->runtime, '\0', sizeof(reply->runtime))))
        answer = BOXED_GARBLED;
    if (answer != BOXED_ANSWERED)
        return unanswered(e, answer);
    return reply->code == E_NONE ? DONE : refused(e);
}

/* ---- a process with this model ---- */

static bool is_shape(const struct tensor_shape *shape, int64_t least)
{
    if (shape->rank < 0 || shape->rank > TENSOR_RANK_MAX)
        return false;
    for (int i = 0; i < shape->rank; i++)
        if (shape->at[i] < least)
            return false;
    return true;
}

static bool is_type(enum tensor_type type)
{
    return (int)type >= TENSOR_BOOL && (int)type <= TENSOR_FP64;
}

static bool are_puts(const struct model_put *puts, int count)
{
    if (count < 1 || count > MODEL_PUTS_MAX)
        return false;
    for (int i = 0; i < count; i++)
        if (!memchr(puts[i].name, '\0', sizeof(puts[i].name)) || !is_type(puts[i].type) ||
            !is_shape(&puts[i].shape, -1) || !str_is_utf8(str_from(puts[i].name)))
            return false;
    return true;
}

static enum attempt start(struct errand *e)
{
    if (e->slot->process.pid)
        model_slot_end(e->pool, e->slot, MODEL_EVICTED);
    if (!model_slot_start(e->pool, e->slot, e->error))
        return REFUSED;
    e->request = (struct model_request){ .magic = MODEL_MAGIC };
    enum attempt outcome = talk(e, -1);
    if (outcome != DONE)
        return outcome;
    memcpy(e->slot->runtime, e->reply.runtime, sizeof(e->slot->runtime));
    model_pool_trouble(e->pool, "");
    return DONE;
}

static enum attempt load(struct errand *e)
{
    if (e->slot->process.pid && str_equal(str_from(e->slot->digest), e->file->digest) &&
        !boxed_has_ended(&e->slot->process)) {
        e->answer->load_us = 0;
        return DONE;
    }
    int64_t begun_us = clock_monotonic_us();
    if (e->file->is_whole && !e->file->is_whole(e->file, e->error))
        return REFUSED;
    enum attempt outcome = start(e);
    if (outcome != DONE)
        return outcome;
    e->request =
        (struct model_request){ .magic = MODEL_MAGIC, .kind = MODEL_LOAD, .number = model_pool_next_number(e->pool) };
    outcome = talk(e, e->file->fd);
    if (outcome != DONE)
        return outcome;
    if (!are_puts(e->reply.inputs, e->reply.input_count) || !are_puts(e->reply.outputs, e->reply.output_count))
        return unanswered(e, BOXED_GARBLED);
    e->slot->face = e->reply;
    memcpy(e->slot->digest, e->file->digest.at, (size_t)e->file->digest.len);
    e->slot->digest[e->file->digest.len] = '\0';
    e->answer->load_us = clock_monotonic_us() - begun_us;
    return DONE;
}

static void info_of(const struct model_put *put, struct arena *arena, struct tensor_info *out)
{
    *out = (struct tensor_info){ arena_copy(arena, str_from(put->name)), put->type, put->shape };
}

/* ---- what goes in ---- */

static const struct tensor *input_called(const struct errand *e, struct str name)
{
    for (int i = 0; i < e->input_count; i++)
        if (str_equal(e->inputs[i].info.name, name))
            return &e->inputs[i];
    return NULL;
}

static bool write_all(int fd, struct str bytes, int64_t offset)
{
    while (bytes.len > 0) {
        ssize_t written = pwrite(fd, bytes.at, (size_t)bytes.len, offset);
        if (written <= 0)
            return false;
        bytes = str_slice(bytes, written, bytes.len);
        offset += written;
    }
    return true;
}

/* Inputs in the model's order, each what it takes. */
static enum attempt fill_request(struct errand *e)
{
    const struct model_reply *face = &e->slot->face;
    int64_t offset = 0, most = model_pool_options(e->pool)->tensor_bytes;
    e->request = (struct model_request){ .magic = MODEL_MAGIC,
                                         .kind = MODEL_RUN,
                                         .number = model_pool_next_number(e->pool),
                                         .input_count = face->input_count };
    if (e->input_count != face->input_count) {
        error_set(e->error, E_INVALID, "the model has %d inputs; %d were given", face->input_count, e->input_count);
        return REFUSED;
    }
    for (int i = 0; i < face->input_count; i++) {
        struct tensor_info wanted = { str_from(face->inputs[i].name), face->inputs[i].type, face->inputs[i].shape };
        const struct tensor *input = input_called(e, wanted.name);
        if (!input) {
            error_set(e->error, E_INVALID, "the model's input %.*s is not given", STR_FMT(wanted.name));
            return REFUSED;
        }
        if (!tensor_suits(input, &wanted, e->error) || !tensor_check(input, e->error))
            return REFUSED;
        if (input->bytes.len > most - offset) {
            error_set(e->error, E_INVALID, "the inputs are larger than %" PRId64 " bytes", most);
            return REFUSED;
        }
        e->request.inputs[i] = (struct model_put){
            .type = input->info.type, .shape = input->info.shape, .offset = offset, .bytes = input->bytes.len
        };
        e->moved_bytes += input->bytes.len;
        if (!write_all(e->slot->process.memory, input->bytes, offset))
            return ours(e, "cannot write to the memory shared with a model: %s", strerror(errno));
        offset += (input->bytes.len + MODEL_ALIGN - 1) / MODEL_ALIGN * MODEL_ALIGN;
        offset = offset < most ? offset : most;
    }
    return DONE;
}

/* ---- what comes out: nothing of it is believed ---- */

static bool is_output(const struct errand *e, const struct model_put *got, const struct model_put *face)
{
    int64_t most = model_pool_options(e->pool)->tensor_bytes;
    if (got->type != face->type || !is_shape(&got->shape, 0) || got->shape.rank != face->shape.rank)
        return false;
    for (int i = 0; i < face->shape.rank; i++)
        if (face->shape.at[i] >= 0 && got->shape.at[i] != face->shape.at[i])
            return false;
    struct tensor_info info = { STR_NULL, got->type, got->shape };
    return got->bytes == tensor_bytes(&info) && got->offset >= 0 && got->offset <= most &&
           got->bytes <= most - got->offset;
}

static bool read_all(int fd, char *to, int64_t bytes, int64_t offset)
{
    for (int64_t done = 0; done < bytes;) {
        ssize_t got = pread(fd, to + done, (size_t)(bytes - done), offset + done);
        if (got <= 0)
            return false;
        done += got;
    }
    return true;
}

static enum attempt take_outputs(struct errand *e)
{
    const struct model_reply *face = &e->slot->face;
    int64_t half = model_pool_options(e->pool)->tensor_bytes;
    if (e->reply.output_count != face->output_count)
        return unanswered(e, BOXED_GARBLED);
    for (int i = 0; i < face->output_count; i++) {
        const struct model_put *got = &e->reply.outputs[i];
        struct tensor *out = &e->answer->outputs[i];
        if (!is_output(e, got, &face->outputs[i])) {
            error_set(e->error, E_INVALID, "the model's answer %s has another shape than it should",
                      face->outputs[i].name);
            model_slot_end(e->pool, e->slot, MODEL_DIED);
            return REFUSED;
        }
        info_of(&face->outputs[i], e->arena, &out->info);
        out->info.shape = got->shape;
        char *bytes = arena_try_alloc(e->arena, got->bytes > 0 ? (ptrdiff_t)got->bytes : 1);
        if (!bytes)
            return ours(e, "there is no memory for a model's answer");
        if (!read_all(e->slot->process.memory, bytes, got->bytes, half + got->offset))
            return unanswered(e, BOXED_GARBLED);
        out->bytes = (struct str){ bytes, (ptrdiff_t)got->bytes };
        e->moved_bytes += got->bytes;
    }
    e->answer->output_count = face->output_count;
    e->answer->run_us = e->reply.took_us;
    return DONE;
}

static enum attempt run(struct errand *e)
{
    enum attempt outcome = load(e);
    if (outcome != DONE || !e->inputs)
        return outcome;
    outcome = fill_request(e);
    if (outcome == DONE)
        outcome = talk(e, -1);
    return outcome == DONE ? take_outputs(e) : outcome;
}

/* ---- the order ---- */

/* Again with another process while what happened says nothing of the model, or may have been chance. */
static enum attempt try_some_times(struct errand *e)
{
    enum { ATTEMPTS = 3, KEPT_BYTES = 4 << 20 };
    enum attempt outcome = OURS;
    for (int i = 0; i < ATTEMPTS && outcome != DONE && outcome != REFUSED && e->suspicions < 2; i++)
        outcome = run(e);
    if (e->slot->process.pid && e->moved_bytes > KEPT_BYTES)
        boxed_clear(&e->slot->process);
    return outcome;
}

static void tell_face(const struct errand *e, struct model_face *face)
{
    const struct model_reply *said = &e->slot->face;
    *face = (struct model_face){ .input_count = said->input_count, .output_count = said->output_count };
    for (int i = 0; i < said->input_count; i++)
        info_of(&said->inputs[i], e->arena, &face->inputs[i]);
    for (int i = 0; i < said->output_count; i++)
        info_of(&said->outputs[i], e->arena, &face->outputs[i]);
    face->runtime = arena_copy(e->arena, str_from(e->slot->runtime));
    face->load_us = e->answer->load_us;
}

/* In words, unless they are there. */
static bool give_up(struct errand *e, enum attempt outcome)
{
    if (outcome == REFUSED)
        return false;
    if (e->suspicions == 2) {
        e->answer->trouble[0] = '\0';
        return error_set(e->error, E_INVALID, "%s", e->suspicion);
    }
    e->error->retry_after_s = 5;
    return error_set(e->error, E_UNAVAILABLE, "the model's process was ended while it worked: try again later");
}

static bool carry_out(struct errand *e, struct model_face *face)
{
    int64_t begun_us = clock_monotonic_us();
    assert(e->file->digest.len > 0 && e->file->digest.len <= MODEL_DIGEST_BYTES);
    *e->answer = (struct model_answer){ .output_count = 0 };
    if (!e->pool)
        return error_set(e->error, E_UNAVAILABLE, "models are run only by a server or a worker");
    e->slot = model_slot_take(e->pool, e->file->digest, e->error);
    if (e->slot) {
        e->answer->wait_us = clock_monotonic_us() - begun_us;
        enum attempt outcome = try_some_times(e);
        if (outcome == DONE && face)
            tell_face(e, face);
        model_slot_give(e->pool, e->slot);
        if (outcome == DONE) {
            model_pool_count(e->pool, true, e->answer->run_us);
            return true;
        }
        give_up(e, outcome);
    }
    model_pool_count(e->pool, false, 0);
    return false;
}

bool model_describe(struct model_pool *pool, const struct model_file *file, struct arena *arena, struct model_face *out,
                    struct error *error)
{
    struct model_answer answer;
    struct errand e = { .pool = pool, .file = file, .arena = arena, .answer = &answer, .error = error };
    return carry_out(&e, out);
}

bool model_run(struct model_pool *pool, const struct model_order *order, struct arena *arena, struct model_answer *out,
               struct error *error)
{
    struct errand e = { .pool = pool,
                        .file = &order->file,
                        .inputs = order->inputs,
                        .input_count = order->input_count,
                        .arena = arena,
                        .answer = out,
                        .error = error };
    return carry_out(&e, NULL);
}
