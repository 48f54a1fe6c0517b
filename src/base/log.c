/* log.c - lines gathered in memory, and a thread that writes what has waited 100 ms.
 *
 * A line is made under the lock, straight into `pending`: its parts are cut to stated lengths, so that a line always
 * fits behind the 64 KiB at which pending is written. Files and their rotation are log_file.c's. */
#include "base/clock.h"
#include "base/log.h"
#include "base/log_file.h"
#include "base/names.h"
#include "base/text.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
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
    pthread_mutex_t lock;
    pthread_cond_t wake; /* pending became non-empty, or stopping */
    pthread_t flusher;
    bool stopping;
    bool readable; /* text for a terminal, not JSON */
    bool requests; /* access lines are written */
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

static void *flusher_main(void *argument)
{
    struct log *log = argument;
    pthread_mutex_lock(&log->lock);
    while (!log->stopping) {
        if (log->pending.len == 0) {
            pthread_cond_wait(&log->wake, &log->lock);
            continue;
        }
        int64_t until = clock_monotonic_us() + FLUSH_AFTER_US;
        struct timespec at = { .tv_sec = until / 1000000, .tv_nsec = until % 1000000 * 1000 };
        while (!log->stopping && pthread_cond_timedwait(&log->wake, &log->lock, &at) == 0)
            continue;
        flush_locked(log);
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

static void init_locks(struct log *log)
{
    pthread_condattr_t attributes;
    if (pthread_mutex_init(&log->lock, NULL) || pthread_condattr_init(&attributes) ||
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) || pthread_cond_init(&log->wake, &attributes))
        abort();
    pthread_condattr_destroy(&attributes);
}

/* Signals belong to the threads that expect them. */
static int start_flusher(struct log *log)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(&log->flusher, NULL, flusher_main, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return number;
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
    init_locks(log);
    int number = start_flusher(log);
    if (number != 0) {
        log_file_close(&log->file);
        text_release(&log->pending);
        pthread_cond_destroy(&log->wake);
        pthread_mutex_destroy(&log->lock);
        free(log);
        return error_set(error, E_INTERNAL, "cannot start the log's thread: %s", strerrordesc_np(number));
    }
    *out = log;
    return true;
}

void log_close(struct log *log)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    log->stopping = true;
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->flusher, NULL);
    flush_locked(log);
    log_file_close(&log->file);
    text_release(&log->pending);
    pthread_cond_destroy(&log->wake);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

void log_flush(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    flush_locked(log);
    pthread_mutex_unlock(&log->lock);
}

void log_reopen(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    flush_locked(log);
    log_file_reopen(&log->file);
    pthread_mutex_unlock(&log->lock);
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
    return point < 0x20 || (point >= 0x7F && point < 0xA0) || (point >= 0x202A && point <= 0x202E) ||
           (point >= 0x2066 && point <= 0x2069) || point == 0x2028 || point == 0x2029;
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
        pthread_cond_signal(&log->wake);
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
    pthread_mutex_lock(&log->lock);
    start_line(log, level, part_of(event));
    if (request_id && *request_id)
        put_text(log, S(",\"request_id\":"), part_of(request_id));
    put_text(log, S(",\"message\":"), (struct str){ message, length < MESSAGE_MAX ? length : MESSAGE_MAX });
    end_line(log, level);
    pthread_mutex_unlock(&log->lock);
}

void log_access(struct log *log, const struct log_access *line)
{
    if (!is_wanted(log, LOG_INFO) || !log->requests)
        return;
    pthread_mutex_lock(&log->lock);
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
    pthread_mutex_unlock(&log->lock);
}
