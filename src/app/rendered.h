/* rendered.h - pictures of image files: from the cache, or rendered now and kept there.
 *
 * The key is made of the file's SHA-256 and every parameter, so equal keys are equal pictures: nothing has to be invalidated, and the key is the
 * ETag as well.
 */
#ifndef ROENTGEN_RENDERED_H
#define ROENTGEN_RENDERED_H

#include "app/exchange.h"
#include "app/rendering.h"
#include "blob/result.h"

/* False, without an error, for a file whose bytes have not all arrived. */
bool rendered_key(struct call *c, const struct image_file *file, const struct rendering_query *query,
                  struct result_key *key);
/* Sets ETag and Cache-Control. True: the client has this picture already, the answer is 304. */
bool rendered_is_known(struct call *c, const struct result_key *key);
/* Answers with what the cache keeps under a key: the picture, and X-Picture-Remark where there is something to know about it. */
void rendered_send(struct call *c, const struct rendering_query *query, struct str kept);
/* The picture, in the arena. Blocks; the database connection is given back. */
bool rendered_picture(struct call *c, const struct image_file *file, const struct rendering_query *query,
                      struct str *bytes);
/* The whole answer to a GET: 304 or the picture. */
bool rendered_answer(struct call *c, const struct image_file *file, const struct rendering_query *query);

#endif
