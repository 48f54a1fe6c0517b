/* account_key.c - user names and addresses as they are compared. */
#include "site/account_key.h"

struct str account_key(struct str name, struct arena *arena)
{
    char *key = arena_alloc(arena, name.len + 1);
    for (ptrdiff_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        key[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return (struct str){ key, name.len };
}

enum found account_find(struct call *c, struct str username, int64_t *id)
{
    return db_find_integer(c, id, "select id from users where username_key = ? and deleted_at is null",
                           V(account_key(username, &c->arena)));
}
