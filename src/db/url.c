/* url.c - DATABASE_URL taken apart. Messages never quote it: it holds a password. */
#include "db/driver.h"

#include "base/url.h"

static bool bad(struct error *error, const char *why)
{
    return error_set(error, E_INVALID, "DATABASE_URL %s", why);
}

static bool parse_sqlite(struct str rest, struct arena *arena, struct db_url *out, struct error *error)
{
    if (str_find(rest, S("?")) >= 0)
        return bad(error, "of SQLite takes no options after `?`");
    if (!str_starts(rest, S("/")))
        return bad(error, "needs three slashes for a relative path (sqlite:///data/x.db) and four for an absolute one");
    if (!url_decode(str_slice(rest, 1, rest.len), arena, &out->path))
        return bad(error, "holds a bad percent-escape");
    if (!out->path[0] || out->path[strlen(out->path) - 1] == '/')
        return bad(error, "names no file");
    if (out->path[0] == ':')
        return bad(error, "cannot name a database in memory: readers and writer are separate connections");
    return true;
}

static bool parse_option(struct str pair, struct arena *arena, struct db_url *out, struct error *error)
{
    struct str name, value;
    const char *text;
    if (!str_cut(pair, '=', &name, &value) || !url_decode(value, arena, &text) || !text[0])
        return bad(error, "has an option that is not name=value");
    if (str_equal(name, S("socket")))
        out->socket = text;
    else if (str_equal(name, S("tls")))
        out->tls = str_equal(value, S("1")) || str_equal(value, S("true"));
    else if (str_equal(name, S("tls_ca"))) {
        out->tls_ca = text;
        out->tls = true;
    } else
        return bad(error, "has an option that is none of socket, tls, tls_ca");
    return true;
}

static bool parse_port(struct str text, struct db_url *out, struct error *error)
{
    int64_t port;
    if (!str_to_integer(text, &port) || port < 1 || port > 65535)
        return bad(error, "has a port that is not from 1 to 65535");
    out->port = (unsigned)port;
    return true;
}

static bool parse_host(struct str text, struct arena *arena, struct db_url *out, struct error *error)
{
    struct str host, port;
    if (!url_split_host(text, &host, &port))
        return bad(error, "has a `[` without its `]`, or something other than a port behind it");
    if (!str_is_null(port) && !parse_port(port, out, error))
        return false;
    if (!url_decode(host, arena, &out->host))
        return bad(error, "holds a bad percent-escape");
    if (!out->host[0])
        out->host = NULL;
    return true;
}

static bool parse_mysql(struct str rest, struct arena *arena, struct db_url *out, struct error *error)
{
    struct str before, options, authority, name, user, password;
    str_cut(rest, '?', &before, &options);
    if (!str_cut(before, '/', &authority, &name) || !name.len || str_find(name, S("/")) >= 0)
        return bad(error, "names no database (mysql://user:password@host:port/name)");
    struct str who, host;
    url_split_user(authority, &who, &host);
    str_cut(who, ':', &user, &password);
    out->port = 3306;
    if (!parse_host(host, arena, out, error))
        return false;
    if (!url_decode(name, arena, &out->name) || (user.len && !url_decode(user, arena, &out->user)) ||
        (password.len && !url_decode(password, arena, &out->password)))
        return bad(error, "holds a bad percent-escape");
    for (struct str pair; str_next(&options, '&', &pair);)
        if (!parse_option(pair, arena, out, error))
            return false;
    if (!out->host && !out->socket)
        return bad(error, "names neither a host nor a socket");
    return true;
}

bool db_url_parse(struct str url, struct arena *arena, struct db_url *out, struct error *error)
{
    static const struct {
        struct str scheme;
        bool local;
    } schemes[] = {
        { { "sqlite://", 9 }, true },
        { { "mysql://", 8 }, false },
        { { "mariadb://", 10 }, false },
    };
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (!str_starts(url, schemes[i].scheme))
            continue;
        struct str rest = str_slice(url, schemes[i].scheme.len, url.len);
        struct db_url parsed = { .local = schemes[i].local };
        if (!(parsed.local ? parse_sqlite : parse_mysql)(rest, arena, &parsed, error))
            return false;
        *out = parsed;
        return true;
    }
    return bad(error, "begins with neither sqlite:// nor mysql://");
}
