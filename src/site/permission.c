/* permission.c - the tables of permissions and first roles, and their way into the database. */
#include "site/permission.h"

#include "db/db.h"

const struct permission_row permission_rows[PERMISSIONS] = {
    [MAY_READ_PATIENTS] = { "patient.read", "See patients." },
    [MAY_CREATE_PATIENTS] = { "patient.create", "Register patients." },
    [MAY_UPDATE_PATIENTS] = { "patient.update", "Change patients." },
    [MAY_DELETE_PATIENTS] = { "patient.delete", "Delete, restore and merge patients." },
    [MAY_READ_STUDIES] = { "study.read", "See studies." },
    [MAY_CREATE_STUDIES] = { "study.create", "Register studies." },
    [MAY_UPDATE_STUDIES] = { "study.update", "Change and assign studies." },
    [MAY_DELETE_STUDIES] = { "study.delete", "Delete studies." },
    [MAY_READ_IMAGES] = { "image.read",
                          "See one's own files and those of studies that are open to one: by name, role or "
                          "department." },
    [MAY_READ_ALL_IMAGES] = { "image.read_all", "See everybody's files; includes image.read." },
    [MAY_UPLOAD_IMAGES] = { "image.upload", "Upload files." },
    [MAY_UPDATE_IMAGES] = { "image.update", "Change, delete and restore others' files that one may see." },
    [MAY_ANNOTATE_IMAGES] = { "image.annotate", "Draw and measure on images." },
    [MAY_ARCHIVE_IMAGES] = { "image.archive", "Move files to and from the archive." },
    [MAY_RUN_AI] = { "ai.run", "Ask AI models." },
    [MAY_REVIEW_AI] = { "ai.review", "Judge answers of AI models." },
    [MAY_READ_REPORTS] = { "report.read", "Read reports." },
    [MAY_CREATE_REPORTS] = { "report.create", "Write reports; as the next three it includes report.read." },
    [MAY_UPDATE_REPORTS] = { "report.update", "Change reports." },
    [MAY_REVIEW_REPORTS] = { "report.review", "Review reports.", .needs_person = true },
    [MAY_SIGN_REPORTS] = { "report.sign", "Sign reports.", .needs_person = true },
    [MAY_STORE_DICOM] = { "dicom.store", "Send DICOM objects (machines)." },
    [MAY_MANAGE_USERS] = { "user.manage", "Manage accounts.", .needs_person = true },
    [MAY_READ_AUDIT] = { "audit.read", "Read the audit log." },
    [MAY_READ_SYSTEM] = { "system.read", "See the state of the server." },
    [MAY_READ_METRICS] = { "system.metrics", "Read metrics." },
    [MAY_MANAGE_SYSTEM] = { "system.manage", "Ask for work of the server itself, such as a purge." },
    [MAY_LEAD_REPORTS] = { "report.lead", "See what readers say of each other's reports." },
};

static const enum permission radiologist[] = { MAY_READ_PATIENTS,  MAY_READ_STUDIES,    MAY_READ_ALL_IMAGES,
                                               MAY_UPLOAD_IMAGES,  MAY_ANNOTATE_IMAGES, MAY_RUN_AI,
                                               MAY_REVIEW_AI,      MAY_CREATE_REPORTS,  MAY_UPDATE_REPORTS,
                                               MAY_REVIEW_REPORTS, MAY_SIGN_REPORTS };
static const enum permission doctor[] = { MAY_READ_PATIENTS,  MAY_CREATE_PATIENTS, MAY_UPDATE_PATIENTS,
                                          MAY_READ_STUDIES,   MAY_CREATE_STUDIES,  MAY_UPLOAD_IMAGES,
                                          MAY_READ_IMAGES,    MAY_ANNOTATE_IMAGES, MAY_RUN_AI,
                                          MAY_CREATE_REPORTS, MAY_UPDATE_REPORTS };
static const enum permission technician[] = { MAY_READ_PATIENTS,  MAY_CREATE_PATIENTS, MAY_READ_STUDIES,
                                              MAY_CREATE_STUDIES, MAY_UPDATE_STUDIES,  MAY_UPLOAD_IMAGES,
                                              MAY_READ_IMAGES,    MAY_UPDATE_IMAGES };
static const enum permission viewer[] = { MAY_READ_PATIENTS, MAY_READ_STUDIES, MAY_READ_IMAGES, MAY_READ_REPORTS };
static const enum permission service[] = { MAY_STORE_DICOM, MAY_UPLOAD_IMAGES };
static const enum permission interface[] = { MAY_READ_PATIENTS,   MAY_CREATE_PATIENTS, MAY_UPDATE_PATIENTS,
                                             MAY_DELETE_PATIENTS, MAY_READ_STUDIES,    MAY_CREATE_STUDIES,
                                             MAY_UPDATE_STUDIES,  MAY_READ_ALL_IMAGES };

#define ROLE(NAME, DOC, LIST) \
    { \
        NAME, DOC, LIST, (int)(sizeof(LIST) / sizeof(LIST[0])) \
    }
const struct role_row role_rows[] = {
    { "admin", "Everything.", NULL, 0 },
    ROLE("radiologist", "Reads studies, asks AI models, writes and signs reports.", radiologist),
    ROLE("doctor", "Keeps patients, uploads and reads own images, drafts reports.", doctor),
    ROLE("technician", "Registers patients and studies, uploads images.", technician),
    ROLE("nurse", "Looks at patients, studies, images and reports.", viewer),
    ROLE("viewer", "Looks at patients, studies, images and reports.", viewer),
    ROLE("service", "Machines that deliver images.", service),
    ROLE("interface", "Other systems of the hospital, which tell of patients and orders (HL7).", interface),
};
const int role_count = (int)(sizeof(role_rows) / sizeof(role_rows[0]));

int permission_of(struct str name)
{
    for (int i = 0; i < PERMISSIONS; i++)
        if (str_equal(name, str_from(permission_rows[i].name)))
            return i;
    return -1;
}

/* The id of the row called `name`, 0 when there is none. */
static bool find_id(struct call *c, const char *sql, struct str name, int64_t *id)
{
    *id = 0;
    return db_find_integer(c, id, sql, V(name)) != FAILED;
}

static bool seed_permissions(struct call *c)
{
    for (int i = 0; i < PERMISSIONS; i++) {
        int64_t id;
        struct str name = str_from(permission_rows[i].name);
        if (!find_id(c, "select id from permissions where name = ?", name, &id))
            return false;
        if (!id && !db_execute(c, "insert into permissions(name, description) values (?, ?)", V(name),
                               V(str_from(permission_rows[i].doc))))
            return false;
    }
    return true;
}

static bool grant(struct call *c, int64_t role_id, enum permission permission)
{
    return db_execute(c,
                      "insert into role_permissions(role_id, permission_id) "
                      "select ?, p.id from permissions p where p.name = ? and not exists "
                      "(select 1 from role_permissions r where r.role_id = ? and r.permission_id = p.id)",
                      V(role_id), V(str_from(permission_rows[permission].name)), V(role_id));
}

static bool seed_role(struct call *c, const struct role_row *role)
{
    int64_t id;
    struct str name = str_from(role->name);
    if (!find_id(c, "select id from roles where name = ?", name, &id))
        return false;
    bool is_new = id == 0;
    if (is_new) {
        if (!db_execute(c, "insert into roles(name, description, created_at) values (?, ?, ?)", V(name),
                        V(str_from(role->doc)), V(clock_now())) ||
            !find_id(c, "select id from roles where name = ?", name, &id))
            return false;
    }
    /* The administrator's role grows with the program; the others are the hospital's to change. */
    if (!role->permissions) {
        for (int i = 0; i < PERMISSIONS; i++)
            if (!grant(c, id, (enum permission)i))
                return false;
    } else if (is_new) {
        for (int i = 0; i < role->count; i++)
            if (!grant(c, id, role->permissions[i]))
                return false;
    }
    return true;
}

bool permissions_seed(struct call *c, void *unused)
{
    (void)unused;
    if (!seed_permissions(c))
        return false;
    for (int i = 0; i < role_count; i++)
        if (!seed_role(c, &role_rows[i]))
            return false;
    return true;
}
