/* fuzz_hl7.c - streams, batches and messages of strangers: a frame is within its bounds, whatever the pieces that it
 * comes in; the parts of a batch lie in it one behind the other; of any bytes a message is made or words are, and what
 * is read of it is text that can be written and read again. */
#include "hl7/batch.h"
#include "hl7/mllp.h"

#include <assert.h>

enum { FRAME_MAX = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The messages' bytes and the last step, as one number. */
static uint64_t take_all(struct str stream, ptrdiff_t piece)
{
    struct mllp in;
    uint64_t sum = 0;
    enum mllp_step step = MLLP_MORE;
    mllp_init(&in, FRAME_MAX);
    for (ptrdiff_t at = 0; at < stream.len && step == MLLP_MORE; at += piece) {
        struct str bytes = str_slice(stream, at, at + piece > stream.len ? stream.len : at + piece), message;
        while ((step = mllp_take(&in, &bytes, &message)) == MLLP_MESSAGE) {
            assert(message.len <= FRAME_MAX);
            sum = sum * 31 + str_hash(message);
        }
    }
    mllp_release(&in);
    return sum * 31 + step;
}

static void again(struct str text, struct arena *arena)
{
    struct text out;
    text_init(&out, 16 * text.len + 100);
    text_put(&out, S("MSH|^~\\&|||||||||||||||UNICODE UTF-8\rNTE|"));
    hl7_put_escaped(&out, text);
    hl7_end(&out);
    struct hl7_message same;
    struct hl7_refusal why;
    bool ok = hl7_read(text_str(&out), &(struct hl7_options){ .charset = hl7_charset(S("UTF-8")) }, arena, &same, &why);
    assert(ok);
    assert(str_equal(hl7_text(&same, &same.segments[1], 1, 1, arena), text));
    text_release(&out);
}

static void take_batch(struct str bytes, struct arena *arena)
{
    struct str rest = bytes, piece;
    const char *end = bytes.at;
    enum hl7_part part;
    struct hl7_message m;
    struct hl7_refusal why;
    while (hl7_next_part(&rest, &part, &piece)) {
        assert(piece.len > 0 && piece.at >= end && piece.at + piece.len <= bytes.at + bytes.len);
        end = piece.at + piece.len;
        if (part == HL7_PART_MESSAGE)
            assert(!hl7_is_batch(piece));
        else if (part == HL7_PART_FILE || part == HL7_PART_BATCH)
            assert(hl7_read_envelope(piece, arena, &m, &why) == !why.error);
        else
            continue;
        assert(part == HL7_PART_MESSAGE || (m.control_id.len <= HL7_CONTROL_ID_MAX && str_is_utf8(m.control_id)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = { (const char *)data, (ptrdiff_t)size }, code, control_id, words;
    struct hl7_message m;
    struct hl7_refusal why;
    struct hl7_time time;
    struct arena arena;
    arena_init(&arena);
    assert(take_all(bytes, 1) == take_all(bytes, 1 + (ptrdiff_t)(size % 7)));
    take_batch(bytes, &arena);
    bool ok = hl7_read(bytes, &(struct hl7_options){ 0 }, &arena, &m, &why);
    assert(ok == !why.error && (ok || why.words.len > 0));
    assert(m.control_id.len <= HL7_CONTROL_ID_MAX && str_is_utf8(m.control_id));
    for (int i = 0; i < m.count; i++)
        for (int field = 1; field < 4; field++)
            for (int component = 1; component < 3; component++) {
                struct str text = hl7_text(&m, &m.segments[i], field, component, &arena);
                assert(str_is_utf8(text));
                if (text.len && !hl7_is_delete(text))
                    again(text, &arena);
                hl7_time(text, &time);
            }
    hl7_read_ack(&m, &code, &control_id, &words, &arena);
    arena_release(&arena);
    return 0;
}
