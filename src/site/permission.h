/* permission.h - what people may do, and the roles a new installation starts with.
 *
 * Names are rows of the table `permissions`; roles and who has them live in the database too and can be changed
 * there. Here stands only what the program asks for. A principal's permissions are a mask with one bit for each.
 *
 *     .permission = MAY_READ_STUDIES                           // an endpoint's row: asked before anything is read
 *     if (call_may(c, MAY_READ_PATIENTS)) ...                  // inside a rule (actor.h)
 *
 * A right says what somebody may do, not to whose studies: that is records/visibility.h's. Adding one is a value here
 * and a row in permission.c, in this order; the next init-db adds it to the database and to the administrator's role,
 * to no other that is there. Names in the database that the program does not know are kept, and open nothing.
 */
#ifndef ROENTGEN_PERMISSION_H
#define ROENTGEN_PERMISSION_H

#include "base/call.h"

enum permission {
    MAY_READ_PATIENTS,
    MAY_CREATE_PATIENTS,
    MAY_UPDATE_PATIENTS,
    MAY_DELETE_PATIENTS,
    MAY_READ_STUDIES,
    MAY_CREATE_STUDIES,
    MAY_UPDATE_STUDIES,
    MAY_DELETE_STUDIES,
    MAY_READ_IMAGES,
    MAY_READ_ALL_IMAGES,
    MAY_UPLOAD_IMAGES,
    MAY_UPDATE_IMAGES,
    MAY_ANNOTATE_IMAGES,
    MAY_ARCHIVE_IMAGES,
    MAY_RUN_AI,
    MAY_REVIEW_AI,
    MAY_READ_REPORTS,
    MAY_CREATE_REPORTS,
    MAY_UPDATE_REPORTS,
    MAY_REVIEW_REPORTS,
    MAY_SIGN_REPORTS,
    MAY_STORE_DICOM,
    MAY_MANAGE_USERS,
    MAY_READ_AUDIT,
    MAY_READ_SYSTEM,
    MAY_READ_METRICS,
    MAY_MANAGE_SYSTEM,
    MAY_LEAD_REPORTS,
    PERMISSIONS,
    SIGNED_IN = -1, /* any account will do */
    ANYONE = -2     /* not even that */
};

struct permission_row {
    const char *name;
    const char *doc;
    bool needs_person; /* a judgement, or power over accounts: no key of a machine ever has it (people/api_key.h) */
};
extern const struct permission_row permission_rows[PERMISSIONS];

struct role_row {
    const char *name;
    const char *doc;
    const enum permission *permissions;
    int count;
};
extern const struct role_row role_rows[];
extern const int role_count;

#define PERMISSION_BIT(permission) ((uint64_t)1 << (permission))
int permission_of(struct str name); /* or -1: a name this program does not ask for */

/* Adds the permissions and roles that are missing; changes nothing that is there. Inside a transaction. */
bool permissions_seed(struct call *c, void *unused);

#endif
