/* mail.c - RFC 5322 text handed to libcurl's SMTP, one after the other. */
#include "site/mail.h"

#include "site/actor.h"
#include "site/app.h"
#include "base/address.h"
#include "base/log.h"
#include "base/thread.h"

#include <curl/curl.h>
#include <sys/socket.h>

enum { CONNECT_TIMEOUT_S = 5, TIMEOUT_S = 20 };

struct reading {
    struct str rest;
};

static size_t give(char *out, size_t size, size_t count, void *self)
{
    struct reading *reading = self;
    size_t room = size * count, some = (size_t)reading->rest.len < room ? (size_t)reading->rest.len : room;
    memcpy(out, reading->rest.at, some);
    reading->rest = str_slice(reading->rest, (ptrdiff_t)some, reading->rest.len);
    return some;
}

bool mail_is_configured(const struct app *app)
{
    return app->config.smtp_url.len && app->config.mail_from.len;
}

/* Headers take only visible ASCII here; the subject is encoded (RFC 2047), addresses with anything else are refused. */
static bool is_plain_address(struct str address)
{
    for (ptrdiff_t i = 0; i < address.len; i++)
        if (address.at[i] <= ' ' || address.at[i] > '~' || address.at[i] == '<' || address.at[i] == '>' ||
            address.at[i] == ',')
            return false;
    return address.len > 0;
}

static struct str format_mail(struct call *c, struct str to, struct str subject, struct str body)
{
    struct arena *arena = &c->arena;
    return arena_format(arena,
                        "Date: %.*s\r\nFrom: <%.*s>\r\nTo: <%.*s>\r\nMessage-ID: <%.*s@roentgen>\r\n"
                        "Subject: =?UTF-8?B?%.*s?=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                        "Content-Transfer-Encoding: 8bit\r\n\r\n%.*s\r\n",
                        STR_FMT(instant_http_format(clock_now(), arena)), STR_FMT(c->app->config.mail_from),
                        STR_FMT(to), STR_FMT(crypto_uuid_text(arena)), STR_FMT(crypto_base64(subject, arena)),
                        STR_FMT(body));
}

/* host:port of smtp://user:password@host:port/ehlo-name */
static struct str server_of(struct str url)
{
    ptrdiff_t scheme = str_find(url, S("://"));
    struct str authority, path, before, after;
    str_cut(str_slice(url, scheme < 0 ? 0 : scheme + 3, url.len), '/', &authority, &path);
    while (str_cut(authority, '@', &before, &after))
        authority = after;
    return authority;
}

/* Whoever is between can take STARTTLS out of the server's greeting; what is then sent in the clear are passwords,
 * and tokens that set new ones. Nobody is between where the server is this machine. */
static bool needs_tls(const struct config *config)
{
    struct str server = server_of(config->smtp_url), host, port;
    struct address address;
    if (config->smtp_tls != SMTP_TLS_REQUIRED)
        return false;
    if (address_parse(server, &address))
        return !address_is_loopback(address);
    str_cut(server, ':', &host, &port);
    return !str_equal_fold(host, S("localhost"));
}

static CURLcode transfer(struct call *c, CURL *curl, struct str to, struct reading *reading)
{
    struct arena *arena = &c->arena;
    struct curl_slist *recipients =
        curl_slist_append(NULL, arena_cstring(arena, arena_format(arena, "<%.*s>", STR_FMT(to))));
    curl_easy_setopt(curl, CURLOPT_URL, arena_cstring(arena, c->app->config.smtp_url));
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_USE_SSL, needs_tls(&c->app->config) ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM,
                     arena_cstring(arena, arena_format(arena, "<%.*s>", STR_FMT(c->app->config.mail_from))));
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(curl, CURLOPT_READDATA, reading);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(recipients);
    return code;
}

/* libcurl says QUIT now, and would wait two minutes for the answer, whatever TIMEOUT_S says: no other mail would go out
 * meanwhile, nor the process end. The mail is taken or not by then: nothing is read any more. */
static void leave(CURL *curl)
{
    curl_socket_t line = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &line) == CURLE_OK && line != CURL_SOCKET_BAD)
        shutdown(line, SHUT_RD);
    curl_easy_cleanup(curl);
}

static bool send_now(struct call *c, const struct mail_text *mail)
{
    if (!is_plain_address(mail->to))
        return fail(c, E_INTERNAL, "a stored e-mail address cannot be written to");
    CURL *curl = curl_easy_init();
    if (!curl)
        return fail(c, E_INTERNAL, "libcurl does not start");
    struct reading reading = { format_mail(c, mail->to, mail->subject, mail->body) };
    CURLcode code = transfer(c, curl, mail->to, &reading);
    leave(curl);
    return code == CURLE_OK ||
           fail(c, E_UNAVAILABLE, "the mail server did not take the mail: %s", curl_easy_strerror(code));
}

/* ---- the thread ---- */

struct mail {
    struct arena arena;
    char request_id[37];
    struct mail_text text;
    bool (*compose)(struct call *c, struct mail_text *out); /* NULL: the text is complete */
    struct mail *next;
};

struct mailer {
    struct app *app;
    struct background background;
    struct mail *first, **last;
    int count;
    int64_t stop_at_us; /* once it is told to end: after which nothing is sent any more */
};

/* NULL: the end. */
static struct mail *next_mail(struct mailer *m, bool *late)
{
    background_lock(&m->background);
    while (!m->first && !m->background.stopping)
        background_wait(&m->background, NEVER);
    *late = clock_monotonic_us() > m->stop_at_us;
    struct mail *mail = m->first;
    if (mail) {
        m->first = mail->next;
        if (!m->first)
            m->last = &m->first;
        m->count--;
    }
    background_unlock(&m->background);
    return mail;
}

static void drop(struct mail *mail)
{
    arena_release(&mail->arena);
    free(mail);
}

static void send_all(void *context)
{
    struct mailer *m = context;
    bool late;
    for (struct mail *mail; (mail = next_mail(m, &late)); drop(mail)) {
        struct call call;
        struct actor actor = ACTOR_OF_TASK("mail");
        call_init(&call, m->app, m->app->db);
        call.actor = &actor;
        memcpy(actor.request_id, mail->request_id, sizeof(actor.request_id));
        bool wanted = !mail->compose || late || mail->compose(&call, &mail->text);
        db_release(&call);
        if (late || (wanted && !send_now(&call, &mail->text)) || call.error.code)
            log_write(m->app->log, LOG_ERROR, mail->request_id, "mail.failed", "%s",
                      late ? "the server stopped before it was sent" : call.error.message);
        call_release(&call);
    }
}

bool mailer_open(struct app *app, struct mailer **out, struct error *error)
{
    struct mailer *m = calloc(1, sizeof(*m));
    if (!m)
        abort();
    m->app = app;
    m->last = &m->first;
    m->stop_at_us = NEVER;
    if (!background_start(&m->background, "mailer", send_all, m, error)) {
        free(m);
        return false;
    }
    *out = m;
    return true;
}

void mailer_close(struct mailer *m)
{
    if (!m)
        return;
    background_lock(&m->background);
    m->stop_at_us = clock_monotonic_us() + (int64_t)MAIL_GRACE_S * 1000000;
    background_unlock(&m->background);
    background_stop(&m->background);
    background_release(&m->background);
    free(m);
}

static bool put(struct mailer *m, struct mail *mail)
{
    background_lock(&m->background);
    bool room = m->count < MAIL_QUEUE_MAX;
    if (room) {
        *m->last = mail;
        m->last = &mail->next;
        m->count++;
        background_wake(&m->background);
    }
    background_unlock(&m->background);
    if (!room)
        drop(mail);
    return room;
}

static struct mail *new_mail(const char *request_id, struct str to)
{
    struct mail *mail = calloc(1, sizeof(*mail));
    if (!mail)
        abort();
    arena_init(&mail->arena);
    mail->text.to = arena_copy(&mail->arena, to);
    snprintf(mail->request_id, sizeof(mail->request_id), "%s", request_id);
    return mail;
}

bool mail_send_later(struct mailer *m, const char *request_id, struct str to, struct str subject, struct str body)
{
    struct mail *mail = new_mail(request_id, to);
    mail->text.subject = arena_copy(&mail->arena, subject);
    mail->text.body = arena_copy(&mail->arena, body);
    return put(m, mail);
}

bool mail_compose_later(struct mailer *m, const char *request_id, struct str to,
                        bool (*compose)(struct call *c, struct mail_text *out))
{
    struct mail *mail = new_mail(request_id, to);
    mail->compose = compose;
    return put(m, mail);
}
