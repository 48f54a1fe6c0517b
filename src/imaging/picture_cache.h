/* picture_cache.h - pictures of image files: from the cache, or rendered now and kept there.
 *
 *     struct str jpeg;
 *     picture_query_default(&query);                          // as the file would have it
 *     if (!picture_bytes(c, &file, &query, &jpeg)) ...
 *
 * The key is made of the file's SHA-256 and every parameter, so equal keys are equal pictures: nothing has to be
 * invalidated, and the key is the ETag as well. The cache (blob/result.h, the folder rendered/) may lose anything at
 * any time; what it lacks is made again.
 *
 * What is found or made lies in the call's arena. Failure: what image_open, presentation_of and the decoders say
 * (image.h, presentation.h, raster/decoder.h); nothing is then kept. Blocks: on a worker; the database connection is
 * given back. Rights are the caller's business.
 */
#ifndef ROENTGEN_PICTURE_CACHE_H
#define ROENTGEN_PICTURE_CACHE_H

#include "imaging/picture_query.h"
#include "records/image_file.h"
#include "blob/result.h"

/* False, without an error, for a file whose bytes have not all arrived. */
bool picture_key(struct call *c, const struct image_file *file, const struct picture_query *query,
                 struct result_key *key);
/* The picture as JPEG, PNG or WebP. */
bool picture_bytes(struct call *c, const struct image_file *file, const struct picture_query *query, struct str *bytes);
/* What the cache keeps of it: the picture with what is to be known about it. */
bool picture_find(struct call *c, const struct image_file *file, const struct picture_query *query, struct str *kept);
/* The picture in what is kept; *remark: what is to be known about it, null: nothing. Both are parts of `kept`. */
struct str picture_of_kept(struct str kept, struct str *remark);

#endif
