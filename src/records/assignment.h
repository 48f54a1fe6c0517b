/* assignment.h - to whom a study is open besides who registered it and who sees everything: accounts, roles,
 * departments.
 *
 *     struct grantee who;
 *     struct study_opening opening = { study_id, &who, call_user(c), 0 };
 *     grantee_find(c, S("role:doctor"), &who) && assignment_may_open(c, study_id, &opening.only_of) &&
 *         assignment_open(c, &opening, NULL)
 *
 * What an assignment lets see is visibility.h's word: the study and all its files, also those that come later. Who
 * registered a study and does not see what others may send later opens no more than their own files: only_of is then
 * their account, until somebody opens all of it. A department is what accounts have in their `department`, letter by
 * letter; who comes into a role or department later sees what is assigned to it.
 *
 * A grantee's name is the caller's text. False: E_NOT_FOUND for whom there is none, or the database failed.
 */
#ifndef ROENTGEN_ASSIGNMENT_H
#define ROENTGEN_ASSIGNMENT_H

#include "base/call.h"
#include "schema/field.h"

enum grantee_kind { GRANTEE_NONE, GRANTEE_USER, GRANTEE_ROLE, GRANTEE_DEPARTMENT };
struct grantee {
    enum grantee_kind kind;
    int64_t id;      /* of an account or role */
    struct str name; /* of a role or department */
};

/* "user:li", "role:doctor", "department:放射科"; without a kind an account, else a role. E_NOT_FOUND: there is none. */
bool grantee_find(struct call *c, struct str text, struct grantee *out);
/* The account with this id; E_NOT_FOUND: there is none. */
bool grantee_account(struct call *c, int64_t user_id, struct grantee *out);

/* Inside a transaction, before the next two, for somebody who wants it: they lock the study. E_FORBIDDEN: the caller
 * does not see all of its files, and gives none of them away, nor takes them away; but what opens only_of somebody may
 * be closed by who may change the study. E_NOT_FOUND: they see not even the study. */
bool assignment_may_open(struct call *c, int64_t study_id, int64_t *only_of);
bool assignment_may_close(struct call *c, int64_t study_id, const struct grantee *to);
/* Inside a transaction, when that is known. Both are done when they are done already; *opened, *closed (may be NULL):
 * it was not. */
struct study_opening {
    int64_t study_id;
    const struct grantee *to;
    int64_t by;      /* who does it */
    int64_t only_of; /* whose files; 0: everybody's */
};
bool assignment_open(struct call *c, const struct study_opening *o, bool *opened);
bool assignment_close(struct call *c, int64_t study_id, const struct grantee *to, bool *closed);
/* What the audit row of opening it says, as that of a request does: {"user_id":{"from":null,"to":7}}. */
struct str assignment_opened_detail(struct call *c, const struct grantee *to);
/* Before the study itself goes for good. */
bool assignment_forget(struct call *c, int64_t study_id);

#endif
