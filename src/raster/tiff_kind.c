/* tiff_kind.c - which TIFF files are shown: TIFF 6.0 and its supplements, as far as libvips decodes them rightly.
 *
 * What is not shown is refused by its name. Shown as something else its pixels would be others, and given to a decoder
 * that cannot read it an intact file would be called damaged.
 */
#include "raster/raster_header.h"

#include <inttypes.h>

enum {
    NO_COMPRESSION = 1,
    OLD_JPEG = 6,
    JPEG = 7,
    RGB_COLOURS = 2,
    PALETTE = 3,
    SEPARATED = 5,
    YCBCR = 6,
    FORMAT_UNSIGNED = 1,
    FORMAT_SIGNED = 2,
    FORMAT_FLOAT = 3,
    FORMAT_COMPLEX_INTEGER = 5,
    FORMAT_COMPLEX = 6,
    INKS_NOT_CMYK = 2,
};

/* Of libtiff as distributions build it. */
static const int compressions[] = {
    NO_COMPRESSION,
    2,        /* CCITT modified Huffman */
    3,        /* CCITT group 3 */
    4,        /* CCITT group 4 */
    5,        /* LZW */
    OLD_JPEG, /* JPEG of TIFF 6.0 */
    JPEG,     /* JPEG of Technical Note 2 */
    8,        /* Deflate */
    32771,    /* CCITT RLE, words */
    32773,    /* PackBits */
    32946,    /* Deflate, as it was numbered before */
    34925,    /* LZMA */
    50000,    /* Zstandard */
    50001,    /* WebP */
};

/* TIFF 6.0 sections 8, 22, 23; TIFF/EP (CFA), DNG (linear raw), SGI (logarithmic). */
static const struct {
    int number;
    const char *name; /* NULL: it is shown */
} photometrics[] = {
    { 0, NULL },
    { 1, NULL },
    { RGB_COLOURS, NULL },
    { PALETTE, NULL },
    { 4, NULL },
    { SEPARATED, NULL },
    { YCBCR, NULL },
    { 8, "CIE L*a*b*" },
    { 9, "CIE L*a*b* (ICC)" },
    { 10, "CIE L*a*b* (ITU)" },
    { 32803, "those of a camera's colour filter array (CFA)" },
    { 32844, "logarithmic (LogL)" },
    { 32845, "logarithmic (LogLuv)" },
    { 34892, "those of a camera's sensor (linear raw)" },
};

static bool not_shown(const struct header *h, const char *what, int64_t number)
{
    return error_set(h->error, E_UNSUPPORTED_TYPE, "TIFF files of %s %" PRId64 " are not taken", what, number);
}

static bool compression_is_read(const struct header *h, int64_t compression)
{
    for (size_t i = 0; i < sizeof(compressions) / sizeof(compressions[0]); i++)
        if (compressions[i] == compression)
            return true;
    return not_shown(h, "compression", compression);
}

static bool colours_are_shown(const struct header *h, const struct tiff_kind *kind)
{
    if (kind->photometric == YCBCR && kind->compression != JPEG && kind->compression != OLD_JPEG)
        return error_set(h->error, E_UNSUPPORTED_TYPE,
                         "TIFF files whose colours are YCbCr are taken only with JPEG compression: save it in RGB");
    if (kind->photometric == SEPARATED && (kind->ink_set == INKS_NOT_CMYK || kind->samples < 4))
        return error_set(h->error, E_UNSUPPORTED_TYPE,
                         "TIFF files of inks that are not CMYK (InkSet 2) are not taken: save it in RGB");
    if (kind->photometric == PALETTE && !kind->has_map)
        return error_set(h->error, E_INVALID, "the colours of the TIFF file are of a palette, and it has no ColorMap");
    for (size_t i = 0; i < sizeof(photometrics) / sizeof(photometrics[0]); i++)
        if (photometrics[i].number == kind->photometric)
            return !photometrics[i].name ||
                   error_set(h->error, E_UNSUPPORTED_TYPE,
                             "TIFF files whose colours are %s are not taken: save it in RGB", photometrics[i].name);
    return not_shown(h, "photometric interpretation", kind->photometric);
}

static bool depth_is_shown(const struct header *h, const struct tiff_kind *kind)
{
    int64_t bits = kind->bits, format = kind->sample_format;
    bool is_small = bits == 1 || bits == 2 || bits == 4, is_whole = bits == 8 || bits == 16 || bits == 32;
    if (format == FORMAT_COMPLEX || format == FORMAT_COMPLEX_INTEGER)
        return error_set(h->error, E_UNSUPPORTED_TYPE, "TIFF files of complex numbers are not taken");
    if (format == FORMAT_FLOAT && bits != 32)
        return error_set(h->error, E_UNSUPPORTED_TYPE,
                         "TIFF files of %" PRId64 "-bit floating point numbers are not taken", bits);
    if (format < FORMAT_UNSIGNED || format > FORMAT_COMPLEX)
        return not_shown(h, "sample format", format);
    if (format != FORMAT_FLOAT && !is_whole && !(is_small && kind->samples == 1))
        return error_set(h->error, E_UNSUPPORTED_TYPE,
                         "TIFF files of %" PRId64 " bits a sample are not taken: save it with 8 or 16", bits);
    if (format == FORMAT_SIGNED && kind->photometric != 0 && kind->photometric != 1)
        return error_set(h->error, E_UNSUPPORTED_TYPE,
                         "TIFF files whose colours are signed numbers are not taken: save it with unsigned ones");
    if (kind->photometric == SEPARATED && (bits > 16 || format == FORMAT_FLOAT))
        return error_set(h->error, E_UNSUPPORTED_TYPE,
                         "TIFF files of inks of %" PRId64 " bits are not taken: save it with 8 or 16", bits);
    if (kind->alpha && (bits > 16 || format != FORMAT_UNSIGNED)) /* what is opaque is then not told everywhere alike */
        return error_set(h->error, E_UNSUPPORTED_TYPE,
                         "TIFF files with transparency are taken with 8 or 16 bits a sample, unsigned: save it so, or "
                         "without transparency");
    if (kind->photometric == PALETTE && bits > 8)
        return error_set(h->error, E_UNSUPPORTED_TYPE, "TIFF files whose palette is of %" PRId64 " bits are not taken",
                         bits);
    return true;
}

/* Of planes libvips reads those of colours, in strips; others it mixes up, or calls damaged. */
static bool planes_are_read(const struct header *h, const struct tiff_kind *kind)
{
    if (!kind->is_planar || (!kind->is_tiled && kind->colours >= 3))
        return true;
    return error_set(
        h->error, E_UNSUPPORTED_TYPE,
        "TIFF files with a plane for each sample (PlanarConfiguration 2) are taken in colour and in strips "
        "only: save it with the samples of a pixel together");
}

bool tiff_kind_is_shown(const struct header *h, const struct tiff_kind *kind)
{
    return compression_is_read(h, kind->compression) && colours_are_shown(h, kind) && depth_is_shown(h, kind) &&
           planes_are_read(h, kind);
}
