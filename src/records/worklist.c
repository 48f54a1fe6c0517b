/* worklist.c - see worklist.h. */
#include "records/worklist.h"

#include "records/study.h"
#include "site/app.h"

/* What of a study decides how urgent it is. */
struct facts {
    struct str modality, body_part;
    unsigned care_setting, priority;
    struct instant arrived_at;
    bool is_lifted;
    bool is_there, has_images;
};

static enum found find_facts(struct call *c, int64_t study_id, struct facts *out)
{
    struct cursor rows;
    db_rows(c, &rows,
            "select s.modality, s.body_part, s.care_setting, s.priority, s.arrived_at, (select count(*) from "
            "study_lifts l where l.study_id = s.id), s.deleted_at is null, s.number_of_instances > 0 or exists (select "
            "1 from image_files f where f.study_id = s.id and f.is_deleted = 0) from studies s where s.id = ?",
            V(study_id));
    bool found = cursor_next(&rows);
    if (found)
        *out = (struct facts){ .modality = arena_copy(&c->arena, cursor_text(&rows, 0)),
                               .body_part = arena_copy(&c->arena, cursor_text(&rows, 1)),
                               .care_setting = choice_of(care_settings, cursor_text(&rows, 2)),
                               .priority = choice_of(job_priorities, cursor_text(&rows, 3)),
                               .arrived_at.us = cursor_integer(&rows, 4),
                               .is_lifted = cursor_integer(&rows, 5) > 0,
                               .is_there = cursor_integer(&rows, 6) > 0,
                               .has_images = cursor_integer(&rows, 7) > 0 };
    return !cursor_close(&rows) ? FAILED : found ? FOUND : NONE;
}

/* ---- how urgent its rows are ---- */

struct row {
    int64_t id;
    unsigned priority; /* of its report; 0: it has none */
    struct instant clock;
};

/* Another number for another REPORT_DUE; above 0. */
static int64_t due_rule(const struct call *c)
{
    unsigned char digest[SHA256_BYTES];
    int64_t out = 1;
    crypto_sha256(c->app->config.report_due, digest);
    for (int i = 0; i < 6; i++)
        out = out * 256 + digest[i];
    return out;
}

static bool set_urgency(struct call *c, const struct facts *facts, const struct row *row)
{
    struct instant due = worklist_due(&c->app->config, facts->care_setting, facts->modality, row->clock);
    unsigned priority = facts->priority;
    const char *from = "STUDY";
    if (row->priority && row->priority < priority) {
        priority = row->priority;
        from = "REPORT";
    }
    if (facts->is_lifted && JOB_URGENT < priority) {
        priority = JOB_URGENT;
        from = "AI";
    }
    /* What has been told stays told, but where there is time again. Live by the rule of studies_worklist_update. */
    return db_execute(c,
                      "update worklist set is_live = case when ? = 1 and (? = 1 or state <> 'UNREAD') then 1 else 0 "
                      "end, modality = ?, body_part = ?, care_setting = ?, priority = ?, priority_from = ?, is_told = "
                      "case when due_at < ? and ? = 1 then 0 else is_told end, due_at = ?, due_rule = ?, urgency = ? "
                      "where id = ?",
                      V(facts->is_there), V(facts->has_images), V(facts->modality), V(facts->body_part),
                      V(choice_text(care_settings, facts->care_setting)), V(choice_text(job_priorities, priority)),
                      V(str_from(from)), V(due), V((int64_t)(due.us > clock_now().us)), V(due), V(due_rule(c)),
                      V(priority * WORKLIST_STEP + due.us), V(row->id));
}

enum { ROWS_MAX = 200 }; /* reports under way of one study */

/* `other_rule`: those whose due_rule is not this one; 0: all. */
static bool set_urgencies(struct call *c, int64_t study_id, const struct facts *facts, int64_t other_rule)
{
    struct cursor rows;
    struct row *all = arena_array(&c->arena, struct row, ROWS_MAX);
    int count = 0;
    for (db_rows(c, &rows,
                 "select id, report_priority, clock_at from worklist where study_id = ? and due_rule <> ? order by "
                 "report_id limit 200",
                 V(study_id), V(other_rule ? other_rule : -1));
         count < ROWS_MAX && cursor_next(&rows); count++)
        all[count] = (struct row){ cursor_integer(&rows, 0),
                                   choice_of(job_priorities, cursor_text(&rows, 1)),
                                   { cursor_integer(&rows, 2) } };
    if (!cursor_close(&rows))
        return false;
    for (int i = 0; i < count; i++)
        if (!set_urgency(c, facts, &all[i]))
            return false;
    return true;
}

bool worklist_study_changed(struct call *c, int64_t study_id)
{
    struct facts facts;
    enum found found = find_facts(c, study_id, &facts);
    return found == FOUND ? set_urgencies(c, study_id, &facts, 0) : found == NONE;
}

enum found worklist_find_other_due(struct call *c, int64_t *study_id)
{
    struct value rule = V(due_rule(c));
    enum found found = db_find_integer(
        c, study_id, "select study_id from worklist where due_rule < ? order by due_rule, id limit 1", rule);
    return found == NONE ? db_find_integer(c, study_id,
                                           "select study_id from worklist where due_rule > ? order by due_rule, id "
                                           "limit 1",
                                           rule)
                         : found;
}

bool worklist_due_follows(struct call *c, int64_t study_id)
{
    struct facts facts;
    enum found found = find_facts(c, study_id, &facts);
    return found == FOUND ? set_urgencies(c, study_id, &facts, due_rule(c)) : found == NONE;
}

/* ---- rows come and go ---- */

static bool put_row(struct call *c, int64_t study_id, int64_t report_id, struct instant clock)
{
    return db_execute(c,
                      "insert into worklist(study_id, report_id, state, is_live, is_told, care_setting, priority, "
                      "priority_from, clock_at, due_at, urgency) values (?, ?, 'UNREAD', 1, 0, 'OTHER', 'NORMAL', "
                      "'STUDY', ?, ?, ?)",
                      V(study_id), V(report_id), V(clock), V(clock), V(JOB_NORMAL * WORKLIST_STEP + clock.us));
}

bool worklist_file_came(struct call *c, int64_t study_id)
{
    int64_t one, changed = 0;
    struct instant now = clock_now();
    if (study_id <= 0)
        return true;
    enum found waits =
        db_find_integer(c, &one, "select 1 from studies where id = ? and arrived_at is null", V(study_id));
    if (waits != FOUND)
        return waits == NONE;
    if (!db_execute_counted(c, &changed, "update studies set arrived_at = ? where id = ? and arrived_at is null",
                            V(now), V(study_id)))
        return false;
    if (!changed)
        return true; /* another file was first */
    enum found reported = db_find_integer(c, &one, "select 1 from worklist where study_id = ? limit 1", V(study_id));
    bool kept = reported == FOUND
                    ? db_execute(c, "update worklist set clock_at = ? where study_id = ?", V(now), V(study_id))
                    : reported == NONE && put_row(c, study_id, 0, now);
    return kept && worklist_study_changed(c, study_id);
}

static enum found find_row(struct call *c, int64_t study_id, int64_t report_id, int64_t *id)
{
    return db_find_integer(c, id, "select id from worklist where study_id = ? and report_id = ?", V(study_id),
                           V(report_id));
}

/* A study has one clock, whoever reports it and however often; what is amended has a clock of its own. */
static bool find_clock(struct call *c, const struct worklist_report *r, struct instant *out)
{
    struct facts facts;
    enum found found = find_facts(c, r->study_id, &facts);
    *out = found == FOUND && !r->was_signed && facts.arrived_at.us > 0 ? facts.arrived_at : clock_now();
    return found != FAILED;
}

/* The row that it goes on with: its own, the study's that nobody has read, a new one. */
static bool take_row(struct call *c, const struct worklist_report *r, int64_t *id)
{
    struct instant clock;
    enum found found = find_row(c, r->study_id, r->report_id, id);
    if (found == NONE && !r->was_signed)
        found = find_row(c, r->study_id, 0, id);
    if (found != NONE)
        return found == FOUND;
    return find_clock(c, r, &clock) && put_row(c, r->study_id, r->report_id, clock) &&
           find_row(c, r->study_id, r->report_id, id) == FOUND;
}

/* Nobody has read the study (any more): the row goes on without the report, or there is one again. */
static bool leave_unread(struct call *c, const struct worklist_report *r, enum found found, int64_t id)
{
    struct instant clock;
    if (found == NONE)
        return find_clock(c, r, &clock) && put_row(c, r->study_id, 0, clock) && worklist_study_changed(c, r->study_id);
    return db_execute(c,
                      "update worklist set report_id = 0, state = 'UNREAD', report_priority = null, author_id = null, "
                      "submitted_by = null, reviewer_id = null where id = ?",
                      V(id)) &&
           worklist_study_changed(c, r->study_id);
}

static bool close_row(struct call *c, const struct worklist_report *r)
{
    struct facts facts;
    int64_t id = 0, other = 0;
    enum found found = find_row(c, r->study_id, r->report_id, &id), unread = NONE;
    if (found == FAILED || find_facts(c, r->study_id, &facts) == FAILED)
        return false;
    if (r->leaves_unread && facts.arrived_at.us > 0)
        unread = find_row(c, r->study_id, 0, &other);
    if (unread == FAILED)
        return false;
    if (r->leaves_unread && facts.arrived_at.us > 0 && unread == NONE)
        return leave_unread(c, r, found, id);
    return found == NONE || db_execute(c, "delete from worklist where id = ?", V(id));
}

static struct value account(int64_t id)
{
    return id > 0 ? V(id) : value_nothing();
}

bool worklist_report_changed(struct call *c, const struct worklist_report *r)
{
    int64_t id;
    if (!r->status.len)
        return close_row(c, r);
    return take_row(c, r, &id) &&
           db_execute(c,
                      "update worklist set report_id = ?, state = ?, report_priority = ?, author_id = ?, submitted_by "
                      "= ?, reviewer_id = ?, holder_id = null, held_until = null where id = ?",
                      V(r->report_id), V(r->status), V(choice_text(job_priorities, r->priority)), account(r->author_id),
                      account(r->submitted_by), account(r->reviewer_id), V(id)) &&
           worklist_study_changed(c, r->study_id);
}

/* ---- what follows the study ---- */

bool worklist_priority_changed(struct call *c, int64_t study_id, unsigned from, unsigned to)
{
    struct value was = V(choice_text(job_priorities, from)), is = V(choice_text(job_priorities, to));
    return from == to ||
           (db_execute(c,
                       "update reports set priority = ? where study_id = ? and priority = ? and status in ('DRAFT', "
                       "'PRELIMINARY', 'IN_REVIEW', 'APPROVED')",
                       is, V(study_id), was) &&
            db_execute(c, "update worklist set report_priority = ? where study_id = ? and report_priority = ?", is,
                       V(study_id), was));
}

/* ---- AI ---- */

/* The first of the study that stands. */
bool worklist_lift(struct call *c, int64_t study_id)
{
    return db_execute(c, "delete from study_lifts where study_id = ?", V(study_id)) &&
           db_execute(c,
                      "insert into study_lifts(study_id, diagnosis_id, model_name, model_version, label, lifted_at) "
                      "select f.study_id, d.id, d.model_name, d.model_version, d.critical_label, ? from image_files f "
                      "join diagnoses d on d.image_file_id = f.id where f.study_id = ? and f.is_deleted = 0 and "
                      "d.critical_label is not null and d.critical_denied = 0 and d.status in ('COMPLETED', "
                      "'REVIEWED') order by d.id limit 1",
                      V(clock_now()), V(study_id)) &&
           worklist_study_changed(c, study_id);
}

bool worklist_file_changed(struct call *c, int64_t study_id, int64_t file_id)
{
    int64_t one;
    enum found found = study_id <= 0 ? NONE
                                     : db_find_integer(c, &one,
                                                       "select 1 from diagnoses where image_file_id = ? and "
                                                       "critical_label is not null limit 1",
                                                       V(file_id));
    return found == NONE || (found == FOUND && worklist_lift(c, study_id));
}
