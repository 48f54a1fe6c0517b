/* redis_address.h - REDIS_URL taken apart; redis.h says how one looks. */
#ifndef ROENTGEN_REDIS_ADDRESS_H
#define ROENTGEN_REDIS_ADDRESS_H

#include "base/arena.h"
#include "base/error.h"

enum { REDIS_HOSTS_MAX = 16 };

struct redis_host {
    const char *name, *port;
};
struct redis_address {
    bool tls;
    const char *path; /* of a Unix socket; NULL: hosts */
    struct redis_host hosts[REDIS_HOSTS_MAX];
    int host_count;
    const char *service;                           /* NULL: the host is Redis; else the hosts are sentinels */
    const char *user, *password;                   /* NULL: none */
    const char *sentinel_user, *sentinel_password; /* of the sentinels themselves */
    int64_t db;
};

/* E_INVALID, with what is wrong but never what it was. Texts are in the arena. */
bool redis_address_parse(struct str url, struct arena *arena, struct redis_address *out, struct error *error);

#endif
