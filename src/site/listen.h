/* listen.h - those who want to hear of events (event.h), as they come.
 *
 *     struct listening_wish wish = { .who = x->principal, .types = UINT64_MAX, .after = 4711, .wake = wake, r };
 *     struct listener *listener;
 *     if (!listening_join(c, app->listening, &wish, &listener))
 *         return false;                               // E_TOO_MANY, E_UNAVAILABLE: as many listen as may
 *     n = listener_read(listener, out, max);          // bytes of an event stream; LISTENER_WAITS, or 0: the end
 *     listening_leave(listener);
 *
 * One thread a server reads what is new, once for all, and writes each event into a ring of texts; a listener is a
 * place in that ring, so that a thousand of them cost little more than their connections:
 *
 *     table events --> thread --> ring  | 101 | 102 | 103 | 104 |
 *                       |               |  x  |  .  |  x  |  .  | account 7
 *                       |               |  .  |  .  |  x  |  x  | account 9
 *                       `--> who lags   whoever begins with an older place, or falls behind the ring, gets pages of
 *                                       their own (catching up), the next when one was taken, until they are there
 *
 * Who hears what is asked for each event and each account, right before it is told (struct audience: rows of those who
 * own the things). Sessions and rights are looked at again every LISTENING_REVIEW_S, and at once when this process has
 * changed any: a listener whose session, account or rights have changed, or whose token has expired, hears nothing more
 * and its stream ends.
 *
 * The thread sleeps while nobody listens. It is woken by commits of this process (listening_wake) and of those that
 * share a Redis with it (announce.h), and else looks twice a second, so that it hears of all others. A place is never
 * told before all that come before it, and never twice.
 *
 *     id: 101                                  event: missed     first of all, to whoever asks for places
 *     event: file.stored                                         that are no longer kept
 *     data: {"id":101,"type":"file.stored",...}     :            with the place reached, after beat_us without
 *                                                                anything, so that silence shows
 */
#ifndef ROENTGEN_LISTEN_H
#define ROENTGEN_LISTEN_H

#include "site/event.h"
#include "site/principal.h"

enum { LISTENING_REVIEW_S = 1, LISTENER_WAITS = -2 };

/* Who hears of things of one kind: hears[i], false before, says it of who[i]. c->actor is the thread's: its principal
 * may be set. */
struct audience {
    const char *noun; /* of the types that it is asked for: what comes before their dot */
    bool (*hears)(struct call *c, const struct event *event, const struct principal *const *who, int count,
                  bool *hears);
};

struct listening;
struct listener;

struct listening_options {
    const struct audience *audiences; /* outlive it */
    int audience_count;
    int listeners_max, account_max;
    int64_t beat_us;
};
bool listening_open(struct app *app, const struct listening_options *options, struct listening **out,
                    struct error *error);
void listening_close(struct listening *listening); /* takes NULL; nobody listens any more */
/* There may be something new. Takes a struct listening; callable as db_after_commit wants it. */
void listening_wake(void *listening);
bool listening_is_heard(struct listening *listening); /* does anybody listen? Takes NULL */

struct listening_wish {
    struct principal who;
    uint64_t types;              /* bit per enum event_type */
    int64_t after;               /* the place after which to begin; below 0: with what comes from now on */
    void (*wake)(void *context); /* there is something to read; any thread, under a lock: short */
    void *context;
};
/* Outside of transactions. */
bool listening_join(struct call *c, struct listening *listening, const struct listening_wish *wish,
                    struct listener **out);
/* Never waits for the database. */
ptrdiff_t listener_read(struct listener *listener, char *out, ptrdiff_t max);
void listening_leave(struct listener *listener);

struct listening_stats {
    int64_t listeners, told, behind; /* now; events, since the start; how often one fell behind the ring */
};
void listening_stats(struct listening *listening, struct listening_stats *out);

#endif
