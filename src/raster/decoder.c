/* decoder.c - one job, from the server's side: checked, written down for a decoder process, its result checked and
 * copied. */
#include "raster/decoder.h"

#include "base/clock.h"
#include "base/file.h"
#include "raster/decoder_pool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a job holds while it runs. */
struct errand {
    struct decoder_pool *pool;
    const struct decode_job *job;
    enum decoder_flavour flavour;
    int64_t sample_bytes; /* of a DICOM frame; 0: known only after decoding */
    int input;            /* read-only: the job's, or one of our own */
    struct decoder_request request;
    struct decoder_reply reply;
    struct decode_result *result;
    char suspicion[ERROR_MESSAGE_MAX]; /* what the file is thought to have done */
    int suspicions, lates;             /* attempts that ended so */
    struct error *error;
};

static const char *name_of(const struct decode_job *job)
{
    return job->file_type == FILE_DICOM ? "frame" : file_types[job->file_type - 1];
}

/* ---- the job ---- */

static bool check_pieces(struct errand *e)
{
    const struct decode_job *job = e->job;
    if (job->fd < 0)
        return job->bytes.len > 0 || error_set(e->error, E_INVALID, "the %s is empty", name_of(job));
    if (job->pieces < 0 || job->pieces > DECODER_PIECES_MAX)
        return error_set(e->error, E_INVALID, "the frame lies in %" PRId64 " pieces; at most %d are read", job->pieces,
                         DECODER_PIECES_MAX);
    for (int64_t i = 0; i < job->pieces; i++) {
        int64_t end;
        if (job->offsets[i] < 0 || job->lengths[i] < 0 ||
            __builtin_add_overflow(job->offsets[i], job->lengths[i], &end))
            return error_set(e->error, E_INVALID, "piece %" PRId64 " of the frame lies outside the file", i + 1);
    }
    return job->pieces > 0 || job->file_type != FILE_DICOM ||
           error_set(e->error, E_INVALID, "the frame has no bytes in the file");
}

static bool check_job(struct errand *e)
{
    const struct decode_job *job = e->job;
    int64_t most = decoder_pool_options(e->pool)->max_result_bytes;
    if (job->file_type < FILE_DICOM || job->file_type > FILE_TIFF)
        return error_set(e->error, E_UNSUPPORTED_TYPE, "only DICOM, JPEG, PNG and TIFF files have pictures");
    e->flavour = job->file_type == FILE_DICOM ? DECODER_FRAMES : DECODER_RASTER;
    if (!check_pieces(e))
        return false;
    if (job->file_type != FILE_DICOM)
        return true;
    if (job->kind == DECODE_PROBE)
        return error_set(e->error, E_INTERNAL, "frames are decoded or not at all");
    e->sample_bytes = pixel_frame_bytes(&job->format);
    return (e->sample_bytes > 0 && e->sample_bytes <= most) ||
           error_set(e->error, E_INVALID,
                     "a frame of %" PRId64 " x %" PRId64 " pixels is larger than the %" PRId64 " bytes allowed",
                     job->format.columns, job->format.rows, most);
}

/* The rights a descriptor has go with it. Of one that can only read, a decoder may do no more than move the offset,
 * which nobody relies on (decoder.h). */
static bool is_read_only(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY;
}

static bool open_input(struct errand *e)
{
    char path[64];
    int source = e->job->fd;
    if (source >= 0 && is_read_only(source)) {
        e->input = source;
        return true;
    }
    if (source < 0) {
        source = memfd_create("roentgen-input", MFD_CLOEXEC);
        if (source < 0)
            return error_set(e->error, E_UNAVAILABLE, "no memory to hand to a decoder: %s", strerror(errno));
        if (!file_write_all(source, e->job->bytes, e->error)) {
            close(source);
            return false;
        }
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", source);
    e->input = open(path, O_RDONLY | O_CLOEXEC);
    int problem = errno;
    if (source != e->job->fd)
        close(source);
    return e->input >= 0 ||
           error_set(e->error, E_UNAVAILABLE, "cannot open a file for a decoder: %s", strerror(problem));
}

static const struct lut *lut_of(const struct presentation *presentation, int i)
{
    return i == 0 ? &presentation->modality : i == 1 ? &presentation->voi_lut : &presentation->palette[i - 2];
}

static bool needs_presentation(const struct decode_job *job)
{
    return job->kind == DECODE_RENDER || job->kind == DECODE_HISTOGRAM;
}

static void fill_request(struct errand *e)
{
    const struct decode_job *job = e->job;
    struct decoder_request *request = &e->request;
    *request = (struct decoder_request){
        .magic = DECODER_MAGIC,
        .kind = job->kind,
        .file_type = job->file_type,
        .syntax = job->format.syntax ? (int)(job->format.syntax - dicom_syntaxes) : -1,
        .format = job->format,
        .first_bit = job->first_bit,
        .pieces = job->fd < 0 ? 0 : job->pieces,
        .page = job->page,
        .max_pixels = job->max_pixels,
    };
    request->format.syntax = NULL;
    if (!needs_presentation(job))
        return;
    assert(job->presentation);
    memcpy(request->presentation, job->presentation, sizeof(request->presentation));
    for (int i = 0; i < DECODER_LUTS; i++) {
        const struct lut *lut = lut_of(job->presentation, i);
        request->luts[i] = (struct decoder_lut){ lut->count, lut->first, lut->bits };
    }
    request->world.count = job->presentation->world.count;
    request->world.first = job->presentation->world.first;
    request->profile_bytes = job->profile.len;
}

static bool write_at(int fd, const void *bytes, int64_t len, int64_t *offset)
{
    if (pwrite(fd, bytes, (size_t)len, *offset) != (ssize_t)len)
        return false;
    *offset += len;
    return true;
}

/* The part of the request that varies in size: pieces, then the LUTs in use, then the profile. */
static bool write_tables(const struct errand *e, int memory)
{
    enum { AT_ONCE = 256 };
    struct decoder_piece pieces[AT_ONCE];
    int64_t offset = 0;
    bool ok = true;
    for (int64_t i = 0; ok && i < e->request.pieces; i += AT_ONCE) {
        int64_t count = e->request.pieces - i < AT_ONCE ? e->request.pieces - i : AT_ONCE;
        for (int64_t k = 0; k < count; k++)
            pieces[k] = (struct decoder_piece){ e->job->offsets[i + k], e->job->lengths[i + k] };
        ok = write_at(memory, pieces, count * (int64_t)sizeof(pieces[0]), &offset);
    }
    for (int i = 0; ok && i < DECODER_LUTS; i++)
        if (e->request.luts[i].count > 0)
            ok = write_at(memory, lut_of(e->job->presentation, i)->entries,
                          e->request.luts[i].count * (int64_t)sizeof(uint16_t), &offset);
    if (ok && e->request.world.count > 0)
        ok = write_at(memory, e->job->presentation->world.values, e->request.world.count * (int64_t)sizeof(double),
                      &offset);
    if (ok && e->request.profile_bytes > 0 && e->request.profile_bytes <= COLOUR_PROFILE_MAX)
        ok = write_at(memory, e->job->profile.at, e->request.profile_bytes, &offset);
    return ok;
}

/* ---- the result: nothing a decoder says is believed ---- */

static bool is_format(const struct errand *e, const struct pixel_format *f)
{
    int64_t samples, bytes;
    return f->rows > 0 && f->rows <= INT32_MAX && f->columns > 0 && f->columns <= INT32_MAX && f->frames > 0 &&
           f->frames <= INT32_MAX && (f->samples == 1 || f->samples == 3) &&
           (f->bits_allocated == 8 || f->bits_allocated == 16 || f->bits_allocated == 32 || f->bits_allocated == 64) &&
           f->bits_stored >= 1 && f->bits_stored <= f->bits_allocated && f->high_bit == f->bits_stored - 1 &&
           f->kind >= SAMPLE_INTEGER && f->kind <= SAMPLE_DOUBLE &&
           !__builtin_mul_overflow(f->rows * f->columns, (int64_t)f->samples, &samples) &&
           !__builtin_mul_overflow(samples, (int64_t)f->bits_allocated / 8, &bytes) &&
           (e->job->kind != DECODE_SAMPLES || bytes == e->reply.bytes);
}

static bool is_decoded(const struct decoded_format *d)
{
    return (unsigned)d->photometric <= YBR_RCT && d->bits_stored >= 1 && d->bits_stored <= 64 && d->precision >= 0 &&
           d->precision <= 64;
}

static bool is_result(const struct errand *e)
{
    const struct decoder_reply *r = &e->reply;
    if (r->bytes < 0 || r->bytes > decoder_pool_options(e->pool)->max_result_bytes ||
        (e->flavour == DECODER_RASTER && !is_format(e, &r->format)))
        return false;
    switch (e->job->kind) {
    case DECODE_SAMPLES:
        return r->bytes > 0 && is_decoded(&r->decoded) && (!e->sample_bytes || r->bytes == e->sample_bytes);
    case DECODE_RENDER:
        return r->bytes > 0 && r->width > 0 && r->width <= INT32_MAX && r->height > 0 && r->height <= INT32_MAX;
    case DECODE_HISTOGRAM:
        return r->bytes == (int64_t)sizeof(struct histogram);
    case DECODE_PROBE:
        return r->bytes == 0;
    }
    return false;
}

static bool is_histogram(const struct histogram *h)
{
    for (int i = 0; i < 256; i++)
        if (h->bins[i] < 0 || h->bins[i] > h->count)
            return false;
    return isfinite(h->low) && isfinite(h->high) && isfinite(h->min) && isfinite(h->max) && isfinite(h->mean) &&
           isfinite(h->sd) && h->count >= 0;
}

/* What a decoder says reaches clients, so it is text whatever was done to it. */
static void make_printable(char *words, size_t room)
{
    words[room - 1] = '\0';
    for (char *c = words; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
            *c = '?';
}

/* Copies what was made; from then on it no longer changes. */
static bool read_result(struct errand *e, const struct boxed *process, struct arena *arena)
{
    const struct decoder_reply *r = &e->reply;
    struct decode_result *made = e->result;
    char *bytes = arena_try_alloc(arena, r->bytes > 0 ? (ptrdiff_t)r->bytes : 1);
    if (!bytes) {
        e->error->retry_after_s = 5;
        return error_set(e->error, E_UNAVAILABLE, "there is no memory for the picture just now: try again");
    }
    for (int64_t done = 0; done < r->bytes;) {
        ssize_t got = pread(process->memory, bytes + done, (size_t)(r->bytes - done), DECODER_REQUEST_BYTES + done);
        if (got <= 0)
            return false;
        done += got;
    }
    if (e->job->kind == DECODE_HISTOGRAM && !is_histogram((const struct histogram *)(const void *)bytes))
        return false;
    if (r->bytes > DECODER_RESULT_KEPT)
        fallocate(process->memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  DECODER_REQUEST_BYTES + DECODER_RESULT_KEPT, r->bytes - DECODER_RESULT_KEPT);
    made->bytes = (struct str){ bytes, (ptrdiff_t)r->bytes };
    made->format = e->flavour == DECODER_RASTER ? r->format : e->job->format;
    made->format.syntax = e->flavour == DECODER_RASTER ? NULL : e->job->format.syntax;
    made->decoded = r->decoded;
    memcpy(made->remark, r->remark, sizeof(made->remark));
    made->width = r->width;
    made->height = r->height;
    return true;
}

/* ---- whose fault it is ---- */

/* How an attempt ended. */
enum attempt {
    DONE,
    /* the file was understood, and what is wrong with it is said; or nothing can be said now (E_UNAVAILABLE) */
    REFUSED,
    SUSPECT, /* the file may have done it: true when it happens to another process too */
    OURS,    /* says nothing of the file */
};

__attribute__((format(printf, 2, 3))) static enum attempt ours(struct errand *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(e->result->trouble, sizeof(e->result->trouble), format, args);
    va_end(args);
    return OURS;
}

/* The error waits until a second attempt ends like this. */
__attribute__((format(printf, 2, 3))) static enum attempt suspect(struct errand *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(e->suspicion, sizeof(e->suspicion), format, args);
    va_end(args);
    snprintf(e->result->trouble, sizeof(e->result->trouble), "once: %.100s", e->suspicion);
    e->suspicions++;
    return SUSPECT;
}

static enum attempt died(struct errand *e, int status)
{
    if (!WIFSIGNALED(status))
        return ours(e, "a decoder stopped in the middle of a %s (exit status %d)", name_of(e->job),
                    WEXITSTATUS(status));
    if (!boxed_is_own_signal(WTERMSIG(status)))
        return ours(e, "a decoder was ended while it worked on a %s: %s%s", name_of(e->job),
                    sigdescr_np(WTERMSIG(status)),
                    WTERMSIG(status) == SIGSYS ? " (the sandbox forbids what a library needs)" : "");
    if (WTERMSIG(status) == SIGABRT)
        return suspect(e, "the decoder gave up on the %s: it needs more memory than allowed, or is damaged",
                       name_of(e->job));
    return suspect(e, "the decoder gave up on the %s: it is damaged in a way that ended it (%s)", name_of(e->job),
                   sigdescr_np(WTERMSIG(status)));
}

/* The decoder's own words, about the file. Memory it lacked may be short for a moment only, or wasted by earlier
 * files. */
static enum attempt refused(struct errand *e)
{
    const char *message = e->reply.message;
    switch (e->reply.code) {
    case E_INVALID:
    case E_NOT_FOUND:
    case E_UNSUPPORTED_TYPE:
    case E_UNREADABLE:
        error_set(e->error, e->reply.code, "%s", message);
        return REFUSED;
    case E_TOO_LARGE:
        return suspect(e, "%s", message);
    case E_UNAVAILABLE:
    case E_INTERNAL:
        return ours(e, "a decoder says: %s", message);
    default:
        return ours(e, "a decoder's answer made no sense (code %d)", (int)e->reply.code);
    }
}

/* ---- the way there and back ---- */

/* Ends the process, whatever it is doing: the next attempt is with another. */
static enum attempt unanswered(struct errand *e, struct decoder_slot *slot, enum boxed_answer answer)
{
    int64_t timeout_ms = decoder_pool_options(e->pool)->timeout_ms;
    bool late = answer == BOXED_LATE || answer == BOXED_SPENT;
    int status = decoder_slot_end(e->pool, slot, e->flavour, late ? DECODER_TIMED_OUT : DECODER_DIED);
    if (decoder_pool_is_stopping(e->pool)) {
        error_set(e->error, E_UNAVAILABLE, "the server is shutting down");
        return REFUSED;
    }
    switch (answer) {
    case BOXED_UNSENT:
        return ours(e, "a decoder had ended before it was given anything (wait status %d)", status);
    case BOXED_GONE:
        return died(e, status);
    case BOXED_LATE:
        e->lates++;
        return ours(e, "a decoder did not get to work for %" PRId64 " s", (timeout_ms + 999) / 1000);
    case BOXED_SPENT: /* measured in its own time, it would be no different again */
        error_set(e->error, E_INVALID, "the decoder gave up on the %s: it takes longer than %" PRId64 " s",
                  name_of(e->job), (timeout_ms + 999) / 1000);
        return REFUSED;
    default:
        return ours(e, "a decoder's answer made no sense");
    }
}

static enum attempt attempt(struct errand *e, struct decoder_slot *slot, struct arena *arena)
{
    struct boxed process;
    int64_t timeout_us = decoder_pool_options(e->pool)->timeout_ms * 1000;
    if (!decoder_slot_ready(e->pool, slot, e->flavour, &process, e->error)) {
        if (!decoder_pool_is_stopping(e->pool))
            ours(e, "%.150s", e->error->message);
        return REFUSED;
    }
    if (!write_tables(e, process.memory))
        return ours(e, "cannot write to the memory shared with a decoder: %s", strerror(errno));
    enum boxed_answer answer = BOXED_UNSENT;
    if (boxed_send(&process, &e->request, sizeof(e->request), e->input))
        answer = decoder_receive(&process, e->request.number, timeout_us, &e->reply);
    if (answer != BOXED_ANSWERED)
        return unanswered(e, slot, answer);
    make_printable(e->reply.message, sizeof(e->reply.message));
    make_printable(e->reply.remark, sizeof(e->reply.remark));
    if (e->reply.code == E_NONE)
        return is_result(e) && read_result(e, &process, arena) ? DONE
               : e->error->code                                ? REFUSED
                                                               : unanswered(e, slot, BOXED_GARBLED);
    enum attempt outcome = refused(e);
    if (outcome != REFUSED) /* it lives, but another shall try */
        decoder_slot_end(e->pool, slot, e->flavour, DECODER_REPLACED);
    return outcome;
}

static bool run(struct errand *e, struct arena *arena)
{
    enum { ATTEMPTS = 3 };
    struct decoder_slot *slot = decoder_pool_take(e->pool, e->flavour, e->job->account, e->job->owner, e->error);
    if (!slot)
        return false;
    fill_request(e);
    enum attempt outcome = OURS;
    for (int i = 0; i < ATTEMPTS && outcome != DONE && outcome != REFUSED && e->suspicions < 2 && e->lates < 2; i++) {
        e->request.number = decoder_pool_next_number(e->pool);
        outcome = attempt(e, slot, arena);
    }
    decoder_pool_give(e->pool, slot);
    if (outcome == DONE || outcome == REFUSED)
        return outcome == DONE;
    if (e->suspicions == 2) {
        e->result->trouble[0] = '\0';
        return error_set(e->error, E_INVALID, "%s", e->suspicion);
    }
    e->error->retry_after_s = 5;
    return error_set(e->error, E_UNAVAILABLE, "the decoder was ended while it worked: try again later");
}

bool decoder_run(struct decoder_pool *pool, const struct decode_job *job, struct arena *arena,
                 struct decode_result *result, struct error *error)
{
    struct errand e = { .pool = pool, .job = job, .input = -1, .result = result, .error = error };
    result->trouble[0] = result->remark[0] = '\0';
    if (!pool)
        return error_set(error, E_UNAVAILABLE, "pictures are decoded only by a server that runs");
    if (!check_job(&e))
        return false;
    if (!open_input(&e)) {
        ours(&e, "%.150s", error->message);
        error->retry_after_s = 1;
        return false;
    }
    bool ok = run(&e, arena);
    if (e.input != job->fd)
        close(e.input);
    return ok;
}
