/* thumbnails.h - small pictures, made in the background after an upload and on demand.
 *
 *     thumbnails_open(app, &app->thumbnails, &error)                      // serve: one thread
 *     app->jobs = (struct jobs){ thumbnails_want, app->thumbnails };      // site/jobs.h: an upload asks, and goes on
 *     thumbnails_make(c, &file)                                           // now, for who cannot wait
 *     thumbnails_close(app->thumbnails)
 *
 * Making one decodes the whole first frame, so this is also where damage is found: such a file becomes FAILED with the
 * reason (image_state.h). What could not be made for another reason is tried again. The queue lives in memory; what
 * it loses in a crash is found again at the next start (UPLOADED raster files without a thumbnail). DICOM files wait
 * until no more of them come; what is lost of those is made when somebody asks.
 *
 * The thread has a call of its own and borrows the app, which outlives it. Its failures are lines in the log
 * (thumbnail.failed).
 */
#ifndef ROENTGEN_THUMBNAILS_H
#define ROENTGEN_THUMBNAILS_H

#include "raster/raster.h"

struct app;
struct call;
struct image_file;
struct picture_query;
struct thumbnails;

enum { THUMBNAIL_SIZE = 256 };

/* Starts its thread, which looks for what is left to do. */
bool thumbnails_open(struct app *app, struct thumbnails **out, struct error *error);
void thumbnails_close(struct thumbnails *thumbnails); /* takes NULL */
/* How many files wait for theirs, with the one that is being made. */
int thumbnails_waiting(struct thumbnails *thumbnails);
/* Are there any of files of this type (enum file_type)? */
bool thumbnails_have(unsigned type);
/* How one of at most size x size is rendered: as the file wants to be shown. */
void thumbnail_picture_query(struct picture_query *query, int64_t size);
/* Where the thumbnail of a file of this name rests. */
struct str thumbnail_key(struct call *c, struct str file_uuid);
/* The one of THUMBNAIL_SIZE that rests in the store, in the call's arena. False, without an error: there is none. */
bool thumbnail_kept(struct call *c, const struct image_file *file, struct str *jpeg);
/* Makes it now. False only when that could not be tried: that a file has no image, or a damaged one, is an outcome
 * (its row says so). */
bool thumbnails_make(struct call *c, const struct image_file *file);
/* Makes it soon, as jobs.h asks. Files of other types are ignored. */
void thumbnails_want(void *thumbnails, int64_t image_file_id, unsigned file_type);

#endif
