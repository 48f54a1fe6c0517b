/* lut.c - lookup tables: the LUT Descriptor's rules (PS3.3 C.11.1.1.1, C.11.2.1.1, C.7.6.3.1.5). */
#include "raster/tone.h"

bool lut_check(const struct lut *lut, const char *name, struct error *error)
{
    if (lut->count < 0 || lut->count > LUT_ENTRIES_MAX)
        return error_set(error, E_INVALID, "the %s has %d entries; 1 to %d are possible", name, lut->count,
                         LUT_ENTRIES_MAX);
    if (lut->count && (lut->bits < 1 || lut->bits > 16))
        return error_set(error, E_INVALID, "the %s has entries of %d bits; 8 to 16 are possible", name, lut->bits);
    return true;
}

/* `value` is no whole number after a rescale with a fraction: the nearest entry counts. */
uint16_t lut_entry(const struct lut *lut, double value)
{
    double index = value - lut->first + 0.5;
    if (!(index >= 1)) /* also not-a-number */
        return lut->entries[0];
    return lut->entries[index >= lut->count ? lut->count - 1 : (int32_t)index];
}

double lut_brightness(const struct lut *lut, double value)
{
    int white = (1 << lut->bits) - 1, entry = lut_entry(lut, value);
    return entry >= white ? 1 : (double)entry / white;
}
