/* router.c - from method and path to the endpoint's row: a tree of path segments, made once.
 *
 *   api -> v1 -> patients -+-> (end)      GET POST
 *                          +-> {}  -+-> (end)   GET PUT PATCH DELETE
 *                                   +-> restore POST
 *
 * A literal segment wins over a variable one. A trailing slash makes no difference.
 */
#include "web/endpoint.h"

#include <assert.h>

struct node {
    struct str segment; /* null: a variable */
    struct node *child, *sibling;
    int endpoints[HTTP_METHODS]; /* index + 1; 0: none */
};

struct router {
    const struct service *served;
    struct arena arena;
    struct node root;
    const struct endpoint **endpoints;
    int count;
};

static struct node *child_for(struct router *router, struct node *parent, struct str segment)
{
    struct str key = str_starts(segment, S("{")) ? STR_NULL : segment;
    for (struct node *n = parent->child; n; n = n->sibling)
        if (str_is_null(key) == str_is_null(n->segment) && str_equal(n->segment, key))
            return n;
    struct node *n = arena_new(&router->arena, struct node);
    n->segment = key;
    n->sibling = parent->child;
    parent->child = n;
    return n;
}

static struct str next_segment(struct str *path)
{
    struct str segment;
    str_cut(*path, '/', &segment, path);
    return segment;
}

static void add(struct router *router, const struct endpoint *endpoint, int index)
{
    struct node *n = &router->root;
    for (struct str path = str_slice(str_from(endpoint->path), 1, PTRDIFF_MAX); path.at;)
        n = child_for(router, n, next_segment(&path));
    assert(!n->endpoints[endpoint->method]);
    n->endpoints[endpoint->method] = index + 1;
    router->endpoints[index] = endpoint;
}

struct router *router_new(const struct service *served)
{
    struct router *router = calloc(1, sizeof(*router));
    if (!router)
        abort();
    arena_init(&router->arena);
    router->served = served;
    for (int i = 0; i < served->count; i++)
        router->count += served->tables[i]->count;
    router->endpoints = arena_array(&router->arena, const struct endpoint *, router->count);
    int index = 0;
    for (int i = 0; i < served->count; i++)
        for (int k = 0; k < served->tables[i]->count; k++)
            add(router, &served->tables[i]->rows[k], index++);
    return router;
}

void router_free(struct router *router)
{
    if (!router)
        return;
    arena_release(&router->arena);
    free(router);
}

/* Names of the variables, in order, are read off the endpoint's own path, since routes that share a node may name them
 * differently. */
static void name_variables(struct route *route)
{
    int variable = 0;
    for (struct str path = str_slice(str_from(route->endpoint->path), 1, PTRDIFF_MAX); path.at;) {
        struct str segment = next_segment(&path);
        if (str_starts(segment, S("{")))
            route->names[variable++] = str_slice(segment, 1, segment.len - 1);
    }
}

static const struct node *step(const struct node *n, struct str segment, struct route *route)
{
    const struct node *variable = NULL;
    for (const struct node *child = n->child; child; child = child->sibling) {
        if (str_is_null(child->segment))
            variable = child;
        else if (str_equal(child->segment, segment))
            return child;
    }
    if (variable && segment.len && route->variables < PATH_VARIABLES_MAX) {
        route->values[route->variables++] = segment;
        return variable;
    }
    return NULL;
}

void router_find(const struct router *router, enum http_method method, struct str path, struct route *out)
{
    *out = (struct route){ .index = -1 };
    if (!str_starts(path, S("/")))
        return;
    path = str_slice(path, 1, path.len);
    if (str_ends(path, S("/")))
        path.len--;
    const struct node *n = &router->root;
    while (path.at && n)
        n = step(n, next_segment(&path), out);
    if (!n)
        return;
    for (int m = 0; m < HTTP_METHODS; m++)
        if (n->endpoints[m])
            out->allowed |= 1u << m;
    enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;
    int index = wanted < HTTP_METHODS ? n->endpoints[wanted] - 1 : -1;
    if (index < 0)
        return;
    out->index = index;
    out->endpoint = router->endpoints[index];
    name_variables(out);
}

const struct service *router_service(const struct router *router)
{
    return router->served;
}

int router_count(const struct router *router)
{
    return router->count;
}

const struct endpoint *router_endpoint(const struct router *router, int index)
{
    return router->endpoints[index];
}
