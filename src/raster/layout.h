/* layout.h - how the decoded samples of a frame lie in memory, and the ways to read one. Private to raster/.
 *
 *     struct sample_layout layout;
 *     if (!sample_layout_of(&samples, &layout, &error)) ...
 *     double stored = sample_read(&layout, samples.at, y * layout.width + x);
 *
 *   16 bits allocated, 12 stored, high bit 11      garbage | s v v v v v v v v v v v      (s: sign, when signed)
 *
 * Only bits_stored bits count; what is above is garbage, and what is below (high bit 15) is shifted out. Never trusts
 * the sizes it is told: sample_layout_of checks that the bytes are there (E_INVALID), and the readers, which check
 * nothing, are for indices inside them.
 */
#ifndef ROENTGEN_RASTER_LAYOUT_H
#define ROENTGEN_RASTER_LAYOUT_H

#include "raster/render.h"

#include <endian.h>

struct sample_layout {
    int64_t width, height;
    int samples; /* per pixel */
    int bytes;   /* per sample: 1, 2, 4, 8 */
    int bits;    /* stored, 1 to 64 */
    int shift;   /* to bring the lowest stored bit to bit 0 */
    bool is_signed;
    enum sample_kind kind;
    enum photometric photometric;
    bool subsampled; /* native YBR_FULL_422: Y1 Y2 Cb Cr for two pixels */
};

/* E_INVALID for what contradicts itself, or for fewer bytes than it takes. */
bool sample_layout_of(const struct samples *samples, struct sample_layout *out, struct error *error);
/* The stored bits of a sample as they lie, moved down to bit 0. `index` counts samples. */
uint64_t sample_bits(const struct sample_layout *layout, const void *at, int64_t index);
/* The number those bits stand for. */
double sample_number(const struct sample_layout *layout, uint64_t bits);
double sample_read(const struct sample_layout *layout, const void *at, int64_t index);
/* The 16-bit word `index`, whole. */
static inline uint32_t sample_word(const void *at, int64_t index)
{
    uint16_t word;
    memcpy(&word, (const unsigned char *)at + 2 * index, sizeof(word));
    return le16toh(word);
}
/* Four of them from word `index` on, the first in the lowest bits. */
static inline uint64_t sample_words(const void *at, int64_t index)
{
    uint64_t words;
    memcpy(&words, (const unsigned char *)at + 2 * index, sizeof(words));
    return le64toh(words);
}
/* Integers that a table of all values can translate: up to 16 bits. */
bool sample_fits_table(const struct sample_layout *layout);
/* ... and there are so many pixels that making it costs less than doing without. */
bool sample_table_pays(const struct sample_layout *layout);

#endif
