/* vips.c - opens libvips. */
#include "raster/vips.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

#define LIBRARY "libvips.so.42"

struct symbol {
    const char *name;
    size_t offset;
};

#define SYMBOL(member, symbol) \
    { \
        symbol, offsetof(struct vips, member) \
    }

static const struct symbol symbols[] = {
    SYMBOL(init, "vips_init"),
    SYMBOL(cache_set_max, "vips_cache_set_max"),
    SYMBOL(concurrency_set, "vips_concurrency_set"),
    SYMBOL(vector_set_enabled, "vips_vector_set_enabled"),
    SYMBOL(operation_block_set, "vips_operation_block_set"),
    SYMBOL(error_buffer, "vips_error_buffer"),
    SYMBOL(error_clear, "vips_error_clear"),
    SYMBOL(log_handler, "g_log_set_handler"),
    SYMBOL(unref, "g_object_unref"),
    SYMBOL(free, "g_free"),
    SYMBOL(source_new, "vips_source_new_from_descriptor"),
    SYMBOL(load_jpeg, "vips_jpegload_source"),
    SYMBOL(load_png, "vips_pngload_source"),
    SYMBOL(load_tiff, "vips_tiffload_source"),
    SYMBOL(width, "vips_image_get_width"),
    SYMBOL(height, "vips_image_get_height"),
    SYMBOL(bands, "vips_image_get_bands"),
    SYMBOL(format, "vips_image_get_format"),
    SYMBOL(interpretation, "vips_image_get_interpretation"),
    SYMBOL(has_alpha, "vips_image_hasalpha"),
    SYMBOL(has_field, "vips_image_get_typeof"),
    SYMBOL(get_blob, "vips_image_get_blob"),
    SYMBOL(get_integer, "vips_image_get_int"),
    SYMBOL(resize, "vips_resize"),
    SYMBOL(extract_band, "vips_extract_band"),
    SYMBOL(cast, "vips_cast"),
    SYMBOL(flatten, "vips_flatten"),
    SYMBOL(colourspace, "vips_colourspace"),
    SYMBOL(array_new, "vips_array_double_newv"),
    SYMBOL(array_unref, "vips_area_unref"),
    SYMBOL(region_new, "vips_region_new"),
    SYMBOL(region_fetch, "vips_region_fetch"),
};

/* The library can be opened and started once in a process, whoever asks: the one thing here that belongs to no
 * object. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct vips library;
static char problem[200]; /* why it could not be opened; "" when it was */

static bool find_symbols(void *handle)
{
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *found = dlsym(handle, symbols[i].name); /* also looks into the libraries that libvips needs */
        if (!found) {
            snprintf(problem, sizeof(problem), "%s has no %s; version 8.13 or later is needed", LIBRARY,
                     symbols[i].name);
            return false;
        }
        memcpy((char *)&library + symbols[i].offset, &found, sizeof(found)); /* ISO C has no cast between the two */
    }
    return true;
}

static atomic_bool has_holes;

/* What libjpeg (jerror.h: JWRN_HIT_MARKER, JWRN_JPEG_EOF) and libtiff's fax decoder say when the coded pixels end
 * before the picture does. They make up the rest, and go on. */
static bool tells_of_holes(const char *message)
{
    static const char *const words[] = { "remature end of data segment", "remature end of JPEG file", "remature EOF" };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strstr(message, words[i]))
            return true;
    return false;
}

/* Its warnings are about strangers' files and would reach standard error past our log. */
static void hear_message(const char *domain, int level, const char *message, void *data)
{
    (void)domain;
    (void)level;
    (void)data;
    if (message && tells_of_holes(message))
        atomic_store(&has_holes, true);
}

bool vips_drew_holes(void)
{
    return atomic_load(&has_holes) || tells_of_holes(library.error_buffer());
}

void vips_forget(void)
{
    library.error_clear();
    atomic_store(&has_holes, false);
}

static void open_library(void)
{
    void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        snprintf(problem, sizeof(problem), "%.180s", dlerror());
        return;
    }
    if (!find_symbols(handle))
        return;
    if (library.init("roentgen") != 0) {
        snprintf(problem, sizeof(problem), "%s does not start", LIBRARY);
        return;
    }
    enum { G_LOG_LEVELS_BELOW_ERROR = 0xf8 }; /* critical, warning, message, info, debug */
    library.log_handler("VIPS", G_LOG_LEVELS_BELOW_ERROR, hear_message, NULL);
    library.cache_set_max(0); /* every file is read once */
    library.concurrency_set(1);
    library.vector_set_enabled(false); /* code made at run time: the sandbox forbids it */
    library.operation_block_set("VipsForeignLoad", true);
    library.operation_block_set("VipsForeignLoadJpeg", false);
    library.operation_block_set("VipsForeignLoadPng", false);
    library.operation_block_set("VipsForeignLoadTiff", false);
}

bool vips_open(const struct vips **out, struct error *error)
{
    pthread_once(&once, open_library);
    if (problem[0])
        return error_set(error, E_INTERNAL, "cannot read pictures: %s", problem);
    *out = &library;
    return true;
}
