/* redirect.c - see redirect.h. */
#include "web/redirect.h"

#include "web/exchange.h"

enum { CONNECTIONS = 256, SECONDS = 10, HEADER_BYTES = 16 << 10 };

struct redirect {
    struct app *app;
    int port;
};

static void create(void *arena, void *context)
{
    (void)context;
    arena_init(arena);
}

static void destroy(void *arena, void *context)
{
    (void)context;
    arena_release(arena);
}

static void begin(struct request *r)
{
    const struct redirect *redirect = http_context(r);
    struct str location = proxy_https_location(&redirect->app->config, r, redirect->port, http_app_data(r));
    http_set_status(r, location.at ? 308 : 400);
    http_set_header(r, "Content-Type", S("text/plain"));
    if (location.at)
        http_set_header(r, "Location", location);
    http_set_body(r, location.at ? S("use https\n")
                                 : S("use https; this server does not know its own name (setting PUBLIC_URL)\n"));
    http_set_close(r);
    http_reply(r);
}

static void finish(struct request *r)
{
    arena_reset(http_app_data(r));
}

bool redirect_start(struct app *app, int tls_port, struct http_server **out, struct error *error)
{
    int64_t port;
    if (!str_to_integer(app->config.tls_redirect_port, &port) || port < 0 || port > UINT16_MAX)
        return error_set(error, E_INVALID, "TLS_REDIRECT_PORT is no port");
    struct redirect *redirect = arena_new(&app->arena, struct redirect);
    *redirect = (struct redirect){ app, tls_port };
    struct http_options options = { .host = arena_cstring(&app->arena, app->config.host),
                                    .port = (int)port,
                                    .io_threads = 1,
                                    .worker_threads = 1,
                                    .max_connections = CONNECTIONS,
                                    .idle_timeout_s = SECONDS,
                                    .header_timeout_s = SECONDS,
                                    .send_timeout_s = SECONDS,
                                    .body_min_bytes_per_s = 1,
                                    .max_header_bytes = HEADER_BYTES };
    struct http_app plain = { .context = redirect,
                              .app_data_bytes = sizeof(struct arena),
                              .create = create,
                              .destroy = destroy,
                              .begin = begin,
                              .finish = finish };
    return http_start(&options, &plain, out, error);
}
