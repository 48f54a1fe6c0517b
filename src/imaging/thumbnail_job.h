/* thumbnail_job.h - thumbnails of what was stored, made in the background: the job `images.thumbnails`.
 *
 *     watch = thumbnail_watch_new(app)                                   // in a process that does jobs
 *     worker_open(app, &(struct worker_options){ ..., .look = thumbnail_watch_look, .look_at = watch }, ...)
 *     app->jobs.image = thumbnail_watch_hear, app->jobs.context = watch  // what is stored here is seen at once
 *     thumbnail_watch_free(watch)                                        // behind the worker
 *
 * Storing a file writes nothing for this: there is the event `file.stored` with it (site/event.h). Who watches reads
 * each event once, from its start on, and puts jobs:
 *
 *     RASTERS  JPEG, PNG, TIFF: at once, one job for all that come one after the other. They rest in the store.
 *     DICOM    when no file has come for a second, as whoever sends a thousand slices comes first; of the last
 *              DICOM_EVENTS events only, as the cache that these are in (picture_cache.h) keeps no more.
 *     AGAIN    rasters without one, looked for in the table of files: at a start, and a while after something else
 *              than the file was wrong (decoders, disk); then by the pauses of jobs.
 *
 * Of several servers each watches. What another's job has made is found, and not made twice; of DICOM that is so where
 * they share the cache's folder. Those of DICOM that are left out are made when somebody asks.
 */
#ifndef ROENTGEN_THUMBNAIL_JOB_H
#define ROENTGEN_THUMBNAIL_JOB_H

#include "jobs/jobs.h"

struct thumbnail_watch;

extern const struct job_kind thumbnails_kind;

/* Borrows the app, whose worker is there when it hears. */
struct thumbnail_watch *thumbnail_watch_new(struct app *app);
void thumbnail_watch_free(struct thumbnail_watch *watch); /* takes NULL */
/* A file of this type (enum file_type) was stored by this process. Takes a struct thumbnail_watch; any thread. */
void thumbnail_watch_hear(void *watch, unsigned file_type);
/* As worker_options.look wants it. */
bool thumbnail_watch_look(struct call *c, void *watch);

/* How many files of this process wait for a job, and how many jobs there are that need not wait for better times. */
bool thumbnails_waiting(struct call *c, int64_t *files);

#endif
