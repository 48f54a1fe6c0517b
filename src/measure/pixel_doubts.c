/* pixel_doubts.c - what is said of the samples, against what they are taken for. */
#include "measure/pixel_doubts.h"

#include "dicom/syntax.h"

#include <inttypes.h>

enum {
    SAMPLES = 0x00280002,
    PHOTOMETRIC = 0x00280004,
    PLANAR = 0x00280006,
    FRAMES = 0x00280008,
    BITS_STORED = 0x00280101,
    HIGH_BIT = 0x00280102,
    REPRESENTATION = 0x00280103,
};

struct doubting {
    const struct dicom_object *object;
    const struct pixel_format *format;
    struct arena *arena;
    struct str *out;
    int count, most;
};

static void tell(struct doubting *d, struct str text)
{
    if (d->count < d->most)
        d->out[d->count++] = text;
}

/* What is said, in words; null: the very number that is used, or nothing. */
static struct str said_otherwise(const struct doubting *d, uint32_t tag, int64_t used)
{
    const struct dicom_dataset *root = d->object->root;
    const struct dicom_node *node = dicom_find(root, tag);
    int64_t number, count = dicom_value_count(root, tag);
    if (!node)
        return STR_NULL;
    if (count > 1)
        return S("is several numbers");
    if (!dicom_integer(root, tag, &number))
        return count ? S("is no whole number") : S("is empty");
    return number == used ? STR_NULL : arena_format(d->arena, "is %" PRId64, number);
}

/* Planar Configuration and Pixel Representation count where samples are several, or whole numbers. */
static void look_at_numbers(struct doubting *d)
{
    const struct pixel_format *f = d->format;
    bool is_whole = f->kind == SAMPLE_INTEGER,
         is_ordered =
             f->samples > 1 && (f->syntax->coding == CODING_NATIVE || f->syntax->coding == CODING_DEFLATED_FRAME);
    const struct {
        uint32_t tag;
        const char *name;
        int64_t used;
        bool counts;
    } rows[] = {
        { DICOM_Rows, "Rows", f->rows, true },
        { DICOM_Columns, "Columns", f->columns, true },
        { FRAMES, "Number of Frames", f->frames, true },
        { SAMPLES, "Samples per Pixel", f->samples, true },
        { BITS_STORED, "Bits Stored", f->bits_stored, is_whole },
        { HIGH_BIT, "High Bit", f->high_bit, is_whole },
        { REPRESENTATION, "Pixel Representation", f->is_signed, is_whole },
        { PLANAR, "Planar Configuration", f->planar, is_ordered },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str said = rows[i].counts ? said_otherwise(d, rows[i].tag, rows[i].used) : STR_NULL;
        if (said.len)
            tell(d, arena_format(d->arena, "%s (%04X,%04X) %.*s: it is taken for %" PRId64, rows[i].name,
                                 rows[i].tag >> 16, rows[i].tag & 0xFFFF, STR_FMT(said), rows[i].used));
    }
}

/* Native YBR_FULL_422 whose pixels have all of their colour is YBR_FULL (pixels.h), and no doubt. */
static void look_at_colours(struct doubting *d)
{
    struct str name = dicom_text(d->object->root, PHOTOMETRIC, d->arena);
    const char *used = photometric_names[d->format->photometric];
    bool is_full = str_equal(name, S("YBR_FULL_422")) && d->format->photometric == YBR_FULL;
    if (!dicom_find(d->object->root, PHOTOMETRIC) || is_full || (used[0] && str_equal(name, str_from(used))))
        return;
    if (!used[0])
        tell(d, str_equal(name, S("YBR_RCT")) || str_equal(name, S("YBR_PARTIAL_420"))
                    ? S("Photometric Interpretation (0028,0004) cannot be in this transfer syntax: the image is not "
                        "shown")
                    : S("Photometric Interpretation (0028,0004) is none that is known: the image is not shown"));
    else
        tell(d, arena_format(d->arena, "Photometric Interpretation (0028,0004) is %s: it is taken for %s",
                             !name.len                      ? "empty"
                             : str_find(name, S("\\")) >= 0 ? "several terms"
                                                            : "no defined term",
                             used));
}

static void look_at_surplus(struct doubting *d)
{
    int64_t more = pixels_left_over(d->object, d->format);
    bool is_native = !d->format->syntax->encapsulated;
    if (more && is_native)
        tell(d, arena_format(d->arena,
                             "the pixel data are %" PRId64 " bytes longer than %" PRId64 " frames of %" PRId64
                             " x %" PRId64 " pixels: the rest is not shown",
                             more, d->format->frames, d->format->columns, d->format->rows));
    else if (more)
        tell(d, arena_format(d->arena,
                             "the pixel data have more frames than the %" PRId64
                             " of Number of Frames (0028,0008): the rest is not shown",
                             d->format->frames));
}

int pixel_doubts(const struct dicom_object *object, const struct pixel_format *format, struct str out[], int most,
                 struct arena *arena)
{
    struct doubting d = { .object = object, .format = format, .arena = arena, .out = out, .most = most };
    look_at_colours(&d);
    look_at_numbers(&d);
    look_at_surplus(&d);
    return d.count;
}
