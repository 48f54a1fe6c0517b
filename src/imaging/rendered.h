/* rendered.h - pictures of image files: from the cache, or rendered now and kept there.
 *
 * The key is made of the file's SHA-256 and every parameter, so equal keys are equal pictures: nothing has to be
 * invalidated, and the key is the ETag as well.
 */
#ifndef ROENTGEN_RENDERED_H
#define ROENTGEN_RENDERED_H

#include "imaging/presentation.h"
#include "blob/result.h"

/* False, without an error, for a file whose bytes have not all arrived. */
bool rendered_key(struct call *c, const struct image_file *file, const struct picture_query *query,
                  struct result_key *key);
/* The picture, in the arena. Blocks; the database connection is given back. */
bool rendered_picture(struct call *c, const struct image_file *file, const struct picture_query *query,
                      struct str *bytes);
/* What the cache keeps, which is made now when it is not there. */
bool rendered_find(struct call *c, const struct image_file *file, const struct picture_query *query, struct str *kept);
/* The picture in it; *remark: what is to be known about it, null: nothing. */
struct str rendered_picture_of(struct str kept, struct str *remark);

#endif
