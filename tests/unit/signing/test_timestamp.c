/* test_timestamp.c - time stamps of the openssl program: taken, refused, put into signatures, and what they prove about
 * keys that were revoked. */
#include "tsa.h"

#include "signing/envelope.h"
#include "signing/revocation.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#define DATA S("what is stamped")
#define OF(data) &data, 1

static int set_up(void **state)
{
    if (house_open(state))
        return -1;
    tsa_open();
    return 0;
}

static void test_taken(void **state)
{
    (void)state;
    struct timestamp stamp = tsa_stamp(DATA), again;
    int64_t age_us = clock_now().us - stamp.at.us;
    assert_true(age_us > -2000000 && age_us < DAY_US);
    assert_str_is(stamp.authority, "CN=Test time");
    assert_str_is(stamp.policy, "1.2.3.4.1");
    house_fine(timestamp_check(&house.c, stamp.token, OF(DATA), &tsa.trust, &again));
    assert_true(again.at.us == stamp.at.us && str_equal(again.serial, stamp.serial));
    folder_write(house.folder, "token", stamp.token);
    folder_write(house.folder, "data", DATA);
    RUNS("openssl", "ts", "-verify", "-token_in", "-in", "token", "-data", "data", "-CAfile", "tsa-ca.pem");
    house_refused(timestamp_check(&house.c, stamp.token, OF(S("other")), &tsa.trust, &again), E_INVALID, "imprint");
}

static void test_who_is_believed(void **state)
{
    (void)state;
    struct timestamp stamp = tsa_stamp(DATA), out;
    struct trust trust = tsa.trust;
    trust.time_anchor_count = 0;
    trust.anchors = tsa.trust.time_anchors; /* of signers, which is another thing */
    trust.anchor_count = 1;
    house_refused(timestamp_check(&house.c, stamp.token, OF(DATA), &trust, &out), E_INVALID, "does not count");
    trust.time_anchors = house.doctor.chain.der;
    trust.time_anchor_count = 2;
    house_refused(timestamp_check(&house.c, stamp.token, OF(DATA), &trust, &out), E_INVALID, "does not count");
    /* Judged as of its own time, not now. */
    trust = tsa.trust;
    trust.now.us += 400 * DAY_US;
    house_fine(timestamp_check(&house.c, stamp.token, OF(DATA), &trust, &out));
}

static void test_answers(void **state)
{
    (void)state;
    struct str request, other, answer;
    struct timestamp out;
    house_fine(timestamp_request(&house.c, DATA, &request));
    house_fine(timestamp_request(&house.c, DATA, &other));
    answer = tsa_answer(request);
    house_refused(timestamp_answer(&house.c, other, answer, &tsa.trust, &out), E_INVALID, "nonce");
    house_fine(timestamp_request(&house.c, S("other"), &other));
    house_refused(timestamp_answer(&house.c, other, answer, &tsa.trust, &out), E_INVALID, "imprint");
    house_refused(timestamp_answer(&house.c, request, S("<html>"), &tsa.trust, &out), E_UNAVAILABLE, "cannot be read");
    house_refused(timestamp_answer(&house.c, request, S(""), &tsa.trust, &out), E_UNAVAILABLE, "cannot be read");
    /* A digest that the authority does not take. */
    RUNS("openssl", "ts", "-query", "-digest", "00112233445566778899aabbccddeeff00112233", "-sha1", "-out", "weak.tsq");
    answer = tsa_answer(house_file("weak.tsq"));
    house_refused(timestamp_answer(&house.c, request, answer, &tsa.trust, &out), E_UNAVAILABLE, "status 2");
    for (ptrdiff_t i = 0; i < answer.len; i++)
        assert_false(timestamp_answer(&house.c, request, str_slice(answer, 0, i), &tsa.trust, &out));
    error_clear(&house.c.error);
}

/* One bit in bytes all over: refused, or the same time all the same (certificates that it does not need). */
static void test_changed(void **state)
{
    (void)state;
    struct timestamp stamp = tsa_stamp(DATA), out;
    for (ptrdiff_t i = 0; i < stamp.token.len; i += 3) {
        struct str other = arena_copy(&house.c.arena, stamp.token);
        ((char *)(uintptr_t)other.at)[i] ^= (char)(1 << i % 8);
        if (timestamp_check(&house.c, other, OF(DATA), &tsa.trust, &out))
            assert_true(out.at.us == stamp.at.us);
        error_clear(&house.c.error);
    }
}

/* ---- over HTTP ---- */

struct responder {
    int fd, port;
    const char *status;
    char head[4096];
    pthread_t thread;
};

static void *respond(void *context)
{
    struct responder *r = context;
    int fd = accept(r->fd, NULL, NULL);
    ssize_t len = 0, got;
    const char *body = NULL;
    while (!body || len - (body - r->head) < strtol(strcasestr(r->head, "content-length:") + 15, NULL, 10)) {
        got = read(fd, r->head + len, sizeof(r->head) - 1 - (size_t)len);
        if (got <= 0)
            break;
        len += got;
        r->head[len] = '\0';
        body = strstr(r->head, "\r\n\r\n") ? strstr(r->head, "\r\n\r\n") + 4 : NULL;
    }
    struct str answer = tsa_answer((struct str){ body, len - (body - r->head) });
    dprintf(fd, "HTTP/1.1 %s\r\nContent-Type: application/timestamp-reply\r\nContent-Length: %td\r\n\r\n", r->status,
            answer.len);
    for (ptrdiff_t at = 0; at < answer.len && (got = write(fd, answer.at + at, (size_t)(answer.len - at))) > 0;)
        at += got;
    close(fd);
    return NULL;
}

static bool ask(struct responder *r, const char *status, struct timestamp *out)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof(at);
    struct outbound *outbound;
    struct outbound_options options = { S("127.0.0.1"), S("TSA_URL") };
    struct call c;
    *r = (struct responder){ .fd = socket(AF_INET, SOCK_STREAM, 0), .status = status };
    assert_int_equal(bind(r->fd, (struct sockaddr *)&at, size) | listen(r->fd, 1), 0);
    assert_int_equal(getsockname(r->fd, (struct sockaddr *)&at, &size), 0);
    house_fine(outbound_open(&options, &outbound, &house.c.error));
    pthread_create(&r->thread, NULL, respond, r);
    call_init(&c, NULL, NULL); /* the thread uses the house's */
    struct str url = arena_format(&c.arena, "http://127.0.0.1:%d/tsr", ntohs(at.sin_port));
    struct timestamp stamp;
    bool done = timestamp_get(&c, outbound, url, DATA, &tsa.trust, &stamp);
    pthread_join(r->thread, NULL);
    close(r->fd);
    if (done) {
        *out = stamp;
        out->token = arena_copy(&house.c.arena, stamp.token);
    }
    house.c.error = c.error;
    outbound_close(outbound);
    call_release(&c);
    return done;
}

static void test_asked_for(void **state)
{
    (void)state;
    struct responder r;
    struct timestamp stamp, again;
    house_fine(ask(&r, "200 OK", &stamp));
    assert_non_null(strstr(r.head, "Content-Type: application/timestamp-query"));
    house_fine(timestamp_check(&house.c, stamp.token, OF(DATA), &tsa.trust, &again));
    house_refused(ask(&r, "500 Broken", &stamp), E_UNAVAILABLE, "HTTP status 500");
}

/* ---- in a signature ---- */

/* Signers of this test are made on the machine's clock, as the time stamps are. */
static struct str stamped(const struct signer *signer, struct timestamp *stamp)
{
    unsigned char digest[SHA256_BYTES];
    struct cms_options options = { S("author"), NOON }; /* a claim that is wrong */
    struct str cms, value, out = STR_NULL;
    crypto_sha256(DATA, digest);
    house_fine(cms_sign(&house.c, signer, digest, &options, &cms));
    house_fine(cms_signature(&house.c, cms, &value));
    *stamp = tsa_stamp(value);
    house_fine(cms_add_timestamp(&house.c, cms, stamp->token, &out));
    return out;
}

static struct cms_signer check(struct str cms, const struct trust *trust)
{
    struct cms_result result;
    struct str data = DATA;
    house_fine(cms_check(&house.c, cms, &data, 1, trust, &result));
    return result.signers[0];
}

static void test_time_of_a_signature(void **state)
{
    (void)state;
    struct signer authority, doctor;
    struct timestamp stamp;
    house_fine(authority_make(&house.c, S("Now"), clock_now(), &authority));
    house_fine(signer_make(&house.c, &authority, S("Doctor"), clock_now(), &doctor));
    struct str cms = stamped(&doctor, &stamp);
    struct trust trust = tsa.trust;
    trust.anchors = authority.chain.der;
    trust.anchor_count = 1;
    trust.now.us += 4000 * DAY_US;
    struct cms_signer s = check(cms, &trust);
    assert_int_equal(s.verdict, VERDICT_VALID);
    assert_true(s.time_source == TIME_STAMP && s.time.us == stamp.at.us);
    assert_str_is(s.time_authority, "CN=Test time");
    assert_true(house_has(s.words, "by the time stamp of CN=Test time"));
    /* Without anybody to believe, the claim is all there is. */
    trust.time_anchor_count = 0;
    s = check(cms, &trust);
    assert_true(s.time_source == TIME_CLAIMED && s.time.us == NOON.us && s.verdict == VERDICT_UNKNOWN_SIGNER);
    assert_true(house_has(s.time_words, "does not count"));
    /* Another signature's time stamp. */
    struct timestamp other = tsa_stamp(DATA);
    house_fine(cms_add_timestamp(&house.c, stamped(&doctor, &stamp), other.token, &cms));
    assert_int_equal(check(cms, &tsa.trust).time_source, TIME_STAMP); /* the first one still counts */
    folder_write(house.folder, "signature", cms);
    RUNS("openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", "signature");
    assert_true(house_has(house_file("said"), "id-smime-aa-timeStampToken"));
}

/* ---- in an envelope ---- */

static int stamps_asked;

static bool give_stamp(struct call *c, void *context, struct str data, struct str *token)
{
    stamps_asked++;
    if (context)
        return fail(c, E_UNAVAILABLE, "%s", (const char *)context);
    *token = tsa_stamp(data).token;
    return true;
}

static struct str enveloped(const struct signer *signer, const struct trust *trust)
{
    unsigned char digest[SHA256_BYTES];
    struct cms_options options = { S("author"), clock_now() };
    struct envelope_entry entry;
    struct str cms, content = S("{\"a\":1}"), text = STR_NULL;
    crypto_sha256(content, digest);
    house_fine(cms_sign(&house.c, signer, digest, &options, &cms));
    house_fine(envelope_entry(&house.c, cms, content, trust, &entry));
    house_fine(envelope_write(&house.c, content, &entry, 1, NULL, 0, &text));
    return text;
}

static void test_time_of_an_envelope(void **state)
{
    (void)state;
    struct signer authority, doctor;
    struct envelope_result result;
    struct trust trust = tsa.trust, nobody = tsa.trust;
    struct str again, out = STR_NULL;
    house_fine(authority_make(&house.c, S("Now"), clock_now(), &authority));
    house_fine(signer_make(&house.c, &authority, S("Doctor"), clock_now(), &doctor));
    trust.anchors = nobody.anchors = authority.chain.der;
    trust.anchor_count = nobody.anchor_count = 1;
    nobody.time_anchor_count = 0;
    struct str text = enveloped(&doctor, &trust);
    char away[] = "away";
    stamps_asked = 0;
    house_refused(envelope_stamp(&house.c, text, &trust, give_stamp, away, &out), E_UNAVAILABLE, "away");
    assert_true(str_is_null(out) && stamps_asked == 1);
    house_fine(envelope_stamp(&house.c, text, &trust, give_stamp, NULL, &out));
    assert_true(stamps_asked == 2 && house_has(out, "\"time_source\":\"time stamp\""));
    house_fine(envelope_check(&house.c, out, &trust, &result));
    assert_true(result.verdict == VERDICT_VALID && result.signatures[0].signer.time_source == TIME_STAMP);
    assert_true(str_equal(result.content, S("{\"a\":1}")));
    /* One that has a time is left as it is; a time of somebody who is not believed is none. */
    house_fine(envelope_stamp(&house.c, out, &trust, give_stamp, NULL, &again));
    assert_true(stamps_asked == 2 && str_equal(again, out));
    house_fine(envelope_check(&house.c, out, &nobody, &result));
    assert_true(result.signatures[0].signer.time_source == TIME_CLAIMED);
    house_refused(envelope_stamp(&house.c, S("{}"), &trust, give_stamp, NULL, &out), E_INVALID, "no content");
    house_refused(envelope_stamp(&house.c, S("["), &trust, give_stamp, NULL, &out), E_INVALID, "JSON");
    text = arena_format(&house.c.arena, "{\"content\":{\"a\":2}%.*s", STR_FMT(str_slice(text, 18, text.len)));
    house_refused(envelope_stamp(&house.c, text, &trust, give_stamp, NULL, &out), E_INVALID, "not a signature of this");
    assert_int_equal(stamps_asked, 2);
}

/* ---- revocation ---- */

static struct cms_signer revoked(const struct signer *authority, struct trust trust, struct str cms, struct revoked row)
{
    struct str list;
    house_fine(revocation_make(&house.c, authority, &row, 1, 7, row.at, &list));
    trust.lists = &list;
    trust.list_count = 1;
    return check(cms, &trust);
}

static void test_revoked_before_and_after(void **state)
{
    (void)state;
    struct signer authority, doctor;
    struct timestamp stamp;
    struct certificate certificate;
    house_fine(authority_make(&house.c, S("Now"), (struct instant){ clock_now().us - DAY_US }, &authority));
    house_fine(signer_make(&house.c, &authority, S("Doctor"), (struct instant){ clock_now().us - DAY_US }, &doctor));
    house_fine(certificate_read(&house.c, doctor.chain.der[0], &certificate));
    struct str cms = stamped(&doctor, &stamp);
    struct trust trust = tsa.trust, known = tsa.trust;
    trust.anchors = known.anchors = authority.chain.der;
    trust.anchor_count = known.anchor_count = 1;
    known.time_anchor_count = 0;
    struct instant before = { stamp.at.us - 1000000 }, after = { stamp.at.us + 1000000 };
    struct revoked row = { certificate.serial, after, S("superseded") };
    assert_int_equal(check(cms, &trust).revocation, REVOCATION_UNKNOWN);
    struct cms_signer s = revoked(&authority, trust, cms, row);
    assert_true(s.verdict == VERDICT_VALID && s.revocation == REVOCATION_NONE && s.revoked_at.us == after.us);
    row.at = before;
    s = revoked(&authority, trust, cms, row);
    assert_true(s.verdict == VERDICT_REVOKED && s.revoked_at.us == before.us);
    assert_str_is(s.revocation_reason, "superseded");
    assert_true(house_has(s.words, "was revoked on"));
    /* By the caller's records; and by nothing but the signer's claim of a time long before. */
    row.at = after;
    known.known_time = stamp.at;
    assert_int_equal(revoked(&authority, known, cms, row).verdict, VERDICT_VALID);
    known.known_time = after;
    assert_int_equal(revoked(&authority, known, cms, row).verdict, VERDICT_REVOKED);
}

static void test_a_claim_of_time_saves_no_revoked_key(void **state)
{
    (void)state;
    unsigned char digest[SHA256_BYTES];
    struct cms_options options = { S("author"), NOON };
    struct certificate certificate;
    struct str cms;
    crypto_sha256(DATA, digest);
    house_fine(cms_sign(&house.c, &house.doctor, digest, &options, &cms));
    house_fine(certificate_read(&house.c, house.doctor.chain.der[0], &certificate));
    struct revoked row = { certificate.serial, { NOON.us + DAY_US }, S("keyCompromise") };
    assert_int_equal(check(cms, &house.trust).verdict, VERDICT_VALID);
    assert_int_equal(revoked(&house.authority, house.trust, cms, row).verdict, VERDICT_REVOKED);
    row.serial = S("4100");
    assert_int_equal(revoked(&house.authority, house.trust, cms, row).revocation, REVOCATION_NONE);
    /* A list that another authority of the same name has made. */
    struct signer other;
    house_fine(authority_make(&house.c, S("第一医院 General Hospital"), NOON, &other));
    row.serial = certificate.serial;
    struct cms_signer s = revoked(&other, house.trust, cms, row);
    assert_true(s.verdict == VERDICT_VALID && s.revocation == REVOCATION_UNKNOWN);
}

static void test_lists(void **state)
{
    (void)state;
    struct revoked rows[] = { { S("40aa"), NOON, S("keyCompromise") },
                              { S("40ab"), { NOON.us + 5000000 }, S("cessationOfOperation") },
                              { S("40ac"), NOON, STR_NULL } };
    struct revocation_list list;
    struct str der = STR_NULL, none;
    house_fine(revocation_make(&house.c, &house.authority, rows, 3, 12, NOON, &der));
    house_fine(revocation_read(&house.c, der, &list));
    assert_int_equal(list.count, 3);
    assert_str_is(list.rows[1].serial, "40ab");
    assert_str_is(list.rows[1].reason, "cessationOfOperation");
    assert_true(list.rows[1].at.us == NOON.us + 5000000 && str_is_null(list.rows[2].reason));
    assert_true(list.made_at.us == NOON.us && list.next_until.us == NOON.us + REVOCATION_DAYS * DAY_US);
    folder_write(house.folder, "list.crl", der);
    folder_write(house.folder, "ca.pem", certificate_pem(&house.c, house.authority.chain.der[0]));
    RUNS("openssl", "crl", "-inform", "DER", "-in", "list.crl", "-CAfile", "ca.pem", "-noout", "-text");
    struct str said = house_file("said");
    assert_true(house_has(said, "verify OK") && house_has(said, "Serial Number: 40AB") &&
                house_has(said, "Cessation Of Operation"));
    house_fine(revocation_make(&house.c, &house.authority, NULL, 0, 1, NOON, &none));
    house_fine(revocation_read(&house.c, none, &list));
    assert_int_equal(list.count, 0);
    rows[0].reason = S("because");
    house_refused(revocation_make(&house.c, &house.authority, rows, 1, 1, NOON, &none), E_INVALID, "no reason");
    rows[0] = (struct revoked){ S("xyz"), NOON, STR_NULL };
    house_refused(revocation_make(&house.c, &house.authority, rows, 1, 1, NOON, &none), E_INVALID, "serial");
    house_refused(revocation_read(&house.c, str_slice(der, 0, der.len - 1), &list), E_INVALID, "cannot be read");
    house_refused(revocation_read(&house.c, S(""), &list), E_INVALID, "cannot be read");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_who_is_believed),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_asked_for),
        cmocka_unit_test(test_time_of_a_signature),
        cmocka_unit_test(test_time_of_an_envelope),
        cmocka_unit_test(test_revoked_before_and_after),
        cmocka_unit_test(test_a_claim_of_time_saves_no_revoked_key),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, set_up, house_close);
}
