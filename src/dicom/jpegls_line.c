/* jpegls_line.c - lines of JPEG-LS samples (T.87 annex A). */
#include "dicom/jpegls.h"

enum { ERROR_MAX = 32768 };

/* ---- bits ---- */

static inline void bits_fill_slowly(struct jls_bits *bits)
{
    while (bits->count < 56) {
        unsigned byte = 0;
        if (bits->at < bits->end)
            byte = *bits->at++;
        else
            bits->made_up += bits->after_ff ? 7 : 8;
        int valid = bits->after_ff ? 7 : 8;
        bits->window |= (uint64_t)byte << (64 - valid - bits->count);
        bits->count += valid;
        bits->after_ff = byte == 0xFF;
    }
}

/* At least 56 bits. Eight bytes at once, unless one of them is 0xFF or follows one. */
static inline __attribute__((always_inline)) void bits_fill(struct jls_bits *bits)
{
    if (__builtin_expect(bits->end - bits->at >= 8 && !bits->after_ff, 1)) {
        uint64_t next, inverse;
        memcpy(&next, bits->at, 8);
        inverse = ~next;
        uint64_t all_ones = (inverse - UINT64_C(0x0101010101010101)) & next & UINT64_C(0x8080808080808080);
        if (__builtin_expect(all_ones == 0, 1)) {
            bits->window |= __builtin_bswap64(next) >> bits->count;
            bits->at += (63 - bits->count) >> 3;
            bits->count |= 56;
            return;
        }
    }
    bits_fill_slowly(bits);
}

static inline void bits_skip(struct jls_bits *bits, int n)
{
    bits->window <<= n;
    bits->count -= n;
}

static inline int32_t bits_take(struct jls_bits *bits, int n)
{
    int32_t value = (int32_t)(bits->window >> 1 >> (63 - n));
    bits_skip(bits, n);
    return value;
}

bool jls_overrun(const struct jls_decoder *decoder)
{
    return decoder->bits.made_up > decoder->bits.count;
}

/* A.5.3: zeros to a one, and k bits more; after `limit` less the depth zeros, the value itself. */
static inline __attribute__((always_inline)) int32_t golomb(struct jls_decoder *decoder, struct jls_bits *bits, int k,
                                                            int limit)
{
    int most = limit - decoder->depth - 1;
    bits_fill(bits);
    int zeros = bits->window ? __builtin_clzll(bits->window) : 64;
    if (__builtin_expect(zeros < most, 1)) {
        bits_skip(bits, zeros + 1);
        if (__builtin_expect(bits->count < k, 0))
            bits_fill(bits);
        return zeros << k | bits_take(bits, k);
    }
    if (zeros > most) {
        decoder->damaged = true;
        return 0;
    }
    bits_skip(bits, zeros + 1);
    bits_fill(bits);
    return bits_take(bits, decoder->depth) + 1;
}

/* The smallest k with n << k no less than a; n is at least 1. */
static inline int golomb_parameter(int32_t n, int32_t a)
{
    int k = __builtin_clz((unsigned)n) - __builtin_clz((unsigned)a | 1);
    if (k < 0)
        return 0;
    return k + ((int64_t)n << k < a);
}

/* ---- samples ---- */

static inline int32_t median_prediction(int32_t a, int32_t b, int32_t c)
{
    int32_t low = a < b ? a : b, high = a < b ? b : a;
    return c >= high ? low : c <= low ? high : a + b - c;
}

/* A.4.5, A.8: back into the range, modulo what the difference was taken by. */
static inline uint16_t reconstruct(const struct jls_decoder *decoder, int32_t prediction, int32_t error, int32_t near)
{
    int32_t step = 2 * near + 1, most = decoder->preset.max_value, value = prediction + error * step;
    if (value < -near)
        value += decoder->range * step;
    else if (value > most + near)
        value -= decoder->range * step;
    return (uint16_t)(value < 0 ? 0 : value > most ? most : value);
}

/* A.6 */
static inline __attribute__((always_inline)) void context_update(struct jls_context *context, int32_t error,
                                                                 int32_t step, int32_t reset)
{
    int32_t b = context->b + error * step, n = context->n;
    context->a += error < 0 ? -error : error;
    if (n == reset) {
        context->a >>= 1;
        b >>= 1;
        n >>= 1;
    }
    n++;
    if (b <= -n) {
        b += n;
        context->c -= context->c > -128;
        b = b <= -n ? 1 - n : b;
    } else if (b > 0) {
        b -= n;
        context->c += context->c < 127;
        b = b > 0 ? 0 : b;
    }
    context->b = b;
    context->n = n;
}

/* A.4, A.5: one sample outside of runs. `q` is the number of its context, negative where the signs are turned round. */
static inline __attribute__((always_inline)) uint16_t
sample_decode(struct jls_decoder *decoder, struct jls_bits *bits, int q, int32_t a, int32_t b, int32_t c, int32_t near)
{
    int32_t sign = q >> 31; /* 0 or -1 */
    struct jls_context *context = &decoder->contexts[(q ^ sign) - sign];
    int32_t most = decoder->preset.max_value;
    int32_t prediction = median_prediction(a, b, c) + ((context->c ^ sign) - sign);
    prediction = prediction < 0 ? 0 : prediction > most ? most : prediction;
    int k = golomb_parameter(context->n, context->a);
    int32_t mapped = golomb(decoder, bits, k, decoder->limit);
    int32_t error = (mapped >> 1) ^ -(mapped & 1);
    if (near == 0 && k == 0 && 2 * context->b <= -context->n) /* A.5.2 */
        error = ~error;
    if (__builtin_expect(error > ERROR_MAX || error < -ERROR_MAX, 0)) {
        decoder->damaged = true;
        return 0;
    }
    context_update(context, error, 2 * near + 1, decoder->preset.reset);
    return reconstruct(decoder, prediction, (error ^ sign) - sign, near);
}

/* Number of the context, -364 to 364 (A.3). */
static inline int context_of(const int8_t *gradients, int32_t a, int32_t b, int32_t c, int32_t d)
{
    return 81 * gradients[d - b] + 9 * gradients[b - c] + gradients[c - a];
}

/* ---- runs ---- */

static const uint8_t run_orders[32] = { 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,  2,  3,  3,  3,  3,
                                        4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

/* A.7.1: how many samples, at most `left`, are as the one before. */
static int64_t run_length(struct jls_decoder *decoder, struct jls_bits *bits, int *index, int64_t left)
{
    int64_t length = 0;
    for (;;) {
        bits_fill(bits);
        if (!bits_take(bits, 1))
            break;
        int64_t part = INT64_C(1) << run_orders[*index];
        if (part > left - length)
            return left;
        length += part;
        *index += *index < 31;
        if (length == left)
            return left;
    }
    length += bits_take(bits, run_orders[*index]);
    if (length >= left) { /* what interrupts a run is a sample of this line */
        decoder->damaged = true;
        return left;
    }
    return length;
}

/* A.7.2: the sample that ends a run. */
static uint16_t run_interruption(struct jls_decoder *decoder, struct jls_bits *bits, int order, int32_t a, int32_t b,
                                 bool alike, int32_t near)
{
    struct jls_run_context *context = &decoder->runs[alike];
    int k = golomb_parameter(context->n, context->a + (alike ? context->n >> 1 : 0));
    int32_t mapped = golomb(decoder, bits, k, decoder->limit - order - 1);
    int32_t doubled = mapped + alike, odd = doubled & 1, error = (doubled + odd) / 2;
    if ((k != 0 || 2 * context->negative >= context->n) == (odd != 0))
        error = -error;
    if (error > ERROR_MAX || error < -ERROR_MAX) {
        decoder->damaged = true;
        return 0;
    }
    context->negative += error < 0;
    context->a += (mapped + 1 - alike) >> 1;
    if (context->n == decoder->preset.reset) {
        context->a >>= 1;
        context->n >>= 1;
        context->negative >>= 1;
    }
    context->n++;
    if (!alike && a > b)
        error = -error;
    return reconstruct(decoder, alike ? a : b, error, near);
}

/* ---- lines ---- */

static inline __attribute__((always_inline)) void line_decode(struct jls_decoder *decoder, int *run_index,
                                                              uint16_t *line, const uint16_t *above, int64_t columns,
                                                              int32_t near)
{
    struct jls_bits bits = decoder->bits;
    const int8_t *gradients = decoder->gradients;
    int32_t a = line[-1], b = above[0], c = above[-1];
    for (int64_t x = 0; x < columns && !decoder->damaged;) {
        int32_t d = above[x + 1];
        int q = context_of(gradients, a, b, c, d);
        if (q != 0) {
            a = line[x] = sample_decode(decoder, &bits, q, a, b, c, near);
            c = b;
            b = d;
            x++;
            continue;
        }
        int64_t length = run_length(decoder, &bits, run_index, columns - x);
        for (int64_t i = 0; i < length; i++)
            line[x + i] = (uint16_t)a;
        x += length;
        if (x == columns)
            break;
        b = above[x];
        int32_t apart = a < b ? b - a : a - b;
        line[x] = run_interruption(decoder, &bits, run_orders[*run_index], a, b, apart <= near, near);
        *run_index -= *run_index > 0;
        a = line[x];
        c = b;
        x++;
        b = above[x];
    }
    decoder->bits = bits;
}

void jls_line(struct jls_decoder *decoder, int component, uint16_t *line, const uint16_t *above, int64_t columns)
{
    int *run_index = &decoder->run_index[component];
    if (decoder->scan.near == 0)
        line_decode(decoder, run_index, line, above, columns, 0);
    else
        line_decode(decoder, run_index, line, above, columns, decoder->scan.near);
}

/* A run where all components are alike; its length is that of all, and what ends it is coded as of the first kind in
 * each. */
static int64_t run_of_samples(struct jls_decoder *decoder, uint16_t *const *lines, uint16_t *const *above, int64_t x,
                              int64_t columns)
{
    int count = decoder->scan.count, *run_index = &decoder->run_index[0];
    int64_t length = run_length(decoder, &decoder->bits, run_index, columns - x);
    for (int i = 0; i < count; i++)
        for (int64_t k = 0; k < length; k++)
            lines[i][x + k] = lines[i][x - 1];
    x += length;
    if (x == columns)
        return x;
    for (int i = 0; i < count; i++)
        lines[i][x] = run_interruption(decoder, &decoder->bits, run_orders[*run_index], lines[i][x - 1], above[i][x],
                                       false, decoder->scan.near);
    *run_index -= *run_index > 0;
    return x + 1;
}

void jls_line_of_samples(struct jls_decoder *decoder, uint16_t *const *lines, uint16_t *const *above, int64_t columns)
{
    const int8_t *gradients = decoder->gradients;
    for (int64_t x = 0; x < columns && !decoder->damaged;) {
        int q[JLS_COMPONENTS_MAX], any = 0;
        for (int i = 0; i < decoder->scan.count; i++) {
            q[i] = context_of(gradients, lines[i][x - 1], above[i][x], above[i][x - 1], above[i][x + 1]);
            any |= q[i];
        }
        if (!any) {
            x = run_of_samples(decoder, lines, above, x, columns);
            continue;
        }
        for (int i = 0; i < decoder->scan.count; i++)
            lines[i][x] = sample_decode(decoder, &decoder->bits, q[i], lines[i][x - 1], above[i][x], above[i][x - 1],
                                        decoder->scan.near);
        x++;
    }
}

/* ---- parameters ---- */

static int32_t clamp(int32_t value, int32_t low, int32_t max_value)
{
    return value > max_value || value < low ? low : value;
}

/* C.2.4.1.1.1 */
static void thresholds_default(struct jls_preset *preset, int32_t near)
{
    int32_t most = preset->max_value, t1, t2, t3;
    if (most >= 128) {
        int32_t factor = ((most < 4095 ? most : 4095) + 128) / 256;
        t1 = factor + 2 + 3 * near;
        t2 = factor * 4 + 3 + 5 * near;
        t3 = factor * 17 + 4 + 7 * near;
    } else {
        int32_t factor = 256 / (most + 1);
        t1 = 3 / factor + 3 * near;
        t2 = 7 / factor + 5 * near;
        t3 = 21 / factor + 7 * near;
        t1 = t1 < 2 ? 2 : t1;
        t2 = t2 < 3 ? 3 : t2;
        t3 = t3 < 4 ? 4 : t3;
    }
    preset->t1 = preset->t1 ? preset->t1 : clamp(t1, near + 1, most);
    preset->t2 = preset->t2 ? preset->t2 : clamp(t2, preset->t1, most);
    preset->t3 = preset->t3 ? preset->t3 : clamp(t3, preset->t2, most);
}

static int bits_for(int32_t values)
{
    int bits = 0;
    while (INT32_C(1) << bits < values)
        bits++;
    return bits;
}

bool jls_prepare(struct jls_decoder *decoder, const struct jls_frame *frame)
{
    int32_t near = decoder->scan.near, whole = (1 << frame->precision) - 1;
    struct jls_preset preset = frame->preset;
    preset.max_value = preset.max_value ? preset.max_value : whole;
    preset.reset = preset.reset ? preset.reset : 64;
    if (preset.max_value < 1 || preset.max_value > whole || near > 255 || near > preset.max_value / 2)
        return false;
    thresholds_default(&preset, near);
    if (preset.t1 < near + 1 || preset.t2 < preset.t1 || preset.t3 < preset.t2 || preset.t3 > preset.max_value ||
        preset.reset < 3)
        return false;
    decoder->preset = preset;
    decoder->range = (preset.max_value + 2 * near) / (2 * near + 1) + 1;
    decoder->depth = bits_for(decoder->range);
    int deep = bits_for(preset.max_value + 1);
    deep = deep < 2 ? 2 : deep;
    decoder->limit = 2 * (deep + (deep > 8 ? deep : 8));
    /* Differences from the largest down, each step over the middle of the one before. */
    const int32_t bounds[5] = { preset.max_value, preset.t3 - 1, preset.t2 - 1, preset.t1 - 1, near };
    for (int i = 0; i < 5; i++) {
        memset(decoder->gradients, 4 - i, (size_t)bounds[i] + 1);
        memset(decoder->gradients - bounds[i], i - 4, (size_t)bounds[i]);
    }
    return true;
}

void jls_reset(struct jls_decoder *decoder)
{
    int32_t a = (decoder->range + 32) / 64;
    a = a < 2 ? 2 : a;
    for (int i = 0; i < JLS_CONTEXTS; i++)
        decoder->contexts[i] = (struct jls_context){ .a = a, .n = 1 };
    for (int i = 0; i < 2; i++)
        decoder->runs[i] = (struct jls_run_context){ .a = a, .n = 1 };
    memset(decoder->run_index, 0, sizeof(decoder->run_index));
}
