/* backup.c - see backup.h: files, a moment of the database, the rest of its files, the list, the name. */
#include "upkeep/backup_parts.h"

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "db/snapshot.h"
#include "site/installation.h"
#include "site/stored.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS_AT_ONCE = 1000, ROUNDS_MAX = 10, ODD_BUCKETS = 1024, LINES_BYTES = 1 << 20 };
#define LINES "lines" /* of the list, as they come */

/* Bytes that are not those of their row. */
struct odd {
    struct str path, sha256;
    struct odd *next;
};

struct making {
    struct backup b;
    const struct backup_order *order;
    struct arena *arena; /* of the call that asked: lasts as long as this */
    struct str name;
    struct odd *odd[ODD_BUCKETS];
    struct text lines;
    int lines_fd;
    int schema;
    bool too_old;                    /* the moment: a file that it names has gone with its row */
    const struct stored_kind *named; /* whose files are taken now */
};

/* ---- rows ---- */

/* From the row before *last, the newest first; *count of them. Nothing is held open while their files are taken. */
static bool read_rows(struct call *reader, const char *sql, int64_t *last, struct backup_row rows[ROWS_AT_ONCE],
                      int *count)
{
    struct cursor cursor;
    *count = 0;
    for (db_rows(reader, &cursor, sql, V(*last)); *count < ROWS_AT_ONCE && cursor_next(&cursor); ++*count) {
        rows[*count] = (struct backup_row){ .id = *last = cursor_integer(&cursor, 0),
                                            .key = arena_copy(&reader->arena, cursor_text(&cursor, 1)),
                                            .size = cursor_integer(&cursor, 2),
                                            .sha256 = arena_copy(&reader->arena, cursor_text(&cursor, 3)),
                                            .archived = cursor_integer(&cursor, 4) != 0 };
    }
    return cursor_close(&cursor);
}

static bool each_named(struct making *m, struct call *reader, bool moment,
                       bool (*take)(struct making *m, const struct backup_row *row))
{
    struct backup_row rows[ROWS_AT_ONCE];
    struct call *c = m->b.c;
    int64_t last = INT64_MAX;
    int count = ROWS_AT_ONCE;
    while (count == ROWS_AT_ONCE && !m->too_old) {
        if (!read_rows(reader, m->named->rows, &last, rows, &count))
            return reader == c ? false : (c->error = reader->error, false);
        if (!moment)
            db_release(reader);
        for (int i = 0; i < count && !m->too_old; i++, m->b.done++)
            if (!take(m, &rows[i]) || !backup_say(m->b.watch, m->b.done, m->b.total, "files", &c->error))
                return false;
        db_release(c);
        arena_reset(&c->arena);
        arena_reset(&reader->arena);
    }
    return true;
}

/* `moment`: what `reader` sees is one, and stays so. */
static bool each_row(struct making *m, struct call *reader, bool moment,
                     bool (*take)(struct making *m, const struct backup_row *row))
{
    m->b.done = 0;
    for (m->named = stored_kinds; m->named < stored_kinds + STORED_KINDS; m->named++)
        if (!m->named->forget && !each_named(m, reader, moment, take))
            return false;
    return true;
}

/* What cannot be had now is left to when its row is looked at for good. */
static bool take_early(struct making *m, const struct backup_row *row)
{
    struct str sha256;
    return backup_take(&m->b, row, false, &sha256) != TAKE_FAILED;
}

/* ---- the list ---- */

static bool flush_lines(struct making *m)
{
    bool ok = file_write_all(m->lines_fd, text_str(&m->lines), &m->b.c->error);
    text_clear(&m->lines);
    return ok;
}

static bool put_line(struct making *m, const char *path, struct str sha256)
{
    text_format(&m->lines, "%.*s  %s\n", STR_FMT(sha256), path);
    return m->lines.len < LINES_BYTES / 2 || flush_lines(m);
}

static struct odd **odd_at(struct making *m, struct str path)
{
    return &m->odd[str_hash(path) % ODD_BUCKETS];
}

static void remember_odd(struct making *m, const char *path, struct str sha256)
{
    struct odd *odd = arena_new(m->arena, struct odd);
    struct odd **at = odd_at(m, str_from(path));
    *odd = (struct odd){ arena_copy(m->arena, str_from(path)), arena_copy(m->arena, sha256), *at };
    *at = odd;
}

static struct str sha256_there(struct making *m, const char *path, struct str of_row)
{
    for (const struct odd *odd = *odd_at(m, str_from(path)); odd; odd = odd->next)
        if (str_equal(odd->path, str_from(path)))
            return odd->sha256;
    return of_row;
}

/* Is the row still there, and says the same? Then its file is lost. */
static bool take_loss(struct making *m, const struct backup_row *row)
{
    struct call *c = m->b.c;
    int64_t one;
    db_release(c); /* what is there now, not what was when this call read last */
    enum found found = db_find_integer(c, &one, m->named->still, V(row->id), V(row->key));
    m->too_old = found == NONE;
    m->b.made->missing += found == FOUND;
    if (found == FOUND)
        log_write(c->app->log, LOG_ERROR, NULL, "backup.missing", "%s %" PRId64 ", %.*s: it is in no store",
                  m->named->what, row->id, STR_FMT(row->key));
    return found != FAILED;
}

static bool take_late(struct making *m, const struct backup_row *row)
{
    struct call *c = m->b.c;
    const char *path = backup_path_of(&c->arena, row->archived, row->key);
    struct str sha256;
    if (!manifest_path_is_legal(str_from(path)))
        return fail(c, E_INTERNAL, "%s %" PRId64 " has a name that a backup cannot have", m->named->what, row->id);
    switch (backup_take(&m->b, row, true, &sha256)) {
    case TAKE_DONE:
        if (sha256.len != row->sha256.len)
            remember_odd(m, path, sha256);
        return put_line(m, path, sha256);
    case TAKE_WAS_THERE:
        return put_line(m, path, sha256_there(m, path, sha256));
    case TAKE_DAMAGED:
        m->b.made->damaged++;
        remember_odd(m, path, sha256);
        log_write(c->app->log, LOG_ERROR, NULL, "backup.damaged",
                  "%s %" PRId64 ", %.*s: its bytes are not those that were stored", m->named->what, row->id,
                  STR_FMT(row->key));
        return put_line(m, path, sha256);
    case TAKE_MISSING:
        return take_loss(m, row);
    default:
        return false;
    }
}

static bool take_aside(void *context, struct str key, int64_t size_bytes, struct instant changed)
{
    (void)size_bytes;
    (void)changed;
    struct making *m = context;
    struct str sha256;
    enum backup_taken taken = backup_take_aside(&m->b, key, &sha256);
    if (taken == TAKE_DONE)
        return put_line(m, backup_path_of(&m->b.c->arena, false, key), sha256);
    return taken != TAKE_FAILED; /* it was brought back, or purged */
}

/* ---- a moment, and its files ---- */

static bool tell_pages(void *context, int64_t done, int64_t total, struct error *error)
{
    const struct backup *b = context;
    (void)done;
    (void)total;
    return backup_say(b->watch, b->done, b->total, "database", error);
}

static bool begin_lines(struct making *m)
{
    struct call *c = m->b.c;
    if (m->lines_fd >= 0)
        close(m->lines_fd);
    unlinkat(m->b.fd, LINES, 0);
    m->lines_fd = backup_create(m->b.fd, LINES, 0600, 0700);
    text_clear(&m->lines);
    return m->lines_fd >= 0 || file_fail(&c->error, "make", LINES, errno);
}

static bool copy_moment(struct making *m, struct call *moment)
{
    struct call *c = m->b.c;
    struct snapshot_watch watch = { tell_pages, &m->b };
    const char *path = arena_format(m->arena, "%s/%s", m->b.path, snapshot_file_name(c->db)).at;
    if (snapshot_copy(moment, path, &watch) && migrate_current(moment, &m->schema))
        return true;
    c->error = moment->error;
    return false;
}

/* Files first, since they may go; the moment stays. */
static bool take_moment(struct making *m, struct call *moment)
{
    struct call *c = m->b.c;
    if (!each_row(m, moment, true, take_late))
        return false;
    return m->too_old || (copy_moment(m, moment) && blob_walk(c->app->files, S("aside/"), take_aside, m, &c->error) &&
                          c->error.code == E_NONE && flush_lines(m));
}

static bool take_one_moment(struct making *m)
{
    struct call moment;
    m->too_old = false;
    m->b.made->damaged = m->b.made->missing = 0;
    memset(m->odd, 0, sizeof(m->odd));
    call_init(&moment, m->b.c->app, m->b.c->db);
    bool ok = begin_lines(m);
    if (ok && !snapshot_begin(&moment)) {
        m->b.c->error = moment.error;
        ok = false;
    }
    ok = ok && take_moment(m, &moment);
    snapshot_end(&moment);
    call_release(&moment);
    return ok;
}

static bool take_moments(struct making *m)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        if (!take_one_moment(m))
            return false;
        if (!m->too_old)
            return true;
    }
    return fail(m->b.c, E_UNAVAILABLE, "files are removed faster than they can be backed up: try again later");
}

/* ---- what is written last ---- */

struct settling {
    struct making *m;
    const struct manifest *lines;
};

static bool settle_file(void *context, struct str path, int64_t size)
{
    const struct settling *s = context;
    struct backup *b = &s->m->b;
    struct manifest_line line;
    if (manifest_find(s->lines, path, &line)) {
        b->made->files++;
        b->made->bytes += size;
        return true;
    }
    return unlinkat(b->fd, path.at, 0) == 0 || file_fail(&b->c->error, "remove", path.at, errno);
}

static bool put_sum(struct making *m, const char *name)
{
    struct backup_bytes bytes;
    struct backup_pace pace = { m->b.watch, m->b.done, m->b.total, "database" };
    struct error *error = &m->b.c->error;
    int fd = backup_open(m->b.fd, name);
    if (fd < 0)
        return file_fail(error, "open", name, errno);
    bool ok = backup_read(fd, -1, &pace, &bytes, error);
    close(fd);
    return ok && put_line(m, name, str_from(bytes.sha256));
}

static bool put_lines(struct making *m, const struct manifest *lines)
{
    for (ptrdiff_t i = 0; i < lines->count; i++) {
        struct manifest_line line = manifest_line(lines, i);
        text_format(&m->lines, "%.*s  %.*s\n", STR_FMT(line.sha256), STR_FMT(line.path));
        if (m->lines.len > LINES_BYTES / 2 && !flush_lines(m))
            return false;
    }
    return put_sum(m, snapshot_file_name(m->b.c->db)) && put_sum(m, BACKUP_ABOUT) && put_sum(m, BACKUP_README) &&
           flush_lines(m);
}

static bool write_about(struct making *m)
{
    const struct backup_made *made = m->b.made;
    struct call *c = m->b.c;
    struct backup_about about = { .format = BACKUP_FORMAT,
                                  .schema = m->schema,
                                  .files = made->files,
                                  .bytes = made->bytes,
                                  .damaged = made->damaged,
                                  .missing = made->missing,
                                  .made = instant_format(clock_now(), &c->arena),
                                  .program = S(ROENTGEN_VERSION),
                                  .database = db_dialect(c->db),
                                  .key = backup_key_mark(&c->app->config, &c->arena),
                                  .installation = m->b.target.installation };
    return backup_about_write(&m->b, &about, &c->error);
}

/* The lines as they came are mapped while the list is written beside them. */
static bool write_sums(struct making *m, const struct manifest *lines)
{
    struct backup *b = &m->b;
    struct call *c = b->c;
    struct settling settling = { m, lines };
    b->made->files = b->made->bytes = 0;
    if (!backup_walk(b->fd, "files", settle_file, &settling, &c->error) ||
        !backup_walk(b->fd, "archive", settle_file, &settling, &c->error) || !write_about(m))
        return false;
    close(m->lines_fd);
    m->lines_fd = backup_create(b->fd, BACKUP_SUMS, 0600, 0700);
    return (m->lines_fd >= 0 || file_fail(&c->error, "make", BACKUP_SUMS, errno)) && put_lines(m, lines);
}

/* What could not be read of them was copied from the store. */
static void release_donors(struct backup *b)
{
    for (; b->donor_count; b->donor_count--) {
        close(b->donors[b->donor_count - 1].fd);
        manifest_free(b->donors[b->donor_count - 1].manifest);
    }
}

/* Two lists of every file do not lie in memory at once. */
static bool write_list(struct making *m)
{
    struct backup *b = &m->b;
    struct call *c = b->c;
    struct manifest *lines = NULL, *sums = NULL;
    struct stat st;
    release_donors(b);
    bool empty = fstat(m->lines_fd, &st) == 0 && !st.st_size;
    const char *path = arena_format(m->arena, "%s/" LINES, b->path).at;
    bool ok = (empty ? manifest_read(S(""), true, &lines, &c->error) : manifest_open(path, true, &lines, &c->error)) &&
              write_sums(m, lines);
    ok = manifest_close(lines, &c->error) && ok;
    path = arena_format(m->arena, "%s/" BACKUP_SUMS, b->path).at;
    ok = ok && manifest_open(path, false, &sums, &c->error) &&
         backup_write_text(b->fd, BACKUP_SEAL, backup_seal(&c->app->config, sums->text, &c->arena), &c->error);
    ok = manifest_close(sums, &c->error) && ok;
    return ok && (unlinkat(b->fd, LINES, 0) == 0 || file_fail(&c->error, "remove", LINES, errno));
}

/* From here on it is a backup. */
static bool give_name(struct making *m)
{
    struct backup *b = &m->b;
    struct error *error = &b->c->error;
    const char *partial = backup_name_with(&b->target, m->name, BACKUP_PARTIAL, m->arena);
    if (syncfs(b->fd) != 0 || fsync(b->fd) != 0)
        return file_fail(error, "sync", b->path, errno);
    if (renameat(b->target.fd, partial, b->target.fd, m->name.at) != 0)
        return file_fail(error, "rename", partial, errno);
    return fsync(b->target.fd) == 0 || file_fail(error, "sync", b->target.path, errno);
}

/* ---- all of it ---- */

/* The newest whole one, and whatever was interrupted since or before. */
static bool open_donors(struct making *m)
{
    struct backup *b = &m->b;
    bool whole = false;
    for (int i = b->target.count; i-- > 0 && b->donor_count < BACKUP_DONORS_MAX;) {
        struct str name = b->target.names[i];
        bool is_whole = backup_is_own(&b->target, name, "", m->arena);
        struct backup_donor donor = { .name = name.at, .whole = is_whole };
        struct error error = { 0 };
        if (is_whole ? whole : !backup_is_own(&b->target, name, BACKUP_PARTIAL, m->arena))
            continue;
        const char *sums = arena_format(m->arena, "%s/%s/" BACKUP_SUMS, b->target.path, name.at).at;
        donor.fd = openat(b->target.fd, name.at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (donor.fd < 0)
            return file_fail(&b->c->error, "open", name.at, errno);
        if (is_whole && !manifest_open(sums, false, &donor.manifest, &error)) {
            log_write(b->c->app->log, LOG_ERROR, NULL, "backup.unreadable", "%s: %s", name.at, error.message);
            close(donor.fd);
            continue;
        }
        struct stat st;
        if (is_whole && fstatat(donor.fd, BACKUP_SUMS, &st, AT_SYMLINK_NOFOLLOW) == 0)
            donor.written_ns = backup_written_ns(&st);
        whole = whole || is_whole;
        b->donors[b->donor_count++] = donor;
    }
    return true;
}

static bool remove_partial(struct making *m)
{
    struct backup *b = &m->b;
    for (int i = 0; i < b->target.count; i++)
        if (backup_is_own(&b->target, b->target.names[i], BACKUP_PARTIAL, m->arena) &&
            !backup_remove_tree(b->target.fd, b->target.names[i].at, &b->c->error))
            return false;
    return true;
}

static bool make_folder(struct making *m)
{
    struct backup *b = &m->b;
    m->name = backup_name_new(&b->target, m->arena);
    const char *partial = backup_name_with(&b->target, m->name, BACKUP_PARTIAL, m->arena);
    b->path = arena_format(m->arena, "%s/%s", b->target.path, partial).at;
    if (mkdirat(b->target.fd, partial, 0700) != 0)
        return file_fail(&b->c->error, "make", b->path, errno);
    b->fd = openat(b->target.fd, partial, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return b->fd >= 0 || file_fail(&b->c->error, "open", b->path, errno);
}

static bool count_files(struct call *c, int64_t *total)
{
    int64_t count = 0;
    *total = 0;
    for (int i = 0; i < STORED_KINDS; i++) {
        if (stored_kinds[i].forget)
            continue;
        if (!db_integer(c, &count, stored_kinds[i].count))
            return false;
        *total += count;
    }
    return true;
}

static bool make(struct making *m)
{
    struct backup *b = &m->b;
    struct call *c = b->c;
    struct str id;
    if (!installation_id(c, &id) ||
        !backup_target_open(m->order->target, c->app, arena_copy(m->arena, id), m->arena, &b->target, &c->error) ||
        !open_donors(m) || !make_folder(m) || !count_files(c, &b->total))
        return false;
    db_release(c);
    if (!each_row(m, c, false, take_early) || !take_moments(m) || !write_list(m) || !give_name(m))
        return false;
    b->made->name = m->name;
    return remove_partial(m) && backup_remove_old(&b->target, m->arena, m->order->keep, &b->made->removed, &c->error);
}

static void release(struct making *m)
{
    struct backup *b = &m->b;
    release_donors(b);
    if (m->lines_fd >= 0)
        close(m->lines_fd);
    if (b->fd >= 0)
        close(b->fd);
    backup_target_close(&b->target);
    text_release(&m->lines);
}

bool backup_make(struct call *c, const struct backup_order *order, const struct backup_watch *watch,
                 struct backup_made *out)
{
    struct call own; /* what it makes is let go of every thousand rows */
    struct making *m = arena_new(&c->arena, struct making);
    *out = (struct backup_made){ 0 };
    call_init(&own, c->app, c->db);
    own.actor = c->actor;
    *m = (struct making){ .b = { .c = &own, .watch = watch, .made = out, .fd = -1, .target = { .fd = -1, .lock = -1 } },
                          .order = order,
                          .arena = &c->arena,
                          .lines_fd = -1 };
    text_init(&m->lines, LINES_BYTES);
    bool ok = make(m);
    if (!ok && !c->error.code) /* which says why it was told to stop */
        c->error = own.error;
    release(m);
    db_release(&own);
    call_release(&own);
    return ok;
}
