/* test_proofs.c - what proves a time stamp for long: lists of the openssl program, in time and too late, given and
 * brought. */
#include "tsa.h"

#include "signing/proofs.h"
#include "signing/revocation.h"

#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#define DATA S("what is stamped")
#define DAY_S 86400
#define CA_CONFIG \
    "[two]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\n" \
    "[keeping]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\ncrl_extensions=keeps\n" \
    "[keeps]\n2.5.29.60=ASN1:GENERALIZEDTIME:20200101000000Z\n"

static int set_up(void **state)
{
    if (house_open(state))
        return -1;
    tsa_open();
    folder_write(house.folder, "ca.cnf", S(CA_CONFIG));
    return 0;
}

/* The root's list, made `days` from now. "keeping": it lists what has ended. */
static struct str list_of(int days, bool revoked, const char *authority)
{
    char made[24], next[24];
    time_t at = time(NULL) + (time_t)days * DAY_S, until = at + 2 * DAY_S;
    struct tm day;
    strftime(made, sizeof(made), "%Y%m%d%H%M%SZ", gmtime_r(&at, &day));
    strftime(next, sizeof(next), "%Y%m%d%H%M%SZ", gmtime_r(&until, &day));
    folder_write(house.folder, "index", S(""));
    folder_write(house.folder, "number", S("01\n"));
    if (revoked)
        RUNS("openssl", "ca", "-config", "ca.cnf", "-name", authority, "-cert", "tsa-ca.pem", "-keyfile", "tsa-ca.key",
             "-revoke", "tsa.pem", "-crl_reason", "keyCompromise");
    RUNS("openssl", "ca", "-config", "ca.cnf", "-name", authority, "-cert", "tsa-ca.pem", "-keyfile", "tsa-ca.key",
         "-gencrl", "-crl_lastupdate", made, "-crl_nextupdate", next, "-out", "list.pem");
    struct str der = STR_NULL;
    int count = 0;
    house_fine(proofs_read_lists(&house.c, house_file("list.pem"), 1, &der, &count));
    return der;
}

static bool prove(struct str token, struct str list, struct proofs *out)
{
    struct trust trust = tsa.trust;
    struct str data = DATA;
    trust.lists = &list;
    trust.list_count = str_is_null(list) ? 0 : 1;
    *out = (struct proofs){ 0 };
    return timestamp_prove(&house.c, token, &data, 1, &trust, out);
}

/* Its certificate ends in nine days; what its issuer hands out later may leave it out, revoked or not. */
static void test_lists_and_ends(void **state)
{
    (void)state;
    struct timestamp stamp = tsa_stamp(DATA);
    struct proofs proofs;
    house_refused(prove(stamp.token, STR_NULL, &proofs), E_NOT_FOUND, "CN=Time root");
    assert_true(proofs.until.us == stamp.until.us); /* known all the same */
    house_fine(prove(stamp.token, list_of(0, false, "two"), &proofs));
    assert_true(proofs.certificate_count == 2 && proofs.list_count == 1);
    house_fine(prove(stamp.token, list_of(8, false, "two"), &proofs));
    house_refused(prove(stamp.token, list_of(10, false, "two"), &proofs), E_NOT_FOUND, "before CN=Test time ended");
    house_fine(prove(stamp.token, list_of(10, false, "keeping"), &proofs));
    house_refused(prove(stamp.token, list_of(-5, false, "two"), &proofs), E_NOT_FOUND, "no current");
    house_refused(prove(stamp.token, list_of(10, true, "two"), &proofs), E_INVALID, "revoked");
}

/* So are signers judged. This house's own lists keep what has ended. */
static void test_lists_of_the_house(void **state)
{
    (void)state;
    unsigned char digest[SHA256_BYTES];
    struct cms_options options = { S("author"), NOON };
    struct cms_result result;
    struct str cms, list, data = DATA;
    struct trust trust = house.trust;
    struct certificate certificate;
    crypto_sha256(DATA, digest);
    house_fine(certificate_read(&house.c, house.doctor.chain.der[0], &certificate));
    house_fine(cms_sign(&house.c, &house.doctor, digest, &options, &cms));
    struct instant later = { certificate.until.us + DAY_US };
    house_fine(revocation_make(&house.c, &house.authority, NULL, 0, 1, later, &list));
    trust.lists = &list;
    trust.list_count = 1;
    trust.known_time = NOON;
    house_fine(cms_check(&house.c, cms, &data, 1, &trust, &result));
    assert_int_equal(result.signers[0].revocation, REVOCATION_NONE);
    folder_write(house.folder, "house.crl", list);
    RUNS("openssl", "crl", "-inform", "DER", "-in", "house.crl", "-noout", "-text");
    assert_true(house_has(house_file("said"), "2.5.29.60"));
}

/* Nobody has signed what lists a token brings. */
static struct str bringing(struct str token, struct str list)
{
    const unsigned char *at = (const unsigned char *)token.at, *list_at = (const unsigned char *)list.at;
    PKCS7 *read = d2i_PKCS7(NULL, &at, (long)token.len);
    X509_CRL *crl = d2i_X509_CRL(NULL, &list_at, (long)list.len);
    assert_true(read && crl && PKCS7_add_crl(read, crl));
    unsigned char *der = NULL;
    int len = i2d_PKCS7(read, &der);
    struct str out = arena_copy(&house.c.arena, (struct str){ (const char *)der, len });
    OPENSSL_free(der);
    X509_CRL_free(crl);
    PKCS7_free(read);
    return out;
}

static void test_lists_that_it_brings(void **state)
{
    (void)state;
    struct timestamp stamp = tsa_stamp(DATA);
    struct str clean = list_of(0, false, "two"), revoked = list_of(0, true, "two");
    struct proofs proofs;
    house_fine(prove(bringing(stamp.token, clean), STR_NULL, &proofs));
    assert_true(proofs.list_count == 1 && str_equal(proofs.lists[0], clean));
    house_refused(prove(bringing(stamp.token, revoked), STR_NULL, &proofs), E_INVALID, "revoked");
    house_refused(prove(bringing(stamp.token, revoked), clean, &proofs), E_INVALID, "revoked");
}

/* In pieces, and by another digest than the one that is asked for here. */
static void test_pieces_and_digests(void **state)
{
    (void)state;
    struct str pieces[] = { S("what is"), S(" stamped") }, other[] = { S("what is"), S(" stampeD") };
    struct timestamp stamp;
    folder_write(house.folder, "data", DATA);
    RUNS("openssl", "ts", "-query", "-data", "data", "-sha384", "-cert", "-out", "long.tsq");
    tsa_answer(house_file("long.tsq"));
    RUNS("openssl", "ts", "-reply", "-in", "answer.tsr", "-token_out", "-out", "token");
    struct str token = house_file("token");
    assert_true(timestamp_is_of(token, pieces, 2) && !timestamp_is_of(token, other, 2));
    house_fine(timestamp_check(&house.c, token, pieces, 2, &tsa.trust, &stamp));
    house_refused(timestamp_check(&house.c, token, other, 2, &tsa.trust, &stamp), E_INVALID, "imprint");
    token = tsa_stamp(DATA).token;
    assert_true(timestamp_is_of(token, pieces, 2) && !timestamp_is_of(token, pieces, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_and_ends),
        cmocka_unit_test(test_lists_of_the_house),
        cmocka_unit_test(test_lists_that_it_brings),
        cmocka_unit_test(test_pieces_and_digests),
    };
    return cmocka_run_group_tests(tests, set_up, house_close);
}
