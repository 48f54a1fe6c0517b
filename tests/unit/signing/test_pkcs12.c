/* test_pkcs12.c - keys brought in files of the openssl program, as many programs make them; and files to be refused. */
#include "house.h"

#include <openssl/evp.h>
#include <openssl/pkcs12.h>

static void make_certificate(const char *key, const char *option, const char *extension, const char *days)
{
    RUNS("openssl", "req", "-x509", "-newkey", key, "-pkeyopt", option, "-nodes", "-days", days, "-subj",
         "/CN=Dr. 王/O=Elsewhere", "-utf8", "-addext", extension, "-keyout", "key.pem", "-out", "cert.pem");
}

static bool bring(const char *password, struct instant now, struct signer *out)
{
    return signer_bring(&house.c, house_file("file.p12"), str_from(password), now, out);
}

#define EXPORT(...) \
    RUNS("openssl", "pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-out", "file.p12", __VA_ARGS__)

static void test_taken(void **state)
{
    (void)state;
    static const struct {
        const char *key, *option, *cipher, *kind;
    } rows[] = {
        { "ec", "ec_paramgen_curve:P-256", "aes-256-cbc", "EC P-256" },
        { "ec", "ec_paramgen_curve:P-384", "aes-128-cbc", "EC P-384" },
        { "rsa", "rsa_keygen_bits:2048", "PBE-SHA1-3DES", "RSA 2048" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct signer signer;
        struct certificate certificate;
        make_certificate(rows[i].key, rows[i].option, "keyUsage=digitalSignature", "9");
        EXPORT("-passout", "pass:geheim 密码", "-keypbe", rows[i].cipher, "-certpbe", rows[i].cipher);
        house_fine(bring("geheim 密码", clock_now(), &signer));
        house_fine(certificate_read(&house.c, signer.chain.der[0], &certificate));
        assert_str_is(certificate.common_name, "Dr. 王");
        assert_str_is(certificate.key_kind, rows[i].kind);
        house_refused(bring("geheim", clock_now(), &signer), E_FORBIDDEN, "wrong password");
        house_refused(bring("", clock_now(), &signer), E_FORBIDDEN, "wrong password");
        unsigned char digest[SHA256_BYTES] = { 0 };
        struct cms_options options = { S("author"), clock_now() };
        struct str cms;
        house_fine(cms_sign(&house.c, &signer, digest, &options, &cms));
    }
}

static void test_chain(void **state)
{
    (void)state;
    struct signer signer;
    folder_write(house.folder, "cert.pem",
                 arena_format(&house.c.arena, "%.*s%.*s",
                              STR_FMT(certificate_pem(&house.c, house.authority.chain.der[0])),
                              STR_FMT(certificate_pem(&house.c, house.doctor.chain.der[0]))));
    folder_write(house.folder, "key.der", house.doctor.key);
    RUNS("openssl", "pkey", "-inform", "DER", "-in", "key.der", "-out", "key.pem");
    EXPORT("-passout", "pass:");
    house_fine(bring("", NOON, &signer));
    assert_int_equal(signer.chain.count, 2);
    assert_true(str_equal(signer.chain.der[0], house.doctor.chain.der[0]) &&
                str_equal(signer.chain.der[1], house.authority.chain.der[0]) &&
                str_equal(signer.key, house.doctor.key));
    signer_forget(&signer);
    assert_true(str_is_null(signer.key));
    house_refused(bring("", (struct instant){ NOON.us - DAY_US }, &signer), E_INVALID, "which is not now");
    house_refused(bring("", (struct instant){ NOON.us + 6 * 366 * DAY_US }, &signer), E_INVALID, "which is not now");
}

static void test_refused(void **state)
{
    (void)state;
    struct signer signer = { .key = STR_NULL };
    make_certificate("rsa", "rsa_keygen_bits:1024", "keyUsage=digitalSignature", "9");
    EXPORT("-passout", "pass:x");
    house_refused(bring("x", clock_now(), &signer), E_INVALID, "none that signs here");
    make_certificate("ec", "ec_paramgen_curve:secp256k1", "keyUsage=digitalSignature", "9");
    EXPORT("-passout", "pass:x");
    house_refused(bring("x", clock_now(), &signer), E_INVALID, "none that signs here");
    make_certificate("ec", "ec_paramgen_curve:P-256", "extendedKeyUsage=serverAuth", "9");
    EXPORT("-passout", "pass:x");
    house_refused(bring("x", clock_now(), &signer), E_INVALID, "not for signing documents");
    make_certificate("ec", "ec_paramgen_curve:P-256", "keyUsage=digitalSignature", "9");
    EXPORT("-passout", "pass:x", "-legacy");
    house_refused(bring("x", clock_now(), &signer), E_INVALID, "outdated");
    EXPORT("-passout", "pass:x", "-nomac");
    house_refused(bring("x", clock_now(), &signer), E_INVALID, "no MAC");
    EXPORT("-passout", "pass:x", "-iter", "65536");
    struct str many = house_file("file.p12");
    memcpy((char *)(uintptr_t)many.at + many.len - 3, "\x7F\xFF\xFF", 3); /* of the MAC, at the end */
    house_refused(signer_bring(&house.c, many, S("x"), clock_now(), &signer), E_INVALID, "rounds");
    RUNS("openssl", "pkcs12", "-export", "-nokeys", "-in", "cert.pem", "-out", "file.p12", "-passout", "pass:x");
    house_refused(bring("x", clock_now(), &signer), E_INVALID, "holds no key");
    house_refused(signer_bring(&house.c, S("-----BEGIN"), S("x"), NOON, &signer), E_INVALID, "not a PKCS#12");
    house_refused(signer_bring(&house.c, S(""), S(""), NOON, &signer), E_INVALID, "not a PKCS#12");
    char *large = arena_alloc(&house.c.arena, PKCS12_BYTES_MAX + 1);
    house_refused(signer_bring(&house.c, (struct str){ large, PKCS12_BYTES_MAX + 1 }, S(""), NOON, &signer),
                  E_TOO_LARGE, "KiB");
    assert_true(str_is_null(signer.key));
}

/* A key, and the certificate of another: what openssl pkcs12 does not make. */
static void test_key_without_its_certificate(void **state)
{
    (void)state;
    struct signer signer;
    const unsigned char *at = (const unsigned char *)house.authority.chain.der[0].at;
    unsigned char *der = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *other = d2i_X509(NULL, &at, (long)house.authority.chain.der[0].len);
    STACK_OF(X509) *others = sk_X509_new_null();
    sk_X509_push(others, other);
    PKCS12 *file = PKCS12_create("x", NULL, key, NULL, others, 0, 0, 100, 100, 0);
    assert_non_null(file);
    int len = i2d_PKCS12(file, &der);
    house_refused(signer_bring(&house.c, (struct str){ (char *)der, len }, S("x"), NOON, &signer), E_INVALID,
                  "no certificate of its key");
    OPENSSL_free(der);
    PKCS12_free(file);
    sk_X509_pop_free(others, X509_free);
    EVP_PKEY_free(key);
}

static void test_damaged(void **state)
{
    (void)state;
    struct signer signer;
    make_certificate("ec", "ec_paramgen_curve:P-256", "keyUsage=digitalSignature", "9");
    EXPORT("-passout", "pass:x", "-iter", "10");
    struct str file = house_file("file.p12");
    for (ptrdiff_t i = 0; i < file.len; i += 7) {
        struct str other = arena_copy(&house.c.arena, file);
        ((char *)(uintptr_t)other.at)[i] ^= (char)(1 << i % 8);
        if (!signer_bring(&house.c, other, S("x"), clock_now(), &signer))
            assert_true(house.c.error.code == E_INVALID || house.c.error.code == E_FORBIDDEN);
        error_clear(&house.c.error);
        assert_false(signer_bring(&house.c, str_slice(file, 0, i), S("x"), clock_now(), &signer));
        error_clear(&house.c.error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),   cmocka_unit_test(test_chain),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_key_without_its_certificate),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, house_open, house_close);
}
