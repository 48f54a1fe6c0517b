/* metrics_print.c - what was counted, as Prometheus text, with what database, stores and decoders say of themselves. */
#include "site/announce.h"
#include "site/listen.h"
#include "site/metrics.h"

#include "site/app.h"
#include "site/audit.h"
#include "server/work.h"
#include "web/endpoint.h"
#include "celery/consume.h"
#include "jobs/depth.h"
#include "records/renewal.h"
#include "imaging/thumbnail_job.h"
#include "blob/result.h"
#include "inference/model_pool.h"
#include "kv/redis.h"
#include "raster/decoder.h"
#include "webhook/webhook.h"

#include <unistd.h>

static void family(struct text *out, const char *name, const char *type, const char *help)
{
    text_format(out, "# HELP roentgen_%s %s\n# TYPE roentgen_%s %s\n", name, help, name, type);
}

static void one(struct text *out, const char *name, const char *type, const char *help, int64_t value)
{
    family(out, name, type, help);
    text_format(out, "roentgen_%s %" PRId64 "\n", name, value);
}

static void put_histogram(struct text *out, const char *name, const char *labels, const int64_t *buckets, int count,
                          int first_us, int64_t total_us)
{
    int64_t seen = 0;
    for (int i = 0; i < count; i++) {
        seen += buckets[i];
        if (i < count - 1)
            text_format(out, "roentgen_%s_bucket{%s,le=\"%g\"} %" PRId64 "\n", name, labels,
                        (double)((int64_t)first_us << i) / 1e6, seen);
        else
            text_format(out, "roentgen_%s_bucket{%s,le=\"+Inf\"} %" PRId64 "\n", name, labels, seen);
    }
    text_format(out, "roentgen_%s_sum{%s} %g\nroentgen_%s_count{%s} %" PRId64 "\n", name, labels,
                (double)total_us / 1e6, name, labels, seen);
}

static void print_routes(struct call *c, struct text *out)
{
    const struct app *app = c->app;
    struct route_stats s;
    family(out, "http_requests_total", "counter", "Requests answered, by route and class of status.");
    for (int i = 0; i < router_count(app->router); i++) {
        const struct endpoint *e = router_endpoint(app->router, i);
        metrics_route(app->metrics, i, &s);
        for (int class = 2; class < 6; class ++)
            if (s.by_class[class])
                text_format(out,
                            "roentgen_http_requests_total{method=\"%s\",route=\"%s\",status=\"%dxx\"} %" PRId64 "\n",
                            http_method_names[e->method], e->path, class, s.by_class[class]);
    }
    metrics_route(app->metrics, -1, &s);
    text_format(out, "roentgen_http_requests_total{method=\"\",route=\"\",status=\"4xx\"} %" PRId64 "\n", s.count);
    family(out, "http_request_seconds", "histogram", "Time from request to answer, by route.");
    for (int i = 0; i < router_count(app->router); i++) {
        const struct endpoint *e = router_endpoint(app->router, i);
        metrics_route(app->metrics, i, &s);
        if (s.count)
            put_histogram(out, "http_request_seconds",
                          arena_cstring(&c->arena, arena_format(&c->arena, "method=\"%s\",route=\"%s\"",
                                                                http_method_names[e->method], e->path)),
                          s.buckets, METRIC_BUCKETS, METRIC_FIRST_BUCKET_US, s.total_us);
    }
}

/* Statements that begin alike are told apart by a hash of their whole text. */
static void put_statement_label(struct text *out, const char *name, const char *sql)
{
    text_format(out, "roentgen_sql_seconds_%s{id=\"%016" PRIx64 "\",statement=", name, str_hash(str_from(sql)));
    text_put_json_string(out, str_slice(str_from(sql), 0, 160));
    text_put(out, S("} "));
}

static void print_statement(const struct db_statement_stats *stats, void *context)
{
    struct text *out = context;
    put_statement_label(out, "count", stats->sql);
    text_format(out, "%" PRId64 "\n", stats->count);
    put_statement_label(out, "sum", stats->sql);
    text_format(out, "%g\n", (double)stats->total_us / 1e6);
}

static int64_t resident_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return 0;
    if (fscanf(file, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    fclose(file);
    return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

static void print_database(struct call *c, struct text *out)
{
    struct db_stats db;
    int64_t words = 0;
    db_stats(c->db, &db);
    one(out, "db_commits_total", "counter", "Durable commits.", db.commits);
    one(out, "db_transactions_total", "counter", "Pieces of work inside those commits.", db.transactions);
    one(out, "db_connections_open", "gauge", "Open database connections.", db.connections_open);
    one(out, "db_connections_busy", "gauge", "Database connections in use.", db.connections_busy);
    one(out, "db_writer_waiting", "gauge", "Pieces of work waiting for the writer.", db.writer_waiting);
    one(out, "db_size_bytes", "gauge", "Size of the database.", db.size_bytes);
    if (renewal_left(c, &words))
        one(out, "search_records_to_renew", "gauge", "Records whose search words are still to be made anew.", words);
    error_clear(&c->error);
    family(out, "sql_seconds", "summary", "Time by SQL statement, the slowest in sum.");
    db_statement_stats(c->db, 50, print_statement, out);
}

static void print_decoders(const struct app *app, struct text *out)
{
    struct decoder_stats decoders;
    decoder_stats(app->decoders, &decoders);
    one(out, "decoders", "gauge", "Decoder processes.", decoders.running);
    one(out, "decoder_waiting", "gauge", "Pictures that wait for one.", decoders.waiting);
    one(out, "decoder_jobs_total", "counter", "Pictures given to them.", decoders.jobs);
    one(out, "decoder_died_total", "counter", "Decoder processes that ended by themselves.", decoders.died);
    one(out, "decoder_timed_out_total", "counter", "Decoder processes ended because they took too long.",
        decoders.timed_out);
    one(out, "decoder_replaced_total", "counter",
        "Decoder processes replaced because another account's file came, or to try again.", decoders.replaced);
}

static void print_models(const struct app *app, struct text *out)
{
    struct model_pool_stats models;
    model_pool_stats(app->models, &models);
    one(out, "models_loaded", "gauge", "Processes that have a model each.", models.running);
    one(out, "model_waiting", "gauge", "Runs that wait for one.", models.waiting);
    one(out, "model_runs_total", "counter", "Runs that gave an answer.", models.runs);
    one(out, "model_failed_total", "counter", "Runs, and attempts to load a model, that gave none.", models.failed);
    family(out, "model_run_seconds_total", "counter", "Time in the runtime.");
    text_format(out, "roentgen_model_run_seconds_total %g\n", (double)models.run_us / 1e6);
    one(out, "model_died_total", "counter", "Model processes that ended by themselves.", models.died);
    one(out, "model_timed_out_total", "counter", "Model processes ended because they took too long.", models.timed_out);
    one(out, "model_evicted_total", "counter", "Model processes ended to make room for another model.", models.evicted);
}

static void print_results(const struct app *app, struct text *out)
{
    struct result_stats results;
    results_stats(app->results, &results);
    one(out, "rendered_memory_hits_total", "counter", "Pictures found in memory.", results.memory_hits);
    one(out, "rendered_disk_hits_total", "counter", "Pictures found on disk.", results.disk_hits);
    one(out, "rendered_misses_total", "counter", "Pictures that had to be rendered.", results.misses);
    one(out, "rendered_memory_bytes", "gauge", "Memory of rendered pictures.", results.memory_bytes);
    one(out, "rendered_disk_bytes", "gauge", "Disk room of rendered pictures.", results.disk_bytes);
}

static void print_files(struct call *c, struct text *out)
{
    struct blob_counts files;
    blob_count(c->app->files, &files);
    one(out, "journal_files_total", "counter", "Files that the journal of the file store took.", files.files);
    one(out, "journal_flushes_total", "counter", "Flushes that made them durable.", files.flushes);
    one(out, "journal_settles_total", "counter", "Syncs of the file system after which the journal could forget them.",
        files.settles);
}

static void print_redis(struct redis *redis, struct text *out)
{
    struct redis_state state;
    redis_look(redis, &state);
    one(out, "redis_up", "gauge", "1 while Redis can be used.", state.here);
    one(out, "redis_commands_total", "counter", "Commands for Redis.", state.asked);
    one(out, "redis_failures_total", "counter", "Commands that it did not do, those while it was away among them.",
        state.failed);
    one(out, "redis_losses_total", "counter", "How often it was lost.", state.lost);
    family(out, "redis_seconds_total", "counter", "Time that threads waited for its answers.");
    text_format(out, "roentgen_redis_seconds_total %g\n", (double)state.us / 1e6);
}

static void print_jobs(struct call *c, struct text *out)
{
    static const struct {
        const char *name, *help;
        size_t at;
    } gauges[] = {
        { "jobs_waiting", "Jobs that may be taken now, of each kind up to 100000: that means so many or more.",
          offsetof(struct job_depth, waiting) },
        { "jobs_running", "Jobs under way, in whatever worker.", offsetof(struct job_depth, running) },
        { "jobs_oldest_seconds", "How long the first in turn has waited.", offsetof(struct job_depth, oldest_s) },
    };
    struct job_depth *depths = arena_array(&c->arena, struct job_depth, DEPTH_KINDS_MAX);
    int count = 0;
    if (!jobs_depths(c, depths, &count))
        error_clear(&c->error);
    for (size_t g = 0; g < sizeof(gauges) / sizeof(gauges[0]); g++) {
        family(out, gauges[g].name, "gauge", gauges[g].help);
        for (int i = 0; i < count; i++) {
            text_format(out, "roentgen_%s{kind=", gauges[g].name);
            text_put_json_string(out, depths[i].kind);
            text_format(out, "} %" PRId64 "\n", *(const int64_t *)((const char *)&depths[i] + gauges[g].at));
        }
    }
}

static void print_thumbnails(struct call *c, struct text *out)
{
    int64_t files;
    if (thumbnails_waiting(c, &files))
        one(out, "thumbnails_waiting", "gauge", "Files that wait for a job that makes their thumbnail, and such jobs.",
            files);
    else
        error_clear(&c->error);
}

static void print_webhooks(struct call *c, struct text *out)
{
    static const struct {
        const char *name, *type, *doc;
        size_t at;
    } families[] = {
        { "webhook_sent_total", "counter", "Events that a webhook took.", offsetof(struct webhook_depth, sent) },
        { "webhook_failed_total", "counter", "Requests that a webhook did not answer, or not with 2xx.",
          offsetof(struct webhook_depth, failed) },
        { "webhook_waiting", "gauge", "Events that a webhook has still to be told of, or to be led past.",
          offsetof(struct webhook_depth, waiting) },
    };
    struct webhook_depth *depths = arena_array(&c->arena, struct webhook_depth, WEBHOOK_DEPTHS_MAX);
    int64_t failing = 0;
    int count = 0;
    if (!webhook_depths(c, depths, &count))
        error_clear(&c->error);
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
        family(out, families[f].name, families[f].type, families[f].doc);
        for (int i = 0; i < count; i++)
            text_format(out, "roentgen_%s{webhook=\"%" PRId64 "\"} %" PRId64 "\n", families[f].name, depths[i].id,
                        *(const int64_t *)((const char *)&depths[i] + families[f].at));
    }
    for (int i = 0; i < count; i++)
        failing += depths[i].failing;
    one(out, "webhooks_failing", "gauge", "Webhooks that did not take what they were told last.", failing);
}

static void print_rejected(struct call *c, struct text *out)
{
    struct celery_rejections *rejections = arena_new(&c->arena, struct celery_rejections);
    if (!celery_lent(c->app->celery))
        return;
    if (!celery_rejections(c, c->app->celery, rejections))
        error_clear(&c->error);
    one(out, "celery_rejected_waiting", "gauge", "Rejected messages of Celery's clients that are kept.",
        rejections->waiting);
    family(out, "celery_rejected_total", "counter", "Messages of Celery's clients that were rejected, by whomever.");
    for (int i = 0; i < rejections->reason_count; i++) {
        text_put(out, S("roentgen_celery_rejected_total{reason="));
        text_put_json_string(out, rejections->reasons[i].why);
        text_format(out, "} %" PRId64 "\n", rejections->reasons[i].count);
    }
}

static void print_worker(struct worker *worker, struct text *out)
{
    struct worker_counts n;
    family(out, "job_attempts_total", "counter", "Attempts at jobs that ended in this process, by kind and outcome.");
    for (int i = 0; i < work_kind_count; i++) {
        const char *kind = work_kinds[i]->name;
        worker_count(worker, work_kinds[i], &n);
        text_format(out,
                    "roentgen_job_attempts_total{kind=\"%s\",state=\"succeeded\"} %" PRId64 "\n"
                    "roentgen_job_attempts_total{kind=\"%s\",state=\"failed\"} %" PRId64 "\n"
                    "roentgen_job_attempts_total{kind=\"%s\",state=\"cancelled\"} %" PRId64 "\n",
                    kind, n.succeeded, kind, n.failed, kind, n.cancelled);
    }
    family(out, "job_seconds", "summary", "How long those attempts took, by kind.");
    for (int i = 0; i < work_kind_count; i++) {
        const char *kind = work_kinds[i]->name;
        worker_count(worker, work_kinds[i], &n);
        text_format(out,
                    "roentgen_job_seconds_sum{kind=\"%s\"} %g\nroentgen_job_seconds_count{kind=\"%s\"} %" PRId64 "\n",
                    kind, (double)n.total_us / 1e6, kind, n.succeeded + n.failed + n.cancelled);
    }
}

static void print_server(const struct app *app, struct text *out)
{
    struct http_stats http;
    http_stats(app->http, &http);
    one(out, "http_connections", "gauge", "Open connections.", http.connections);
    one(out, "http_connections_total", "counter", "Connections taken.", http.connections_total);
    one(out, "http_refused_total", "counter", "Connections refused.", http.refused_total);
    one(out, "http_timeouts_header_total", "counter", "Connections cut for slow headers.", http.timeouts_header);
    one(out, "http_timeouts_body_total", "counter", "Connections cut for slow bodies.", http.timeouts_body);
    one(out, "http_timeouts_idle_total", "counter", "Idle connections closed.", http.timeouts_idle);
    one(out, "http_timeouts_send_total", "counter", "Connections cut that took nothing of an answer.",
        http.timeouts_send);
    one(out, "workers", "gauge", "Worker threads.", http.workers);
    one(out, "workers_busy", "gauge", "Worker threads at work.", http.workers_busy);
    one(out, "worker_queue", "gauge", "Work waiting for a worker.", http.worker_queue);
    struct listening_stats heard;
    listening_stats(app->listening, &heard);
    one(out, "event_listeners", "gauge", "Connections that listen to events.", heard.listeners);
    one(out, "events_told_total", "counter", "Events told, once for each who heard.", heard.told);
    one(out, "events_announced_total", "counter", "How often other processes said that there are new events.",
        announcer_heard(app->announcer));
    one(out, "event_listeners_behind_total", "counter", "How often a listener took events more slowly than they came.",
        heard.behind);
}

void metrics_print(struct call *c, struct text *out)
{
    const struct app *app = c->app;
    int64_t uploads, upload_bytes;
    text_format(out,
                "# HELP roentgen_build_info Version of the server.\n# TYPE roentgen_build_info gauge\n"
                "roentgen_build_info{version=\"%s\"} 1\n",
                ROENTGEN_VERSION);
    one(out, "uptime_seconds", "gauge", "Seconds since the start.", (clock_monotonic_us() - app->started_us) / 1000000);
    one(out, "resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    one(out, "audit_rows_left_out_total", "counter", "Refused requests that left no row because they were too many.",
        audit_left_out(app->audit));
    print_thumbnails(c, out);
    metrics_uploads(app->metrics, &uploads, &upload_bytes);
    one(out, "uploads_total", "counter", "Files stored.", uploads);
    one(out, "upload_bytes_total", "counter", "Bytes of files stored.", upload_bytes);
    print_server(app, out);
    print_jobs(c, out);
    print_rejected(c, out);
    print_webhooks(c, out);
    if (app->worker)
        print_worker(app->worker, out);
    print_decoders(app, out);
    print_models(app, out);
    print_results(app, out);
    print_database(c, out);
    print_files(c, out);
    if (app->redis)
        print_redis(app->redis, out);
    print_routes(c, out);
}
