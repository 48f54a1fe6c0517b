/* dispatch.c - the life of a request, from its headers to its answer. What the endpoint's row says is done here, once for all
 * endpoints; see the picture in http.h for the threads.
 *
 *   begin:  id -> route -> https, preflight -> token -> rate limit -> permission -> body type and size
 *   ready:  decode -> run where the row says -> answer
 *   run:    If-Match -> Idempotency-Key -> handler -> audit row -> encode (all in one transaction when the row says WRITES)
 */
#include "app/exchange.h"

#include "app/audit.h"
#include "app/metrics.h"
#include "base/log.h"
#include "schema/json.h"

enum { ANSWER_MAX_BYTES = 64 << 20, IDEMPOTENCY_KEY_MAX = 200 };

static void create(void *data, void *context)
{
    struct exchange *x = data;
    struct app *app = context;
    call_init(&x->call, app, app->db);
    text_init(&x->answer, ANSWER_MAX_BYTES);
    text_init(&x->compressed, ANSWER_MAX_BYTES);
}

static void destroy(void *data, void *context)
{
    (void)context;
    struct exchange *x = data;
    call_release(&x->call);
    text_release(&x->answer);
    text_release(&x->compressed);
}

/* Everything but the memory that is worth keeping goes back to zero. */
static void finish(struct request *r)
{
    struct exchange *x = http_app_data(r);
    if (x->upload_release)
        x->upload_release(x->upload);
    db_release(&x->call);
    call_reset(&x->call);
    text_clear(&x->answer);
    text_clear(&x->compressed);
    memset((char *)x + offsetof(struct exchange, route), 0, sizeof(*x) - offsetof(struct exchange, route));
}

/* ---- the checks before the handler ---- */

static bool listed(struct str list, struct str wanted)
{
    while (list.len) {
        struct str one, rest;
        if (!str_cut(list, ',', &one, &rest))
            one = list, rest = S("");
        if (str_equal(str_trim(one), wanted))
            return true;
        list = rest;
    }
    return false;
}

/* Behind a trusted proxy the client is the last address it names: the earlier ones are the client's own words. */
static struct str client_of(struct exchange *x)
{
    struct str peer = http_client(x->call.request), forwarded = http_header(x->call.request, "X-Forwarded-For");
    if (!forwarded.len || !listed(x->call.app->config.trusted_proxies, peer))
        return peer;
    ptrdiff_t at = forwarded.len;
    while (at > 0 && forwarded.at[at - 1] != ',')
        at--;
    struct str last = str_trim(str_slice(forwarded, at, forwarded.len));
    return last.len && last.len < 46 ? last : peer;
}

static bool find_route(struct exchange *x)
{
    struct call *c = &x->call;
    router_find(c->app->router, http_method(c->request), http_path(c->request), &x->route);
    x->endpoint = x->route.endpoint;
    if (x->endpoint)
        return true;
    if (x->route.allowed)
        return fail(c, E_METHOD_NOT_ALLOWED, "this path does not take %.*s", STR_FMT(http_method_text(c->request)));
    return fail(c, E_NOT_FOUND, "there is nothing at this path");
}

static bool check_token(struct exchange *x)
{
    struct call *c = &x->call;
    struct str header = http_header(c->request, "Authorization");
    bool needed = x->endpoint->permission != ANYONE;
    if (str_is_null(header))
        return !needed || (x->endpoint->flags & LOOPBACK) ||
               fail(c, E_UNAUTHENTICATED, "sign in first: send a bearer token");
    if (!needed) /* a stale token must not keep anybody from signing in */
        return true;
    struct str scheme, token;
    if (!str_cut(header, ' ', &scheme, &token) || !str_equal_fold(scheme, S("Bearer")))
        return fail(c, E_UNAUTHENTICATED, "only bearer tokens are accepted");
    if (!authority_check(c, c->app->authority, str_trim(token), &x->principal))
        return false;
    c->principal = &x->principal;
    return true;
}

static bool is_loopback(const struct exchange *x)
{
    return (str_equal(x->client, S("127.0.0.1")) || str_equal(x->client, S("::1"))) &&
           str_is_null(http_header(x->call.request, "X-Forwarded-For"));
}

static bool check_permission(struct exchange *x)
{
    const struct endpoint *e = x->endpoint;
    if (e->permission < 0)
        return true;
    if ((e->flags & LOOPBACK) && is_loopback(x))
        return true;
    if (!x->call.principal)
        return fail(&x->call, E_UNAUTHENTICATED, "sign in first: send a bearer token");
    if (!principal_may(x->call.principal, (enum permission)e->permission))
        return fail(&x->call, E_FORBIDDEN, "this needs the permission %s", permission_rows[e->permission].name);
    return true;
}

static bool take_token(struct exchange *x, struct rate *rate, const char *kind)
{
    struct call *c = &x->call;
    struct str who = c->principal ? arena_format(&c->arena, "u%" PRId64, c->principal->user_id) : x->client;
    if (!rate || rate_take(rate, who, &c->error.retry_after_s))
        return true;
    return fail(c, E_TOO_MANY, "too many %s; try again in %d s", kind, c->error.retry_after_s);
}

static bool check_rate(struct exchange *x)
{
    if (x->endpoint->flags & QUIET)
        return true;
    if ((x->endpoint->flags & LOGIN) && !take_token(x, x->call.app->login_rate, "attempts to sign in"))
        return false;
    return take_token(x, x->call.app->rate, "requests");
}

/* Callers who cannot say who they are share the limit of their address, so that tokens cannot be tried out freely. */
static bool check_caller(struct exchange *x)
{
    struct call *c = &x->call;
    if (check_token(x))
        return check_rate(x);
    struct error refused = c->error;
    error_clear(&c->error);
    if (check_rate(x))
        c->error = refused;
    return false;
}

static bool check_body_type(struct exchange *x)
{
    static const char *const types[] = { [BODY_JSON] = "application/json",
                                         [BODY_FORM] = "application/x-www-form-urlencoded",
                                         [BODY_MULTIPART] = "multipart/form-data" };
    const struct endpoint *e = x->endpoint;
    if (e->body == BODY_NONE || e->body == BODY_RAW)
        return true;
    if (!http_has_body(x->call.request) && (e->flags & ACTION))
        return true;
    struct str type = http_media_type(http_header(x->call.request, "Content-Type"));
    if (str_equal_fold(type, str_from(types[e->body])))
        return true;
    return fail(&x->call, E_UNSUPPORTED_TYPE, "send this as %s", types[e->body]);
}

static int64_t body_limit(const struct exchange *x)
{
    const struct config *config = &x->call.app->config;
    const struct endpoint *e = x->endpoint;
    if (e->body_max)
        return e->body_max;
    if (e->body == BODY_MULTIPART || e->body == BODY_RAW)
        return config->max_upload_bytes + (1 << 20);
    return config->max_json_bytes;
}

static bool check_body_size(struct exchange *x)
{
    int64_t length = http_content_length(x->call.request), most = body_limit(x);
    if (length <= most)
        return true;
    return fail(&x->call, E_TOO_LARGE, "the body has %" PRId64 " bytes, %" PRId64 " are allowed", length, most);
}

static bool check_https(struct exchange *x)
{
    struct call *c = &x->call;
    if (!c->app->config.https_only || !str_equal(http_header(c->request, "X-Forwarded-Proto"), S("http")))
        return true;
    struct str query = http_query(c->request);
    answer_header(c, "Location",
                  arena_format(&c->arena, "https://%.*s%.*s%s%.*s", STR_FMT(http_header(c->request, "Host")),
                               STR_FMT(http_path(c->request)), query.at ? "?" : "", STR_FMT(query)));
    x->status = 308;
    return false;
}

/* ---- the handler and what surrounds it ---- */

bool exchange_audit_entry(const struct exchange *x, struct audit_entry *out)
{
    const struct call *c = &x->call;
    const struct endpoint *e = x->endpoint;
    *out = (struct audit_entry){ .at = clock_now(),
                                 .action = e->audit,
                                 .entity = e->entity,
                                 .user_id = call_user(c),
                                 .entity_id = x->audit_id,
                                 .patient_id = x->audit_patient_id,
                                 .outcome = x->status };
    bool is_patient = e->entity && !strcmp(e->entity, "patient");
    for (int i = 0; e->entity && !out->entity_id && i < x->route.variables; i++)
        if (str_equal(x->route.names[i], S("id")) || str_equal(x->route.names[i], S("file_id")))
            str_to_integer(x->route.values[i], &out->entity_id);
    if (c->out && e->out && !(e->flags & LIST)) {
        int id = schema_find(e->out, S("id")), patient = schema_find(e->out, S("patient_id"));
        const char *record = c->out;
        if (e->entity && !out->entity_id && id >= 0 && e->out->fields[id].kind == &kind_integer)
            memcpy(&out->entity_id, record + e->out->fields[id].offset, sizeof(int64_t));
        if (!out->patient_id && patient >= 0 && e->out->fields[patient].kind == &kind_integer)
            memcpy(&out->patient_id, record + e->out->fields[patient].offset, sizeof(int64_t));
    }
    if (is_patient && !out->patient_id)
        out->patient_id = out->entity_id;
    snprintf(out->client, sizeof(out->client), "%.*s", STR_FMT(x->client));
    memcpy(out->request_id, c->id, sizeof(out->request_id));
    return true;
}

/* If-Match: the ETag of what GET answers for the same path now, made by GET's own handler in the same transaction. */
static bool check_if_match(struct exchange *x)
{
    struct call *c = &x->call;
    struct str wanted = http_header(c->request, "If-Match");
    struct route route;
    if (str_is_null(wanted) || x->endpoint->method == HTTP_GET)
        return true;
    router_find(c->app->router, HTTP_GET, http_path(c->request), &route);
    const struct endpoint *get = route.endpoint;
    if (!get || !get->out || (get->flags & (LIST | NOT_JSON)) || get->runs == WORKS)
        return true;
    int64_t id;
    if (get->out->table && str_to_integer(route.values[0], &id) &&
        !db_lock(c,
                 arena_cstring(&c->arena, arena_format(&c->arena, "select id from %s where id = ?", get->out->table)),
                 V(id)))
        return false;
    const void *in = c->in;
    void *out = c->out;
    void *key = schema_new(get->in, &c->arena);
    for (int i = 0; i < route.variables; i++) {
        int index = schema_find(get->in, route.names[i]);
        if (index >= 0)
            field_take(c, &get->in->fields[index], key, value_text(route.values[i]), "path", STR_NULL);
    }
    c->in = key;
    c->out = schema_new(get->out, &c->arena);
    if (!get->handle(c))
        return false;
    text_clear(&x->compressed);
    json_encode(&x->compressed, get->out, c->out, JSON_ALL_FIELDS, &c->arena);
    c->in = in;
    c->out = out;
    if (http_etag_matches(wanted, answer_etag(&c->arena, text_str(&x->compressed)), false))
        return true;
    return fail(c, E_PRECONDITION_FAILED, "it has changed since: read it again");
}

static void set_default_status(struct exchange *x)
{
    const struct endpoint *e = x->endpoint;
    if (x->status == 0)
        x->status = e->status ? e->status : (e->out || (e->flags & NOT_JSON)) ? 200 : 204;
}

bool audit_change(struct call *c)
{
    if (!c->request)
        return true;
    struct exchange *x = exchange_of(c);
    struct audit_entry entry;
    set_default_status(x);
    exchange_audit_entry(x, &entry);
    x->audited = true;
    return audit_insert(c, &entry);
}

/* May run again after a deadlock, so it starts from nothing each time. */
static bool handle(struct call *c)
{
    struct exchange *x = exchange_of(c);
    const struct endpoint *e = x->endpoint;
    text_clear(&x->answer);
    x->status = 0;
    x->header_count = 0;
    x->audited = false;
    c->out = e->out && !(e->flags & LIST) ? schema_new(e->out, &c->arena) : NULL;
    if (!check_if_match(x) || !e->handle(c))
        return false;
    set_default_status(x);
    answer_encode(x);
    return !e->audit || !db_in_transaction(c) || audit_change(c);
}

static bool handle_writes(struct call *c, void *unused)
{
    (void)unused;
    struct exchange *x = exchange_of(c);
    if (x->idempotency_key.at) {
        text_clear(&x->answer);
        enum idempotency found = idempotency_begin(c);
        if (found != IDEMPOTENCY_FIRST)
            return found == IDEMPOTENCY_REPLAY;
        return handle(c) && idempotency_end(c, true);
    }
    return handle(c);
}

static void done(struct call *c, bool ok, void *unused)
{
    (void)unused;
    struct exchange *x = exchange_of(c);
    if (ok && (x->endpoint->flags & CHANGES_AUTHORITY))
        authority_changed(c->app->authority);
    if (!ok)
        x->audited = false;
    answer_send(x, ok);
}

static bool begin_key(struct call *c, void *found)
{
    *(enum idempotency *)found = idempotency_begin(c);
    return *(enum idempotency *)found != IDEMPOTENCY_REFUSED;
}

static bool end_key(struct call *c, void *ok)
{
    return idempotency_end(c, *(bool *)ok);
}

/* On a worker. The key is taken in a transaction of its own, since the handler may run long. */
static void work(struct request *r)
{
    struct exchange *x = http_app_data(r);
    struct call *c = &x->call;
    if (x->idempotency_key.at) {
        enum idempotency found = IDEMPOTENCY_NONE;
        if (!db_transact(c, begin_key, &found) || found == IDEMPOTENCY_REPLAY) {
            done(c, c->error.code == E_NONE, NULL);
            return;
        }
        bool ok = handle(c);
        struct error first = c->error;
        c->error = (struct error){ 0 };
        bool kept = db_transact(c, end_key, &ok);
        if (!ok)
            c->error = first;
        done(c, ok && kept, NULL);
        return;
    }
    done(c, handle(c), NULL);
}

static void busy(struct exchange *x)
{
    x->call.error.retry_after_s = 1;
    fail(&x->call, E_UNAVAILABLE, "the server is busy; try again");
    answer_send(x, false);
}

static void run(struct exchange *x)
{
    struct call *c = &x->call;
    if (!decode_input(c)) {
        answer_send(x, false);
        return;
    }
    switch (x->endpoint->runs) {
    case READS:
        if (db_is_local(c->db) || x->on_worker) {
            done(c, handle(c), NULL);
            return;
        }
        break;
    case WRITES:
        http_wait(c->request);
        db_transact_later(c, handle_writes, NULL, done);
        return;
    case WORKS:
        break;
    }
    if (!http_run(c->request, work))
        busy(x);
}

/* ---- the three calls from http ---- */

static void preflight(struct exchange *x)
{
    struct call *c = &x->call;
    struct text *methods = &x->compressed;
    for (int m = 0; m < HTTP_METHODS; m++)
        if (x->route.allowed & (1u << m))
            text_format(methods, "%s, ", http_method_names[m]);
    text_put(methods, S("OPTIONS"));
    struct str list = arena_copy(&c->arena, text_str(methods));
    answer_header(c, "Allow", list);
    if (http_header(c->request, "Access-Control-Request-Method").at) {
        answer_header(c, "Access-Control-Allow-Methods", list);
        answer_header(
            c, "Access-Control-Allow-Headers",
            S("Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Range, Content-MD5, Digest"));
        answer_header(c, "Access-Control-Max-Age", S("86400"));
    }
    x->status = 204;
    answer_send(x, true);
}

static bool is_preflight(struct exchange *x)
{
    if (http_method(x->call.request) != HTTP_OPTIONS)
        return false;
    router_find(x->call.app->router, HTTP_OPTIONS, http_path(x->call.request), &x->route);
    return x->route.allowed && !x->route.endpoint;
}

static void read_body(struct exchange *x)
{
    struct call *c = &x->call;
    const struct endpoint *e = x->endpoint;
    struct body_sink sink = { 0 };
    if (e->body == BODY_JSON || e->body == BODY_FORM)
        http_collect_body(c->request, (ptrdiff_t)body_limit(x));
    else if (e->receive(c, &sink))
        http_read_body(c->request, &sink, body_limit(x));
    else {
        answer_send(x, false);
        return;
    }
    if (x->on_worker) {
        x->on_worker = false; /* `ready` comes on an I/O thread again */
        http_go_on(c->request);
    }
}

/* A version 4 UUID. Random bytes are fetched for many requests at a time, since asking the system costs as much as the rest. */
static void make_request_id(struct exchange *x)
{
    static const char digits[] = "0123456789abcdef";
    if (x->random_left < 16) {
        crypto_random(x->random, (ptrdiff_t)sizeof(x->random));
        x->random_left = (int)sizeof(x->random);
    }
    unsigned char *bytes = x->random + (x->random_left -= 16);
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    char *out = x->call.id;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

/* The rest of begin, once it is known who asks. */
static void admit(struct exchange *x)
{
    struct call *c = &x->call;
    const struct endpoint *e = x->endpoint;
    if (!(check_caller(x) && check_permission(x) && check_body_type(x) && check_body_size(x))) {
        answer_send(x, false);
        return;
    }
    struct str key = http_header(c->request, "Idempotency-Key");
    if (key.len && c->principal && e->method == HTTP_POST && e->body == BODY_JSON)
        x->idempotency_key = key;
    if (x->idempotency_key.len > IDEMPOTENCY_KEY_MAX) {
        error_add_problem(&c->error, &c->arena, "header", S("Idempotency-Key"), "too_long", "at most %d characters",
                          IDEMPOTENCY_KEY_MAX);
        answer_send(x, false);
        return;
    }
    if (e->body == BODY_NONE || (!http_has_body(c->request) && !e->receive)) {
        run(x);
    } else if (!http_has_body(c->request)) {
        error_add_problem(&c->error, &c->arena, "body", STR_NULL, "missing", "this request needs a body");
        answer_send(x, false);
    } else {
        read_body(x);
    }
}

static void admit_on_worker(struct request *r)
{
    admit(http_app_data(r));
}

/* With a database across the network, an unknown token is looked up on a worker: I/O threads never wait. */
static bool must_look_up(struct exchange *x)
{
    struct str scheme, token, header = http_header(x->call.request, "Authorization");
    return !db_is_local(x->call.db) && x->endpoint->permission != ANYONE && str_cut(header, ' ', &scheme, &token) &&
           !authority_knows(x->call.app->authority, str_trim(token));
}

static void begin(struct request *r)
{
    struct exchange *x = http_app_data(r);
    struct call *c = &x->call;
    c->request = r;
    make_request_id(x);
    x->client = client_of(x);
    if (is_preflight(x)) {
        preflight(x);
        return;
    }
    if (!check_https(x)) {
        answer_send(x, true);
        return;
    }
    if (!find_route(x)) {
        answer_send(x, false);
    } else if (must_look_up(x)) {
        x->on_worker = true;
        if (!http_run(r, admit_on_worker))
            busy(x);
    } else {
        admit(x);
    }
}

static void ready(struct request *r)
{
    struct exchange *x = http_app_data(r);
    const struct error *error = http_body_error(r);
    if (error->code) {
        if (!x->call.error.code)
            x->call.error = *error;
        answer_send(x, false);
        return;
    }
    run(x);
}

void dispatch_http_app(struct app *app, struct http_app *out)
{
    *out = (struct http_app){ .context = app,
                              .app_data_bytes = sizeof(struct exchange),
                              .create = create,
                              .destroy = destroy,
                              .begin = begin,
                              .ready = ready,
                              .finish = finish };
}
