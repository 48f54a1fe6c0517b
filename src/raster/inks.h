/* inks.h - raster files in four inks (cyan, magenta, yellow, black) to what a screen shows. Private to raster/, for
 * decoder processes only.
 *
 *     struct inks *inks = inks_open(profile, 16, false); // profile: bytes of an ICC profile; null: there is none
 *     inks_to_rgb(inks, four, pixels, three);
 *     inks_close(inks);
 *
 * The file's own ICC profile says what its inks look like. Without one, or with one that cannot be used, ink takes
 * away light as on ideal paper: red is (1 - cyan)(1 - black), and so on. 0 is no ink. JPEG files with Adobe's marker
 * hold the opposite; libvips turns all JPEG files round, so those without the marker have to be turned back (`turned`).
 */
#ifndef ROENTGEN_RASTER_INKS_H
#define ROENTGEN_RASTER_INKS_H

#include "base/str.h"

struct inks;

/* `bits` of an ink: 8 or 16, machine order. Never NULL. */
struct inks *inks_open(struct str profile, int bits, bool turned);
/* Why the profile is not used; NULL: it is, or there is none. */
const char *inks_trouble(const struct inks *inks);
/* Pixels of four inks, which may change, to pixels of three bytes. */
void inks_to_rgb(const struct inks *inks, void *four, int64_t pixels, unsigned char *rgb);
void inks_close(struct inks *inks); /* takes NULL */

#endif
