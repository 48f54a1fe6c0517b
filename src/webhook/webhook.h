/* webhook.h - other programs that are told what happens (site/event.h), by a request to them, as it does.
 *
 *     POST /system/webhooks {"url": "https://ris.example.org/hook", "types": ["diagnosis"], "secret": "..."}
 *
 *   table events --> watcher: somebody has not been told of all --> job `webhook.send`, one at a time for each webhook
 *                                                                      |
 *     POST https://ris.example.org/hook                                v   in the order of their places
 *     webhook-id: event-4711                          the same however often it is sent
 *     webhook-timestamp: 1764230400                   when this was sent, in seconds
 *     webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=
 *
 *     {"id":4711,"type":"file.stored",...}            as in GET /events: which record, and nothing of a patient
 *
 * The signature is that of Standard Webhooks (symmetric, v1): HMAC-SHA-256 under the secret's bytes of "id.timestamp.
 * body", in base64. The secret is base64 of 24 to 64 bytes, with or without the prefix "whsec_"; it is sealed in the
 * database and never told again.
 *
 * Any 2xx is thanks. Else it is sent again, later each time (jobs.h), and nothing that comes after overtakes it; 410
 * Gone switches the webhook off, as does an address that WEBHOOK_HOSTS does not list any more. At least once: whoever
 * is told knows twice by webhook-id. What is older than an hour is not kept; who could not be told of it gets an event
 * `missed` first.
 *
 * Only to hosts of WEBHOOK_HOSTS (outbound/outbound.h): another address is refused when it is set.
 */
#ifndef ROENTGEN_WEBHOOK_H
#define ROENTGEN_WEBHOOK_H

#include "jobs/jobs.h"

struct webhook {
    int64_t id;
    struct str url;
    struct texts types; /* of events, or nouns of them; empty: all */
    struct str secret;
    bool is_active;
    int64_t place;                    /* of the last event that it has been told of, or that is none of its own */
    int64_t sent_count, failed_count; /* events that it took; requests that it did not */
    struct instant last_sent_at, failing_since;
    struct str last_error; /* null: it does not fail */
    int64_t created_by;
    struct instant created_at, updated_at;
};
extern const struct schema webhook_schema;
extern const struct job_kind webhook_send_kind;

/* Outside of transactions, before one is added or changed: the URL and the secret, as far as they are given. E_INVALID.
 * Asks the resolver. */
bool webhook_check(struct call *c, const struct webhook *webhook);
/* Inside a transaction. It is told of what happens from now on. */
bool webhook_add(struct call *c, const struct webhook *webhook, int64_t *id);
/* Inside a transaction. One that is switched on again is told of what happens from then on. */
bool webhook_change(struct call *c, const struct webhook *change, uint64_t given);
bool webhook_load(struct call *c, int64_t id, struct webhook *out); /* E_NOT_FOUND */
bool webhook_remove(struct call *c, int64_t id);                    /* inside a transaction */

/* Inside a transaction: the job that tells it. */
bool webhook_put_job(struct call *c, int64_t id);
/* Is there one that waits, or rests after a failure? Asking again each second would be a transaction a second. */
bool webhook_has_job(struct call *c, int64_t id, bool *has);

/* How each of those that are active does, for metrics: whichever process tells it. */
enum { WEBHOOK_DEPTHS_MAX = 1000 };
struct webhook_depth {
    int64_t id, waiting; /* events that it has not been told of, those among them that it does not want */
    int64_t sent, failed;
    bool failing;
};
bool webhook_depths(struct call *c, struct webhook_depth out[WEBHOOK_DEPTHS_MAX], int *count);

/* Looks each second whether somebody is to be told of something. */
struct webhook_watch;
bool webhook_watch_open(struct app *app, struct webhook_watch **out, struct error *error);
void webhook_watch_close(struct webhook_watch *watch); /* takes NULL */

#endif
