/* model_ask.h - one question to a model, as tensors, wherever it runs: in a process of this server, or on another one.
 *
 *     struct model_question question = { .model = &model, .inputs = &tensor, .input_count = 1 };
 *     if (!model_ask(c, &question, &answer, &face, &runtime)) ...
 *
 * On a worker, outside of transactions; no connection to the database is held meanwhile. Tensors that the model does
 * not take, and answers that are not what it said it gives, are E_INVALID (model_pool.h); whether the numbers mean
 * anything is for who asks (answer.h). A task of Celery is asked as model_task.h says. Another server that does not
 * answer is tried again some times (remote_model.h), then is E_UNAVAILABLE; one that INFERENCE_HOSTS lists no more is
 * E_FORBIDDEN.
 */
#ifndef ROENTGEN_MODEL_ASK_H
#define ROENTGEN_MODEL_ASK_H

#include "diagnosis/model.h"
#include "inference/remote_model.h"

struct model_question {
    const struct model *model;
    const struct tensor *inputs; /* every input of the model once */
    int input_count;
    struct str id;                            /* of the question, for the logs of another server; null: one is made */
    bool (*is_stopping)(const void *context); /* asked while another server is waited for; NULL: nothing stops it */
    const void *context;
};

/* What the server that a card names says of the model. E_INVALID, as problems of "body": INFERENCE_HOSTS does not list
 * it, it does not answer, or has no such model. */
bool model_look_up(struct call *c, const struct card *card, struct remote_said *out);

/* What goes in and out. */
bool model_face_of(struct call *c, const struct model *model, struct model_face *out);
/* *face: what it said it gives. *runtime: what ran it, for people: "ONNX Runtime 1.27.0, CPU"; "onnxruntime_onnx at
 * http://gpu1:8000". */
bool model_ask(struct call *c, const struct model_question *question, struct model_answer *out, struct model_face *face,
               struct str *runtime);

#endif
