/* exchange.h - one request and its answer: what dispatch keeps beside the struct call that a handler gets.
 *
 *     static bool thing_post(struct call *c)                        // endpoint.h: the row says what runs, and where
 *     {
 *         struct thing thing = *(const struct thing *)c->in;
 *         if (!db_insert(c, &thing_schema, &thing, &thing.id))
 *             return false;
 *         answer_location(c, "/api/v1/things/%" PRId64, thing.id);
 *         return thing_load(c, thing.id, c->out);                   // encoded as the row's `out` says
 *     }
 *
 *     begin    admission.c, proxy.c     who asks, and whether they may
 *     ready    decode.c                 call.in
 *     run      dispatch.c               If-Match, Idempotency-Key, the handler, the audit row
 *     end      answer.c                 call.out, or c->error as a problem; headers, log line, metrics
 *
 * False from a handler: the answer is the problem in c->error. A transaction may run the handler again, and what it
 * said before is forgotten then.
 *
 * The exchange is memory of http's that goes from request to request. A handler keeps nothing of it: whatever is in the
 * call's arena lives until the answer has been sent, descriptors go to answer_file, and what `receive` made to
 * `upload_release`, which is called however the request ends.
 */
#ifndef ROENTGEN_EXCHANGE_H
#define ROENTGEN_EXCHANGE_H

#include "site/actor.h"
#include "site/app.h"
#include "web/endpoint.h"
#include "base/text.h"

#include <assert.h>

struct exchange {
    struct call call;          /* first: exchange_of relies on it */
    unsigned char random[512]; /* for request ids */
    int random_left;
    struct text answer;     /* body to send */
    struct text compressed; /* the same, gzip */
    /* From here on everything is zero when a request begins. */
    struct route route;
    const struct endpoint *endpoint;
    struct principal principal;
    uint64_t authority_epoch; /* asked once, by whoever needs it first */
    bool has_authority_epoch;
    struct actor actor;         /* call.actor points here */
    uint64_t fields;            /* ?fields= mask of the answer's members */
    int status;                 /* 0: the row's */
    const char *media_type;     /* NULL: application/json */
    bool body_is_set;           /* the handler gave the body to http itself (file, asset): answer_file, answer_bytes */
    bool is_live;               /* answer_live */
    struct str idempotency_key; /* null: none */
    void *upload;               /* what `receive` keeps for the handler */
    void (*upload_release)(void *upload); /* called at the end of the request, however it ended; may be NULL */
    struct {
        const char *name;
        struct str value;
    } headers[8];
    int header_count;
    struct str problem_extra; /* further members of the problem: `"missing_chunks":[3]` */
    bool problem_is_set;      /* the handler wrote x->answer itself (RFC 6749 errors) */
    bool on_worker;           /* begin has moved there, because the token has to be looked up in a remote database */
};

/* The request behind a call, for handlers: a rule that a command may reach asks site/actor.h instead. */
static inline struct exchange *exchange_of(struct call *c)
{
    assert(c->request);
    return (struct exchange *)(void *)c;
}

/* For handlers. */
void answer_status(struct call *c, int status);
void answer_header(struct call *c, const char *name, struct str value);
void answer_location(struct call *c, const char *format, int64_t id); /* "/api/v1/things/%" PRId64 */
/* Only these members (a mask) of the answer's record: those that may be lacking are AT_TIMES (field.h). */
void answer_members(struct call *c, uint64_t members);
/* NOT_JSON answers: bytes that outlive the request or live in its arena; or part of a file, whose descriptor is taken
 * over. */
void answer_bytes(struct call *c, const char *media_type, struct str bytes);
void answer_file(struct call *c, const char *media_type, int fd, int64_t offset, int64_t length);
/* Bytes made while they are sent (http_set_stream): `self` is not in the call's arena, and `release` gives it back. */
void answer_stream(struct call *c, const char *media_type, int64_t length,
                   ptrdiff_t (*read)(void *self, int64_t offset, char *out, ptrdiff_t max), void (*release)(void *self),
                   void *self);
/* Bytes that come as things happen (http_set_live_stream). */
void answer_live(struct call *c, const char *media_type,
                 ptrdiff_t (*read)(void *self, int64_t offset, char *out, ptrdiff_t max), void (*release)(void *self),
                 void *self);

/* dispatch.c */
void dispatch_http_app(struct app *app, struct http_app *out);

/* admission.c: what is decided before the body is read, and asked again when a long one has come. Each sets call.error
 * when it says no. */
bool admission_route(struct exchange *x);
/* Who asks, as the request shows it: by Authorization or X-API-Key, or without
 * those by a cookie. FOUND: x->principal and the actor
 * are set. NONE: it shows nothing. FAILED: call.error says why not. This is the one place where it is read. */
enum found admission_identify(struct exchange *x);
/* Can that be told without the database? */
bool admission_knows(struct exchange *x);
uint64_t admission_epoch(struct exchange *x); /* authority_epoch, as the request began */
bool admission_check(struct exchange *x);     /* token, rate, permission, type and size of the body */
int64_t admission_body_limit(const struct exchange *x);
bool admission_still(struct exchange *x); /* on a worker, when a body that may have taken long has come */

/* proxy.c: who asks, through which names. */
enum { PROXY_HOPS_MAX = 32 };
void proxy_find_client(struct exchange *x);           /* sets the actor's client and network */
bool proxy_is_local_caller(const struct exchange *x); /* somebody on this machine, through no proxy and no other name */
/* False: the answer is a redirect to https, already set; or c->error says why not. */
bool proxy_https(struct exchange *x);
/* The address of what `r` asks for, by HTTPS, in the arena: at PUBLIC_URL's host; or, for who names this machine
 * itself, at `port` of it (0: the one that they name). Null: this server does not know its own name. */
struct str proxy_https_location(const struct config *config, const struct request *r, int port, struct arena *arena);

/* How the caller spoke to the first trusted proxy, as that says, or to us: "https"; null: in the clear, as far as
 * anybody says. */
struct str proxy_scheme(struct exchange *x);
bool proxy_is_tls(struct exchange *x);

/* cookie.c: sessions of browsers. */
/* What the cookie holds; null: there is none, or Authorization is there, which alone counts then. */
struct str cookie_session(struct exchange *x);
/* The same whatever else is sent: what signing in takes the place of. */
struct str cookie_held(struct exchange *x);
/* Is it a page of ours, or of CORS_ORIGINS, that asks? Of one that does not say: not where it `must_be_told`. False:
 * E_FORBIDDEN. */
bool cookie_may_come_from(struct exchange *x, bool must_be_told);
/* May x->principal, known by a cookie, be asked for this? A change needs X-CSRF-Token too. False: E_FORBIDDEN. */
bool cookie_permits(struct exchange *x);
/* The cookie is to hold this, for so long (-1: until the browser ends); or nothing any more. */
void answer_cookie(struct call *c, struct str secret, int64_t lasts_s);
void answer_no_cookie(struct call *c);

/* decode.c: fills call.in from path, query and body. */
bool decode_input(struct call *c);
/* What its handler finds in call.in: of an endpoint that takes nothing, a record without members. */
const struct schema *endpoint_in(const struct endpoint *e);

/* answer.c: encodes call.out into x->answer; sends the answer or the problem, with its headers, log line and
 * metrics. */
void answer_encode(struct exchange *x);
void answer_send(struct exchange *x, bool ok);
/* Is it one of CORS_ORIGINS? */
bool origin_is_listed(const struct call *c, struct str origin);

/* conditional.c: preconditions (RFC 9110 13). */
/* Says the ETag of the answer. True: the client has it already, and the answer is 304 without a body. */
bool answer_is_known(struct call *c, struct str etag);
/* Of an answer_file with `size` bytes: sends the part that Range asks for, unless If-Range says that it would be one
 * of another file (RFC 9110 14.2, 13.1.5). False: E_RANGE. */
bool answer_range(struct call *c, struct str etag, struct str modified, int64_t size);
/* Of a change: is the record, as GET would answer it, what If-Match names (if it is sent)? False:
 * E_PRECONDITION_FAILED. */
bool record_matches(struct call *c, const struct schema *schema, const void *record);
void answer_tag_record(struct exchange *x);
/* Looks at the preconditions of a GET whose answer is ready: it may become 304. False: E_PRECONDITION_FAILED. */
bool answer_preconditions(struct exchange *x);

/* dispatch.c: the audit row of this exchange, whose answer is known. */
void exchange_audit_entry(struct exchange *x, struct audit_entry *out);

/* idempotency.c: POST with an Idempotency-Key. */
enum idempotency { IDEMPOTENCY_NONE, IDEMPOTENCY_FIRST, IDEMPOTENCY_REPLAY, IDEMPOTENCY_REFUSED };
/* Inside a transaction. REPLAY: x holds the first answer. REFUSED: c->error is set. */
enum idempotency idempotency_begin(struct call *c);
/* Inside a transaction: keeps the answer, or forgets the key when the request failed. */
bool idempotency_end(struct call *c, bool ok);

#endif
