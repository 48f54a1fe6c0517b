/* multipart_input.h - for the fuzz targets of multipart bodies: a body pushed whole and in pieces of random sizes
 * gives the same events, and data events never leave the bytes that were sent. */
#ifndef ROENTGEN_FUZZ_MULTIPART_INPUT_H
#define ROENTGEN_FUZZ_MULTIPART_INPUT_H

#include "base/text.h"
#include "http/http.h"
#include "http/multipart.h"

#include <assert.h>

enum { PARTS_MAX = 20, PIECE_MAX = 100, SMALL_PIECES = 64, EVENTS_MAX_BYTES = 8 << 20 };

/* All that was told, in order. */
struct record {
    struct text text;
    int64_t data_bytes;
    ptrdiff_t first_at, first_bytes; /* data of the first part, in `text` */
    int parts, depth;
    bool related; /* in: parts are those of STOW-RS */
    bool ok;
};

static bool on_part(void *self, const struct multipart_part *part, struct error *error)
{
    struct record *record = self;
    assert(record->depth++ == 0);
    text_format(&record->text, "P%td:%.*s|%td:%.*s|%td:%.*s|%.*s", part->name.len, STR_FMT(part->name),
                part->filename.len, STR_FMT(part->filename), part->content_type.len, STR_FMT(part->content_type),
                STR_FMT(part->headers));
    if (record->related && part->content_type.at &&
        !str_equal_fold(http_media_type(part->content_type), S("application/dicom")))
        return error_set(error, E_UNSUPPORTED_TYPE, "every part must be application/dicom");
    if (record->parts++ == 0)
        record->first_at = record->text.len;
    return true;
}

static bool on_data(void *self, struct str bytes, struct error *error)
{
    (void)error;
    struct record *record = self;
    assert(record->depth == 1 && bytes.len > 0);
    record->data_bytes += bytes.len;
    record->first_bytes += record->parts == 1 ? bytes.len : 0;
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

/* Pushes a piece as it would come off a socket: nothing of the body lies behind it, so that the address sanitizer
 * sees a read past it. */
static bool push_piece(struct multipart *m, struct str piece, char room[PIECE_MAX], struct error *error)
{
    char *at = room + PIECE_MAX - piece.len;
    memcpy(at, piece.at, (size_t)piece.len);
    return multipart_push(m, (struct str){ at, piece.len }, error);
}

/* `seed` 0: in one piece. False: the boundary was refused. */
static inline bool multipart_run(struct str boundary, struct str body, unsigned seed, struct record *record)
{
    struct arena arena;
    struct error error = { 0 };
    struct multipart_events events = { record, on_part, on_data, on_end };
    char *room = seed ? malloc(PIECE_MAX) : NULL;
    arena_init(&arena);
    text_init(&record->text, EVENTS_MAX_BYTES);
    struct multipart *m = multipart_new(&arena, boundary, PARTS_MAX, &events, &error);
    record->ok = m != NULL;
    unsigned at = seed;
    for (int pieces = 0; record->ok && body.len > 0; pieces++) {
        at = at * 1103515245u + 12345u;
        int most = seed % 2 && pieces < SMALL_PIECES ? 4 : PIECE_MAX;
        ptrdiff_t n = seed ? (ptrdiff_t)(at >> 16) % most + 1 : body.len;
        struct str piece = str_slice(body, 0, n);
        record->ok = seed ? push_piece(m, piece, room, &error) : multipart_push(m, piece, &error);
        body = str_slice(body, n, body.len);
    }
    record->ok = record->ok && multipart_finish(m, &error);
    assert(record->ok == (error.code == E_NONE));
    assert(!record->ok || record->depth == 0);
    arena_release(&arena);
    free(room);
    return m != NULL;
}

/* Whole and in pieces. False: the boundary was refused. */
static inline bool multipart_agrees(struct str boundary, struct str body, unsigned seed, struct record *whole)
{
    struct record pieces = { .related = whole->related };
    bool begun = multipart_run(boundary, body, 0, whole);
    bool again = multipart_run(boundary, body, seed, &pieces);
    assert(begun == again);
    assert(whole->ok == pieces.ok && whole->data_bytes <= body.len);
    /* After damage the last data event may have been held back differently, so only whole bodies must agree to the
     * byte. */
    if (whole->ok)
        assert(str_equal(text_str(&whole->text), text_str(&pieces.text)));
    text_release(&pieces.text);
    return begun;
}

#endif
