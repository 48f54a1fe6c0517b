/* ack.c - the heads of messages, and answers to them (2.9.2, 2.15.1, 2.15.5, 2.15.8). */
#include "hl7/message.h"

static const char *const codes[] = { "AA", "AE", "AR" };

static struct str words_of(enum hl7_error error)
{
    switch (error) {
    case HL7_ACCEPTED:
        return S("Message accepted");
    case HL7_SEQUENCE:
        return S("Segment sequence error");
    case HL7_MISSING:
        return S("Required field missing");
    case HL7_DATA_TYPE:
        return S("Data type error");
    case HL7_NO_SUCH_VALUE:
        return S("Table value not found");
    case HL7_UNKNOWN_TYPE:
        return S("Unsupported message type");
    case HL7_UNKNOWN_EVENT:
        return S("Unsupported event code");
    case HL7_UNKNOWN_PROCESSING:
        return S("Unsupported processing id");
    case HL7_UNKNOWN_VERSION:
        return S("Unsupported version id");
    case HL7_UNKNOWN_KEY:
        return S("Unknown key identifier");
    case HL7_DUPLICATE_KEY:
        return S("Duplicate key identifier");
    case HL7_LOCKED:
        return S("Application record locked");
    case HL7_INTERNAL:
        return S("Application internal error");
    }
    return STR_NULL;
}

void hl7_put_head(struct text *out, const struct hl7_head *head)
{
    text_put(out, S("MSH|^~\\&"));
    hl7_put(out, head->application);
    hl7_put(out, head->facility);
    hl7_put(out, head->to_application);
    hl7_put(out, head->to_facility);
    hl7_put_time(out, head->at);
    hl7_skip(out, 1);
    hl7_put_parts(out, (struct str[]){ head->type, head->event, head->structure }, 3);
    hl7_put(out, head->control_id);
    hl7_put(out, S("P"));
    hl7_put(out, S("2.5.1"));
    hl7_skip(out, 5);
    hl7_put(out, str_from(head->charset->name));
    hl7_end(out);
}

void hl7_put_ack(struct text *out, const struct hl7_head *head, const struct hl7_message *m, enum hl7_code code,
                 const struct hl7_refusal *why)
{
    char number[INTEGER_TEXT_MAX];
    struct hl7_head answer = *head;
    answer.to_application = m->sending_application;
    answer.to_facility = m->sending_facility;
    if (!head->type.len) {
        answer.type = S("ACK");
        answer.event = m->event;
        answer.structure = S("ACK");
    }
    hl7_put_head(out, &answer);
    hl7_begin(out, "MSA");
    hl7_put(out, str_from(codes[code]));
    hl7_put(out, m->control_id);
    hl7_put(out, str_at_most(why->words, 80)); /* MSA-3 is ST, 80; all of it is in ERR-8 */
    hl7_end(out);
    if (code == HL7_AA)
        return;
    hl7_begin(out, "ERR");
    hl7_skip(out, 1);
    text_put_char(out, '|');
    text_put(out, why->place); /* its components are there already */
    hl7_put_parts(
        out, (struct str[]){ { number, integer_write(why->error, number) }, words_of(why->error), S("HL70357") }, 3);
    hl7_put(out, S("E"));
    hl7_skip(out, 3);
    hl7_put(out, why->words);
    hl7_end(out);
}

bool hl7_read_ack(const struct hl7_message *answer, struct str *code, struct str *control_id, struct str *words,
                  struct arena *arena)
{
    const struct hl7_segment *msa = hl7_segment(answer, "MSA"), *err = hl7_segment(answer, "ERR");
    *code = hl7_text(answer, msa, 1, 1, arena);
    *control_id = hl7_text(answer, msa, 2, 1, arena);
    *words = hl7_text(answer, err, 8, 1, arena);
    if (!words->len)
        *words = hl7_text(answer, err, 7, 1, arena);
    if (!words->len)
        *words = hl7_text(answer, msa, 3, 1, arena);
    if (!words->len)
        *words = hl7_text(answer, err, 3, 2, arena);
    return code->len == 2;
}
