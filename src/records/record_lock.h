/* record_lock.h - who locks which records, and in which order.
 *
 *      patient -> study -> series -> file -> what follows from it: search words, chunks, counts kept by triggers
 *
 * Whoever changes a record, or puts something into one, locks all that stands to the left of it first, and only then
 * reads what decides what is done. So two who meet wait for each other in one order, and what was read is still so
 * when it is acted on. Of two patients the one with the smaller id comes first. A series is locked by its study:
 * nobody touches one without it.
 *
 *     bool study_delete(struct call *c, int64_t id)
 *         if (!lock_study(c, id, 0) || !study_load_to_change(c, id, &study))    // first locked, then read
 *
 * A record's parents have to be read before they can be locked, and may have changed by then: a study moved, a
 * patient merged into another. These functions look again when they have the locks, and begin the transaction anew
 * where it is so (db_again). They do not tell whether a record is there: reading it afterwards does.
 *
 *   operation                        locks
 *   upload, complete, file again     the patient found or stated, the study found, (the row)       filing.c
 *   register a study                 the patient                                                   patient_must_exist
 *   change, delete, restore a patient  the patient                                                 lock_patients
 *   merge                            both patients; then its studies, its files                    lock_patients
 *   move a study                     its patient and the new one, the study; then its files        lock_study
 *   change, delete, restore a study  its patient, the study; then its series, its files            lock_study
 *   open or close a study            its patient, the study                                        lock_study
 *   move a file                      its patient and the new one, its study, the file              lock_file
 *   change, delete, restore a file   its patient, its study, the file                              lock_file
 *   file an instance again           its patient, its study, the file                              lock_file
 *   act on a report, its priority    its patient, its study; then the report                       report_act.c
 *   act on a recommendation          the same of its report; then the row                          recommendation_act.c
 *   dismiss a late result            the same of its report; then the row                          late_result.c
 *   a model's result, judged         its patient, its study; then the result, what asks for more   critical_hold
 *   take or forget a chunk           the row of its upload; then the chunk                         upload_chunks.c
 *   cancel                           its patient, the file; then its chunks                        lock_file
 *   to the archive and back          the files that share the bytes, by the update alone           image_file_move.c
 *   If-Match                         as for changing what is asked for             lock_record, server/endpoints.c
 *   search words made anew           the words alone                                               search_hold
 *   purge                            the file that goes; or the study, its series                  purge.c
 *
 * What is locked here is about to change: the request's audit row tells what has become of it (audit_watch).
 *
 * On MySQL and MariaDB transactions are READ COMMITTED (mysql_pool.c): a plain select after a lock sees what was
 * committed before the lock was granted. On SQLite one transaction writes at a time, nothing can change under it, and
 * all of this costs nothing.
 */
#ifndef ROENTGEN_RECORD_LOCK_H
#define ROENTGEN_RECORD_LOCK_H

#include "db/db.h"

/* All inside a transaction. Ids that are not above 0 are passed over. False: the database failed, or it begins anew. */
bool lock_patients(struct call *c, int64_t one, int64_t other);
bool lock_study(struct call *c, int64_t id, int64_t other_patient);
bool lock_file(struct call *c, int64_t id, int64_t other_patient);
/* A file's patient alone, for who locks the rest by itself; *patient (INTEGER_NULL: none) cannot change any more. */
bool lock_patient_of_file(struct call *c, int64_t id, int64_t *patient);
/* A row of any table, by the rule above where it knows the table. */
bool lock_record(struct call *c, const char *table, int64_t id);

#endif
