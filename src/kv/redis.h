/* redis.h - one Redis, shared by the threads of this process, that may be away at any moment.
 *
 *     struct redis *redis;
 *     if (!redis_open(&(struct redis_options){ .url = url, .log = log, .name = "roentgen" }, &redis, &error))
 *         ... E_INVALID: no such address can be ...
 *
 *     struct redis_reply reply;
 *     struct str words[] = { S("get"), key };
 *     if (!redis_ask(redis, words, 2, &arena, &reply, &error))
 *         ... E_UNAVAILABLE: it is away; do what is right without it ...
 *     if (reply.type == REDIS_TEXT) ... reply.text ...
 *     redis_close(redis);
 *
 * Addresses: redis://[user:password@]host[:port][/db], rediss://… (TLS: certificate and name are checked),
 * redis+unix://[user:password@]/path[?db=N], redis+sentinel://[user:password@]host[:port],host[:port]/SERVICE[/db]
 * (with rediss+sentinel:// both are asked through TLS; the sentinels' own password is ?sentinel_password=). What has
 * a meaning of its own in an address is written as %XX. A password never reaches the log or an error.
 *
 * Nothing waits for a Redis that is away. Connecting and asking have a second at most (.patience_ms); after a failure
 * every question fails at once, while a thread of its own tries again twice a second, so that it is used again within
 * a second of its return. While it is there, that thread looks after it once a second by a small write (key NAME:here),
 * because one that takes no writes (a replica, a full one) is as good as away; and asks the sentinels who is master.
 * Losing it and having it back is one line in the log each (kv.lost, kv.back), and counted.
 *
 * What it answers is checked: a reply that is none of the protocol's, larger than REDIS_REPLY_MAX, with more than
 * REDIS_ITEMS_MAX items or nested deeper than seven lists is a failure like silence, and the connection is closed. An
 * error that it answers (WRONGTYPE, NOPERM, …) is E_UNAVAILABLE too, with its words as far as they cannot hold values;
 * one that says that it cannot work now (READONLY, OOM, LOADING, MASTERDOWN, NOAUTH, …) is a loss.
 *
 * A question whose answer was lost may have been done or not: whoever asks chooses commands for which that does not
 * matter, or says so by a script.
 *
 * Thread-safe: each question takes a connection of a small pool; when all are busy it waits for one, no longer than
 * the patience. Nobody holds a lock while waiting for the network, and only the thread of its own asks name servers.
 */
#ifndef ROENTGEN_KV_REDIS_H
#define ROENTGEN_KV_REDIS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct log;
struct redis;

enum { REDIS_REPLY_MAX = 64 << 20, REDIS_ITEMS_MAX = 65536, REDIS_CONNECTIONS = 8 };

struct redis_options {
    struct str url;
    const char *ca_file; /* for TLS; NULL or "": what the system trusts */
    struct log *log;     /* NULL: silent */
    const char *name;    /* CLIENT SETNAME: without spaces; never freed before */
    int patience_ms;     /* 0: 1000 */
};

/* Looks at the address and tries once, no longer than the patience; true also when nobody answers there yet. E_INVALID:
 * no such address can be, or the ca_file cannot be read. */
bool redis_open(const struct redis_options *options, struct redis **out, struct error *error);
void redis_close(struct redis *redis); /* takes NULL; nobody uses it any more */

enum redis_type { REDIS_NIL, REDIS_TEXT, REDIS_INTEGER, REDIS_LIST, REDIS_ERROR };
struct redis_reply {
    enum redis_type type;
    struct str text; /* bytes, NUL-terminated beyond len; status lines, an error's words; in the arena */
    int64_t integer;
    struct redis_reply *items; /* of a list, `count` of them; errors may be among them */
    int count;
};

/* One command. False: E_UNAVAILABLE, or E_TOO_LARGE when its words have more than REDIS_REPLY_MAX bytes. */
bool redis_ask(struct redis *redis, const struct str *words, int count, struct arena *arena, struct redis_reply *out,
               struct error *error);
/* Several, sent together and answered in order (a pipeline, no transaction). False: not all were done. out[i] then is
 * REDIS_ERROR for each that was not, without text where nobody knows (no answer came). */
struct redis_command {
    const struct str *words;
    int count;
};
bool redis_ask_all(struct redis *redis, const struct redis_command *commands, int count, struct arena *arena,
                   struct redis_reply *out, struct error *error);

/* A Lua script, by its SHA-1 once Redis knows it. Static and constant. */
struct redis_script {
    const char *text;
    int keys; /* the first so many words are keys */
};
bool redis_run(struct redis *redis, const struct redis_script *script, const struct str *words, int count,
               struct arena *arena, struct redis_reply *out, struct error *error);

/* A command that Redis holds back until there is something (BLMOVE, BRPOP, …), on a connection of its own, of which
 * there may be any number: waits up to wait_ms beyond the patience. */
bool redis_wait(struct redis *redis, const struct str *words, int count, int wait_ms, struct arena *arena,
                struct redis_reply *out, struct error *error);

/* What is published under the channels that begin so, on a thread of the listener's own. After each time that it
 * begins to hear, `hears` is called first: what was said before was not heard. */
struct redis_listener;
struct redis_hearing {
    const char *prefix; /* of the channels */
    void (*hears)(void *context);
    void (*heard)(void *context, struct str channel, struct str text);
    void *context;
};
bool redis_listen(struct redis *redis, const struct redis_hearing *hearing, struct redis_listener **out,
                  struct error *error);
void redis_listener_close(struct redis_listener *listener); /* takes NULL; nothing is called any more after it */

/* A number that is another one after each loss, and after each move to another master. */
uint64_t redis_generation(struct redis *redis);

/* How it is, for metrics and health. */
struct redis_state {
    bool here;
    int64_t asked, failed, lost; /* since the start: commands, those that failed, losses */
    int64_t us;                  /* that were waited for answers */
    char words[200];             /* why it is away; without secrets */
    const char *refusal; /* the same for strangers (no address), where it answers but cannot be used; else NULL */
};
void redis_look(struct redis *redis, struct redis_state *out);

#endif
