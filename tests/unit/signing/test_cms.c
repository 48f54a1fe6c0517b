/* test_cms.c - signatures made here are read by the openssl program, its are read here, and every change is told. */
#include "house.h"

#include "base/crypto.h"

#include <openssl/cms.h>

#define REPORT S("{\"finding\":\"无异常\"}")

static struct str sign(const struct signer *signer, struct str meaning, struct instant at)
{
    unsigned char digest[SHA256_BYTES];
    struct str cms = STR_NULL;
    struct cms_options options = { meaning, at };
    crypto_sha256(REPORT, digest);
    house_fine(cms_sign(&house.c, signer, digest, &options, &cms));
    return cms;
}

static struct cms_signer check(struct str cms, struct str content)
{
    struct cms_result result;
    house_fine(cms_check(&house.c, cms, &content, 1, &house.trust, &result));
    assert_int_equal(result.count, 1);
    assert_int_equal(result.verdict, result.signers[0].verdict);
    return result.signers[0];
}

static void expect(const struct cms_signer *signer, enum verdict verdict, const char *words)
{
    if (signer->verdict != verdict || !house_has(signer->words, words))
        fail_msg("%s: %.*s", verdict_name(signer->verdict), STR_FMT(signer->words));
}

static void test_signed_and_checked(void **state)
{
    (void)state;
    struct cms_signer s = check(sign(&house.doctor, S("author"), NOON), REPORT);
    expect(&s, VERDICT_VALID, "unchanged, signed by 李 医生 Li at 2026-03-04T05:06:07");
    assert_str_is(s.meaning, "author");
    assert_str_is(s.certificate.subject, "CN=李 医生 Li,O=第一医院 General Hospital");
    assert_str_is(s.certificate.issuer, "CN=Signing authority,O=第一医院 General Hospital");
    assert_str_is(s.certificate.key_kind, "EC P-256");
    assert_int_equal(s.certificate.serial.len, 32);
    assert_true(s.time.us == NOON.us && s.time_source == TIME_CLAIMED);
    assert_true(s.digest_matches && s.signature_matches && s.is_trusted);
    s = check(sign(&house.doctor, S("审核 reviewer"), NOON), REPORT);
    assert_str_is(s.meaning, "审核 reviewer");
    s = check(sign(&house.doctor, STR_NULL, INSTANT_NULL), REPORT);
    expect(&s, VERDICT_VALID, "not said");
    assert_true(str_is_null(s.meaning) && s.time_source == TIME_NOW);
}

static void test_pieces(void **state)
{
    (void)state;
    struct cms_result result;
    struct str cms = sign(&house.doctor, STR_NULL, INSTANT_NULL);
    struct str pieces[] = { str_slice(REPORT, 0, 9), str_slice(REPORT, 9, REPORT.len) };
    char *padded = arena_alloc(&house.c.arena, cms.len + 1000);
    memcpy(padded, cms.at, (size_t)cms.len);
    house_fine(cms_check(&house.c, (struct str){ padded, cms.len + 1000 }, pieces, 2, &house.trust, &result));
    assert_int_equal(result.verdict, VERDICT_VALID);
    padded[cms.len + 999] = 1;
    house_refused(cms_check(&house.c, (struct str){ padded, cms.len + 1000 }, pieces, 2, &house.trust, &result),
                  E_INVALID, "follows");
}

static void test_changed_content(void **state)
{
    (void)state;
    struct str cms = sign(&house.doctor, S("author"), NOON);
    for (ptrdiff_t i = 0; i < REPORT.len; i++) {
        struct str other = arena_copy(&house.c.arena, REPORT);
        ((char *)(uintptr_t)other.at)[i] ^= 1;
        struct cms_signer s = check(cms, other);
        expect(&s, VERDICT_CHANGED, "has been changed");
        assert_true(!s.digest_matches && s.signature_matches);
    }
}

/* One bit in each third byte of the signature: refused, changed or unknown, or of no meaning for it (encodings that say
 * the same, certificates that are not needed) - but never valid with other words. */
static void test_changed_signature(void **state)
{
    (void)state;
    struct str cms = sign(&house.doctor, S("author"), NOON);
    int valid = 0;
    for (ptrdiff_t i = 0; i < cms.len; i += 3) {
        struct cms_result result;
        struct str other = arena_copy(&house.c.arena, cms);
        ((char *)(uintptr_t)other.at)[i] ^= (char)(1 << i % 8);
        if (!cms_check(&house.c, other, &REPORT, 1, &house.trust, &result)) {
            assert_true(house.c.error.code == E_INVALID);
            error_clear(&house.c.error);
        } else if (result.verdict == VERDICT_VALID) {
            valid++;
            assert_str_is(result.signers[0].certificate.common_name, "李 医生 Li");
            assert_str_is(result.signers[0].meaning, "author");
            assert_true(result.signers[0].time.us == NOON.us);
        }
    }
    /* Those of the authority's own certificate, which is here by itself, and a few of algorithms' names. */
    assert_true(valid < house.authority.chain.der[0].len + 60);
}

static void test_who_is_believed(void **state)
{
    (void)state;
    struct signer other, stranger;
    struct trust before = house.trust;
    house_fine(authority_make(&house.c, S("第一医院 General Hospital"), NOON, &other));
    house_fine(signer_make(&house.c, &other, S("李 医生 Li"), NOON, &stranger));
    struct cms_signer s = check(sign(&stranger, S("author"), NOON), REPORT);
    expect(&s, VERDICT_UNKNOWN_SIGNER, "no trusted authority");
    assert_true(s.digest_matches && s.signature_matches && !s.is_trusted);
    house.trust.anchor_count = 0;
    s = check(sign(&house.doctor, S("author"), NOON), REPORT);
    expect(&s, VERDICT_UNKNOWN_SIGNER, "no trusted authority");
    house.trust = before;
    /* An authority signs nothing but certificates. */
    s = check(sign(&house.authority, S("author"), NOON), REPORT);
    expect(&s, VERDICT_UNKNOWN_SIGNER, "not for signing documents");
}

static void test_certificates_are_judged_at_the_time_of_signing(void **state)
{
    (void)state;
    struct trust before = house.trust;
    house.trust.now.us += 40 * 366 * DAY_US;
    struct cms_signer s = check(sign(&house.doctor, S("author"), NOON), REPORT);
    expect(&s, VERDICT_VALID, "own clock");
    s = check(sign(&house.doctor, S("author"), INSTANT_NULL), REPORT);
    expect(&s, VERDICT_UNKNOWN_SIGNER, "expired");
    house.trust.known_time = NOON;
    s = check(sign(&house.doctor, S("author"), INSTANT_NULL), REPORT);
    expect(&s, VERDICT_VALID, "records of this server");
    house.trust.known_time = (struct instant){ NOON.us - DAY_US };
    s = check(sign(&house.doctor, S("author"), NOON), REPORT);
    expect(&s, VERDICT_UNKNOWN_SIGNER, "not valid yet");
    house.trust = before;
}

/* ---- the openssl program ---- */

static void write_pem(const char *name, struct str der)
{
    folder_write(house.folder, name, certificate_pem(&house.c, der));
}

static void test_openssl_verifies(void **state)
{
    (void)state;
    folder_write(house.folder, "report.json", REPORT);
    write_pem("ca.pem", house.authority.chain.der[0]);
    static const struct {
        const char *meaning;
        bool has_time;
    } rows[] = { { "author", true }, { NULL, false }, { NULL, true } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct str cms = sign(&house.doctor, str_from(rows[i].meaning), rows[i].has_time ? NOON : INSTANT_NULL);
        folder_write(house.folder, "report.p7s", cms);
        RUNS("openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "report.p7s", "-content",
             "report.json", "-CAfile", "ca.pem", "-attime", "1772600767", "-out", "out");
        assert_true(str_equal(house_file("out"), REPORT));
        RUNS("openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", "report.p7s");
        struct str said = house_file("said");
        assert_int_equal(house_has(said, "signingTime"), rows[i].has_time);
        assert_true(house_has(said, "id-smime-aa-signingCertificateV2"));
    }
    folder_write(house.folder, "report.json", S("{\"finding\":\"other\"}"));
    assert_int_not_equal(RUN("openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "report.p7s",
                             "-content", "report.json", "-CAfile", "ca.pem", "-attime", "1772600767"),
                         0);
}

/* Signatures of the openssl program: as CAdES with each digest, for RSA and P-384; and what is none. */
static void test_openssl_signs(void **state)
{
    (void)state;
    static const struct {
        const char *key, *option, *digest, *cades;
        enum verdict verdict;
        const char *words;
    } rows[] = {
        { "rsa", "rsa_keygen_bits:2048", "sha256", "-cades", VERDICT_VALID, "Dr. Who" },
        { "rsa", "rsa_keygen_bits:2048", "sha512", "-cades", VERDICT_VALID, "Dr. Who" },
        { "ec", "ec_paramgen_curve:P-384", "sha384", "-cades", VERDICT_VALID, "Dr. Who" },
        { "ec", "ec_paramgen_curve:P-256", "sha1", "-cades", VERDICT_CHANGED, "none of SHA-256" },
        { "ec", "ec_paramgen_curve:P-256", "sha256", "-nosmimecap", VERDICT_CHANGED, "this certificate" },
        { "ec", "ec_paramgen_curve:P-256", "sha256", "-noattr", VERDICT_CHANGED, "as CAdES does" },
    };
    struct trust before = house.trust;
    folder_write(house.folder, "report.json", REPORT);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        RUNS("openssl", "req", "-x509", "-newkey", rows[i].key, "-pkeyopt", rows[i].option, "-nodes", "-days", "9",
             "-subj", "/CN=Dr. Who", "-keyout", "key.pem", "-out", "cert.pem");
        RUNS("openssl", "cms", "-sign", "-binary", rows[i].cades, "-md", rows[i].digest, "-signer", "cert.pem",
             "-inkey", "key.pem", "-in", "report.json", "-outform", "DER", "-out", "report.p7s");
        struct chain chain;
        house_fine(certificate_chain_read(&house.c, house_file("cert.pem"), &chain));
        house.trust.anchors = chain.der;
        house.trust.now = clock_now();
        struct cms_signer s = check(house_file("report.p7s"), REPORT);
        expect(&s, rows[i].verdict, rows[i].words);
    }
    house.trust = before;
    RUNS("openssl", "cms", "-sign", "-binary", "-nodetach", "-signer", "cert.pem", "-inkey", "key.pem", "-in",
         "report.json", "-outform", "DER", "-out", "report.p7s");
    struct cms_result result;
    house_refused(cms_check(&house.c, house_file("report.p7s"), &REPORT, 1, &house.trust, &result), E_INVALID,
                  "content of its own");
    RUNS("openssl", "cms", "-data_create", "-in", "report.json", "-outform", "DER", "-out", "report.p7s");
    house_refused(cms_check(&house.c, house_file("report.p7s"), &REPORT, 1, &house.trust, &result), E_INVALID,
                  "another kind");
}

static void test_what_is_not_signed(void **state)
{
    (void)state;
    unsigned char digest[SHA256_BYTES] = { 0 };
    struct cms_options options = { S(""), NOON };
    struct cms_result result;
    struct str out = STR_NULL;
    char long_meaning[CMS_MEANING_MAX + 1];
    memset(long_meaning, 'a', sizeof(long_meaning));
    house_refused(cms_sign(&house.c, &house.doctor, digest, &options, &out), E_INVALID, "meaning");
    options.meaning = (struct str){ long_meaning, sizeof(long_meaning) };
    house_refused(cms_sign(&house.c, &house.doctor, digest, &options, &out), E_INVALID, "meaning");
    options.meaning = S("author");
    struct signer mixed = {
        house.authority.chain,
        house.doctor.key,
    };
    house_refused(cms_sign(&house.c, &mixed, digest, &options, &out), E_INVALID, "could not sign");
    house_refused(signer_check(&house.c, &mixed, NOON), E_INVALID, "does not belong");
    house_refused(signer_check(&house.c, &house.doctor, (struct instant){ NOON.us + 6 * 366 * DAY_US }), E_INVALID,
                  "valid from 2026-03-04 to 2031-03-04");
    mixed.key = STR_NULL;
    house_refused(cms_sign(&house.c, &mixed, digest, &options, &out), E_INVALID, "no private key");
    house_refused(cms_check(&house.c, S(""), &REPORT, 1, &house.trust, &result), E_INVALID, "cannot be read");
    house_refused(cms_check(&house.c, S("\x30\x80"), &REPORT, 1, &house.trust, &result), E_INVALID, "cannot be read");
    assert_true(str_is_null(out));
}

static void test_names(void **state)
{
    (void)state;
    struct signer made;
    struct certificate certificate;
    struct str name = S("欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳"
                        "欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳欧阳");
    house_fine(signer_make(&house.c, &house.authority, name, NOON, &made));
    house_fine(certificate_read(&house.c, made.chain.der[0], &certificate));
    assert_int_equal(str_code_points(certificate.common_name), SIGNER_NAME_MAX);
    house_refused(signer_make(&house.c, &house.authority, S("a\nb"), NOON, &made), E_INVALID, "control");
    house_refused(signer_make(&house.c, &house.authority, S(" "), NOON, &made), E_INVALID, "empty");
    house_refused(signer_make(&house.c, &house.authority, S("\xFF"), NOON, &made), E_INVALID, "UTF-8");
    house_fine(signer_make(&house.c, &house.authority, S("A, B+C=\"D\" <e>;#\\"), NOON, &made));
    house_fine(certificate_read(&house.c, made.chain.der[0], &certificate));
    assert_str_is(certificate.common_name, "A, B+C=\"D\" <e>;#\\");
    /* No signer outlives the authority. */
    struct instant late = { NOON.us + 19 * 366 * DAY_US };
    house_fine(signer_make(&house.c, &house.authority, S("Late"), late, &made));
    house_fine(certificate_read(&house.c, made.chain.der[0], &certificate));
    struct certificate above;
    house_fine(certificate_read(&house.c, house.authority.chain.der[0], &above));
    assert_true(certificate.until.us == above.until.us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed_and_checked),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_changed_content),
        cmocka_unit_test(test_changed_signature),
        cmocka_unit_test(test_who_is_believed),
        cmocka_unit_test(test_certificates_are_judged_at_the_time_of_signing),
        cmocka_unit_test(test_openssl_verifies),
        cmocka_unit_test(test_openssl_signs),
        cmocka_unit_test(test_what_is_not_signed),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, house_open, house_close);
}
