/* test_actor.c - what a rule may ask of who acts, whoever that is. */
#include "web/exchange.h"

#include "../base/test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct principal li = { .user_id = 7, .permissions = PERMISSION_BIT(MAY_READ_PATIENTS) };

static struct audit_entry entry_of(struct call *c)
{
    struct audit_entry entry;
    audit_entry_of(c, &entry);
    return entry;
}

static void nobody_may_nothing(void **state)
{
    (void)state;
    struct call c;
    call_init(&c, NULL, NULL);
    assert_int_equal(call_user(&c), 0);
    assert_null(call_principal(&c));
    assert_false(call_may(&c, MAY_READ_PATIENTS));
    assert_true(str_is_null(call_client(&c)));
    assert_string_equal(call_request_id(&c), "");
    call_release(&c);
}

static void somebody_is_asked_for_rights_and_address(void **state)
{
    (void)state;
    struct call c;
    struct actor actor = { .principal = &li, .client = S("192.0.2.1"), .user_agent = S("curl"), .request_id = "r" };
    call_init(&c, NULL, NULL);
    c.actor = &actor;
    assert_int_equal(call_user(&c), 7);
    assert_true(call_may(&c, MAY_READ_PATIENTS));
    assert_false(call_may(&c, MAY_READ_STUDIES));
    assert_str_is(call_user_agent(&c), "curl");
    audit_action(&c, "patient.update", "patient");
    audit_about(&c, 3, 0);
    audit_detail(&c, S("{\"a\":1}"));
    struct audit_entry entry = entry_of(&c);
    assert_string_equal(entry.action, "patient.update");
    assert_int_equal(entry.user_id, 7);
    assert_int_equal(entry.entity_id, 3);
    assert_int_equal(entry.patient_id, 3);
    assert_int_equal(entry.outcome, AUDIT_DONE);
    assert_string_equal(entry.client, "192.0.2.1");
    assert_string_equal(entry.request_id, "r");
    assert_str_is(entry.detail, "{\"a\":1}");
    call_reset(&c);
    assert_int_equal(call_user(&c), 7);
    call_release(&c);
}

static void tasks_and_commands_say_so_beside_what_changed(void **state)
{
    (void)state;
    struct call c;
    struct actor actor = ACTOR_OF_TASK("sweep");
    call_init(&c, NULL, NULL);
    c.actor = &actor;
    audit_action(&c, "image_file.upload_expire", "image_file");
    assert_int_equal(entry_of(&c).user_id, 0);
    assert_str_is(entry_of(&c).detail, "{\"by\":\"server\",\"task\":\"sweep\"}");
    audit_detail(&c, S("{}"));
    assert_str_is(entry_of(&c).detail, "{\"by\":\"server\",\"task\":\"sweep\"}");
    audit_detail(&c, S("{\"a\":1}"));
    assert_str_is(entry_of(&c).detail, "{\"by\":\"server\",\"task\":\"sweep\",\"a\":1}");
    call_release(&c);
}

static void the_path_names_what_no_rule_does(void **state)
{
    (void)state;
    struct call c;
    struct actor actor = { .audit = { .entity = "study", .named_id = 5, .outcome = 204 } };
    call_init(&c, NULL, NULL);
    c.actor = &actor;
    audit_about(&c, 0, 2);
    assert_int_equal(entry_of(&c).entity_id, 5);
    assert_int_equal(entry_of(&c).patient_id, 2);
    assert_int_equal(entry_of(&c).outcome, 204);
    audit_about(&c, 6, 2);
    assert_int_equal(entry_of(&c).entity_id, 6);
    call_release(&c);
}

/* Does it abort? */
static bool dies(void (*run)(struct call *c))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        struct call c;
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        call_init(&c, NULL, NULL);
        run(&c);
        _exit(0);
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void reach_for_the_request(struct call *c)
{
    answer_status(c, 201);
}

static void change_as_nobody(struct call *c)
{
    audit_about(c, 1, 1);
}

static void look(struct call *c)
{
    (void)call_user(c);
}

static void a_rule_without_request_or_actor_is_found_out(void **state)
{
    (void)state;
    assert_true(dies(reach_for_the_request));
    assert_true(dies(change_as_nobody));
    assert_false(dies(look));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_may_nothing),
        cmocka_unit_test(somebody_is_asked_for_rights_and_address),
        cmocka_unit_test(tasks_and_commands_say_so_beside_what_changed),
        cmocka_unit_test(the_path_names_what_no_rule_does),
        cmocka_unit_test(a_rule_without_request_or_actor_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
