/* raster.c - dimensions and thumbnails of JPEG, PNG and TIFF.
 *
 *   8 bits a sample      load -> thumbnail (shrinks, turns upright, makes sRGB) -> flatten -> JPEG
 *   anything deeper      load -> flatten -> resize -> turn upright -> stretch least..greatest to 0..255 -> JPEG
 *
 * Deep pictures are stretched because medical ones seldom use their range: 12 bits in 16, cut to the upper 8, are black.
 */
#include "raster/raster.h"

#include "raster/vips.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

enum { JPEG_QUALITY = 82 };

/* Interlaced and progressive pictures are decoded as a whole before the first line comes out; others line by line. */
enum { WHOLE_PICTURE_MAX_BYTES = 512 << 20 };

/* What one call holds; released at its end whatever happened. */
struct work {
    const struct vips *vips;
    struct vips_source *source;
    struct vips_image *image; /* the newest; each step replaces it */
    struct error *error;
};

static const char *name_of(enum file_type type)
{
    return type == FILE_JPEG || type == FILE_PNG || type == FILE_TIFF ? file_types[type - 1] : "picture";
}

/* libvips keeps one message text for all threads, so it cannot be quoted. */
static bool damaged(struct work *w, enum file_type type)
{
    return error_set(w->error, E_INVALID, "the %s file is damaged or cut short", name_of(type));
}

static void work_end(struct work *w)
{
    if (!w->vips)
        return;
    if (w->image)
        w->vips->unref(w->image);
    if (w->source)
        w->vips->unref(w->source);
    w->vips->error_clear();
    w->vips->thread_shutdown(); /* gives back what libvips keeps for each thread */
}

/* Takes `made` over as the newest picture. `result` is what the call that made it returned. */
static bool next(struct work *w, int result, struct vips_image **made)
{
    if (result != 0)
        return false;
    w->vips->unref(w->image);
    w->image = *made;
    *made = NULL;
    return true;
}

static bool rewind_source(struct work *w, int fd)
{
    if (w->source)
        w->vips->unref(w->source);
    w->source = NULL;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_set(w->error, E_INTERNAL, "cannot seek in a picture: %s", strerror(errno));
    w->source = w->vips->source_new(fd);
    return w->source || error_set(w->error, E_INTERNAL, "libvips takes no file descriptor");
}

static vips_load *loader(const struct vips *vips, enum file_type type)
{
    switch (type) {
    case FILE_JPEG:
        return vips->load_jpeg;
    case FILE_PNG:
        return vips->load_png;
    case FILE_TIFF:
        return vips->load_tiff;
    default:
        return NULL;
    }
}

/* Opens the picture as far as its header. */
static bool load(struct work *w, int fd, enum file_type type)
{
    if (!vips_open(&w->vips, w->error) || !rewind_source(w, fd))
        return false;
    vips_load *load_it = loader(w->vips, type);
    if (!load_it)
        return error_set(w->error, E_INVALID, "only JPEG, PNG and TIFF files are pictures");
    struct vips_image *image = NULL;
    if (load_it(w->source, &image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, VIPS_END) != 0)
        return damaged(w, type);
    w->image = image;
    return true;
}

static bool is_decoded_whole(struct work *w)
{
    int interlaced = 0;
    if (w->vips->has_field(w->image, "jpeg-multiscan"))
        return true;
    return w->vips->has_field(w->image, "interlaced") &&
           w->vips->get_integer(w->image, "interlaced", &interlaced) == 0 && interlaced;
}

static bool check_size(struct work *w, enum file_type type, int64_t max_pixels, struct raster_info *out)
{
    struct raster_info info = { w->vips->width(w->image), w->vips->height(w->image), w->vips->pages(w->image) };
    if (info.width < 1 || info.height < 1 || info.pages < 1)
        return damaged(w, type);
    int64_t pixels; /* width and height are below 2^31, so their product fits */
    if (__builtin_mul_overflow(info.width * info.height, (int64_t)info.pages, &pixels) || pixels > max_pixels)
        return error_set(w->error, E_INVALID,
                         "the picture has %" PRId64 " x %" PRId64 " pixels on %d pages; at most %" PRId64
                         " pixels are allowed",
                         info.width, info.height, info.pages, max_pixels);
    /* Two bytes a sample: the coefficients of a JPEG, or 16 bits. */
    int64_t bytes = info.width * info.height * 2;
    if (is_decoded_whole(w) && bytes > WHOLE_PICTURE_MAX_BYTES / w->vips->bands(w->image))
        return error_set(w->error, E_INVALID, "the picture is too large to be progressive or interlaced");
    *out = info;
    return true;
}

bool raster_probe(int fd, enum file_type type, int64_t max_pixels, struct raster_info *out, struct error *error)
{
    struct work w = { .error = error };
    bool ok = load(&w, fd, type) && check_size(&w, type, max_pixels, out);
    work_end(&w);
    return ok;
}

/* Transparency becomes white paper. */
static bool flatten(struct work *w, double white)
{
    if (!w->vips->has_alpha(w->image))
        return true;
    struct vips_image *out = NULL;
    struct vips_array *background = w->vips->array_new(1, white);
    int result = w->vips->flatten(w->image, &out, "background", background, VIPS_END);
    w->vips->array_unref(background);
    return next(w, result, &out);
}

/* One band or three, which is what a JPEG takes. */
static bool limit_bands(struct work *w)
{
    struct vips_image *out = NULL;
    int bands = w->vips->bands(w->image);
    if (bands == 1 || bands == 3)
        return true;
    int result = w->vips->extract_band(w->image, &out, 0, "n", bands > 3 ? 3 : 1, VIPS_END);
    return next(w, result, &out);
}

static bool is_deep(struct work *w)
{
    if (w->vips->format(w->image) == VIPS_FORMAT_UCHAR)
        return false;
    switch (w->vips->interpretation(w->image)) {
    case VIPS_INTERPRETATION_MULTIBAND:
    case VIPS_INTERPRETATION_B_W:
    case VIPS_INTERPRETATION_SRGB:
    case VIPS_INTERPRETATION_RGB16:
    case VIPS_INTERPRETATION_GREY16:
        return true;
    default: /* Lab and the like: their numbers are colours, not intensities */
        return false;
    }
}

static bool shrink_deep(struct work *w, int size)
{
    int format = w->vips->format(w->image);
    if (format == VIPS_FORMAT_COMPLEX || format == VIPS_FORMAT_DPCOMPLEX)
        return error_set(w->error, E_INVALID, "pictures of complex numbers cannot be shown");
    if (!flatten(w, format == VIPS_FORMAT_USHORT ? 65535 : 255) || !limit_bands(w))
        return false;
    int width = w->vips->width(w->image), height = w->vips->height(w->image);
    double scale = (double)size / (width > height ? width : height);
    struct vips_image *out = NULL;
    if (scale < 1 && !next(w, w->vips->resize(w->image, &out, scale, VIPS_END), &out))
        return false;
    /* From here on small, and read more than once. */
    struct vips_image *in_memory = w->vips->copy_memory(w->image);
    if (!next(w, in_memory ? 0 : -1, &in_memory))
        return false;
    if (!next(w, w->vips->autorotate(w->image, &out, VIPS_END), &out))
        return false;
    if (!next(w, w->vips->scale(w->image, &out, VIPS_END), &out))
        return false;
    /* It is 8 bits now; the saver would shift what still calls itself 16. */
    int meaning = w->vips->bands(w->image) == 1 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_SRGB;
    return next(w, w->vips->copy(w->image, &out, "interpretation", meaning, VIPS_END), &out);
}

/* A JPEG decodes cheaper to an eighth, a quarter or half of its size; at least twice the wanted size stays for resampling. */
static int shrink_on_load(const struct raster_info *info, int size)
{
    int64_t factor = (info->width > info->height ? info->width : info->height) / size;
    return factor >= 16 ? 8 : factor >= 8 ? 4 : factor >= 4 ? 2 : 1;
}

static bool shrink(struct work *w, int fd, enum file_type type, const struct raster_info *info, int size)
{
    struct vips_image *out = NULL;
    if (type == FILE_JPEG) {
        if (!rewind_source(w, fd))
            return false;
        int result = w->vips->load_jpeg(w->source, &out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
                                        VIPS_FAIL_ON_ERROR, "shrink", shrink_on_load(info, size), VIPS_END);
        if (!next(w, result, &out))
            return false;
    }
    int result = w->vips->thumbnail(w->image, &out, size, "height", size, "size", VIPS_SIZE_DOWN, VIPS_END);
    return next(w, result, &out) && flatten(w, 255) && limit_bands(w);
}

/* The saver pulls the whole picture through the pipeline: damage anywhere shows here. EXIF and other metadata, which may name the
 * patient, stay behind. */
static bool save(struct work *w, struct arena *arena, struct str *out)
{
    void *buffer = NULL;
    size_t bytes = 0;
    if (w->vips->save_jpeg(w->image, &buffer, &bytes, "Q", JPEG_QUALITY, "strip", 1, "optimize_coding", 1, VIPS_END) !=
        0)
        return false;
    *out = arena_copy(arena, (struct str){ buffer, (ptrdiff_t)bytes });
    w->vips->free(buffer);
    return true;
}

bool raster_thumbnail(int fd, enum file_type type, int size, int64_t max_pixels, struct arena *arena, struct str *out,
                      struct error *error)
{
    struct work w = { .error = error };
    struct raster_info info = { 0 };
    bool ok = load(&w, fd, type) && check_size(&w, type, max_pixels, &info);
    if (ok) {
        ok = is_deep(&w) ? shrink_deep(&w, size) : shrink(&w, fd, type, &info, size);
        ok = (ok && save(&w, arena, out)) || damaged(&w, type);
    }
    work_end(&w);
    return ok;
}
