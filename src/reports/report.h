/* report.h - a report on a study: written, reviewed, signed, and from then on never changed.
 *
 *     report_create(c, &(struct report_wish){ .study_id = 7, .content = {...} }, &id)     // in a transaction, as all
 *     report_save(c, &edit)                                    // a new version; the one before stays as it was
 *     report_act(c, &(struct report_deed){ .id = id, .action = REPORT_SUBMIT }, &report)  // report_states.h
 *
 *   report 12      status FINAL, version 4, signed_version 4         what it is now
 *     version 1    DRAFT        content, author, time, reason        never rewritten, never removed
 *     version 2    DRAFT
 *     version 3    DRAFT
 *     version 4    FINAL        what the signature is of
 *     version 5    DRAFT        an AMENDMENT of version 4, under way: readers go on seeing version 4
 *
 * Each save is a version. What is signed stays: an ADDENDUM adds words below it, an AMENDMENT replaces it; either is a
 * further version that names in `replaces` the one it follows, and goes the same way up to a signature of its own.
 * While it does, the report has two faces: who writes or reviews reports sees the version being made, everybody else
 * the last one signed (report_load).
 *
 * Two at once: an edit says which version it was made from; another one than the current is E_PRECONDITION_FAILED and
 * names both. Who edits may hold the editor's lock (report_lock), which everybody sees and others may take over.
 * Transitions look at the row while they hold it, so of two only one happens.
 *
 * Who may see it: who sees its study's record (records/visibility.h), also of a study that is deleted, and who has
 * written, reviewed or signed it. A DRAFT that was never signed is seen by those who write or review reports.
 * What one may not see is E_NOT_FOUND.
 *
 * A report belongs to its study and goes where that goes, to another patient too. A study with a report is never
 * purged.
 * Texts of loaded records are in the call's arena.
 */
#ifndef ROENTGEN_REPORTS_REPORT_H
#define ROENTGEN_REPORTS_REPORT_H

#include "db/condition.h"
#include "jobs/jobs.h"
#include "records/visibility.h"
#include "reports/content.h"
#include "reports/report_states.h"
#include "site/event.h"
#include "site/principal.h"

enum report_kind { REPORT_ORIGINAL = 1, REPORT_ADDENDUM, REPORT_AMENDMENT };
extern const char *const report_kinds[];

struct report {
    int64_t id;
    struct str report_uuid;
    int64_t study_id, patient_id;
    struct str patient_name, patient_number, accession_number, modality, body_part;
    struct date study_date;
    unsigned status; /* enum report_status */
    struct str status_reason;
    unsigned kind; /* of the version shown */
    int64_t version, signed_version, replaces;
    unsigned signed_status; /* not sent: the status that came with the last signature */
    unsigned priority;      /* enum job_priority */
    struct report_content content;
    int64_t author_id, submitted_by, reviewer_id, signer_id;
    struct str author_name, reviewer_name, signer_name;
    int64_t editor_id;
    struct str editor_name;
    struct instant editing_until;
    struct texts actions; /* what the caller may do now */
    bool addendum_asked;  /* there are late results that are open (late_result.h) */
    struct instant created_at, updated_at, submitted_at, approved_at, signed_at;
};
/* As who writes reports sees it, and as readers do: the same members, of the current version and of the signed one. */
extern const struct schema report_schema, report_face_schema;
/* What stands beside `reports r` in each of them, for lists that begin elsewhere. */
#define REPORT_BESIDE(VERSION) \
    "left join studies s on s.id = r.study_id left join report_versions v on v.report_id = r.id and v.version " \
    "= " VERSION
#define REPORT_FACE_VERSION "coalesce(r.signed_version, r.version)"

/* Does the caller write, review or sign reports? They see the version that is being made. */
bool report_caller_writes(const struct call *c);
/* As the caller sees it. E_NOT_FOUND. */
bool report_load(struct call *c, int64_t id, struct report *out);
/* Inside a transaction: the patient, the study and the row stay as they are until the commit (record_lock.h). */
bool report_hold_with_study(struct call *c, int64_t id);
/* The same of the row alone, for who holds its study, and reads it. */
bool report_hold(struct call *c, int64_t id, struct report *out);
/* Who hears of what becomes of it (site/listen.h): who sees it. */
bool report_hears(struct call *c, const struct event *event, const struct principal *const *who, int count,
                  bool *hears);
/* For lists of `reports r`: scopes for what the caller sees (0: all); and what holds for each row that those see who
 * do not write reports. */
enum { REPORT_SCOPES = VISIBILITY_SCOPES + 3 };
int report_scopes(struct call *c, struct condition scopes[REPORT_SCOPES]);
extern const struct condition report_for_readers;
/* For lists of what belongs to reports, `k` with a column report_id: of those that the caller sees. `values`: of its
 * parameters, as long as it. */
enum { REPORT_SIGHT_VALUES = 5 };
struct condition report_in_sight(struct call *c, struct value values[REPORT_SIGHT_VALUES]);
/* Of such a row `r`, the status and the author that those are told. */
#define REPORT_IS_FACE "(r.signed_version is null or r.signed_version = r.version)"
#define REPORT_FACE_STATUS "case when " REPORT_IS_FACE " then r.status else r.signed_status end"

/* ---- writing: all inside transactions ---- */

struct report_wish {
    int64_t study_id;
    unsigned priority;
    struct content_change content;
    bool prefill;        /* draft.h */
    bool parallel;       /* also when somebody else reads the study (work.h) */
    bool finds_template; /* by the template that is offered for the study, where one is */
};
/* E_CONFLICT: somebody else reads the study. */
bool report_create(struct call *c, const struct report_wish *wish, int64_t *id);

struct report_edit {
    int64_t id;
    int64_t
        base; /* the version it was made from; INTEGER_NULL: not said, which will do when the caller made the current
                     one */
    unsigned priority; /* 0: as it is */
    struct content_change content;
    struct str reason;
    bool prefill; /* draft.h; only of a draft that is no addendum */
};
/* E_CONFLICT: it is not a draft, or somebody else is editing it. E_PRECONDITION_FAILED: `base` is not current. */
bool report_save(struct call *c, const struct report_edit *edit);

struct report_deed {
    int64_t id;
    unsigned action; /* enum report_action */
    int64_t base;    /* the version that was looked at; INTEGER_NULL: not said */
    struct str reason;
    unsigned meaning;              /* of REPORT_SIGN: report_sign.h */
    struct integers late_results;  /* of REPORT_SIGN: late_result.h */
    struct content_change content; /* of REPORT_AMEND, REPORT_ADDEND: the first words of the new version */
};
/* A transition of report_states.h. E_CONFLICT names the state and what may be done in it; E_FORBIDDEN; E_INVALID names
 * the sections that are missing. */
bool report_act(struct call *c, const struct report_deed *deed, struct report *out);

/* Names of enum report_action: what the caller may do with it as it stands. */
struct texts report_actions_of(struct call *c, const struct report *report);

/* The editor's lock: REPORT_LOCK_S from now. E_CONFLICT: somebody else has it, unless it is taken over. */
enum { REPORT_LOCK_S = 15 * 60 };
bool report_lock(struct call *c, int64_t id, bool take_over, struct report *out);
bool report_unlock(struct call *c, int64_t id);

/* ---- versions ---- */

struct report_version {
    int64_t id, report_id, version, replaces;
    unsigned kind, status;
    struct report_content content;
    struct str content_sha256;
    struct str reason;
    int64_t author_id, created_by;
    struct str author_name, created_by_name;
    struct instant created_at;
};
extern const struct schema report_version_schema;
bool report_version_is_signed(const struct report_version *version);
/* Of a report that the caller sees; E_NOT_FOUND. Versions that were never signed are for those who write. */
bool report_version_load(struct call *c, int64_t report_id, int64_t version, struct report_version *out);

/* Who did what to it, and when. */
struct report_step {
    int64_t id, version, user_id;
    unsigned action, from_status, to_status;
    struct str user_name, reason;
    struct instant at;
};
extern const struct schema report_step_schema;

#endif
