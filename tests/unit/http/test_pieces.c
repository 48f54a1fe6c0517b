/* test_pieces.c - ranges, entity tags, Accept*, gzip, parameters, percent escapes, Content-Disposition. */
#include "http/server.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <zlib.h>

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void assert_text(struct str actual, const char *expected)
{
    if (!expected) {
        assert_true(str_is_null(actual));
        return;
    }
    if (!str_equal(actual, str_from(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(actual), expected);
}

static void range(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        int64_t size;
        enum range_result result;
        int64_t first, length;
    } rows[] = {
        { "bytes=0-0", 10, RANGE_PART, 0, 1 },
        { "bytes=0-9", 10, RANGE_PART, 0, 10 },
        { "bytes=0-10", 10, RANGE_PART, 0, 10 },
        { "bytes=9-9", 10, RANGE_PART, 9, 1 },
        { "bytes=9-", 10, RANGE_PART, 9, 1 },
        { "bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0 },
        { "bytes=-1", 10, RANGE_PART, 9, 1 },
        { "bytes=-10", 10, RANGE_PART, 0, 10 },
        { "bytes=-11", 10, RANGE_PART, 0, 10 },
        { "bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0 },
        { "bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0 },
        { "bytes=-5", 0, RANGE_UNSATISFIABLE, 0, 0 },
        { "BYTES=1-2", 10, RANGE_PART, 1, 2 },
        { "bytes=3-2", 10, RANGE_NONE, 0, 0 },
        { "bytes=0-1,3-4", 10, RANGE_NONE, 0, 0 },
        { "bytes=-1,-2", 10, RANGE_NONE, 0, 0 },
        { "bytes=", 10, RANGE_NONE, 0, 0 },
        { "bytes=-", 10, RANGE_NONE, 0, 0 },
        { "bytes=a-b", 10, RANGE_NONE, 0, 0 },
        { "bytes=+1-2", 10, RANGE_NONE, 0, 0 },
        { "lines=0-1", 10, RANGE_NONE, 0, 0 },
        { "", 10, RANGE_NONE, 0, 0 },
        { "bytes=1", 10, RANGE_NONE, 0, 0 },
        { "bytes=0-99999999999999999999", 10, RANGE_PART, 0, 10 },
        { "bytes=99999999999999999999-", 10, RANGE_UNSATISFIABLE, 0, 0 },
        { "bytes=-99999999999999999999", 10, RANGE_PART, 0, 10 },
        { " bytes = 1-2", 10, RANGE_PART, 1, 2 },
        { "bytes=0-9223372036854775807", INT64_MAX, RANGE_PART, 0, INT64_MAX },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int64_t first = 0, length = 0;
        enum range_result result = http_parse_range(str_from(rows[i].header), rows[i].size, &first, &length);
        if (result != rows[i].result || first != rows[i].first || length != rows[i].length)
            fail_msg("%s: %d %lld %lld", rows[i].header, (int)result, (long long)first, (long long)length);
    }
    int64_t first = 7, length = 7;
    assert_int_equal(http_parse_range(STR_NULL, 10, &first, &length), RANGE_NONE);
    assert_int_equal(first, 7); /* untouched */
}

static void etags_are_compared(void **state)
{
    (void)state;
    struct str etag = S("\"a,b\"");
    assert_true(http_etag_matches(S("\"a,b\""), etag, false));
    assert_true(http_etag_matches(S("\"x\", \"a,b\""), etag, false));
    assert_true(http_etag_matches(S("\"x\",W/\"a,b\""), etag, true));
    assert_false(http_etag_matches(S("W/\"a,b\""), etag, false));
    assert_true(http_etag_matches(S(" * "), etag, false));
    assert_false(http_etag_matches(S("\"a\""), etag, true));
    assert_false(http_etag_matches(S("a,b"), etag, true));
    assert_false(http_etag_matches(S("\"a,b"), etag, true));
    assert_false(http_etag_matches(S(""), etag, true));
    assert_false(http_etag_matches(STR_NULL, etag, true));
    assert_false(http_etag_matches(S("garbage \"a,b\""), etag, true));
}

static void accepts_gzip(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool accepts;
    } rows[] = {
        { NULL, false },
        { "", false },
        { "gzip", true },
        { "GZIP", true },
        { "deflate, gzip;q=1.0, *;q=0.5", true },
        { "gzip;q=0", false },
        { "gzip; q=0.000", false },
        { "gzip;q=0.001", true },
        { "br", false },
        { "*", true },
        { "*;q=0", false },
        { "gzip;q=0, *", false },
        { "*, gzip;q=0", false },
        { "x-gzip", true },
        { "gzipped", false },
        { ",,gzip", true },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (http_accepts_gzip(str_from(rows[i].header)) != rows[i].accepts)
            fail_msg("%s", rows[i].header);
}

static void gzip(void **state)
{
    (void)state;
    char in[5000], back[6000];
    for (int i = 0; i < 5000; i++)
        in[i] = "abcabd"[i % 6];
    struct text out;
    text_init(&out, 10000);
    text_put(&out, S("before"));
    assert_true(http_gzip((struct str){ in, 5000 }, &out));
    assert_true(out.len < 500);
    z_stream stream = {
        .next_in = (Bytef *)out.at + 6, .avail_in = (uInt)out.len - 6, .next_out = (Bytef *)back, .avail_out = 6000
    };
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, 5000);
    assert_memory_equal(in, back, 5000);
    inflateEnd(&stream);
    ptrdiff_t before = out.len;
    uint64_t seed = 1;
    for (int i = 0; i < 5000; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        in[i] = (char)(seed >> 56);
    }
    assert_false(http_gzip((struct str){ in, 5000 }, &out)); /* does not shrink */
    assert_false(http_gzip((struct str){ in, 0 }, &out));
    assert_false(http_gzip((struct str){ in, 1 }, &out));
    assert_int_equal(out.len, before);
    text_release(&out);
}

static void parameters(void **state)
{
    (void)state;
    static const struct {
        const char *value, *name, *expected;
    } rows[] = {
        { "multipart/form-data; boundary=x", "boundary", "x" },
        { "multipart/form-data;Boundary=\"a b\"", "boundary", "a b" },
        { "a; b=\"x;boundary=no\"; boundary=yes", "boundary", "yes" },
        { "a; b=\"q\\\"q;boundary=no\";boundary = yes ", "boundary", "yes" },
        { "a; boundary=\"say \\\"hi\\\" \\\\ C:\\x\"", "boundary", "say \"hi\" \\ C:\\x" },
        { "a; boundary", "boundary", NULL },
        { "a; boundary=", "boundary", "" },
        { "a", "a", NULL },
        { "boundary=x", "boundary", NULL },
        { "a; boundary=\"open", "boundary", NULL },
        { "a; boundary=\"x\"y", "boundary", NULL },
        { "a; boundary=\"", "boundary", NULL },
        { "a; boundary=\"\"", "boundary", "" },
        { "a;;; boundary=x;", "boundary", "x" },
        { "a; boundary=1; boundary=2", "boundary", "1" },
        { "a; boundary=\"x\\", "boundary", NULL },
        { "a; xboundary=1", "boundary", NULL },
        { "", "x", NULL },
        { NULL, "x", NULL },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_text(http_header_parameter(str_from(rows[i].value), str_from(rows[i].name), &arena), rows[i].expected);
    assert_text(http_media_type(S(" text/Plain ; charset=x")), "text/Plain");
    assert_text(http_media_type(S("text/plain")), "text/plain");
    assert_int_equal(http_media_type(STR_NULL).len, 0);
}

static void percent(void **state)
{
    (void)state;
    struct str out = S("untouched");
    assert_true(http_percent_decode(S("a%20b+c%E4%B8%ad%2f"), false, &arena, &out));
    assert_text(out, "a b+c\xE4\xB8\xAD/");
    assert_true(http_percent_decode(S("a+b%2B"), true, &arena, &out));
    assert_text(out, "a b+");
    assert_true(http_percent_decode(S(""), true, &arena, &out));
    assert_int_equal(out.len, 0);
    out = S("untouched");
    static const char *const bad[] = { "%",   "%4",  "a%4",    "%4g",    "%g4",       "%%41",
                                       "%00", "%FF", "%E4%B8", "%C0%80", "%ED%A0%80", "\xFF" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (http_percent_decode(str_from(bad[i]), false, &arena, &out))
            fail_msg("%s", bad[i]);
    assert_false(http_percent_decode((struct str){ "a\0b", 3 }, false, &arena, &out));
    assert_text(out, "untouched");
}

static void disposition(void **state)
{
    (void)state;
    static const struct {
        const char *name, *expected;
    } rows[] = {
        { "chest.dcm", "attachment; filename=\"chest.dcm\"; filename*=UTF-8''chest.dcm" },
        { "a b\"c%d", "attachment; filename=\"a b_c_d\"; filename*=UTF-8''a%20b%22c%25d" },
        { "../a\\b", "attachment; filename=\"b\"; filename*=UTF-8''b" },
        { "\xE8\x83\xB8\xE7\x89\x87.png", "attachment; filename=\"__.png\"; filename*=UTF-8''%E8%83%B8%E7%89%87.png" },
        { "x\r\nSet-Cookie: a=b", "attachment; filename=\"x__Set-Cookie: a=b\"; "
                                  "filename*=UTF-8''x%EF%BF%BD%EF%BF%BDSet-Cookie%3A%20a%3Db" },
        { "a\xE2\x80\xAEgpj.exe", "attachment; filename=\"agpj.exe\"; filename*=UTF-8''agpj.exe" },
        { "a\xE2\x81\xA6"
          "b\xD8\x9C"
          "c\xE2\x80\x8F"
          "d",
          "attachment; filename=\"abcd\"; filename*=UTF-8''abcd" },
        { "\xF0\x9F\xA9\xBB", "attachment; filename=\"_\"; filename*=UTF-8''%F0%9F%A9%BB" },
        { "\xFF", "attachment; filename=\"_\"; filename*=UTF-8''%EF%BF%BD" },
        { "", "attachment; filename=\"unnamed\"; filename*=UTF-8''unnamed" },
        { "it's (1)*", "attachment; filename=\"it's (1)*\"; filename*=UTF-8''it%27s%20%281%29%2A" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_text(http_content_disposition(&arena, str_from(rows[i].name)), rows[i].expected);
}

/* Every byte at every place of values that are shorter and longer than what is looked at at once (RFC 9110 5.5). */
static void clean_values(void **state)
{
    (void)state;
    char value[20];
    for (ptrdiff_t len = 1; len <= (ptrdiff_t)sizeof(value); len++)
        for (ptrdiff_t at = 0; at < len; at++)
            for (int byte = 0; byte <= UCHAR_MAX; byte++) {
                memset(value, 'v', sizeof(value));
                value[at] = (char)byte;
                bool clean = byte == '\t' || (byte >= ' ' && byte != 0x7F);
                if (header_value_is_clean((struct str){ value, len }) != clean)
                    fail_msg("byte %d at %td of %td", byte, at, len);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(range),       cmocka_unit_test(etags_are_compared), cmocka_unit_test(accepts_gzip),
        cmocka_unit_test(gzip),        cmocka_unit_test(parameters),         cmocka_unit_test(percent),
        cmocka_unit_test(disposition), cmocka_unit_test(clean_values),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
