/* model_ask.c - a question carried to where the model is. */
#include "diagnosis/model_ask.h"

#include "site/app.h"

#include <unistd.h>

static bool open_here(struct call *c, const struct model *model, int *fd)
{
    db_release(c);
    return c->app->models ? model_open(c, model, fd) : fail(c, E_UNAVAILABLE, "models are run by servers and workers");
}

bool model_face_of(struct call *c, const struct model *model, struct model_face *out)
{
    int fd;
    if (!open_here(c, model, &fd))
        return false;
    struct model_file file = { model->digest, fd };
    bool ok = model_describe(c->app->models, &file, &c->arena, out, &c->error);
    close(fd);
    return ok;
}

bool model_ask(struct call *c, const struct model_question *question, struct model_answer *out, struct str *runtime)
{
    int fd;
    struct model_face face;
    const struct model *model = question->model;
    if (!open_here(c, model, &fd))
        return false;
    struct model_file file = { model->digest, fd };
    struct model_order order = { file, question->inputs, question->input_count };
    bool ok = model_describe(c->app->models, &file, &c->arena, &face, &c->error) &&
              model_run(c->app->models, &order, &c->arena, out, &c->error);
    close(fd);
    if (ok) {
        *runtime = arena_format(&c->arena, "%.*s, CPU", STR_FMT(face.runtime));
        out->load_us += face.load_us;
    }
    return ok;
}
