/* raster_file.h - JPEG, PNG and TIFF files to samples, by libvips. Private to raster/, for decoder processes only.
 *
 *     if (!raster_file_open(fd, &request, &file, &format, &error)) ...      // header read, nothing decoded
 *     void *samples = malloc(rows * columns * samples * bits_allocated / 8 of format);
 *     raster_file_read(file, samples, &error)                               // decodes all of it
 *     raster_file_close(file);
 *
 * Samples are as codec.h describes them: interleaved, one or three channels, as deep as the file's (inks become three
 * of 8 bits: inks.h), MONOCHROME1 where 0 is white; transparent parts are white; upright as Exif says. Lines come out
 * of libvips one strip after another, so that memory stays bounded whatever the size.
 *
 * The descriptor is the caller's and stays open until raster_file_close; its offset is moved. What fails leaves no file
 * to close (open), or one that still is to be closed (read).
 */
#ifndef ROENTGEN_RASTER_FILE_H
#define ROENTGEN_RASTER_FILE_H

#include "dicom/pixels.h"
#include "raster/raster.h"

/* What is wanted of it. */
struct raster_request {
    enum file_type type;
    int64_t page; /* from 1; 0 is the first */
    int64_t max_pixels;
    int32_t box_width, box_height; /* shrunk into it while it is decoded; 0: natural size */
    int64_t max_bytes;             /* deep grey of up to so many bytes is not shrunk all the same */
};

struct raster_file;
struct colour_profile;

/* E_INVALID: damaged, too large, numbers that cannot be shown; E_NOT_FOUND: a page past the last. */
bool raster_file_open(int fd, const struct raster_request *request, struct raster_file **out,
                      struct pixel_format *format, struct error *error);
/* `samples` NULL: only looks for damage. E_INVALID: there is some; E_TOO_LARGE: it needs more memory than there is. */
bool raster_file_read(struct raster_file *file, void *samples, struct error *error);
/* What the samples look like on a screen, once they have been read; the file's, as long as that is open. NULL: as they
 * are, or, where *trouble is not NULL, in a way that is not known, and why. Inks have been turned into colours by
 * theirs. */
const struct colour_profile *raster_file_profile(struct raster_file *file, const char **trouble);
void raster_file_close(struct raster_file *file); /* takes NULL */

#endif
