/* MLLP: frames out of any pieces of a stream, and a server and a client that speak it to each other. */
#include "hl7/mllp_client.h"
#include "hl7/mllp_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#undef fail
#include "../base/test.h"

/* All messages of a stream that comes in pieces of so many bytes, one after the other with ';'; and how it ended. */
static enum mllp_step take_all(struct str stream, ptrdiff_t piece, struct text *out)
{
    struct mllp in;
    enum mllp_step step = MLLP_MORE;
    text_clear(out);
    mllp_init(&in, 64);
    for (ptrdiff_t at = 0; at < stream.len && step == MLLP_MORE; at += piece) {
        struct str bytes = str_slice(stream, at, at + piece > stream.len ? stream.len : at + piece), message;
        while ((step = mllp_take(&in, &bytes, &message)) == MLLP_MESSAGE) {
            text_put(out, message);
            text_put_char(out, ';');
        }
    }
    mllp_release(&in);
    return step;
}

static void frames_are_found_in_any_pieces(void **state)
{
    (void)state;
    struct text out;
    text_init(&out, 1000);
    static const char stream[] = "\r\n\x0BMSH|1\rPID\r\x1C\x0D \x0B"
                                 "cut short\x0BMSH|2\x1C"
                                 "x\x1C\x0D\x0B\x1C\x0D\x0Bhalf";
    for (ptrdiff_t piece = 1; piece < (ptrdiff_t)sizeof(stream); piece++) {
        assert_int_equal(take_all(str_from(stream), piece, &out), MLLP_MORE);
        assert_str_is(text_str(&out), "MSH|1\rPID\r;MSH|2\x1Cx;;");
    }
    assert_int_equal(take_all(S("GET / HTTP/1.1\r\n"), 3, &out), MLLP_NO_FRAME);
    char large[200];
    memset(large, 'x', sizeof(large));
    large[0] = 0x0B;
    assert_int_equal(take_all((struct str){ large, sizeof(large) }, 7, &out), MLLP_TOO_LONG);
    text_release(&out);
}

static void receivers_are_read(void **state)
{
    (void)state;
    struct arena arena;
    struct mllp_receiver to;
    arena_init(&arena);
    struct error error = { 0 };
    assert_true(mllp_receiver_read(S("tls://ris.example.org:2576"), &arena, &to, &error));
    assert_true(to.is_tls && to.port == 2576);
    assert_str_is(to.host, "ris.example.org");
    assert_true(mllp_receiver_read(S("[::1]:1"), &arena, &to, &error) && !to.is_tls);
    assert_str_is(to.host, "[::1]");
    static const char *const none[] = { "", "ris", "ris:", ":25", "ris:0", "ris:65536", "a@b:1", "a/b:1", "tls://:1" };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        error_clear(&error);
        assert_false(mllp_receiver_read(str_from(none[i]), &arena, &to, &error));
    }
    arena_release(&arena);
}

/* ---- both ends ---- */

static void answer(void *context, struct address peer, struct str message, struct text *out)
{
    (void)peer;
    atomic_fetch_add((atomic_int *)context, 1);
    text_format(out, "got %d", (int)message.len);
}

static void too_long(void *context, struct text *out)
{
    (void)context;
    text_put(out, S("too long"));
}

static struct mllp_options options_with(atomic_int *count)
{
    return (struct mllp_options){ .host = "127.0.0.1",
                                  .allowed = S("127.0.0.1"),
                                  .connections_max = 2,
                                  .message_bytes_max = 1000,
                                  .message_ms = 3600000,
                                  .idle_ms = 3600000,
                                  .answer = answer,
                                  .too_long = too_long,
                                  .context = count };
}

static int connect_to(int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

/* All until it is closed, or so many bytes have come. */
static ptrdiff_t read_some(int fd, char *buffer, ptrdiff_t want)
{
    ptrdiff_t got = 0;
    while (got < want) {
        ssize_t n = recv(fd, buffer + got, (size_t)(want - got), 0);
        if (n <= 0)
            break;
        got += n;
    }
    return got;
}

static void a_message_goes_and_its_answer_comes(void **state)
{
    (void)state;
    atomic_int count = 0;
    struct mllp_server *server;
    struct error error = { 0 };
    struct arena arena;
    struct str got;
    arena_init(&arena);
    struct mllp_options options = options_with(&count);
    assert_true(mllp_listen(&options, &server, &error));
    struct mllp_receiver to = { S("127.0.0.1"), mllp_port(server), false, S("it") };
    struct mllp_sending how = { .timeout_ms = 60000 };
    assert_true(mllp_exchange(&to, &how, S("MSH|^~\\&|\r"), &arena, &got, &error));
    assert_str_is(got, "got 10");
    mllp_close(server);
    assert_int_equal(count, 1);
    assert_false(mllp_exchange(&to, &how, S("MSH"), &arena, &got, &error)); /* nobody listens any more */
    assert_int_equal(error.code, E_UNAVAILABLE);
    arena_release(&arena);
}

static void who_rests_gives_way_and_who_is_too_long_is_told(void **state)
{
    (void)state;
    atomic_int count = 0;
    struct mllp_server *server;
    struct error error = { 0 };
    char buffer[100], large[2000];
    struct mllp_options options = options_with(&count);
    assert_true(mllp_listen(&options, &server, &error));
    int one = connect_to(mllp_port(server)), two = connect_to(mllp_port(server));
    assert_int_equal(send(one, "\x0Bhi\x1C\x0D\x0Bhi\x1C\x0D", 10, 0), 10);
    assert_int_equal(read_some(one, buffer, 16), 16);
    assert_memory_equal(buffer, "\x0Bgot 2\x1C\x0D\x0Bgot 2\x1C\x0D", 16);
    assert_int_equal(send(one, "\x0Bhalf", 5, 0), 5);
    int three = connect_to(mllp_port(server)); /* two, which rests, gives way */
    assert_int_equal(read_some(two, buffer, 1), 0);
    memset(large, 'x', sizeof(large));
    large[0] = 0x0B;
    assert_int_equal(send(three, large, sizeof(large), 0), sizeof(large));
    assert_int_equal(read_some(three, buffer, 100), 11);
    assert_memory_equal(buffer, "\x0Btoo long\x1C\x0D", 11);
    close(one), close(two), close(three);
    mllp_close(server);
}

static void who_is_not_listed_is_closed_at_once(void **state)
{
    (void)state;
    atomic_int count = 0;
    struct mllp_server *server;
    struct error error = { 0 };
    char buffer[10];
    struct mllp_options options = options_with(&count);
    options.allowed = S("10.0.0.0/8");
    assert_true(mllp_listen(&options, &server, &error));
    int one = connect_to(mllp_port(server));
    assert_true(read_some(one, buffer, 1) <= 0);
    close(one);
    mllp_close(server);
    assert_int_equal(count, 0);
    options.host = "ris.example.org";
    assert_false(mllp_listen(&options, &server, &error));
    assert_int_equal(error.code, E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_found_in_any_pieces),
        cmocka_unit_test(receivers_are_read),
        cmocka_unit_test(a_message_goes_and_its_answer_comes),
        cmocka_unit_test(who_rests_gives_way_and_who_is_too_long_is_told),
        cmocka_unit_test(who_is_not_listed_is_closed_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
