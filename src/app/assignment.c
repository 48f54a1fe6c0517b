/* assignment.c - opens studies to accounts, roles and departments, and closes them again. */
#include "app/assignment.h"

#include "app/exchange.h"
#include "app/study.h"

static const char *const grantee_kinds[] = { "user", "role", "department", NULL };

/* ---- who ---- */

static bool no_such(struct call *c, const char *what, struct str name)
{
    return fail(c, E_NOT_FOUND, "there is no %s %.*s", what, STR_FMT(name));
}

static enum found find_user(struct call *c, struct str name, struct grantee *out)
{
    *out = (struct grantee){ .kind = GRANTEE_USER };
    return db_find_integer(c, &out->id, "select id from users where username = ? and deleted_at is null", V(name));
}

static enum found find_role(struct call *c, struct str name, struct grantee *out)
{
    *out = (struct grantee){ .kind = GRANTEE_ROLE };
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

/* ---- what is open to them ---- */

struct assigning {
    const char *find, *open, *close; /* parameters: study, whom (and by, at) */
};
static const struct assigning assigning[] = {
    [GRANTEE_USER] = { "select 1 from study_assignments where study_id = ? and user_id = ?",
                       "insert into study_assignments(study_id, user_id, created_by, created_at) values (?, ?, ?, ?)",
                       "delete from study_assignments where study_id = ? and user_id = ?" },
    [GRANTEE_ROLE] = { "select 1 from study_role_assignments where study_id = ? and role_id = ?",
                       "insert into study_role_assignments(study_id, role_id, created_by, created_at) values (?, ?, ?, ?)",
                       "delete from study_role_assignments where study_id = ? and role_id = ?" },
    [GRANTEE_DEPARTMENT] = { "select 1 from study_department_assignments where study_id = ? and department = ?",
                             "insert into study_department_assignments(study_id, department, created_by, created_at) "
                             "values (?, ?, ?, ?)",
                             "delete from study_department_assignments where study_id = ? and department = ?" },
};

static struct value whom(const struct grantee *to)
{
    return to->kind == GRANTEE_DEPARTMENT ? V(to->name) : V(to->id);
}

bool assignment_open(struct call *c, int64_t study_id, const struct grantee *to, int64_t by, bool *opened)
{
    int64_t one;
    if (opened)
        *opened = false;
    if (!db_lock(c, "select id from studies where id = ?", V(study_id)))
        return false;
    enum found found = db_find_integer(c, &one, assigning[to->kind].find, V(study_id), whom(to));
    if (found != NONE)
        return found == FOUND;
    if (!db_execute(c, assigning[to->kind].open, V(study_id), whom(to), V(by), V(clock_now())))
        return false;
    if (opened)
        *opened = true;
    return true;
}

bool assignment_close(struct call *c, int64_t study_id, const struct grantee *to)
{
    return db_execute(c, assigning[to->kind].close, V(study_id), whom(to));
}

bool assignment_forget(struct call *c, int64_t study_id)
{
    return db_execute(c, "delete from study_assignments where study_id = ?", V(study_id)) &&
           db_execute(c, "delete from study_role_assignments where study_id = ?", V(study_id)) &&
           db_execute(c, "delete from study_department_assignments where study_id = ?", V(study_id));
}

/* ---- endpoints ---- */

struct assignment {
    int64_t id, user_id;
    struct str role, department;
};
#define OF_STUDY FIELD(struct assignment, id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = "The study.")
static const struct field to_user_fields[] = {
    OF_STUDY,
    FIELD(struct assignment, user_id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = "The account."),
};
static const struct field to_role_fields[] = {
    OF_STUDY,
    FIELD(struct assignment, role, .flags = READ_ONLY, .min = 1, .max = 50, .example = "doctor", .doc = "The role."),
};
static const struct field to_department_fields[] = {
    OF_STUDY,
    FIELD(struct assignment, department, .flags = READ_ONLY, .min = 1, .max = 100, .example = "放射科",
          .doc = "The department, as accounts name it."),
};
static const struct schema to_user = SCHEMA("StudyAssignment", struct assignment, to_user_fields);
static const struct schema to_role = SCHEMA("StudyRoleAssignment", struct assignment, to_role_fields);
static const struct schema to_department = SCHEMA("StudyDepartmentAssignment", struct assignment, to_department_fields);

static bool grantee_of(struct call *c, const struct assignment *in, struct grantee *out)
{
    const struct schema *schema = exchange_of(c)->endpoint->in;
    if (schema == &to_role)
        return find_role(c, in->role, out) == FOUND || no_such(c, "role", in->role);
    if (schema == &to_department) {
        *out = (struct grantee){ .kind = GRANTEE_DEPARTMENT, .name = in->department };
        return true;
    }
    *out = (struct grantee){ .kind = GRANTEE_USER };
    return db_integer(c, &out->id, "select id from users where id = ? and deleted_at is null", V(in->user_id)) ||
           fail(c, E_NOT_FOUND, "user %" PRId64 " does not exist", in->user_id);
}

/* To whom it has been opened, or is closed now, in the audit row. */
static void tell(struct call *c, bool opens)
{
    const struct assignment *in = c->in;
    const struct schema *schema = exchange_of(c)->endpoint->in;
    struct assignment nobody;
    schema_clear(schema, &nobody);
    nobody.id = in->id;
    audit_changed(c, schema, opens ? &nobody : in, opens ? in : &nobody, UINT64_MAX);
}

static bool assignment_put(struct call *c)
{
    const struct assignment *in = c->in;
    struct study study;
    struct grantee to;
    bool opened = false;
    if (!study_load(c, in->id, &study) || !grantee_of(c, in, &to) ||
        !assignment_open(c, in->id, &to, call_user(c), &opened))
        return false;
    if (opened)
        tell(c, true);
    return true;
}

static bool assignment_delete(struct call *c)
{
    const struct assignment *in = c->in;
    struct study study;
    struct grantee to = { GRANTEE_USER, in->user_id, STR_NULL }; /* an account that is gone can be taken off, too */
    int64_t found = 0;
    if (!study_load(c, in->id, &study) || (exchange_of(c)->endpoint->in != &to_user && !grantee_of(c, in, &to)))
        return false;
    enum found was_open = db_find_integer(c, &found, assigning[to.kind].find, V(in->id), whom(&to));
    if (was_open == FOUND)
        tell(c, false);
    return was_open != FAILED && assignment_close(c, in->id, &to);
}

#define ASSIGNMENTS .tag = "studies", .entity = "study"
#define PATH "/api/v1/studies/{id}/assignments/"
static const struct endpoint rows[] = {
    { HTTP_PUT, PATH "{user_id}", assignment_put, &to_user, NULL, MAY_UPDATE_STUDIES, WRITES, ASSIGNMENTS,
      .audit = "study.assign", .summary = "Opens a study and its files to an account" },
    { HTTP_DELETE, PATH "{user_id}", assignment_delete, &to_user, NULL, MAY_UPDATE_STUDIES, WRITES, ASSIGNMENTS,
      .audit = "study.unassign", .summary = "Closes them to it again" },
    { HTTP_PUT, PATH "roles/{role}", assignment_put, &to_role, NULL, MAY_UPDATE_STUDIES, WRITES, ASSIGNMENTS,
      .audit = "study.assign", .summary = "Opens a study and its files to everybody with a role" },
    { HTTP_DELETE, PATH "roles/{role}", assignment_delete, &to_role, NULL, MAY_UPDATE_STUDIES, WRITES, ASSIGNMENTS,
      .audit = "study.unassign", .summary = "Closes them to the role again" },
    { HTTP_PUT, PATH "departments/{department}", assignment_put, &to_department, NULL, MAY_UPDATE_STUDIES, WRITES,
      ASSIGNMENTS, .audit = "study.assign", .summary = "Opens a study and its files to everybody of a department" },
    { HTTP_DELETE, PATH "departments/{department}", assignment_delete, &to_department, NULL, MAY_UPDATE_STUDIES, WRITES,
      ASSIGNMENTS, .audit = "study.unassign", .summary = "Closes them to the department again" },
};
ENDPOINT_TABLE(assignment_endpoints, rows);
