/* raster_file.c - raster files to samples.
 *
 *   load -> without extra samples -> flatten -> shrink to the box -> colours to RGB -> one band, three, or four inks ->
 *   strips -> inks to RGB -> turned upright
 */
#include "raster/raster_file.h"

#include "raster/colour_profile.h"
#include "raster/exif.h"
#include "raster/inks.h"
#include "raster/vips.h"
#include "base/names.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <unistd.h>

enum { STRIP_BYTES = 1 << 20, STRIP_ROWS = 64 };

struct raster_file {
    const struct vips *vips;
    struct vips_source *source;
    struct vips_image *image; /* the newest; each step replaces it */
    struct raster_request request;
    struct raster_info info;
    int orientation;                      /* of the page: 1 to 8 (Exif) */
    int width, height, strip_pixel_bytes; /* as the pipeline gives them, not yet upright */
    int pixel_bytes;                      /* of the samples: fewer, where inks have become colours */
    bool is_rounded;                      /* of unsigned numbers of 32 bits, made real to be shrunk */
    struct inks *inks;                    /* NULL: it is not in four inks */
    struct colour_profile *profile;       /* of three colours; NULL: none that is used */
    bool is_turned;                       /* libvips gives unsigned samples whose 0 is white the other way round */
    bool was_linear;                      /* its numbers were amounts of light, and are not what its profile is about */
    struct error *error;
};

/* libvips keeps one message text for all, of its own wording, so it is not quoted. Only whether memory was short is
 * looked for: libvips ("out of memory"), libjpeg and libpng ("Insufficient memory"), libtiff ("No space for", "Out of
 * memory") say so in words alone. */
static bool damaged(struct raster_file *p)
{
    const char *words = p->vips ? p->vips->error_buffer() : "";
    if (strcasestr(words, "memory") || strstr(words, "No space for"))
        return error_set(p->error, E_TOO_LARGE, "the picture needs more memory than a decoder may have");
    return error_set(p->error, E_INVALID, "the %s file is damaged or cut short", file_types[p->request.type - 1]);
}

/* Takes `made` over as the newest image. `result` is what the call that made it returned. */
static bool next(struct raster_file *p, int result, struct vips_image **made)
{
    if (result != 0)
        return false;
    if (p->image)
        p->vips->unref(p->image);
    p->image = *made;
    *made = NULL;
    return true;
}

static bool rewind_source(struct raster_file *p, int fd)
{
    if (p->source)
        p->vips->unref(p->source);
    p->source = NULL;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_set(p->error, E_INTERNAL, "cannot seek in a picture: %s", strerror(errno));
    p->source = p->vips->source_new(fd);
    return p->source || error_set(p->error, E_INTERNAL, "libvips takes no file descriptor");
}

static bool load(struct raster_file *p, int fd, int shrink)
{
    const struct vips *vips = p->vips;
    struct vips_image *out = NULL;
    int result = -1, page = p->request.page > 0 ? (int)p->request.page - 1 : 0;
    if (!rewind_source(p, fd))
        return false;
    if (p->request.type == FILE_JPEG)
        result = vips->load_jpeg(p->source, &out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR,
                                 "shrink", shrink, VIPS_END);
    else if (p->request.type == FILE_PNG)
        result =
            vips->load_png(p->source, &out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, VIPS_END);
    else
        result = vips->load_tiff(p->source, &out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR,
                                 "page", page, VIPS_END);
    return next(p, result, &out) || damaged(p);
}

/* The size it is wanted in, not yet upright; at most its own. */
static void wanted_size(const struct raster_file *p, int width, int height, int *out_width, int *out_height)
{
    bool lies = exif_lies(p->orientation);
    double box_width = lies ? p->request.box_height : p->request.box_width;
    double box_height = lies ? p->request.box_width : p->request.box_height;
    double scale = 1;
    if (box_width > 0 && box_width / width < scale)
        scale = box_width / width;
    if (box_height > 0 && box_height / height < scale)
        scale = box_height / height;
    *out_width = (int)fmax(1, round(width * scale));
    *out_height = (int)fmax(1, round(height * scale));
}

/* A JPEG decodes cheaper to an eighth, a quarter or half of its size; at least twice the wanted size stays for
 * resampling. Of a strip that is narrower than that nothing would stay, which libvips does not survive. */
static int shrink_on_load(int longer, int shorter, int wanted)
{
    int factor = shorter < 16 ? 1 : longer / wanted;
    return factor >= 16 ? 8 : factor >= 8 ? 4 : factor >= 4 ? 2 : 1;
}

static bool is_intensity(struct raster_file *p)
{
    switch (p->vips->interpretation(p->image)) {
    case VIPS_INTERPRETATION_MULTIBAND:
    case VIPS_INTERPRETATION_B_W:
    case VIPS_INTERPRETATION_SRGB:
    case VIPS_INTERPRETATION_RGB16:
    case VIPS_INTERPRETATION_GREY16:
        return true;
    default: /* Lab and the like: their numbers are not what is shown */
        return false;
    }
}

static bool is_inks(struct raster_file *p)
{
    return p->vips->interpretation(p->image) == VIPS_INTERPRETATION_CMYK && p->vips->bands(p->image) >= 4;
}

/* Other samples than colours and transparency are no part of the picture (TIFF 6.0, ExtraSamples 0); libvips takes a
 * last one for transparency whatever it is. */
static bool drop_extra_bands(struct raster_file *p)
{
    struct vips_image *out = NULL; /* alpha and all before it, or the colours */
    int wanted = p->info.alpha ? p->info.alpha + 1 : p->info.colours;
    return !wanted || p->vips->bands(p->image) <= wanted ||
           next(p, p->vips->extract_band(p->image, &out, 0, "n", wanted, VIPS_END), &out);
}

/* Transparency becomes white paper. */
static bool flatten(struct raster_file *p)
{
    if (!p->vips->has_alpha(p->image))
        return true;
    struct vips_image *out = NULL;
    double white = is_inks(p) ? 0 : p->vips->format(p->image) == VIPS_FORMAT_USHORT ? 65535 : 255;
    struct vips_array *background = p->vips->array_new(1, white);
    int result = p->vips->flatten(p->image, &out, "background", background, VIPS_END);
    p->vips->array_unref(background);
    return next(p, result, &out);
}

/* What libvips knows to be neither intensities nor inks. */
static bool to_srgb(struct raster_file *p)
{
    struct vips_image *out = NULL;
    if (is_intensity(p) || is_inks(p))
        return true;
    p->was_linear = true;
    return next(p, p->vips->colourspace(p->image, &out, VIPS_INTERPRETATION_SRGB, VIPS_END), &out);
}

static bool limit_bands(struct raster_file *p)
{
    struct vips_image *out = NULL;
    int bands = p->vips->bands(p->image), wanted = is_inks(p) ? 4 : bands >= 3 ? 3 : 1;
    return bands == wanted || next(p, p->vips->extract_band(p->image, &out, 0, "n", wanted, VIPS_END), &out);
}

/* The image's; null: it has none. */
static struct str embedded_profile(const struct raster_file *p)
{
    const void *at = NULL;
    size_t bytes = 0;
    if (!p->vips->has_field(p->image, "icc-profile-data") ||
        p->vips->get_blob(p->image, "icc-profile-data", &at, &bytes) != 0)
        return STR_NULL;
    return (struct str){ at, (ptrdiff_t)bytes };
}

/* Inks become colours when they are fetched: libvips would do it with profiles in files, which nobody here may open. */
static bool find_inks(struct raster_file *p)
{
    int format = p->vips->format(p->image);
    if (!is_inks(p))
        return true;
    if (format != VIPS_FORMAT_UCHAR && format != VIPS_FORMAT_USHORT)
        return error_set(p->error, E_INVALID, "inks are shown of 8 or 16 bits");
    p->inks = inks_open(embedded_profile(p), format == VIPS_FORMAT_USHORT ? 16 : 8,
                        p->request.type == FILE_JPEG && !p->info.has_adobe);
    return true;
}

/* libvips' filters know whole numbers below 2^31, and nothing of doubles but their whole part. A float is as exact as a
 * picture can show. */
static bool make_real(struct raster_file *p)
{
    struct vips_image *out = NULL;
    p->is_rounded = p->vips->format(p->image) == VIPS_FORMAT_UINT;
    return !p->is_rounded || next(p, p->vips->cast(p->image, &out, VIPS_FORMAT_FLOAT, VIPS_END), &out);
}

/* Deep grey values are stretched over the range of all of them, and a window counts them: they are shrunk when they
 * have become brightness, as those of DICOM are. Too many of them are shrunk first all the same. */
static bool is_drawn_whole(const struct raster_file *p)
{
    int format = p->vips->format(p->image), bands = p->vips->bands(p->image);
    int64_t pixels = (int64_t)p->vips->width(p->image) * p->vips->height(p->image);
    return bands < 3 && format > VIPS_FORMAT_CHAR && format <= VIPS_FORMAT_FLOAT &&
           pixels <= p->request.max_bytes / (format <= VIPS_FORMAT_SHORT ? 2 : 4);
}

static bool shrink(struct raster_file *p, int width, int height)
{
    struct vips_image *out = NULL;
    int from_width = p->vips->width(p->image), from_height = p->vips->height(p->image);
    if ((from_width == width && from_height == height) || is_drawn_whole(p))
        return true;
    if (!make_real(p))
        return false;
    int result =
        p->vips->resize(p->image, &out, (double)width / from_width, "vscale", (double)height / from_height, VIPS_END);
    return next(p, result, &out);
}

/* Builds the pipeline; nothing runs yet. */
static bool prepare(struct raster_file *p, int fd)
{
    int width, height;
    if (!load(p, fd, 1))
        return false;
    int full_width = p->vips->width(p->image), full_height = p->vips->height(p->image);
    if (full_width < 1 || full_height < 1 || (int64_t)full_width * full_height > p->request.max_pixels)
        return damaged(p);
    wanted_size(p, full_width, full_height, &width, &height);
    bool is_wide = full_width > full_height;
    int less = shrink_on_load(is_wide ? full_width : full_height, is_wide ? full_height : full_width,
                              width > height ? width : height);
    if (p->request.type == FILE_JPEG && less > 1 && !load(p, fd, less))
        return false;
    int format = p->vips->format(p->image);
    if (format == VIPS_FORMAT_COMPLEX || format > VIPS_FORMAT_DOUBLE)
        return error_set(p->error, E_INVALID, "pictures of complex numbers cannot be shown");
    return (drop_extra_bands(p) && flatten(p) && shrink(p, width, height) && to_srgb(p) && limit_bands(p) &&
            find_inks(p)) ||
           damaged(p);
}

/* How the numbers of libvips' formats are stored. */
static const struct {
    int bits;
    bool is_signed;
    enum sample_kind kind;
} formats[] = {
    [VIPS_FORMAT_UCHAR] = { 8, false, SAMPLE_INTEGER },   [VIPS_FORMAT_CHAR] = { 8, true, SAMPLE_INTEGER },
    [VIPS_FORMAT_USHORT] = { 16, false, SAMPLE_INTEGER }, [VIPS_FORMAT_SHORT] = { 16, true, SAMPLE_INTEGER },
    [VIPS_FORMAT_UINT] = { 32, false, SAMPLE_INTEGER },   [VIPS_FORMAT_INT] = { 32, true, SAMPLE_INTEGER },
    [VIPS_FORMAT_FLOAT] = { 32, true, SAMPLE_FLOAT },     [VIPS_FORMAT_DOUBLE] = { 64, true, SAMPLE_DOUBLE },
};
NAMES_REACH(formats, VIPS_FORMAT_DOUBLE);

static bool describe(struct raster_file *p, struct pixel_format *out)
{
    int format = p->vips->format(p->image), bands = p->vips->bands(p->image);
    p->strip_pixel_bytes = format >= 0 && format <= VIPS_FORMAT_DOUBLE ? bands * formats[format].bits / 8 : 0;
    if (p->inks) {
        format = VIPS_FORMAT_UCHAR;
        bands = 3;
    }
    if (p->is_rounded)
        format = VIPS_FORMAT_UINT;
    if (format < 0 || format > VIPS_FORMAT_DOUBLE || !formats[format].bits || (bands != 1 && bands != 3))
        return damaged(p);
    p->width = p->vips->width(p->image);
    p->height = p->vips->height(p->image);
    p->pixel_bytes = bands * formats[format].bits / 8;
    bool lies = exif_lies(p->orientation);
    *out = (struct pixel_format){
        .rows = lies ? p->width : p->height,
        .columns = lies ? p->height : p->width,
        .frames = p->info.pages,
        .samples = bands,
        .bits_allocated = formats[format].bits,
        .bits_stored = formats[format].bits,
        .high_bit = formats[format].bits - 1,
        .is_signed = formats[format].is_signed,
        .photometric = bands != 1              ? RGB
                       : p->info.is_white_zero ? MONOCHROME1
                                               : MONOCHROME2,
        .kind = formats[format].kind,
    };
    p->is_turned = p->info.is_white_zero && bands == 1 && !formats[format].is_signed;
    return true;
}

bool raster_file_open(int fd, const struct raster_request *request, struct raster_file **out,
                      struct pixel_format *format, struct error *error)
{
    struct raster_file *p = calloc(1, sizeof(*p));
    if (!p)
        abort();
    p->request = *request;
    p->error = error;
    bool ok = vips_open(&p->vips, error) &&
              raster_probe_page(fd, request->type, request->page, request->max_pixels, &p->info, error);
    p->orientation = p->info.orientation;
    if (ok && request->page > p->info.pages)
        ok = error_set(error, E_NOT_FOUND, "page %" PRId64 " is past the last, which is %d", request->page,
                       p->info.pages);
    if (ok && prepare(p, fd) && describe(p, format)) {
        *out = p;
        return true;
    }
    raster_file_close(p);
    return false;
}

/* Where pixel (x, y) as stored stands upright (EXIF 2.32, tag 0112H: which side is the 0th row, which the 0th
 * column). */
static int64_t upright(const struct raster_file *p, int64_t x, int64_t y)
{
    int64_t w = p->width, h = p->height;
    switch (p->orientation) {
    case 2:
        return y * w + (w - 1 - x);
    case 3:
        return (h - 1 - y) * w + (w - 1 - x);
    case 4:
        return (h - 1 - y) * w + x;
    case 5:
        return x * h + y;
    case 6:
        return x * h + (h - 1 - y);
    case 7:
        return (w - 1 - x) * h + (h - 1 - y);
    case 8:
        return (w - 1 - x) * h + y;
    default:
        return y * w + x;
    }
}

static void put_strip(const struct raster_file *p, const char *strip, int top, int rows, char *samples)
{
    size_t pixel = (size_t)p->pixel_bytes;
    if (p->orientation == 1) {
        memcpy(samples + (size_t)top * (size_t)p->width * pixel, strip, (size_t)rows * (size_t)p->width * pixel);
        return;
    }
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < p->width; x++, strip += pixel)
            memcpy(samples + upright(p, x, top + y) * (int64_t)pixel, strip, pixel);
}

/* The greatest value less each, of whatever depth: as they are stored. */
static void turn(char *at, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i++)
        at[i] = (char)~at[i];
}

static void round_strip(char *strip, int64_t values)
{
    for (int64_t i = 0; i < values; i++) {
        float value;
        memcpy(&value, strip + i * (int64_t)sizeof(value), sizeof(value));
        uint32_t rounded = value > 0 ? value < 4294967296.0F ? (uint32_t)llround(value) : UINT32_MAX : 0;
        memcpy(strip + i * (int64_t)sizeof(value), &rounded, sizeof(rounded));
    }
}

/* A strip of the pipeline's pixels to where it belongs. */
static bool take_strip(const struct raster_file *p, char *strip, int top, int rows, char *samples)
{
    if (!p->inks) {
        int64_t pixels = (int64_t)rows * p->width;
        if (p->is_rounded)
            round_strip(strip, pixels * p->pixel_bytes / (int64_t)sizeof(float));
        if (p->is_turned)
            turn(strip, pixels * p->pixel_bytes);
        put_strip(p, strip, top, rows, samples);
        return true;
    }
    int64_t pixels = (int64_t)rows * p->width;
    unsigned char *rgb = malloc((size_t)(pixels * p->pixel_bytes));
    if (!rgb)
        return error_set(p->error, E_TOO_LARGE, "there is no memory for a strip of the picture");
    inks_to_rgb(p->inks, strip, pixels, rgb);
    put_strip(p, (const char *)rgb, top, rows, samples);
    free(rgb);
    return true;
}

bool raster_file_read(struct raster_file *p, void *samples, struct error *error)
{
    p->error = error;
    struct vips_region *region = p->vips->region_new(p->image);
    if (!region)
        return damaged(p);
    int64_t row_bytes = (int64_t)p->width * p->strip_pixel_bytes;
    int step = row_bytes * STRIP_ROWS <= STRIP_BYTES ? STRIP_ROWS : (int)(STRIP_BYTES / row_bytes);
    bool ok = true;
    if (step < 1)
        step = 1;
    for (int top = 0; ok && top < p->height; top += step) {
        size_t bytes = 0;
        int rows = p->height - top < step ? p->height - top : step;
        void *strip = p->vips->region_fetch(region, 0, top, p->width, rows, &bytes);
        ok = strip && bytes == (size_t)(rows * row_bytes) && (!samples || take_strip(p, strip, top, rows, samples));
        if (strip)
            p->vips->free(strip);
    }
    p->vips->unref(region);
    if (ok && vips_drew_holes())
        return error_set(p->error, E_INVALID, "the %s file is cut short: some of its pixels are not there",
                         file_types[p->request.type - 1]);
    return ok || damaged(p);
}

const struct colour_profile *raster_file_profile(struct raster_file *p, const char **trouble)
{
    struct str bytes = embedded_profile(p);
    *trouble = p->inks ? inks_trouble(p->inks) : NULL;
    if (!bytes.len && p->info.has_profile && p->vips->bands(p->image) >= 3) /* libpng and libvips drop it unasked */
        *trouble = "the ICC profile is not used: it is damaged";
    if (!bytes.len || p->inks || p->profile || p->vips->bands(p->image) != 3)
        return p->profile;
    if (p->was_linear)
        *trouble = "the ICC profile is not used: the colours are amounts of light";
    else
        p->profile = colour_profile_open(bytes, PROFILE_RGB8, trouble);
    return p->profile;
}

void raster_file_close(struct raster_file *p)
{
    if (!p)
        return;
    colour_profile_close(p->profile);
    inks_close(p->inks);
    if (p->vips) {
        if (p->image)
            p->vips->unref(p->image);
        if (p->source)
            p->vips->unref(p->source);
        vips_forget();
    }
    free(p);
}
