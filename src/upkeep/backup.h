/* backup.h - all that is kept, once more at another place: rows and files that belong together.
 *
 *     backup_make(c, &(struct backup_order){ "/mnt/backup", .keep = 7 }, &watch, &made)   // while all goes on
 *     backup_newest("/mnt/backup", config, arena, &folder, &error)                        // a whole one
 *     backup_verify(folder, &config, &look, &findings, &error)                            // every byte
 *     backup_restore(&restoring, &restored, &error)                                       // into an empty place
 *
 *   TARGET/
 *     lock                             held by who makes one (flock)
 *     20261127T020000.123Z/            a whole backup; the names are of UTC and in order
 *       database.sqlite, or database.sql
 *       files/completed/ab/UUID.dcm    what STORAGE_URL has; files/aside/ too
 *       archive/completed/...          what ARCHIVE_URL has
 *       about.txt, README.txt          of what it is, and how to bring it back by hand
 *       SHA256SUMS                     of all of these (manifest.h)
 *       SHA256SUMS.hmac                of that, keyed by SECRET_KEY, which is not in a backup
 *     20261127T030000.456Z.KEY.partial/    under way, or interrupted: never a backup
 *     20261101T020000.789Z.KEY.removed/    on its way out
 *
 * Installations may share a target: each takes over, counts and removes what it made itself, known by the mark of its
 * SECRET_KEY (KEY; `key` in about.txt), and leaves alone whatever else lies there. About.txt says the installation's id
 * too: two that have one SECRET_KEY cannot share a target.
 *
 * Why rows and files agree, whatever goes on meanwhile:
 *
 *   1  the files that rows name now are taken                          long; what disappears meanwhile is left to 3
 *   2  a moment of the database begins (db/snapshot.h)
 *   3  each file that it names is there, or is taken now               short: the newest first
 *   4  the moment is copied                                            it is still the same
 *
 * An upload: a row commits after its bytes are in the store under their name (keeping.h), be it in the journal of small
 * files, whose file is written when its record is (journal.h). So what the moment names was readable before 2, and
 * is readable in 3, unless somebody removed it since. A purge or a discarded row: the row goes first, then the bytes.
 * When 3 does not find bytes, the row is asked for again: if it has gone, the moment is too old, and another one
 * begins; all that was taken stays taken, so that this ends after a round or two: a file has to come and to be purged
 * between the end of one 3 and the next to make another. If the row is still there, the file is lost, which fsck would
 * say too: the backup is made without it, says so, and an earlier one may have it. A move: the bytes are in the other
 * store before the row says so, and leave the first after; both are looked at, and a file lies in the backup where the
 * copied row says. What was taken and the moment does not name goes again.
 *
 * Uploads under way have rows and no named file: their chunks are left out, and a restored server asks for them again.
 * Thumbnails, rendered pictures and search results are made again.
 *
 * A file's bytes are read when it first enters a backup, and compared with the SHA-256 of its row; the next backups
 * hold another link to that copy, unread. The first is a link to the store's own file where both are on one file
 * system, which is no second copy of the bytes. Bytes that are not those of the row come from an earlier backup that
 * has them whole, else as they are: about.txt counts them.
 *
 * Whole or not: everything is written below the .partial name, synced (one syncfs, whose errors are told), then listed
 * in SHA256SUMS, then renamed, each with an fsync of its folder. Who finds a .partial one takes over what is in it and
 * has the right SHA-256. Only the owner of a backup can read it (0700, 0600; a link to a file of the store has that
 * file's mode).
 */
#ifndef ROENTGEN_BACKUP_H
#define ROENTGEN_BACKUP_H

#include "site/app.h"

/* May be NULL; so may `tell`. Of files; `what` is a literal. False: it ends, and *error is said. */
struct backup_watch {
    bool (*tell)(void *context, int64_t done, int64_t total, const char *what, struct error *error);
    void *context;
};

/* Could one be made there now? E_INVALID, in words: it is no folder, or none that may be written to. Makes nothing. */
bool backup_place_will_do(const char *target, struct error *error);

struct backup_order {
    const char *target; /* made where its parent is; not inside of a store: E_INVALID */
    int64_t keep;       /* whole ones of its own, this one too; older ones go when it is there. 0: all stay */
};
struct backup_made {
    struct str name;
    int64_t files, bytes;             /* in it */
    int64_t taken_files, taken_bytes; /* of these, not in the one before */
    int64_t damaged, missing;         /* of what rows name: other bytes than the row says; none at all */
    int64_t removed;                  /* earlier backups */
};
/* E_CONFLICT: one is being made there; or another installation with this SECRET_KEY has some there. Outside of
 * transactions. */
bool backup_make(struct call *c, const struct backup_order *order, const struct backup_watch *watch,
                 struct backup_made *out);

/* Of a folder that is a backup itself, that; of a target, the newest whole one in it that was made under `config`'s
 * SECRET_KEY, or, where there is none such, the newest. E_NOT_FOUND; E_CONFLICT: those are of two installations. */
bool backup_newest(const char *place, const struct config *config, struct arena *arena, struct str *folder,
                   struct error *error);

/* Reads every file of the backup in `folder` and compares it with SHA256SUMS, and that with what is there. `find` gets
 * each finding as a line; *findings counts them, and they are no failure. */
struct backup_look {
    void (*find)(void *context, const char *line);
    void *context;
    struct backup_watch watch;
    bool other_key; /* the seal of SHA256SUMS is of another SECRET_KEY, and is not looked at */
};
bool backup_verify(const char *folder, const struct config *config, const struct backup_look *look, int64_t *findings,
                   struct error *error);

/* Into the places that the settings name, which are empty: E_CONFLICT otherwise, in words. Files first, the database
 * last, so that no server starts with what an interrupted one left; nothing is removed then either. */
struct backup_restoring {
    const char *folder;
    const struct config *config;
    bool is_copy;            /* it gets an id of its own (site/installation.h): that of the backup goes on elsewhere */
    bool verify;             /* every byte is read before the first is written, and from the disk again afterwards */
    struct backup_look look; /* other_key: what that sealed is lost */
};
struct backup_restored {
    int64_t files, bytes, schema;
};
bool backup_restore(const struct backup_restoring *restoring, struct backup_restored *out, struct error *error);

#endif
