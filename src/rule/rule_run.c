/* rule_run.c - the job that applies the rules to what has come. */
#include "rule/rule.h"

#include "base/log.h"
#include "diagnosis/diagnosis.h"
#include "site/app.h"

enum { RULES_MAX = 200, AT_ONCE = 50 };

struct order {
    int64_t study_id, image_file_id;
    bool is_complete;          /* it has as many images as a rule expects */
    struct instant quiet_from; /* what was waited for; null: the first look */
};
static const struct field order_fields[] = {
    FIELD(struct order, study_id, .flags = NULLABLE, .doc = "The study that images came for."),
    FIELD(struct order, image_file_id, .flags = NULLABLE, .doc = "Or the image that came alone."),
    FIELD(struct order, is_complete, .fallback = "false", .doc = "There is no need to wait for more."),
    FIELD(struct order, quiet_from, .flags = NULLABLE, .doc = "No image had come for so long then, as it was put."),
};
static const struct schema order_schema = SCHEMA("DiagnosisRulesOrder", struct order, order_fields);

struct applied {
    int64_t images, asked, programs;
};
static const struct field applied_fields[] = {
    FIELD(struct applied, images, .doc = "Images that were looked at."),
    FIELD(struct applied, asked, .doc = "Questions that were asked, or had been."),
    FIELD(struct applied, programs, .doc = "Programs that were asked for."),
};
static const struct schema applied_schema = SCHEMA("DiagnosisRulesApplied", struct applied, applied_fields);

/* ---- when something has come ---- */

static bool put(struct call *c, const struct order *order, struct str key, struct instant not_before)
{
    return jobs_put(
        c, &(struct job_order){ .kind = &rules_kind, .payload = order, .unique_key = key, .not_before = not_before },
        NULL);
}

static struct instant quiet_end(const struct call *c, struct instant last)
{
    return (struct instant){ last.us + c->app->config.diagnosis_quiet_s * 1000000 };
}

/* Is there a rule that expects as many as there are? */
static bool is_full(struct call *c, int64_t study_id, bool *full)
{
    int64_t count;
    bool ok = db_integer(c, &count,
                         "select count(*) from diagnosis_rules r join studies s on s.number_of_instances = "
                         "r.expected_images where r.is_enabled = 1 and s.id = ?",
                         V(study_id));
    *full = count > 0;
    return ok;
}

bool rules_file_stored(struct call *c, int64_t image_file_id, int64_t study_id)
{
    int64_t rules;
    bool full = false, of_study = study_id > 0;
    struct order order = { of_study ? study_id : INTEGER_NULL, of_study ? INTEGER_NULL : image_file_id, false,
                           INSTANT_NULL };
    if (!db_integer(c, &rules, "select count(*) from diagnosis_rules where is_enabled = 1"))
        return false;
    if (!rules || (of_study && !is_full(c, study_id, &full)))
        return rules == 0;
    order.is_complete = full;
    return put(c, &order,
               arena_format(&c->arena, "%s:%" PRId64 "%s", of_study ? "study" : "image",
                            of_study ? study_id : image_file_id, full ? ":complete" : ""),
               of_study && !full ? quiet_end(c, clock_now()) : INSTANT_NULL);
}

/* ---- applying them ---- */

/* Of one a model is to be asked. */
struct wanted {
    int64_t image_file_id;
    const struct ready *by;
};
struct applying {
    struct ready *rules;
    struct integers *given; /* of each rule: what its program is given */
    int rule_count;
    struct list images; /* struct candidate */
    struct wanted *wanted;
    ptrdiff_t wanted_count, done;
};

/* A rule that asks for a program, and cannot. */
static void idle(struct call *c, const struct rule *rule, const char *why)
{
    log_write(c->app->log, LOG_WARNING, NULL, "rule.idle", "rule %" PRId64 " (program %.*s): %s", rule->id,
              STR_FMT(rule->program), why);
}

static bool read_rules(struct call *c, struct applying *a)
{
    struct integers ids = { arena_array(&c->arena, int64_t, RULES_MAX), 0 };
    struct cursor rows;
    for (db_rows(c, &rows, "select id from diagnosis_rules where is_enabled = 1 order by position, id");
         ids.count < RULES_MAX && cursor_next(&rows);)
        ids.items[ids.count++] = cursor_integer(&rows, 0);
    if (!cursor_close(&rows))
        return false;
    a->rules = arena_array(&c->arena, struct ready, ids.count + 1);
    a->given = arena_array(&c->arena, struct integers, ids.count + 1);
    for (ptrdiff_t i = 0; i < ids.count; i++) {
        struct rule rule;
        enum found found = db_find(c, &rule_schema, &rule, "where r.id = ?", V(ids.items[i]));
        if (found == FOUND)
            found = rule_ready(c, &rule, &a->rules[a->rule_count]);
        if (found == FAILED)
            return false;
        if (found == NONE && rule.program.len)
            idle(c, &rule, "there is no such program on this server any more");
        a->rule_count += found == FOUND;
    }
    return true;
}

static void take(struct call *c, struct applying *a, int rule, const struct candidate *candidate)
{
    struct integers *given = &a->given[rule];
    if (!a->rules[rule].program) {
        a->wanted[a->wanted_count++] = (struct wanted){ candidate->id, &a->rules[rule] };
        return;
    }
    if (!given->items)
        given->items = arena_array(&c->arena, int64_t, a->images.count);
    given->items[given->count++] = candidate->id;
}

static bool look_at(struct call *c, struct applying *a, struct candidate *candidate)
{
    for (int i = 0; i < a->rule_count; i++) {
        bool takes;
        if (!rule_takes(c, &a->rules[i], candidate, &takes))
            return false;
        if (!takes)
            continue;
        take(c, a, i, candidate);
        if (a->rules[i].rule.stops)
            break;
    }
    return true;
}

/* Some of them, in one transaction. */
static bool ask_some(struct call *c, void *context)
{
    struct applying *a = context;
    for (ptrdiff_t i = a->done; i < a->wanted_count && i < a->done + AT_ONCE; i++) {
        const struct wanted *w = &a->wanted[i];
        struct diagnosis_asked asked;
        struct diagnosis_wish wish = {
            .image_file_id = w->image_file_id, .frame = 1, .model_id = w->by->model.id, .priority = w->by->rule.priority
        };
        if (!diagnosis_ask_by_rule(c, &wish, &w->by->model, w->by->rule.id, &asked))
            return false;
    }
    return true;
}

struct run_wish {
    struct program_wish wish;
    int64_t rule_id;
    bool is_new;
};
static bool ask_program(struct call *c, void *context)
{
    struct run_wish *r = context;
    return program_ask_by_rule(c, &r->wish, r->rule_id, &r->is_new);
}

/* In the name of who made the rule. What is wrong with one rule is no reason to leave out the others. */
static bool ask_as(struct call *c, const struct rule *rule, struct run_wish *r)
{
    struct principal author;
    enum found found = authority_of_account(c, rule->created_by, &author);
    db_release(c);
    if (found == FAILED)
        return false;
    if (found == NONE || !principal_may(&author, MAY_RUN_AI)) {
        idle(c, rule, "who made it may not run programs any more");
        return true;
    }
    c->actor->principal = &author;
    bool ok = db_transact(c, ask_program, r);
    c->actor->principal = NULL;
    if (ok || job_may_pass(c->error.code) || c->error.in_doubt)
        return ok;
    r->is_new = false;
    idle(c, rule, arena_cstring(&c->arena, error_told(&c->error)));
    error_clear(&c->error);
    return true;
}

static bool ask_programs(struct call *c, const struct applying *a, struct applied *out)
{
    for (int i = 0; i < a->rule_count; i++) {
        const struct rule *rule = &a->rules[i].rule;
        struct run_wish r = {
            .wish = { .name = rule->program, .image_file_ids = a->given[i], .priority = rule->priority },
            .rule_id = rule->id,
        };
        if (a->given[i].count > 0 && !ask_as(c, rule, &r))
            return false;
        out->programs += r.is_new;
    }
    return true;
}

static bool apply(struct call *c, struct job_run *run, const struct order *order)
{
    struct applied *out = job_result(run);
    struct applying a = { 0 };
    if (!read_rules(c, &a) || !candidates_of(c, order->study_id, order->image_file_id, &a.images))
        return false;
    db_release(c);
    a.wanted = arena_array(&c->arena, struct wanted, a.images.count * a.rule_count + 1);
    for (ptrdiff_t i = 0; i < a.images.count; i++)
        if (!look_at(c, &a, (struct candidate *)a.images.items + i) ||
            !job_tell(run, i, a.images.count, "images", STR_NULL))
            return false;
    for (; a.done < a.wanted_count; a.done += AT_ONCE)
        if (!db_transact(c, ask_some, &a))
            return false;
    out->images = a.images.count;
    out->asked = a.wanted_count;
    return ask_programs(c, &a, out);
}

/* ---- has all of it come? ---- */

/* Moments that are waited for are whole steps, so that however long images come there are few jobs that wait. */
enum { STEP_US = 500000 };

static bool quiet_from(struct call *c, int64_t study_id, struct instant *out)
{
    int64_t last;
    if (!db_integer(c, &last,
                    "select max(coalesce(f.uploaded_at, f.created_at)) from image_files f where f.study_id = ?",
                    V(study_id)))
        return false;
    int64_t us = quiet_end(c, (struct instant){ last }).us;
    out->us = (us + STEP_US - 1) / STEP_US * STEP_US;
    return true;
}

struct looking {
    int64_t study_id;
    struct instant applied; /* to what had come when it was quiet from then on; 0: it was not */
};

/* In the transaction that ends the job, for which who stores an image of the study waits: while it ran, asking again
 * was the same job. The key names the moment that is waited for: this job's own has passed, and of others that wait for
 * the same one is enough. */
static bool look_again(struct call *c, void *context)
{
    const struct looking *l = context;
    struct order order = { l->study_id, INTEGER_NULL, false, INSTANT_NULL };
    if (!quiet_from(c, l->study_id, &order.quiet_from))
        return false;
    return order.quiet_from.us <= l->applied.us ||
           put(c, &order, arena_format(&c->arena, "study:%" PRId64 ":%" PRId64, l->study_id, order.quiet_from.us),
               order.quiet_from);
}

static bool run(struct call *c, struct job_run *run)
{
    const struct order *order = job_payload(run);
    struct looking looking = { order->study_id, { 0 } };
    struct instant quiet;
    if (order->study_id <= 0 || order->is_complete)
        return apply(c, run, order);
    if (!quiet_from(c, order->study_id, &quiet))
        return false;
    db_release(c);
    if (quiet.us <= clock_now().us || quiet.us <= order->quiet_from.us) { /* by the clock of who put it */
        if (!apply(c, run, order))
            return false;
        looking.applied = quiet;
    }
    return job_complete(c, run, look_again, &looking);
}

const struct job_kind rules_kind = {
    "diagnosis.rules",   &order_schema,
    &applied_schema,     run,
    .attempts = 5,       .time_limit_s = 3600,
    .is_fleeting = true, .doc = "Asks models and programs of what has come, as the rules say."
};
