/* recover.h - rows and files brought together again: at a start, by fsck, and when what was deleted goes for good.
 *
 *     recover_files(c)                                         // at a start: what a crash left
 *     fsck(c, &options, tell, &findings)                       // `roentgen fsck`: all rows, all files
 *     fsck_slice(c, 10000, tell, &progress)                    //   some, and on from there the next time
 *     purge_files(c, before, &files, &bytes)                   // `roentgen purge`
 *     purge_aside(c, before, true, tell, &found)
 *
 * All keep the rule of keeping.h: bytes go only when it is known that no row names them. Fsck and purge may run beside
 * a server: before bytes or rows are removed, their row is looked at again under its lock.
 *
 * `tell` gets one finding or removal as a line that lives for the call only. What was found to be wrong is counted, and
 * no failure. False: the database or a store failed; what was done before stays done, and the next run goes on.
 */
#ifndef ROENTGEN_RECOVER_H
#define ROENTGEN_RECOVER_H

#include "site/app.h"

/* At a start, before anything is served, and before a purge: files whose row never committed are set aside
 * (keeping.h); chunks of uploads that no longer exist and temporary files are removed. Costs what the crash left, not
 * what the store holds. */
bool recover_files(struct call *c);

/* Compares every row with its file and every file with its rows; one line per finding through `tell`.
 * `remove_orphans` removes files that no row names, and no upload that may be under way. `deep` reads every file and
 * compares its SHA-256. What is damaged is marked on its row, what is whole again loses its mark. `rows` asks whether
 * rows agree with each other (invariants.h). *findings counts what is still wrong. */
struct fsck_options {
    bool remove_orphans, deep, rows;
};
bool fsck(struct call *c, const struct fsck_options *options, void (*tell)(const char *line), int64_t *findings);

/* The deep look at the next `files` files after those of the last such call, in whatever process: for a schedule. */
struct fsck_progress {
    int64_t files, findings;
    bool ended; /* the last file was among them: the next slice begins with the first */
};
bool fsck_slice(struct call *c, int64_t files, void (*tell)(const char *line), struct fsck_progress *out);

/* What purge_files would remove; bytes that several rows share are counted for each. Times are 0 without files. */
struct purgeable {
    int64_t files, bytes;
    struct instant first_deleted, last_deleted;
};
bool purge_look(struct call *c, struct instant before, struct purgeable *out);

/* What a start set aside (keeping.h) before `before`, as long as no row needs it; one line for each through `tell`.
 * `remove` false: only says what would go. Counts what went, or would. */
struct aside_found {
    int64_t files, bytes, kept;
};
bool purge_aside(struct call *c, struct instant before, bool remove, void (*tell)(const char *line),
                 struct aside_found *out);

/* Removes for good the files deleted before `before`: row first, then the bytes when no other row shares them. Studies
 * deleted before then follow their last file. `watch` may be NULL. */
struct purge_watch {
    bool (*go_on)(void *context, int64_t files, int64_t bytes); /* after each; false: it ends, and c->error is said */
    void *context;
};
bool purge_files(struct call *c, struct instant before, const struct purge_watch *watch, int64_t *files,
                 int64_t *bytes);
/* A claim of a purge that was killed, which recover_files finds: the bytes and the thumbnail of a row that has gone go
 * too, unless another row names them. False: not now. */
bool purge_is_mark(struct str key);
bool purge_mend(struct call *c, struct blob_store *store, struct str mark);

#endif
