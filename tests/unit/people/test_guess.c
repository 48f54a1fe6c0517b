/* test_guess.c - what is tried soon, and what is not. */
#include "people/guess.h"

#include <stdarg.h>
#include <stdio.h>

#include <setjmp.h>
#include <cmocka.h>

static void usual_passwords_are_guessed_soon(void **state)
{
    (void)state;
    static const char *const usual[] = {
        "1qaz2wsx3edc",   "1q2w3e4r5t",       "1q2w3e4r5t6y",
        "q1w2e3r4t5",     "qwertyuiop",       "qwertyuiop123",
        "asdfghjkl;",     "zaq12wsxcde3",     "1qazxsw23edc",
        "qazwsxedcrfv",   "password123",      "Password1!",
        "P@ssw0rd123",    "p4ssw0rd2024",     "iloveyou123",
        "Welcome2024!",   "Summer2024!",      "letmein12345",
        "admin12345",     "changeme123",      "football123",
        "monkey12345",    "dragon12345",      "trustno1trustno1",
        "a123456789",     "123456789a",       "abc1234567",
        "abcd1234efgh",   "aaaaabbbbb",       "aaaaaaaaaaaaa",
        "abcdefghijkl",   "woaini1314",       "woaini5201314",
        "aa12345678",     "zhang123456",      "hospital123",
        "Radiology2025",  "qwe123asd456",     "qwer1234asdf",
        "hunter2hunter2", "passwordpassword", "correcthorsebatterystaple",
        "sunshine1",      "starwars1977",     "QWERTY123456",
        "!QAZ2wsx#EDC",   "1234qwerasdf",     "000000000000a",
        "michael1985",
    };
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
        if (guess_bits(str_from(usual[i])) >= 30)
            fail_msg("%s: %f bits", usual[i], guess_bits(str_from(usual[i])));
}

static void others_are_not(void **state)
{
    (void)state;
    static const char *const others[] = {
        "brave-otter-9174", "quiet-heron-6021",      "correct horse battery", "Xy7$kP2q9L",       "k3j9x0qpzm",
        "tGpM2v-81hsw",     "violet lamp under ice", "Grünkohl mit Pinkel",   "我们在三楼放射科", "mD4!xeu2Zr",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (guess_bits(str_from(others[i])) < 30)
            fail_msg("%s: %f bits", others[i], guess_bits(str_from(others[i])));
}

static void odd_input_is_harmless(void **state)
{
    (void)state;
    char longest[200];
    memset(longest, 'x', sizeof(longest));
    assert_true(guess_bits(S("")) <= 0);
    assert_true(guess_bits(S("\0\0\0\xff\xfe")) > 0);
    assert_true(guess_bits((struct str){ longest, sizeof(longest) }) > 0);
    assert_true(guess_bits(S("zzzzzzzzzz ")) < 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_passwords_are_guessed_soon),
        cmocka_unit_test(others_are_not),
        cmocka_unit_test(odd_input_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
