/* address.c - parsing is inet_pton's, around it the forms with ports and networks. */
#include "base/address.h"

#include <arpa/inet.h>

enum { TEXT_MAX = 46, MAPPED_BITS = 96 };

static const unsigned char mapped[12] = { [10] = 0xFF, [11] = 0xFF };

static bool parse_plain(struct str text, struct address *out)
{
    char copy[TEXT_MAX];
    struct address address = { { 0 } };
    if (text.len < 2 || text.len >= TEXT_MAX || memchr(text.at, '\0', (size_t)text.len))
        return false;
    memcpy(copy, text.at, (size_t)text.len);
    copy[text.len] = '\0';
    memcpy(address.bytes, mapped, sizeof(mapped));
    if (inet_pton(AF_INET, copy, address.bytes + sizeof(mapped)) != 1 && inet_pton(AF_INET6, copy, address.bytes) != 1)
        return false;
    *out = address;
    return true;
}

static bool is_port(struct str text)
{
    int64_t port;
    return text.len <= 5 && str_to_integer(text, &port) && port >= 0 && port <= 65535;
}

bool address_parse(struct str text, struct address *out)
{
    struct str host, port;
    if (text.len && text.at[0] == '[') {
        if (!str_cut(str_slice(text, 1, text.len), ']', &host, &port))
            return false;
        return (!port.len || (port.at[0] == ':' && is_port(str_slice(port, 1, port.len)))) &&
               memchr(host.at, ':', (size_t)host.len) && parse_plain(host, out);
    }
    if (str_cut(text, ':', &host, &port) && is_port(port)) /* one colon: an IPv6 address has two at least */
        return parse_plain(host, out);
    return parse_plain(text, out);
}

static bool is_mapped(const struct address *address)
{
    return !memcmp(address->bytes, mapped, sizeof(mapped));
}

struct str address_text(struct address address, struct arena *arena)
{
    char text[TEXT_MAX];
    bool four = is_mapped(&address);
    inet_ntop(four ? AF_INET : AF_INET6, address.bytes + (four ? sizeof(mapped) : 0), text, sizeof(text));
    return arena_copy(arena, str_from(text));
}

bool address_is_loopback(struct address address)
{
    static const unsigned char one[16] = { [15] = 1 };
    return is_mapped(&address) ? address.bytes[12] == 127 : !memcmp(address.bytes, one, sizeof(one));
}

struct address address_network(struct address address)
{
    if (!is_mapped(&address))
        memset(address.bytes + 8, 0, 8);
    return address;
}

static bool same_bits(const struct address *a, const struct address *b, int bits)
{
    int whole = bits / 8, rest = bits % 8;
    return !memcmp(a->bytes, b->bytes, (size_t)whole) &&
           (!rest || !((a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest)));
}

static bool parse_network(struct str one, struct address *network, int64_t *bits)
{
    struct str host, length;
    bool is_network = str_cut(one, '/', &host, &length);
    *bits = 128;
    if (!parse_plain(str_trim(is_network ? host : one), network))
        return false;
    if (is_network) {
        int most = memchr(host.at, ':', (size_t)host.len) ? 128 : 32;
        if (!str_to_integer(str_trim(length), bits) || *bits < 0 || *bits > most)
            return false;
        if (most == 32)
            *bits += MAPPED_BITS;
    }
    return true;
}

static bool in_one(const struct address *address, struct str one)
{
    struct address network;
    int64_t bits;
    return parse_network(one, &network, &bits) && same_bits(address, &network, (int)bits);
}

bool address_is_network(struct str one)
{
    struct address network;
    int64_t bits;
    return parse_network(one, &network, &bits);
}

bool address_in(struct address address, struct str list)
{
    for (struct str one; str_next(&list, ',', &one);)
        if (in_one(&address, str_trim(one)))
            return true;
    return false;
}

bool address_is_public(struct address address)
{
    return !address_in(address, S("0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/12,"
                                  "192.0.0.0/24,192.0.2.0/24,192.88.99.0/24,192.168.0.0/16,198.18.0.0/15,"
                                  "198.51.100.0/24,203.0.113.0/24,224.0.0.0/3")) &&
           !(!is_mapped(&address) && !address_in(address, S("2000::/3"))) &&
           !address_in(address, S("2001::/23,2001:db8::/32,2002::/16,3fff::/20"));
}
