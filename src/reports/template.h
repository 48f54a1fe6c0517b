/* template.h - the form of a report: its sections, the words they begin with, and the fields that are filled in.
 *
 *     {"name": "chest-ct", "title_en": "CT of the chest", "title_zh": "胸部CT", "languages": ["zh-CN", "en"],
 *      "modality": ["CT"], "body_part": ["CHEST"],
 *      "sections": [{"name": "findings", "title_en": "Findings", "title_zh": "影像所见", "is_required": true,
 *                    "text_en": "No nodule.[[ The largest nodule measures {{nodule_size}}.]]", "text_zh": "..."}],
 *      "fields":   [{"name": "nodule_size", "section": "findings", "kind": "number", "unit": "mm", "min": 0,
 *                    "max": 300, "label_en": "Largest nodule", "label_zh": "最大结节"}]}
 *
 * A template has versions. A change makes one more, and none is ever rewritten: a report names the template and the
 * version that it was written from, which stay readable when the template is changed or deleted.
 *
 *   report_templates 5   name, whose it is, newest version 3, state, preference
 *     report_template_versions   1 | 2 | 3     the definition above, as JSON
 *
 * Whose it is says who sees and who changes it:
 *
 *   OWN          its maker; who writes reports (report.create) makes them
 *   DEPARTMENT   accounts of that department; changed by those of them who review reports (report.review)
 *   SYSTEM       everybody who reads or writes reports; changed with system.manage, which changes the others, too
 *
 * What one does not see is E_NOT_FOUND. Of two that suit a study the one of the narrower circle is offered first:
 * OWN, DEPARTMENT, SYSTEM; then the one that names the body part; then the higher `preference`.
 *
 * Words of a section: {{name}} stands for the value of a field, in the language and with its unit; of a passage in
 * [[ ]] nothing is left where a field in it has no value. In a passage, {{!name}} is a condition: the field has no
 * value; and {{name=CODE}}: this is what was chosen. So no sentence says more than was filled in, and the words for
 * what is normal go where something else is found:
 *
 *     [[{{!mass_size}}No mass.]][[Mass of {{mass_size}}.]]
 *
 * Behind an earlier number (kind `prior`) stands how far the present one has gone from it: "5 mm (since then +1.2 mm,
 * +24%)".
 *
 * Shipped ones (templates/NAME.json) are put in by init-db. A newer revision is one more version; a template that the
 * hospital has changed or deleted is left as it is.
 *
 * Texts of loaded templates are in the call's arena.
 */
#ifndef ROENTGEN_REPORTS_TEMPLATE_H
#define ROENTGEN_REPORTS_TEMPLATE_H

#include "db/condition.h"
#include "db/db.h"

enum {
    TEMPLATE_BYTES_MAX = 256 << 10, /* of a definition, as JSON or as HTML */
    TEMPLATE_SECTIONS_MAX = 40,
    TEMPLATE_FIELDS_MAX = 200,
    TEMPLATE_CHOICES_MAX = 100,
    TEMPLATE_TEXT_MAX = 20000, /* code points of a section's words */
    TEMPLATE_VALUE_MAX = 2000, /* of what is written into a field */
};

enum template_scope { TEMPLATE_OWN = 1, TEMPLATE_DEPARTMENT, TEMPLATE_SYSTEM };
extern const char *const template_scopes[];
enum template_state { TEMPLATE_ACTIVE = 1, TEMPLATE_RETIRED /* offered no more */ };
extern const char *const template_states[];
enum template_language { TEMPLATE_CHINESE = 1, TEMPLATE_ENGLISH };
extern const char *const template_languages[]; /* "zh-CN", "en" */

/* What a field takes, and so what is in the report's `fields` under its name. */
enum template_kind {
    TAKES_TEXT = 1,    /* "text": a text */
    TAKES_NUMBER,      /* "number": a number in `unit`, from `min` to `max` */
    TAKES_CHOICE,      /* "choice": the code of one of `choices` */
    TAKES_CHOICES,     /* "multi_choice": a list of codes */
    TAKES_DATE,        /* "date": "2026-01-05" */
    TAKES_MEASUREMENT, /* "measurement": a number, drawn from an annotation (measure/measure.h) */
    TAKES_FINDING,     /* "finding": a text, drawn from a diagnosis */
    TAKES_PRIOR,       /* "prior": what the field `prior_of` was in the report before */
};
extern const char *const template_kinds[];

struct template_choice {
    struct str code, label_en, label_zh, code_system;
    int64_t points; /* what it counts in a sum; of a field with `sum_of`: the least sum that comes to it */
    bool is_alone;  /* in a sum: nothing else counts when it is chosen */
};

struct template_field {
    struct str name, section, label_en, label_zh;
    unsigned kind; /* enum template_kind */
    bool is_required;
    struct str unit; /* UCUM */
    double min, max; /* NaN: no limit */
    struct list choices;
    struct str code, code_system;
    struct str measurement, measured; /* "cobb", and which of its values: "cobb_angle" */
    struct str finding;               /* the label of a model's finding */
    struct str prior_of;
    struct texts sum_of; /* of a choice: which choices' points it follows from (TI-RADS) */
};

struct template_section {
    struct str name, title_en, title_zh;
    bool is_required; /* has to say something before a report is submitted */
    struct str text_en, text_zh;
};

struct template_definition {
    struct str name; /* "chest-ct": unique among those of one circle */
    struct str title_en, title_zh, description_en, description_zh;
    struct texts languages;           /* "zh-CN", "en" */
    struct texts modality, body_part; /* DICOM's defined terms, in capitals; empty: any */
    struct str code, code_system;
    struct list sections, fields; /* struct template_section, struct template_field */
};
extern const struct schema template_definition_schema;

struct template
{
    int64_t id;
    struct str name, title_en, title_zh;
    unsigned scope, state;
    struct str department; /* of DEPARTMENT */
    int64_t owner_id;      /* of OWN */
    struct texts languages, modality, body_part;
    int64_t preference, version; /* `version`: the newest, or the one that was asked for */
    int64_t shipped_revision;    /* which revision of a shipped one this version is; null: the hospital's */
    struct str name_key;         /* not sent: what is unique; null: deleted */
    int64_t created_by;
    struct instant created_at, updated_at;
    struct template_definition definition; /* in template_schema; not in lists */
    struct str reason;                     /* of a change: why it is made */
};
extern const struct schema template_schema, template_row_schema;

/* ---- reading ---- */

/* May the caller look at templates at all? E_FORBIDDEN. */
bool template_may_read(struct call *c);
/* `version` 0: the newest. E_NOT_FOUND: the caller does not see the template, or it has no such version. */
bool template_load(struct call *c, int64_t id, int64_t version, struct template *out);
/* The same for a report that the caller sees: of anybody's, and of one that has been deleted. */
bool template_load_of_report(struct call *c, int64_t id, int64_t version, struct template *out);
/* For lists of `report_templates t`: those that the caller sees. */
struct condition template_in_sight(struct call *c);
/* And those that suit a study of this kind. A template for XR suits any X-ray (records/modality.h). `kind`: "\"CT\""
 * (template_kind_value); null: any kind. */
struct condition template_suits_modality(struct call *c, struct str modality);
#define TEMPLATE_SUITS_BODY_PART "(t.body_part is null or t.body_part = '[]' or instr(t.body_part, ?) > 0)"
struct str template_kind_value(struct call *c, struct str kind);
/* The one that is offered for a study that the caller sees; NONE: none suits it. */
enum found template_of_study(struct call *c, int64_t study_id, struct template *out);

struct template_version {
    int64_t id, template_id, version, shipped_revision;
    struct str sha256; /* of the definition as stored */
    struct str reason;
    int64_t created_by;
    struct str created_by_name;
    struct instant created_at;
};
extern const struct schema template_version_schema;

/* ---- writing: inside transactions ---- */

/* A new one: scope, preference and definition of `wish` count. Of DEPARTMENT it is the caller's. */
bool template_add(struct call *c, const struct template *wish, int64_t *id);
/* Another definition is one more version. */
bool template_change(struct call *c, const struct template *change, uint64_t given);
bool template_remove(struct call *c, int64_t id);
/* The shipped ones, as above. `unused`: so that it fits db_transact. */
bool templates_seed(struct call *c, void *unused);

/* ---- pure: what a definition means ---- */

const struct template_section *template_section(const struct template_definition *definition, struct str name);
const struct template_field *template_field(const struct template_definition *definition, struct str name);
/* The Chinese of two texts where `language` is Chinese and it is there; else the other one. */
struct str template_word(struct str language, struct str en, struct str zh);

/* What no row can say: names that occur twice, fields of no section, choices without choices, limits the wrong way
 * round, placeholders that name no field. Problems below `place` ("definition."). */
bool template_check(struct call *c, const struct template_definition *definition, const char *place);

/* Are these the values of such a report? Problems of "body" at "fields.NAME". `fields`: an object; null: none. */
bool template_check_values(struct call *c, const struct template_definition *definition, struct json fields);
/* Problems of "body" at each required section that says nothing and each required field that has no value. */
bool template_is_complete(struct call *c, const struct template_definition *definition, struct json sections,
                          struct json fields);
/* Of a field with `sum_of`: the choice that the points of the others come to. NULL: one of them has no value yet. */
const struct template_choice *template_sum(struct call *c, const struct template_definition *definition,
                                           const struct template_field *field, struct json fields, int64_t *points);

/* The words that a section begins with. `blank` gets the names of fields that have no value where one is asked for
 * outside of [[ ]]: "____" stands there. */
struct str template_text(struct call *c, const struct template_definition *definition,
                         const struct template_section *section, struct str language, struct json fields,
                         struct texts *blank);

#endif
