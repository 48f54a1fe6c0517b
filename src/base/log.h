/* log.h - one line per thing worth telling.
 *
 *     log_write(log, LOG_WARNING, request_id, "storage.slow", "fsync took %d ms", ms);
 *
 * On a terminal readable text, otherwise one JSON object a line:
 *   {"time":"...","level":"warning","event":"storage.slow","request_id":"...","message":"fsync took 812 ms"}
 * Lines are gathered in memory and written when 64 KiB are there, 100 ms have passed, or the level is warning
 * or worse. Thread-safe. Never holds passwords, tokens, or patients' data.
 */
#ifndef ROENTGEN_LOG_H
#define ROENTGEN_LOG_H

#include "base/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_OFF };
extern const char *const log_level_names[]; /* "debug" ..., NULL at the end */

/* Are access lines written? `auto`: not to a terminal, where somebody reads what the server says of itself. */
enum log_requests { LOG_REQUESTS_AUTO, LOG_REQUESTS_ON, LOG_REQUESTS_OFF };
extern const char *const log_requests_names[]; /* "auto", "on", "off", NULL at the end */

struct log;

struct log_options {
    enum log_level level;
    const char *path;     /* NULL or "": standard error */
    int64_t rotate_bytes; /* a new file past this size; 0: never */
    int64_t rotate_age_s; /* or past this age; 0: never */
    int keep;             /* old files kept: path.1 ... path.keep */
    enum log_requests requests;
};

bool log_open(const struct log_options *options, struct log **out, struct error *error);
void log_close(struct log *log); /* flushes; takes NULL */

/* Without a log (NULL) nothing is written. `request_id` may be NULL or "". Messages are cut at 2048 bytes. */
void log_write(struct log *log, enum log_level level, const char *request_id, const char *event, const char *format,
               ...) __attribute__((format(printf, 5, 6)));

/* The access line: who asked what and how it went. Null members are left out. Level info. */
struct log_access {
    const char *request_id;
    const char *method;
    const char *route; /* the endpoint's path pattern, never the path itself: ids stay out */
    struct str client; /* address */
    int64_t user_id;   /* 0: nobody */
    int status;
    int64_t us; /* from the first byte of the request to the answer being ready */
    int64_t bytes_in, bytes_out;
};
void log_access(struct log *log, const struct log_access *line);

void log_set_level(struct log *log, enum log_level level);
enum log_level log_get_level(const struct log *log);
void log_reopen(struct log *log); /* after SIGHUP, for outside rotation */
void log_flush(struct log *log);

#endif
