/* assets.h - files that the binary itself holds and hands out: the pages of the API documentation.
 *
 *     const struct asset *asset = asset_find(S("/docs"));
 *     if (asset && http_accepts_gzip(header))
 *         ... asset->gzip as it is, Content-Encoding: gzip, Vary: Accept-Encoding ...
 *     else if (asset)
 *         ... asset_plain(asset, arena) ...
 *
 * Each answer carries `type`, `etag`, X-Content-Type-Options: nosniff and, when it is a page, `policy` as its
 * Content-Security-Policy. Files of npm packages change with the binary only, so `Cache-Control: no-cache` with the
 * ETag does. Assets are part of the program and constant; nothing here can fail, but that there is no such file.
 */
#ifndef ROENTGEN_APP_ASSETS_H
#define ROENTGEN_APP_ASSETS_H

#include "base/arena.h"

struct asset {
    const char *path;   /* as requested, without a trailing slash */
    const char *type;   /* Content-Type */
    const char *policy; /* Content-Security-Policy; NULL: the server's usual one */
    const char *etag;   /* with its quotes; of the plain bytes */
    const unsigned char *gzip;
    ptrdiff_t gzip_bytes;
    ptrdiff_t plain_bytes;
};

extern const struct asset assets[];
extern const int asset_count;

const struct asset *asset_find(struct str path); /* NULL: no such file */
/* The bytes for a client that takes no gzip. */
struct str asset_plain(const struct asset *asset, struct arena *arena);

#endif
