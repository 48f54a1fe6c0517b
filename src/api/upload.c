/* upload.c - one file in one request. */
#include "api/form.h"
#include "intake/upload.h"

static bool upload_single(struct call *c)
{
    struct form *form = exchange_of(c)->upload;
    struct upload_details details;
    schema_clear(&upload_details_schema, &details);
    struct image_file *out = c->out;
    bool ok = form_take(c, form, &upload_details_schema, &details) && upload_details_settle(c, &details) &&
              upload_store(c, form->files, &details, call_user(c), out);
    if (ok)
        answer_location(c, "/api/v1/image-files/%" PRId64, out->id);
    return ok;
}

static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/upload/single", upload_single, &upload_details_schema, &image_file_schema, MAY_UPLOAD_IMAGES,
      WORKS, BODY_MULTIPART, 201, .receive = form_receive_one, .tag = "upload", .entity = "image_file",
      .audit = "image_file.upload", .summary = "Uploads one file",
      .doc = "The type is decided by content. Bytes that are stored already, where the caller may see them, are not "
             "stored twice: duplicate_of names the first file. A DICOM instance that is here already is answered "
             "with its own record (already_stored). Stored bytes that are missing or damaged are mended." },
};
ENDPOINT_TABLE(upload_endpoints, rows);
