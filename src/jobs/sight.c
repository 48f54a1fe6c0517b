/* sight.c - see sight.h. */
#include "jobs/sight.h"

#include "site/actor.h"

int jobs_in_sight(const struct call *c, struct condition *out)
{
    *out = (struct condition){ "j.asked_by = ?", V(call_user(c)) };
    return !call_may(c, MAY_READ_SYSTEM);
}

bool jobs_load(struct call *c, int64_t id, struct job *out)
{
    enum found found = db_find(c, &job_schema, out, "where j.id = ?", V(id));
    if (found == FAILED)
        return false;
    if (found == NONE || (!call_may(c, MAY_READ_SYSTEM) && out->asked_by != call_user(c)))
        return fail(c, E_NOT_FOUND, "job %" PRId64 " does not exist", id);
    return true;
}

bool jobs_hears(struct call *c, const struct event *event, const struct principal *const *who, int count, bool *hears)
{
    int64_t asked_by = 0;
    enum found found =
        db_find_integer(c, &asked_by, "select coalesce(asked_by, 0) from jobs where id = ?", V(event->job_id));
    for (int i = 0; found == FOUND && i < count; i++)
        hears[i] = principal_may(who[i], MAY_READ_SYSTEM) || (asked_by && who[i]->user_id == asked_by);
    return found != FAILED;
}
