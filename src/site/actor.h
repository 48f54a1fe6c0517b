/* actor.h - who acts: behind a request, at a command line, on a thread of the server.
 *
 * A rule asks here whether somebody may do a thing, and leaves here the audit row of what it did, without knowing how
 * it was reached. Each call points to its actor, which whoever began the call has filled and keeps until it ends:
 *
 *     a request     what its headers and its token say                            dispatch.c, admission.c
 *     a command     the operating-system user who gave it; nobody has signed in    cli/main.c
 *     a thread      the task it is there for                                       ACTOR_OF_TASK
 *
 *     static bool thing_rename(struct call *c, void *context)             // inside a transaction
 *     {
 *         const struct renaming *r = context;
 *         audit_about(c, r->id, r->patient_id);
 *         audit_changed(c, &thing_schema, &r->before, &r->after, UINT64_MAX);
 *         return db_execute(c, "update things set name = ? where id = ?", V(r->after.name), V(r->id)) &&
 *                audit_change(c);
 *     }
 *
 * Texts that the draft is given live in the call's arena, or are literals; the row is written from them at once, or
 * noted in memory (audit.h). audit_change is false, with call.error set, when the row cannot be written: then neither
 * is the change.
 *
 * A call without an actor is nobody's: it sees what anybody does, and may change nothing that leaves a row (asserted).
 */
#ifndef ROENTGEN_ACTOR_H
#define ROENTGEN_ACTOR_H

#include "site/audit.h"
#include "site/principal.h"

/* The row in progress: what is known so far of what is being done. */
struct audit_draft {
    const char *action, *entity; /* literals; NULL: it leaves no row */
    int64_t named_id;            /* what the path of a request names; 0: nothing */
    int64_t entity_id;           /* what a rule says it is about; 0: `named_id` */
    int64_t patient_id;
    int outcome;             /* 0: AUDIT_DONE */
    struct str detail;       /* what changed, a JSON object */
    struct str refusal;      /* why not, a JSON object that is a literal */
    bool written;            /* it went with the change */
    struct watched *watched; /* records that are about to change (audit_watch) */
};

struct actor {
    const struct principal *principal; /* NULL: nobody has signed in */
    struct str client;                 /* address, behind trusted proxies the one they name */
    struct str network;                /* what belongs to one subscriber: the address, of IPv6 the first 64 bits */
    struct str user_agent;             /* the program that asks; null: not told */
    struct str origin;                 /* a JSON object that says who it is when no account is; null: a request */
    char request_id[37];               /* UUID, also in logs and answers */
    struct audit_draft audit;
};

/* The initialiser of who does a task of the server itself: struct actor actor = ACTOR_OF_TASK("thumbnails"); */
#define ACTOR_OF_TASK(task) \
    { \
        .origin = S("{\"by\":\"server\",\"task\":\"" task "\"}") \
    }

int64_t call_user(const struct call *c); /* 0: nobody has signed in */
const struct principal *call_principal(const struct call *c);
bool call_may(const struct call *c, enum permission permission); /* false for nobody */
struct str call_client(const struct call *c);
struct str call_network(const struct call *c);
struct str call_user_agent(const struct call *c);
const char *call_request_id(const struct call *c); /* "" without a request */

/* What is done from here on, where no endpoint's row says it. */
void audit_action(struct call *c, const char *action, const char *entity);
/* The row is about this entity and patient; 0: what the path names, or the answer tells. */
void audit_about(struct call *c, int64_t entity_id, int64_t patient_id);
/* What the row of a change tells beside: a JSON object. What the row of a refusal does: a literal, which outlives the
 * request. */
void audit_detail(struct call *c, struct str json);
void audit_reason(struct call *c, struct str literal);
/* The detail of a change from one record to another: {"status":{"from":...,"to":...}} for the members in `mask` that
 * differ. */
void audit_changed(struct call *c, const struct schema *schema, const void *before, const void *after, uint64_t mask);
/* In a transaction of a request: this record is about to change. What has become of it by the time of the change's
 * row is told there, or, when that is about another record, in a row of its own. Whoever locks a record
 * (record_lock.h) has said so. `entity`: a literal. */
bool audit_watch(struct call *c, const char *entity, const struct schema *schema, int64_t id);
/* What was watched and has changed: of the record that the row in progress is about, into its detail. */
bool audit_watched(struct call *c);
/* Inside a transaction: the row of the change that it makes. WRITES endpoints get theirs by themselves. */
bool audit_change(struct call *c);
/* The same for something else that was done on the way, of which the row in progress does not speak. */
bool audit_also(struct call *c, const char *action, const char *entity, int64_t entity_id, int64_t patient_id);

/* The row in progress with who, when and whence, for those who write it elsewhere. */
void audit_entry_of(struct call *c, struct audit_entry *out);

#endif
