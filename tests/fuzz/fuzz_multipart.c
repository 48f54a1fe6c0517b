/* fuzz_multipart.c - multipart bodies of any kind: pushed whole and in pieces of random sizes they give the same
 * events, and data events never leave the bytes that were sent.
 *
 *   input: [seed of the pieces] [boundary length] [boundary] [body] */
#include "base/text.h"
#include "http/multipart.h"

#include <assert.h>

enum { PARTS_MAX = 20, EVENTS_MAX_BYTES = 8 << 20 };

struct record {
    struct text text;
    int64_t data_bytes;
    int depth;
    bool ok;
};

static bool on_part(void *self, const struct multipart_part *part, struct error *error)
{
    (void)error;
    struct record *record = self;
    assert(record->depth++ == 0);
    text_format(&record->text, "P%td:%.*s|%td:%.*s|%td:%.*s|%.*s", part->name.len, STR_FMT(part->name),
                part->filename.len, STR_FMT(part->filename), part->content_type.len, STR_FMT(part->content_type),
                STR_FMT(part->headers));
    return true;
}

static bool on_data(void *self, struct str bytes, struct error *error)
{
    (void)error;
    struct record *record = self;
    assert(record->depth == 1 && bytes.len > 0);
    record->data_bytes += bytes.len;
    text_put(&record->text, bytes);
    return true;
}

static bool on_end(void *self, struct error *error)
{
    (void)error;
    struct record *record = self;
    assert(--record->depth == 0);
    text_put(&record->text, S("\nE"));
    return true;
}

/* `seed` 0: in one piece. */
static bool run(struct str boundary, struct str body, unsigned seed, struct record *record)
{
    struct arena arena;
    struct error error = { 0 };
    struct multipart_events events = { record, on_part, on_data, on_end };
    arena_init(&arena);
    text_init(&record->text, EVENTS_MAX_BYTES);
    struct multipart *m = multipart_new(&arena, boundary, PARTS_MAX, &events, &error);
    record->ok = m != NULL;
    for (unsigned at = seed; record->ok && body.len > 0;) {
        at = at * 1103515245u + 12345u;
        ptrdiff_t n = seed ? (ptrdiff_t)(at >> 16) % (seed % 2 ? 4 : 100) + 1 : body.len;
        struct str piece = str_slice(body, 0, n);
        char *exact = malloc((size_t)piece.len);
        memcpy(exact, piece.at, (size_t)piece.len);
        record->ok = multipart_push(m, (struct str){ exact, piece.len }, &error);
        free(exact);
        body = str_slice(body, n, body.len);
    }
    record->ok = record->ok && multipart_finish(m, &error);
    assert(record->ok == (error.code == E_NONE));
    assert(!record->ok || record->depth == 0);
    arena_release(&arena);
    return m != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct record whole = { 0 }, pieces = { 0 };
    struct str rest = { (const char *)data + 2, (ptrdiff_t)size - 2 };
    struct str boundary = str_slice(rest, 0, data[1] % 80), body = str_slice(rest, boundary.len, rest.len);
    bool begun = run(boundary, body, 0, &whole);
    assert(begun == run(boundary, body, data[0] + 1u, &pieces));
    assert(whole.ok == pieces.ok && whole.data_bytes <= body.len);
    /* After damage the last data event may have been held back differently, so only whole bodies must agree to the
     * byte. */
    if (whole.ok)
        assert(str_equal(text_str(&whole.text), text_str(&pieces.text)));
    text_release(&whole.text);
    text_release(&pieces.text);
    return 0;
}
