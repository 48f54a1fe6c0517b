/* image_state.h - what decoding a file has shown, written on its row.
 *
 *     if (rendered well)                 image_decoded(c, &file);
 *     else if (code == E_INVALID)        image_undecodable(c, &file, message);
 *
 * Only what is wrong with the file itself is written (E_INVALID of raster/decoder.h): a decoder that had trouble, a
 * disk that did not answer, a lack of descriptors are E_UNAVAILABLE and leave the row alone. A row that says FAILED
 * because its image could not be decoded, and whose image is decoded after all, is mended: whatever it was then, it is
 * not the file. What records/filing.h wrote there stays.
 *
 * The row that is passed is only read; the caller's copy goes on saying what it said.
 */
#ifndef ROENTGEN_IMAGE_STATE_H
#define ROENTGEN_IMAGE_STATE_H

#include "records/image_file.h"

/* UPLOADED becomes FAILED, with the reason. In a transaction of its own, as the next. False: the database failed. */
bool image_undecodable(struct call *c, const struct image_file *file, struct str why);
/* Does nothing unless file->status is FAILED. What goes wrong is logged, and no failure: the image is there. */
void image_decoded(struct call *c, const struct image_file *file);

#endif
