/* decoder_main.c - the decoder process: reads requests from its socket until that closes. */
#include "base/sandbox.h"
#include "raster/colour_profile.h"
#include "raster/decoder_work.h"
#include "raster/vips.h"

#include <malloc.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 32, BAD_CALL = 2 };

/* A frame's memory is kept for the next; what is larger goes back to the system. */
enum { KEPT_BLOCK_BYTES = 4 << 20, KEPT_FREE_BYTES = 8 << 20 };

/* All that needs files has to happen before the sandbox closes. */
static bool set_up(const struct decoder_setup *setup, int memory, struct decoder_desk *desk, struct error *error)
{
    const struct vips *vips;
    struct sandbox_limits limits = { setup->memory_bytes, DESCRIPTORS_MAX, BOXED_SOCKET,
                                     setup->flavour == DECODER_RASTER };
    mallopt(M_MMAP_THRESHOLD, KEPT_BLOCK_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEPT_FREE_BYTES);
    colour_profiles_open();
    return decoder_desk_open(desk, memory, setup->max_result_bytes, error) &&
           (setup->flavour != DECODER_RASTER || vips_open(&vips, error)) && sandbox_enter(&limits, error);
}

static void serve(struct decoder_desk *desk)
{
    struct decoder_request request;
    struct decoder_reply reply;
    int fd;
    while (boxed_take(&request, sizeof(request), &fd) && fd >= 0 && request.magic == DECODER_MAGIC) {
        decoder_work(desk, &request, fd, &reply);
        close(fd);
        if (!boxed_reply(&reply, sizeof(reply)))
            return;
    }
}

int decoder_main(void)
{
    static struct decoder_desk desk; /* half a megabyte that is not touched before it is used */
    struct decoder_setup setup;
    struct error error = { 0 };
    struct decoder_reply ready = { .magic = DECODER_MAGIC };
    int memory;
    if (!boxed_enter()) {
        fprintf(stderr, "roentgen: the decoder is started by the server; it cannot be run by hand\n");
        return BAD_CALL;
    }
    if (!boxed_take(&setup, sizeof(setup), &memory) || memory < 0 || setup.magic != DECODER_MAGIC)
        return BAD_CALL;
    if (!set_up(&setup, memory, &desk, &error)) {
        ready.code = error.code;
        snprintf(ready.message, sizeof(ready.message), "%s", error.message);
    }
    if (boxed_reply(&ready, sizeof(ready)) && ready.code == E_NONE)
        serve(&desk);
    _exit(ready.code == E_NONE ? 0 : 1); /* what runs at a normal end may do what the sandbox forbids */
}
