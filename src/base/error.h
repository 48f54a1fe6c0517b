/* error.h - what went wrong, said once.
 *
 *     if (open_failed)
 *         return error_set(error, E_STORAGE, "cannot open %s: %s", path, strerror(errno));
 *
 * Functions that can fail return bool and fill a struct error; the first cause stays, later calls do
 * not overwrite it. Only the top of a request, a job or a command logs it. `message` may reach the
 * client for codes whose row says so (4xx); for the others the client gets the title alone and the message
 * goes to the log. Messages never hold passwords, tokens or patients' data.
 */
#ifndef ROENTGEN_ERROR_H
#define ROENTGEN_ERROR_H

#include "base/arena.h"

enum error_code {
    E_NONE,
    E_BAD_REQUEST,         /* 400 */
    E_UNAUTHENTICATED,     /* 401 */
    E_FORBIDDEN,           /* 403 */
    E_NOT_FOUND,           /* 404 */
    E_METHOD_NOT_ALLOWED,  /* 405 */
    E_NOT_ACCEPTABLE,      /* 406 */
    E_REQUEST_TIMEOUT,     /* 408 */
    E_CONFLICT,            /* 409 */
    E_GONE,                /* 410 */
    E_LENGTH_REQUIRED,     /* 411 */
    E_PRECONDITION_FAILED, /* 412 */
    E_TOO_LARGE,           /* 413 */
    E_URI_TOO_LONG,        /* 414 */
    E_UNSUPPORTED_TYPE,    /* 415 */
    E_RANGE,               /* 416 */
    E_INVALID,             /* 422, with problems */
    E_LOCKED,              /* 423 */
    E_TOO_MANY,            /* 429, with retry_after_s */
    E_HEADERS_TOO_LARGE,   /* 431 */
    E_INTERNAL,            /* 500: a bug or a state that should not be */
    E_UNREADABLE,          /* 502: what was stored is not given back, or not understood; logged as an error */
    E_UNAVAILABLE,         /* 503: database gone, shutting down */
    E_STORAGE_FULL,        /* 507 */
    E_CODES
};

/* One row per code; error.c holds the table. */
struct error_row {
    int status;             /* HTTP status */
    const char *title;      /* RFC 9457 "title" */
    const char *title_zh;   /* the same for Chinese readers */
    bool message_is_public; /* may `message` reach the client as "detail"? */
    int retry_after_s;      /* Retry-After where the error says none of its own; 0: no such header */
};
const struct error_row *error_row(enum error_code code);

/* One wrong member of the input: RFC 9457 extension `errors: [{loc, msg, type}]`. */
struct problem {
    const char *place;  /* "body", "query", "path", "header" */
    struct str member;  /* "items.2.name"; null when the whole place is wrong */
    struct str message; /* never quotes the value */
    const char *type;   /* "missing", "too_long", "not_a_choice", ... */
    struct problem *next;
};

enum { ERROR_MESSAGE_MAX = 400, PROBLEMS_MAX = 64 };

struct error {
    enum error_code code;
    char message[ERROR_MESSAGE_MAX]; /* NUL-terminated, cut if longer */
    const char *file;                /* where it was set */
    int line;
    int retry_after_s;        /* 0: as its code's row says */
    bool is_ours;             /* of E_UNAVAILABLE: not just much to do, but something that the operator has to know */
    const char *type;         /* RFC 9457 "type", where programs should tell this case from others; NULL: about:blank */
    bool in_doubt;            /* of a commit: the change may have been made all the same (db.h) */
    struct problem *problems; /* in the order found; in the call's arena */
    int problem_count;
};

/* Always return false, so that `return error_set(...)` reads as the failure it is. */
bool error_set_at(struct error *error, const char *file, int line, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
#define error_set(error, code, ...) error_set_at((error), __FILE__, __LINE__, (code), __VA_ARGS__)
/* In one line, for whoever asked: the first problem, else the message where it may be told, else the title. Lives as
 * long as the error, and no longer than its arena. */
struct str error_told(const struct error *error);
void error_clear(struct error *error);

/* Is this errno a want of descriptors, memory or processes, which may be over in a moment, and says nothing of what was
 * asked for? */
bool error_is_shortage(int number);

/* Adds a problem and makes the error E_INVALID unless a cause is already there. Past PROBLEMS_MAX they
 * are counted, not kept. */
bool error_add_problem(struct error *error, struct arena *arena, const char *place, struct str member, const char *type,
                       const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
