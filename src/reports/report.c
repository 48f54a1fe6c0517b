/* report.c - the record of a report, and who sees it. */
#include "reports/report_parts.h"

#include "records/modality.h"
#include "records/study.h"
#include "records/visibility.h"
#include "reports/late_result.h"
#include "site/app.h"
#include "base/names.h"

const char *const report_kinds[] = { "ORIGINAL", "ADDENDUM", "AMENDMENT", NULL };
NAMES_REACH(report_kinds, REPORT_AMENDMENT);

/* ---- rows ---- */

#define TOLD(member, ...) FIELD(struct report, member, .flags = READ_ONLY, __VA_ARGS__)
#define MAYBE(member, ...) FIELD(struct report, member, .flags = READ_ONLY | NULLABLE, __VA_ARGS__)
/* What `actions` are made of. */
#define DECIDES(member, ...) FIELD(struct report, member, .flags = READ_ONLY | NULLABLE | VEILS, __VA_ARGS__)
#define NAME_OF(ID) "(select u.full_name from users u where u.id = " ID ")"
#define OF_CONTENT(MEMBER, COLUMN, ...) \
    FIELD_AS(struct report, #MEMBER, content.MEMBER, .flags = READ_ONLY | NULLABLE, .sql = COLUMN, __VA_ARGS__)

/* SHOWN, STATUS, AUTHOR: the version's number, status and author, as who is shown this version is told; NULL: the
 * row's own. OF(column): the row's, where it is of that version; BY(column, member, action): else of the last such step
 * with it. REVIEWER: the account, for its name. */
#define REPORT_FIELDS(SHOWN, STATUS, AUTHOR, OF, BY, REVIEWER) \
    FIELD(struct report, id, .flags = READ_ONLY | VEILS, .min = 1, .max = INT64_MAX, \
          .doc = "Identifies the report here."), \
        TOLD(report_uuid, .doc = "The same everywhere."), TOLD(study_id, .doc = "The study that it is about."), \
        MAYBE(patient_id, .sql = "s.patient_id", .doc = "That study's patient; null to who may not read patients."), \
        MAYBE(patient_name, .sql = "(select p.name from patients p where p.id = s.patient_id)", \
              .doc = "The patient's name; null to who may not read patients."), \
        MAYBE(patient_number, .sql = "(select p.patient_id from patients p where p.id = s.patient_id)", \
              .doc = "The patient's number; null to who may not read patients."), \
        MAYBE(accession_number, .sql = "s.accession_number", .doc = "Accession number of the study."), \
        MAYBE(modality, .sql = "s.modality", .doc = "What made the study's pictures."), \
        MAYBE(body_part, .sql = "s.body_part", .doc = "The part of the body that was examined."), \
        MAYBE(study_date, .sql = "s.study_date", .doc = "Date of the study."), \
        DECIDES(status, .choices = report_statuses, .type = "ReportStatus", .sql = STATUS, .doc = "How far it is."), \
        MAYBE(status_reason, .sql = OF("r.status_reason"), .doc = "Why it was rejected, cancelled or withdrawn."), \
        TOLD(kind, .choices = report_kinds, .type = "ReportKind", .sql = "v.kind", \
             .doc = "What the version shown is to what was signed before it."), \
        TOLD(version, .sql = SHOWN, .doc = "The version shown; each save makes one."), \
        DECIDES(signed_version, .doc = "The last version that was signed."), \
        MAYBE(replaces, .sql = "v.replaces", .doc = "The signed version that the one shown replaces or adds to."), \
        FIELD(struct report, signed_status, .flags = READ_ONLY | WRITE_ONLY, .choices = report_statuses, \
              .type = "ReportStatus", .doc = "The status of the last signature."), \
        TOLD(priority, .choices = job_priorities, .type = "JobPriority", .doc = "How urgent it is."), \
        OF_CONTENT(title, "v.title", .doc = "What it is called."), \
        OF_CONTENT(language, "v.language", .example = "zh-CN", .doc = "The language it is written in."), \
        OF_CONTENT(template_id, "v.template_id", .doc = "The template it is written by."), \
        OF_CONTENT(template_version, "v.template_version", .doc = "Which version of that."), \
        OF_CONTENT(sections, "v.sections", .example = "{\"findings\": \"...\", \"impression\": \"...\"}", \
                   .doc = "Its text, by section."), \
        OF_CONTENT(fields, "v.fields", .doc = "Its values, by the template's names."), \
        OF_CONTENT(key_images, "v.key_images", .doc = "Images that it shows: a list of ReportKeyImage."), \
        OF_CONTENT(sources, "v.sources", .doc = "Where its parts come from: a list of ReportSource."), \
        OF_CONTENT(addenda, "v.addenda", .doc = "What was added after signing: a list of ReportAddendum."), \
        DECIDES(author_id, .sql = AUTHOR, .doc = "The account that wrote it."), \
        TOLD(author_name, .sql = NAME_OF("v.author_id"), .doc = "That account's full name."), \
        DECIDES(submitted_by, .sql = BY("r.submitted_by", "user_id", "submit"), \
                .doc = "The account that submitted it."), \
        DECIDES(reviewer_id, .sql = BY("r.reviewer_id", "user_id", "approve"), \
                .doc = "The account that reviews or has reviewed it."), \
        MAYBE(reviewer_name, .sql = NAME_OF(REVIEWER), .doc = "That account's full name."), \
        MAYBE(signer_id, .doc = "The account that signed it last."), \
        MAYBE(signer_name, \
              .sql = "(select g.signer_name from report_signatures g where g.report_id = r.id and g.version = " \
                     "r.signed_version)", \
              .doc = "What that was called when it signed."), \
        MAYBE(editor_id, .sql = OF("r.editor_id"), .doc = "The account that is editing it."), \
        MAYBE(editor_name, .sql = NAME_OF("r.editor_id"), .doc = "That account's full name."), \
        MAYBE(editing_until, .sql = OF("r.editing_until"), .doc = "How long its editor's lock lasts."), \
        FIELD(struct report, actions, .flags = READ_ONLY | NOT_STORED, .example = "[\"submit\", \"cancel\"]", \
              .doc = "What the caller may do with it now."), \
        TOLD(addendum_asked, .sql = "case when " LATE_RESULTS_OF("r.id", "r.study_id") " > 0 then 1 else 0 end", \
             .doc = "Do results of models that came after the signature ask for an addendum (LateResult)?"), \
        FIELD(struct report, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was begun."), \
        FIELD(struct report, updated_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was changed last."), \
        MAYBE(submitted_at, .sql = BY("r.submitted_at", "at", "submit"), .doc = "When it was submitted."), \
        MAYBE(approved_at, .sql = BY("r.approved_at", "at", "approve"), .doc = "When it was approved."), \
        MAYBE(signed_at, .doc = "When it was signed last.")

#define OWN(COLUMN) NULL
#define OWN_BY(COLUMN, MEMBER, ACTION) NULL
static const struct field report_fields[] = { REPORT_FIELDS(NULL, NULL, NULL, OWN, OWN_BY, "r.reviewer_id") };

#define FACE(COLUMN) "case when " REPORT_IS_FACE " then " COLUMN " end"
#define FACE_BY(COLUMN, MEMBER, ACTION) \
    "case when " REPORT_IS_FACE " then " COLUMN " else " REPORT_STEP("r", MEMBER, ACTION) " end"
static const struct field face_fields[] = { REPORT_FIELDS(REPORT_FACE_VERSION, REPORT_FACE_STATUS, "v.author_id", FACE,
                                                          FACE_BY, FACE_BY("r.reviewer_id", "user_id", "approve")) };

/* To whom patients may not be shown, nobody is named. Lists and single reports get here. */
static bool report_veil(struct call *c, void *record)
{
    struct report *r = record;
    if (!visibility_of_patients(c)) {
        r->patient_id = INTEGER_NULL;
        r->patient_name = r->patient_number = STR_NULL;
    }
    r->actions = report_actions_of(c, r);
    return true;
}

const struct schema report_schema =
    SCHEMA("Report", struct report, report_fields, .table = "reports", .alias = "r", .veil = report_veil,
           .join = REPORT_BESIDE("r.version"), .doc = "A report on a study.");
const struct schema report_face_schema =
    SCHEMA("Report", struct report, face_fields, .table = "reports", .alias = "r", .veil = report_veil,
           .join = REPORT_BESIDE(REPORT_FACE_VERSION), .doc = "A report on a study.");

/* ---- seeing ---- */

bool report_caller_writes(const struct call *c)
{
    return call_may(c, MAY_CREATE_REPORTS) || call_may(c, MAY_UPDATE_REPORTS) || call_may(c, MAY_REVIEW_REPORTS) ||
           call_may(c, MAY_SIGN_REPORTS);
}

#define SUBMITTED "(r.signed_version is not null or r.status not in ('DRAFT', 'CANCELLED'))"

int report_scopes(struct call *c, struct condition scopes[REPORT_SCOPES])
{
#define REPORTS_OF "reports r on r.study_id = a.study_id"
    struct value me = V(call_user(c));
    int count = visibility_scopes_through(c,
                                          &(struct visibility_through){
                                              .own = { "r.author_id = ?", me },
                                              .registered = "studies t cross join reports r on r.study_id = t.id",
                                              .from = { VISIBILITY_BY_ACCOUNT REPORTS_OF, VISIBILITY_BY_ROLE REPORTS_OF,
                                                        VISIBILITY_BY_DEPARTMENT REPORTS_OF },
                                          },
                                          scopes);
    if (!count)
        return 0;
    scopes[count++] = (struct condition){ "r.reviewer_id = ?", me };
    scopes[count++] = (struct condition){ "r.signer_id = ?", me };
    scopes[count++] = (struct condition){ REPORT_FIRST_OF_AUTHOR("w"), me,
                                          .from = "report_versions w cross join reports r on r.id = w.report_id" };
    return count;
}

const struct condition report_for_readers = { SUBMITTED };

#define OF_REPORT \
    "exists (select 1 from reports r left join studies s on s.id = r.study_id where r.id = k.report_id and " REPORT_SEEN

struct condition report_in_sight(struct call *c, struct value values[REPORT_SIGHT_VALUES])
{
    const struct value me = V(call_user(c)), sight[REPORT_SIGHT_VALUES] = { VISIBLE_TO(c) };
    memcpy(values, sight, sizeof(sight));
    return (struct condition){ .sql = report_caller_writes(c) ? OF_REPORT ")" : OF_REPORT " and " SUBMITTED ")",
                               .value = me,
                               .more = { me, me, me },
                               .rest = values,
                               .rest_count = REPORT_SIGHT_VALUES };
}

static enum found find(struct call *c, int64_t id, struct report *out)
{
    const struct value me = V(call_user(c));
    return report_caller_writes(c)
               ? db_find(c, &report_schema, out, "where r.id = ? and " REPORT_SEEN, V(id), me, me, me, me,
                         VISIBLE_TO(c))
               : db_find(c, &report_face_schema, out, "where r.id = ? and " REPORT_SEEN " and " SUBMITTED, V(id), me,
                         me, me, me, VISIBLE_TO(c));
}

bool report_load(struct call *c, int64_t id, struct report *out)
{
    if (find(c, id, out) != FOUND)
        return fail(c, E_NOT_FOUND, "report %" PRId64 " does not exist", id);
    audit_about(c, id, out->patient_id);
    return true;
}

bool report_shows_part(struct call *c, enum found found, const char *what, int64_t id, int64_t report_id)
{
    struct report report;
    if (found == FAILED)
        return false;
    if (found == FOUND && report_load(c, report_id, &report)) {
        audit_about(c, id, report.patient_id);
        return true;
    }
    if (c->error.code != E_NONE && c->error.code != E_NOT_FOUND)
        return false;
    error_clear(&c->error);
    return fail(c, E_NOT_FOUND, "%s %" PRId64 " does not exist", what, id);
}

bool report_load_unseen(struct call *c, int64_t id, struct report *out)
{
    enum found found = db_find(c, &report_schema, out, "where r.id = ?", V(id));
    return found == FOUND || (found == NONE && fail(c, E_NOT_FOUND, "report %" PRId64 " does not exist", id));
}

bool report_hold(struct call *c, int64_t id, struct report *out)
{
    return db_lock(c, "select id from reports where id = ?", V(id)) && report_load(c, id, out);
}

bool report_hears(struct call *c, const struct event *event, const struct principal *const *who, int count, bool *hears)
{
    for (int i = 0; i < count; i++) {
        struct report report;
        c->actor->principal = who[i];
        if (!report_caller_writes(c) && (event->type == EVENT_REPORT_OVERDUE || !call_may(c, MAY_READ_REPORTS)))
            continue;
        if (event->report_id <= 0) {
            if (!visibility_of_study_record(c, event->study_id, &hears[i]))
                return false;
            continue;
        }
        enum found found = find(c, event->report_id, &report);
        if (found == FAILED)
            return false;
        /* Of what is under way above a signed version only those hear who see it. */
        hears[i] = found == FOUND && (report_caller_writes(c) || report.signed_version == INTEGER_NULL ||
                                      event->type == EVENT_REPORT_CRITICAL || event->type == EVENT_REPORT_FOLLOW_UP ||
                                      event->type == EVENT_REPORT_LATE ||
                                      str_equal(event->state, choice_text(report_statuses, report.status)));
    }
    return true;
}

#define MADE_ALIKE "(s.modality = t.modality or (" IS_X_RAY_FILM("s.modality") " and " IS_X_RAY_FILM("t.modality") "))"

enum found report_find_prior(struct call *c, const struct report *of, int64_t *id)
{
    const struct value me = V(call_user(c));
    return db_find_integer(
        c, id,
        "select r.id from studies t join studies s on s.patient_id = t.patient_id and s.is_deleted = 0 and s.id <> "
        "t.id and s.body_part = t.body_part and (s.study_date < t.study_date or (s.study_date = t.study_date and "
        "s.study_time < t.study_time)) and " MADE_ALIKE " join reports r on r.study_id = s.id where t.id = "
        "? and r.signed_version is not null and r.status <> 'ENTERED_IN_ERROR' and not exists (select 1 from series "
        "a join series b on b.study_id = s.id and b.laterality in ('L', 'R') and b.laterality <> a.laterality where "
        "a.study_id = t.id and a.laterality in ('L', 'R')) and " REPORT_SEEN
        " order by s.study_date desc, s.study_time desc, r.signed_at desc, r.id desc limit 1",
        V(of->study_id), me, me, me, me, VISIBLE_TO(c));
}

bool report_may_be_given_out(struct call *c)
{
    return visibility_asks_for_patients(c, true, "giving out a report, which names its patient,");
}
