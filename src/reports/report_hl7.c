/* report_hl7.c - a report as ORU^R01 (HL7 v2.5.1, 7.3.1). */
#include "reports/report_hl7.h"

#include "hl7/message.h"
#include "records/study_order.h"
#include "reports/report_parts.h"
#include "reports/report_pdf.h"
#include "reports/report_subject.h"
#include "reports/template_values.h"
#include "site/app.h"

enum { ORU_BYTES_MAX = 48 << 20, CONTROL_ID_BYTES = 10 };

struct oru {
    struct call *c;
    struct text *out;
    const struct report *report;
    const struct report_version *version;
    enum report_status status;
    const json_t *subject;
    struct study_order order; /* null members: none was told of */
    struct str pdf;           /* null: without */
    int64_t count, notes;     /* of OBX, and of NTE behind OBR */
};

static struct str told(const struct oru *o, const char *part, const char *name)
{
    return report_subject_text(o->c, o->subject, part, name);
}

/* OBX-11, table 0085. */
static struct str observed_status(const struct oru *o)
{
    return o->status == REPORT_ENTERED_IN_ERROR ? S("W") : str_from(report_status_rows[o->status].hl7);
}

/* When it became what it is; the same whenever it is asked. */
static struct instant moment_of(const struct oru *o)
{
    struct instant at;
    if (o->status == REPORT_ENTERED_IN_ERROR)
        return o->report->updated_at;
    return instant_parse(told(o, "signature", "signed_at"), &at) ? at : o->version->created_at;
}

/* The same for the same report, version and status; HL7 allows 20 characters (2.15.9.10). */
static struct str control_id(const struct oru *o)
{
    unsigned char digest[SHA256_BYTES];
    struct arena *arena = &o->c->arena;
    crypto_sha256(arena_format(arena, "%.*s/%" PRId64 "/%s", STR_FMT(o->report->report_uuid), o->version->version,
                               report_statuses[o->status - 1]),
                  digest);
    return crypto_hex(digest, CONTROL_ID_BYTES, arena);
}

static const struct hl7_charset *charset_of(const struct call *c)
{
    return hl7_charset(choice_text(hl7_charsets, c->app->config.hl7_charset + 1));
}

/* "1980-05-17" without its hyphens. */
static void put_date(struct text *out, struct str date)
{
    text_put_char(out, '|');
    for (ptrdiff_t i = 0; i < date.len; i++)
        if (date.at[i] != '-')
            text_put_char(out, date.at[i]);
}

/* ---- whom and what ---- */

static void put_patient(struct oru *o)
{
    struct str gender = told(o, "patient", "gender"), issuer = told(o, "patient", "issuer_of_patient_id");
    if (!issuer.len)
        issuer = o->c->app->config.patient_id_issuer;
    hl7_begin(o->out, "PID");
    hl7_put(o->out, S("1"));
    hl7_skip(o->out, 1);
    hl7_put_parts(o->out, (struct str[]){ told(o, "patient", "patient_id"), STR_NULL, STR_NULL, issuer, S("MR") }, 5);
    hl7_skip(o->out, 1);
    hl7_put(o->out, told(o, "patient", "name"));
    hl7_skip(o->out, 1);
    put_date(o->out, told(o, "patient", "birth_date"));
    hl7_put(o->out, str_equal(gender, S("MALE"))     ? S("M")
                    : str_equal(gender, S("FEMALE")) ? S("F")
                    : str_equal(gender, S("OTHER"))  ? S("O")
                                                     : S("U"));
    hl7_end(o->out);
    hl7_begin(o->out, "PV1");
    hl7_put(o->out, S("1"));
    hl7_put(o->out, S("U")); /* in which setting of care it was, nobody here knows */
    hl7_end(o->out);
}

static void put_order(struct oru *o)
{
    struct str accession = told(o, "study", "accession_number"), description = told(o, "study", "description");
    struct str modality = told(o, "study", "modality"), title = o->version->content.title;
    const struct study_order *order = &o->order;
    struct str filler = order->filler_order_number.len ? order->filler_order_number : accession;
    hl7_begin(o->out, "ORC");
    hl7_put(o->out, S("RE"));
    hl7_put(o->out, order->placer_order_number);
    hl7_put(o->out, filler);
    hl7_end(o->out);
    hl7_begin(o->out, "OBR");
    hl7_put(o->out, S("1"));
    hl7_put(o->out, order->placer_order_number);
    hl7_put(o->out, filler);
    if (order->procedure_code.len)
        hl7_put_parts(o->out, (struct str[]){ order->procedure_code, order->procedure_text, order->procedure_scheme },
                      3);
    else
        hl7_put_parts(o->out, (struct str[]){ modality, description.len ? description : title, S("L") }, 3);
    hl7_skip(o->out, 2);
    put_date(o->out, told(o, "study", "study_date"));
    hl7_skip(o->out, 10);
    hl7_put(o->out, accession); /* OBR-18 */
    hl7_put(o->out, order->requested_procedure_id);
    hl7_skip(o->out, 2);
    hl7_put_time(o->out, moment_of(o));
    hl7_skip(o->out, 1);
    hl7_put(o->out, S("RAD"));
    hl7_put(o->out, str_from(report_status_rows[o->status].hl7));
    hl7_skip(o->out, 6);
    text_put_char(o->out, '|'); /* OBR-32: NDL, whose first component is a CNN */
    if (told(o, "signature", "signer").len) {
        hl7_put_escaped(o->out, told(o, "signature", "username"));
        text_put_char(o->out, '&');
        hl7_put_escaped(o->out, told(o, "signature", "signer"));
    }
    hl7_end(o->out);
}

/* ---- observations ---- */

static void begin_value(struct oru *o, const char *type, struct str code, struct str words, struct str scheme)
{
    hl7_begin(o->out, "OBX");
    hl7_put_integer(o->out, ++o->count);
    hl7_put(o->out, str_from(type));
    hl7_put_parts(o->out, (struct str[]){ code, words, scheme }, 3);
    hl7_skip(o->out, 1);
}

static void end_value(struct oru *o, struct str unit)
{
    if (unit.len)
        hl7_put_parts(o->out, (struct str[]){ unit, unit, S("UCUM") }, 3);
    hl7_skip(o->out, unit.len ? 4 : 5);
    hl7_put(o->out, observed_status(o));
    hl7_end(o->out);
}

/* LOINC's codes of the parts that radiology reports have. */
static struct str code_of_section(struct str name)
{
    static const struct {
        const char *name, *code;
    } codes[] = {
        { "indication", "18785-6" }, { "technique", "55111-9" },  { "comparison", "18834-2" },
        { "findings", "59776-5" },   { "impression", "19005-8" }, { "recommendation", "18783-1" },
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (str_equal(name, str_from(codes[i].name)))
            return str_from(codes[i].code);
    return STR_NULL;
}

static bool put_sections(struct oru *o, const struct content_form *form)
{
    struct list addenda;
    const struct report_content *content = &o->version->content;
    if (!content_addenda(o->c, content, &addenda))
        return false;
    for (int i = 0; i < form->count; i++) {
        const struct section_row *row = &form->sections[i];
        struct str text = content_section(o->c, content, row->name), code = code_of_section(row->name);
        if (!text.len)
            continue;
        begin_value(o, "FT", code.len ? code : row->name,
                    template_word(content->language, row->title_en, row->title_zh), code.len ? S("LN") : S("L"));
        hl7_put(o->out, text);
        end_value(o, STR_NULL);
    }
    for (ptrdiff_t i = 0; i < addenda.count; i++) {
        begin_value(o, "FT", S("55107-7"), S("Addendum"), S("LN"));
        hl7_put(o->out, ((const struct content_addendum *)addenda.items)[i].text);
        end_value(o, STR_NULL);
    }
    return true;
}

/* As table 0396 names it. */
static struct str scheme_of(struct str name)
{
    return str_equal(name, S("LOINC"))       ? S("LN")
           : str_equal(name, S("SNOMED CT")) ? S("SCT")
           : name.len                        ? name
                                             : S("L");
}

static void put_choice(struct oru *o, const struct template_field *field, const json_t *code)
{
    const struct template_choice *choice = template_choice_of(field, code);
    if (!choice)
        return;
    hl7_put_parts(o->out,
                  (struct str[]){ choice->code,
                                  template_word(o->version->content.language, choice->label_en, choice->label_zh),
                                  scheme_of(choice->code_system) },
                  3);
}

static void put_value(struct oru *o, const struct template_field *field, const json_t *value, const json_t *choice)
{
    struct str label = template_word(o->version->content.language, field->label_en, field->label_zh);
    struct str unit = json_is_number(value) ? template_unit_of(field) : STR_NULL;
    const char *type = json_is_number(value) ? "NM" : choice ? "CE" : field->kind == TAKES_DATE ? "DT" : "ST";
    begin_value(o, type, field->code.len ? field->code : field->name, label.len ? label : field->name,
                field->code.len ? scheme_of(field->code_system) : S("L"));
    if (json_is_number(value)) {
        text_put_char(o->out, '|');
        text_put_real(o->out, json_number_value(value));
    } else if (choice) {
        put_choice(o, field, choice);
    } else if (field->kind == TAKES_DATE) {
        put_date(o->out, json_text(value));
    } else {
        hl7_put(o->out, json_text(value));
    }
    end_value(o, unit);
}

/* Of several answers each is an observation. */
static bool put_values(struct oru *o, const struct content_form *form)
{
    if (!form->definition)
        return true;
    json_t *values = template_values(o->c, o->version->content.fields);
    const struct list *fields = &form->definition->fields;
    for (ptrdiff_t i = 0; i < fields->count; i++) {
        const struct template_field *field = (const struct template_field *)fields->items + i;
        const json_t *value = template_value(values, field->name);
        for (size_t k = 0; json_is_array(value) && k < json_array_size(value); k++)
            put_value(o, field, value, json_array_get(value, k));
        if (value && !json_is_array(value))
            put_value(o, field, value, field->kind == TAKES_CHOICE ? value : NULL);
    }
    json_decref(values);
    return !o->c->error.code;
}

static void put_pdf(struct oru *o)
{
    begin_value(o, "ED", S("18748-4"), S("Diagnostic imaging study"), S("LN"));
    text_put(o->out, S("|^application^pdf^Base64^"));
    text_put(o->out, crypto_base64(o->pdf, &o->c->arena)); /* none of its characters is a separator */
    end_value(o, STR_NULL);
}

static bool is_too_large(const struct oru *o)
{
    return o->pdf.len > o->c->app->config.hl7_pdf_max_bytes;
}

/* Where a PDF is that is not sent along: whoever is to see the report can fetch it there. */
static void put_place(struct oru *o)
{
    const struct config *config = &o->c->app->config;
    struct str url = config->public_url;
    while (url.len && url.at[url.len - 1] == '/')
        url.len--;
    if (!url.len)
        return;
    url = arena_format(&o->c->arena, "%.*s/api/v1/reports/%" PRId64 "/pdf?version=%" PRId64, STR_FMT(url),
                       o->report->id, o->version->version);
    begin_value(o, "RP", S("18748-4"), S("Diagnostic imaging study"), S("LN"));
    hl7_put_parts(o->out, (struct str[]){ url, config->hl7_application, S("application"), S("pdf") }, 4);
    end_value(o, STR_NULL);
}

/* ---- the message ---- */

static void put_note(struct oru *o, struct str words)
{
    hl7_begin(o->out, "NTE");
    hl7_put_integer(o->out, ++o->notes);
    hl7_put(o->out, S("L"));
    hl7_put(o->out, words);
    hl7_end(o->out);
}

static void put_notes(struct oru *o)
{
    if (o->status == REPORT_ENTERED_IN_ERROR)
        put_note(o, o->report->status_reason);
    if (o->pdf.at && is_too_large(o))
        put_note(o, arena_format(&o->c->arena, "The PDF is not in this message: it has %td bytes, more than %" PRId64,
                                 o->pdf.len, o->c->app->config.hl7_pdf_max_bytes));
}

static bool put_message(struct oru *o)
{
    struct call *c = o->c;
    const struct config *config = &c->app->config;
    struct content_form form;
    struct hl7_head head = {
        .application = config->hl7_application,
        .facility = config->hl7_facility,
        .type = S("ORU"),
        .event = S("R01"),
        .structure = S("ORU_R01"),
        .control_id = control_id(o),
        .at = moment_of(o),
        .charset = charset_of(c),
    };
    hl7_put_head(o->out, &head);
    put_patient(o);
    put_order(o);
    put_notes(o);
    begin_value(o, "ST", S("110180"), S("Study Instance UID"), S("DCM"));
    hl7_put(o->out, told(o, "study", "study_uid"));
    end_value(o, STR_NULL);
    if (!content_form_of(c, &o->version->content, &form) || !put_sections(o, &form) || !put_values(o, &form))
        return false;
    if (o->pdf.at && is_too_large(o))
        put_place(o);
    else if (o->pdf.at)
        put_pdf(o);
    return !o->out->overflowed || fail(c, E_TOO_LARGE, "the report is too large for one message");
}

static bool write(struct oru *o, struct str *out)
{
    struct text text;
    text_init(&text, ORU_BYTES_MAX);
    o->out = &text;
    bool ok = put_message(o) &&
              (hl7_charset_encode(charset_of(o->c), text_str(&text), &o->c->arena, out) ||
               fail(o->c, E_UNREADABLE, "the report has text that the character set of HL7_CHARSET does not"));
    if (ok)
        *out = arena_copy(&o->c->arena, *out);
    text_release(&text);
    o->out = NULL;
    return ok;
}

static enum report_status status_of(const struct report *report, const struct report_version *version)
{
    bool is_current = version->status == REPORT_DRAFT && version->version == report->version;
    return (enum report_status)(report->status == REPORT_ENTERED_IN_ERROR || is_current ? report->status
                                                                                        : version->status);
}

/* `status` 0: as it is. */
bool report_hl7_as(struct call *c, int64_t id, int64_t version, enum report_status status, struct str *out)
{
    struct report report;
    struct report_version shown;
    struct str envelope, pdf = STR_NULL;
    if (!report_may_be_given_out(c) || !report_load(c, id, &report) ||
        !report_version_load(c, id, version > 0 ? version : report.version, &shown) ||
        (c->app->config.hl7_pdf && !report_pdf(c, id, shown.version, PDF_A4, &pdf)))
        return false;
    json_t *subject = report_subject_load(c, &report, &shown, &envelope);
    if (!subject)
        return false;
    struct oru o = { .c = c, .report = &report, .version = &shown, .subject = subject, .pdf = pdf };
    o.status = status ? status : status_of(&report, &shown);
    bool ok = study_order_find(c, report.study_id, &o.order) != FAILED && write(&o, out);
    json_decref(subject);
    return ok;
}

bool report_hl7(struct call *c, int64_t id, int64_t version, struct str *out)
{
    return report_hl7_as(c, id, version, (enum report_status)0, out);
}
