/* test_token.c - a key on a token of SoftHSM: it signs, and what goes wrong is told. */
#include "house.h"

#include "signing/token.h"

#include <pthread.h>

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define URI S("pkcs11:object=doctor;type=private")

static struct token *token;
static struct chain chain;

/* The token gets the doctor's key, which has a certificate. */
static int set_up(void **state)
{
    if (house_open(state))
        return -1;
    setenv("SOFTHSM2_CONF", folder_file(house.folder, "softhsm2.conf"), 1);
    folder_write(house.folder, "softhsm2.conf",
                 arena_format(&house.c.arena,
                              "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
                              house.folder->path));
    folder_write(house.folder, "key.der", house.doctor.key);
    RUNS("openssl", "pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-in", "key.der", "-out", "key.pem");
    RUNS("softhsm2-util", "--init-token", "--free", "--label", "house", "--pin", "2468", "--so-pin", "1357");
    RUNS("softhsm2-util", "--import", "key.pem", "--token", "house", "--label", "doctor", "--id", "01", "--pin",
         "2468");
    chain = house.doctor.chain;
    return 0;
}

static int tear_down(void **state)
{
    token_close(token);
    return house_close(state);
}

static bool sign(struct call *c, const struct signer *signer, struct str *cms)
{
    unsigned char digest[SHA256_BYTES];
    struct cms_options options = { S("author"), NOON };
    crypto_sha256(S("content"), digest);
    return cms_sign(c, signer, digest, &options, cms);
}

static void test_signs(void **state)
{
    (void)state;
    struct signer signer;
    struct cms_result result;
    struct str cms, content = S("content");
    house_fine(token_signer(&house.c, token, URI, &chain, &signer));
    house_fine(signer_check(&house.c, &signer, NOON));
    house_fine(sign(&house.c, &signer, &cms));
    house_fine(cms_check(&house.c, cms, &content, 1, &house.trust, &result));
    assert_int_equal(result.verdict, VERDICT_VALID);
    assert_true(str_is_null(signer.key));
}

static void test_refused(void **state)
{
    (void)state;
    struct signer signer;
    house_refused(token_signer(&house.c, token, S("pkcs11:object=other;type=private"), &chain, &signer), E_UNAVAILABLE,
                  "no such private key");
    house_refused(token_signer(&house.c, token, S("file:key.pem"), &chain, &signer), E_INVALID, "pkcs11:");
    house_refused(token_signer(&house.c, token, S("pkcs11:object=doctor?module-path=/tmp/x.so"), &chain, &signer),
                  E_INVALID, "pkcs11:");
    house_refused(token_signer(&house.c, token, S("pkcs11:token=other;object=doctor"), &chain, &signer), E_INVALID,
                  "nothing else");
    house_refused(token_signer(&house.c, token, S("pkcs11:object=doctor;pin-value=1"), &chain, &signer), E_INVALID,
                  "nothing else");
    house_refused(token_signer(&house.c, token, S("pkcs11:"), &chain, &signer), E_INVALID, "nothing else");
    house_refused(token_signer(&house.c, token, URI, &house.authority.chain, &signer), E_INVALID, "does not belong");
}

struct work {
    struct call c;
    struct signer signer;
    bool done;
};

static void *work(void *context)
{
    struct work *w = context;
    w->done = true;
    for (int i = 0; w->done && i < 25; i++) {
        struct str cms;
        w->done = sign(&w->c, &w->signer, &cms);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    struct work works[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        call_init(&works[i].c, NULL, NULL);
        house_fine(token_signer(&house.c, token, URI, &chain, &works[i].signer));
        pthread_create(&threads[i], NULL, work, &works[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        if (!works[i].done)
            fail_msg("%s", works[i].c.error.message);
        call_release(&works[i].c);
    }
}

static void test_wrong_pin_is_tried_once(void **state)
{
    (void)state;
    struct signer signer;
    struct token_options options = { S(MODULE), S("house"), S("9999") };
    house_fine(token_open(&options, &token, &house.c.error));
    house_refused(token_signer(&house.c, token, URI, &chain, &signer), E_UNAVAILABLE, "PIN is wrong");
    house_refused(token_signer(&house.c, token, URI, &chain, &signer), E_UNAVAILABLE, "not tried again");
    token_close(token);
    token = NULL;
    options = (struct token_options){ S("/nowhere/x.so"), S("house"), S("1") };
    house_refused(token_open(&options, &token, &house.c.error), E_INVALID, "/nowhere/x.so is no PKCS#11");
    options = (struct token_options){ S(MODULE), S("house"), S("") };
    house_refused(token_open(&options, &token, &house.c.error), E_INVALID, "cannot be used");
    options.pin = S("2468");
    house_fine(token_open(&options, &token, &house.c.error));
    house_fine(token_signer(&house.c, token, URI, &chain, &signer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_pin_is_tried_once), /* first: it leaves the token open */
        cmocka_unit_test(test_signs),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
