/* timeline.c - a patient's studies and files, in order of time. */
#include "records/timeline.h"

#include "db/db.h"
#include "records/image_file.h"
#include "records/patient.h"
#include "records/visibility.h"
#include "base/names.h"

static const char *const event_kinds[] = { "STUDY", "IMAGE_FILE", NULL };
NAMES_REACH(event_kinds, EVENT_IMAGE_FILE);
static const struct field event_fields[] = {
    FIELD(struct event, at, .doc = "When it came."),
    FIELD(struct event, kind, .choices = event_kinds, .type = "EventKind",
          .doc = "Whether it is a study or an image file."),
    FIELD(struct event, title, .flags = NULLABLE, .doc = "The study's description, or the name of the file."),
    FIELD(struct event, study_id, .flags = NULLABLE, .doc = "The study that it belongs to."),
    FIELD(struct event, image_file_id, .flags = NULLABLE, .doc = "The image file, where it is one."),
};
static const struct schema event_schema = SCHEMA("TimelineEvent", struct event, event_fields);

static const struct field timeline_fields[] = {
    FIELD(struct timeline, items, .of = &event_schema, .doc = "The latest 500 events, newest first."),
};
const struct schema timeline_schema =
    SCHEMA("Timeline", struct timeline, timeline_fields, .doc = "What came for a patient, newest first.");
enum { EVENTS_MAX = 3 * TIMELINE_MAX };

static bool add_events(struct call *c, struct cursor *rows, struct event *events, ptrdiff_t *count, bool files)
{
    for (; cursor_next(rows) && *count < EVENTS_MAX;) {
        struct event *e = &events[(*count)++];
        schema_clear(&event_schema, e);
        e->at = (struct instant){ cursor_integer(rows, 1) };
        e->kind = files ? EVENT_IMAGE_FILE : EVENT_STUDY;
        e->title = arena_copy(&c->arena, cursor_text(rows, 2));
        int64_t id = cursor_integer(rows, 0), study_id = files ? cursor_integer(rows, 3) : id;
        if (files)
            e->image_file_id = id;
        if (study_id)
            e->study_id = study_id;
    }
    return cursor_close(rows);
}

static int newest_first(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    return (x->at.us < y->at.us) - (x->at.us > y->at.us);
}

bool timeline_of_patient(struct call *c, int64_t patient_id, struct timeline *out)
{
    struct patient patient;
    struct cursor rows;
    struct event *events = arena_array(&c->arena, struct event, EVENTS_MAX);
    ptrdiff_t count = 0;
    audit_about(c, patient_id, patient_id);
    if (!patient_load(c, patient_id, &patient))
        return false;
    if (call_may(c, MAY_READ_STUDIES)) {
        db_rows(c, &rows,
                "select s.id, s.created_at, s.description from studies s where s.patient_id = ? and s.is_deleted = 0 "
                "and " VISIBLE_RECORD " order by s.created_at desc limit 500",
                V(patient_id), VISIBLE_TO(c));
        if (!add_events(c, &rows, events, &count, false))
            return false;
        db_rows(c, &rows, /* of those in which one has only a file: what that says */
                "select s.id, v.created_at, v.description from studies s join study_views v on v.id = s.id and "
                "v.created_by = ? and v.is_live = 1 where s.patient_id = ? and s.is_deleted = 0 and not " VISIBLE_RECORD
                " order by v.created_at desc limit 500",
                V(call_user(c)), V(patient_id), VISIBLE_TO(c));
        if (!add_events(c, &rows, events, &count, false))
            return false;
    }
    if (call_may(c, MAY_READ_IMAGES)) {
        db_rows(c, &rows,
                "select f.id, f.created_at, f.original_filename, f.study_id from image_files f where f.patient_id = ? "
                "and " IN_SIGHT("f") " and " VISIBLE_FILE " order by f.created_at desc limit 500",
                V(patient_id), VISIBLE_FILE_TO(c));
        if (!add_events(c, &rows, events, &count, true))
            return false;
    }
    qsort(events, (size_t)count, sizeof(*events), newest_first);
    out->items = (struct list){ events, count < TIMELINE_MAX ? count : TIMELINE_MAX };
    return true;
}
