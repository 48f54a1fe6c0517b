/* inks.c - by the file's profile, or as ideal inks. */
#include "raster/inks.h"

#include "raster/colour_profile.h"

#include <stdlib.h>

struct inks {
    struct colour_profile *profile; /* NULL: ideal inks */
    const char *trouble;
    int bits;
    bool turned;
};

struct inks *inks_open(struct str profile, int bits, bool turned)
{
    struct inks *inks = calloc(1, sizeof(*inks));
    if (!inks)
        abort();
    inks->bits = bits;
    inks->turned = turned;
    if (profile.len)
        inks->profile = colour_profile_open(profile, bits == 16 ? PROFILE_CMYK16 : PROFILE_CMYK8, &inks->trouble);
    return inks;
}

const char *inks_trouble(const struct inks *inks)
{
    return inks->trouble;
}

static unsigned char light(unsigned ink, unsigned black, unsigned most)
{
    uint64_t whole = (uint64_t)most * most;
    return (unsigned char)(((uint64_t)(most - ink) * (most - black) * 255 + whole / 2) / whole);
}

void inks_to_rgb(const struct inks *inks, void *four, int64_t pixels, unsigned char *rgb)
{
    unsigned char *any = four;
    for (int64_t i = 0; inks->turned && i < pixels * 4 * inks->bits / 8; i++)
        any[i] = (unsigned char)~any[i];
    if (inks->profile) {
        colour_profile_apply(inks->profile, four, rgb, pixels);
        return;
    }
    const unsigned char *bytes = four;
    const uint16_t *words = four;
    for (int64_t i = 0; i < pixels; i++)
        for (int k = 0; k < 3; k++)
            rgb[3 * i + k] = inks->bits == 16 ? light(words[4 * i + k], words[4 * i + 3], 65535)
                                              : light(bytes[4 * i + k], bytes[4 * i + 3], 255);
}

void inks_close(struct inks *inks)
{
    if (!inks)
        return;
    colour_profile_close(inks->profile);
    free(inks);
}
