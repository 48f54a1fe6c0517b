/* presentation.c - the file's own transformations and the request's wishes (PS3.3 C.7.6.3, C.7.6.16.2.9, C.7.6.16.2.10,
 * C.11.1, C.11.2). */
#include "imaging/presentation.h"

#include "measure/header_doubts.h"
#include "raster/lut_data.h"

#include <math.h>

struct source {
    struct call *c;
    const struct dicom_object *object;
    const struct dicom_dataset *root;
    const struct pixel_format *format;
    int64_t frame;
    const struct picture_query *query;
    struct str unit; /* of its modality's values */
};

/* For those who know the values. */
static struct pixel_source pixels_of(const struct source *s)
{
    return (struct pixel_source){ s->c, s->object, s->format, s->frame };
}

/* ---- the file's VOI LUTs and windows ---- */

/* LINEAR counts whole values, of which a window shows at least one (C.11.2.1.2.1). It is written all the same for
 * narrower windows and for floating-point values, where it can only mean the same without the halves. */
static enum voi_function function_of(struct str name, double width, bool whole)
{
    if (str_equal_fold(name, S("SIGMOID")))
        return VOI_SIGMOID;
    return str_equal_fold(name, S("LINEAR_EXACT")) || width < 1 || !whole ? VOI_LINEAR_EXACT : VOI_LINEAR;
}

static bool is_whole(const struct source *s)
{
    return s->format->kind == SAMPLE_INTEGER;
}

/* Where the file says which values of the frame matter. */
static const struct dicom_dataset *voi_group(const struct source *s)
{
    return dicom_functional_group(s->object, 0x00289132 /* Frame VOI LUT Sequence */, s->frame);
}

static struct str file_function(const struct source *s)
{
    const struct dicom_dataset *from = voi_group(s);
    struct str name = dicom_text_first(from, 0x00281056 /* VOI LUT Function */, &s->c->arena);
    return name.at ? name : S("LINEAR");
}

/* Window `index`, from 0. False: there is none. Ones of no width are none either. */
static bool use_window(const struct source *s, int64_t index, struct presentation *out)
{
    const struct dicom_dataset *from = voi_group(s);
    double center, width;
    if (!dicom_real_at(from, 0x00281050 /* Window Center */, index, &center) ||
        !dicom_real_at(from, 0x00281051 /* Window Width */, index, &width) || !(width > 0))
        return false;
    out->voi = function_of(file_function(s), width, is_whole(s));
    out->center = center;
    out->width = width;
    return true;
}

static const struct dicom_dataset *voi_item(const struct source *s, int64_t index)
{
    const struct dicom_dataset *from = voi_group(s);
    const struct dicom_dataset *item = dicom_item(from, 0x00283010 /* VOI LUT Sequence */, index);
    return item ? item : dicom_item(s->root, 0x00283010, index);
}

/* By the letter of C.11.2.1.1 entries are of as many bits as the descriptor says. Some CR declare 16 above tables
 * that end at 4095, which is dark; several viewers stretch such tables, so who wants can have that, and is told. */
static void use_range(const struct source *s, struct presentation *out)
{
    struct lut *lut = &out->voi_lut;
    uint32_t most = 0, white = (1u << lut->bits) - 1;
    int bits = 0;
    for (int32_t i = 0; i < lut->count; i++)
        most = lut->entries[i] > most ? lut->entries[i] : most;
    while (most >> bits)
        bits++;
    if (s->query->voi_range != VOI_RANGE_USED + 1)
        out->voi_bits_used = bits == lut->bits ? 0 : bits;
    else
        for (int32_t i = 0; i < lut->count && most; i++)
            lut->entries[i] = (uint16_t)((lut->entries[i] * white + most / 2) / most);
}

/* VOI LUT `index`, from 0, which is there. What is looked up in it are modality values: negative ones need a signed
 * first value. */
static bool use_voi_lut(const struct source *s, int64_t index, struct presentation *out, struct error *error)
{
    static const struct lut_place place = { .descriptor = 0x00283002, .data = 0x00283006, .name = "VOI LUT" };
    bool is_signed = !out->modality.count && (s->format->is_signed || out->intercept < 0 || out->slope < 0);
    if (!lut_read(voi_item(s, index), &place, is_signed, &out->voi_lut, error))
        return false;
    if (!out->voi_lut.count)
        return error_set(error, E_INVALID, "the VOI LUT has no descriptor");
    out->voi = VOI_LUT;
    use_range(s, out);
    return true;
}

/* Eight bits of these are brightness, made to be looked at as they are: stretched, each frame of a film would be of
 * another brightness. Those of others (NM, PT, SEG ...) are numbers. */
static bool is_brightness(const struct source *s, const struct presentation *presentation)
{
    static const char *const modalities[] = { "US", "IVUS", "XA", "RF", "DX", "CR", "MG", "IO",  "PX", "ES",
                                              "XC", "GM",   "SM", "OP", "OT", "HC", "DG", "OPT", "SC" };
    struct str modality = dicom_text_first(s->root, DICOM_Modality, &s->c->arena);
    bool untouched = !presentation->modality.count && presentation->slope == 1 && presentation->intercept == 0;
    if (!untouched || s->format->is_signed || s->format->bits_stored != 8)
        return false;
    for (size_t i = 0; i < sizeof(modalities) / sizeof(modalities[0]); i++)
        if (str_equal(modality, str_from(modalities[i])))
            return true;
    return false;
}

/* The file's first one that can be used; broken ones are passed over, since nobody asked for them. */
static void use_first(const struct source *s, struct presentation *out)
{
    struct error ignored = { 0 };
    if (voi_item(s, 0) && use_voi_lut(s, 0, out, &ignored))
        return;
    out->voi_lut.count = 0;
    if (!use_window(s, 0, out) && is_brightness(s, out))
        out->voi = VOI_AS_IS;
}

static bool is_named(const struct source *s, const struct dicom_dataset *from, uint32_t tag, int64_t index)
{
    struct str name, rest = dicom_text(from, tag, &s->c->arena);
    for (int64_t i = 0; rest.at; i++) {
        str_cut(rest, '\\', &name, &rest);
        if (i == index)
            return str_equal_fold(str_trim(name), s->query->voi);
    }
    return false;
}

/* By number, LUTs before windows, or by explanation. */
static bool use_asked(const struct source *s, struct presentation *out)
{
    enum { CHOICES_MAX = 1000 };
    const struct dicom_dataset *windows = voi_group(s);
    int64_t number = 0, luts = 0;
    if (str_equal(s->query->voi, S("none")))
        return true;
    bool by_number = str_to_integer(s->query->voi, &number);
    for (; luts < CHOICES_MAX && voi_item(s, luts); luts++)
        if (by_number ? luts == number - 1 : is_named(s, voi_item(s, luts), 0x00283003 /* LUT Explanation */, 0))
            return use_voi_lut(s, luts, out, &s->c->error);
    int64_t count = dicom_value_count(windows, 0x00281050 /* Window Center */);
    for (int64_t i = 0; i < count && i < CHOICES_MAX; i++)
        if (by_number ? i == number - 1 - luts
                      : is_named(s, windows, 0x00281055 /* Window Center & Width Explanation */, i))
            return use_window(s, i, out) ||
                   picture_query_refuse(s->c, S("voi"), "this window of the file has no width");
    return picture_query_refuse(s->c, S("voi"), "the file has no such VOI LUT or window");
}

/* Of a CT without any rescale nobody can say more than that it is one. */
static bool use_preset(const struct source *s, struct presentation *out)
{
    const struct dicom_dataset *rescale =
        dicom_functional_group(s->object, 0x00289145 /* Pixel Value Transformation Sequence */, s->frame);
    bool has_units = out->modality.count || dicom_find(rescale, 0x00281053 /* Rescale Slope */);
    if (!str_equal(dicom_text_first(s->root, DICOM_Modality, &s->c->arena), S("CT")))
        return picture_query_refuse(s->c, S("preset"),
                                    "presets are windows in Hounsfield units: the image is not a CT");
    if (has_units && !str_equal(s->unit, S("HU")))
        return picture_query_refuse(s->c, S("preset"),
                                    "presets are windows in Hounsfield units: the values of this CT have another unit");
    out->voi = VOI_LINEAR;
    picture_query_preset(s->query, &out->center, &out->width);
    return true;
}

/* In real-world values. Where these are no whole numbers that a window could count, the halves of LINEAR mean
 * nothing. */
static bool use_asked_window(const struct source *s, struct presentation *out)
{
    struct str unit;
    double slope = out->slope, intercept = out->intercept;
    struct pixel_source pixels = pixels_of(s);
    if (!pixel_values_real(&pixels, out, &unit))
        return false;
    bool is_rescale = !out->world.count && !out->has_range && out->slope == slope && out->intercept == intercept;
    out->voi = function_of(file_function(s), s->query->window_width, is_whole(s) && is_rescale);
    out->center = s->query->window_center;
    out->width = s->query->window_width;
    return true;
}

static bool use_voi(const struct source *s, struct presentation *out)
{
    if (s->query->preset)
        return use_preset(s, out);
    if (s->query->voi.at)
        return use_asked(s, out);
    if (picture_query_has_window(s->query))
        return use_asked_window(s, out);
    use_first(s, out);
    return true;
}

/* ---- geometry ---- */

/* Height of a pixel by its width: from millimetres, else from the ratio (which is vertical\horizontal, C.7.6.3.1.7). */
static double pixel_aspect(const struct source *s)
{
    static const uint32_t tags[] = { 0x00280030 /* Pixel Spacing */, 0x00181164 /* Imager Pixel Spacing */,
                                     0x00182010 /* Nominal Scanned Pixel Spacing */,
                                     0x00280034 /* Pixel Aspect Ratio */ };
    const struct dicom_dataset *measures =
        dicom_functional_group(s->object, 0x00289110 /* Pixel Measures Sequence */, s->frame);
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        double down, across;
        if (!dicom_two_reals(i ? s->root : measures, tags[i], &down, &across) || !(down > 0) || !(across > 0))
            continue;
        double aspect = down / across;
        /* What is written with three digits differs by as much as that; a ratio beyond 20 is a mistake, not a pixel. */
        return fabs(aspect - 1) < 0.002 || !(aspect > 0.05 && aspect < 20) ? 1 : aspect;
    }
    return 1;
}

/* INVERSE in an image says in other words that it is MONOCHROME1 (C.8.11.3.1.2): together they invert once. */
static bool is_inverse(const struct source *s)
{
    return s->format->photometric != MONOCHROME1 &&
           str_equal_fold(dicom_text_first(s->root, 0x20500020 /* Presentation LUT Shape */, &s->c->arena),
                          S("INVERSE"));
}

static bool use_colour(struct source *s, struct presentation *out)
{
    struct str wish = picture_query_wish(s->query);
    if (wish.at)
        return picture_query_refuse(s->c, wish, "windows are for grey pictures; this one is in colour");
    if (s->query->bits == 16)
        return picture_query_refuse(s->c, S("bits"), "16 bits are for grey pictures; this one is in colour");
    return s->format->photometric != PALETTE_COLOR ||
           palette_read(s->root, s->format->is_signed, out->palette, &s->c->error);
}

static bool use_grey(struct source *s, struct presentation *out)
{
    struct pixel_source pixels = pixels_of(s);
    if (!pixel_values_modality(&pixels, out, &s->unit) || !use_voi(s, out))
        return false;
    if (is_inverse(s))
        out->invert = !out->invert;
    return true;
}

/* A raster file has no values with a meaning: what was asked in numbers is of its stored ones. */
static bool use_raster(struct call *c, const struct picture_query *query, struct presentation *out)
{
    struct str wish = picture_query_wish(query);
    if (wish.at && !picture_query_has_window(query))
        return picture_query_refuse(c, wish, "only DICOM images have such windows");
    if (wish.at) {
        out->voi = function_of(S("LINEAR"), query->window_width, true);
        out->center = query->window_center;
        out->width = query->window_width;
    } else {
        out->voi = VOI_AS_IS;
    }
    return true;
}

struct presentation *presentation_new(void)
{
    struct presentation *presentation = malloc(sizeof(*presentation));
    if (!presentation)
        abort();
    return presentation;
}

void presentation_free(struct presentation *presentation)
{
    free(presentation);
}

static void begin(struct presentation *out)
{
    pixel_values_plain(out);
    out->voi = VOI_NONE;
    out->voi_bits_used = 0;
    out->center = out->width = 0;
    out->invert = out->enlarge = false;
    out->pixel_aspect = 1;
    out->box_width = out->box_height = 0;
    out->format = PICTURE_PNG;
    out->quality = 100;
    out->bits = 8;
    out->voi_lut.count = 0;
    for (int i = 0; i < 3; i++)
        out->palette[i].count = 0;
}

static bool is_colour(const struct pixel_format *format)
{
    return format->samples != 1 || format->photometric == PALETTE_COLOR;
}

/* What they are is not known, so neither is what they look like; as samples they are sent all the same. */
static bool refuse_unknown(struct call *c, const struct dicom_object *object)
{
    enum { BYTES_MAX = 64 };
    struct str name = dicom_text(object->root, 0x00280004 /* Photometric Interpretation */, &c->arena);
    return fail(c, E_UNSUPPORTED_TYPE, "Photometric Interpretation (0028,0004) is %.*s: such pixels are not shown",
                STR_FMT(str_slice(name, 0, name.len < BYTES_MAX ? name.len : BYTES_MAX)));
}

bool presentation_of(struct call *c, const struct dicom_object *object, const struct pixel_format *format,
                     int64_t frame, const struct picture_query *query, struct presentation *out)
{
    struct source source = { .c = c, .object = object, .format = format, .frame = frame, .query = query };
    if (!picture_query_check(c, query))
        return false;
    begin(out);
    out->invert = query->invert;
    out->box_width = query->width == INTEGER_NULL ? 0 : (int32_t)query->width;
    out->box_height = query->height == INTEGER_NULL ? 0 : (int32_t)query->height;
    out->format = (enum picture_format)(query->format - 1);
    out->quality = (int32_t)query->quality;
    out->bits = (int32_t)query->bits;
    if (!object)
        return use_raster(c, query, out);
    if (format->photometric == PHOTOMETRIC_UNKNOWN)
        return refuse_unknown(c, object);
    source.root = object->root;
    out->pixel_aspect = pixel_aspect(&source);
    return (is_colour(format) ? use_colour : use_grey)(&source, out);
}

struct str presentation_remark(struct call *c, const struct dicom_object *object, const struct picture_query *query,
                               const struct presentation *presentation, ptrdiff_t most)
{
    bool is_own_choice = picture_query_wish(query).at != NULL;
    struct str range = STR_NULL, doubts = STR_NULL;
    if (presentation->voi == VOI_LUT && presentation->voi_bits_used)
        range = arena_format(
            &c->arena, "the VOI LUT declares %d bits and uses %d; voi_range=used takes its largest entry for white",
            presentation->voi_lut.bits, presentation->voi_bits_used);
    if (object)
        doubts = header_doubts_text(object, query->frame, DOUBT_VALUES | (is_own_choice ? 0 : DOUBT_WINDOW), most,
                                    &c->arena);
    if (!range.len || !doubts.len)
        return range.len ? range : doubts;
    struct str both = arena_format(&c->arena, "%.*s; %.*s", STR_FMT(doubts), STR_FMT(range));
    return both.len <= most ? both : doubts;
}

bool presentation_of_values(struct call *c, const struct dicom_object *object, const struct pixel_format *format,
                            int64_t frame, struct presentation *out, struct str *unit)
{
    struct pixel_source source = { c, object, format, frame };
    begin(out);
    *unit = STR_NULL;
    if (!object || (is_colour(format) && format->photometric != PALETTE_COLOR))
        return true;
    if (is_colour(format))
        return palette_read(object->root, format->is_signed, out->palette, &c->error);
    return pixel_values_real(&source, out, unit);
}
