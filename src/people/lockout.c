/* lockout.c - the three counters, and what is left behind when one of them locks. */
#include "people/lockout.h"

#include "people/mailing.h"
#include "site/actor.h"
#include "site/app.h"
#include "kv/tries.h"

#include <ctype.h>
#include <pthread.h>

enum { COUNTERS = 65536, FAMILIAR_DAYS = 180 };
static const int64_t day_us = (int64_t)86400 * 1000000;

struct lockout {
    struct app *app;
    struct tries *tries;
    struct tries_rule pair, account, network; /* `most` 0: not counted */
    pthread_mutex_t mutex;
    pthread_cond_t done;
    int under_way; /* notes being written */
};

struct lockout *lockout_open(struct app *app)
{
    const struct config *config = &app->config;
    struct lockout *lockout = calloc(1, sizeof(*lockout));
    if (!lockout)
        abort();
    int64_t most = config->login_max_failures, lock_us = config->login_lock_s * 1000000;
    int64_t account = config->login_account_max_failures, network = config->login_network_max_failures;
    lockout->app = app;
    lockout->tries = tries_new(COUNTERS);
    if (app->redis)
        tries_share(lockout->tries, app->redis, "tries", &app->shared_key);
    lockout->pair = (struct tries_rule){ most, lock_us };
    lockout->account = (struct tries_rule){ account ? account : 4 * most, lock_us };
    lockout->network = (struct tries_rule){ config->rate_limit ? network ? network : 40 * most : 0, lock_us };
    pthread_mutex_init(&lockout->mutex, NULL);
    pthread_cond_init(&lockout->done, NULL);
    return lockout;
}

void lockout_close(struct lockout *lockout)
{
    if (!lockout)
        return;
    pthread_mutex_lock(&lockout->mutex);
    while (lockout->under_way)
        pthread_cond_wait(&lockout->done, &lockout->mutex);
    pthread_mutex_unlock(&lockout->mutex);
    pthread_cond_destroy(&lockout->done);
    pthread_mutex_destroy(&lockout->mutex);
    tries_free(lockout->tries);
    free(lockout);
}

/* ---- keys ---- */

/* Names and ids are kept apart: somebody who tries the name "1" does not count against account 1. */
static struct str subject_key(struct arena *arena, const struct lock_subject *who)
{
    if (who->account_id)
        return arena_format(arena, "account %" PRId64, who->account_id);
    struct str key = arena_format(arena, "name %.*s", STR_FMT(who->name));
    for (ptrdiff_t i = 0; i < key.len; i++)
        ((char *)(uintptr_t)key.at)[i] = (char)tolower((unsigned char)key.at[i]);
    return key;
}

static struct str pair_key(struct arena *arena, struct str subject, struct str network)
{
    return arena_format(arena, "%.*s from %.*s", STR_FMT(network), STR_FMT(subject));
}

static struct str network_key(struct arena *arena, struct str network)
{
    return arena_format(arena, "network %.*s", STR_FMT(network));
}

int64_t lockout_familiar_since(void)
{
    return clock_now().us - FAMILIAR_DAYS * day_us;
}

/* ---- what a lock leaves behind, once the answer need not wait for it ---- */

struct lock_note {
    struct call call;
    struct actor actor; /* as of the attempt that was one too many */
    int64_t user_id;
    struct str network; /* null: every network that is not familiar */
    struct instant since, until;
    struct str email;
};

static bool tell_owner(struct call *c, const struct lock_note *note)
{
    struct str until = instant_format(note->until, &c->arena);
    struct str from = note->network.at ? note->network : S("many addresses / 多个地址");
    struct mail mail = { note->email, S("Roentgen: sign-in locked / 登录已锁定") };
    mail.body = arena_format(
        &c->arena,
        "Too many wrong passwords were given for your Roentgen account, from: %.*s. Until %.*s it cannot be "
        "signed in to from there. If this was not you, tell an administrator, who can also lift the lock.\r\n"
        "\r\n您的 Roentgen 账户输错密码次数过多（来源：%.*s），在 %.*s 之前无法从该处登录。"
        "如果不是您本人操作，请联系管理员；管理员可以解除锁定。",
        STR_FMT(from), STR_FMT(until), STR_FMT(from), STR_FMT(until));
    return mailing_put(c, &mail);
}

static bool store_lock(struct call *c, void *context)
{
    struct lock_note *note = context;
    struct cursor rows;
    db_rows(c, &rows, "select email from users where id = ? and status = 'ACTIVE'", V(note->user_id));
    note->email = cursor_next(&rows) ? arena_copy(&c->arena, cursor_text(&rows, 0)) : STR_NULL;
    return cursor_close(&rows) &&
           db_execute(c, "insert into sign_in_locks(user_id, network, locked_at, locked_until) values (?, ?, ?, ?)",
                      V(note->user_id), V(note->network), V(note->since), V(note->until)) &&
           (!note->email.len || tell_owner(c, note)) && audit_change(c);
}

static void lock_stored(struct call *c, bool ok, void *context)
{
    struct lock_note *note = context;
    struct lockout *lockout = c->app->lockout;
    (void)ok;
    db_release(c);
    call_release(c);
    free(note);
    pthread_mutex_lock(&lockout->mutex);
    lockout->under_way--;
    pthread_cond_signal(&lockout->done);
    pthread_mutex_unlock(&lockout->mutex);
}

static void note_lock(struct call *c, int64_t user_id, struct str network, int64_t now_us, int64_t until_us)
{
    struct lockout *lockout = c->app->lockout;
    struct lock_note *note = calloc(1, sizeof(*note));
    if (!note)
        abort();
    call_init(&note->call, c->app, c->app->db);
    struct arena *arena = &note->call.arena;
    note->call.actor = &note->actor;
    note->actor.client = arena_copy(arena, call_client(c));
    memcpy(note->actor.request_id, call_request_id(c), sizeof(note->actor.request_id));
    note->user_id = user_id;
    note->network = arena_copy(arena, network);
    note->since = (struct instant){ now_us };
    note->until = (struct instant){ until_us };
    note->actor.audit = (struct audit_draft){ .action = "auth.lock", .entity = "user", .entity_id = user_id };
    note->actor.audit.outcome = error_row(E_UNAUTHENTICATED)->status;
    audit_detail(&note->call, arena_format(arena, "{\"network\":%s%.*s%s,\"until\":\"%.*s\"}", network.at ? "\"" : "",
                                           STR_FMT(network.at ? network : S("null")), network.at ? "\"" : "",
                                           STR_FMT(instant_format(note->until, arena))));
    pthread_mutex_lock(&lockout->mutex);
    lockout->under_way++;
    pthread_mutex_unlock(&lockout->mutex);
    db_transact_later(&note->call, store_lock, note, lock_stored);
}

/* ---- the rules ---- */

bool lockout_pass(struct call *c, const struct lock_subject *who, bool right, int64_t *locked_until)
{
    struct lockout *lockout = c->app->lockout;
    struct str network = call_network(c), subject = subject_key(&c->arena, who);
    int64_t now_us = clock_now().us, latest_us = 0;
    const struct {
        const struct tries_rule *rule;
        struct str key;
        struct str network; /* as the lock is shown */
        bool counts, is_account;
        int64_t kept_until_us; /* by the database */
    } counters[] = {
        { &lockout->pair, pair_key(&c->arena, subject, network), network, true, true, who->locked_here },
        { &lockout->account, subject, STR_NULL, !who->familiar, true, who->locked_everywhere },
        { &lockout->network, network_key(&c->arena, network), network, !who->familiar && lockout->network.most, false,
          0 },
    };
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        if (!counters[i].counts)
            continue;
        int64_t forgiven_us = counters[i].is_account ? who->unlocked_at : 0, until_us;
        bool begins = false;
        if (counters[i].kept_until_us > now_us) /* another server's, or an earlier process' */
            tries_lock(lockout->tries, counters[i].key, now_us, counters[i].kept_until_us);
        if (right)
            until_us = tries_locked_until(lockout->tries, counters[i].key, now_us, forgiven_us);
        else
            until_us = tries_fail(lockout->tries, counters[i].key, counters[i].rule, now_us, forgiven_us, &begins);
        if (begins && counters[i].is_account && who->account_id)
            note_lock(c, who->account_id, counters[i].network, now_us, until_us);
        if (until_us > latest_us)
            latest_us = until_us;
    }
    *locked_until = latest_us;
    if (latest_us)
        c->error.retry_after_s = (int)((latest_us - now_us) / 1000000 + 1);
    else if (right)
        tries_forget(lockout->tries, counters[0].key);
    return right && !latest_us;
}

bool lockout_familiar(struct call *c, int64_t account_id)
{
    struct str network = call_network(c);
    int64_t now_us = clock_now().us, updated = 0;
    if (!network.at)
        return true;
    return db_execute_counted(c, &updated, "update sign_in_networks set last_at = ? where user_id = ? and network = ?",
                              V(now_us), V(account_id), V(network)) &&
           (updated || db_execute(c, "insert into sign_in_networks(user_id, network, last_at) values (?, ?, ?)",
                                  V(account_id), V(network), V(now_us)));
}

bool lockout_lift(struct call *c, int64_t account_id)
{
    return db_execute(c, "update users set unlocked_at = ? where id = ?", V(clock_now()), V(account_id)) &&
           db_execute(c, "delete from sign_in_locks where user_id = ?", V(account_id));
}

bool lockout_load(struct call *c, struct lockout *lockout)
{
    struct cursor rows;
    for (db_rows(c, &rows, "select user_id, network, locked_at, locked_until from sign_in_locks where locked_until > ?",
                 V(clock_now()));
         cursor_next(&rows);) {
        struct lock_subject who = { .account_id = cursor_integer(&rows, 0) };
        struct str key = subject_key(&c->arena, &who), network = cursor_text(&rows, 1);
        if (network.at)
            key = pair_key(&c->arena, key, network);
        tries_lock(lockout->tries, key, cursor_integer(&rows, 2), cursor_integer(&rows, 3));
    }
    return cursor_close(&rows);
}
