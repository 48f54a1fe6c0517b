/* call.h - one unit of work: a request, a job step, a command.
 *
 *     static bool thing_get(struct call *c)
 *     {
 *         const struct thing_key *key = c->in;
 *         if (!db_get(c, &thing_schema, c->out, "where id = ?", V(key->id)))
 *             return fail(c, E_NOT_FOUND, "thing %" PRId64 " does not exist", key->id);
 *         return true;
 *     }
 *
 * Everything a handler needs hangs here, and everything it makes lives in `arena`, so it has nothing to
 * clean up. The members that belong to other layers are pointers to types that only those layers can look into.
 * A call is used by one thread at a time (it may move between threads while the request waits).
 */
#ifndef ROENTGEN_CALL_H
#define ROENTGEN_CALL_H

#include "base/budget.h"

#include <inttypes.h>

struct app;           /* site/app.h: what the process shares */
struct db;            /* db/db.h */
struct db_connection; /* db/db.h: borrowed on first use, given back by db_release */
struct request;       /* http/http.h; NULL outside HTTP */
struct actor;         /* site/actor.h: who acts; NULL: nobody */

struct call {
    struct arena arena;
    struct error error;
    struct app *app;
    struct db *db;
    struct db_connection *connection;
    struct request *request;
    struct actor *actor; /* of whoever began the call */
    const void *in;      /* decoded input, as the endpoint's `in` says */
    void *out;           /* answer to encode, as the endpoint's `out` says */
    uint64_t given;      /* bit i: field i of `in` was in the input, even if null */
    /* What the first change of the call depends on: asked in its transaction, before its work (db_transact). False: it
     * fails with what c->error says. NULL: nothing. Set by whoever began the call, for as long as it needs. */
    bool (*condition)(struct call *c);
    const void *found; /* what an endpoint's `at_once` or `first` leaves for its handler, in the arena; NULL: nothing */
    struct hold hold;  /* memory of the process' budget; given back by call_reset */
};

void call_init(struct call *call, struct app *app, struct db *db);
void call_reset(struct call *call); /* ready for the next unit; keeps app, db and actor */
void call_release(struct call *call);

/* What looking for something comes to. NONE is no failure; FAILED has filled call.error. Not to be taken for a bool. */
enum found { NONE, FOUND, FAILED };

#define fail(c, code, ...) error_set(&(c)->error, (code), __VA_ARGS__)

#endif
