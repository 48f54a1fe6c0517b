/* lut_data.c - descriptor, data and segments of lookup tables. */
#include "raster/lut_data.h"

static bool read_descriptor(const struct dicom_dataset *from, const struct lut_place *place, bool is_signed,
                            struct lut *out, struct error *error)
{
    int64_t count, first, bits;
    if (!dicom_integer_at(from, place->descriptor, 0, &count) ||
        !dicom_integer_at(from, place->descriptor, 1, &first) || !dicom_integer_at(from, place->descriptor, 2, &bits))
        return error_set(error, E_INVALID, "the descriptor of the %s has not three numbers", place->name);
    if (count < INT16_MIN || count > LUT_ENTRIES_MAX || first < INT16_MIN || first > UINT16_MAX || bits < 1 ||
        bits > 16)
        return error_set(error, E_INVALID, "the descriptor of the %s is out of range", place->name);
    count &= UINT16_MAX; /* a count above 32767 reads as negative where the VR is SS */
    out->count = count ? (int32_t)count : LUT_ENTRIES_MAX;
    out->first = (int32_t)(is_signed && first > INT16_MAX ? first - LUT_ENTRIES_MAX : first);
    out->bits = (int32_t)bits;
    return true;
}

/* Numbers of one or two bytes in a value. */
struct numbers {
    const unsigned char *at;
    int64_t count;
    int bytes;
    bool big_endian;
    bool swapped; /* bytes packed in big-endian words (VR OW): the second of a pair comes first */
};

static struct numbers numbers_of(const struct dicom_node *node, int bytes)
{
    const struct dicom_element *e = &node->element;
    return (struct numbers){ .at = (const unsigned char *)e->value.at,
                             .count = e->value.len / bytes,
                             .bytes = bytes,
                             .big_endian = e->big_endian,
                             .swapped = bytes == 1 && e->big_endian && e->vr != VR('O', 'B') && e->value.len % 2 == 0 };
}

static uint16_t number_at(const struct numbers *numbers, int64_t index)
{
    if (numbers->bytes == 1)
        return numbers->at[numbers->swapped ? index ^ 1 : index];
    return dicom_u16(numbers->at + 2 * index, numbers->big_endian);
}

static bool read_data(const struct dicom_node *node, const struct lut_place *place, struct lut *out,
                      struct error *error)
{
    bool packed = node->element.value.len < 2 * (ptrdiff_t)out->count;
    struct numbers numbers = numbers_of(node, packed ? 1 : 2);
    if (numbers.count < out->count)
        return error_set(error, E_INVALID, "the %s has %td bytes, too few for %d entries", place->name,
                         node->element.value.len, out->count);
    for (int32_t i = 0; i < out->count; i++)
        out->entries[i] = number_at(&numbers, i);
    if (packed && out->bits > 8)
        out->bits = 8;
    return true;
}

/* ---- segments (C.7.9.2) ---- */

enum { SEGMENT_DISCRETE = 0, SEGMENT_LINEAR = 1, SEGMENT_INDIRECT = 2 };

struct expansion {
    struct numbers numbers;
    int64_t at; /* of the next segment */
    struct lut *out;
    int32_t made;
};

/* A segment of n entries that has `extra` more numbers: is all that there, and is there room for it? */
static bool segment_fits(const struct expansion *x, int64_t length, int64_t extra)
{
    return length > 0 && length <= x->out->count - x->made && extra <= x->numbers.count - x->at;
}

static bool expand_discrete(struct expansion *x, int64_t length)
{
    if (!segment_fits(x, length, length))
        return false;
    for (int64_t i = 0; i < length; i++)
        x->out->entries[x->made++] = number_at(&x->numbers, x->at++);
    return true;
}

/* From the last entry, which is not repeated, to the end value. */
static bool expand_linear(struct expansion *x, int64_t length)
{
    if (!segment_fits(x, length, 1) || x->made == 0)
        return false;
    int64_t begin = x->out->entries[x->made - 1], end = number_at(&x->numbers, x->at++);
    for (int64_t i = 1; i <= length; i++) {
        int64_t twice = 2 * (end - begin) * i + (end >= begin ? length : -length);
        x->out->entries[x->made++] = (uint16_t)(begin + twice / (2 * length));
    }
    return true;
}

static bool expand_direct(struct expansion *x)
{
    if (x->numbers.count - x->at < 2)
        return false;
    uint16_t opcode = number_at(&x->numbers, x->at), length = number_at(&x->numbers, x->at + 1);
    x->at += 2;
    if (opcode == SEGMENT_DISCRETE)
        return expand_discrete(x, length);
    return opcode == SEGMENT_LINEAR && expand_linear(x, length);
}

/* `length` segments from a byte offset on, which must not be indirect themselves: so this ends. */
static bool expand_indirect(struct expansion *x)
{
    int64_t numbers = 4 / x->numbers.bytes;
    if (x->numbers.count - x->at < 2 + numbers)
        return false;
    int64_t length = number_at(&x->numbers, x->at + 1), offset = 0;
    for (int64_t i = 0; i < numbers; i++)
        offset |= (int64_t)number_at(&x->numbers, x->at + 2 + i) << (8 * x->numbers.bytes * i);
    int64_t back = x->at + 2 + numbers;
    bool ok = offset % x->numbers.bytes == 0 && offset / x->numbers.bytes < x->numbers.count;
    x->at = offset / x->numbers.bytes;
    for (int64_t i = 0; ok && i < length; i++)
        ok = expand_direct(x);
    x->at = back;
    return ok;
}

static bool read_segments(const struct dicom_node *node, const struct lut_place *place, struct lut *out,
                          struct error *error)
{
    struct expansion x = { .numbers = numbers_of(node, out->bits <= 8 ? 1 : 2), .out = out };
    while (x.made < out->count) {
        bool indirect = x.at < x.numbers.count && number_at(&x.numbers, x.at) == SEGMENT_INDIRECT;
        int64_t at = x.at;
        if (!(indirect ? expand_indirect(&x) : expand_direct(&x)))
            return error_set(error, E_INVALID, "the segment at byte %td of the %s is broken",
                             (ptrdiff_t)at * x.numbers.bytes, place->name);
    }
    return true;
}

bool lut_read(const struct dicom_dataset *from, const struct lut_place *place, bool is_signed, struct lut *out,
              struct error *error)
{
    out->count = 0;
    const struct dicom_node *descriptor = dicom_find(from, place->descriptor);
    if (!descriptor || !descriptor->element.value.len)
        return true;
    const struct dicom_node *data = dicom_find(from, place->data),
                            *segments = place->segments ? dicom_find(from, place->segments) : NULL;
    bool has_data = data && data->element.value.at, has_segments = segments && segments->element.value.at;
    if (!read_descriptor(from, place, is_signed, out, error))
        return false;
    if (has_data)
        return read_data(data, place, out, error);
    if (has_segments)
        return read_segments(segments, place, out, error);
    return error_set(error, E_INVALID, "the %s has a descriptor, but no data", place->name);
}

static const struct lut_place palette_places[] = {
    { 0x00281101, 0x00281201, 0x00281221, "red palette" },
    { 0x00281102, 0x00281202, 0x00281222, "green palette" },
    { 0x00281103, 0x00281203, 0x00281223, "blue palette" },
};

bool palette_read(const struct dicom_dataset *from, bool is_signed, struct lut palette[3], struct error *error)
{
    bool is_low = true;
    for (int i = 0; i < 3; i++) {
        if (!lut_read(from, &palette_places[i], is_signed, &palette[i], error))
            return false;
        is_low = is_low && palette[i].bits == 16;
        for (int32_t entry = 0; entry < palette[i].count; entry++)
            is_low = is_low && palette[i].entries[entry] < 256;
    }
    /* Entries said to have 16 bits, of which only the lower 8 are used, are of 8 bits: else the picture would be
     * black. */
    for (int i = 0; i < 3 && is_low; i++)
        palette[i].bits = 8;
    return true;
}
