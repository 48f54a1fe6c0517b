/* celery.c - the settings of celery.h, looked at. */
#include "celery/celery.h"

#include "kv/redis_address.h"

enum { ATTEMPTS = CELERY_TAGS - 1 };

/* ---- kinds ---- */

/* "ai.echo": what Python calls a module and a function. */
static bool is_task_name(struct str s)
{
    for (ptrdiff_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        bool dot = c == '.' && i > 0 && i < s.len - 1 && s.at[i - 1] != '.';
        if (!word && !dot)
            return false;
    }
    return s.len > 0 && s.len <= 50;
}

static bool has_kind(const struct celery *celery, struct str name)
{
    for (int i = 0; i < celery->kind_count; i++)
        if (str_equal(str_from(celery->kinds[i]->name), name))
            return true;
    return false;
}

static bool make_kinds(struct celery *celery, struct error *error)
{
    struct app *app = celery->app;
    struct str names = app->config.task_names, name;
    celery->kinds = arena_array(&app->arena, const struct job_kind *, CELERY_TASKS_MAX);
    while (str_next(&names, ',', &name)) {
        struct job_kind *kind = arena_new(&app->arena, struct job_kind);
        struct str whole = arena_format(&app->arena, CELERY_KIND_PREFIX "%.*s", STR_FMT(str_trim(name)));
        if (!is_task_name(str_trim(name)) || celery->kind_count == CELERY_TASKS_MAX)
            return error_set(error, E_INVALID,
                             "TASK_NAMES: names of letters, digits and _, joined by dots, at most %d: "
                             "ai.echo,report.render",
                             CELERY_TASKS_MAX);
        if (has_kind(celery, whole))
            continue;
        *kind = (struct job_kind){ .name = whole.at,
                                   .attempts = ATTEMPTS,
                                   .by_hand = true,
                                   .is_free = true,
                                   .refuses = celery_kwargs_check,
                                   .time_limit_s = app->config.task_time_limit_s,
                                   .doc = "Work of a program elsewhere." };
        celery->kinds[celery->kind_count++] = kind;
    }
    return true;
}

/* ---- addresses ---- */

static struct str broker_url(const struct config *config)
{
    return config->task_url.len ? config->task_url : config->redis_url;
}

static struct str result_url(const struct config *config)
{
    return config->task_result_url.len ? config->task_result_url : broker_url(config);
}

static bool read_settings(struct celery *celery, struct error *error)
{
    struct app *app = celery->app;
    const struct config *config = &app->config;
    struct redis_address address = { 0 };
    struct error cause = { 0 };
    struct str url = broker_url(config);
    if (url.len && !redis_address_parse(url, &app->arena, &address, &cause))
        return error_set(error, E_INVALID, "%s: %s", config->task_url.len ? "TASK_URL" : "REDIS_URL", cause.message);
    if (config->task_broker == TASK_BROKER_CELERY && !url.len)
        return error_set(error, E_INVALID, "TASK_BROKER=celery needs TASK_URL or REDIS_URL: redis://localhost");
    if (!celery_names_read(config->task_prefix, config->task_separator, config->task_priority_steps, address.db,
                           &app->arena, &celery->names, &cause))
        return error_set(error, E_INVALID, "TASK_PRIORITY_STEPS: %s", cause.message);
    return true;
}

/* ---- birth and end ---- */

bool celery_open(struct app *app, struct celery **out, struct error *error)
{
    struct celery *celery = arena_new(&app->arena, struct celery);
    celery->app = app;
    *out = celery;
    return make_kinds(celery, error) && read_settings(celery, error);
}

bool celery_connect(struct celery *celery, struct error *error)
{
    const struct config *config = &celery->app->config;
    struct redis_options options = {
        .url = broker_url(config),
        .ca_file = arena_cstring(&celery->app->arena, config->redis_ca_file),
        .log = celery->is_silent ? NULL : celery->app->log,
        .name = "roentgen-tasks",
    };
    if (celery->broker)
        return true;
    if (!options.url.len)
        return error_set(error, E_INVALID, "TASK_URL or REDIS_URL has to say where Celery's Redis is");
    if (!redis_open(&options, &celery->broker, error))
        return false;
    celery->results = celery->broker;
    options.url = result_url(config);
    return str_equal(options.url, broker_url(config)) || redis_open(&options, &celery->results, error);
}

struct redis *celery_lent(const struct celery *celery)
{
    const struct config *config = &celery->app->config;
    bool are_one = str_equal(broker_url(config), config->redis_url);
    return celery->broker ? celery->broker : are_one ? celery->app->redis : NULL;
}

void celery_close(struct celery *celery)
{
    if (!celery)
        return;
    if (celery->results != celery->broker)
        redis_close(celery->results);
    redis_close(celery->broker);
    celery->broker = celery->results = NULL;
}
