/* test_router.c - from method and path to the row that serves it. */
#include "web/endpoint.h"

#include "../base/test.h"

static const struct endpoint things[] = {
    { HTTP_GET, "/api/v1/things" },         { HTTP_POST, "/api/v1/things" },     { HTTP_GET, "/api/v1/things/{id}" },
    { HTTP_DELETE, "/api/v1/things/{id}" }, { HTTP_GET, "/api/v1/things/mine" },
};
static const struct endpoint parts[] = {
    { HTTP_POST, "/api/v1/things/{id}/restore" },
    { HTTP_GET, "/api/v1/things/{thing_id}/parts/{number}" },
};
static const struct endpoint_table thing_table = { things, 5 }, part_table = { parts, 2 };
static const struct endpoint_table *const tables[] = { &thing_table, &part_table };
static const struct service served = { tables, 2, NULL };

static struct route find(enum http_method method, const char *path)
{
    struct router *router = router_new(&served);
    struct route route;
    assert_int_equal(router_count(router), 7);
    router_find(router, method, str_from(path), &route);
    if (route.index >= 0)
        assert_ptr_equal(router_endpoint(router, route.index), route.endpoint);
    router_free(router);
    return route;
}

static void rows_are_found_by_method_and_path(void **state)
{
    (void)state;
    assert_ptr_equal(find(HTTP_GET, "/api/v1/things").endpoint, &things[0]);
    assert_ptr_equal(find(HTTP_POST, "/api/v1/things").endpoint, &things[1]);
    assert_ptr_equal(find(HTTP_POST, "/api/v1/things/7/restore").endpoint, &parts[0]);
    assert_ptr_equal(find(HTTP_GET, "/api/v1/things/").endpoint, &things[0]); /* a slash at the end */
    assert_ptr_equal(find(HTTP_HEAD, "/api/v1/things/7").endpoint, &things[2]);
}

static void a_word_wins_over_a_variable(void **state)
{
    (void)state;
    assert_ptr_equal(find(HTTP_GET, "/api/v1/things/mine").endpoint, &things[4]);
    assert_ptr_equal(find(HTTP_GET, "/api/v1/things/mine2").endpoint, &things[2]);
}

static void variables_have_the_names_of_their_own_row(void **state)
{
    (void)state;
    struct route route = find(HTTP_GET, "/api/v1/things/a%2Fb/parts/3");
    assert_ptr_equal(route.endpoint, &parts[1]);
    assert_int_equal(route.variables, 2);
    assert_str_is(route.names[0], "thing_id");
    assert_str_is(route.values[0], "a%2Fb"); /* still encoded: what it names is no further segment */
    assert_str_is(route.names[1], "number");
    assert_str_is(route.values[1], "3");
}

static void what_a_path_allows_is_told_of_every_method(void **state)
{
    (void)state;
    struct route route = find(HTTP_PUT, "/api/v1/things/7");
    assert_null(route.endpoint);
    assert_int_equal(route.allowed, 1u << HTTP_GET | 1u << HTTP_DELETE);
    assert_null(find(HTTP_METHODS, "/api/v1/things").endpoint); /* a method that nobody knows */
}

static void what_is_no_path_is_not_found(void **state)
{
    (void)state;
    static const char *const none[] = {
        "",
        "/",
        "api/v1/things",
        "/api/v1",
        "/api/v1/thing",
        "/API/v1/things",
        "/api/v1//things",
        "/api/v1/things//",
        "/api/v1/things//restore",
        "/api/v1/things/7/parts",
        "/api/v1/things/7/parts/1/2/3/4/5/6",
        "/api/v1/things/7/../mine/x",
    };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        struct route route = find(HTTP_GET, none[i]);
        assert_null(route.endpoint);
        assert_int_equal(route.index, -1);
        assert_int_equal(route.allowed, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_by_method_and_path),
        cmocka_unit_test(a_word_wins_over_a_variable),
        cmocka_unit_test(variables_have_the_names_of_their_own_row),
        cmocka_unit_test(what_a_path_allows_is_told_of_every_method),
        cmocka_unit_test(what_is_no_path_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
