/* outbound_hosts.c - names, addresses and networks that may be asked. */
#include "outbound/outbound_hosts.h"

static bool is_name(struct str s)
{
    bool is_number = true; /* of the last label: what looks like an address and is none names nobody */
    for (ptrdiff_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool is_digit = c >= '0' && c <= '9', is_letter = (c | 32) >= 'a' && (c | 32) <= 'z';
        if (!is_digit && !is_letter && c != '-' && c != '.' && c != '_')
            return false;
        is_number = c == '.' || (is_number && is_digit);
    }
    return s.len > 0 && s.len <= 253 && s.at[0] != '.' && s.at[s.len - 1] != '.' && !is_number;
}

/* An address is in its own network, if that can be read. */
static bool is_network(struct str s)
{
    struct str plain, bits;
    struct address address;
    if (!str_cut(s, '/', &plain, &bits))
        plain = s;
    return address_parse(plain, &address) && address_in(address, s);
}

/* "gpu1:8000", "10.0.0.0/24:8000", "[2001:db8::/32]:8000", "2001:db8::1". */
static bool read_one(struct str one, struct outbound_host *out)
{
    struct str rest = STR_NULL, behind;
    *out = (struct outbound_host){ .host = one };
    if (one.at[0] == '[') {
        if (!str_cut(str_slice(one, 1, one.len), ']', &out->host, &rest) || (rest.len && rest.at[0] != ':'))
            return false;
        rest = str_slice(rest, 1, rest.len);
        if (!str_cut(out->host, ':', &behind, &behind))
            return false;
    } else if (str_cut(one, ':', &out->host, &rest) && str_find(rest, S(":")) >= 0) {
        out->host = one;
        rest = STR_NULL;
    } else if (!rest.at) {
        out->host = one;
    } else if (!rest.len) {
        return false;
    }
    out->is_network = is_network(out->host);
    return (out->is_network || is_name(out->host)) &&
           (!rest.len || (str_to_integer(rest, &out->port) && out->port > 0 && out->port < 65536));
}

bool hosts_read(struct str list, struct str setting, struct arena *arena, struct outbound_hosts *out,
                struct error *error)
{
    char *spaced = arena_alloc(arena, list.len + 1);
    out->at = arena_array(arena, struct outbound_host, OUTBOUND_HOSTS_MAX);
    out->count = 0;
    for (ptrdiff_t i = 0; i < list.len; i++)
        spaced[i] = list.at[i] == ',' ? ' ' : list.at[i];
    struct str left = { spaced, list.len };
    for (struct str one; str_next(&left, ' ', &one);) {
        if (!one.len)
            continue;
        if (out->count == OUTBOUND_HOSTS_MAX)
            return error_set(error, E_INVALID, "%.*s lists more than %d hosts", STR_FMT(setting), OUTBOUND_HOSTS_MAX);
        if (!read_one(one, &out->at[out->count++]))
            return error_set(error, E_INVALID, "%.*s: \"%.*s\" is neither a host's name nor an address or network",
                             STR_FMT(setting), STR_FMT(str_at_most(one, 80)));
    }
    return true;
}

bool hosts_allow_address(const struct outbound_hosts *hosts, struct address address, int64_t port)
{
    for (int i = 0; i < hosts->count; i++) {
        const struct outbound_host *one = &hosts->at[i];
        if (one->is_network && (!one->port || one->port == port) && address_in(address, one->host))
            return true;
    }
    return false;
}

bool hosts_allow(const struct outbound_hosts *hosts, struct str host, int64_t port)
{
    struct address address;
    if (address_parse(host, &address))
        return hosts_allow_address(hosts, address, port);
    for (int i = 0; i < hosts->count; i++) {
        const struct outbound_host *one = &hosts->at[i];
        if (!one->is_network && (!one->port || one->port == port) && str_equal_fold(one->host, host))
            return true;
    }
    return false;
}
