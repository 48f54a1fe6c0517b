/* house.h - what the domain needs of a process, and nothing of a server: database, stores, turns, and somebody who
 * acts without a request, as a scanner's association or a job does. In a folder that goes away. */
#ifndef ROENTGEN_TEST_HOUSE_H
#define ROENTGEN_TEST_HOUSE_H

#include "../base/folder.h"

#undef fail /* cmocka's: ours is base/call.h's */
#include "intake/upload.h"
#include "site/migrations.h"
#include "site/turns.h"

#include <stdlib.h>

struct house {
    struct app app;
    struct principal who;
    struct actor actor;
    struct call call;
    int thumbnails; /* asked for */
};

static inline void stop(const char *why)
{
    print_error("%s\n", why);
    _fail(__FILE__, __LINE__);
}

static inline void must(const struct call *c, bool done)
{
    if (!done)
        stop(c->error.problems ? c->error.problems->message.at : c->error.message);
}

static inline void house_want_thumbnail(void *house, unsigned file_type)
{
    (void)file_type;
    ((struct house *)house)->thumbnails++;
}

static inline bool house_add_user(struct call *c, void *context)
{
    const struct house *house = context;
    return db_execute(c,
                      "insert into users(id, username, email, full_name, password_hash, created_at, updated_at) values "
                      "(?, 'ct1', 'ct1@example.org', 'CT 1', '', ?, ?)",
                      V(house->who.user_id), V(clock_now()), V(clock_now()));
}

static inline void house_open(struct house *house, struct folder *folder)
{
    struct app *app = &house->app;
    struct error error = { 0 };
    struct db_options options = { .pool_size = 4, .cache_kib = 512, .busy_timeout_ms = 3000 };
    arena_init(&app->arena);
    setenv("SECRET_KEY", "0123456789abcdef0123456789abcdef", 1);
    assert_int_equal(chdir(folder->path), 0); /* no .env of anybody's */
    assert_true(config_load(&app->config, &app->arena));
    app->config.allow_other = true;
    options.url = arena_format(&app->arena, "sqlite:///%s/house.db", folder->path);
    if (!db_open(&options, &app->db, &error) ||
        !blob_open(arena_format(&app->arena, "file://%s/files", folder->path), &app->files, &error) ||
        !blob_open(arena_format(&app->arena, "file://%s/archive", folder->path), &app->archive, &error))
        stop(error.message);
    app->turns = turns_new();
    app->jobs = (struct jobs){ house_want_thumbnail, house };
    house->who = (struct principal){ .user_id = 5, .permissions = UINT64_MAX };
    house->actor = (struct actor){ .principal = &house->who, .origin = S("{\"by\":\"CT1\"}") };
    call_init(&house->call, app, app->db);
    house->call.actor = &house->actor;
    must(&house->call, migrate_to(&house->call, &roentgen_migrations, roentgen_migrations.count, NULL, NULL));
    must(&house->call, db_transact(&house->call, house_add_user, house));
}

static inline void house_close(struct house *house)
{
    db_release(&house->call);
    call_release(&house->call);
    turns_free(house->app.turns);
    blob_close(house->app.archive);
    blob_close(house->app.files);
    db_close(house->app.db);
    arena_release(&house->app.arena);
}

/* As if these bytes had just arrived. */
static inline struct spooled *house_spool(struct call *c, const char *name, struct str bytes)
{
    struct spooled *file = spool_begin(c, c->app->files, str_from(name), 1 << 30, &c->error);
    must(c, file && spool_write(file, bytes, &c->error));
    spool_finish(file);
    return file;
}

/* One of tests/data. */
static inline struct str house_sample(struct call *c, const char *name)
{
    const char *path = arena_format(&c->arena, "%s/%s", getenv("ROENTGEN_TEST_DATA"), name).at;
    char *bytes = arena_alloc(&c->arena, 1 << 20);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t got = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return (struct str){ bytes, (ptrdiff_t)got };
}

static inline int64_t house_count(struct call *c, const char *sql)
{
    int64_t n = -1;
    must(c, db_integer(c, &n, sql));
    db_release(c);
    return n;
}

#endif
