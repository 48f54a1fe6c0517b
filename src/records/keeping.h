/* keeping.h - the bytes of image files and the rows that name them (of other kinds of files: site/stored.h). The one
 * rule of durability, and the module that keeps it:
 *
 *   1  Bytes are removed only when it is known that no row names them. A commit in doubt (db.h) is not known: its
 *      bytes stay, under a claim, until a start has looked for the row. What a start finds without a row is set
 *      aside, not removed: the database may be one restored from an older backup.
 *   2  An acknowledgement says that bytes of this size and SHA-256 are in the store now. A row alone says nothing of
 *      the sort: before bytes are dropped because they are there already, those that are there are compared with
 *      them.
 *   3  Bytes go out only as their row says. Their size is looked at whenever they are opened; what is known to be
 *      damaged answers E_UNREADABLE (502), is marked on its row (`damage`) and logged as an error. fsck finds flipped
 *      bits; so does who cannot make anything of what is in a file: before that is said to be the file's fault, the
 *      bytes are looked at (keeping_is_as_stored).
 *   4  A file that is sent again mends one that is missing or damaged, under the name it has.
 *
 * A row names its bytes by `storage_path` in one of two stores: the archive where `is_archived`, else the files. Rows
 * that share bytes have the same storage_path and SHA-256, and move together.
 *
 *     upload       bytes -> key, claimed -> row commits -> keeping_settle(named)
 *                                           fails       -> keeping_settle(not named): removed
 *                                           in doubt    -> keeping_settle(not named): left to the next start
 *     again        keeping_confirm, then a row that shares them (a lock on the others keeps a purge or a move away
 *                  until it commits)
 *     move         keeping_copy to the other store -> rows commit -> the bytes here are removed (image_file_move.h)
 *     read         keeping_open
 *     start        keeping_look for each claim -> keeping_set_aside
 */
#ifndef ROENTGEN_KEEPING_H
#define ROENTGEN_KEEPING_H

#include "records/image_file.h"

/* Opens the bytes of `file`, whose storage_path is not empty. E_UNREADABLE as above; E_UNAVAILABLE: the archive is
 * not configured now; E_NOT_FOUND: purged meanwhile. When the bytes have moved since `file` was read, they are found
 * where they are. */
bool keeping_open(struct call *c, const struct image_file *file, int *fd, int64_t *size_bytes);

/* The bytes behind `fd` are those of `file` (size and SHA-256 are equal): are they in the store, under its name?
 * Mends what is missing or damaged. Outside a transaction. */
bool keeping_confirm(struct call *c, const struct image_file *file, int fd);

/* `file` has just been stored under a name of its own; other rows may have the same bytes under theirs: mends those
 * that are missing or damaged. What cannot be mended is logged: `file` is stored in any case. Outside a transaction;
 * keeps c->error. */
void keeping_mend_others(struct call *c, const struct image_file *file);

/* Inside a transaction that adds a row sharing these bytes: some row names them and still has them in the files, and
 * goes on to do so until the commit. *there false: they have gone or moved. */
bool keeping_hold(struct call *c, const struct image_file *file, bool *there);

/* After the transaction that was to name `key`; `named`: it does. Else c->error (E_NONE after a commit that decided
 * otherwise) tells whether that is known. */
void keeping_settle(struct call *c, struct str key, bool named);

/* Does a row name `key`? As far as one can see. */
bool keeping_is_named(struct call *c, struct str key, bool *named);
/* The same for those who remove what nobody names. Waits for inserts of its own row that are under way; opens a
 * transaction. */
bool keeping_look(struct call *c, struct str key, bool *named);

/* Bytes that no row names go where people can find them: aside/UUID.ext. */
bool keeping_set_aside(struct call *c, struct str key);
/* Brings bytes of `file` that were set aside back to their name, when they are its bytes. Of a file of another kind it
 * is told storage_path, file_size and sha256. */
bool keeping_bring_back(struct call *c, const struct image_file *file);

/* Does a row want what was set aside under this key: the row of its name, or an image file of the same bytes that
 * cannot find its own? `needed` stays true where that cannot be known. */
bool keeping_needs_aside(struct call *c, struct str aside, bool *needed);

/* Copies the bytes behind `fd` to `target` under the file's name, whatever is there, if they are those of the row;
 * else E_UNREADABLE. */
bool keeping_copy(struct call *c, const struct image_file *file, int fd, struct blob_store *target);

/* Reads them all. `damage`: DAMAGE_CONTENT or none. False: they cannot be read now, which says nothing of them. */
bool keeping_check(struct call *c, const struct image_file *file, int fd, enum file_damage *damage);
/* Reads them all, too. False: they are not those that were stored, which is said on their rows; or they cannot be
 * read now. Either way that is c->error now, whatever it said before, which stays otherwise. Outside a transaction. */
bool keeping_is_as_stored(struct call *c, const struct image_file *file, int fd);
/* Says on every row of these bytes, and in the log, what is wrong with them; of DAMAGE_CONTENT `fd` is what was read.
 * False, and nothing is said: it is not so by now, for they were moved or mended meanwhile. Both keep c->error. */
bool keeping_mark_damage(struct call *c, const struct image_file *file, enum file_damage damage, int fd);
/* They are whole again. */
void keeping_mark_whole(struct call *c, const struct image_file *file);

#endif
