/* principal_parts.h - what principal.c and principal_key.c share: the authority, and how the rights of an account
 * become those of a principal. */
#ifndef ROENTGEN_PRINCIPAL_PARTS_H
#define ROENTGEN_PRINCIPAL_PARTS_H

#include "site/principal.h"
#include "base/crypto.h"
#include "db/db.h"

#include <pthread.h>

enum { REVIEWED_AT_ONCE = 32 };

/* When keys were last used: written beside requests, which do not wait for it. */
struct key_uses {
    pthread_mutex_t mutex;
    pthread_cond_t done;
    int under_way;
};
void key_uses_open(struct key_uses *uses);
void key_uses_close(struct key_uses *uses); /* waits for what is being written */

struct authority {
    struct key key, csrf_key;
    struct cache *cache; /* token, key with its address, or hash of a cookie -> struct cached */
    struct key_uses uses;
};

/* Adds the permission of this name to the mask, with what it implies. */
void principal_add(uint64_t *permissions, struct str name);
/* The rights of out->user_id that are in out->scope. */
bool principal_load_permissions(struct call *c, struct principal *out);

/* E_UNAUTHENTICATED, or the database's failure. Notes the use. */
bool principal_of_key(struct call *c, struct authority *authority, struct str key, uint64_t epoch,
                      struct principal *out);
bool principal_of_key_still(struct call *c, uint64_t epoch, struct principal *who);
/* Of those in `who` that are keys: sets stands[i] for what still stands. At most REVIEWED_AT_ONCE. */
bool principal_find_good_keys(struct call *c, const struct principal *const *who, int count, bool *stands);

#endif
