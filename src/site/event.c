/* event.c - the table of events. */
#include "site/event.h"

#include "site/announce.h"
#include "site/app.h"
#include "site/listen.h"
#include "schema/json.h"
#include "base/names.h"

const char *const event_types[] = { "missed",
                                    "file.stored",
                                    "file.changed",
                                    "file.deleted",
                                    "file.restored",
                                    "job.progress",
                                    "job.ended",
                                    "diagnosis.changed",
                                    "report.changed",
                                    "report.overdue",
                                    "report.critical",
                                    "report.follow_up",
                                    "report.late_result",
                                    NULL };
NAMES_REACH(event_types, EVENT_TYPES);

const char *const event_wishes[] = { "file",
                                     "job",
                                     "file.stored",
                                     "file.changed",
                                     "file.deleted",
                                     "file.restored",
                                     "job.progress",
                                     "job.ended",
                                     "diagnosis",
                                     "diagnosis.changed",
                                     "report",
                                     "report.changed",
                                     "report.overdue",
                                     "report.critical",
                                     "report.follow_up",
                                     "report.late_result",
                                     NULL };

uint64_t event_types_of(const struct texts *names)
{
    uint64_t mask = names->count ? 0 : UINT64_MAX;
    for (ptrdiff_t n = 0; n < names->count; n++)
        for (unsigned type = 1; type <= EVENT_TYPES; type++) {
            struct str name = choice_text(event_types, type), noun, verb;
            str_cut(name, '.', &noun, &verb);
            if (str_equal(name, names->items[n]) || str_equal(noun, names->items[n]))
                mask |= (uint64_t)1 << type;
        }
    return mask;
}

#define E(member, ...) FIELD(struct event, member, .flags = READ_ONLY, __VA_ARGS__)

static const struct field event_fields[] = {
    E(id, .doc = "Its place in the order of events; `Last-Event-ID` continues after it."),
    E(type, .choices = event_types, .type = "EventType", .doc = "What has happened."),
    E(created_at, .doc = "When."),
    FIELD(struct event, file_id, .flags = READ_ONLY | NULLABLE, .doc = "The file it is about."),
    FIELD(struct event, study_id, .flags = READ_ONLY | NULLABLE, .doc = "The study of that."),
    FIELD(struct event, job_id, .flags = READ_ONLY | NULLABLE, .doc = "The job it is about."),
    FIELD(struct event, diagnosis_id, .flags = READ_ONLY | NULLABLE, .doc = "The diagnosis it is about."),
    FIELD(struct event, report_id, .flags = READ_ONLY | NULLABLE, .doc = "The report it is about."),
    FIELD(struct event, state, .flags = READ_ONLY | NULLABLE, .doc = "How that stands.", .example = "UPLOADED"),
    FIELD(struct event, progress_done, .flags = READ_ONLY | NULLABLE, .doc = "How much of the job is done."),
    FIELD(struct event, progress_total, .flags = READ_ONLY | NULLABLE, .doc = "How much there is to do; 0: not known."),
};
const struct schema event_schema = SCHEMA("Event", struct event, event_fields, .doc = "Something that has happened.");

/* Those that it has. */
static uint64_t members_of(const struct event *event)
{
    uint64_t mask = 0;
    for (int i = 0; i < event_schema.count; i++) {
        const struct field *field = &event_schema.fields[i];
        int64_t id = INT64_C(1);
        if (field->kind == &kind_integer)
            memcpy(&id, (const char *)event + field->offset, sizeof(id));
        bool told = !strncmp(field->name, "progress_", 9)            ? event->job_id > 0
                    : field->offset == offsetof(struct event, state) ? event->state.len > 0
                                                                     : id > 0;
        mask |= told ? GIVEN(i) : 0;
    }
    return mask;
}

void event_put_json(struct text *out, const struct event *event, struct arena *arena)
{
    json_encode(out, &event_schema, event, members_of(event), arena);
}

static struct value id_or_nothing(int64_t id)
{
    return id > 0 ? V(id) : value_nothing();
}

static void tell_of_news(void *context)
{
    struct app *app = context;
    if (listening_is_heard(app->listening))
        listening_wake(app->listening);
    if (app->announcer)
        announcer_tell(app->announcer);
}

bool event_put(struct call *c, const struct event *event)
{
    bool is_job = event->job_id > 0;
    db_after_commit(c, tell_of_news, c->app);
    return db_execute(
        c,
        "insert into events(type, file_id, study_id, job_id, diagnosis_id, report_id, state, progress_done, "
        "progress_total, created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        V(choice_text(event_types, event->type)), id_or_nothing(event->file_id), id_or_nothing(event->study_id),
        id_or_nothing(event->job_id), id_or_nothing(event->diagnosis_id), id_or_nothing(event->report_id),
        V(event->state), is_job ? V(event->progress_done) : value_nothing(),
        is_job ? V(event->progress_total) : value_nothing(), V(clock_now()));
}

/* ---- places ---- */

enum { SETTLED_AT_ONCE = 64 };

struct settling {
    int64_t ids[SETTLED_AT_ONCE];
    int count;
};

static bool find_unsettled(struct call *c, struct settling *s)
{
    struct cursor rows;
    s->count = 0;
    for (db_rows(c, &rows, "select id from events where seq is null order by id limit ?", V(SETTLED_AT_ONCE));
         cursor_next(&rows);)
        s->ids[s->count++] = cursor_integer(&rows, 0);
    return cursor_close(&rows);
}

/* By their ids alone: a range would wait for rows in it that have not committed. */
static bool give_places(struct call *c, const struct settling *s, int64_t last)
{
    struct value values[2 + 2 * SETTLED_AT_ONCE];
    values[0] = values[1] = V(last);
    for (int i = 0; i < SETTLED_AT_ONCE; i++)
        values[2 + i] = values[2 + SETTLED_AT_ONCE + i] = V(i < s->count ? s->ids[i] : INT64_C(0));
    return db_execute_(c, "update events set seq = ? + field(id, " DB_MARKS_64 ") where id in (" DB_MARKS_64 ")",
                       (struct db_args){ values, 1 + 2 * SETTLED_AT_ONCE }, NULL) &&
           db_execute(c, "update event_places set seq = ? where id = 1", V(last + s->count));
}

/* Under the lock of the one row, which is held until the commit: who has it sees all places that were given. */
static bool settle_some(struct call *c, void *context)
{
    struct settling *s = context;
    int64_t last;
    return db_lock_integer(c, &last, "select seq from event_places where id = ?", V(INT64_C(1))) &&
           find_unsettled(c, s) && (!s->count || give_places(c, s, last));
}

bool events_settle(struct call *c)
{
    struct settling s = { .count = SETTLED_AT_ONCE };
    if (db_is_local(c->db))
        return true;
    if (!find_unsettled(c, &s)) /* asked without a lock, as nearly always there is nothing */
        return false;
    while (s.count) {
        db_release(c);
        if (!db_transact(c, settle_some, &s))
            return false;
        if (s.count < SETTLED_AT_ONCE)
            break;
    }
    return true;
}

bool events_last(struct call *c, int64_t *place)
{
    const char *sql =
        db_is_local(c->db) ? "select coalesce(max(id), 0) from events" : "select seq from event_places where id = 1";
    return db_integer(c, place, sql);
}

bool events_first(struct call *c, int64_t *place)
{
    enum found found =
        db_find_integer(c, place,
                        db_is_local(c->db) ? "select id from events order by id limit 1"
                                           : "select seq from events where seq is not null order by seq limit 1");
    if (found != NONE)
        return found == FOUND;
    int64_t last;
    if (!events_last(c, &last))
        return false;
    *place = last + 1;
    return true;
}

/* ---- reading ---- */

#define MEMBERS \
    ", type, created_at, file_id, study_id, job_id, state, progress_done, progress_total, diagnosis_id, " \
    "report_id from events where "

static void read_row(struct cursor *rows, struct event *out)
{
    *out = (struct event){
        .id = cursor_integer(rows, 0),
        .type = choice_of(event_types, cursor_text(rows, 1)),
        .created_at.us = cursor_integer(rows, 2),
        .file_id = cursor_integer(rows, 3),
        .study_id = cursor_integer(rows, 4),
        .job_id = cursor_integer(rows, 5),
        .state = arena_copy(&rows->call->arena, cursor_text(rows, 6)),
        .progress_done = cursor_integer(rows, 7),
        .progress_total = cursor_integer(rows, 8),
        .diagnosis_id = cursor_integer(rows, 9),
        .report_id = cursor_integer(rows, 10),
    };
}

bool events_read(struct call *c, int64_t after, struct event *out, int *count)
{
    struct cursor rows;
    *count = 0;
    for (db_rows(c, &rows,
                 db_is_local(c->db) ? "select id" MEMBERS "id > ? order by id limit ?"
                                    : "select seq" MEMBERS "seq > ? order by seq limit ?",
                 V(after), V(EVENTS_AT_ONCE));
         cursor_next(&rows);)
        read_row(&rows, &out[(*count)++]);
    return cursor_close(&rows);
}

/* ---- forgetting ---- */

struct forgetting {
    int64_t from, to, count;
};

static bool forget_some(struct call *c, void *context)
{
    struct forgetting *f = context;
    return db_execute_counted(c, &f->count, "delete from events where id between ? and ?", V(f->from), V(f->to));
}

/* Those with the lowest ids, up to the first that is to stay; there is no index by time. */
bool events_forget(struct call *c, int64_t *count, bool *more)
{
    enum { AT_ONCE = 500 };
    struct cursor rows;
    struct forgetting f = { .from = INT64_MAX };
    int64_t before_us = clock_now().us - EVENTS_KEPT_S * INT64_C(1000000), previous = 0;
    int old = 0;
    *count = 0;
    for (db_rows(c, &rows, "select id, created_at from events order by id limit ?", V(AT_ONCE + 1));
         cursor_next(&rows) && cursor_integer(&rows, 1) < before_us; old++) {
        int64_t id = cursor_integer(&rows, 0);
        f.from = old ? f.from : id;
        f.to = previous; /* the one before: there is always one that stays */
        previous = id;
    }
    if (!cursor_close(&rows))
        return false;
    db_release(c);
    *more = old > AT_ONCE;
    if (old < 2 || !db_transact(c, forget_some, &f))
        return old < 2;
    *count = f.count;
    return true;
}
