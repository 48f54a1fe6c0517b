/* jpeg_idct.c - coefficients of 8 x 8 blocks to samples of more than 8 bits: dequantization, inverse DCT, level shift
 * (T.81 A.3.3, A.3.1).
 *
 * The transform is that of Loeffler, Ligtenberg and Moschytz (ICASSP 1989), 11 multiplications in each of 8 rows and 8
 * columns, in integers with 13 bits of fraction; between the two passes one bit is kept, so that 12-bit samples fit 32
 * bits. Arithmetic wraps: what damaged data makes is of no meaning, but never undefined.
 */
#include "dicom/jpeg.h"

enum { FRACTION = 13, KEPT = 1 };
#define FIXED(x) ((uint32_t)((x) * (1 << FRACTION) + 0.5))

/* Four even and four odd inputs to the sums and differences that make the eight outputs. `shift` rounds them down. */
static inline void transform(const uint32_t in[8], int32_t *out, ptrdiff_t step, int shift)
{
    /* Even part: a rotation of 2 and 6, and a butterfly of 0 and 4. */
    uint32_t turn = (in[2] + in[6]) * FIXED(0.541196100);
    uint32_t e2 = turn - in[6] * FIXED(1.847759065), e3 = turn + in[2] * FIXED(0.765366865);
    uint32_t e0 = (in[0] + in[4]) << FRACTION, e1 = (in[0] - in[4]) << FRACTION;
    uint32_t even[4] = { e0 + e3, e1 + e2, e1 - e2, e0 - e3 };

    /* Odd part. */
    uint32_t z5 = (in[7] + in[3] + in[5] + in[1]) * FIXED(1.175875602);
    uint32_t z1 = (in[7] + in[1]) * FIXED(0.899976223), z2 = (in[5] + in[3]) * FIXED(2.562915447);
    uint32_t z3 = z5 - (in[7] + in[3]) * FIXED(1.961570560), z4 = z5 - (in[5] + in[1]) * FIXED(0.390180644);
    uint32_t odd[4] = {
        in[1] * FIXED(1.501321110) - z1 + z4,
        in[3] * FIXED(3.072711026) - z2 + z3,
        in[5] * FIXED(2.053119869) - z2 + z4,
        in[7] * FIXED(0.298631336) - z1 + z3,
    };
    uint32_t half = UINT32_C(1) << (shift - 1);
    for (int i = 0; i < 4; i++) {
        out[i * step] = (int32_t)(even[i] + odd[i] + half) >> shift;
        out[(7 - i) * step] = (int32_t)(even[i] - odd[i] + half) >> shift;
    }
}

static void columns_transform(const int16_t *block, const uint16_t quantization[64], int32_t *middle)
{
    for (int x = 0; x < 8; x++) {
        uint32_t in[8];
        int others = 0;
        for (int y = 0; y < 8; y++)
            in[y] = (uint32_t)(block[y * 8 + x] * (int32_t)quantization[y * 8 + x]);
        for (int y = 1; y < 8; y++)
            others |= block[y * 8 + x];
        if (others) {
            transform(in, middle + x, 8, FRACTION - KEPT);
            continue;
        }
        for (int y = 0; y < 8; y++)
            middle[y * 8 + x] = (int32_t)(in[0] << KEPT);
    }
}

static void block_samples(const int16_t *block, const uint16_t quantization[64], int precision, uint16_t *samples,
                          int64_t stride)
{
    int32_t middle[64], row[8], most = (1 << precision) - 1, level = 1 << (precision - 1);
    columns_transform(block, quantization, middle);
    for (int y = 0; y < 8; y++) {
        uint32_t in[8];
        for (int x = 0; x < 8; x++)
            in[x] = (uint32_t)middle[y * 8 + x];
        transform(in, row, 1, FRACTION + KEPT + 3);
        for (int x = 0; x < 8; x++) {
            int32_t value = row[x] + level;
            samples[y * stride + x] = (uint16_t)(value < 0 ? 0 : value > most ? most : value);
        }
    }
}

void jpeg_dct_row(const struct jpeg_component *component, const uint16_t quantization[64], int precision, int64_t row,
                  uint16_t *samples)
{
    const int16_t *blocks = component->coefficients + row * component->padded_x * 64;
    for (int64_t x = 0; x < component->padded_x; x++)
        block_samples(blocks + x * 64, quantization, precision, samples + x * 8, component->padded_x * 8);
}
