/* event.c - GET /events: what happens, as it does (WHATWG HTML 9.2 Server-sent events).
 *
 * The stream is for programs that read an answer while it comes, as `fetch` does: they send their token in a header,
 * as everywhere. EventSource cannot, and a token in an address would be in every log on its way, so that is not
 * offered. */
#include "web/exchange.h"
#include "site/listen.h"

struct event_query {
    struct texts types;
};
static const struct field event_query_fields[] = {
    FIELD(struct event_query, types, .choices = event_wishes, .type = "EventWish", .max = 8,
          .doc = "Only these types, or all types of these things; all when it is left out.",
          .example = "job,file.stored"),
};
static const struct schema event_query = SCHEMA("EventQuery", struct event_query, event_query_fields);

/* Digits, as they were sent; a client that was never told a place begins now (WHATWG HTML 9.2.4). */
static bool take_place(struct call *c, int64_t *after)
{
    struct str sent = str_trim(http_header(c->request, "Last-Event-ID"));
    *after = -1;
    if (!sent.len || (str_to_integer(sent, after) && *after >= 0))
        return true;
    return error_add_problem(&c->error, &c->arena, "header", S("Last-Event-ID"), "invalid",
                             "this is no place of an event");
}

static void wake(void *request)
{
    http_stream_wake(request);
}

static ptrdiff_t read_listener(void *self, int64_t offset, char *out, ptrdiff_t max)
{
    (void)offset;
    return listener_read(self, out, max);
}

static void release(void *self)
{
    listening_leave(self);
}

_Static_assert((int)LISTENER_WAITS == (int)HTTP_STREAM_WAITS, "one is handed on as the other");

static bool events_get(struct call *c)
{
    const struct event_query *query = c->in;
    const struct exchange *x = exchange_of(c);
    struct listening_wish wish = { x->principal, event_types_of(&query->types), -1, wake, c->request };
    struct listener *listener;
    if (!take_place(c, &wish.after))
        return false;
    answer_header(c, "X-Accel-Buffering", S("no")); /* a proxy in front is not to gather it */
    if (http_method(c->request) == HTTP_HEAD) {
        answer_bytes(c, "text/event-stream", S(""));
        return true;
    }
    if (!listening_join(c, c->app->listening, &wish, &listener))
        return false;
    answer_live(c, "text/event-stream", read_listener, release, listener);
    return true;
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/events", events_get, &event_query, &event_schema, .permission = SIGNED_IN, .runs = WORKS,
      .flags = NOT_JSON, .answers = "text/event-stream", .tag = "system", .summary = "Tells what happens, as it does",
      .doc = "Server-sent events, without an end. Each has its place as `id`, its type as `event`, and as `data` an "
             "Event in JSON: which record it is about, and how that stands. Only what the caller may see is told. "
             "A client that was cut off sends the last `id` it has as the header `Last-Event-ID` and misses nothing "
             "that is less than an hour old; an event `missed` comes first when it asks for older ones. Every "
             "15 seconds (`EVENT_HEARTBEAT`) without an event a comment comes. The stream ends when the token expires "
             "or the account's rights change: sign in again, and go on from the last `id`." },
};
ENDPOINT_TABLE(event_endpoints, rows);
