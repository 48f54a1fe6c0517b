/* test_redis_server.c - Redis itself: sockets, passwords, TLS, scripts, waiting, listening, sentinels, and its ends. */
#include "kv/redis.h"

#include "base/clock.h"

#include "redis_program.h"

static struct redis_reply ask(struct redis *redis, const char *line)
{
    struct str words[WORDS_MAX];
    struct redis_reply reply = { .type = REDIS_ERROR };
    int count = 0;
    struct str rest = str_from(line);
    while (str_next(&rest, ' ', &words[count]))
        count++;
    error = (struct error){ 0 };
    redis_ask(redis, words, count, &arena, &reply, &error);
    return reply;
}

/* ---- tests ---- */

static void a_socket_a_password_and_a_database(void **state)
{
    struct folder *folder = *state;
    start_on_socket(folder, 0, "--requirepass secret");
    struct redis *redis = connect_to(arena_format(&arena, "%s?db=3", socket_url(folder, 0, ":secret@")).at, NULL);
    wait_until_here(redis);
    ask(redis, "set a 1");
    struct redis_reply info = ask(redis, "client info");
    assert_true(str_find(info.text, S(" name=test ")) >= 0);
    assert_true(str_find(info.text, S(" db=3 ")) >= 0);
    assert_str_is(ask(redis, "get a").text, "1");
    assert_int_equal(ask(redis, "lpush a x").type, REDIS_ERROR);
    assert_non_null(strstr(error.message, "WRONGTYPE"));
    assert_true(look(redis).here);
    struct redis *stranger = connect_to(socket_url(folder, 0, ""), NULL);
    assert_non_null(strstr(look(stranger).words, "wants a password"));
    redis_close(stranger);
    stranger = connect_to(socket_url(folder, 0, "nobody:wrong@"), NULL);
    assert_non_null(strstr(look(stranger).words, "user or password is wrong"));
    redis_close(stranger);
    redis_close(redis);
}

static void scripts_and_waiting(void **state)
{
    struct folder *folder = *state;
    static const struct redis_script script = { "return {KEYS[1], ARGV[1] + 1}", 1 };
    struct str words[] = { S("key"), S("41") }, pop[] = { S("brpop"), S("list"), S("0.05") };
    struct redis_reply reply;
    start_on_socket(folder, 0, "");
    struct redis *redis = connect_to(socket_url(folder, 0, ""), NULL);
    wait_until_here(redis);
    for (int i = 0; i < 3; i++) {
        assert_true(redis_run(redis, &script, words, 2, &arena, &reply, &error));
        assert_str_is(reply.items[0].text, "key");
        assert_int_equal(reply.items[1].integer, 42);
        if (i == 1)
            ask(redis, "script flush");
    }
    assert_true(redis_wait(redis, pop, 3, 50, &arena, &reply, &error));
    assert_int_equal(reply.type, REDIS_NIL);
    ask(redis, "lpush list x");
    assert_true(redis_wait(redis, pop, 3, 50, &arena, &reply, &error));
    assert_str_is(reply.items[1].text, "x");
    redis_close(redis);
}

static void lost_and_back(void **state)
{
    struct folder *folder = *state;
    start_on_socket(folder, 0, "");
    struct redis *redis = connect_to(socket_url(folder, 0, ""), NULL);
    wait_until_here(redis);
    ask(redis, "set a 1");
    end_server(0);
    assert_int_equal(ask(redis, "get a").type, REDIS_ERROR);
    assert_int_equal(error.code, E_UNAVAILABLE);
    assert_false(look(redis).here);
    start_on_socket(folder, 0, "");
    wait_until_here(redis);
    assert_int_equal(ask(redis, "get a").type, REDIS_NIL);
    /* A connection that is closed while it rests is no loss. */
    int64_t lost = look(redis).lost;
    ask(redis, "client kill type normal skipme yes");
    assert_str_is(ask(redis, "ping").text, "PONG");
    struct redis *other = connect_to(socket_url(folder, 0, ""), NULL);
    ask(other, "client kill type normal skipme yes");
    assert_str_is(ask(redis, "ping").text, "PONG");
    assert_int_equal(look(redis).lost, lost);
    redis_close(other);
    redis_close(redis);
}

static void full_and_read_only(void **state)
{
    struct folder *folder = *state;
    start_on_socket(folder, 0, "--maxmemory-policy noeviction --enable-debug-command yes");
    struct redis *redis = connect_to(socket_url(folder, 0, ""), NULL);
    wait_until_here(redis);
    ask(redis, "config set maxmemory 1");
    assert_int_equal(ask(redis, "set a 1").type, REDIS_ERROR);
    assert_non_null(strstr(error.message, "full"));
    assert_false(look(redis).here);
    struct redis *other = connect_to(socket_url(folder, 0, ""), NULL);
    assert_non_null(strstr(look(other).words, "full"));
    redis_close(other);
    redis_close(redis);
    end_server(0);
    start_on_socket(folder, 0, "--replicaof 127.0.0.1 1 --replica-serve-stale-data yes");
    redis = connect_to(socket_url(folder, 0, ""), NULL);
    assert_false(look(redis).here);
    assert_non_null(strstr(look(redis).words, "replica"));
    redis_close(redis);
}

/* ---- listening ---- */

struct heard {
    _Atomic int hears, count;
    char channel[64], text[64];
};

static void count_hears(void *context)
{
    struct heard *heard = context;
    atomic_fetch_add(&heard->hears, 1);
}

static void keep_heard(void *context, struct str channel, struct str text)
{
    struct heard *heard = context;
    snprintf(heard->channel, sizeof(heard->channel), "%.*s", STR_FMT(channel));
    snprintf(heard->text, sizeof(heard->text), "%.*s", STR_FMT(text));
    atomic_fetch_add(&heard->count, 1);
}

static void wait_for_count(_Atomic int *count, int wanted)
{
    for (int i = 0; i < 4000 && atomic_load(count) < wanted; i++)
        usleep(5000);
    assert_int_equal(atomic_load(count), wanted);
}

static void what_is_published_is_heard(void **state)
{
    struct folder *folder = *state;
    struct heard heard = { 0 };
    struct redis_hearing hearing = { "test[1]:", count_hears, keep_heard, &heard };
    struct redis_listener *listener;
    start_on_socket(folder, 0, "");
    struct redis *redis = connect_to(socket_url(folder, 0, ""), NULL);
    wait_until_here(redis);
    assert_true(redis_listen(redis, &hearing, &listener, &error));
    wait_for_count(&heard.hears, 1);
    ask(redis, "publish test1:no 0"); /* a prefix is no pattern */
    assert_int_equal(ask(redis, "publish test[1]:a one").integer, 1);
    wait_for_count(&heard.count, 1);
    assert_string_equal(heard.channel, "test[1]:a");
    assert_string_equal(heard.text, "one");
    ask(redis, "client kill type pubsub");
    wait_for_count(&heard.hears, 2);
    end_server(0);
    start_on_socket(folder, 0, "");
    wait_for_count(&heard.hears, 3);
    wait_until_here(redis);
    ask(redis, "publish test[1]:b two");
    wait_for_count(&heard.count, 2);
    assert_string_equal(heard.text, "two");
    redis_listener_close(listener);
    ask(redis, "publish test[1]:b three");
    assert_int_equal(atomic_load(&heard.count), 2);
    redis_listener_close(NULL);
    redis_close(redis);
}

/* ---- TLS ---- */

static void certificates(struct folder *folder)
{
    static const char *const lines[] = {
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=ca "
        "-keyout %1$s/ca.key -out %1$s/ca.pem",
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=r -addext "
        "subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE -CA %1$s/ca.pem -CAkey %1$s/ca.key "
        "-keyout %1$s/r.key -out %1$s/r.pem",
    };
    /* Debian 12's openssl: -CA with req -x509. */
    run_program(arena_format(&arena, lines[0], folder->path).at);
    run_program(arena_format(&arena, lines[1], folder->path).at);
}

static void tls_checks_the_certificate_and_the_name(void **state)
{
    struct folder *folder = *state;
    certificates(folder);
    int port = 0;
    bool started = false;
    for (int i = 0; i < 5 && !started; i++) {
        port = free_port();
        started = try_server(folder, 0,
                             arena_format(&arena,
                                          "--port 0 --tls-port %d --save  --bind 127.0.0.1 --tls-cert-file %s/r.pem "
                                          "--tls-key-file %s/r.key --tls-ca-cert-file %s/ca.pem --tls-auth-clients no",
                                          port, folder->path, folder->path, folder->path)
                                 .at);
    }
    assert_true(started);
    const char *ca = folder_file(folder, "ca.pem");
    struct redis *redis = connect_to(arena_format(&arena, "rediss://localhost:%d", port).at, ca);
    wait_until_here(redis);
    char large[20000];
    memset(large, 'y', sizeof(large));
    struct str words[] = { S("set"), S("large"), { large, sizeof(large) } };
    struct redis_reply reply;
    for (int i = 0; i < 20; i++) {
        assert_true(redis_ask(redis, words, 3, &arena, &reply, &error));
        assert_int_equal(ask(redis, "get large").text.len, sizeof(large));
    }
    assert_int_equal(look(redis).lost, 0);
    assert_true(str_find(ask(redis, "info clients").text, S("connected_clients:2\r")) >= 0);
    redis_close(redis);
    static const struct {
        const char *host;
        bool has_ca;
        const char *words;
    } refused[] = { { "127.0.0.1", true, "IP address mismatch" }, { "localhost", false, "certificate" } };
    for (int i = 0; i < 2; i++) {
        redis =
            connect_to(arena_format(&arena, "rediss://%s:%d", refused[i].host, port).at, refused[i].has_ca ? ca : NULL);
        assert_false(look(redis).here);
        assert_non_null(strstr(look(redis).words, refused[i].words));
        redis_close(redis);
    }
}

/* ---- sentinels ---- */

/* A server or a sentinel on a free port; `%d` is that port. */
static int start_on_port(struct folder *folder, int at, const char *options)
{
    for (int i = 0; i < 5; i++) {
        int port = free_port();
        if (try_server(folder, at, arena_format(&arena, "--bind 127.0.0.1 --port %d %s", port, options).at))
            return port;
    }
    fail_msg("no server starts");
    return 0;
}

static void the_sentinels_master_is_followed(void **state)
{
    struct folder *folder = *state;
    int one = start_on_port(folder, 0, "--save  --repl-diskless-sync-delay 0");
    struct str follow = arena_format(&arena, "--save  --replicaof 127.0.0.1 %d", one);
    int two = start_on_port(folder, 1, follow.at);
    struct str settings = arena_format(&arena, "sentinel monitor main 127.0.0.1 %d 1\n", one);
    folder_write(folder, "sentinel.conf", settings);
    int sentinel = free_port();
    const char *words[] = {
        "redis-server", folder_file(folder, "sentinel.conf"),    "--sentinel", "--bind", "127.0.0.1",
        "--port",       arena_format(&arena, "%d", sentinel).at, NULL
    };
    servers[2] = start_program(words);
    /* The first of the list is not there. */
    struct redis *redis =
        connect_to(arena_format(&arena, "redis+sentinel://127.0.0.1:1,127.0.0.1:%d/main", sentinel).at, NULL);
    wait_until_here(redis);
    struct redis_reply role = ask(redis, "role");
    assert_str_is(role.items[0].text, "master");
    struct redis *asked = connect_to(arena_format(&arena, "redis://127.0.0.1:%d", two).at, NULL);
    assert_non_null(strstr(look(asked).words, "replica"));
    redis_close(asked);
    /* What a failover comes to in the end: the other is master, and the sentinel says so. */
    run_program(arena_format(&arena, "redis-cli -p %d replicaof no one", two).at);
    run_program(arena_format(&arena, "redis-cli -p %d sentinel remove main", sentinel).at);
    run_program(arena_format(&arena, "redis-cli -p %d sentinel monitor main 127.0.0.1 %d 1", sentinel, two).at);
    for (int i = 0; i < 4000 && str_find(ask(redis, "info server").text, arena_format(&arena, ":%d\r", two)) < 0; i++)
        usleep(5000);
    assert_int_equal(ask(redis, "set a 1").type, REDIS_TEXT);
    assert_true(str_find(ask(redis, "info server").text, arena_format(&arena, "tcp_port:%d\r", two)) >= 0);
    assert_int_equal(look(redis).lost, 0); /* nobody has noticed */
    redis_close(redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_socket_a_password_and_a_database, begin, end),
        cmocka_unit_test_setup_teardown(scripts_and_waiting, begin, end),
        cmocka_unit_test_setup_teardown(lost_and_back, begin, end),
        cmocka_unit_test_setup_teardown(full_and_read_only, begin, end),
        cmocka_unit_test_setup_teardown(what_is_published_is_heard, begin, end),
        cmocka_unit_test_setup_teardown(tls_checks_the_certificate_and_the_name, begin, end),
        cmocka_unit_test_setup_teardown(the_sentinels_master_is_followed, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
