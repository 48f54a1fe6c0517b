/* visibility.c - who may see which study and which file. */
#include "app/visibility.h"

enum { MODALITIES_MAX = 64 };

bool visibility_of_everything(const struct call *c)
{
    return principal_may(c->principal, MAY_READ_ALL_IMAGES);
}

bool visibility_of_patients(const struct call *c)
{
    return !c->principal || principal_may(c->principal, MAY_READ_PATIENTS);
}

bool visibility_is_assigned(struct call *c, int64_t user_id, int64_t study_id, bool *assigned)
{
    int64_t found = 0;
    *assigned = db_integer(c, &found, "select 1 from studies s where s.id = ? and (" VISIBLE_ASSIGNED("s.id") ")",
                           V(study_id), V(user_id), V(user_id), V(user_id));
    return c->error.code == E_NONE;
}

bool visibility_of_study_files(struct call *c, int64_t study_id, bool *all)
{
    *all = visibility_of_everything(c);
    return *all || visibility_is_assigned(c, call_user(c), study_id, all);
}

bool visibility_of_file(struct call *c, int64_t file_id, bool *sees)
{
    int64_t found = 0;
    *sees = db_integer(c, &found, "select 1 from image_files f where f.id = ? and " VISIBLE_FILE, V(file_id),
                       VISIBLE_TO(c));
    return c->error.code == E_NONE;
}

/* ---- lists ---- */

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
    scopes[2] = (struct condition){ "r.user_id = ?", V(call_user(c)),
                                    .from = "user_roles r cross join study_role_assignments a on a.role_id = r.role_id "
                                            "cross join image_files f on f.study_id = a.study_id" };
    scopes[3] =
        (struct condition){ "w.id = ?", V(call_user(c)),
                            .from = "users w cross join study_department_assignments a on a.department = w.department "
                                    "cross join image_files f on f.study_id = a.study_id" };
    return 4;
}

int visibility_study_scopes(struct call *c, struct condition scopes[VISIBILITY_SCOPES])
{
    if (visibility_of_everything(c))
        return 0;
    scopes[0] = (struct condition){ "s.created_by = ?", V(call_user(c)) };
    scopes[1] = (struct condition){ "a.user_id = ?", V(call_user(c)),
                                    .from = "study_assignments a cross join studies s on s.id = a.study_id" };
    scopes[2] = (struct condition){ "r.user_id = ?", V(call_user(c)),
                                    .from = "user_roles r cross join study_role_assignments a on a.role_id = r.role_id "
                                            "cross join studies s on s.id = a.study_id" };
    scopes[3] =
        (struct condition){ "w.id = ?", V(call_user(c)),
                            .from = "users w cross join study_department_assignments a on a.department = w.department "
                                    "cross join studies s on s.id = a.study_id" };
    return 4;
}

struct condition visibility_own_series(struct call *c)
{
    return (struct condition){ "exists (select 1 from image_files f where f.series_id = x.id and f.is_deleted = 0 and "
                               "f.is_instance = 1 and f.uploaded_by = ?)",
                               V(call_user(c)) };
}

#define PATIENT_HAS_VISIBLE \
    "(exists (select 1 from patient_uploads k where k.patient_id = p.id and k.uploaded_by = ? and k.files > 0) or " \
    "exists (select 1 from studies s where s.patient_id = p.id and s.is_deleted = 0 and (" VISIBLE_ASSIGNED( \
        "s.id") ") and " \
                "exists (select 1 from image_files f where f.study_id = s.id and f.is_deleted = 0)))"

struct condition visibility_patients_with_files(struct call *c, bool with)
{
    struct value me = V(call_user(c));
    if (visibility_of_everything(c))
        return (struct condition){ "p.has_images = ?", V(with) };
    return (struct condition){ with ? "p.has_images = 1 and " PATIENT_HAS_VISIBLE
                                    : "(p.has_images = 0 or not " PATIENT_HAS_VISIBLE ")",
                               me,
                               { me, me, me } };
}

/* ---- counts ---- */

bool visibility_share_of_study(struct call *c, int64_t study_id, struct visible_share *out)
{
    struct cursor rows;
    *out = (struct visible_share){ .modalities.items = arena_array(&c->arena, struct str, MODALITIES_MAX) };
    for (db_rows(c, &rows,
                 "select x.modality, count(distinct x.id), count(*), sum(f.file_size) from image_files f join series x "
                 "on x.id = f.series_id where f.study_id = ? and f.is_deleted = 0 and f.is_instance = 1 and "
                 "f.uploaded_by = ? group by x.modality order by x.modality",
                 V(study_id), V(call_user(c)));
         cursor_next(&rows);) {
        struct str modality = arena_copy(&c->arena, cursor_text(&rows, 0));
        if (modality.len && out->modalities.count < MODALITIES_MAX)
            out->modalities.items[out->modalities.count++] = modality;
        out->series += cursor_integer(&rows, 1);
        out->instances += cursor_integer(&rows, 2);
        out->bytes += cursor_integer(&rows, 3);
    }
    cursor_close(&rows);
    return c->error.code == E_NONE;
}

bool visibility_share_of_series(struct call *c, int64_t series_id, struct visible_share *out)
{
    struct cursor rows;
    *out = (struct visible_share){ .series = 1 };
    db_rows(c, &rows,
            "select count(*), sum(f.file_size) from image_files f where f.series_id = ? and f.is_deleted = 0 and "
            "f.is_instance = 1 and f.uploaded_by = ?",
            V(series_id), V(call_user(c)));
    if (cursor_next(&rows)) {
        out->instances = cursor_integer(&rows, 0);
        out->bytes = cursor_integer(&rows, 1);
    }
    cursor_close(&rows);
    return c->error.code == E_NONE;
}

bool visibility_count_patient_files(struct call *c, int64_t patient_id, int64_t *files)
{
    struct value patient = V(patient_id), me = V(call_user(c));
    return db_integer(c, files,
                      "select coalesce((select k.files from patient_uploads k where k.patient_id = ? and "
                      "k.uploaded_by = ?), 0) + coalesce((select sum((select count(*) from image_files f where "
                      "f.study_id = s.id and f.is_deleted = 0 and f.uploaded_by <> ?)) from studies s where "
                      "s.patient_id = ? and s.is_deleted = 0 and (" VISIBLE_ASSIGNED("s.id") ")), 0)",
                      patient, me, me, patient, me, me, me);
}
