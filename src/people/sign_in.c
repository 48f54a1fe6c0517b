/* sign_in.c - passwords that are presented, compared under the rules of lockout.h. */
#include "site/account_key.h"
#include "site/app.h"
#include "people/lockout.h"
#include "people/session.h"
#include "base/crypto.h"

struct attempt {
    struct lock_subject who;
    bool active;
    struct session_wish wish;
    struct tokens *tokens;
};

/* A hash that no password has: what is compared when there is no such account, so that both cases take as long. */
static struct str nobodys_hash(struct call *c)
{
    return arena_format(&c->arena, "$2b$%02d$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
                        (int)c->app->config.bcrypt_cost);
}

/* An account counts once, whether it is named by user name or by address. */
static bool find_account(struct call *c, struct attempt *attempt, struct str *hash)
{
    struct cursor rows;
    struct lock_subject *who = &attempt->who;
    const char *sql = memchr(who->name.at, '@', (size_t)who->name.len)
                          ? "select u.id, u.password_hash, u.status, " LOCK_COLUMNS
                            " from users u where u.email_key = ? and u.deleted_at is null"
                          : "select u.id, u.password_hash, u.status, " LOCK_COLUMNS
                            " from users u where u.username_key = ? and u.deleted_at is null";
    db_rows(c, &rows, sql, V(call_network(c)), V(lockout_familiar_since()), V(call_network(c)),
            V(account_key(who->name, &c->arena)));
    if (cursor_next(&rows)) {
        *hash = arena_copy(&c->arena, cursor_text(&rows, 1));
        who->account_id = cursor_integer(&rows, 0);
        who->unlocked_at = cursor_integer(&rows, 3);
        who->familiar = cursor_integer(&rows, 4) > 0;
        who->locked_here = cursor_integer(&rows, 5);
        who->locked_everywhere = cursor_integer(&rows, 6);
        attempt->active = str_equal(cursor_text(&rows, 2), S("ACTIVE"));
    }
    return cursor_close(&rows);
}

static bool begin_session(struct call *c, void *context)
{
    struct attempt *attempt = context;
    return session_start(c, attempt->who.account_id, attempt->wish, attempt->tokens) &&
           lockout_familiar(c, attempt->who.account_id) && audit_change(c);
}

bool sign_in(struct call *c, struct str username, struct str password, struct session_wish wish, struct tokens *out,
             int64_t *user_id)
{
    struct str hash = nobodys_hash(c);
    struct attempt attempt = { .who.name = username, .wish = wish, .tokens = out };
    int64_t locked_until;
    if (!find_account(c, &attempt, &hash))
        return false;
    audit_about(c, attempt.who.account_id, 0);
    db_release(c); /* not held while hashing */
    bool right = password_matches(password, hash);
    if (!lockout_pass(c, &attempt.who, right && attempt.active, &locked_until)) {
        audit_reason(c, locked_until              ? S("{\"reason\":\"locked\"}")
                        : !attempt.who.account_id ? S("{\"reason\":\"no such account\"}")
                        : !attempt.active         ? S("{\"reason\":\"not active\"}")
                                                  : S("{\"reason\":\"wrong password\"}"));
        return fail(c, E_UNAUTHENTICATED, "name or password is wrong");
    }
    *user_id = attempt.who.account_id;
    return db_transact(c, begin_session, &attempt);
}

/* ---- somebody who is signed in says once more that it is they ---- */

bool password_confirmed(struct call *c, int64_t user_id, struct str password, const char *member)
{
    struct lock_subject who = { .account_id = user_id, .familiar = true };
    struct cursor rows;
    struct str hash = nobodys_hash(c);
    int64_t locked_until;
    if (call_principal(c) && call_principal(c)->key_id)
        return fail(c, E_FORBIDDEN, "this is done by people who have signed in, not with an API key");
    db_rows(c, &rows,
            "select u.password_hash, u.unlocked_at, " LOCKED_UNTIL("l.network = ?") " from users u where u.id = ?",
            V(call_network(c)), V(user_id));
    if (cursor_next(&rows)) {
        hash = arena_copy(&c->arena, cursor_text(&rows, 0));
        who.unlocked_at = cursor_integer(&rows, 1);
        who.locked_here = cursor_integer(&rows, 2);
    }
    if (!cursor_close(&rows))
        return false;
    db_release(c);
    if (lockout_pass(c, &who, password_matches(password, hash), &locked_until))
        return true;
    audit_reason(c, S("{\"reason\":\"wrong password\"}"));
    if (locked_until)
        return fail(c, E_TOO_MANY, "too many wrong passwords; try again in %d s", c->error.retry_after_s);
    return error_add_problem(&c->error, &c->arena, "body", str_from(member), "wrong_password",
                             "this is not the password");
}
