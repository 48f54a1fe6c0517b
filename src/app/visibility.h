/* visibility.h - who may see which study and which file: the only place that says it.
 *
 *     a patient   everybody with patient.read
 *     a study     who registered it (or whose upload did); whoever it is assigned to; image.read_all
 *     a file      who uploaded it; whoever its study is assigned to; image.read_all
 *
 * and none of them once it is deleted. What one may not see is answered like what is not there: by the same error, found out by the
 * same statement, so that not even the time tells. Counts count what the caller sees.
 *
 * One row, on its way out of the database:
 *
 *     db_get(c, &image_file_schema, &file, "where f.id = ? and f.is_deleted = 0 and " VISIBLE_FILE, V(id), VISIBLE_TO(c))
 *
 * A list, whose scopes each use their own index (listing.h); none means that the caller sees everything:
 *
 *     struct condition scopes[VISIBILITY_SCOPES];
 *     int count = visibility_file_scopes(c, scopes);
 *     list_answer(c, &file_listing, NULL, 0, scopes, count, TOTAL_UNKNOWN);
 *
 * Statements that read these tables for another reason (upkeep, unique numbers, counts of everything) are listed in
 * tests/api/test_visibility_queries.py, which fails when a new one is neither built from this file nor in its list.
 */
#ifndef ROENTGEN_VISIBILITY_H
#define ROENTGEN_VISIBILITY_H

#include "app/listing.h"

/* Conditions for one row of `image_files f`, of `studies s`. Their parameters are VISIBLE_TO(c), or VISIBLE_TO_USER when a file is placed for
 * somebody whose rights are those of the caller. */
#define VISIBLE_FILE \
    "(? = 1 or f.uploaded_by = ? or exists (select 1 from study_assignments va where va.user_id = ? and " \
    "va.study_id = f.study_id))"
#define VISIBLE_STUDY \
    "(? = 1 or s.created_by = ? or exists (select 1 from study_assignments va where va.user_id = ? and " \
    "va.study_id = s.id))"
#define VISIBLE_TO_USER(c, user) V(visibility_of_everything(c)), V(user), V(user)
#define VISIBLE_TO(c) VISIBLE_TO_USER(c, call_user(c))

/* Does the caller see the studies and files of everybody? */
bool visibility_of_everything(const struct call *c);
/* Does the caller see all files of this study (which they see), not only their own? */
bool visibility_of_study_files(struct call *c, int64_t study_id, bool *all);
/* Is the study assigned to this account, so that it sees all its files? For rules about somebody who is not the caller. */
bool visibility_is_assigned(struct call *c, int64_t user_id, int64_t study_id, bool *assigned);

/* The scopes of list_answer for what the caller may see: fills scopes, returns how many. 0: everything. */
enum { VISIBILITY_SCOPES = 2 };
int visibility_file_scopes(struct call *c, struct condition scopes[VISIBILITY_SCOPES]);
int visibility_study_scopes(struct call *c, struct condition scopes[VISIBILITY_SCOPES]);
/* For a list within one study whose files the caller does not see all of: their own. */
struct condition visibility_own_files(struct call *c);

#endif
