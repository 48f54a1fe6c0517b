/* colour_profile.h - ICC profiles (ISO 15076-1): what the colours of a file look like on a screen, which is sRGB.
 * Private to raster/, for decoder processes only.
 *
 *     colour_profiles_open();                              // once, before the sandbox closes
 *     const char *trouble;
 *     struct colour_profile *profile = colour_profile_open(bytes, PROFILE_RGB8, &trouble);
 *     if (profile)
 *         colour_profile_apply(profile, pixels, rgb, count);
 *     colour_profile_close(profile);
 *
 * By Little CMS, which is opened at run time: it comes with libvips, and decoders of frames, which do without that,
 * shall start quickly. Perceptual intent, as browsers and Pillow take it.
 */
#ifndef ROENTGEN_RASTER_COLOUR_PROFILE_H
#define ROENTGEN_RASTER_COLOUR_PROFILE_H

#include "raster/raster.h"

/* How pixels lie before. 0 is no ink. */
enum profile_pixels { PROFILE_RGB8, PROFILE_CMYK8, PROFILE_CMYK16 };

struct colour_profile;

void colour_profiles_open(void);
/* NULL: nothing is to be done, since the profile is sRGB's (*trouble is NULL), or it cannot be used: why. `bytes` are
 * copied. */
struct colour_profile *colour_profile_open(struct str bytes, enum profile_pixels pixels, const char **trouble);
/* To three bytes a pixel, of red, green and blue. PROFILE_RGB8: `from` may be `rgb`. */
void colour_profile_apply(const struct colour_profile *profile, const void *from, unsigned char *rgb, int64_t pixels);
void colour_profile_close(struct colour_profile *profile); /* takes NULL */

#endif
