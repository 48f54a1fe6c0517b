/* decode.c - the input of an endpoint from path, query and body; every problem is gathered before any is told. */
#include "web/exchange.h"

#include "schema/json.h"
#include "schema/query.h"

static const struct schema nothing_schema = { .name = "Nothing" };

const struct schema *endpoint_in(const struct endpoint *e)
{
    return e->in ? e->in : &nothing_schema;
}

static bool from_query(const struct field *field)
{
    return !(field->flags & READ_ONLY);
}

static bool from_query_beside_body(const struct field *field)
{
    return (field->flags & IN_QUERY) && !(field->flags & READ_ONLY);
}

static bool from_form(const struct field *field)
{
    return !(field->flags & (READ_ONLY | IN_QUERY));
}

static bool take_path(struct call *c, const struct schema *schema, void *record)
{
    const struct route *route = &exchange_of(c)->route;
    for (int i = 0; i < route->variables; i++) {
        struct str text;
        if (!http_percent_decode(route->values[i], false, &c->arena, &text))
            return fail(c, E_BAD_REQUEST, "the path holds a bad percent-escape");
        int index = schema_find(schema, route->names[i]);
        if (index >= 0)
            field_take(c, &schema->fields[index], record, value_text(text), "path", STR_NULL);
    }
    return true;
}

/* Takes `fields=...` off the query, since it belongs to the answer and not to `in`. */
static struct str without_fields(struct call *c, struct str query, struct str *fields)
{
    *fields = STR_NULL;
    if (str_find(query, S("fields=")) < 0)
        return query;
    struct str rest = S("");
    for (struct str pair; str_next(&query, '&', &pair);)
        if (str_starts(pair, S("fields=")) && str_is_null(*fields))
            *fields = str_slice(pair, 7, pair.len);
        else
            rest = arena_format(&c->arena, "%.*s%s%.*s", STR_FMT(rest), rest.len ? "&" : "", STR_FMT(pair));
    return rest;
}

static bool take_fields(struct call *c, const struct schema *out, struct str fields)
{
    struct exchange *x = exchange_of(c);
    struct str decoded;
    x->fields = JSON_ALL_FIELDS;
    if (str_is_null(fields))
        return true;
    if (!http_percent_decode(fields, true, &c->arena, &decoded))
        return fail(c, E_BAD_REQUEST, "the query holds a bad percent-escape");
    if (!decoded.len)
        return error_add_problem(&c->error, &c->arena, "query", S("fields"), "missing", "name at least one member");
    return json_fields_mask(c, out, decoded, &x->fields);
}

static bool take_body(struct call *c, const struct schema *schema, void *record, uint64_t *given, uint64_t *seen)
{
    const struct endpoint *e = exchange_of(c)->endpoint;
    struct str body = http_body(c->request);
    if (e->body == BODY_FORM) {
        bool ok = query_decode(c, body, schema, record, "body", from_form, given, seen);
        schema_finish(c, schema, record, *given, *seen, false, "body", STR_NULL);
        return ok;
    }
    if ((e->flags & ACTION) && !body.len)
        return true;
    uint64_t mask = 0;
    bool ok = json_decode(c, body, schema, record, e->method == HTTP_PATCH, &mask);
    *given |= mask;
    return ok;
}

bool decode_input(struct call *c)
{
    struct exchange *x = exchange_of(c);
    const struct endpoint *e = x->endpoint;
    const struct schema *schema = endpoint_in(e);
    void *record = schema_new(schema, &c->arena);
    bool has_json = e->body == BODY_JSON || e->body == BODY_FORM;
    uint64_t given = 0, seen = 0;

    if (schema->count && !take_path(c, schema, record))
        return false;
    struct str fields = STR_NULL, query = http_query(c->request);
    if (e->out && e->method == HTTP_GET)
        query = without_fields(c, query, &fields);
    if (query.len)
        query_decode(c, query, schema, record, "query", e->body == BODY_NONE ? from_query : from_query_beside_body,
                     &given, &seen);
    if (e->out)
        take_fields(c, e->out, fields);
    if (has_json)
        take_body(c, schema, record, &given, &seen);
    else if (e->body == BODY_NONE)
        schema_finish(c, schema, record, given, seen, false, "query", STR_NULL);
    c->in = record;
    c->given = given;
    return c->error.code == E_NONE;
}
