/* url.c - DATABASE_URL taken apart, in our spelling or in SQLAlchemy's, which names a driver of Python, too
 * (mysql+pymysql://u:p@h/n?charset=utf8mb4). Messages never quote it: it holds a password. */
#include "db/driver.h"
#include "db/snapshot.h"

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
    if (str_equal(name, S("socket")) || str_equal(name, S("unix_socket")))
        out->socket = text;
    else if (str_equal(name, S("charset")))
        return str_equal_fold(str_from(text), S("utf8mb4")) ||
               bad(error, "names another charset than utf8mb4: with any other, names of patients would be lost");
    else if (str_equal(name, S("tls")))
        out->tls = str_equal(value, S("1")) || str_equal(value, S("true"));
    else if (str_equal(name, S("tls_ca")) || str_equal(name, S("ssl_ca"))) {
        out->tls_ca = text;
        out->tls = true;
    } else
        return bad(error, "has an option that is none of socket, tls, tls_ca, charset");
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

/* Drivers of SQLAlchemy. Which one it was makes no difference here; a word that is none is a slip. */
static const struct {
    struct str name;
    bool local;
} drivers[] = {
    { { "pysqlite", 8 }, true },  { { "aiosqlite", 9 }, true },        { { "pymysql", 7 }, false },
    { { "aiomysql", 8 }, false }, { { "asyncmy", 7 }, false },         { { "mysqldb", 7 }, false },
    { { "pyodbc", 6 }, false },   { { "mysqlconnector", 14 }, false }, { { "mariadbconnector", 16 }, false },
};

static bool is_driver(struct str name, bool local)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        if (drivers[i].local == local && str_equal(name, drivers[i].name))
            return true;
    return false;
}

/* "sqlite://..." or "sqlite+aiosqlite://...". False: it is of another kind. */
static bool split_scheme(struct str url, struct str *kind, struct str *driver, struct str *rest)
{
    ptrdiff_t end = str_find(url, S("://"));
    if (end < 0)
        return false;
    struct str scheme = str_slice(url, 0, end);
    if (!str_cut(scheme, '+', kind, driver))
        *driver = STR_NULL;
    *rest = str_slice(url, end + 3, url.len);
    return str_equal(*kind, S("sqlite")) || str_equal(*kind, S("mysql")) || str_equal(*kind, S("mariadb"));
}

bool db_url_parse(struct str url, struct arena *arena, struct db_url *out, struct error *error)
{
    struct str kind, driver, rest;
    if (!split_scheme(url, &kind, &driver, &rest))
        return bad(error, "begins with neither sqlite:// nor mysql://");
    struct db_url parsed = { .local = str_equal(kind, S("sqlite")) };
    if (driver.at && !is_driver(driver, parsed.local))
        return bad(error, parsed.local ? "names a driver behind `sqlite+` that is none: leave it out"
                                       : "names a driver behind `+` that is none: leave it out");
    if (!(parsed.local ? parse_sqlite : parse_mysql)(rest, arena, &parsed, error))
        return false;
    *out = parsed;
    return true;
}

bool db_url_is_local(struct str url)
{
    struct str kind, driver, rest;
    return split_scheme(url, &kind, &driver, &rest) && str_equal(kind, S("sqlite"));
}
