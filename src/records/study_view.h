/* study_view.h - a study, or a series, as one account sees it that does not see all of its files.
 *
 *   sees all its files (assigned, image.read_all)   the record as it is
 *   registered it, or its first file did            the record; counts, and what else comes from files, of their own
 *   has a file of their own in it, no more          a view: what their own files said, as if these had registered it
 *
 * All films of a visit are in one study, whoever sent them, so that who reports it has them all. A sender that does
 * not see it otherwise still finds it, because their own file is in it, and learns nothing of it but what that file
 * said: not its description, nor who registered it, nor when. Changing it is not theirs.
 *
 * A view is a row of study_views or series_views: `id` is the study's or series', `created_by` whose view it is. It
 * is made when a file comes (filing.c) whose uploader has not made the study (series); who made it needs none.
 *
 *     struct study study;
 *     db_get(c, &study_schema, &study, ...) && study_veil(c, &study)      // as the caller may be told of it
 *
 * Veils change the record in place, in the call's arena. False: the database failed, and nothing may be sent.
 */
#ifndef ROENTGEN_STUDY_VIEW_H
#define ROENTGEN_STUDY_VIEW_H

#include "records/study.h"

extern const struct schema study_view_schema;  /* of a struct study: its words */
extern const struct schema series_view_schema; /* of a struct series */

/* Inside a transaction: `said` is what a file of `by` says, the members with the words filled in. Nothing to do when
 * there is a view already. */
bool study_view_keep(struct call *c, const struct study *said, int64_t study_id, int64_t by);
bool series_view_keep(struct call *c, const struct series *said, int64_t series_id, int64_t by);

/* The veil of studies: makes of the record what the caller is told of it. */
bool study_veil(struct call *c, void *record);
/* The same of a series, for a caller who does not see all files of its study. */
bool series_take_view(struct call *c, struct series *series);
/* Does the caller see all files of this study, which is as study_load leaves it? Who registered it does while nobody
 * else has sent any. */
bool study_shows_all_files(struct call *c, const struct study *study, bool *all);

/* Inside a transaction: a file of `by` names another patient than the study that its UID names. */
bool study_conflict_note(struct call *c, int64_t study_id, int64_t by);
/* Inside a transaction, locks it: what the caller is told of a study's conflict has been looked at. */
bool study_conflict_settle(struct call *c, int64_t study_id);

#endif
