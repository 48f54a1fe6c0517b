/* upload_batch.c - the files of a batch one by one, and those of a ZIP as they are unpacked (unzip.h). */
#include "intake/upload_batch.h"

#include "intake/unzip.h"
#include "base/file.h"
#include "base/file_name.h"

#include <errno.h>
#include <iconv.h>

/* Deflate packs 1,032 bytes of zeros, as an empty mask has them, into one: a ZIP that unpacks to more has entries that
 * overlap, or was packed by something that doctors do not use. */
enum { READ_BYTES = 256 * 1024, RATIO_MAX = 1100, RATIO_FROM_BYTES = 16 << 20 };

struct running {
    struct call *c;
    const struct upload_details *details;
    upload_batch_tell *tell;
    void *context;
    int64_t unpacked_bytes, unpacked_before; /* by all ZIPs of the batch; by those before this one */
    struct spooled *zip, *unpacking;         /* the ZIP, and its entry that is being taken */
    struct unzip *reader;                    /* for one ZIP after the other; NULL: there is none */
    char *buffer;                            /* READ_BYTES */
};

/* `name`: as the answer calls it. */
static void tell(struct running *run, struct str name, struct image_file *stored)
{
    run->tell(run->context, name, stored);
    error_clear(&run->c->error);
}

static void store_one(struct running *run, struct spooled *file, struct str name)
{
    struct call *c = run->c;
    struct image_file row;
    bool stored = upload_store(c, file, run->details, call_user(c), &row);
    tell(run, name, stored ? &row : NULL);
    if (!stored)
        spool_drop(file);
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
    tell(run, name, NULL);
}

static void take_file(struct running *run, const struct unzip *zip, const struct unzip_entry *entry, struct str name)
{
    struct call *c = run->c;
    struct spooled *file = spool_begin(c, c->app->files, name, c->app->config.max_upload_bytes, &c->error);
    if (!file) {
        tell(run, name, NULL);
        return;
    }
    run->unpacking = file;
    if (!unzip_read(zip, entry, run->buffer, READ_BYTES, take_bytes, run, &c->error)) {
        tell(run, name, NULL);
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

/* False, with the reason, when there are entries that no item speaks of. */
static bool take_entries(struct running *run, struct unzip *zip)
{
    struct call *c = run->c;
    struct unzip_entry entry;
    enum unzip_step step = UNZIP_ENTRY;
    while (!is_bomb(run) && (step = unzip_next(zip, &entry, &c->error)) == UNZIP_ENTRY)
        if (entry.kind != UNZIP_FOLDER)
            take_entry(run, zip, &entry);
    if (step == UNZIP_ENTRY && zip->seen < zip->entries)
        return fail(c, E_TOO_LARGE,
                    "the ZIP unpacks to too much: the last %" PRId64 " of its %" PRId64 " entries were not read",
                    zip->entries - zip->seen, zip->entries);
    return step != UNZIP_FAILED;
}

static struct unzip *reader_of(struct running *run)
{
    if (!run->reader)
        run->reader = arena_new(&run->c->arena, struct unzip);
    return run->reader;
}

static void take_zip(struct running *run, struct spooled *file)
{
    struct call *c = run->c;
    int fd = blob_writer_fd(file->writer);
    struct unzip *reader = reader_of(run);
    if (!run->buffer)
        run->buffer = arena_alloc(&c->arena, READ_BYTES);
    run->zip = file;
    run->unpacked_before = run->unpacked_bytes;
    if (fd < 0)
        file_fail(&c->error, "open", "an upload", EMFILE);
    else if (unzip_open(fd, file->size_bytes, reader, &c->error))
        take_entries(run, reader);
    if (c->error.code)
        tell(run, file->filename, NULL);
    spool_drop(file);
}

static bool is_zip(const struct spooled *file)
{
    return str_starts(spool_head(file), S("PK\003\004")) || str_starts(spool_head(file), S("PK\005\006"));
}

/* ---- the batch ---- */

/* How many it stands for; 1 where it is told of as a whole. */
static int64_t files_in(struct running *run, struct spooled *file)
{
    struct error ignored = { 0 };
    struct unzip_entry entry;
    int64_t files = 0;
    int fd = is_zip(file) ? blob_writer_fd(file->writer) : -1;
    if (fd < 0)
        return 1;
    struct unzip *reader = reader_of(run);
    if (!unzip_open(fd, file->size_bytes, reader, &ignored))
        return 1;
    while (unzip_next(reader, &entry, &ignored) == UNZIP_ENTRY)
        files += entry.kind != UNZIP_FOLDER;
    return files;
}

/* All of them or none: whoever sends a thousand files too many shall not have to find out which were stored. */
static void refuse_all(struct running *run, struct spooled *files, int64_t count, int64_t most)
{
    for (struct spooled *file = files; file; file = file->next) {
        fail(run->c, E_TOO_LARGE,
             "a batch may have %" PRId64 " files, and this one has %" PRId64 ": none of them was stored", most, count);
        tell(run, file->filename, NULL);
        spool_drop(file);
    }
}

int upload_batch_most(const struct call *c, const struct spooled *files)
{
    int parts = 0;
    for (const struct spooled *file = files; file; file = file->next)
        parts++;
    return (int)c->app->config.max_batch_files + parts; /* each part may have a word of its own */
}

void upload_batch_store(struct call *c, struct spooled *files, const struct upload_details *details,
                        upload_batch_tell *say, void *context)
{
    struct running run = { .c = c, .details = details, .tell = say, .context = context };
    int64_t count = 0, most = c->app->config.max_batch_files;
    for (struct spooled *file = files; file; file = file->next)
        count += files_in(&run, file);
    if (count > most) {
        refuse_all(&run, files, count, most);
        return;
    }
    for (struct spooled *file = files; file; file = file->next) {
        if (is_zip(file))
            take_zip(&run, file);
        else
            store_one(&run, file, file->filename);
    }
}
