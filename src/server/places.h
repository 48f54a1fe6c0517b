/* places.h - folders that a server may do without: BACKUP_TARGET, IMPORT_ROOT.
 *
 *     if (!places_open(app, &app->places, error)) ...
 *     if (places_backup_is_unfit(app->places, &since, &words)) ...
 *
 * They are looked at once, when the server starts, on a thread of their own: a network disk that hangs keeps neither
 * the start nor health waiting. What is wrong is said on standard error and in the log; the server goes on, for a disk
 * may come back. What becomes of a backup later says its job.
 */
#ifndef ROENTGEN_SERVER_PLACES_H
#define ROENTGEN_SERVER_PLACES_H

#include "site/app.h"

bool places_open(struct app *app, struct places **out, struct error *error);
void places_close(struct places *places); /* takes NULL; waits for the look */

/* Could no backup be made when it was looked, or has that look not come to an end? `since`: when it was begun. */
bool places_backup_is_unfit(const struct places *places, struct instant *since, const char **words);

/* Something that is wrong with what the operator has set. */
void places_warn(struct app *app, const char *event, const char *words);

#endif
