/* late_result_ask.c - see late_result.h: what comes to pass by itself, when a result, an image or a report changes. */
#include "reports/late_result_parts.h"

#include "people/mailing.h"
#include "reports/report_parts.h"
#include "site/app.h"

/* ---- what a report rests on ---- */

/* The results of models that a source of this version names, and its text still says. */
static bool find_grounds(struct call *c, int64_t report_id, int64_t version, struct integers *out)
{
    struct report_version signed_one;
    struct list sources;
    if (db_find(c, &report_version_schema, &signed_one, "where v.report_id = ? and v.version = ?", V(report_id),
                V(version)) != FOUND)
        return c->error.code != E_NONE ? false : fail(c, E_INTERNAL, "a signed version is gone");
    if (!report_standing_sources(c, &signed_one.content, &sources))
        return false;
    *out = (struct integers){ arena_array(&c->arena, int64_t, sources.count + 1), 0 };
    for (ptrdiff_t i = 0; i < sources.count; i++) {
        const struct content_source *source = (const struct content_source *)sources.items + i;
        if (source->kind == FROM_DIAGNOSIS)
            out->items[out->count++] = report_source_number(source->reference, S("diagnosis/"));
    }
    return true;
}

static bool is_among(const struct integers *all, int64_t one)
{
    for (ptrdiff_t i = 0; i < all->count; i++)
        if (all->items[i] == one)
            return true;
    return false;
}

/* ---- asked ---- */

/* Nothing of the patient: mail is read by more than it is sent to. */
static bool mail_author(struct call *c, int64_t report_id)
{
    struct str to[2], body = arena_format(&c->arena,
                                          "A model's result has come, was confirmed, or was denied although the "
                                          "report rests on it, after report %" PRId64
                                          " was signed. It asks for an addendum, or to be dismissed.\r\nServer: "
                                          "%.*s\r\n\r\n报告 %" PRId64
                                          " 签署之后有模型结果到达、被确认，或其所依据的结果被否定，请补充报告，"
                                          "或说明无需补充。\r\n",
                                          report_id, STR_FMT(c->app->config.public_url), report_id);
    int count = 0;
    struct cursor rows;
    for (db_rows(c, &rows,
                 "select u.email from users u where u.status = 'ACTIVE' and u.deleted_at is null and (u.id = (select "
                 "r.author_id from reports r where r.id = ?) or u.id = (select v.author_id from report_versions v "
                 "join reports r on r.id = v.report_id and r.signed_version = v.version where r.id = ?)) order by "
                 "u.id",
                 V(report_id), V(report_id));
         count < 2 && cursor_next(&rows);)
        to[count++] = arena_copy(&c->arena, cursor_text(&rows, 0));
    if (!cursor_close(&rows))
        return false;
    for (int i = 0; i < count; i++)
        if (!mailing_put(c, &(struct mail){ to[i], S("Roentgen: addendum asked for / 请补充报告"), body }))
            return false;
    return true;
}

/* Of those of a report that count now the first is mailed. */
static bool tell_open(struct call *c, const struct heard *h, int64_t report_id)
{
    int64_t open = 0;
    return db_integer(c, &open, "select " LATE_RESULTS_OF("?", "?"), V(report_id), V(h->study_id)) &&
           (open != 1 || mail_author(c, report_id)) && late_result_tell(c, report_id, h->study_id, LATE_RESULT_OPEN) &&
           report_keep_on_list(c, report_id);
}

#define IS_WRITTEN_ON "(select case when r.version > r.signed_version then 1 else 0 end from reports r where r.id = ?)"

static bool put(struct call *c, const struct heard *h, int64_t report_id, int64_t version, enum late_result_cause cause)
{
    return db_execute(c,
                      "insert into late_results(report_id, diagnosis_id, signed_version, cause, status, judged_before, "
                      "while_writing, asked_at) values (?, ?, ?, ?, 'OPEN', ?, " IS_WRITTEN_ON ", ?)",
                      V(report_id), V(h->diagnosis_id), V(version), V(choice_text(late_result_causes, cause)),
                      V((int64_t)heard_before(h)), V(report_id), V(clock_now())) &&
           tell_open(c, h, report_id);
}

/* One that has asked before. */
struct asked {
    int64_t id, judged_before;
    unsigned cause, status;
};

#define ASKED "select id, judged_before, cause, status from late_results where report_id = ? and diagnosis_id = ? and "

static enum found take_asked(struct cursor *rows, struct asked *out)
{
    bool is_there = cursor_next(rows);
    if (is_there)
        *out = (struct asked){ cursor_integer(rows, 0), cursor_integer(rows, 1),
                               choice_of(late_result_causes, cursor_text(rows, 2)),
                               choice_of(late_result_statuses, cursor_text(rows, 3)) };
    return !cursor_close(rows) ? FAILED : is_there ? FOUND : NONE;
}

static enum found find_news(struct call *c, const struct heard *h, int64_t report_id, struct asked *out)
{
    struct cursor rows;
    db_rows(c, &rows, ASKED "cause <> 'DENIED'", V(report_id), V(h->diagnosis_id));
    return take_asked(&rows, out);
}

/* Before that of this version the one that an earlier left open: whoever signed since has not taken note of it. */
static enum found find_ground(struct call *c, const struct heard *h, int64_t report_id, int64_t version,
                              struct asked *out)
{
    struct cursor rows;
    db_rows(c, &rows,
            ASKED "cause = 'DENIED' and (status = 'OPEN' or signed_version = ?) order by case when status = 'OPEN' "
                  "then 0 else 1 end limit 1",
            V(report_id), V(h->diagnosis_id), V(version));
    return take_asked(&rows, out);
}

static bool open_again(struct call *c, const struct heard *h, int64_t report_id, const struct asked *asked,
                       enum late_result_cause cause)
{
    return db_execute(c,
                      "update late_results set cause = ?, status = 'OPEN', closed_by = null, closed_at = null, "
                      "while_writing = " IS_WRITTEN_ON " where id = ?",
                      V(choice_text(late_result_causes, cause)), V(report_id), V(asked->id)) &&
           tell_open(c, h, report_id);
}

static bool take_back(struct call *c, const struct heard *h, int64_t report_id, const struct asked *asked)
{
    return db_execute(c, "update late_results set status = 'WITHDRAWN', closed_by = ?, closed_at = ? where id = ?",
                      V(call_user(c) > 0 ? call_user(c) : INTEGER_NULL), V(clock_now()), V(asked->id)) &&
           late_result_tell(c, report_id, h->study_id, LATE_RESULT_WITHDRAWN) && report_keep_on_list(c, report_id);
}

/* It is open, and judged again. Where that is another word than before, it came now. */
static bool go_on(struct call *c, const struct heard *h, int64_t report_id, const struct asked *asked,
                  enum late_result_cause cause)
{
    bool is_other = heard_differs(h, heard_before(h));
    if (!is_other && cause == asked->cause)
        return true;
    return db_execute(c, "update late_results set cause = ? where id = ?", V(choice_text(late_result_causes, cause)),
                      V(asked->id)) &&
           (!is_other || db_execute(c, "update late_results set while_writing = " IS_WRITTEN_ON " where id = ?",
                                    V(report_id), V(asked->id))) &&
           late_result_tell(c, report_id, h->study_id, LATE_RESULT_OPEN);
}

/* A result that the report says nothing by. */
static bool hear_news(struct call *c, const struct heard *h, int64_t report_id, int64_t version)
{
    struct asked asked;
    enum found found = find_news(c, h, report_id, &asked);
    if (found == FAILED)
        return false;
    if (found == NONE)
        return !h->asks || put(c, h, report_id, version, h->is_confirmed ? LATE_RESULT_CONFIRMED : LATE_RESULT_ARRIVED);
    if (asked.status == LATE_RESULT_OPEN)
        return h->asks ? go_on(c, h, report_id, &asked, h->is_confirmed ? LATE_RESULT_CONFIRMED : asked.cause)
                       : take_back(c, h, report_id, &asked);
    return asked.status != LATE_RESULT_WITHDRAWN || !h->asks || !h->is_confirmed ||
           open_again(c, h, report_id, &asked, LATE_RESULT_CONFIRMED);
}

/* One that it rests on. What its readers said last before the first change after the signature is what they said at the
 * signature: a row keeps how many judgements that were. */
static bool hear_ground(struct call *c, const struct heard *h, int64_t report_id, int64_t version)
{
    struct asked asked;
    enum found found = find_ground(c, h, report_id, version, &asked);
    if (found == FAILED)
        return false;
    bool is_denied = heard_differs(h, found == FOUND ? (ptrdiff_t)asked.judged_before : heard_before(h));
    if (found == NONE)
        return !is_denied || put(c, h, report_id, version, LATE_RESULT_DENIED);
    if (asked.status == LATE_RESULT_OPEN)
        return is_denied ? go_on(c, h, report_id, &asked, LATE_RESULT_DENIED) : take_back(c, h, report_id, &asked);
    return asked.status != LATE_RESULT_WITHDRAWN || !is_denied ||
           open_again(c, h, report_id, &asked, LATE_RESULT_DENIED);
}

/* Each signed report on the study of its image; where there is none the result is not read. */
bool late_result_heard(struct call *c, int64_t diagnosis_id)
{
    struct heard h = { 0 };
    struct integers grounds;
    int64_t study_id = 0, version = 0;
    enum found found = db_find_integer(c, &study_id,
                                       "select f.study_id from diagnoses d join image_files f on f.id = "
                                       "d.image_file_id where d.id = ? and f.study_id is not null",
                                       V(diagnosis_id));
    for (int64_t report_id = 0; found == FOUND;) {
        found = db_find_integer(c, &report_id,
                                "select id from reports where study_id = ? and id > ? and signed_version is not null "
                                "and status <> 'ENTERED_IN_ERROR' order by id limit 1",
                                V(study_id), V(report_id));
        if (found != FOUND)
            break;
        if ((!h.diagnosis_id && !heard_read(c, diagnosis_id, &h)) ||
            !db_integer(c, &version, "select signed_version from reports where id = ?", V(report_id)) ||
            !find_grounds(c, report_id, version, &grounds) ||
            !(is_among(&grounds, diagnosis_id) ? hear_ground : hear_news)(c, &h, report_id, version))
            return false;
    }
    return found == NONE;
}

/* ---- with its image, and with its report ---- */

/* What counts again comes now, too. */
bool late_results_file_changed(struct call *c, int64_t image_file_id)
{
    for (int64_t report_id = 0;;) {
        enum found found = db_find_integer(c, &report_id,
                                           "select k.report_id from diagnoses d join late_results k on k.diagnosis_id "
                                           "= d.id where d.image_file_id = ? and k.status = 'OPEN' and k.report_id > ? "
                                           "order by k.report_id limit 1",
                                           V(image_file_id), V(report_id));
        if (found != FOUND)
            return found == NONE;
        if (!db_execute(c,
                        "update late_results set while_writing = " IS_WRITTEN_ON " where report_id = ? and status = "
                        "'OPEN' and diagnosis_id in (select id from diagnoses where image_file_id = ?)",
                        V(report_id), V(report_id), V(image_file_id)) ||
            !report_keep_on_list(c, report_id))
            return false;
    }
}

#define CLOSE "update late_results as k set status = ?, addressed_version = ?, closed_by = ?, closed_at = ? where "
#define CLOSED(report, to) \
    V(choice_text(late_result_statuses, (to))), V((to) == LATE_RESULT_ADDRESSED ? (report)->version : INTEGER_NULL), \
        V(call_user(c)), V(clock_now())

/* Of those that came while this version was written, or rest: are they named, or does its text have them? */
static bool find_answered(struct call *c, const struct report_deed *deed, const struct report *report,
                          struct integers *out)
{
    struct integers grounds;
    struct cursor rows;
    int64_t count = 0;
    if (!db_integer(c, &count, "select count(*) from late_results where report_id = ? and status = 'OPEN'",
                    V(report->id)))
        return false;
    *out = (struct integers){ arena_array(&c->arena, int64_t, (ptrdiff_t)count + 1), 0 };
    if (!count)
        return true;
    if (!find_grounds(c, report->id, report->version, &grounds))
        return false;
    for (db_rows(c, &rows,
                 "select id, diagnosis_id, case when cause = 'DENIED' then 1 else 0 end from late_results where "
                 "report_id = ? and status = 'OPEN' order by id",
                 V(report->id));
         out->count < (ptrdiff_t)count && cursor_next(&rows);) {
        int64_t id = cursor_integer(&rows, 0);
        bool is_denied = cursor_integer(&rows, 2), rests = is_among(&grounds, cursor_integer(&rows, 1));
        if (is_among(&deed->late_results, id) || rests != is_denied)
            out->items[out->count++] = id;
    }
    return cursor_close(&rows);
}

static bool come_before(struct call *c, const struct report *report)
{
    return db_execute(c, "update late_results set while_writing = 0 where report_id = ? and status = 'OPEN'",
                      V(report->id));
}

static bool answer(struct call *c, const struct report *report, const struct report_deed *deed)
{
    struct integers answered;
    int64_t before = 0;
    if (!late_results_are_open(c, report, &deed->late_results) ||
        !db_execute_counted(c, &before, CLOSE "k.report_id = ? and k.while_writing = 0 and " LATE_RESULT_STANDS("?"),
                            CLOSED(report, LATE_RESULT_ADDRESSED), V(report->id), V(report->study_id)) ||
        !find_answered(c, deed, report, &answered))
        return false;
    for (ptrdiff_t i = 0; i < answered.count; i++)
        if (!db_execute(c, CLOSE "id = ?", CLOSED(report, LATE_RESULT_ADDRESSED), V(answered.items[i])))
            return false;
    return come_before(c, report) &&
           (before + answered.count == 0 || late_result_tell(c, report->id, report->study_id, LATE_RESULT_ADDRESSED));
}

static bool close_all(struct call *c, const struct report *report)
{
    int64_t changed = 0;
    return db_execute_counted(c, &changed, CLOSE "report_id = ? and status = 'OPEN'",
                              CLOSED(report, LATE_RESULT_WITHDRAWN), V(report->id)) &&
           (!changed || late_result_tell(c, report->id, report->study_id, LATE_RESULT_WITHDRAWN));
}

bool late_results_follow(struct call *c, const struct report *report, const struct report_deed *deed)
{
    switch (deed->action) {
    case REPORT_SIGN:
        return answer(c, report, deed);
    case REPORT_CANCEL:
        return come_before(c, report);
    case REPORT_MARK_IN_ERROR:
        return close_all(c, report);
    default:
        return true;
    }
}
