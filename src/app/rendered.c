/* rendered.c - the key of a picture, and the way to it. */
#include "app/rendered.h"

#include "app/picture.h"
#include "app/picture_state.h"
#include "schema/json.h"

/* Part of every key: raised when the same parameters give another picture. */
#define RENDERER "2"

bool rendered_key(struct call *c, const struct image_file *file, const struct rendering_query *query,
                  struct result_key *key)
{
    const struct schema *schema = &rendering_query_schema;
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

bool rendered_is_known(struct call *c, const struct result_key *key)
{
    struct str etag = arena_format(&c->arena, "\"%.16s-%s\"", key->content, key->recipe);
    answer_header(c, "ETag", etag);
    answer_header(c, "Cache-Control", S("private, no-cache"));
    struct str known = http_header(c->request, "If-None-Match");
    if (!known.at || !http_etag_matches(known, etag, true))
        return false;
    answer_status(c, 304);
    return true;
}

static bool render_now(struct call *c, const struct image_file *file, const struct rendering_query *query,
                       struct str *bytes)
{
    struct picture picture;
    struct decode_job job;
    struct decode_result result;
    if (!picture_open_file(c, file, &picture))
        return false;
    /* Lookup tables that are seldom filled: too large for a stack, and for an arena, which would clear them. */
    struct rendering *rendering = malloc(sizeof(*rendering));
    if (!rendering)
        abort();
    bool ok = picture_job(c, &picture, query->frame, &job) &&
              rendering_of(c, picture.dicom, picture.dicom ? &job.format : NULL, query->frame, query, rendering);
    job.kind = DECODE_RENDER;
    job.render = rendering;
    ok = ok && picture_run(c, &job, &result);
    picture_close(&picture);
    free(rendering);
    if (ok)
        *bytes = result.bytes;
    return ok;
}

bool rendered_picture(struct call *c, const struct image_file *file, const struct rendering_query *query,
                      struct str *bytes)
{
    struct result_key key;
    bool has_key = rendered_key(c, file, query, &key);
    bool is_kept = has_key && result_get(c->app->results, &key, RESULT_ANYWHERE, &c->arena, bytes);
    if (!is_kept && !render_now(c, file, query, bytes))
        return false;
    if (has_key && !is_kept)
        result_put(c->app->results, &key, *bytes);
    if (query->frame == 1) /* the one that thumbnails are made of */
        picture_decoded(c, file);
    return true;
}

bool rendered_answer(struct call *c, const struct image_file *file, const struct rendering_query *query)
{
    struct result_key key;
    struct str bytes;
    if (rendered_key(c, file, query, &key) && rendered_is_known(c, &key))
        return true;
    if (!rendered_picture(c, file, query, &bytes))
        return false;
    answer_bytes(c, picture_media_types[query->format - 1], bytes);
    return true;
}
