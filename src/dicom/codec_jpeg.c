/* codec_jpeg.c - JPEG (PS3.5 8.2.1): the frame header, not the transfer syntax, says which decoder it takes and how
 * deep its samples are. */
#include "dicom/jpeg.h"

/* What the three components of a picture are. The stream's own word counts before the file's (PS3.5 8.2.1: its
 * characteristics are those inside the stream); the first row that fits decides. It is what libjpeg (jdapimin.c) and
 * dcm4che do; docs/conformance.md has the table too.
 *
 *   1  lossless process                    as labelled    no transform belongs to it
 *   2  JFIF marker                         YCbCr          ITU-T T.871 6.1
 *   3  Adobe marker                        RGB where its transform is 0, else YCbCr
 *   4  component ids 'R' 'G' 'B'           RGB            as libjpeg and DCMTK write it
 *   5  chrominance subsampled              YCbCr          nobody subsamples green and blue
 *   6  component ids 1 2 3                 YCbCr          those of JFIF (T.871 6.2)
 *   7  none of these                       as labelled
 */
static bool has_ids(const struct jpeg_image *image, int a, int b, int c)
{
    return image->components[0].id == a && image->components[1].id == b && image->components[2].id == c;
}

static bool is_subsampled_inside(const struct jpeg_image *image)
{
    const struct jpeg_component *first = &image->components[0], *second = &image->components[1];
    return first->h * first->v > second->h * second->v;
}

static enum photometric colour_of(const struct pixel_format *format, const struct jpeg_image *image)
{
    enum photometric label = format->photometric == YBR_FULL_422 ? YBR_FULL : format->photometric;
    if (image->count != 3 || image->process == JPEG_LOSSLESS)
        return label;
    if (image->has_jfif)
        return YBR_FULL;
    if (image->has_adobe)
        return image->adobe_transform == 0 ? RGB : YBR_FULL;
    if (has_ids(image, 'R', 'G', 'B'))
        return RGB;
    return is_subsampled_inside(image) || has_ids(image, 1, 2, 3) ? YBR_FULL : label;
}

bool jpeg_decode(const struct pixel_format *format, struct str encoded, void *out, struct decoded_format *decoded,
                 struct error *error)
{
    struct jpeg_image image;
    if (!jpeg_header(encoded, &image, error))
        return false;
    if (!codestream_matches(format, "JPEG", image.columns, image.rows, image.count, image.precision, error))
        return false;
    if (image.frame_marker > 0xC3)
        return error_set(error, E_UNSUPPORTED_TYPE, "%s JPEG (SOF%d) is not decoded",
                         image.frame_marker < 0xC8 ? "hierarchical" : "arithmetic-coded", image.frame_marker & 15);
    bool turbo = image.process != JPEG_LOSSLESS && image.precision == 8;
    if (!(turbo ? jpeg_turbo_decode : jpeg_own_decode)(format, encoded, out, decoded, error))
        return false;
    decoded->photometric = colour_of(format, &image);
    codestream_samples(format, image.precision, false, decoded);
    return true;
}
