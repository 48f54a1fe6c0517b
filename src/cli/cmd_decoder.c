/* cmd_decoder.c - `roentgen decoder`: what the server starts to have pictures decoded. */
#include "cli/command.h"
#include "raster/decoder.h"

int cmd_decoder(struct call *c)
{
    (void)c;
    return decoder_main();
}
