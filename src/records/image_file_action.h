/* image_file_action.h - what can be done with many files at once: to each alone.
 *
 *     if (!image_file_action_allowed(c, ACTION_TAG)) return false;
 *     for (each id)
 *         image_file_act(c, id, ACTION_TAG, tags) ? done : c->error says why not; error_clear, and the next
 *
 * Each file is a commit of its own, with its own row in the audit log: one that fails changes nothing, and keeps none
 * of the others back.
 */
#ifndef ROENTGEN_IMAGE_FILE_ACTION_H
#define ROENTGEN_IMAGE_FILE_ACTION_H

#include "records/image_file.h"

enum image_file_action { ACTION_NONE, ACTION_DELETE, ACTION_RESTORE, ACTION_ARCHIVE, ACTION_TAG };
extern const char *const image_file_actions[];

/* May the caller do this to any file at all? E_FORBIDDEN otherwise. */
bool image_file_action_allowed(struct call *c, enum image_file_action action);
/* `tags`: with ACTION_TAG, those that the file is to have. E_NOT_FOUND, E_FORBIDDEN: image_file_change.h;
 * for ACTION_ARCHIVE see image_file_move.h. Outside a transaction, on a worker. */
bool image_file_act(struct call *c, int64_t id, enum image_file_action action, struct texts tags);

#endif
