/* reader.c - the data set: elements, sequences, items, fragments. head.c finds where it begins and how it is
 * encoded. */
#include "dicom/head.h"
#include "dicom/vr.h"

#include "dicom/dictionary.h"

#include <assert.h>

const struct dicom_limits dicom_default_limits = {
    .depth = 64,
    .elements = 1000000,
    .value_bytes = 16 << 20,
    .inflated_bytes = (int64_t)1 << 30,
};

uint64_t dicom_u64(const void *at, bool big_endian)
{
    uint64_t first = dicom_u32(at, big_endian), second = dicom_u32((const char *)at + 4, big_endian);
    return big_endian ? first << 32 | second : second << 32 | first;
}

/* ---- errors ---- */

#define TAG_FMT "(%04X,%04X)"
#define TAG_ARGS(tag) (unsigned)((tag) >> 16), (unsigned)((tag)&0xFFFF)

bool parser_fail(struct parser *p, uint32_t tag, int64_t offset, const char *what)
{
    return error_set(p->error, E_INVALID, TAG_FMT " at byte %" PRId64 ": %s", TAG_ARGS(tag), offset, what);
}

static bool truncated(struct parser *p, uint32_t tag, int64_t offset, int64_t wanted)
{
    return error_set(p->error, E_INVALID,
                     TAG_FMT " at byte %" PRId64 ": the file ends at byte %" PRId64 ", %" PRId64
                             " bytes were announced",
                     TAG_ARGS(tag), offset, p->input->offset + (p->input->end - p->input->at), wanted);
}

static bool past_end(struct parser *p, uint32_t tag, int64_t offset, int64_t wanted)
{
    p->forgivable = true;
    return error_set(p->error, E_INVALID,
                     TAG_FMT " at byte %" PRId64 ": its %" PRId64
                             " bytes run past the end of the item or sequence that holds it",
                     TAG_ARGS(tag), offset, wanted);
}

/* ---- bytes ---- */

static void advance(struct parser *p, ptrdiff_t count)
{
    p->input->at += count;
    p->input->offset += count;
}

/* The value's bytes, or, in a stream, a value too long to keep: passed over. */
static bool take_value(struct parser *p, struct dicom_element *e)
{
    ptrdiff_t length = (ptrdiff_t)e->length;
    e->value_offset = p->input->offset;
    if (p->input->skip && length > p->limits->value_bytes && length > p->input->end - p->input->at) {
        if (!p->input->skip(p->input, length, p->error))
            return p->error->code ? false : truncated(p, e->tag, e->offset, length);
        e->value = STR_NULL;
        return true;
    }
    if (!parser_need(p, length))
        return p->error->code ? false : truncated(p, e->tag, e->offset, length);
    e->value = (struct str){ (const char *)p->input->at, length };
    advance(p, length);
    return true;
}

/* ---- one element's header ---- */

static bool is_letter(unsigned char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool implicit_header(struct parser *p, struct dicom_element *e)
{
    e->implicit = true;
    e->length = dicom_u32(p->input->at + 4, p->big_endian);
    e->vr = dicom_dictionary_vr(e->tag, p->signed_pixels);
    advance(p, 8);
    return true;
}

/* A VR that PS3.5 does not know has a 32-bit length (6.2.2, note 1) - unless only the 16-bit reading makes sense. */
static bool explicit_header(struct parser *p, struct dicom_element *e)
{
    const unsigned char *at = p->input->at;
    if (!is_letter(at[4]) || !is_letter(at[5]))
        return implicit_header(p, e); /* some writers put implicit elements into explicit data sets */
    e->vr = VR(at[4], at[5]);
    const struct vr_row *row = vr_row(e->vr);
    bool known = vr_is_known(e->vr), wide = row->is_wide;
    if (!known)
        wide = at[6] == 0 && at[7] == 0 && parser_need(p, 12);
    if (!wide) {
        e->length = dicom_u16(at + 6, p->big_endian);
        advance(p, 8);
    } else {
        if (!parser_need(p, 12))
            return p->error->code ? false : truncated(p, e->tag, e->offset, 12);
        e->length = dicom_u32(p->input->at + 8, p->big_endian);
        advance(p, 12);
    }
    if (e->vr == VR('U', 'N') || !known)
        e->vr = dicom_dictionary_vr(e->tag, false);
    return true;
}

static inline bool header(struct parser *p, struct dicom_element *e)
{
    const unsigned char *at = p->input->at;
    *e = (struct dicom_element){ .offset = p->input->offset, .depth = p->items, .big_endian = p->big_endian };
    e->tag = (uint32_t)dicom_u16(at, p->big_endian) << 16 | dicom_u16(at + 2, p->big_endian);
    if (e->tag >> 16 == 0xFFFE) { /* items and delimiters never have a VR */
        e->length = dicom_u32(at + 4, p->big_endian);
        advance(p, 8);
        return true;
    }
    return p->implicit ? implicit_header(p, e) : explicit_header(p, e);
}

bool parser_header(struct parser *p, struct dicom_element *e)
{
    return header(p, e);
}

/* ---- the stack of open sequences and items ---- */

static bool push(struct parser *p, bool is_item, const struct dicom_element *e)
{
    if (p->depth == 2 * p->limits->depth || p->depth == PARSER_DEPTH_MAX)
        return parser_fail(p, e->tag, e->offset, "sequences are nested too deeply");
    bool open_ended = e->length == DICOM_UNDEFINED_LENGTH;
    int64_t end = open_ended ? -1 : p->input->offset + (int64_t)e->length;
    if (!open_ended && p->bound >= 0 && end > p->bound)
        return past_end(p, e->tag, e->offset, e->length);
    p->stack[p->depth++] = (struct open_part){ is_item, end, p->bound, e->tag, p->implicit, p->big_endian };
    p->items += is_item;
    if (!open_ended)
        p->bound = end;
    return true;
}

static bool pop(struct parser *p)
{
    const struct open_part *top = &p->stack[--p->depth];
    p->bound = top->outer_bound;
    p->implicit = top->implicit;
    p->big_endian = top->big_endian;
    p->items -= top->is_item;
    bool (*event)(void *) = top->is_item ? p->events->item_end : p->events->sequence_end;
    p->stopped = event && !event(p->context);
    return !p->stopped;
}

/* Closes all whose stated length has been reached. */
static bool close_finished(struct parser *p)
{
    while (p->depth && p->stack[p->depth - 1].end >= 0 && p->input->offset >= p->stack[p->depth - 1].end)
        if (!pop(p))
            return false;
    return true;
}

/* ---- what is stepped over ---- */

/* May the element, item or delimiter that comes next follow what has just ended, and all that ends with it? At the end
 * of the input nothing has to come. */
static bool goes_on(struct parser *p, uint32_t ended)
{
    int depth = p->depth;
    bool big_endian = p->big_endian;
    if (p->bound >= 0 && p->input->offset > p->bound)
        return false;
    for (; depth && p->stack[depth - 1].end == p->input->offset; depth--) {
        ended = p->stack[depth - 1].tag;
        big_endian = p->stack[depth - 1].big_endian;
    }
    if (!parser_need(p, 8))
        return p->error->code == E_NONE;
    uint16_t group = dicom_u16(p->input->at, big_endian), number = dicom_u16(p->input->at + 2, big_endian);
    bool in_sequence = depth && !p->stack[depth - 1].is_item;
    if (in_sequence || group == 0xFFFE)
        return depth && group == 0xFFFE;
    return ((uint32_t)group << 16 | number) > ended;
}

static bool pass_over(struct parser *p, int64_t count)
{
    if (count > p->input->end - p->input->at && p->input->skip)
        return p->input->skip(p->input, count, p->error);
    if (count > 0 && !parser_need(p, (ptrdiff_t)count))
        return false;
    advance(p, (ptrdiff_t)count); /* less than nothing: a header that had begun inside reached past the end */
    return true;
}

/* After an error: leaves the innermost part of known length, if what follows it is sound. */
static bool step_out(struct parser *p)
{
    int part = p->depth - 1;
    struct error first = *p->error;
    while (part >= 0 && p->stack[part].end < 0)
        part--;
    if (!p->forgivable || first.code != E_INVALID || part < 0)
        return false;
    p->forgivable = false;
    const struct open_part left = p->stack[part];
    error_clear(p->error);
    bool sound = pass_over(p, left.end - p->input->offset);
    while (sound && p->depth > part)
        if (!pop(p))
            return false;
    if (!sound || !goes_on(p, left.tag)) {
        error_clear(p->error);
        *p->error = first;
        return false;
    }
    parser_remark(p, first.message);
    return true;
}

/* ---- what an element can be ---- */

/* UN of undefined length, and UN that the dictionary knows as a sequence, are implicit little endian inside (PS3.5
 * 6.2.2, note 4). */
static void enter_unknown(struct parser *p)
{
    p->implicit = true;
    p->big_endian = false;
}

/* Of a sequence of defined length: items, or at once a delimiter, which some writers add. */
static bool holds_items(struct parser *p, const struct dicom_element *e, bool was_unknown)
{
    if (e->length == 0)
        return true;
    if (e->length < 8 || !parser_need(p, 8))
        return false;
    bool big_endian = p->big_endian && !was_unknown;
    uint16_t number = dicom_u16(p->input->at + 2, big_endian);
    return dicom_u16(p->input->at, big_endian) == 0xFFFE && (number == 0xE000 || (number == 0xE0DD && !was_unknown));
}

/* The bytes of a sequence that holds no items are kept as they are. */
static bool take_no_items(struct parser *p, struct dicom_element *e, bool was_unknown)
{
    struct error what = { 0 };
    e->vr = VR('U', 'N');
    if (!take_value(p, e))
        return false;
    error_set(&what, E_INVALID,
              TAG_FMT " at byte %" PRId64 ": what this sequence holds is no items; it is stepped over",
              TAG_ARGS(e->tag), e->offset);
    if (!was_unknown && !goes_on(p, e->tag))
        return p->error->code ? false : parser_fail(p, e->tag, e->value_offset, "no item of this sequence begins here");
    parser_remark(p, what.message);
    return true;
}

static bool begin_sequence(struct parser *p, struct dicom_element *e, bool was_unknown)
{
    e->vr = VR('S', 'Q');
    e->value_offset = p->input->offset;
    e->value = STR_NULL;
    if (!push(p, false, e))
        return false;
    if (was_unknown)
        enter_unknown(p);
    p->stopped = p->events->sequence && !p->events->sequence(p->context, e);
    return !p->stopped;
}

static bool count_one(struct parser *p, uint32_t tag, int64_t offset)
{
    return ++p->told <= p->limits->elements || parser_fail(p, tag, offset, "there are too many elements");
}

/* Eight bytes, whatever is there: items have no VR (PS3.5 7.5). */
static void fragment_header(struct parser *p, struct dicom_element *out)
{
    const unsigned char *at = p->input->at;
    *out = (struct dicom_element){ .offset = p->input->offset, .depth = p->items, .big_endian = p->big_endian };
    out->tag = (uint32_t)dicom_u16(at, p->big_endian) << 16 | dicom_u16(at + 2, p->big_endian);
    out->length = dicom_u32(at + 4, p->big_endian);
    advance(p, 8);
}

/* Nothing but zeros to the end of the input, which are passed over: files are padded, and ends of them lost. */
static bool only_zeros_follow(struct parser *p)
{
    while (parser_need(p, 1)) {
        if (*p->input->at)
            return false;
        advance(p, 1);
    }
    return p->error->code == E_NONE;
}

/* What comes where a fragment or the delimiter should: nothing, padding, the delimiter of an item, or what may follow
 * pixel data (trailing padding, signatures), which is left for the data set. `next` NULL: fewer bytes than a header. */
static bool end_is_unsaid(struct parser *p, const struct dicom_element *e, const struct dicom_element *next)
{
    bool ends = false;
    if (p->error->code || p->depth)
        return false;
    if (!next || (next->tag == 0 && next->length == 0)) {
        ends = only_zeros_follow(p);
    } else if (next->tag == 0xFFFEE00D) {
        ends = next->length == 0;
    } else if (next->tag >> 16 != 0xFFFE && next->tag > e->tag) {
        const unsigned char *at = p->input->at - 8;
        ends = vr_is_known(VR(at[4], at[5]));
        if (ends)
            advance(p, -8);
    }
    if (ends) {
        struct error what = { 0 };
        error_set(&what, E_INVALID, TAG_FMT " at byte %" PRId64 ": its fragments end without a delimiter",
                  TAG_ARGS(e->tag), e->offset);
        parser_remark(p, what.message);
        p->unended = p->unended || e->tag >> 16 == 0x7FE0;
    }
    return ends;
}

/* Encapsulated pixel data (PS3.5 A.4): items with stated lengths up to the sequence delimiter. */
static bool read_fragments(struct parser *p, struct dicom_element *e)
{
    struct dicom_element item;
    e->value_offset = p->input->offset;
    if (p->events->fragments && !p->events->fragments(p->context, e))
        return !(p->stopped = true);
    for (;;) {
        if (!parser_need(p, 8)) {
            if (end_is_unsaid(p, e, NULL))
                break;
            return p->error->code ? false : parser_fail(p, e->tag, e->offset, "the file ends between its fragments");
        }
        fragment_header(p, &item);
        if (!count_one(p, e->tag, item.offset))
            return false;
        if (item.tag == 0xFFFEE0DD)
            break;
        if (item.tag != 0xFFFEE000 || item.length == DICOM_UNDEFINED_LENGTH) {
            if (end_is_unsaid(p, e, &item))
                break;
            return p->error->code ? false : parser_fail(p, item.tag, item.offset, "no fragment begins here");
        }
        if (p->bound >= 0 && p->input->offset + (int64_t)item.length > p->bound) {
            past_end(p, item.tag, item.offset, item.length);
            return p->forgivable = false; /* receivers wait for the end of the fragments */
        }
        if (!take_value(p, &item))
            return false;
        if (p->events->fragment && !p->events->fragment(p->context, item.offset, item.value))
            return !(p->stopped = true);
    }
    if (p->events->sequence_end && !p->events->sequence_end(p->context))
        p->stopped = true;
    return !p->stopped;
}

static bool may_be_pixels(const struct dicom_element *e)
{
    return e->vr == VR('O', 'B') || e->vr == VR('O', 'W') ||
           (e->tag >> 16 == 0x7FE0 && e->vr != VR('S', 'Q')); /* whatever VR was written */
}

static bool read_element(struct parser *p, struct dicom_element *e, bool was_unknown)
{
    if (e->length == DICOM_UNDEFINED_LENGTH)
        return !was_unknown && may_be_pixels(e) ? read_fragments(p, e)
                                                : begin_sequence(p, e, was_unknown || e->vr == VR('U', 'N'));
    if (p->bound >= 0 && p->input->offset + (int64_t)e->length > p->bound)
        return past_end(p, e->tag, e->offset, e->length);
    bool is_sequence = e->vr == VR('S', 'Q');
    if (is_sequence && holds_items(p, e, was_unknown))
        return begin_sequence(p, e, was_unknown);
    if (was_unknown)
        e->big_endian = false;
    if (!(is_sequence ? take_no_items(p, e, was_unknown) : take_value(p, e)))
        return false;
    if (e->tag == 0x00280103 && e->value.len >= 2)
        p->signed_pixels = dicom_u16(e->value.at, e->big_endian) == 1;
    p->stopped = p->events->element && !p->events->element(p->context, e);
    return !p->stopped;
}

/* A delimiter where elements are expected. Ones that close nothing are passed over: some writers end defined lengths
 * with them. */
static bool read_delimiter(struct parser *p, const struct dicom_element *e)
{
    if (e->tag == 0xFFFEE000)
        return parser_fail(p, e->tag, e->offset, "an item begins outside a sequence");
    if (p->depth && p->stack[p->depth - 1].end < 0 && !pop(p))
        return false;
    bool ends_sequence = e->tag == 0xFFFEE0DD && p->depth && !p->stack[p->depth - 1].is_item;
    return !ends_sequence || p->stack[p->depth - 1].end >= 0 || pop(p);
}

static bool read_item(struct parser *p, struct dicom_element *e)
{
    if (e->tag == 0xFFFEE0DD)
        return p->stack[p->depth - 1].end >= 0 || pop(p);
    if (e->tag != 0xFFFEE000) {
        p->forgivable = true;
        return parser_fail(p, p->stack[p->depth - 1].tag, e->offset, "no item of this sequence begins here");
    }
    if (!push(p, true, e))
        return false;
    p->stopped = p->events->item && !p->events->item(p->context, e->offset);
    return !p->stopped;
}

/* Fewer bytes than a header: padding at the end of a file is no error, anything else is. */
static bool at_end(struct parser *p)
{
    ptrdiff_t left = p->input->end - p->input->at;
    if (p->error->code)
        return false;
    for (ptrdiff_t i = 0; i < left; i++)
        if (p->input->at[i])
            return error_set(p->error, E_INVALID, "%td stray bytes at byte %" PRId64, left, p->input->offset);
    if (p->depth)
        return parser_fail(p, p->stack[p->depth - 1].tag, p->input->offset,
                           "the file ends inside this sequence or item");
    return true;
}

static bool wants_stop(const struct parser *p, uint32_t tag)
{
    return p->limits->stop_at && p->items == 0 && tag >= p->limits->stop_at && tag < 0xFFFE0000;
}

bool parser_data_set(struct parser *p)
{
    struct dicom_element own;
    for (;;) {
        if (!close_finished(p))
            return p->stopped;
        if (!parser_need(p, 8))
            return at_end(p);
        bool in_sequence = p->depth && !p->stack[p->depth - 1].is_item;
        bool was_unknown = !p->implicit && p->input->at[4] == 'U' && p->input->at[5] == 'N';
        if (p->limits->stop_at && !in_sequence &&
            wants_stop(p, (uint32_t)dicom_u16(p->input->at, p->big_endian) << 16 |
                              dicom_u16(p->input->at + 2, p->big_endian)))
            return p->stopped = true;
        struct dicom_element *e = parser_room(p, &own);
        if (!header(p, e) || !count_one(p, e->tag, e->offset))
            return false;
        bool ok = in_sequence              ? read_item(p, e)
                  : e->tag >> 16 == 0xFFFE ? read_delimiter(p, e)
                                           : read_element(p, e, was_unknown);
        if (!ok && (p->stopped || !step_out(p)))
            return p->stopped;
    }
}
