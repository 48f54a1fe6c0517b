/* openapi_components.c - what operations refer to. A record stands under its schema's name; what a body may hold of
 * one that is also an answer, and what is inside bodies, is another shape and has "Input" (PATCH: "Patch") behind its
 * name; a page of a list has "PageOf" before it. Choices stand under their type's. */
#include "web/openapi_document.h"

#include "web/endpoint.h"
#include "schema/openapi.h"

enum { COMPONENTS_MAX = 256, CHOICES_MAX = 128 };

struct component {
    const struct schema *schema;
    enum openapi_use use;
    const char *suffix;
};

struct components {
    const struct service *served;
    struct component items[COMPONENTS_MAX];
    int count;
    const struct field *choices[CHOICES_MAX]; /* one that has them, of each type */
    int choices_count;
};

void openapi_put_json(struct text *out, const char *json)
{
    for (; *json; json++)
        text_put_char(out, *json == '\'' ? '"' : *json);
}

static void each_endpoint(const struct service *served, void (*visit)(const struct endpoint *e, void *context),
                          void *context)
{
    for (int t = 0; t < served->count; t++)
        for (int r = 0; r < served->tables[t]->count; r++)
            if (!(served->tables[t]->rows[r].flags & HIDDEN))
                visit(&served->tables[t]->rows[r], context);
}

/* ---- which schemas, under which names ---- */

static bool add(struct components *all, struct component one)
{
    for (int i = 0; i < all->count; i++)
        if (!strcmp(all->items[i].schema->name, one.schema->name) && all->items[i].use == one.use &&
            !strcmp(all->items[i].suffix, one.suffix))
            return false;
    if (all->count == COMPONENTS_MAX)
        return false;
    all->items[all->count++] = one;
    return true;
}

static void add_inside(struct components *all, const struct schema *schema, bool input)
{
    unsigned hidden = input ? READ_ONLY | IN_QUERY : WRITE_ONLY | SECRET;
    for (int i = 0; i < schema->count; i++) {
        const struct schema *of = schema->fields[i].of;
        struct component one = { of, input ? OPENAPI_BODY : OPENAPI_ANSWER, input ? "Input" : "" };
        if (of && !(schema->fields[i].flags & hidden) && add(all, one))
            add_inside(all, of, input);
    }
}

static void add_answer(const struct endpoint *e, void *all)
{
    if (e->out && add(all, (struct component){ e->out, OPENAPI_ANSWER, "" }))
        add_inside(all, e->out, false);
}

static void add_refusal(const struct endpoint *e, void *all)
{
    if (e->refusal.members)
        add(all, (struct component){ e->refusal.members, OPENAPI_FURTHER, "" });
}

static bool is_answer(const struct service *served, const struct schema *schema)
{
    for (int t = 0; t < served->count; t++)
        for (int r = 0; r < served->tables[t]->count; r++)
            if (served->tables[t]->rows[r].out == schema)
                return true;
    return false;
}

static struct component body_of(const struct service *served, const struct endpoint *e)
{
    bool partial = e->method == HTTP_PATCH;
    return (struct component){ e->in, partial ? OPENAPI_PATCH : OPENAPI_BODY,
                               !is_answer(served, e->in) ? ""
                               : partial                 ? "Patch"
                                                         : "Input" };
}

static void add_body(const struct endpoint *e, void *context)
{
    struct components *all = context;
    if (e->in && (e->body == BODY_JSON || e->body == BODY_FORM) && add(all, body_of(all->served, e)))
        add_inside(all, e->in, true);
}

void openapi_put_body_reference(struct text *out, const struct service *served, const struct endpoint *e)
{
    struct component body = body_of(served, e);
    text_format(out, "{\"$ref\":\"#/components/schemas/%s%s\"}", body.schema->name, body.suffix);
}

void openapi_put_answer_reference(struct text *out, const struct endpoint *e)
{
    text_format(out, "{\"$ref\":\"#/components/schemas/%s%s\"}", e->flags & LIST ? "PageOf" : "", e->out->name);
}

/* ---- choices ---- */

static void add_choices(struct components *all, const struct field *field)
{
    for (int i = 0; i < all->choices_count; i++)
        if (all->choices[i]->choices == field->choices)
            return;
    if (all->choices_count < CHOICES_MAX)
        all->choices[all->choices_count++] = field;
}

static void add_choices_inside(struct components *all, const struct schema *schema)
{
    for (int i = 0; schema && i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (field->type)
            add_choices(all, field);
        if (field->of != schema)
            add_choices_inside(all, field->of);
    }
}

static void add_choices_of(const struct endpoint *e, void *all)
{
    add_choices_inside(all, e->in);
    add_choices_inside(all, e->out);
}

/* Of each type there is one table of names, and of each table one type. */
static int check_choices(const struct components *all, const struct schema *schema, struct text *complaints)
{
    int wrong = 0;
    for (int i = 0; schema && i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        const char *trouble = field->choices && !field->type ? "needs a `type` for its choices" : NULL;
        for (int k = 0; field->type && k < all->choices_count; k++)
            if (!strcmp(all->choices[k]->type, field->type) != (all->choices[k]->choices == field->choices))
                trouble = "has other choices than another of its type, or the same with another type";
        if (trouble) {
            text_format(complaints, "%s.%s %s\n", schema->name, field->name, trouble);
            wrong++;
        }
        if (field->of != schema)
            wrong += check_choices(all, field->of, complaints);
    }
    return wrong;
}

int openapi_check_choices(const struct service *served, struct text *complaints)
{
    int wrong = 0;
    struct components all = { .served = served };
    each_endpoint(served, add_choices_of, &all);
    for (int t = 0; t < served->count; t++)
        for (int r = 0; r < served->tables[t]->count; r++)
            wrong += check_choices(&all, served->tables[t]->rows[r].in, complaints) +
                     check_choices(&all, served->tables[t]->rows[r].out, complaints);
    return wrong;
}

static void put_choices(struct text *out, const struct components *all)
{
    for (int i = 0; i < all->choices_count; i++) {
        text_put_char(out, '"');
        openapi_put_choices_name(out, all->choices[i]);
        text_put(out, S("\":"));
        openapi_put_choices(out, all->choices[i]);
        text_put_char(out, ',');
    }
}

/* ---- schemas ---- */

struct pages {
    const struct service *served;
    struct text *out;
};

static void put_page(const struct endpoint *e, void *context)
{
    const struct pages *pages = context;
    const struct service *served = pages->served;
    struct text *out = pages->out;
    if (!(e->flags & LIST))
        return;
    for (int t = 0; t < served->count; t++) /* each once */
        for (int r = 0; r < served->tables[t]->count; r++) {
            const struct endpoint *other = &served->tables[t]->rows[r];
            if (other == e) {
                text_format(out, "\"PageOf%s\":", e->out->name);
                openapi_put_json(out, "{'allOf':[{'$ref':'#/components/schemas/Page'},{'type':'object','required':"
                                      "['items'],'properties':{'items':{'type':'array','items':");
                text_format(out, "{\"$ref\":\"#/components/schemas/%s\"}}}}]},", e->out->name);
                return;
            }
            if ((other->flags & LIST) && other->out == e->out)
                return;
        }
}

static const char page[] =
    "'Page':{'type':'object','description':'A part of a list.','required':['total','total_is_lower_bound','page',"
    "'page_size','next'],'properties':{"
    "'total':{'type':'integer','description':'Rows in the whole list.'},"
    "'total_is_lower_bound':{'type':'boolean','description':'There are more rows than `total` says.'},"
    "'page':{'type':'integer','description':'Which page this is, from 1.'},"
    "'page_size':{'type':'integer','description':'Rows on a full page.'},"
    "'next':{'type':['string','null'],'description':'Give it as `after` to get the rows that follow; null on the "
    "last page.'}}},";

static const char problem[] =
    "'Problem':{'type':'object','description':'What went wrong (RFC 9457).',"
    "'required':['type','title','status','detail','instance','request_id'],'properties':{"
    "'type':{'type':'string','description':'Tells cases of one status apart: `about:blank`, or "
    "`urn:roentgen:problem:password-change-required`.'},"
    "'title':{'type':'string','description':'What the status means.'},"
    "'status':{'type':'integer','description':'The HTTP status.'},"
    "'detail':{'type':'string','description':'What went wrong this time, for people.'},"
    "'instance':{'type':'string','description':'The path that was asked.'},"
    "'request_id':{'type':'string','format':'uuid','description':'Names this request in the log.'},"
    "'errors':{'type':'array','description':'With 422: all that does not fit.',"
    "'items':{'$ref':'#/components/schemas/ValidationError'}}}},"
    "'ValidationError':{'type':'object','description':'One thing that does not fit.',"
    "'required':['loc','msg','type'],'properties':{"
    "'loc':{'type':'array','items':{'type':'string'},'description':'Where: body, query, path or header, and the "
    "member.'},'msg':{'type':'string','description':'What would be right.'},"
    "'type':{'type':'string','description':'The same as one word, for programs.'}}},"
    "'TokenError':{'type':'object','description':'What went wrong (RFC 6749 5.2).','required':['error'],'properties':{"
    "'error':{'type':'string'},'error_description':{'type':'string'}}}";

static void put_schemas(struct text *out, const struct service *served)
{
    struct components all = { .served = served };
    struct pages pages = { served, out };
    each_endpoint(served, add_answer, &all);
    each_endpoint(served, add_body, &all);
    each_endpoint(served, add_refusal, &all);
    each_endpoint(served, add_choices_of, &all);
    text_put(out, S("\"schemas\":{"));
    for (int i = 0; i < all.count; i++) {
        const struct component *one = &all.items[i];
        text_format(out, "\"%s%s\":", one->schema->name, one->suffix);
        openapi_put_schema(out, one->schema, one->use);
        text_put_char(out, ',');
    }
    put_choices(out, &all);
    each_endpoint(served, put_page, &pages);
    openapi_put_json(out, page);
    openapi_put_json(out, problem);
    text_put_char(out, '}');
}

/* ---- the rest ---- */

static const char responses[] =
    "'responses':{"
    "'NotModified':{'description':'The client has it already.'},"
    "'Part':{'description':'The part asked for.','content':{'*/*':{'schema':{'type':'string','format':'binary'}}}},"
    "'Invalid':{'description':'The input does not fit: `errors` says what and where.','content':"
    "{'application/problem+json':{'schema':{'$ref':'#/components/schemas/Problem'}}}},"
    "'Problem':{'description':'What went wrong.','content':"
    "{'application/problem+json':{'schema':{'$ref':'#/components/schemas/Problem'}}}},"
    "'InferenceError':{'description':'What went wrong, as the Open Inference Protocol has it.','content':"
    "{'application/json':{'schema':{'type':'object','required':['error'],'properties':{'error':{'type':'string'}}}}}},"
    "'TokenProblem':{'description':'What went wrong (RFC 6749 5.2).','content':"
    "{'application/json':{'schema':{'$ref':'#/components/schemas/TokenError'}},"
    "'application/problem+json':{'schema':{'$ref':'#/components/schemas/Problem'}}}}},";

static const char sign_in[] =
    "'securitySchemes':{'password':{'type':'oauth2','description':'Name and password.','flows':"
    "{'password':{'tokenUrl':'/api/v1/auth/token','refreshUrl':'/api/v1/auth/token','scopes':{}}}},"
    "'bearer':{'type':'http','scheme':'bearer','bearerFormat':'JWT','description':'An access token.'},"
    "'cookieAuth':{'type':'apiKey','in':'cookie','name':'__Host-roentgen_session','description':'The session of a "
    "browser (`session=cookie`); over plain HTTP the name is `roentgen_session`. Changes need `X-CSRF-Token`, too.'},"
    "'api_key':{'type':'apiKey','in':'header','name':'X-API-Key','description':'A key of a machine; a bearer "
    "token, too.'}},";

void openapi_put_components(struct text *out, const struct service *served)
{
    text_put(out, S("\"components\":{"));
    openapi_put_json(out, sign_in);
    openapi_put_json(out, responses);
    put_schemas(out, served);
    text_put_char(out, '}');
}
