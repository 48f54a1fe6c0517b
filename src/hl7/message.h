/* message.h - HL7 v2.5.1 messages in ER7, as they are read and written (chapter 2; section numbers below are its own).
 *
 *     MSH|^~\&|HIS|MAIN|ROENTGEN||20260105143022||ORM^O01|4711|P|2.5.1||||||UNICODE UTF-8<CR>
 *     PID|1||P20260001^^^HIS^MR||王^小明||19800517|M<CR>
 *      |    |  |
 *      |    |  `-- component 1 of field 3; below it are subcomponents (&), beside it repetitions (~)
 *      |    `----- fields count from 1; of MSH the first is the separator itself
 *      `---------- a segment; CR ends it, and LF or CR LF is taken for that
 *
 *     struct hl7_message m;
 *     struct hl7_refusal why;
 *     if (!hl7_read(bytes, &options, &arena, &m, &why)) ...            // why.error, why.words: what an ACK says
 *     const struct hl7_segment *pid = hl7_segment(&m, "PID");          // NULL: it has none
 *     struct str number = hl7_text(&m, pid, 3, 1, &arena);             // of the first repetition
 *
 * Separators are those that the message names. Text is UTF-8, whatever the message was in (charset.h), and views of
 * it; what is escaped is undone by hl7_text and hl7_plain alone, after the text has been taken apart. Two quotation
 * marks ("delete it", 2.5.3) read as nothing, as an empty field does: who reads asks hl7_is_delete where it matters.
 *
 * Bounded: HL7_MESSAGE_MAX bytes, HL7_SEGMENTS_MAX, HL7_FIELDS_MAX in each. Control characters but tabs are refused.
 * A component is read up to HL7_TEXT_MAX bytes. All memory is the arena's. Written are messages with the separators
 * |^~\& alone:
 *
 *     struct text out;
 *     hl7_begin(&out, "PID");
 *     hl7_put(&out, S("1"));                                           // the next field, escaped
 *     hl7_skip(&out, 1);
 *     hl7_put_parts(&out, (struct str[]){ number, STR_NULL, STR_NULL, issuer }, 4);
 *     hl7_end(&out);
 */
#ifndef ROENTGEN_HL7_MESSAGE_H
#define ROENTGEN_HL7_MESSAGE_H

#include "base/clock.h"
#include "base/text.h"
#include "hl7/charset.h"

enum { HL7_MESSAGE_MAX = 1 << 20, HL7_SEGMENTS_MAX = 2000, HL7_FIELDS_MAX = 500, HL7_CONTROL_ID_MAX = 199 };
enum { HL7_TEXT_MAX = 10000 }; /* bytes of one component: what is longer is cut, and too long for whoever wants it */

/* Of table 0357: what is the matter. */
enum hl7_error {
    HL7_ACCEPTED = 0,
    HL7_SEQUENCE = 100,      /* a segment is missing, or where it should not be */
    HL7_MISSING = 101,       /* a field is */
    HL7_DATA_TYPE = 102,     /* it cannot be read */
    HL7_NO_SUCH_VALUE = 103, /* of a table */
    HL7_UNKNOWN_TYPE = 200,  /* of message */
    HL7_UNKNOWN_EVENT = 201,
    HL7_UNKNOWN_PROCESSING = 202,
    HL7_UNKNOWN_VERSION = 203,
    HL7_UNKNOWN_KEY = 204, /* there is no such thing */
    HL7_DUPLICATE_KEY = 205,
    HL7_LOCKED = 206,
    HL7_INTERNAL = 207,
};

struct hl7_refusal {
    enum hl7_error error;
    struct str words; /* for people, without anything of a patient */
    struct str place; /* ERR-2: "PID^1^3"; null: all of it */
};

struct hl7_segment {
    struct str name;   /* "PID" */
    struct str fields; /* what follows the first separator */
};

struct hl7_message {
    char field, component, repetition, escape, subcomponent; /* 0: it has none */
    struct hl7_segment *segments;
    int count;
    const struct hl7_charset *charset;
    /* Of MSH, unescaped; null where they are empty, or longer than HL7_CONTROL_ID_MAX. */
    struct str sending_application, sending_facility, receiving_application, receiving_facility;
    struct str type, event, control_id, processing, version;
    struct str application_answer; /* MSH-16, table 0155: AL, NE, ER, SU */
};

struct hl7_options {
    ptrdiff_t bytes_max;               /* 0: HL7_MESSAGE_MAX */
    const struct hl7_charset *charset; /* of a message that names none; NULL: ASCII */
    bool is_lenient;                   /* bytes that are no text in its character set are taken for 8859/1 */
};

/* False: *why. What of MSH could be read is in *out all the same, so that the answer can name the message. */
bool hl7_read(struct str bytes, const struct hl7_options *options, struct arena *arena, struct hl7_message *out,
              struct hl7_refusal *why);

/* ---- taking apart: views; null where there is no such thing ---- */

/* The first of this name; NULL: there is none. */
const struct hl7_segment *hl7_segment(const struct hl7_message *m, const char *name);
bool hl7_is(const struct hl7_segment *segment, const char *name);
struct str hl7_field(const struct hl7_message *m, const struct hl7_segment *segment, int field); /* segment: may be NULL
                                                                                                  */
struct str hl7_repetition(const struct hl7_message *m, struct str field, int index);             /* from 0 */
struct str hl7_component(const struct hl7_message *m, struct str repetition, int component);     /* from 1 */
struct str hl7_subcomponent(const struct hl7_message *m, struct str component, int subcomponent);
bool hl7_is_delete(struct str value); /* "" */

/* Its escapes undone (2.7), ends trimmed, HL7_TEXT_MAX at most; null when nothing is left or it is to be deleted. Lines
 * end in LF. */
struct str hl7_plain(const struct hl7_message *m, struct str value, struct arena *arena);
/* Of the first repetition, the first subcomponent of this component. */
struct str hl7_text(const struct hl7_message *m, const struct hl7_segment *segment, int field, int component,
                    struct arena *arena);
/* "20260105", "20260105143022.5+0800" (2.A.77). False: there is none, or it is none. Hour and the rest: -1 where they
 * are not said. */
struct hl7_time {
    int year, month, day, hour, minute, second;
    bool has_zone;
    int zone_minutes;
};
bool hl7_time(struct str value, struct hl7_time *out);

/* ---- writing ---- */

void hl7_begin(struct text *out, const char *name);
void hl7_put(struct text *out, struct str value);      /* one field */
void hl7_put_integer(struct text *out, int64_t value); /* likewise */
void hl7_put_parts(struct text *out, const struct str *components, int count);
void hl7_skip(struct text *out, int fields);
void hl7_put_escaped(struct text *out, struct str value); /* within a field */
void hl7_end(struct text *out);                           /* separators at the end are left out; CR */
/* "20260105143022", UTC, with its zone. */
void hl7_put_time(struct text *out, struct instant at);

/* ---- ack.c ---- */

struct hl7_head {
    struct str application, facility; /* who writes */
    struct str to_application, to_facility;
    struct str type, event, structure; /* "ORU", "R01", "ORU_R01" */
    struct str control_id;
    struct instant at;
    const struct hl7_charset *charset; /* what MSH-18 says: who sends it encodes it so */
};
void hl7_put_head(struct text *out, const struct hl7_head *head);

enum hl7_code { HL7_AA, HL7_AE, HL7_AR };
/* MSH, MSA and, of what was refused, ERR: the answer to `m`. head->control_id is the answer's own; without a type it is
 * an ACK, and else the head of a response. */
void hl7_put_ack(struct text *out, const struct hl7_head *head, const struct hl7_message *m, enum hl7_code code,
                 const struct hl7_refusal *why);
/* What an answer says: its MSA and ERR. False: it is none. *words: in the arena; null: none. */
bool hl7_read_ack(const struct hl7_message *answer, struct str *code, struct str *control_id, struct str *words,
                  struct arena *arena);

#endif
