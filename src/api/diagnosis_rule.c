/* diagnosis_rule.c - rules that ask models of what comes, and what they would have asked. */
#include "rule/rule.h"
#include "web/exchange.h"
#include "web/listing.h"

struct rule_key {
    int64_t id;
};
static const struct field rule_key_fields[] = { KEY(struct rule_key, id, "The rule.") };
static const struct schema rule_key_schema = SCHEMA("DiagnosisRuleKey", struct rule_key, rule_key_fields);

struct rule_list {
    struct list_query list;
    bool is_enabled;
    int64_t model_id;
};
#define RULE_SORTS(X) X("position", "r.position") X("created_at", "r.created_at")
LIST_ORDER(rule_order, RULE_SORTS);
static const struct field rule_list_fields[] = {
    LIST_FIELDS(struct rule_list, rule_order, "position"),
    FIELD(struct rule_list, is_enabled, .filter = "r.is_enabled = ?", .doc = "Only those that are applied, or not."),
    FIELD(struct rule_list, model_id, .min = 1, .max = INT64_MAX, .filter = "r.model_id = ?",
          .doc = "Only those of this model."),
};
static const struct schema rule_list = SCHEMA("DiagnosisRuleList", struct rule_list, rule_list_fields);
static const struct listing rule_listing = { .row = &rule_schema, .id = "r.id", .order = &rule_order };

static bool rule_list_get(struct call *c)
{
    return list_answer(c, &rule_listing, (struct list_among){ 0 });
}

static bool rule_post(struct call *c)
{
    int64_t id;
    if (!rule_add(c, c->in, &id))
        return false;
    answer_location(c, "/api/v1/diagnosis/rules/%" PRId64, id);
    return rule_load(c, id, c->out);
}

static bool rule_get(struct call *c)
{
    return rule_load(c, ((const struct rule_key *)c->in)->id, c->out);
}

static bool rule_patch(struct call *c)
{
    const struct rule *in = c->in;
    return rule_change(c, in, c->given) && rule_load(c, in->id, c->out);
}

static bool rule_delete(struct call *c)
{
    return rule_remove(c, ((const struct rule_key *)c->in)->id);
}

/* ---- what it would have asked ---- */

struct trial_wish {
    int64_t days;
    struct rule rule;
};
static const struct field trial_wish_fields[] = {
    FIELD(struct trial_wish, days, .min = 1, .max = 366, .fallback = "30",
          .doc = "Of what was stored in the last so many days."),
    FIELD_OBJECT(struct trial_wish, rule, .of = &rule_schema, .flags = REQUIRED, .doc = "The rule, as it would be."),
};
static const struct schema trial_wish_schema =
    SCHEMA("DiagnosisRuleTrialWish", struct trial_wish, trial_wish_fields, .doc = "A rule to be tried.");

static const struct field trial_fields[] = {
    FIELD(struct rule_trial, studies, .doc = "Studies that were looked at; images of no study count as one each."),
    FIELD(struct rule_trial, studies_asked, .doc = "Those of which it would have asked something."),
    FIELD(struct rule_trial, images, .doc = "Images that were looked at."),
    FIELD(struct rule_trial, images_asked, .doc = "Those that it would have asked of."),
    FIELD(struct rule_trial, is_cut, .doc = "There was more than is looked at: the latest were."),
};
static const struct schema trial_schema =
    SCHEMA("DiagnosisRuleTrial", struct rule_trial, trial_fields, .doc = "What a rule would have asked.");

static bool trial_post(struct call *c)
{
    const struct trial_wish *in = c->in;
    return rule_try(c, &in->rule, in->days, c->out);
}

#define RULES .permission = MAY_MANAGE_SYSTEM, .entity = "diagnosis_rule", .tag = "diagnosis"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/diagnosis/rules", rule_list_get, &rule_list, &rule_schema, RULES, .flags = LIST,
      .summary = "Lists the rules that ask models of what comes" },
    { HTTP_POST, "/api/v1/diagnosis/rules", rule_post, &rule_schema, &rule_schema, RULES, .runs = WRITES,
      .body = BODY_JSON, .status = 201, .flags = PERSON, .audit = "diagnosis_rule.create", .summary = "Adds a rule",
      .doc = "When a study is complete (no image for DIAGNOSIS_QUIET, or as many as the rule expects), its model is "
             "asked of each image for which all conditions hold and which its card admits." },
    { HTTP_POST, "/api/v1/diagnosis/rules/dry-run", trial_post, &trial_wish_schema, &trial_schema, RULES, .runs = WORKS,
      .body = BODY_JSON, .summary = "Says what a rule would have asked",
      .doc = "Of what was stored lately; nothing is asked." },
    { HTTP_GET, "/api/v1/diagnosis/rules/{id}", rule_get, &rule_key_schema, &rule_schema, RULES,
      .summary = "Shows one rule" },
    { HTTP_PATCH, "/api/v1/diagnosis/rules/{id}", rule_patch, &rule_schema, &rule_schema, RULES, .runs = WRITES,
      .body = BODY_JSON, .flags = PERSON, .audit = "diagnosis_rule.update",
      .summary = "Changes a rule, or switches it on or off" },
    { HTTP_DELETE, "/api/v1/diagnosis/rules/{id}", rule_delete, &rule_key_schema, NULL, RULES, .runs = WRITES,
      .flags = PERSON, .audit = "diagnosis_rule.delete", .summary = "Removes a rule",
      .doc = "What it has asked stays." },
};
ENDPOINT_TABLE(diagnosis_rule_endpoints, rows);
