/* installation.c - the id of a database, compared with what its stores carry. */
#include "site/installation.h"

#include "site/app.h"
#include "site/stored.h"
#include "base/crypto.h"

#include <sys/stat.h>

enum { FIRST_SCHEMA = 30 /* which has the table */ };

/* Null when there is none. */
static bool find_id(struct call *c, struct str *id)
{
    struct cursor rows;
    *id = STR_NULL;
    db_rows(c, &rows, "select installation_uuid from installation where id = 1");
    if (cursor_next(&rows))
        *id = arena_copy(&c->arena, cursor_text(&rows, 0));
    return cursor_close(&rows);
}

static bool make_id(struct call *c, void *context)
{
    struct str *id = context;
    if (!find_id(c, id) || id->len)
        return c->error.code == E_NONE;
    *id = crypto_uuid_text(&c->arena);
    return db_execute(c, "insert into installation(id, installation_uuid, created_at) values (1, ?, ?)", V(*id),
                      V(clock_now()));
}

/* Of two servers that start at once one inserts it, and the other reads that. */
static bool need_id(struct call *c, struct str *id)
{
    if (!find_id(c, id))
        return false;
    db_release(c);
    if (id->len || db_transact(c, make_id, id))
        return true;
    if (c->error.code != E_CONFLICT)
        return false;
    error_clear(&c->error);
    bool ok = find_id(c, id);
    db_release(c);
    return ok;
}

static bool is_its_own(struct call *c, struct blob_store *store, const char *setting, struct str id)
{
    char mark[BLOB_MARK_MAX + 1];
    if (!blob_mark(store, mark, &c->error))
        return false;
    if (!mark[0] || str_equal(str_from(mark), id))
        return true;
    return fail(
        c, E_CONFLICT,
        "%s names the store of another installation (%s; this database is %.*s). Two would take each other's files "
        "for left over: name another folder; or, if that database is gone for good and no server uses the store, "
        "remove the file %s/installation",
        setting, mark, STR_FMT(id.len ? id : S("not it")), blob_root(store));
}

/* Stops at the first that is there. */
static bool look_for(struct call *c, struct blob_store *store, const struct stored_kind *kind, int64_t *named,
                     bool *there)
{
    struct cursor rows;
    bool is_archive = store == c->app->archive;
    for (db_rows(c, &rows, kind->all); !*there && cursor_next(&rows);)
        if ((cursor_integer(&rows, 1) != 0) == is_archive) {
            ++*named;
            *there = blob_exists(store, cursor_text(&rows, 0));
        }
    return cursor_close(&rows);
}

/* A folder without a mark that has none of the files it should have is most often where a disk is to be mounted: what
 * would be stored there is out of sight once it is, and all that is on the disk counts as lost until then. */
static bool has_some(struct call *c, struct blob_store *store, const char *setting, struct str id, int schema)
{
    int64_t named = 0;
    bool there = false, ok = true;
    for (int i = 0; ok && !there && i < STORED_KINDS; i++)
        if (schema >= stored_kinds[i].since && !stored_kinds[i].forget)
            ok = look_for(c, store, &stored_kinds[i], &named, &there);
    db_release(c);
    if (!ok || there || named == 0)
        return ok;
    return fail(c, E_CONFLICT,
                "%s names a folder with none of the %" PRId64 " files that the database has there, and without the "
                "file `installation`: is its disk mounted? If all of them are gone for good, say so: "
                "echo %.*s >%s/installation",
                setting, named, STR_FMT(id.len ? id : S("ID")), blob_root(store));
}

static bool give_mark(struct call *c, struct blob_store *store, struct str id)
{
    if (blob_set_mark(store, id, &c->error))
        return true;
    if (c->error.code != E_CONFLICT && c->error.code != E_STORAGE_FULL)
        return false;
    error_clear(&c->error); /* somebody was first, who is looked at next */
    return true;
}

/* Without a mark, for want of room, there is nothing to hold either. */
static bool serve(struct call *c, struct blob_store *store)
{
    char mark[BLOB_MARK_MAX + 1];
    return blob_mark(store, mark, &c->error) && (!mark[0] || blob_serve(store, db_is_local(c->db), &c->error));
}

bool installation_id(struct call *c, struct str *id)
{
    int schema;
    *id = STR_NULL;
    return migrate_current(c, &schema) && (schema < FIRST_SCHEMA || find_id(c, id));
}

static bool forget_id(struct call *c, void *context)
{
    (void)context;
    return db_execute(c, "delete from installation");
}

bool installation_leave(struct call *c)
{
    int schema;
    return migrate_current(c, &schema) && (schema < FIRST_SCHEMA || db_transact(c, forget_id, NULL));
}

bool installation_take(struct call *c, struct blob_store *store, const char *setting, enum installation_use use)
{
    struct str id;
    char mark[BLOB_MARK_MAX + 1];
    int schema;
    if (!migrate_current(c, &schema))
        return false;
    if (schema < FIRST_SCHEMA)
        return true;
    if (!(use == INSTALLATION_LOOKS ? find_id(c, &id) : need_id(c, &id)) || !blob_mark(store, mark, &c->error))
        return false;
    if (!mark[0] && use != INSTALLATION_FILLS && !has_some(c, store, setting, id, schema))
        return false;
    if (!mark[0] && use != INSTALLATION_LOOKS && !give_mark(c, store, id))
        return false;
    return is_its_own(c, store, setting, id) && (use != INSTALLATION_SERVES || serve(c, store));
}

/* What is moved into the archive leaves the store, which would be the only copy. */
static bool are_apart(struct call *c)
{
    struct stat files, archive;
    const struct app *app = c->app;
    if (stat(blob_root(app->files), &files) != 0 || stat(blob_root(app->archive), &archive) != 0 ||
        files.st_dev != archive.st_dev || files.st_ino != archive.st_ino)
        return true;
    return fail(c, E_INVALID, "STORAGE_URL and ARCHIVE_URL name the same folder");
}

bool installation_take_all(struct call *c, enum installation_use use)
{
    struct app *app = c->app;
    if (!app->archive)
        return installation_take(c, app->files, "STORAGE_URL", use);
    return are_apart(c) && installation_take(c, app->files, "STORAGE_URL", use) &&
           installation_take(c, app->archive, "ARCHIVE_URL", use);
}
