/* mail.c - RFC 5322 text handed to libcurl's SMTP. */
#include "app/mail.h"

#include "app/app.h"

#include <curl/curl.h>

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

static struct str compose(struct call *c, struct str to, struct str subject, struct str body)
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

static CURLcode transfer(struct call *c, CURL *curl, struct str to, struct reading *reading)
{
    struct arena *arena = &c->arena;
    struct curl_slist *recipients =
        curl_slist_append(NULL, arena_cstring(arena, arena_format(arena, "<%.*s>", STR_FMT(to))));
    curl_easy_setopt(curl, CURLOPT_URL, arena_cstring(arena, c->app->config.smtp_url));
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)CURLUSESSL_TRY);
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

bool mail_send(struct call *c, struct str to, struct str subject, struct str body)
{
    if (!is_plain_address(to))
        return fail(c, E_INTERNAL, "a stored e-mail address cannot be written to");
    CURL *curl = curl_easy_init();
    if (!curl)
        return fail(c, E_INTERNAL, "libcurl does not start");
    struct reading reading = { compose(c, to, subject, body) };
    CURLcode code = transfer(c, curl, to, &reading);
    curl_easy_cleanup(curl);
    if (code == CURLE_OK)
        return true;
    c->error.retry_after_s = 60;
    return fail(c, E_UNAVAILABLE, "the mail server did not take the mail: %s", curl_easy_strerror(code));
}
