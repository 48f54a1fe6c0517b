/* user_key.h - `roentgen user`: its options, and what of it is about keys of machines (cmd_user_key.c). */
#ifndef ROENTGEN_USER_KEY_H
#define ROENTGEN_USER_KEY_H

#include "cli/command.h"
#include "people/api_key.h"

enum user_action {
    ACTION_NONE,
    ACTION_LIST,
    ACTION_UNLOCK,
    ACTION_DISABLE,
    ACTION_ENABLE,
    ACTION_RESET_PASSWORD,
    ACTION_KEYS, /* this one and what follows: user_keys */
    ACTION_NEW_KEY,
    ACTION_REVOKE_KEY
};

struct user_command {
    unsigned action;
    struct str username;
    bool password_stdin;
    struct str name;
    struct texts scopes, networks;
    int64_t days, key;
};

/* Does what the command says about keys of this account. Its exit status. */
int user_keys(struct call *c, int64_t user_id);

#endif
