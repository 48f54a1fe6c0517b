/* cmd_files.c - purge, fsck and import: files by the hundred, outside the server. They may run while it serves. */
#include "cli/command.h"

#include "app/recover.h"
#include "app/upload.h"

#include <fcntl.h>
#include <fts.h>
#include <unistd.h>

/* ---- purge ---- */

struct purge {
    struct str older_than;
};
static const struct field purge_fields[] = {
    FIELD(struct purge, older_than, .fallback = "30d", .max = 20, .doc = "Only files deleted so long ago: 12h, 30d."),
};
const struct schema purge_options = SCHEMA("Purge", struct purge, purge_fields);

/* Seconds of "30d", "12h", "15m", "90s", "90". */
static bool duration(struct str s, int64_t *seconds)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    int64_t unit = 1;
    for (size_t i = 0; s.len && i < sizeof(units) / sizeof(units[0]); i++)
        if (s.at[s.len - 1] == units[i].unit) {
            unit = units[i].seconds;
            s.len--;
            break;
        }
    if (!str_to_integer(s, seconds) || *seconds < 0 || *seconds > 100 * 365 * (int64_t)86400 / unit)
        return false;
    *seconds *= unit;
    return true;
}

int cmd_purge(struct call *c)
{
    const struct purge *in = c->in;
    int64_t age_s, files, bytes;
    if (!duration(in->older_than, &age_s)) {
        fprintf(stderr, "roentgen: --older-than takes a duration such as 12h or 30d\n");
        return 2;
    }
    struct instant before = { clock_now().us - age_s * 1000000 };
    if (!purge_files(c, before, &files, &bytes))
        return command_failed(c);
    printf("%" PRId64 " files removed, %" PRId64 " bytes freed\n", files, bytes);
    return 0;
}

/* ---- fsck ---- */

struct fsck_command {
    bool remove_orphans, deep;
};
static const struct field fsck_fields[] = {
    FIELD(struct fsck_command, remove_orphans,
          .doc = "Remove files that no row names. Only while nothing is being uploaded."),
    FIELD(struct fsck_command, deep, .doc = "Read every file and compare its SHA-256."),
};
const struct schema fsck_command_options = SCHEMA("Fsck", struct fsck_command, fsck_fields);

static void tell(const char *line)
{
    printf("%s\n", line);
}

int cmd_fsck(struct call *c)
{
    const struct fsck_command *in = c->in;
    struct fsck_options options = { in->remove_orphans, in->deep };
    int64_t findings;
    if (!fsck(c, &options, tell, &findings))
        return command_failed(c);
    if (findings)
        printf("%" PRId64 " findings\n", findings);
    else
        printf("clean\n");
    return findings ? 1 : 0;
}

/* ---- import ---- */

struct import {
    struct str folder, username, modality, description;
    int64_t patient_id;
};
static const struct field import_fields[] = {
    FIELD(struct import, folder, .flags = REQUIRED, .min = 1, .max = 4000,
          .doc = "Where the files are; everything below it is looked at."),
    FIELD(struct import, username, .flags = REQUIRED, .min = 1, .max = 50,
          .doc = "Account that the files will belong to."),
    FIELD(struct import, patient_id, .min = 1, .max = INT64_MAX, .doc = "Patient of all of them."),
    FIELD(struct import, modality, .max = 16, .doc = "Modality of all of them."),
    FIELD(struct import, description, .max = 2000, .doc = "Description of all of them."),
};
const struct schema import_options = SCHEMA("Import", struct import, import_fields);

struct importing {
    int64_t user_id, taken, known, refused;
    struct upload_details details;
};

static bool spool_file(struct call *c, const char *path, const char *name, struct spooled **out)
{
    enum { READ_BYTES = 1 << 20 };
    char *buffer = arena_alloc(&c->arena, READ_BYTES);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail(c, E_BAD_REQUEST, "it cannot be opened");
    struct spooled *file = spool_begin(c, c->app->files, str_from(name), c->app->config.max_upload_bytes, &c->error);
    bool ok = file != NULL;
    for (ssize_t got = 1; ok && got > 0;) {
        got = read(fd, buffer, READ_BYTES);
        ok = got >= 0 ? got == 0 || spool_write(file, (struct str){ buffer, got }, &c->error)
                      : fail(c, E_BAD_REQUEST, "it cannot be read");
    }
    close(fd);
    if (ok)
        spool_finish(file);
    else if (file)
        spool_drop(file);
    *out = file;
    return ok;
}

static bool is_known(struct call *c, const struct importing *import, const struct spooled *file)
{
    int64_t found = 0;
    return db_integer(c, &found, "select 1 from image_files where sha256 = ? and uploaded_by = ? limit 1",
                      V(str_from(file->sha256)), V(import->user_id));
}

static void import_one(struct call *c, struct importing *import, const char *path, const char *name)
{
    struct spooled *file = NULL;
    struct image_file row;
    bool ok = spool_file(c, path, name, &file);
    if (ok && is_known(c, import, file)) {
        import->known++;
    } else if (ok && upload_store(c, file, &import->details, import->user_id, NULL, NULL, &row)) {
        import->taken++;
    } else {
        fprintf(stderr, "%s: %.*s\n", path,
                STR_FMT(c->error.problems ? c->error.problems->message : str_from(c->error.message)));
        import->refused++;
    }
    if (file)
        spool_drop(file);
}

static int import_all(struct call *c, struct importing *import, FTS *tree)
{
    for (FTSENT *entry; (entry = fts_read(tree));) {
        if (entry->fts_info != FTS_F)
            continue;
        struct call one;
        call_init(&one, c->app, c->db);
        import_one(&one, import, entry->fts_accpath, entry->fts_name);
        bool hopeless = one.error.code == E_STORAGE_FULL || one.error.code == E_UNAVAILABLE;
        db_release(&one);
        call_release(&one);
        if (hopeless)
            return 1;
    }
    printf("%" PRId64 " files taken, %" PRId64 " known already, %" PRId64 " refused\n", import->taken, import->known,
           import->refused);
    return import->refused ? 1 : 0;
}

int cmd_import(struct call *c)
{
    const struct import *in = c->in;
    struct importing import = { .details = { in->patient_id, in->description, in->modality, STR_NULL } };
    char *roots[] = { (char *)(uintptr_t)arena_cstring(&c->arena, in->folder), NULL };
    if (!db_integer(c, &import.user_id, "select id from users where username = ? and deleted_at is null",
                    V(in->username))) {
        fail(c, E_NOT_FOUND, "there is no account %.*s", STR_FMT(in->username));
        return command_failed(c);
    }
    if (access(roots[0], R_OK | X_OK) != 0) {
        fail(c, E_NOT_FOUND, "%s cannot be read", roots[0]);
        return command_failed(c);
    }
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!tree) {
        fail(c, E_INTERNAL, "%s cannot be walked", roots[0]);
        return command_failed(c);
    }
    int status = import_all(c, &import, tree);
    fts_close(tree);
    return status;
}
