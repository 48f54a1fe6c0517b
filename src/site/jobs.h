/* jobs.h - work that one noun wants and another does, later and on a thread of its own.
 *
 *     jobs_want_thumbnail(&c->app->jobs, file.id, file.file_type);      // whoever stores a file
 *     app->jobs.thumbnail = thumbnails_want;                            // app.c, where somebody is there to do it
 *
 * Nobody is told when it is done, and nothing is lost where nobody is there to do it, as in a command: whoever does
 * it looks for what is left at its next start.
 */
#ifndef ROENTGEN_JOBS_H
#define ROENTGEN_JOBS_H

#include <stdint.h>

struct jobs {
    void (*thumbnail)(void *thumbnails, int64_t image_file_id, unsigned file_type); /* NULL: nobody makes any here */
    void *thumbnails;
};

static inline void jobs_want_thumbnail(const struct jobs *jobs, int64_t image_file_id, unsigned file_type)
{
    if (jobs->thumbnail)
        jobs->thumbnail(jobs->thumbnails, image_file_id, file_type);
}

#endif
