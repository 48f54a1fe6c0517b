/* assets.c - the table of embedded files.
 *
 * What each page needs of the browser, found by forbidding everything else and trying:
 *   /docs   Swagger UI: scripts, styles and data of its own origin; pictures also as data: (icons in its style sheet)
 *           and as blob: (those that an operation answered). It sets styles through the DOM, which a policy does not
 *           concern.
 *   /redoc  Redoc: besides that, two inline styles known by their hashes (an empty one, which it fills through the
 *           DOM, and the one of its scroll bar; a new version may need another), and its search in a worker made from
 *           a blob.
 */
#include "server/assets.h"

#include "pages/assets_data.h"

#include <assert.h>
#include <zlib.h>

#define PAGE \
    "default-src 'none'; script-src 'self'; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action " \
    "'none'; frame-ancestors 'none'; "

static const char docs_policy[] = PAGE "img-src 'self' data: blob:; style-src 'self'";
static const char redoc_policy[] = PAGE "img-src 'self' data:; worker-src blob:; style-src 'self' "
                                        "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' "
                                        "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='";

#define HTML "text/html; charset=utf-8"
#define STYLE "text/css; charset=utf-8"
#define SCRIPT "text/javascript; charset=utf-8"
#define TEXT "text/plain; charset=utf-8"

const struct asset assets[] = {
    { "/docs", HTML, docs_policy, ASSET_DOCS_HTML },
    { "/docs/assets/docs.css", STYLE, NULL, ASSET_DOCS_CSS },
    { "/docs/assets/docs.js", SCRIPT, NULL, ASSET_DOCS_JS },
    { "/docs/assets/swagger-ui.css", STYLE, NULL, ASSET_SWAGGER_UI_CSS },
    { "/docs/assets/swagger-ui-bundle.js", SCRIPT, NULL, ASSET_SWAGGER_UI_BUNDLE_JS },
    { "/docs/assets/swagger-ui-license.txt", TEXT, NULL, ASSET_SWAGGER_UI_LICENSE },
    { "/docs/assets/swagger-ui-bundle.js.LICENSE.txt", TEXT, NULL, ASSET_SWAGGER_UI_BUNDLE_LICENSE },
    { "/docs/assets/icon.svg", "image/svg+xml", NULL, ASSET_ICON_SVG },
    { "/redoc", HTML, redoc_policy, ASSET_REDOC_HTML },
    { "/docs/assets/redoc.js", SCRIPT, NULL, ASSET_REDOC_JS },
    { "/docs/assets/redoc.standalone.js", SCRIPT, NULL, ASSET_REDOC_STANDALONE_JS },
    { "/docs/assets/redoc-license.txt", TEXT, NULL, ASSET_REDOC_LICENSE },
    { "/docs/assets/redoc.standalone.js.LICENSE.txt", TEXT, NULL, ASSET_REDOC_STANDALONE_LICENSE },
};
const int asset_count = (int)(sizeof(assets) / sizeof(assets[0]));

const struct asset *asset_find(struct str path)
{
    for (int i = 0; i < asset_count; i++)
        if (str_equal(path, str_from(assets[i].path)))
            return &assets[i];
    return NULL;
}

struct str asset_plain(const struct asset *asset, struct arena *arena)
{
    char *plain = arena_alloc(arena, asset->plain_bytes + 1);
    z_stream z = { .next_in = (z_const Bytef *)asset->gzip,
                   .avail_in = (uInt)asset->gzip_bytes,
                   .next_out = (Bytef *)plain,
                   .avail_out = (uInt)asset->plain_bytes };
    int gzip_only = 16;
    int result = inflateInit2(&z, MAX_WBITS + gzip_only);
    assert(result == Z_OK);
    result = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    assert(result == Z_STREAM_END && z.avail_out == 0); /* we packed it ourselves */
    return (struct str){ plain, asset->plain_bytes };
}
