/* answer.c - what a sender is told: ACK, or the response to its orders (HL7 v2.5.1, 4.4.2 ORR, 4.4.7 ORI).
 *
 * A response is made of the message alone, so that one that comes again gets it again.
 */
#include "order/parts.h"

#include "site/app.h"

enum { ANSWER_MAX = 256 << 10, ECHO_MAX = 199, SUBCOMPONENTS = 3 };

/* ORC-1 of the answer (table 0119): to a control code, when the message was done and when it was not. */
static const struct {
    const char *control, *done, *not_done;
} controls[] = {
    { "SN", "NA", "UA" }, { "XO", "XR", "UX" }, { "CA", "CR", "UC" }, { "DC", "DR", "UD" }, { "RP", "RQ", "UM" },
};

static struct str control_of(struct str control, bool is_done)
{
    for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++)
        if (str_equal(control, str_from(controls[i].control)))
            return str_from(is_done ? controls[i].done : controls[i].not_done);
    return is_done ? S("OK") : S("UA");
}

/* The first repetition of a field as it came, in our separators, so many of its components. */
static void put_echo(struct call *c, const struct hl7_message *m, const struct hl7_segment *segment, int field,
                     int components, struct text *out)
{
    struct str first = hl7_repetition(m, hl7_field(m, segment, field), 0);
    text_put_char(out, '|');
    for (int i = 1, pending = 0; i <= components; i++, pending++) { /* separators, until a value follows them */
        struct str component = hl7_component(m, first, i);
        for (int k = 1, below = 0; k <= SUBCOMPONENTS; k++, below++) {
            struct str value = hl7_plain(m, hl7_subcomponent(m, component, k), &c->arena);
            if (!value.len)
                continue;
            for (; pending; pending--)
                text_put_char(out, '^');
            for (; below; below--)
                text_put_char(out, '&');
            hl7_put_escaped(out, str_at_most(value, ECHO_MAX));
        }
    }
}

static const struct hl7_segment *either(const struct hl7_message *m, const struct hl7_segment *a,
                                        const struct hl7_segment *b, int field)
{
    return hl7_field(m, a, field).len ? a : b;
}

/* The number of an order that has none of the filler's: as study_order.h gives it to the study. */
static void put_number(struct call *c, const struct hl7_message *m, const struct order_group *g, struct text *out)
{
    if (hl7_field(m, g->ipc, 1).len)
        put_echo(c, m, g->ipc, 1, 1, out);
    else if (hl7_field(m, g->obr, 18).len)
        put_echo(c, m, g->obr, 18, 1, out);
    else
        put_echo(c, m, either(m, g->obr, g->orc, 2), 2, 1, out);
}

static void put_order(struct call *c, const struct hl7_message *m, const struct order_group *g, int number,
                      bool is_done, struct text *out)
{
    const struct hl7_segment *placer = either(m, g->obr, g->orc, 2), *filler = either(m, g->obr, g->orc, 3);
    struct str control = control_of(hl7_text(m, g->orc, 1, 1, &c->arena), is_done);
    hl7_begin(out, "ORC");
    hl7_put(out, control);
    put_echo(c, m, placer, 2, 4, out);
    if (str_equal(control, S("NA")) && !hl7_field(m, filler, 3).len)
        put_number(c, m, g, out);
    else
        put_echo(c, m, filler, 3, 4, out);
    hl7_end(out);
    if (!g->obr)
        return;
    hl7_begin(out, "OBR");
    hl7_put_integer(out, number);
    put_echo(c, m, placer, 2, 4, out);
    put_echo(c, m, filler, 3, 4, out);
    put_echo(c, m, g->obr, 4, 6, out);
    hl7_end(out);
}

static void put_procedure(struct call *c, const struct hl7_message *m, const struct hl7_segment *ipc, struct text *out)
{
    hl7_begin(out, "IPC");
    for (int field = 1; field <= 4; field++)
        put_echo(c, m, ipc, field, 4, out);
    hl7_end(out);
}

static void put_orders(struct call *c, const struct hl7_message *m, bool is_done, struct text *out)
{
    const struct hl7_segment *pid = hl7_segment(m, "PID");
    struct order_walk walk = { 0 };
    if (!pid)
        return;
    hl7_begin(out, "PID");
    hl7_skip(out, 2);
    put_echo(c, m, pid, 3, 5, out);
    hl7_skip(out, 1);
    put_echo(c, m, pid, 5, 5, out);
    hl7_end(out);
    for (int number = 1; number <= ORDERS_MAX && order_next(c, m, &walk); number++) {
        put_order(c, m, &walk.group, number, is_done, out);
        if (walk.group.ipc)
            put_procedure(c, m, walk.group.ipc, out);
    }
}

/* False: it has more text than its character set, or than an answer holds. */
static bool write(struct call *c, const struct received *r, const struct hl7_head *head, enum hl7_code code,
                  struct text *text, struct str *encoded)
{
    text_clear(text);
    hl7_put_ack(text, head, &r->message, code, &r->why);
    if (head->type.len)
        put_orders(c, &r->message, code == HL7_AA, text);
    return !text->overflowed && hl7_charset_encode(head->charset, text_str(text), &c->arena, encoded);
}

void put_answer(struct call *c, const struct received *r, enum hl7_code code, struct text *out)
{
    const struct hl7_charset *utf8 = hl7_charset(S("UNICODE UTF-8"));
    struct hl7_head head = {
        .application = c->app->config.hl7_application,
        .facility = c->app->config.hl7_facility,
        .control_id = str_slice(crypto_uuid_text(&c->arena), 0, 18),
        .at = clock_now(),
        .charset = r->message.charset ? r->message.charset : utf8,
    };
    struct text text;
    struct str encoded;
    if (r->response) {
        head.type = str_from(r->response->type);
        head.event = str_from(r->response->event);
        head.structure = str_from(r->response->structure);
    }
    text_init(&text, ANSWER_MAX);
    bool ok = write(c, r, &head, code, &text, &encoded);
    head.charset = utf8; /* our words and their names */
    ok = ok || write(c, r, &head, code, &text, &encoded);
    head.type = STR_NULL; /* an ACK without its orders is never too long */
    if (ok || write(c, r, &head, code, &text, &encoded))
        text_put(out, encoded);
    text_release(&text);
}
