/* input.c - where the parser's bytes come from: memory, a stream, or a deflated data set inside either.
 *
 * Streams and inflated data grow into address space reserved at the start, so that views of what has come never move;
 * only pages that were written cost memory.
 *
 *   base                    at            end          base + capacity
 *   |  told, views of it    | not yet read |  reserved  |
 */
#include "dicom/input.h"
#include "base/names.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <zlib.h>

enum { CHUNK_BYTES = 1 << 16 };

struct reserve {
    unsigned char *base;
    ptrdiff_t used, capacity; /* bytes */
};

static bool reserve_open(struct reserve *reserve, int64_t capacity, struct error *error)
{
    void *base =
        mmap(NULL, (size_t)capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return error_set(error, E_UNAVAILABLE, "no room to read the file: %s", strerror(errno));
    *reserve = (struct reserve){ base, 0, (ptrdiff_t)capacity };
    return true;
}

/* ---- memory ---- */

static bool memory_more(struct dicom_input *input, ptrdiff_t need, struct error *error)
{
    (void)error;
    return input->end - input->at >= need;
}

void dicom_input_memory(struct dicom_input *input, struct str bytes)
{
    static const unsigned char nothing[1];
    const unsigned char *at = bytes.len ? (const unsigned char *)bytes.at : nothing;
    *input = (struct dicom_input){ .at = at, .end = at + bytes.len, .more = memory_more };
}

/* ---- stream ---- */

struct stream {
    struct reserve reserve;
    ptrdiff_t (*read)(void *context, void *into, ptrdiff_t room);
    void *context;
    int64_t keep_bytes;
    bool ended;
};

static ptrdiff_t read_some(struct stream *s, void *into, ptrdiff_t room, struct error *error)
{
    ptrdiff_t got;
    do
        got = s->read(s->context, into, room);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        error_set(error, E_INTERNAL, "reading the file failed: %s", strerror(errno));
    s->ended = got <= 0;
    return got;
}

static bool stream_more(struct dicom_input *input, ptrdiff_t need, struct error *error)
{
    struct stream *s = input->state;
    if (!s->reserve.base) {
        if (!reserve_open(&s->reserve, s->keep_bytes, error))
            return false;
        input->at = input->end = s->reserve.base;
    }
    if (need > s->reserve.base + s->reserve.capacity - input->at)
        return error_set(error, E_TOO_LARGE, "the values before byte %" PRId64 " exceed %" PRId64 " bytes",
                         input->offset, s->keep_bytes);
    while (input->end - input->at < need && !s->ended) {
        ptrdiff_t room = s->reserve.capacity - s->reserve.used;
        ptrdiff_t got = read_some(s, s->reserve.base + s->reserve.used, room < CHUNK_BYTES ? room : CHUNK_BYTES, error);
        if (got > 0) {
            s->reserve.used += got;
            input->end = s->reserve.base + s->reserve.used;
        }
    }
    return input->end - input->at >= need;
}

static bool stream_skip(struct dicom_input *input, int64_t count, struct error *error)
{
    struct stream *s = input->state;
    unsigned char scratch[CHUNK_BYTES];
    int64_t there = input->end - input->at, left = count - there;
    input->at = input->end;
    input->offset += there;
    while (left > 0 && !s->ended) {
        ptrdiff_t got = read_some(s, scratch, left < CHUNK_BYTES ? (ptrdiff_t)left : CHUNK_BYTES, error);
        if (got > 0) {
            left -= got;
            input->offset += got;
        }
    }
    return left == 0;
}

static void stream_release(struct dicom_input *input)
{
    struct stream *s = input->state;
    if (s->reserve.base)
        munmap(s->reserve.base, (size_t)s->reserve.capacity);
    free(s);
}

void dicom_input_stream(struct dicom_input *input, ptrdiff_t (*read)(void *context, void *into, ptrdiff_t room),
                        void *context, int64_t keep_bytes)
{
    assert(keep_bytes >= CHUNK_BYTES);
    struct stream *s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    s->read = read;
    s->context = context;
    s->keep_bytes = keep_bytes;
    *input = (struct dicom_input){ .more = stream_more, .skip = stream_skip, .release = stream_release, .state = s };
}

/* ---- deflated data set ---- */

struct inflating {
    struct dicom_input under; /* the deflated bytes */
    struct reserve reserve;
    z_stream z;
    bool ended, damaged;
    struct hold *hold; /* NULL: what comes out is not counted */
    int64_t held;
};

enum { HELD_AT_ONCE = 1 << 20, INFLATED_AT_ONCE = 8 << 20 };

/* Counted before it is there. */
static bool may_grow(struct inflating *f, ptrdiff_t room, struct error *error)
{
    while (f->hold && f->reserve.used + room > f->held) {
        if (!hold_more(f->hold, HELD_AT_ONCE, error))
            return false;
        f->held += HELD_AT_ONCE;
    }
    return true;
}

/* One step: inflates into what is reserved; false: the bytes below could not be read. What came out before damage
 * stays. */
static bool inflate_some(struct inflating *f, ptrdiff_t need, struct error *error)
{
    struct dicom_input *under = &f->under;
    if (under->at == under->end && !under->more(under, 1, error) && error->code)
        return false;
    ptrdiff_t given = under->end - under->at, room = f->reserve.capacity - f->reserve.used;
    if (given > CHUNK_BYTES)
        given = CHUNK_BYTES;
    /* A large value comes in large steps, each of which is counted before. */
    ptrdiff_t most = need < CHUNK_BYTES ? CHUNK_BYTES : need < INFLATED_AT_ONCE ? need : INFLATED_AT_ONCE;
    if (room > most)
        room = most;
    if (!may_grow(f, room, error))
        return false;
    f->z.next_in = (unsigned char *)(uintptr_t)under->at;
    f->z.avail_in = (unsigned)given;
    f->z.next_out = f->reserve.base + f->reserve.used;
    f->z.avail_out = (unsigned)room;
    int status = inflate(&f->z, Z_NO_FLUSH);
    under->at += given - (ptrdiff_t)f->z.avail_in;
    under->offset += given - (ptrdiff_t)f->z.avail_in;
    f->reserve.used += room - (ptrdiff_t)f->z.avail_out;
    f->ended = status == Z_STREAM_END || (status == Z_BUF_ERROR && given == 0);
    f->damaged = status != Z_OK && !f->ended;
    return true;
}

static bool inflating_more(struct dicom_input *input, ptrdiff_t need, struct error *error)
{
    struct inflating *f = input->state;
    if (need > f->reserve.base + f->reserve.capacity - input->at)
        return error_set(error, E_INVALID, "the deflated data set exceeds %td bytes", f->reserve.capacity);
    while (input->end - input->at < need && !f->ended && !f->damaged) {
        if (!inflate_some(f, need - (input->end - input->at), error))
            return false;
        input->end = f->reserve.base + f->reserve.used;
    }
    if (input->end - input->at < need && f->damaged)
        return error_set(error, E_INVALID, "the deflated data set is damaged at byte %" PRId64, f->under.offset);
    return input->end - input->at >= need;
}

static void inflating_release(struct dicom_input *input)
{
    struct inflating *f = input->state;
    inflateEnd(&f->z);
    if (f->held)
        hold_less(f->hold, f->held);
    munmap(f->reserve.base, (size_t)f->reserve.capacity);
    dicom_input_release(&f->under);
    free(f);
}

/* The headers cannot be mistaken: 1F is a block of a type that does not exist; the first byte of a zlib header begins a
 * stored block, whose length is followed by its complement (RFC 1951 3.2.4), and is a multiple of 31 with the second
 * (RFC 1950 2.2). */
enum wrapping dicom_input_wrapping(struct dicom_input *input, struct error *error)
{
    enum { STORED = 0, RESERVED = 3, DEFLATE_METHOD = 8 };
    if (input->end - input->at < 5 && !input->more(input, 5, error))
        return WRAPPED_NOT;
    const unsigned char *at = input->at;
    int type = at[0] >> 1 & 3;
    if (at[0] == 0x1F && at[1] == 0x8B)
        return WRAPPED_GZIP;
    if (type == RESERVED)
        return WRAPPED_NO_DEFLATE;
    if (type != STORED || (at[1] ^ at[3]) == 0xFF)
        return WRAPPED_NOT;
    bool is_zlib = (at[0] & 0x0F) == DEFLATE_METHOD && at[0] >> 4 <= 7 && (at[0] << 8 | at[1]) % 31 == 0;
    return is_zlib ? WRAPPED_ZLIB : WRAPPED_NO_DEFLATE;
}

bool dicom_input_inflate(struct dicom_input *input, enum wrapping wrapping, int64_t max_bytes, struct hold *hold,
                         struct error *error)
{
    static const int bits[] = { [WRAPPED_NOT] = -MAX_WBITS,
                                [WRAPPED_ZLIB] = MAX_WBITS,
                                [WRAPPED_GZIP] = MAX_WBITS + 16,
                                [WRAPPED_NO_DEFLATE] = -MAX_WBITS };
    NAMES_REACH(bits, WRAPPED_NO_DEFLATE);
    struct inflating *f = calloc(1, sizeof(*f));
    if (!f)
        abort();
    if (!reserve_open(&f->reserve, max_bytes, error)) {
        free(f);
        return false;
    }
    if (inflateInit2(&f->z, bits[wrapping]) != Z_OK)
        abort(); /* out of memory */
    f->hold = hold;
    f->under = *input;
    *input = (struct dicom_input){
        .at = f->reserve.base, .end = f->reserve.base, .more = inflating_more, .release = inflating_release, .state = f
    };
    return true;
}

void dicom_input_release(struct dicom_input *input)
{
    if (input->release)
        input->release(input);
    *input = (struct dicom_input){ 0 };
}
