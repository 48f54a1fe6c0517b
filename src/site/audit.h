/* audit.h - who did what to whose data, when, from where, and how it ended.
 *
 * A change and its row are one transaction. A read's row is queued in memory (audit_note) and written with the
 * writer's next group, within AUDIT_DELAY_MS: a power cut can lose the rows of that last moment, never a row of a
 * change. When the queue is full the reader waits for its own row instead (dispatch does so), so that no row of
 * anything done is ever skipped.
 *
 *     struct audit_entry entry;
 *     audit_entry_of(c, &entry);                               // actor.h: who, when, whence, and what was drafted
 *     if (!audit_note(c->app->audit, &entry)) ...              // of a read; full: write it before answering
 *
 * Rules do not come here: they draft the row through site/actor.h, and dispatch, a command or a thread has it written.
 * A noted entry is copied, but for its texts that have to be literals.
 *
 * What was refused is another matter: strangers choose how often that happens, and each row is disk that is never
 * given back. So refusals of requests that nobody stands behind leave none, except failed attempts to sign in; those,
 * and what people who are signed in were refused, leave a row while they are not too many (audit_admits). What is
 * left out is counted.
 */
#ifndef ROENTGEN_AUDIT_H
#define ROENTGEN_AUDIT_H

#include "base/call.h"
#include "db/db.h"

/* Rows for refusals: at once, and a minute after that. Of one account; of one network that nobody signed in from; of
 * all those. */
enum {
    AUDIT_REFUSED_ACCOUNT = 120,
    AUDIT_REFUSED_ACCOUNT_PER_MINUTE = 60,
    AUDIT_REFUSED_NETWORK = 300,
    AUDIT_REFUSED_NETWORK_PER_MINUTE = 60,
    AUDIT_REFUSED_STRANGERS = 3000,
    AUDIT_REFUSED_STRANGERS_PER_MINUTE = 600
};
enum { AUDIT_DONE = 200 }; /* the outcome of what succeeded, where no answer to a request says it more exactly */
enum { AUDIT_DELAY_MS = 500, AUDIT_QUEUE = 32768, AUDIT_BATCH = AUDIT_QUEUE * 3 / 4 };

struct audit_entry {
    struct instant at;
    const char *action, *entity;                        /* literals */
    int64_t user_id, api_key_id, entity_id, patient_id; /* 0: none */
    int outcome;                                        /* as statuses of HTTP say it */
    struct str detail;                                  /* a JSON object or null; a literal where the row is noted */
    char client[46];
    char request_id[37];
};

struct audit;
bool audit_open(struct db *db, struct audit **out, struct error *error);
void audit_close(struct audit *audit); /* writes what was noted, then frees; takes NULL; before db_close */

/* May one more refusal leave a row? Asked once for each. `user_id` 0: nobody signed in. */
bool audit_admits(struct audit *audit, int64_t user_id, struct str network);
int64_t audit_left_out(struct audit *audit); /* how many times the answer was no */

bool audit_note(struct audit *audit, const struct audit_entry *entry); /* false: full */
bool audit_insert(struct call *c, const struct audit_entry *entry);    /* inside a transaction */

#endif
