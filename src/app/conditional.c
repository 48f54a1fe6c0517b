/* conditional.c - preconditions of GET and HEAD (RFC 9110 13.1), looked at in one place, when the answer is known: in the order of 13.2.2, If-Match,
 * else If-Unmodified-Since, then If-None-Match, else If-Modified-Since. Handlers that can save work answer 304 themselves before. An answer other
 * than 2xx or 304 is what it would have been without preconditions (13.2.1). */
#include "app/exchange.h"

#include "schema/json.h"

static struct str header_of(const struct exchange *x, const char *name)
{
    for (int i = 0; i < x->header_count; i++)
        if (!strcmp(x->headers[i].name, name))
            return x->headers[i].value;
    return STR_NULL;
}

/* Seconds, as HTTP dates have no fractions. False: there is none, or it is no date, and the field is ignored (13.1.3, 13.1.4). */
static bool seconds_of(struct str date, int64_t *out)
{
    struct instant at;
    if (!date.at || !instant_http_parse(date, &at))
        return false;
    *out = at.us / 1000000;
    return true;
}

/* The ETag of a single resource is that of its encoded record; it is not computed unless somebody asks. */
static struct str etag_of(struct exchange *x)
{
    struct str etag = header_of(x, "ETag");
    bool single = endpoint_is_single(x->endpoint) && x->fields == JSON_ALL_FIELDS && !x->body_is_set;
    return etag.at || !single ? etag : answer_etag(&x->call.arena, text_str(&x->answer));
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
        struct str etag = etag_of(x);
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
