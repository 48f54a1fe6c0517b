/* assignment.c - opens studies to accounts, roles and departments, and closes them again. */
#include "records/assignment.h"

#include "records/record_lock.h"
#include "records/study.h"
#include "site/account_key.h"
#include "records/visibility.h"
#include "site/app.h"
#include "base/text.h"
#include "base/names.h"

static const char *const grantee_kinds[] = { "user", "role", "department", NULL };
NAMES_REACH(grantee_kinds, GRANTEE_DEPARTMENT);

/* ---- who ---- */

static bool no_such(struct call *c, const char *what, struct str name)
{
    return fail(c, E_NOT_FOUND, "there is no %s %.*s", what, STR_FMT(name));
}

static enum found find_user(struct call *c, struct str name, struct grantee *out)
{
    *out = (struct grantee){ .kind = GRANTEE_USER };
    return account_find(c, name, &out->id);
}

static enum found find_role(struct call *c, struct str name, struct grantee *out)
{
    *out = (struct grantee){ .kind = GRANTEE_ROLE, .name = name };
    return db_find_integer(c, &out->id, "select id from roles where name = ?", V(name));
}

bool grantee_find(struct call *c, struct str text, struct grantee *out)
{
    struct str kind, name;
    unsigned choice = str_cut(text, ':', &kind, &name) ? choice_of(grantee_kinds, kind) : GRANTEE_NONE;
    switch ((enum grantee_kind)choice) {
    case GRANTEE_USER:
        return find_user(c, name, out) == FOUND || no_such(c, "account", name);
    case GRANTEE_ROLE:
        return find_role(c, name, out) == FOUND || no_such(c, "role", name);
    case GRANTEE_DEPARTMENT:
        *out = (struct grantee){ .kind = GRANTEE_DEPARTMENT, .name = name };
        return name.len > 0 || no_such(c, "department", name);
    case GRANTEE_NONE:
        break;
    }
    enum found found = find_user(c, text, out);
    if (found == NONE)
        found = find_role(c, text, out);
    return found == FOUND || no_such(c, "account or role", text);
}

bool grantee_account(struct call *c, int64_t user_id, struct grantee *out)
{
    *out = (struct grantee){ .kind = GRANTEE_USER };
    return db_integer(c, &out->id, "select id from users where id = ? and deleted_at is null", V(user_id)) ||
           fail(c, E_NOT_FOUND, "user %" PRId64 " does not exist", user_id);
}

/* ---- what is open to them ---- */

struct assigning {
    const char *find, *open, *close; /* parameters: study, whom (and by, at, only of) */
};
static const struct assigning assigning[] = {
    [GRANTEE_USER] = { "select only_of from study_assignments where study_id = ? and user_id = ?",
                       "insert into study_assignments(study_id, user_id, created_by, created_at, only_of) "
                       "values (?, ?, ?, ?, ?)",
                       "delete from study_assignments where study_id = ? and user_id = ?" },
    [GRANTEE_ROLE] = { "select only_of from study_role_assignments where study_id = ? and role_id = ?",
                       "insert into study_role_assignments(study_id, role_id, created_by, created_at, only_of) "
                       "values (?, ?, ?, ?, ?)",
                       "delete from study_role_assignments where study_id = ? and role_id = ?" },
    [GRANTEE_DEPARTMENT] = { "select only_of from study_department_assignments where study_id = ? and department = ?",
                             "insert into study_department_assignments(study_id, department, created_by, created_at, "
                             "only_of) values (?, ?, ?, ?, ?)",
                             "delete from study_department_assignments where study_id = ? and department = ?" },
};
NAMES_REACH(assigning, GRANTEE_DEPARTMENT);

static struct value whom(const struct grantee *to)
{
    return to->kind == GRANTEE_DEPARTMENT ? V(to->name) : V(to->id);
}

bool assignment_may_open(struct call *c, int64_t study_id, int64_t *only_of)
{
    struct study study;
    bool all;
    if (!lock_study(c, study_id, 0) || !study_load_with_files(c, study_id, &study) ||
        !visibility_of_study_files(c, study_id, &all))
        return false;
    *only_of = all ? 0 : study.created_by; /* who registered it sees what is there, but not what others send later */
    return true;
}

bool assignment_may_close(struct call *c, int64_t study_id, const struct grantee *to)
{
    struct study study;
    int64_t only_of = 0;
    if (!lock_study(c, study_id, 0) || !study_load_to_change(c, study_id, &study) ||
        db_find_integer(c, &only_of, assigning[to->kind].find, V(study_id), whom(to)) == FAILED)
        return false;
    return only_of > 0 || study_load_with_files(c, study_id, &study);
}

bool assignment_open(struct call *c, const struct study_opening *o, bool *opened)
{
    int64_t only_of = 0;
    if (opened)
        *opened = false;
    if (!db_lock(c, "select id from studies where id = ?", V(o->study_id)))
        return false;
    enum found found = db_find_integer(c, &only_of, assigning[o->to->kind].find, V(o->study_id), whom(o->to));
    if (found == FAILED || (found == FOUND && (only_of == 0 || o->only_of > 0)))
        return found == FOUND;
    if ((found == FOUND && !db_execute(c, assigning[o->to->kind].close, V(o->study_id), whom(o->to))) ||
        !db_execute(c, assigning[o->to->kind].open, V(o->study_id), whom(o->to), V(o->by), V(clock_now()),
                    V(o->only_of)))
        return false;
    if (opened)
        *opened = true;
    return true;
}

bool assignment_close(struct call *c, int64_t study_id, const struct grantee *to, bool *closed)
{
    int64_t count = 0;
    if (!db_execute_counted(c, &count, assigning[to->kind].close, V(study_id), whom(to)))
        return false;
    if (closed)
        *closed = count > 0;
    return true;
}

struct str assignment_opened_detail(struct call *c, const struct grantee *to)
{
    enum { DETAIL_MAX = 2000 };
    struct text text;
    text_init(&text, DETAIL_MAX);
    if (to->kind == GRANTEE_USER) {
        text_format(&text, "{\"user_id\":{\"from\":null,\"to\":%" PRId64 "}}", to->id);
    } else {
        text_format(&text, "{\"%s\":{\"from\":null,\"to\":", grantee_kinds[to->kind - 1]);
        text_put_json_string(&text, to->name);
        text_put(&text, S("}}"));
    }
    struct str detail = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return detail;
}

bool assignment_forget(struct call *c, int64_t study_id)
{
    return db_execute(c, "delete from study_assignments where study_id = ?", V(study_id)) &&
           db_execute(c, "delete from study_role_assignments where study_id = ?", V(study_id)) &&
           db_execute(c, "delete from study_department_assignments where study_id = ?", V(study_id));
}
