/* session.h - being signed in: sessions and their tokens.
 *
 *     struct tokens tokens;
 *     int64_t user_id;
 *     if (!sign_in(c, name, password, (struct session_wish){ 0 }, &tokens, &user_id)) ...   // E_UNAUTHENTICATED,
 *                                                                                  // whatever is wrong
 *     if (!session_refresh(c, SESSION_BY_TOKEN, tokens.refresh_token, &tokens)) ...  // before the access token expires
 *
 * A session is a row: one place where an account is signed in. Two tokens come from it:
 *
 *     access token    a JWT that names the session, good for ACCESS_TOKEN_LIFETIME (principal.h checks it)
 *     refresh token   random, good once; each use gives the next pair and puts the session's end off, though not past
 *                     SESSION_MAX_LIFETIME
 *
 *     refresh token   1 -used-> 2 -used-> 3
 *                     '- comes again: somebody else has it, too. The session ends.
 *
 * A used one is known for as long as it would have been good had nobody used it (SESSION_LIFETIME after its use), after
 * however many others: who copied it cannot refresh until it is forgotten.
 *
 * A browser's session (SESSION_BY_COOKIE) has one secret, which is shown with each request (authority_check_cookie) and
 * is changed for the next as a refresh token is. It is no token of the other kind, nor are those a cookie. As all tabs
 * of a browser share the cookie, several may change it at once: for COOKIE_GRACE_S a used one gets no other, but the
 * answer that the session goes on, since the browser has the next one from the first answer, or soon will.
 *
 * Of a refresh token the database has only the hash; the token itself lives in the call's arena, for the answer. What
 * ends sessions, or rights, has to drop cached principals after its commit (CHANGES_AUTHORITY in the endpoint's row).
 */
#ifndef ROENTGEN_SESSION_H
#define ROENTGEN_SESSION_H

#include "people/user.h"

enum session_kind { SESSION_KIND_NONE, SESSION_BY_TOKEN, SESSION_BY_COOKIE };
extern const char *const session_kinds[];

struct session_wish {
    enum session_kind kind; /* SESSION_KIND_NONE: by token */
    bool remember_me;       /* it lasts longer */
};

struct tokens {
    struct str access_token, refresh_token, token_type;
    int64_t expires_in;
    /* By cookie, in place of these: what the cookie is to hold (null: what it holds already). */
    struct str secret;
    int64_t session_id;
    struct instant session_ends;
    bool remember_me;
};
/* `more`: flags. */
#define TOKEN_FIELDS(T, prefix, more) \
    { .name = "access_token", \
      .flags = more, \
      .kind = &kind_text, \
      .offset = offsetof(T, prefix access_token), \
      .doc = "The JWT to send as `Authorization: Bearer ...`." }, \
        { .name = "refresh_token", \
          .flags = more, \
          .kind = &kind_text, \
          .offset = offsetof(T, prefix refresh_token), \
          .doc = "The token that gets the next pair; it is good once." }, \
        { .name = "token_type", \
          .flags = more, \
          .kind = &kind_text, \
          .offset = offsetof(T, prefix token_type), \
          .doc = "It is always bearer." }, \
    { \
        .name = "expires_in", .flags = more, .kind = &kind_integer, .offset = offsetof(T, prefix expires_in), \
        .doc = "How many seconds the access token is good for." \
    }

/* A new session for the user. Inside a transaction. */
bool session_start(struct call *c, int64_t user_id, struct session_wish wish, struct tokens *out);

/* Uses up a refresh token and gives the next pair. E_UNAUTHENTICATED for unknown or expired ones, and for one that was
 * used before: two have it, so its session ends, which is committed though the answer is no. E_TOO_MANY where a session
 * is refreshed more than ten times within a minute. On a worker. */
bool session_refresh(struct call *c, enum session_kind kind, struct str refresh_token, struct tokens *out);

/* Inside a transaction: ends the session that the call comes in, or another one of the caller's (E_NOT_FOUND when it
 * is not theirs, or has ended). All of an account's: sessions_revoke (user.h). */
bool session_end(struct call *c);
bool session_end_other(struct call *c, int64_t id);
/* On a worker: ends the session, if there is one, of a cookie that another takes the place of. */
bool session_end_replaced(struct call *c, struct str secret);

/* Name (or e-mail) and password against the accounts. One answer and one duration for everything that is wrong, but
 * for how long to wait where failures were too many (lockout.h). On a worker. */
bool sign_in(struct call *c, struct str username, struct str password, struct session_wish wish, struct tokens *out,
             int64_t *user_id);
/* The password of an account that is signed in already, given once more before something weighty. Counts as an
 * attempt to sign in does. On a worker. A problem at body.`member`, or E_TOO_MANY. */
bool password_confirmed(struct call *c, int64_t user_id, struct str password, const char *member);

#endif
