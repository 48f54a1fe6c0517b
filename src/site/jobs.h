/* jobs.h - work that one noun wants and another does, later and on a thread of its own.
 *
 *     jobs_image_stored(&c->app->jobs, type)            // whoever has stored a file, after the commit
 *     jobs_file_stored(&app->jobs, c, id, study_id)     // in the transaction that stores it
 *     jobs_result_judged(&app->jobs, c, diagnosis_id)   // in that in which a model's result arrives, or is judged
 *
 * Nothing is lost where nobody listens, as in a command: it is found in the database.
 */
#ifndef ROENTGEN_JOBS_H
#define ROENTGEN_JOBS_H

#include <stdbool.h>
#include <stdint.h>

struct call;

struct jobs {
    void (*image)(void *context, unsigned file_type); /* NULL: nobody of this process makes thumbnails */
    void *context;
    bool (*stored)(struct call *c, int64_t image_file_id, int64_t study_id); /* NULL: nobody wants to know */
    bool (*changed)(struct call *c, int64_t image_file_id);                  /* likewise, and those below */
    bool (*judged)(struct call *c, int64_t diagnosis_id);
};

/* file_type: enum file_type. */
static inline void jobs_image_stored(const struct jobs *jobs, unsigned file_type)
{
    if (jobs->image)
        jobs->image(jobs->context, file_type);
}

/* False: what is wanted of it could not be written, so that the file is not stored either. */
static inline bool jobs_file_stored(const struct jobs *jobs, struct call *c, int64_t image_file_id, int64_t study_id)
{
    return !jobs->stored || jobs->stored(c, image_file_id, study_id);
}

/* The same of one that was deleted, brought back or filed elsewhere. */
static inline bool jobs_file_changed(const struct jobs *jobs, struct call *c, int64_t image_file_id)
{
    return !jobs->changed || jobs->changed(c, image_file_id);
}

/* The same of what a model says of an image: it is there, a reader has judged it, or it was withdrawn. Whoever calls
 * this holds the image's study (records/record_lock.h). */
static inline bool jobs_result_judged(const struct jobs *jobs, struct call *c, int64_t diagnosis_id)
{
    return !jobs->judged || jobs->judged(c, diagnosis_id);
}

#endif
