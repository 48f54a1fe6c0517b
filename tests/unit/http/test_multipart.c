/* test_multipart.c - events of whole and divided bodies, limits, damage. */
#include "base/clock.h"
#include "base/text.h"
#include "http/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Events as text: P(name|filename|type) data E. */
struct record {
    struct text text;
    bool in_part;
    int fail_at, count;
};

static bool note(struct record *record, struct error *error)
{
    return ++record->count != record->fail_at || error_set(error, E_STORAGE_FULL, "no room");
}

static bool on_part(void *self, const struct multipart_part *part, struct error *error)
{
    struct record *record = self;
    assert_false(record->in_part);
    record->in_part = true;
    text_format(&record->text, "P(%.*s|%.*s|%.*s)", STR_FMT(part->name.at ? part->name : S("-")),
                STR_FMT(part->filename.at ? part->filename : S("-")),
                STR_FMT(part->content_type.at ? part->content_type : S("-")));
    return note(record, error);
}

static bool on_data(void *self, struct str bytes, struct error *error)
{
    struct record *record = self;
    assert_true(record->in_part && bytes.len > 0);
    text_put(&record->text, bytes);
    return note(record, error);
}

static bool on_end(void *self, struct error *error)
{
    struct record *record = self;
    assert_true(record->in_part);
    record->in_part = false;
    text_put(&record->text, S("E"));
    return note(record, error);
}

/* Pushes `body` in pieces of `step`; what came is in *record. */
static bool push(struct str body, ptrdiff_t step, int max_parts, struct record *record, struct error *error)
{
    struct arena arena;
    arena_init(&arena);
    *error = (struct error){ 0 };
    int fail_at = record->fail_at;
    *record = (struct record){ .fail_at = fail_at };
    text_init(&record->text, 1 << 20);
    struct multipart_events events = { record, on_part, on_data, on_end };
    struct multipart *m = multipart_new(&arena, S("XX--X"), max_parts, &events, error);
    assert_non_null(m);
    bool ok = true;
    for (ptrdiff_t at = 0; ok && at < body.len; at += step) {
        struct str piece = str_slice(body, at, at + step);
        char *exact = malloc((size_t)piece.len); /* so that a read past the piece shows */
        memcpy(exact, piece.at, (size_t)piece.len);
        ok = multipart_push(m, (struct str){ exact, piece.len }, error);
        free(exact);
    }
    if (!ok)
        assert_false(multipart_push(m, S("x"), &(struct error){ 0 })); /* once failed, always failed */
    ok = ok && multipart_finish(m, error);
    assert_int_equal(ok, error->code == E_NONE);
    arena_release(&arena);
    return ok;
}

/* `expected` NULL: an error. */
static void expect(const char *body, const char *expected)
{
    for (ptrdiff_t step = 1; step < 200; step += step < 20 ? 1 : 37) {
        struct record record = { 0 };
        struct error error;
        bool ok = push(str_from(body), step, 10, &record, &error);
        if (ok != (expected != NULL))
            fail_msg("step %td: %s: %s", step, error.message, body);
        if (!ok)
            assert_int_equal(error.code, E_BAD_REQUEST);
        if (ok && !str_equal(text_str(&record.text), str_from(expected)))
            fail_msg("step %td: %.*s", step, STR_FMT(text_str(&record.text)));
        text_release(&record.text);
    }
}

#define DELIMITER "\r\n--XX--X"
#define FILE_HEADER "Content-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"

static void plain(void **state)
{
    (void)state;
    expect("--XX--X\r\n" FILE_HEADER "data" DELIMITER "--", "P(f|a.png|image/png)dataE");
    expect("--XX--X\r\n" FILE_HEADER "one" DELIMITER "\r\nContent-Disposition: form-data; name=n\r\n\r\ntwo" DELIMITER
           "--\r\nepilogue" DELIMITER "\r\n",
           "P(f|a.png|image/png)oneEP(n|-|-)twoE");
    expect("preamble\r\n--XX-\r\n--XX--X  \t\r\n" FILE_HEADER DELIMITER "--", "P(f|a.png|image/png)E");
    expect("--XX--X\r\n\r\nno headers" DELIMITER "--", "P(-|-|-)no headersE");
    expect("--XX--X--", "");
}

static void nearly_a_boundary(void **state)
{
    (void)state;
    expect("--XX--X\r\n\r\na\r\n--XX--\r\n--XX-\r\r\n--XX--Y\r\n\r\n--X\r\n-" DELIMITER "--",
           "P(-|-|-)a\r\n--XX--\r\n--XX-\r\r\n--XX--Y\r\n\r\n--X\r\n-E");
    expect("--XX--X\r\n\r\n\r\n\r\n\r" DELIMITER "--", "P(-|-|-)\r\n\r\n\rE");
    expect("\r\n\r--XX--X\r\n--XX--X\r\n\r\n--XX--X" DELIMITER "--", "P(-|-|-)--XX--XE");
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *parameters, *expected;
    } rows[] = {
        { "name=\"a\"; filename=\"x\\\"y\\\\z\"", "P(a|x\"y\\z|-)E" },
        { "name=\"a\"; filename=\"x%22y%0D%0Az%20%41\"", "P(a|x\"y\r\nz%20%41|-)E" },
        { "name=\"a\"; filename=\"C:\\dir\\x.png\"", "P(a|C:\\dir\\x.png|-)E" },
        { "name=\"a\"; filename=\"old\"; filename*=UTF-8''%E8%83%B8%20x", "P(a|\xE8\x83\xB8 x|-)E" },
        { "name=\"a\"; filename*=utf-8'zh'n%65w; filename=\"old\"", "P(a|new|-)E" },
        { "name=\"a\"; filename=\"old\"; filename*=ISO-8859-1''%E4", "P(a|old|-)E" },
        { "name=\"a\"; filename=\"old\"; filename*=UTF-8''%FF", "P(a|old|-)E" },
        { "name=\"a\"; filename=\"\xE8\x83\xB8;1\"", "P(a|\xE8\x83\xB8;1|-)E" },
        { "name=\"a\"; filename=\"\"", "P(a||-)E" },
        { "name=\"a\"; filename=../../etc/passwd", "P(a|../../etc/passwd|-)E" },
        { "filename=x", "P(-|x|-)E" },
        { "name=\"open", "P(-|-|-)E" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char body[512];
        snprintf(body, sizeof(body), "--XX--X\r\nCONTENT-disposition: form-data; %s\r\n\r\n" DELIMITER "--",
                 rows[i].parameters);
        expect(body, rows[i].expected);
    }
    expect("--XX--X\r\nContent-Disposition: form-data;\r\n  name=\"folded\"\r\nX: 1\r\n\r\n" DELIMITER "--",
           "P(folded|-|-)E");
}

static void damage(void **state)
{
    (void)state;
    expect("", NULL);
    expect("no boundary at all", NULL);
    expect("--XX--X", NULL);
    expect("--XX--X\r\n" FILE_HEADER "data", NULL);
    expect("--XX--X\r\n" FILE_HEADER "data" DELIMITER, NULL);
    expect("--XX--X\r\n" FILE_HEADER "data" DELIMITER "-", NULL);
    expect("--XX--Xtra\r\n\r\n" DELIMITER "--", NULL);
    expect("--XX--X -- \r\n\r\n" DELIMITER "--", NULL);
    expect("--XX--X\n\n" DELIMITER "--", NULL);
    expect("--XX--X\r\nno colon\r\n\r\n" DELIMITER "--", NULL);
    expect("--XX--X\r\nA: b\r\n", NULL);
}

static void part_limit(void **state)
{
    (void)state;
    struct record record = { 0 };
    struct error error;
    struct str three = S("--XX--X\r\n\r\n1" DELIMITER "\r\n\r\n2" DELIMITER "\r\n\r\n3" DELIMITER "--");
    assert_true(push(three, 7, 3, &record, &error));
    text_release(&record.text);
    assert_false(push(three, 7, 2, &record, &error));
    assert_int_equal(error.code, E_TOO_LARGE);
    text_release(&record.text);
}

static void header_limit(void **state)
{
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct text body;
        struct record record = { 0 };
        struct error error;
        text_init(&body, 1 << 20);
        text_put(&body, S("--XX--X\r\nX: "));
        for (int i = 0; i < 16384 - 3 + more; i++)
            text_put_char(&body, 'v');
        text_put(&body, S("\r\n\r\n" DELIMITER "--"));
        assert_int_equal(push(text_str(&body), 1000, 3, &record, &error), more <= 0);
        text_release(&record.text);
        assert_int_equal(push(text_str(&body), 100000, 3, &record, &error), more <= 0);
        text_release(&record.text);
        text_release(&body);
    }
}

/* An error of the receiver ends it and stays the first cause. */
static void receiver_fails(void **state)
{
    (void)state;
    for (int at = 1; at <= 3; at++) {
        struct record record = { .fail_at = at };
        struct error error;
        assert_false(push(S("--XX--X\r\n\r\ndata" DELIMITER "--"), 1000, 3, &record, &error));
        assert_int_equal(error.code, E_STORAGE_FULL);
        assert_int_equal(record.count, at);
        text_release(&record.text);
    }
}

static void boundaries(void **state)
{
    (void)state;
    char longest[72];
    memset(longest, 'b', sizeof(longest));
    struct arena arena;
    arena_init(&arena);
    struct multipart_events events = { NULL, on_part, on_data, on_end };
    struct {
        struct str boundary;
        bool legal;
    } rows[] = {
        { { longest, 70 }, true },
        { { longest, 71 }, false },
        { S(""), false },
        { STR_NULL, false },
        { S("a b"), true },
        { S("a "), false },
        { S("----WebKitFormBoundary7MA4YWxkTrZu0gW"), true },
        { S("a\rb"), false },
        { { "a\0b", 3 }, false },
        { S("'()+_,-./:=?"), true },
        { S("a;b"), false },
        { S("\xC3\xA4"), false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct error error = { 0 };
        assert_int_equal(multipart_new(&arena, rows[i].boundary, 1, &events, &error) != NULL, rows[i].legal);
        assert_int_equal(error.code, rows[i].legal ? E_NONE : E_BAD_REQUEST);
    }
    arena_release(&arena);
}

/* Data goes through uncopied: what the receiver gets lies in what was pushed. */
static struct str pushed;
static ptrdiff_t outside;

static bool count_outside(void *self, struct str bytes, struct error *error)
{
    (void)self, (void)error;
    if (bytes.at < pushed.at || bytes.at + bytes.len > pushed.at + pushed.len)
        outside += bytes.len;
    return true;
}

static bool ignore_part(void *self, const struct multipart_part *part, struct error *error)
{
    (void)self, (void)part, (void)error;
    return true;
}

static bool ignore_end(void *self, struct error *error)
{
    (void)self, (void)error;
    return true;
}

static void not_copied_and_fast(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20, ROUNDS = 64 };
    struct arena arena;
    struct error error = { 0 };
    struct multipart_events events = { NULL, ignore_part, count_outside, ignore_end };
    arena_init(&arena);
    char *bytes = malloc(BYTES);
    uint64_t seed = 1;
    for (int i = 0; i < BYTES; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        bytes[i] = (char)(seed >> 56);
    }
    struct multipart *m = multipart_new(&arena, S("----WebKitFormBoundary7MA4YWxkTrZu0gW"), 1, &events, &error);
    assert_true(multipart_push(m, S("------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n\r\n"), &error));
    pushed = (struct str){ bytes, BYTES };
    int64_t begun = clock_monotonic_us();
    for (int i = 0; i < ROUNDS; i++)
        assert_true(multipart_push(m, pushed, &error));
    int64_t us = clock_monotonic_us() - begun;
    assert_true(outside < ROUNDS * 4);
    print_message("%.1f GB/s\n", (double)BYTES * ROUNDS / (double)(us ? us : 1) / 1000);
    free(bytes);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),          cmocka_unit_test(nearly_a_boundary), cmocka_unit_test(names),
        cmocka_unit_test(damage),         cmocka_unit_test(part_limit),        cmocka_unit_test(header_limit),
        cmocka_unit_test(receiver_fails), cmocka_unit_test(boundaries),        cmocka_unit_test(not_copied_and_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
