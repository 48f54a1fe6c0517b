/* image_file.c - one file: its record, and its bytes as they were uploaded. */
#include "records/image_file_change.h"
#include "web/exchange.h"

static bool file_get(struct call *c)
{
    const struct image_file_key *key = c->in;
    return image_file_load(c, key->file_id, c->out);
}

static bool file_patch(struct call *c)
{
    return image_file_change(c, c->in, c->given, c->out);
}

static bool file_delete(struct call *c)
{
    const struct image_file_key *key = c->in;
    return image_file_delete(c, key->file_id);
}

static bool file_restore(struct call *c)
{
    const struct image_file_key *key = c->in;
    return image_file_restore(c, key->file_id, c->out);
}

static bool file_download(struct call *c)
{
    const struct image_file_key *key = c->in;
    struct image_file file;
    int64_t size;
    int fd;
    if (!image_file_load(c, key->file_id, &file) || !image_file_open(c, &file, &fd, &size))
        return false;
    audit_about(c, file.id, file.patient_id);
    struct str etag = arena_format(&c->arena, "\"%.*s\"", STR_FMT(file.sha256));
    struct str modified = instant_http_format(file.uploaded_at, &c->arena);
    /* What is no picture may be a page with a script in it: no browser is to make anything of it. */
    const char *type =
        file.file_type == FILE_OTHER ? "application/octet-stream" : arena_cstring(&c->arena, file.mime_type);
    answer_file(c, type, fd, 0, size);
    answer_header(c, "Last-Modified", modified);
    answer_header(c, "Accept-Ranges", S("bytes"));
    answer_header(c, "Cache-Control", S("private, no-cache"));
    answer_header(c, "Content-Disposition", http_content_disposition(&c->arena, file.original_filename));
    return answer_is_known(c, etag) || answer_range(c, etag, modified, size);
}

#define FILES .tag = "image-files", .entity = "image_file"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/image-files/{file_id}", file_get, &image_file_key, &image_file_schema, MAY_READ_IMAGES, FILES,
      .audit = "image_file.read", .summary = "Shows one file's record" },
    { HTTP_PATCH, "/api/v1/image-files/{file_id}", file_patch, &image_file_change_schema, &image_file_schema,
      MAY_READ_IMAGES, WRITES, BODY_JSON, FILES, .audit = "image_file.update",
      .summary = "Changes description, modality, body part or patient of a file" },
    { HTTP_DELETE, "/api/v1/image-files/{file_id}", file_delete, &image_file_key, NULL, MAY_READ_IMAGES, WRITES, FILES,
      .audit = "image_file.delete", .summary = "Deletes a file", .doc = "It can be restored until it is purged." },
    { HTTP_POST, "/api/v1/image-files/{file_id}/restore", file_restore, &image_file_key, &image_file_schema,
      MAY_READ_IMAGES, WRITES, .flags = REVIVES, FILES, .audit = "image_file.restore",
      .summary = "Brings a deleted file back" },
    { HTTP_GET, "/api/v1/image-files/{file_id}/download", file_download, &image_file_key, NULL, MAY_READ_IMAGES, WORKS,
      .flags = NOT_JSON | TAGGED | RANGES, FILES, .audit = "image_file.download", .answers = "*/*",
      .summary = "Sends the bytes as they were uploaded",
      .doc = "Honours Range, If-Range, If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since." },
};
ENDPOINT_TABLE(image_file_endpoints, rows);
