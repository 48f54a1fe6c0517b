/* wire.c - names of keys, and what we write; wire_read.c has what others write. */
#include "celery/wire.h"

#include "base/crypto.h"
#include "base/names.h"
#include "base/text.h"
#include "schema/json_read.h"

const char *const celery_states[] = { "RECEIVED", "STARTED",  "RETRY",   "SUCCESS", "FAILURE",
                                      "REVOKED",  "REJECTED", "IGNORED", NULL };
NAMES_REACH(celery_states, CELERY_IGNORED);

enum { LOW_PRIORITY = 5 };

/* ---- keys ---- */

static bool read_steps(struct str text, struct celery_names *out)
{
    struct str piece;
    int64_t step;
    out->step_count = 0;
    while (str_next(&text, ',', &piece)) {
        int64_t above = out->step_count ? out->steps[out->step_count - 1] : -1;
        if (out->step_count == CELERY_STEPS_MAX || !str_to_integer(str_trim(piece), &step) || step <= above || step > 9)
            return false;
        out->steps[out->step_count++] = step;
    }
    return out->step_count > 0 && out->steps[0] == 0;
}

bool celery_names_read(struct str prefix, struct str separator, struct str steps, int64_t db, struct arena *arena,
                       struct celery_names *out, struct error *error)
{
    struct celery_names names = { .db = db };
    if (!read_steps(steps, &names))
        return error_set(error, E_INVALID,
                         "priority steps are numbers from 0 to 9 that rise, the first of them 0: 0,3,6,9");
    names.prefix = arena_copy(arena, prefix);
    names.separator = separator.len ? arena_copy(arena, separator) : S("\x06\x16");
    *out = names;
    return true;
}

struct str celery_key(const struct celery_names *names, const char *name, struct arena *arena)
{
    return arena_format(arena, "%.*s%s", STR_FMT(names->prefix), name);
}

struct str celery_queue_key(const struct celery_names *names, struct str queue, int64_t step, struct arena *arena)
{
    return step ? arena_format(arena, "%.*s%.*s%.*s%d", STR_FMT(names->prefix), STR_FMT(queue),
                               STR_FMT(names->separator), (int)step)
                : arena_format(arena, "%.*s%.*s", STR_FMT(names->prefix), STR_FMT(queue));
}

struct str celery_result_key(const struct celery_names *names, struct str id, struct arena *arena)
{
    struct str prefix = names->prefix;
    bool ends = !prefix.len || strchr(":_-.", prefix.at[prefix.len - 1]);
    return arena_format(arena, "%.*s%scelery-task-meta-%.*s", STR_FMT(prefix), ends ? "" : "_", STR_FMT(id));
}

struct str celery_pidbox(const struct celery_names *names, struct arena *arena)
{
    return arena_format(arena, "%.*s/%d.celery.pidbox", STR_FMT(names->prefix), (int)names->db);
}

int64_t celery_step(const struct celery_names *names, int64_t priority)
{
    int64_t step = 0;
    for (int64_t i = 0; i < names->step_count && names->steps[i] <= priority; i++)
        step = names->steps[i];
    return step;
}

int64_t celery_step_of(const struct celery_names *names, unsigned priority)
{
    int64_t at = priority ? (int64_t)priority - 1 : 0, last = LOW_PRIORITY - 1;
    return names->steps[((at < last ? at : last) * (names->step_count - 1) + 1) / last];
}

/* ---- a task ---- */

static bool is_plain(struct str s, ptrdiff_t most)
{
    for (ptrdiff_t i = 0; i < s.len; i++)
        if (s.at[i] <= ' ' || s.at[i] > '~' || strchr("\"\\", s.at[i]))
            return false;
    return s.len > 0 && s.len <= most;
}

static bool has_type(const json_t *json)
{
    const char *key;
    json_t *value;
    for (size_t i = 0; json_is_array(json) && i < json_array_size(json); i++)
        if (has_type(json_array_get(json, i)))
            return true;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        if (!strcmp(key, "__type__") || has_type(value))
            return true;
    }
    return false;
}

const char *celery_kwargs_check(struct str kwargs, struct arena *arena)
{
    struct json_flaw flaw;
    json_t *json = json_read(kwargs, arena, &flaw);
    const char *trouble = !json_is_object(json) ? "what it is told is no JSON object"
                          : flaw.rounded        ? "it holds a whole number beyond 64 bits"
                          : has_type(json)      ? "no object in it may have the member __type__, of which Celery makes "
                                                  "something else"
                                                : NULL;
    json_decref(json);
    return trouble;
}

const char *celery_task_check(const struct celery_task *task, struct arena *arena)
{
    if (!is_plain(task->id, CELERY_ID_MAX))
        return "its id is none that Celery takes";
    if (!is_plain(task->name, CELERY_NAME_MAX))
        return "its name is none that Celery takes";
    if (!is_plain(task->queue, CELERY_NAME_MAX))
        return "the queue's name is none that Celery takes";
    if (task->delivery < 0 || task->delivery >= CELERY_TAGS)
        return "it was sent too often";
    return celery_kwargs_check(task->kwargs, arena);
}

static struct str body_of(const struct celery_task *task, struct arena *arena)
{
    struct str plain =
        arena_format(arena, "[[], %.*s, {\"callbacks\": null, \"errbacks\": null, \"chain\": null, \"chord\": null}]",
                     STR_FMT(task->kwargs));
    return crypto_base64(plain, arena);
}

/* What Celery and its tools log of a task is argsrepr and kwargsrepr: nothing of what it is told is in them. */
static struct str headers_of(const struct celery_task *task, struct arena *arena)
{
    struct str limit = task->time_limit_s ? arena_format(arena, "%d", (int)task->time_limit_s) : S("null");
    struct str expires = task->expires.us > 0
                             ? arena_format(arena, "\"%.*s\"", STR_FMT(instant_format(task->expires, arena)))
                             : S("null");
    return arena_format(arena,
                        "{\"lang\": \"py\", \"task\": \"%.*s\", \"id\": \"%.*s\", \"shadow\": null, \"eta\": null, "
                        "\"expires\": %.*s, \"group\": null, \"group_index\": null, \"retries\": 0, "
                        "\"timelimit\": [%.*s, null], \"root_id\": \"%.*s\", \"parent_id\": null, "
                        "\"argsrepr\": \"()\", \"kwargsrepr\": \"{...}\", \"origin\": \"roentgen\", "
                        "\"ignore_result\": false}",
                        STR_FMT(task->name), STR_FMT(task->id), STR_FMT(expires), STR_FMT(limit), STR_FMT(task->id));
}

static struct str properties_of(const struct celery_task *task, struct arena *arena)
{
    return arena_format(arena,
                        "{\"correlation_id\": \"%.*s\", \"reply_to\": \"%.*s\", \"delivery_mode\": 2, "
                        "\"delivery_info\": {\"exchange\": \"\", \"routing_key\": \"%.*s\"}, \"priority\": %d, "
                        "\"body_encoding\": \"base64\", \"delivery_tag\": \"%.*s.%d\"}",
                        STR_FMT(task->id), STR_FMT(task->id), STR_FMT(task->queue), (int)task->step, STR_FMT(task->id),
                        (int)task->delivery);
}

static struct str envelope(struct str body, struct str headers, struct str properties, struct arena *arena)
{
    return arena_format(arena,
                        "{\"body\": \"%.*s\", \"content-encoding\": \"utf-8\", \"content-type\": \"application/json\", "
                        "\"headers\": %.*s, \"properties\": %.*s}",
                        STR_FMT(body), STR_FMT(headers), STR_FMT(properties));
}

struct str celery_message(const struct celery_task *task, struct arena *arena)
{
    return envelope(body_of(task, arena), headers_of(task, arena), properties_of(task, arena), arena);
}

struct str celery_revocation(struct str id, bool terminate, struct arena *arena)
{
    struct str body = arena_format(arena,
                                   "{\"method\": \"revoke\", \"arguments\": {\"task_id\": \"%.*s\", \"terminate\": %s, "
                                   "\"signal\": \"SIGTERM\"}, \"destination\": null, \"pattern\": null, "
                                   "\"matcher\": null}",
                                   STR_FMT(id), terminate ? "true" : "false");
    struct str properties = arena_format(arena,
                                         "{\"delivery_mode\": 2, \"delivery_info\": {\"exchange\": \"celery.pidbox\", "
                                         "\"routing_key\": \"\"}, \"priority\": 0, \"body_encoding\": \"base64\", "
                                         "\"delivery_tag\": \"%.*s\"}",
                                         STR_FMT(crypto_uuid_text(arena)));
    return envelope(crypto_base64(body, arena), S("{\"clock\": 1, \"expires\": null}"), properties, arena);
}

/* ---- an answer ---- */

static void put_text_or_null(struct text *out, struct str s)
{
    if (str_is_null(s))
        text_put(out, S("null"));
    else
        text_put_json_string(out, s);
}

static void put_exception(struct text *out, const struct celery_answer *answer)
{
    bool of_celery = answer->state == CELERY_REVOKED || !strcmp(answer->exception, "NotRegistered");
    text_format(out, "{\"exc_type\": \"%s\", \"exc_message\": [", answer->exception);
    text_put_json_string(out, answer->words);
    text_format(out, "], \"exc_module\": \"%s\"}", of_celery ? "celery.exceptions" : "builtins");
}

struct str celery_answer_write(const struct celery_answer *answer, struct arena *arena)
{
    struct text out;
    text_init(&out, CELERY_MESSAGE_MAX);
    text_format(&out, "{\"status\": \"%s\", \"result\": ", celery_states[answer->state - 1]);
    if (answer->state == CELERY_SUCCESS)
        text_put(&out, answer->value.len ? answer->value : S("null"));
    else
        put_exception(&out, answer);
    text_put(&out, S(", \"traceback\": null, \"children\": [], \"date_done\": "));
    put_text_or_null(&out, instant_format(answer->at, arena));
    text_put(&out, S(", \"task_id\": "));
    text_put_json_string(&out, answer->id);
    if (answer->group_id.len)
        text_put(&out, S(", \"group_id\": ")), text_put_json_string(&out, answer->group_id);
    if (answer->parent_id.len)
        text_put(&out, S(", \"parent_id\": ")), text_put_json_string(&out, answer->parent_id);
    text_put_char(&out, '}');
    struct str copy = arena_copy(arena, text_str(&out));
    text_release(&out);
    return copy;
}
