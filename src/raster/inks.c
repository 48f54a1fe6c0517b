/* inks.c - by the file's profile (Little CMS), or as ideal inks. */
#include "raster/inks.h"

struct inks {
    const struct vips *vips;
    void *transform; /* NULL: ideal inks */
    int bits;
    bool turned;
};

/* Little CMS' words for how pixels lie in memory (lcms2.h: colour space, channels, bytes of each), its colour space of
 * inks, its intent. */
enum { CMYK_BYTES = 6 << 16 | 4 << 3 | 1, CMYK_WORDS = 6 << 16 | 4 << 3 | 2, RGB_BYTES = 4 << 16 | 3 << 3 | 1 };
enum { SPACE_CMYK = 0x434D594B, INTENT_PERCEPTUAL = 0, PROFILE_MAX = 16 << 20 };

static void *open_transform(const struct vips *vips, struct str profile, int bits)
{
    if (!profile.at || profile.len < 128 || profile.len > PROFILE_MAX)
        return NULL;
    void *from = vips->profile_open(profile.at, (uint32_t)profile.len), *made = NULL;
    if (from && vips->profile_space(from) == SPACE_CMYK)
        made = vips->transform_new(from, bits == 16 ? CMYK_WORDS : CMYK_BYTES, vips->srgb, RGB_BYTES, INTENT_PERCEPTUAL,
                                   0);
    if (from)
        vips->profile_close(from);
    return made;
}

struct inks *inks_open(const struct vips *vips, struct str profile, int bits, bool turned)
{
    struct inks *inks = calloc(1, sizeof(*inks));
    if (!inks)
        abort();
    inks->vips = vips;
    inks->bits = bits;
    inks->turned = turned;
    inks->transform = open_transform(vips, profile, bits);
    return inks;
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
    if (inks->transform) {
        inks->vips->transform_do(inks->transform, four, rgb, (uint32_t)pixels);
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
    if (inks->transform)
        inks->vips->transform_free(inks->transform);
    free(inks);
}
