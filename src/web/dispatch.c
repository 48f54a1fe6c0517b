/* dispatch.c - the life of a request, from its headers to its answer. What the endpoint's row says is done here, once
 * for all endpoints; see the picture in http.h for the threads.
 *
 *   begin:  id -> preflight, https -> route -> token -> rate limit -> permission -> body type and size (admission.c)
 *           -> is there what If-Match could be compared with?
 *   ready:  decode -> run where the row says -> answer
 *   run:    If-Match -> Idempotency-Key -> handler -> audit row -> encode (in one transaction when the row says WRITES;
 *           of WORKS, If-Match once more in the first transaction of the handler)
 */
#include "web/exchange.h"

#include "site/metrics.h"
#include "base/log.h"
#include "schema/json.h"

enum { ANSWER_MAX_BYTES = 64 << 20, IDEMPOTENCY_KEY_MAX = 200, BODY_STREAM_BYTES = 256 << 10 };

static void create(void *data, void *context)
{
    struct exchange *x = data;
    struct app *app = context;
    call_init(&x->call, app, app->db);
    x->call.actor = &x->actor;
    text_init(&x->answer, ANSWER_MAX_BYTES);
    text_init(&x->compressed, ANSWER_MAX_BYTES);
    x->call.hold.budget = app->budget;
    x->answer.hold = x->compressed.hold = &x->call.hold;
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
    text_clear(&x->answer);
    text_clear(&x->compressed);
    call_reset(&x->call);
    memset((char *)x + offsetof(struct exchange, route), 0, sizeof(*x) - offsetof(struct exchange, route));
}

/* ---- the handler and what surrounds it ---- */

/* What the row says of the thing, where no rule has said it: which one the answer is about. */
static void complete_audit(struct exchange *x)
{
    const struct call *c = &x->call;
    const struct endpoint *e = x->endpoint;
    struct audit_draft *draft = &x->actor.audit;
    if (!c->out || !e->out || (e->flags & LIST))
        return;
    int id = schema_find(e->out, S("id")), patient = schema_find(e->out, S("patient_id"));
    const char *record = c->out;
    if (e->entity && !draft->entity_id && !draft->named_id && id >= 0 && e->out->fields[id].kind == &kind_integer)
        memcpy(&draft->entity_id, record + e->out->fields[id].offset, sizeof(int64_t));
    if (!draft->patient_id && patient >= 0 && e->out->fields[patient].kind == &kind_integer)
        memcpy(&draft->patient_id, record + e->out->fields[patient].offset, sizeof(int64_t));
}

void exchange_audit_entry(struct exchange *x, struct audit_entry *out)
{
    complete_audit(x);
    audit_entry_of(&x->call, out);
    out->outcome = x->status;
    out->detail = x->status < 400 ? STR_NULL : x->actor.audit.refusal;
}

/* What the answer is not to tell this caller goes out of it. */
static bool veil(struct call *c, const struct endpoint *e)
{
    return !c->out || !e->out || !e->out->veil || e->out->veil(c, c->out);
}

/* What GET answers for the same path now, made by GET's own handler in the same transaction. The call's own input and
 * answer are put back however that ends. */
static bool load_present(struct exchange *x, const struct endpoint *get, void **out)
{
    struct call *c = &x->call;
    const struct schema *schema = endpoint_in(get);
    const void *in = c->in;
    void *answer = c->out, *key = schema_new(schema, &c->arena);
    int header_count = x->header_count;
    for (int i = 0; i < x->route.variables; i++) {
        int index = schema_find(schema, x->route.names[i]);
        if (index >= 0)
            field_take(c, &schema->fields[index], key, value_text(x->route.values[i]), "path", STR_NULL);
    }
    c->in = key;
    c->out = *out = schema_new(get->out, &c->arena);
    bool ok = c->error.code == E_NONE && get->handle(c) && veil(c, get);
    c->in = in;
    c->out = answer;
    x->header_count = header_count;
    return ok;
}

/* The row that the path names; a path without a variable is about the caller's own account. Before the transaction of
 * what WORKS nothing is held. */
static bool lock_present(struct exchange *x, const struct endpoint *get)
{
    const char *table = get->out->table;
    int64_t id = call_user(&x->call);
    return !table || !db_in_transaction(&x->call) || (x->route.variables && !str_to_integer(x->route.values[0], &id)) ||
           router_service(x->call.app->router)->lock(&x->call, table, id);
}

/* A tag that cannot be compared is not passed over: whoever sent it counts on it, and is told before the body comes.
 * "*" names none: it asks that there is something (RFC 9110 13.1.1), and the handler will say whether there is. */
static bool can_compare(struct exchange *x)
{
    struct call *c = &x->call;
    struct str wanted = http_header(c->request, "If-Match");
    return x->endpoint->method == HTTP_GET || !wanted.at || str_equal(str_trim(wanted), S("*")) ||
           endpoint_shown(router_service(c->app->router), x->endpoint) ||
           fail(c, E_PRECONDITION_FAILED, "there is no ETag that this could be compared with: leave If-Match out");
}

/* Of GET, whose answer has the ETag, it is compared when that is known (conditional.c). */
static bool check_if_match(struct exchange *x)
{
    struct call *c = &x->call;
    void *present;
    if (x->endpoint->method == HTTP_GET || !http_header(c->request, "If-Match").at)
        return true;
    const struct endpoint *get = endpoint_shown(router_service(c->app->router), x->endpoint);
    return !get || (lock_present(x, get) && load_present(x, get, &present) && record_matches(c, get->out, present));
}

/* What WORKS may take long before it changes anything: what was compared before the work is compared again in the
 * transaction that changes. */
static bool still_matches(struct call *c)
{
    return check_if_match(exchange_of(c));
}

static bool run_handler(struct exchange *x)
{
    struct call *c = &x->call;
    if (!check_if_match(x))
        return false;
    bool compares = x->endpoint->runs == WORKS && x->endpoint->method != HTTP_GET;
    c->condition = compares && http_header(c->request, "If-Match").at ? still_matches : NULL;
    bool ok = x->endpoint->handle(c);
    c->condition = NULL;
    return ok;
}

static void set_default_status(struct exchange *x)
{
    if (x->status == 0)
        x->status = endpoint_status(x->endpoint);
}

/* May run again after a deadlock, so it starts from nothing each time. */
static bool handle(struct call *c)
{
    struct exchange *x = exchange_of(c);
    const struct endpoint *e = x->endpoint;
    text_clear(&x->answer);
    x->status = 0;
    x->header_count = 0;
    x->actor.audit.written = false;
    x->actor.audit.detail = STR_NULL;
    x->actor.audit.watched = NULL;
    x->actor.audit.outcome = endpoint_status(e);
    c->out = e->out && !(e->flags & LIST) ? schema_new(e->out, &c->arena) : NULL;
    if (!run_handler(x))
        return false;
    complete_audit(x); /* the log is told, whatever the caller is not */
    if (!veil(c, e))
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
        x->actor.audit.written = false;
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

static bool body_arrived(struct exchange *x)
{
    const struct error *error = http_body_error(x->call.request);
    if (!error->code)
        return true;
    if (!x->call.error.code)
        x->call.error = *error;
    return false;
}

/* On a worker. The key is taken in a transaction of its own, since the handler may run long. */
static void work(struct request *r)
{
    struct exchange *x = http_app_data(r);
    struct call *c = &x->call;
    if (!body_arrived(x) || (x->endpoint->receive && !admission_still(x))) {
        answer_send(x, false);
        return;
    }
    if (x->endpoint->first) {
        done(c, x->endpoint->first(c) && db_transact(c, handle_writes, NULL), NULL);
        return;
    }
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

/* A cache may hold the answer of what else needs a worker. */
static bool answered_at_once(struct exchange *x)
{
    struct call *c = &x->call;
    if (!x->endpoint->at_once || !db_is_local(c->db) || x->idempotency_key.at)
        return false;
    bool ok = x->endpoint->at_once(c);
    if (!ok && c->error.code == E_NONE) {
        db_release(c);
        return false;
    }
    set_default_status(x);
    done(c, ok, NULL);
    return true;
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
        if (x->endpoint->first)
            break;
        http_wait(c->request);
        db_transact_later(c, handle_writes, NULL, done);
        return;
    case WORKS:
        if (answered_at_once(x))
            return;
        break;
    }
    if (!http_run(c->request, x->endpoint->runs == READS ? LANE_GENERAL : (int)x->endpoint->lane, work))
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
            S("Authorization, X-API-Key, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID, Range, "
              "Content-MD5, Digest, X-CSRF-Token"));
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

/* What the body may take while it comes: two buffers of a stream, all of what is gathered. */
static bool hold_body(struct exchange *x)
{
    struct call *c = &x->call;
    int64_t length = http_content_length(c->request), most = admission_body_limit(x);
    if (x->endpoint->receive)
        most = 2 * BODY_STREAM_BYTES;
    return hold_more(&c->hold, length >= 0 && length < most ? length : most, &c->error);
}

static void read_body(struct exchange *x)
{
    struct call *c = &x->call;
    const struct endpoint *e = x->endpoint;
    struct body_sink sink = { 0 };
    db_release(c); /* a body may take hours: what looked up who sends it is not kept from others */
    if (!hold_body(x))
        answer_send(x, false);
    else if (!e->receive)
        http_collect_body(c->request, (ptrdiff_t)admission_body_limit(x));
    else if (e->receive(c, &sink))
        http_read_body(c->request, &sink, admission_body_limit(x));
    else
        answer_send(x, false);
    if (c->error.code)
        return;
    if (x->on_worker) {
        x->on_worker = false; /* `ready` comes on an I/O thread again */
        http_go_on(c->request);
    }
}

/* A version 4 UUID. Random bytes are fetched for many requests at a time, since asking the system costs as much as
 * the rest. */
static void make_request_id(struct exchange *x)
{
    if (x->random_left < UUID_BYTES) {
        crypto_random(x->random, (ptrdiff_t)sizeof(x->random));
        x->random_left = (int)sizeof(x->random);
    }
    unsigned char *bytes = x->random + (x->random_left -= UUID_BYTES);
    crypto_uuid_mark(bytes);
    crypto_uuid_write(bytes, x->actor.request_id);
}

static bool take_idempotency_key(struct exchange *x)
{
    struct call *c = &x->call;
    const struct endpoint *e = x->endpoint;
    struct str key = http_header(c->request, "Idempotency-Key");
    if (!key.len || e->method != HTTP_POST || e->body != BODY_JSON)
        return true;
    if (e->flags & TELLS_SECRET)
        return error_add_problem(&c->error, &c->arena, "header", S("Idempotency-Key"), "not_taken",
                                 "this answer has a secret, which is told once and not kept");
    if (key.len > IDEMPOTENCY_KEY_MAX)
        return error_add_problem(&c->error, &c->arena, "header", S("Idempotency-Key"), "too_long",
                                 "at most %d characters", IDEMPOTENCY_KEY_MAX);
    x->idempotency_key = key;
    return true;
}

/* The rest of begin, once it is known who asks. */
static void admit(struct exchange *x)
{
    struct call *c = &x->call;
    const struct endpoint *e = x->endpoint;
    if (!admission_check(x) || !can_compare(x)) {
        answer_send(x, false);
        return;
    }
    int64_t user = call_user(c);
    c->hold.owner = user ? budget_account(user) : budget_stranger(x->actor.client);
    if (user)
        http_set_account(c->request, user);
    if (user && !take_idempotency_key(x)) {
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
    return !db_is_local(x->call.db) && x->endpoint->permission != ANYONE && !admission_knows(x);
}

/* Callers who have not said who they are take turns by their address. */
static int64_t account_of_address(struct str address)
{
    return -1 - (int64_t)(str_hash(address) >> 1);
}

/* What the row can tell from the path alone. */
static void begin_audit(struct exchange *x)
{
    struct audit_draft *draft = &x->actor.audit;
    draft->action = x->endpoint->audit;
    draft->entity = x->endpoint->entity;
    for (int i = 0; draft->entity && !draft->named_id && i < x->route.variables; i++)
        if (str_equal(x->route.names[i], S("id")) || str_equal(x->route.names[i], S("file_id")))
            str_to_integer(x->route.values[i], &draft->named_id);
}

static void begin(struct request *r)
{
    struct exchange *x = http_app_data(r);
    struct call *c = &x->call;
    c->request = r;
    make_request_id(x);
    x->actor.user_agent = http_header(r, "User-Agent");
    proxy_find_client(x);
    http_set_account(r, account_of_address(x->actor.client));
    if (is_preflight(x)) {
        preflight(x);
        return;
    }
    if (!proxy_https(x)) {
        answer_send(x, c->error.code == E_NONE);
        return;
    }
    if (!admission_route(x)) {
        answer_send(x, false);
        return;
    }
    begin_audit(x);
    if (must_look_up(x)) {
        x->on_worker = true;
        if (!http_run(r, LANE_GENERAL, admit_on_worker))
            busy(x);
    } else {
        admit(x);
    }
}

static void ready(struct request *r)
{
    struct exchange *x = http_app_data(r);
    if (body_arrived(x))
        run(x);
    else
        answer_send(x, false);
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
