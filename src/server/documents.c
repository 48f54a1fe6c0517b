/* documents.c - the interface described: /openapi.json from the tables, /docs (Swagger UI) and /redoc from files in
 * the binary. */
#include "web/exchange.h"

#include "server/assets.h"

static bool asset_get(struct call *c)
{
    struct str path = http_path(c->request);
    if (path.len > 1 && str_ends(path, S("/")))
        path.len--;
    const struct asset *asset = asset_find(path);
    if (!asset)
        return fail(c, E_NOT_FOUND, "there is nothing at this path");
    answer_header(c, "Cache-Control", S("no-cache"));
    answer_header(c, "Vary", S("Accept-Encoding"));
    if (asset->policy)
        answer_header(c, "Content-Security-Policy", str_from(asset->policy));
    if (answer_is_known(c, str_from(asset->etag)))
        return true;
    if (http_accepts_gzip(http_header(c->request, "Accept-Encoding"))) {
        answer_header(c, "Content-Encoding", S("gzip"));
        answer_bytes(c, asset->type, (struct str){ (const char *)asset->gzip, asset->gzip_bytes });
    } else {
        answer_bytes(c, asset->type, asset_plain(asset, &c->arena));
    }
    return true;
}

/* Whoever types the server's address is led to what can be looked at. */
static bool root_get(struct call *c)
{
    answer_header(c, "Location", S("/docs"));
    answer_status(c, 302);
    return true;
}

static bool openapi_get(struct call *c)
{
    struct exchange *x = exchange_of(c);
    text_put(&x->answer, c->app->openapi);
    return true;
}

struct file_key {
    struct str file;
};
static const struct field file_key_fields[] = {
    FIELD(struct file_key, file, .flags = READ_ONLY, .min = 1, .max = 100, .doc = "Name of the file."),
};
static const struct schema file_key = SCHEMA("DocumentFile", struct file_key, file_key_fields);

#define DOCUMENT .permission = ANYONE, .tag = "documentation", .flags = NOT_JSON | HIDDEN
static const struct endpoint rows[] = {
    { HTTP_GET, "/", root_get, NULL, NULL, DOCUMENT, .answers = "text/html", .summary = "Leads to /docs" },
    { HTTP_GET, "/openapi.json", openapi_get, NULL, NULL, DOCUMENT, .answers = "application/json",
      .summary = "This interface as OpenAPI 3.1" },
    { HTTP_GET, "/docs", asset_get, NULL, NULL, DOCUMENT, .answers = "text/html",
      .summary = "This interface to try out (Swagger UI)" },
    { HTTP_GET, "/docs/assets/{file}", asset_get, &file_key, NULL, DOCUMENT, .answers = "application/octet-stream",
      .summary = "Files that /docs and /redoc load" },
    { HTTP_GET, "/redoc", asset_get, NULL, NULL, DOCUMENT, .answers = "text/html",
      .summary = "This interface to read (ReDoc)" },
};
ENDPOINT_TABLE(document_endpoints, rows);
