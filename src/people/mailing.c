/* mailing.c - see mailing.h. */
#include "people/mailing.h"

#include "site/actor.h"
#include "site/app.h"
#include "base/crypto.h"
#include "base/log.h"

enum { SEALED_MAX = 60000, MAIL_ATTEMPTS = 10 /* in some 40 minutes */ };

struct mail_order {
    struct str subject, sealed;
};
static const struct field mail_order_fields[] = {
    FIELD(struct mail_order, subject, .flags = REQUIRED, .max = 200, .doc = "What it is about."),
    FIELD(struct mail_order, sealed, .flags = REQUIRED, .max = SEALED_MAX, .doc = "To whom, and the text: sealed."),
};
static const struct schema mail_order = SCHEMA("MailOrder", struct mail_order, mail_order_fields);

struct str mailing_seal(struct call *c, struct str plain)
{
    return crypto_seal(&c->app->lookup_key, S("mail"), plain, &c->arena);
}

bool mailing_open(struct call *c, struct str sealed, struct str *plain)
{
    return crypto_open(&c->app->lookup_key, S("mail"), sealed, &c->arena, plain) ||
           fail(c, E_INVALID, "it was written with another SECRET_KEY");
}

/* Its number goes along, so that a mail that is sent again, because nobody knew whether it was taken, is known by
 * it. */
bool mailing_put(struct call *c, const struct mail *mail)
{
    if (!mail_is_configured(c->app))
        return true;
    struct str plain = arena_format(&c->arena, "%.*s\n%.*s\n%.*s", STR_FMT(mail->to),
                                    STR_FMT(crypto_uuid_text(&c->arena)), STR_FMT(mail->body));
    struct mail_order order = { mail->subject, mailing_seal(c, plain) };
    return jobs_put(c, &(struct job_order){ .kind = &mail_send_kind, .payload = &order, .priority = JOB_HIGH }, NULL);
}

static bool is_stopping(const void *run)
{
    return job_is_stopping(run);
}

static bool send_one(struct call *c, struct job_run *run)
{
    const struct mail_order *order = job_payload(run);
    struct mail mail = { .subject = order->subject };
    struct str plain, rest;
    if (!mailing_open(c, order->sealed, &plain))
        return false;
    str_cut(plain, '\n', &mail.to, &rest);
    str_cut(rest, '\n', &mail.number, &mail.body);
    if (mail_send(c, &mail, is_stopping, run))
        return true;
    if (!job_is_stopping(run))
        log_write(c->app->log, LOG_ERROR, NULL, "mail.failed", "%s", c->error.message);
    return false;
}

const struct job_kind mail_send_kind = { "mail.send",
                                         &mail_order,
                                         NULL,
                                         send_one,
                                         .attempts = MAIL_ATTEMPTS,
                                         .time_limit_s = 60,
                                         .concurrency = 1,
                                         .doc = "Sends a mail to one person." };
