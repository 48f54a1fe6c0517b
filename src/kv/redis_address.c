/* redis_address.c - see redis_address.h. */
#include "kv/redis_address.h"

#include "base/url.h"

static bool bad(struct error *error, const char *why)
{
    return error_set(error, E_INVALID, "the address of Redis %s", why);
}

static bool text_of(struct str s, struct arena *arena, const char **out, struct error *error)
{
    return url_decode(s, arena, out) || bad(error, "holds a bad percent-escape");
}

static bool parse_user(struct str who, struct arena *arena, struct redis_address *out, struct error *error)
{
    struct str user, password;
    str_cut(who, ':', &user, &password);
    if (user.len && !str_is_null(who) && !password.len)
        return bad(error, "has a user without a password (user:password@, or :password@)");
    return (!user.len || text_of(user, arena, &out->user, error)) &&
           (!password.len || text_of(password, arena, &out->password, error));
}

static bool parse_db(struct str text, struct redis_address *out, struct error *error)
{
    if (!str_to_integer(text, &out->db) || out->db < 0 || out->db > INT32_MAX)
        return bad(error, "has a database that is no number");
    return true;
}

static bool parse_option(struct str pair, struct arena *arena, struct redis_address *out, struct error *error)
{
    struct str name, value;
    str_cut(pair, '=', &name, &value);
    if (str_equal(name, S("db")) && out->path)
        return parse_db(value, out, error);
    if (str_equal(name, S("sentinel_user")) && out->service)
        return text_of(value, arena, &out->sentinel_user, error);
    if (str_equal(name, S("sentinel_password")) && out->service)
        return text_of(value, arena, &out->sentinel_password, error);
    return bad(error, "has an option that is none of its kind's");
}

static bool parse_host(struct str text, const char *usual_port, struct arena *arena, struct redis_address *out,
                       struct error *error)
{
    struct str name, port;
    int64_t number;
    if (out->host_count == REDIS_HOSTS_MAX)
        return bad(error, "names too many hosts");
    if (!url_split_host(text, &name, &port))
        return bad(error, "has a `[` without its `]`, or something other than a port behind it");
    if (!str_is_null(port) && (!str_to_integer(port, &number) || number < 1 || number > 65535))
        return bad(error, "has a port that is not from 1 to 65535");
    struct redis_host *host = &out->hosts[out->host_count++];
    host->port = str_is_null(port) ? usual_port : arena_cstring(arena, port);
    if (!text_of(name, arena, &host->name, error))
        return false;
    return host->name[0] || bad(error, "names no host");
}

static bool parse_rest(struct str rest, bool is_socket, bool has_sentinels, struct arena *arena,
                       struct redis_address *out, struct error *error)
{
    struct str before, options, who, place, hosts, path;
    str_cut(rest, '?', &before, &options);
    url_split_user(before, &who, &place);
    if (!parse_user(who, arena, out, error))
        return false;
    bool has_path = str_cut(place, '/', &hosts, &path);
    if (is_socket) {
        if (!has_path || hosts.len || !path.len)
            return bad(error, "of a socket needs its whole path (redis+unix:///run/redis/redis.sock)");
        if (!text_of(place, arena, &out->path, error))
            return false;
    }
    for (struct str one; !is_socket && str_next(&hosts, ',', &one);)
        if (!parse_host(one, has_sentinels ? "26379" : "6379", arena, out, error))
            return false;
    if (!is_socket && (!out->host_count || (!has_sentinels && out->host_count > 1)))
        return bad(error, "needs one host (several: redis+sentinel://host,host/service)");
    struct str number = is_socket ? STR_NULL : path;
    if (has_sentinels) {
        struct str service;
        str_cut(path, '/', &service, &number);
        if (!service.len)
            return bad(error, "of sentinels needs the service's name (redis+sentinel://host,host/service)");
        if (!text_of(service, arena, &out->service, error))
            return false;
    }
    if (number.len && !parse_db(number, out, error))
        return false;
    for (struct str pair; str_next(&options, '&', &pair);)
        if (!parse_option(pair, arena, out, error))
            return false;
    return true;
}

bool redis_address_parse(struct str url, struct arena *arena, struct redis_address *out, struct error *error)
{
    static const struct {
        struct str scheme;
        bool tls, is_socket, has_sentinels;
    } schemes[] = {
        { { "redis://", 8 }, false, false, false },          { { "rediss://", 9 }, true, false, false },
        { { "redis+unix://", 13 }, false, true, false },     { { "redis+sentinel://", 17 }, false, false, true },
        { { "rediss+sentinel://", 18 }, true, false, true },
    };
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (!str_starts(url, schemes[i].scheme))
            continue;
        struct redis_address address = { .tls = schemes[i].tls };
        if (!parse_rest(str_slice(url, schemes[i].scheme.len, url.len), schemes[i].is_socket, schemes[i].has_sentinels,
                        arena, &address, error))
            return false;
        *out = address;
        return true;
    }
    return bad(error, "begins with none of redis://, rediss://, redis+unix://, redis+sentinel://, rediss+sentinel://");
}
