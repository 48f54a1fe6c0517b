/* redis_parts.h - what redis*.c share of a struct redis. Private to kv/. */
#ifndef ROENTGEN_REDIS_PARTS_H
#define ROENTGEN_REDIS_PARTS_H

#include "base/log.h"
#include "base/text.h"
#include "base/thread.h"
#include "kv/redis_address.h"
#include "kv/redis_line.h"
#include "kv/redis_tls.h"

#include <stdatomic.h>

enum { REDIS_MOMENT_US = 1000000 };

struct redis {
    /* What does not change. */
    struct arena arena;
    struct redis_address address;
    struct ssl_ctx_st *tls; /* NULL: in the clear */
    struct log *log;
    const char *name;
    int64_t patience_us;

    struct background keeper; /* its lock guards what follows */
    pthread_cond_t line_free, tried_once;
    bool here, tried;
    uint64_t generation; /* of target: lines of an older one are not used again */
    struct line_target target;
    struct line *idle[REDIS_CONNECTIONS];
    int idle_count, asking;
    struct redis_listener *listeners;
    int64_t lost, here_us; /* since when it was here, last */
    bool flaps;            /* it was here for a moment only */
    bool told_here;        /* as the log says; a moment is not worth a line */
    char words[200];

    _Atomic int64_t asked, failed, us;

    /* The keeper's own. */
    struct line *own, *sentinel;
};

/* ---- redis.c ---- */

/* Commands as they go over the wire. */
void redis_put_command(struct text *out, const struct str *words, int count);
/* A fresh connection that has said who it is. */
bool redis_greet(struct redis *redis, const struct line_target *target, int64_t until_us, struct line **out,
                 struct error *error);
/* One command on one line. An error answered is an error. */
bool redis_ask_line(struct line *line, const struct str *words, int count, struct arena *arena, struct redis_reply *out,
                    int64_t until_us, struct error *error);
/* What an error that it answered means, in words without values. True: it cannot work now. */
bool redis_refuses(struct str reply, struct error *error);
/* It failed somebody: whoever was the first of this generation to see it says so. */
void redis_lose(struct redis *redis, uint64_t generation, const struct error *why);
/* Under the lock: another generation begins. */
void redis_turn(struct redis *redis);
/* Where it is; false: away, with the error. */
bool redis_where(struct redis *redis, struct line_target *target, uint64_t *generation, struct error *error);

/* ---- redis_keeper.c ---- */

void redis_keep(void *context);

/* ---- redis_listen.c ---- */

/* Under the lock: they look again. */
void redis_wake_listeners(struct redis *redis);

#endif
