/* announce.h - processes that share a Redis tell each other that there are new events (site/event.h), so that who
 * listens at one server hears at once of what another did.
 *
 *     commit ---> announcer_tell ---> a thread of its own: PUBLISH roentgen:events:HASH TOKEN
 *     PUBLISH of another process ---> listening_wake                     (site/listen.h, which reads the database)
 *
 * Nothing of the events goes through Redis: only that there are some, under a name that comes from SECRET_KEY. What is
 * told while Redis is away is heard by looking, as without Redis. However many commits there are meanwhile, one word is
 * under way at a time.
 */
#ifndef ROENTGEN_ANNOUNCE_H
#define ROENTGEN_ANNOUNCE_H

#include "site/app.h"

struct announcer;
/* Of app->redis and app->shared_key. Without app->listening it tells, and hears nothing. */
bool announcer_open(struct app *app, struct announcer **out, struct error *error);
void announcer_close(struct announcer *announcer); /* takes NULL; before the listening and the Redis */
/* Takes a struct announcer; never waits. */
void announcer_tell(void *announcer);
/* How often others were heard; takes NULL. */
int64_t announcer_heard(struct announcer *announcer);

#endif
