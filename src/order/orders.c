/* orders.c - orders become studies (HL7 v2.5.1, 4.4.1 ORM, 4.4.6 OMI; IHE RAD-2, RAD-4). */
#include "order/parts.h"

#include "records/filing.h"
#include "records/modality.h"
#include "records/study_order.h"
#include "base/zone.h"
#include "jobs/jobs.h"

#define MINUTE_US INT64_C(60000000)

static struct str first_of(struct call *c, const struct hl7_message *m, const struct hl7_segment *segment, int field)
{
    return hl7_text(m, segment, field, 1, &c->arena);
}

/* The first that says something. */
static struct str either(struct str a, struct str b)
{
    return a.len ? a : b;
}

/* As IHE has it. */
static struct str accession_said(struct call *c, const struct hl7_message *m, const struct order_group *g)
{
    return either(first_of(c, m, g->ipc, 1), first_of(c, m, g->obr, 18));
}

/* Table 0074 in DICOM's terms; what is none is no modality. */
static bool modality_said(struct call *c, struct received *r, const struct order_group *g, struct str *out)
{
    static const char *const others[][2] = { { "NMR", "MR" }, { "RUS", "US" }, { "RX", "XR" },
                                             { "CUS", "US" }, { "NMS", "NM" }, { "EC", "ECG" } };
    struct str said = first_of(c, &r->message, g->ipc, 5);
    *out = said;
    if (said.len)
        return modality_take(c, "body", out) ||
               refuse(c, r, HL7_NO_SUCH_VALUE, "IPC^1^5", "IPC-5 is no modality of DICOM");
    *out = first_of(c, &r->message, g->obr, 24);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (str_equal(*out, str_from(others[i][0])))
            *out = str_from(others[i][1]);
    if (!modality_take(c, "body", out)) {
        error_clear(&c->error);
        *out = STR_NULL;
    }
    return true;
}

/* A time with a zone, as the clocks of the hospital show it. */
static void show_here(struct hl7_time *t)
{
    if (!t->has_zone || t->minute < 0)
        return;
    int64_t minutes = t->hour * 60 + t->minute - t->zone_minutes;
    struct instant at = date_midnight(date_from_ymd(t->year, t->month, t->day));
    at = zone_shown((struct instant){ at.us + minutes * MINUTE_US });
    struct date day = date_of(at);
    minutes = (at.us - date_midnight(day).us) / MINUTE_US;
    date_to_ymd(day, &t->year, &t->month, &t->day);
    t->hour = (int)(minutes / 60);
    t->minute = (int)(minutes % 60);
}

static bool time_said(struct call *c, struct received *r, const struct order_group *g, struct study *out)
{
    const struct hl7_message *m = &r->message;
    struct hl7_time t;
    struct str said = either(first_of(c, m, g->obr, 36), first_of(c, m, g->tq1, 7));
    said = either(said, either(hl7_text(m, g->obr, 27, 4, &c->arena), hl7_text(m, g->orc, 7, 4, &c->arena)));
    if (!said.len)
        return true;
    if (!hl7_time(said, &t) || t.day < 1)
        return refuse(c, r, HL7_DATA_TYPE, "OBR^1^36", "the time that it is planned for is no time");
    show_here(&t);
    out->study_date = date_from_ymd(t.year, t.month, t.day);
    if (t.minute >= 0)
        out->study_time = arena_format(&c->arena, "%02d:%02d:%02d", t.hour, t.minute, t.second < 0 ? 0 : t.second);
    return true;
}

static struct str physician_said(struct call *c, const struct hl7_message *m, const struct order_group *g)
{
    struct str name, latin, phonetic;
    struct str one = hl7_repetition(m, hl7_field(m, g->obr, 16), 0);
    if (!one.len)
        one = hl7_repetition(m, hl7_field(m, hl7_segment(m, "PV1"), 8), 0);
    filing_person_name(&c->arena, person_name_said(c, m, one, 2), &name, &latin, &phonetic);
    return name;
}

/* PV1-2, table 0004; 0: it does not say. */
static unsigned care_said(const struct hl7_message *m)
{
    struct str code = hl7_field(m, hl7_segment(m, "PV1"), 2);
    return str_equal(code, S("E"))                              ? CARE_EMERGENCY
           : str_equal(code, S("O")) || str_equal(code, S("R")) ? CARE_OUTPATIENT
           : str_equal(code, S("I"))                            ? CARE_INPATIENT
                                                                : 0;
}

/* Table 0485; 0: it does not say. */
static unsigned priority_said(struct call *c, const struct hl7_message *m, const struct order_group *g)
{
    struct str old = either(hl7_text(m, g->obr, 27, 6, &c->arena), hl7_text(m, g->orc, 7, 6, &c->arena));
    struct str code = either(either(first_of(c, m, g->tq1, 9), old), first_of(c, m, g->obr, 5));
    return str_equal(code, S("S"))   ? JOB_STAT
           : str_equal(code, S("A")) ? JOB_URGENT
           : str_equal(code, S("R")) ? JOB_NORMAL
                                     : 0;
}

static bool study_said(struct call *c, struct received *r, const struct order_group *g, struct study *out)
{
    const struct hl7_message *m = &r->message;
    uint64_t members = 0;
    struct str words = either(hl7_text(m, g->obr, 4, 2, &c->arena), hl7_text(m, g->obr, 4, 5, &c->arena));
    struct str uid = either(first_of(c, m, g->ipc, 3), first_of(c, m, g->zds, 1));
    schema_clear(&study_schema, out);
    out->care_setting = care_said(m);
    out->priority = priority_said(c, m, g);
#define TAKE(MEMBER, VALUE, PLACE) take_text(c, r, &study_schema, #MEMBER, VALUE, PLACE, &out->MEMBER, &members)
    return modality_said(c, r, g, &out->modality) && time_said(c, r, g, out) &&
           TAKE(accession_number, accession_said(c, m, g), "OBR^1^18") && TAKE(study_uid, uid, "IPC^1^3") &&
           TAKE(description, words, "OBR^1^4") && TAKE(body_part, hl7_text(m, g->obr, 15, 4, &c->arena), "OBR^1^15") &&
           TAKE(referring_physician, physician_said(c, m, g), "OBR^1^16");
#undef TAKE
}

static bool order_said(struct call *c, struct received *r, const struct order_group *g, struct study_order *out)
{
    const struct hl7_message *m = &r->message;
    uint64_t members = 0;
    schema_clear(&study_order_schema, out);
#define TAKE(MEMBER, VALUE, PLACE) take_text(c, r, &study_order_schema, #MEMBER, VALUE, PLACE, &out->MEMBER, &members)
    return TAKE(placer_order_number, either(first_of(c, m, g->obr, 2), first_of(c, m, g->orc, 2)), "ORC^1^2") &&
           TAKE(filler_order_number, either(first_of(c, m, g->obr, 3), first_of(c, m, g->orc, 3)), "ORC^1^3") &&
           TAKE(requested_procedure_id, either(first_of(c, m, g->ipc, 2), first_of(c, m, g->obr, 19)), "IPC^1^2") &&
           TAKE(procedure_code, first_of(c, m, g->obr, 4), "OBR^1^4") &&
           TAKE(procedure_text, hl7_text(m, g->obr, 4, 2, &c->arena), "OBR^1^4") &&
           TAKE(procedure_scheme, hl7_text(m, g->obr, 4, 3, &c->arena), "OBR^1^4");
#undef TAKE
}

/* ---- what is to become of it: ORC-1, table 0119 ---- */

static bool is_one_of(struct str code, const char *const *codes)
{
    while (*codes)
        if (str_equal(code, str_from(*codes++)))
            return true;
    return false;
}

static bool place_order(struct call *c, struct received *r, struct study_order *order, const struct study *said)
{
    struct study out;
    return begin_deed(c, r, MAY_CREATE_STUDIES, "study.order", "study") && study_order_place(c, order, said, &out) &&
           end_deed(c);
}

static bool change_order(struct call *c, struct received *r, struct study_order *order, const struct study *said)
{
    struct study out;
    return begin_deed(c, r, MAY_UPDATE_STUDIES, "study.order", "study") && study_order_change(c, order, said, &out) &&
           end_deed(c);
}

static bool cancel_order(struct call *c, struct received *r, struct study_order *order, const struct study *said)
{
    struct study out;
    return begin_deed(c, r, MAY_UPDATE_STUDIES, "study.cancel", "study") && study_order_cancel(c, order, said, &out) &&
           end_deed(c);
}

static bool take_order(struct call *c, struct received *r, const struct order_group *g, int64_t patient)
{
    static const char *const places[] = { "NW", "RO", "SN", NULL };
    static const char *const changes[] = { "XO", "SC", NULL };
    static const char *const cancels[] = { "CA", "DC", "OC", "OD", "RP", NULL }; /* RP is replaced, by that of RO */
    struct study_order order;
    struct study said;
    struct str control = first_of(c, &r->message, g->orc, 1), status = first_of(c, &r->message, g->orc, 5);
    if (!study_said(c, r, g, &said) || !order_said(c, r, g, &order))
        return false;
    said.patient_id = patient;
    if (!said.accession_number.len && !order.filler_order_number.len && !order.placer_order_number.len)
        return refuse(c, r, HL7_MISSING, "OBR^1^18", "the order has no number");
    bool is_status = str_equal(control, S("SC"));
    if (is_one_of(control, cancels) || (is_status && is_one_of(status, cancels)))
        return cancel_order(c, r, &order, &said);
    bool is_place = is_one_of(control, places);
    if (!g->obr && (is_place || is_one_of(control, changes)))
        return refuse(c, r, HL7_SEQUENCE, "OBR", "an ORC has no OBR");
    if (is_place)
        return place_order(c, r, &order, &said);
    if (is_one_of(control, changes))
        return change_order(c, r, &order, &said);
    return refuse(c, r, HL7_NO_SUCH_VALUE, "ORC^1^1", "ORC-1 asks for what is not done here");
}

/* Of one OBR several IPC may be steps of one procedure, or procedures. */
static bool is_other_procedure(struct call *c, const struct hl7_message *m, const struct hl7_segment *a,
                               const struct hl7_segment *b)
{
    for (int field = 2; field <= 3; field++) { /* requested procedure ID, Study Instance UID */
        struct str one = first_of(c, m, a, field), other = first_of(c, m, b, field);
        if (one.len && other.len)
            return !str_equal(one, other);
    }
    return false;
}

static void take_segment(struct order_group *g, const struct hl7_segment *s)
{
    if (hl7_is(s, "ORC"))
        g->orc = s;
    else if (hl7_is(s, "OBR"))
        g->obr = s;
    else if (hl7_is(s, "IPC"))
        g->ipc = g->ipc ? g->ipc : s;
    else if (hl7_is(s, "TQ1"))
        g->tq1 = g->tq1 ? g->tq1 : s;
    else if (hl7_is(s, "ZDS"))
        g->zds = g->zds ? g->zds : s;
}

bool order_next(struct call *c, const struct hl7_message *m, struct order_walk *w)
{
    w->group = w->next;
    w->next = (struct order_group){ 0 };
    for (; w->at < m->count; w->at++) {
        const struct hl7_segment *s = &m->segments[w->at];
        struct order_group *g = &w->group;
        bool is_orc = hl7_is(s, "ORC");
        bool is_procedure = hl7_is(s, "IPC") && g->ipc && is_other_procedure(c, m, g->ipc, s);
        if (g->orc && (is_orc || is_procedure || (hl7_is(s, "OBR") && g->obr))) {
            if (is_procedure)
                w->next = (struct order_group){ .orc = g->orc, .obr = g->obr, .tq1 = g->tq1 };
            else if (!is_orc)
                w->next.orc = g->orc;
            return true;
        }
        take_segment(g, s);
    }
    return w->group.orc != NULL;
}

bool orders_take(struct call *c, struct received *r)
{
    const struct hl7_message *m = &r->message;
    struct order_walk walk = { 0 };
    int64_t patient;
    int count = 0;
    if (!patient_of(c, r, hl7_segment(m, "PID"), false, &patient))
        return false;
    while (order_next(c, m, &walk)) {
        if (++count > ORDERS_MAX)
            return refuse(c, r, HL7_SEQUENCE, "ORC", "it has more than 50 orders");
        if (!take_order(c, r, &walk.group, patient))
            return false;
    }
    return count || refuse(c, r, HL7_SEQUENCE, "ORC", "it has no ORC");
}
