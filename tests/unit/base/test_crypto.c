/* test_crypto.c - digests and keys against published vectors; sealing, tokens and passwords by what they promise. */
#include "test.h"

#include "base/crypto.h"

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

static void random_numbers(void **state)
{
    (void)state;
    char a[64] = { 0 }, b[64] = { 0 }, guard = 'g';
    crypto_random(a, sizeof(a));
    crypto_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    crypto_random(&guard, 0);
    assert_int_equal(guard, 'g');
    char *large = arena_alloc(&arena, 1 << 20); /* getrandom may give less than asked at once */
    crypto_random(large, 1 << 20);
    assert_memory_not_equal(large + (1 << 20) - 32, (char[32]){ 0 }, 32);
}

static void uuids(void **state)
{
    (void)state;
    char first[UUID_TEXT + 1];
    crypto_uuid(first);
    for (int i = 0; i < 200; i++) {
        char uuid[UUID_TEXT + 1];
        crypto_uuid(uuid);
        assert_int_equal(strlen(uuid), UUID_TEXT);
        for (int k = 0; k < UUID_TEXT; k++) {
            if (k == 8 || k == 13 || k == 18 || k == 23)
                assert_int_equal(uuid[k], '-');
            else
                assert_non_null(strchr("0123456789abcdef", uuid[k]));
        }
        assert_int_equal(uuid[14], '4');
        assert_non_null(strchr("89ab", uuid[19]));
        assert_string_not_equal(uuid, first);
    }
    assert_int_equal(crypto_uuid_text(&arena).len, UUID_TEXT);
}

static void tokens(void **state)
{
    (void)state;
    static const int lengths[][2] = { { 0, 0 }, { 1, 2 }, { 2, 3 }, { 3, 4 }, { 32, 43 } };
    for (int i = 0; i < 5; i++) {
        struct str token = crypto_token(&arena, lengths[i][0]);
        assert_int_equal(token.len, lengths[i][1]);
        for (ptrdiff_t k = 0; k < token.len; k++)
            assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", token.at[k]));
    }
    assert_false(str_equal(crypto_token(&arena, 32), crypto_token(&arena, 32)));
}

static void equality(void **state)
{
    (void)state;
    assert_true(crypto_equal(S("secret"), S("secret")));
    assert_false(crypto_equal(S("secret"), S("secreT")));
    assert_false(crypto_equal(S("Secret"), S("secret")));
    assert_false(crypto_equal(S("secret"), S("secre")));
    assert_false(crypto_equal(S("a\0b"), S("a\0c")));
    assert_true(crypto_equal(S(""), STR_NULL));
}

static void sha256(void **state)
{
    (void)state;
    /* FIPS 180-4 examples */
    static const char nothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_str_is(crypto_sha256_hex(S(""), &arena), nothing);
    assert_str_is(crypto_sha256_hex(STR_NULL, &arena), nothing);
    assert_str_is(crypto_sha256_hex(S("abc"), &arena),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void hmac(void **state)
{
    (void)state;
    /* RFC 4231 test case 2: a shorter key is the same as one filled with zeros. */
    struct key key = { "Jefe" };
    assert_str_is(crypto_hmac_hex(&key, S("what do ya want for nothing?"), &arena),
                  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    /* test case 1 */
    memset(&key, 0, sizeof(key));
    memset(key.bytes, 0x0b, 20);
    assert_str_is(crypto_hmac_hex(&key, S("Hi There"), &arena),
                  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    unsigned char empty[SHA256_BYTES], null[SHA256_BYTES];
    crypto_hmac_sha256(&key, S(""), empty);
    crypto_hmac_sha256(&key, STR_NULL, null);
    assert_memory_equal(empty, null, sizeof(empty));
}

static void derivation(void **state)
{
    (void)state;
    /* RFC 5869 A.3, the first 32 bytes */
    char secret[22];
    memset(secret, 0x0b, sizeof(secret));
    struct key key, other;
    crypto_derive((struct str){ secret, sizeof(secret) }, "", &key);
    assert_str_is(crypto_hex(key.bytes, KEY_BYTES, &arena),
                  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
    crypto_derive((struct str){ secret, sizeof(secret) }, "a", &other);
    assert_memory_not_equal(key.bytes, other.bytes, KEY_BYTES);
    crypto_derive((struct str){ secret, sizeof(secret) - 1 }, "", &other);
    assert_memory_not_equal(key.bytes, other.bytes, KEY_BYTES);
}

static void hexadecimal(void **state)
{
    (void)state;
    assert_str_is(crypto_hex("\x00\x7f\xff", 3, &arena), "007fff");
    assert_str_is(crypto_hex("", 0, &arena), "");
    unsigned char out[4] = { 1, 2, 3, 4 };
    assert_true(crypto_unhex(S("00fFA5"), out, 3));
    assert_memory_equal(out, "\x00\xff\xa5\x04", 4);
    static const char *const bad[] = { "00ffa", "00ffa5b", "00ffa5b6", "00ffg5", "00ff/5", "00ff:5", " 0ffa5", "" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(crypto_unhex(str_from(bad[i]), out, 3));
    assert_memory_equal(out, "\x00\xff\xa5\x04", 4);
}

static void base64(void **state)
{
    (void)state;
    /* RFC 4648 10 */
    static const char *const pairs[][2] = { { "", "" },
                                            { "f", "Zg==" },
                                            { "fo", "Zm8=" },
                                            { "foo", "Zm9v" },
                                            { "foob", "Zm9vYg==" },
                                            { "fooba", "Zm9vYmE=" },
                                            { "foobar", "Zm9vYmFy" },
                                            { "\xfb\xff\xbf", "+/+/" } };
    struct str out;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_str_is(crypto_base64(str_from(pairs[i][0]), &arena), pairs[i][1]);
        assert_true(crypto_unbase64(str_from(pairs[i][1]), &arena, &out));
        assert_str_is(out, pairs[i][0]);
    }
    static const char *const bad[] = { "Zg",   "Zg=",    "Zg===", "Z===",     "====",     "=",    "Zh==",
                                       "Zm9=", "Zm9v\n", "Zm 9",  "Zm9v=m9v", "Zg==Zg==", "-_-_", "Zm9vY" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (crypto_unbase64(str_from(bad[i]), &arena, &out))
            fail_msg("\"%s\" was taken", bad[i]);
    }
    for (ptrdiff_t len = 0; len < 100; len++) {
        char bytes[100];
        crypto_random(bytes, sizeof(bytes));
        assert_true(crypto_unbase64(crypto_base64((struct str){ bytes, len }, &arena), &arena, &out));
        assert_int_equal(out.len, len);
        assert_memory_equal(out.at, bytes, (size_t)len);
    }
}

static void sealing(void **state)
{
    (void)state;
    struct key key, other;
    crypto_derive(S("a secret"), "columns", &key);
    crypto_derive(S("a secret"), "tokens", &other);
    static const char *const texts[] = { "", "1", "+86 138 0013 8000", "\xE5\xBC\xA0\xE4\xB8\x89" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct str sealed = crypto_seal(&key, S("patients.phone"), str_from(texts[i]), &arena), out = S("untouched");
        assert_false(crypto_open(&other, S("patients.phone"), sealed, &arena, &out));
        assert_false(crypto_open(&key, S("patients.email"), sealed, &arena, &out));
        assert_str_is(out, "untouched");
        assert_true(crypto_open(&key, S("patients.phone"), sealed, &arena, &out));
        assert_str_is(out, texts[i]);
        /* The same text never seals the same way twice. */
        assert_false(str_equal(sealed, crypto_seal(&key, S("patients.phone"), str_from(texts[i]), &arena)));
    }
}

static void damaged_seals_do_not_open(void **state)
{
    (void)state;
    struct key key;
    crypto_derive(S("a secret"), "columns", &key);
    struct str raw, out, sealed = crypto_seal(&key, S("c"), S("value"), &arena);
    assert_true(crypto_unbase64(sealed, &arena, &raw));
    assert_int_equal(raw.len, 1 + 12 + 5 + 16);
    for (ptrdiff_t i = 0; i < raw.len; i++) {
        char copy[64];
        memcpy(copy, raw.at, (size_t)raw.len);
        copy[i] = (char)(copy[i] ^ 1);
        assert_false(crypto_open(&key, S("c"), crypto_base64((struct str){ copy, raw.len }, &arena), &arena, &out));
    }
    for (ptrdiff_t len = 0; len < raw.len; len++)
        assert_false(crypto_open(&key, S("c"), crypto_base64((struct str){ raw.at, len }, &arena), &arena, &out));
    assert_false(crypto_open(&key, S("c"), S("not base64!"), &arena, &out));
    assert_false(crypto_open(&key, S("c"), STR_NULL, &arena, &out));
}

static void streams(void **state)
{
    (void)state;
    char md5[MD5_TEXT + 1], sha[SHA256_TEXT + 1];
    struct digests *digests = digests_new();
    digests_finish(digests, md5, sha);
    digests_free(digests);
    assert_string_equal(md5, "d41d8cd98f00b204e9800998ecf8427e"); /* RFC 1321 A.5 */
    assert_string_equal(sha, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    /* A million times 'a' (FIPS 180-4), in pieces of every kind, across the slice of 16 KiB. */
    char *letters = arena_alloc(&arena, 1000000);
    memset(letters, 'a', 1000000);
    static const ptrdiff_t pieces[] = { 1, 63, 64, 65, 16383, 16384, 16385, 70000, 1000000 };
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        digests = digests_new();
        for (ptrdiff_t done = 0, step; done < 1000000; done += step) {
            step = 1000000 - done < pieces[i] ? 1000000 - done : pieces[i];
            digests_update(digests, letters + done, step);
        }
        digests_update(digests, letters, 0);
        digests_finish(digests, md5, sha);
        digests_free(digests);
        assert_string_equal(md5, "7707d6ae4e027c70eea2a935c2296f21");
        assert_string_equal(sha, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
    digests_free(NULL);
}

static void passwords(void **state)
{
    (void)state;
    struct error error = { 0 };
    struct str hash, again;
    assert_true(password_hash(S("correct horse"), 4, &arena, &hash, &error));
    assert_int_equal(hash.len, 60);
    assert_true(str_starts(hash, S("$2b$04$")));
    assert_true(password_matches(S("correct horse"), hash));
    assert_false(password_matches(S("correct horsE"), hash));
    assert_false(password_matches(S("correct horse "), hash));
    assert_false(password_matches(S(""), hash));
    assert_true(password_hash(S("correct horse"), 4, &arena, &again, &error));
    assert_false(str_equal(hash, again)); /* salted */
    /* A hash by another program (crypt_blowfish's test vector). */
    assert_true(password_matches(S("U*U"), S("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")));
    assert_false(password_matches(S("U*V"), S("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")));
}

static void passwords_are_not_cut(void **state)
{
    (void)state;
    char text[73];
    memset(text, 'x', sizeof(text));
    struct error error = { 0 };
    struct str hash;
    assert_true(password_hash((struct str){ text, 72 }, 4, &arena, &hash, &error));
    assert_true(password_matches((struct str){ text, 72 }, hash));
    assert_false(password_matches((struct str){ text, 71 }, hash));
    assert_false(password_matches((struct str){ text, 73 }, hash));
    struct str untouched = S("untouched");
    assert_false(password_hash((struct str){ text, 73 }, 4, &arena, &untouched, &error));
    assert_int_equal(error.code, E_INVALID);
    assert_str_is(untouched, "untouched");
    error_clear(&error);
    assert_false(password_hash(S("a\0b"), 4, &arena, &untouched, &error));
    assert_int_equal(error.code, E_INVALID);
    assert_true(password_hash(S("a"), 4, &arena, &hash, &(struct error){ 0 }));
    assert_false(password_matches(S("a\0b"), hash));
}

static void unreadable_hashes_match_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "*0",
        "x",
        "$2b$04$",
        "plain",
        "$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWW",
        "$2a$05$CCCCCCCCCCCCCCC CCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$6$saltsalt$xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(password_matches(S("U*U"), str_from(bad[i])));
    assert_false(password_matches(S("U*U"), STR_NULL));
    struct error error = { 0 };
    struct str hash;
    assert_false(password_hash(S("a"), 3, &arena, &hash, &error));
    assert_int_equal(error.code, E_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_numbers),
        cmocka_unit_test(uuids),
        cmocka_unit_test(tokens),
        cmocka_unit_test(equality),
        cmocka_unit_test(sha256),
        cmocka_unit_test(hmac),
        cmocka_unit_test(derivation),
        cmocka_unit_test(hexadecimal),
        cmocka_unit_test(base64),
        cmocka_unit_test(sealing),
        cmocka_unit_test(damaged_seals_do_not_open),
        cmocka_unit_test(streams),
        cmocka_unit_test(passwords),
        cmocka_unit_test(passwords_are_not_cut),
        cmocka_unit_test(unreadable_hashes_match_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
