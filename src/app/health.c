/* health.c - is it alive, is it ready; every answer is looked up when asked. */
#include "app/exchange.h"

#include "app/migrations.h"

static const char *const healths[] = { "ok", "degraded", "down", NULL };
enum health { HEALTH_NONE, HEALTH_OK, HEALTH_DEGRADED, HEALTH_DOWN };

struct checks {
    struct str database, schema, storage, archive;
};
static const struct field checks_fields[] = {
    FIELD(struct checks, database, .doc = "ok, or what is wrong with the database."),
    FIELD(struct checks, schema, .doc = "ok, or what is wrong with its schema."),
    FIELD(struct checks, storage, .doc = "ok, or what is wrong with the file store."),
    FIELD(struct checks, archive, .flags = NULLABLE, .doc = "The same of the archive store; null when there is none."),
};
static const struct schema checks_schema =
    SCHEMA("HealthChecks", struct checks, checks_fields, .doc = "What was looked at.");

struct health_answer {
    unsigned status;
    struct checks checks;
};
static const struct field health_fields[] = {
    FIELD(struct health_answer, status, .choices = healths, .doc = "ok, degraded (works, but see checks) or down."),
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
    if (!blob_check(store, &error)) {
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

static enum health look(struct call *c, struct checks *out)
{
    enum health health = HEALTH_OK;
    bool alive = db_ping(c);
    error_clear(&c->error);
    out->database = alive ? S("ok") : S("not reachable");
    bool fits = alive && migrate_check(c, &roentgen_migrations);
    error_clear(&c->error);
    out->schema = fits ? S("ok") : alive ? S("of another version") : S("unknown");
    if (!fits)
        health = HEALTH_DOWN;
    health = worse(health, check_store(c->app->files, &out->storage));
    if (c->app->archive && check_store(c->app->archive, &out->archive) != HEALTH_OK)
        health = worse(health, HEALTH_DEGRADED);
    return health;
}

static bool health_get(struct call *c)
{
    struct health_answer *out = c->out;
    out->status = look(c, &out->checks);
    answer_status(c, out->status == HEALTH_DOWN ? 503 : 200);
    if (out->status == HEALTH_DOWN)
        answer_header(c, "Retry-After", S("5"));
    return true;
}

static bool live_get(struct call *c)
{
    answer_bytes(c, "application/json", S("{\"status\":\"ok\"}"));
    return true;
}

#define PROBE .permission = ANYONE, .tag = "system", .flags = QUIET
static const struct endpoint rows[] = {
    { HTTP_GET, "/health", health_get, NULL, &health_schema, .runs = WORKS, PROBE,
      .summary = "How the server is; 503 when down" },
    { HTTP_GET, "/health/ready", health_get, NULL, &health_schema, .runs = WORKS, PROBE,
      .summary = "Can it serve? 503 when not" },
    { HTTP_GET, "/api/v1/health", health_get, NULL, &health_schema, .runs = WORKS, PROBE,
      .summary = "How the server is; 503 when down" },
    { HTTP_GET, "/health/live", live_get, NULL, NULL, .permission = ANYONE, .tag = "system", .flags = QUIET | NOT_JSON,
      .answers = "application/json", .summary = "Is the process alive?" },
};
ENDPOINT_TABLE(health_endpoints, rows);
