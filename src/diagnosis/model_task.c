/* model_task.c - see model_task.h. */
#include "diagnosis/model_task.h"

#include "celery/ask.h"

#define SCHEME "celery:"
enum { COPIES = 6 }; /* of a question on its way into Redis: as a body, as base64, in its message */

bool model_is_task(const struct card *card)
{
    return str_starts(card->remote.url, S(SCHEME));
}

static bool ask(struct call *c, const struct model_question *question, const struct remote_model *at, struct str told,
                struct str *answer)
{
    struct celery_question asked = { .task = str_slice(at->url, (ptrdiff_t)strlen(SCHEME), at->url.len),
                                     .told = told,
                                     .timeout_ms = c->app->config.model_timeout_s * 1000,
                                     .is_stopping = question ? question->is_stopping : NULL,
                                     .context = question ? question->context : NULL };
    return celery_ask(c->app->celery, &asked, &c->arena, answer, &c->error);
}

static void put_name(struct text *out, const struct remote_model *at)
{
    text_put(out, S("{\"model_name\":"));
    text_put_json_string(out, at->name);
    if (at->version.len) {
        text_put(out, S(",\"model_version\":"));
        text_put_json_string(out, at->version);
    }
}

bool model_task_look_up(struct call *c, const struct card *card, struct remote_said *out)
{
    struct remote_model at = { card->remote.url, card->remote.name, card->remote.version };
    struct text told;
    text_init(&told, 8 << 10);
    put_name(&told, &at);
    text_put_char(&told, '}');
    bool ok = ask(c, NULL, &at, text_str(&told), &out->text);
    text_release(&told);
    out->is_binary = false;
    return ok && remote_model_face(out->text, &c->arena, &out->face, &c->error);
}

bool model_task_run(struct call *c, const struct model_question *question, const struct remote_order *order,
                    struct model_answer *out)
{
    struct text told, request;
    struct str answer;
    int64_t header_bytes, begun_us = clock_monotonic_us();
    *out = (struct model_answer){ 0 };
    text_init(&told, TASK_QUESTION_MAX);
    text_init(&request, TASK_QUESTION_MAX);
    bool ok = remote_request_write(order, &request, &header_bytes, &c->error);
    put_name(&told, &order->at);
    text_put_char(&told, ',');
    text_put(&told, str_slice(text_str(&request), 1, request.len)); /* the members of one object */
    bool is_large = request.overflowed || told.overflowed;
    text_release(&request);
    if (is_large) {
        error_clear(&c->error);
        ok = fail(c, E_INVALID, "the picture is larger than a task of Celery is told: %d bytes as JSON",
                  TASK_QUESTION_MAX);
    }
    ok = ok && hold_more(&c->hold, COPIES * told.len, &c->error) &&
         ask(c, question, &order->at, text_str(&told), &answer);
    text_release(&told);
    ok = ok && remote_answer_read(order->face, answer, -1, CELERY_MESSAGE_MAX, &c->arena, out, &c->error);
    out->run_us = clock_monotonic_us() - begun_us;
    return ok;
}
