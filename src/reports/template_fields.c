/* template_fields.c - the rows of templates: what each member is called, what it may be, what it says. */
#include "reports/template_parts.h"

#include "base/names.h"

const char *const template_scopes[] = { "OWN", "DEPARTMENT", "SYSTEM", NULL };
NAMES_REACH(template_scopes, TEMPLATE_SYSTEM);
const char *const template_states[] = { "ACTIVE", "RETIRED", NULL };
NAMES_REACH(template_states, TEMPLATE_RETIRED);
const char *const template_kinds[] = { "text",    "number", "choice", "multi_choice", "date", "measurement",
                                       "finding", "prior",  NULL };
NAMES_REACH(template_kinds, TAKES_PRIOR);
const char *const template_languages[] = { "zh-CN", "en", NULL };
NAMES_REACH(template_languages, TEMPLATE_ENGLISH);

/* ---- words with a shape ---- */

static bool is_small(char at)
{
    return at >= 'a' && at <= 'z';
}

static bool is_digit(char at)
{
    return at >= '0' && at <= '9';
}

bool template_is_word(struct str text)
{
    for (ptrdiff_t i = 0; i < text.len; i++)
        if (!is_small(text.at[i]) && (i == 0 || (!is_digit(text.at[i]) && text.at[i] != '_')))
            return false;
    return text.len > 0;
}

static const char *check_word(struct str text, struct arena *arena, struct str *message)
{
    (void)arena;
    *message = S("must be small letters, digits and underscores, and begin with a letter");
    return template_is_word(text) ? NULL : "not_a_name";
}
static const struct text_rule word_rule = { NULL, check_word };

static const char *check_name(struct str text, struct arena *arena, struct str *message)
{
    (void)arena;
    *message = S("must be small letters, digits and dashes, and begin with a letter");
    for (ptrdiff_t i = 0; i < text.len; i++)
        if (!is_small(text.at[i]) && (i == 0 || (!is_digit(text.at[i]) && text.at[i] != '-')))
            return "not_a_name";
    return NULL;
}
static const struct text_rule name_rule = { NULL, check_name };

/* Codes and units: what is seen in ASCII, without spaces. */
static const char *check_code(struct str text, struct arena *arena, struct str *message)
{
    (void)arena;
    *message = S("must be printable ASCII without spaces, double quotes or angle brackets");
    for (ptrdiff_t i = 0; i < text.len; i++)
        if (text.at[i] <= ' ' || text.at[i] > '~' || strchr("<>\"`\\", text.at[i]))
            return "not_a_code";
    return NULL;
}
static const struct text_rule code_rule = { NULL, check_code };

#define CODE_SYSTEM(T) \
    FIELD(T, code_system, .flags = NULLABLE, .max = 64, .rule = &code_rule, .example = "LN", \
          .doc = "Whose code it is: RADLEX, LN (LOINC), SCT, DCM, or of the house (99...).")

/* ---- fields ---- */

static const struct field choice_fields[] = {
    FIELD(struct template_choice, code, .flags = REQUIRED, .min = 1, .max = 64, .rule = &code_rule, .example = "4A",
          .doc = "What the report keeps."),
    FIELD(struct template_choice, label_en, .flags = NULLABLE, .max = 300, .doc = "What it is called in English."),
    FIELD(struct template_choice, label_zh, .flags = NULLABLE, .max = 300, .doc = "What it is called in Chinese."),
    CODE_SYSTEM(struct template_choice),
    FIELD(struct template_choice, points, .flags = NULLABLE, .min = 0, .max = 1000,
          .doc = "What it counts in a sum; in a field with `sum_of`, the least sum that comes to it."),
    FIELD(struct template_choice, is_alone, .fallback = "false",
          .doc = "In a sum: nothing else counts when it is chosen."),
};
static const struct schema choice_schema =
    SCHEMA("ReportTemplateChoice", struct template_choice, choice_fields, .doc = "One answer of a choice.");

static const struct field field_fields[] = {
    FIELD(struct template_field, name, .flags = REQUIRED, .min = 1, .max = 64, .rule = &word_rule,
          .example = "nodule_size", .doc = "Names it in the report's `fields`, and as {{nodule_size}} in words."),
    FIELD(struct template_field, section, .flags = REQUIRED, .min = 1, .max = 64, .rule = &word_rule,
          .example = "findings", .doc = "The section that it belongs to."),
    FIELD(struct template_field, label_en, .flags = NULLABLE, .max = 200, .doc = "What it is called in English."),
    FIELD(struct template_field, label_zh, .flags = NULLABLE, .max = 200, .doc = "What it is called in Chinese."),
    FIELD(struct template_field, kind, .choices = template_kinds, .type = "ReportFieldKind", .flags = REQUIRED,
          .doc = "What it takes."),
    FIELD(struct template_field, is_required, .fallback = "false",
          .doc = "Has it to have a value before the report is submitted?"),
    FIELD(struct template_field, unit, .flags = NULLABLE, .min = 1, .max = 32, .rule = &code_rule, .example = "mm",
          .doc = "Of numbers: the unit, as UCUM writes it."),
    FIELD(struct template_field, min, .flags = NULLABLE, .doc = "Of numbers: the least that is taken."),
    FIELD(struct template_field, max, .flags = NULLABLE, .doc = "Of numbers: the most."),
    FIELD(struct template_field, choices, .of = &choice_schema, .flags = NULLABLE | NOT_STORED,
          .max = TEMPLATE_CHOICES_MAX, .doc = "Of choices: the answers."),
    FIELD(struct template_field, code, .flags = NULLABLE, .max = 64, .rule = &code_rule, .example = "24627-2",
          .doc = "What is asked, as a code."),
    CODE_SYSTEM(struct template_field),
    FIELD(struct template_field, measurement, .flags = NULLABLE, .max = 64, .example = "cobb",
          .doc = "Of measurements: which one (GET /measurements)."),
    FIELD(struct template_field, measured, .flags = NULLABLE, .max = 64, .example = "cobb_angle",
          .doc = "Which of its values; the first where it is not said."),
    FIELD(struct template_field, finding, .flags = NULLABLE, .max = 100, .example = "pneumonia",
          .doc = "Of findings: the label that models give it; any where it is not said."),
    FIELD(struct template_field, prior_of, .flags = NULLABLE, .max = 64,
          .doc = "Of prior values: the field whose value in the report before it is."),
    FIELD(struct template_field, sum_of, .flags = NULLABLE, .max = 20,
          .doc = "Of a choice: the choices whose points together decide it."),
};
static const struct schema field_schema =
    SCHEMA("ReportTemplateField", struct template_field, field_fields, .doc = "A value that a report has.");

/* ---- sections and the whole ---- */

#define SECTION_TEXT(member, language) \
    FIELD(struct template_section, member, .flags = NULLABLE, .max = TEMPLATE_TEXT_MAX, \
          .doc = "The words that it begins with in " language ": {{field}} stands for a value, and of [[...]] " \
                 "nothing is left where a value in it is missing.")

static const struct field section_fields[] = {
    FIELD(struct template_section, name, .flags = REQUIRED, .min = 1, .max = 64, .rule = &word_rule,
          .example = "findings", .doc = "Names it in the report's `sections`."),
    FIELD(struct template_section, title_en, .flags = NULLABLE, .max = 200, .doc = "Its heading in English."),
    FIELD(struct template_section, title_zh, .flags = NULLABLE, .max = 200, .doc = "Its heading in Chinese."),
    FIELD(struct template_section, is_required, .fallback = "false",
          .doc = "Has it to say something before the report is submitted?"),
    SECTION_TEXT(text_en, "English"),
    SECTION_TEXT(text_zh, "Chinese"),
};
static const struct schema section_schema =
    SCHEMA("ReportTemplateSection", struct template_section, section_fields, .doc = "A part of a report's text.");

#define TERMS(T, member, FLAGS, what) FIELD(T, member, .flags = (FLAGS) | NULLABLE, .max = 50, .doc = what)

static const struct field definition_fields[] = {
    FIELD(struct template_definition, name, .flags = REQUIRED, .min = 1, .max = 64, .rule = &name_rule,
          .example = "chest-ct", .doc = "Names it among those of its circle."),
    FIELD(struct template_definition, title_en, .flags = NULLABLE, .max = 200, .doc = "Its title in English."),
    FIELD(struct template_definition, title_zh, .flags = NULLABLE, .max = 200, .doc = "Its title in Chinese."),
    FIELD(struct template_definition, description_en, .flags = NULLABLE, .max = 2000, .doc = "What it is for."),
    FIELD(struct template_definition, description_zh, .flags = NULLABLE, .max = 2000, .doc = "The same in Chinese."),
    FIELD(struct template_definition, languages, .choices = template_languages, .type = "ReportLanguage",
          .flags = REQUIRED, .min = 1, .max = 2, .doc = "The languages that it has words in."),
    TERMS(struct template_definition, modality, 0, "Modalities (0008,0060) that it is for; any when it is empty."),
    TERMS(struct template_definition, body_part, 0, "Body parts (0018,0015) that it is for; any when it is empty."),
    FIELD(struct template_definition, code, .flags = NULLABLE, .max = 64, .rule = &code_rule,
          .doc = "What kind of report it is, as a code."),
    CODE_SYSTEM(struct template_definition),
    FIELD(struct template_definition, sections, .of = &section_schema, .flags = REQUIRED | NOT_STORED, .min = 1,
          .max = TEMPLATE_SECTIONS_MAX, .doc = "Its sections in their order."),
    FIELD(struct template_definition, fields, .of = &field_schema, .flags = NULLABLE | NOT_STORED,
          .max = TEMPLATE_FIELDS_MAX, .doc = "Its fields in their order."),
};
const struct schema template_definition_schema =
    SCHEMA("ReportTemplateDefinition", struct template_definition, definition_fields,
           .doc = "What a version of a template is; also the file that it is exported as.");

/* ---- the records ---- */

#define ROW_FIELDS \
    FIELD(struct template, id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = "Identifies the template."), \
        FIELD(struct template, name, .flags = READ_ONLY, .max = 64, .doc = "Names it among those of its circle."), \
        FIELD(struct template, title_en, .flags = READ_ONLY | NULLABLE, .max = 200, .doc = "Its English title."), \
        FIELD(struct template, title_zh, .flags = READ_ONLY | NULLABLE, .max = 200, .doc = "Its Chinese title."), \
        FIELD(struct template, scope, .choices = template_scopes, .type = "ReportTemplateScope", .fallback = "OWN", \
              .doc = "Whose it is: its maker's, a department's, or everybody's."), \
        FIELD(struct template, state, .choices = template_states, .type = "ReportTemplateState", .fallback = "ACTIVE", \
              .doc = "One that is RETIRED is offered for no study."), \
        FIELD(struct template, department, .flags = READ_ONLY | NULLABLE, .max = 100, .doc = "Whose it is."), \
        FIELD(struct template, owner_id, .flags = READ_ONLY | NULLABLE, .doc = "Whose it is."), \
        TERMS(struct template, languages, READ_ONLY, "The languages that it has words in."), \
        TERMS(struct template, modality, READ_ONLY, "Modalities that it is for; any when it is empty."), \
        TERMS(struct template, body_part, READ_ONLY, "Body parts that it is for; any when it is empty."), \
        FIELD(struct template, preference, .min = 0, .max = 1000000, .fallback = "100", \
              .doc = "Of those of one circle that suit a study, the highest is offered first."), \
        FIELD(struct template, version, .flags = READ_ONLY, .doc = "The newest version, or the one asked for."), \
        FIELD(struct template, shipped_revision, .flags = READ_ONLY | NULLABLE, \
              .doc = "Which revision of a shipped template this version is; null: it was made here."), \
        FIELD(struct template, name_key, .flags = READ_ONLY | WRITE_ONLY, .max = 200, .doc = "What is unique."), \
        FIELD(struct template, created_by, .flags = READ_ONLY | NULLABLE, .doc = "The account that made it."), \
        FIELD(struct template, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was made."), \
        FIELD(struct template, updated_at, .flags = READ_ONLY | SET_ON_INSERT | SET_ON_UPDATE, \
              .doc = "When it was changed.")

static const struct field row_fields[] = { ROW_FIELDS };
const struct schema template_row_schema =
    SCHEMA("ReportTemplateSummary", struct template, row_fields, .table = "report_templates", .alias = "t",
           .doc = "A template in a list, without its sections and fields.");

static const struct field template_fields[] = {
    ROW_FIELDS,
    FIELD_OBJECT(struct template, definition, .of = &template_definition_schema, .flags = REQUIRED | NOT_STORED,
                 .doc = "What it consists of; another one is one more version."),
    FIELD(struct template, reason, .flags = WRITE_ONLY | NOT_STORED, .max = 500, .doc = "Why it is changed."),
};
const struct schema template_schema = SCHEMA("ReportTemplate", struct template, template_fields,
                                             .table = "report_templates", .alias = "t", .doc = "The form of a report.");

static const struct field version_fields[] = {
    FIELD(struct template_version, id, .flags = READ_ONLY, .doc = "Identifies it among all versions."),
    FIELD(struct template_version, template_id, .flags = READ_ONLY, .doc = "Whose version it is."),
    FIELD(struct template_version, version, .flags = READ_ONLY, .doc = "Its number, from 1."),
    FIELD(struct template_version, shipped_revision, .flags = READ_ONLY | NULLABLE,
          .doc = "Which revision of a shipped template it is; null: it was made here."),
    FIELD(struct template_version, sha256, .flags = READ_ONLY, .doc = "SHA-256 of the definition as stored."),
    FIELD(struct template_version, reason, .flags = READ_ONLY | NULLABLE, .max = 500, .doc = "Why it was made."),
    FIELD(struct template_version, created_by, .flags = READ_ONLY | NULLABLE, .doc = "The account that made it."),
    FIELD(struct template_version, created_by_name, .flags = READ_ONLY | NULLABLE, .sql = "u.full_name",
          .doc = "Its name."),
    FIELD(struct template_version, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was made."),
};
const struct schema template_version_schema =
    SCHEMA("ReportTemplateVersion", struct template_version, version_fields, .table = "report_template_versions",
           .alias = "v", .join = "left join users u on u.id = v.created_by", .doc = "A version of a template.");
