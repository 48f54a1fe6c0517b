/* render.h - from the samples of a frame to a picture of it (PS3.3 C.11.1, C.11.2, C.7.6.3.1; PS3.4 annex N's
 * pipeline).
 *
 *     text_init(&out, max_bytes);
 *     if (!render(&samples, presentation, &out, &width, &height, &error)) ...     // a JPEG, PNG, WebP, or rows
 *     text_release(&out);
 *
 *   stored value -> what it stands for -> VOI LUT or window -> presentation LUT (inversion) -> 8 or 16 bits
 *   palette or YBR -> RGB -> sRGB by the file's ICC profile (C.11.15)                        -> scale -> encode
 *
 * In a decoder process samples and presentation came from elsewhere, so all of their numbers are checked here. They are
 * the caller's and only read; what is made of them (sample_meanings) refers to both. On failure `out` may hold a part.
 *
 * struct presentation holds no pointers, so that it goes to a decoder process as it is. presentation_of
 * (imaging/presentation.h) fills it from the data set and the request.
 */
#ifndef ROENTGEN_RASTER_RENDER_H
#define ROENTGEN_RASTER_RENDER_H

#include "base/text.h"
#include "dicom/codec.h"

enum { LUT_ENTRIES_MAX = 65536 };

/* A lookup table: LUT Descriptor (C.11.1.1, C.7.6.3.1.5) and data. count 0: none. */
struct lut {
    int32_t count; /* 1 to 65536 */
    int32_t first; /* stored value of entries[0]; lower ones map to it, higher ones to the last */
    int32_t bits;  /* of each entry, 8 to 16 */
    uint16_t entries[LUT_ENTRIES_MAX];
};

/* What stored values stand for where no line does: a value for each from `first` on; NaN, and beyond the ends: none.
 * count 0: no table. */
struct value_table {
    int32_t count, first;
    double values[LUT_ENTRIES_MAX];
};

enum voi_function {
    VOI_NONE, /* full range of the values */
    VOI_LINEAR,
    VOI_LINEAR_EXACT,
    VOI_SIGMOID,
    VOI_LUT,
    VOI_AS_IS, /* samples that are brightness already: in 8 bits as they are, deeper ones by the full range */
};
/* PICTURE_RAW: rows of 8 bits without gaps, grey or R, G, B; for who goes on with the pixels, never for a request. */
enum picture_format { PICTURE_JPEG, PICTURE_PNG, PICTURE_WEBP, PICTURE_RAW };

/* How a frame is shown. */
struct presentation {
    /* What its stored values stand for. */
    double slope, intercept; /* when there is neither a `world` nor a `modality` table */
    bool has_range;          /* ... which then hold for stored values of this range; others stand for nothing */
    double range_low, range_high;
    bool has_padding; /* Pixel Padding Value (and Range Limit): excluded from the full range, shown black */
    double padding_low, padding_high;

    /* Which of these are told apart, from black to white. */
    enum voi_function voi;
    int32_t voi_bits_used; /* bits of the largest entry of a VOI LUT that declares another number; 0: nothing to say */
    double center, width;  /* of the window, in what stored values stand for */
    bool invert;           /* turns black and white, colours too; MONOCHROME1 is turned by itself */

    /* How large. */
    double pixel_aspect; /* height of a pixel divided by its width: pixels are made square by enlarging one side; 1 */
    int32_t box_width, box_height; /* it fits into this box; 0: any size, both 0: its natural one */
    bool enlarge;                  /* may it grow to fill the box? */

    /* How encoded. */
    enum picture_format format;
    int32_t quality; /* 1 to 100: JPEG, WebP (100 for WebP: lossless) */
    int32_t bits;    /* 8, or 16 for PNG of one channel */

    /* Last, since only those in use go to a decoder process (decoder_protocol.h). */
    struct lut modality, voi_lut, palette[3];
    struct value_table world; /* instead of `modality` */
};

struct colour_profile;

/* Decoded samples of one frame. */
struct samples {
    const void *at;
    ptrdiff_t bytes;
    struct pixel_format format; /* rows, columns, samples, bits_allocated, kind */
    struct decoded_format decoded;
    const struct colour_profile *profile; /* what its colours look like, once they are RGB; NULL: they are sRGB */
};

/* The picture's bytes go to `out`. E_INVALID for samples that cannot be shown; E_TOO_LARGE when it exceeds out->max. */
bool render(const struct samples *samples, const struct presentation *presentation, struct text *out, int64_t *width,
            int64_t *height, struct error *error);

/* Pixels that were drawn here, of 1 or 3 channels of 8 bits, as a PNG. */
bool render_png(const uint8_t *pixels, int64_t width, int64_t height, int channels, struct text *out,
                struct error *error);

/* How the values of a frame are spread. */
struct histogram {
    double low, high; /* of what stored values stand for: the first bin begins at low, the last ends at high */
    double min, max, mean, sd;
    int64_t count; /* samples counted; padding is not */
    int64_t bins[256];
};
/* E_INVALID for samples without any value, or whose values a histogram cannot tell apart. */
bool histogram(const struct samples *samples, const struct presentation *presentation, struct histogram *out,
               struct error *error);

/* What the grey samples of a frame stand for, one by one, as pictures and histograms take them. Refers to both of its
 * arguments. Asked for many, it makes a table of what each stored value stands for. */
struct sample_meanings *sample_meanings_new(const struct samples *samples, const struct presentation *presentation,
                                            struct error *error);       /* NULL: E_INVALID */
double sample_meaning(struct sample_meanings *meanings, int64_t index); /* NaN: it is padding, or stands for nothing */
void sample_meanings_free(struct sample_meanings *meanings);            /* takes NULL */

#endif
