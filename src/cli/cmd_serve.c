/* cmd_serve.c - checks that all fits together, serves, and stops gracefully.
 *
 * SIGTERM, SIGINT: finish what is under way, then exit 0 (1 when something had to be cut off). SIGHUP: reopen logs,
 * read settings again. SIGUSR1, SIGUSR2: log more, log less. Signals are taken one by one with sigwaitinfo on this
 * thread; all others block them.
 */
#include "cli/command.h"

#include "server/app.h"
#include "people/account.h"
#include "server/endpoints.h"
#include "server/work.h"
#include "web/exchange.h"
#include "web/redirect.h"
#include "people/lockout.h"
#include "site/migrations.h"
#include "order/order.h"
#include "upkeep/recover.h"
#include "records/renewal.h"
#include "records/trash_work.h"
#include "intake/upload_chunks.h"
#include "inference/model_pool.h"
#include "base/log.h"
#include "base/text.h"
#include "base/thread.h"

#include <malloc.h>
#include <signal.h>
#include <unistd.h>

enum { JOBS_GRACE_MS = 1000 };

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR1);
    sigaddset(set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is an error of write(2), as a full disk is */
}

static bool checks_pass(struct call *c)
{
    struct text complaints;
    if (!migrate_check(c, &roentgen_migrations))
        return command_failed(c) == 0;
    text_init(&complaints, 1 << 20);
    int wrong = endpoints_check(c, &endpoints_served, &complaints);
    fprintf(stderr, "%.*s", STR_FMT(text_str(&complaints)));
    text_release(&complaints);
    return wrong == 0;
}

enum { PICTURE_THREADS_MIN = 8, PROBE_THREADS = 2 };

_Static_assert(LANES <= sizeof(((struct http_options *)0)->lanes) / sizeof(struct http_lane), "http.h has fewer");

/* In none can one account have all the threads. Those of pictures mostly wait for decoders, where accounts take turns
 * again; one account keeps all decoders at work. Passwords cost processor time only. */
static void set_lanes(const struct app *app, int processors, struct http_options *options)
{
    int workers = options->worker_threads;
    int decoders = app->config.decoders ? (int)app->config.decoders : processors;
    int pictures = decoders + 1 > PICTURE_THREADS_MIN ? decoders + 1 : PICTURE_THREADS_MIN;
    options->lanes[LANE_GENERAL] = (struct http_lane){ 0, workers - (workers + 7) / 8 };
    options->lanes[LANE_PICTURES] = (struct http_lane){ 2 * pictures, pictures };
    options->lanes[LANE_SIGN_IN] = (struct http_lane){ processors + 1, processors };
    options->lanes[LANE_PROBES] = (struct http_lane){ PROBE_THREADS, PROBE_THREADS - 1 };
}

/* Memory that a busy moment took goes back: large blocks are mappings of their own, for good (the C library would
 * raise that limit with each one that is freed, and keep what is smaller), and there are no more heaps than
 * processors. */
static void bound_heaps(void)
{
    enum { MAPPED_FROM_BYTES = 512 << 10, KEPT_FREE_BYTES = 4 << 20 };
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEPT_FREE_BYTES);
    mallopt(M_ARENA_MAX, processors > 2 ? (int)processors : 2);
}

/* *plain: the port that only leads to HTTPS, where there is one. */
static bool start(struct app *app, struct http_server **plain, struct error *error)
{
    const struct config *config = &app->config;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    int processors = online > 0 ? (int)online : 1;
    struct http_options options = {
        .host = arena_cstring(&app->arena, config->host),
        .port = (int)config->port,
        .io_threads = config->io_threads ? (int)config->io_threads : processors,
        .worker_threads = (int)config->workers,
        .max_connections = (int)config->max_connections,
        .idle_timeout_s = (int)config->idle_timeout_s,
        .header_timeout_s = (int)config->header_timeout_s,
        .send_timeout_s = (int)config->send_timeout_s,
        .body_min_bytes_per_s = config->body_min_bytes_per_s,
        .body_window_s = (int)config->body_window_s,
        .max_header_bytes = (ptrdiff_t)config->max_header_bytes,
        .tls_certificate = config->tls_key.len ? arena_cstring(&app->arena, config->tls_certificate) : NULL,
        .tls_key = arena_cstring(&app->arena, config->tls_key),
    };
    if (!config->tls_certificate.len != !config->tls_key.len)
        return error_set(error, E_INVALID, "TLS_CERTIFICATE and TLS_KEY go together");
    if (config->tls_redirect_port.len && !config->tls_key.len)
        return error_set(error, E_INVALID, "TLS_REDIRECT_PORT leads to HTTPS, which needs TLS_CERTIFICATE and TLS_KEY");
    struct http_app http_app;
    set_lanes(app, processors, &options);
    dispatch_http_app(app, &http_app);
    if (!http_start(&options, &http_app, &app->http, error))
        return false;
    if (!config->tls_redirect_port.len || redirect_start(app, http_port(app->http), plain, error))
        return true;
    (void)http_stop(app->http, 0);
    return false;
}

/* A certificate that has ended serves nobody; who renews them wants to hear of it before. */
static bool ends_soon(struct instant expires)
{
    enum { SOON_DAYS = 14 };
    return expires.us - clock_now().us < SOON_DAYS * 86400 * INT64_C(1000000);
}

static void tell_certificate(struct app *app, struct instant expires)
{
    struct arena arena;
    arena_init(&arena);
    bool soon = ends_soon(expires);
    log_write(app->log, soon ? LOG_WARNING : LOG_INFO, NULL, "tls.certificate",
              "the certificate of HTTPS is good until %.*s", STR_FMT(instant_format(expires, &arena)));
    arena_release(&arena);
}

static void reload_certificate(struct app *app)
{
    bool changed = false;
    struct error error = { 0 };
    if (!app->config.tls_key.len)
        return;
    if (!http_reload_certificate(app->http, &changed, &error))
        log_write(app->log, LOG_ERROR, NULL, "tls.rejected", "%s; the old certificate stays", error.message);
    if (changed || error.code || ends_soon(http_certificate_expires(app->http)))
        tell_certificate(app, http_certificate_expires(app->http));
}

/* The usual failure is a renewal that does not come, of which nobody tells us. */
static void remind_of_certificate(struct app *app)
{
    if (app->config.tls_key.len && ends_soon(http_certificate_expires(app->http)))
        tell_certificate(app, http_certificate_expires(app->http));
}

static void shift_level(struct log *log, int by)
{
    int level = (int)log_get_level(log) + by;
    if (level >= LOG_DEBUG && level <= LOG_ERROR)
        log_set_level(log, (enum log_level)level);
}

static int wait_for_end(struct app *app, const sigset_t *set)
{
    const struct timespec day = { .tv_sec = 86400 };
    for (;;) {
        switch (sigtimedwait(set, NULL, &day)) {
        case SIGTERM:
        case SIGINT:
            log_write(app->log, LOG_INFO, NULL, "server.stopping", "finishing what is under way");
            /* A little earlier than requests are cut off, so that those who wait for a database that is silent can be
             * told; so for a model. */
            db_end_within(app->db, app->config.stop_grace_s * 900);
            model_pool_end_within(app->models, app->config.stop_grace_s * 900);
            bool clean = http_stop(app->http, (int)app->config.stop_grace_s * 1000);
            log_write(app->log, LOG_INFO, NULL, "server.stopped",
                      clean ? "all requests were answered" : "some requests were cut off");
            return clean ? 0 : 1;
        case SIGHUP:
            app_reload(app);
            reload_certificate(app);
            break;
        case SIGUSR1:
            shift_level(app->log, -1);
            break;
        case SIGUSR2:
            shift_level(app->log, 1);
            break;
        default: /* a day without a signal, or interrupted */
            remind_of_certificate(app);
            break;
        }
    }
}

static int serve(struct call *c, const sigset_t *set)
{
    struct app *app = c->app;
    int status = 1;
    int jobs = (int)app->config.worker_concurrency;
    if (!work_open_relay(app, &c->error) || (jobs && !work_open_worker(app, jobs, UINT64_MAX, &c->error))) {
        command_failed(c);
        return status;
    }
    struct order_listener *orders = NULL;
    struct http_server *plain = NULL;
    if (order_listen(app, &orders, &c->error) && start(app, &plain, &c->error)) {
        db_release(c);
        if (orders)
            log_write(app->log, LOG_INFO, NULL, "hl7.ready", "HL7 messages are received on port %d",
                      order_port(orders));
        log_write(app->log, LOG_INFO, NULL, "server.ready", "listening on http%s://%s:%d",
                  app->config.tls_key.len ? "s" : "", arena_cstring(&app->arena, app->config.host),
                  http_port(app->http));
        if (plain)
            log_write(app->log, LOG_INFO, NULL, "redirect.ready", "plain HTTP is led to HTTPS from port %d",
                      http_port(plain));
        if (app->config.tls_key.len)
            tell_certificate(app, http_certificate_expires(app->http));
        log_flush(app->log);
        status = wait_for_end(app, set);
        if (plain)
            (void)http_stop(plain, 0);
    } else {
        command_failed(c);
    }
    order_close(orders);
    worker_stop(app->worker, JOBS_GRACE_MS);
    app_stop_models(app); /* what one waits for there fails now, and is done at the next start */
    worker_close(app->worker);
    return status;
}

int cmd_serve(struct call *c)
{
    struct app app;
    sigset_t set;
    int status = 1;
    bound_heaps();
    block_signals(&set);
    if (app_open(&app, true)) {
        c->app = &app;
        c->db = app.db;
        if (!checks_pass(c) || (!recover_files(c) && command_failed(c)) ||
            ((!lockout_load(c, app.lockout) || !account_fill_skeletons(c) || !renewal_begin(c) ||
              !trash_work_recover(c)) &&
             command_failed(c))) {
            fprintf(stderr, "roentgen: not started\n");
        } else {
            status = serve(c, &set);
        }
        db_release(c);
    }
    app_close(&app);
    return status;
}
