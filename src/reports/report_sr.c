/* report_sr.c - a report as an SR document after TID 2000 "Basic Diagnostic Imaging Report" (PS3.16), its values coded.
 */
#include "reports/report_dicom_parts.h"
#include "reports/report_parts.h"

#include "dicom/uid.h"
#include "reports/template_values.h"
#include "site/app.h"

enum { SCHEME_MAX = 16 /* characters, SH */ };
#define COMMENT CODE("DCM", "121106", "Comment")

/* ---- before the content ---- */

static bool counts(const struct report_source *s)
{
    return s->is_signed && !s->is_in_error;
}

static void put_verifier(const struct report_source *s, struct dicom_writer *w)
{
    struct str house = s->c->app->config.hospital_name;
    dicom_put_sequence(w, 0x0040A073 /* Verifying Observer Sequence */);
    dicom_put_item(w);
    dicom_put(w, 0x0040A027 /* Verifying Organization */, house.len ? house : S("not stated"));
    dicom_put(w, 0x0040A030 /* Verification DateTime */, dicom_datetime(&s->c->arena, s->at));
    dicom_put(w, 0x0040A075 /* Verifying Observer Name */,
              report_dicom_person(s, report_dicom_told(s, "signature", "signer")));
    report_dicom_put_empty(w, 0x0040A088 /* Verifying Observer Identification Code Sequence */);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
}

/* What this version replaces or adds to. */
static void put_predecessor(const struct report_source *s, struct dicom_writer *w)
{
    dicom_put_sequence(w, 0x0040A360 /* Predecessor Documents Sequence */);
    dicom_put_item(w);
    dicom_put_sequence(w, 0x00081115 /* Referenced Series Sequence */);
    dicom_put_item(w);
    dicom_put_sequence(w, 0x00081199 /* Referenced SOP Sequence */);
    dicom_put_item(w);
    sr_reference_put(w, &(struct sr_reference){ S(UID_COMPREHENSIVE_SR), s->predecessor_uid, 0 });
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
    dicom_put(w, 0x0020000E /* Series Instance UID */, report_dicom_series(s, REPORT_AS_SR));
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
    dicom_put(w, 0x0020000D /* Study Instance UID */, s->study_uid);
    dicom_put_item_end(w);
    dicom_put_sequence_end(w);
}

void report_sr_begin(const struct report_source *s, enum report_object_kind kind, const struct card_code *title,
                     const char *template, struct str instance_uid, struct dicom_writer *w)
{
    static const struct report_class classes[] = {
        [REPORT_AS_SR] = { UID_COMPREHENSIVE_SR, "SR", 9101, "Report" },
        [REPORT_AS_MEASUREMENTS] = { UID_COMPREHENSIVE_SR, "SR", 9103, "Measurements of the report" },
    };
    report_dicom_begin(s, kind, &classes[kind], instance_uid, w);
    dicom_put(w, 0x0040A040 /* Value Type */, S("CONTAINER"));
    dicom_put_code(w, 0x0040A043 /* Concept Name Code Sequence */, title);
    dicom_put(w, 0x0040A050 /* Continuity of Content */, S("SEPARATE"));
    if (counts(s))
        put_verifier(s, w);
    if (s->predecessor_uid.len)
        put_predecessor(s, w);
    report_dicom_put_empty(w, 0x0040A372 /* Performed Procedure Code Sequence, Type 2 */);
    report_dicom_put_evidence(s, w);
    dicom_put(w, 0x0040A491 /* Completion Flag */, s->is_signed ? S("COMPLETE") : S("PARTIAL"));
    dicom_put(w, 0x0040A493 /* Verification Flag */, counts(s) ? S("VERIFIED") : S("UNVERIFIED"));
    dicom_put(w, 0x0040A496 /* Preliminary Flag */, s->is_signed ? S("FINAL") : S("PRELIMINARY"));
    sr_template(w, template);
    dicom_put_sequence(w, 0x0040A730 /* Content Sequence */);
    report_sr_context(s, w);
}

static void put_observer(const struct report_source *s, struct str name, struct dicom_writer *w)
{
    sr_code(w, SR_OBSERVED, CODE("DCM", "121005", "Observer Type"), CODE("DCM", "121006", "Person"));
    sr_person(w, SR_OBSERVED, CODE("DCM", "121008", "Person Observer Name"), report_dicom_person(s, name));
}

/* TID 1204, 1001, 1003. */
void report_sr_context(const struct report_source *s, struct dicom_writer *w)
{
    struct str language = s->version.content.language, author = report_dicom_told(s, "people", "author");
    const struct card_code code = { S("RFC5646"), language, s->is_chinese ? S("Chinese") : S("English") };
    if (language.len)
        sr_code(w, SR_MODIFIED, CODE("DCM", "121049", "Language of Content Item and Descendants"), &code);
    put_observer(s, author.len ? author : s->version.author_name, w);
    sr_text(w, SR_OBSERVED, CODE("DCM", "121009", "Person Observer's Organization Name"),
            s->c->app->config.hospital_name);
}

/* ---- sections ---- */

/* CID 7001 and 7002: the heading, and what its text is. */
static const struct heading {
    struct str name;
    struct card_code heading, element;
} headings[] = {
    { CODE_TEXT("indication"), CODE_ROW("LN", "18785-6", "Indications for Procedure"),
      CODE_ROW("DCM", "121106", "Comment") },
    { CODE_TEXT("technique"), CODE_ROW("LN", "55111-9", "Current Procedure Descriptions"),
      CODE_ROW("DCM", "121065", "Procedure Description") },
    { CODE_TEXT("comparison"), CODE_ROW("LN", "18834-2", "Previous Findings"),
      CODE_ROW("DCM", "121069", "Previous Finding") },
    { CODE_TEXT("findings"), CODE_ROW("LN", "59776-5", "Findings"), CODE_ROW("DCM", "121071", "Finding") },
    { CODE_TEXT("impression"), CODE_ROW("LN", "19005-8", "Impressions"), CODE_ROW("DCM", "121073", "Impression") },
    { CODE_TEXT("recommendation"), CODE_ROW("LN", "18783-1", "Recommendations"),
      CODE_ROW("DCM", "121075", "Recommendation") },
};

static struct heading heading_of(const struct report_source *s, const struct section_row *row)
{
    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
        if (str_equal(headings[i].name, row->name))
            return headings[i];
    struct str title = template_word(s->version.content.language, row->title_en, row->title_zh);
    return (struct heading){ row->name,
                             { S(OUR_SCHEME), row->name, title.len ? title : row->name },
                             { S("DCM"), S("121106"), S("Comment") } };
}

/* As DICOM calls the scheme (PS3.16 8); ours where there is none, or none that fits. */
static struct str scheme_of(struct str given)
{
    return str_equal(given, S("LOINC"))                                     ? S("LN")
           : str_equal(given, S("SNOMED CT")) || str_equal(given, S("SCT")) ? S("SCT")
           : str_equal(given, S("RadLex"))                                  ? S("RADLEX")
           : given.len && str_code_points(given) <= SCHEME_MAX              ? given
                                                                            : S(OUR_SCHEME);
}

static struct card_code code_of_field(const struct report_source *s, const struct template_field *field)
{
    struct str label = template_word(s->version.content.language, field->label_en, field->label_zh);
    if (!label.len)
        label = field->name;
    return field->code.len ? (struct card_code){ scheme_of(field->code_system), field->code, label }
                           : (struct card_code){ S(OUR_SCHEME), field->name, label };
}

static void put_choice(const struct report_source *s, const struct template_field *field, const json_t *code,
                       struct dicom_writer *w)
{
    const struct template_choice *choice = template_choice_of(field, code);
    const struct card_code concept = code_of_field(s, field);
    if (!choice)
        return;
    struct str label = template_word(s->version.content.language, choice->label_en, choice->label_zh);
    const struct card_code value = { scheme_of(choice->code_system), choice->code, label.len ? label : choice->code };
    sr_code(w, SR_CONTAINS, &concept, &value);
}

static void put_field(const struct report_source *s, const struct template_field *field, const json_t *value,
                      struct dicom_writer *w)
{
    const struct card_code concept = code_of_field(s, field);
    struct str unit = template_unit_of(field);
    const struct card_code units = { S("UCUM"), unit.len ? unit : S("1"), unit.len ? unit : S("no units") };
    const json_t *one;
    size_t i;
    if (json_is_number(value)) {
        sr_quantity(w, SR_CONTAINS, &concept, json_number_value(value), &units);
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, one) put_choice(s, field, one, w);
    } else if (field->kind == TAKES_CHOICE) {
        put_choice(s, field, value, w);
    } else if (json_is_string(value)) {
        sr_text(w, SR_CONTAINS, &concept, json_text(value));
    }
}

/* The values whose place is in this section. */
static int put_fields(const struct report_source *s, const struct template_definition *definition, const json_t *values,
                      struct str section, struct dicom_writer *w)
{
    int count = 0;
    for (ptrdiff_t i = 0; definition && i < definition->fields.count; i++) {
        const struct template_field *field = (const struct template_field *)definition->fields.items + i;
        const json_t *value = str_equal(field->section, section) ? template_value(values, field->name) : NULL;
        count += value != NULL;
        if (value && w)
            put_field(s, field, value, w);
    }
    return count;
}

static bool put_sections(const struct report_source *s, struct dicom_writer *w)
{
    struct content_form form;
    if (!content_form_of(s->c, &s->version.content, &form))
        return false;
    json_t *values = template_values(s->c, s->version.content.fields);
    for (int i = 0; i < form.count; i++) {
        const struct section_row *row = &form.sections[i];
        struct str text = str_trim(content_section(s->c, &s->version.content, row->name));
        if (!text.len && !put_fields(s, form.definition, values, row->name, NULL))
            continue;
        struct heading heading = heading_of(s, row);
        sr_container(w, SR_CONTAINS, &heading.heading, NULL);
        sr_text(w, SR_CONTAINS, &heading.element, text);
        put_fields(s, form.definition, values, row->name, w);
        sr_children_end(w);
    }
    json_decref(values);
    return !s->c->error.code;
}

/* ---- what else it says ---- */

static bool put_addenda(const struct report_source *s, struct dicom_writer *w)
{
    struct list addenda;
    if (!content_addenda(s->c, &s->version.content, &addenda))
        return false;
    for (ptrdiff_t i = 0; i < addenda.count; i++) {
        const struct content_addendum *one = (const struct content_addendum *)addenda.items + i;
        sr_container(w, SR_CONTAINS, CODE("LN", "55107-7", "Addendum"), NULL);
        put_observer(s, one->author_name, w);
        sr_text(w, SR_CONTAINS, COMMENT, one->text);
        sr_children_end(w);
    }
    return true;
}

/* What is not the author's own word. */
static bool put_models(const struct report_source *s, struct dicom_writer *w)
{
    struct list sources;
    bool is_open = false;
    if (!report_standing_sources(s->c, &s->version.content, &sources))
        return false;
    for (ptrdiff_t i = 0; i < sources.count; i++) {
        const struct content_source *one = (const struct content_source *)sources.items + i;
        if (one->kind != FROM_DIAGNOSIS)
            continue;
        if (!is_open)
            sr_container(w, SR_CONTAINS, OURS("AI", "Suggested by AI models, confirmed by a reader"), NULL);
        is_open = true;
        sr_text(w, SR_CONTAINS, COMMENT,
                one->detail.len ? arena_format(&s->c->arena, "%.*s (%.*s)", STR_FMT(one->text), STR_FMT(one->detail))
                                : one->text);
    }
    if (is_open)
        sr_children_end(w);
    return true;
}

static void put_key_images(const struct report_source *s, struct dicom_writer *w)
{
    bool is_open = false;
    for (ptrdiff_t i = 0; i < s->images.count; i++) {
        const struct key_image *key = (const struct key_image *)s->images.items + i;
        const struct report_evidence *evidence = report_dicom_evidence(s, key->image_file_id);
        if (!evidence)
            continue;
        struct sr_reference reference = evidence->reference;
        reference.frame = evidence->has_frames ? key->frame : 0;
        if (!is_open)
            sr_container(w, SR_CONTAINS, CODE("LN", "55113-5", "Key Images"), NULL);
        is_open = true;
        if (str_trim(key->caption).len) {
            sr_text_begin(w, SR_CONTAINS, CODE("DCM", "113012", "Key Object Description"), key->caption);
            sr_image(w, SR_INFERRED, NULL, &reference);
            sr_children_end(w);
        } else {
            sr_image(w, SR_CONTAINS, NULL, &reference);
        }
    }
    if (is_open)
        sr_children_end(w);
}

bool report_sr_write(const struct report_source *s, struct str instance_uid, struct dicom_writer *w)
{
    report_sr_begin(s, REPORT_AS_SR, CODE("LN", "18748-4", "Diagnostic Imaging Report"), "2000", instance_uid, w);
    if (s->is_in_error) {
        sr_container(w, SR_CONTAINS, OURS("ENTERED_IN_ERROR", "Entered in error: this report does not count"), NULL);
        sr_text(w, SR_CONTAINS, COMMENT, s->report.status_reason.len ? s->report.status_reason : S("not stated"));
        sr_children_end(w);
    }
    bool ok = put_sections(s, w) && put_addenda(s, w) && put_models(s, w);
    put_key_images(s, w);
    dicom_put_sequence_end(w);
    return ok && dicom_writer_end(w, &s->c->error);
}

/* ---- what does not count any more ---- */

bool report_rejection_write(const struct report_source *s, struct str instance_uid, struct dicom_writer *w)
{
    static const struct report_class about = { UID_KEY_OBJECTS, "KO", 9104, "Rejection of the report" };
    const struct report_evidence *all = s->evidence.items;
    report_dicom_begin(s, REPORT_AS_REJECTION, &about, instance_uid, w);
    dicom_put(w, 0x0040A040 /* Value Type */, S("CONTAINER"));
    dicom_put_code(w, 0x0040A043 /* Concept Name Code Sequence */,
                   CODE("DCM", "113037", "Rejected for Patient Safety Reasons"));
    dicom_put(w, 0x0040A050 /* Continuity of Content */, S("SEPARATE"));
    report_dicom_put_evidence(s, w);
    sr_template(w, "2010");
    dicom_put_sequence(w, 0x0040A730 /* Content Sequence */);
    report_sr_context(s, w);
    sr_text(w, SR_CONTAINS, CODE("DCM", "113012", "Key Object Description"), s->report.status_reason);
    for (ptrdiff_t i = 0; i < s->evidence.count; i++)
        sr_composite(w, SR_CONTAINS, &all[i].reference);
    dicom_put_sequence_end(w);
    return dicom_writer_end(w, &s->c->error);
}
