/* report_pdf_kept.c - pages of signed versions: signed themselves, kept, and given out again. */
#include "reports/report_pdf_kept.h"

#include "base/file.h"
#include "base/names.h"
#include "pdf/signature.h"
#include "records/keeping.h"
#include "reports/report_parts.h"
#include "reports/report_stamp.h"
#include "reports/report_subject.h"
#include "reports/signing_key.h"
#include "signing/cms.h"

#include <unistd.h>

const char *const report_page_sizes[] = { "A4", "Letter", NULL };
NAMES_REACH(report_page_sizes, PDF_LETTER + 1);

/* A CMS of one signer with their certificates; and with the certificates of a time stamp, long chains of long keys. */
enum { CONTENTS_MAX = 16 << 10, CONTENTS_STAMPED_MAX = 64 << 10 };

const char *const pades_levels[] = { "B-B", "B-T", "B-LTA", NULL };
NAMES_REACH(pades_levels, PADES_LASTING);

static const struct field kept_fields[] = {
    FIELD(struct kept_pdf, id, .doc = "Identifies the row."),
    FIELD(struct kept_pdf, report_id, .doc = "The report."),
    FIELD(struct kept_pdf, version, .doc = "The version that it shows."),
    FIELD(struct kept_pdf, page, .choices = report_page_sizes, .doc = "How large its pages are."),
    FIELD(struct kept_pdf, storage_path, .doc = "Its key in the store."),
    FIELD(struct kept_pdf, size_bytes, .doc = "Its size."),
    FIELD(struct kept_pdf, sha256, .doc = "Of all of it."),
    FIELD(struct kept_pdf, level, .choices = pades_levels, .doc = "What proves its signature (PAdES)."),
    FIELD(struct kept_pdf, made_at, .doc = "When it was made."),
    FIELD(struct kept_pdf, renew_at, .flags = NULLABLE, .doc = "When its last time stamp wants another over it."),
};
const struct schema kept_pdf_schema = SCHEMA("ReportPdfRow", struct kept_pdf, kept_fields, .table = "report_pdfs",
                                             .alias = "k", .doc = "Pages of a report as they were signed.");

enum found kept_pdf_find(struct call *c, int64_t report_id, int64_t version, enum pdf_page page, struct kept_pdf *out)
{
    return db_find(c, &kept_pdf_schema, out, "where k.report_id = ? and k.version = ? and k.page = ?", V(report_id),
                   V(version), V(choice_text(report_page_sizes, page + 1)));
}

/* ---- making ---- */

struct making {
    int64_t report_id, version;
    enum pdf_page page;
    int64_t user_id, key_id; /* whose signature it is, with which key */
    struct str name, meaning;
    struct str pages; /* not signed yet, later signed */
    struct kept_pdf kept;
    bool is_asked;  /* by who wants to read them, not by the job that stamps them too */
    bool is_kept;   /* somebody else was first */
    bool is_unable; /* no key, or no token, to sign with now */
};

/* What was withdrawn or replaced is not signed once more: nobody could tell such pages from what counts. */
static bool check_counts(struct call *c, const struct making *m)
{
    int64_t one;
    enum found found = db_find_integer(
        c, &one, "select 1 from reports where id = ? and signed_version = ? and status <> 'ENTERED_IN_ERROR'",
        V(m->report_id), V(m->version));
    return found == FOUND ||
           (found == NONE && fail(c, E_CONFLICT,
                                  "this version was withdrawn or replaced before its pages were made: they cannot be "
                                  "signed any more"));
}

static bool load_signature(struct call *c, struct making *m)
{
    struct cursor rows;
    db_rows(c, &rows,
            "select user_id, key_id, signer_name, meaning from report_signatures where report_id = ? and version = ?",
            V(m->report_id), V(m->version));
    bool there = cursor_next(&rows);
    if (there) {
        m->user_id = cursor_integer(&rows, 0);
        m->key_id = cursor_integer(&rows, 1);
        m->name = arena_copy(&c->arena, cursor_text(&rows, 2));
        m->meaning = arena_copy(&c->arena, cursor_text(&rows, 3));
    }
    return cursor_close(&rows) && (there || fail(c, E_CONFLICT, "this version of the report is not signed"));
}

/* As it was signed, whatever has become of it since. */
static bool make_pages(struct call *c, struct making *m)
{
    struct report report;
    struct report_version version;
    struct report_pages pages;
    if (!report_load(c, m->report_id, &report) || !report_version_load(c, m->report_id, m->version, &version))
        return false;
    report.version = report.signed_version = version.version;
    report.status = version.status;
    if (!report_pages(c, &report, &version, m->page, &pages))
        return false;
    m->pages = pages.pdf;
    if (!pages.is_signed || pages.is_changed)
        return fail(c, E_CONFLICT, "the record no longer says what was signed: its pages cannot be signed any more");
    return !pages.missing ||
           fail(c, E_CONFLICT, "an image that it shows is gone, or not seen by who signed: its pages cannot be signed");
}

/* In a call of its own, whose actor is the signer. */
static bool make_as_signer(struct call *c, struct making *m)
{
    struct actor actor = ACTOR_OF_TASK("report.pdf");
    struct principal signer;
    struct call own;
    enum found found = authority_of_account(c, m->user_id, &signer);
    db_release(c);
    if (found != FOUND)
        return found == NONE && fail(c, E_CONFLICT,
                                     "the account that signed this is closed: its pages cannot be "
                                     "signed any more");
    actor.principal = &signer;
    call_init(&own, c->app, c->db);
    own.actor = &actor;
    bool ok = make_pages(&own, m);
    m->pages = ok ? arena_copy(&c->arena, m->pages) : STR_NULL;
    if (!ok && (own.error.code == E_FORBIDDEN || own.error.code == E_NOT_FOUND))
        (void)fail(c, E_CONFLICT, "who signed this may not read it any more: its pages cannot be signed");
    else if (!ok)
        c->error = own.error;
    db_release(&own);
    call_release(&own);
    return ok;
}

static bool sign_digest(struct call *c, void *context, const unsigned char digest[SHA256_BYTES],
                        const struct str parts[2], struct str *der)
{
    (void)parts;
    /* PAdES has meaning and moment in the PDF (EN 319 142-1 5.3). */
    return cms_sign(c, context, digest, &(struct cms_options){ .signing_time = INSTANT_NULL }, der);
}

static bool sign_pages(struct call *c, struct making *m)
{
    struct signing_key key;
    struct instant now = clock_now();
    if (!signing_key_of(c, m->key_id, &key)) {
        m->is_unable = c->error.code == E_UNAVAILABLE;
        return false;
    }
    struct pdf_signing signing = { .kind = PDF_SIGNED,
                                   .name = m->name,
                                   .reason = m->meaning,
                                   .at = now,
                                   .contents_max = report_stamps(c) ? CONTENTS_STAMPED_MAX : CONTENTS_MAX,
                                   .sign = sign_digest,
                                   .context = &key.signer };
    bool ok = signer_check(c, &key.signer, now) && pdf_sign(c, m->pages, &signing, &m->pages);
    signer_forget(&key.signer);
    m->is_unable = !ok && c->error.code == E_UNAVAILABLE;
    if (!ok && c->error.code == E_INVALID) { /* its certificate has ended, for one */
        struct str why = arena_copy(&c->arena, error_told(&c->error));
        error_clear(&c->error);
        return fail(c, E_CONFLICT, "its pages cannot be signed any more: %.*s", STR_FMT(why));
    }
    return ok;
}

/* Whoever revokes a key holds its account: it is revoked later, or nothing of it is kept. */
static bool keep_row(struct call *c, void *context)
{
    struct making *m = context;
    struct kept_pdf other;
    int64_t one;
    if (!db_lock(c, "select id from reports where id = ?", V(m->report_id)) ||
        !db_lock(c, "select id from users where id = ?", V(m->user_id)) ||
        !db_lock(c, "select id from report_signatures where report_id = ? and version = ?", V(m->report_id),
                 V(m->version)))
        return false;
    enum found found = kept_pdf_find(c, m->report_id, m->version, m->page, &other);
    m->is_kept = found == FOUND;
    if (m->is_kept)
        m->kept = other;
    if (found != NONE)
        return found == FOUND;
    if (!check_counts(c, m))
        return false;
    found = db_find_integer(c, &one, "select 1 from signing_keys where id = ? and revoked_at is null", V(m->key_id));
    if (found == NONE)
        return fail(c, E_CONFLICT, "the key that it was signed with is revoked: its pages cannot be signed any more");
    return found == FOUND && db_insert(c, &kept_pdf_schema, &m->kept, &m->kept.id) &&
           (!m->is_asked || !report_stamps(c) || report_pdf_put_job(c, m->report_id, m->version));
}

bool kept_pdf_write(struct call *c, struct str key, struct str bytes)
{
    struct blob_writer *writer;
    if (!blob_create(c->app->files, &writer, &c->error))
        return false;
    if (blob_write(writer, bytes, &c->error))
        return blob_commit(writer, key, &c->error);
    blob_cancel(writer);
    return false;
}

void kept_pdf_name(struct call *c, struct kept_pdf *kept, struct str bytes)
{
    char uuid[UUID_TEXT + 1];
    crypto_uuid(uuid);
    kept->storage_path = arena_format(&c->arena, "reports/%.2s/%s.pdf", uuid, uuid);
    kept->size_bytes = bytes.len;
    kept->sha256 = crypto_sha256_hex(bytes, &c->arena);
}

/* What is larger could not be read again. */
static bool check_size(struct call *c, struct str bytes)
{
    return bytes.len <= PDF_BYTES_MAX || fail(c, E_TOO_LARGE, "the pages have more than %d bytes", PDF_BYTES_MAX);
}

static bool keep(struct call *c, struct making *m)
{
    if (!check_size(c, m->pages))
        return false;
    schema_clear(&kept_pdf_schema, &m->kept);
    m->kept.report_id = m->report_id;
    m->kept.version = m->version;
    m->kept.page = m->page + 1;
    m->kept.level = PADES_BASIC;
    kept_pdf_name(c, &m->kept, m->pages);
    m->kept.made_at = clock_now();
    m->kept.renew_at = INSTANT_NULL;
    struct str key = m->kept.storage_path;
    db_release(c);
    if (!blob_claim(c->app->files, key, &c->error))
        return false;
    bool ok = kept_pdf_write(c, key, m->pages) && db_transact(c, keep_row, m);
    keeping_settle(c, key, ok && !m->is_kept);
    return ok;
}

/* ---- other bytes of the same signature ---- */

struct swapping {
    const struct kept_pdf *before;
    struct kept_pdf *after;
    bool is_done; /* the row was still as it was */
};

static bool swap_row(struct call *c, void *context)
{
    struct swapping *s = context;
    struct kept_pdf now;
    if (!db_lock(c, "select id from report_pdfs where id = ?", V(s->before->id)))
        return false;
    enum found found = db_find(c, &kept_pdf_schema, &now, "where k.id = ?", V(s->before->id));
    s->is_done = found == FOUND && str_equal(now.storage_path, s->before->storage_path);
    if (!s->is_done)
        return found != FAILED;
    return db_execute(c,
                      "update report_pdfs set storage_path = ?, size_bytes = ?, sha256 = ?, level = ?, renew_at = ? "
                      "where id = ?",
                      V(s->after->storage_path), V(s->after->size_bytes), V(s->after->sha256),
                      V(choice_text(pades_levels, s->after->level)), V(s->after->renew_at), V(s->before->id));
}

/* The row names another file from here on; the one before goes once it is known that nothing names it. */
bool kept_pdf_swap(struct call *c, const struct kept_pdf *before, struct kept_pdf *after, struct str bytes)
{
    struct swapping s = { before, after, false };
    struct error ignored = { 0 };
    if (!check_size(c, bytes))
        return false;
    struct blob_store *files = c->app->files;
    kept_pdf_name(c, after, bytes);
    struct str old = before->storage_path, new = after->storage_path;
    db_release(c);
    if (!blob_claim(files, new, &c->error))
        return false;
    if (!blob_claim(files, old, &c->error)) {
        blob_settle(files, new);
        return false;
    }
    bool ok = kept_pdf_write(c, new, bytes) && db_transact(c, swap_row, &s), in_doubt = !ok && c->error.in_doubt;
    keeping_settle(c, new, ok && s.is_done);
    /* Where another was quicker the claim is theirs too, who is about to remove the file. */
    if (in_doubt || (ok && (!s.is_done || !blob_remove(files, old, &ignored))))
        blob_leave(files, old);
    else
        blob_settle(files, old);
    return ok;
}

/* ---- need ---- */

/* m->kept: of this work, or of whoever was first. */
static bool need(struct call *c, struct making *m)
{
    enum found found = kept_pdf_find(c, m->report_id, m->version, m->page, &m->kept);
    if (found != NONE)
        return found == FOUND;
    return load_signature(c, m) && check_counts(c, m) && make_as_signer(c, m) && sign_pages(c, m) && keep(c, m);
}

bool kept_pdf_need(struct call *c, int64_t report_id, int64_t version, enum pdf_page page, struct kept_pdf *out)
{
    struct making m = { .report_id = report_id, .version = version, .page = page };
    if (!need(c, &m))
        return false;
    *out = m.kept;
    return true;
}

/* ---- giving out ---- */

static bool say_damage(struct call *c, const struct kept_pdf *kept, const char *what)
{
    log_write(c->app->log, LOG_ERROR, call_request_id(c), "report_pdf.damaged", "report %" PRId64 ", %.*s: %s",
              kept->report_id, STR_FMT(kept->storage_path), what);
    return fail(c, E_UNREADABLE,
                "the stored PDF of report %" PRId64 ", version %" PRId64 ", %s: restore it from a backup",
                kept->report_id, kept->version, what);
}

static bool read_whole(struct call *c, int fd, int64_t size, struct str *out)
{
    char *at = arena_alloc(&c->arena, size + 1);
    ptrdiff_t got = 0, done = 0;
    while (done < size && (got = file_read_at(fd, done, at + done, size - done)) > 0)
        done += got;
    *out = (struct str){ at, done };
    return got >= 0;
}

/* *gone: no such file. Else c->error, where false. */
static bool read_file(struct call *c, const struct kept_pdf *kept, bool *gone, struct str *out)
{
    struct blob_store *files = c->app->files;
    struct error error = { 0 };
    int64_t size;
    int fd;
    *gone = false;
    if (!blob_open_read(files, kept->storage_path, &fd, &size, &error)) {
        *gone = error.code == E_NOT_FOUND && blob_is_there(files);
        return *gone ? false
                     : fail(c, error.code == E_NOT_FOUND ? E_UNAVAILABLE : error.code, "%s",
                            error.code == E_NOT_FOUND ? "the file store is not there now" : error.message);
    }
    bool whole = size == kept->size_bytes && size <= PDF_BYTES_MAX && read_whole(c, fd, size, out);
    close(fd);
    return (whole && str_equal(crypto_sha256_hex(*out, &c->arena), kept->sha256)) ||
           say_damage(c, kept, "is not what was stored");
}

/* One that is being stamped goes, and another takes its place, which may go again. */
bool kept_pdf_read(struct call *c, const struct kept_pdf *kept, struct str *out)
{
    enum { LOOKS_MAX = 10 };
    struct kept_pdf now = *kept;
    struct str tried = STR_NULL;
    bool gone = true;
    db_release(c);
    for (int i = 0; i < LOOKS_MAX && !str_equal(now.storage_path, tried); i++) {
        if (read_file(c, &now, &gone, out))
            return true;
        if (!gone)
            return false;
        tried = now.storage_path;
        enum found found = db_find(c, &kept_pdf_schema, &now, "where k.id = ?", V(kept->id));
        db_release(c);
        if (found == FAILED)
            return false;
    }
    return say_damage(c, &now, "is gone");
}

/* Is it their own: as author of any version, as reviewer or as signer? */
static bool is_theirs(struct call *c, const struct report *report, bool *theirs)
{
    int64_t me = call_user(c), one;
    *theirs = me == report->author_id || me == report->reviewer_id || me == report->signer_id;
    enum found found = *theirs ? FOUND
                               : db_find_integer(c, &one,
                                                 "select 1 from report_versions where report_id = ? and author_id = ? "
                                                 "limit 1",
                                                 V(report->id), V(me));
    *theirs = found == FOUND;
    return found != FAILED;
}

/* Of an image that is gone for good: it was of the report's study, and those whose report it is have shown it. */
static bool saw_image(struct call *c, const struct report *report, bool *saw)
{
    return visibility_of_study_files(c, report->study_id, saw) && (*saw || is_theirs(c, report, saw));
}

/* Whatever it shows is theirs to see. */
static bool sees_images(struct call *c, const struct report *report, const struct report_content *content, bool *sees)
{
    struct list images;
    int64_t one;
    *sees = true;
    if (!content_images(c, content, &images))
        return false;
    for (ptrdiff_t i = 0; *sees && i < images.count; i++) {
        int64_t id = ((const struct key_image *)images.items + i)->image_file_id;
        if (!visibility_of_file(c, id, sees))
            return false;
        enum found found = *sees ? FOUND : db_find_integer(c, &one, "select 1 from image_files where id = ?", V(id));
        if (found == FAILED || (found == NONE && !saw_image(c, report, sees)))
            return false;
    }
    return true;
}

bool report_shows_images(struct call *c, const struct report *report, const struct report_content *content, bool *shows)
{
    struct list images;
    *shows = false;
    return content_images(c, content, &images) && (!images.count || sees_images(c, report, content, shows));
}

/* Is it what counts, and does the record still say so? */
static bool is_current(struct call *c, const struct report *report, const struct report_version *version, bool *current)
{
    struct str envelope;
    *current = report->status != REPORT_ENTERED_IN_ERROR && version->version == report->signed_version;
    if (!*current)
        return true;
    json_t *subject = report_subject_load(c, report, version, &envelope);
    enum found same = subject ? report_holds(c, report, version, subject) : FAILED;
    json_decref(subject);
    *current = same == FOUND;
    return same != FAILED;
}

static bool load(struct call *c, int64_t id, int64_t version, struct report *report, struct report_version *shown)
{
    return report_may_be_given_out(c) && report_load(c, id, report) &&
           report_version_load(c, id, version > 0 ? version : report->version, shown);
}

bool report_pdf(struct call *c, int64_t id, int64_t version, enum pdf_page page, struct str *out)
{
    struct report report;
    struct report_version shown;
    struct report_pages pages;
    bool current = false, sees = false;
    if (!load(c, id, version, &report, &shown))
        return false;
    if (report_version_is_signed(&shown) &&
        (!is_current(c, &report, &shown, &current) || (current && !sees_images(c, &report, &shown.content, &sees))))
        return false;
    if (current && sees) {
        struct making m = { .report_id = id, .version = shown.version, .page = page, .is_asked = true };
        if (need(c, &m))
            return kept_pdf_read(c, &m.kept, out);
        if (c->error.code != E_CONFLICT && !m.is_unable)
            return false;
        error_clear(&c->error);
    }
    if (!report_pages(c, &report, &shown, page, &pages))
        return false;
    *out = pages.pdf;
    return true;
}

bool report_pdf_as_signed(struct call *c, int64_t id, int64_t version, enum pdf_page page, struct str *out)
{
    struct report report;
    struct report_version shown;
    bool sees;
    if (!load(c, id, version, &report, &shown))
        return false;
    if (!report_version_is_signed(&shown))
        return fail(c, E_CONFLICT, "this version of the report is not signed");
    if (!sees_images(c, &report, &shown.content, &sees))
        return false;
    if (!sees)
        return fail(c, E_FORBIDDEN, "its pages show images that this account may not see");
    struct making m = { .report_id = id, .version = shown.version, .page = page, .is_asked = true };
    return need(c, &m) && kept_pdf_read(c, &m.kept, out);
}
