/* picture_cache.c - the key of a picture, and the way to it. */
#include "imaging/picture_cache.h"

#include "imaging/image.h"
#include "imaging/image_state.h"
#include "imaging/presentation.h"
#include "schema/json.h"

/* Part of every key: raised when the same parameters give another picture. */
#define RENDERER "5"

bool picture_key(struct call *c, const struct image_file *file, const struct picture_query *query,
                 struct result_key *key)
{
    const struct schema *schema = &picture_query_schema;
    struct text recipe;
    if (file->sha256.len != SHA256_TEXT)
        return false;
    text_init(&recipe, 4096);
    text_put(&recipe, S(RENDERER " "));
    json_encode(&recipe, schema, query, JSON_ALL_FIELDS & ~GIVEN(schema_find(schema, S("file_id"))), &c->arena);
    result_key(key, file->sha256, text_str(&recipe));
    text_release(&recipe);
    return true;
}

/* ---- what is kept ----
 *
 * The picture; one with a remark has that before it, under a first byte that no picture begins with:
 *   01 [bytes of the remark] remark | picture */
enum { REMARKED = 1, REMARK_HEAD = 2, REMARK_MAX = 255 };

static struct str kept_of(struct call *c, struct str picture, struct str remark)
{
    if (!remark.len || remark.len > REMARK_MAX)
        return picture;
    ptrdiff_t len = REMARK_HEAD + remark.len + picture.len;
    char *at = arena_alloc(&c->arena, len);
    at[0] = REMARKED;
    at[1] = (char)remark.len;
    memcpy(at + REMARK_HEAD, remark.at, (size_t)remark.len);
    memcpy(at + REMARK_HEAD + remark.len, picture.at, (size_t)picture.len);
    return (struct str){ at, len };
}

struct str picture_of_kept(struct str kept, struct str *remark)
{
    *remark = STR_NULL;
    if (kept.len < REMARK_HEAD || kept.at[0] != REMARKED)
        return kept;
    ptrdiff_t end = REMARK_HEAD + (unsigned char)kept.at[1];
    *remark = str_slice(kept, REMARK_HEAD, end);
    return str_slice(kept, end, kept.len);
}

/* What the header gives rise to, and what the decoder found. */
static struct str joined(struct call *c, struct str of_header, struct str of_decoder)
{
    if (!of_header.len || !of_decoder.len)
        return of_header.len ? of_header : of_decoder;
    struct str both = arena_format(&c->arena, "%.*s; %.*s", STR_FMT(of_header), STR_FMT(of_decoder));
    return both.len <= REMARK_MAX ? both : of_header;
}

static bool render_now(struct call *c, const struct image_file *file, const struct picture_query *query,
                       struct str *kept)
{
    struct image image;
    struct decode_job job;
    struct decode_result result;
    if (!image_open(c, file, &image))
        return false;
    struct presentation *presentation = presentation_new();
    bool ok = image_job(c, &image, query->frame, &job) &&
              presentation_of(c, image.dicom, image.dicom ? &job.format : NULL, query->frame, query, presentation);
    job.kind = DECODE_RENDER;
    job.presentation = presentation;
    ok = ok && image_run(c, &job, &result);
    struct str remark =
        ok ? joined(c, presentation_remark(c, image.dicom, query, presentation, REMARK_MAX), str_from(result.remark))
           : STR_NULL;
    ok = image_close(c, &image) && ok;
    if (ok)
        *kept = kept_of(c, result.bytes, remark);
    presentation_free(presentation);
    return ok;
}

bool picture_find(struct call *c, const struct image_file *file, const struct picture_query *query, struct str *kept)
{
    struct result_key key;
    bool has_key = picture_key(c, file, query, &key);
    bool is_kept = has_key && result_get(c->app->results, &key, RESULT_ANYWHERE, &c->arena, kept);
    if (is_kept ? !hold_more(&c->hold, kept->len, &c->error) : !render_now(c, file, query, kept))
        return false;
    if (has_key && !is_kept)
        result_put(c->app->results, &key, *kept);
    if (query->frame == 1) /* the one that thumbnails are made of */
        image_decoded(c, file);
    return true;
}

bool picture_bytes(struct call *c, const struct image_file *file, const struct picture_query *query, struct str *bytes)
{
    struct str kept, remark;
    if (!picture_find(c, file, query, &kept))
        return false;
    *bytes = picture_of_kept(kept, &remark);
    return true;
}
