/* log_file.h - where log lines end: standard error, or a file that is rotated by size and age.
 *
 *   path      the newest lines
 *   path.1    the file before, ... path.N the oldest
 *
 * Private to base; the log's lock guards it. Failing to write loses lines, never the server: what was lost is counted,
 * and told in the log as soon as it can be written again. A file that cannot be rotated is written on.
 */
#ifndef ROENTGEN_LOG_FILE_H
#define ROENTGEN_LOG_FILE_H

#include "base/log.h"

struct log_file {
    int fd;
    char *path; /* owned; NULL: standard error */
    int64_t rotate_bytes, rotate_age_s;
    int keep;
    int64_t bytes;       /* in the file now */
    int64_t since_us;    /* when the file began */
    int64_t next_try_us; /* no rotation before: the last one failed */
    int64_t lost_bytes;  /* not written since the last success */
    bool cut;            /* the file ends in part of a line */
};

bool log_file_open(const struct log_options *options, struct log_file *out, struct error *error);
void log_file_close(struct log_file *file);
void log_file_write(struct log_file *file, struct str lines); /* whole lines */
void log_file_reopen(struct log_file *file);                  /* under the same path; keeps the old one if that fails */

#endif
