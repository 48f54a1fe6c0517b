/* image_file_action.c - deletes, restores, tags or archives one file of many (image_file_action.h). */
#include "records/image_file_action.h"

#include "records/image_file_move.h"
#include "records/record_lock.h"
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

static bool set_tags(struct call *c, const struct image_file *file, struct texts tags)
{
    struct image_file change;
    schema_clear(&image_file_schema, &change);
    change.tags = tags;
    return db_update(c, &image_file_schema, &change, GIVEN(schema_find(&image_file_schema, S("tags"))), "where id = ?",
                     V(file->id));
}

static bool act(struct call *c, void *context)
{
    const struct acting *a = context;
    struct image_file file;
    if (!lock_file(c, a->id, 0) || !image_file_load_to_change(c, a->id, a->action == ACTION_RESTORE, &file))
        return false;
    audit_about(c, file.id, file.patient_id);
    bool ok = false;
    if (a->action == ACTION_DELETE)
        ok = image_file_delete(c, &file);
    else if (a->action == ACTION_RESTORE)
        ok = image_file_restore(c, &file);
    else
        ok = set_tags(c, &file, a->tags);
    return ok && audit_change(c);
}

bool image_file_act(struct call *c, int64_t id, enum image_file_action action, struct texts tags)
{
    struct acting acting = { id, action, tags };
    struct image_file moved;
    return action == ACTION_ARCHIVE ? image_file_archive(c, id, &moved) : db_transact(c, act, &acting);
}
