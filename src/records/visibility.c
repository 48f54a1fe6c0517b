/* visibility.c - who may see which study and which file. */
#include "records/visibility_parts.h"

#include "site/event.h"

struct principal visibility_of_server(uint64_t permissions)
{
    return (struct principal){ .permissions = permissions | PERMISSION_BIT(MAY_READ_ALL_IMAGES) |
                                              PERMISSION_BIT(MAY_READ_IMAGES) };
}

bool visibility_of_everything(const struct call *c)
{
    return call_may(c, MAY_READ_ALL_IMAGES);
}

bool visibility_of_reports(const struct call *c)
{
    return !call_principal(c) || call_may(c, MAY_READ_REPORTS);
}

bool visibility_of_all_files(const struct call *c)
{
    return visibility_of_everything(c) && visibility_of_reports(c);
}

bool visibility_of_patients(const struct call *c)
{
    return !call_principal(c) || call_may(c, MAY_READ_PATIENTS);
}

bool visibility_of_studies(const struct call *c)
{
    return !call_principal(c) || call_may(c, MAY_READ_STUDIES) || call_may(c, MAY_READ_IMAGES);
}

bool visibility_asks_for_patients(struct call *c, bool asked, const char *what)
{
    return !asked || visibility_of_patients(c) ||
           fail(c, E_FORBIDDEN, "%s needs the permission %s", what, permission_rows[MAY_READ_PATIENTS].name);
}

int64_t visibility_opened_to(const struct call *c, int64_t user)
{
    return visibility_of_studies(c) ? user : 0;
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

bool visibility_of_opened(struct call *c, int64_t study_id, bool *all, bool *some)
{
    int64_t how = 0;
    struct value me = V(call_user(c));
    enum found found = db_find_integer(c, &how,
                                       "select case when " VISIBLE_ASSIGNED("s.id") " then 2 when " VISIBLE_OPENED(
                                           "s.id") " then 1 else 0 end from studies s where s.id = ?",
                                       me, me, me, me, me, me, V(study_id));
    *all = *all || how == 2;
    *some = *some || how > 0;
    return found != FAILED;
}

bool visibility_opened_of(struct call *c, int64_t study_id, int64_t *only_of)
{
    struct value me = V(visibility_opened_to(c, call_user(c)));
    *only_of = 0;
    return db_find_integer(c, only_of,
                           "select s.created_by from studies s where s.id = ? and (" VISIBLE_OPENED(
                               "s.id") ") and not "
                                       "(" VISIBLE_ASSIGNED("s.id") ")",
                           V(study_id), me, me, me, me, me, me) != FAILED;
}

bool visibility_hides_files_of_study(struct call *c, int64_t study_id, bool *hides)
{
    int64_t one;
    bool all;
    *hides = false;
    if (!visibility_of_study_files(c, study_id, &all) || all)
        return !c->error.code;
    enum found found = db_find_integer(
        c, &one,
        "select 1 from image_files f where f.study_id = ? and f.is_report = 0 and not " VISIBLE_FILE " limit 1",
        V(study_id), VISIBLE_FILE_TO(c));
    *hides = found == FOUND;
    return found != FAILED;
}

bool visibility_of_study_record(struct call *c, int64_t study_id, bool *whole)
{
    int64_t one;
    enum found found = db_find_integer(c, &one, "select 1 from studies s where s.id = ? and " VISIBLE_RECORD,
                                       V(study_id), VISIBLE_TO(c));
    *whole = found == FOUND;
    return found != FAILED;
}

bool visibility_of_documents(struct call *c, int64_t study_id, bool *sees)
{
    *sees = false;
    return !visibility_of_reports(c) || visibility_of_study_record(c, study_id, sees);
}

bool visibility_of_file(struct call *c, int64_t file_id, bool *sees)
{
    int64_t one;
    enum found found = db_find_integer(
        c, &one,
        "select 1 from image_files f where f.id = ? and case when f.deleted_at is null then case when " VISIBLE_FILE
        " then 1 else 0 end else case when " VISIBLE_DELETED_FILE " then 1 else 0 end end = 1",
        V(file_id), VISIBLE_FILE_TO(c), VISIBLE_FILE_TO(c));
    *sees = found == FOUND;
    return found != FAILED;
}

/* ---- events ---- */

/* Nearly always this decides for all accounts: whose the file is, and that its study is assigned to nobody. */
struct heard {
    int64_t uploaded_by;
    bool assigned, is_report;
};
static enum found find_heard(struct call *c, const struct event *event, struct heard *out)
{
    struct cursor rows;
    db_rows(
        c, &rows,
        "select f.uploaded_by, case when exists (select 1 from study_assignments a where a.study_id = f.study_id) or "
        "exists (select 1 from study_role_assignments a where a.study_id = f.study_id) or exists (select 1 from "
        "study_department_assignments a where a.study_id = f.study_id) then 1 else 0 end, case when " IN_SIGHT(
            "f") " then 1 else 0 end, f.is_report from image_files f where f.id = ?",
        V(event->file_id));
    bool there = cursor_next(&rows);
    if (there) {
        *out = (struct heard){ cursor_integer(&rows, 0), cursor_integer(&rows, 1) != 0, cursor_integer(&rows, 3) != 0 };
        there = event->type == EVENT_FILE_DELETED || cursor_integer(&rows, 2);
    }
    return !cursor_close(&rows) ? FAILED : there ? FOUND : NONE;
}

bool visibility_hears(struct call *c, const struct event *event, const struct principal *const *who, int count,
                      bool *hears)
{
    struct heard heard = { 0 };
    enum found found = find_heard(c, event, &heard);
    for (int i = 0; found == FOUND && i < count; i++) {
        c->actor->principal = who[i];
        if (!call_may(c, MAY_READ_IMAGES))
            continue;
        hears[i] = !heard.is_report && (visibility_of_everything(c) || who[i]->user_id == heard.uploaded_by);
        if (!hears[i] && (heard.assigned || heard.is_report) && !visibility_of_file(c, event->file_id, &hears[i]))
            return false;
    }
    return found != FAILED;
}

/* ---- lists ---- */

struct condition visibility_own_files(struct call *c)
{
    return (struct condition){ "f.uploaded_by = ?", V(call_user(c)) };
}

/* Which of an account's role and department anything is assigned to, and has it files in others' studies: a scope
 * that finds nothing costs a list more than asking first. */
enum { BY_ROLE = 1, BY_DEPARTMENT = 2, BY_FILE = 4 };
static int64_t shared_ways(struct call *c)
{
    int64_t ways = 0, me = call_user(c);
    db_integer(c, &ways,
               "select exists (select 1 from user_roles r join study_role_assignments a on a.role_id = r.role_id where "
               "r.user_id = ?) + 2 * exists (select 1 from users w join study_department_assignments a on "
               "a.department = w.department where w.id = ?) + 4 * exists (select 1 from study_views k where "
               "k.created_by = ? and k.is_live = 1)",
               V(me), V(me), V(me));
    return ways;
}

/* `own`: the first scope; `from[i]`: where those of an account, its roles and its department are found. */
static int scopes_of(struct call *c, struct condition own, const char *const from[3], int64_t ways,
                     struct condition scopes[VISIBILITY_SCOPES])
{
    struct value me = V(call_user(c));
    int count = 0;
    scopes[count++] = own;
    scopes[count++] = (struct condition){ "a.user_id = ?", me, .from = from[0] };
    if (ways & BY_ROLE)
        scopes[count++] = (struct condition){ "ur.user_id = ?", me, .from = from[1], .repeats = true };
    if (ways & BY_DEPARTMENT)
        scopes[count++] = (struct condition){ "w.id = ?", me, .from = from[2] };
    return count;
}

/* Studies by what somebody is told of them who has a file of their own in them and no more: orders and filters go by
 * that. */
#define STUDIES_AS_TOLD \
    "(select k.id, k.created_by, k.accession_number, k.study_date, k.sort_date, k.modality, k.created_at, " \
    "1 as instances_of_others, t.study_uid, t.patient_id, t.is_deleted, t.deleted_at, t.has_conflict from " \
    "study_views k cross join studies t on t.id = k.id where k.is_live = 1) s"
#define SERIES_AS_TOLD \
    "(select k.id, k.created_by, k.modality, k.sort_number, t.study_id, t.deleted_at, t.number_of_instances from " \
    "series t cross join series_views k on k.id = t.id where t.created_by is null or t.created_by <> k.created_by) x"

/* Documents of a report: of studies that are open, those of who may read them; of studies that one registered, too. */
#define OPENED_FILES "image_files f on f.study_id = a.study_id and " OPENS("a", "f")
#define NO_DOCUMENTS " and f.is_report = 0"
#define DOCUMENTS_OF_REGISTERED "studies t cross join " DOCUMENTS_OF("t.id")

static int file_scopes(struct call *c, const char *const from[2][3], struct condition scopes[VISIBILITY_SCOPES])
{
    bool reads = visibility_of_reports(c);
    if (visibility_of_everything(c))
        return 0;
    int count = scopes_of(c, visibility_own_files(c), from[reads], shared_ways(c), scopes);
    if (reads)
        scopes[count++] = (struct condition){ "t.created_by = ?", V(call_user(c)), .from = DOCUMENTS_OF_REGISTERED };
    return count;
}

bool visibility_excludes_documents(const struct call *c, struct condition *films)
{
    *films = (struct condition){ "f.is_report = 0" };
    return visibility_of_everything(c) && !visibility_of_reports(c);
}

int visibility_file_scopes(struct call *c, struct condition scopes[VISIBILITY_SCOPES])
{
#define FROM(MORE) \
    { \
        VISIBILITY_BY_ACCOUNT OPENED_FILES MORE, VISIBILITY_BY_ROLE OPENED_FILES MORE, \
            VISIBILITY_BY_DEPARTMENT OPENED_FILES MORE \
    }
    static const char *const from[2][3] = { FROM(NO_DOCUMENTS), FROM("") };
#undef FROM
    return file_scopes(c, from, scopes);
}

int visibility_deleted_file_scopes(struct call *c, struct condition scopes[VISIBILITY_SCOPES])
{
#define DELETED_FILES OPENED_FILES " and a.created_at <= f.deleted_at"
#define FROM(MORE) \
    { \
        VISIBILITY_BY_ACCOUNT DELETED_FILES MORE, VISIBILITY_BY_ROLE DELETED_FILES " and " ROLE_BY("ur", "f") MORE, \
            VISIBILITY_BY_DEPARTMENT DELETED_FILES " and " DEPARTMENT_BY("w", "f") MORE \
    }
    static const char *const from[2][3] = { FROM(NO_DOCUMENTS), FROM("") };
#undef FROM
    return file_scopes(c, from, scopes);
}

int visibility_study_scopes(struct call *c, struct condition scopes[VISIBILITY_SCOPES])
{
    static const char *const from[] = { VISIBILITY_BY_ACCOUNT "studies s on s.id = a.study_id",
                                        VISIBILITY_BY_ROLE "studies s on s.id = a.study_id",
                                        VISIBILITY_BY_DEPARTMENT "studies s on s.id = a.study_id" };
    struct value me = V(call_user(c));
    struct condition own = { "s.created_by = ?", me };
    if (visibility_of_everything(c))
        return 0;
    int64_t ways = shared_ways(c);
    int count = scopes_of(c, own, from, ways, scopes);
    if (ways & BY_FILE)
        scopes[count++] = (struct condition){ "s.created_by = ? and not (" VISIBLE_OPENED("s.id") ")",
                                              me,
                                              { me, me, me },
                                              .from = STUDIES_AS_TOLD,
                                              .search_table = "patient_search",
                                              .search_id = "s.patient_id" };
    return count;
}

int visibility_scopes_through(struct call *c, const struct visibility_through *through,
                              struct condition scopes[VISIBILITY_SCOPES])
{
    if (visibility_of_everything(c))
        return 0;
    scopes[0] = through->own;
    if (!visibility_opened_to(c, call_user(c)))
        return 1; /* as one record is looked for: what is assigned is for those who read studies or images */
    int count = scopes_of(c, through->own, through->from, shared_ways(c), scopes);
    scopes[count++] = (struct condition){ "t.created_by = ?", V(call_user(c)), .from = through->registered };
    return count;
}

#define SERIES_HAS_SHOWN(SERIES) \
    "exists (select 1 from image_files f where f.series_id = " SERIES \
    " and f.is_deleted = 0 and " VISIBLE_OWN_INSTANCE " and " VISIBLE_FILE ")"

struct condition visibility_shown_series(struct call *c)
{
    enum { MORE = 3 };
    const struct value seeing[] = { VISIBLE_FILE_TO(c) };
    struct condition shown = { SERIES_HAS_SHOWN("x.id"), seeing[0], .rest_count = VISIBLE_FILE_VALUES - 1 - MORE };
    struct value *rest = arena_array(&c->arena, struct value, VISIBLE_FILE_VALUES - 1 - MORE);
    for (int i = 1; i < VISIBLE_FILE_VALUES; i++)
        *(i <= MORE ? &shown.more[i - 1] : &rest[i - 1 - MORE]) = seeing[i];
    shown.rest = rest;
    return shown;
}

struct condition visibility_series_of_films(void)
{
    return (struct condition){ OF_FILMS("x") };
}

bool visibility_of_series(struct call *c, int64_t series_id, bool all, bool *sees)
{
    int64_t has = 0;
    *sees = all && visibility_of_reports(c);
    bool done = *sees || (all ? db_find_integer(c, &has, "select 1 from series x where x.id = ? and " OF_FILMS("x"),
                                                V(series_id)) != FAILED
                              : db_integer(c, &has, "select " SERIES_HAS_SHOWN("?"), V(series_id), VISIBLE_FILE_TO(c)));
    *sees = *sees || has;
    return done;
}

bool visibility_of_series_documents(struct call *c, int64_t series_id, bool *has)
{
    int64_t one;
    enum found found = db_find_integer(
        c, &one, "select 1 from image_files f where f.series_id = ? and f.is_report = 1 and " VISIBLE_FILE " limit 1",
        V(series_id), VISIBLE_FILE_TO(c));
    *has = found == FOUND;
    return found != FAILED;
}

/* Whose files within a study the caller sees; and do they see documents of its reports? */
static bool shown_accounts(struct call *c, int64_t study_id, struct value accounts[2], int *count, bool *documents)
{
    int64_t other, me = call_user(c);
    if (!visibility_opened_of(c, study_id, &other) || !visibility_of_documents(c, study_id, documents))
        return false;
    accounts[0] = V(me);
    accounts[1] = V(other);
    *count = other > 0 && other != me ? 2 : 1;
    return true;
}

bool visibility_series_scopes(struct call *c, int64_t study_id, struct within_scopes *out)
{
    struct value accounts[2];
    int count;
    bool documents;
    if (!shown_accounts(c, study_id, accounts, &count, &documents))
        return false;
    out->count = 2 * count;
    for (int i = 0; i < count; i++) {
        out->scopes[2 * i] = (struct condition){ "x.created_by = ?", accounts[i] };
        out->scopes[2 * i + 1] = (struct condition){ "x.created_by = ?", accounts[i], .from = SERIES_AS_TOLD };
    }
    if (documents)
        out->scopes[out->count++] = (struct condition){ "x.created_by = " DOCUMENTS_OWNER };
    return true;
}

bool visibility_instance_scopes(struct call *c, int64_t study_id, struct within_scopes *out)
{
    struct value accounts[2];
    int count;
    bool documents;
    if (!shown_accounts(c, study_id, accounts, &count, &documents))
        return false;
    out->count = 2 * count;
    for (int i = 0; i < count; i++) {
        out->scopes[2 * i] = (struct condition){ "f.is_instance = 1 and f.uploaded_by = ?", accounts[i] };
        out->scopes[2 * i + 1] =
            (struct condition){ "f.is_instance = 0 and f.is_apart = 1 and f.uploaded_by = ?", accounts[i] };
    }
    if (documents)
        out->scopes[out->count++] = (struct condition){ "f.is_instance = 1 and f.uploaded_by = " DOCUMENTS_OWNER };
    return true;
}

/* "= 1": or else MariaDB makes an `in` of it, and reads all studies. Documents are asked for last, and by who reads
 * reports. */
#define PATIENT_HAS_VISIBLE \
    "(exists (select 1 from patient_uploads k where k.patient_id = p.id and k.uploaded_by = ? and k.files > 0) or " \
    "exists (select 1 from studies s where s.patient_id = p.id and s.is_deleted = 0 and (" VISIBLE_OPENED( \
        "s.id") ") and exists (select 1 from image_files f where f.study_id = s.id and f.is_deleted = 0 and " \
                "f.is_report <= ? and (" VISIBLE_OPENED_FILE( \
                    "f") "))) = 1 or " \
                         "(? = 1 and exists (select 1 from studies s cross join " DOCUMENTS_OF( \
                             "s.id") " where s.patient_id = p.id and s.is_deleted = 0 and s.created_by = ? and " \
                                     "f.is_deleted = 0)) = 1)"

struct condition visibility_patients_with_files(struct call *c, bool with)
{
    struct value me = V(call_user(c)), reads = V(visibility_of_reports(c));
    const struct value seeing[] = { me, me, me, me, reads, me, me, me, reads, me };
    enum { SEEING = sizeof(seeing) / sizeof(seeing[0]) };
    if (visibility_of_all_files(c))
        return (struct condition){ "p.has_images = ?", V(with) };
    if (visibility_of_everything(c))
        return (struct condition){ with ? "p.has_images = 1 and p.image_count > " PATIENT_DOCUMENTS("p.id")
                                        : "(p.has_images = 0 or p.image_count <= " PATIENT_DOCUMENTS("p.id") ")" };
    struct value *values = arena_array(&c->arena, struct value, SEEING);
    memcpy(values, seeing, sizeof(seeing));
    return (struct condition){ with ? "p.has_images = 1 and " PATIENT_HAS_VISIBLE
                                    : "(p.has_images = 0 or not " PATIENT_HAS_VISIBLE ")",
                               values[0], .rest = values + 1, .rest_count = SEEING - 1 };
}

#define PATIENT_HAS_VISIBLE_CONFLICT \
    "exists (select 1 from patient_conflicts k where k.patient_id = p.id and (k.uploaded_by = ? or " VISIBLE_ASSIGNED( \
        "k.study_id") "))"

struct condition visibility_patients_with_conflict(struct call *c, bool with)
{
    struct value me = V(call_user(c));
    if (visibility_of_everything(c))
        return (struct condition){ "p.has_conflict = ?", V(with) };
    return (struct condition){ with ? "p.has_conflict = 1 and " PATIENT_HAS_VISIBLE_CONFLICT
                                    : "(p.has_conflict = 0 or not " PATIENT_HAS_VISIBLE_CONFLICT ")",
                               me,
                               { me, me, me } };
}

#define STUDY_HAS_VISIBLE_CONFLICT \
    "exists (select 1 from study_conflicts k where k.study_id = s.id and k.uploaded_by = ?)"

struct condition visibility_studies_with_conflict(struct call *c, bool with)
{
    if (visibility_of_everything(c))
        return (struct condition){ "s.has_conflict = ?", V(with) };
    return (struct condition){ with ? "s.has_conflict = 1 and " STUDY_HAS_VISIBLE_CONFLICT
                                    : "(s.has_conflict = 0 or not " STUDY_HAS_VISIBLE_CONFLICT ")",
                               V(call_user(c)) };
}

#define HOLDS_ANY "exists (select 1 from study_modalities k where k.study_id = s.id and k.modality in (%s)) = 1"
/* By the record, and by the files that the caller sees: theirs say what theirs are, whatever their series is called
 * by others. */
#define SHOWS_ANY \
    "(s.instances_of_others = 0 and " HOLDS_ANY \
    " or s.instances_of_others > 0 and (upper(s.modality) in (%s) or exists " \
    "(select 1 from image_files f where f.study_id = s.id and f.is_deleted = 0 and f.is_instance + f.is_apart > 0 " \
    "and upper(f.modality) in (%s) and " VISIBLE_FILE ") = 1))"

/* The same of who sees all but documents of reports: these have modalities that films seldom have. */
#define FILMS_ARE(SOME) \
    "(s.instances_of_others = 0 or upper(s.modality) " SOME \
    " or exists (select 1 from series x where x.study_id = s.id " \
    "and x.number_of_instances > 0 and upper(x.modality) " SOME " and " OF_FILMS("x") ") = 1)"

/* "?, ?" */
static const char *marks_of(struct call *c, const struct modalities *asked)
{
    struct str marks = S("?");
    for (int i = 1; i < asked->count; i++)
        marks = arena_format(&c->arena, "%.*s, ?", STR_FMT(marks));
    return arena_cstring(&c->arena, marks);
}

static bool has_auxiliary(const struct modalities *asked)
{
    for (int i = 0; i < asked->count; i++)
        if (modality_is_auxiliary(asked->at[i].text))
            return true;
    return false;
}

int visibility_modality_scopes(const struct call *c, const struct modalities *asked,
                               struct condition scopes[MODALITIES_ASKED_MAX])
{
    bool films_alone = visibility_of_everything(c) && !visibility_of_reports(c);
    for (int i = 0; i < asked->count; i++) {
        struct value one = asked->at[i];
        scopes[i] = films_alone && modality_is_auxiliary(one.text)
                        ? (struct condition){ "k.modality = ? and " FILMS_ARE("= ?"), one, .more = { one, one } }
                        : (struct condition){ "k.modality = ?", one };
    }
    return asked->count;
}

bool visibility_studies_by_films(struct call *c, const struct modalities *asked, struct condition *films)
{
    struct value *values = arena_array(&c->arena, struct value, 2 * MODALITIES_ASKED_MAX);
    const char *marks = marks_of(c, asked);
    for (int i = 0; i < 2 * asked->count; i++)
        values[i] = asked->at[i % asked->count];
    *films = (struct condition){ arena_cstring(&c->arena, arena_format(&c->arena, FILMS_ARE("in (%s)"), marks, marks)),
                                 values[0], .rest = values + 1, .rest_count = 2 * asked->count - 1 };
    return visibility_of_everything(c) && !visibility_of_reports(c) && has_auxiliary(asked);
}

/* Asked of one study after the other, in the order of the list: MariaDB would rather gather all that match and sort
 * them, but for the "= 1". Whoever does not see all files of a study finds it by those that they see. */
struct condition visibility_studies_with_modality(struct call *c, const struct modalities *asked)
{
    const struct value seeing[] = { VISIBLE_FILE_TO(c) };
    enum { SEEING = sizeof(seeing) / sizeof(seeing[0]) };
    struct value *values = arena_array(&c->arena, struct value, 3 * MODALITIES_ASKED_MAX + SEEING);
    const char *marks = marks_of(c, asked);
    bool all = visibility_of_everything(c);
    int count = 0;
    for (int i = 0; i < (all ? 1 : 3) * asked->count; i++)
        values[count++] = asked->at[i % asked->count];
    for (int i = 0; !all && i < SEEING; i++)
        values[count++] = seeing[i];
    struct str sql =
        all ? arena_format(&c->arena, HOLDS_ANY, marks) : arena_format(&c->arena, SHOWS_ANY, marks, marks, marks);
    return (struct condition){ arena_cstring(&c->arena, sql), values[0], .rest = values + 1, .rest_count = count - 1 };
}
