/* visibility.c - who may see which study and which file. */
#include "app/visibility.h"

bool visibility_of_everything(const struct call *c)
{
    return principal_may(c->principal, MAY_READ_ALL_IMAGES);
}

bool visibility_is_assigned(struct call *c, int64_t user_id, int64_t study_id, bool *assigned)
{
    int64_t found = 0;
    *assigned = db_integer(c, &found, "select 1 from study_assignments where user_id = ? and study_id = ?", V(user_id),
                           V(study_id));
    return c->error.code == E_NONE;
}

bool visibility_of_study_files(struct call *c, int64_t study_id, bool *all)
{
    *all = visibility_of_everything(c);
    return *all || visibility_is_assigned(c, call_user(c), study_id, all);
}

struct condition visibility_own_files(struct call *c)
{
    return (struct condition){ "f.uploaded_by = ?", V(call_user(c)) };
}

int visibility_file_scopes(struct call *c, struct condition scopes[VISIBILITY_SCOPES])
{
    if (visibility_of_everything(c))
        return 0;
    scopes[0] = visibility_own_files(c);
    scopes[1] = (struct condition){ "a.user_id = ?", V(call_user(c)),
                                    .from = "study_assignments a cross join image_files f on f.study_id = a.study_id" };
    return 2;
}

int visibility_study_scopes(struct call *c, struct condition scopes[VISIBILITY_SCOPES])
{
    if (visibility_of_everything(c))
        return 0;
    scopes[0] = (struct condition){ "s.created_by = ?", V(call_user(c)) };
    scopes[1] = (struct condition){ "a.user_id = ?", V(call_user(c)),
                                    .from = "study_assignments a cross join studies s on s.id = a.study_id" };
    return 2;
}
