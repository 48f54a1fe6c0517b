/* batch.c - the messages of a batch or file, each done by itself, and answered by a batch of answers (HL7 v2.5.1,
 * 2.10.3.3).
 *
 * First all of it is looked at: one whose headers cannot be read, or that has too many messages, is refused before
 * anything is done, by one ACK.
 */
#include "order/parts.h"

#include "hl7/batch.h"
#include "site/app.h"
#include "base/log.h"

enum { COMMENT_MAX = 80 };

struct batch {
    struct call *c;
    struct str client;
    struct text *out;
    struct arena kept; /* the call's is given back after each message */
    struct hl7_message envelope;
    int messages, batches; /* of the batch, and of the file, so far */
    bool in_file, in_batch;
};

/* False: *r says what is the matter, and of whom. */
static bool look(struct call *c, struct str bytes, struct received *r)
{
    enum hl7_part part;
    struct str piece;
    int count = 0;
    while (hl7_next_part(&bytes, &part, &piece)) {
        if (part == HL7_PART_MESSAGE && ++count > HL7_BATCH_MESSAGES_MAX) {
            r->why = (struct hl7_refusal){
                HL7_SEQUENCE, arena_format(&c->arena, "the batch has more than %d messages", HL7_BATCH_MESSAGES_MAX),
                STR_NULL
            };
            return false;
        }
        struct hl7_message envelope;
        if (part != HL7_PART_FILE && part != HL7_PART_BATCH)
            continue;
        if (!hl7_read_envelope(piece, &c->arena, &envelope, &r->why))
            return false;
        if (!r->message.control_id.len)
            r->message = envelope;
    }
    return true;
}

static void put_begin(struct batch *b, const char *name, struct str line)
{
    struct hl7_refusal why;
    const struct config *config = &b->c->app->config;
    hl7_read_envelope(line, &b->kept, &b->envelope, &why);
    hl7_put_envelope(b->out, name,
                     &(struct hl7_envelope){
                         .application = config->hl7_application,
                         .facility = config->hl7_facility,
                         .to_application = b->envelope.sending_application,
                         .to_facility = b->envelope.sending_facility,
                         .control_id = str_slice(crypto_uuid_text(&b->kept), 0, 18),
                         .answers = b->envelope.control_id,
                         .at = clock_now(),
                     });
}

/* BTS or FTS: how many there were, and how many were announced, if that is another number. `line`: theirs; null: they
 * have none. */
static void put_end(struct batch *b, const char *name, struct str line, int count, const char *of_what)
{
    struct hl7_segment theirs = { str_from(name), str_slice(line, line.len < 4 ? line.len : 4, line.len) };
    int64_t said;
    struct str words = STR_NULL;
    if (line.len && str_to_integer(hl7_text(&b->envelope, &theirs, 1, 1, &b->kept), &said) && said != count)
        words = arena_format(&b->kept, "%" PRId64 " %s were announced, and %d have come", said, of_what, count);
    hl7_begin(b->out, name);
    hl7_put_integer(b->out, count);
    hl7_put(b->out, str_at_most(words, COMMENT_MAX));
    hl7_end(b->out);
    if (words.len)
        log_write(b->c->app->log, LOG_WARNING, NULL, "hl7.batch", "batch from %.*s: %.*s", STR_FMT(b->client),
                  STR_FMT(words));
}

static void end_batch(struct batch *b, struct str line)
{
    if (b->in_batch)
        put_end(b, "BTS", line, b->messages, "messages");
    b->in_batch = false;
    b->messages = 0;
}

static void end_file(struct batch *b, struct str line)
{
    end_batch(b, STR_NULL);
    if (b->in_file)
        put_end(b, "FTS", line, b->batches, "batches");
    b->in_file = false;
    b->batches = 0;
}

static void take(struct batch *b, enum hl7_part part, struct str piece)
{
    switch (part) {
    case HL7_PART_FILE:
        end_file(b, STR_NULL);
        put_begin(b, "FHS", piece);
        b->in_file = true;
        break;
    case HL7_PART_BATCH:
        end_batch(b, STR_NULL);
        put_begin(b, "BHS", piece);
        b->in_batch = true;
        b->batches++;
        break;
    case HL7_PART_MESSAGE:
        order_receive(b->c, b->client, piece, b->out);
        call_reset(b->c);
        b->messages++;
        break;
    case HL7_PART_BATCH_END:
        end_batch(b, piece);
        break;
    case HL7_PART_FILE_END:
        end_file(b, piece);
    }
}

void batch_receive(struct call *c, struct str client, struct str bytes, struct text *answer)
{
    struct received refused = { .client = client };
    struct batch b = { .c = c, .out = answer };
    enum hl7_part part;
    struct str piece;
    if (!look(c, bytes, &refused)) {
        log_write(c->app->log, LOG_WARNING, NULL, "hl7.refused", "batch from %.*s: %.*s", STR_FMT(client),
                  STR_FMT(refused.why.words));
        put_answer(c, &refused, HL7_AR, answer);
        return;
    }
    arena_init(&b.kept);
    b.client = arena_copy(&b.kept, client);
    call_reset(c);
    while (hl7_next_part(&bytes, &part, &piece))
        take(&b, part, piece);
    end_file(&b, STR_NULL);
    arena_release(&b.kept);
}
