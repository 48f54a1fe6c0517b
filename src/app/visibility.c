/* visibility.c - who may see which study and which file. */
#include "app/visibility.h"

enum { STUDY_MODALITIES_MAX = 64 }; /* that are told of one study */

bool visibility_of_everything(const struct call *c)
{
    return call_may(c, MAY_READ_ALL_IMAGES);
}

bool visibility_of_patients(const struct call *c)
{
    return !call_principal(c) || call_may(c, MAY_READ_PATIENTS);
}

bool visibility_is_assigned(struct call *c, int64_t user_id, int64_t study_id, bool *assigned)
{
    int64_t one;
    enum found found =
        db_find_integer(c, &one, "select 1 from studies s where s.id = ? and (" VISIBLE_ASSIGNED("s.id") ")",
                        V(study_id), V(user_id), V(user_id), V(user_id));
    *assigned = found == FOUND;
    return found != FAILED;
}

bool visibility_of_study_files(struct call *c, int64_t study_id, bool *all)
{
    *all = visibility_of_everything(c);
    return *all || visibility_is_assigned(c, call_user(c), study_id, all);
}

bool visibility_of_file(struct call *c, int64_t file_id, bool *sees)
{
    int64_t one;
    enum found found = db_find_integer(c, &one, "select 1 from image_files f where f.id = ? and " VISIBLE_FILE,
                                       V(file_id), VISIBLE_TO(c));
    *sees = found == FOUND;
    return found != FAILED;
}

/* ---- lists ---- */

struct condition visibility_own_files(struct call *c)
{
    return (struct condition){ "f.uploaded_by = ?", V(call_user(c)) };
}

/* Which of an account's role and department anything is assigned to: a scope that finds nothing costs a list more than asking first. */
enum { BY_ROLE = 1, BY_DEPARTMENT = 2 };
static int64_t shared_ways(struct call *c)
{
    int64_t ways = 0, me = call_user(c);
    db_integer(c, &ways,
               "select exists (select 1 from user_roles r join study_role_assignments a on a.role_id = r.role_id where "
               "r.user_id = ?) + 2 * exists (select 1 from users w join study_department_assignments a on "
               "a.department = w.department where w.id = ?)",
               V(me), V(me));
    return ways;
}

/* `own`: the first scope; `from[i]`: where those of an account, its roles and its department are found. */
static int scopes_of(struct call *c, struct condition own, const char *const from[3],
                     struct condition scopes[VISIBILITY_SCOPES])
{
    struct value me = V(call_user(c));
    int64_t ways = shared_ways(c);
    int count = 0;
    scopes[count++] = own;
    scopes[count++] = (struct condition){ "a.user_id = ?", me, .from = from[0] };
    if (ways & BY_ROLE)
        scopes[count++] = (struct condition){ "r.user_id = ?", me, .from = from[1] };
    if (ways & BY_DEPARTMENT)
        scopes[count++] = (struct condition){ "w.id = ?", me, .from = from[2] };
    return count;
}

#define BY_ROLE_FROM "user_roles r cross join study_role_assignments a on a.role_id = r.role_id cross join "
#define BY_DEPARTMENT_FROM \
    "users w cross join study_department_assignments a on a.department = w.department cross join "

int visibility_file_scopes(struct call *c, struct condition scopes[VISIBILITY_SCOPES])
{
    static const char *const from[] = { "study_assignments a cross join image_files f on f.study_id = a.study_id",
                                        BY_ROLE_FROM "image_files f on f.study_id = a.study_id",
                                        BY_DEPARTMENT_FROM "image_files f on f.study_id = a.study_id" };
    return visibility_of_everything(c) ? 0 : scopes_of(c, visibility_own_files(c), from, scopes);
}

int visibility_study_scopes(struct call *c, struct condition scopes[VISIBILITY_SCOPES])
{
    static const char *const from[] = { "study_assignments a cross join studies s on s.id = a.study_id",
                                        BY_ROLE_FROM "studies s on s.id = a.study_id",
                                        BY_DEPARTMENT_FROM "studies s on s.id = a.study_id" };
    struct condition own = { "s.created_by = ?", V(call_user(c)) };
    return visibility_of_everything(c) ? 0 : scopes_of(c, own, from, scopes);
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
    *out = (struct visible_share){ .modalities.items = arena_array(&c->arena, struct str, STUDY_MODALITIES_MAX) };
    for (db_rows(c, &rows,
                 "select x.modality, count(distinct x.id), count(*), sum(f.file_size) from image_files f join series x "
                 "on x.id = f.series_id where f.study_id = ? and f.is_deleted = 0 and f.is_instance = 1 and "
                 "f.uploaded_by = ? group by x.modality order by x.modality",
                 V(study_id), V(call_user(c)));
         cursor_next(&rows);) {
        struct str modality = arena_copy(&c->arena, cursor_text(&rows, 0));
        if (modality.len && out->modalities.count < STUDY_MODALITIES_MAX)
            out->modalities.items[out->modalities.count++] = modality;
        out->series += cursor_integer(&rows, 1);
        out->instances += cursor_integer(&rows, 2);
        out->bytes += cursor_integer(&rows, 3);
    }
    return cursor_close(&rows);
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
    return cursor_close(&rows);
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
