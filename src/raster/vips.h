/* vips.h - the few calls of libvips that raster_file.c makes, found at run time. Private to raster/.
 *
 *     const struct vips *vips;
 *     if (!vips_open(&vips, &error)) ...
 *     struct vips_source *source = vips->source_new(fd);
 *     ok = vips->load_png(source, &image, "access", VIPS_ACCESS_SEQUENTIAL, VIPS_END) == 0;
 *     vips->unref(image), vips->unref(source);
 *
 * Opening the library takes 60 ms and 20 MB, which only those decoder processes spend that read raster files. It is
 * never closed. Images, regions and sources are GObjects; each is given back with `unref`. The variadic calls take
 * option names and values, closed by VIPS_END, and return 0 when they went well.
 */
#ifndef ROENTGEN_RASTER_VIPS_H
#define ROENTGEN_RASTER_VIPS_H

#include "base/error.h"

struct vips_image;  /* VipsImage */
struct vips_source; /* VipsSource */
struct vips_array;  /* VipsArrayDouble */
struct vips_region; /* VipsRegion */

#define VIPS_END ((void *)0)

/* Values of libvips' enumerations that go through variadic calls or come back (vips/foreign.h, image.h, resample.h). */
enum { VIPS_ACCESS_SEQUENTIAL = 1 };
enum { VIPS_FAIL_ON_ERROR = 2 }; /* truncation, and errors that spoil the image */
enum {
    VIPS_FORMAT_UCHAR,
    VIPS_FORMAT_CHAR,
    VIPS_FORMAT_USHORT,
    VIPS_FORMAT_SHORT,
    VIPS_FORMAT_UINT,
    VIPS_FORMAT_INT,
    VIPS_FORMAT_FLOAT,
    VIPS_FORMAT_COMPLEX,
    VIPS_FORMAT_DOUBLE
};
enum {
    VIPS_INTERPRETATION_MULTIBAND = 0,
    VIPS_INTERPRETATION_B_W = 1,
    VIPS_INTERPRETATION_CMYK = 15,
    VIPS_INTERPRETATION_SRGB = 22,
    VIPS_INTERPRETATION_RGB16 = 25,
    VIPS_INTERPRETATION_GREY16 = 26
};

typedef int vips_load(struct vips_source *source, struct vips_image **out, ...);

struct vips {
    int (*init)(const char *program);
    void (*cache_set_max)(int operations);
    void (*concurrency_set)(int threads);
    void (*vector_set_enabled)(int enabled);
    void (*operation_block_set)(const char *class, int blocked);
    const char *(*error_buffer)(void); /* what went wrong since error_clear, in the words of whichever library */
    void (*error_clear)(void);
    unsigned (*log_handler)(const char *domain, int levels, void (*handler)(const char *, int, const char *, void *),
                            void *data);
    void (*unref)(void *object);
    void (*free)(void *memory);

    struct vips_source *(*source_new)(int fd);
    vips_load *load_jpeg, *load_png, *load_tiff;

    int (*width)(const struct vips_image *image);
    int (*height)(const struct vips_image *image);
    int (*bands)(const struct vips_image *image);
    int (*format)(const struct vips_image *image);
    int (*interpretation)(const struct vips_image *image);
    int (*has_alpha)(struct vips_image *image);
    size_t (*has_field)(const struct vips_image *image, const char *name); /* 0: no */
    int (*get_blob)(const struct vips_image *image, const char *name, const void **out,
                    size_t *bytes); /* the image's */
    int (*get_integer)(const struct vips_image *image, const char *name, int *out);

    int (*resize)(struct vips_image *in, struct vips_image **out, double scale, ...);
    int (*extract_band)(struct vips_image *in, struct vips_image **out, int band, ...);
    int (*cast)(struct vips_image *in, struct vips_image **out, int format, ...);
    int (*flatten)(struct vips_image *in, struct vips_image **out, ...);
    int (*colourspace)(struct vips_image *in, struct vips_image **out, int space, ...);
    struct vips_array *(*array_new)(int count, ...);
    void (*array_unref)(struct vips_array *array);

    struct vips_region *(*region_new)(struct vips_image *image);
    /* A copy of a rectangle, rows without gaps; NULL when it cannot be computed. Given back with `free`. */
    void *(*region_fetch)(struct vips_region *region, int left, int top, int width, int height, size_t *bytes);
};

/* Opens the library on first use. E_INTERNAL when it is not installed or lacks a call. */
bool vips_open(const struct vips **out, struct error *error);
/* Did a library warn, since vips_forget, that coded pixels were missing, and that it drew something in their place?
 * Those of JPEG and fax fail for nothing less. Both only after vips_open. */
bool vips_drew_holes(void);
void vips_forget(void);

#endif
