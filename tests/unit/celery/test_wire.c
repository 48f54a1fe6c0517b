/* What Celery and kombu write, as captured from Celery 5.2.6 and 5.7.0, and what they take. */
#include "celery/wire.h"

#include "base/crypto.h"
#include "jobs/jobs.h"

#include <zlib.h>

#undef fail /* cmocka has one, too */
#include "../base/test.h"

#define ID "0b1f6a52-7d35-4a39-9a4e-6c2a3c1d9e10"

static struct celery_names names_of(struct arena *arena, const char *prefix, const char *steps)
{
    struct celery_names names;
    struct error error = { 0 };
    assert_true(celery_names_read(str_from(prefix), STR_NULL, str_from(steps), 2, arena, &names, &error));
    return names;
}

static void keys_are_called_as_kombu_calls_them(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct celery_names plain = names_of(&arena, "", "0,3,6,9"), own = names_of(&arena, "x", "0,3,6,9");
    assert_str_is(celery_queue_key(&plain, S("celery"), 0, &arena), "celery");
    assert_str_is(celery_queue_key(&plain, S("celery"), 6, &arena), "celery\x06\x16"
                                                                    "6");
    assert_str_is(celery_queue_key(&own, S("q"), 0, &arena), "xq");
    assert_str_is(celery_key(&own, "unacked", &arena), "xunacked");
    assert_str_is(celery_result_key(&plain, S(ID), &arena), "celery-task-meta-" ID);
    assert_str_is(celery_result_key(&own, S(ID), &arena), "x_celery-task-meta-" ID);
    struct celery_names ended = names_of(&arena, "x:", "0,3,6,9");
    assert_str_is(celery_result_key(&ended, S(ID), &arena), "x:celery-task-meta-" ID);
    assert_str_is(celery_pidbox(&own, &arena), "x/2.celery.pidbox");
    arena_release(&arena);
}

static void a_priority_is_rounded_down_to_a_step(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct celery_names names = names_of(&arena, "", "0,3,6,9"), one = names_of(&arena, "", "0");
    assert_int_equal(celery_step(&names, 0), 0);
    assert_int_equal(celery_step(&names, 2), 0);
    assert_int_equal(celery_step(&names, 5), 3);
    assert_int_equal(celery_step(&names, 9), 9);
    const int64_t expected[] = { 0, 3, 3, 6, 9 };
    for (unsigned p = JOB_STAT; p <= JOB_LOW; p++) {
        assert_int_equal(celery_step_of(&names, p), expected[p - 1]);
        assert_int_equal(celery_step_of(&one, p), 0);
    }
    static const char *const wrong[] = { "", "3,6", "0,0", "0,10", "0,x", "0,6,3", "0,1,2,3,4,5,6,7,8,9,9" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct error error = { 0 };
        assert_false(celery_names_read(STR_NULL, STR_NULL, str_from(wrong[i]), 0, &arena, &names, &error));
        assert_int_equal(error.code, E_INVALID);
    }
    arena_release(&arena);
}

/* What is sent is read again as what it was. */
static void a_message_comes_back_as_it_went(void **state)
{
    (void)state;
    struct arena arena;
    struct celery_request got;
    arena_init(&arena);
    struct celery_task task = { .id = S(ID),
                                .name = S("roentgen.ai.echo"),
                                .kwargs = S("{\"a\":[1,{\"b\":\"\\u00e9\"}]}"),
                                .queue = S("celery"),
                                .step = 6,
                                .delivery = 1,
                                .time_limit_s = 60 };
    assert_null(celery_task_check(&task, &arena));
    struct str message = celery_message(&task, &arena);
    assert_true(str_equal(message, celery_message(&task, &arena)));
    assert_null(celery_request_read(message, &arena, &got));
    assert_str_is(got.id, ID);
    assert_str_is(got.name, "roentgen.ai.echo");
    assert_str_is(got.kwargs, "{\"a\":[1,{\"b\":\"\xc3\xa9\"}]}");
    assert_str_is(got.delivery_tag, ID ".1");
    assert_int_equal(got.priority, 6);
    assert_true(instant_is_null(got.eta) && instant_is_null(got.expires) && !got.has_args && !got.has_followers);
    assert_true(str_find(message, S("\"timelimit\": [60, null]")) > 0);
    task.expires = (struct instant){ INT64_C(1795757430123456) };
    assert_null(celery_request_read(celery_message(&task, &arena), &arena, &got));
    assert_int_equal(got.expires.us, task.expires.us);
    arena_release(&arena);
}

static void what_would_end_a_worker_is_not_sent(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    const struct celery_task fine = { .id = S(ID), .name = S("a.b"), .kwargs = S("{}"), .queue = S("celery") };
    struct celery_task wrong[9];
    for (int i = 0; i < 9; i++)
        wrong[i] = fine;
    wrong[0].id = S("");
    wrong[1].name = S("a \"b");
    wrong[2].kwargs = S("[1]");
    wrong[3].kwargs = S("{\"a\": NaN}");
    wrong[4].queue = S("a\nb");
    wrong[5].delivery = CELERY_TAGS;
    wrong[6].kwargs = S("{\"__type__\": \"decimal\", \"__value__\": \"x\"}");
    wrong[7].kwargs = S("{\"a\": [0, {\"b\": {\"__type__\": 1}}]}");
    wrong[8].kwargs = S("{\"a\": 9223372036854775808}");
    assert_null(celery_task_check(&fine, &arena));
    for (int i = 0; i < 9; i++)
        assert_non_null(celery_task_check(&wrong[i], &arena));
    arena_release(&arena);
}

/* Of Celery 5.7.0: send_task("roentgen.files.scrub", kwargs={"files": 10}, countdown=5, expires=60). */
static const char captured[] =
    "{\"body\": \"%s\", \"content-encoding\": \"utf-8\", \"content-type\": \"application/json\", \"headers\": "
    "{\"lang\": \"py\", \"task\": \"roentgen.files.scrub\", \"id\": \"" ID "\", \"shadow\": null, \"eta\": "
    "\"2026-11-27T05:30:05.123456+00:00\", \"expires\": \"2026-11-27T05:31:00+00:00\", \"group\": null, "
    "\"group_index\": null, \"retries\": 0, \"timelimit\": [null, null], \"root_id\": \"" ID "\", \"parent_id\": null, "
    "\"argsrepr\": \"()\", \"kwargsrepr\": \"{'files': 10}\", \"origin\": \"gen1@host\", \"ignore_result\": false, "
    "\"replaced_task_nesting\": 0, \"stamped_headers\": null, \"stamps\": {}}, \"properties\": "
    "{\"correlation_id\": \"" ID
    "\", \"reply_to\": \"1\", \"delivery_mode\": 2, \"delivery_info\": {\"exchange\": \"\", \"routing_key\": "
    "\"celery\"}, \"priority\": 0, \"body_encoding\": \"base64\", \"delivery_tag\": \"tag\"}}";

static struct str with_body(const char *body, struct arena *arena)
{
    struct str text = str_from(captured), hole = S("%s");
    ptrdiff_t at = str_find(text, hole);
    return arena_format(arena, "%.*s%.*s%.*s", (int)at, text.at, STR_FMT(crypto_base64(str_from(body), arena)),
                        STR_FMT(str_slice(text, at + hole.len, text.len)));
}

static void a_captured_message_is_read(void **state)
{
    (void)state;
    struct arena arena;
    struct celery_request got;
    struct instant eta;
    arena_init(&arena);
    assert_true(instant_parse(S("2026-11-27T05:30:05.123456Z"), &eta));
    struct str text = with_body("[[], {\"files\": 10}, {\"callbacks\": null, \"errbacks\": null, \"chain\": null, "
                                "\"chord\": null}]",
                                &arena);
    assert_null(celery_request_read(text, &arena, &got));
    assert_str_is(got.name, "roentgen.files.scrub");
    assert_str_is(got.kwargs, "{\"files\":10}");
    assert_int_equal(got.eta.us, eta.us);
    assert_int_equal(got.expires.us, eta.us + 54876544);
    assert_false(got.has_args || got.has_followers);
    text = with_body("[[1], {}, {\"callbacks\": null, \"errbacks\": null, \"chain\": [{\"task\": \"x\"}]}]", &arena);
    assert_null(celery_request_read(text, &arena, &got));
    assert_true(got.has_args && got.has_followers);
    arena_release(&arena);
}

static void what_is_broken_is_said(void **state)
{
    (void)state;
    static const char *const bodies[] = { "",
                                          "{",
                                          "{}",
                                          "[]",
                                          "[[], {}]",
                                          "[{}, {}, {}]",
                                          "[[], [], {}]",
                                          "[[], {}, 3]",
                                          "[[], {\"a\": 1e999}, {}]",
                                          "[[], {\"a\": \"\\u0000\"}, {}]" };
    static const char *const texts[] = {
        "", "x", "[]", "null", "{}", "{\"headers\": 3, \"properties\": []}", "{\"body\": \"\", \"headers\": {}}",
    };
    struct arena arena;
    struct celery_request got;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_null(celery_request_read(with_body(bodies[i], &arena), &arena, &got));
        assert_non_null(got.refused); /* it has a reply_to: who sent it is told */
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_non_null(celery_request_read(str_from(texts[i]), &arena, &got));
    arena_release(&arena);
}

/* Other headers, content-type and body (of which there are `len` bytes, in base64) of the captured message. */
static struct str wrapped(const char *type, const char *headers, const void *body, size_t len, struct arena *arena)
{
    struct str bytes = { body, (ptrdiff_t)len };
    return arena_format(arena,
                        "{\"body\": \"%.*s\", \"content-type\": \"%s\", \"headers\": {\"task\": \"a.b\", \"id\": "
                        "\"x\"%s}, \"properties\": {\"reply_to\": \"1\", \"body_encoding\": \"base64\", "
                        "\"delivery_tag\": \"tag\"}}",
                        STR_FMT(crypto_base64(bytes, arena)), type, headers);
}

static void a_packed_body_is_unpacked_so_far(void **state)
{
    (void)state;
    static const char body[] = "[[], {\"files\": 10}, {}]", packing[] = ", \"compression\": \"application/x-gzip\"";
    static const char json[] = "application/json";
    enum { BOMB = 8 * CELERY_MESSAGE_MAX };
    struct arena arena;
    struct celery_request got;
    unsigned char packed[100];
    uLongf len = sizeof(packed), bomb_len = compressBound(BOMB);
    arena_init(&arena);
    assert_int_equal(compress(packed, &len, (const unsigned char *)body, sizeof(body) - 1), Z_OK);
    assert_null(celery_request_read(wrapped(json, packing, packed, len, &arena), &arena, &got));
    assert_null(got.refused);
    assert_str_is(got.kwargs, "{\"files\":10}");
    unsigned char *zeros = arena_alloc(&arena, BOMB), *bomb = arena_alloc(&arena, (ptrdiff_t)bomb_len);
    memset(zeros, ' ', BOMB);
    assert_int_equal(compress(bomb, &bomb_len, zeros, BOMB), Z_OK);
    const struct str refused[] = {
        wrapped(json, packing, bomb, bomb_len, &arena),
        wrapped(json, packing, packed, len - 3, &arena),
        wrapped(json, packing, body, sizeof(body) - 1, &arena),
        wrapped(json, packing, "", 0, &arena),
        wrapped(json, ", \"compression\": \"application/x-bz2\"", packed, len, &arena),
        wrapped(json, ", \"compression\": 5", body, sizeof(body) - 1, &arena),
        wrapped("application/x-yaml", "", body, sizeof(body) - 1, &arena),
    };
    static const char *const words[] = { "too large", "cannot be unpacked", "cannot be unpacked", "cannot be unpacked",
                                         "only gzip", "only gzip",          "application/json" };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_null(celery_request_read(refused[i], &arena, &got));
        assert_non_null(strstr(got.refused, words[i]));
    }
    arena_release(&arena);
}

static void results_say_what_came_of_it(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum celery_state state;
        const char *told;
    } rows[] = {
        { "{\"status\": \"SUCCESS\", \"result\": {\"a\": 1.5}, \"task_id\": \"" ID "\"}", CELERY_SUCCESS,
          "{\"a\":1.5}" },
        { "{\"status\": \"SUCCESS\", \"result\": null, \"task_id\": \"" ID "\"}", CELERY_SUCCESS, "null" },
        { "{\"status\": \"FAILURE\", \"result\": {\"exc_type\": \"ValueError\", \"exc_message\": [\"no\\n\", 7], "
          "\"exc_module\": \"builtins\"}, \"task_id\": \"" ID "\"}",
          CELERY_FAILURE, "ValueError: no , 7" },
        { "{\"status\": \"FAILURE\", \"result\": {\"exc_type\": \"E\", \"exc_message\": \"text\"}, \"task_id\": \"" ID
          "\"}",
          CELERY_FAILURE, "E: text" },
        { "{\"status\": \"FAILURE\", \"result\": {\"exc_type\": \"E\", \"exc_message\": []}, \"task_id\": \"" ID "\"}",
          CELERY_FAILURE, "E" },
        /* What Python's json writes, and JSON has not. */
        { "{\"status\": \"FAILURE\", \"result\": {\"exc_type\": \"E\", \"exc_message\": "
          "[\"\\u001b[31m\\u009bred\\u0000 \\udc80 "
          "\\ud83d\\ude00 \\\\u0000\", NaN, -Infinity, 12345678901234567890123, 1e999]}, \"task_id\": \"" ID "\"}",
          CELERY_FAILURE,
          "E:  [31m red\xef\xbf\xbd \xef\xbf\xbd \xf0\x9f\x98\x80 \\u0000, NaN, -Infinity, "
          "12345678901234567890123, 1e+301" },
        { "{\"status\": \"SUCCESS\", \"result\": {\"a\\u0000\": [\"\\u0000\\ud800\", 9223372036854775807,"
          "-9223372036854775808]}, \"task_id\": \"" ID "\"}",
          CELERY_SUCCESS,
          "{\"a\xef\xbf\xbd\":[\"\xef\xbf\xbd\xef\xbf\xbd\",9223372036854775807,-9223372036854775808]}" },
        { "{\"status\": \"RETRY\", \"result\": null, \"task_id\": \"" ID "\"}", CELERY_RETRY, "" },
        { "{\"status\": \"STARTED\", \"result\": {\"pid\": 1}, \"task_id\": \"" ID "\"}", CELERY_STARTED, "" },
        { "{\"status\": \"MINE\", \"result\": 3, \"task_id\": \"" ID "\"}", CELERY_OTHER, "3" },
    };
    struct arena arena;
    struct celery_result got;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_null(celery_result_read(str_from(rows[i].text), &arena, &got));
        assert_int_equal(got.state, rows[i].state);
        assert_str_is(got.id, ID);
        assert_str_is(got.state == CELERY_SUCCESS ? got.value : got.words, rows[i].told);
    }
    static const char *const numbers[] = { "NaN", "[-Infinity]", "{\"a\": 9223372036854775808}", "1e999", "0123" };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        assert_non_null(celery_result_read(
            arena_format(&arena, "{\"status\": \"SUCCESS\", \"result\": %s, \"task_id\": \"x\"}", numbers[i]), &arena,
            &got));
    assert_non_null(celery_result_read(S("{\"status\": \"SUCCESS\"}"), &arena, &got));
    assert_non_null(celery_result_read(S("{\"task_id\": \"x\"}"), &arena, &got));
    assert_non_null(
        celery_result_read(S("{\"status\": \"SUCCESS\", \"result\": NaN, \"task_id\": \"x\"}"), &arena, &got));
    arena_release(&arena);
}

static void an_answer_is_one_that_is_read(void **state)
{
    (void)state;
    struct arena arena;
    struct celery_result got;
    arena_init(&arena);
    struct celery_answer answer = {
        .state = CELERY_FAILURE, .id = S(ID), .exception = "ValueError", .words = S("a \"b\""), .at = clock_now()
    };
    assert_null(celery_result_read(celery_answer_write(&answer, &arena), &arena, &got));
    assert_int_equal(got.state, CELERY_FAILURE);
    assert_str_is(got.words, "ValueError: a \"b\"");
    answer = (struct celery_answer){ .state = CELERY_SUCCESS, .id = S(ID), .value = S("[1]"), .group_id = S("g") };
    assert_null(celery_result_read(celery_answer_write(&answer, &arena), &arena, &got));
    assert_str_is(got.value, "[1]");
    arena_release(&arena);
}

static void a_revocation_is_heard(void **state)
{
    (void)state;
    struct arena arena;
    struct str ids[4];
    bool terminate = false;
    arena_init(&arena);
    assert_int_equal(celery_revoked(celery_revocation(S(ID), true, &arena), &arena, ids, 4, &terminate), 1);
    assert_str_is(ids[0], ID);
    assert_true(terminate);
    assert_int_equal(celery_revoked(S("{}"), &arena, ids, 4, &terminate), 0);
    assert_int_equal(celery_revoked(S("no"), &arena, ids, 4, &terminate), 0);
    arena_release(&arena);
}

static void what_nobody_acknowledged_comes_again(void **state)
{
    (void)state;
    struct arena arena;
    struct str exchange, key;
    int64_t priority = -1;
    arena_init(&arena);
    struct celery_task task = {
        .id = S(ID), .name = S("a.b"), .kwargs = S("{}"), .queue = S("q"), .step = 3, .delivery = 0
    };
    struct str entry = arena_format(&arena, "[%.*s, \"\", \"q\"]", STR_FMT(celery_message(&task, &arena)));
    struct str again = celery_redelivered(entry, &arena, &exchange, &key, &priority);
    assert_true(str_find(again, S("\"redelivered\":true")) > 0);
    assert_str_is(key, "q");
    assert_int_equal(exchange.len, 0);
    assert_int_equal(priority, 3);
    char *large = arena_alloc(&arena, 3 * CELERY_MESSAGE_MAX);
    memset(large, 'x', 3 * CELERY_MESSAGE_MAX);
    struct str body = { large, 3 * CELERY_MESSAGE_MAX }; /* larger than what is taken here: it is another program's */
    entry =
        arena_format(&arena, "[{\"body\": \"%.*s\", \"headers\": {}, \"properties\": {}}, \"\", \"q\"]", STR_FMT(body));
    again = celery_redelivered(entry, &arena, &exchange, &key, &priority);
    assert_true(again.len > body.len && str_find(again, S("\"redelivered\":true")) > 0);
    assert_true(str_is_null(celery_redelivered(S("[{}]"), &arena, &exchange, &key, &priority)));
    assert_true(str_is_null(celery_redelivered(S("x"), &arena, &exchange, &key, &priority)));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_called_as_kombu_calls_them),  cmocka_unit_test(a_priority_is_rounded_down_to_a_step),
        cmocka_unit_test(a_message_comes_back_as_it_went),      cmocka_unit_test(what_would_end_a_worker_is_not_sent),
        cmocka_unit_test(a_captured_message_is_read),           cmocka_unit_test(what_is_broken_is_said),
        cmocka_unit_test(a_packed_body_is_unpacked_so_far),     cmocka_unit_test(results_say_what_came_of_it),
        cmocka_unit_test(an_answer_is_one_that_is_read),        cmocka_unit_test(a_revocation_is_heard),
        cmocka_unit_test(what_nobody_acknowledged_comes_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
