/* health.c - is it alive, is it ready; every answer is looked up when asked, within a bounded time (health.h). */
#include "web/exchange.h"

#include "server/health.h"
#include "server/places.h"
#include "server/work.h"
#include "jobs/depth.h"
#include "site/migrations.h"
#include "records/renewal.h"
#include "upkeep/tasks.h"
#include "base/names.h"
#include "base/thread.h"
#include "inference/model_pool.h"
#include "celery/consume.h"
#include "kv/redis.h"

enum health { HEALTH_NONE, HEALTH_OK, HEALTH_DEGRADED, HEALTH_DOWN };
static const char *const healths[] = { "ok", "degraded", "down", NULL };
NAMES_REACH(healths, HEALTH_DOWN);

struct checks {
    struct str database, schema, storage, archive, search, jobs, backup, redis, models;
};
static const struct field checks_fields[] = {
    FIELD(struct checks, database, .doc = "ok, or what is wrong with the database."),
    FIELD(struct checks, schema, .doc = "ok, or what is wrong with its schema."),
    FIELD(struct checks, storage, .doc = "ok, or what is wrong with the file store."),
    FIELD(struct checks, archive, .flags = NULLABLE, .doc = "The same of the archive store; null when there is none."),
    FIELD(struct checks, search,
          .doc = "ok, or that search words are being made anew: until that is done, some records are found only as "
                 "they were before."),
    FIELD(struct checks, jobs,
          .doc = "ok, or that work waits for longer than JOBS_WARN_AFTER, that it is of a kind that nobody here "
                 "knows, or that messages which ask for some were rejected."),
    FIELD(struct checks, backup, .flags = NULLABLE,
          .doc = "ok, or that the last backup failed, that none could be made at the start, or that none has succeeded "
                 "since BACKUP_SCHEDULE came twice; null without that."),
    FIELD(struct checks, redis, .flags = NULLABLE,
          .doc = "ok, or why Redis cannot be used, without which work goes on; null when none is set."),
    FIELD(struct checks, models, .flags = NULLABLE,
          .doc = "ok, or why models cannot be run, without which other work goes on; null before any was asked for."),
};
static const struct schema checks_schema =
    SCHEMA("HealthChecks", struct checks, checks_fields, .doc = "What was looked at.");

struct health_answer {
    unsigned status;
    struct checks checks;
};
static const struct field health_fields[] = {
    FIELD(struct health_answer, status, .choices = healths, .type = "HealthStatus",
          .doc = "ok, degraded (works, but see checks) or down."),
    FIELD_OBJECT(struct health_answer, checks, .of = &checks_schema, .doc = "What was looked at."),
};
static const struct schema health_schema =
    SCHEMA("Health", struct health_answer, health_fields, .doc = "How the server is.");

enum { LOW_SPACE_BYTES = 1 << 30 };

static enum health worse(enum health a, enum health b)
{
    return a > b ? a : b;
}

static enum health check_store(struct blob_store *store, struct str *say)
{
    struct error error = { 0 };
    int64_t free_bytes, total_bytes;
    if (!blob_check(store, S("completed/"), &error)) {
        *say = error.code == E_STORAGE_FULL ? S("full") : S("not writable");
        return HEALTH_DOWN;
    }
    if (!blob_space(store, &free_bytes, &total_bytes, &error)) {
        *say = S("not reachable");
        return HEALTH_DOWN;
    }
    bool low = free_bytes < LOW_SPACE_BYTES;
    *say = low ? S("less than 1 GiB free") : S("ok");
    return low ? HEALTH_DEGRADED : HEALTH_OK;
}

/* A Redis that is away is told elsewhere. */
static bool has_rejected(struct call *c)
{
    struct celery_rejections *rejections = arena_new(&c->arena, struct celery_rejections);
    bool has = celery_rejections(c, c->app->celery, rejections) && rejections->waiting;
    error_clear(&c->error);
    return has;
}

/* What waits too long, or for ever. */
static enum health check_jobs(struct call *c, struct str *say)
{
    struct job_depth *depths = arena_array(&c->arena, struct job_depth, DEPTH_KINDS_MAX);
    int64_t most_s = c->app->config.jobs_warn_after_s;
    int count = 0;
    *say = S("ok");
    if (!jobs_depths(c, depths, &count))
        *say = S("unknown");
    for (int i = 0; i < count; i++) {
        const struct job_depth *d = &depths[i];
        if (d->waiting && !work_is_known(c->app, d->kind))
            *say = S("a job waits that nobody here can do: see /system/jobs?state=QUEUED");
        else if (d->oldest_s >= most_s)
            *say = S("a job has waited for longer than JOBS_WARN_AFTER: see /system/jobs?state=QUEUED");
    }
    if (str_equal(*say, S("ok")) && has_rejected(c))
        *say = S("messages of Celery's clients were rejected: see roentgen jobs rejected");
    return str_equal(*say, S("ok")) ? HEALTH_OK : HEALTH_DEGRADED;
}

/* Whoever believes that there are backups has to hear that there are none. The disk itself is not asked here: it may
 * hang. A server without workers may not have it. */
static enum health check_backup(struct call *c, struct str *say)
{
    struct instant since;
    struct backup_last last;
    const char *words;
    if (!config_is_scheduled(c->app->config.backup_schedule))
        return HEALTH_OK;
    *say = S("ok");
    if (!backup_last(c, &last))
        *say = S("unknown");
    else if (last.failed)
        *say = S("the last one failed: see /system/jobs?kind=backup.make");
    else if (c->app->worker && places_backup_is_unfit(c->app->places, &since, &words) && last.ended_at.us < since.us)
        *say = str_from(words);
    else if (last.late)
        *say = S("none has succeeded since BACKUP_SCHEDULE came twice: see /system/jobs?kind=backup.make");
    return str_equal(*say, S("ok")) ? HEALTH_OK : HEALTH_DEGRADED;
}

static enum health look(struct call *c, struct checks *out)
{
    enum health health = HEALTH_OK;
    int64_t words = 0;
    bool alive = db_ping(c);
    error_clear(&c->error);
    bool takes_changes = alive && db_takes_changes(c) && db_has_room(c);
    bool full = c->error.code == E_STORAGE_FULL;
    error_clear(&c->error);
    out->database = takes_changes ? S("ok")
                    : full        ? S("its disk is full")
                    : alive       ? S("takes no changes")
                                  : S("not reachable");
    bool fits = alive && migrate_check(c, &roentgen_migrations);
    error_clear(&c->error);
    bool left = fits && renewal_left(c, &words) && words;
    error_clear(&c->error);
    out->search = left ? S("words are being made anew") : fits ? S("ok") : S("unknown");
    out->schema = fits ? S("ok") : alive ? S("of another version") : S("unknown");
    out->jobs = S("unknown");
    if (fits)
        health = check_jobs(c, &out->jobs);
    error_clear(&c->error);
    if (fits)
        health = worse(health, check_backup(c, &out->backup));
    error_clear(&c->error);
    if (!fits || !takes_changes)
        health = HEALTH_DOWN;
    health = worse(health, check_store(c->app->files, &out->storage));
    if (c->app->archive && check_store(c->app->archive, &out->archive) != HEALTH_OK)
        health = worse(health, HEALTH_DEGRADED);
    return health;
}

/* ---- the thread that looks ---- */

enum { LOOK_MAX_US = 4000000 };

struct prober {
    struct app *app;
    struct background background; /* woken when a look is wanted */
    pthread_cond_t done;
    int64_t asked, begun, ended; /* looks, counted */
    int64_t begun_us;
    struct health_answer last;
};

static void keep_looking(void *context)
{
    struct prober *p = context;
    struct call c;
    struct actor actor = ACTOR_OF_TASK("health");
    call_init(&c, p->app, p->app->db);
    c.actor = &actor;
    background_lock(&p->background);
    while (!p->background.stopping) {
        if (p->asked == p->begun) {
            background_wait(&p->background, NEVER);
            continue;
        }
        struct health_answer found = { 0 };
        p->begun++;
        p->begun_us = clock_monotonic_us();
        background_unlock(&p->background);
        call_reset(&c);
        found.status = look(&c, &found.checks);
        db_release(&c);
        background_lock(&p->background);
        p->last = found;
        p->ended = p->begun;
        pthread_cond_broadcast(&p->done);
    }
    background_unlock(&p->background);
    call_release(&c);
}

static void release(struct prober *p)
{
    pthread_cond_destroy(&p->done);
    free(p);
}

bool prober_open(struct app *app, struct prober **out, struct error *error)
{
    struct prober *p = calloc(1, sizeof(*p));
    if (!p)
        abort();
    p->app = app;
    pthread_cond_init(&p->done, NULL);
    if (!background_start(&p->background, "prober", keep_looking, p, error)) {
        release(p);
        return false;
    }
    *out = p;
    return true;
}

void prober_close(struct prober *p)
{
    if (!p)
        return;
    background_stop(&p->background);
    background_release(&p->background);
    release(p);
}

/* Has the look that is under way taken so long that the next is not to be waited for? */
static bool is_stuck(const struct prober *p)
{
    return p->begun > p->ended && clock_monotonic_us() - p->begun_us >= LOOK_MAX_US;
}

/* What a look that begins now finds. False: there was no answer in time. */
static bool ask(struct prober *p, struct health_answer *out)
{
    int64_t until_us = clock_monotonic_us() + LOOK_MAX_US;
    bool late = false;
    background_lock(&p->background);
    int64_t number = p->begun + 1;
    p->asked = number;
    background_wake(&p->background);
    while (p->ended < number && !late && !is_stuck(p))
        late = !thread_wait(&p->done, &p->background.lock, until_us);
    bool ok = p->ended >= number;
    if (ok)
        *out = p->last;
    background_unlock(&p->background);
    return ok;
}

/* Nothing depends on it, but somebody has to know; though not everybody where it is. */
static enum health check_redis(struct call *c, struct str *say)
{
    struct redis_state state;
    if (!c->app->redis)
        return HEALTH_OK;
    redis_look(c->app->redis, &state);
    *say = state.here ? S("ok") : str_from(state.refusal ? state.refusal : "not reachable");
    return state.here ? HEALTH_OK : HEALTH_DEGRADED;
}

/* Known when the first is run: who has no models needs no library. */
static enum health check_models(struct call *c, struct str *say)
{
    struct model_pool_stats stats;
    model_pool_stats(c->app->models, &stats);
    if (stats.trouble[0])
        *say = S("there is no library that can run them: see ONNXRUNTIME_LIB");
    else if (stats.runs)
        *say = S("ok");
    return stats.trouble[0] ? HEALTH_DEGRADED : HEALTH_OK;
}

static bool health_get(struct call *c)
{
    struct health_answer *out = c->out;
    if (!ask(c->app->prober, out)) {
        struct str late = S("no answer within 4 s from the database or a disk");
        *out = (struct health_answer){ HEALTH_DOWN,
                                       { late, late, late, STR_NULL, late, late, STR_NULL, STR_NULL, STR_NULL } };
    }
    out->status = worse(out->status, check_redis(c, &out->checks.redis));
    out->status = worse(out->status, check_models(c, &out->checks.models));
    answer_status(c, out->status == HEALTH_DOWN ? 503 : 200);
    if (out->status == HEALTH_DOWN)
        answer_header(c, "Retry-After", arena_format(&c->arena, "%d", error_row(E_UNAVAILABLE)->retry_after_s));
    return true;
}

static bool live_get(struct call *c)
{
    answer_bytes(c, "application/json", S("{\"status\":\"ok\"}"));
    return true;
}

#define HEALTH \
    .permission = ANYONE, .tag = "system", .flags = QUIET, .lane = LANE_PROBES, .also = { { 503, "It cannot serve." } }
static const struct endpoint rows[] = {
    { HTTP_GET, "/health", health_get, NULL, &health_schema, .runs = WORKS, HEALTH,
      .summary = "How the server is; 503 when down" },
    { HTTP_GET, "/health/ready", health_get, NULL, &health_schema, .runs = WORKS, HEALTH,
      .summary = "Can it serve? 503 when not" },
    { HTTP_GET, "/api/v1/health", health_get, NULL, &health_schema, .runs = WORKS, HEALTH,
      .summary = "How the server is; 503 when down" },
    { HTTP_GET, "/health/live", live_get, NULL, NULL, .permission = ANYONE, .tag = "system", .flags = QUIET | NOT_JSON,
      .answers = "application/json", .summary = "Is the process alive?" },
};
ENDPOINT_TABLE(health_endpoints, rows);
