/* patient_said.c - what a PID says of a patient (HL7 v2.5.1, 3.4.2). */
#include "order/parts.h"

#include "records/filing.h"
#include "site/app.h"

enum { REPETITIONS_MAX = 20, NAME_PARTS = 5 };

/* Separators of DICOM's names that were escaped, or are none of HL7's, are no separators of ours. */
static struct str without_marks(struct call *c, struct str text)
{
    char *copy = arena_alloc(&c->arena, text.len + 1);
    for (ptrdiff_t i = 0; i < text.len; i++)
        copy[i] = strchr("^=\\\n\t", text.at[i]) && text.at[i] ? ' ' : text.at[i];
    return (struct str){ copy, text.len };
}

/* Family, given, middle, suffix, prefix become family^given^middle^prefix^suffix (PS3.5 6.2.1). */
struct str person_name_said(struct call *c, const struct hl7_message *m, struct str repetition, int first)
{
    static const int order[NAME_PARTS] = { 0, 1, 2, 4, 3 };
    struct text out;
    text_init(&out, 4096);
    for (int i = 0; i < NAME_PARTS; i++) {
        struct str part = hl7_subcomponent(m, hl7_component(m, repetition, first + order[i]), 1);
        if (i)
            text_put_char(&out, '^');
        text_put(&out, without_marks(c, hl7_plain(m, part, &c->arena)));
    }
    while (out.len && (out.at[out.len - 1] == '^' || out.at[out.len - 1] == ' '))
        out.len--;
    struct str name = arena_copy(&c->arena, out.overflowed ? STR_NULL : text_str(&out));
    text_release(&out);
    return name;
}

/* Its groups: XPN-8 says which is which; without it the first name is the name. */
static void take_name(struct call *c, struct received *r, const struct hl7_segment *pid, struct patient_said *out)
{
    const struct hl7_message *m = &r->message;
    struct str field = hl7_field(m, pid, 5), one, groups[3] = { STR_NULL, STR_NULL, STR_NULL };
    struct patient *p = &out->patient;
    for (int i = 0; i < REPETITIONS_MAX && (one = hl7_repetition(m, field, i)).at; i++) {
        struct str code = hl7_component(m, one, 8);
        int group = str_equal(code, S("I")) ? 1 : str_equal(code, S("P")) ? 2 : 0;
        if (!groups[group].len)
            groups[group] = person_name_said(c, m, one, 1);
    }
    struct str pn =
        arena_format(&c->arena, "%.*s=%.*s=%.*s", STR_FMT(groups[0]), STR_FMT(groups[1]), STR_FMT(groups[2]));
    struct str name, latin, phonetic;
    struct str *to[] = { &p->name, &p->name_en, &p->name_phonetic };
    static const char *const members[] = { "name", "name_en", "name_phonetic" };
    filing_person_name(&c->arena, pn, &name, &latin, &phonetic);
    const struct str from[] = { name, latin, phonetic };
    for (int i = 0; i < 3; i++) {
        struct str clean = STR_NULL;
        if (from[i].len)
            filing_clean(&c->arena, from[i], &clean);
        if (!clean.len)
            continue;
        *to[i] = clean;
        out->members |= GIVEN(schema_find(&patient_schema, str_from(members[i])));
    }
}

static void take_gender(struct received *r, const struct hl7_segment *pid, struct patient_said *out)
{
    static const struct {
        const char *code;
        enum gender gender;
    } codes[] = { { "M", GENDER_MALE }, { "F", GENDER_FEMALE }, { "O", GENDER_OTHER },   { "A", GENDER_OTHER },
                  { "1", GENDER_MALE }, { "2", GENDER_FEMALE }, { "U", GENDER_UNKNOWN }, { "N", GENDER_OTHER } };
    struct str code = hl7_component(&r->message, hl7_field(&r->message, pid, 8), 1);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (str_equal(code, str_from(codes[i].code))) {
            out->patient.gender = codes[i].gender;
            out->members |= GIVEN(schema_find(&patient_schema, S("gender")));
        }
}

/* A year alone is no day of birth. */
static bool take_birth(struct call *c, struct received *r, const struct hl7_segment *pid, struct patient_said *out)
{
    struct hl7_time t;
    struct str said = hl7_text(&r->message, pid, 7, 1, &c->arena);
    if (!said.len)
        return true;
    if (!hl7_time(said, &t))
        return refuse(c, r, HL7_DATA_TYPE, "PID^1^7", "the date of birth is no date");
    if (t.day < 1)
        return true;
    out->patient.birth_date = date_from_ymd(t.year, t.month, t.day);
    out->members |= GIVEN(schema_find(&patient_schema, S("birth_date")));
    return true;
}

static struct str address_said(struct call *c, const struct hl7_message *m, struct str repetition)
{
    struct text out;
    text_init(&out, 8192);
    for (int i = 1; i <= 6; i++) {
        struct str part = hl7_plain(m, hl7_subcomponent(m, hl7_component(m, repetition, i), 1), &c->arena);
        if (part.len)
            text_format(&out, "%s%.*s", out.len ? ", " : "", STR_FMT(part));
    }
    struct str address = arena_copy(&c->arena, text_str(&out));
    text_release(&out);
    return address;
}

/* As one text, or from its parts. */
static struct str phone_said(struct call *c, const struct hl7_message *m, struct str repetition)
{
    static const int whole[] = { 1, 12 };
    for (int i = 0; i < 2; i++) {
        struct str one = hl7_plain(m, hl7_component(m, repetition, whole[i]), &c->arena);
        if (one.len)
            return one;
    }
    struct str area = hl7_plain(m, hl7_component(m, repetition, 6), &c->arena);
    struct str local = hl7_plain(m, hl7_component(m, repetition, 7), &c->arena);
    return local.len ? arena_format(&c->arena, "%.*s%.*s", STR_FMT(area), STR_FMT(local)) : STR_NULL;
}

static bool take_contact(struct call *c, struct received *r, const struct hl7_segment *pid, struct patient_said *out)
{
    const struct hl7_message *m = &r->message;
    struct str telecom = hl7_field(m, pid, 13), email = STR_NULL, phone = STR_NULL, one;
    for (int i = 0; i < REPETITIONS_MAX && (one = hl7_repetition(m, telecom, i)).at; i++) {
        struct str mail = hl7_plain(m, hl7_component(m, one, 4), &c->arena);
        if (!email.len && str_find(mail, S("@")) > 0)
            email = mail;
        else if (!phone.len)
            phone = phone_said(c, m, one);
    }
    struct patient *p = &out->patient;
    struct str address = address_said(c, m, hl7_repetition(m, hl7_field(m, pid, 11), 0));
    return take_text(c, r, &patient_schema, "phone", phone, "PID^1^13", &p->phone, &out->members) &&
           take_text(c, r, &patient_schema, "email", email, "PID^1^13", &p->email, &out->members) &&
           take_text(c, r, &patient_schema, "address", address, "PID^1^11", &p->address, &out->members);
}

/* ---- numbers ---- */

static bool is_card(struct str type)
{
    return str_equal(type, S("NI")) || str_starts(type, S("NN"));
}

/* Ours before those without an issuer, and these before others; of each those that say what they are before those that
 * do not. 0: it is no number of a patient, but of a visit, an account, a passport ... (table 0203). */
static int rank(const struct call *c, struct str issuer, struct str type)
{
    struct str ours = c->app->config.patient_id_issuer;
    bool says = str_equal(type, S("MR")) || str_equal(type, S("PI")) || str_equal(type, S("PT"));
    if (type.len && !says)
        return 0;
    int by_issuer = issuer.len && str_equal(issuer, ours) ? 3 : !issuer.len ? 2 : 1;
    return 2 * by_issuer + says;
}

bool patient_number_said(struct call *c, struct received *r, struct str list, const char *place, struct str *number,
                         struct str *issuer)
{
    const struct hl7_message *m = &r->message;
    struct str one, ours = c->app->config.patient_id_issuer;
    int best = 0;
    uint64_t members = 0;
    *number = *issuer = STR_NULL;
    for (int i = 0; i < REPETITIONS_MAX && (one = hl7_repetition(m, list, i)).at; i++) {
        struct str id = hl7_plain(m, hl7_component(m, one, 1), &c->arena), type = str_trim(hl7_component(m, one, 5));
        struct str from = hl7_plain(m, hl7_subcomponent(m, hl7_component(m, one, 4), 1), &c->arena);
        if (!id.len || rank(c, from, type) <= best)
            continue;
        best = rank(c, from, type);
        *number = id;
        *issuer = str_equal(from, ours) ? STR_NULL : from;
    }
    if (!number->len)
        return refuse(c, r, HL7_MISSING, place, "it has no number of a patient");
    return take_text(c, r, &patient_schema, "patient_id", *number, place, number, &members) &&
           take_text(c, r, &patient_schema, "issuer_of_patient_id", *issuer, place, issuer, &members);
}

static bool take_card(struct call *c, struct received *r, const struct hl7_segment *pid, struct patient_said *out)
{
    const struct hl7_message *m = &r->message;
    struct str list = hl7_field(m, pid, 3), one, card = STR_NULL;
    for (int i = 0; i < REPETITIONS_MAX && !card.len && (one = hl7_repetition(m, list, i)).at; i++)
        if (is_card(hl7_component(m, one, 5)))
            card = hl7_plain(m, hl7_component(m, one, 1), &c->arena);
    if (!card.len)
        card = hl7_text(m, pid, 19, 1, &c->arena);
    return take_text(c, r, &patient_schema, "id_card", card, "PID^1^3", &out->patient.id_card, &out->members);
}

bool patient_said(struct call *c, struct received *r, const struct hl7_segment *pid, struct patient_said *out)
{
    out->members = 0;
    schema_clear(&patient_schema, &out->patient);
    if (!pid)
        return refuse(c, r, HL7_SEQUENCE, "PID", "it has no PID");
    take_name(c, r, pid, out);
    take_gender(r, pid, out);
    if (str_equal(hl7_field(&r->message, pid, 30), S("Y"))) {
        out->patient.status = PATIENT_DECEASED;
        out->members |= GIVEN(schema_find(&patient_schema, S("status")));
    }
    return patient_number_said(c, r, hl7_field(&r->message, pid, 3), "PID^1^3", &out->patient.patient_id,
                               &out->patient.issuer_of_patient_id) &&
           take_birth(c, r, pid, out) && take_contact(c, r, pid, out) && take_card(c, r, pid, out);
}
