/* reader.h - the DICOM parser: bytes in, events out (PS3.5 chapter 7, PS3.10 chapter 7).
 *
 *     static bool seen(void *context, const struct dicom_element *e) { ...; return true; }
 *
 *     struct dicom_input input;
 *     dicom_input_memory(&input, bytes);
 *     struct dicom_events events = { .element = seen };
 *     struct dicom_file file;
 *     bool ok = dicom_parse(&input, &dicom_default_limits, &events, context, &file, &error);
 *     dicom_input_release(&input);
 *
 * One parser serves indexing, JSON and dump. It reads implicit and explicit VR little endian, explicit VR big endian
 * and deflated data sets; defined and undefined lengths; nested sequences; encapsulated pixel data; files without
 * preamble or without meta information (the encoding is then told from the first element).
 *
 *   file    [128 bytes][DICM][group 0002, explicit LE][data set in the transfer syntax]
 *   element  tag(4) VR(2) length(2)              value        explicit, most VRs
 *            tag(4) VR(2) 0(2) length(4)         value        explicit, OB OW OF SQ UN UT ...
 *            tag(4) length(4)                    value        implicit: VR from the dictionary
 *   sequence element, then  FFFE,E000 length  [elements]  FFFE,E00D   ...  FFFE,E0DD
 *
 * Events come in the order of the file, between sequence and sequence_end one item and item_end for each item. Values
 * are views of the input, never copies, in the byte order of the file (dicom_element.big_endian). They live as long as
 * the input.
 *
 * The stack is explicit and bounded: depth, count of elements and length of values have limits, and what exceeds them,
 * like what is malformed, is E_INVALID with the tag and the byte offset. What came before has been told: the caller
 * keeps it or not.
 *
 * Some of what is malformed has a known end, and what follows it is sound. That is stepped over, told as a remark, and
 * no error:
 *   - a sequence of defined length whose content is no items: told as an element of VR UN, with its bytes as they are;
 *   - an item, or the rest of a sequence, of defined length, in which something does not fit: told as far as it could
 *   be read;
 *   - encapsulated pixel data of the data set itself whose delimiter is missing: the file ends with a fragment, or
 *   zeros follow it, the delimiter of
 *     an item, or an element that comes after pixel data. All fragments are told; whether the last frame is whole is
 *     for pixels.h;
 *   - a deflated data set with a zlib or gzip header, or one that is said to be deflated and is not (PS3.5 A.5).
 * Sound means: what comes next can come next, an element with a greater tag, an item or a delimiter. Else the length is
 * not to be trusted.
 */
#ifndef ROENTGEN_DICOM_READER_H
#define ROENTGEN_DICOM_READER_H

#include "base/budget.h"

/* A value representation is its two letters: VR('P','N'). */
#define VR(a, b) ((uint16_t)((a) << 8 | (b)))
#define DICOM_UNDEFINED_LENGTH 0xFFFFFFFFu

struct dicom_syntax; /* dicom/syntax.h */

struct dicom_element {
    uint32_t tag;         /* group << 16 | element */
    uint16_t vr;          /* as in the file; implicit and UN: as the dictionary says, UN where it does not know */
    bool big_endian;      /* byte order of `value` */
    bool implicit;        /* the VR was not in the file */
    uint32_t length;      /* as in the file; may be DICOM_UNDEFINED_LENGTH for sequences and encapsulated pixels */
    int depth;            /* 0: in the data set itself, 1: in an item of a sequence, ... */
    int64_t offset;       /* of the tag, in the file (deflated: in the inflated data set, from its begin) */
    int64_t value_offset; /* of the value's first byte, likewise */
    struct str value;     /* null for sequences and for values that a stream has passed over */
};

/* Each returns false to stop reading, which is no error. NULL: not wanted. */
struct dicom_events {
    bool (*element)(void *context, const struct dicom_element *e); /* not sequences, not encapsulated pixel data */
    bool (*sequence)(void *context, const struct dicom_element *e);
    bool (*item)(void *context, int64_t offset); /* offset of the item's tag */
    bool (*item_end)(void *context);
    bool (*sequence_end)(void *context);
    bool (*fragments)(void *context, const struct dicom_element *e); /* encapsulated pixel data begins ... */
    /* ... and this is one item of it; the first is the basic offset table, which may be empty. Ends with
     * sequence_end. */
    bool (*fragment)(void *context, int64_t offset, struct str bytes);
    /* Something was stepped over or forgiven: what, with tag and byte offset, for people. The text lives as long as the
     * call. */
    void (*remark)(void *context, const char *text);
    /* Where the next element is to be written, which an event may then tell of; who keeps elements need not copy them.
     * NULL: the parser's own. */
    struct dicom_element *(*room)(void *context);
};

struct dicom_limits {
    int depth;           /* of nested sequences */
    int64_t elements;    /* with items and fragments */
    int64_t value_bytes; /* longest value taken from a stream; longer ones are passed over, their value is null */
    /* of a deflated data set; one of more than 128 MiB may be at most 200 times the size of its file */
    int64_t inflated_bytes;
    struct hold *hold; /* what a tree and an inflated data set take counts here (E_UNAVAILABLE beyond); NULL: not */
    uint32_t stop_at;  /* the first top-level element with this tag or a later one ends reading, untold; 0: never */
};
extern const struct dicom_limits dicom_default_limits;

/* What the file says of itself. */
struct dicom_file {
    bool has_preamble, has_meta;
    const struct dicom_syntax *syntax; /* of the data set; NULL: a UID that we do not know */
    char syntax_uid[65];               /* as in the file, or what was guessed */
    bool syntax_was_guessed;
    int64_t data_offset; /* where the data set begins */
    int64_t end_offset;  /* how far it was read */
    bool stopped;        /* by stop_at or by an event */
    bool is_unended;     /* nothing says that the fragments of its pixel data are all there */
};

/* ---- input ---- */

/* A window on the bytes. Memory is all there at once; a stream and an inflated data set come in on demand, into
 * reserved address space, so that views stay where they are. */
struct dicom_input {
    const unsigned char *at, *end; /* what is there and not yet read */
    int64_t offset;                /* of `at` */
    /* Makes at least `need` bytes available after `at`. False: the end of the input (no error), or an error. */
    bool (*more)(struct dicom_input *input, ptrdiff_t need, struct error *error);
    /* Passes over the next `count` bytes, more than are there. NULL: cannot, they have to be taken. */
    bool (*skip)(struct dicom_input *input, int64_t count, struct error *error);
    void (*release)(struct dicom_input *input);
    void *state; /* of these */
};

void dicom_input_memory(struct dicom_input *input, struct str bytes); /* e.g. a mapped file */
/* `read` as read(2): bytes read, 0 at the end, -1 with errno. At most `keep_bytes` of values are kept. */
void dicom_input_stream(struct dicom_input *input, ptrdiff_t (*read)(void *context, void *into, ptrdiff_t room),
                        void *context, int64_t keep_bytes);
void dicom_input_release(struct dicom_input *input); /* views are gone after this */

/* A deflated data set is inflated inside, and its views live in *input as well. */
bool dicom_parse(struct dicom_input *input, const struct dicom_limits *limits, const struct dicom_events *events,
                 void *context, struct dicom_file *file, struct error *error);

/* ---- numbers in values ---- */
static inline uint16_t dicom_u16(const void *at, bool big_endian)
{
    const unsigned char *b = at;
    return (uint16_t)(big_endian ? b[0] << 8 | b[1] : b[1] << 8 | b[0]);
}

static inline uint32_t dicom_u32(const void *at, bool big_endian)
{
    const unsigned char *b = at;
    return big_endian ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]
                      : (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

uint64_t dicom_u64(const void *at, bool big_endian);

#endif
