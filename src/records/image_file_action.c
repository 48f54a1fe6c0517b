/* image_file_action.c - deletes, restores, tags or archives one file of many (image_file_action.h). */
#include "records/image_file_action.h"

#include "records/image_file_change.h"
#include "records/image_file_move.h"
#include "site/actor.h"
#include "base/names.h"

const char *const image_file_actions[] = { "delete", "restore", "archive", "tag", NULL };
NAMES_REACH(image_file_actions, ACTION_TAG);

bool image_file_action_allowed(struct call *c, enum image_file_action action)
{
    return action != ACTION_ARCHIVE || call_may(c, MAY_ARCHIVE_IMAGES) ||
           fail(c, E_FORBIDDEN, "this needs the permission %s", permission_rows[MAY_ARCHIVE_IMAGES].name);
}

struct acting {
    int64_t id;
    enum image_file_action action;
    struct texts tags;
};

static bool act(struct call *c, void *context)
{
    const struct acting *a = context;
    bool ok = a->action == ACTION_DELETE    ? image_file_delete(c, a->id)
              : a->action == ACTION_RESTORE ? image_file_restore(c, a->id, NULL)
                                            : image_file_tag(c, a->id, a->tags);
    return ok && audit_change(c);
}

bool image_file_act(struct call *c, int64_t id, enum image_file_action action, struct texts tags)
{
    struct acting acting = { id, action, tags };
    struct image_file moved;
    return action == ACTION_ARCHIVE ? image_file_archive(c, id, &moved) : db_transact(c, act, &acting);
}
