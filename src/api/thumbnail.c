/* thumbnail.c - shows the small picture of a file. */
#include "web/exchange.h"
#include "api/picture_answer.h"
#include "imaging/thumbnails.h"

struct thumbnail_query {
    int64_t file_id, size;
};
static const struct field thumbnail_query_fields[] = {
    KEY(struct thumbnail_query, file_id, "The file that the thumbnail shows."),
    FIELD(struct thumbnail_query, size, .min = 16, .max = 1024, .fallback = "256",
          .doc = "The longest side, in pixels."),
};
static const struct schema thumbnail_query = SCHEMA("ThumbnailQuery", struct thumbnail_query, thumbnail_query_fields);

static bool thumbnail_get(struct call *c)
{
    const struct thumbnail_query *in = c->in;
    struct image_file file;
    struct picture_query query;
    struct result_key key;
    struct str jpeg;
    if (!image_file_load(c, in->file_id, &file))
        return false;
    db_release(c);
    audit_about(c, file.id, file.patient_id);
    if (!thumbnails_have(file.file_type))
        return fail(c, E_UNSUPPORTED_TYPE, "there are no thumbnails of %s files", file_types[file.file_type - 1]);
    thumbnail_picture_query(&query, in->size);
    bool may_be_kept = in->size == THUMBNAIL_SIZE && file.status != FILE_FAILED;
    if (may_be_kept && picture_key(c, &file, &query, &key) && thumbnail_kept(c, &file, &jpeg)) {
        if (!picture_is_known(c, &key))
            answer_bytes(c, "image/jpeg", jpeg);
        return true;
    }
    return picture_answer(c, &file, &query);
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/images/{file_id}/thumbnail", thumbnail_get, &thumbnail_query, NULL, MAY_READ_IMAGES, WORKS,
      .flags = NOT_JSON | TAGGED, .lane = LANE_PICTURES, .tag = "images", .entity = "image_file",
      .audit = "image_file.thumbnail", .answers = "image/jpeg", .summary = "Shows a small picture of a file" },
};
ENDPOINT_TABLE(thumbnail_endpoints, rows);
