/* listen.c - messages come in by MLLP, each answered by order_receive. */
#include "order/order.h"

#include "hl7/message.h"
#include "hl7/mllp_server.h"
#include "site/app.h"

enum { CONNECTIONS_MAX = 64, MESSAGE_MS = 30000, IDLE_MS = 3600000 };

struct order_listener {
    struct call call; /* of the server's one thread */
    struct mllp_server *server;
    struct mllp_tls *tls; /* NULL: without */
};

static void answer(void *context, struct address peer, struct str message, struct text *out)
{
    struct order_listener *l = context;
    order_receive(&l->call, address_text(peer, &l->call.arena), message, out);
    call_reset(&l->call);
}

static void too_long(void *context, struct text *out)
{
    struct order_listener *l = context;
    order_refuse_length(&l->call, out);
    call_reset(&l->call);
}

/* "10.0.0.5:2575", "[::1]:2575". */
static bool read_place(struct str text, struct arena *arena, struct str *host, int64_t *port, struct error *error)
{
    ptrdiff_t colon = text.len - 1;
    while (colon >= 0 && text.at[colon] != ':')
        colon--;
    struct str name = str_slice(text, 0, colon);
    if (name.len > 2 && name.at[0] == '[')
        name = str_slice(name, 1, name.len - 1);
    *host = arena_copy(arena, name);
    if (colon < 1 || !str_to_integer(str_slice(text, colon + 1, text.len), port) || *port < 0 || *port > 65535)
        return error_set(error, E_INVALID, "%.*s is not address:port", STR_FMT(text));
    return true;
}

static bool read_certificates(struct app *app, struct mllp_tls **out, struct error *error)
{
    const struct config *config = &app->config;
    struct mllp_tls_files files = {
        .certificate = arena_cstring(&app->arena, config->hl7_tls_certificate),
        .key = arena_cstring(&app->arena, config->hl7_tls_key),
    };
    if (config->hl7_tls_client_ca.len && !config->hl7_tls_certificate.len)
        return error_set(error, E_INVALID, "HL7_TLS_CLIENT_CA needs HL7_TLS_CERTIFICATE");
    if (config->hl7_tls_client_ca.len)
        files.client_authorities = arena_cstring(&app->arena, config->hl7_tls_client_ca);
    return !config->hl7_tls_certificate.len || mllp_tls_new(&files, out, error);
}

static bool start(struct order_listener *l, struct app *app, struct str host, int64_t port, struct error *error)
{
    if (!read_certificates(app, &l->tls, error))
        return false;
    struct mllp_options options = {
        .host = arena_cstring(&app->arena, host),
        .port = (int)port,
        .allowed = app->config.hl7_allow,
        .connections_max = CONNECTIONS_MAX,
        .message_bytes_max = HL7_MESSAGE_MAX,
        .message_ms = MESSAGE_MS,
        .idle_ms = IDLE_MS,
        .log = app->log,
        .tls = l->tls,
        .answer = answer,
        .too_long = too_long,
        .context = l,
    };
    return mllp_listen(&options, &l->server, error);
}

bool order_listen(struct app *app, struct order_listener **out, struct error *error)
{
    const struct config *config = &app->config;
    int64_t port;
    struct str host;
    *out = NULL;
    if (!config->hl7_listen.len)
        return true;
    if (!config->hl7_account.len)
        return error_set(error, E_INVALID, "HL7_ACCOUNT names nobody in whose name messages are done");
    if (!read_place(config->hl7_listen, &app->arena, &host, &port, error))
        return false;
    struct order_listener *l = calloc(1, sizeof(*l));
    if (!l)
        return error_set(error, E_UNAVAILABLE, "there is no memory to listen with");
    call_init(&l->call, app, app->db);
    if (!start(l, app, host, port, error)) {
        order_close(l);
        return false;
    }
    *out = l;
    return true;
}

int order_port(const struct order_listener *listener)
{
    return mllp_port(listener->server);
}

void order_close(struct order_listener *listener)
{
    if (!listener)
        return;
    mllp_close(listener->server);
    mllp_tls_free(listener->tls);
    call_release(&listener->call);
    free(listener);
}
