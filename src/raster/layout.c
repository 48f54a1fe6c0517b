/* layout.c - decoded samples, one by one. */
#include "raster/layout.h"

#include <inttypes.h>

/* As pixel_frame_bytes: whole bytes, 1-bit pixels one byte each. */
static int bytes_of(int bits_allocated)
{
    if (bits_allocated <= 8)
        return 1;
    if (bits_allocated <= 16)
        return 2;
    return bits_allocated <= 32 ? 4 : 8;
}

/* Samples lie where High Bit says, but for codestreams that do not reach up to it: these hold values without anything
 * below. */
static int shift_of(const struct samples *samples)
{
    const struct pixel_format *format = &samples->format;
    int precision = samples->decoded.precision;
    bool lies_as_told = precision == 0 || precision > format->high_bit;
    int shift = format->high_bit + 1 - samples->decoded.bits_stored;
    return lies_as_told && shift > 0 && format->high_bit < format->bits_allocated ? shift : 0;
}

bool sample_layout_of(const struct samples *samples, struct sample_layout *out, struct error *error)
{
    const struct pixel_format *format = &samples->format;
    const struct decoded_format *decoded = &samples->decoded;
    if (format->rows < 1 || format->rows > PIXEL_SIDE_MAX || format->columns < 1 || format->columns > PIXEL_SIDE_MAX)
        return error_set(error, E_INVALID, "a picture has 1 to %d rows and columns, not %" PRId64 " x %" PRId64,
                         PIXEL_SIDE_MAX, format->columns, format->rows);
    if (format->samples != 1 && format->samples != 3 && format->samples != 4)
        return error_set(error, E_INVALID, "pixels of %d samples cannot be shown", format->samples);
    if (format->bits_allocated < 1 || format->bits_allocated > 64)
        return error_set(error, E_INVALID, "samples have 1 to 64 bits, not %d", format->bits_allocated);
    struct sample_layout layout = {
        .width = format->columns,
        .height = format->rows,
        .samples = format->samples,
        .bytes = bytes_of(format->bits_allocated),
        .bits = decoded->bits_stored,
        .shift = shift_of(samples),
        .is_signed = decoded->is_signed,
        .kind = format->kind,
        .photometric = decoded->photometric,
        .subsampled = format->samples == 3 && decoded->photometric == YBR_FULL_422,
    };
    if (layout.bits < 1 || layout.bits + layout.shift > layout.bytes * 8)
        return error_set(error, E_INVALID, "%d bits stored do not fit into %d allocated", layout.bits,
                         format->bits_allocated);
    if (layout.kind != SAMPLE_INTEGER && layout.bytes != (layout.kind == SAMPLE_FLOAT ? 4 : 8))
        return error_set(error, E_INVALID, "floating-point samples have 32 or 64 bits, not %d", format->bits_allocated);
    if (layout.subsampled && layout.bytes != 1)
        return error_set(error, E_INVALID, "YBR_FULL_422 samples have 8 bits, not %d", format->bits_allocated);
    int64_t needed = layout.width * layout.height * layout.bytes * (layout.subsampled ? 2 : layout.samples);
    if (!samples->at || samples->bytes < needed)
        return error_set(error, E_INVALID, "the frame has %td bytes of samples where %" PRId64 " are needed",
                         samples->bytes, needed);
    *out = layout;
    return true;
}

uint64_t sample_bits(const struct sample_layout *layout, const void *at, int64_t index)
{
    const unsigned char *p = (const unsigned char *)at + index * layout->bytes;
    uint64_t bits = 0;
    for (int i = 0; i < layout->bytes; i++)
        bits |= (uint64_t)p[i] << (8 * i);
    bits >>= layout->shift;
    return layout->bits < 64 ? bits & (((uint64_t)1 << layout->bits) - 1) : bits;
}

double sample_number(const struct sample_layout *layout, uint64_t bits)
{
    if (layout->kind == SAMPLE_FLOAT) {
        uint32_t word = (uint32_t)bits;
        float value;
        memcpy(&value, &word, sizeof(value));
        return (double)value;
    }
    if (layout->kind == SAMPLE_DOUBLE) {
        double value;
        memcpy(&value, &bits, sizeof(value));
        return value;
    }
    if (!layout->is_signed)
        return (double)bits;
    int above = 64 - layout->bits; /* where the sign goes: up to the top, and down again */
    return (double)((int64_t)(bits << above) >> above);
}

double sample_read(const struct sample_layout *layout, const void *at, int64_t index)
{
    return sample_number(layout, sample_bits(layout, at, index));
}

bool sample_fits_table(const struct sample_layout *layout)
{
    return layout->kind == SAMPLE_INTEGER && layout->bits <= 16;
}

bool sample_table_pays(const struct sample_layout *layout)
{
    return sample_fits_table(layout) && layout->bytes <= 2 && layout->width * layout->height * 2 >= 1 << layout->bits;
}
