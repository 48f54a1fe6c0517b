/* app.c - opening and closing what the process shares. */
#include "server/app.h"

#include "site/announce.h"
#include "site/audit.h"
#include "people/lockout.h"
#include "server/endpoints.h"
#include "rule/rule.h"
#include "diagnosis/critical.h"
#include "reports/late_result.h"
#include "reports/report_find.h"
#include "records/worklist.h"
#include "records/filing.h"
#include "server/health.h"
#include "server/places.h"
#include "server/work.h"
#include "site/installation.h"
#include "site/listen.h"
#include "site/metrics.h"
#include "web/openapi_document.h"
#include "imaging/thumbnail_job.h"
#include "site/turns.h"
#include "base/log.h"
#include "base/text.h"
#include "outbound/outbound.h"
#include "program/program.h"
#include "reports/report_hl7.h"
#include "reports/report_public.h"
#include "webhook/webhook.h"
#include "base/zone.h"
#include "base/file.h"
#include "signing/certificate.h"
#include "signing/token.h"
#include "blob/result.h"
#include "inference/model_pool.h"
#include "kv/redis.h"
#include "raster/decoder.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

enum { RATE_KEYS = 65536, REDIS_PATIENCE_MS = 500 };

static bool complain(const struct error *error, const char *what)
{
    fprintf(stderr, "roentgen: %s: %s\n", what, error->message);
    return false;
}

static bool open_log(struct app *app, struct error *error)
{
    const struct config *config = &app->config;
    struct log_options options = {
        .level = (enum log_level)config->log_level,
        .requests = (enum log_requests)config->log_requests,
        .path = arena_cstring(&app->arena, config->log_file),
        .rotate_bytes = config->log_rotate_bytes,
        .rotate_age_s = config->log_rotate_age_s,
        .keep = (int)config->log_keep,
    };
    return log_open(&options, &app->log, error);
}

static bool open_database(struct app *app, struct error *error)
{
    struct db_options options = {
        .url = app->config.database_url,
        .pool_size = (int)app->config.database_pool_size,
        .cache_kib = app->config.database_cache_bytes / 1024,
        .busy_timeout_ms = 10000,
        .waiting_max = (int)app->config.workers / 4,
    };
    crypto_derive(app->config.secret_key, "roentgen sealed fields", &options.key);
    return db_open(&options, &app->db, error);
}

static int processors_or(int64_t set)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return set ? (int)set : (int)(processors > 0 ? processors : 1);
}

static bool open_decoders(struct app *app, struct error *error)
{
    const struct config *config = &app->config;
    struct decoder_options options = {
        .processes = processors_or(config->decoders),
        .memory_bytes = config->decoder_memory_bytes,
        .timeout_ms = config->decoder_timeout_s * 1000,
        .max_result_bytes = config->max_frame_bytes,
    };
    return decoder_pool_open(&options, &app->decoders, error);
}

static bool open_models(struct app *app, struct error *error)
{
    enum { TENSOR_BYTES_MAX = 256 << 20 }; /* 4,096 x 4,096 pixels in three colours */
    const struct config *config = &app->config;
    struct model_pool_options options = {
        .processes = processors_or(config->model_processes),
        .threads = (int)config->model_threads,
        .memory_bytes = config->model_memory_bytes,
        .timeout_ms = config->model_timeout_s * 1000,
        .tensor_bytes = TENSOR_BYTES_MAX,
        .library = arena_cstring(&app->arena, config->onnxruntime_lib),
    };
    return model_pool_open(&options, &app->models, error);
}

bool app_open_models(struct app *app, struct error *error)
{
    return (app->decoders || open_decoders(app, error)) && (app->models || open_models(app, error));
}

void app_stop_models(struct app *app)
{
    decoder_pool_stop(app->decoders);
    model_pool_stop(app->models);
}

bool app_open_redis(struct app *app, struct log *log, struct error *error)
{
    const struct config *config = &app->config;
    struct redis_options options = {
        .url = config->redis_url,
        .ca_file = arena_cstring(&app->arena, config->redis_ca_file),
        .log = log,
        .name = "roentgen",
        .patience_ms = REDIS_PATIENCE_MS,
    };
    if (!config->redis_url.len || app->redis)
        return true;
    if (!redis_open(&options, &app->redis, error))
        return false;
    crypto_derive(config->secret_key, "roentgen shared keys", &app->shared_key);
    authority_share(app->authority, app->redis, &app->shared_key);
    return true;
}

bool app_open_announcer(struct app *app, struct error *error)
{
    return !app->redis || announcer_open(app, &app->announcer, error);
}

/* A limit of all servers together, where they share a Redis. */
static struct rate *new_limit(struct app *app, const char *table, int64_t per_minute)
{
    struct rate *rate = rate_new((int)per_minute, (int)per_minute, RATE_KEYS);
    if (app->redis)
        rate_share(rate, app->redis, table, &app->shared_key);
    return rate;
}

bool app_open_results(struct app *app, struct error *error)
{
    const struct config *config = &app->config;
    struct str folder = arena_format(&app->arena, "%s/rendered", blob_root(app->files));
    return results_open(folder.at, config->result_memory_bytes, config->result_disk_bytes, &app->results, error);
}

/* Before anything is looked for in the stores. */
static bool take_stores(struct app *app, struct error *error)
{
    struct call c;
    call_init(&c, app, app->db);
    bool ok = installation_take_all(&c, INSTALLATION_SERVES);
    if (!ok)
        *error = c.error;
    db_release(&c);
    call_release(&c);
    return ok;
}

static bool open_serving(struct app *app, struct error *error)
{
    const struct config *config = &app->config;
    struct text document;
    app->router = router_new(&endpoints_served);
    app->budget = budget_new(config->memory_budget_bytes, config->memory_budget_bytes / 2);
    app->metrics = metrics_new(router_count(app->router));
    app->lockout = lockout_open(app);
    if (config->rate_limit) {
        app->rate = new_limit(app, "rate", config->rate_limit_per_minute);
        app->user_rate = new_limit(app, "user-rate", config->user_rate_per_minute);
        app->login_rate = new_limit(app, "login-rate", config->login_rate_per_minute);
    }
    app->verdicts = report_verdicts_new();
    text_init(&document, 16 << 20);
    openapi_put_document(&document, &endpoints_served);
    app->openapi = arena_copy(&app->arena, text_str(&document));
    text_release(&document);
    return audit_open(app->db, &app->audit, error) && work_open_listening(app, error) &&
           app_open_announcer(app, error) &&
           (!app->webhook_hosts || webhook_watch_open(app, &app->webhook_watch, error)) &&
           places_open(app, &app->places, error) && prober_open(app, &app->prober, error);
}

/* Said where whoever starts it looks, and in the log. */
static void warn_of_contradictions(struct app *app)
{
    const char *names[CONTRADICTIONS_MAX];
    int count = config_contradictions(&app->config, names);
    for (int i = 0; i < count; i++)
        places_warn(app, "settings.contradict",
                    arena_format(&app->arena, "MEMORY_BUDGET is smaller than %s: what needs more than that is refused",
                                 names[i])
                        .at);
}

static void publish(struct app *app, const struct config *config)
{
    struct reloadable *live = arena_new(&app->arena, struct reloadable);
    *live = (struct reloadable){ config->registration, config->cors_origins };
    atomic_store(&app->live, live);
}

static bool open_hosts(struct app *app, struct error *error)
{
    struct outbound_options told = { app->config.webhook_hosts, S("WEBHOOK_HOSTS") };
    struct outbound_options asked = { app->config.inference_hosts, S("INFERENCE_HOSTS") };
    return (!told.hosts.len || outbound_open(&told, &app->webhook_hosts, error)) &&
           (!asked.hosts.len || outbound_open(&asked, &app->inference_hosts, error));
}

/* A file of certificates that a setting names; empty: none. */
static bool read_anchors(struct app *app, const char *setting, struct str path, struct chain *out, struct error *error)
{
    struct call c;
    char bytes[64 << 10];
    if (!path.len)
        return true;
    int fd = open(arena_cstring(&app->arena, path), O_RDONLY | O_CLOEXEC);
    ptrdiff_t len = fd >= 0 ? file_read_at(fd, 0, bytes, sizeof(bytes)) : -1;
    if (fd >= 0)
        close(fd);
    if (len < 0 || len == (ptrdiff_t)sizeof(bytes))
        return error_set(error, E_INVALID, "%s cannot be read, or is no file of certificates", setting);
    call_init(&c, app, NULL);
    bool ok = certificate_chain_read(&c, (struct str){ bytes, len }, out);
    if (!ok)
        error_set(error, E_INVALID, "%s: %s", setting, c.error.message);
    for (int i = 0; ok && i < out->count; i++)
        out->der[i] = arena_copy(&app->arena, out->der[i]);
    call_release(&c);
    return ok;
}

/* Whom to believe; of time stamps also where nobody is asked for new ones any more. */
static bool open_anchors(struct app *app, struct error *error)
{
    struct chain *time = arena_new(&app->arena, struct chain), *signers = arena_new(&app->arena, struct chain);
    const struct config *config = &app->config;
    if (!read_anchors(app, "TSA_CERTIFICATES", config->tsa_certificates, time, error) ||
        !read_anchors(app, "SIGNING_CERTIFICATES", config->signing_certificates, signers, error))
        return false;
    if (signers->count == CHAIN_MAX) /* whoever checks takes the house's own beside them */
        return error_set(error, E_INVALID, "SIGNING_CERTIFICATES holds more than %d certificates", CHAIN_MAX - 1);
    app->time_anchors = time->der;
    app->time_anchor_count = time->count;
    app->signer_anchors = signers->der;
    app->signer_anchor_count = signers->count;
    return true;
}

static bool open_token(struct app *app, struct error *error)
{
    const struct config *config = &app->config;
    struct token_options options = { config->signing_token, config->signing_token_label, config->signing_token_pin };
    if (!config->signing_token.len)
        return true;
    if (!config->signing_token_label.len || !config->signing_token_pin.len || !config->signing_certificates.len)
        return error_set(error, E_INVALID,
                         "SIGNING_TOKEN needs SIGNING_TOKEN_LABEL, SIGNING_TOKEN_PIN and SIGNING_CERTIFICATES");
    struct error why = { 0 };
    return token_open(&options, &app->signing_token, &why) ||
           error_set(error, E_INVALID, "SIGNING_TOKEN: %s", why.message);
}

static bool open_tsa(struct app *app, struct error *error)
{
    const struct config *config = &app->config;
    struct outbound_options asked = { config->tsa_hosts, S("TSA_HOSTS") };
    if (!config->tsa_url.len)
        return true;
    if (!config->tsa_hosts.len || !config->tsa_certificates.len)
        return error_set(error, E_INVALID, "TSA_URL needs TSA_HOSTS, which lists its host, and TSA_CERTIFICATES");
    struct error why = { 0 };
    return outbound_open(&asked, &app->tsa_hosts, error) && (outbound_lists(app->tsa_hosts, config->tsa_url, &why) ||
                                                             error_set(error, E_INVALID, "TSA_URL: %s", why.message));
}

/* What the rows of settings cannot say of them: what several mean together, and what has a grammar of its own. */
static bool open_settings(struct app *app)
{
    struct error error = { 0 };
    const struct config *config = &app->config;
    if (!config_load(&app->config, &app->arena))
        return false;
    if (!filing_check_charsets(config, &error))
        return complain(&error, "settings");
    if (!worklist_check_due(config, &error) || !critical_check_list(config->diagnosis_critical, &error))
        return complain(&error, "settings");
    if (!zone_set(config->time_zone, &error))
        return complain(&error, "TIME_ZONE");
    if (config_secret_is_guessable(config->secret_key)) {
        error_set(&error, E_INVALID, "it can be guessed; take a random one: openssl rand -hex 32");
        return complain(&error, "SECRET_KEY");
    }
    if (!work_open_schedules(app, &error))
        return complain(&error, "schedule");
    if (config_is_scheduled(config->backup_schedule) && !config->backup_target.len) {
        error_set(&error, E_INVALID, "BACKUP_TARGET says no folder for what it makes");
        return complain(&error, "BACKUP_SCHEDULE");
    }
    if (!report_send_check(config, &app->arena, &error))
        return complain(&error, "HL7_SEND_TO");
    if (!programs_open(app, &app->programs, &error))
        return complain(&error, "PROGRAMS_ROOT");
    if (!work_open_kinds(app, &error) || !open_hosts(app, &error) || !open_anchors(app, &error) ||
        !open_token(app, &error) || !open_tsa(app, &error))
        return complain(&error, "settings");
    return true;
}

bool app_open_settings(struct app *app)
{
    *app = (struct app){ .started_us = clock_monotonic_us() };
    arena_init(&app->arena);
    return open_settings(app);
}

bool app_open(struct app *app, bool serving)
{
    struct error error = { 0 };
    if (!app_open_settings(app))
        return false;
    publish(app, &app->config);
    app->turns = turns_new();
    crypto_derive(app->config.secret_key, "roentgen lookup hashes", &app->lookup_key);
    if (!open_log(app, &error))
        return complain(&error, "log");
    if (!open_database(app, &error))
        return complain(&error, "database");
    if (serving && !db_serve(app->db, &error))
        return complain(&error, "database");
    if (!blob_open(app->config.storage_url, &app->files, &error))
        return complain(&error, "file store");
    if (app->config.archive_url.len && !blob_open(app->config.archive_url, &app->archive, &error))
        return complain(&error, "archive store");
    if (serving && !take_stores(app, &error))
        return complain(&error, "file store");
    blob_reserve(app->files, app->config.storage_reserve_bytes);
    if (!authority_open(app->config.secret_key, &app->authority, &error))
        return complain(&error, "tokens");
    app->jobs.stored = rules_file_stored;
    app->jobs.changed = late_results_file_changed;
    app->jobs.judged = late_result_heard;
    app->findables = report_findables;
    if (serving && !app_open_redis(app, app->log, &error))
        return complain(&error, "REDIS_URL");
    if (serving && !app_open_models(app, &error))
        return complain(&error, "decoders");
    if (serving && !app_open_results(app, &error))
        return complain(&error, "rendered pictures");
    if (serving)
        warn_of_contradictions(app);
    if (serving && !open_serving(app, &error))
        return complain(&error, "start");
    return true;
}

void app_close(struct app *app)
{
    lockout_close(app->lockout);
    prober_close(app->prober);
    places_close(app->places);
    webhook_watch_close(app->webhook_watch);
    work_close_relay(app);
    schedules_close(app->schedules);
    announcer_close(app->announcer);
    listening_close(app->listening);
    app_stop_models(app);
    decoder_pool_close(app->decoders);
    model_pool_close(app->models);
    token_close(app->signing_token);
    results_close(app->results);
    audit_close(app->audit);
    rate_free(app->rate);
    rate_free(app->user_rate);
    rate_free(app->login_rate);
    cache_free(app->verdicts);
    router_free(app->router);
    metrics_free(app->metrics);
    authority_close(app->authority);
    redis_close(app->redis);
    blob_close(app->archive);
    blob_close(app->files);
    db_close(app->db);
    worker_free(app->worker);
    thumbnail_watch_free(app->thumbnails);
    outbound_close(app->webhook_hosts);
    outbound_close(app->inference_hosts);
    outbound_close(app->tsa_hosts);
    budget_free(app->budget);
    log_close(app->log);
    turns_free(app->turns);
    programs_close(app->programs);
    arena_release(&app->arena);
}

/* The new values are read beside the old ones; only those marked SETTING_RELOAD are taken over. */
void app_reload(struct app *app)
{
    struct config fresh;
    log_reopen(app->log);
    if (!config_load(&fresh, &app->arena)) {
        log_write(app->log, LOG_ERROR, NULL, "settings.rejected", "the settings have problems; the old ones stay");
        return;
    }
    publish(app, &fresh);
    log_set_level(app->log, (enum log_level)fresh.log_level);
    log_write(app->log, LOG_INFO, NULL, "settings.reloaded", "settings read again");
}
