/* order.h - what the hospital's other systems tell by HL7 v2: who its patients are, and what was ordered for them.
 *
 *     HL7_LISTEN=10.0.0.5:2575  HL7_ALLOW=10.0.0.7  HL7_ACCOUNT=hl7
 *
 *   MLLP ---> message read (hl7/message.h) ---> one transaction: what it says is done, its row is kept ---> AA
 *                  | cannot be read                  | cannot be done
 *                  `--> AR                           `--> AE, with words in ERR; nothing has changed
 *
 *     ADT^A01 A04 A05 A08 A28 A31    the patient is registered, or changed: what the message leaves empty stays
 *     ADT^A18 A34 A40                the patient of MRG is merged into that of PID (patient_merge)
 *     ORM^O01, OMI^O23               each ORC with its OBR: a study that is SCHEDULED, changed, or CANCELLED
 *                                    (records/study_order.h)
 *
 * Everything is done in the name of the account HL7_ACCOUNT, with its rights and no others (the role `interface` has
 * what is needed), and leaves audit rows that name it, the sender's address and the message. All goes through the rules
 * of records/: numbers are unique, what was merged leads on.
 *
 * Once: a message is known by its sender (MSH-3, MSH-4), MSH-9 and MSH-10. The same again, for HL7_KEPT_S, is
 * acknowledged as it was and not done again. One that says something else is another message if MSH-7 is another, too
 * (counters begin anew), else AE 205. What was refused leaves no row, so that it can be
 * sent again when the reason is gone.
 *
 * Answers: ACK, or where MSH-16 asks for it ORR^O02 and ORI^O24, with what became of each order. A batch of messages
 * (hl7/batch.h) is answered by a batch of their answers; each is a message, and a transaction, of its own.
 *
 * Not understood: other events (AR 201) and types (AR 200), versions other than 2.x (AR 203), messages for training
 * and debugging (MSH-11 other than P: AR 202). Visits, insurances, allergies and results are left out.
 */
#ifndef ROENTGEN_ORDER_H
#define ROENTGEN_ORDER_H

#include "jobs/jobs.h"

struct order_listener;

enum { HL7_KEPT_S = 30 * 24 * 3600 };

/* *out NULL: HL7_LISTEN is empty. False: E_INVALID, E_UNAVAILABLE. */
bool order_listen(struct app *app, struct order_listener **out, struct error *error);
int order_port(const struct order_listener *listener);
/* Takes NULL. When it returns nothing is received any more; before the database is closed. */
void order_close(struct order_listener *listener);

/* One message or batch, and its answer: what the listener does with each. `client`: where it came from. With a batch
 * the call is reset between its messages. */
void order_receive(struct call *c, struct str client, struct str bytes, struct text *answer);
/* The answer to a message that was too long to be read. */
void order_refuse_length(struct call *c, struct text *answer);

extern const struct job_kind hl7_clean; /* forgets messages that are older than HL7_KEPT_S */

#endif
