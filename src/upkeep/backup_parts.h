/* backup_parts.h - what the files of backup.h share. Private to upkeep/.
 *
 *   backup.c          the order of things: files, a moment, files, the list, the name
 *   backup_target.c   the folder of all backups: its lock, what is in it, and what goes
 *   backup_take.c     one file: from the earlier backup, from an interrupted one, from the store
 *   backup_about.c    what is written beside: about.txt, README.txt, the mark of the key
 *   backup_verify.c, backup_restore.c
 */
#ifndef ROENTGEN_BACKUP_PARTS_H
#define ROENTGEN_BACKUP_PARTS_H

#include "upkeep/backup.h"
#include "upkeep/manifest.h"

#include <sys/stat.h>

#define BACKUP_SUMS "SHA256SUMS"
#define BACKUP_SEAL "SHA256SUMS.hmac"
#define BACKUP_ABOUT "about.txt"
#define BACKUP_README "README.txt"
#define BACKUP_PARTIAL ".partial"
#define BACKUP_REMOVED ".removed"

enum { BACKUP_NAME_CHARS = 20 /* 20261127T020000.123Z */, BACKUP_PIECE_BYTES = 1 << 20, BACKUP_FOLDERS_MAX = 10000 };

bool backup_say(const struct backup_watch *watch, int64_t done, int64_t total, const char *what, struct error *error);

/* ---- bytes from one place to another ---- */

struct backup_bytes {
    int64_t size;
    char sha256[SHA256_TEXT + 1];
};
/* Reads all of `from`, which `to` gets too unless it is -1. `watch`, with what it was told last, is asked at each
 * piece. */
struct backup_pace {
    const struct backup_watch *watch;
    int64_t done, total;
    const char *what;
};
bool backup_read(int from, int to, const struct backup_pace *pace, struct backup_bytes *out, struct error *error);
/* When it was last written to, since 1970. */
int64_t backup_written_ns(const struct stat *st);
/* A regular file below the folder, and no link; -1: errno. */
int backup_open(int root, const char *path);
/* A new file below the folder; makes the folders above it. -1: errno. */
int backup_create(int root, const char *path, mode_t mode, mode_t folder_mode);
bool backup_make_parents(int root, const char *path, mode_t mode);
/* Calls `each` with the path of everything below root/name (".": all) that is no folder. */
bool backup_walk(int root, const char *name, bool (*each)(void *context, struct str path, int64_t size), void *context,
                 struct error *error);

/* ---- the target ---- */

struct backup_target {
    const char *path; /* without links */
    int fd, lock;
    struct str mark; /* of this installation's key */
    struct str installation;
    struct str *names; /* of all that is there, in order */
    int count;
};
/* `installation` is the id (site/installation.h). E_CONFLICT: another one has backups there under the same key. */
bool backup_target_open(const char *path, const struct app *app, struct str installation, struct arena *arena,
                        struct backup_target *out, struct error *error);
void backup_target_close(struct backup_target *target);
/* Of the form that whole ones have. */
bool backup_name_is_whole(struct str name);
/* Is it a folder that this installation has made: a whole one whose about.txt has its key's mark; one that is under way
 * or on its way out, of whose name the mark is a part? All else that lies there is somebody's, and is left alone. */
bool backup_is_own(const struct backup_target *target, struct str name, const char *suffix, struct arena *arena);
/* In order. */
bool backup_list(const char *path, struct arena *arena, struct str **names, int *count, struct error *error);
/* Of now, and later than all that are there. */
struct str backup_name_new(const struct backup_target *target, struct arena *arena);
/* Under way, or on its way out: NAME.MARK.partial. */
const char *backup_name_with(const struct backup_target *target, struct str name, const char *suffix,
                             struct arena *arena);
bool backup_remove_tree(int folder, const char *name, struct error *error);
/* Its own whole ones that are older than the newest `keep` (0: none). */
bool backup_remove_old(struct backup_target *target, struct arena *arena, int64_t keep, int64_t *removed,
                       struct error *error);

/* ---- one file ---- */

struct backup_donor {
    int fd;
    const char *name;
    bool whole;                /* its files need not be read, but for those that were written to since ... */
    int64_t written_ns;        /* ... it got its list */
    struct manifest *manifest; /* of a whole one */
};
enum { BACKUP_DONORS_MAX = 16 };

struct backup {
    struct call *c;
    const struct backup_watch *watch;
    struct backup_made *made;
    struct backup_target target;
    int fd;           /* the partial folder */
    const char *path; /* and its path */
    struct backup_donor donors[BACKUP_DONORS_MAX];
    int donor_count;
    int64_t done, total; /* files */
};

struct backup_row {
    int64_t id, size;
    struct str key, sha256;
    bool archived;
};
enum backup_taken { TAKE_FAILED, TAKE_DONE, TAKE_WAS_THERE, TAKE_DAMAGED, TAKE_MISSING };
const char *backup_path_of(struct arena *arena, bool archived, struct str key);
/* To its place in the partial folder. TAKE_DAMAGED: *sha256 is that of the bytes that are there, if `damaged_too`, else
 * nothing is. TAKE_MISSING: no store has it. */
enum backup_taken backup_take(struct backup *b, const struct backup_row *row, bool damaged_too, struct str *sha256);
/* What no row speaks of. */
enum backup_taken backup_take_aside(struct backup *b, struct str key, struct str *sha256);

/* ---- what is written beside ---- */

struct backup_about {
    int64_t format, schema, files, bytes, damaged, missing;
    struct str made, program, database, key;
    struct str installation; /* whose it is; null: nobody knows, as in those of before there were ids */
};
enum { BACKUP_FORMAT = 1 };
bool backup_about_write(struct backup *b, const struct backup_about *about, struct error *error);
bool backup_about_read(const char *folder, struct arena *arena, struct backup_about *out, struct error *error);
struct str backup_key_mark(const struct config *config, struct arena *arena);
/* 64 digits: over the text of SHA256SUMS. */
struct str backup_seal(const struct config *config, struct str sums, struct arena *arena);
/* Is SHA256SUMS the one that was written with this key? */
bool backup_seal_holds(const char *folder, const struct config *config, const struct manifest *manifest,
                       struct arena *arena);
/* backup_verify by a list that was loaded. */
bool backup_verify_listed(const char *folder, const struct manifest *manifest, const struct config *config,
                          const struct backup_look *look, int64_t *findings, struct error *error);
bool backup_write_text(int root, const char *name, struct str text, struct error *error);

#endif
