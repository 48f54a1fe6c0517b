/* mysql_load.c - the SQL of snapshot.h into an empty database, as the client programs would do it. */
#include "db/mysql_driver.h"

#include "base/file.h"

#include <errno.h>
#include <sys/stat.h>

enum { TELL_EVERY = 100, STATEMENT_MAX_BYTES = 256 << 20 };

struct loading {
    struct call *c;
    const struct snapshot_watch *watch;
    struct text statement;
    char delimiter[8];
    int64_t read, size, lines;
};

static bool run_one(struct loading *l, struct str statement)
{
    if (mysql_run(l->c->connection, statement, &l->c->error))
        return true;
    struct error cause = l->c->error;
    error_clear(&l->c->error);
    return fail(l->c, cause.code, "line %" PRId64 " of the database's copy: %s", l->lines, cause.message);
}

/* A line, with its end; the last of a statement ends with the delimiter. */
static bool take_line(struct loading *l, struct str line)
{
    struct str bare = str_trim(line), delimiter = str_from(l->delimiter);
    if (!l->statement.len && (!bare.len || str_starts(bare, S("-- "))))
        return true;
    if (!l->statement.len && str_starts(bare, S("delimiter "))) {
        struct str wanted = str_trim(str_slice(bare, 10, bare.len));
        snprintf(l->delimiter, sizeof(l->delimiter), "%.*s", STR_FMT(wanted));
        return true;
    }
    text_put(&l->statement, line);
    if (l->statement.overflowed)
        return fail(l->c, E_TOO_LARGE, "line %" PRId64 " of the database's copy is too long", l->lines);
    if (!str_ends(bare, delimiter))
        return true;
    struct str whole = str_trim(text_str(&l->statement));
    bool ok = run_one(l, str_slice(whole, 0, whole.len - delimiter.len));
    text_clear(&l->statement);
    return ok;
}

static bool tell(struct loading *l)
{
    return !l->watch || !l->watch->tell || l->watch->tell(l->watch->context, l->read, l->size, &l->c->error);
}

static bool load_all(struct loading *l, FILE *file)
{
    char *line = NULL;
    size_t capacity = 0;
    bool ok = true;
    for (ssize_t len; ok && (len = getline(&line, &capacity, file)) > 0;) {
        l->read += len;
        l->lines++;
        ok = take_line(l, (struct str){ line, len }) && (l->lines % TELL_EVERY != 0 || tell(l));
    }
    free(line);
    return ok && (!ferror(file) || file_fail(&l->c->error, "read", "the database's copy", errno)) &&
           (!l->statement.len || fail(l->c, E_INVALID, "the database's copy ends in the middle of a statement")) &&
           tell(l);
}

bool mysql_snapshot_load(struct call *c, const char *path, const struct snapshot_watch *watch)
{
    struct loading l = { .c = c, .watch = watch, .delimiter = ";" };
    struct stat st;
    FILE *file = fopen(path, "re");
    if (!file)
        return file_fail(&c->error, "open", path, errno);
    l.size = fstat(fileno(file), &st) == 0 ? st.st_size : 0;
    text_init(&l.statement, STATEMENT_MAX_BYTES);
    bool ok = mysql_borrow_slow(c->db, &c->connection, &c->error) && load_all(&l, file);
    db_release(c);
    text_release(&l.statement);
    fclose(file);
    return ok;
}
