/* test_address.c - addresses, and what is none. */
#include "base/address.h"

#include "test.h"

static void what_is_an_address(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical; /* NULL: not an address */
    } rows[] = {
        { "192.0.2.1", "192.0.2.1" },
        { "192.0.2.1:8080", "192.0.2.1" },
        { "::ffff:192.0.2.1", "192.0.2.1" },
        { "2001:DB8::0001", "2001:db8::1" },
        { "[2001:db8::1]", "2001:db8::1" },
        { "[2001:db8::1]:443", "2001:db8::1" },
        { "::1", "::1" },
        { "", NULL },
        { "unknown", NULL },
        { "_hidden", NULL },
        { "localhost", NULL },
        { "<script>", NULL },
        { "192.0.2", NULL },
        { "192.0.2.256", NULL },
        { "0300.0.2.1", NULL },
        { "192.0.2.1:", NULL },
        { "192.0.2.1:x", NULL },
        { "192.0.2.1:99999", NULL },
        { "[192.0.2.1]", NULL },
        { "[2001:db8::1", NULL },
        { "[2001:db8::1]443", NULL },
        { "fe80::1%eth0", NULL },
        { "192.0.2.1 ", NULL },
        { "1111:2222:3333:4444:5555:6666:7777:8888:9999", NULL },
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address address;
        bool is = address_parse(str_from(rows[i].text), &address);
        assert_int_equal(is, rows[i].canonical != NULL);
        if (is)
            assert_true(str_equal(address_text(address, &arena), str_from(rows[i].canonical)));
    }
    struct address address;
    assert_false(address_parse(S("192.0.2.1\0"), &address));
    arena_release(&arena);
}

static struct address parsed(const char *text)
{
    struct address address;
    assert_true(address_parse(str_from(text), &address));
    return address;
}

static void an_address_is_in_a_network(void **state)
{
    (void)state;
    static const struct {
        const char *address, *list;
        bool in;
    } rows[] = {
        { "10.1.2.3", "10.0.0.0/8", true },
        { "11.1.2.3", "10.0.0.0/8", false },
        { "10.1.2.3", "192.0.2.1, 10.1.2.3", true },
        { "::ffff:10.1.2.3", "10.1.2.3", true },
        { "10.1.2.3", "0.0.0.0/0", true },
        { "2001:db8::1", "0.0.0.0/0", false },
        { "2001:db8::1", "2001:db8::/32", true },
        { "2001:db9::1", "2001:db8::/32", false },
        { "2001:db8:8000::1", "2001:db8::/33", false },
        { "192.0.2.129", "192.0.2.128/25", true },
        { "192.0.2.127", "192.0.2.128/25", false },
        { "192.0.2.1", "", false },
        { "192.0.2.1", "192.0.2.1/33", false },
        { "192.0.2.1", "proxy.example, 192.0.2.1/x,,192.0.2.1/-1", false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(address_in(parsed(rows[i].address), str_from(rows[i].list)), rows[i].in);
}

static void a_network_is_what_one_subscriber_has(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    assert_true(str_equal(address_text(address_network(parsed("192.0.2.1")), &arena), S("192.0.2.1")));
    assert_true(str_equal(address_text(address_network(parsed("2001:db8:1:2:3:4:5:6")), &arena), S("2001:db8:1:2::")));
    assert_true(address_is_loopback(parsed("127.8.9.1")));
    assert_true(address_is_loopback(parsed("::1")));
    assert_true(address_is_loopback(parsed("::ffff:127.0.0.1")));
    assert_false(address_is_loopback(parsed("128.0.0.1")));
    assert_false(address_is_loopback(parsed("::2")));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_an_address),
        cmocka_unit_test(an_address_is_in_a_network),
        cmocka_unit_test(a_network_is_what_one_subscriber_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
