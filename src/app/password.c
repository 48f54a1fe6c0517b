/* password.c - what makes a password too weak. No rules about character classes (NIST SP 800-63B 5.1.1.2): length, and not being
 * one that is tried first. */
#include "app/password.h"

#include "app/app.h"

#include <ctype.h>

enum { BCRYPT_MAX_BYTES = 72 };

/* What remains of common passwords when digits and marks at their end are taken off. */
static const char *const common[] = {
    "password",
    "passwort",
    "passw0rd",
    "p@ssword",
    "p@ssw0rd",
    "qwerty",
    "qwertyuiop",
    "qwertyui",
    "qazwsx",
    "qazwsxedc",
    "asdfghjkl",
    "zxcvbnm",
    "letmein",
    "welcome",
    "admin",
    "administrator",
    "root",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "monkey",
    "dragon",
    "shadow",
    "master",
    "superman",
    "batman",
    "trustno",
    "abc",
    "abcd",
    "abcdef",
    "abcdefg",
    "abcdefgh",
    "abcdefghij",
    "changeme",
    "default",
    "guest",
    "login",
    "secret",
    "test",
    "testtest",
    "user",
    "hospital",
    "doctor",
    "clinic",
    "radiology",
    "roentgen",
    "dicom",
    "orthanc",
    "woaini",
    "woaiwojia",
    "aini",
    "mima",
    "nihao",
    "zhongguo",
    "beijing",
    "shanghai",
    "yiyuan",
    "yisheng",
    "hello",
    "helloworld",
    "whatever",
    "michael",
    "jennifer",
    "computer",
    "internet",
    "google",
    "samsung",
    "starwars",
    "pokemon",
    "cheese",
    "freedom",
    "mustang",
    "charlie",
    "summer",
    "winter",
    "spring",
    "autumn",
    "passwordpassword",
    "correcthorsebatterystaple",
    NULL,
};

static struct str lower(struct str s, struct arena *arena)
{
    char *copy = arena_alloc(arena, s.len + 1);
    for (ptrdiff_t i = 0; i < s.len; i++)
        copy[i] = (char)tolower((unsigned char)s.at[i]);
    return (struct str){ copy, s.len };
}

static bool is_common(struct str lowered)
{
    struct str base = lowered;
    while (base.len && !isalpha((unsigned char)base.at[base.len - 1]) && (unsigned char)base.at[base.len - 1] < 128)
        base.len--;
    if (base.len == 0) /* digits and marks only */
        return lowered.len < 14;
    for (int i = 0; common[i]; i++)
        if (str_equal(base, str_from(common[i])))
            return true;
    return false;
}

/* All one character, or each a step from the one before (12345678910, abcdefghijkl). */
static bool is_run(struct str s)
{
    int steps = 0;
    for (ptrdiff_t i = 1; i < s.len; i++) {
        int step = s.at[i] - s.at[i - 1];
        steps += step >= -1 && step <= 1;
    }
    return steps >= s.len - 2;
}

/* The name with little around it: fewer than four letters are left when it is taken out. */
static bool is_name(struct str lowered, struct str name, struct arena *arena)
{
    ptrdiff_t at = name.len >= 3 ? str_find(lowered, lower(name, arena)) : -1;
    int letters = 0;
    if (at < 0)
        return false;
    for (ptrdiff_t i = 0; i < lowered.len; i++) {
        unsigned char c = (unsigned char)lowered.at[i];
        letters += (i < at || i >= at + name.len) && (isalpha(c) || c >= 0x80);
    }
    return letters < 4;
}

static const char *weakness(struct call *c, struct str password, struct str username, struct str email,
                            struct str full_name)
{
    struct str lowered = lower(password, &c->arena), mailbox, rest;
    if (password.len > BCRYPT_MAX_BYTES)
        return "at most 72 bytes";
    if (str_code_points(password) < c->app->config.password_min_length)
        return "it is too short";
    if (is_common(lowered) || is_run(lowered))
        return "it is one of those tried first";
    if (!str_cut(email, '@', &mailbox, &rest))
        mailbox = email;
    if (is_name(lowered, username, &c->arena) || is_name(lowered, mailbox, &c->arena) ||
        is_name(lowered, full_name, &c->arena))
        return "it is the account's own name";
    return NULL;
}

bool password_check(struct call *c, struct str password, struct str username, struct str email, struct str full_name,
                    const char *member)
{
    const char *why = weakness(c, password, username, email, full_name);
    if (!why)
        return true;
    return error_add_problem(&c->error, &c->arena, "body", str_from(member), "weak_password",
                             "choose another password: %s (at least %" PRId64 " characters)", why,
                             c->app->config.password_min_length);
}
