/* decoder_work.h - what a decoder process does with a request, apart from the process. Private to raster/.
 *
 *     struct decoder_desk desk;
 *     if (!decoder_desk_open(&desk, memory, max_result_bytes, &error)) ...
 *     decoder_work(&desk, &request, fd, &reply);       // result in the shared memory, or the reason in the reply
 *
 * The desk lasts as long as the process; what a request took besides (samples, views, libvips' images) is given back at
 * its end, however it ends. The descriptors stay the caller's.
 */
#ifndef ROENTGEN_RASTER_DECODER_WORK_H
#define ROENTGEN_RASTER_DECODER_WORK_H

#include "raster/decoder_protocol.h"

struct colour_profile;

struct decoder_desk {
    int memory;          /* the memfd */
    const char *request; /* its first part, mapped */
    char *result;        /* the second, mapped as far as the largest result so far that is kept */
    int64_t result_bytes, max_result_bytes;
    struct presentation presentation; /* of the request; only the LUTs in use are written */
    /* The last ICC profile that came with a frame: the tiles of a slide all have the same. */
    struct str profile_bytes;       /* a copy of its own; null: there was none */
    struct colour_profile *profile; /* NULL: nothing is to be done by it */
    const char *profile_trouble;    /* why it is not used; NULL: it is, or needs no use */
};

bool decoder_desk_open(struct decoder_desk *desk, int memory, int64_t max_result_bytes, struct error *error);
void decoder_work(struct decoder_desk *desk, const struct decoder_request *request, int fd,
                  struct decoder_reply *reply);

#endif
