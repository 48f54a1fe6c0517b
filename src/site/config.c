/* config.c - the one table of settings. */
#include "site/config.h"

#include "base/names.h"

#include <math.h>

const char *const registrations[] = { "closed", "approval", "open", NULL };
NAMES_REACH(registrations, REGISTRATION_OPEN + 1);

const char *const proxy_headers[] = { "any", "x-forwarded-for", "forwarded", NULL };
NAMES_REACH(proxy_headers, PROXY_FORWARDED + 1);

const char *const smtp_tls_names[] = { "required", "try", NULL };
NAMES_REACH(smtp_tls_names, SMTP_TLS_TRY + 1);

const char *const same_instances[] = { "refuse", "keep", NULL };
NAMES_REACH(same_instances, SAME_INSTANCE_KEEP + 1);

const char *const hl7_charsets[] = { "UNICODE UTF-8", "GB 18030-2000", NULL };
NAMES_REACH(hl7_charsets, HL7_GB18030 + 1);

const char *const task_brokers[] = { "database", "celery", NULL };
NAMES_REACH(task_brokers, TASK_BROKER_CELERY + 1);
const char *const task_serializers[] = { "json", NULL };

#define ROW(member, TYPE, NAME, FALLBACK, ...) SETTING(struct config, member, TYPE, NAME, FALLBACK, __VA_ARGS__)

const struct setting config_rows[] = {
    ROW(database_url, TEXT, "DATABASE_URL", "sqlite:///data/roentgen.db", .group = "Database", .flags = SETTING_SECRET,
        .min = 1, .max = 1000,
        .doc = "sqlite:///relative/path, sqlite:////absolute/path, or mysql://user:password@host:port/name "
               "(?socket=/path for a local socket). SQLAlchemy's spelling will do: sqlite+aiosqlite:///./test.db, "
               "mysql+pymysql://...?charset=utf8mb4."),
    ROW(database_pool_size, INTEGER, "DATABASE_POOL_SIZE", "16", .min = 2, .max = 500, .group = "Database",
        .doc = "MySQL/MariaDB: most connections at once."),
    ROW(database_cache_bytes, SIZE, "DATABASE_CACHE", "4MiB", .min = 262144, .max = 1099511627776, .group = "Database",
        .doc = "SQLite: page cache of each connection that reads; the one that writes has four times as much."),

    ROW(redis_url, TEXT, "REDIS_URL", "", .flags = SETTING_SECRET, .max = 1000, .group = "Redis",
        .doc =
            "redis://[user:password@]host[:port][/db], rediss://... (TLS), redis+unix://[user:password@]/path[?db=N], "
            "redis+sentinel://[user:password@]host,host/service[/db]. Several servers of one database then share "
            "limits, login locks and what changes in rights. Empty: none is used, nor needed by a single server."),
    ROW(redis_ca_file, TEXT, "REDIS_CA_FILE", "", .max = 1000, .group = "Redis",
        .doc = "With rediss://: the file with the certificates to trust. Empty: those that the system trusts."),

    ROW(storage_url, TEXT, "STORAGE_URL", "file://data/files", .min = 1, .max = 1000, .group = "Storage",
        .doc = "Where image files rest: file://relative/path or file:///absolute/path."),
    ROW(archive_url, TEXT, "ARCHIVE_URL", "", .max = 1000, .group = "Storage",
        .doc = "Where archived files rest, in the same form. Empty: archiving is not offered."),
    ROW(storage_reserve_bytes, SIZE, "STORAGE_RESERVE", "64MiB", .min = 0, .max = 1125899906842624, .group = "Storage",
        .doc = "No more files are taken once less than this is free on their disk: deleting and signing in need some."),
    ROW(max_upload_bytes, SIZE, "MAX_UPLOAD", "4GiB", .min = 1, .max = 1099511627776, .group = "Storage",
        .doc = "Largest single file."),
    ROW(max_batch_files, INTEGER, "MAX_BATCH_FILES", "20000", .min = 1, .max = 100000, .group = "Storage",
        .doc = "Most files in one batch upload, ZIP entries counted."),
    ROW(max_unpacked_bytes, SIZE, "MAX_UNPACKED", "8GiB", .min = 1, .max = 1099511627776, .group = "Storage",
        .doc = "Most bytes that one uploaded ZIP may unpack to."),
    ROW(max_pixels, INTEGER, "MAX_PIXELS", "500000000", .min = 1, .max = 100000000000, .group = "Storage",
        .doc = "Most pixels (width x height x pages) of a JPEG, PNG or TIFF."),
    ROW(chunk_size_bytes, SIZE, "CHUNK_SIZE", "8MiB", .min = 65536, .max = 268435456, .group = "Storage",
        .doc = "Chunk size of chunked uploads that state none."),
    ROW(upload_expiry_s, DURATION, "UPLOAD_EXPIRY", "24h", .min = 60, .max = 31536000, .group = "Storage",
        .doc = "A chunked upload not completed by then is removed."),
    ROW(max_uploads_under_way, INTEGER, "MAX_UPLOADS_UNDER_WAY", "50", .min = 1, .max = 1000000, .group = "Storage",
        .doc = "Most chunked uploads of one account that are begun and neither completed nor cancelled."),
    ROW(account_quota_bytes, SIZE, "ACCOUNT_QUOTA", "0", .min = 0, .max = 1125899906842624, .group = "Storage",
        .doc = "Most bytes that the files of one account may have together, deleted ones not counted; 0: as many as "
               "there is room for."),
    ROW(allow_other, BOOLEAN, "ALLOW_OTHER", "false", .group = "Storage",
        .doc = "Accept files that are neither DICOM, JPEG, PNG nor TIFF, as type OTHER."),

    ROW(same_instance, CHOICE, "SAME_INSTANCE", "refuse", .choices = same_instances, .group = "DICOM",
        .doc =
            "A file of an instance that is filed already, with other bytes: refuse it, or keep it beside the series."),
    ROW(modalities, TEXT, "MODALITIES", "", .max = 1000, .group = "DICOM",
        .doc =
            "Modalities beyond those of DICOM that uploads and filters take, separated by commas; *: any. What DICOM "
            "files say of themselves is kept in any case."),
    ROW(patient_id_issuer, TEXT, "PATIENT_ID_ISSUER", "", .max = 64, .group = "DICOM",
        .doc = "Issuer of Patient ID that files of our own hospital name: their patients' numbers are our own."),
    ROW(dicom_charset, TEXT, "DICOM_CHARSET", "", .max = 64, .group = "DICOM",
        .doc = "Character set of files that name none, or one that their bytes contradict: GB18030, Big5, Shift_JIS, "
               "EUC-KR, ISO_IR 100 ... Empty: nothing but UTF-8 is assumed."),
    ROW(dicom_charsets, TEXT, "DICOM_CHARSETS", "", .max = 4000, .group = "DICOM",
        .doc = "The same for single sources, NAME=SET separated by commas. NAME is the account that sends, or the "
               "Source Application Entity Title (0002,0016) in the file."),

    ROW(decoders, INTEGER, "DECODERS", "0", .min = 0, .max = 1024, .group = "Pictures",
        .doc = "Most decoder processes at work at once; 0: one for each processor."),
    ROW(decoder_memory_bytes, SIZE, "DECODER_MEMORY", "2GiB", .min = 268435456, .max = 1099511627776,
        .group = "Pictures", .doc = "Address space of each: a picture that needs more is refused."),
    ROW(decoder_timeout_s, DURATION, "DECODER_TIMEOUT", "30s", .min = 1, .max = 3600, .group = "Pictures",
        .doc = "Longest time for one picture, and longest wait for a decoder."),
    ROW(max_frame_bytes, SIZE, "MAX_FRAME", "256MiB", .min = 1048576, .max = 1099511627776, .group = "Pictures",
        .doc = "Largest decoded frame or page. Larger JPEG, PNG and TIFF files are shown in smaller sizes only."),
    ROW(result_memory_bytes, SIZE, "RENDERED_MEMORY", "64MiB", .min = 0, .max = 1099511627776, .group = "Pictures",
        .doc = "Memory for pictures that were rendered before."),
    ROW(result_disk_bytes, SIZE, "RENDERED_DISK", "1GiB", .min = 0, .max = 1099511627776, .group = "Pictures",
        .doc = "Room on disk for them, in the folder rendered beside the image files; 0: none."),

    ROW(onnxruntime_lib, TEXT, "ONNXRUNTIME_LIB", "", .max = 1000, .group = "Models",
        .doc = "The library that runs models: /path/to/libonnxruntime.so.1 (1.13 or later). Empty: the system's, else "
               "the copy that script/bootstrap fetched. Without one models are refused, and all else works."),
    ROW(model_processes, INTEGER, "MODEL_PROCESSES", "0", .min = 0, .max = 1024, .group = "Models",
        .doc = "Most processes that have a model each; 0: one for each processor."),
    ROW(model_threads, INTEGER, "MODEL_THREADS", "1", .min = 1, .max = 256, .group = "Models",
        .doc = "Threads of each, for one run: more answer one film sooner, and fewer films in all."),
    ROW(model_memory_bytes, SIZE, "MODEL_MEMORY", "2GiB", .min = 268435456, .max = 1099511627776, .group = "Models",
        .doc = "Address space of each: a model that needs more is refused."),
    ROW(model_timeout_s, DURATION, "MODEL_TIMEOUT", "30s", .min = 1, .max = 3600, .group = "Models",
        .doc = "Longest time for loading a model and for one run, and longest wait for a process, or for another "
               "server."),
    ROW(inference_hosts, TEXT, "INFERENCE_HOSTS", "", .max = 4000, .group = "Models",
        .doc = "Hosts that may be asked to run models (`remote` in a model's card), as in WEBHOOK_HOSTS: names, "
               "addresses, networks, each with a port or for all ports, such as \"gpu1:8000 10.1.2.3\". They are sent "
               "the pictures. A name leads to an address that is not public only if that is listed too. Empty: "
               "nobody."),

    ROW(diagnosis_quiet_s, DURATION, "DIAGNOSIS_QUIET", "10s", .min = 0, .max = 86400, .group = "Models",
        .doc = "A study is complete when no image has come for so long: then rules (POST /diagnosis/rules) ask models "
               "of it. A rule that says how many images it expects need not wait."),
    ROW(hospital_name, TEXT, "HOSPITAL_NAME", "", .max = 200, .group = "Reports",
        .doc = "As reports and the certificates of those who sign them name the house."),
    ROW(tsa_url, TEXT, "TSA_URL", "", .max = 1000, .group = "Reports",
        .doc =
            "The time stamp authority (RFC 3161) that is asked for the time of each signature of a report, such as "
            "https://tsa.example.org/tsr. It is sent a digest of the signature, nothing else. Empty: the time is this "
            "server's. Needs TSA_HOSTS and TSA_CERTIFICATES."),
    ROW(tsa_hosts, TEXT, "TSA_HOSTS", "", .max = 4000, .group = "Reports",
        .doc = "Hosts that may be asked for time stamps, as in WEBHOOK_HOSTS."),
    ROW(tsa_certificates, TEXT, "TSA_CERTIFICATES", "", .max = 1000, .group = "Reports",
        .doc = "A file of certificates (PEM): whose time stamps are believed, now and in ten years. Those of an "
               "authority that is asked no more stay in it."),
    ROW(signing_certificates, TEXT, "SIGNING_CERTIFICATES", "", .max = 1000, .group = "Reports",
        .doc = "A file of certificates (PEM, at most 7) of authorities: who has a certificate of one of them may bring "
               "it with its key and sign reports with that (PUT /reports/signing-keys/own). Of one that is taken out "
               "nothing is signed any more; what was signed before stays valid. Empty: all sign with keys of this "
               "house."),
    ROW(signing_token, TEXT, "SIGNING_TOKEN", "", .max = 500, .group = "Reports",
        .doc =
            "The PKCS#11 module of a token or hardware module (the absolute path of its library) that holds signers' "
            "keys: who manages accounts says which is whose (PUT /reports/signing-keys/token). Needs OpenSSL's engine "
            "pkcs11 (Debian: libengine-pkcs11-openssl) and SIGNING_CERTIFICATES. Empty: none."),
    ROW(signing_token_label, TEXT, "SIGNING_TOKEN_LABEL", "", .max = 64, .group = "Reports",
        .doc = "The label of that token: the module may have others, which are never signed in to."),
    ROW(signing_token_pin, TEXT, "SIGNING_TOKEN_PIN", "", .flags = SETTING_SECRET, .max = 500, .group = "Reports",
        .doc =
            "Its PIN. A wrong one is tried once by each server and worker, and then not again before its next start."),
    ROW(tsa_revocations, TEXT, "TSA_REVOCATIONS", "", .max = 1000, .group = "Reports",
        .doc = "A file of revocation lists (PEM, or one as DER; at most 16, and 1 MiB) of the authorities in "
               "TSA_CERTIFICATES and SIGNING_CERTIFICATES, and of those below them. It is read when it is wanted, so "
               "renew it as the lists are. With one for each issuer the pages of reports become PAdES B-LTA; without "
               "they stay B-T. Lists are never fetched from addresses that certificates name."),
    ROW(report_sm2, BOOLEAN, "REPORT_SM2", "off", .group = "Reports",
        .doc =
            "A second signature beside each, over the same bytes, by China's national algorithms: SM2 with SM3 (GB/T "
            "32918, GB/T 32905). Its keys are made and certified here."),
    ROW(report_second_reader, BOOLEAN, "REPORT_SECOND_READER", "on", .group = "Reports",
        .doc = "A report is approved by somebody else than its author before it is signed. Off: who may sign may sign "
               "their own draft."),
    ROW(report_due, TEXT, "REPORT_DUE",
        "EMERGENCY:CR,DX,XR,RF,RG,MG,IO,PX=30m EMERGENCY=1h OUTPATIENT=4h INPATIENT=6h *=24h", .max = 4000,
        .group = "Reports",
        .doc = "How long after its first image a study is to be read and signed: SETTING=TIME or "
               "SETTING:MODALITY,MODALITY=TIME, with EMERGENCY, OUTPATIENT, INPATIENT, OTHER or * as the setting, and "
               "m, h or d behind the number. The first that fits counts; the last is *=TIME."),
    ROW(diagnosis_critical, TEXT, "DIAGNOSIS_CRITICAL", "", .max = 4000, .group = "Reports",
        .doc = "Findings that lift a study to URGENT in the work list, beside those that models' cards mark as "
               "critical: model:label, or a model's name for all that it finds, separated by commas."),
    ROW(critical_within_minutes_s, DURATION, "CRITICAL_WITHIN_MINUTES", "60m", .min = 60, .max = 31536000,
        .group = "Reports", .doc = "Of a critical result of the category MINUTES somebody is told within this time."),
    ROW(critical_within_hours_s, DURATION, "CRITICAL_WITHIN_HOURS", "24h", .min = 60, .max = 31536000,
        .group = "Reports", .doc = "The same of the category HOURS."),
    ROW(critical_within_days_s, DURATION, "CRITICAL_WITHIN_DAYS", "72h", .min = 60, .max = 31536000, .group = "Reports",
        .doc = "The same of the category DAYS."),
    ROW(critical_result_mail, TEXT, "CRITICAL_RESULT_MAIL", "", .max = 254, .group = "Reports",
        .doc = "Address that is told, too, when nobody was told of a critical result in twice its time."),
    ROW(follow_up_mail, TEXT, "FOLLOW_UP_MAIL", "", .max = 254, .group = "Reports",
        .doc = "Address that is told, too, of what a report recommends and was not done in time."),
    ROW(report_dicom, BOOLEAN, "REPORT_DICOM", "on", .group = "Reports",
        .doc = "A signed report is stored with its study, as Encapsulated PDF and as SR."),
    ROW(report_export_keep_s, DURATION, "REPORT_EXPORT_KEEP", "24h", .min = 60, .max = 31536000, .group = "Reports",
        .doc = "How long a ZIP of reports (POST /reports/export) can be downloaded; then it is removed."),
    ROW(report_export_max_bytes, SIZE, "REPORT_EXPORT_MAX", "2GiB", .min = 65536, .max = 1099511627776,
        .group = "Reports", .doc = "How large a ZIP of reports may be."),

    ROW(peer_review_share, INTEGER, "PEER_REVIEW_SHARE", "0", .min = 0, .max = 100, .group = "Reports",
        .doc =
            "Of 100 reports that are begun where the patient has an earlier one of that region by somebody else: how "
            "many readers are asked to judge that one (peer learning)."),
    ROW(peer_review_blinded, BOOLEAN, "PEER_REVIEW_BLINDED", "off", .group = "Reports",
        .doc = "There neither author nor judge is told the other's name."),

    ROW(hl7_send_to, TEXT, "HL7_SEND_TO", "", .max = 4000, .group = "HL7",
        .doc = "Who gets each signed report as HL7 v2.5.1 (ORU^R01) by MLLP, separated by spaces: host:port, or "
               "tls://host:port. Empty: nobody."),
    ROW(hl7_ca_file, TEXT, "HL7_CA_FILE", "", .max = 1000, .group = "HL7",
        .doc = "With tls://: the file with the certificates to trust. Empty: those that the system trusts."),
    ROW(hl7_listen, TEXT, "HL7_LISTEN", "", .max = 200, .group = "HL7",
        .doc = "address:port where orders (ORM^O01, OMI^O23) and patients (ADT) are received by MLLP, such as "
               "10.0.0.5:2575. Empty: nowhere."),
    ROW(hl7_allow, TEXT, "HL7_ALLOW", "127.0.0.1, ::1", .max = 4000, .group = "HL7",
        .doc = "Who may connect there: addresses and networks (10.0.0.0/24), separated by commas. MLLP knows no "
               "passwords, so list who sends and nobody else."),
    ROW(hl7_tls_certificate, TEXT, "HL7_TLS_CERTIFICATE", "", .max = 1000, .group = "HL7",
        .doc = "A PEM file with this server's certificate and those that lead from it to an authority: HL7_LISTEN then "
               "speaks TLS (1.2 or later) and nothing else, and receivers of HL7_SEND_TO (tls://) that ask for a "
               "certificate are shown it. Empty: plain MLLP."),
    ROW(hl7_tls_key, TEXT, "HL7_TLS_KEY", "", .max = 1000, .group = "HL7",
        .doc = "The PEM file with its key, without a password."),
    ROW(hl7_tls_client_ca, TEXT, "HL7_TLS_CLIENT_CA", "", .max = 1000, .group = "HL7",
        .doc = "With HL7_TLS_CERTIFICATE: the PEM file with the authorities from which whoever connects has to have a "
               "certificate. Empty: nobody is asked for one."),
    ROW(hl7_account, TEXT, "HL7_ACCOUNT", "", .max = 100, .group = "HL7",
        .doc = "The account in whose name and with whose rights messages are done (role interface)."),
    ROW(hl7_application, TEXT, "HL7_APPLICATION", "ROENTGEN", .max = 100, .group = "HL7",
        .doc = "What this server calls itself in messages (MSH-3)."),
    ROW(hl7_facility, TEXT, "HL7_FACILITY", "", .max = 100, .group = "HL7", .doc = "And the house (MSH-4)."),
    ROW(hl7_charset, CHOICE, "HL7_CHARSET", "UNICODE UTF-8", .choices = hl7_charsets, .group = "HL7",
        .doc = "The character set of messages that are sent (MSH-18), and of those that come and name none."),
    ROW(hl7_pdf, BOOLEAN, "HL7_PDF", "off", .group = "HL7",
        .doc =
            "Reports that are sent hold their PDF as well (ED, Base64), which makes them some hundred times larger."),
    ROW(hl7_pdf_max_bytes, SIZE, "HL7_PDF_MAX", "5MiB", .min = 1024, .max = 33554432, .group = "HL7",
        .doc =
            "A larger PDF is left out: the message then says so, and where it is (PUBLIC_URL). Base64 makes it a third "
            "larger; many receivers take 5 to 10 MB."),

    ROW(secret_key, TEXT, "SECRET_KEY", NULL, .flags = SETTING_SECRET | SETTING_REQUIRED, .min = 32, .max = 1000,
        .group = "Security",
        .doc = "At least 32 random characters. Signs tokens and seals patients' contact data: losing it loses those."),
    ROW(access_token_s, DURATION, "ACCESS_TOKEN_LIFETIME", "30m", .min = 30, .max = 86400, .group = "Security",
        .doc = "How long an access token is good."),
    ROW(session_s, DURATION, "SESSION_LIFETIME", "7d", .min = 60, .max = 31536000, .group = "Security",
        .doc = "How long a sign-in lasts without being used."),
    ROW(session_remember_s, DURATION, "SESSION_LIFETIME_REMEMBERED", "30d", .min = 60, .max = 31536000,
        .group = "Security", .doc = "The same with remember_me."),
    ROW(session_max_s, DURATION, "SESSION_MAX_LIFETIME", "90d", .min = 60, .max = 31536000, .group = "Security",
        .doc = "How long a sign-in lasts at most, however much it is used."),
    ROW(login_max_failures, INTEGER, "LOGIN_MAX_FAILURES", "5", .min = 1, .max = 1000, .group = "Security",
        .doc = "Failed sign-ins of one account from one address before it is locked for that address."),
    ROW(login_account_max_failures, INTEGER, "LOGIN_ACCOUNT_MAX_FAILURES", "0", .min = 0, .max = 100000,
        .group = "Security",
        .doc =
            "The same from all addresses together that have not signed in to it before, for all those; 0: four times "
            "LOGIN_MAX_FAILURES."),
    ROW(login_network_max_failures, INTEGER, "LOGIN_NETWORK_MAX_FAILURES", "0", .min = 0, .max = 100000,
        .group = "Security",
        .doc = "Failed sign-ins from one address of all accounts together that were not signed in to from it before, "
               "where RATE_LIMIT is on; 0: forty times LOGIN_MAX_FAILURES."),
    ROW(login_lock_s, DURATION, "LOGIN_LOCK", "15m", .min = 1, .max = 31536000, .group = "Security",
        .doc = "How long such a lock lasts."),
    ROW(bcrypt_cost, INTEGER, "BCRYPT_COST", "12", .min = 4, .max = 16, .group = "Security",
        .doc = "Work factor of password hashes."),
    ROW(password_min_length, INTEGER, "PASSWORD_MIN_LENGTH", "10", .min = 8, .max = 72, .group = "Security",
        .doc = "Shortest password allowed."),
    ROW(password_reset_s, DURATION, "PASSWORD_RESET_LIFETIME", "1h", .min = 60, .max = 604800, .group = "Security",
        .doc = "How long a mailed reset token is good."),
    ROW(registration, CHOICE, "REGISTRATION", "closed", .choices = registrations, .flags = SETTING_RELOAD,
        .group = "Security", .doc = "Who may register: nobody, people an administrator approves, or anybody."),
    ROW(cors_origins, TEXT, "CORS_ORIGINS", "", .max = 4000, .flags = SETTING_RELOAD, .group = "Security",
        .doc = "Origins of browser applications that may call the API, separated by commas."),
    ROW(https_only, BOOLEAN, "HTTPS_ONLY", "false", .group = "Security",
        .doc = "Behind a TLS proxy: redirect requests with X-Forwarded-Proto: http to PUBLIC_URL's host, and send "
               "Strict-Transport-Security."),
    ROW(tls_certificate, TEXT, "TLS_CERTIFICATE", "", .max = 1000, .group = "Security",
        .doc = "PEM file of the server's certificate and those that vouch for it: HTTPS is spoken on PORT, and nothing "
               "else. SIGHUP reads the file again. Empty: plain HTTP."),
    ROW(tls_key, TEXT, "TLS_KEY", "", .max = 1000, .group = "Security",
        .doc = "PEM file of its private key, without a password."),
    ROW(tls_redirect_port, TEXT, "TLS_REDIRECT_PORT", "", .max = 5, .group = "Security",
        .doc = "With TLS_CERTIFICATE: port on which plain HTTP is answered with the way to PUBLIC_URL's host by HTTPS, "
               "usually 80; 0 picks a free one. Empty: none."),
    ROW(rate_limit, BOOLEAN, "RATE_LIMIT", "on", .group = "Security", .doc = "Limit requests per account or address."),
    ROW(rate_limit_per_minute, INTEGER, "RATE_LIMIT_PER_MINUTE", "600", .min = 1, .max = 100000000, .group = "Security",
        .doc = "Requests a minute of one address by callers who have not signed in."),
    ROW(user_rate_per_minute, INTEGER, "USER_RATE_PER_MINUTE", "30000", .min = 1, .max = 100000000, .group = "Security",
        .doc =
            "Requests a minute of one account: more than a folder of thousands of films or a wall of thumbnails asks "
            "for, so that only a program gone wild meets it. What is costly has queues of its own."),
    ROW(login_rate_per_minute, INTEGER, "LOGIN_RATE_PER_MINUTE", "30", .min = 1, .max = 100000000, .group = "Security",
        .doc = "Sign-in and password-reset requests a minute of one address."),

    ROW(trusted_proxies, TEXT, "TRUSTED_PROXIES", "", .max = 4000, .group = "Server",
        .doc = "Addresses and networks (10.0.0.0/8) of proxies whose word about the caller's address is believed, "
               "separated by commas. Each must add whom it heard to the header, or write it anew."),
    ROW(proxy_header, CHOICE, "PROXY_HEADER", "any", .choices = proxy_headers, .group = "Server",
        .doc = "The header they say it in: X-Forwarded-For, Forwarded (RFC 7239), or the first where both are there, "
               "else any of the two. Name it when the proxy passes the other one on as it comes."),
    ROW(host, TEXT, "HOST", "127.0.0.1", .min = 1, .max = 255, .group = "Server", .doc = "Address to listen on."),
    ROW(port, INTEGER, "PORT", "8000", .min = 0, .max = 65535, .group = "Server",
        .doc = "TCP port; 0 picks a free one."),
    ROW(io_threads, INTEGER, "IO_THREADS", "0", .min = 0, .max = 256, .group = "Server",
        .doc = "Threads that speak HTTP; 0: one for each processor."),
    ROW(workers, INTEGER, "WORKERS", "36", .min = 2, .max = 1024, .group = "Server",
        .doc = "Threads for work that may wait: files, the database. One account has at most seven eighths of them. "
               "Pictures, passwords and probes have some of their own."),
    ROW(memory_budget_bytes, SIZE, "MEMORY_BUDGET", "512MiB", .min = 67108864, .max = 1099511627776, .group = "Server",
        .doc = "Memory for what is under way: bodies, decoded frames, answers that wait for slow readers. Beyond it, "
               "and beyond half of it for one account, requests are answered 503 until others have ended; one that "
               "alone needs more, 413. Not below MAX_FRAME."),
    ROW(max_connections, INTEGER, "MAX_CONNECTIONS", "16000", .min = 128, .max = 1000000, .group = "Server",
        .doc = "Most connections at once."),
    ROW(idle_timeout_s, DURATION, "IDLE_TIMEOUT", "75s", .min = 1, .max = 86400, .group = "Server",
        .doc = "A connection without a request is closed."),
    ROW(header_timeout_s, DURATION, "HEADER_TIMEOUT", "15s", .min = 1, .max = 3600, .group = "Server",
        .doc = "Longest time for the headers of a request."),
    ROW(send_timeout_s, DURATION, "SEND_TIMEOUT", "60s", .min = 1, .max = 3600, .group = "Server",
        .doc = "A client that takes nothing of an answer for so long is cut off."),
    ROW(body_min_bytes_per_s, SIZE, "BODY_MIN_RATE", "1KiB", .min = 1, .max = 1073741824, .group = "Server",
        .doc = "Slowest body: bytes a second over BODY_WINDOW."),
    ROW(body_window_s, DURATION, "BODY_WINDOW", "20s", .min = 1, .max = 3600, .group = "Server",
        .doc = "How long a body may be slower than BODY_MIN_RATE."),
    ROW(max_header_bytes, SIZE, "MAX_HEADERS", "16KiB", .min = 4096, .max = 1048576, .group = "Server",
        .doc = "Largest request line and headers."),
    ROW(max_json_bytes, SIZE, "MAX_JSON", "1MiB", .min = 1024, .max = 1073741824, .group = "Server",
        .doc = "Largest JSON or form body."),
    ROW(stop_grace_s, DURATION, "STOP_GRACE", "30s", .min = 0, .max = 3600, .group = "Server",
        .doc = "On SIGTERM, how long requests under way may take to finish."),

    ROW(time_zone, TEXT, "TIME_ZONE", "", .max = 64, .group = "Server",
        .doc = "Zone of the hospital's days (Asia/Shanghai): what a date, or a time without a zone, means in filters, "
               "ages and counts by day. Empty: the machine's own. Answers are UTC in any case."),

    ROW(smtp_url, TEXT, "SMTP_URL", "", .flags = SETTING_SECRET, .max = 1000, .group = "Mail",
        .doc = "smtp://user:password@host:587 or smtps://...; empty: no mail, so no password reset by mail."),
    ROW(smtp_tls, CHOICE, "SMTP_TLS", "required", .choices = smtp_tls_names, .group = "Mail",
        .doc = "With smtp://: required sends nothing before STARTTLS has succeeded (a server on this machine needs "
               "none); try goes on without where the server, or whoever is between, offers none."),
    ROW(mail_from, TEXT, "MAIL_FROM", "", .max = 254, .group = "Mail", .doc = "Sender of our mail."),
    ROW(public_url, TEXT, "PUBLIC_URL", "", .max = 1000, .group = "Mail",
        .doc = "Where people reach this server (https://roentgen.example.org), for links in mail, the code on "
               "pages of signed reports, and redirects to https."),

    ROW(log_level, CHOICE, "LOG_LEVEL", "info", .choices = log_level_names, .flags = SETTING_RELOAD, .group = "Log",
        .doc = "Least important level written; SIGUSR1 makes it one step more talkative, SIGUSR2 one step less."),
    ROW(log_file, TEXT, "LOG_FILE", "", .max = 1000, .group = "Log", .doc = "Log file; empty: standard error."),
    ROW(log_requests, CHOICE, "LOG_REQUESTS", "auto", .choices = log_requests_names, .group = "Log",
        .doc = "A line for each request: on, off, or auto: everywhere but on a terminal."),
    ROW(log_rotate_bytes, SIZE, "LOG_ROTATE_SIZE", "100MiB", .min = 0, .max = 1099511627776, .group = "Log",
        .doc = "A new log file past this size; 0: never."),
    ROW(log_rotate_age_s, DURATION, "LOG_ROTATE_AGE", "1d", .min = 0, .max = 31536000, .group = "Log",
        .doc = "A new log file past this age; 0: never."),
    ROW(log_keep, INTEGER, "LOG_KEEP", "14", .min = 0, .max = 1000, .group = "Log", .doc = "Old log files kept."),

    ROW(worker_concurrency, INTEGER, "WORKER_CONCURRENCY", "4", .min = 0, .max = WORKER_THREADS_MAX, .group = "Jobs",
        .doc = "Jobs that the server does at once; 0: none, as where `roentgen worker` runs beside it."),
    ROW(jobs_warn_after_s, DURATION, "JOBS_WARN_AFTER", "15m", .min = 1, .max = 3153600000, .group = "Jobs",
        .doc = "A job that waits for longer makes the server's health degraded."),
    ROW(jobs_keep_s, DURATION, "JOBS_KEEP", "30d", .min = 3600, .max = 3153600000, .group = "Jobs",
        .doc = "How long jobs that have ended are told of."),
    ROW(session_keep_s, DURATION, "SESSION_KEEP", "1d", .min = 0, .max = 3153600000, .group = "Jobs",
        .doc = "How long sessions are kept that nobody is signed in by any more."),
    ROW(audit_keep_s, DURATION, "AUDIT_KEEP", "0", .min = 0, .max = 3153600000, .group = "Jobs",
        .doc = "How long rows of the audit log are kept; 0: for ever. Ask what the law wants before setting it."),
    ROW(event_listeners, INTEGER, "EVENT_LISTENERS", "2000", .min = 1, .max = 1000000, .group = "Jobs",
        .doc = "Connections that may listen to events at once (GET /events); at most half of MAX_CONNECTIONS."),
    ROW(event_listeners_account, INTEGER, "EVENT_LISTENERS_PER_ACCOUNT", "50", .min = 1, .max = 1000000,
        .group = "Jobs", .doc = "Of these, those of one account."),
    ROW(event_heartbeat_s, DURATION, "EVENT_HEARTBEAT", "15s", .min = 1, .max = 3600, .group = "Jobs",
        .doc = "Whoever listens and hears nothing gets an empty line so often, so that proxies keep the connection."),
    ROW(webhook_hosts, TEXT, "WEBHOOK_HOSTS", "", .max = 4000, .group = "Jobs",
        .doc = "Hosts that may be told what happens (POST /system/webhooks): names, addresses, networks, each with a "
               "port or for all ports, such as \"ris.example.org 10.1.2.3:8080\". A name leads to an address that is "
               "not public only if that is listed too. Empty: nobody."),
    ROW(purge_schedule, TEXT, "PURGE_SCHEDULE", "30 2 * * *", .max = 200, .group = "Jobs",
        .doc = "When deleted files are removed for good: \"minute hour day-of-month month day-of-week\" (TIME_ZONE), "
               "such as \"30 2 * * *\", at half past two each night, or @weekly. never: only by `roentgen purge`, as "
               "long as any server or worker of this database has it so."),
    ROW(purge_after_s, DURATION, "PURGE_AFTER", "30d", .min = 3600, .max = 3153600000, .group = "Jobs",
        .doc = "How long ago a file was deleted, at least, when PURGE_SCHEDULE removes it."),
    ROW(backup_target, TEXT, "BACKUP_TARGET", "", .max = 1000, .group = "Jobs",
        .doc =
            "Folder that backups are made in, by BACKUP_SCHEDULE and for who asks over REST: on another disk than the "
            "files, best on another machine. Empty: none, but by `roentgen backup`."),
    ROW(backup_schedule, TEXT, "BACKUP_SCHEDULE", "", .max = 200, .group = "Jobs",
        .doc = "When a backup is made, as in PURGE_SCHEDULE. Empty, or never: not by itself."),
    ROW(backup_keep, INTEGER, "BACKUP_KEEP", "14", .min = 0, .max = 9000, .group = "Jobs",
        .doc = "How many backups stay in BACKUP_TARGET: with a new one the oldest beyond that go. 0: all stay."),
    ROW(fsck_schedule, TEXT, "FSCK_SCHEDULE", "0 3 * * *", .max = 200, .group = "Jobs",
        .doc =
            "When stored files are read and compared with their SHA-256, FSCK_FILES at a time, as in PURGE_SCHEDULE. "
            "never: not by itself."),
    ROW(fsck_files, INTEGER, "FSCK_FILES", "20000", .min = 1, .max = 1000000000, .group = "Jobs",
        .doc = "How many files FSCK_SCHEDULE looks at each time; the next time goes on behind them."),
    ROW(import_root, TEXT, "IMPORT_ROOT", "", .max = 4000, .group = "Jobs",
        .doc = "Folder below which administrators may have folders imported over REST. Empty: none."),
    ROW(programs_root, TEXT, "PROGRAMS_ROOT", "", .max = 4000, .group = "Jobs",
        .doc = "Folder with a JSON file for each program that may be run on images (docs/ai.md). Empty: none."),
    ROW(programs_unconfined, BOOLEAN, "PROGRAMS_UNCONFINED", "false", .group = "Jobs",
        .doc = "Where the system allows no namespaces of users and processes (as in a container by default) such a "
               "program can read the server's memory and settings, its passwords among them, and is not run. true: the "
               "house trusts its programs as it trusts the server, and they run there all the same."),
    ROW(programs_tmp, TEXT, "PROGRAMS_TMP", "/tmp", .min = 1, .max = 1000, .group = "Jobs",
        .doc = "Folder in which such a program gets its images and leaves what it finds, until it has ended."),

    ROW(task_names, TEXT, "TASK_NAMES", "", .max = 4000, .group = "Tasks elsewhere",
        .doc = "Work that other programs do, names separated by commas (ai.echo,report.render): each is a kind of job, "
               "task.ai.echo, which goes out as the Celery task roentgen.ai.echo."),
    ROW(task_broker, CHOICE, "TASK_BROKER", "database", .choices = task_brokers, .group = "Tasks elsewhere",
        .doc = "celery: they go out over Redis. database: they stay queued here."),
    ROW(task_url, TEXT, "TASK_URL", "", .flags = SETTING_SECRET, .max = 1000, .group = "Tasks elsewhere",
        .doc = "Celery's broker_url, of the form of REDIS_URL. Empty: REDIS_URL."),
    ROW(task_result_url, TEXT, "TASK_RESULT_URL", "", .flags = SETTING_SECRET, .max = 1000, .group = "Tasks elsewhere",
        .doc = "Celery's result_backend. Empty: as TASK_URL."),
    ROW(task_queue, TEXT, "TASK_QUEUE", "celery", .min = 1, .max = 100, .group = "Tasks elsewhere",
        .doc = "The queue that tasks go out to."),
    ROW(task_prefix, TEXT, "TASK_PREFIX", "", .max = 100, .group = "Tasks elsewhere",
        .doc = "global_keyprefix of Celery's broker_transport_options and result_backend_transport_options."),
    ROW(task_separator, TEXT, "TASK_SEPARATOR", "", .max = 10, .group = "Tasks elsewhere",
        .doc = "What stands between a queue's name and its priority (option sep). Empty: Celery's own, two control "
               "characters."),
    ROW(task_priority_steps, TEXT, "TASK_PRIORITY_STEPS", "0,3,6,9", .max = 30, .group = "Tasks elsewhere",
        .doc = "The priorities that have lists of their own (option priority_steps); STAT is the first, LOW the last."),
    ROW(task_serializer, CHOICE, "TASK_SERIALIZER", "json", .choices = task_serializers, .group = "Tasks elsewhere",
        .doc = "Celery's task_serializer and result_serializer. Others than json are not taken: pickle lets whoever "
               "writes to Redis run programs."),
    ROW(task_visibility_timeout_s, DURATION, "TASK_VISIBILITY_TIMEOUT", "1h", .min = 1, .max = 31536000,
        .group = "Tasks elsewhere",
        .doc = "What somebody took and did not acknowledge for so long is given to another (option "
               "visibility_timeout): the same for all that use the broker."),
    ROW(task_time_limit_s, DURATION, "TASK_TIME_LIMIT", "1h", .min = 1, .max = 31536000, .group = "Tasks elsewhere",
        .doc = "How long one task may run there: its hard time limit. One that is nowhere to be found for longer is "
               "sent again."),
};
const int config_count = (int)(sizeof(config_rows) / sizeof(config_rows[0]));

bool config_load(struct config *config, struct arena *arena)
{
    struct settings_report report;
    settings_report_init(&report);
    bool ok = settings_load(config_rows, config_count, ".env", config, arena, &report);
    if (report.warnings.len)
        fprintf(stderr, "%.*s", STR_FMT(text_str(&report.warnings)));
    if (report.problems.len)
        fprintf(stderr, "%.*s", STR_FMT(text_str(&report.problems)));
    settings_report_release(&report);
    return ok;
}

bool config_is_scheduled(struct str schedule)
{
    return schedule.len && !str_equal(schedule, S("never"));
}

/* ---- settings that do not go together ---- */

int config_contradictions(const struct config *config, const char *names[CONTRADICTIONS_MAX])
{
    const struct {
        const char *name;
        int64_t bytes;
    } largest[] = { { "MAX_FRAME", config->max_frame_bytes }, { "MAX_JSON", config->max_json_bytes } };
    int count = 0;
    for (size_t i = 0; i < sizeof(largest) / sizeof(largest[0]); i++)
        if (largest[i].bytes > config->memory_budget_bytes)
            names[count++] = largest[i].name;
    return count;
}

/* ---- is the secret one? ---- */

enum { SECRET_BITS_MIN = 80 };

/* The length of what repeats from the beginning: 3 for "abcabcab". */
static ptrdiff_t period(struct str s)
{
    for (ptrdiff_t p = 1; p < s.len; p++)
        if (!memcmp(s.at, s.at + p, (size_t)(s.len - p)))
            return p;
    return s.len;
}

/* Words of keys that documents and templates show, and that nobody has replaced:
 * "your-secret-key-change-in-production-please". Letters alone count, of either case. None is shorter than six, so
 * that hardly any random key in a million holds one. */
static bool holds_words_of_examples(struct str secret)
{
    static const char *const words[] = { "change",      "replace",    "placeholder",  "insecure",    "example",
                                         "default",     "mysecret",   "yoursecret",   "supersecret", "verysecret",
                                         "topsecret",   "secrethere", "keyhere",      "characters",  "production",
                                         "development", "randomkey",  "randomstring", "keyboard",    "qwerty",
                                         "letmein",     "password" };
    char letters[1000];
    ptrdiff_t count = 0;
    for (ptrdiff_t i = 0; i < secret.len && count < (ptrdiff_t)sizeof(letters); i++) {
        char c = secret.at[i] >= 'A' && secret.at[i] <= 'Z' ? (char)(secret.at[i] + ('a' - 'A')) : secret.at[i];
        if (c >= 'a' && c <= 'z')
            letters[count++] = c;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_find((struct str){ letters, count }, str_from(words[i])) >= 0)
            return true;
    return false;
}

/* An upper bound of what it takes to guess: Shannon's entropy of its characters, of one period, and nothing at all
 * where it counts up or down. It cannot tell that a secret is good, only that one is bad. */
bool config_secret_is_guessable(struct str secret)
{
    int counts[256] = { 0 }, steps = 0;
    struct str once = str_slice(secret, 0, period(secret));
    double bits = 0, length = (double)once.len;
    for (ptrdiff_t i = 0; i < once.len; i++) {
        counts[(unsigned char)once.at[i]]++;
        int step = i ? once.at[i] - once.at[i - 1] : 2;
        steps += step >= -1 && step <= 1;
    }
    for (int i = 0; i < 256; i++)
        if (counts[i])
            bits -= counts[i] * log2(counts[i] / length);
    return bits < SECRET_BITS_MIN || steps * 4 > once.len * 3 || holds_words_of_examples(secret);
}
