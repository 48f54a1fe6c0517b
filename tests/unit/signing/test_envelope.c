/* test_envelope.c - files of signed content: every member of one changed, and what is told then. */
#include "house.h"

#include "signing/canonical.h"
#include "signing/envelope.h"
#include "signing/revocation.h"
#include "signing/sm2.h"

#define CONTENT S("{\"finding\": \"无异常\", \"codes\": [1, 2.50], \"patient\": {\"number\": \"P1\"}}")

static struct envelope_entry entries[3];
static struct str canonical, plain; /* an envelope with one signature */

static struct envelope_entry sign(const struct signer *signer, const char *meaning)
{
    unsigned char digest[SHA256_BYTES];
    struct cms_options options = { str_from(meaning), NOON };
    struct envelope_entry entry = { .time = INSTANT_NULL };
    struct str cms;
    crypto_sha256(canonical, digest);
    house_fine(cms_sign(&house.c, signer, digest, &options, &cms));
    house_fine(envelope_entry(&house.c, cms, canonical, &house.trust, &entry));
    return entry;
}

static struct envelope_entry sign_sm2(const char *name, const char *meaning)
{
    struct sm2_key key;
    struct envelope_entry entry = { ENVELOPE_SM2, str_from(meaning), str_from(name), .time = INSTANT_NULL };
    entry.time_source = TIME_NOW;
    house_fine(sm2_make(&house.c, &key));
    house_fine(signer_certify(&house.c, &house.authority, entry.signer, key.public_der, NOON, &entry.chain));
    house_fine(sm2_sign(&house.c, key.private_der, canonical, &entry.signature));
    return entry;
}

static int set_up(void **state)
{
    if (house_open(state) || !canonical_text(&house.c, CONTENT, &canonical))
        return -1;
    entries[0] = sign(&house.doctor, "author");
    return envelope_write(&house.c, CONTENT, entries, 1, NULL, 0, &plain) ? 0 : -1;
}

static struct envelope_result check(struct str text)
{
    struct envelope_result result;
    house_fine(envelope_check(&house.c, text, &house.trust, &result));
    return result;
}

static void expect(struct str text, enum verdict verdict, const char *words)
{
    struct envelope_result result = check(text);
    if (result.verdict != verdict || !house_has(result.words, words))
        fail_msg("%s: %.*s", verdict_name(result.verdict), STR_FMT(result.words));
}

static struct str replaced(struct str text, const char *from, const char *to)
{
    ptrdiff_t at = str_find(text, str_from(from));
    if (at < 0)
        fail_msg("no %s", from);
    return arena_format(&house.c.arena, "%.*s%s%.*s", (int)at, text.at, to,
                        STR_FMT(str_slice(text, at + (ptrdiff_t)strlen(from), text.len)));
}

static void test_valid(void **state)
{
    (void)state;
    struct envelope_result result = check(plain);
    assert_int_equal(result.verdict, VERDICT_VALID);
    assert_true(str_equal(result.content, canonical) && result.count == 1);
    assert_str_is(result.signatures[0].signer.meaning, "author");
    assert_str_is(result.signatures[0].signer.certificate.common_name, "李 医生 Li");
    assert_true(result.signatures[0].signer.time.us == NOON.us);
    /* Written otherwise it is the same. */
    json_t *tree = json_loadb(plain.at, (size_t)plain.len, 0, NULL);
    char *pretty = json_dumps(tree, JSON_INDENT(4) | JSON_ENSURE_ASCII);
    expect(str_from(pretty), VERDICT_VALID, "unchanged, signed by");
    free(pretty);
    json_decref(tree);
    expect(replaced(plain, "2.5", "25e-1"), VERDICT_VALID, "");
}

static void test_changed(void **state)
{
    (void)state;
    expect(replaced(plain, "无异常", "无异堂"), VERDICT_CHANGED, "has been changed");
    expect(replaced(plain, "[1,2.5]", "[1,2.5,0]"), VERDICT_CHANGED, "has been changed");
    expect(replaced(plain, "\"P1\"", "\"P2\""), VERDICT_CHANGED, "has been changed");
    expect(replaced(plain, "\"author\"", "\"approver\""), VERDICT_CHANGED, "not what was signed");
    expect(replaced(plain, "\"李 医生 Li\"", "\"李 医生 Lu\""), VERDICT_CHANGED, "name or certificate");
    struct envelope_entry entry = entries[0];
    entry.chain = house.authority.chain;
    struct str text;
    house_fine(envelope_write(&house.c, CONTENT, &entry, 1, NULL, 0, &text));
    expect(text, VERDICT_CHANGED, "name or certificate");
}

/* Bytes all over the file: never valid with other content, name, meaning or time. */
static void test_changed_bytes(void **state)
{
    (void)state;
    for (ptrdiff_t i = 0; i < plain.len; i += 5) {
        struct envelope_result result;
        struct str other = arena_copy(&house.c.arena, plain);
        ((char *)(uintptr_t)other.at)[i] ^= 1;
        if (!envelope_check(&house.c, other, &house.trust, &result)) {
            assert_true(house.c.error.code == E_INVALID);
        } else if (result.verdict == VERDICT_VALID) {
            assert_true(str_equal(result.content, canonical));
            assert_str_is(result.signatures[0].signer.meaning, "author");
            assert_true(result.signatures[0].signer.time.us == NOON.us);
        }
        error_clear(&house.c.error);
    }
}

static void test_several(void **state)
{
    (void)state;
    struct signer other, stranger, authority;
    struct str text;
    house_fine(signer_make(&house.c, &house.authority, S("王 医生"), NOON, &other));
    entries[1] = sign(&other, "approver");
    house_fine(envelope_write(&house.c, CONTENT, entries, 2, NULL, 0, &text));
    assert_int_equal(check(text).count, 2);
    expect(text, VERDICT_VALID, "李 医生");
    house_fine(authority_make(&house.c, S("Elsewhere"), NOON, &authority));
    house_fine(signer_make(&house.c, &authority, S("王 医生"), NOON, &stranger));
    entries[1] = sign(&stranger, "approver");
    house_fine(envelope_write(&house.c, CONTENT, entries, 2, NULL, 0, &text));
    expect(text, VERDICT_UNKNOWN_SIGNER, "unknown signer 王 医生");
    expect(replaced(text, "无异常", "有异常"), VERDICT_CHANGED, "");
}

static void test_revoked(void **state)
{
    (void)state;
    struct certificate certificate;
    struct str lists[1], text;
    struct envelope_result result;
    house_fine(certificate_read(&house.c, house.doctor.chain.der[0], &certificate));
    struct revoked row = { certificate.serial, { NOON.us + DAY_US }, S("keyCompromise") };
    house_fine(revocation_make(&house.c, &house.authority, &row, 1, 1, NOON, &lists[0]));
    house_fine(envelope_write(&house.c, CONTENT, entries, 1, lists, 1, &text));
    expect(text, VERDICT_REVOKED, "was revoked on 2026-03-05");
    struct trust trust = house.trust;
    trust.known_time = NOON;
    house_fine(envelope_check(&house.c, text, &trust, &result));
    assert_int_equal(result.verdict, VERDICT_VALID);
    /* A list that only the one who checks has. */
    trust.known_time = INSTANT_NULL;
    trust.lists = lists;
    trust.list_count = 1;
    house_fine(envelope_check(&house.c, plain, &trust, &result));
    assert_int_equal(result.verdict, VERDICT_REVOKED);
}

static void test_sm2(void **state)
{
    (void)state;
    struct str text;
    entries[1] = sign_sm2("李 医生 Li", "author");
    house_fine(envelope_write(&house.c, CONTENT, entries, 2, NULL, 0, &text));
    expect(text, VERDICT_VALID, "");
    assert_str_is(check(text).signatures[1].signer.certificate.key_kind, "SM2");
    expect(replaced(text, "无异常", "有异常"), VERDICT_CHANGED, "");
    /* In either order; not alone, nor with a name or a meaning that nobody has signed. */
    struct envelope_entry turned[] = { entries[1], entries[0] };
    house_fine(envelope_write(&house.c, CONTENT, turned, 2, NULL, 0, &text));
    expect(text, VERDICT_VALID, "");
    house_fine(envelope_write(&house.c, CONTENT, turned, 1, NULL, 0, &text));
    expect(text, VERDICT_CHANGED, "stand beside");
    entries[1].meaning = S("approver");
    house_fine(envelope_write(&house.c, CONTENT, entries, 2, NULL, 0, &text));
    expect(text, VERDICT_CHANGED, "stand beside");
    entries[1] = sign_sm2("王 医生", "author");
    entries[1].signer = entries[0].signer;
    house_fine(envelope_write(&house.c, CONTENT, entries, 2, NULL, 0, &text));
    expect(text, VERDICT_CHANGED, "stand beside");
    entries[1] = sign_sm2("李 医生 Li", "author");
    entries[1].signature = sign_sm2("李 医生 Li", "author").signature;
    house_fine(envelope_write(&house.c, CONTENT, entries, 2, NULL, 0, &text));
    expect(text, VERDICT_CHANGED, "by SM2");
    entries[1].chain = house.doctor.chain;
    house_fine(envelope_write(&house.c, CONTENT, entries, 2, NULL, 0, &text));
    struct envelope_result result;
    house_refused(envelope_check(&house.c, text, &house.trust, &result), E_INVALID, "another key");
}

static void test_no_envelopes(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *words;
    } rows[] = {
        { "\"roentgen-envelope-1\"", "\"roentgen-envelope-2\"", "format" },
        { "\"format\"", "\"shape\"", "should not have" },
        { "\"content\"", "\"extra\":1,\"content\"", "should not have" },
        { "\"meaning\"", "\"meant\"", "should not have" },
        { "\"CAdES\"", "\"none\"", "neither" },
        { "\"author\"", "7", "meaning" },
        { "\"certificates\":[", "\"certificates\":[\"\",", "base64" },
        { "\"certificates\":[", "\"certificates\":[\"*\",", "base64" },
        { "\"signature\":\"", "\"signature\":\"AAAA\",\"signer\":\"", "twice" },
        { "\"revocation_lists\":[]", "\"revocation_lists\":{}", "revocation_lists" },
        { "{", "[", "JSON" },
    };
    struct envelope_result result;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        house_refused(envelope_check(&house.c, replaced(plain, rows[i].from, rows[i].to), &house.trust, &result),
                      E_INVALID, rows[i].words);
    house_refused(envelope_check(&house.c, S("[]"), &house.trust, &result), E_INVALID, "not an object");
    house_refused(envelope_check(&house.c, S("{}"), &house.trust, &result), E_INVALID, "format");
    struct str out, cms = entries[0].signature;
    house_refused(envelope_write(&house.c, CONTENT, entries, 0, NULL, 0, &out), E_INVALID, "1 to 8");
    house_refused(envelope_write(&house.c, S("[1,]"), entries, 1, NULL, 0, &out), E_INVALID, "JSON");
    struct envelope_entry entry;
    house_refused(envelope_entry(&house.c, cms, S("{}"), &house.trust, &entry), E_INVALID, "not a signature of this");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),        cmocka_unit_test(test_changed), cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_several),      cmocka_unit_test(test_revoked), cmocka_unit_test(test_sm2),
        cmocka_unit_test(test_no_envelopes),
    };
    return cmocka_run_group_tests(tests, set_up, house_close);
}
