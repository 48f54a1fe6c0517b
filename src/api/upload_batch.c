/* upload_batch.c - many files in one request, or a ZIP of them (libarchive). Each file stands alone: one that is
 * refused does not keep the others out, and the answer says how each went. */
#include "api/form.h"
#include "intake/unzip.h"
#include "intake/upload.h"

#include "base/file.h"
#include "base/file_name.h"
#include "schema/json.h"

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
    FIELD(struct item, filename,
          .doc = "Name as sent, without directories; of a ZIP's entry with those inside the ZIP."),
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
    FIELD(struct batch, succeeded, .doc = "How many files are stored."),
    FIELD(struct batch, failed, .doc = "How many files are not stored."),
    FIELD(struct batch, items, .of = &item_schema, .doc = "How each went, in order."),
};
static const struct schema batch_schema = SCHEMA("BatchResult", struct batch, batch_fields, .doc = "How a batch went.");

struct running {
    struct call *c;
    const struct upload_details *details;
    struct item *items;
    int count, most;
    int64_t unpacked_bytes, unpacked_before; /* by all ZIPs of the request; by those before this one */
    struct spooled *zip, *unpacking;         /* the ZIP, and its entry that is being taken */
    struct unzip *reader, *counter;          /* for one ZIP after the other, as is */
    char *buffer;                            /* READ_BYTES */
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

/* `name`: as the answer calls it. */
static void store_one(struct running *run, struct spooled *file, struct str name)
{
    struct call *c = run->c;
    struct item *item = new_item(run, name);
    struct image_file row;
    if (!upload_store(c, file, run->details, call_user(c), &row)) {
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

/* It unpacks to more than may be, or to much more than it is: nothing more of it is read. */
static bool is_bomb(const struct running *run)
{
    int64_t of_this = run->unpacked_bytes - run->unpacked_before;
    return run->unpacked_bytes > run->c->app->config.max_unpacked_bytes ||
           (of_this > RATIO_FROM_BYTES && of_this / RATIO_MAX > run->zip->size_bytes);
}

/* Sizes in a ZIP are claims: what counts is what comes out, and it is cut off at the limits. */
static bool take_bytes(void *context, struct str bytes)
{
    struct running *run = context;
    struct call *c = run->c;
    run->unpacked_bytes += bytes.len;
    if (is_bomb(run))
        return fail(c, E_TOO_LARGE, "the ZIP unpacks to too much");
    return spool_write(run->unpacking, bytes, &c->error);
}

/* Names that are not UTF-8 are taken as GB18030, which is what Windows writes in Chinese. What is neither is shown
 * with U+FFFD. */
static struct str entry_name(struct call *c, struct str raw)
{
    enum { NAME_BYTES = 2048 };
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

static void refuse_entry(struct running *run, struct str name, const char *why)
{
    fail(run->c, E_BAD_REQUEST, "%s", why);
    note_failure(run->c, new_item(run, name));
}

static void take_file(struct running *run, const struct unzip *zip, const struct unzip_entry *entry, struct str name)
{
    struct call *c = run->c;
    struct spooled *file = spool_begin(c, c->app->files, name, c->app->config.max_upload_bytes, &c->error);
    if (!file) {
        note_failure(c, new_item(run, name));
        return;
    }
    run->unpacking = file;
    if (!unzip_read(zip, entry, run->buffer, READ_BYTES, take_bytes, run, &c->error)) {
        note_failure(c, new_item(run, name));
        spool_drop(file);
        return;
    }
    spool_finish(file);
    store_one(run, file, name);
}

/* Every entry but a folder is an item: stored, or with the reason why not. */
static void take_entry(struct running *run, const struct unzip *zip, const struct unzip_entry *entry)
{
    struct str name = file_path_of(entry_name(run->c, entry->name), &run->c->arena);
    if (entry->kind == UNZIP_LINK)
        refuse_entry(run, name, "the ZIP entry is a symbolic link: what it leads to is not in it");
    else if (entry->kind != UNZIP_FILE)
        refuse_entry(run, name, "the ZIP entry is no file");
    else if (entry->is_encrypted)
        refuse_entry(run, name, "the ZIP entry is encrypted");
    else
        take_file(run, zip, entry, name);
}

/* All of them or none: whoever sends a thousand files too many shall not have to find out which were stored. */
static bool fits(struct running *run, const struct unzip *zip)
{
    struct call *c = run->c;
    struct unzip *walk = run->counter;
    struct unzip_entry entry;
    struct error ignored = { 0 };
    int64_t files = 0;
    for (*walk = *zip; unzip_next(walk, &entry, &ignored) == UNZIP_ENTRY;)
        files += entry.kind != UNZIP_FOLDER;
    return files <= run->most - run->count ||
           fail(c, E_TOO_LARGE, "the ZIP has %" PRId64 " files, and a batch may have %d: none of them was stored",
                files, run->most);
}

/* False, with the reason, when there are entries that no item speaks of. */
static bool take_entries(struct running *run, struct unzip *zip)
{
    struct call *c = run->c;
    struct unzip_entry entry;
    enum unzip_step step = UNZIP_ENTRY;
    while (!is_bomb(run) && (step = unzip_next(zip, &entry, &c->error)) == UNZIP_ENTRY)
        if (entry.kind != UNZIP_FOLDER && run->count < run->most)
            take_entry(run, zip, &entry);
    if (step == UNZIP_ENTRY && zip->seen < zip->entries)
        return fail(c, E_TOO_LARGE,
                    "the ZIP unpacks to too much: the last %" PRId64 " of its %" PRId64 " entries were not read",
                    zip->entries - zip->seen, zip->entries);
    return step != UNZIP_FAILED;
}

static void take_zip(struct running *run, struct spooled *file)
{
    struct call *c = run->c;
    int fd = blob_writer_fd(file->writer);
    if (!run->buffer) {
        run->buffer = arena_alloc(&c->arena, READ_BYTES);
        run->reader = arena_new(&c->arena, struct unzip);
        run->counter = arena_new(&c->arena, struct unzip);
    }
    run->zip = file;
    run->unpacked_before = run->unpacked_bytes;
    if (fd < 0)
        file_fail(&c->error, "open", "an upload", EMFILE);
    else if (unzip_open(fd, file->size_bytes, run->reader, &c->error) && fits(run, run->reader))
        take_entries(run, run->reader);
    if (c->error.code)
        note_failure(c, new_item(run, file->filename));
    spool_drop(file);
}

static bool is_zip(const struct spooled *file)
{
    return str_starts(spool_head(file), S("PK\003\004")) || str_starts(spool_head(file), S("PK\005\006"));
}

static void refuse_part(struct running *run, struct spooled *file)
{
    fail(run->c, E_TOO_LARGE, "a batch may have at most %d files", run->most);
    note_failure(run->c, new_item(run, file->filename));
    spool_drop(file);
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
    int parts = 0;
    for (const struct spooled *file = form->files; file; file = file->next)
        parts++;
    run.items = arena_array(&c->arena, struct item, run.most + parts); /* each part may have a word of its own */
    for (struct spooled *file = form->files; file; file = file->next) {
        if (run.count >= run.most)
            refuse_part(&run, file);
        else if (is_zip(file))
            take_zip(&run, file);
        else
            store_one(&run, file, file->filename);
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
      .doc = "Parts named \"file\", any number; a ZIP counts as the files in it. The answer is 207 with the outcome of "
             "each." },
};
ENDPOINT_TABLE(upload_batch_endpoints, rows);
