/* address.h - addresses of hosts on the internet, as values that can be compared.
 *
 *     struct address peer;
 *     if (!address_parse(S("[2001:db8::1]:443"), &peer))
 *         ... it is no address ...
 *     address_in(peer, S("10.0.0.0/8, 2001:db8::/32"))
 *
 * IPv4 addresses are kept as IPv4-mapped IPv6 ones (RFC 4291 2.5.5.2), so that 192.0.2.1 and ::ffff:192.0.2.1 are the
 * same host. What is not an address is never half one: no names, no zones, no octal or shortened IPv4.
 */
#ifndef ROENTGEN_ADDRESS_H
#define ROENTGEN_ADDRESS_H

#include "base/arena.h"

struct address {
    unsigned char bytes[16];
};

/* As people and headers write them: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1], [2001:db8::1]:80. */
bool address_parse(struct str text, struct address *out);
struct str address_text(struct address address,
                        struct arena *arena); /* without brackets or port; IPv4 in its own form */
bool address_is_loopback(struct address address);
/* Is it one that hosts on the internet have? Not: this machine's, private, link-local, shared, for documentation, for
 * benchmarks, multicast, or one that wraps another (RFC 6890, 6598, 4193, 6052, 3056). */
bool address_is_public(struct address address);
/* What belongs to one subscriber: an IPv4 address is itself; of an IPv6 address the first 64 bits (RFC 4291 2.5.1: the
 * rest is the interface's, and whoever has one /64 can choose among 2^64). */
struct address address_network(struct address address);
/* Is it one of these addresses, or in one of these networks (10.0.0.0/8)? Separated by commas; what cannot be read
 * names nothing. */
bool address_in(struct address address, struct str list);
/* Can it be read as one of these? */
bool address_is_network(struct str one);

#endif
