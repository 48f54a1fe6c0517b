/* config.h - everything that can be set, one row each in config.c.
 *
 *     struct config config;
 *     if (!config_load(&config, &arena)) ...                   // what is wrong stands on standard error
 *     config.password_min_length
 *
 * A setting is a member here and a row there: name, default, limits and doc, from which come the environment and `.env`
 * (base/settings.h), `roentgen config`, which prints what is in force with secrets masked, and `roentgen config
 * --example`, the commented `.env.example`. Units are in the members' names, whatever units the text has ("30m").
 *
 * Texts live in the arena. Loaded once at the start; settings that SIGHUP may change (SETTING_RELOAD) are read from
 * app.live instead, the others need a new start. Every problem is said, not the first alone, and nothing half loaded
 * is used.
 */
#ifndef ROENTGEN_CONFIG_H
#define ROENTGEN_CONFIG_H

#include "base/log.h"
#include "base/settings.h"

enum { WORKER_THREADS_MAX = 64 }; /* jobs at once in one process */
enum registration { REGISTRATION_CLOSED, REGISTRATION_APPROVAL, REGISTRATION_OPEN };

struct config {
    struct str database_url, storage_url, archive_url, secret_key, host, redis_url, redis_ca_file;
    int64_t port, io_threads, workers, database_pool_size, database_cache_bytes;
    int64_t memory_budget_bytes;
    unsigned log_level;
    unsigned log_requests;
    struct str log_file;
    int64_t log_rotate_bytes, log_rotate_age_s, log_keep;
    bool rate_limit;
    int64_t rate_limit_per_minute, user_rate_per_minute, login_rate_per_minute;
    int64_t access_token_s, session_s, session_remember_s, session_max_s;
    int64_t login_max_failures, login_account_max_failures, login_network_max_failures, login_lock_s;
    int64_t bcrypt_cost, password_min_length, password_reset_s;
    unsigned registration;
    struct str smtp_url, mail_from, public_url;
    unsigned smtp_tls;
    struct str cors_origins;
    struct str trusted_proxies, time_zone;
    unsigned proxy_header;
    bool https_only;
    struct str tls_certificate, tls_key, tls_redirect_port;
    int64_t max_connections, idle_timeout_s, header_timeout_s, send_timeout_s, body_min_bytes_per_s, body_window_s;
    int64_t max_header_bytes, max_json_bytes, max_upload_bytes, max_batch_files, max_unpacked_bytes;
    int64_t max_pixels, chunk_size_bytes, upload_expiry_s;
    int64_t max_uploads_under_way, account_quota_bytes, storage_reserve_bytes;
    int64_t decoders, decoder_memory_bytes, decoder_timeout_s, max_frame_bytes, result_memory_bytes, result_disk_bytes;
    struct str onnxruntime_lib, inference_hosts;
    int64_t model_processes, model_threads, model_memory_bytes, model_timeout_s, diagnosis_quiet_s;
    struct str hospital_name, tsa_url, tsa_hosts, tsa_certificates, tsa_revocations, signing_certificates;
    struct str signing_token, signing_token_label, signing_token_pin;
    bool report_sm2, report_second_reader, report_dicom;
    int64_t report_export_keep_s, report_export_max_bytes;
    struct str report_due, diagnosis_critical;
    int64_t critical_within_minutes_s, critical_within_hours_s, critical_within_days_s;
    struct str critical_result_mail, follow_up_mail;
    bool peer_review_blinded;
    int64_t peer_review_share;
    struct str hl7_send_to, hl7_ca_file, hl7_application, hl7_facility, hl7_listen, hl7_allow, hl7_account;
    struct str hl7_tls_certificate, hl7_tls_key, hl7_tls_client_ca;
    unsigned hl7_charset;
    bool hl7_pdf;
    int64_t hl7_pdf_max_bytes;
    bool allow_other;
    unsigned same_instance;
    struct str modalities, patient_id_issuer, dicom_charset, dicom_charsets;
    int64_t stop_grace_s;
    int64_t worker_concurrency, jobs_warn_after_s, jobs_keep_s, session_keep_s, audit_keep_s, purge_after_s, fsck_files;
    int64_t backup_keep;
    int64_t event_listeners, event_listeners_account, event_heartbeat_s;
    struct str webhook_hosts;
    struct str purge_schedule, backup_target, backup_schedule, fsck_schedule;
    struct str import_root, programs_root, programs_tmp;
    bool programs_unconfined;
    unsigned task_broker, task_serializer;
    struct str task_names, task_url, task_result_url, task_queue, task_prefix, task_separator, task_priority_steps;
    int64_t task_visibility_timeout_s, task_time_limit_s;
};

enum smtp_tls { SMTP_TLS_REQUIRED, SMTP_TLS_TRY };
enum proxy_header { PROXY_ANY, PROXY_X_FORWARDED_FOR, PROXY_FORWARDED };
enum same_instance { SAME_INSTANCE_REFUSE, SAME_INSTANCE_KEEP };
enum task_broker { TASK_BROKER_DATABASE, TASK_BROKER_CELERY };
enum hl7_charset_choice { HL7_UTF8, HL7_GB18030 };
extern const char *const hl7_charsets[];     /* names of enum hl7_charset_choice, as MSH-18 has them */
extern const char *const task_brokers[];     /* names of enum task_broker */
extern const char *const task_serializers[]; /* json alone */
extern const char *const same_instances[];   /* names of enum same_instance */
extern const char *const smtp_tls_names[];   /* names of enum smtp_tls */
extern const char *const proxy_headers[];    /* names of enum proxy_header */
extern const char *const registrations[];    /* names of enum registration */
extern const struct setting config_rows[];
extern const int config_count;

/* Reads `.env` and the environment; problems and warnings go to standard error. False when something is wrong. */
bool config_load(struct config *config, struct arena *arena);
/* Does work come by this setting? An empty one has its default, if there is any: so "never" is a word. */
bool config_is_scheduled(struct str schedule);
/* Which settings allow one request more than MEMORY_BUDGET does; returns how many. Such a server starts, and refuses
 * the largest of them. */
enum { CONTRADICTIONS_MAX = 2 };
int config_contradictions(const struct config *config, const char *names[CONTRADICTIONS_MAX]);
/* Does SECRET_KEY repeat itself, count, hold too few different characters, or the words of an example that was never
 * replaced? What it protects then opens to whoever tries. */
bool config_secret_is_guessable(struct str secret);

#endif
