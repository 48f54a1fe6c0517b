/* raster_header.h - headers of raster files, read step by step. Private to raster/.
 *
 *     struct header h = { .fd = fd, .type = FILE_TIFF, .page = 1, .error = &error };
 *     if (!header_read(&h, 0, bytes, 8) || header_number(bytes, 2, true) != ...) return header_damaged(&h);
 *
 * Runs in the server, on strangers' files (raster.h). All that return bool have said why in h->error when it is false.
 * The descriptor is borrowed and its offset stays.
 */
#ifndef ROENTGEN_RASTER_HEADER_H
#define ROENTGEN_RASTER_HEADER_H

#include "raster/raster.h"

struct header {
    int fd;
    enum file_type type;
    struct error *error;
    int64_t page;               /* whose info is wanted, from 1 */
    int64_t max_pixels, pixels; /* of all pages */
    struct raster_info info;
    int samples; /* a pixel */
    bool is_whole, has_exif;
    struct {
        bool has_code, odd_code, has_profile, odd_numbers; /* cICP; iCCP or sRGB; gAMA and cHRM */
    } says;                                                /* a PNG of its colours */
};

bool header_damaged(const struct header *h); /* false, E_INVALID */
/* E_INVALID when the file ends before, E_UNAVAILABLE when the disk does not give it. */
bool header_read(const struct header *h, int64_t offset, void *bytes, size_t len);
uint64_t header_number(const unsigned char *at, int bytes, bool big);

/* tiff_header.c: info.pages, `pixels`, and the info of `page`. E_INVALID when pixels of any page are not in the file,
 * with how many bytes there are; E_UNSUPPORTED_TYPE, with its name, for a kind that is not decoded. */
bool tiff_header_read(struct header *h);

/* tiff_kind.c: whether a page of these tags is one that is shown. */
struct tiff_kind {
    int64_t compression, photometric, bits, samples, sample_format, ink_set;
    int colours, alpha; /* as in raster_info */
    bool has_map, is_planar, is_tiled;
};
bool tiff_kind_is_shown(const struct header *h, const struct tiff_kind *kind);

#endif
