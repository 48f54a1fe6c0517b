/* thumbnails.h - small pictures: made after an upload (thumbnail_job.h), and on demand.
 *
 *     thumbnails_make(c, &file)                            // now, for who cannot wait
 *     thumbnail_kept(c, &file, &jpeg)                      // the one that rests in the store
 *
 * Making one decodes the whole first frame, so this is also where damage is found: such a file becomes FAILED with the
 * reason (image_state.h).
 */
#ifndef ROENTGEN_THUMBNAILS_H
#define ROENTGEN_THUMBNAILS_H

#include "raster/raster.h"

struct call;
struct image_file;
struct picture_query;

enum { THUMBNAIL_SIZE = 256 };

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
/* The same of the file of this number, unless it has gone, is not there yet, or has one. */
bool thumbnails_make_wanted(struct call *c, int64_t image_file_id);

#endif
