/* cmd_model.c - `roentgen model`: what the server starts to have a model run. */
#include "cli/command.h"
#include "inference/model_pool.h"

int cmd_model(struct call *c)
{
    (void)c;
    return model_main();
}
