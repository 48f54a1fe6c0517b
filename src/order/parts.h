/* parts.h - what the files that read messages share. Private to order/. All inside the transaction of a message. */
#ifndef ROENTGEN_ORDER_PARTS_H
#define ROENTGEN_ORDER_PARTS_H

#include "hl7/message.h"
#include "order/order.h"
#include "records/patient.h"
#include "site/actor.h"

/* The application's answer to a type of message, where it is more than ACK: "ORR", "O02", "ORR_O02". */
struct response {
    const char *type, *event, *structure;
};

/* A message that is being done. */
struct received {
    struct hl7_message message;
    struct hl7_refusal why; /* what it is refused for; error 0: the call's error says it */
    struct str client;
    const struct response *response; /* NULL: it is answered by ACK */
};

/* Refuses; false. `place`: as ERR-2, a literal. */
bool refuse(struct call *c, struct received *r, enum hl7_error error, const char *place, const char *words);
/* What is done next leaves this row in the audit log; and has. */
bool begin_deed(struct call *c, struct received *r, enum permission permission, const char *action, const char *entity);
bool end_deed(struct call *c);

/* A value of one line that a member of the schema holds: in *to, and in *members. Null: nothing. Too long: refused. */
bool take_text(struct call *c, struct received *r, const struct schema *schema, const char *member, struct str value,
               const char *place, struct str *to, uint64_t *members);

/* ---- patient_said.c ---- */

/* What a PID says; members: what it has. */
struct patient_said {
    struct patient patient;
    uint64_t members;
};
/* Refused: it has no number. */
bool patient_said(struct call *c, struct received *r, const struct hl7_segment *pid, struct patient_said *out);
/* The identifier of a list of them (CX) that tells patients apart here; false: refused. */
bool patient_number_said(struct call *c, struct received *r, struct str list, const char *place, struct str *number,
                         struct str *issuer);
/* A person's name of one repetition (XPN, XCN from its second component on) as DICOM writes it. */
struct str person_name_said(struct call *c, const struct hl7_message *m, struct str repetition, int first);

/* ---- adt.c ---- */

/* The patient of this PID, registered if there is none. `changes`: and changed, where it says otherwise. */
bool patient_of(struct call *c, struct received *r, const struct hl7_segment *pid, bool changes, int64_t *id);
bool adt_change(struct call *c, struct received *r);
bool adt_merge(struct call *c, struct received *r);

/* ---- orders.c ---- */

enum { ORDERS_MAX = 50 }; /* of one message */

/* The segments of one procedure of an order; NULL: it has none of that name. */
struct order_group {
    const struct hl7_segment *orc, *obr, *ipc, *tq1, *zds;
};
/* An ORC begins an order, an OBR where the last order has one already, and an IPC of another procedure.
 *     struct order_walk walk = { 0 };
 *     while (order_next(c, m, &walk)) ... walk.group ...
 */
struct order_walk {
    struct order_group group, next;
    int at;
};
bool order_next(struct call *c, const struct hl7_message *m, struct order_walk *walk);

bool orders_take(struct call *c, struct received *r);

/* ---- answer.c ---- */

void put_answer(struct call *c, const struct received *r, enum hl7_code code, struct text *out);

/* ---- batch.c ---- */

/* Each message of it by order_receive. */
void batch_receive(struct call *c, struct str client, struct str bytes, struct text *answer);

#endif
