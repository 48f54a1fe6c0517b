/* ask.h - a question to a program elsewhere that serves a task of Celery, and its answer, waited for.
 *
 *     struct celery_question question = { .task = S("ai.chest"), .told = S("{\"film\": 1}"), .timeout_ms = 30000 };
 *     if (!celery_ask(app->celery, &question, arena, &answer, &error)) ...
 *
 * For work whose asker is a job already, which is done again when this fails: so nothing is written anywhere. The
 * question goes out as one message (wire.h), with an id that nobody else has; its answer is looked for until it is
 * there, and then taken out of Redis; a Redis that goes away meanwhile is waited for. Who stops waiting takes the
 * message back, or has the task revoked if somebody has begun. What cannot be taken back (Redis stays away, this
 * process was killed) is run by no worker that finds it a minute later than it would have been waited for. What is
 * answered later than that is looked at by nobody, and forgotten with Celery's other results.
 *
 * Only tasks of TASK_NAMES, only with TASK_BROKER=celery. Any thread; blocks.
 */
#ifndef ROENTGEN_CELERY_ASK_H
#define ROENTGEN_CELERY_ASK_H

#include "celery/celery.h"

#define CELERY_ASK_PREFIX "roentgen-ask-" /* of the ids: such an answer is no job's (relay.h) */

struct celery_question {
    struct str task; /* as TASK_NAMES has it: "ai.chest" */
    struct str told; /* a JSON object of this program's making: the task's keyword arguments */
    int64_t timeout_ms;
    bool (*is_stopping)(const void *context); /* NULL: nothing stops it */
    const void *context;
};

/* E_FORBIDDEN: TASK_NAMES has no such task, or tasks do not go out (TASK_BROKER). */
bool celery_may_ask(const struct celery *celery, struct str task, struct error *error);
/* *answer: the JSON that the task returned, of at most CELERY_MESSAGE_MAX bytes, in the arena. E_INVALID: it raised, in
 * its words, or what came cannot be read. E_UNAVAILABLE: nobody answered, its process died, Redis is away, or it was
 * to stop; asking again may help. E_FORBIDDEN as above. */
bool celery_ask(struct celery *celery, const struct celery_question *question, struct arena *arena, struct str *answer,
                struct error *error);

#endif
