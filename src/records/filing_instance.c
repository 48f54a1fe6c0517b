/* filing_instance.c - the files that say to be one instance, and which of them it is.
 *
 *   series, SOP Instance UID -> the instance       at most one; intact, unless damage was found after it was filed
 *                            -> files beside it    damaged ones, and with SAME_INSTANCE=keep other versions
 *
 * Who does not see the file that is the instance has a file of their own that is one to them: set apart (is_apart).
 * When the instance goes to the trash, the oldest of these takes its place; so do the others see what there is. Where
 * there is none, the oldest intact version beside it does: a series does not lack an image of which a whole file is
 * there. When the one that went comes back, it has its place again.
 */
#include "records/filing.h"

#include "records/report_files.h"
#include "records/visibility.h"

#define BESIDE_INTACT "; an intact file of this instance is filed, this one is kept beside it"
enum { TWINS_MAX = 64 };

/* A row that is there already. */
struct twin {
    int64_t id, uploaded_by;
    struct str reason;
    bool is_instance, is_apart, is_damaged, same_bytes, is_seen; /* by whom the new file belongs to */
    bool is_document, is_hidden; /* of a report, filed by this server; it is known to all, but not shown to them */
};

struct twins {
    struct twin at[TWINS_MAX];
    int count;
};

/* Both branches lead through ix_image_files_series or the unique index of instances: files beside instances are few. */
static bool find_twins(struct call *c, const struct filing *f, int64_t by, const struct image_file *row,
                       struct twins *out)
{
    struct cursor rows;
    struct str uid = f->instance.sop_instance_uid;
    out->count = 0;
    db_rows(c, &rows,
            "select f.id, f.uploaded_by, f.sha256, f.status, f.status_reason, 1, case when " VISIBLE_FILE
            " then 1 else 0 end, 0, f.is_report from image_files f where "
            "f.series_id = ? and f.sop_instance_uid = ? and f.is_instance = 1 and f.deleted_at is null "
            "union all select f.id, f.uploaded_by, f.sha256, f.status, f.status_reason, 0, case when " VISIBLE_FILE
            " then 1 else 0 end, f.is_apart, f.is_report from image_files f where "
            "f.series_id = ? and f.is_deleted = 0 and f.is_instance = 0 and f.sop_instance_uid = ?",
            VISIBLE_FILE_TO_USER(c, by), V(row->series_id), V(uid), VISIBLE_FILE_TO_USER(c, by), V(row->series_id),
            V(uid));
    while (out->count < TWINS_MAX && cursor_next(&rows)) {
        struct twin *twin = &out->at[out->count];
        twin->id = cursor_integer(&rows, 0);
        twin->uploaded_by = cursor_integer(&rows, 1);
        twin->same_bytes = str_equal(cursor_text(&rows, 2), row->sha256);
        twin->is_damaged = str_equal(cursor_text(&rows, 3), str_from(file_statuses[FILE_FAILED - 1]));
        twin->reason = twin->is_damaged ? arena_copy(&c->arena, cursor_text(&rows, 4)) : STR_NULL;
        twin->is_instance = cursor_integer(&rows, 5) != 0;
        twin->is_document = cursor_integer(&rows, 8) != 0;
        twin->is_hidden = cursor_integer(&rows, 6) == 0 && twin->is_document && !row->is_report;
        twin->is_seen = cursor_integer(&rows, 6) != 0 || row->is_report || twin->is_document;
        twin->is_apart = cursor_integer(&rows, 7) != 0;
        out->count += twin->id != row->id;
    }
    return cursor_close(&rows);
}

/* The same bytes are no second file. Of a damaged file those that lie beside the instance count, too: senders try
 * again. */
static bool find_known(struct filing *f, const struct twins *twins)
{
    for (int i = 0; i < twins->count; i++) {
        const struct twin *twin = &twins->at[i];
        if (!twin->is_seen || !twin->same_bytes || !(twin->is_instance || twin->is_apart || f->damage.at))
            continue;
        f->outcome = FILING_KNOWN;
        f->existing = twin->id;
        f->is_hidden = twin->is_hidden;
        return true;
    }
    return false;
}

bool filing_known_in(struct call *c, struct filing *f, int64_t by, const struct study_twin *study,
                     struct image_file *row)
{
    struct twins *twins = arena_new(&c->arena, struct twins);
    struct image_file there = *row;
    enum found found = db_find_integer(
        c, &there.series_id, "select id from series where study_id = ? and series_uid = ? and deleted_at is null",
        V(study->id), V(f->series.series_uid));
    if (found != FOUND)
        return found == NONE;
    there.patient_id = study->patient_id;
    there.study_id = study->id;
    if (!find_twins(c, f, by, &there, twins))
        return false;
    if (find_known(f, twins))
        *row = there;
    return true;
}

/* Those who keep a damaged file, and may see the intact one, read in its reason that it is there. A damaged instance
 * gives way. */
static bool step_aside(struct call *c, const struct twin *twin, int64_t by, int64_t study_id)
{
    bool tell = twin->uploaded_by == by;
    struct str reason = twin->reason;
    if (!tell && !twin->is_instance && twin->is_apart)
        return true;
    if (!tell && !visibility_is_assigned(c, twin->uploaded_by, study_id, &tell))
        return false;
    if (tell && str_find(reason, S(BESIDE_INTACT)) < 0)
        reason = arena_format(&c->arena, "%.*s" BESIDE_INTACT, STR_FMT(reason));
    else if (!twin->is_instance)
        return true;
    if (tell)
        return db_execute(c,
                          "update image_files set is_instance = 0, is_apart = 0, status_reason = ?, updated_at = ? "
                          "where id = ?",
                          V(reason), V(clock_now()), V(twin->id));
    return db_execute(c, "update image_files set is_instance = 0, is_apart = 1 where id = ?", V(twin->id));
}

static bool place_damaged(struct call *c, struct filing *f, const struct twin *instance, struct image_file *row)
{
    f->outcome = FILING_COPY;
    if (instance && !instance->is_damaged)
        row->status_reason = arena_format(&c->arena, "%.*s" BESIDE_INTACT, STR_FMT(f->damage));
    return true;
}

static bool place_other_version(struct call *c, struct filing *f, const struct twin *instance, struct image_file *row)
{
    f->outcome = FILING_COPY;
    row->is_apart = !instance;
    if (!instance || instance->same_bytes)
        return true; /* who sees both is told when they look (image_file_veil) */
    if (c->app->config.same_instance == SAME_INSTANCE_REFUSE) {
        f->refused = true;
        return fail(
            c, E_CONFLICT,
            "another file of this instance is filed already: the same SOP Instance UID (0008,0018) with other bytes");
    }
    row->status_reason = S(OTHER_VERSION);
    return true;
}

static bool place_instance(struct call *c, struct filing *f, const struct twins *twins, int64_t by,
                           struct image_file *row)
{
    f->outcome = FILING_FILED;
    row->is_instance = true;
    for (int i = 0; i < twins->count; i++)
        if (twins->at[i].is_damaged && !step_aside(c, &twins->at[i], by, row->study_id))
            return false;
    return true;
}

/* What came before the server filed its document is not it, unless the bytes are the same. */
static bool place_document(struct call *c, struct filing *f, const struct twins *twins, struct image_file *row)
{
    f->existing = 0;
    for (int i = 0; i < twins->count; i++) {
        const struct twin *twin = &twins->at[i];
        if (twin->same_bytes && !twin->is_damaged && (twin->is_instance || !f->existing))
            f->existing = twin->id;
    }
    f->outcome = f->existing ? FILING_KNOWN : FILING_FILED;
    row->is_instance = !f->existing;
    return report_files_take(c, row, f->existing);
}

/* Somebody's file with the UID of a document that was filed while this one waited for its patient. */
static bool refuse_document(struct call *c, struct filing *f)
{
    f->refused = true;
    return fail(c, E_CONFLICT, IS_A_DOCUMENT);
}

/* The instance; and what is it to the one who sends the new file, NULL: they see none. */
static const struct twin *find_instance(const struct twins *twins, const struct twin **seen)
{
    const struct twin *instance = NULL, *apart = NULL;
    for (int i = 0; i < twins->count; i++) {
        const struct twin *twin = &twins->at[i];
        if (twin->is_instance)
            instance = twin;
        else if (twin->is_apart && twin->is_seen && !apart)
            apart = twin;
    }
    *seen = instance && instance->is_seen ? instance : apart;
    return instance;
}

bool filing_instance(struct call *c, struct filing *f, int64_t by, struct image_file *row)
{
    struct twins *twins = arena_new(&c->arena, struct twins);
    const struct twin *instance, *seen;
    f->outcome = FILING_NONE;
    row->is_instance = row->is_apart = false;
    if (f->damage.at) {
        row->status = FILE_FAILED;
        row->status_reason = f->damage;
    }
    if (!find_twins(c, f, by, row, twins))
        return false;
    if (row->is_report && row->id <= 0 && !f->damage.at)
        return place_document(c, f, twins, row);
    instance = find_instance(twins, &seen);
    if (instance && instance->is_document && !row->is_report && (!instance->same_bytes || row->id > 0))
        return refuse_document(c, f);
    if (find_known(f, twins))
        return true;
    if (f->damage.at)
        return place_damaged(c, f, seen, row);
    if (instance && (instance->same_bytes || !instance->is_damaged))
        return place_other_version(c, f, seen, row);
    return place_instance(c, f, twins, by, row);
}

/* Of what lies beside an instance: the oldest that is set apart, else the oldest that is whole. */
static enum found find_next(struct call *c, const struct image_file *file, int64_t *next)
{
    return db_find_integer(
        c, next,
        "select f.id from image_files f where f.series_id = ? and f.is_deleted = 0 and f.is_instance = 0 and "
        "f.sop_instance_uid = ? and (f.is_apart = 1 or (f.status <> ? and f.damage is null and (f.status_reason is "
        "null or f.status_reason = ?))) order by f.is_apart desc, f.id limit 1",
        V(file->series_id), V(file->sop_instance_uid), V(str_from(file_statuses[FILE_FAILED - 1])),
        V(S(OTHER_VERSION)));
}

bool filing_instance_gone(struct call *c, const struct image_file *file)
{
    int64_t next;
    enum found found = file->is_instance ? find_next(c, file, &next) : NONE;
    return found == FOUND ? db_execute(c,
                                       "update image_files set is_instance = 1, is_apart = 0, status_reason = case "
                                       "when status_reason = ? then null else status_reason end where id = ?",
                                       V(S(OTHER_VERSION)), V(next))
                          : found == NONE;
}

/* The instance was a version beside `file` when that was deleted: it goes back there, or stays apart for its uploader
 * when they do not see the one that comes. */
static bool give_back(struct call *c, const struct image_file *file, const struct image_file *instance)
{
    bool tell = instance->uploaded_by == file->uploaded_by;
    if (!tell && !visibility_is_assigned(c, instance->uploaded_by, file->study_id, &tell))
        return false;
    bool same = str_equal(instance->sha256, file->sha256);
    return db_execute(c,
                      "update image_files set is_instance = 0, is_apart = ?, status_reason = coalesce(status_reason, "
                      "?) where id = ?",
                      V(!tell), tell && !same ? V(S(OTHER_VERSION)) : value_nothing(), V(instance->id));
}

bool filing_instance_back(struct call *c, const struct image_file *file)
{
    struct image_file there;
    bool seen;
    if (!file->is_instance && !file->is_apart)
        return true;
    enum found found = db_find(c, &image_file_schema, &there,
                               "where f.series_id = ? and f.sop_instance_uid = ? and f.is_instance = 1 and "
                               "f.deleted_at is null",
                               V(file->series_id), V(file->sop_instance_uid));
    if (found == NONE)
        return db_execute(c, "update image_files set is_instance = 1, is_apart = 0 where id = ?", V(file->id));
    if (found == FAILED || !visibility_of_file(c, there.id, &seen))
        return false;
    if (seen && file->is_instance && there.uploaded_at.us <= file->deleted_at.us)
        return give_back(c, file, &there);
    if (seen && file->is_instance)
        return fail(c, E_CONFLICT, "another file of this instance has been filed since: file %" PRId64, there.id);
    return db_execute(c, "update image_files set is_instance = 0, is_apart = 1 where id = ?", V(file->id));
}
