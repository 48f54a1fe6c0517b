/* report_fhir.c - a report as FHIR R4 (http://hl7.org/fhir/R4/diagnosticreport.html; IHE RAD IMR). */
#include "reports/report_out.h"

#include "reports/report_pdf.h"
#include "reports/report_parts.h"
#include "reports/report_subject.h"
#include "reports/template_values.h"

#define SYSTEM_DCM "http://dicom.nema.org/resources/ontology/DCM"
#define SYSTEM_LOINC "http://loinc.org"
#define SYSTEM_UCUM "http://unitsofmeasure.org"

enum { BUNDLE_BYTES_MAX = 64 << 20 };

struct bundle {
    struct call *c;
    const struct report *report;
    const struct report_version *version;
    const json_t *subject;
    json_t *entries, *results; /* results: references to observations, for the report */
    int count;
};

/* Only where there is one: FHIR has no empty text (R4 datatypes, string). */
static void set(json_t *object, const char *name, json_t *value)
{
    if (value)
        json_object_set_new(object, name, value);
}

static void set_told(const struct bundle *b, json_t *object, const char *name, const char *part, const char *member)
{
    set(object, name, json_of_text(report_subject_text(b->c, b->subject, part, member)));
}

static json_t *list_of(json_t *one)
{
    json_t *list = json_array();
    json_array_append_new(list, one);
    return list;
}

static json_t *resource(const char *type)
{
    return json_pack("{s:s}", "resourceType", type);
}

/* Entries refer to each other by UUIDs made of the report's, its version and the part: the same for the same
 * version. */
static struct str url_of(const struct bundle *b, const char *part)
{
    unsigned char digest[SHA256_BYTES];
    char uuid[UUID_TEXT + 1];
    struct arena *arena = &b->c->arena;
    crypto_sha256(
        arena_format(arena, "%.*s/%" PRId64 "/%s", STR_FMT(b->report->report_uuid), b->version->version, part), digest);
    crypto_uuid_mark(digest);
    crypto_uuid_write(digest, uuid);
    return arena_format(arena, "urn:uuid:%s", uuid);
}

static void add(struct bundle *b, const char *part, json_t *content)
{
    json_t *entry = json_object();
    set(entry, "fullUrl", json_of_text(url_of(b, part)));
    set(entry, "resource", content);
    json_array_append_new(b->entries, entry);
}

static json_t *reference(const struct bundle *b, const char *part)
{
    json_t *out = json_object();
    set(out, "reference", json_of_text(url_of(b, part)));
    return out;
}

static json_t *coding(const char *scheme, struct str code, struct str display)
{
    json_t *out = json_object();
    if (scheme)
        set(out, "system", json_string(scheme));
    set(out, "code", json_of_text(code));
    set(out, "display", json_of_text(display));
    return out;
}

/* ---- whom and what ---- */

static void add_patient(struct bundle *b)
{
    json_t *out = resource("Patient"), *identifier = json_object(), *name = json_object();
    struct str gender = report_subject_text(b->c, b->subject, "patient", "gender");
    set_told(b, identifier, "value", "patient", "patient_id");
    set(out, "identifier", list_of(identifier));
    set_told(b, name, "text", "patient", "name");
    if (json_object_size(name))
        set(out, "name", list_of(name));
    else
        json_decref(name);
    set(out, "gender",
        json_string(str_equal(gender, S("MALE"))     ? "male"
                    : str_equal(gender, S("FEMALE")) ? "female"
                    : str_equal(gender, S("OTHER"))  ? "other"
                                                     : "unknown"));
    set_told(b, out, "birthDate", "patient", "birth_date");
    add(b, "patient", out);
}

static void add_study(struct bundle *b)
{
    struct call *c = b->c;
    json_t *out = resource("ImagingStudy");
    struct str uid = report_subject_text(c, b->subject, "study", "study_uid");
    struct str modality = report_subject_text(c, b->subject, "study", "modality");
    json_t *identifier = json_pack("{s:s}", "system", "urn:dicom:uid");
    set(identifier, "value", json_of_text(arena_format(&c->arena, "urn:oid:%.*s", STR_FMT(uid))));
    set(out, "identifier", list_of(identifier));
    set(out, "status", json_string("available"));
    set(out, "subject", reference(b, "patient"));
    set_told(b, out, "started", "study", "study_date");
    set_told(b, out, "description", "study", "description");
    if (modality.len)
        set(out, "modality", list_of(coding(SYSTEM_DCM, modality, STR_NULL)));
    add(b, "study", out);
}

static bool has_order(const struct bundle *b)
{
    return report_subject_text(b->c, b->subject, "study", "accession_number").len > 0;
}

/* The accession number is the order's (v2-0203 ACSN). */
static void add_order(struct bundle *b)
{
    json_t *out = resource("ServiceRequest"), *identifier = json_object();
    set(identifier, "type",
        json_pack("{s:o}", "coding",
                  list_of(coding("http://terminology.hl7.org/CodeSystem/v2-0203", S("ACSN"), S("Accession ID")))));
    set_told(b, identifier, "value", "study", "accession_number");
    set(out, "identifier", list_of(identifier));
    set(out, "status", json_string("active"));
    set(out, "intent", json_string("order"));
    set(out, "subject", reference(b, "patient"));
    add(b, "order", out);
}

static void add_person(struct bundle *b, const char *part, struct str name)
{
    json_t *out = resource("Practitioner"), *human = json_object();
    set(human, "text", json_of_text(name));
    set(out, "name", list_of(human));
    add(b, part, out);
}

/* ---- values ---- */

static const char *system_of(struct str name)
{
    return str_equal(name, S("LN")) || str_equal(name, S("LOINC"))        ? SYSTEM_LOINC
           : str_equal(name, S("SCT")) || str_equal(name, S("SNOMED CT")) ? "http://snomed.info/sct"
           : str_equal(name, S("RADLEX")) || str_equal(name, S("RadLex")) ? "http://www.radlex.org"
           : str_equal(name, S("DCM"))                                    ? SYSTEM_DCM
                                                                          : NULL;
}

static json_t *concept(struct bundle *b, const struct template_field *field, const json_t *code)
{
    const struct template_choice *choice = template_choice_of(field, code);
    json_t *out = json_object();
    if (!choice)
        return out;
    struct str label = template_word(b->version->content.language, choice->label_en, choice->label_zh);
    set(out, "coding", list_of(coding(system_of(choice->code_system), choice->code, label)));
    set(out, "text", json_of_text(label.len ? label : choice->code));
    return out;
}

/* Each of several answers is a component of one observation. */
static json_t *components(struct bundle *b, const struct template_field *field, const json_t *codes, json_t *code)
{
    json_t *out = json_array(), *one;
    size_t i;
    json_array_foreach(codes, i, one) json_array_append_new(
        out, json_pack("{s:O, s:o}", "code", code, "valueCodeableConcept", concept(b, field, one)));
    return out;
}

static void set_value(struct bundle *b, json_t *out, const struct template_field *field, const json_t *value,
                      json_t *code)
{
    struct str unit = template_unit_of(field);
    if (json_is_number(value)) {
        json_t *quantity = json_object();
        set(quantity, "value", json_deep_copy(value));
        if (unit.len) {
            set(quantity, "unit", json_of_text(unit));
            set(quantity, "system", json_string(SYSTEM_UCUM));
            set(quantity, "code", json_of_text(unit));
        }
        set(out, "valueQuantity", quantity);
    } else if (json_is_array(value)) {
        set(out, "component", components(b, field, value, code));
    } else if (field->kind == TAKES_CHOICE) {
        set(out, "valueCodeableConcept", concept(b, field, value));
    } else if (json_is_string(value)) {
        set(out, field->kind == TAKES_DATE ? "valueDateTime" : "valueString", json_deep_copy(value));
    }
}

static void add_observation(struct bundle *b, const struct template_field *field, const json_t *value)
{
    struct call *c = b->c;
    json_t *out = resource("Observation"), *code = json_object();
    struct str label = template_word(b->version->content.language, field->label_en, field->label_zh);
    const char *part = arena_cstring(&c->arena, arena_format(&c->arena, "observation-%d", ++b->count));
    if (field->code.len)
        set(code, "coding", list_of(coding(system_of(field->code_system), field->code, STR_NULL)));
    set(code, "text", json_of_text(label.len ? label : field->name));
    set(out, "status", json_string(b->version->status == REPORT_DRAFT ? "preliminary" : "final"));
    set(out, "code", code);
    set(out, "subject", reference(b, "patient"));
    set_value(b, out, field, value, code);
    json_array_append_new(b->results, reference(b, part));
    add(b, part, out);
}

static bool add_observations(struct bundle *b)
{
    struct content_form form;
    if (!content_form_of(b->c, &b->version->content, &form))
        return false;
    if (!form.definition)
        return true;
    json_t *values = template_values(b->c, b->version->content.fields);
    const struct list *fields = &form.definition->fields;
    for (ptrdiff_t i = 0; i < fields->count; i++) {
        const struct template_field *field = (const struct template_field *)fields->items + i;
        const json_t *value = template_value(values, field->name);
        if (value)
            add_observation(b, field, value);
    }
    json_decref(values);
    return !b->c->error.code;
}

/* ---- the report ---- */

static const char *status_of(const struct bundle *b)
{
    unsigned status = b->version->status;
    if (b->report->status == REPORT_ENTERED_IN_ERROR ||
        (status == REPORT_DRAFT && b->version->version == b->report->version))
        status = b->report->status;
    return report_status_rows[status].fhir;
}

static json_t *form(const char *type, struct str language, struct str title, struct str bytes, struct arena *arena)
{
    json_t *out = json_pack("{s:s}", "contentType", type);
    set(out, "language", json_of_text(language));
    set(out, "title", json_of_text(title));
    set(out, "data", json_of_text(crypto_base64(bytes, arena)));
    return out;
}

static json_t *forms(struct bundle *b, struct str text, struct str pdf)
{
    const struct report_content *content = &b->version->content;
    json_t *out = json_array();
    if (pdf.at)
        json_array_append_new(out, form("application/pdf", content->language, content->title, pdf, &b->c->arena));
    json_array_append_new(out, form("text/plain;charset=utf-8", content->language, content->title, text, &b->c->arena));
    return out;
}

static json_t *diagnostic_report(struct bundle *b, struct str text, struct str pdf)
{
    struct call *c = b->c;
    char when[INSTANT_TEXT_MAX];
    json_t *out = resource("DiagnosticReport"), *identifier = json_pack("{s:s}", "system", "urn:ietf:rfc:3986");
    json_t *code =
        json_pack("{s:o}", "coding", list_of(coding(SYSTEM_LOINC, S("18748-4"), S("Diagnostic imaging study"))));
    struct str signed_at = report_subject_text(c, b->subject, "signature", "signed_at");
    struct str conclusion = content_section(c, &b->version->content, S("impression"));
    set(identifier, "value", json_of_text(arena_format(&c->arena, "urn:uuid:%.*s", STR_FMT(b->report->report_uuid))));
    set(out, "identifier", list_of(identifier));
    if (has_order(b))
        set(out, "basedOn", list_of(reference(b, "order")));
    set(out, "status", json_string(status_of(b)));
    set(out, "category",
        list_of(json_pack("{s:o}", "coding",
                          list_of(coding("http://terminology.hl7.org/CodeSystem/v2-0074", S("RAD"), S("Radiology"))))));
    set(code, "text", json_of_text(b->version->content.title));
    set(out, "code", code);
    set(out, "subject", reference(b, "patient"));
    set_told(b, out, "effectiveDateTime", "study", "study_date");
    set(out, "issued",
        json_of_text(signed_at.len ? signed_at : (struct str){ when, instant_write(b->version->created_at, when) }));
    set(out, "performer", list_of(reference(b, "author")));
    if (signed_at.len)
        set(out, "resultsInterpreter", list_of(reference(b, "signer")));
    if (json_array_size(b->results))
        set(out, "result", json_incref(b->results));
    set(out, "imagingStudy", list_of(reference(b, "study")));
    set(out, "conclusion", json_of_text(conclusion));
    set(out, "presentedForm", forms(b, text, pdf));
    return out;
}

static bool write_bundle(struct bundle *b, struct str text, struct str pdf, struct str *out)
{
    struct call *c = b->c;
    struct str signer = report_subject_text(c, b->subject, "signature", "signer");
    add_patient(b);
    add_study(b);
    if (has_order(b))
        add_order(b);
    add_person(b, "author", b->version->author_name);
    if (signer.len)
        add_person(b, "signer", signer);
    if (!add_observations(b))
        return false;
    json_t *entry = json_object();
    set(entry, "fullUrl", json_of_text(url_of(b, "report")));
    set(entry, "resource", diagnostic_report(b, text, pdf));
    json_array_insert_new(b->entries, 0, entry);
    json_t *whole = json_pack("{s:s, s:s, s:O}", "resourceType", "Bundle", "type", "collection", "entry", b->entries);
    *out = json_tree_text(whole, BUNDLE_BYTES_MAX, &c->arena);
    json_decref(whole);
    return out->at || fail(c, E_TOO_LARGE, "the report is too large for one Bundle");
}

bool report_bundle(struct call *c, const struct report *report, const struct report_version *version, struct str pdf,
                   struct str *out)
{
    struct str envelope, text;
    if (!report_text_of(c, report, version, &text))
        return false;
    json_t *subject = report_subject_load(c, report, version, &envelope);
    if (!subject)
        return false;
    struct bundle b = { c, report, version, subject, json_array(), json_array(), 0 };
    bool ok = write_bundle(&b, text, pdf, out);
    json_decref(b.entries);
    json_decref(b.results);
    json_decref(subject);
    return ok;
}

bool report_fhir(struct call *c, int64_t id, int64_t version, struct str *out)
{
    struct report report;
    struct report_version shown;
    struct str pdf;
    return report_may_be_given_out(c) && report_load(c, id, &report) &&
           report_version_load(c, id, version > 0 ? version : report.version, &shown) &&
           report_pdf(c, id, shown.version, PDF_A4, &pdf) && report_bundle(c, &report, &shown, pdf, out);
}
