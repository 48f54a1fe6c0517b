/* model_task.h - models that an ordinary Celery worker serves, a Python program on whatever machine: `remote.url` of
 * their card is "celery:NAME", where NAME is one of TASK_NAMES.
 *
 * The task roentgen.NAME is told what the Open Inference Protocol says, as JSON:
 *
 *     (model_name, model_version)              what is the model?    returns as GET v2/models/NAME answers
 *     (model_name, model_version, id, inputs)  run it                returns as POST v2/models/NAME/infer answers
 *
 * (model_version is there only if the card says one.) Pictures so go with the question and not as links or paths: the
 * worker needs nothing but Redis. They are tensors, without names of patients; at most TASK_QUESTION_MAX bytes of JSON.
 * What it returns is checked as what another server answers (remote_model.h). celery/ask.h says how it is waited for.
 */
#ifndef ROENTGEN_DIAGNOSIS_MODEL_TASK_H
#define ROENTGEN_DIAGNOSIS_MODEL_TASK_H

#include "diagnosis/model_ask.h"

enum { TASK_QUESTION_MAX = 8 << 20 };

bool model_is_task(const struct card *card);
/* Within MODEL_TIMEOUT. Any error, in words. */
bool model_task_look_up(struct call *c, const struct card *card, struct remote_said *out);
/* Of celery_ask; E_INVALID as well where the question is too large, or the answer not what the model said it gives. */
bool model_task_run(struct call *c, const struct model_question *question, const struct remote_order *order,
                    struct model_answer *out);

#endif
