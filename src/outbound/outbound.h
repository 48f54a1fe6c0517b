/* outbound.h - requests that this server makes of others by HTTP: of nobody whom the operator has not listed.
 *
 *     struct outbound_options options = { S("gpu1:8000 10.0.0.0/24:8000 10.1.2.3"), S("INFERENCE_HOSTS") };
 *     if (!outbound_open(&options, &outbound, &error)) ...                 // the list cannot be read
 *     if (!outbound_check(outbound, url, &error)) ...                     // when somebody sets an address
 *     struct outbound_request request = { .url = url, .body = body, .content_type = "application/json",
 *                                         .timeout_ms = 5000, .answer_bytes = 1 << 20 };
 *     if (!outbound_send(outbound, &request, arena, &answer, &error)) ... // any status is an answer
 *
 * The list names hosts, and addresses or networks, each with a port or for all ports. A name in it may stand for any
 * public address; for one of a private network, this machine, or another that the internet does not know
 * (address_is_public) only if the list has that address too. So nobody who can set a URL, or change what a name
 * stands for, reaches what else there is in the house. The address is judged when it is connected to.
 *
 * Only http and https, certificates checked; no redirects, no proxies, no passwords in the URL. Answers beyond
 * `answer_bytes` are cut off and refused.
 *
 * A host that failed OUTBOUND_BROKEN times in turn (no connection, no answer in time, 502, 503, 504) is left alone for
 * OUTBOUND_REST_S, then tried with one request: meanwhile all others are E_UNAVAILABLE at once (circuit breaker).
 *
 * Thread-safe; blocks. Connections are kept for the next request.
 */
#ifndef ROENTGEN_OUTBOUND_H
#define ROENTGEN_OUTBOUND_H

#include "base/arena.h"
#include "base/error.h"

enum { OUTBOUND_BROKEN = 5, OUTBOUND_REST_S = 10, OUTBOUND_HEADERS_MAX = 4 };

struct outbound_options {
    struct str hosts;   /* separated by spaces or commas; empty: nobody may be asked */
    struct str setting; /* where they stand, for words */
};

struct outbound_request {
    struct str url;                            /* http(s)://host[:port][/path] */
    struct str body;                           /* null: GET; else POST */
    const char *content_type;                  /* of the body */
    const char *headers[OUTBOUND_HEADERS_MAX]; /* more, whole: "Name: value"; NULL ends them */
    const char *wanted;                        /* a header of the answer that is of interest, by name; NULL: none */
    int64_t timeout_ms, answer_bytes;
    bool (*is_stopping)(const void *context); /* asked about once a second; NULL: nothing stops it */
    const void *context;
};

struct outbound_answer {
    int status;
    struct str body, wanted; /* in the arena; wanted: null where the answer has no such header */
};

struct outbound;
bool outbound_open(const struct outbound_options *options, struct outbound **out, struct error *error);
void outbound_close(struct outbound *outbound); /* takes NULL. Nobody may be in a call of it */

/* Is this a URL that may be asked? E_INVALID: it is none. E_FORBIDDEN: nobody has listed it. The resolver is asked what
 * its name stands for; a name that stands for nothing just now is fine. */
bool outbound_check(struct outbound *outbound, struct str url, struct error *error);
/* The same without the resolver, for a start that waits for nobody: is its host among those that are listed? */
bool outbound_lists(struct outbound *outbound, struct str url, struct error *error);
/* E_INVALID, E_FORBIDDEN as above; E_TOO_LARGE: the answer; E_UNAVAILABLE: no answer. */
bool outbound_send(struct outbound *outbound, const struct outbound_request *request, struct arena *arena,
                   struct outbound_answer *out, struct error *error);

#endif
