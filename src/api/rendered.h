/* rendered.h - pictures of image files as answers. */
#ifndef ROENTGEN_RENDERED_API_H
#define ROENTGEN_RENDERED_API_H

#include "web/exchange.h"
#include "imaging/rendered.h"

/* Sets ETag and Cache-Control. True: the client has this picture already, the answer is 304. */
bool rendered_is_known(struct call *c, const struct result_key *key);
/* Answers with what the cache keeps under a key: the picture, and X-Picture-Remark where there is something to know
 * about it. */
void rendered_send(struct call *c, const struct picture_query *query, struct str kept);
/* The whole answer to a GET: 304 or the picture. */
bool rendered_answer(struct call *c, const struct image_file *file, const struct picture_query *query);

#endif
