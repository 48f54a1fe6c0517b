/* rule_run.c - the job that applies the rules to what has come. */
#include "diagnosis/rule.h"

#include "records/visibility.h"
#include "site/app.h"

enum { RULES_MAX = 200, AT_ONCE = 50 };

struct order {
    int64_t study_id, image_file_id;
    bool is_complete; /* it has as many images as a rule expects */
};
static const struct field order_fields[] = {
    FIELD(struct order, study_id, .flags = NULLABLE, .doc = "The study that images came for."),
    FIELD(struct order, image_file_id, .flags = NULLABLE, .doc = "Or the image that came alone."),
    FIELD(struct order, is_complete, .fallback = "false", .doc = "There is no need to wait for more."),
};
static const struct schema order_schema = SCHEMA("DiagnosisRulesOrder", struct order, order_fields);

struct applied {
    int64_t images, asked;
};
static const struct field applied_fields[] = {
    FIELD(struct applied, images, .doc = "Images that were looked at."),
    FIELD(struct applied, asked, .doc = "Questions that were asked, or had been."),
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
    struct order order = { of_study ? study_id : INTEGER_NULL, of_study ? INTEGER_NULL : image_file_id, false };
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

/* A rule with the model that it names. */
struct ready {
    struct rule rule;
    struct model model;
    struct card card;
};
/* One that is to be asked. */
struct wanted {
    int64_t image_file_id;
    const struct ready *by;
};
struct applying {
    struct ready *rules;
    int rule_count;
    struct list images; /* struct candidate */
    struct wanted *wanted;
    ptrdiff_t wanted_count, done;
};

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
    for (ptrdiff_t i = 0; i < ids.count; i++) {
        struct ready *ready = &a->rules[a->rule_count];
        enum found found = db_find(c, &rule_schema, &ready->rule, "where r.id = ?", V(ids.items[i]));
        if (found == FAILED || (found == FOUND && (!model_load(c, ready->rule.model_id, &ready->model) ||
                                                   !card_read(c, ready->model.card.text, &ready->card))))
            return false;
        bool in_use = found == FOUND && (ready->model.state == MODEL_ACTIVE || ready->model.state == MODEL_SHADOW);
        a->rule_count += in_use;
    }
    return true;
}

static bool look_at(struct call *c, struct applying *a, struct candidate *candidate)
{
    struct gate_subject subject = { candidate->modality, candidate->body_part, STR_NULL, INTEGER_NULL };
    for (int i = 0; i < a->rule_count; i++) {
        bool matches;
        struct gate_reason reason;
        if (!rule_matches(c, &a->rules[i].rule, candidate, &matches))
            return false;
        if (!matches || !gate_header(c, &a->rules[i].card, &subject, &reason))
            continue;
        a->wanted[a->wanted_count++] = (struct wanted){ candidate->id, &a->rules[i] };
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
    return true;
}

/* ---- has all of it come? ---- */

struct later {
    struct order order;
    struct instant at;
};

/* Its own key is that of the one that is ending. */
static bool put_later(struct call *c, void *context)
{
    const struct later *later = context;
    return put(c, &later->order, arena_format(&c->arena, "study:%" PRId64 ":later", later->order.study_id), later->at);
}

static bool run(struct call *c, struct job_run *run)
{
    const struct order *order = job_payload(run);
    struct later later = { *order, INSTANT_NULL };
    int64_t last = 0;
    if (order->study_id <= 0 || order->is_complete)
        return apply(c, run, order);
    if (!db_integer(c, &last,
                    "select max(coalesce(f.uploaded_at, f.created_at)) from image_files f where f.study_id = ?",
                    V(order->study_id)))
        return false;
    later.at = quiet_end(c, (struct instant){ last });
    if (later.at.us > clock_now().us)
        return job_complete(c, run, put_later, &later);
    return apply(c, run, order);
}

const struct job_kind rules_kind = { "diagnosis.rules",   &order_schema,
                                     &applied_schema,     run,
                                     .attempts = 5,       .time_limit_s = 3600,
                                     .is_fleeting = true, .doc = "Asks models of what has come, as the rules say." };
