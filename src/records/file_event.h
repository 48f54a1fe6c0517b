/* file_event.h - what happens to files, told (site/event.h). Who hears of it: visibility_hears. */
#ifndef ROENTGEN_FILE_EVENT_H
#define ROENTGEN_FILE_EVENT_H

#include "records/image_file.h"
#include "records/worklist.h"
#include "site/event.h"

/* Inside the transaction of the change; the row as it is now, or was before it was deleted. */
static inline bool image_file_tell(struct call *c, enum event_type type, const struct image_file *file)
{
    bool came = type != EVENT_FILE_DELETED; /* filed at last, or brought back */
    return (!came || worklist_file_came(c, file->study_id)) &&
           (type == EVENT_FILE_STORED ||
            (worklist_file_changed(c, file->study_id, file->id) && jobs_file_changed(&c->app->jobs, c, file->id))) &&
           (type != EVENT_FILE_STORED || jobs_file_stored(&c->app->jobs, c, file->id, file->study_id)) &&
           event_put(c, &(struct event){ .type = type,
                                         .file_id = file->id,
                                         .study_id = file->study_id,
                                         .state = choice_text(file_statuses, file->status) });
}

/* The same for many: db_execute(c, FILE_EVENTS "where f.study_id = ?", FILE_EVENTS_OF(EVENT_FILE_DELETED), V(study)).
 * Those who listen hear of it within a second. */
#define FILE_EVENTS \
    "insert into events(type, file_id, study_id, state, created_at) select ?, f.id, f.study_id, f.status, ? from " \
    "image_files f "
#define FILE_EVENTS_OF(type) V(choice_text(event_types, type)), V(clock_now())

#endif
