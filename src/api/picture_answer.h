/* picture_answer.h - pictures of image files as answers (PS3.18 8.3.5: rendered), with their ETag and what is to be
 * known about them.
 *
 *     return picture_answer(c, &file, in);           // all of a GET, on a worker
 *
 * The parts are for who knows more: a handler on the I/O thread that has found the picture in memory, a thumbnail that
 * rests in the store. Failure: as picture_cache.h says.
 */
#ifndef ROENTGEN_PICTURE_ANSWER_H
#define ROENTGEN_PICTURE_ANSWER_H

#include "web/exchange.h"
#include "imaging/picture_cache.h"

/* Sets ETag and Cache-Control. True: the client has this picture already, the answer is 304. */
bool picture_is_known(struct call *c, const struct result_key *key);
/* Answers with what the cache keeps under a key: the picture, and X-Picture-Remark where there is something to know
 * about it. */
void picture_send(struct call *c, const struct picture_query *query, struct str kept);
/* The whole answer to a GET: 304 or the picture. */
bool picture_answer(struct call *c, const struct image_file *file, const struct picture_query *query);

#endif
