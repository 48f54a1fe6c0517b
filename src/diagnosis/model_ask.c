/* model_ask.c - a question carried to where the model is. */
#include "diagnosis/model_ask.h"

#include "diagnosis/model_task.h"
#include "site/app.h"

#include <unistd.h>

static bool open_here(struct call *c, const struct model *model, struct model_file *file)
{
    db_release(c);
    return c->app->models ? model_open(c, model, file)
                          : fail(c, E_UNAVAILABLE, "models are run by servers and workers");
}

/* ---- on another server ---- */

enum { TENSOR_BYTES_MAX = 64 << 20, RUNTIME_MAX = 100 };

static struct remote_options options_of(struct call *c, const struct model_question *question)
{
    return (struct remote_options){ .outbound = c->app->inference_hosts,
                                    .timeout_ms = c->app->config.model_timeout_s * 1000,
                                    .tensor_bytes = TENSOR_BYTES_MAX,
                                    .is_stopping = question ? question->is_stopping : NULL,
                                    .context = question ? question->context : NULL };
}

static struct remote_model place_of(const struct card *card)
{
    return (struct remote_model){ card->remote.url, card->remote.name, card->remote.version };
}

static bool refuse_place(struct call *c, const char *words)
{
    struct str copy = arena_copy(&c->arena, str_from(words));
    error_clear(&c->error);
    return error_add_problem(&c->error, &c->arena, "body", S("card.remote.url"), "not_usable", "%.*s", STR_FMT(copy));
}

bool model_look_up(struct call *c, const struct card *card, struct remote_said *out)
{
    struct remote_options options = options_of(c, NULL);
    struct remote_model at = place_of(card);
    db_release(c);
    if (model_is_task(card))
        return model_task_look_up(c, card, out) || refuse_place(c, c->error.message);
    if (!options.outbound)
        return refuse_place(c, "INFERENCE_HOSTS lists nobody who may be asked");
    if (!outbound_check(options.outbound, at.url, &c->error) ||
        !remote_model_describe(&options, &at, &c->arena, out, &c->error))
        return refuse_place(c, c->error.message);
    out->is_binary |= card->remote.binary;
    return true;
}

static bool run_there(struct call *c, const struct remote_options *options, const struct remote_order *order,
                      struct model_answer *out)
{
    return options->outbound ? remote_model_run(options, order, &c->arena, out, &c->error)
                             : fail(c, E_FORBIDDEN, "INFERENCE_HOSTS lists nobody who may be asked");
}

static bool ask_there(struct call *c, const struct model_question *question, struct model_answer *out,
                      struct model_face *face, struct str *runtime)
{
    char uuid[UUID_TEXT + 1];
    struct card card;
    const struct model *model = question->model;
    struct remote_options options = options_of(c, question);
    crypto_uuid(uuid);
    db_release(c);
    if (!card_read(c, model->card.text, &card) || !remote_model_face(model->metadata.text, &c->arena, face, &c->error))
        return false;
    struct remote_order order = {
        place_of(&card),      face,
        model->remote_binary, question->id.at ? question->id : arena_copy(&c->arena, str_from(uuid)),
        question->inputs,     question->input_count
    };
    if (model_is_task(&card) ? !model_task_run(c, question, &order, out) : !run_there(c, &options, &order, out))
        return false;
    struct str words = arena_format(
        &c->arena, "%.*s at %.*s", STR_FMT(face->runtime.len ? face->runtime : S("a model")), STR_FMT(card.remote.url));
    *runtime = str_at_most(words, RUNTIME_MAX);
    return true;
}

static bool ask_here(struct call *c, const struct model_question *question, struct model_answer *out,
                     struct model_face *face, struct str *runtime)
{
    struct model_file file;
    if (!open_here(c, question->model, &file))
        return false;
    struct model_order order = { file, question->inputs, question->input_count };
    bool ok = model_describe(c->app->models, &file, &c->arena, face, &c->error) &&
              model_run(c->app->models, &order, &c->arena, out, &c->error);
    close(file.fd);
    if (ok) {
        *runtime = arena_format(&c->arena, "%.*s, CPU", STR_FMT(face->runtime));
        out->load_us += face->load_us;
    }
    return ok;
}

/* ---- wherever it is ---- */

bool model_face_of(struct call *c, const struct model *model, struct model_face *out)
{
    struct model_file file;
    if (model_is_remote(model))
        return remote_model_face(model->metadata.text, &c->arena, out, &c->error);
    if (!open_here(c, model, &file))
        return false;
    bool ok = model_describe(c->app->models, &file, &c->arena, out, &c->error);
    close(file.fd);
    return ok;
}

bool model_ask(struct call *c, const struct model_question *question, struct model_answer *out, struct model_face *face,
               struct str *runtime)
{
    return model_is_remote(question->model) ? ask_there(c, question, out, face, runtime)
                                            : ask_here(c, question, out, face, runtime);
}
