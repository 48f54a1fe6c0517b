/* listen_parts.h - the inside of listen.h, for listen.c (the thread) and listener.c (who listens). */
#ifndef ROENTGEN_LISTEN_PARTS_H
#define ROENTGEN_LISTEN_PARTS_H

#include "site/listen.h"
#include "base/text.h"
#include "base/thread.h"

#include <stdatomic.h>

enum {
    RING_EVENTS = 2048,
    POLL_US = 500000,
    CAUGHT_UP_BYTES = 8 << 10, /* of the past, for one listener at a time */
    TOLD_MAX = 2 << 10         /* bytes of one event as it is told */
};

/* As it stands in the ring. */
struct told {
    int64_t id;
    unsigned type;
    struct str text; /* allocated */
};

/* All listeners of one account. Made by who joins, freed by the thread alone, which reads `principal` without the
 * lock. */
struct account {
    struct account *next;
    struct principal principal;
    int listeners;
    bool hears[RING_EVENTS];
};

struct listener {
    struct listener *next, *prev;
    struct listening *listening;
    struct account *account;
    struct listening_wish wish;
    bool catching_up; /* it reads `past`, not yet the ring */
    bool busy, gone;  /* the thread is at it; it has left, and the thread is to free it */
    bool ended, beats;
    int64_t passed;      /* the place up to which all is told */
    uint64_t at;         /* position in the ring */
    struct text past;    /* what it is told before the ring */
    ptrdiff_t past_sent; /* bytes of it */
    ptrdiff_t part_sent; /* bytes of ring[at] */
    int64_t beat_us;     /* when it has been silent for too long */
    int64_t turn;        /* of the thread's rounds: when it last got a page of the past */
};

struct listening {
    struct background background; /* its lock guards `woken`, and is held for a moment only */
    bool woken;
    struct app *app;
    struct listening_options options;
    atomic_int count;     /* of listeners; changes under the lock */
    pthread_mutex_t lock; /* guards all that follows; before that of the background */
    struct listener *first;
    struct account *accounts;
    struct told *ring; /* NULL: the thread sleeps */
    uint64_t end;      /* positions that were ever filled: event n is in ring[n % RING_EVENTS] */
    int64_t told, behind;
    /* The thread's alone. */
    int64_t head; /* the place of the last event in the ring, or before it; below 0: not known yet */
    int64_t turn, reviewed_us;
    uint64_t epoch; /* of the authority at that review */
};

/* Appends the event as lines of a stream. */
void event_tell(struct text *out, const struct event *event, struct arena *arena);
/* Does this listener want events of this type? */
static inline bool wants(const struct listener *l, unsigned type)
{
    return type < 64 && (l->wish.types >> type & 1);
}

/* Under the lock. */
bool listener_has_some(struct listener *l); /* in the ring; goes past what it does not hear */
void listener_end(struct listener *l);
void listener_free(struct listener *l);

#endif
