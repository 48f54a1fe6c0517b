/* head.c - where the data set begins and how it is encoded: preamble, meta information, transfer syntax (PS3.10
 * 7.1). */
#include "dicom/head.h"

#include "dicom/vr.h"

#include <assert.h>

/* Bytes of a preamble and its prefix. */
enum { PREAMBLE_BYTES = 128, PREFIX_BYTES = 4 };

static void advance(struct parser *p, ptrdiff_t count)
{
    p->input->at += count;
    p->input->offset += count;
}

static bool has_vr(const unsigned char *at)
{
    return vr_is_known(VR(at[4], at[5]));
}

/* Groups that a data set can begin with. */
static bool is_plausible_group(uint16_t group)
{
    return group >= 0x0002 && group <= 0x7FE0 && group != 0x2020;
}

/* "DICM" at byte 128 is the prefix, unless a data set has begun at byte 0 already and just happens to hold it there:
 * what follows the prefix is group 0002. */
static void pass_preamble(struct parser *p, struct dicom_file *file)
{
    if (parser_need(p, PREAMBLE_BYTES + PREFIX_BYTES + 8) &&
        !memcmp(p->input->at + PREAMBLE_BYTES, "DICM", PREFIX_BYTES)) {
        const unsigned char *at = p->input->at, *next = at + PREAMBLE_BYTES + PREFIX_BYTES;
        if (dicom_u16(next, false) != 0x0002 && is_plausible_group(dicom_u16(at, false)) && has_vr(at))
            return;
        file->has_preamble = true;
        advance(p, PREAMBLE_BYTES + PREFIX_BYTES);
    } else if (parser_need(p, PREFIX_BYTES) && !memcmp(p->input->at, "DICM", PREFIX_BYTES)) {
        advance(p, PREFIX_BYTES);
    }
}

static void take_syntax_uid(struct dicom_file *file, struct str value)
{
    while (value.len && (value.at[value.len - 1] == '\0' || value.at[value.len - 1] == ' '))
        value.len--;
    if (value.len >= (ptrdiff_t)sizeof(file->syntax_uid))
        return;
    memcpy(file->syntax_uid, value.at, (size_t)value.len);
    file->syntax_uid[value.len] = '\0';
}

/* Group 0002, whatever its length element says. It is explicit little endian; some writers made it implicit. */
static bool read_meta(struct parser *p, struct dicom_file *file)
{
    struct dicom_element own;
    while (parser_need(p, 8) && dicom_u16(p->input->at, false) == 0x0002) {
        file->has_meta = true;
        p->implicit = !has_vr(p->input->at);
        struct dicom_element *e = parser_room(p, &own);
        if (!parser_header(p, e))
            return false;
        if (e->length == DICOM_UNDEFINED_LENGTH)
            return parser_fail(p, e->tag, e->offset, "meta information of undefined length");
        e->value_offset = p->input->offset;
        if (++p->told > p->limits->elements)
            return parser_fail(p, e->tag, e->offset, "there are too many elements");
        if (!parser_need(p, (ptrdiff_t)e->length))
            return p->error->code ? false : parser_fail(p, e->tag, e->offset, "the file ends inside this element");
        e->value = (struct str){ (const char *)p->input->at, (ptrdiff_t)e->length };
        advance(p, (ptrdiff_t)e->length);
        if (e->tag == 0x00020010)
            take_syntax_uid(file, e->value);
        if (p->events->element && !p->events->element(p->context, e)) {
            p->stopped = true;
            return true;
        }
    }
    return p->error->code == E_NONE;
}

/* The encoding of the first element, as its bytes show it; false: they show nothing a data set begins with. */
static bool look(struct parser *p, bool *implicit, bool *big_endian)
{
    if (!parser_need(p, 8))
        return false;
    const unsigned char *at = p->input->at;
    uint16_t little = dicom_u16(at, false), big = dicom_u16(at, true);
    *big_endian = little >= 0x0100 && big < 0x0100;
    *implicit = !has_vr(at);
    /* Implicit big endian is no transfer syntax. */
    return is_plausible_group(*big_endian ? big : little) && !(*implicit && *big_endian);
}

static void settle_syntax(struct dicom_file *file, bool implicit, bool big_endian)
{
    const char *uid = implicit ? UID_IMPLICIT_LITTLE : big_endian ? UID_EXPLICIT_BIG : UID_EXPLICIT_LITTLE;
    file->syntax_was_guessed = true;
    file->syntax = dicom_syntax_find(str_from(uid));
    snprintf(file->syntax_uid, sizeof(file->syntax_uid), "%s", uid);
}

static void remark_at(const struct parser *p, const char *what)
{
    char text[160];
    snprintf(text, sizeof(text), "at byte %" PRId64 ": %s", p->input->offset, what);
    parser_remark(p, text);
}

/* What the file says, unless its first element says otherwise: then the element is right. A file that has neither
 * preamble nor meta information and begins with nothing plausible is not DICOM. */
static bool choose_encoding(struct parser *p, struct dicom_file *file)
{
    bool implicit = false, big_endian = false, stated = file->syntax_uid[0] != '\0';
    file->syntax = stated ? dicom_syntax_find(str_from(file->syntax_uid)) : NULL;
    enum wrapping wrapping = WRAPPED_NOT;
    if (file->syntax && file->syntax->deflated)
        wrapping = dicom_input_wrapping(p->input, p->error);
    bool seen = look(p, &implicit, &big_endian);
    if (p->error->code)
        return false;
    if (file->syntax && file->syntax->deflated &&
        !(wrapping == WRAPPED_NO_DEFLATE && seen && !implicit && !big_endian)) {
        if (wrapping == WRAPPED_ZLIB || wrapping == WRAPPED_GZIP)
            remark_at(p, wrapping == WRAPPED_ZLIB ? "the deflated data set has a zlib header, which PS3.5 A.5 forbids"
                                                  : "the deflated data set has a gzip header, which PS3.5 A.5 forbids");
        p->implicit = p->big_endian = false;
        return dicom_input_inflate(p->input, wrapping, p->limits->inflated_bytes, p->limits->hold, p->error);
    }
    if (file->syntax && file->syntax->deflated)
        remark_at(p, "the data set is not deflated, as the transfer syntax says");
    if (!seen && !file->has_preamble && !file->has_meta)
        return error_set(p->error, E_INVALID, "this is not a DICOM file: no data set begins at byte %" PRId64,
                         p->input->offset);
    if (file->syntax && (!seen || (file->syntax->implicit == implicit && file->syntax->big_endian == big_endian))) {
        p->implicit = file->syntax->implicit;
        p->big_endian = file->syntax->big_endian;
        return true;
    }
    p->implicit = implicit;
    p->big_endian = big_endian;
    if (!stated || (file->syntax && !file->syntax->encapsulated))
        settle_syntax(file, implicit, big_endian);
    return true;
}

bool dicom_parse(struct dicom_input *input, const struct dicom_limits *limits, const struct dicom_events *events,
                 void *context, struct dicom_file *file, struct error *error)
{
    struct parser p;
    assert(limits->depth > 0 && limits->elements > 0);
    p.input = input;
    p.limits = limits;
    p.events = events;
    p.context = context;
    p.error = error;
    p.implicit = p.big_endian = p.stopped = p.signed_pixels = p.forgivable = p.unended = false;
    p.items = p.depth = 0;
    p.told = 0;
    p.bound = -1;
    *file = (struct dicom_file){ 0 };
    pass_preamble(&p, file);
    bool ok = p.error->code == E_NONE && read_meta(&p, file);
    if (ok && !p.stopped)
        ok = choose_encoding(&p, file);
    file->data_offset = input->offset;
    if (ok && !p.stopped)
        ok = parser_data_set(&p);
    file->end_offset = input->offset;
    file->stopped = p.stopped;
    file->is_unended = p.unended;
    return ok;
}
