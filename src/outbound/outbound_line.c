/* outbound_line.c - see outbound_line.h. */
#include "outbound/outbound_line.h"

#include "base/clock.h"

#include <curl/curl.h>
#include <poll.h>

enum { CONNECT_TIMEOUT_MS = 10000, LOOK_MS = 1000 };

struct outbound_line {
    CURL *curl;
    struct outbound_line_options options;
    int64_t until_us;
    char words[CURL_ERROR_SIZE];
};

static bool is_stopping(const struct outbound_line *line)
{
    return line->options.is_stopping && line->options.is_stopping(line->options.context);
}

static int look(void *context, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
    (void)a, (void)b, (void)d, (void)e;
    return is_stopping(context);
}

static bool tell(const struct outbound_line *line, CURLcode code, struct error *error)
{
    if (is_stopping(line))
        return error_set(error, E_UNAVAILABLE, "the exchange was given up");
    return error_set(error, E_UNAVAILABLE, "%.*s:%d: %s", STR_FMT(line->options.host), (int)line->options.port,
                     line->words[0] ? line->words : curl_easy_strerror(code));
}

static void set_up(struct outbound_line *line, struct arena *arena)
{
    const struct outbound_line_options *o = &line->options;
    struct str url = arena_format(arena, "%s://%.*s:%d/", o->is_tls ? "https" : "http", STR_FMT(o->host), (int)o->port);
    curl_easy_setopt(line->curl, CURLOPT_URL, url.at);
    curl_easy_setopt(line->curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(line->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(line->curl, CURLOPT_SSL_ENABLE_ALPN, 0L); /* what is spoken is not HTTP */
    curl_easy_setopt(line->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(line->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(line->curl, CURLOPT_ERRORBUFFER, line->words);
    curl_easy_setopt(line->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(line->curl, CURLOPT_XFERINFOFUNCTION, look);
    curl_easy_setopt(line->curl, CURLOPT_XFERINFODATA, line);
    curl_easy_setopt(line->curl, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(o->timeout_ms < CONNECT_TIMEOUT_MS ? o->timeout_ms : CONNECT_TIMEOUT_MS));
    curl_easy_setopt(line->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2); /* or later */
    if (o->ca_file)
        curl_easy_setopt(line->curl, CURLOPT_CAINFO, o->ca_file);
    if (o->certificate_file) {
        curl_easy_setopt(line->curl, CURLOPT_SSLCERT, o->certificate_file);
        curl_easy_setopt(line->curl, CURLOPT_SSLKEY, o->key_file);
    }
}

bool outbound_line_open(const struct outbound_line_options *options, struct outbound_line **out, struct error *error)
{
    struct outbound_line *line = calloc(1, sizeof(*line));
    struct arena arena;
    *out = NULL;
    if (!line || curl_global_init(CURL_GLOBAL_DEFAULT) || !(line->curl = curl_easy_init())) {
        free(line);
        return error_set(error, E_UNAVAILABLE, "there is no memory for a connection");
    }
    line->options = *options;
    line->until_us = clock_monotonic_us() + options->timeout_ms * 1000;
    arena_init(&arena);
    set_up(line, &arena);
    CURLcode code = curl_easy_perform(line->curl);
    arena_release(&arena);
    if (code == CURLE_OK) {
        *out = line;
        return true;
    }
    tell(line, code, error);
    outbound_line_close(line);
    return false;
}

/* Until the connection is ready for `events`. */
static bool wait_for(struct outbound_line *line, short events, struct error *error)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    curl_easy_getinfo(line->curl, CURLINFO_ACTIVESOCKET, &fd);
    for (;;) {
        int64_t left_ms = (line->until_us - clock_monotonic_us()) / 1000;
        struct pollfd one = { fd, events, 0 };
        if (is_stopping(line))
            return tell(line, CURLE_ABORTED_BY_CALLBACK, error);
        if (left_ms <= 0 || fd == CURL_SOCKET_BAD)
            return tell(line, CURLE_OPERATION_TIMEDOUT, error);
        if (poll(&one, 1, (int)(left_ms < LOOK_MS ? left_ms : LOOK_MS)) > 0)
            return true;
    }
}

bool outbound_line_send(struct outbound_line *line, struct str bytes, struct error *error)
{
    while (bytes.len) {
        size_t sent = 0;
        CURLcode code = curl_easy_send(line->curl, bytes.at, (size_t)bytes.len, &sent);
        if (code == CURLE_AGAIN ? !wait_for(line, POLLOUT, error) : code != CURLE_OK && !tell(line, code, error))
            return false;
        bytes = str_slice(bytes, (ptrdiff_t)sent, bytes.len);
    }
    return true;
}

bool outbound_line_receive(struct outbound_line *line, char *buffer, ptrdiff_t size, ptrdiff_t *got,
                           struct error *error)
{
    for (;;) {
        size_t count = 0;
        CURLcode code = curl_easy_recv(line->curl, buffer, (size_t)size, &count);
        *got = (ptrdiff_t)count;
        if (code != CURLE_AGAIN)
            return code == CURLE_OK || tell(line, code, error);
        if (!wait_for(line, POLLIN, error))
            return false;
    }
}

void outbound_line_close(struct outbound_line *line)
{
    if (!line)
        return;
    curl_easy_cleanup(line->curl);
    free(line);
}
