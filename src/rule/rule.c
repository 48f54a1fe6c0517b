/* rule.c - the rows of rules. */
#include "rule/rule.h"

#include "site/app.h"

enum { NAMES_MAX = 50 };

static const struct field rule_fields[] = {
    FIELD(struct rule, id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = "Identifies the rule here."),
    FIELD(struct rule, name, .flags = REQUIRED, .min = 1, .max = 100, .doc = "What it is called."),
    FIELD(struct rule, position, .min = 0, .max = 1000000, .fallback = "100",
          .doc = "Rules are applied from the lowest; of equal ones the older comes first."),
    FIELD(struct rule, is_enabled, .fallback = "false", .doc = "Is it applied? Try it first (dry-run)."),
    FIELD(struct rule, modality, .max = NAMES_MAX, .example = "[\"CR\", \"DX\"]",
          .doc = "Only images of one of these modalities; any when it is empty."),
    FIELD(struct rule, body_part, .max = NAMES_MAX, .example = "[\"CHEST\"]",
          .doc = "Only of one of these body parts."),
    FIELD(struct rule, view, .max = NAMES_MAX, .example = "[\"PA\", \"AP\"]",
          .doc = "Only with one of these view positions (0018,5101)."),
    FIELD(struct rule, station, .max = NAMES_MAX, .doc = "Only from one of these stations (0008,1010)."),
    FIELD(struct rule, description_contains, .flags = NULLABLE, .max = 200,
          .doc = "Only where the image's or the study's description contains this."),
    FIELD(struct rule, age_min, .flags = NULLABLE, .min = 0, .max = 150,
          .doc = "Only patients of at least so many years on the study's date."),
    FIELD(struct rule, age_max, .flags = NULLABLE, .min = 0, .max = 150, .doc = "Only of at most so many."),
    FIELD(struct rule, uploaded_by, .max = NAMES_MAX, .doc = "Only what one of these accounts has stored."),
    FIELD(struct rule, model_id, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
          .doc = "Which model is asked, of each image by itself ..."),
    FIELD(struct rule, program, .flags = NULLABLE, .min = 1, .max = 64, .example = "lungs",
          .doc = "... or which program, of all of them at once, in the name of who made the rule: one of these two."),
    FIELD(struct rule, model_state, .flags = READ_ONLY | NULLABLE, .choices = model_states, .type = "ModelState",
          .sql = "(select m.state from models m where m.id = r.model_id)",
          .doc = "How that model stands; of one that is RETIRED nothing is asked."),
    FIELD(struct rule, priority, .choices = job_priorities, .type = "JobPriority", .fallback = "NORMAL",
          .doc = "How urgent it is."),
    FIELD(struct rule, expected_images, .flags = NULLABLE, .min = 1, .max = 100000,
          .doc = "A study with so many images is complete at once; else after DIAGNOSIS_QUIET without a new one."),
    FIELD(struct rule, stops, .fallback = "false",
          .doc = "Are images that it has taken left alone by the rules after it?"),
    FIELD(struct rule, created_by, .flags = READ_ONLY | NULLABLE, .doc = "The account that made it."),
    FIELD(struct rule, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was made."),
    FIELD(struct rule, updated_at, .flags = READ_ONLY | SET_ON_INSERT | SET_ON_UPDATE, .doc = "When it was changed."),
};
const struct schema rule_schema =
    SCHEMA("DiagnosisRule", struct rule, rule_fields, .table = "diagnosis_rules", .alias = "r",
           .doc = "Which images a model or a program is asked of by themselves.");

static bool refuse(struct call *c, const char *member, const char *type, const char *words)
{
    return error_add_problem(&c->error, &c->arena, "body", str_from(member), type, "%s", words);
}

static bool model_will_do(struct call *c, int64_t id)
{
    struct model model;
    if (model_load(c, id, &model) && model.state != MODEL_RETIRED)
        return true;
    if (c->error.code && c->error.code != E_NOT_FOUND)
        return false;
    error_clear(&c->error);
    return refuse(c, "model_id", "not_found", "there is no such model, or it is retired");
}

static bool what_will_do(struct call *c, const struct rule *rule)
{
    if (rule->program.len)
        return program_named(c->app, rule->program) ||
               refuse(c, "program", "not_found", "there is no such program on this server");
    return model_will_do(c, rule->model_id);
}

bool rule_will_do(struct call *c, const struct rule *rule, bool asks)
{
    if ((rule->model_id > 0) == (rule->program.len > 0))
        return refuse(c, "model_id", "not_one", "a rule names a model or a program: one of these");
    if (rule->age_min != INTEGER_NULL && rule->age_max != INTEGER_NULL && rule->age_min > rule->age_max)
        (void)error_add_problem(&c->error, &c->arena, "body", S("age_max"), "out_of_range",
                                "it is below age_min: nobody is both");
    for (ptrdiff_t i = 0; i < rule->uploaded_by.count; i++) {
        int64_t one;
        enum found found = db_find_integer(c, &one, "select 1 from users where id = ?", V(rule->uploaded_by.items[i]));
        if (found == FAILED)
            return false;
        if (found == NONE)
            (void)error_add_problem(&c->error, &c->arena, "body", S("uploaded_by"), "not_found",
                                    "account %" PRId64 " does not exist", rule->uploaded_by.items[i]);
    }
    return (!asks || what_will_do(c, rule)) && c->error.code == E_NONE;
}

bool rule_add(struct call *c, const struct rule *rule, int64_t *id)
{
    struct rule row = *rule;
    row.created_by = call_user(c);
    return rule_will_do(c, rule, true) && db_insert(c, &rule_schema, &row, id);
}

bool rule_load(struct call *c, int64_t id, struct rule *out)
{
    return db_get(c, &rule_schema, out, "where r.id = ?", V(id)) ||
           fail(c, E_NOT_FOUND, "rule %" PRId64 " does not exist", id);
}

bool rule_change(struct call *c, const struct rule *change, uint64_t given)
{
    struct rule before, now, row = *change;
    bool names = schema_was_given(&rule_schema, given, "model_id") || schema_was_given(&rule_schema, given, "program");
    if (!db_lock(c, "select id from diagnosis_rules where id = ?", V(change->id)) ||
        !rule_load(c, change->id, &before) || (names && change->model_id > 0 && !model_will_do(c, change->model_id)) ||
        !db_update(c, &rule_schema, &row, given, "where id = ?", V(change->id)) || !rule_load(c, change->id, &now) ||
        !rule_will_do(c, &now, now.is_enabled || names))
        return false;
    audit_changed(c, &rule_schema, &before, change, given);
    return true;
}

bool rule_remove(struct call *c, int64_t id)
{
    int64_t removed;
    return db_execute_counted(c, &removed, "delete from diagnosis_rules where id = ?", V(id)) &&
           (removed || fail(c, E_NOT_FOUND, "rule %" PRId64 " does not exist", id));
}
