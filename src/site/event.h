/* event.h - what has happened, noted with the change itself, for those who want to hear of it (listen.h).
 *
 *     return db_update(c, ...) &&
 *            event_put(c, &(struct event){ .type = EVENT_FILE_STORED, .file_id = row.id, .study_id = row.study_id });
 *
 * An event is a row, written in the transaction of what it tells: either both happen or neither. It says little (what
 * kind of thing, which record, how it stands) and nothing of a patient: whoever hears it asks for the record, as which
 * they may see it. Rows stay for EVENTS_KEPT_S, so that whoever was cut off for less misses nothing.
 *
 * Events have places, 1, 2, 3, ...: nobody who has read up to a place finds later that something has come before it.
 *
 *     SQLite          the row's id: there is one writer, so ids are given in the order of the commits
 *     MySQL/MariaDB   a transaction may commit after one that began later, so its id says nothing; whoever reads first
 *                     gives places to what has committed (events_settle), one server at a time
 *
 *         transaction A   insert (id 7) ................................... commit
 *         transaction B          insert (id 8)   commit
 *         reader                                        8 gets place 101            7 gets place 102
 */
#ifndef ROENTGEN_EVENT_H
#define ROENTGEN_EVENT_H

#include "base/text.h"
#include "db/db.h"

enum event_type {
    EVENT_MISSED = 1, /* never a row: a listener has missed some, which are older than what is kept */
    EVENT_FILE_STORED,
    EVENT_FILE_CHANGED, /* its status: filed again, found to be damaged, archived */
    EVENT_FILE_DELETED,
    EVENT_FILE_RESTORED,
    EVENT_JOB_PROGRESS,
    EVENT_JOB_ENDED,         /* or waits to be tried again */
    EVENT_DIAGNOSIS_CHANGED, /* how it stands: asked, ended, judged */
    EVENT_REPORT_CHANGED,    /* begun, saved, taken by an editor, gone on to another status */
    EVENT_REPORT_OVERDUE,    /* a study should have been read by now; report_id where one is under way */
    EVENT_REPORT_CRITICAL,   /* what becomes of a critical result of it: marked, overdue, told of, cancelled */
    EVENT_REPORT_FOLLOW_UP,  /* what becomes of what it recommends: opened, overdue, completed, dismissed ... */
    EVENT_REPORT_LATE,       /* what becomes of a model's result that came after it was signed */
    EVENT_TYPES = EVENT_REPORT_LATE
};
extern const char *const event_types[]; /* names of enum event_type: noun.verb */

/* What may be wished for: a type by its name, or all types of a noun. */
extern const char *const event_wishes[];
/* A bit for each enum event_type that is wished for; no names: all. */
uint64_t event_types_of(const struct texts *names);

enum { EVENTS_KEPT_S = 65 * 60, EVENTS_AT_ONCE = 256 };

struct event {
    int64_t id; /* its place */
    unsigned type;
    struct instant created_at;
    int64_t file_id, study_id, job_id, diagnosis_id, report_id; /* 0 or null: it is not about one */
    struct str state;                                           /* as its record has it; null: not told */
    int64_t progress_done, progress_total;
};
extern const struct schema event_schema; /* as it is told; without a table */

/* As it is told: only the members that it has. */
void event_put_json(struct text *out, const struct event *event, struct arena *arena);

/* Inside a transaction. Listeners of this process hear it right after the commit, others within a second. */
bool event_put(struct call *c, const struct event *event);

/* Outside of transactions. Gives places to all that has committed by now. */
bool events_settle(struct call *c);
/* The place of the last event that has one; 0: there never was one. */
bool events_last(struct call *c, int64_t *place);
/* The first place that is still kept, or the next that will be given. */
bool events_first(struct call *c, int64_t *place);
/* Those after this place, EVENTS_AT_ONCE at most, in order. Texts are in the call's arena. */
bool events_read(struct call *c, int64_t after, struct event *out, int *count);
/* Removes some of those that are older than EVENTS_KEPT_S. *more: there may be others. The newest stays: its place is
 * where the next goes on. */
bool events_forget(struct call *c, int64_t *count, bool *more);

#endif
