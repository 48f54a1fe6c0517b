/* test_accounts.c - the rules of accounts, passwords and sessions, called by somebody who acts without a request: what
 * api/ says to clients is asked in tests/api. Nothing of web/ or http/ is linked here. */
#include "../base/folder.h"

#undef fail /* cmocka's: ours is base/call.h's */
#include "people/account.h"
#include "people/lockout.h"
#include "people/own_password.h"
#include "people/profile.h"
#include "people/session.h"
#include "site/app.h"
#include "site/migrations.h"

#include <stdlib.h>

#define PASSWORD S("brave-otter-9174")
#define OTHER_PASSWORD S("clever-heron-5281")

static struct app app;
static struct reloadable live;
static struct principal who;
static struct actor actor;
static struct call call;

static void stop(const char *why)
{
    print_error("%s\n", why);
    _fail(__FILE__, __LINE__);
}

static void must(bool done)
{
    if (!done)
        stop(call.error.problems ? call.error.problems->message.at : call.error.message);
}

/* It did not, for this reason; the call is ready for the next rule. */
static void refused(bool done, enum error_code code)
{
    assert_false(done);
    assert_int_equal(call.error.code, code);
    error_clear(&call.error);
}

static int64_t count(const char *sql)
{
    int64_t n = -1;
    must(db_integer(&call, &n, sql));
    db_release(&call);
    return n;
}

static int open_house(void **state)
{
    struct error error = { 0 };
    struct db_options options = { .pool_size = 4, .cache_kib = 512, .busy_timeout_ms = 3000 };
    if (folder_setup(state))
        return -1;
    const struct folder *folder = *state;
    app = (struct app){ 0 };
    arena_init(&app.arena);
    setenv("SECRET_KEY", "0123456789abcdef0123456789abcdef", 1);
    assert_int_equal(chdir(folder->path), 0); /* no .env of anybody's */
    assert_true(config_load(&app.config, &app.arena));
    app.config.bcrypt_cost = 4;
    options.url = arena_format(&app.arena, "sqlite:///%s/house.db", folder->path);
    if (!db_open(&options, &app.db, &error) || !authority_open(app.config.secret_key, &app.authority, &error))
        stop(error.message);
    app.lockout = lockout_open(&app);
    live = (struct reloadable){ .registration = REGISTRATION_APPROVAL };
    app.live = &live;
    who = (struct principal){ 0 };
    actor = (struct actor){ .origin = S("{\"by\":\"test\"}"), .network = S("192.0.2.1") };
    call_init(&call, &app, app.db);
    call.actor = &actor;
    must(migrate_to(&call, &roentgen_migrations, roentgen_migrations.count, NULL, NULL) &&
         db_transact(&call, permissions_seed, NULL));
    return 0;
}

static int close_house(void **state)
{
    db_release(&call);
    call_release(&call);
    lockout_close(app.lockout);
    authority_close(app.authority);
    db_close(app.db);
    arena_release(&app.arena);
    return folder_teardown(state);
}

static struct new_user somebody(const char *name)
{
    return (struct new_user){ .username = str_from(name),
                              .email = arena_format(&call.arena, "%s@example.org", name),
                              .full_name = S("张伟"),
                              .password = PASSWORD };
}

static int64_t made(const char *name, const char *role)
{
    struct new_user in = somebody(name);
    struct str roles[] = { str_from(role) };
    int64_t id;
    in.roles = (struct texts){ roles, 1 };
    audit_action(&call, "user.create", "user");
    must(user_create(&call, &in, USER_ACTIVE, &id));
    return id;
}

/* From here on it is this account that acts, in a session of its own. */
static struct tokens signed_in(const char *name)
{
    struct tokens tokens;
    int64_t id;
    audit_action(&call, "auth.login", "user");
    must(sign_in(&call, str_from(name), PASSWORD, (struct session_wish){ 0 }, &tokens, &id) &&
         authority_check(&call, app.authority, tokens.access_token, authority_epoch(app.authority), &who));
    assert_int_equal(who.user_id, id);
    actor.principal = &who;
    return tokens;
}

/* ---- rules that run in somebody's transaction ---- */

struct change {
    int64_t id;
    const struct user *in;
    struct texts roles;
    uint64_t given;
    bool own;
    struct user before, after;
};

static bool make_change(struct call *c, void *context)
{
    struct change *change = context;
    audit_action(c, "user.update", "user");
    audit_about(c, change->id, 0);
    if (change->own)
        return profile_change(c, change->in, change->given, &change->before, &change->after) && audit_change(c);
    if (change->in)
        return account_change(c, change->in, change->given, &change->before, &change->after) && audit_change(c);
    return account_set_roles(c, change->id, change->roles, &change->before, &change->after) && audit_change(c);
}

static bool delete_account(struct call *c, void *context)
{
    const int64_t *id = context;
    return account_delete(c, *id);
}

static uint64_t member(const struct schema *schema, struct str name)
{
    return GIVEN(schema_find(schema, name));
}

/* ---- tests ---- */

static void registering_is_as_the_setting_says(void **state)
{
    (void)state;
    struct str admin[] = { S("admin") };
    struct new_user in = somebody("zhangwei"), second = somebody("liming");
    enum user_status status;
    struct user user;
    int64_t id;
    in.roles = (struct texts){ admin, 1 };
    audit_action(&call, "auth.register", "user");
    must(profile_register(&call, &in, &status, &id));
    assert_int_equal(status, USER_PENDING);
    must(user_load(&call, id, &user));
    assert_int_equal(user.roles.count, 1);
    assert_str_is(user.roles.items[0], "doctor"); /* whatever was asked for */
    live.registration = REGISTRATION_OPEN;
    must(profile_register(&call, &second, &status, &id));
    assert_int_equal(status, USER_ACTIVE);
    refused(profile_register(&call, &second, &status, &id), E_CONFLICT);
    live.registration = REGISTRATION_CLOSED;
    refused(profile_register(&call, &second, &status, &id), E_FORBIDDEN);
}

static void the_last_administrator_stays(void **state)
{
    (void)state;
    int64_t chief = made("chief", "admin"), doctor = made("lisi", "doctor");
    struct user disabled = { .id = chief, .status = USER_DISABLED };
    struct str doctors[] = { S("doctor") };
    struct change stop_it = { .id = chief, .in = &disabled, .given = member(&user_schema, S("status")) };
    struct change demote = { .id = chief, .roles = { doctors, 1 } };
    signed_in("lisi");
    refused(db_transact(&call, make_change, &stop_it), E_CONFLICT);
    refused(db_transact(&call, make_change, &demote), E_CONFLICT);
    refused(db_transact(&call, delete_account, &chief), E_CONFLICT);
    disabled.id = stop_it.id = doctor;
    must(db_transact(&call, make_change, &stop_it));
    assert_int_equal(stop_it.before.status, USER_ACTIVE);
    assert_int_equal(stop_it.after.status, USER_DISABLED);
    assert_int_equal(count("select count(*) from sessions where revoked_at is null"), 0);
    assert_int_equal(count("select count(*) from audit_logs where detail like '%DISABLED%'"), 1);
    must(db_transact(&call, delete_account, &doctor));
    refused(user_load(&call, doctor, &disabled), E_NOT_FOUND);
}

static void another_address_needs_the_password(void **state)
{
    (void)state;
    int64_t id = made("lisi", "doctor");
    struct user in = { .email = S("other@example.org"), .phone = S("021-5555") };
    uint64_t email = member(&profile_schema, S("email")), phone = member(&profile_schema, S("phone"));
    struct change change = { .id = id, .in = &in, .given = email | phone, .own = true };
    signed_in("lisi");
    must(profile_confirm(&call, &in, phone));
    refused(profile_confirm(&call, &in, email), E_INVALID);
    in.current_password = OTHER_PASSWORD;
    refused(profile_confirm(&call, &in, email), E_INVALID);
    in.current_password = PASSWORD;
    must(profile_confirm(&call, &in, email) && db_transact(&call, make_change, &change));
    assert_str_is(change.before.email, "lisi@example.org");
    assert_str_is(change.after.email, "other@example.org");
    assert_str_is(change.after.phone, "021-5555");
}

static void a_changed_password_ends_the_other_sessions(void **state)
{
    (void)state;
    struct tokens first, second;
    made("lisi", "doctor");
    first = signed_in("lisi");
    second = signed_in("lisi");
    audit_action(&call, "auth.password", "user");
    refused(own_password_change(&call, OTHER_PASSWORD, OTHER_PASSWORD), E_INVALID);
    refused(own_password_change(&call, PASSWORD, S("lisi1234")), E_INVALID); /* its own name */
    must(own_password_change(&call, PASSWORD, OTHER_PASSWORD));
    refused(session_refresh(&call, SESSION_BY_TOKEN, first.refresh_token, &first), E_UNAUTHENTICATED);
    must(session_refresh(&call, SESSION_BY_TOKEN, second.refresh_token, &second));
}

static bool put_token(struct call *c, void *context)
{
    const int64_t *id = context;
    return db_execute(c, "insert into password_resets(token_hash, user_id, created_at, expires_at) values (?, ?, ?, ?)",
                      V(crypto_sha256_hex(S("from the mail"), &c->arena)), V(*id), V(clock_now()),
                      V(clock_now().us + 60000000));
}

static void a_mailed_token_is_good_once(void **state)
{
    (void)state;
    int64_t id = made("lisi", "doctor"), signed_in_id;
    struct tokens tokens;
    refused(own_password_ask(&call, S("lisi@example.org")), E_UNAVAILABLE); /* no mail server is set */
    must(db_transact(&call, put_token, &id));
    audit_action(&call, "auth.password", "user");
    refused(own_password_reset(&call, S("from nowhere"), OTHER_PASSWORD), E_INVALID);
    must(own_password_reset(&call, S("from the mail"), OTHER_PASSWORD));
    refused(own_password_reset(&call, S("from the mail"), PASSWORD), E_INVALID);
    refused(sign_in(&call, S("lisi"), PASSWORD, (struct session_wish){ 0 }, &tokens, &signed_in_id), E_UNAUTHENTICATED);
    must(sign_in(&call, S("lisi"), OTHER_PASSWORD, (struct session_wish){ 0 }, &tokens, &signed_in_id));
}

static bool end_session(struct call *c, void *context)
{
    (void)context;
    return session_end(c);
}

static bool end_other(struct call *c, void *context)
{
    const int64_t *id = context;
    return session_end_other(c, *id);
}

static void a_refresh_token_that_comes_again_ends_its_session(void **state)
{
    (void)state;
    struct tokens next;
    int64_t nobodys = 4711;
    made("lisi", "doctor");
    struct tokens stolen = signed_in("lisi");
    audit_action(&call, "auth.refresh", "user");
    must(session_refresh(&call, SESSION_BY_TOKEN, stolen.refresh_token, &next));
    refused(session_refresh(&call, SESSION_BY_TOKEN, stolen.refresh_token, &next), E_UNAUTHENTICATED);
    assert_int_equal(count("select count(*) from sessions where revoked_reason = 'token reused'"), 1);
    refused(session_refresh(&call, SESSION_BY_TOKEN, next.refresh_token, &next), E_UNAUTHENTICATED);
    signed_in("lisi");
    refused(db_transact(&call, end_other, &nobodys), E_NOT_FOUND);
    must(db_transact(&call, end_session, NULL));
    assert_int_equal(count("select count(*) from sessions where revoked_at is null"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(registering_is_as_the_setting_says), TEST(the_last_administrator_stays),
        TEST(another_address_needs_the_password), TEST(a_changed_password_ends_the_other_sessions),
        TEST(a_mailed_token_is_good_once),        TEST(a_refresh_token_that_comes_again_ends_its_session),
    };
    return cmocka_run_group_tests_name("accounts", tests, NULL, NULL);
}
