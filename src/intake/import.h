/* import.h - a folder of files, or a single one, into the store, as if they were uploaded: for the command
 * (cli/cmd_import.c) and for a job (import_folder_kind). It may run while a server does.
 *
 *     struct import_order order = { .root = root, .owner = user_id, .by = user_id };
 *     import_grantees(c, S("role:doctor"), &order) && upload_details_settle(c, &order.details)
 *     ok = import_run(c, &order, &(struct import_watch){ told, counted, file, &mine }, &stopped);
 *
 * The folder is walked twice, in the order of names: to know how much there is, then to take it. One thread walks, a
 * few take the files: while one waits for the disk another reads, and their rows share commits. Symbolic links are not
 * followed anywhere below the root, also not those that somebody puts there meanwhile. What is in the store already, by
 * its bytes and for the same owner, is found and mended (keeping.h): an import that was cut off is gone on with by
 * being begun again.
 */
#ifndef ROENTGEN_IMPORT_H
#define ROENTGEN_IMPORT_H

#include "records/assignment.h"
#include "intake/import_tally.h"
#include "intake/upload.h"

enum { IMPORT_GRANTEES_MAX = 32, IMPORT_ASSIGN_MAX = 1000 };

struct import_order {
    const char *root;  /* an absolute path without symbolic links; import_root makes it */
    int64_t owner, by; /* accounts: whose the files will be, who imports */
    struct grantee to[IMPORT_GRANTEES_MAX];
    int to_count; /* to whom the studies are opened besides */
    struct upload_details details;
};

/* Adds those of a list with commas between: "user:li,role:doctor". E_NOT_FOUND, E_INVALID. */
bool import_grantees(struct call *c, struct str list, struct import_order *order);
/* The folder or file of this name, in the call's arena. `below` NULL: any; else a folder that it has to lie in, from
 * which the name counts. E_NOT_FOUND, E_INVALID. */
bool import_root(struct call *c, struct str below, struct str name, const char **out);

/* Who watches. `file` comes from several threads at once; `goes_on` from the calling one, some five times a second:
 * false ends it, and a file under way that is not read to its end is left for the next time. */
struct import_watch {
    void (*counted)(void *context, int64_t files, int64_t bytes);
    void (*file)(void *context, const char *path, int64_t bytes, enum outcome outcome, struct str why);
    bool (*goes_on)(void *context);
    void *context;
};
/* On a worker. False, with an error: the folder cannot be walked; with none: it ended before all was looked at, because
 * the watch said so, or (*hopeless) because the store or the database takes nothing. */
bool import_run(struct call *c, const struct import_order *order, const struct import_watch *watch, bool *hopeless);

#endif
