/* upload_batch.c - many files in one request, or a ZIP of them, and the answer that says how each went. */
#include "api/form.h"
#include "intake/upload_batch.h"

#include "schema/json.h"

struct item {
    struct str filename;
    int64_t status, image_file_id;
    struct str error;
    struct json image_file;
};
static const struct field item_fields[] = {
    FIELD(struct item, filename,
          .doc = "The name as sent, without directories; of a ZIP's entry with those inside the ZIP."),
    FIELD(struct item, status, .doc = "The HTTP status that the file alone would have got: 201 when stored."),
    FIELD(struct item, image_file_id, .flags = NULLABLE, .doc = "The stored file's id."),
    FIELD(struct item, image_file, .flags = NULLABLE, .doc = "The stored file's record (ImageFile)."),
    FIELD(struct item, error, .flags = NULLABLE, .doc = "Why it was not stored."),
};
static const struct schema item_schema =
    SCHEMA("BatchItem", struct item, item_fields, .doc = "How one file of a batch went.");

struct batch {
    int64_t total, succeeded, failed;
    struct list items;
};
static const struct field batch_fields[] = {
    FIELD(struct batch, total, .doc = "How many files were in the request."),
    FIELD(struct batch, succeeded, .doc = "How many files are stored."),
    FIELD(struct batch, failed, .doc = "How many files are not stored."),
    FIELD(struct batch, items, .of = &item_schema, .doc = "How each went, in the order sent."),
};
static const struct schema batch_schema = SCHEMA("BatchResult", struct batch, batch_fields, .doc = "How a batch went.");

struct telling {
    struct call *c;
    struct item *items;
    int count;
};

static void tell(void *context, struct str name, struct image_file *stored)
{
    struct telling *telling = context;
    struct call *c = telling->c;
    struct item *item = &telling->items[telling->count++];
    schema_clear(&item_schema, item);
    item->filename = name;
    if (!stored || !image_file_veil(c, stored)) {
        item->status = error_row(c->error.code)->status;
        item->error = arena_copy(&c->arena, error_told(&c->error));
        return;
    }
    struct text json;
    text_init(&json, 1 << 20);
    json_encode(&json, &image_file_schema, stored, JSON_ALL_FIELDS, &c->arena);
    item->status = 201;
    item->image_file_id = stored->id;
    item->image_file.text = arena_copy(&c->arena, text_str(&json));
    text_release(&json);
}

static bool upload_batch(struct call *c)
{
    struct form *form = exchange_of(c)->upload;
    struct batch *out = c->out;
    struct upload_details details;
    schema_clear(&upload_details_schema, &details);
    if (!form_take(c, form, &upload_details_schema, &details) || !upload_details_settle(c, &details))
        return false;
    struct telling telling = { c, arena_array(&c->arena, struct item, upload_batch_most(c, form->files)), 0 };
    upload_batch_store(c, form->files, &details, tell, &telling);
    out->total = telling.count;
    out->succeeded = 0;
    for (int i = 0; i < telling.count; i++)
        out->succeeded += telling.items[i].status == 201;
    out->failed = out->total - out->succeeded;
    out->items = (struct list){ telling.items, telling.count };
    return true;
}

static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/upload/batch", upload_batch, &upload_details_schema, &batch_schema, MAY_UPLOAD_IMAGES, WORKS,
      BODY_MULTIPART, 207, .receive = form_receive_many, .tag = "upload", .entity = "image_file",
      .audit = "image_file.upload_batch", .summary = "Uploads many files, or a ZIP of them",
      .doc = "Parts named \"file\", any number; a ZIP counts as the files in it. The answer is 207 with the outcome of "
             "each." },
};
ENDPOINT_TABLE(upload_batch_endpoints, rows);
