/* visibility.h - who may see which study and which file: the only place that says it.
 *
 *     a patient   everybody with patient.read
 *     a study     who registered it (or whose upload did); whoever it is assigned to, by account, role or department;
 *                 image.read_all; and who has a file of their own in it: they are told of it what their files say
 *                 (study_view.h)
 *     a file      who uploaded it; whoever its study is assigned to, as far as that goes; image.read_all
 *     a document  (a file that the server made of a signed report, is_report; report_files.h) whoever sees the study's
 *                 record and may read reports, as the report itself: it is nobody's upload
 *
 * and none of them once it is deleted; but a file that was deleted alone may be restored by those of them who have the
 * right and saw it before. What one may not see is answered like what is not there: by the same error, found out by
 * the same statement, so that not even the time tells. Counts count what the caller sees.
 *
 * One row, on its way out of the database:
 *
 *     db_get(c, &image_file_schema, &file, "where f.id = ? and " IN_SIGHT("f") " and " VISIBLE_FILE, V(id),
 *            VISIBLE_FILE_TO(c))
 *
 * A list, whose scopes each use their own index (listing.h); none means that the caller sees everything:
 *
 *     struct condition scopes[VISIBILITY_SCOPES];
 *     int count = visibility_file_scopes(c, scopes);
 *     list_answer(c, &file_listing, (struct list_among){ .scopes = scopes, .scope_count = count });
 *
 * A record that may be shown may still tell of others: how many files a study holds, which file this one repeats. The
 * veils take that out of every answer (schema.veil); they cost nothing where there are no others, which the counts
 * kept by triggers tell.
 *
 * Statements that read these tables for another reason (upkeep, unique numbers, counts of everything) are listed in
 * tests/api/test_visibility_queries.py, which fails when a new one is neither built from this file nor in its list.
 */
#ifndef ROENTGEN_VISIBILITY_H
#define ROENTGEN_VISIBILITY_H

#include "site/actor.h"
#include "db/condition.h"
#include "records/modality.h"

struct event; /* site/event.h */

/* Is this row of image_files, under the alias F, in sight of anybody? Not if it is deleted, nor while it follows a
 * patient or a study that is (trash_work.h). Nearly always that table is empty, which is asked once. */
#define IN_SIGHT(F) F ".is_deleted = 0 and " STAYS(F)
#define STAYS(F) \
    "(not exists (select 1 from trash_work) or not exists (select 1 from trash_work tw where tw.patient_id = " F \
    ".patient_id or tw.study_id = " F ".study_id))"
/* To whom the study is assigned whose id the SQL expression STUDY names. Parameters: the account, three times. An
 * assignment opens all files, or only those of one account (only_of; assignment.h): VISIBLE_ASSIGNED asks for all,
 * VISIBLE_OPENED for any, VISIBLE_OPENED_FILE for what opens this file F; documents of reports come with any. */
#define VISIBLE_OPENED_AS(STUDY, USER, ROLE, DEPARTMENT) \
    "exists (select 1 from study_assignments va where va.user_id = ? and va.study_id = " STUDY USER ") or " \
    "exists (select 1 from user_roles vu join study_role_assignments vr on vr.role_id = vu.role_id where vu.user_id " \
    "= ? and vr.study_id = " STUDY ROLE ") or " \
    "exists (select 1 from users vw join study_department_assignments vd on vd.department = vw.department where " \
    "vw.id = ? and vd.study_id = " STUDY DEPARTMENT ")"
#define VISIBLE_ASSIGNED(STUDY) \
    VISIBLE_OPENED_AS(STUDY, " and va.only_of = 0", " and vr.only_of = 0", " and vd.only_of = 0")
#define VISIBLE_OPENED(STUDY) VISIBLE_OPENED_AS(STUDY, "", "", "")
#define OPENS(A, F) "(1 - " F ".is_report) * " A ".only_of in (0, " F ".uploaded_by)"
#define VISIBLE_OPENED_FILE(F) \
    VISIBLE_OPENED_AS(F ".study_id", " and " OPENS("va", F), " and " OPENS("vr", F), " and " OPENS("vd", F))
/* The same of a deleted file: it has to have been opened before it was deleted, by a role or a department that the
 * account had by then. What is opened later does not bring back what had gone. */
#define VISIBLE_OPENED_DELETED(F) \
    VISIBLE_OPENED_AS(F ".study_id", " and " OPENS("va", F) " and va.created_at <= " F ".deleted_at", \
                      " and " OPENS("vr", F) " and vr.created_at <= " F ".deleted_at and " ROLE_BY("vu", F), \
                      " and " OPENS("vd", F) " and vd.created_at <= " F ".deleted_at and " DEPARTMENT_BY("vw", F))
#define ROLE_BY(R, F) "(" R ".created_at is null or " R ".created_at <= " F ".deleted_at)"
#define DEPARTMENT_BY(U, F) "coalesce(" U ".department_since, " U ".created_at) <= " F ".deleted_at"
/* Conditions for one row of `image_files f`, of `studies s`. Their parameters are VISIBLE_FILE_TO(c) of files,
 * VISIBLE_TO(c) of records; ..._TO_USER when a file is placed for somebody whose rights are those of the caller.
 * VISIBLE_DELETED_FILE: a deleted file, to who may restore it. VISIBLE_RECORD: the study as its record has it, not only
 * the caller's own files. As a column they stand in `case when ... then 1 else 0 end`: of an `or` whose value is wanted
 * SQLite runs all subqueries, of one that decides only those before the first that holds. */
#define VISIBLE_REGISTERED \
    "f.is_report = 1 and exists (select 1 from studies vs where vs.id = f.study_id and vs.created_by = ?)"
#define VISIBLE_FILE_AS(OPENED) \
    "(f.is_report <= ? and (? = 1 or f.uploaded_by = ? or " VISIBLE_REGISTERED " or " OPENED "))"
#define VISIBLE_FILE VISIBLE_FILE_AS(VISIBLE_OPENED_FILE("f"))
#define VISIBLE_DELETED_FILE VISIBLE_FILE_AS(VISIBLE_OPENED_DELETED("f"))
#define VISIBLE_RECORD "(? = 1 or s.created_by = ? or " VISIBLE_OPENED("s.id") ")"
#define VISIBLE_STUDY \
    "(" VISIBLE_RECORD \
    " or exists (select 1 from study_views vv where vv.id = s.id and vv.created_by = ? and vv.files > 0))"
#define VISIBLE_TO_USER(c, user) \
    V(visibility_of_everything(c)), V(user), V(visibility_opened_to(c, user)), V(visibility_opened_to(c, user)), \
        V(visibility_opened_to(c, user))
#define VISIBLE_TO(c) VISIBLE_TO_USER(c, call_user(c))
#define VISIBLE_FILE_TO_USER(c, user) \
    V(visibility_of_reports(c)), V(visibility_of_everything(c)), V(user), V(user), V(visibility_opened_to(c, user)), \
        V(visibility_opened_to(c, user)), V(visibility_opened_to(c, user))
#define VISIBLE_FILE_TO(c) VISIBLE_FILE_TO_USER(c, call_user(c))
enum { VISIBLE_FILE_VALUES = 7 };
/* To whom documents of reports belong (report_files.h); nobody yet: null. */
#define DOCUMENTS_OWNER "(select vo.user_id from report_owner vo where vo.id = 1)"
#define VISIBLE_STUDY_TO_USER(c, user) VISIBLE_TO_USER(c, user), V(user) /* those of VISIBLE_STUDY */
#define VISIBLE_STUDY_TO(c) VISIBLE_STUDY_TO_USER(c, call_user(c))
/* What `f` is to who does not see all files of its series: an instance, also when another file is that for everybody
 * else (filing_instance.c). */
#define VISIBLE_OWN_INSTANCE "(f.is_instance = 1 or f.is_apart = 1)"

/* Who a task of the server itself is: no account, with these rights, and sees the studies and files of everybody. */
struct principal visibility_of_server(uint64_t permissions);
/* Does the caller see the studies and files of everybody? */
bool visibility_of_everything(const struct call *c);
/* May the caller read reports, and so what the server files of them? Who works at the machine itself may. */
bool visibility_of_reports(const struct call *c);
/* Does the caller see every file, documents of reports too? */
bool visibility_of_all_files(const struct call *c);
/* Does the caller, who sees this study, see the documents of its reports? */
bool visibility_of_documents(struct call *c, int64_t study_id, bool *sees);
/* Does the caller see patients, studies and series? Who works at the machine itself (a command) does. Who only
 * uploads sees neither, and is not told their ids. */
bool visibility_of_patients(const struct call *c);
bool visibility_of_studies(const struct call *c);
/* False, E_FORBIDDEN: `what` is asked for, which would tell of patients, and the caller does not see them. */
bool visibility_asks_for_patients(struct call *c, bool asked, const char *what);
/* `user`, or nobody (0) when the caller's rights do not let them read what is assigned to them. */
int64_t visibility_opened_to(const struct call *c, int64_t user);
/* Does the caller see this study's record, which they see, as it is? */
bool visibility_of_study_record(struct call *c, int64_t study_id, bool *whole);
/* Does the caller see all files of this study (which they see), not only their own? But documents of reports are for
 * who may read these. */
bool visibility_of_study_files(struct call *c, int64_t study_id, bool *all);
/* Is there a file of this study, deleted or not, that the caller does not see? Documents of reports go where the study
 * goes, as the reports themselves, and are not asked after. */
bool visibility_hides_files_of_study(struct call *c, int64_t study_id, bool *hides);
/* Is this study opened to the caller: all its files; some of them, so that its record is theirs to see? What was true
 * before stays true. */
bool visibility_of_opened(struct call *c, int64_t study_id, bool *all, bool *some);
/* The account whose files of this study, and no others, are opened to the caller; 0: there is no such assignment. */
bool visibility_opened_of(struct call *c, int64_t study_id, int64_t *only_of);
/* Is the study assigned to this account, so that it sees all its files? For rules about somebody who is not the
 * caller. */
bool visibility_is_assigned(struct call *c, int64_t user_id, int64_t study_id, bool *assigned);

/* Who hears of this event about a file (site/listen.h): whoever may read it; of one that is deleted, whoever might. */
bool visibility_hears(struct call *c, const struct event *event, const struct principal *const *who, int count,
                      bool *hears);

/* The scopes of list_answer for what the caller may see: fills scopes, returns how many. 0: everything; but lists of
 * files ask for documents of reports, too. */
enum { VISIBILITY_SCOPES = 5 };
int visibility_file_scopes(struct call *c, struct condition scopes[VISIBILITY_SCOPES]);
int visibility_deleted_file_scopes(struct call *c, struct condition scopes[VISIBILITY_SCOPES]);
/* Does the caller see all files but documents of reports? *films is the condition of these then, which every list of
 * files has. */
bool visibility_excludes_documents(const struct call *c, struct condition *films);
int visibility_study_scopes(struct call *c, struct condition scopes[VISIBILITY_SCOPES]);
/* The same for records that belong to studies: `own` is the first, registered those of studies that the caller has
 * registered; from[i]: where those of studies `a.study_id` are found that are assigned to an account, its roles, its
 * department. */
struct visibility_through {
    struct condition own;
    const char *registered; /* with a table of studies t */
    const char *from[3];
};
int visibility_scopes_through(struct call *c, const struct visibility_through *through,
                              struct condition scopes[VISIBILITY_SCOPES]);
/* What from[i] begins with. */
#define VISIBILITY_BY_ACCOUNT "study_assignments a cross join "
#define VISIBILITY_BY_ROLE "user_roles ur cross join study_role_assignments a on a.role_id = ur.role_id cross join "
#define VISIBILITY_BY_DEPARTMENT \
    "users w cross join study_department_assignments a on a.department = w.department cross join "
/* The caller's own files. */
struct condition visibility_own_files(struct call *c);
/* For lists within a study all of whose files the caller sees, but for documents of reports: its series without those
 * that have such. */
struct condition visibility_series_of_films(void);
/* For lists within one study whose files the caller does not see all of: their own, those of the one account whose are
 * opened to them, and documents of reports. Of its series those with an instance of them; and as scopes, whose orders
 * and filters go by what is told. Of a series its instances. */
struct condition visibility_shown_series(struct call *c);
struct within_scopes {
    struct condition scopes[5];
    int count;
};
bool visibility_series_scopes(struct call *c, int64_t study_id, struct within_scopes *out);
/* Is this series in that list; has it a document of a report that the caller sees? `all`: they see all files but
 * those. */
bool visibility_of_series(struct call *c, int64_t series_id, bool all, bool *sees);
bool visibility_of_series_documents(struct call *c, int64_t series_id, bool *has);
bool visibility_instance_scopes(struct call *c, int64_t study_id, struct within_scopes *out);
/* For lists of `patients p`: those with (or without) a file, or a conflict, that this caller sees. */
struct condition visibility_patients_with_files(struct call *c, bool with);
struct condition visibility_patients_with_conflict(struct call *c, bool with);
struct condition visibility_studies_with_conflict(struct call *c, bool with);
/* For lists of `studies s`: those with any of these modalities, of which there is one at least. */
struct condition visibility_studies_with_modality(struct call *c, const struct modalities *asked);
/* The same for who sees everything, one scope for each modality: of a listing of `study_modalities k` with
 * `studies s`. */
int visibility_modality_scopes(const struct call *c, const struct modalities *asked,
                               struct condition scopes[MODALITIES_ASKED_MAX]);
/* Has the caller to ask beside it whether it is films that have them, as they do not see documents of reports? */
bool visibility_studies_by_films(struct call *c, const struct modalities *asked, struct condition *films);

/* What the caller sees of something that holds files of others, too. */
struct visible_share {
    int64_t series, instances, bytes;
    struct texts modalities;
};
/* `all`: the caller sees all files of the study, but for documents of reports. */
bool visibility_share_of_study(struct call *c, int64_t study_id, bool all, struct visible_share *out);
bool visibility_share_of_series(struct call *c, int64_t series_id, struct visible_share *out);
/* *files is what the record has, and what the caller sees of it afterwards. */
bool visibility_count_patient_files(struct call *c, int64_t patient_id, int64_t *files);
/* Does the caller see this file, deleted or not? */
bool visibility_of_file(struct call *c, int64_t file_id, bool *sees);

#endif
