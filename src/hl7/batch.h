/* batch.h - several messages in one (HL7 v2.5.1, 2.10.3).
 *
 *     FHS|^~\&|HIS|MAIN|...|20260105143022|||||F1        a file, whose control ID is FHS-11; may be left out
 *     BHS|^~\&|HIS|MAIN|...|20260105143022|||||B1        a batch; likewise BHS-11
 *     MSH|...                                            messages, each as if it came alone, in its own character set
 *     PID|...
 *     MSH|...
 *     BTS|2                                              how many there are, if it says so
 *     FTS|1                                              how many batches
 *
 *     enum hl7_part part;
 *     struct str piece;
 *     while (hl7_next_part(&bytes, &part, &piece)) ...       // pieces are views, one after the other
 *
 * Lines between a header and the first MSH are given out as a message, which whoever reads it refuses.
 */
#ifndef ROENTGEN_HL7_BATCH_H
#define ROENTGEN_HL7_BATCH_H

#include "hl7/message.h"

enum { HL7_BATCH_MESSAGES_MAX = 500 }; /* of all batches of a file */

enum hl7_part { HL7_PART_FILE, HL7_PART_BATCH, HL7_PART_MESSAGE, HL7_PART_BATCH_END, HL7_PART_FILE_END };

/* Does it begin with FHS or BHS? */
bool hl7_is_batch(struct str bytes);
/* Takes the next part off the front; false: there is none. */
bool hl7_next_part(struct str *bytes, enum hl7_part *part, struct str *piece);

/* What an FHS or BHS says: fields 3 to 6 and, as control_id, 11; the rest of *out is empty. */
bool hl7_read_envelope(struct str line, struct arena *arena, struct hl7_message *out, struct hl7_refusal *why);

struct hl7_envelope {
    struct str application, facility, to_application, to_facility;
    struct str control_id, answers; /* answers: field 12, the control ID of what this is the answer to */
    struct instant at;
};
/* `name`: "FHS", "BHS". */
void hl7_put_envelope(struct text *out, const char *name, const struct hl7_envelope *envelope);

#endif
