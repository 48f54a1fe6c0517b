/* system.c - what administrators look at: version, totals, audit log, configuration, errors, times, metrics. */
#include "web/exchange.h"

#include "web/listing.h"
#include "site/mail.h"
#include "site/metrics.h"
#include "site/row_counts.h"
#include "records/image_file_counts.h"

/* ---- info ---- */

struct system_info {
    struct str name, version, api_version, database, libraries;
    int64_t uptime_s;
    struct instant now;
    int64_t max_upload_bytes, chunk_size_bytes;
    bool archive, mail;
    struct str registration;
};
static const struct field system_info_fields[] = {
    FIELD(struct system_info, name, .doc = "Always Roentgen."),
    FIELD(struct system_info, version, .doc = "Version of the server."),
    FIELD(struct system_info, api_version, .doc = "Version of this interface."),
    FIELD(struct system_info, database, .doc = "sqlite or mysql."),
    FIELD(struct system_info, uptime_s, .doc = "Seconds since the start."),
    FIELD(struct system_info, now, .doc = "The server's time."),
    FIELD(struct system_info, max_upload_bytes, .doc = "Largest file taken."),
    FIELD(struct system_info, chunk_size_bytes, .doc = "Chunk size of chunked uploads that state none."),
    FIELD(struct system_info, archive, .doc = "Is there an archive store?"),
    FIELD(struct system_info, mail, .doc = "Can the server send mail?"),
    FIELD(struct system_info, registration, .doc = "closed, approval or open."),
};
static const struct schema system_info_schema =
    SCHEMA("SystemInfo", struct system_info, system_info_fields, .doc = "What this server is.");

static bool info_get(struct call *c)
{
    const struct app *app = c->app;
    struct system_info *out = c->out;
    out->name = S("Roentgen");
    out->version = S(ROENTGEN_VERSION);
    out->api_version = S("v1");
    out->database = db_dialect(app->db);
    out->uptime_s = (clock_monotonic_us() - app->started_us) / 1000000;
    out->now = clock_now();
    out->max_upload_bytes = app->config.max_upload_bytes;
    out->chunk_size_bytes = app->config.chunk_size_bytes;
    out->archive = app->archive != NULL;
    out->mail = mail_is_configured(app);
    out->registration = str_from(registrations[app->live->registration]);
    return true;
}

/* ---- totals ---- */

struct system_stats {
    int64_t users, patients, studies, series, image_files, image_bytes;
    struct counts by_type, by_status, uploads_by_day;
    int64_t storage_free_bytes, storage_total_bytes, database_bytes;
};
static const struct field system_stats_fields[] = {
    FIELD(struct system_stats, users, .doc = "How many accounts there are."),
    FIELD(struct system_stats, patients, .doc = "How many patients there are."),
    FIELD(struct system_stats, studies, .doc = "How many studies there are."),
    FIELD(struct system_stats, series, .doc = "How many series there are."),
    FIELD(struct system_stats, image_files, .doc = "How many image files there are."),
    FIELD(struct system_stats, image_bytes, .doc = "How many bytes the image files have together."),
    FIELD(struct system_stats, by_type, .doc = "Image files by type."),
    FIELD(struct system_stats, by_status, .doc = "Image files by status."),
    FIELD(struct system_stats, uploads_by_day, .doc = "Uploads of each of the last 14 days (TIME_ZONE)."),
    FIELD(struct system_stats, storage_free_bytes, .doc = "Free space of the file store."),
    FIELD(struct system_stats, storage_total_bytes, .doc = "All space of the file store."),
    FIELD(struct system_stats, database_bytes, .doc = "Size of the database."),
};
static const struct schema system_stats_schema =
    SCHEMA("SystemStats", struct system_stats, system_stats_fields, .doc = "Totals for a dashboard.");

static bool stats_get(struct call *c)
{
    struct system_stats *out = c->out;
    struct image_file_overview files;
    struct db_stats db;
    struct error ignored = { 0 };
    int64_t counts[ROW_KINDS];
    if (!row_counts(c, counts) || !image_file_overview(c, &files))
        return false;
    *out = (struct system_stats){ .users = counts[ROWS_USERS],
                                  .patients = counts[ROWS_PATIENTS],
                                  .studies = counts[ROWS_STUDIES],
                                  .series = counts[ROWS_SERIES],
                                  .image_files = files.files,
                                  .image_bytes = files.bytes,
                                  .by_type = files.by_type,
                                  .by_status = files.by_status,
                                  .uploads_by_day = files.uploads_by_day };
    if (!blob_space(c->app->files, &out->storage_free_bytes, &out->storage_total_bytes, &ignored))
        out->storage_free_bytes = out->storage_total_bytes = 0;
    db_stats(c->db, &db);
    out->database_bytes = db.size_bytes;
    return true;
}

/* ---- audit log ---- */

struct audit_row {
    int64_t id;
    struct instant created_at;
    int64_t user_id, api_key_id;
    struct str username, action, entity;
    int64_t entity_id, patient_id, outcome;
    struct str client, request_id;
    struct json detail;
};
static const struct field audit_row_fields[] = {
    FIELD(struct audit_row, id, .doc = "Identifies the entry."),
    FIELD(struct audit_row, created_at, .doc = "When it was done."),
    FIELD(struct audit_row, user_id, .flags = NULLABLE, .doc = "Who; null when nobody was signed in."),
    FIELD(struct audit_row, username, .sql = "(select u.username from users u where u.id = a.user_id)",
          .flags = NULLABLE, .doc = "The name that account signs in with."),
    FIELD(struct audit_row, api_key_id, .flags = NULLABLE,
          .doc = "With which API key of the account; null when a person was signed in."),
    FIELD(struct audit_row, action, .doc = "What was done."),
    FIELD(struct audit_row, entity, .flags = NULLABLE, .doc = "To what kind of thing."),
    FIELD(struct audit_row, entity_id, .flags = NULLABLE, .doc = "Which of them it was done to."),
    FIELD(struct audit_row, patient_id, .flags = NULLABLE, .doc = "The patient whose data it was."),
    FIELD(struct audit_row, outcome,
          .doc = "HTTP status of the answer; 200 for what a command or the server itself did."),
    FIELD(struct audit_row, client, .flags = NULLABLE, .doc = "The address it came from."),
    FIELD(struct audit_row, request_id, .flags = NULLABLE, .doc = "The request that did it, as its answer named it."),
    FIELD(struct audit_row, detail, .flags = NULLABLE,
          .doc = "What changed ({\"roles\": {\"from\": [...], \"to\": [...]}}; of secrets, sealed and very long "
                 "members only that they did: {\"phone\": {\"changed\": true}}), or why it was refused ({\"reason\": "
                 "...}). Of what nobody signed in for: which command and which user of the operating system ({\"by\": "
                 "\"command line\", \"command\": \"import\", \"system_user\": ...}), or which task of the server "
                 "({\"by\": \"server\", \"task\": ...})."),
};
static const struct schema audit_row_schema =
    SCHEMA("AuditRow", struct audit_row, audit_row_fields, .table = "audit_logs", .alias = "a",
           .doc = "Who did what to whose data.");
struct audit_list {
    struct list_query list;
    int64_t user_id, patient_id, entity_id;
    struct str entity, action;
    struct instant start_date, end_date;
};
#define AUDIT_SORTS(X) X("id", "a.id")
LIST_ORDER(audit_order, AUDIT_SORTS);
static const struct field audit_list_fields[] = {
    LIST_FIELDS(struct audit_list, audit_order, "-id"),
    FIELD(struct audit_list, user_id, .min = 1, .max = INT64_MAX, .filter = "a.user_id = ?",
          .doc = "Only this account's."),
    FIELD(struct audit_list, patient_id, .min = 1, .max = INT64_MAX, .filter = "a.patient_id = ?",
          .doc = "Only about this patient."),
    FIELD(struct audit_list, entity, .max = 32, .filter = "a.entity = ?", .doc = "Only about this kind of thing."),
    FIELD(struct audit_list, entity_id, .min = 1, .max = INT64_MAX, .filter = "a.entity_id = ?",
          .doc = "Only about this one."),
    FIELD(struct audit_list, action, .max = 64, .filter = "a.action = ?", .doc = "Only this action."),
    FIELD(struct audit_list, start_date, .filter = "a.created_at >= ?", .doc = "Only rows from this time on."),
    FIELD(struct audit_list, end_date, .flags = DAY_END, .filter = "a.created_at <= ?",
          .doc = "Only rows up to this time."),
};
static const struct schema audit_list = SCHEMA("AuditList", struct audit_list, audit_list_fields);
static const struct listing audit_listing = { .row = &audit_row_schema, .id = "a.id", .order = &audit_order };

static bool audit_get(struct call *c)
{
    return list_answer(c, &audit_listing, (struct list_among){ 0 });
}

/* ---- configuration, errors, times ---- */

struct named_items {
    struct json items;
};
static const struct field named_items_fields[] = { FIELD(struct named_items, items, .doc = "The entries.") };
static const struct schema config_schema =
    SCHEMA("SystemConfig", struct named_items, named_items_fields, .doc = "Settings in force, secrets masked.");
static const struct schema errors_schema =
    SCHEMA("SystemErrors", struct named_items, named_items_fields, .doc = "The last failures that were the server's.");
static const struct schema performance_schema = SCHEMA("SystemPerformance", struct named_items, named_items_fields,
                                                       .doc = "Count and time by endpoint and by SQL statement.");

static void take_text(struct call *c, struct text *text)
{
    struct named_items *out = c->out;
    out->items.text = arena_copy(&c->arena, text_str(text));
    text_release(text);
}

static bool config_get(struct call *c)
{
    struct text json;
    text_init(&json, 1 << 20);
    text_put_char(&json, '{');
    for (int i = 0; i < config_count; i++) {
        text_format(&json, "%s\"%s\":", i ? "," : "", config_rows[i].name);
        text_put_json_string(&json, settings_value(&config_rows[i], &c->app->config, &c->arena));
    }
    text_put_char(&json, '}');
    take_text(c, &json);
    return true;
}

static bool errors_get(struct call *c)
{
    struct error_kept *kept = arena_array(&c->arena, struct error_kept, ERRORS_KEPT);
    int count = metrics_errors(c->app->metrics, kept, ERRORS_KEPT);
    struct text json;
    text_init(&json, 1 << 20);
    text_put_char(&json, '[');
    for (int i = 0; i < count; i++) {
        text_format(&json, "%s{\"at\":\"%.*s\",\"request_id\":\"%s\",\"route\":", i ? "," : "",
                    STR_FMT(instant_format(kept[i].at, &c->arena)), kept[i].request_id);
        text_put_json_string(&json, str_from(kept[i].route));
        text_put(&json, S(",\"message\":"));
        text_put_json_string(&json, str_from(kept[i].message));
        text_put_char(&json, '}');
    }
    text_put_char(&json, ']');
    take_text(c, &json);
    return true;
}

static void put_times(struct text *json, int64_t count, int64_t total_us, const int64_t *buckets, int bucket_count,
                      int first_us)
{
    text_format(json,
                "\"count\":%" PRId64 ",\"mean_us\":%" PRId64 ",\"p50_us\":%" PRId64 ",\"p95_us\":%" PRId64
                ",\"p99_us\":%" PRId64 "}",
                count, count ? total_us / count : 0, metrics_quantile_us(buckets, bucket_count, first_us, 0.5),
                metrics_quantile_us(buckets, bucket_count, first_us, 0.95),
                metrics_quantile_us(buckets, bucket_count, first_us, 0.99));
}

struct statement_list {
    struct text *json;
    int count;
};

static void put_statement(const struct db_statement_stats *stats, void *context)
{
    struct statement_list *list = context;
    text_put(list->json, list->count++ ? S(",{\"statement\":") : S("{\"statement\":"));
    text_put_json_string(list->json, str_from(stats->sql));
    text_put_char(list->json, ',');
    put_times(list->json, stats->count, stats->total_us, stats->buckets, 16, 16);
}

enum { STATEMENTS_TOLD = 1000 }; /* of 2,048 at most (db/driver.h), those that took the most time */

static bool performance_get(struct call *c)
{
    const struct app *app = c->app;
    struct text json;
    bool first = true;
    text_init(&json, 16 << 20);
    text_put(&json, S("{\"endpoints\":["));
    for (int i = 0; i < router_count(app->router); i++) {
        struct route_stats s;
        const struct endpoint *e = router_endpoint(app->router, i);
        metrics_route(app->metrics, i, &s);
        if (!s.count)
            continue;
        text_format(&json, "%s{\"method\":\"%s\",\"path\":\"%s\",", first ? "" : ",", http_method_names[e->method],
                    e->path);
        put_times(&json, s.count, s.total_us, s.buckets, METRIC_BUCKETS, 8);
        first = false;
    }
    struct statement_list list = { &json, 0 };
    text_put(&json, S("],\"statements\":["));
    db_statement_stats(c->db, STATEMENTS_TOLD, put_statement, &list);
    text_put(&json, S("]}"));
    take_text(c, &json);
    return true;
}

static bool metrics_get(struct call *c)
{
    struct text out;
    text_init(&out, 16 << 20);
    metrics_print(c, &out);
    answer_bytes(c, "text/plain; version=0.0.4; charset=utf-8", arena_copy(&c->arena, text_str(&out)));
    text_release(&out);
    return true;
}

#define SYSTEM .permission = MAY_READ_SYSTEM, .tag = "system"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/system/info", info_get, NULL, &system_info_schema, .permission = SIGNED_IN, .tag = "system",
      .summary = "What this server is" },
    { HTTP_GET, "/api/v1/system/stats", stats_get, NULL, &system_stats_schema, .runs = WORKS, SYSTEM,
      .summary = "Totals for a dashboard" },
    { HTTP_GET, "/api/v1/system/audit-logs", audit_get, &audit_list, &audit_row_schema, MAY_READ_AUDIT, .flags = LIST,
      .tag = "system", .audit = "audit.read", .summary = "Lists who did what to whose data" },
    { HTTP_GET, "/api/v1/system/config", config_get, NULL, &config_schema, SYSTEM,
      .summary = "Settings in force, secrets masked" },
    { HTTP_GET, "/api/v1/system/errors", errors_get, NULL, &errors_schema, SYSTEM,
      .summary = "The last failures that were the server's" },
    { HTTP_GET, "/api/v1/system/performance", performance_get, NULL, &performance_schema, .runs = WORKS, SYSTEM,
      .summary = "Count and time by endpoint and by SQL statement" },
    { HTTP_GET, "/metrics", metrics_get, NULL, NULL, MAY_READ_METRICS, WORKS, .flags = NOT_JSON | LOOPBACK | QUIET,
      .lane = LANE_PROBES, .tag = "system", .answers = "text/plain", .summary = "Metrics for Prometheus",
      .doc = "From the server's own machine, straight and not through a proxy, without a token; from anywhere else "
             "with one that has the right `metrics.read` (401, 403)." },
};
ENDPOINT_TABLE(system_endpoints, rows);
