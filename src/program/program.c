/* program.c - which programs there are. */
#include "program/program.h"

#include "base/confined.h"
#include "base/file.h"
#include "base/log.h"
#include "program/work_folder.h"
#include "schema/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 64 << 10, WORDS_MAX = 64 };

static const struct field program_fields[] = {
    FIELD(struct program, name, .flags = READ_ONLY, .doc = "What it is called."),
    FIELD(struct program, title, .flags = REQUIRED, .min = 1, .max = 200, .doc = "The same for people."),
    FIELD(struct program, command, .flags = REQUIRED | WRITE_ONLY, .min = 1, .max = WORDS_MAX,
          .doc = "An absolute path, and what the program is told."),
    FIELD(struct program, time_limit_s, .min = 1, .max = 86400, .fallback = "3600",
          .doc = "How long it may take, in seconds."),
    FIELD(struct program, memory_mb, .min = 16, .max = 1 << 20, .fallback = "4096",
          .doc = "How much memory its processes may have, each and together, in MiB."),
    FIELD(struct program, input_mb, .min = 1, .max = 1 << 20, .fallback = "4096",
          .doc = "How much it may be given at once, in MiB."),
    FIELD(struct program, output_mb, .min = 1, .max = 1 << 20, .fallback = "1024",
          .doc = "How much it may leave, in MiB."),
    FIELD(struct program, modalities, .max = 32, .doc = "Of which images it may be asked; none: of any."),
    FIELD(struct program, body_parts, .max = 32, .doc = "The same by the part of the body."),
    FIELD(struct program, settings, .flags = NULLABLE | WRITE_ONLY, .max = 16 << 10,
          .doc = "An object that it is told as it is."),
};
const struct schema program_schema =
    SCHEMA("Program", struct program, program_fields, .doc = "A program that takes a folder of DICOM files.");

/* Ours or root's, and nobody else may write it. */
static bool is_safe(const struct stat *about)
{
    return (about->st_uid == 0 || about->st_uid == geteuid()) && !(about->st_mode & (S_IWGRP | S_IWOTH));
}

#define NOT_SAFE "belongs to somebody else, or others may write it"

bool program_is_safe(struct call *c, const struct program *p)
{
    struct stat about;
    const char *path = arena_cstring(&c->arena, p->command.items[0]);
    if (path[0] != '/')
        return fail(c, E_INVALID, "command: %s is no absolute path", path);
    if (stat(path, &about) != 0)
        return fail(c, E_INVALID, "command: %s: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode) || access(path, X_OK) != 0)
        return fail(c, E_INVALID, "command: %s is nothing that can be executed", path);
    return is_safe(&about) || fail(c, E_INVALID, "command: %s " NOT_SAFE, path);
}

static bool check_name(struct call *c, struct str name)
{
    bool ok = name.len > 0 && name.len <= 64;
    for (ptrdiff_t i = 0; ok && i < name.len; i++)
        ok = (name.at[i] >= 'a' && name.at[i] <= 'z') || (name.at[i] >= '0' && name.at[i] <= '9') ||
             (i > 0 && (name.at[i] == '-' || name.at[i] == '_'));
    return ok || fail(c, E_INVALID, "its name, which is the program's, is not a-z, 0-9, - and _, at most 64 of them");
}

static bool read_text(struct call *c, int folder, const char *file, struct str *out)
{
    struct stat about;
    char *bytes = arena_array(&c->arena, char, FILE_BYTES_MAX + 1);
    int fd = openat(folder, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &about) != 0) {
        int number = errno;
        if (fd >= 0)
            close(fd);
        return fail(c, E_INVALID, "%s", number == ELOOP ? "it is a symbolic link" : strerror(number));
    }
    ptrdiff_t got = S_ISREG(about.st_mode) ? file_read_at(fd, 0, bytes, FILE_BYTES_MAX + 1) : -1;
    close(fd);
    if (got < 0 || got > FILE_BYTES_MAX)
        return fail(c, E_INVALID, "it is no file of at most %d bytes that can be read", FILE_BYTES_MAX);
    *out = (struct str){ bytes, got };
    return is_safe(&about) || fail(c, E_INVALID, "it " NOT_SAFE);
}

static bool read_program(struct call *c, int folder, const char *file, struct program *out)
{
    struct str text, name = str_from(file);
    uint64_t given = 0;
    name.len -= (ptrdiff_t)strlen(".json");
    schema_clear(&program_schema, out);
    if (!check_name(c, name) || !read_text(c, folder, file, &text) ||
        !json_decode(c, text, &program_schema, out, false, &given) || !program_is_safe(c, out))
        return false;
    out->name = arena_copy(&c->arena, name);
    return !out->settings.text.len || out->settings.text.at[0] == '{' || fail(c, E_INVALID, "settings: not an object");
}

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct program *)a)->name, ((const struct program *)b)->name);
}

static bool read_all(struct call *c, DIR *folder, struct programs *out, struct error *error)
{
    struct stat about;
    if (fstat(dirfd(folder), &about) != 0 || !is_safe(&about))
        return error_set(error, E_INVALID, "the folder " NOT_SAFE);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.' || !str_ends(str_from(entry->d_name), S(".json")))
            continue;
        if (out->count == PROGRAMS_MAX)
            return error_set(error, E_INVALID, "there are more than %d programs", PROGRAMS_MAX);
        if (!read_program(c, dirfd(folder), entry->d_name, &out->at[out->count++])) {
            const struct problem *p = c->error.problems;
            return p ? error_set(error, E_INVALID, "%s: %.*s: %.*s", entry->d_name, STR_FMT(p->member),
                                 STR_FMT(p->message))
                     : error_set(error, E_INVALID, "%s: %s", entry->d_name, c->error.message);
        }
    }
    qsort(out->at, (size_t)out->count, sizeof(out->at[0]), by_name);
    return true;
}

static const char not_apart[] =
    "the system allows no namespaces of users and processes, without which a program can read the server's memory and "
    "settings: no program is run, unless PROGRAMS_UNCONFINED=true says that the house trusts its programs";

bool programs_open(struct app *app, struct programs **out, struct error *error)
{
    struct programs *all = arena_new(&app->arena, struct programs);
    struct str root = app->config.programs_root;
    call_init(&all->call, app, NULL);
    *out = all;
    if (!root.len)
        return true;
    DIR *folder = opendir(arena_cstring(&app->arena, root));
    if (!folder)
        return error_set(error, E_INVALID, "%.*s: %s", STR_FMT(root), strerror(errno));
    all->at = arena_array(&all->call.arena, struct program, PROGRAMS_MAX);
    bool ok = read_all(&all->call, folder, all, error);
    closedir(folder);
    if (ok && all->count > 0 && !app->config.programs_unconfined && !confined_apart())
        all->refusal = not_apart;
    return ok;
}

void programs_begin(struct app *app)
{
    struct call c;
    if (app->programs->refusal)
        log_write(app->log, LOG_WARNING, NULL, "programs.refused", "%s", app->programs->refusal);
    if (!app->programs->count)
        return;
    call_init(&c, app, app->db);
    work_folders_sweep(&c);
    call_release(&c);
}

void programs_close(struct programs *programs)
{
    if (programs)
        call_release(&programs->call);
}

const struct program *program_named(const struct app *app, struct str name)
{
    for (int i = 0; app->programs && i < app->programs->count; i++)
        if (str_equal(app->programs->at[i].name, name))
            return &app->programs->at[i];
    return NULL;
}
