/* assignment.c - opens studies to accounts, roles and departments, and closes them again. */
#include "records/assignment.h"

#include "web/exchange.h"

struct assignment {
    int64_t id, user_id;
    struct str role, department;
};
#define OF_STUDY KEY(struct assignment, id, "The study that is opened.")
static const struct field to_user_fields[] = {
    OF_STUDY,
    KEY(struct assignment, user_id, "The account that is to see it."),
};
static const struct field to_role_fields[] = {
    OF_STUDY,
    FIELD(struct assignment, role, .flags = READ_ONLY, .min = 1, .max = 50, .example = "doctor",
          .doc = "The name of the role that is to see it."),
};
static const struct field to_department_fields[] = {
    OF_STUDY,
    FIELD(struct assignment, department, .flags = READ_ONLY, .min = 1, .max = 100, .example = "放射科",
          .doc = "The department that is to see it, as accounts name it."),
};
static const struct schema to_user = SCHEMA("StudyAssignment", struct assignment, to_user_fields);
static const struct schema to_role = SCHEMA("StudyRoleAssignment", struct assignment, to_role_fields);
static const struct schema to_department = SCHEMA("StudyDepartmentAssignment", struct assignment, to_department_fields);

static bool grantee_of(struct call *c, const struct assignment *in, struct grantee *out)
{
    const struct schema *schema = exchange_of(c)->endpoint->in;
    if (schema == &to_role)
        return grantee_find(c, arena_format(&c->arena, "role:%.*s", STR_FMT(in->role)), out);
    if (schema == &to_department) {
        *out = (struct grantee){ .kind = GRANTEE_DEPARTMENT, .name = in->department };
        return true;
    }
    return grantee_account(c, in->user_id, out);
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
    struct grantee to;
    struct study_opening opening = { in->id, &to, call_user(c), 0 };
    bool opened = false;
    if (!assignment_may_open(c, in->id, &opening.only_of) || !grantee_of(c, in, &to) ||
        !assignment_open(c, &opening, &opened))
        return false;
    if (opened)
        tell(c, true);
    return true;
}

static bool assignment_delete(struct call *c)
{
    const struct assignment *in = c->in;
    struct grantee to = { GRANTEE_USER, in->user_id, STR_NULL }; /* an account that is gone can be taken off, too */
    bool closed = false;
    if ((exchange_of(c)->endpoint->in != &to_user && !grantee_of(c, in, &to)) ||
        !assignment_may_close(c, in->id, &to) || !assignment_close(c, in->id, &to, &closed))
        return false;
    if (closed)
        tell(c, false);
    return true;
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
