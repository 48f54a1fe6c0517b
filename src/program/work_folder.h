/* work_folder.h - the folder that one run of a program has for itself, below PROGRAMS_TMP:
 *
 *     roentgen-program-JOB/       nobody else may look into it
 *         in/    SERIES_UID#FILE.dcm ..., task.json       copies: what the program does to them it does to these
 *         out/   what it leaves: DICOM files, in folders or not; result.json
 *         home/  its HOME and TMPDIR
 *         done   there once it has ended well: a run after a crash takes `out` as it is
 *
 * A worker that dies may leave one behind. It is that of the job's next attempt; when there is none, it is removed an
 * hour after the job's end (work_folders_sweep).
 *
 * What it leaves is a stranger's: links are not followed, and only plain files are taken, so many and so much.
 */
#ifndef ROENTGEN_WORK_FOLDER_H
#define ROENTGEN_WORK_FOLDER_H

#include "program/program.h"

enum { LEFT_FILES_MAX = 1000, LEFT_DEPTH_MAX = 64, RESULT_BYTES_MAX = 32 << 10 };

struct work_folder {
    const char *path, *in, *out, *home;
    bool done;
};

/* Takes one that is done, or makes a new one in the place of whatever a run before has left. */
bool work_folder_open(struct call *c, struct str job_uuid, struct work_folder *out);
bool work_folder_write(struct call *c, const struct work_folder *folder, const char *name, struct str text);
bool work_folder_copy(struct call *c, const struct work_folder *folder, const char *name, int from, int64_t bytes);
bool work_folder_mark(struct call *c, struct work_folder *folder);
/* Everything in it, however deep; once the program has ended. */
void work_folder_remove(const struct work_folder *folder);
/* Those of jobs that ended an hour ago or earlier. One of a job that is not in this database is somebody else's. */
void work_folders_sweep(struct call *c);
/* How much is in all of it. No end of it (INT64_MAX): folders in folders beyond LEFT_DEPTH_MAX, or too many entries. */
int64_t work_folder_bytes(const struct work_folder *folder);

/* What was left, in the order of names, each open for reading; result.json apart. */
struct left_file {
    char *name; /* for people */
    int fd;
    int64_t bytes;
};
struct left {
    struct left_file files[LEFT_FILES_MAX];
    int count;
    int others; /* which are no DICOM files */
    int64_t bytes;
    struct str result; /* null: none */
};
/* E_INVALID, with what is wrong; left_close all the same. */
bool left_read(struct call *c, const struct work_folder *folder, int64_t most_bytes, struct left *out);
void left_close(struct left *left);

#endif
