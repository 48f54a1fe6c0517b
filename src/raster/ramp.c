/* ramp.c - a straight line between black and white, checked against the table it replaces. */
#include "raster/ramp.h"

#include <math.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

enum { SLOPE_MAX = 8192, WHITE = 255, AT_ONCE = 16 };

/* ---- AT_ONCE pixels, and more where the processor can: the same arithmetic ---- */

#ifdef __x86_64__
static __m128i shades_of_four(__m128i values, const struct ramp *ramp)
{
    __m128 y = _mm_mul_ps(_mm_cvtepi32_ps(values), _mm_set1_ps(ramp->factor));
    return _mm_cvttps_epi32(_mm_add_ps(y, _mm_set1_ps(ramp->offset)));
}

static __m128i shades_of_eight(const unsigned char *words, const struct ramp *ramp)
{
    __m128i low = _mm_set1_epi16(ramp->low), v = _mm_loadu_si128((const __m128i *)(const void *)words);
    v = _mm_xor_si128(_mm_sll_epi16(v, _mm_cvtsi32_si128(ramp->left)), _mm_set1_epi16((int16_t)ramp->flip));
    v = _mm_sra_epi16(v, _mm_cvtsi32_si128(ramp->right));
    v = _mm_sub_epi16(_mm_min_epi16(_mm_max_epi16(v, low), _mm_set1_epi16(ramp->high)), low);
    return _mm_packs_epi32(shades_of_four(_mm_unpacklo_epi16(v, _mm_setzero_si128()), ramp),
                           shades_of_four(_mm_unpackhi_epi16(v, _mm_setzero_si128()), ramp));
}

static inline void draw_some(const struct ramp *ramp, const unsigned char *words, uint8_t *out)
{
    __m128i shades = _mm_packus_epi16(shades_of_eight(words, ramp), shades_of_eight(words + 16, ramp));
    _mm_storeu_si128((__m128i *)(void *)out, shades);
}

#define WIDE __attribute__((target("avx2")))
enum { AT_ONCE_WIDE = 32 };

WIDE static inline __m256i wide_shades_of_eight(__m256i values, const struct ramp *ramp)
{
    __m256 y = _mm256_mul_ps(_mm256_cvtepi32_ps(values), _mm256_set1_ps(ramp->factor));
    return _mm256_cvttps_epi32(_mm256_add_ps(y, _mm256_set1_ps(ramp->offset)));
}

WIDE static inline __m256i wide_shades_of_sixteen(const unsigned char *words, const struct ramp *ramp)
{
    __m256i low = _mm256_set1_epi16(ramp->low), v = _mm256_loadu_si256((const __m256i *)(const void *)words);
    v = _mm256_xor_si256(_mm256_sll_epi16(v, _mm_cvtsi32_si128(ramp->left)), _mm256_set1_epi16((int16_t)ramp->flip));
    v = _mm256_sra_epi16(v, _mm_cvtsi32_si128(ramp->right));
    v = _mm256_sub_epi16(_mm256_min_epi16(_mm256_max_epi16(v, low), _mm256_set1_epi16(ramp->high)), low);
    return _mm256_packs_epi32(wide_shades_of_eight(_mm256_unpacklo_epi16(v, _mm256_setzero_si256()), ramp),
                              wide_shades_of_eight(_mm256_unpackhi_epi16(v, _mm256_setzero_si256()), ramp));
}

/* Returns how many were drawn. Packing goes by halves of 128 bits, whose quarters are put in order at the end. */
WIDE static int64_t draw_wide(const struct ramp *ramp, const unsigned char *words, uint8_t *out, int64_t count)
{
    int64_t i = 0;
    for (; i + AT_ONCE_WIDE <= count; i += AT_ONCE_WIDE) {
        __m256i shades = _mm256_packus_epi16(wide_shades_of_sixteen(words + 2 * i, ramp),
                                             wide_shades_of_sixteen(words + 2 * i + 32, ramp));
        _mm256_storeu_si256((__m256i *)(void *)(out + i), _mm256_permute4x64_epi64(shades, _MM_SHUFFLE(3, 1, 2, 0)));
    }
    return i;
}

static int64_t draw_many(const struct ramp *ramp, const unsigned char *words, uint8_t *out, int64_t count)
{
    return __builtin_cpu_supports("avx2") ? draw_wide(ramp, words, out, count) : 0;
}
#else
static int64_t draw_many(const struct ramp *ramp, const unsigned char *words, uint8_t *out, int64_t count)
{
    (void)ramp, (void)words, (void)out, (void)count;
    return 0;
}

static inline void draw_some(const struct ramp *ramp, const unsigned char *words, uint8_t *out)
{
    for (int i = 0; i < AT_ONCE; i++) {
        int value = (int16_t)(uint16_t)(sample_word(words, i) << ramp->left ^ ramp->flip) >> ramp->right;
        value = value < ramp->low ? ramp->low : value > ramp->high ? ramp->high : value;
        int shade = (int)((float)(value - ramp->low) * ramp->factor + ramp->offset);
        out[i] = (uint8_t)(shade < 0 ? 0 : shade > WHITE ? WHITE : shade);
    }
}
#endif

/* The last ones are drawn the same way, so that a value is the same shade wherever it lies. */
void ramp_draw(const struct ramp *ramp, const void *words, uint8_t *out, int64_t count)
{
    const struct ramp r = *ramp;
    const unsigned char *at = words;
    int64_t i = draw_many(&r, at, out, count);
    for (; i + AT_ONCE <= count; i += AT_ONCE)
        draw_some(&r, at + 2 * i, out + i);
    if (i < count) {
        unsigned char rest[2 * AT_ONCE] = { 0 };
        uint8_t shades[AT_ONCE];
        memcpy(rest, at + 2 * i, (size_t)(2 * (count - i)));
        draw_some(&r, rest, shades);
        memcpy(out + i, shades, (size_t)(count - i));
    }
}

/* The values between which brightness changes, with two more on each side than should be needed; kept within those
 * there are. */
static bool find_slope(double factor, double offset, int32_t least, int32_t greatest, int32_t *low, int32_t *high)
{
    double black = -offset / factor, white = (1 - offset) / factor;
    double from = fmin(black, white) - 2, to = fmax(black, white) + 2;
    if (!(to - from < SLOPE_MAX))
        return false;
    *low = (int32_t)fmin(fmax(floor(from), least), greatest);
    *high = (int32_t)fmin(fmax(ceil(to), least), greatest);
    return true;
}

/* Padding is black: so must the slope make it. It does so between two values that it makes black. */
static bool padding_is_black(const struct presentation *r, double factor, double offset)
{
    double dark = 0.25 / WHITE;
    return !r->has_padding || (r->padding_low * factor + offset < dark && r->padding_high * factor + offset < dark);
}

static bool is_exact(const struct ramp *ramp, int32_t count, const uint8_t *expected)
{
    uint16_t words[SLOPE_MAX + 8];
    uint8_t drawn[SLOPE_MAX + 8];
    for (int32_t i = 0; i < count; i++) {
        uint16_t value = (uint16_t)((uint32_t)(ramp->low + i) << ramp->right);
        words[i] = htole16((uint16_t)((value ^ ramp->flip) >> ramp->left));
    }
    ramp_draw(ramp, words, drawn, count);
    return !memcmp(drawn, expected, (size_t)count);
}

bool ramp_open(struct ramp *ramp, const struct tone *tone, const struct sample_layout *layout)
{
    /* Where a value lies on the edge between two shades, single precision may fall to the other side: a little is
     * added, or taken. */
    static const double nudges[] = { 0, 1e-4, -1e-4 };
    uint8_t expected[SLOPE_MAX + 8];
    int32_t low, high, half = (int32_t)1 << (layout->bits - 1);
    int32_t least = layout->is_signed ? -half : 0, base = layout->is_signed ? 0 : half;
    double factor, offset;
    if (layout->kind != SAMPLE_INTEGER || layout->bytes != 2 || !tone_line(tone, &factor, &offset) || factor == 0 ||
        !padding_is_black(tone->presentation, factor, offset) ||
        !find_slope(factor, offset, least, least + 2 * half - 1, &low, &high))
        return false;
    int32_t count = high - low + 1;
    tone_line_shades(factor, offset, low, count, expected);
    /* What lies beyond the ends is as they are. */
    if ((low > least && expected[0] != (factor > 0 ? 0 : WHITE)) ||
        (high < least + 2 * half - 1 && expected[count - 1] != (factor > 0 ? WHITE : 0)))
        return false;
    *ramp = (struct ramp){
        .left = 16 - layout->bits - layout->shift,
        .right = 16 - layout->bits,
        .flip = layout->is_signed ? 0 : 0x8000,
        .low = (int16_t)(low - base),
        .high = (int16_t)(high - base),
        .factor = (float)(factor * WHITE),
    };
    for (size_t i = 0; i < sizeof(nudges) / sizeof(nudges[0]); i++) {
        ramp->offset = (float)((low * factor + offset) * WHITE + 0.5 + nudges[i]);
        if (is_exact(ramp, count, expected))
            return true;
    }
    return false;
}
