/* snapshot.c - see snapshot.h: one face over both databases. */
#include "db/mysql_driver.h"
#include "db/sqlite.h"

bool snapshot_begin(struct call *c)
{
    return c->db->driver->snapshot_begin(c);
}

void snapshot_end(struct call *c)
{
    c->db->driver->snapshot_end(c);
}

const char *snapshot_file_name(const struct db *db)
{
    return db->driver->snapshot_name;
}

bool snapshot_copy(struct call *c, const char *path, const struct snapshot_watch *watch)
{
    return c->db->driver->snapshot_copy(c, path, watch);
}

/* A server's database is reached as everybody reaches it. */
static bool with_server(const struct db_options *place, bool (*work)(struct call *c, void *context), void *context,
                        struct error *error)
{
    struct call c;
    struct db *db;
    if (!db_open(place, &db, error))
        return false;
    call_init(&c, NULL, db);
    bool ok = work(&c, context);
    if (!ok)
        *error = c.error;
    db_release(&c);
    call_release(&c);
    db_close(db);
    return ok;
}

static bool look(struct call *c, void *context)
{
    int64_t tables = 0;
    bool ok = db_integer(c, &tables, "select count(*) from information_schema.tables where table_schema = database()");
    *(bool *)context = tables == 0;
    return ok;
}

struct loading {
    const char *path;
    const struct snapshot_watch *watch;
};

static bool load(struct call *c, void *context)
{
    const struct loading *loading = context;
    bool nothing;
    return look(c, &nothing) &&
           (nothing || fail(c, E_CONFLICT, "the database is not empty: nothing is restored over another")) &&
           (db_release(c), driver_mysql.snapshot_load(c, loading->path, loading->watch));
}

/* NULL: of a server. */
static bool file_of(const struct db_options *place, struct arena *arena, const char **path, struct error *error)
{
    struct db_url url;
    if (!db_url_parse(place->url, arena, &url, error))
        return false;
    *path = url.local ? url.path : NULL;
    return true;
}

bool snapshot_finds_nothing(const struct db_options *place, bool *nothing, struct error *error)
{
    struct arena arena;
    const char *database;
    arena_init(&arena);
    bool ok =
        file_of(place, &arena, &database, error) &&
        (database ? sqlite_snapshot_finds_nothing(database, nothing, error) : with_server(place, look, nothing, error));
    arena_release(&arena);
    return ok;
}

bool snapshot_load(const struct db_options *place, const char *path, const struct snapshot_watch *watch,
                   struct error *error)
{
    struct arena arena;
    const char *database;
    arena_init(&arena);
    bool ok =
        file_of(place, &arena, &database, error) &&
        (str_ends(str_from(path), str_from(database ? driver_sqlite.snapshot_name : driver_mysql.snapshot_name)) ||
         error_set(error, E_CONFLICT, "this is a copy of the other kind of database")) &&
        (database ? sqlite_snapshot_load(database, path, watch, error)
                  : with_server(place, load, &(struct loading){ path, watch }, error));
    arena_release(&arena);
    return ok;
}
