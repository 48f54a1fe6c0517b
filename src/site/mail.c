/* mail.c - RFC 5322 text handed to libcurl's SMTP. */
#include "site/mail.h"

#include "site/app.h"
#include "base/address.h"

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

static struct str format_mail(struct call *c, const struct mail *mail)
{
    struct arena *arena = &c->arena;
    return arena_format(arena,
                        "Date: %.*s\r\nFrom: <%.*s>\r\nTo: <%.*s>\r\nMessage-ID: <%.*s@roentgen>\r\n"
                        "Subject: =?UTF-8?B?%.*s?=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                        "Content-Transfer-Encoding: 8bit\r\n\r\n%.*s\r\n",
                        STR_FMT(instant_http_format(clock_now(), arena)), STR_FMT(c->app->config.mail_from),
                        STR_FMT(mail->to), STR_FMT(mail->number), STR_FMT(crypto_base64(mail->subject, arena)),
                        STR_FMT(mail->body));
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

struct sending {
    struct reading reading;
    bool (*is_stopping)(const void *context);
    const void *context;
    long reply; /* the server's last, as RFC 5321 4.2 numbers them; 0: none */
};

static int look(void *self, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
    const struct sending *sending = self;
    (void)a, (void)b, (void)d, (void)e;
    return sending->is_stopping(sending->context);
}

static CURLcode transfer(struct call *c, CURL *curl, struct str to, struct sending *sending)
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
    curl_easy_setopt(curl, CURLOPT_READDATA, &sending->reading);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, sending);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &sending->reply);
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

bool mail_send(struct call *c, const struct mail *mail, bool (*is_stopping)(const void *context), const void *context)
{
    if (!mail_is_configured(c->app))
        return fail(c, E_UNAVAILABLE, "SMTP_URL and MAIL_FROM are not set");
    if (!is_plain_address(mail->to))
        return fail(c, E_INVALID, "a stored e-mail address cannot be written to");
    CURL *curl = curl_easy_init();
    if (!curl)
        return fail(c, E_INTERNAL, "libcurl does not start");
    struct sending sending = { { format_mail(c, mail) }, is_stopping, context, 0 };
    CURLcode code = transfer(c, curl, mail->to, &sending);
    leave(curl);
    bool refused = code != CURLE_OK && code != CURLE_USE_SSL_FAILED && sending.reply >= 500 && sending.reply < 600;
    return code == CURLE_OK ||
           (refused ? fail(c, E_INVALID, "the mail server refused the mail for good (%ld)", sending.reply)
                    : fail(c, E_UNAVAILABLE, "the mail server did not take the mail: %s", curl_easy_strerror(code)));
}
