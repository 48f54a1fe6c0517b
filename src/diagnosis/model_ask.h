/* model_ask.h - one question to a model, as tensors.
 *
 *     struct model_question question = { .model = &model, .inputs = &tensor, .input_count = 1 };
 *     if (!model_ask(c, &question, &answer, &runtime)) ...
 *
 * On a worker, outside of transactions; no connection to the database is held meanwhile. Tensors that the model does
 * not take, and answers that are not what it said it gives, are E_INVALID (model_pool.h); whether the numbers mean
 * anything is for who asks (answer.h).
 */
#ifndef ROENTGEN_MODEL_ASK_H
#define ROENTGEN_MODEL_ASK_H

#include "diagnosis/model.h"

struct model_question {
    const struct model *model;
    const struct tensor *inputs; /* every input of the model once */
    int input_count;
};

/* What goes in and out. */
bool model_face_of(struct call *c, const struct model *model, struct model_face *out);
/* *runtime: what ran it, for people: "ONNX Runtime 1.27.0, CPU". */
bool model_ask(struct call *c, const struct model_question *question, struct model_answer *out, struct str *runtime);

#endif
