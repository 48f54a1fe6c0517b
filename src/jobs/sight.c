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
