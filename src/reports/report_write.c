/* report_write.c - reports begun and changed: each time a version more. */
#include "reports/report_parts.h"

#include "records/image_file.h"
#include "records/record_lock.h"
#include "records/study.h"
#include "reports/report_find.h"
#include "records/visibility.h"
#include "records/worklist.h"
#include "reports/draft.h"
#include "reports/late_result.h"
#include "reports/template.h"
#include "reports/peer_review.h"
#include "reports/work.h"
#include "site/app.h"

bool report_tell(struct call *c, const struct report *report, enum report_status status)
{
    return event_put(c, &(struct event){ .type = EVENT_REPORT_CHANGED,
                                         .report_id = report->id,
                                         .study_id = report->study_id,
                                         .state = choice_text(report_statuses, status) });
}

bool report_put_step(struct call *c, const struct report *report, unsigned action, enum report_status to,
                     struct str reason)
{
    return db_execute(c,
                      "insert into report_steps(report_id, version, action, from_status, to_status, user_id, reason, "
                      "at) values (?, ?, ?, ?, ?, ?, ?, ?)",
                      V(report->id), V(report->version), V(choice_text(report_actions, action)),
                      V(choice_text(report_statuses, action ? report->status : 0)), V(choice_text(report_statuses, to)),
                      V(call_user(c)), V(reason), V(clock_now()));
}

#define IS_ASKED_FOR_MORE LATE_RESULTS_OF("r.id", "r.study_id") " > 0"

bool report_keep_on_list(struct call *c, int64_t id)
{
    struct worklist_report on = { .report_id = id };
    struct cursor rows;
    int64_t counting = 0;
    db_rows(c, &rows,
            "select r.study_id, case when r.status in ('DRAFT', 'PRELIMINARY', 'IN_REVIEW', 'APPROVED') then r.status "
            "when r.status <> 'CANCELLED' and " IS_ASKED_FOR_MORE " then 'ADDENDUM' end, r.priority, "
            "r.signed_version, r.author_id, r.submitted_by, r.reviewer_id from reports r where r.id = ?",
            V(id));
    if (cursor_next(&rows))
        on = (struct worklist_report){ .report_id = id,
                                       .study_id = cursor_integer(&rows, 0),
                                       .status = arena_copy(&c->arena, cursor_text(&rows, 1)),
                                       .priority = choice_of(job_priorities, cursor_text(&rows, 2)),
                                       .was_signed = cursor_integer(&rows, 3) > 0,
                                       .author_id = cursor_integer(&rows, 4),
                                       .submitted_by = cursor_integer(&rows, 5),
                                       .reviewer_id = cursor_integer(&rows, 6) };
    if (!cursor_close(&rows) ||
        !db_integer(c, &counting,
                    "select count(*) from reports where study_id = ? and status not in ('CANCELLED', "
                    "'ENTERED_IN_ERROR')",
                    V(on.study_id)))
        return false;
    on.leaves_unread = !counting;
    return worklist_report_changed(c, &on);
}

/* Images of others' studies are not shown. */
static bool images_belong(struct call *c, int64_t study_id, const struct content_change *change)
{
    for (ptrdiff_t i = 0; change->has_key_images && i < change->key_images.count; i++) {
        const struct key_image *image = (const struct key_image *)change->key_images.items + i;
        struct image_file file;
        if (image_file_load(c, image->image_file_id, &file) && file.study_id == study_id)
            continue;
        if (c->error.code != E_NONE && c->error.code != E_NOT_FOUND && c->error.code != E_INVALID)
            return false;
        if (c->error.code == E_NOT_FOUND)
            error_clear(&c->error);
        (void)error_add_problem(&c->error, &c->arena, "body",
                                arena_format(&c->arena, "key_images.%td.image_file_id", i), "not_found",
                                "the study has no image file %" PRId64, image->image_file_id);
    }
    return c->error.code == E_NONE;
}

/* Of words that are added: whose report it is that they are added to. */
static bool find_author(struct call *c, const struct report *report, int64_t *author)
{
    *author = report->author_id;
    return report->kind != REPORT_ADDENDUM ||
           db_integer(c, author, "select author_id from report_versions where report_id = ? and version = ?",
                      V(report->id), V(report->replaces));
}

bool report_put_version(struct call *c, struct report *report, const struct report_content *content, struct str reason)
{
    int64_t author;
    if (!find_author(c, report, &author) ||
        !db_integer(c, &report->version,
                    "select coalesce(max(version), 0) + 1 from report_versions where report_id = ?", V(report->id)))
        return false;
    struct report_version row = { .report_id = report->id,
                                  .version = report->version,
                                  .kind = report->kind,
                                  .status = REPORT_DRAFT,
                                  .replaces = report->replaces,
                                  .content = *content,
                                  .content_sha256 = content_digest(c, content),
                                  .reason = reason,
                                  .author_id = author,
                                  .created_by = call_user(c) };
    report->content = *content;
    return db_insert(c, &report_version_schema, &row, NULL);
}

/* ---- begun ---- */

static bool choose_template(struct call *c, const struct report_wish *wish, struct content_change *change)
{
    struct template *offered = arena_new(&c->arena, struct template);
    if (!wish->finds_template)
        return true;
    enum found found = template_of_study(c, wish->study_id, offered);
    if (found == FOUND)
        change->template_id = offered->id;
    return found != FAILED;
}

bool report_create(struct call *c, const struct report_wish *wish, int64_t *id)
{
    struct study study;
    struct report_content content;
    struct report report;
    bool whole;
    if (!lock_study(c, wish->study_id, 0) || !study_load(c, wish->study_id, &study) ||
        !visibility_of_study_record(c, study.id, &whole))
        return false;
    if (!whole)
        return fail(c, E_FORBIDDEN, "only those who see the whole study may report it");
    if (!wish->parallel && !work_may_begin(c, study.id))
        return false;
    schema_clear(&report_schema, &report);
    report.report_uuid = crypto_uuid_text(&c->arena);
    report.study_id = study.id;
    report.patient_id = study.patient_id;
    report.status = REPORT_DRAFT;
    report.kind = REPORT_ORIGINAL;
    report.version = 1;
    report.priority = wish->priority ? wish->priority : study.priority;
    report.author_id = call_user(c);
    struct content_change change = wish->content;
    if (!images_belong(c, study.id, &change) || !report_sources_hold(c, &report, &change) ||
        !choose_template(c, wish, &change) || !content_merge(c, NULL, &change, &content) ||
        (wish->prefill && !draft_fill(c, &report, change.sections, &content)))
        return false;
    if (!db_insert(c, &report_schema, &report, &report.id) || !report_put_version(c, &report, &content, STR_NULL) ||
        !report_put_step(c, &report, 0, REPORT_DRAFT, STR_NULL) || !report_keep_on_list(c, report.id) ||
        !report_index(c, report.id))
        return false;
    *id = report.id;
    return peer_review_ask(c, &report) && report_tell(c, &report, REPORT_DRAFT);
}

bool report_is_current(struct call *c, const struct report *report, int64_t base)
{
    int64_t maker;
    if (base != INTEGER_NULL)
        return base == report->version ||
               fail(c, E_PRECONDITION_FAILED,
                    "this was made from version %" PRId64 ", and version %" PRId64 " is there by now: read it, and "
                    "send what is to be another of that",
                    base, report->version);
    return db_integer(c, &maker, "select created_by from report_versions where report_id = ? and version = ?",
                      V(report->id), V(report->version)) &&
           (maker == call_user(c) ||
            fail(c, E_PRECONDITION_FAILED,
                 "version %" PRId64 " was made by somebody else: read it, and say by If-Match, or by `version`, that "
                 "this is to follow it",
                 report->version));
}

bool report_is_author(const struct call *c, const struct report *report)
{
    return report->author_id == call_user(c) && call_may(c, MAY_CREATE_REPORTS);
}

/* Who writes it may, and who has taken it for review. */
static bool may_edit(struct call *c, const struct report *report)
{
    int64_t me = call_user(c);
    if (report->status == REPORT_IN_REVIEW && report->reviewer_id == me && call_may(c, MAY_REVIEW_REPORTS))
        return true;
    if (!report_caller_writes(c))
        return fail(c, E_FORBIDDEN, "this needs the permission %s", permission_rows[MAY_UPDATE_REPORTS].name);
    if (report->status != REPORT_DRAFT)
        return fail(c, E_CONFLICT, "the report is %s: only a draft is changed, or what one has taken for review%s",
                    report_statuses[report->status - 1],
                    STATUS_BIT(report->status) & REPORT_SIGNED_BITS
                        ? "; what is signed is amended, or words are added to it"
                        : "");
    return report_is_author(c, report) || call_may(c, MAY_UPDATE_REPORTS) ||
           fail(c, E_FORBIDDEN, "somebody else is writing this report");
}

static bool is_free(struct call *c, const struct report *report)
{
    return report->editor_id <= 0 || report->editor_id == call_user(c) || report->editing_until.us <= clock_now().us ||
           fail(c, E_CONFLICT, "%.*s is editing it: take the lock over first (POST /reports/%" PRId64 "/lock)",
                STR_FMT(report->editor_name), report->id);
}

/* An addendum adds words below what is signed, and leaves that as it is. */
static bool leaves_signed(struct call *c, const struct report *report, const struct content_change *change)
{
    const char *other = change->sections.text.at      ? "sections"
                        : change->fields.text.at      ? "fields"
                        : change->has_title           ? "title"
                        : change->language.at         ? "language"
                        : change->has_key_images      ? "key_images"
                        : change->has_sources         ? "sources"
                        : change->added_sources.count ? "add_sources"
                                                      : NULL;
    return report->kind != REPORT_ADDENDUM || !other ||
           error_add_problem(&c->error, &c->arena, "body", str_from(other), "signed",
                             "an addendum leaves what is signed as it is: amend it, or write into `addendum`");
}

/* Words under way are replaced; those below what is signed stay. */
static bool begin_addendum_anew(struct call *c, const struct report *report, struct report_content *content)
{
    struct value was;
    if (report->kind != REPORT_ADDENDUM)
        return error_add_problem(&c->error, &c->arena, "body", S("addendum"), "no_addendum",
                                 "this version is no addendum: POST /reports/%" PRId64 "/addendum begins one",
                                 report->id);
    if (db_find_value(c, &was, "select addenda from report_versions where report_id = ? and version = ?", V(report->id),
                      V(report->replaces)) != FOUND)
        return c->error.code ? false : fail(c, E_INTERNAL, "the version that is added to is gone");
    content->addenda.text = was.type == VALUE_TEXT ? arena_copy(&c->arena, was.text) : STR_NULL;
    return true;
}

static bool may_fill(struct call *c, const struct report *report, const struct report_edit *edit)
{
    return !edit->prefill || (report->status == REPORT_DRAFT && report->kind != REPORT_ADDENDUM) ||
           fail(c, E_CONFLICT, "only a draft is filled, and no addendum: this is %s %s",
                report->kind == REPORT_ADDENDUM ? "an addendum, " : "a report that is",
                report_statuses[report->status - 1]);
}

bool report_save(struct call *c, const struct report_edit *edit)
{
    struct report report;
    struct report_content before, content;
    struct content_change change = edit->content;
    if ((edit->priority && !report_hold_study(c, edit->id)) || !report_hold(c, edit->id, &report) ||
        !may_edit(c, &report) || !report_is_current(c, &report, edit->base) || !is_free(c, &report) ||
        !may_fill(c, &report, edit) || !leaves_signed(c, &report, &edit->content) ||
        !images_belong(c, report.study_id, &change) || !report_sources_hold(c, &report, &change))
        return false;
    before = report.content;
    if ((change.addendum.len && !begin_addendum_anew(c, &report, &before)) ||
        !content_merge(c, &before, &change, &content) ||
        (edit->prefill && !draft_fill(c, &report, change.sections, &content)))
        return false;
    struct instant now = clock_now();
    bool differs = !content_is_same(&report.content, &content);
    if (differs && !report_put_version(c, &report, &content, edit->reason))
        return false;
    return db_execute(c,
                      "update reports set version = ?, priority = ?, updated_at = ?, editing_until = case when "
                      "editor_id = ? then ? else editing_until end where id = ?",
                      V(report.version),
                      V(choice_text(job_priorities, edit->priority ? edit->priority : report.priority)), V(now),
                      V(call_user(c)), V(now.us + REPORT_LOCK_S * INT64_C(1000000)), V(report.id)) &&
           (!edit->priority || report_keep_on_list(c, report.id)) && (!differs || report_index(c, report.id)) &&
           report_tell(c, &report, (enum report_status)report.status);
}

/* ---- the editor's lock ---- */

bool report_lock(struct call *c, int64_t id, bool take_over, struct report *out)
{
    struct instant until = { clock_now().us + REPORT_LOCK_S * INT64_C(1000000) };
    return report_hold(c, id, out) && may_edit(c, out) && (take_over || is_free(c, out)) &&
           db_execute(c, "update reports set editor_id = ?, editing_until = ? where id = ?", V(call_user(c)), V(until),
                      V(id)) &&
           report_tell(c, out, (enum report_status)out->status) && report_load(c, id, out);
}

bool report_unlock(struct call *c, int64_t id)
{
    struct report report;
    return report_hold(c, id, &report) &&
           (report.editor_id == call_user(c) || fail(c, E_CONFLICT, "the lock is not yours")) &&
           db_execute(c, "update reports set editor_id = null, editing_until = null where id = ?", V(id)) &&
           report_tell(c, &report, (enum report_status)report.status);
}
