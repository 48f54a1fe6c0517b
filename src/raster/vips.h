/* vips.h - the few calls of libvips that raster.c makes, found at run time. Private to raster/.
 *
 * Opening the library takes 60 ms and 20 MB, which a server that serves no new picture never spends. Pictures and sources are GObjects;
 * each is given back with `unref`. The variadic calls take option names and values, closed by VIPS_END.
 */
#ifndef ROENTGEN_RASTER_VIPS_H
#define ROENTGEN_RASTER_VIPS_H

#include "base/error.h"

struct vips_image;  /* VipsImage */
struct vips_source; /* VipsSource */
struct vips_array;  /* VipsArrayDouble */

#define VIPS_END ((void *)0)

/* Values of libvips' enumerations that go through variadic calls or come back (vips/foreign.h, image.h, resample.h). */
enum { VIPS_ACCESS_SEQUENTIAL = 1 };
enum { VIPS_FAIL_ON_ERROR = 2 }; /* truncation, and errors that spoil the picture */
enum { VIPS_SIZE_DOWN = 2 };
enum { VIPS_FORMAT_UCHAR = 0, VIPS_FORMAT_USHORT = 2, VIPS_FORMAT_COMPLEX = 7, VIPS_FORMAT_DPCOMPLEX = 9 };
enum {
    VIPS_INTERPRETATION_MULTIBAND = 0,
    VIPS_INTERPRETATION_B_W = 1,
    VIPS_INTERPRETATION_SRGB = 22,
    VIPS_INTERPRETATION_RGB16 = 25,
    VIPS_INTERPRETATION_GREY16 = 26
};

typedef int vips_load(struct vips_source *source, struct vips_image **out, ...);
typedef int vips_change(struct vips_image *in, struct vips_image **out, ...);

struct vips {
    int (*init)(const char *program);
    void (*cache_set_max)(int operations);
    void (*concurrency_set)(int threads);
    void (*operation_block_set)(const char *class, int blocked);
    void (*thread_shutdown)(void);
    void (*error_clear)(void);
    unsigned (*log_handler)(const char *domain, int levels, void (*handler)(const char *, int, const char *, void *),
                            void *data);
    void (*unref)(void *object);
    void (*free)(void *memory);

    struct vips_source *(*source_new)(int fd);
    vips_load *load_jpeg, *load_png, *load_tiff;
    int (*thumbnail)(struct vips_image *in, struct vips_image **out, int width, ...);

    int (*width)(const struct vips_image *image);
    int (*height)(const struct vips_image *image);
    int (*bands)(const struct vips_image *image);
    int (*format)(const struct vips_image *image);
    int (*interpretation)(const struct vips_image *image);
    int (*pages)(struct vips_image *image);
    int (*has_alpha)(struct vips_image *image);
    size_t (*has_field)(const struct vips_image *image, const char *name);
    int (*get_integer)(const struct vips_image *image, const char *name, int *out);

    int (*resize)(struct vips_image *in, struct vips_image **out, double scale, ...);
    int (*extract_band)(struct vips_image *in, struct vips_image **out, int band, ...);
    vips_change *autorotate, *flatten, *scale, *copy;
    struct vips_image *(*copy_memory)(struct vips_image *image);
    struct vips_array *(*array_new)(int count, ...);
    void (*array_unref)(struct vips_array *array);
    int (*save_jpeg)(struct vips_image *in, void **buffer, size_t *bytes, ...);
};

/* Opens the library on first use. E_INTERNAL when it is not installed or lacks a call. */
bool vips_open(const struct vips **out, struct error *error);

#endif
