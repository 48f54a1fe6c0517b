/* codec_jpegls.c - JPEG-LS (ISO 14495-1), lossless and near-lossless, through CharLS. */
#include "dicom/codec_faces.h"

#include <charls/charls.h>

static bool failed(const char *what, charls_jpegls_errc code, struct error *error)
{
    return error_set(error, E_INVALID, "the JPEG-LS frame %s: %s", what, charls_get_error_message(code));
}

struct jls {
    charls_jpegls_decoder *decoder;
    charls_frame_info info;
    charls_interleave_mode interleave;
};

static bool header_read(struct jls *jls, const struct pixel_format *format, struct str encoded, struct error *error)
{
    charls_jpegls_errc code = charls_jpegls_decoder_set_source_buffer(jls->decoder, encoded.at, (size_t)encoded.len);
    if (code == CHARLS_JPEGLS_ERRC_SUCCESS)
        code = charls_jpegls_decoder_read_header(jls->decoder);
    if (code == CHARLS_JPEGLS_ERRC_SUCCESS)
        code = charls_jpegls_decoder_get_frame_info(jls->decoder, &jls->info);
    if (code == CHARLS_JPEGLS_ERRC_SUCCESS)
        code = charls_jpegls_decoder_get_interleave_mode(jls->decoder, &jls->interleave);
    if (code != CHARLS_JPEGLS_ERRC_SUCCESS)
        return failed("has a header that cannot be read", code, error);
    return codestream_matches(format, "JPEG-LS", jls->info.width, jls->info.height, jls->info.component_count,
                              jls->info.bits_per_sample, error);
}

/* CharLS gives one or two bytes a sample; components that are not interleaved in the codestream come one after the other. */
static bool samples_read(struct jls *jls, const struct pixel_format *format, void *out, struct error *error)
{
    int narrow = jls->info.bits_per_sample <= 8 ? 1 : 2, width = sample_bytes(format);
    int64_t samples = frame_samples(format), pixels = format->rows * format->columns;
    bool planes = jls->interleave == CHARLS_INTERLEAVE_MODE_NONE && format->samples > 1;
    bool direct = narrow == width && !planes;
    void *decoded = direct ? out : malloc((size_t)(samples * narrow));
    if (!decoded)
        abort();
    charls_jpegls_errc code =
        charls_jpegls_decoder_decode_to_buffer(jls->decoder, decoded, (size_t)(samples * narrow), 0);
    if (code == CHARLS_JPEGLS_ERRC_SUCCESS && !direct) {
        void *wide = planes ? malloc((size_t)(samples * width)) : out;
        if (!wide)
            abort();
        if (narrow == 1)
            samples_widen_u8(decoded, samples, width, wide);
        else
            samples_widen_u16(decoded, samples, width, wide);
        if (planes) {
            planes_interleave(wide, pixels, format->samples, width, out);
            free(wide);
        }
    }
    if (!direct)
        free(decoded);
    return code == CHARLS_JPEGLS_ERRC_SUCCESS || failed("is damaged", code, error);
}

bool jpeg_ls_decode(const struct pixel_format *format, struct str encoded, void *out, struct decoded_format *decoded,
                    struct error *error)
{
    if (encoded.len < 4)
        return error_set(error, E_INVALID, "the JPEG-LS frame has %lld bytes", (long long)encoded.len);
    struct jls jls = { .decoder = charls_jpegls_decoder_create() };
    if (!jls.decoder)
        abort();
    bool ok = header_read(&jls, format, encoded, error) && samples_read(&jls, format, out, error);
    charls_jpegls_decoder_destroy(jls.decoder);
    if (ok)
        codestream_unsigned(format, jls.info.bits_per_sample, decoded);
    return ok;
}
