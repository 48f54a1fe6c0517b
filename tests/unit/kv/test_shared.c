/* test_shared.c - limits, locks and caches that two servers share, and what is left of them without Redis. */
#include "base/clock.h"
#include "base/crypto.h"
#include "kv/cache.h"
#include "kv/rate.h"
#include "kv/tries.h"

#include "redis_program.h"

#include <pthread.h>

#define SECOND INT64_C(1000000)

static const struct key secret = { "a secret that servers share" };

/* What two servers have: each its own tables and connections. */
struct server {
    struct redis *redis;
    struct rate *rate;
    struct tries *tries;
    struct cache *cache;
};

static struct server new_server(struct folder *folder, const struct key *key)
{
    struct server server = { connect_to(socket_url(folder, 0, ""), NULL), rate_new(10, 1, 100), tries_new(100),
                             cache_new(100, 8) };
    rate_share(server.rate, server.redis, "rate", key);
    tries_share(server.tries, server.redis, "tries", key);
    cache_share(server.cache, server.redis, "cache", key);
    return server;
}

static void end_of(struct server *server)
{
    rate_free(server->rate);
    tries_free(server->tries);
    cache_free(server->cache);
    redis_close(server->redis);
}

static int taken(struct rate *rate, struct str key, int tries)
{
    int count = 0, retry_after_s = 0;
    for (int i = 0; i < tries; i++)
        count += rate_take(rate, key, &retry_after_s);
    return count;
}

struct taker {
    struct rate *rate;
    struct tries *tries;
    pthread_t thread;
    _Atomic int *allowed, *begun;
};

static const struct tries_rule rule = { .most = 8, .lock_us = 900 * SECOND };

static void *take_many(void *context)
{
    struct taker *taker = context;
    for (int i = 0; i < 20; i++) {
        bool begins;
        atomic_fetch_add(taker->allowed, taken(taker->rate, S("many"), 1));
        int64_t until_us = tries_fail(taker->tries, S("many"), &rule, clock_now().us, 0, &begins);
        atomic_fetch_add(taker->begun, begins + (until_us ? 0 : 1000));
    }
    return NULL;
}

static void two_servers_have_one_limit(void **state)
{
    struct folder *folder = *state;
    start_on_socket(folder, 0, "");
    struct server a = new_server(folder, &secret), b = new_server(folder, &secret);
    struct server stranger = new_server(folder, &(struct key){ "another secret" });
    int retry_after_s = 0;
    assert_int_equal(taken(a.rate, S("x"), 6), 6);
    assert_int_equal(taken(b.rate, S("x"), 6), 4);
    assert_false(rate_take(a.rate, S("x"), &retry_after_s));
    assert_true(retry_after_s >= 50 && retry_after_s <= 60); /* one a minute, by Redis' clock */
    assert_int_equal(taken(a.rate, S("y"), 12), 10);
    assert_int_equal(taken(stranger.rate, S("x"), 12), 10); /* of another installation */

    struct taker takers[8];
    _Atomic int allowed = 0, begun = 0;
    for (int i = 0; i < 8; i++) {
        struct server *of = i % 2 ? &a : &b;
        takers[i] = (struct taker){ of->rate, of->tries, .allowed = &allowed, .begun = &begun };
        assert_int_equal(pthread_create(&takers[i].thread, NULL, take_many, &takers[i]), 0);
    }
    for (int i = 0; i < 8; i++)
        pthread_join(takers[i].thread, NULL);
    assert_int_equal(allowed, 10);
    assert_int_equal(begun, 7001); /* seven failures got an answer, the eighth began one lock */
    end_of(&a);
    end_of(&b);
    end_of(&stranger);
}

static int64_t failed(struct server *server, struct str key)
{
    bool begins;
    return tries_fail(server->tries, key, &rule, clock_now().us, 0, &begins);
}

static void two_servers_have_one_lock(void **state)
{
    struct folder *folder = *state;
    start_on_socket(folder, 0, "");
    struct server a = new_server(folder, &secret), b = new_server(folder, &secret);
    for (int i = 0; i < 7; i++)
        assert_int_equal(failed(i % 2 ? &a : &b, S("x")), 0);
    tries_forget(a.tries, S("x")); /* signed in */
    for (int i = 0; i < 7; i++)
        assert_int_equal(failed(i % 2 ? &a : &b, S("x")), 0);
    int64_t now_us = clock_now().us, until_us = failed(&b, S("x"));
    assert_true(until_us > now_us + 899 * SECOND && until_us < now_us + 960 * SECOND);
    int64_t elsewhere_us = tries_locked_until(a.tries, S("x"), clock_now().us, 0);
    assert_true(llabs(elsewhere_us - until_us) < 5 * SECOND); /* the same moment, seen from here */
    assert_int_equal(tries_locked_until(a.tries, S("x"), clock_now().us, clock_now().us), 0); /* lifted */
    assert_int_equal(failed(&a, S("x")), 0);                                                  /* for good */

    /* Redis forgets; whoever knows of the lock does not. */
    struct redis_reply reply;
    struct str flush[] = { S("flushall") };
    assert_true(redis_ask(a.redis, flush, 1, &arena, &reply, &error));
    assert_true(tries_locked_until(b.tries, S("x"), clock_now().us, 0) != 0);
    assert_int_equal(failed(&a, S("never seen")), 0);
    end_of(&a);
    end_of(&b);
}

/* What a server finds: -1 nothing. */
static int64_t get(struct server *server)
{
    int64_t value = -1;
    cache_get(server->cache, S("k"), cache_epoch(server->cache), &value);
    return value;
}

static void put(struct server *server, int64_t value)
{
    cache_put(server->cache, S("k"), cache_epoch(server->cache), &value, 600000);
}

static void what_one_server_clears_no_other_finds(void **state)
{
    struct folder *folder = *state;
    start_on_socket(folder, 0, "");
    struct server a = new_server(folder, &secret), b = new_server(folder, &secret);
    put(&a, 1);
    put(&b, 2);
    assert_int_equal(get(&a), 1);
    assert_int_equal(get(&b), 2);
    uint64_t before = cache_epoch(b.cache);
    cache_clear(a.cache);
    assert_int_equal(get(&a), -1);
    assert_int_equal(get(&b), -1);
    int64_t old = 3;
    cache_put(b.cache, S("k"), before, &old, 600000); /* read before the change */
    assert_int_equal(get(&b), -1);
    put(&b, 4);
    assert_int_equal(get(&b), 4);

    /* A Redis that has forgotten all, or an older word that comes back, is no reason to believe what is kept. */
    struct redis_reply reply;
    struct str flush[] = { S("flushall") };
    assert_true(redis_ask(a.redis, flush, 1, &arena, &reply, &error));
    assert_int_equal(get(&b), -1);
    put(&b, 5);
    end_server(0);
    assert_int_equal(get(&b), -1); /* nobody can know */
    put(&b, 6);
    assert_true(cache_epoch(b.cache) == CACHE_BLIND);
    cache_clear(a.cache); /* which cannot be told yet */
    start_on_socket(folder, 0, "");
    wait_until_here(b.redis);
    assert_int_equal(get(&b), -1);
    put(&b, 7);
    assert_int_equal(get(&b), 7);
    wait_until_here(a.redis);
    cache_epoch(a.cache); /* now it is */
    assert_int_equal(get(&b), -1);
    end_of(&a);
    end_of(&b);
}

static void without_redis_each_goes_on_alone(void **state)
{
    struct folder *folder = *state;
    start_on_socket(folder, 0, "");
    struct server a = new_server(folder, &secret), b = new_server(folder, &secret);
    assert_int_equal(taken(a.rate, S("x"), 4), 4);
    for (int i = 0; i < 6; i++)
        assert_int_equal(failed(i % 2 ? &a : &b, S("x")), 0);
    end_server(0);
    assert_int_equal(taken(a.rate, S("x"), 20), 6);
    assert_int_equal(taken(b.rate, S("x"), 20), 10);
    assert_int_equal(failed(&a, S("x")), 0); /* the seventh: it has heard of six */
    assert_true(failed(&a, S("x")) != 0);
    assert_int_equal(tries_locked_until(b.tries, S("x"), clock_now().us, 0), 0);
    start_on_socket(folder, 0, "");
    wait_until_here(a.redis);
    wait_until_here(b.redis);
    assert_true(tries_locked_until(a.tries, S("x"), clock_now().us, 0) != 0);
    assert_int_equal(taken(a.rate, S("x"), 20), 0); /* it has let ten pass itself */
    assert_int_equal(taken(a.rate, S("z"), 6) + taken(b.rate, S("z"), 6), 10);
    end_of(&a);
    end_of(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_servers_have_one_limit, begin, end),
        cmocka_unit_test_setup_teardown(two_servers_have_one_lock, begin, end),
        cmocka_unit_test_setup_teardown(what_one_server_clears_no_other_finds, begin, end),
        cmocka_unit_test_setup_teardown(without_redis_each_goes_on_alone, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
