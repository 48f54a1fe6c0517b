/* fsck.c - every row compared with its file, and every file with its rows. */
#include "upkeep/recover.h"

#include "records/invariants.h"
#include "records/keeping.h"
#include "site/stored.h"

#include <unistd.h>

enum { ROWS_AT_ONCE = 1000 };

struct checking {
    struct call *c;
    const struct fsck_options *options;
    void (*tell)(const char *line);
    int64_t findings;
};

static void tell_of(struct checking *k, const char *what, struct str key)
{
    k->tell(arena_cstring(&k->c->arena, arena_format(&k->c->arena, "%s: %.*s", what, STR_FMT(key))));
}

static void find(struct checking *k, const char *what, struct str key)
{
    tell_of(k, what, key);
    k->findings++;
}

/* Of bytes that are there; marks what it finds, and what it finds whole again. */
static void check_bytes(struct checking *k, const struct image_file *file, int fd, int64_t size)
{
    enum file_damage damage = size == file->file_size ? DAMAGE_NONE : DAMAGE_SIZE;
    bool deep = k->options->deep;
    if (!damage && deep && !keeping_check(k->c, file, fd, &damage)) {
        error_clear(&k->c->error);
        find(k, "a file that cannot be read", file->storage_path);
        return;
    }
    if (damage && !keeping_mark_damage(k->c, file, damage, fd))
        return; /* moved or mended since */
    if (damage)
        find(k,
             damage == DAMAGE_SIZE ? "a file of another size than its row says"
                                   : "a file with other bytes than its row says",
             file->storage_path);
    else if (deep || file->damage != DAMAGE_CONTENT)
        keeping_mark_whole(k->c, file);
    else
        find(k, "a file with other bytes than its row says, as was found before", file->storage_path);
}

static void check_row(struct checking *k, const struct image_file *file)
{
    struct error error = { 0 };
    struct blob_store *store = image_file_store(k->c, file);
    int fd;
    int64_t size;
    bool open = store && blob_open_read(store, file->storage_path, &fd, &size, &error);
    if (!open && store && error.code == E_NOT_FOUND && keeping_bring_back(k->c, file)) {
        error_clear(&error);
        tell_of(k, "brought back what had been set aside", file->storage_path);
        open = blob_open_read(store, file->storage_path, &fd, &size, &error);
    }
    if (open) {
        check_bytes(k, file, fd, size);
        close(fd);
        return;
    }
    bool is_gone = store && error.code == E_NOT_FOUND && blob_is_there(store);
    if (!is_gone || keeping_mark_damage(k->c, file, DAMAGE_MISSING, -1))
        find(k, "a row without its file", file->storage_path);
}

/* From the row after *last, at most `most`; *count of them were there. Nothing is held open while their files are
 * read, which may take long. */
static bool check_some(struct checking *k, int64_t *last, int64_t most, int64_t *count)
{
    struct call *c = k->c;
    struct cursor rows;
    struct image_file *files = arena_array(&c->arena, struct image_file, most);
    *count = 0;
    for (db_rows(c, &rows,
                 "select id, storage_path, file_size, sha256, is_archived, damage from image_files "
                 "where id > ? and storage_path is not null order by id limit 1000",
                 V(*last));
         *count < most && cursor_next(&rows);) {
        struct image_file *file = &files[(*count)++];
        schema_clear(&image_file_schema, file);
        file->id = *last = cursor_integer(&rows, 0);
        file->storage_path = arena_copy(&c->arena, cursor_text(&rows, 1));
        file->file_size = cursor_integer(&rows, 2);
        file->sha256 = arena_copy(&c->arena, cursor_text(&rows, 3));
        file->is_archived = cursor_integer(&rows, 4) != 0;
        file->damage = choice_of(file_damages, cursor_text(&rows, 5));
    }
    bool ok = cursor_close(&rows);
    db_release(c);
    for (int64_t i = 0; ok && i < *count; i++) {
        check_row(k, &files[i]);
        ok = !c->error.code;
    }
    return ok;
}

static bool check_rows(struct checking *k)
{
    int64_t last = 0, count = ROWS_AT_ONCE;
    bool ok = true;
    while (ok && count == ROWS_AT_ONCE) {
        ok = check_some(k, &last, ROWS_AT_ONCE, &count);
        if (ok)
            call_reset(k->c);
    }
    return ok;
}

/* Whoever removes it, and whoever says that it is left over, asks where uploads and purges under way have to wait. */
static bool is_left_over(struct checking *k, struct str key)
{
    bool named = true;
    return keeping_look(k->c, key, &named) && !named && blob_exists(k->c->app->files, key);
}

static void report_left_over(struct checking *k, struct str key)
{
    struct error error = { 0 };
    if (!k->options->remove_orphans)
        find(k, "a file without a row", key);
    else if (blob_remove(k->c->app->files, key, &error))
        tell_of(k, "removed a file without a row", key);
    else
        find(k, "a file without a row that cannot be removed", key);
}

/* An upload has its bytes before its row: a claim says that somebody may be about to name them. */
static bool check_file(void *context, struct str key, int64_t size_bytes, struct instant changed)
{
    (void)size_bytes;
    (void)changed;
    struct checking *k = context;
    bool named;
    if (!keeping_is_named(k->c, key, &named))
        return false;
    if (!named && blob_is_claimed(k->c->app->files, key))
        tell_of(k, "a file without a row yet, of an upload that may be under way", key);
    else if (!named && is_left_over(k, key))
        report_left_over(k, key);
    return k->c->error.code == E_NONE;
}

/* ---- files of other kinds, whose rows have no mark for damage ---- */

static void find_of(struct checking *k, const struct stored_kind *kind, const char *what, struct str key)
{
    find(k, arena_format(&k->c->arena, "a %s %s", kind->what, what).at, key);
}

static bool open_stored(struct checking *k, const struct image_file *file, int *fd, int64_t *size, struct error *error)
{
    struct blob_store *files = k->c->app->files;
    if (blob_open_read(files, file->storage_path, fd, size, error))
        return true;
    if (error->code != E_NOT_FOUND || !keeping_bring_back(k->c, file))
        return false;
    error_clear(error);
    tell_of(k, "brought back what had been set aside", file->storage_path);
    return blob_open_read(files, file->storage_path, fd, size, error);
}

/* `file`: as keeping_bring_back takes it. */
static void check_stored(struct checking *k, const struct stored_kind *kind, const struct image_file *file)
{
    struct error error = { 0 };
    enum file_damage damage = DAMAGE_NONE;
    int64_t size;
    int fd;
    if (!open_stored(k, file, &fd, &size, &error)) {
        find_of(k, kind, error.code == E_NOT_FOUND ? "without its file" : "that cannot be opened", file->storage_path);
        return;
    }
    if (size != file->file_size)
        find_of(k, kind, "of another size than its row says", file->storage_path);
    else if (k->options->deep && !keeping_check(k->c, file, fd, &damage))
        find_of(k, kind, "that cannot be read", file->storage_path);
    else if (damage)
        find_of(k, kind, "with other bytes than were stored", file->storage_path);
    error_clear(&k->c->error);
    close(fd);
}

/* From the row before *last, 0: from the newest; at most `most`. Nothing is held open while files are read. A row that
 * has gone meanwhile is none that lacks its file. */
static bool check_kind(struct checking *k, const struct stored_kind *kind, int64_t *last, int64_t most, int64_t *count)
{
    struct call *c = k->c;
    struct cursor rows;
    struct image_file *files = arena_array(&c->arena, struct image_file, most);
    int64_t one;
    *count = 0;
    for (db_rows(c, &rows, kind->rows, V(*last ? *last : INT64_MAX)); *count < most && cursor_next(&rows);) {
        struct image_file *file = &files[(*count)++];
        schema_clear(&image_file_schema, file);
        file->id = *last = cursor_integer(&rows, 0);
        file->storage_path = arena_copy(&c->arena, cursor_text(&rows, 1));
        file->file_size = cursor_integer(&rows, 2);
        file->sha256 = arena_copy(&c->arena, cursor_text(&rows, 3));
    }
    bool ok = cursor_close(&rows);
    db_release(c);
    for (int64_t i = 0; ok && i < *count; i++) {
        enum found found = blob_exists(c->app->files, files[i].storage_path)
                               ? FOUND
                               : db_find_integer(c, &one, kind->still, V(files[i].id), V(files[i].storage_path));
        db_release(c);
        if (found == FOUND)
            check_stored(k, kind, &files[i]);
        ok = found != FAILED && !c->error.code;
    }
    return ok;
}

static bool check_others(struct checking *k)
{
    bool ok = true;
    for (int i = STORED_IMAGE_FILES + 1; ok && i < STORED_KINDS; i++) {
        int64_t last = 0, count = ROWS_AT_ONCE;
        while (ok && count == ROWS_AT_ONCE) {
            ok = check_kind(k, &stored_kinds[i], &last, ROWS_AT_ONCE, &count);
            if (ok)
                call_reset(k->c);
        }
    }
    return ok;
}

static bool walk_all(struct checking *k)
{
    struct call *c = k->c;
    bool ok = true;
    for (int i = 0; ok && i < STORED_KINDS; i++)
        ok = blob_walk(c->app->files, str_from(stored_kinds[i].prefix), check_file, k, &c->error) && !c->error.code;
    return ok;
}

static bool check_aside(void *context, struct str key, int64_t size_bytes, struct instant changed)
{
    (void)size_bytes;
    (void)changed;
    tell_of(context, "set aside, since no row named it (import it, or purge --set-aside)", key);
    return true;
}

static void find_broken(const struct invariant *broken, struct str table, int64_t id, void *context)
{
    struct checking *k = context;
    find(k, arena_format(&k->c->arena, "%s (%s)", broken->words, broken->name).at,
         arena_format(&k->c->arena, "%.*s %" PRId64, STR_FMT(table), id));
}

static bool check_all(struct checking *k)
{
    struct call *c = k->c;
    struct blob_store *files = c->app->files;
    return (!k->options->rows || invariants_check(c, find_broken, k)) && check_rows(k) && check_others(k) &&
           walk_all(k) && blob_walk(files, S("aside/"), check_aside, k, &c->error);
}

bool fsck(struct call *c, const struct fsck_options *options, void (*tell)(const char *line), int64_t *findings)
{
    struct call own; /* what it makes is let go of every thousand rows */
    struct checking k = { &own, options, tell, 0 };
    call_init(&own, c->app, c->db);
    own.actor = c->actor;
    bool ok = check_all(&k);
    *findings = k.findings;
    if (!ok)
        c->error = own.error;
    db_release(&own);
    call_release(&own);
    return ok;
}

/* ---- in slices ---- */

/* Image files first, then those of other kinds: one after the other, each from its beginning. */
struct scrub {
    int64_t kind, last;
};

/* A row says where it stands: its id is the kind, from 1. */
static bool load_position(struct call *c, struct scrub *scrub)
{
    struct cursor rows;
    *scrub = (struct scrub){ 0 };
    db_rows(c, &rows, "select id, last_file_id from scrub_position order by id desc limit 1");
    if (cursor_next(&rows) && cursor_integer(&rows, 0) <= STORED_KINDS)
        *scrub = (struct scrub){ cursor_integer(&rows, 0) - 1, cursor_integer(&rows, 1) };
    return cursor_close(&rows);
}

static bool store_position(struct call *c, void *context)
{
    const struct scrub *scrub = context;
    return db_execute(c, "delete from scrub_position") &&
           db_execute(c, "insert into scrub_position(id, last_file_id, updated_at) values (?, ?, ?)",
                      V(scrub->kind + 1), V(scrub->last), V(clock_now()));
}

static bool check_next(struct checking *k, struct scrub *scrub, int64_t most, struct fsck_progress *out)
{
    int64_t count = 0;
    bool ok = scrub->kind == STORED_IMAGE_FILES ? check_some(k, &scrub->last, most, &count)
                                                : check_kind(k, &stored_kinds[scrub->kind], &scrub->last, most, &count);
    out->files += count;
    if (ok && count < most) {
        out->ended = scrub->kind == STORED_KINDS - 1; /* the next slice begins anew */
        *scrub = (struct scrub){ out->ended ? 0 : scrub->kind + 1, 0 };
    }
    return ok;
}

bool fsck_slice(struct call *c, int64_t files, void (*tell)(const char *line), struct fsck_progress *out)
{
    static const struct fsck_options deep = { .deep = true };
    struct call own;
    struct checking k = { &own, &deep, tell, 0 };
    struct scrub scrub;
    *out = (struct fsck_progress){ 0 };
    call_init(&own, c->app, c->db);
    own.actor = c->actor;
    bool ok = load_position(&own, &scrub);
    while (ok && out->files < files && !out->ended) {
        int64_t most = files - out->files < ROWS_AT_ONCE ? files - out->files : ROWS_AT_ONCE;
        ok = check_next(&k, &scrub, most, out) && db_transact(&own, store_position, &scrub);
        if (ok)
            call_reset(&own);
    }
    out->findings = k.findings;
    if (!ok)
        c->error = own.error;
    db_release(&own);
    call_release(&own);
    return ok;
}
