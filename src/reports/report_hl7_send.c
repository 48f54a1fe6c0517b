/* report_hl7_send.c - the job that sends one version of a report to one receiver (report_hl7.h). */
#include "reports/report_hl7.h"

#include "hl7/message.h"
#include "hl7/mllp_client.h"
#include "site/app.h"

enum {
    TIMEOUT_MS = 60000,
    ATTEMPTS = 80,   /* some three days, with the pauses of jobs.h */
    RESTS = 20,      /* so often it looks whether the receiver is free, */
    REST_US = 100000 /* and waits so long in between */
};

struct send_order {
    int64_t report_id, version;
    unsigned status;
    struct str receiver;
};
static const struct field order_fields[] = {
    FIELD(struct send_order, report_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX, .doc = "The report."),
    FIELD(struct send_order, version, .flags = REQUIRED, .min = 1, .max = INT64_MAX, .doc = "Which of its versions."),
    FIELD(struct send_order, status, .flags = REQUIRED, .choices = report_statuses, .type = "ReportStatus",
          .doc = "How it stood when this was asked for."),
    FIELD(struct send_order, receiver, .flags = REQUIRED, .min = 1, .max = 300, .doc = "To whom: of HL7_SEND_TO."),
};
static const struct schema order_schema = SCHEMA("ReportSending", struct send_order, order_fields);

struct sent {
    struct str control_id, answer;
    struct instant answered_at;
};
static const struct field sent_fields[] = {
    FIELD(struct sent, control_id, .flags = NULLABLE, .doc = "What it was called (MSH-10)."),
    FIELD(struct sent, answer, .flags = NULLABLE, .doc = "What the receiver answered (MSA-1)."),
    FIELD(struct sent, answered_at, .flags = NULLABLE, .doc = "When."),
};
static const struct schema sent_schema = SCHEMA("ReportSent", struct sent, sent_fields);

static bool is_listed(const struct call *c, struct str receiver)
{
    struct str list = c->app->config.hl7_send_to, one;
    while (str_next(&list, ' ', &one))
        if (one.len && str_equal(one, receiver))
            return true;
    return false;
}

/* What the unique keys of a receiver's jobs begin with; short, so that the queue keeps them as they are. */
static struct str receiver_key(struct call *c, const struct send_order *order)
{
    struct str receiver = str_slice(crypto_sha256_hex(order->receiver, &c->arena), 0, 16);
    return arena_format(&c->arena, "%.*s ", STR_FMT(receiver));
}

/* And those of one report among them. */
static struct str key_prefix(struct call *c, const struct send_order *order)
{
    return arena_format(&c->arena, "%.*s%" PRId64 " ", STR_FMT(receiver_key(c, order)), order->report_id);
}

/* One at a time to each receiver: one that is silent holds one thread, and not all of them. What is short is waited
 * for; else the job is put off. */
static bool receiver_is_free(struct call *c, struct job_run *run, const struct send_order *order)
{
    struct str prefix = receiver_key(c, order);
    int64_t busy = 1;
    for (int i = 0; i < RESTS && busy; i++) {
        if ((i && !job_rest(run, REST_US)) ||
            !db_integer(c, &busy,
                        "select count(*) from jobs j join jobs mine on mine.id = ? where j.kind = ? and j.state = "
                        "'RUNNING' and substr(j.unique_key, 1, ?) = ? and (j.started_at < mine.started_at or "
                        "(j.started_at = mine.started_at and j.id < mine.id))",
                        V(job_id(run)), V(str_from(report_send_kind.name)), V((int64_t)prefix.len), V(prefix)))
            return false;
        db_release(c);
    }
    return !busy || fail(c, E_UNAVAILABLE, "another report is being sent to this receiver");
}

/* Of one report and receiver: what was asked for first goes first, and not at all after what corrects it. */
static bool is_its_turn(struct call *c, const struct send_order *order, int64_t job)
{
    int64_t before, after;
    struct str prefix = key_prefix(c, order);
    if (!db_integer(c, &after,
                    "select count(*) from jobs where kind = ? and state = 'SUCCEEDED' and id > ? and "
                    "substr(unique_key, 1, ?) = ?",
                    V(str_from(report_send_kind.name)), V(job), V((int64_t)prefix.len), V(prefix)))
        return false;
    if (after)
        return fail(c, E_CONFLICT, "a later version of this report has been sent to this receiver");
    if (!db_integer(c, &before,
                    "select count(*) from jobs where kind = ? and state in ('QUEUED', 'RUNNING') and id < ? and "
                    "substr(unique_key, 1, ?) = ?",
                    V(str_from(report_send_kind.name)), V(job), V((int64_t)prefix.len), V(prefix)))
        return false;
    return !before || fail(c, E_UNAVAILABLE, "an earlier version of this report has not been sent yet");
}

/* The message, as the server itself sees the report. */
static bool make_message(struct call *c, const struct send_order *order, struct str *out)
{
    const struct principal sees =
        visibility_of_server(PERMISSION_BIT(MAY_READ_PATIENTS) | PERMISSION_BIT(MAY_READ_STUDIES) |
                             PERMISSION_BIT(MAY_READ_REPORTS) | PERMISSION_BIT(MAY_REVIEW_REPORTS));
    c->actor->principal = &sees;
    bool ok = report_hl7_as(c, order->report_id, order->version, (enum report_status)order->status, out);
    c->actor->principal = NULL;
    return ok;
}

/* What is wrong with the answer, if it is not AA; retried in any case: what the receiver refuses today it may take when
 * somebody has put it right there. */
static bool judge(struct call *c, const struct hl7_message *sent, struct str bytes, struct sent *out)
{
    struct hl7_message answer;
    struct hl7_refusal why;
    struct str control_id, words;
    struct hl7_options options = { .charset = sent->charset, .is_lenient = true };
    if (!hl7_read(bytes, &options, &c->arena, &answer, &why))
        return fail(c, E_UNAVAILABLE, "the answer cannot be read: %.*s", STR_FMT(why.words));
    if (!hl7_read_ack(&answer, &out->answer, &control_id, &words, &c->arena))
        return fail(c, E_UNAVAILABLE, "what was answered is no acknowledgement");
    if (!str_equal(control_id, sent->control_id))
        return fail(c, E_UNAVAILABLE, "the answer is to another message");
    out->control_id = sent->control_id;
    out->answered_at = clock_now();
    bool taken = str_equal(out->answer, S("AA")) || str_equal(out->answer, S("CA"));
    return taken || fail(c, E_UNAVAILABLE, "the receiver answered %.*s: %.*s", STR_FMT(out->answer),
                         STR_FMT(words.len ? words : S("without words")));
}

static bool is_stopping(const void *run)
{
    return job_is_stopping(run);
}

static bool exchange(struct call *c, struct job_run *run, const struct send_order *order, struct str message,
                     struct sent *out)
{
    struct hl7_message sent;
    struct hl7_refusal why;
    struct mllp_receiver to;
    struct str answer;
    const struct hl7_options options = { .charset = NULL };
    const struct config *config = &c->app->config;
    struct mllp_sending how = { .timeout_ms = TIMEOUT_MS, .is_stopping = is_stopping, .context = run };
    if (config->hl7_ca_file.len)
        how.ca_file = arena_cstring(&c->arena, config->hl7_ca_file);
    if (config->hl7_tls_certificate.len) {
        how.certificate_file = arena_cstring(&c->arena, config->hl7_tls_certificate);
        how.key_file = arena_cstring(&c->arena, config->hl7_tls_key);
    }
    struct str head = str_slice(message, 0, str_find(message, S("\r")) + 1); /* all that the answer is held against */
    if (!hl7_read(head, &options, &c->arena, &sent, &why))
        return fail(c, E_INTERNAL, "the message cannot be read: %.*s", STR_FMT(why.words));
    db_release(c); /* not held while others take their time */
    return mllp_receiver_read(order->receiver, &c->arena, &to, &c->error) &&
           mllp_exchange(&to, &how, message, &c->arena, &answer, &c->error) && judge(c, &sent, answer, out);
}

static bool nothing_more(struct call *c, void *unused)
{
    (void)c, (void)unused;
    return true;
}

static bool send(struct call *c, struct job_run *run)
{
    const struct send_order *order = job_payload(run);
    struct sent *out = job_result(run);
    struct str message;
    if (!is_listed(c, order->receiver))
        return fail(c, E_INVALID, "HL7_SEND_TO does not list %.*s any more", STR_FMT(order->receiver));
    return is_its_turn(c, order, job_id(run)) && receiver_is_free(c, run, order) && make_message(c, order, &message) &&
           exchange(c, run, order, message, out) && job_complete(c, run, nothing_more, NULL);
}

const struct job_kind report_send_kind = {
    "report.send",
    &order_schema,
    &sent_schema,
    send,
    .attempts = ATTEMPTS,
    .time_limit_s = 300,
    .concurrency = 2,
    .is_long = true,
    .doc = "Sends a version of a report to one receiver, as HL7.",
};

bool report_send_put(struct call *c, const struct report *report, enum report_status status)
{
    struct str list = c->app->config.hl7_send_to, one;
    while (str_next(&list, ' ', &one)) {
        struct send_order order = { report->id, report->version, status, one };
        if (!one.len)
            continue;
        struct str key = arena_format(&c->arena, "%.*s%" PRId64 " %s", STR_FMT(key_prefix(c, &order)), report->version,
                                      report_statuses[status - 1]);
        if (!jobs_put(c, &(struct job_order){ .kind = &report_send_kind, .payload = &order, .unique_key = key }, NULL))
            return false;
    }
    return true;
}

bool report_send_check(const struct config *config, struct arena *arena, struct error *error)
{
    struct str list = config->hl7_send_to, one;
    struct mllp_receiver to;
    if (!config->hl7_tls_certificate.len != !config->hl7_tls_key.len)
        return error_set(error, E_INVALID, "HL7_TLS_CERTIFICATE and HL7_TLS_KEY go together");
    while (str_next(&list, ' ', &one))
        if (one.len && !mllp_receiver_read(one, arena, &to, error))
            return false;
    return true;
}
