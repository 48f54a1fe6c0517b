/* annotation.c - versions of a file's annotations: reading them, and replacing the current one. */
#include "imaging/annotation.h"

#include "site/app.h"
#include "base/crypto.h"
#include "schema/json.h"

enum { CONTENT_MAX_BYTES = 8 << 20 };

/* ---- a version, as it is stored ---- */

struct content {
    struct list annotations;
};
static const struct field content_fields[] = {
    FIELD(struct content, annotations, .of = &stored_annotation_schema, .max = ANNOTATIONS_MAX, .doc = "All of them."),
};
static const struct schema content_schema = SCHEMA("StoredAnnotations", struct content, content_fields);

static bool read_content(struct call *c, struct str text, struct list *out)
{
    uint64_t given;
    struct content *content = schema_new(&content_schema, &c->arena);
    if (!json_decode(c, text, &content_schema, content, false, &given))
        return false;
    *out = content->annotations;
    return true;
}

static bool write_content(struct call *c, struct list annotations, struct str *out)
{
    struct content content = { annotations };
    struct text text;
    text_init(&text, CONTENT_MAX_BYTES);
    json_encode(&text, &content_schema, &content, JSON_ALL_FIELDS, &c->arena);
    bool fits = !text.overflowed;
    if (fits)
        *out = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return fits || fail(c, E_TOO_LARGE, "the annotations are too much for one file");
}

static void begin_version(struct call *c, struct cursor *rows, int64_t file_id, int64_t number)
{
    if (number)
        db_rows(c, rows,
                "select version, created_by, created_at, comment, content from image_annotation_versions "
                "where image_file_id = ? and version = ?",
                V(file_id), V(number));
    else
        db_rows(c, rows,
                "select v.version, v.created_by, v.created_at, v.comment, v.content from image_annotations a "
                "join image_annotation_versions v on v.image_file_id = a.image_file_id and v.version = a.version "
                "where a.image_file_id = ?",
                V(file_id));
}

enum found annotation_set_digest(struct call *c, int64_t file_id, int64_t number, int64_t *version, struct str *sha256)
{
    struct cursor rows;
    enum found found = NONE;
    begin_version(c, &rows, file_id, number);
    if (cursor_next(&rows)) {
        *version = cursor_integer(&rows, 0);
        *sha256 = crypto_sha256_hex(cursor_text(&rows, 4), &c->arena);
        found = FOUND;
    }
    return cursor_close(&rows) ? found : FAILED;
}

bool annotation_set_load(struct call *c, int64_t file_id, int64_t number, struct annotation_set *out)
{
    struct cursor rows;
    struct str content = STR_NULL;
    schema_clear(&annotation_set_schema, out);
    out->file_id = file_id;
    out->version = 0;
    begin_version(c, &rows, file_id, number);
    if (cursor_next(&rows)) {
        out->version = cursor_integer(&rows, 0);
        out->updated_by = cursor_integer(&rows, 1);
        out->updated_at = (struct instant){ cursor_integer(&rows, 2) };
        struct str comment = cursor_text(&rows, 3);
        out->comment = comment.at ? arena_copy(&c->arena, comment) : STR_NULL;
        content = arena_copy(&c->arena, cursor_text(&rows, 4));
    }
    if (!cursor_close(&rows))
        return false;
    if (number && !out->version)
        return fail(c, E_NOT_FOUND, "there is no version %" PRId64 " of these annotations", number);
    if (!out->version || read_content(c, content, &out->annotations))
        return true;
    error_clear(&c->error);
    return fail(c, E_INTERNAL, "version %" PRId64 " of the annotations of file %" PRId64 " cannot be read",
                out->version, file_id);
}

/* ---- replacing ---- */

/* What happens to the set. */
struct replacing {
    const struct image_file *file;
    const struct annotation_set *set_before, *set_after;
    struct str comment, content;
    int64_t before, version; /* 0: there was none */
    int64_t count, added, changed, removed;
    struct instant now;
};

/* RFC 9562 4: 8-4-4-4-12 hexadecimal digits; kept in lower case, so that there is one spelling. */
static bool normalise_id(struct call *c, struct str *id)
{
    char *out = arena_alloc(&c->arena, UUID_TEXT + 1);
    for (ptrdiff_t i = 0; i < id->len && i < UUID_TEXT; i++) {
        char digit = id->at[i];
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        bool is_hex =
            (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f') || (digit >= 'A' && digit <= 'F');
        if (hyphen ? digit != '-' : !is_hex)
            return false;
        out[i] = digit >= 'A' && digit <= 'F' ? (char)(digit - 'A' + 'a') : digit;
    }
    bool whole = id->len == UUID_TEXT;
    *id = (struct str){ out, UUID_TEXT };
    return whole;
}

static int by_id(const void *a, const void *b)
{
    const struct annotation *const *p = a, *const *q = b;
    return str_compare((*p)->id, (*q)->id);
}

static struct annotation **sorted(struct call *c, struct list list)
{
    struct annotation **out = arena_array(&c->arena, struct annotation *, list.count + 1), *items = list.items;
    for (ptrdiff_t i = 0; i < list.count; i++)
        out[i] = &items[i];
    qsort(out, (size_t)list.count, sizeof(struct annotation *), by_id);
    return out;
}

static bool take_ids(struct call *c, struct list list)
{
    struct annotation *items = list.items;
    for (ptrdiff_t i = 0; i < list.count; i++) {
        struct str place = arena_format(&c->arena, "annotations.%td.id", i);
        if (items[i].id.at && !normalise_id(c, &items[i].id))
            error_add_problem(&c->error, &c->arena, "body", place, "not_a_uuid", "must be a UUID");
        else if (!items[i].id.at)
            items[i].id = crypto_uuid_text(&c->arena);
    }
    struct annotation **ordered = sorted(c, list);
    for (ptrdiff_t i = 1; i < list.count; i++)
        if (str_equal(ordered[i - 1]->id, ordered[i]->id))
            error_add_problem(&c->error, &c->arena, "body",
                              arena_format(&c->arena, "annotations.%td.id", ordered[i] - items), "twice",
                              "another annotation of this set has the same id");
    return c->error.code == E_NONE;
}

/* Equal in everything that a client says? */
static bool is_same(struct call *c, const struct annotation *a, const struct annotation *b)
{
    uint64_t mask = 0;
    struct text x, y;
    for (int i = 0; i < annotation_schema.count; i++)
        if (!(annotation_schema.fields[i].flags & READ_ONLY))
            mask |= GIVEN(i);
    text_init(&x, CONTENT_MAX_BYTES);
    text_init(&y, CONTENT_MAX_BYTES);
    json_encode(&x, &annotation_schema, a, mask, &c->arena);
    json_encode(&y, &annotation_schema, b, mask, &c->arena);
    bool same = str_equal(text_str(&x), text_str(&y));
    text_release(&x);
    text_release(&y);
    return same;
}

/* Gives the new set the authors, times and values that stay. */
static void compare(struct call *c, struct list before, struct list after, struct replacing *r)
{
    struct annotation **old = sorted(c, before), *items = after.items;
    int64_t user = call_user(c), found = 0;
    r->count = after.count;
    for (ptrdiff_t i = 0; i < after.count; i++) {
        struct annotation *a = &items[i], **same;
        same = bsearch(&a, old, (size_t)before.count, sizeof(struct annotation *), by_id);
        found += same != NULL;
        if (same && is_same(c, *same, a)) {
            *a = **same;
            continue;
        }
        a->created_by = same ? (*same)->created_by : user;
        a->created_at = same ? (*same)->created_at : r->now;
        a->updated_by = user;
        a->updated_at = r->now;
        if (same)
            r->changed++;
        else
            r->added++;
    }
    r->removed = before.count - found;
}

static bool tell_change(struct call *c, const struct replacing *r)
{
    uint64_t follows = GIVEN(schema_find(&annotation_set_schema, S("updated_by"))) |
                       GIVEN(schema_find(&annotation_set_schema, S("updated_at")));
    audit_changed(c, &annotation_set_schema, r->set_before, r->set_after, ~follows);
    return audit_change(c);
}

static bool store(struct call *c, void *context)
{
    const struct replacing *r = context;
    int64_t version = 0, changed = 0;
    audit_about(c, r->file->id, r->file->patient_id);
    if (!db_lock(c, "select version from image_annotations where image_file_id = ?", V(r->file->id)) ||
        db_find_integer(c, &version, "select version from image_annotations where image_file_id = ?", V(r->file->id)) ==
            FAILED)
        return false;
    if (version != r->before)
        return fail(c, E_PRECONDITION_FAILED, "somebody else has just changed these annotations: read them again");
    if (!(r->before
              ? db_execute_counted(
                    c, &changed,
                    "update image_annotations set version = ?, updated_by = ?, updated_at = ? where image_file_id = ?",
                    V(r->version), V(call_user(c)), V(r->now), V(r->file->id))
              : db_execute(c,
                           "insert into image_annotations(image_file_id, version, updated_by, updated_at) "
                           "values (?, ?, ?, ?)",
                           V(r->file->id), V(r->version), V(call_user(c)), V(r->now))))
        return false;
    return db_execute(c,
                      "insert into image_annotation_versions(image_file_id, version, created_by, created_at, comment, "
                      "annotation_count, added_count, changed_count, removed_count, content) "
                      "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      V(r->file->id), V(r->version), V(call_user(c)), V(r->now), V(r->comment), V(r->count),
                      V(r->added), V(r->changed), V(r->removed), V(r->content)) &&
           tell_change(c, r);
}

/* A version that could not be read again is not written. */
static bool keep(struct call *c, struct replacing *r, struct list annotations, struct annotation_set *out)
{
    if (!write_content(c, annotations, &r->content))
        return false;
    if (!read_content(c, r->content, &out->annotations)) {
        error_clear(&c->error);
        return fail(c, E_TOO_LARGE, "the annotations are too many for one file");
    }
    out->file_id = r->file->id;
    out->version = r->version;
    out->comment = r->comment;
    out->updated_by = call_user(c);
    out->updated_at = r->now;
    r->set_after = out;
    if (!db_transact(c, store, r)) {
        if (c->error.code == E_CONFLICT) { /* two first versions at once */
            error_clear(&c->error);
            fail(c, E_PRECONDITION_FAILED, "somebody else has just changed these annotations: read them again");
        }
        return false;
    }
    return true;
}

bool annotation_set_replace(struct call *c, struct image *image, const struct annotation_set *before, struct list after,
                            struct str comment, struct annotation_set *out)
{
    struct replacing r = { .file = &image->file, .set_before = before, .comment = comment, .now = clock_now() };
    if (!take_ids(c, after))
        return false;
    db_release(c);
    r.before = before->version;
    r.version = before->version + 1;
    compare(c, before->annotations, after, &r);
    if (before->version && !r.added && !r.changed && !r.removed && !comment.at) {
        *out = *before;
        return true;
    }
    return annotations_measure(c, image, after.items, after.count) && image_is_whole(c, image) &&
           keep(c, &r, after, out);
}
