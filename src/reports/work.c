/* work.c - see work.h. */
#include "reports/work.h"

#include "diagnosis/diagnosis.h"
#include "records/study.h"
#include "reports/late_result.h"
#include "reports/report_parts.h"
#include "site/app.h"
#include "base/names.h"

const char *const work_views[] = { "mine", "unread", "to_review", "overdue", "all", NULL };
NAMES_REACH(work_views, WORK_ALL);
const char *const work_states[] = { "UNREAD", "DRAFT", "PRELIMINARY", "IN_REVIEW", "APPROVED", "ADDENDUM", NULL };
NAMES_REACH(work_states, WORK_IS_TO_BE_ADDED_TO);
const char *const work_priorities_from[] = { "STUDY", "REPORT", "AI", NULL };
NAMES_REACH(work_priorities_from, FROM_AI);

/* ---- rows ---- */

#define TOLD(member, ...) FIELD(struct work_row, member, .flags = READ_ONLY, __VA_ARGS__)
#define MAYBE(member, ...) FIELD(struct work_row, member, .flags = READ_ONLY | NULLABLE, __VA_ARGS__)
#define DERIVED(member, ...) FIELD(struct work_row, member, .flags = READ_ONLY | NOT_STORED, __VA_ARGS__)
#define NAME_OF(ID) "(select u.full_name from users u where u.id = " ID ")"
#define OF_PATIENT(COLUMN) "(select p." COLUMN " from patients p where p.id = s.patient_id)"

static const struct field work_row_fields[] = {
    TOLD(study_id, .doc = "The study."),
    MAYBE(patient_id, .sql = "s.patient_id", .doc = "Its patient; null to who may not read patients."),
    MAYBE(patient_name, .sql = OF_PATIENT("name"), .doc = "The patient's name; null to who may not read patients."),
    MAYBE(patient_number, .sql = OF_PATIENT("patient_id"),
          .doc = "The patient's number; null to who may not read patients."),
    MAYBE(accession_number, .sql = "s.accession_number", .doc = "Accession number of the study."),
    MAYBE(modality, .sql = "s.modality", .doc = "What made its pictures."),
    MAYBE(body_part, .sql = "s.body_part", .doc = "The part of the body that was examined."),
    MAYBE(description, .sql = "s.description", .doc = "What was done, in words."),
    MAYBE(study_date, .sql = "s.study_date", .doc = "Date of the study."),
    TOLD(care_setting, .choices = care_settings, .type = "CareSetting", .doc = "From where the patient was sent."),
    TOLD(state, .choices = work_states, .type = "WorkState",
         .doc = "UNREAD, or how far its report is; ADDENDUM: it is signed, and results of models that came later ask "
                "for an addendum."),
    TOLD(priority, .choices = job_priorities, .type = "JobPriority",
         .doc = "The most urgent of what study, report and AI say."),
    TOLD(priority_from, .choices = work_priorities_from, .type = "WorkPriorityFrom", .doc = "Which of them that was."),
    FIELD(struct work_row, lift_diagnosis_id, .flags = READ_ONLY | NULLABLE | VEILS, .sql = "l.diagnosis_id",
          .doc = "The diagnosis by which AI lifts it to URGENT; it, and what it says, null to who does not see it."),
    MAYBE(lift_model_name, .sql = "l.model_name", .doc = "The model that made it."),
    MAYBE(lift_model_version, .sql = "l.model_version", .doc = "That model's version."),
    MAYBE(lift_label, .sql = "l.label", .doc = "What the model found."),
    FIELD(struct work_row, clock_at, .flags = READ_ONLY | VEILS,
          .doc = "When its clock started: with its first image; of an amendment, when that was begun."),
    FIELD(struct work_row, due_at, .flags = READ_ONLY | VEILS, .doc = "By when it is to be signed (REPORT_DUE)."),
    DERIVED(age_s, .doc = "Seconds since its clock started."),
    DERIVED(overdue, .doc = "Should it have been signed by now?"),
    MAYBE(report_id, .sql = "r.id", .doc = "The report that is under way."),
    MAYBE(report_version, .sql = "r.version", .doc = "The version being made."),
    TOLD(late_results, .sql = LATE_RESULTS_OF("q.report_id", "q.study_id"),
         .doc = "How many results of models that came after its signature ask for an addendum."),
    MAYBE(author_id, .doc = "The account that writes it."),
    MAYBE(author_name, .sql = NAME_OF("q.author_id"), .doc = "That account's full name."),
    MAYBE(reviewer_id, .doc = "The account that reviews it."),
    MAYBE(reviewer_name, .sql = NAME_OF("q.reviewer_id"), .doc = "That account's full name."),
    MAYBE(editor_id, .sql = "r.editor_id", .doc = "The account that is editing it."),
    MAYBE(editor_name, .sql = NAME_OF("r.editor_id"), .doc = "That account's full name."),
    MAYBE(editing_until, .sql = "r.editing_until", .doc = "How long its editor's lock lasts."),
    MAYBE(holder_id, .doc = "The account that has taken it to read, and has not begun."),
    MAYBE(holder_name, .sql = NAME_OF("q.holder_id"), .doc = "That account's full name."),
    FIELD(struct work_row, held_until, .flags = READ_ONLY | NULLABLE | VEILS, .doc = "How long it is that account's."),
};

/* What a model has found is told to those who may ask models, and see the image that it was asked of. */
bool report_result_is_told(struct call *c, int64_t diagnosis_id, bool *told)
{
    int64_t one;
    struct value values[DIAGNOSIS_SIGHT_VALUES];
    struct condition seen = diagnosis_in_sight(c, values);
    *told = false;
    if (!call_may(c, MAY_RUN_AI))
        return true;
    enum found found = db_find_integer(
        c, &one, arena_format(&c->arena, "select 1 from diagnoses d where d.id = ? and %s", seen.sql).at,
        V(diagnosis_id), seen.value, seen.more[0], seen.more[1], seen.more[2], values[0], values[1], values[2]);
    *told = found == FOUND;
    return found != FAILED;
}

static bool veil_lift(struct call *c, struct work_row *row)
{
    bool told;
    if (row->lift_diagnosis_id <= 0)
        return true;
    if (!report_result_is_told(c, row->lift_diagnosis_id, &told))
        return false;
    if (!told) {
        row->lift_diagnosis_id = INTEGER_NULL;
        row->lift_model_name = row->lift_model_version = row->lift_label = STR_NULL;
    }
    return true;
}

static bool work_veil(struct call *c, void *record)
{
    struct work_row *row = record;
    if (!visibility_of_patients(c)) {
        row->patient_id = INTEGER_NULL;
        row->patient_name = row->patient_number = STR_NULL;
    }
    return veil_lift(c, row);
}

void work_derive(struct call *c, void *record)
{
    struct work_row *row = record;
    int64_t now_us = clock_now().us;
    (void)c;
    row->age_s = (now_us - row->clock_at.us) / 1000000;
    row->overdue = row->due_at.us < now_us;
    if (row->held_until.us > now_us)
        return;
    row->holder_id = INTEGER_NULL;
    row->holder_name = STR_NULL;
    row->held_until = INSTANT_NULL;
}

const struct schema work_row_schema =
    SCHEMA("WorkRow", struct work_row, work_row_fields, .table = "worklist", .alias = "q", .veil = work_veil,
           .join = "left join studies s on s.id = q.study_id left join reports r on r.id = q.report_id left join "
                   "study_lifts l on l.study_id = q.study_id",
           .doc = "A study that is to be read, or a report on its way to a signature.");

/* ---- what is asked for ---- */

#define ON_LIST "worklist q on q.study_id = a.study_id"
static int scopes_of(struct call *c, struct condition scopes[WORK_SCOPES])
{
    struct value me = V(call_user(c));
    int count = visibility_scopes_through(
        c,
        &(struct visibility_through){
            .own = { "q.author_id = ?", me },
            .registered = "studies t cross join worklist q on q.study_id = t.id",
            .from = { VISIBILITY_BY_ACCOUNT ON_LIST, VISIBILITY_BY_ROLE ON_LIST, VISIBILITY_BY_DEPARTMENT ON_LIST },
        },
        scopes);
    if (!count)
        return 0;
    scopes[count++] = (struct condition){ "q.reviewer_id = ?", me };
    scopes[count++] =
        (struct condition){ REPORT_FIRST_OF_AUTHOR("v"), me,
                            .from = "report_versions v cross join worklist q on q.report_id = v.report_id" };
    return count;
}

/* Of each priority those that are due lie together, first. */
static int overdue_scopes(struct condition scopes[WORK_SCOPES], struct instant now)
{
    static_assert((int)JOB_LOW <= (int)WORK_SCOPES, "one for each priority");
    for (int priority = JOB_STAT; priority <= JOB_LOW; priority++)
        scopes[priority - 1] = (struct condition){ "q.urgency >= ? and q.urgency < ?",
                                                   V(priority * WORKLIST_STEP),
                                                   { V(priority * WORKLIST_STEP + now.us) } };
    return JOB_LOW;
}

static int mine_scopes(struct call *c, struct condition scopes[WORK_SCOPES])
{
    struct value me = V(call_user(c));
    scopes[0] = (struct condition){ "q.author_id = ? and q.state in ('DRAFT', 'ADDENDUM')", me };
    scopes[1] = (struct condition){ "q.reviewer_id = ? and q.state = 'IN_REVIEW'", me };
    return 2;
}

static struct condition for_review(struct call *c)
{
    struct value me = V(call_user(c));
    if (!call_may(c, MAY_REVIEW_REPORTS))
        return (struct condition){ "1 = 0" };
    if (!c->app->config.report_second_reader)
        return (struct condition){ "q.state = 'PRELIMINARY'" };
    return (struct condition){ "q.state = 'PRELIMINARY' and q.author_id <> ? and coalesce(q.submitted_by, 0) <> ?",
                               me,
                               { me } };
}

static bool may_look(struct call *c)
{
    return report_caller_writes(c) ||
           fail(c, E_FORBIDDEN, "the work list is for those who write or review reports: this needs the permission %s",
                permission_rows[MAY_CREATE_REPORTS].name);
}

bool work_ask(struct call *c, const struct work_wish *wish, struct work_asked *out)
{
    struct instant now = clock_now();
    int n = 0;
    if (!may_look(c))
        return false;
    out->scope_count = wish->view == WORK_MINE ? mine_scopes(c, out->scopes) : scopes_of(c, out->scopes);
    if (wish->view == WORK_UNREAD)
        out->conditions[n++] = (struct condition){ "q.state = 'UNREAD'" };
    if (wish->view == WORK_TO_REVIEW)
        out->conditions[n++] = for_review(c);
    if (wish->view == WORK_OVERDUE && out->scope_count)
        out->conditions[n++] = (struct condition){ "q.due_at < ?", V(now) };
    else if (wish->view == WORK_OVERDUE)
        out->scope_count = overdue_scopes(out->scopes, now);
    if (wish->priority)
        out->conditions[n++] = (struct condition){ "q.urgency >= ? and q.urgency < ?",
                                                   V(wish->priority * WORKLIST_STEP),
                                                   { V((wish->priority + 1) * WORKLIST_STEP) } };
    out->condition_count = n;
    return c->error.code == E_NONE;
}

/* ---- the next ---- */

struct candidate {
    int64_t id, urgency;
};

/* The first of a FROM and its condition, whose values come first; what is not asked for is no condition, so that an
 * index can be used for the rest. */
struct looking {
    struct str sql;
    struct value args[8]; /* from 1, as DB_ARGS has them */
    int count;
};

static void look_for(struct call *c, struct looking *l, const char *member, struct str wished)
{
    if (!wished.len)
        return;
    l->sql = arena_format(&c->arena, "%.*s and q.%s = ?", STR_FMT(l->sql), member);
    l->args[++l->count] = V(wished);
}

static bool better_of(struct call *c, struct looking l, struct str modality, const struct work_wish *wish,
                      struct candidate *best)
{
    struct cursor rows;
    look_for(c, &l, "modality", modality);
    look_for(c, &l, "body_part", wish->body_part);
    struct str sql =
        arena_format(&c->arena, "select q.id, q.urgency from %.*s order by q.urgency, q.id limit 1", STR_FMT(l.sql));
    db_rows_(c, &rows, sql.at, (struct db_args){ l.args, l.count });
    if (cursor_next(&rows)) {
        struct candidate found = { cursor_integer(&rows, 0), cursor_integer(&rows, 1) };
        if (!best->id || found.urgency < best->urgency || (found.urgency == best->urgency && found.id < best->id))
            *best = found;
    }
    return cursor_close(&rows);
}

/* Of each modality the first, by its own index. */
static bool better(struct call *c, const struct looking *l, const struct work_wish *wish, struct candidate *best)
{
    const struct modalities *any = &wish->modalities;
    for (int i = 0; i < any->count; i++)
        if (!better_of(c, *l, any->at[i].text, wish, best))
            return false;
    return any->count || better_of(c, *l, STR_NULL, wish, best);
}

static bool best_of_scope(struct call *c, const struct condition *scope, const struct work_wish *wish,
                          struct candidate *best)
{
    struct looking l = { 0 };
    bool elsewhere = scope && scope->from;
    l.sql = arena_format(&c->arena, "%s where %sq.is_live = 1 and q.state = 'UNREAD' and " WORK_IS_FREE "%s%s",
                         elsewhere ? scope->from : "worklist q", elsewhere ? "+" : "", scope ? " and " : "",
                         scope ? scope->sql : "");
    l.args[++l.count] = V(call_user(c));
    l.args[++l.count] = V(clock_now());
    if (scope)
        l.args[++l.count] = scope->value;
    return better(c, &l, wish, best);
}

enum found work_next(struct call *c, const struct work_wish *wish, struct work_row *out)
{
    struct condition scopes[WORK_SCOPES];
    struct candidate best = { 0 };
    struct value me = V(call_user(c));
    int count = may_look(c) ? scopes_of(c, scopes) : 0;
    if (c->error.code != E_NONE)
        return FAILED;
    for (int i = 0; i < (count ? count : 1); i++)
        if (!best_of_scope(c, count ? &scopes[i] : NULL, wish, &best))
            return FAILED;
    struct looking own = { .sql = S("worklist q where q.is_live = 1 and q.author_id = ? and q.state = 'DRAFT' and not "
                                    "exists (select 1 from reports r where r.id = q.report_id and r.editor_id <> ? and "
                                    "r.editing_until > ?)"),
                           .args = { [1] = me, [2] = me, [3] = V(clock_now()) },
                           .count = 3 };
    if (!better(c, &own, wish, &best))
        return FAILED;
    if (!best.id)
        return NONE;
    enum found found = db_find(c, &work_row_schema, out, "where q.id = ?", V(best.id));
    if (found == FOUND) {
        work_derive(c, out);
        audit_about(c, out->study_id, out->patient_id);
    }
    return found;
}
