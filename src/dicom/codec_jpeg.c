/* codec_jpeg.c - JPEG (PS3.5 8.2.1): the frame header, not the transfer syntax, says which decoder it takes and how deep its samples are. */
#include "dicom/jpeg.h"

/* PS3.5 8.2.1: colour is what Photometric Interpretation says; JFIF and Adobe markers are neither needed nor forbidden. Two things are known
 * better than that: an Adobe marker says outright whether the encoder transformed the components, and nobody subsamples green and blue. */
static enum photometric colour_of(const struct pixel_format *format, const struct jpeg_image *image)
{
    enum photometric said = format->photometric == YBR_FULL_422 ? YBR_FULL : format->photometric;
    if (image->count != 3 || image->process == JPEG_LOSSLESS)
        return said;
    bool names_rgb = image->components[0].id == 'R' && image->components[1].id == 'G' && image->components[2].id == 'B';
    bool subsampled = image->components[0].h * image->components[0].v > image->components[1].h * image->components[1].v;
    if (said == RGB && ((image->has_adobe && image->adobe_transform == 1) || subsampled))
        return YBR_FULL;
    if (said == YBR_FULL && ((image->has_adobe && image->adobe_transform == 0) || names_rgb) && !subsampled)
        return RGB;
    return said;
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
    codestream_unsigned(format, image.precision, decoded);
    return true;
}
