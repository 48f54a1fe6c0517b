/* test_redis.c - addresses, and a Redis that answers badly, slowly, half or not at all. */
#include "kv/redis.h"

#include "base/clock.h"
#include "kv/redis_address.h"

#include "../base/folder.h"
#include "fake_redis.h"

static struct arena arena;
static struct error error;

static int begin(void **state)
{
    arena_init(&arena);
    error = (struct error){ 0 };
    return folder_setup(state);
}

static int end(void **state)
{
    arena_release(&arena);
    return folder_teardown(state);
}

static struct redis *connect_to(const char *url, int patience_ms)
{
    struct redis *redis = NULL;
    struct redis_options options = { .url = str_from(url), .name = "test", .patience_ms = patience_ms };
    assert_true(redis_open(&options, &redis, &error));
    return redis;
}

static bool ask(struct redis *redis, struct redis_reply *reply)
{
    static const struct str words[] = { { "get", 3 }, { "key", 3 } };
    error = (struct error){ 0 };
    return redis_ask(redis, words, 2, &arena, reply, &error);
}

static bool is_here(struct redis *redis)
{
    struct redis_state state;
    redis_look(redis, &state);
    return state.here;
}

static void wait_until_here(struct redis *redis)
{
    for (int i = 0; i < 2000 && !is_here(redis); i++)
        usleep(5000);
    assert_true(is_here(redis));
}

/* ---- addresses ---- */

static void addresses_that_are_right(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool tls;
        const char *host, *port, *path, *user, *password, *service;
        int hosts, db;
    } all[] = {
        { "redis://localhost", false, "localhost", "6379", NULL, NULL, NULL, NULL, 1, 0 },
        { "redis://localhost/", false, "localhost", "6379", NULL, NULL, NULL, NULL, 1, 0 },
        { "rediss://r.example:7000/3", true, "r.example", "7000", NULL, NULL, NULL, NULL, 1, 3 },
        { "redis://:p%40s@[::1]:6380/0", false, "::1", "6380", NULL, NULL, "p@s", NULL, 1, 0 },
        { "redis://us%3Aer:a@b@host", false, "host", "6379", NULL, "us:er", "a@b", NULL, 1, 0 },
        { "redis+unix:///run/redis/r.sock?db=2", false, NULL, NULL, "/run/redis/r.sock", NULL, NULL, NULL, 0, 2 },
        { "redis+unix://:pw@/r%20s", false, NULL, NULL, "/r s", NULL, "pw", NULL, 0, 0 },
        { "redis+sentinel://a,b:7,[::1]/main/4", false, "a", "26379", NULL, NULL, NULL, "main", 3, 4 },
        { "rediss+sentinel://u:p@a/main", true, "a", "26379", NULL, "u", "p", "main", 1, 0 },
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct redis_address address;
        assert_true(redis_address_parse(str_from(all[i].url), &arena, &address, &error));
        assert_int_equal(address.tls, all[i].tls);
        assert_int_equal(address.host_count, all[i].hosts);
        assert_int_equal(address.db, all[i].db);
        assert_str_is(str_from(address.hosts[0].name), all[i].host);
        assert_str_is(str_from(address.hosts[0].port), all[i].port);
        assert_str_is(str_from(address.path), all[i].path);
        assert_str_is(str_from(address.user), all[i].user);
        assert_str_is(str_from(address.password), all[i].password);
        assert_str_is(str_from(address.service), all[i].service);
    }
    struct redis_address address;
    struct str url = S("redis+sentinel://a/main?sentinel_user=s&sentinel_password=x%26y");
    assert_true(redis_address_parse(url, &arena, &address, &error));
    assert_str_is(str_from(address.sentinel_user), "s");
    assert_str_is(str_from(address.sentinel_password), "x&y");
}

static void addresses_that_are_wrong(void **state)
{
    (void)state;
    static const char *const all[] = {
        "",
        "localhost",
        "http://localhost",
        "redis://",
        "redis:///0",
        "redis://a,b",
        "redis://a:0",
        "redis://a:65536",
        "redis://a:secret",
        "redis://[::1",
        "redis://[::1]x",
        "redis://a/x",
        "redis://a/-1",
        "redis://a/99999999999",
        "redis://a/0/1",
        "redis://a%zz",
        "redis://a%00b",
        "redis://secret@a",
        "redis://user:%zzsecret@a",
        "redis://a?db=1",
        "redis+unix://r.sock",
        "redis+unix://",
        "redis+unix:///",
        "redis+unix:///r?db=x",
        "redis+sentinel://a",
        "redis+sentinel://a/",
        "redis+sentinel:///main",
        "redis+sentinel://a,,b/main",
        "redis+sentinel://a/main?secret=1",
        "redis+sentinel://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17/main",
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct redis_address address;
        struct error why = { 0 };
        if (redis_address_parse(str_from(all[i]), &arena, &address, &why))
            fail_msg("%s is taken", all[i]);
        assert_int_equal(why.code, E_INVALID);
        assert_null(strstr(why.message, "secret"));
    }
    struct redis *redis;
    struct redis_options options = { .url = S("nonsense") };
    assert_false(redis_open(&options, &redis, &error));
    error = (struct error){ 0 };
    options = (struct redis_options){ .url = S("rediss://localhost"), .ca_file = "/nowhere.pem" };
    assert_false(redis_open(&options, &redis, &error));
    assert_int_equal(error.code, E_INVALID);
}

/* ---- what is answered ---- */

static void replies_of_each_kind(void **state)
{
    struct folder *folder = *state;
    struct fake_redis fake;
    struct redis_reply reply;
    fake_start(&fake, folder->path);
    struct redis *redis = connect_to(fake.url, 5000);
    for (int drips = 0; drips < 2; drips++) {
        fake.drips = drips;
        fake_will_say(&fake, S("+fine\r\n"), false);
        assert_true(ask(redis, &reply));
        assert_int_equal(reply.type, REDIS_TEXT);
        assert_str_is(reply.text, "fine");
        fake_will_say(&fake, S("$5\r\na\r\n\0b\r\n"), false);
        assert_true(ask(redis, &reply));
        assert_true(str_equal(reply.text, S("a\r\n\0b")));
        fake_will_say(&fake, S("$0\r\n\r\n"), false);
        assert_true(ask(redis, &reply));
        assert_int_equal(reply.type, REDIS_TEXT);
        assert_int_equal(reply.text.len, 0);
        fake_will_say(&fake, S("$-1\r\n"), false);
        assert_true(ask(redis, &reply));
        assert_int_equal(reply.type, REDIS_NIL);
        fake_will_say(&fake, S(":-9223372036854775808\r\n"), false);
        assert_true(ask(redis, &reply));
        assert_true(reply.type == REDIS_INTEGER && reply.integer == INT64_MIN);
        fake_will_say(&fake, S("*0\r\n"), false);
        assert_true(ask(redis, &reply));
        assert_true(reply.type == REDIS_LIST && reply.count == 0);
        fake_will_say(&fake, S("*4\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1\r\n-ERR inside\r\n*-1\r\n"), false);
        assert_true(ask(redis, &reply));
        assert_int_equal(reply.count, 4);
        assert_int_equal(reply.items[0].integer, 1);
        assert_str_is(reply.items[1].items[0].text, "x");
        assert_int_equal(reply.items[1].items[1].type, REDIS_NIL);
        assert_int_equal(reply.items[2].type, REDIS_ERROR);
        assert_str_is(reply.items[2].text, "ERR inside");
        assert_int_equal(reply.items[3].type, REDIS_NIL);
    }
    assert_int_equal(atomic_load(&fake.connected), 2); /* the keeper's, and one for all questions */
    struct redis_state looked;
    redis_look(redis, &looked);
    assert_true(looked.here && looked.asked == 14 && !looked.failed && !looked.lost);
    redis_close(redis);
    fake_stop(&fake);
}

static void garbage_ends_the_connection(void **state)
{
    struct folder *folder = *state;
    struct fake_redis fake;
    struct redis_reply reply;
    static const char *const all[] = {
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "\1\2\3\4",
        "\r\n",
        "$-2\r\n",
        "$x\r\n",
        "$99999999999999999999\r\n",
        "*-2\r\n",
        "*65537\r\n",
        "*2147483647\r\n",
        "*9223372036854775807\r\n",
        "*2\r\n*40000\r\n",
        "*3\r\n*65530\r\n*65530\r\n",
        ":12a\r\n",
        ":\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        "%1\r\n+a\r\n+b\r\n", /* RESP3, which was not asked for */
        "+half",
        "$10\r\nhalf",
        "*2\r\n:1\r\n",
        "$2000000000\r\nx",
    };
    fake_start(&fake, folder->path);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct redis *redis = connect_to(fake.url, 5000);
        struct redis_state looked;
        fake_will_say(&fake, str_from(all[i]), true);
        reply = (struct redis_reply){ .integer = 77 };
        if (ask(redis, &reply))
            fail_msg("answer %zu is taken", i);
        assert_int_equal(error.code, E_UNAVAILABLE);
        assert_int_equal(reply.integer, 77);
        redis_look(redis, &looked);
        assert_int_equal(looked.lost, 1);
        redis_close(redis);
    }
    struct redis *redis = connect_to(fake.url, 5000);
    fake_will_say(&fake, S("garbage"), true);
    assert_false(ask(redis, &reply));
    fake_will_say(&fake, S(":5\r\n"), false);
    wait_until_here(redis);
    assert_true(ask(redis, &reply));
    assert_int_equal(reply.integer, 5);
    redis_close(redis);
    fake_stop(&fake);
}

static void bytes_without_end_are_bounded(void **state)
{
    struct folder *folder = *state;
    struct fake_redis fake;
    struct redis_reply reply;
    static const struct {
        const char *begin, *words;
    } all[] = { { "+", "no lines" }, { "$2000000000\r\n", "too large" } };
    ptrdiff_t size = REDIS_REPLY_MAX + 65536;
    char *bytes = malloc((size_t)size);
    assert_non_null(bytes);
    memset(bytes, 'x', (size_t)size);
    fake_start(&fake, folder->path);
    struct redis *redis = connect_to(fake.url, 60000);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        memcpy(bytes, all[i].begin, strlen(all[i].begin));
        fake_will_say(&fake, (struct str){ bytes, size }, true);
        assert_false(ask(redis, &reply));
        assert_non_null(strstr(error.message, all[i].words));
        wait_until_here(redis);
    }
    redis_close(redis);
    fake_stop(&fake);
    free(bytes);
}

static void silence_is_a_loss_and_then_costs_nothing(void **state)
{
    struct folder *folder = *state;
    struct fake_redis fake;
    struct redis_reply reply;
    fake_start(&fake, folder->path);
    fake_will_say(&fake, STR_NULL, false);
    struct redis *redis = connect_to(fake.url, 300);
    int64_t began_us = clock_monotonic_us();
    assert_false(ask(redis, &reply));
    assert_int_equal(error.code, E_UNAVAILABLE);
    assert_true(clock_monotonic_us() - began_us >= 300000);
    redis_close(redis);
    fake_stop(&fake);

    redis = connect_to(fake.url, 0); /* nobody there */
    int asked = atomic_load(&fake.asked);
    for (int i = 0; i < 1000; i++)
        assert_false(ask(redis, &reply));
    assert_int_equal(atomic_load(&fake.asked), asked);
    assert_non_null(strstr(error.message, "away"));
    assert_non_null(strstr(error.message, fake.path));
    fake_start(&fake, folder->path);
    wait_until_here(redis);
    assert_true(ask(redis, &reply));
    redis_close(redis);
    fake_stop(&fake);
}

static void errors_and_what_they_mean(void **state)
{
    struct folder *folder = *state;
    struct fake_redis fake;
    struct redis_reply reply;
    static const struct {
        const char *answer;
        bool is_loss;
        const char *words;
    } all[] = {
        { "-WRONGTYPE Operation against a key\r\n", false, "WRONGTYPE Operation" },
        { "-ERR unknown command 'x', with args beginning with: 'secret'\r\n", false, "unknown command" },
        { "-NOPERM this user secret has no permissions\r\n", false, "NOPERM" },
        { "-MOVED 3999 127.0.0.1:6381\r\n", false, "cluster" },
        { "-READONLY You can't write against a read only replica.\r\n", true, "replica" },
        { "-OOM command not allowed\r\n", true, "full" },
        { "-LOADING Redis is loading\r\n", true, "loading" },
        { "-MISCONF Redis is configured to save\r\n", true, "cannot save" },
        { "-NOAUTH Authentication required.\r\n", true, "password" },
        { "-\r\n", false, "refuses" },
    };
    fake_start(&fake, folder->path);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct redis *redis = connect_to(fake.url, 5000);
        struct redis_state looked;
        fake_will_say(&fake, str_from(all[i].answer), false);
        assert_false(ask(redis, &reply));
        assert_int_equal(error.code, E_UNAVAILABLE);
        assert_null(strstr(error.message, "secret"));
        if (!strstr(error.message, all[i].words))
            fail_msg("%s is told as %s", all[i].answer, error.message);
        redis_look(redis, &looked);
        assert_int_equal(looked.lost, all[i].is_loss);
        redis_close(redis);
    }
    fake_stop(&fake);
}

static void a_password_is_never_told(void **state)
{
    struct folder *folder = *state;
    struct fake_redis fake;
    struct redis_reply reply;
    struct redis_state looked;
    fake_start(&fake, folder->path);
    char url[200];
    snprintf(url, sizeof(url), "redis+unix://:secret@%s", fake.path);
    fake.auth_answer = S("-ERR unknown command 'auth' with args beginning with: secret\r\n");
    struct redis *redis = connect_to(url, 5000);
    assert_false(ask(redis, &reply));
    assert_non_null(strstr(error.message, "refuses the password"));
    redis_look(redis, &looked);
    assert_false(looked.here);
    assert_null(strstr(looked.words, "secret"));
    redis_close(redis);
    fake.auth_answer = S("-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    redis = connect_to(url, 5000);
    redis_look(redis, &looked);
    assert_non_null(strstr(looked.words, "user or password is wrong"));
    redis_close(redis);
    fake_stop(&fake);
}

static void a_pipeline_says_what_was_done(void **state)
{
    struct folder *folder = *state;
    struct fake_redis fake;
    static const struct str words[] = { { "get", 3 }, { "key", 3 } };
    const struct redis_command commands[] = { { words, 2 }, { words, 2 }, { words, 2 } };
    struct redis_reply replies[3];
    fake_start(&fake, folder->path);
    struct redis *redis = connect_to(fake.url, 5000);
    fake_will_say(&fake, S(":1\r\n:2\r\n:3\r\n"), false);
    assert_true(redis_ask_all(redis, commands, 3, &arena, replies, &error));
    assert_int_equal(replies[2].integer, 3);
    fake_will_say(&fake, S(":1\r\n-ERR no\r\n:3\r\n"), false);
    assert_false(redis_ask_all(redis, commands, 3, &arena, replies, &error));
    assert_int_equal(replies[1].type, REDIS_ERROR);
    assert_str_is(replies[1].text, "ERR no");
    assert_int_equal(replies[2].integer, 3);
    fake_will_say(&fake, S(":1\r\n:2\r\n"), true);
    assert_false(redis_ask_all(redis, commands, 3, &arena, replies, &error));
    assert_int_equal(replies[1].integer, 2);
    assert_int_equal(replies[2].type, REDIS_ERROR);
    assert_int_equal(replies[2].text.len, 0);
    /* More than was asked for: what comes with the next question is not its answer. */
    wait_until_here(redis);
    struct redis_reply reply;
    fake_will_say(&fake, S(":1\r\n:666\r\n"), false);
    assert_true(ask(redis, &reply));
    fake_will_say(&fake, S(":2\r\n"), false);
    assert_true(ask(redis, &reply));
    assert_int_equal(reply.integer, 2);
    redis_close(redis);
    fake_stop(&fake);
}

static void a_command_has_a_size(void **state)
{
    struct folder *folder = *state;
    struct fake_redis fake;
    struct redis_reply reply;
    fake_start(&fake, folder->path);
    struct redis *redis = connect_to(fake.url, 5000);
    ptrdiff_t size = REDIS_REPLY_MAX;
    char *bytes = calloc(1, (size_t)size);
    assert_non_null(bytes);
    struct str words[] = { S("set"), S("key"), { bytes, size } };
    assert_false(redis_ask(redis, words, 3, &arena, &reply, &error));
    assert_int_equal(error.code, E_TOO_LARGE);
    assert_true(is_here(redis));
    free(bytes);
    redis_close(redis);
    fake_stop(&fake);
}

/* ---- many at once ---- */

struct asker {
    struct redis *redis;
    pthread_t thread;
    int answered;
};

static void *ask_often(void *context)
{
    struct asker *asker = context;
    static const struct str words[] = { { "get", 3 }, { "key", 3 } };
    for (int i = 0; i < 200; i++) {
        struct redis_reply reply;
        struct error why = { 0 };
        struct arena own;
        arena_init(&own);
        asker->answered += redis_ask(asker->redis, words, 2, &own, &reply, &why) && str_equal(reply.text, S("yes"));
        arena_release(&own);
    }
    return NULL;
}

static void threads_share_the_connections(void **state)
{
    struct folder *folder = *state;
    struct fake_redis fake;
    struct asker askers[24] = { 0 };
    fake_start(&fake, folder->path);
    fake_will_say(&fake, S("+yes\r\n"), false);
    struct redis *redis = connect_to(fake.url, 60000);
    for (int i = 0; i < 24; i++) {
        askers[i].redis = redis;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_often, &askers[i]), 0);
    }
    for (int i = 0; i < 24; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].answered, 200);
    }
    assert_true(atomic_load(&fake.connected) <= REDIS_CONNECTIONS + 1);
    redis_close(redis);
    redis_close(NULL);
    fake_stop(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(addresses_that_are_right, begin, end),
        cmocka_unit_test_setup_teardown(addresses_that_are_wrong, begin, end),
        cmocka_unit_test_setup_teardown(replies_of_each_kind, begin, end),
        cmocka_unit_test_setup_teardown(garbage_ends_the_connection, begin, end),
        cmocka_unit_test_setup_teardown(bytes_without_end_are_bounded, begin, end),
        cmocka_unit_test_setup_teardown(silence_is_a_loss_and_then_costs_nothing, begin, end),
        cmocka_unit_test_setup_teardown(errors_and_what_they_mean, begin, end),
        cmocka_unit_test_setup_teardown(a_password_is_never_told, begin, end),
        cmocka_unit_test_setup_teardown(a_pipeline_says_what_was_done, begin, end),
        cmocka_unit_test_setup_teardown(a_command_has_a_size, begin, end),
        cmocka_unit_test_setup_teardown(threads_share_the_connections, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
