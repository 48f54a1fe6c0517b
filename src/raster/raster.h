/* raster.h - what a file is, and how large a picture.
 *
 * sniff: the type by content, from the first bytes (and size), never by name. raster_probe: dimensions from the header,
 * read by our own code without decoding anything; decoding is for decoder processes (decoder.h).
 */
#ifndef ROENTGEN_RASTER_H
#define ROENTGEN_RASTER_H

#include "base/error.h"

/* What a file is by its content (`file_type`): 0 is none. */
enum file_type { FILE_TYPE_NONE, FILE_DICOM, FILE_JPEG, FILE_PNG, FILE_TIFF, FILE_OTHER };
extern const char *const file_types[]; /* file_types[FILE_DICOM - 1] is "DICOM", and so on; ends with NULL */

/* A JPEG, PNG or TIFF: a raster file, which has pages and no DICOM header. */
bool file_is_raster(unsigned type);

enum { SNIFF_BYTES = 512 };
/* `head`: the first bytes, up to SNIFF_BYTES. DICOM: "DICM" at 128, or without preamble a plausible first element of
 * group 0002 or 0008 (ACR-NEMA style). A ZIP, PDF, executable or anything else is FILE_OTHER; *mime says what it looks
 * like. */
enum file_type sniff(struct str head, const char **mime);

struct raster_info {
    int64_t width, height; /* of the first page, upright: as pictures of it are sent and points on it are taken */
    int pages;
    int orientation; /* of the first page as it is stored: 1 to 8 (Exif) */
    bool has_adobe;  /* a JPEG with the marker that Adobe's programs write (APP14; ITU-T T.872 6.5.3) */
};
/* Reads the header of a JPEG, PNG or TIFF file: with pread, so that the descriptor's offset does not matter. E_INVALID
 * with words for the client when it is damaged, of a coding that is not read, or when its pixels on all pages exceed
 * max_pixels. E_UNAVAILABLE when the disk does not give it, or there is no descriptor. Blocks. */
bool raster_probe(int fd, enum file_type type, int64_t max_pixels, struct raster_info *out, struct error *error);

#endif
