/* server.h - how the parts of http fit together. Private to http.
 *
 *   start, stop                    server.c
 *   libmicrohttpd calls            handler.c on_target -> on_request (1..n) -> on_completed;  on_connection
 *   one request object per call    request.c taken from a free list at the request line, given back after finish
 *   body bytes                     body.c    I/O thread fills a buffer, a worker empties the other
 *   streams without an end         stream.c  sleep while nothing happens
 *   answers                        reply.c   stored by http_reply, handed to libmicrohttpd on the I/O thread
 *   threads for blocking work      workers.c
 *   limits on connections          guard.c   one thread, a table of all connections; linger.c
 *
 * libmicrohttpd takes an answer only inside its handler callback, so a request that waits for another thread is
 * suspended, and request_wake resumes it. `lock` covers what both sides touch: replied, suspended, and the body's
 * hand-over. Taking it around MHD_suspend_connection and MHD_resume_connection is what makes the race "the worker is
 * done before the I/O thread has suspended" harmless.
 *
 * Who keeps a request alive: libmicrohttpd (until on_completed) and each job on a worker hold one reference. The
 * last one to let go calls finish.
 */
#ifndef ROENTGEN_HTTP_SERVER_H
#define ROENTGEN_HTTP_SERVER_H

#include "base/clock.h"
#include "base/thread.h"
#include "http/http.h"
#include "http/tls.h"

#include <microhttpd.h>
#include <stdatomic.h>

enum {
    BODY_BUFFER_BYTES = 256 * 1024,
    SWALLOW_BYTES = 64 * 1024, /* a rest of a body this small is read and dropped, so that the connection can live on */
    HEADERS_MAX = 100,         /* in a request */
    REPLY_HEADERS_MAX = 32,
    FREE_REQUESTS_MAX = 256, /* kept for the next requests */
    CLIENT_TEXT_MAX = 48,
    QUEUE_PER_WORKER = 64,
    LANES = sizeof(((struct http_options *)0)->lanes) / sizeof(struct http_lane),
    TICK_MS = 250,
    WHEEL_SLOTS = 1024 /* of one tick each */
};

struct header {
    struct str name, value;
};

/* ---- workers.c ----
 *
 *   struct workers: one lane
 *     buckets[hash of account] -> line -> line ...     of each account that has work here, waiting or under way
 *     ready -> line -> line ...                        those of them whose next piece may begin, in turn
 *                |-> job -> job ...                    in the order in which they came
 */
struct job {
    struct job *next;
    struct request *request;
    void (*run)(struct request *r);
};

enum { LINE_BUCKETS = 256 };

struct line {
    int64_t account;
    struct job *first, **last;
    int waiting, busy;
    bool is_ready;
    struct line *next_ready, *next;
};

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct line *buckets[LINE_BUCKETS];
    struct line *ready, **last_ready;
    struct thread *threads;
    int count;
    int account_threads;
    int busy;
    int64_t waiting;
    bool stopping;
};

bool workers_start(struct workers *workers, const struct http_lane *lane, struct error *error);
void workers_stop(struct workers *workers); /* runs what is queued first */
/* False, for `bounded` jobs only, when too many wait already. Takes a reference on the request. */
bool workers_add(struct workers *workers, struct job *job, struct request *r, void (*run)(struct request *r),
                 bool bounded);

/* ---- guard.c ---- */
enum conn_state { CONN_IDLE, CONN_HEADER, CONN_BODY, CONN_HANDLING, CONN_SENDING, CONN_WAITING };

struct conn {
    struct conn *next, *prev; /* in a slot of the wheel; under guard.lock, as is fd */
    int fd;
    atomic_bool cut;
    bool linger;                /* I/O thread: closes with input unread */
    _Atomic int64_t phase;      /* since (guard's clock, ms) * 8 + conn_state, so that both are read together */
    _Atomic int64_t body_bytes; /* of the current request */
    _Atomic int64_t body_mark;  /* the same when the phase began */
    int64_t window_phase, window_start_ms, window_bytes; /* guard's: where the rate is measured from */
    int64_t left_phase, left_bytes; /* guard's: the peer had closed at the last look, in this phase */
    uint64_t sent_mark;             /* guard's: bytes the peer had taken when last looked */
    ptrdiff_t client_len;
    char client[CLIENT_TEXT_MAX];
};

struct lingerer {
    int fd;
    int64_t until_ms, bytes;
};

enum { LINGERS_MAX = 256 };

struct guard {
    pthread_mutex_t lock;
    struct thread thread;
    int epoll, event;
    struct conn slots[WHEEL_SLOTS]; /* list heads */
    int64_t tick;                   /* last slot looked at */
    int64_t interval_ms;            /* no connection stays unseen for longer */
    _Atomic int64_t now_ms;         /* renewed each tick: the clock of all phases */
    atomic_bool stopping, pressed;
    struct lingerer lingers[LINGERS_MAX]; /* fd < 0: free; under lock */
    atomic_int lingering;
};

void guard_init(struct http_server *server);
bool guard_start(struct http_server *server, struct error *error);
void guard_stop(struct http_server *server);
struct conn *guard_add(struct http_server *server, int fd, const struct sockaddr *address);
void guard_remove(struct http_server *server, struct conn *conn); /* before the descriptor is closed */
void guard_cut_all(struct http_server *server);
/* linger.c. The first under lock, on an I/O thread; the others on the guard's. */
void linger_start(struct guard *guard, int socket);
void linger_drain(struct guard *guard, int index);
void linger_end_old(struct guard *guard, int64_t now_ms);
void conn_enter(struct http_server *server, struct conn *conn, enum conn_state state);

/* ---- one request ---- */
enum body_mode { BODY_UNWANTED, BODY_SINK, BODY_COLLECT };
enum reply_kind { REPLY_BYTES, REPLY_FILE, REPLY_STREAM };
enum request_step { STEP_FIRST, STEP_BODY, STEP_LAST }; /* which call of libmicrohttpd comes next */

struct buffer {
    char *at;
    ptrdiff_t len, capacity;
};

struct body {
    enum body_mode mode;
    struct body_sink sink;
    int64_t max_bytes;
    struct buffer filling;  /* I/O thread's, unless `full` */
    struct buffer emptying; /* worker's while `busy` */
    bool full;              /* `filling` waits for the worker to be done with the other one */
    bool busy;              /* a worker is in the sink */
    bool failed;            /* no byte more goes to the sink; r->body_error says why */
    bool dead;              /* the connection is gone */
    bool abandoned;
    bool begun; /* the sink has been given bytes */
    bool given; /* ready was called; I/O thread */
};

struct stream {
    ptrdiff_t (*read)(void *self, int64_t offset, char *out, ptrdiff_t max);
    void (*release)(void *self);
    void *self;
    bool live;
};

struct request {
    /* Kept from use to use. */
    struct http_server *server;
    pthread_mutex_t lock;
    struct arena arena;
    void *app_data;
    struct request *next_free;
    struct header headers[HEADERS_MAX];
    struct header reply_headers[REPLY_HEADERS_MAX];
    struct error body_error; /* large: cleared only when it was set */

    /* Zeroed at each birth, from here on. */
    struct MHD_Connection *mhd;
    struct conn *conn;
    atomic_int references;
    enum request_step step;
    int header_count;
    struct str path, query, method_text; /* path null: no acceptable target */
    enum http_method method;
    int64_t started_us, content_length, body_bytes;
    bool has_body, expects_continue, http_1_0;
    bool counted;            /* in server->active: the application has seen it */
    bool begun;              /* begin was called, or the answer came from here; I/O thread */
    bool drop;               /* the rest of the body is read and dropped */
    bool queued;             /* the answer is libmicrohttpd's */
    bool replied, suspended; /* under lock */
    bool waits;              /* an answer will come from elsewhere */
    bool go_on;              /* begin has ended on a worker: the body may come (under `lock`) */
    char client[CLIENT_TEXT_MAX];
    ptrdiff_t client_len;
    struct body body;
    struct job work_job, body_job;
    void (*work)(struct request *r);
    int64_t account;
    int status, reply_header_count;
    enum reply_kind reply_kind;
    bool close;
    int fd;
    int64_t file_offset, reply_length;
    struct str reply_bytes;
    struct stream stream;
    int64_t streamed_bytes;
    bool woken;                            /* a live stream, while it did not sleep; under `lock` */
    bool live;                             /* it is in the server's list; I/O thread */
    struct request *next_live, *prev_live; /* under server->live_lock */
};

struct http_server {
    struct http_options options;
    struct http_app app;
    struct MHD_Daemon *daemon;
    struct http_tls *tls; /* NULL: plain HTTP */
    int listener, port;
    struct guard guard;
    struct workers lanes[LANES];
    pthread_mutex_t free_lock;
    struct request *free_first;
    int free_count;
    pthread_mutex_t live_lock;
    struct request *live;
    _Atomic int64_t live_count;
    atomic_bool stopping; /* new requests get 503 */
    atomic_bool cutting;  /* work not yet begun is dropped */
    _Atomic int64_t active;
    _Atomic int64_t connections, connections_total, requests_total, refused_total;
    _Atomic int64_t timeouts_header, timeouts_body, timeouts_idle, timeouts_send;
};

/* body.c, on a worker: what a `late` sink has not been given yet. */
void body_deliver(struct request *r);

/* request.c */
struct request *request_take(struct http_server *server);
void request_release(struct request *r);
void request_free_all(struct http_server *server);
bool request_read_headers(struct request *r, const char *method, const char *version);
void request_read_target(struct request *r, const char *uri);
void request_keep_strings(struct request *r); /* copies what points into libmicrohttpd's memory */
/* Under r->lock. */
void request_suspend(struct request *r);
void request_wake(struct request *r);

/* body.c; on the I/O thread. `body_take` may leave bytes (the request is then suspended). */
enum body_progress { BODY_MORE, BODY_WAITS, BODY_READY };
enum body_progress body_take(struct request *r, const char *at, size_t *len);
enum body_progress body_end(struct request *r);
void body_lost(struct request *r); /* the connection closed */
void body_release(struct request *r);

/* reply.c */
void reply_problem(struct request *r, int status, const char *detail); /* sets an answer of our own */
bool reply_queue(struct request *r);                                   /* on the I/O thread, inside the handler */
void reply_write_raw(struct request *r); /* in the middle of a body, where libmicrohttpd takes no answer */
void reply_release(struct request *r);
ssize_t reply_break_off(struct request *r, char *out, size_t max); /* for a reader to return; on the I/O thread */

/* stream.c. The first four on the I/O thread. */
void live_begin(struct request *r);
ssize_t live_read(struct request *r, int64_t offset, char *out, size_t max);
void live_forget(struct request *r);                  /* what only the beginning of the answer needed */
void live_end(struct request *r);                     /* harmless where it is none */
void live_wake(struct http_server *server, bool all); /* those that were cut off, or all */

/* header.c */
bool header_is_token(const char *at, ptrdiff_t len);
bool header_value_is_clean(struct str value);

#endif
