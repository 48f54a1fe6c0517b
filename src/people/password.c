/* password.c - what makes a password too weak. No rules about character classes (NIST SP 800-63B 5.1.1.2): length,
 * and not being one that is tried first. */
#include "people/password.h"

#include "site/app.h"
#include "people/guess.h"

#include <ctype.h>

enum { BCRYPT_MAX_BYTES = 72 };

static struct str lower(struct str s, struct arena *arena)
{
    char *copy = arena_alloc(arena, s.len + 1);
    for (ptrdiff_t i = 0; i < s.len; i++)
        copy[i] = (char)tolower((unsigned char)s.at[i]);
    return (struct str){ copy, s.len };
}

/* Ten random digits are as many guesses as this, and nobody's digits are random. */
enum { BITS_MIN = 30, DIGITS_MIN = 14 };

static bool is_tried_first(struct str password)
{
    bool only_digits_and_marks = true;
    for (ptrdiff_t i = 0; i < password.len; i++)
        only_digits_and_marks &= !isalpha((unsigned char)password.at[i]) && (unsigned char)password.at[i] < 128;
    return (only_digits_and_marks && password.len < DIGITS_MIN) || guess_bits(password) < BITS_MIN;
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
    if (is_tried_first(password))
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
