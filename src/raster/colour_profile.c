/* colour_profile.c - Little CMS, found at run time. */
#include "raster/colour_profile.h"

#include "base/names.h"

#include <dlfcn.h>
#include <endian.h>
#include <pthread.h>
#include <stdlib.h>

#define LIBRARY "liblcms2.so.2"
#define NOT_USED "the ICC profile is not used: "

struct colour_profile {
    void *transform;
};

/* lcms2.h. */
static struct {
    void *(*profile_open)(const void *bytes, uint32_t len); /* cmsOpenProfileFromMem; NULL: it is none */
    uint32_t (*profile_space)(void *profile);
    int (*profile_close)(void *profile);
    void *(*srgb_new)(void);
    void *(*transform_new)(void *from, uint32_t from_format, void *to, uint32_t to_format, uint32_t intent,
                           uint32_t flags);
    void (*transform_do)(void *transform, const void *from, void *to, uint32_t pixels);
    void (*transform_free)(void *transform);
    void *srgb; /* the profile of screens; NULL: there is no library */
} lcms;

static const struct {
    const char *name;
    void *to;
} symbols[] = {
    { "cmsOpenProfileFromMem", &lcms.profile_open }, { "cmsGetColorSpace", &lcms.profile_space },
    { "cmsCloseProfile", &lcms.profile_close },      { "cmsCreate_sRGBProfile", &lcms.srgb_new },
    { "cmsCreateTransform", &lcms.transform_new },   { "cmsDoTransform", &lcms.transform_do },
    { "cmsDeleteTransform", &lcms.transform_free },
};

/* Its words for how pixels lie in memory (colour space, channels, bytes of each), and a profile's for its space; its
 * intent and flag (cmsFLAGS_NOOPTIMIZE). */
#define LAID_OUT(space, channels, bytes) ((space) << 16 | (channels) << 3 | (bytes))
enum { RGBS = 4, CMYKS = 6, INTENT_PERCEPTUAL = 0, WITHOUT_TABLES = 0x100 };
static const struct {
    uint32_t layout, space;
    const char *trouble;
} kinds[] = {
    [PROFILE_RGB8] = { LAID_OUT(RGBS, 3, 1), 0x52474220 /* RGB */, NOT_USED "it is none of RGB" },
    [PROFILE_CMYK8] = { LAID_OUT(CMYKS, 4, 1), 0x434D594B /* CMYK */, NOT_USED "it is none of CMYK" },
    [PROFILE_CMYK16] = { LAID_OUT(CMYKS, 4, 2), 0x434D594B, NOT_USED "it is none of CMYK" },
};
NAMES_REACH(kinds, PROFILE_CMYK16);

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Making a profile asks for the time, and the first who asks reads the time zone from a file: hence now. */
static void open_library(void)
{
    void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *found = handle ? dlsym(handle, symbols[i].name) : NULL;
        if (!found)
            return;
        memcpy(symbols[i].to, &found, sizeof(found)); /* ISO C has no cast between the two */
    }
    lcms.srgb = lcms.srgb_new();
}

void colour_profiles_open(void)
{
    pthread_once(&once, open_library);
}

static void *transform_to_srgb(void *from, enum profile_pixels pixels, uint32_t flags)
{
    return lcms.transform_new(from, kinds[pixels].layout, lcms.srgb, LAID_OUT(RGBS, 3, 1), INTENT_PERCEPTUAL, flags);
}

/* Is what it makes what was there? Asked for nine shades of each; for so few, tables are not worth their while. */
static bool is_srgb(void *profile)
{
    enum { SHADES = 9, ALL = SHADES * SHADES * SHADES };
    unsigned char from[3 * ALL], to[3 * ALL];
    void *transform = transform_to_srgb(profile, PROFILE_RGB8, WITHOUT_TABLES);
    if (!transform)
        return false;
    for (int i = 0; i < ALL; i++) {
        int shades[3] = { i % SHADES, i / SHADES % SHADES, i / SHADES / SHADES };
        for (int k = 0; k < 3; k++)
            from[3 * i + k] = (unsigned char)(shades[k] * 255 / (SHADES - 1));
    }
    lcms.transform_do(transform, from, to, ALL);
    lcms.transform_free(transform);
    for (int i = 0; i < 3 * ALL; i++)
        if (abs(from[i] - to[i]) > 1)
            return false;
    return true;
}

/* As long as its header says at least: the library takes less, with whatever is missing in the midst (ICC.1 7.2.2). */
static bool is_whole(struct str bytes)
{
    enum { HEADER_BYTES = 128 };
    uint32_t said;
    if (bytes.len < HEADER_BYTES)
        return false;
    memcpy(&said, bytes.at, sizeof(said));
    return (ptrdiff_t)be32toh(said) <= bytes.len;
}

/* The library's profile, of such colours; NULL: why there is none. */
static void *open_checked(struct str bytes, enum profile_pixels pixels, const char **trouble)
{
    void *profile = NULL;
    *trouble = NULL;
    colour_profiles_open();
    if (!lcms.srgb)
        *trouble = NOT_USED "Little CMS is not installed";
    else if (bytes.len > COLOUR_PROFILE_MAX)
        *trouble = NOT_USED "it is larger than 4 MiB";
    else if (!is_whole(bytes) || !(profile = lcms.profile_open(bytes.at, (uint32_t)bytes.len)))
        *trouble = NOT_USED "it is damaged";
    else if (lcms.profile_space(profile) != kinds[pixels].space)
        *trouble = kinds[pixels].trouble;
    if (!*trouble)
        return profile;
    if (profile)
        lcms.profile_close(profile);
    return NULL;
}

struct colour_profile *colour_profile_open(struct str bytes, enum profile_pixels pixels, const char **trouble)
{
    struct colour_profile *made = NULL;
    void *profile = open_checked(bytes, pixels, trouble);
    if (!profile)
        return NULL;
    if (pixels != PROFILE_RGB8 || !is_srgb(profile)) {
        made = malloc(sizeof(*made));
        if (!made)
            abort();
        made->transform = transform_to_srgb(profile, pixels, 0);
        if (!made->transform) {
            *trouble = NOT_USED "it does not lead to what screens show";
            free(made);
            made = NULL;
        }
    }
    lcms.profile_close(profile);
    return made;
}

void colour_profile_apply(const struct colour_profile *profile, const void *from, unsigned char *rgb, int64_t pixels)
{
    lcms.transform_do(profile->transform, from, rgb, (uint32_t)pixels);
}

void colour_profile_close(struct colour_profile *profile)
{
    if (!profile)
        return;
    lcms.transform_free(profile->transform);
    free(profile);
}
