/* pixels.c - the Image Pixel module (PS3.3 C.7.6.3) as numbers that agree with each other. */
#include "dicom/codec_faces.h"
#include "base/names.h"

#define TAG_SAMPLES 0x00280002u
#define TAG_PHOTOMETRIC 0x00280004u
#define TAG_PLANAR 0x00280006u
#define TAG_FRAMES 0x00280008u
#define TAG_BITS_ALLOCATED 0x00280100u
#define TAG_BITS_STORED 0x00280101u
#define TAG_HIGH_BIT 0x00280102u
#define TAG_REPRESENTATION 0x00280103u
#define TAG_FLOAT_PIXELS 0x7FE00008u
#define TAG_DOUBLE_PIXELS 0x7FE00009u
#define UID_GE_BIG_PIXELS "1.2.840.113619.5.2"

const char *const photometric_names[] = {
    [PHOTOMETRIC_UNKNOWN] = "",
    [MONOCHROME1] = "MONOCHROME1",
    [MONOCHROME2] = "MONOCHROME2",
    [PALETTE_COLOR] = "PALETTE COLOR",
    [RGB] = "RGB",
    [YBR_FULL] = "YBR_FULL",
    [YBR_FULL_422] = "YBR_FULL_422",
    [YBR_PARTIAL_420] = "YBR_PARTIAL_420",
    [YBR_ICT] = "YBR_ICT",
    [YBR_RCT] = "YBR_RCT",
};
NAMES_REACH(photometric_names, YBR_RCT);
enum { PHOTOMETRICS = (int)(sizeof(photometric_names) / sizeof(photometric_names[0])) };

/* Letters and digits alone, small ones as capitals: "Palette-Color" is PALETTE COLOR. */
static bool is_same_term(struct str a, struct str b)
{
    ptrdiff_t i = 0, j = 0;
    for (;;) {
        while (i < a.len && (a.at[i] == ' ' || a.at[i] == '_' || a.at[i] == '-'))
            i++;
        while (j < b.len && (b.at[j] == ' ' || b.at[j] == '_'))
            j++;
        if (i == a.len || j == b.len)
            return i == a.len && j == b.len;
        if (!str_equal_fold(str_slice(a, i, i + 1), str_slice(b, j, j + 1)))
            return false;
        i++;
        j++;
    }
}

static enum photometric photometric_find(struct str name)
{
    for (int i = 1; i < PHOTOMETRICS; i++)
        if (is_same_term(name, str_from(photometric_names[i])))
            return (enum photometric)i;
    return PHOTOMETRIC_UNKNOWN;
}

static bool has_one_sample(enum photometric photometric)
{
    return photometric == MONOCHROME1 || photometric == MONOCHROME2 || photometric == PALETTE_COLOR;
}

const struct dicom_node *pixel_node(const struct dicom_object *object, enum sample_kind *kind)
{
    static const uint32_t tags[] = { DICOM_PixelData, TAG_FLOAT_PIXELS, TAG_DOUBLE_PIXELS };
    static const enum sample_kind kinds[] = { SAMPLE_INTEGER, SAMPLE_FLOAT, SAMPLE_DOUBLE };
    for (int i = 0; i < 3; i++) {
        const struct dicom_node *node = dicom_find(object->root, tags[i]);
        if (node) {
            *kind = kinds[i];
            return node;
        }
    }
    return NULL;
}

static int64_t integer_or(const struct dicom_object *object, uint32_t tag, int64_t otherwise)
{
    int64_t value;
    return dicom_integer(object->root, tag, &value) ? value : otherwise;
}

static bool side(const struct dicom_object *object, uint32_t tag, const char *keyword, int64_t *out,
                 struct error *error)
{
    if (!dicom_integer(object->root, tag, out))
        return error_set(error, E_INVALID, "%s (%04X,%04X) is absent or not a number", keyword, tag >> 16,
                         tag & 0xFFFF);
    if (*out < 1 || *out > PIXEL_SIDE_MAX)
        return error_set(error, E_INVALID, "%s (%04X,%04X) is %lld, not 1 to %d", keyword, tag >> 16, tag & 0xFFFF,
                         (long long)*out, PIXEL_SIDE_MAX);
    return true;
}

static bool dimensions(const struct dicom_object *object, struct pixel_format *format, struct error *error)
{
    if (!side(object, DICOM_Rows, "Rows", &format->rows, error) ||
        !side(object, DICOM_Columns, "Columns", &format->columns, error))
        return false;
    format->frames = integer_or(object, TAG_FRAMES, 1);
    if (format->frames < 1) /* also written where there is one frame */
        format->frames = 1;
    if (format->frames > PIXEL_FRAMES_MAX)
        return error_set(error, E_INVALID, "Number of Frames (0028,0008) is %lld; at most %d are read",
                         (long long)format->frames, PIXEL_FRAMES_MAX);
    return true;
}

static bool depth(const struct dicom_object *object, struct pixel_format *format, struct error *error)
{
    int fixed = format->kind == SAMPLE_FLOAT ? 32 : format->kind == SAMPLE_DOUBLE ? 64 : 0;
    int64_t allocated = integer_or(object, TAG_BITS_ALLOCATED, fixed);
    if (fixed && allocated != fixed)
        return error_set(error, E_INVALID, "Bits Allocated (0028,0100) is %lld, but pixels of that kind have %d",
                         (long long)allocated, fixed);
    if (allocated < 1 || allocated > 64)
        return error_set(error, E_INVALID, "Bits Allocated (0028,0100) is absent or %lld, not 1 to 64",
                         (long long)allocated);
    int64_t stored = integer_or(object, TAG_BITS_STORED, allocated);
    if (stored < 1 || stored > allocated)
        return error_set(error, E_INVALID, "Bits Stored (0028,0101) is %lld, but Bits Allocated (0028,0100) is %lld",
                         (long long)stored, (long long)allocated);
    int64_t high = integer_or(object, TAG_HIGH_BIT, stored - 1);
    if (high < stored - 1 || high >= allocated) /* cannot be: where nearly everybody has it */
        high = stored - 1;
    format->bits_allocated = (int)allocated;
    format->bits_stored = fixed ? fixed : (int)stored;
    format->high_bit = fixed ? fixed - 1 : (int)high;
    format->is_signed = fixed || integer_or(object, TAG_REPRESENTATION, 0) == 1;
    return true;
}

/* Colours that only JPEG 2000 or a film can hold, where the samples are what their label says they are: YBR_RCT needs
 * nine bits for two of its components, YBR_PARTIAL_420 has fewer samples than pixels (PS3.3 C.7.6.3.1.2). */
static bool cannot_be(enum photometric photometric, const struct dicom_syntax *syntax)
{
    bool is_plain = syntax->coding == CODING_NATIVE || syntax->coding == CODING_DEFLATED_FRAME ||
                    syntax->coding == CODING_RLE || syntax->coding == CODING_JPEG_LS;
    return is_plain && (photometric == YBR_RCT || photometric == YBR_PARTIAL_420);
}

static bool colour(const struct dicom_object *object, struct pixel_format *format, struct error *error)
{
    struct arena arena;
    arena_init(&arena);
    struct str name = dicom_text_first(object->root, TAG_PHOTOMETRIC, &arena);
    bool given = !str_is_empty(name);
    format->photometric = photometric_find(name);
    arena_release(&arena);
    int64_t samples = integer_or(object, TAG_SAMPLES, has_one_sample(format->photometric) || !given ? 1 : 3);
    if (samples != 1 && samples != 3 && samples != 4)
        return error_set(error, E_INVALID, "Samples per Pixel (0028,0002) is %lld, not 1, 3 or 4", (long long)samples);
    format->samples = (int)samples;
    if (!given)
        format->photometric = samples == 1 ? MONOCHROME2 : samples == 3 ? RGB : PHOTOMETRIC_UNKNOWN;
    if (format->photometric != PHOTOMETRIC_UNKNOWN && samples != (has_one_sample(format->photometric) ? 1 : 3))
        return error_set(error, E_INVALID,
                         "Photometric Interpretation (0028,0004) is %s, but Samples per Pixel (0028,0002) is %lld",
                         photometric_names[format->photometric], (long long)samples);
    format->planar = samples > 1 && integer_or(object, TAG_PLANAR, 0) == 1;
    if (cannot_be(format->photometric, format->syntax))
        format->photometric = PHOTOMETRIC_UNKNOWN;
    return true;
}

/* 4:2:2 halves the chrominance of pairs of pixels (PS3.3 C.7.6.3.1.2). Some write the name over pixels that have all of
 * it: their length tells. */
static bool subsampling(const struct dicom_node *node, struct pixel_format *format, struct error *error)
{
    if (!is_subsampled(format))
        return true;
    int64_t full = frame_samples(format) * format->bits_allocated / 8 * format->frames;
    if (!format->syntax->encapsulated && node->element.value.len >= full) {
        format->photometric = YBR_FULL;
        return true;
    }
    if (format->columns % 2)
        return error_set(error, E_INVALID, "Columns (0028,0011) is %lld, but YBR_FULL_422 pixels come in pairs",
                         (long long)format->columns);
    if (format->bits_allocated % 8)
        return error_set(error, E_INVALID, "Bits Allocated (0028,0100) of YBR_FULL_422 pixels is %d",
                         format->bits_allocated);
    return true;
}

static void byte_order(const struct dicom_object *object, const struct dicom_node *node, struct pixel_format *format)
{
    bool ge = str_equal(str_from(object->file.syntax->uid), S(UID_GE_BIG_PIXELS));
    format->big_endian = format->syntax->coding == CODING_NATIVE && (ge || node->element.big_endian);
    int bits = format->bits_allocated;
    bool whole = bits == 16 || bits == 32 || bits == 64;
    format->as_words = format->big_endian && !whole && node->element.vr == VR('O', 'W');
}

bool pixel_format_of(const struct dicom_object *object, struct pixel_format *out, struct error *error)
{
    struct pixel_format format = { .syntax = object->file.syntax };
    const struct dicom_node *node = pixel_node(object, &format.kind);
    if (!node)
        return error_set(error, E_UNSUPPORTED_TYPE, "there is no image: no Pixel Data (7FE0,0010)");
    if (!format.syntax)
        return error_set(error, E_UNSUPPORTED_TYPE, "the transfer syntax %s is not known", object->file.syntax_uid);
    if (!dimensions(object, &format, error) || !depth(object, &format, error) || !colour(object, &format, error) ||
        !subsampling(node, &format, error))
        return false;
    byte_order(object, node, &format);
    *out = format;
    return true;
}

int64_t pixel_frame_bytes(const struct pixel_format *format)
{
    /* The limits of pixels.h keep this far from overflow: 2^16 * 2^16 * 4 * 8. */
    int64_t samples = is_subsampled(format) ? format->rows * format->columns * 2 : frame_samples(format);
    return samples * sample_bytes(format);
}
