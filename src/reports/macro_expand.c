/* macro_expand.c - a macro filled in, from what is given and from the study. */
#include "reports/macro.h"
#include "reports/template_values.h"

#include "records/patient.h"
#include "records/study_view.h"
#include "site/actor.h"
#include "base/text.h"

#include <assert.h>

const struct macro_variable macro_variables[] = {
    { "patient.name", "The patient's name." },
    { "patient.id", "The patient's number." },
    { "patient.sex", "The patient's sex, in words." },
    { "patient.age", "The patient's age on the study's date, in whole years." },
    { "patient.birth_date", "The patient's birth date." },
    { "study.date", "The study's date." },
    { "study.modality", "The study's modality." },
    { "study.body_part", "The part that was examined." },
    { "study.description", "What was done." },
    { "study.accession_number", "The number of the order." },
    { "user.name", "Who writes." },
    { "today", "Today's date (UTC)." },
};
const int macro_variable_count = (int)(sizeof(macro_variables) / sizeof(macro_variables[0]));

static const struct field wish_fields[] = {
    FIELD(struct macro_wish, id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = "The macro."),
    FIELD(struct macro_wish, values, .flags = NULLABLE, .example = "{\"1\": \"12\"}",
          .doc = "What its own variables are: texts or numbers by their names."),
    FIELD(struct macro_wish, study_id, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
          .doc = "The study whose values patient.* and study.* are."),
    FIELD(struct macro_wish, language, .choices = template_languages, .type = "ReportLanguage", .fallback = "zh-CN",
          .doc = "The language of words that are not given, as the patient's sex."),
};
const struct schema macro_wish_schema =
    SCHEMA("ReportMacroWish", struct macro_wish, wish_fields, .doc = "A macro to be filled in.");

static const struct field text_fields[] = {
    FIELD(struct macro_text, text, .doc = "The macro, filled in."),
    FIELD(struct macro_text, unknown, .doc = "Variables that nobody has given a value."),
    FIELD(struct macro_text, empty, .doc = "Variables that the record has no value for."),
};
const struct schema macro_text_schema =
    SCHEMA("ReportMacroText", struct macro_text, text_fields, .doc = "A macro, filled in.");

struct expanding {
    struct call *c;
    const struct macro_wish *wish;
    struct macro_text *out;
    bool has_study;
    struct study study;
    struct patient patient; /* cleared, where the caller may not read patients */
    struct str user;
    json_t *values;
};

static struct str day(struct expanding *x, struct date date)
{
    char text[DATE_TEXT_MAX];
    return date_is_null(date) ? STR_NULL : arena_copy(&x->c->arena, (struct str){ text, date_write(date, text) });
}

static struct str sex(const struct expanding *x)
{
    bool chinese = x->wish->language == TEMPLATE_CHINESE;
    switch (x->patient.gender) {
    case GENDER_MALE:
        return chinese ? S("男") : S("male");
    case GENDER_FEMALE:
        return chinese ? S("女") : S("female");
    default:
        return STR_NULL;
    }
}

static struct str age(struct expanding *x)
{
    int years = date_is_null(x->patient.birth_date) || date_is_null(x->study.study_date)
                    ? -1
                    : date_age_years(x->patient.birth_date, x->study.study_date);
    return years < 0 ? STR_NULL : arena_format(&x->c->arena, "%d", years);
}

/* In the order of macro_variables. Null: the record has none. */
static struct str known_value(struct expanding *x, int index)
{
    const struct str values[] = {
        x->study.patient_name,
        x->study.patient_number,
        sex(x),
        age(x),
        day(x, x->patient.birth_date),
        day(x, x->study.study_date),
        x->study.modality,
        x->study.body_part,
        x->study.description,
        x->study.accession_number,
        x->user,
        day(x, date_of(clock_now())),
    };
    static_assert(sizeof(values) / sizeof(values[0]) == sizeof(macro_variables) / sizeof(macro_variables[0]),
                  "one for each variable");
    return values[index];
}

static int known_index(struct str name)
{
    for (int i = 0; i < macro_variable_count; i++)
        if (str_equal(name, str_from(macro_variables[i].name)))
            return i;
    return -1;
}

static bool put(void *context, struct str name, struct text *out)
{
    struct expanding *x = context;
    const json_t *given = template_value(x->values, name);
    int index = known_index(name);
    struct str value = index >= 0 ? known_value(x, index) : STR_NULL;
    if (json_is_string(given))
        value = json_text(given);
    if (json_is_number(given)) {
        if (out)
            text_put_real(out, json_number_value(given));
        return true;
    }
    if (value.len && out)
        text_put(out, value);
    return value.len > 0;
}

static bool is_of_study(struct str name)
{
    return str_starts(name, S("patient.")) || str_starts(name, S("study."));
}

static void lacks(void *context, struct str name, struct text *out)
{
    struct expanding *x = context;
    text_format(out, "{{%.*s}}", STR_FMT(name));
    bool is_told = known_index(name) >= 0 && (x->has_study || !is_of_study(name));
    template_note(&x->c->arena, is_told ? &x->out->empty : &x->out->unknown, MACRO_VARIABLES_MAX, name);
}

/* Texts of bounded length and numbers, by names that a macro may have. */
static bool take_values(struct expanding *x)
{
    struct call *c = x->c;
    const char *name;
    const json_t *value;
    if (!x->wish->values.text.at)
        return true;
    x->values = template_values(c, x->wish->values);
    if (!x->values)
        return error_add_problem(&c->error, &c->arena, "body", S("values"), "not_an_object", "must be an object");
    json_object_foreach(x->values, name, value)
    {
        bool is_text = json_is_string(value) && json_string_length(value) <= MACRO_VALUE_MAX;
        if (!is_text && !json_is_number(value) && !json_is_null(value))
            error_add_problem(&c->error, &c->arena, "body", arena_format(&c->arena, "values.%.64s", name), "not_a_text",
                              "must be a number, or a text of at most %d bytes", MACRO_VALUE_MAX);
    }
    return c->error.code == E_NONE;
}

static bool take_study(struct expanding *x)
{
    struct call *c = x->c;
    x->has_study = x->wish->study_id != INTEGER_NULL;
    if (!x->has_study)
        return true;
    if (!study_load(c, x->wish->study_id, &x->study) || !study_veil(c, &x->study))
        return false;
    if (!call_may(c, MAY_READ_PATIENTS))
        return true;
    enum found found = patient_find(c, x->study.patient_id, &x->patient);
    if (found == NONE)
        schema_clear(&patient_schema, &x->patient);
    audit_about(c, x->wish->id, x->study.patient_id);
    return found != FAILED;
}

static bool take_user(struct expanding *x)
{
    struct value name;
    if (!db_value(x->c, &name, "select full_name from users where id = ?", V(call_user(x->c))))
        return false;
    x->user = name.type == VALUE_TEXT ? arena_copy(&x->c->arena, name.text) : STR_NULL;
    return true;
}

bool macro_expand(struct call *c, const struct macro_wish *wish, struct macro_text *out)
{
    struct macro macro;
    struct expanding *x = arena_new(&c->arena, struct expanding);
    *x = (struct expanding){ .c = c, .wish = wish, .out = out };
    schema_clear(&study_schema, &x->study);
    schema_clear(&patient_schema, &x->patient);
    *out = (struct macro_text){ .unknown = { arena_array(&c->arena, struct str, MACRO_VARIABLES_MAX), 0 },
                                .empty = { arena_array(&c->arena, struct str, MACRO_VARIABLES_MAX), 0 } };
    bool ok = macro_load(c, wish->id, &macro) && take_values(x) && take_study(x) && take_user(x);
    struct filling filling = { x, put, NULL, lacks };
    if (ok)
        out->text = template_fill(&c->arena, macro.text, &filling);
    json_decref(x->values);
    return ok;
}
