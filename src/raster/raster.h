/* raster.h - what a file is, and small pictures of it.
 *
 * sniff: the type by content, from the first bytes (and size), never by name. raster_thumbnail: a JPEG of at most
 * size x size pixels, made by libvips, which is loaded on first use (its libraries cost 60 ms and 20 MB) and is told to
 * use no untrusted loader, no cache, one thread. Dimensions are checked from the header before anything is decoded.
 */
#ifndef ROENTGEN_RASTER_H
#define ROENTGEN_RASTER_H

#include "base/error.h"

/* The brief's file_type enum: 0 is none. */
enum file_type { FILE_TYPE_NONE, FILE_DICOM, FILE_JPEG, FILE_PNG, FILE_TIFF, FILE_OTHER };
extern const char *const file_types[]; /* file_types[FILE_DICOM - 1] is "DICOM", and so on; ends with NULL */

enum { SNIFF_BYTES = 512 };
/* `head`: the first bytes, up to SNIFF_BYTES. DICOM: "DICM" at 128, or without preamble a plausible first element of group
 * 0002 or 0008 (ACR-NEMA style). A ZIP, PDF, executable or anything else is FILE_OTHER; *mime says what it looks like. */
enum file_type sniff(struct str head, const char **mime);

struct raster_info {
    int64_t width, height;
    int pages;
};
/* Reads the header of a JPEG, PNG or TIFF file. E_INVALID with words for the client when it is damaged or when
 * width * height * pages exceeds max_pixels. Blocks. */
bool raster_probe(int fd, enum file_type type, int64_t max_pixels, struct raster_info *out, struct error *error);
/* Decodes the whole picture once, in bounded memory, and makes the thumbnail from it: damage anywhere is E_INVALID. The JPEG
 * goes to *out in the arena. */
bool raster_thumbnail(int fd, enum file_type type, int size, int64_t max_pixels, struct arena *arena, struct str *out,
                      struct error *error);

#endif
