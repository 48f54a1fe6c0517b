/* log.c - lines gathered in memory, and a thread that writes what has waited 100 ms.
 *
 * A line is made under the lock, straight into `pending`: its parts are cut to stated lengths, so that a line always
 * fits behind the 64 KiB at which pending is written. Files and their rotation are log_file.c's. */
#include "base/clock.h"
#include "base/log.h"
#include "base/log_file.h"
#include "base/names.h"
#include "base/text.h"
#include "base/thread.h"

#include <assert.h>
#include <stdatomic.h>
#include <unistd.h>

enum {
    FLUSH_BYTES = 64 * 1024,
    FLUSH_AFTER_US = 100 * 1000,
    PART_MAX = 256, /* names, ids, addresses */
    MESSAGE_MAX = 2048,
    LINE_MAX_BYTES = 6 * (MESSAGE_MAX + 6 * PART_MAX) + 1024 /* a byte becomes six at most: \u001f */
};

const char *const log_level_names[] = { "debug", "info", "warning", "error", "off", NULL };
NAMES_REACH(log_level_names, LOG_OFF + 1);

const char *const log_requests_names[] = { "auto", "on", "off", NULL };
NAMES_REACH(log_requests_names, LOG_REQUESTS_OFF + 1);

struct log {
    struct background flusher; /* its lock guards all; woken when pending becomes non-empty */
    bool readable;             /* text for a terminal, not JSON */
    bool requests;             /* access lines are written */
    atomic_int level;
    struct text pending;
    struct log_file file;
};

/* --- writing what is pending --- */

static void flush_locked(struct log *log)
{
    log_file_write(&log->file, text_str(&log->pending));
    text_clear(&log->pending);
}

static void flush_again_and_again(void *context)
{
    struct log *log = context;
    background_lock(&log->flusher);
    while (!log->flusher.stopping) {
        if (log->pending.len == 0) {
            background_wait(&log->flusher, NEVER);
            continue;
        }
        int64_t until_us = clock_monotonic_us() + FLUSH_AFTER_US;
        while (!log->flusher.stopping && background_wait(&log->flusher, until_us))
            continue;
        flush_locked(log);
    }
    background_unlock(&log->flusher);
}

static void release(struct log *log)
{
    log_file_close(&log->file);
    text_release(&log->pending);
    free(log);
}

bool log_open(const struct log_options *options, struct log **out, struct error *error)
{
    struct log_file file;
    if (!log_file_open(options, &file, error))
        return false;
    struct log *log = calloc(1, sizeof(*log));
    if (!log)
        abort();
    log->file = file;
    log->readable = isatty(file.fd);
    log->requests = options->requests == LOG_REQUESTS_AUTO ? !log->readable : options->requests == LOG_REQUESTS_ON;
    atomic_init(&log->level, options->level);
    text_init(&log->pending, FLUSH_BYTES + LINE_MAX_BYTES);
    if (!background_start(&log->flusher, "log-flusher", flush_again_and_again, log, error)) {
        release(log);
        return false;
    }
    *out = log;
    return true;
}

void log_close(struct log *log)
{
    if (!log)
        return;
    background_stop(&log->flusher);
    flush_locked(log);
    background_release(&log->flusher);
    release(log);
}

void log_flush(struct log *log)
{
    background_lock(&log->flusher);
    flush_locked(log);
    background_unlock(&log->flusher);
}

void log_reopen(struct log *log)
{
    background_lock(&log->flusher);
    flush_locked(log);
    log_file_reopen(&log->file);
    background_unlock(&log->flusher);
}

void log_set_level(struct log *log, enum log_level level)
{
    atomic_store(&log->level, (int)level);
}

enum log_level log_get_level(const struct log *log)
{
    return (enum log_level)atomic_load(&log->level);
}

/* --- making a line --- */

static struct str part_of(const char *text)
{
    return (struct str){ text, (ptrdiff_t)strnlen(text, PART_MAX) };
}

/* Characters that a terminal acts on (C0, DEL, C1) or that reorder what is shown (bidirectional controls). */
static bool is_unsafe(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0) || point_turns_direction(point) || point == 0x2028 ||
           point == 0x2029;
}

static void put_readable(struct text *line, struct str s)
{
    while (s.len > 0) {
        struct str rest = s;
        uint32_t point = str_next_code_point(&rest);
        if (is_unsafe(point) || (point == 0xFFFD && rest.at - s.at == 1))
            text_put_char(line, '?');
        else
            text_put(line, (struct str){ s.at, rest.at - s.at });
        s = rest;
    }
}

static void put_text(struct log *log, struct str json_name, struct str value)
{
    struct text *line = &log->pending;
    text_put(line, log->readable ? S(" ") : json_name);
    if (log->readable)
        put_readable(line, value);
    else
        text_put_json_string(line, value);
}

static void put_number(struct log *log, struct str json_name, struct str readable_name, int64_t n)
{
    text_put(&log->pending, log->readable ? readable_name : json_name);
    text_put_integer(&log->pending, n);
}

static void start_line(struct log *log, enum log_level level, struct str event)
{
    if (log->pending.len == 0)
        background_wake(&log->flusher);
    char time[INSTANT_TEXT_MAX];
    struct str now = { time, instant_write(clock_now(), time) };
    text_put(&log->pending, log->readable ? STR_NULL : S("{\"time\":\""));
    text_put(&log->pending, now);
    text_put(&log->pending, log->readable ? S(" ") : S("\",\"level\":\""));
    text_put(&log->pending, str_from(log_level_names[level]));
    text_put(&log->pending, log->readable ? STR_NULL : S("\""));
    put_text(log, S(",\"event\":"), event);
}

static void end_line(struct log *log, enum log_level level)
{
    text_put(&log->pending, log->readable ? S("\n") : S("}\n"));
    assert(!log->pending.overflowed);
    if (level >= LOG_WARNING || log->pending.len >= FLUSH_BYTES)
        flush_locked(log);
}

static bool is_wanted(const struct log *log, enum log_level level)
{
    return log && level < LOG_OFF && (int)level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}

void log_write(struct log *log, enum log_level level, const char *request_id, const char *event, const char *format,
               ...)
{
    if (!is_wanted(log, level))
        return;
    char message[MESSAGE_MAX + 1];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    assert(length >= 0);
    background_lock(&log->flusher);
    start_line(log, level, part_of(event));
    if (request_id && *request_id)
        put_text(log, S(",\"request_id\":"), part_of(request_id));
    put_text(log, S(",\"message\":"), (struct str){ message, length < MESSAGE_MAX ? length : MESSAGE_MAX });
    end_line(log, level);
    background_unlock(&log->flusher);
}

void log_access(struct log *log, const struct log_access *line)
{
    if (!is_wanted(log, LOG_INFO) || !log->requests)
        return;
    background_lock(&log->flusher);
    start_line(log, LOG_INFO, S("request"));
    if (line->request_id && *line->request_id)
        put_text(log, S(",\"request_id\":"), part_of(line->request_id));
    if (line->method)
        put_text(log, S(",\"method\":"), part_of(line->method));
    if (line->route)
        put_text(log, S(",\"route\":"), part_of(line->route));
    if (!str_is_null(line->client))
        put_text(log, S(",\"client\":"), str_slice(line->client, 0, PART_MAX));
    if (line->user_id)
        put_number(log, S(",\"user_id\":"), S(" user="), line->user_id);
    put_number(log, S(",\"status\":"), S(" status="), line->status);
    put_number(log, S(",\"us\":"), S(" us="), line->us);
    put_number(log, S(",\"bytes_in\":"), S(" in="), line->bytes_in);
    put_number(log, S(",\"bytes_out\":"), S(" out="), line->bytes_out);
    end_line(log, LOG_INFO);
    background_unlock(&log->flusher);
}
