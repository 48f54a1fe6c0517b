/* test_sm2.c - SM2 with SM3, both ways with the openssl program. */
#include "house.h"

#include "signing/sm2.h"

#define DATA S("诊断 {\"a\":1}")
#define DISTID "distid:" SM2_IDENTIFIER

static void test_here(void **state)
{
    (void)state;
    struct sm2_key key, other;
    struct str signature;
    bool is_fine = false;
    house_fine(sm2_make(&house.c, &key));
    house_fine(sm2_make(&house.c, &other));
    house_fine(sm2_sign(&house.c, key.private_der, DATA, &signature));
    house_fine(sm2_check(&house.c, key.public_der, DATA, signature, &is_fine));
    assert_true(is_fine);
    house_fine(sm2_check(&house.c, key.public_der, S("other"), signature, &is_fine));
    assert_false(is_fine);
    house_fine(sm2_check(&house.c, other.public_der, DATA, signature, &is_fine));
    assert_false(is_fine);
    for (ptrdiff_t i = 0; i < signature.len; i++) {
        struct str changed = arena_copy(&house.c.arena, signature);
        ((char *)(uintptr_t)changed.at)[i] ^= 1;
        house_fine(sm2_check(&house.c, key.public_der, DATA, changed, &is_fine));
        assert_false(is_fine);
        house_fine(sm2_check(&house.c, key.public_der, DATA, str_slice(signature, 0, i), &is_fine));
        assert_false(is_fine);
    }
    sm2_forget(&key);
    assert_true(str_is_null(key.private_der));
}

static void test_openssl_verifies(void **state)
{
    (void)state;
    struct sm2_key key, again;
    struct str signature;
    house_fine(sm2_make(&house.c, &key));
    house_fine(sm2_sign(&house.c, key.private_der, DATA, &signature));
    folder_write(house.folder, "data", DATA);
    folder_write(house.folder, "signature", signature);
    folder_write(house.folder, "public.pem", sm2_public_pem(&house.c, &key));
    RUNS("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-digest", "sm3", "-pkeyopt",
         DISTID, "-in", "data", "-sigfile", "signature");
    RUNS("openssl", "dgst", "-sm3", "-sigopt", DISTID, "-verify", "public.pem", "-signature", "signature", "data");
    house_fine(sm2_read(&house.c, sm2_public_pem(&house.c, &key), &again));
    assert_true(str_equal(again.public_der, key.public_der) && str_is_null(again.private_der));
    house_fine(sm2_read(&house.c, key.private_der, &again));
    assert_true(str_equal(again.public_der, key.public_der) && str_equal(again.private_der, key.private_der));
}

static void test_openssl_signs(void **state)
{
    (void)state;
    struct sm2_key key;
    bool is_fine = false;
    folder_write(house.folder, "data", DATA);
    RUNS("openssl", "genpkey", "-algorithm", "SM2", "-out", "key.pem");
    RUNS("openssl", "dgst", "-sm3", "-sigopt", DISTID, "-sign", "key.pem", "-out", "signature", "data");
    house_fine(sm2_read(&house.c, house_file("key.pem"), &key));
    house_fine(sm2_check(&house.c, key.public_der, DATA, house_file("signature"), &is_fine));
    assert_true(is_fine);
    RUNS("openssl", "dgst", "-sm3", "-sigopt", "distid:8765432187654321", "-sign", "key.pem", "-out", "signature",
         "data");
    house_fine(sm2_check(&house.c, key.public_der, DATA, house_file("signature"), &is_fine));
    assert_false(is_fine);
}

static void test_other_keys(void **state)
{
    (void)state;
    struct sm2_key key;
    struct str out;
    bool is_fine;
    house_refused(sm2_read(&house.c, house.doctor.key, &key), E_INVALID, "not an SM2 key");
    house_refused(sm2_read(&house.c, S(""), &key), E_INVALID, "not an SM2 key");
    house_refused(sm2_read(&house.c, S("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), &key),
                  E_INVALID, "not an SM2 key");
    house_refused(sm2_sign(&house.c, house.doctor.key, DATA, &out), E_INVALID, "could not sign");
    house_refused(sm2_check(&house.c, S("x"), DATA, S("y"), &is_fine), E_INVALID, "not a public");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_here),
        cmocka_unit_test(test_openssl_verifies),
        cmocka_unit_test(test_openssl_signs),
        cmocka_unit_test(test_other_keys),
    };
    return cmocka_run_group_tests(tests, house_open, house_close);
}
