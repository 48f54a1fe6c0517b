/* conditional.c - preconditions of GET and HEAD (RFC 9110 13.1), looked at in one place, when the answer is known: in
 * the order of 13.2.2, If-Match, else If-Unmodified-Since, then If-None-Match, else If-Modified-Since. Handlers that
 * can save work ask answer_is_known before it. An answer other than 2xx or 304 is what it would have been without
 * preconditions (13.2.1). */
#include "web/exchange.h"

#include "schema/json.h"

static struct str header_of(const struct exchange *x, const char *name)
{
    for (int i = 0; i < x->header_count; i++)
        if (!strcmp(x->headers[i].name, name))
            return x->headers[i].value;
    return STR_NULL;
}

/* Seconds, as HTTP dates have no fractions. False: there is none, or it is no date, and the field is ignored (13.1.3,
 * 13.1.4). */
static bool seconds_of(struct str date, int64_t *out)
{
    struct instant at;
    if (!date.at || !instant_http_parse(date, &at))
        return false;
    *out = at.us / 1000000;
    return true;
}

bool answer_is_known(struct call *c, struct str etag)
{
    struct str known = http_header(c->request, "If-None-Match");
    answer_header(c, "ETag", etag);
    if (exchange_of(c)->endpoint->method != HTTP_GET || !known.at || !http_etag_matches(known, etag, true))
        return false;
    answer_status(c, 304);
    exchange_of(c)->body_is_set = false;
    http_set_body(c->request, STR_NULL);
    return true;
}

bool answer_range(struct call *c, struct str etag, struct str modified, int64_t size)
{
    struct str range = http_header(c->request, "Range"), if_range = http_header(c->request, "If-Range");
    bool is_other = if_range.at && !str_equal(if_range, etag) && !str_equal(if_range, modified);
    int64_t first, length;
    switch (range.at && !is_other ? http_parse_range(range, size, &first, &length) : RANGE_NONE) {
    case RANGE_UNSATISFIABLE:
        answer_header(c, "Content-Range", arena_format(&c->arena, "bytes */%" PRId64, size));
        return fail(c, E_RANGE, "the file has %" PRId64 " bytes", size);
    case RANGE_PART:
        answer_status(c, 206);
        answer_header(
            c, "Content-Range",
            arena_format(&c->arena, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, first, first + length - 1, size));
        http_set_file_part(c->request, first, length);
        break;
    case RANGE_NONE:
        break;
    }
    return true;
}

static struct str etag_of(struct arena *arena, struct str body)
{
    return arena_format(arena, "\"%016" PRIx64 "-%tx\"", str_hash(body), body.len);
}

/* A browser may keep it for this caller, and asks each time: who else signs in there gets no other answer than they
 * would have got (RFC 9111 5.2.2.4, 5.2.2.7; RFC 9110 12.5.5). */
static void tag_kept(struct exchange *x)
{
    struct call *c = &x->call;
    answer_header(c, "Cache-Control", S("private, no-cache"));
    answer_header(c, "Vary", S("Authorization, X-API-Key, Cookie"));
    answer_is_known(c, etag_of(&c->arena, text_str(&x->answer)));
}

/* The ETag of a single resource is that of its encoded record, that of a list or of figures that of all the answer. */
void answer_tag_record(struct exchange *x)
{
    if (x->endpoint && x->status == 200 && !x->body_is_set && endpoint_is_kept(x->endpoint))
        tag_kept(x);
    else if (x->endpoint && x->status == 200 && x->fields == JSON_ALL_FIELDS && !x->body_is_set &&
             endpoint_shows_thing(router_service(x->call.app->router), x->endpoint))
        answer_is_known(&x->call, etag_of(&x->call.arena, text_str(&x->answer)));
}

bool record_matches(struct call *c, const struct schema *schema, const void *record)
{
    struct str wanted = http_header(c->request, "If-Match");
    struct text *text = &exchange_of(c)->compressed;
    if (!wanted.at)
        return true;
    text_clear(text);
    json_encode(text, schema, record, JSON_ALL_FIELDS, &c->arena);
    if (text->overflowed)
        return fail(c, E_UNAVAILABLE, "too much is under way: try again when that has ended");
    return http_etag_matches(wanted, etag_of(&c->arena, text_str(text)), false) ||
           fail(c, E_PRECONDITION_FAILED, "it has changed since: read it again");
}

bool answer_preconditions(struct exchange *x)
{
    struct request *r = x->call.request;
    struct str match = http_header(r, "If-Match"), unmodified = http_header(r, "If-Unmodified-Since"),
               since = http_header(r, "If-Modified-Since"), modified = header_of(x, "Last-Modified");
    int64_t stated, last;
    if (x->endpoint->method != HTTP_GET || (x->status / 100 != 2 && x->status != 304))
        return true;
    if (match.at) {
        struct str etag = header_of(x, "ETag");
        if (!http_etag_matches(match, etag.at ? etag : S(""), false))
            return fail(&x->call, E_PRECONDITION_FAILED, "it is not, or no longer, what If-Match names");
    } else if (seconds_of(unmodified, &stated) && seconds_of(modified, &last) && last > stated) {
        return fail(&x->call, E_PRECONDITION_FAILED, "it has changed since the time in If-Unmodified-Since");
    }
    if (!http_header(r, "If-None-Match").at && x->status == 200 && seconds_of(since, &stated) &&
        seconds_of(modified, &last) && last <= stated) {
        http_set_body(r, STR_NULL);
        x->status = 304;
    }
    return true;
}
