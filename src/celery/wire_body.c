/* wire_body.c - the body of a message, out of what it is wrapped in: its encoding, and its compression. */
#include "celery/wire_parts.h"

#include "base/crypto.h"

#include <zlib.h>

enum { EITHER_HEADER = 32 + MAX_WBITS }; /* zlib's, which kombu calls gzip, or gzip's own */

/* No further than a message may be large, whatever it would become. */
static struct str unpack(struct str packed, struct arena *arena, const char **trouble)
{
    char *out = arena_alloc(arena, CELERY_MESSAGE_MAX);
    z_stream z = { .next_in = (unsigned char *)(uintptr_t)packed.at,
                   .avail_in = (unsigned)packed.len,
                   .next_out = (unsigned char *)out,
                   .avail_out = CELERY_MESSAGE_MAX };
    if (inflateInit2(&z, EITHER_HEADER) != Z_OK)
        abort();
    int end = inflate(&z, Z_FINISH);
    ptrdiff_t len = CELERY_MESSAGE_MAX - (ptrdiff_t)z.avail_out;
    bool whole = end == Z_STREAM_END && !z.avail_in, full = !z.avail_out;
    inflateEnd(&z);
    *trouble = whole ? NULL : full ? "the body is too large when it is unpacked" : "the body cannot be unpacked";
    return whole ? (struct str){ out, len } : STR_NULL;
}

static struct str unwrap(struct str body, const json_t *properties, struct arena *arena, const char **trouble)
{
    struct str plain = STR_NULL;
    *trouble = NULL;
    if (wire_says(properties, "body_encoding", "utf-8"))
        return body;
    if (!wire_says(properties, "body_encoding", "base64") || !crypto_unbase64(body, arena, &plain))
        *trouble = "the body is not base64";
    return plain;
}

struct str wire_body(const json_t *json, struct arena *arena, const char **trouble)
{
    static const char *const packings[] = { "application/x-gzip", "gzip", "zlib" };
    const json_t *headers = json_object_get(json, "headers");
    bool is_packed = !wire_is_nothing(json_object_get(headers, "compression")), known = false;
    for (size_t i = 0; i < sizeof(packings) / sizeof(packings[0]); i++)
        known = known || wire_says(headers, "compression", packings[i]);
    if (!wire_says(json, "content-type", "application/json")) {
        *trouble = "the content-type is not application/json, which alone is taken here";
        return STR_NULL;
    }
    if (is_packed && !known) {
        *trouble = "of compressions only gzip is taken here";
        return STR_NULL;
    }
    struct str plain = unwrap(wire_text(json, "body", arena), json_object_get(json, "properties"), arena, trouble);
    return *trouble ? STR_NULL : is_packed ? unpack(plain, arena, trouble) : plain;
}
