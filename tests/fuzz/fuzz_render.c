/* fuzz_render.c - any samples, rendered in any way: a picture of the size promised, or an error that says why. */
#include "raster/render.h"

#include <assert.h>
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    SIDE = 10
}; /* rows and columns stay below: what matters is how many ways there are, and that each is tried often */

/* What decides comes from the front of the input, the samples are the rest. */
struct input {
    const uint8_t *at;
    size_t left;
};

static int64_t take(struct input *in, int bytes)
{
    int64_t n = 0;
    for (int i = 0; i < bytes && in->left; i++, in->left--)
        n = n << 8 | *in->at++;
    return n;
}

static double take_real(struct input *in)
{
    static const double odd[] = { 0, 1, -1, 0.5, 1e-300, 1e300, 4096, -1024.25, 65535 };
    int64_t n = take(in, 1);
    if (n < 9)
        return odd[n];
    if (n == 9)
        return NAN;
    if (n == 10)
        return INFINITY;
    return (double)(int16_t)take(in, 2) / 16;
}

static void take_lut(struct input *in, struct lut *lut)
{
    int64_t n = take(in, 1);
    lut->count = n & 1 ? (int32_t)take(in, 2) : (int32_t)(n >> 1 & 7);
    lut->first = (int32_t)(int16_t)take(in, 2);
    lut->bits = (int32_t)(n >> 4) + 1;
    for (int i = 0; i < 8; i++)
        lut->entries[i] = (uint16_t)take(in, 2);
}

static void take_presentation(struct input *in, struct presentation *r)
{
    static const double aspects[] = { 1, 1, 1, 1, 0.5, 2, 1.37, 0.05, 20, 0, -1, 1e300 };
    int64_t n = take(in, 1);
    r->slope = n & 1 ? take_real(in) : 1;
    r->intercept = n & 1 ? take_real(in) : 0;
    r->voi = (enum voi_function)(n >> 1 & 7);
    r->center = take_real(in);
    r->width = take_real(in);
    r->invert = n & 16;
    r->has_padding = n & 32;
    r->padding_low = (int16_t)take(in, 2);
    r->padding_high = (int16_t)take(in, 2);
    r->enlarge = n & 64;
    r->pixel_aspect = n & 128 ? aspects[take(in, 1) % 12] : 1;
    r->box_width = (int32_t)(take(in, 1) & 15);
    r->box_height = (int32_t)(take(in, 1) & 15);
    n = take(in, 1);
    r->format = (enum picture_format)(n & 3);
    r->bits = n & 4 ? 16 : 8;
    r->quality = (int32_t)take(in, 1);
    r->modality.count = r->voi_lut.count = r->palette[0].count = 0;
    if (n & 8)
        take_lut(in, &r->modality);
    if (n & 16)
        take_lut(in, &r->voi_lut);
    for (int i = 0; n & 32 && i < 3; i++)
        take_lut(in, &r->palette[i]);
}

static struct samples take_samples(struct input *in)
{
    static const int allocated[] = { 1, 8, 8, 16, 16, 16, 32, 64 };
    struct samples s = { .at = NULL };
    int64_t n = take(in, 1);
    s.format.rows = take(in, 1) % SIDE;
    s.format.columns = take(in, 1) % SIDE;
    s.format.frames = 1;
    s.format.samples = n & 8 ? 3 : 1;
    s.format.bits_allocated = allocated[n & 7];
    s.format.bits_stored = (int)(take(in, 1) & 127);
    s.format.high_bit = (int)(take(in, 1) & 127);
    s.format.is_signed = n & 16;
    s.format.kind = n & 32 ? (n & 64 ? SAMPLE_FLOAT : SAMPLE_DOUBLE) : SAMPLE_INTEGER;
    s.format.photometric = (enum photometric)(take(in, 1) % (YBR_RCT + 1));
    s.decoded = (struct decoded_format){ s.format.photometric, s.format.bits_stored, s.format.is_signed };
    return s;
}

static void try_render(const struct samples *s, const struct presentation *r)
{
    struct text out;
    struct error error = { 0 };
    int64_t width = 0, height = 0;
    text_init(&out, 1 << 16);
    bool ok = render(s, r, &out, &width, &height, &error);
    assert(ok == (error.code == E_NONE));
    if (ok) {
        assert(out.len > 0 && !out.overflowed && width > 0 && height > 0);
        assert(!r->box_width || width <= r->box_width);
        assert(!r->box_height || height <= r->box_height);
    }
    text_release(&out);
}

static void try_histogram(const struct samples *s, const struct presentation *r)
{
    struct histogram h;
    struct error error = { 0 };
    int64_t sum = 0;
    if (!histogram(s, r, &h, &error)) {
        assert(error.code != E_NONE);
        return;
    }
    for (int i = 0; i < 256; i++)
        sum += h.bins[i];
    assert(sum == h.count && h.count > 0 && h.count <= s->format.rows * s->format.columns);
    assert(h.low <= h.min && h.min <= h.max && h.max <= h.high && h.sd >= 0);
    assert(isfinite(h.mean) && isfinite(h.sd));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct presentation presentation;
    struct input in = { data, size };
    struct samples samples = take_samples(&in);
    take_presentation(&in, &presentation);
    /* The rest, repeated by what is missing: most inputs get as far as pixels. One in eight is short. */
    enum { MOST = SIDE * SIDE * 8 * 3 };
    ptrdiff_t room = take(&in, 1) % 8 ? MOST : (ptrdiff_t)in.left;
    uint8_t *bytes = malloc((size_t)room + 1);
    memset(bytes, 0x5A, (size_t)room);
    for (ptrdiff_t i = 0, step = (ptrdiff_t)in.left; i < room && step; i += step)
        memcpy(bytes + i, in.at, (size_t)(step < room - i ? step : room - i));
    samples.at = bytes;
    samples.bytes = room < MOST ? room : MOST;
    try_render(&samples, &presentation);
    try_histogram(&samples, &presentation);
    free(bytes);
    return 0;
}
