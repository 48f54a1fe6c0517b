/* import_walk.h - the files below a folder that may be pictures, one after the other in the order of names.
 *
 *     struct import_walk *walk = import_walk_open(c, root);
 *     while (import_walk_next(walk, &found))
 *         if (found.path) ...
 *     import_walk_close(walk);
 */
#ifndef ROENTGEN_IMPORT_WALK_H
#define ROENTGEN_IMPORT_WALK_H

#include "base/call.h"
#include "intake/import_tally.h"

struct import_walk;

struct import_found {
    const char *path; /* until the next */
    int64_t bytes;
    bool is_file;         /* false: it is passed over, as `outcome` and `why` say */
    enum outcome outcome; /* OUTCOME_SKIPPED or OUTCOME_REFUSED */
    struct str why;
};

/* NULL: c->error. */
struct import_walk *import_walk_open(struct call *c, const char *root);
bool import_walk_next(struct import_walk *walk, struct import_found *out); /* false: the end */
void import_walk_close(struct import_walk *walk);                          /* takes NULL */
/* For reading: no symbolic link in it is followed. -1: errno. */
int import_open_file(const char *path);

#endif
