/* jobs.h - work that one noun wants and another does, later and on a thread of its own.
 *
 *     jobs_want_thumbnail(&c->app->jobs, file.id, file.file_type);      // whoever stores a file
 *     app->jobs.thumbnail = thumbnails_want;                            // app.c, where somebody is there to do it
 *
 *     jobs_file_stored(&app->jobs, c, id, study_id)                     // in the transaction that stores it
 *
 * Nobody is told when it is done, and nothing is lost where nobody is there to do it, as in a command: whoever does
 * it looks for what is left at its next start.
 */
#ifndef ROENTGEN_JOBS_H
#define ROENTGEN_JOBS_H

#include <stdbool.h>
#include <stdint.h>

struct call;

struct jobs {
    void (*thumbnail)(void *thumbnails, int64_t image_file_id, unsigned file_type); /* NULL: nobody makes any here */
    void *thumbnails;
    bool (*stored)(struct call *c, int64_t image_file_id, int64_t study_id); /* NULL: nobody wants to know */
};

static inline void jobs_want_thumbnail(const struct jobs *jobs, int64_t image_file_id, unsigned file_type)
{
    if (jobs->thumbnail)
        jobs->thumbnail(jobs->thumbnails, image_file_id, file_type);
}

/* False: what is wanted of it could not be written, so that the file is not stored either. */
static inline bool jobs_file_stored(const struct jobs *jobs, struct call *c, int64_t image_file_id, int64_t study_id)
{
    return !jobs->stored || jobs->stored(c, image_file_id, study_id);
}

#endif
