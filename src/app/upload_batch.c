/* upload_batch.c - many files in one request, or a ZIP of them (libarchive). Each file stands alone: one that is refused does not
 * keep the others out, and the answer says how each went. */
#include "app/upload.h"

#include "base/file.h"
#include "schema/json.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <iconv.h>

enum { READ_BYTES = 256 * 1024, RATIO_MAX = 200, RATIO_FROM_BYTES = 16 << 20 };

struct item {
    struct str filename;
    int64_t status, image_file_id;
    struct str error;
    struct json image_file;
};
static const struct field item_fields[] = {
    FIELD(struct item, filename, .doc = "Name as sent, or of the ZIP's entry."),
    FIELD(struct item, status, .doc = "HTTP status of this file: 201 when stored."),
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
    FIELD(struct batch, total, .doc = "Files in the request."),
    FIELD(struct batch, succeeded, .doc = "Files stored."),
    FIELD(struct batch, failed, .doc = "Files not stored."),
    FIELD(struct batch, items, .of = &item_schema, .doc = "How each went, in order."),
};
static const struct schema batch_schema = SCHEMA("BatchResult", struct batch, batch_fields, .doc = "How a batch went.");

struct running {
    struct call *c;
    const struct upload_details *details;
    struct item *items;
    int count, most;
    int64_t unpacked_bytes;
    char *buffer; /* READ_BYTES */
};

static struct item *new_item(struct running *run, struct str filename)
{
    struct item *item = &run->items[run->count++];
    schema_clear(&item_schema, item);
    item->filename = filename;
    return item;
}

static void note_failure(struct call *c, struct item *item)
{
    const struct error_row *row = error_row(c->error.code);
    const char *message = c->error.message;
    item->status = row->status;
    if (c->error.problems)
        item->error = c->error.problems->message;
    else
        item->error = arena_copy(&c->arena, str_from(row->message_is_public && message[0] ? message : row->title));
    error_clear(&c->error);
}

static void store_one(struct running *run, struct spooled *file)
{
    struct call *c = run->c;
    struct item *item = new_item(run, file->filename);
    struct image_file row;
    if (!upload_store(c, file, run->details, call_user(c), NULL, NULL, &row)) {
        note_failure(c, item);
        spool_drop(file);
        return;
    }
    if (!image_file_veil(c, &row)) {
        note_failure(c, item);
        return;
    }
    struct text json;
    text_init(&json, 1 << 20);
    json_encode(&json, &image_file_schema, &row, JSON_ALL_FIELDS, &c->arena);
    item->status = 201;
    item->image_file_id = row.id;
    item->image_file.text = arena_copy(&c->arena, text_str(&json));
    text_release(&json);
}

/* ---- ZIP ---- */

/* Sizes in a ZIP are claims: what counts is what comes out, and it is cut off at the limits. */
static bool unpack_entry(struct running *run, struct archive *archive, struct spooled *file, int64_t zip_bytes)
{
    struct call *c = run->c;
    const struct config *config = &c->app->config;
    for (;;) {
        la_ssize_t got = archive_read_data(archive, run->buffer, READ_BYTES);
        if (got == 0)
            return true;
        if (got < 0)
            return fail(c, E_BAD_REQUEST, "the ZIP entry is damaged");
        run->unpacked_bytes += got;
        if (run->unpacked_bytes > config->max_unpacked_bytes ||
            (run->unpacked_bytes > RATIO_FROM_BYTES && run->unpacked_bytes / RATIO_MAX > zip_bytes))
            return fail(c, E_TOO_LARGE, "the ZIP unpacks to too much");
        if (!spool_write(file, (struct str){ run->buffer, got }, &c->error))
            return false;
    }
}

/* Names that are not UTF-8 are taken as GB18030, which is what Windows writes in Chinese. What is neither is shown with U+FFFD (spool.c). */
static struct str entry_name(struct call *c, struct archive_entry *entry)
{
    enum { NAME_BYTES = 2048 };
    struct str raw = str_from(archive_entry_pathname(entry));
    if (str_is_null(raw) || str_is_utf8(raw) || raw.len > NAME_BYTES / 4)
        return arena_copy(&c->arena, raw);
    char *out = arena_alloc(&c->arena, NAME_BYTES), *to = out, *from = (char *)(uintptr_t)raw.at;
    size_t left = (size_t)raw.len, room = NAME_BYTES;
    iconv_t converter = iconv_open("UTF-8", "GB18030");
    if (converter == (iconv_t)-1)
        return arena_copy(&c->arena, raw);
    size_t bad = iconv(converter, &from, &left, &to, &room);
    iconv_close(converter);
    return bad == (size_t)-1 ? arena_copy(&c->arena, raw) : (struct str){ out, to - out };
}

/* False: the ZIP itself cannot be read on. */
static bool take_entry(struct running *run, struct archive *archive, struct archive_entry *entry, int64_t zip_bytes)
{
    struct call *c = run->c;
    struct str name = entry_name(c, entry);
    if (archive_entry_filetype(entry) != AE_IFREG)
        return true;
    if (archive_entry_is_encrypted(entry)) {
        fail(c, E_BAD_REQUEST, "the ZIP entry is encrypted");
        note_failure(c, new_item(run, name));
        return true;
    }
    struct spooled *file = spool_begin(c, c->app->files, name, c->app->config.max_upload_bytes, &c->error);
    if (!file) {
        note_failure(c, new_item(run, name));
        return false;
    }
    if (!unpack_entry(run, archive, file, zip_bytes)) {
        bool go_on = c->error.code == E_TOO_LARGE && run->unpacked_bytes <= c->app->config.max_unpacked_bytes &&
                     run->unpacked_bytes / RATIO_MAX <= zip_bytes;
        note_failure(c, new_item(run, file->filename));
        spool_drop(file);
        return go_on;
    }
    spool_finish(file);
    store_one(run, file);
    return true;
}

static void take_zip(struct running *run, struct spooled *zip)
{
    struct call *c = run->c;
    struct archive *archive = archive_read_new();
    if (!run->buffer)
        run->buffer = arena_alloc(&c->arena, READ_BYTES);
    struct archive_entry *entry;
    int fd = blob_writer_fd(zip->writer);
    bool ok = fd >= 0 && archive && archive_read_support_format_zip_seekable(archive) == ARCHIVE_OK &&
              archive_read_open_fd(archive, fd, READ_BYTES) == ARCHIVE_OK;
    int got = ARCHIVE_FATAL;
    while (ok && ((got = archive_read_next_header(archive, &entry)) == ARCHIVE_OK || got == ARCHIVE_WARN)) {
        if (run->count >= run->most) {
            fail(c, E_TOO_LARGE, "the ZIP has more than %d files", run->most);
            run->count--;
            note_failure(c, new_item(run, zip->filename));
            break;
        }
        ok = take_entry(run, archive, entry, zip->size_bytes);
    }
    if (!ok || (got != ARCHIVE_EOF && got != ARCHIVE_OK && got != ARCHIVE_WARN)) {
        if (run->count < run->most && got != ARCHIVE_OK && got != ARCHIVE_WARN) {
            if (fd < 0)
                file_fail(&c->error, "open", "an upload", EMFILE);
            fail(c, E_BAD_REQUEST, "the ZIP is damaged"); /* unless that was it */
            note_failure(c, new_item(run, zip->filename));
        }
    }
    archive_read_free(archive);
    spool_drop(zip);
}

static bool is_zip(const struct spooled *file)
{
    return str_starts(spool_head(file), S("PK\003\004")) || str_starts(spool_head(file), S("PK\005\006"));
}

static bool upload_batch(struct call *c)
{
    struct form *form = exchange_of(c)->upload;
    struct batch *out = c->out;
    struct upload_details details;
    schema_clear(&upload_details_schema, &details);
    if (!form_take(c, form, &upload_details_schema, &details) || !upload_details_settle(c, &details))
        return false;
    struct running run = { .c = c, .details = &details, .most = (int)c->app->config.max_batch_files };
    run.items = arena_array(&c->arena, struct item, run.most);
    for (struct spooled *file = form->files; file && run.count < run.most; file = file->next) {
        if (is_zip(file))
            take_zip(&run, file);
        else
            store_one(&run, file);
    }
    out->total = run.count;
    out->succeeded = 0;
    for (int i = 0; i < run.count; i++)
        out->succeeded += run.items[i].status == 201;
    out->failed = out->total - out->succeeded;
    out->items = (struct list){ run.items, run.count };
    return true;
}

static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/upload/batch", upload_batch, &upload_details_schema, &batch_schema, MAY_UPLOAD_IMAGES, WORKS,
      BODY_MULTIPART, 207, .receive = form_receive_many, .tag = "upload", .entity = "image_file",
      .audit = "image_file.upload_batch", .summary = "Uploads many files, or a ZIP of them",
      .doc =
          "Parts named \"file\", any number; a ZIP counts as the files in it. The answer is 207 with the outcome of each." },
};
ENDPOINT_TABLE(upload_batch_endpoints, rows);
