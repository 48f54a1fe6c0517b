/* raster.h - what a file is, by its first bytes, and how large the image in a raster file is.
 *
 *     const char *mime;
 *     enum file_type type = sniff(head, &mime);
 *     if (file_is_raster(type) && !raster_probe(fd, type, max_pixels, &info, &error)) ...
 *
 * A raster file is a JPEG, PNG or TIFF: it has pages of pixels and no DICOM header. Content decides, never the name.
 *
 * Both run in the server, on strangers' bytes: our own code, which decodes nothing, allocates nothing and looks at a
 * bounded number of places. Decoding is for decoder processes (decoder.h). The descriptor is borrowed and its offset
 * stays. sniff does not fail: what it does not know is FILE_OTHER.
 */
#ifndef ROENTGEN_RASTER_H
#define ROENTGEN_RASTER_H

#include "base/error.h"

/* What a file is by its content (`file_type`): 0 is none. */
enum file_type { FILE_TYPE_NONE, FILE_DICOM, FILE_JPEG, FILE_PNG, FILE_TIFF, FILE_OTHER };
extern const char *const file_types[]; /* file_types[FILE_DICOM - 1] is "DICOM", and so on; ends with NULL */

bool file_is_raster(unsigned type);

/* ICC profiles of more bytes are not used. */
enum { COLOUR_PROFILE_MAX = 4 << 20 };

enum { SNIFF_BYTES = 512 };
/* `head`: the first bytes, up to SNIFF_BYTES. DICOM: "DICM" at 128, or without preamble a plausible first element of
 * group 0002 or 0008 (ACR-NEMA style). A ZIP, PDF, executable or anything else is FILE_OTHER; *mime says what it looks
 * like. */
enum file_type sniff(struct str head, const char **mime);

struct raster_info {
    int64_t width, height; /* of the first page, upright: as pictures of it are sent and points on it are taken */
    int pages;
    int64_t pictures; /* that a JPEG (CIPA DC-007) or PNG (acTL) says it has: the first is shown */
    bool odd_colours; /* a PNG says that its colours are not those of sRGB, as which they are shown */
    bool has_profile; /* a JPEG or PNG brings an ICC profile, whole or not */
    int orientation;  /* of the first page as it is stored: 1 to 8 (Exif) */
    bool has_adobe;   /* a JPEG with the marker that Adobe's programs write (APP14; ITU-T T.872 6.5.3) */
    /* Of a TIFF without palette: samples that are colours, which come first, and the place of the one that is
     * transparency, counted from 0. 0: it has none. */
    int colours, alpha;
    bool is_white_zero; /* a TIFF whose smallest grey value is white (PhotometricInterpretation 0) */
};
/* Reads the header of a raster file. E_INVALID with words for the client when it is damaged, of a coding that is not
 * read, when pixels of a TIFF are not in the file, or when its pixels on all pages exceed max_pixels;
 * E_UNSUPPORTED_TYPE for a TIFF of a kind that is not decoded, which is named. E_UNAVAILABLE when the disk does not
 * give it, or there is no descriptor. Blocks. */
bool raster_probe(int fd, enum file_type type, int64_t max_pixels, struct raster_info *out, struct error *error);
/* The same, and tells of another page than the first; of the first when there is no such page. */
bool raster_probe_page(int fd, enum file_type type, int64_t page, int64_t max_pixels, struct raster_info *out,
                       struct error *error);

#endif
