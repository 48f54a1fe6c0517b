/* codec_jpeg2000.c - JPEG 2000 (ISO 15444-1) and high-throughput JPEG 2000 (-15), through OpenJPEG.
 *
 * The image and tile sizes (marker SIZ, A.5.1) are read here first: the library allocates by them.
 */
#include "dicom/jpeg2000_parts.h"

#include <openjpeg.h>

enum { SIZ_BYTES = 42 };

struct source {
    struct str bytes;
    ptrdiff_t at;
    char message[200]; /* the library's first complaint */
};

static OPJ_SIZE_T source_read(void *into, OPJ_SIZE_T room, void *context)
{
    struct source *source = context;
    size_t left = (size_t)(source->bytes.len - source->at), n = room < left ? room : left;
    if (n == 0)
        return (OPJ_SIZE_T)-1;
    memcpy(into, source->bytes.at + source->at, n);
    source->at += (ptrdiff_t)n;
    return n;
}

static OPJ_OFF_T source_skip(OPJ_OFF_T n, void *context)
{
    struct source *source = context;
    if (n < 0 || n > source->bytes.len - source->at)
        return -1;
    source->at += (ptrdiff_t)n;
    return n;
}

static OPJ_BOOL source_seek(OPJ_OFF_T to, void *context)
{
    struct source *source = context;
    if (to < 0 || to > source->bytes.len)
        return OPJ_FALSE;
    source->at = (ptrdiff_t)to;
    return OPJ_TRUE;
}

static void complained(const char *message, void *context)
{
    struct source *source = context;
    if (source->message[0])
        return;
    snprintf(source->message, sizeof(source->message), "%s", message);
    source->message[strcspn(source->message, "\r\n")] = '\0';
}

static void ignored(const char *message, void *context)
{
    (void)message, (void)context;
}

static bool is_jp2(struct str encoded)
{
    return str_starts(encoded, S("\0\0\0\014jP  \r\n\207\n"));
}

/* The codestream's sizes; in a JP2 file, those of the first codestream in it. */
static bool sizes_check(const struct pixel_format *format, struct str encoded, int *tile_count, struct error *error)
{
    ptrdiff_t at = is_jp2(encoded) ? str_find(encoded, S("\377\117\377\121")) : 0;
    struct str siz = str_slice(encoded, at < 0 ? encoded.len : at, encoded.len);
    if (siz.len < SIZ_BYTES || !str_starts(siz, S("\377\117\377\121")))
        return error_set(error, E_INVALID, "the frame does not begin as JPEG 2000 does");
    int64_t x1 = dicom_u32(siz.at + 8, true), y1 = dicom_u32(siz.at + 12, true);
    int64_t x0 = dicom_u32(siz.at + 16, true), y0 = dicom_u32(siz.at + 20, true);
    int64_t tile_x = dicom_u32(siz.at + 24, true), tile_y = dicom_u32(siz.at + 28, true);
    int64_t tile_x0 = dicom_u32(siz.at + 32, true), tile_y0 = dicom_u32(siz.at + 36, true);
    int count = dicom_u16(siz.at + 40, true);
    if (count < 1 || count > 4 || siz.len < SIZ_BYTES + 3 * count)
        return error_set(error, E_INVALID, "the JPEG 2000 frame has %d components", count);
    int bits = 0;
    for (int i = 0; i < count; i++) {
        const unsigned char *component = (const unsigned char *)siz.at + SIZ_BYTES + 3 * i;
        bits = (component[0] & 0x7F) + 1 > bits ? (component[0] & 0x7F) + 1 : bits;
        if (component[1] != 1 || component[2] != 1)
            return error_set(error, E_UNSUPPORTED_TYPE, "JPEG 2000 with subsampled components is not decoded");
    }
    if (tile_x == 0 || tile_y == 0 || tile_x0 > x0 || tile_y0 > y0)
        return error_set(error, E_INVALID, "the JPEG 2000 frame has tiles of no size");
    if (!codestream_matches(format, "JPEG 2000", x1 - x0, y1 - y0, count, bits, error))
        return false;
    int64_t tiles = ((x1 - tile_x0 + tile_x - 1) / tile_x) * ((y1 - tile_y0 + tile_y - 1) / tile_y);
    if (tiles > JPEG2000_TILES_MAX)
        return error_set(error, E_INVALID, "the JPEG 2000 frame has %lld tiles; at most %d are decoded",
                         (long long)tiles, JPEG2000_TILES_MAX);
    *tile_count = (int)tiles;
    return true;
}

/* One component into its place among the others. The library's samples are 32 bits, sign and all. */
static void component_write(const OPJ_INT32 *from, int64_t pixels, int step, int width, char *to)
{
    if (width == 1 && step == 1) {
        for (int64_t i = 0; i < pixels; i++)
            to[i] = (char)from[i];
    } else if (width == 2 && step == 1) {
        for (int64_t i = 0; i < pixels; i++)
            ((uint16_t *)to)[i] = (uint16_t)from[i];
    } else {
        for (int64_t i = 0; i < pixels; i++) {
            int64_t sample = from[i];
            memcpy(to + i * step * width, &sample, (size_t)width);
        }
    }
}

/* Does the main header's COD say that the first three components are transformed? Its segments follow SIZ, each with
 * its length. */
static bool has_component_transform(struct str encoded)
{
    enum { COD = 0xFF52, SOT = 0xFF90, TRANSFORM_AT = 8 };
    ptrdiff_t start = is_jp2(encoded) ? str_find(encoded, S("\377\117\377\121")) : 0;
    for (ptrdiff_t at = start + 2; start >= 0 && at + TRANSFORM_AT < encoded.len;) {
        int marker = dicom_u16(encoded.at + at, true);
        if (marker == COD)
            return encoded.at[at + TRANSFORM_AT] == 1;
        if (marker <= 0xFF00 || marker >= SOT)
            return false;
        at += 2 + dicom_u16(encoded.at + at + 2, true);
    }
    return false;
}

static bool image_write(const opj_image_t *image, const struct pixel_format *format, bool is_transformed, void *out,
                        struct decoded_format *decoded, struct error *error)
{
    int width = sample_bytes(format);
    if (image->numcomps != (OPJ_UINT32)format->samples)
        return error_set(error, E_INVALID, "the JPEG 2000 frame decodes to %u components", image->numcomps);
    for (int i = 0; i < format->samples; i++) {
        const opj_image_comp_t *component = &image->comps[i];
        if (component->w != (OPJ_UINT32)format->columns || component->h != (OPJ_UINT32)format->rows || !component->data)
            return error_set(error, E_INVALID, "component %d of the JPEG 2000 frame was not decoded", i + 1);
        component_write(component->data, format->rows * format->columns, format->samples, width,
                        (char *)out + (ptrdiff_t)i * width);
    }
    codestream_samples(format, (int)image->comps[0].prec, image->comps[0].sgnd, decoded);
    /* The library has undone the component transform that these names stand for (PS3.3 C.7.6.3.1.2), and undoes it
     * whatever the name is: what the codestream says it did counts (ISO 15444-1 A.6.1). */
    if (decoded->photometric == YBR_RCT || decoded->photometric == YBR_ICT || is_transformed)
        decoded->photometric = RGB;
    return true;
}

static opj_stream_t *stream_of(struct source *source)
{
    opj_stream_t *stream = opj_stream_create(64 * 1024, OPJ_TRUE);
    if (!stream)
        abort();
    opj_stream_set_user_data(stream, source, NULL);
    opj_stream_set_user_data_length(stream, (OPJ_UINT64)source->bytes.len);
    opj_stream_set_read_function(stream, source_read);
    opj_stream_set_skip_function(stream, source_skip);
    opj_stream_set_seek_function(stream, source_seek);
    return stream;
}

static bool decode_whole(const struct pixel_format *format, struct str encoded, void *out,
                         struct decoded_format *decoded, struct error *error)
{
    struct source source = { .bytes = encoded };
    opj_stream_t *stream = stream_of(&source);
    opj_codec_t *codec = opj_create_decompress(is_jp2(encoded) ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
    if (!codec)
        abort();
    opj_set_error_handler(codec, complained, &source);
    opj_set_warning_handler(codec, ignored, NULL);
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    /* Indices are what samples of PALETTE COLOR are: a palette in the JP2 boxes is not for us. */
    parameters.flags |= OPJ_DPARAMETERS_IGNORE_PCLR_CMAP_CDEF_FLAG;
    opj_image_t *image = NULL;
    /* Strict, as the library is unless told otherwise: a codestream that ends early is an error, not a picture with
     * holes. */
    bool ok = opj_setup_decoder(codec, &parameters) && opj_read_header(stream, codec, &image) &&
              opj_decode(codec, stream, image);
    if (!ok)
        error_set(error, E_INVALID, "the JPEG 2000 frame is damaged: %s",
                  source.message[0] ? source.message : "it cannot be decoded");
    else
        ok = image_write(image, format, format->samples == 3 && has_component_transform(encoded), out, decoded, error);
    opj_image_destroy(image);
    opj_destroy_codec(codec);
    opj_stream_destroy(stream);
    return ok;
}

/* A codestream that lacks nothing but its last marker is given one. NULL: it has it, or lacks more. */
static char *with_end_marker(struct str encoded, int tiles, struct str *out)
{
    static const char eoc[] = { '\xff', '\xd9' };
    ptrdiff_t start = is_jp2(encoded) ? str_find(encoded, S("\377\117\377\121")) : 0;
    ptrdiff_t end = jpeg2000_end_of_parts(str_slice(encoded, start, encoded.len), tiles);
    if (end < 0)
        return NULL;
    char *made = malloc((size_t)(start + end) + sizeof(eoc));
    if (!made)
        abort();
    memcpy(made, encoded.at, (size_t)(start + end));
    memcpy(made + start + end, eoc, sizeof(eoc));
    *out = (struct str){ made, start + end + (ptrdiff_t)sizeof(eoc) };
    return made;
}

bool jpeg2000_decode(const struct pixel_format *format, struct str encoded, void *out, struct decoded_format *decoded,
                     struct error *error)
{
    int tiles = 0;
    if (!sizes_check(format, encoded, &tiles, error))
        return false;
    char *ended = with_end_marker(encoded, tiles, &encoded);
    bool ok = decode_whole(format, encoded, out, decoded, error);
    free(ended);
    return ok;
}
