/* endpoint.h - one row says all there is to say about one endpoint.
 *
 *     static const struct endpoint rows[] = {
 *         { HTTP_GET, "/api/v1/patients/{id}", patient_get, .in = &patient_key, .out = &patient_schema,
 *           .permission = MAY_READ_PATIENTS, .audit = "patient.read", .entity = "patient", .tag = "patients",
 *           .summary = "Shows one patient" },
 *     };
 *
 * Routing, permission checks, decoding, encoding, ETags, audit rows, metrics labels and the OpenAPI document come
 * from the row; the handler holds only its own thought. Tables of rows are listed by hand in endpoints.c, and handed
 * to what serves them (struct service), which knows no noun.
 *
 * Input: path variables fill the members of `in` with their names; the others come from the query (GET, DELETE, and
 * members marked IN_QUERY) or from the body.
 *
 * Tables are static and constant; what is in call.in and call.out lives in the call's arena. A handler that fails has
 * filled call.error, whose row in base/error.c says the status. Rows that do not hold together are said at a start
 * (endpoints_check), which then ends.
 */
#ifndef ROENTGEN_ENDPOINT_H
#define ROENTGEN_ENDPOINT_H

#include "site/permission.h"
#include "http/http.h"
#include "schema/field.h"

enum runs {
    READS,  /* only reads: on the I/O thread when the database is a local file, else on a worker */
    WORKS,  /* may wait (files, hashing, remote calls): on a worker; writes through db_transact */
    WRITES, /* the whole handler runs inside one transaction, whose commit is durable before the answer leaves */
};

/* Where work runs that may block (WORKS, `first`; READS on MySQL are GENERAL). Each lane has threads of its own, so
 * that a sign-in or a probe never waits for pictures; in each, accounts take turns (http.h). cmd_serve.c says how
 * many threads. */
enum lane {
    LANE_GENERAL,
    LANE_PICTURES, /* may wait for a decoder */
    LANE_SIGN_IN,  /* hashes passwords, which is slow on purpose */
    LANE_PROBES,   /* health and metrics */
    LANES
};

enum body_type { BODY_NONE, BODY_JSON, BODY_FORM, BODY_MULTIPART, BODY_RELATED, BODY_RAW };
extern const char *const body_media_types[];

enum endpoint_flag {
    LIST = 1,              /* the answer is a list of `out` (written by list_answer) */
    CHANGES_AUTHORITY = 2, /* on success, cached principals are forgotten */
    LOGIN = 4,             /* the stricter rate limit of sign-ins */
    NOT_JSON = 8,          /* the handler sets the answer itself; `answers` says its media type */
    LOOPBACK = 16,         /* callers on this machine need no permission */
    QUIET = 32,            /* no rate limit: probes */
    ACTION = 64,           /* the body may be absent */
    BEFORE_CHANGE = 256,   /* allowed to those who have to change their password first */
    HIDDEN = 128,          /* not in the OpenAPI document */
    TAGGED = 512,          /* of NOT_JSON: the answer has an ETag (answer_tag) */
    RANGES = 1024,         /* of NOT_JSON: parts of the answer can be asked for */
    INFERENCE = 4096,      /* tells what went wrong as the Open Inference Protocol says: {"error": "..."} */
    FILE_OPTIONAL = 8192,  /* of BODY_MULTIPART: there may be no file */
    REVIVES = 16384,       /* what it is about is not shown while it can be done: nobody has an ETag of it */
    CODED = 32768,         /* the body may come as gzip or deflate, which the handler undoes (http_unpack) */
    PERSON = 65536,        /* not for keys of machines: who does it has to be signed in */
    TELLS_SECRET = 131072, /* once: no answer is kept for an Idempotency-Key */
    OAUTH = 2048,          /* tells what went wrong as RFC 6749 5.2 says, with status 400 */
};

struct endpoint {
    enum http_method method;
    const char *path;
    bool (*handle)(struct call *c);
    const struct schema *in, *out;
    int permission; /* enum permission, SIGNED_IN or ANYONE */
    enum runs runs;
    enum body_type body;
    int status; /* on success; 0: 200, or 204 without `out` */
    unsigned flags;
    const char *audit;  /* action name: leaves an audit row; NULL: none */
    const char *entity; /* what path variable `id` (or the answer's `id`) names, for the audit row */
    const char *tag;    /* heading in the documentation */
    const char *summary;
    const char *doc;     /* optional, longer */
    const char *answers; /* media type when NOT_JSON */
    struct {
        int status;
        const char *doc;
    } also[2]; /* other statuses that come with the same answer; 0: none */
    struct {
        int status; /* 0: none */
        const char *doc;
        const struct schema *members;
    } refusal; /* a problem that tells programs more than every problem does: its further members */
    /* BODY_MULTIPART, BODY_RELATED, and BODY_RAW unless it is gathered in memory (http_body; then body_max says how
     * much): where the bytes go; called before any arrives. */
    bool (*receive)(struct call *c, struct body_sink *sink);
    int64_t body_max; /* 0: the setting for the body's type */
    /* WORKS: tried first, on the I/O thread, when reading the database does not block. True: it has answered (from a
     * cache in memory). False without an error: the worker has to; nothing it did may matter then, but what it leaves
     * in call.found. */
    bool (*at_once)(struct call *c);
    /* WRITES: what has to be done before the transaction and may take long (comparing a password), on a worker.
     * False: refused. What it leaves in call.found the handler finds there. */
    bool (*first)(struct call *c);
    enum lane lane;
};

struct endpoint_table {
    const struct endpoint *rows;
    int count;
};
#define ENDPOINT_TABLE(name, rows) const struct endpoint_table name = { rows, (int)(sizeof(rows) / sizeof(rows[0])) }

/* All that is served, in the order of the documentation. */
struct service {
    const struct endpoint_table *const *tables;
    int count;
    /* Before If-Match is compared: the record stays as it is. */
    bool (*lock)(struct call *c, const char *table, int64_t id);
};

/* Is it done by people only? The row says so, or the permission that it asks for (permission.h). */
bool endpoint_needs_person(const struct endpoint *e);
/* Its answer is one record, which has an ETag: what the path names, or the caller's own account. */
bool endpoint_is_single(const struct endpoint *e);
/* A list, or figures: what a page may keep, as long as it asks by the ETag each time whether that is still so. */
bool endpoint_is_kept(const struct endpoint *e);
/* One record, or other bytes that have an ETag: If-None-Match may be answered 304. */
bool endpoint_is_tagged(const struct endpoint *e);
/* Of what changes something: the GET whose ETag If-Match holds. It has the same path; or, of what is done to a thing
 * (POST /reports/{id}/sign), that of the thing (/reports/{id}). NULL: there is none, and a request with a tag in
 * If-Match is refused, since nobody can say that its condition holds (RFC 9110 13.1.1). */
const struct endpoint *endpoint_shown(const struct service *served, const struct endpoint *e);
/* Its answer is the record that has the ETag: GET's own, or of a change, what GET would answer now. What an action
 * makes of a thing (a macro's text) is another record, whose tag nothing could be compared with. */
bool endpoint_shows_thing(const struct service *served, const struct endpoint *e);
/* What success answers, unless the handler says otherwise. */
int endpoint_status(const struct endpoint *e);

/* ---- router.c ---- */
enum { PATH_VARIABLES_MAX = 4 };
struct route {
    const struct endpoint *endpoint;                                  /* NULL: no such path, or not with this method */
    int index;                                                        /* of the endpoint, counted over all tables */
    unsigned allowed;                                                 /* bit per http_method the path has */
    struct str names[PATH_VARIABLES_MAX], values[PATH_VARIABLES_MAX]; /* values still percent-encoded */
    int variables;
};
struct router;
struct router *router_new(const struct service *served); /* `served` outlives it */
const struct service *router_service(const struct router *router);
void router_free(struct router *router); /* takes NULL */
void router_find(const struct router *router, enum http_method method, struct str path, struct route *out);
int router_count(const struct router *router);
const struct endpoint *router_endpoint(const struct router *router, int index);

/* Start-up check of every table: equal paths, a path variable that `in` lacks, a missing summary, field rows that
 * schema_check refuses, columns that the database lacks. Says all that is wrong; returns how many. */
int endpoints_check(struct call *c, const struct service *served, struct text *complaints);

#endif
