/* audit.h - who did what to whose data, when, from where, and how it ended.
 *
 * A change and its row are one transaction. A read's row is queued in memory (audit_note) and written with the writer's next
 * group, within AUDIT_DELAY_MS: a power cut can lose the rows of that last moment, never a row of a change. When the queue
 * is full the reader waits for its own row instead (dispatch does so), so that no row is ever skipped.
 */
#ifndef ROENTGEN_AUDIT_H
#define ROENTGEN_AUDIT_H

#include "base/call.h"
#include "db/db.h"

enum { AUDIT_DELAY_MS = 500, AUDIT_QUEUE = 32768, AUDIT_BATCH = AUDIT_QUEUE * 3 / 4 };

struct audit_entry {
    struct instant at;
    const char *action, *entity;            /* literals */
    int64_t user_id, entity_id, patient_id; /* 0: none */
    int outcome;                            /* HTTP status */
    char client[46];
    char request_id[37];
};

struct audit;
struct audit *audit_open(struct db *db);
void audit_close(struct audit *audit); /* writes what was noted, then frees; takes NULL; before db_close */

bool audit_note(struct audit *audit, const struct audit_entry *entry); /* false: full */
bool audit_insert(struct call *c, const struct audit_entry *entry);    /* inside a transaction */

#endif
