/* call.c - birth, re-use and end of a unit of work. */
#include "base/call.h"

#include <assert.h>

void call_init(struct call *call, struct app *app, struct db *db)
{
    *call = (struct call){ .app = app, .db = db };
    arena_init(&call->arena);
}

void call_reset(struct call *call)
{
    assert(!call->connection); /* base cannot give it back: whoever ran the unit does (db_release) */
    arena_reset(&call->arena);
    hold_end(&call->hold);
    call->hold.owner = 0;
    error_clear(&call->error);
    call->request = NULL;
    call->in = NULL;
    call->out = NULL;
    call->found = NULL;
    call->condition = NULL;
    call->given = 0;
}

void call_release(struct call *call)
{
    assert(!call->connection);
    arena_release(&call->arena);
    hold_end(&call->hold);
    *call = (struct call){ 0 };
}
