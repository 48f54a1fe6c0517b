/* outbound_hosts.h - the list of those who may be asked. Private to outbound/.
 *
 *     hosts_read(list, setting, &arena, &hosts, &error);
 *     hosts_allow(&hosts, S("gpu1"), 8000)                    // by the name, or the address, in the URL
 *     hosts_allow_address(&hosts, address, 8000)              // by the address that is connected to
 */
#ifndef ROENTGEN_OUTBOUND_HOSTS_H
#define ROENTGEN_OUTBOUND_HOSTS_H

#include "base/address.h"
#include "base/error.h"

enum { OUTBOUND_HOSTS_MAX = 256 };

struct outbound_host {
    struct str host; /* a name, or an address or network */
    int64_t port;    /* 0: any */
    bool is_network;
};
struct outbound_hosts {
    struct outbound_host *at;
    int count;
};

bool hosts_read(struct str list, struct str setting, struct arena *arena, struct outbound_hosts *out,
                struct error *error);
bool hosts_allow(const struct outbound_hosts *hosts, struct str host, int64_t port);
bool hosts_allow_address(const struct outbound_hosts *hosts, struct address address, int64_t port);

#endif
