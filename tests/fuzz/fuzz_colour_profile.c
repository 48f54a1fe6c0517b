/* fuzz_colour_profile.c - any bytes as an ICC profile: colours of 8 bits, the same each time, or words that say why
 * there are none. The library that reads it is not instrumented. */
#include "raster/colour_profile.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses how pixels lie; the profile is the rest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { PIXELS = 64, MOST_BYTES = 8 };
    unsigned char from[PIXELS * MOST_BYTES], to[2][PIXELS * 3];
    const char *trouble = "untouched";
    if (size < 1)
        return 0;
    enum profile_pixels kind = data[0] % (PROFILE_CMYK16 + 1);
    struct str bytes = { (const char *)data + 1, (ptrdiff_t)size - 1 };
    struct colour_profile *profile = colour_profile_open(bytes, kind, &trouble);
    if (!profile) {
        assert(trouble ? strncmp(trouble, "the ICC profile is not used: ", 29) == 0 : kind == PROFILE_RGB8);
        return 0;
    }
    assert(!trouble);
    for (size_t i = 0; i < sizeof(from); i++)
        from[i] = (unsigned char)(i * 37);
    for (int i = 0; i < 2; i++)
        colour_profile_apply(profile, from, to[i], PIXELS);
    assert(memcmp(to[0], to[1], sizeof(to[0])) == 0);
    colour_profile_close(profile);
    return 0;
}
