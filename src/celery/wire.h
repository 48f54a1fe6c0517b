/* wire.h - what Celery and kombu write into Redis: names of keys, messages (protocol 2), results, revocations. Nothing
 * here asks anybody: texts in, texts out.
 *
 *     queue           a list: LPUSH and BRPOP. One for each priority step; the step 0 has the queue's own name:
 *                     celery   celery\x06\x163   celery\x06\x166   celery\x06\x169
 *     unacked         a hash, delivery tag -> [message, exchange, routing key]: taken, and not acknowledged yet
 *     unacked_index   a sorted set: the tags, by when they were taken
 *     celery-task-meta-ID    a text: how the task stands, or what came of it; published under the same name as well
 *
 * A message is one JSON object; its body is base64 of [args, kwargs, {callbacks, errbacks, chain, chord}]. Of Celery's
 * workers some end at a message that lacks one of properties.delivery_tag, headers.id, body_encoding or a body in
 * base64: celery_message always has them.
 *
 * What comes from there was written by strangers: it is bounded, parsed strictly, and said to be broken in words that
 * quote nothing of it. Results and envelopes may hold what Python's json writes and JSON has not (wire_python.c).
 */
#ifndef ROENTGEN_CELERY_WIRE_H
#define ROENTGEN_CELERY_WIRE_H

#include "base/clock.h"
#include "base/error.h"

enum {
    CELERY_STEPS_MAX = 10,
    CELERY_ID_MAX = 100,              /* bytes of a task id; Celery's own are UUIDs */
    CELERY_NAME_MAX = 200,            /* of a task's name */
    CELERY_MESSAGE_MAX = 1024 * 1024, /* of a message that is read */
    CELERY_TAGS = 8                   /* how often one task is sent at most, with a delivery tag of its own each time */
};

/* ---- keys ---- */

/* As Celery's options say them: broker_transport_options and result_backend_transport_options. */
struct celery_names {
    struct str prefix;    /* global_keyprefix */
    struct str separator; /* sep */
    int64_t steps[CELERY_STEPS_MAX], step_count;
    int64_t db; /* the number of Redis' database, which broadcasts have in their name */
};

/* `separator` null: Celery's own. `steps`: "0,3,6,9", rising, the first of them 0, all below 10. E_INVALID. */
bool celery_names_read(struct str prefix, struct str separator, struct str steps, int64_t db, struct arena *arena,
                       struct celery_names *out, struct error *error);
struct str celery_key(const struct celery_names *names, const char *name, struct arena *arena);
struct str celery_queue_key(const struct celery_names *names, struct str queue, int64_t step, struct arena *arena);
/* The backend for results puts a _ behind a prefix that does not end in one of :_-. */
struct str celery_result_key(const struct celery_names *names, struct str id, struct arena *arena);
struct str celery_pidbox(const struct celery_names *names, struct arena *arena); /* where revocations are said */
/* The step of a number from 0 to 9, and of a priority of ours (enum job_priority): the first for STAT, the last for
 * LOW, the others between. */
int64_t celery_step(const struct celery_names *names, int64_t priority);
int64_t celery_step_of(const struct celery_names *names, unsigned priority);

/* ---- what we send ---- */

struct celery_task {
    struct str id;     /* a UUID */
    struct str name;   /* "roentgen.ai.echo" */
    struct str kwargs; /* a JSON object */
    struct str queue;
    int64_t step;
    int64_t delivery;       /* how often it has been sent before: the delivery tag is another one each time */
    int64_t time_limit_s;   /* of Celery's worker, hard */
    struct instant expires; /* what has not begun by then is not run; 0 or null: never */
};
/* Would every worker read what it is told as it was meant? NULL, or words why not. An object with the member __type__
 * is not one to kombu from 5.3 on (kombu/utils/json.py, object_hook): it makes a date, bytes or a decimal of it, and
 * when that fails loses the message, with all of it in its log. kombu 5.2 leaves it as it is. */
const char *celery_kwargs_check(struct str kwargs, struct arena *arena);
/* Would every worker take it? NULL, or words why not. */
const char *celery_task_check(const struct celery_task *task, struct arena *arena);
/* The same bytes for the same task. */
struct str celery_message(const struct celery_task *task, struct arena *arena);
/* A broadcast; `terminate`: also when it runs. */
struct str celery_revocation(struct str id, bool terminate, struct arena *arena);

enum celery_state {
    CELERY_PENDING,
    CELERY_RECEIVED,
    CELERY_STARTED,
    CELERY_RETRY,
    CELERY_SUCCESS,
    CELERY_FAILURE,
    CELERY_REVOKED,
    CELERY_REJECTED,
    CELERY_IGNORED,
    CELERY_OTHER /* a state that some program made up */
};
extern const char *const celery_states[]; /* names of enum celery_state, up to IGNORED */

struct celery_result {
    enum celery_state state;
    struct str id;
    struct str value; /* SUCCESS: JSON */
    struct str words; /* FAILURE, RETRY, REVOKED: "ValueError: what it said"; bounded, clean */
};
bool celery_state_is_final(enum celery_state state);
/* NULL, or what is wrong with it. */
const char *celery_result_read(struct str text, struct arena *arena, struct celery_result *out);

/* ---- what we are sent ---- */

struct celery_request {
    struct str id, name, delivery_tag;
    struct str kwargs; /* a JSON object */
    struct str group_id, parent_id;
    int64_t priority; /* 0 to 9 */
    struct instant eta, expires;
    bool has_args, has_followers; /* callbacks, errbacks, a chain or a chord */
    const char *refused;          /* NULL, or why its body is not taken: whoever sent it can be told */
};
/* NULL, or what is wrong with it, when nobody can be told (no id, or no reply_to). */
const char *celery_request_read(struct str text, struct arena *arena, struct celery_request *out);
/* The ids that a broadcast revokes, at most `most`; 0: it is about something else, or broken. */
int celery_revoked(struct str text, struct arena *arena, struct str *ids, int most, bool *terminate);
/* The same message as one that comes again, and the list that it belongs to: exchange and routing key are those of
 * `unacked`. Of any size: it may be of another program that shares the Redis. NULL: it is broken. */
struct str celery_redelivered(struct str text, struct arena *arena, struct str *exchange, struct str *routing_key,
                              int64_t *priority);

struct celery_answer {
    enum celery_state state;
    struct str id;
    struct str value;               /* SUCCESS: JSON; null: nothing */
    const char *exception;          /* otherwise: ValueError, of Python's own; or of celery.exceptions */
    struct str words;               /* and what it says */
    struct str group_id, parent_id; /* null: none */
    struct instant at;
};
struct str celery_answer_write(const struct celery_answer *answer, struct arena *arena);

#endif
