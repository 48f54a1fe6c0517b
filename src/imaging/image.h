/* image.h - an image file opened for what is in it: its header, its frames, its scale.
 *
 * Four words are kept apart, here and wherever pixels are dealt with:
 *
 *   image file --open--> image --decode--> samples of a frame --render--> picture --encode--> JPEG, PNG, WebP
 *                          |                                      ^
 *                          +-- its header, and a query -->  presentation
 *
 *   image file     stored bytes and the row that names them (`/image-files`; records/image_file.h): a DICOM file, a
 *                  raster file (JPEG, PNG, TIFF), or neither.
 *   image          what such a file holds (`/images`): a header, if it is a DICOM file, and frames of pixels (PS3.3
 *                  C.7.6.3, C.7.6.6), counted from 1. The pages of a raster file are its frames. A frame that has been
 *                  decoded is samples (raster/render.h).
 *   presentation   how a frame is shown (presentation.h): what its stored values stand for, which of them matter (VOI),
 *                  which way round black and white are, how large, how encoded (PS3.4 N.2).
 *   picture        what a person looks at: a frame rendered by a presentation, in memory (raster/picture.h) or encoded
 *                  (picture_cache.h). PS3.18 8.3.5, and so the paths, folders and settings, call it rendered.
 *
 *     static bool mean_of(struct call *c, struct image *image) { ... image_samples(c, image, 1, &samples) ... }
 *     static bool mean_get(struct call *c) { return image_look(c, in->file_id, IMAGE_READ, mean_of); }
 *
 * An open image owns its descriptor, the view of its bytes and its header; image_close gives them back, and image_look
 * does that by itself. Samples and other results lie in the call's arena and outlive it. A job does not: it borrows the
 * descriptor and the bytes.
 *
 * Failure: c->error says whether the file is to blame (E_INVALID, E_UNSUPPORTED_TYPE), or the disk (E_UNREADABLE), or
 * the moment (E_UNAVAILABLE). A file is blamed only for bytes that are those which were stored (image_blame).
 *
 * Blocks (files, decoder processes): on a worker. The database connection is given back before any of that.
 */
#ifndef ROENTGEN_IMAGE_H
#define ROENTGEN_IMAGE_H

#include "records/image_file.h"
#include "base/file_view.h"
#include "dicom/pixels.h"
#include "raster/decoder.h"

struct image {
    struct image_file file;
    int fd;
    struct file_view view;      /* the whole file */
    struct dicom_object *dicom; /* NULL: a raster file, or none that is known */
    struct str damage;          /* why the DICOM file could not be read to its end; null: it could */
};

/* Is the header to be read? IMAGE_UNREAD: `dicom` is NULL, for who parses the bytes in another way. */
enum image_header { IMAGE_READ, IMAGE_UNREAD };
/* What `look` returns of a file that the caller may see, opened for it and closed after it; the audit row is about
 * it. False as well when the file could not be opened (below), or not be read whole (E_UNREADABLE), whatever `look`
 * said. */
bool image_look(struct call *c, int64_t file_id, enum image_header header,
                bool (*look)(struct call *c, struct image *image));

/* A row already loaded; rights are the caller's business. E_CONFLICT while it is still uploading, E_INVALID when a
 * DICOM file's header cannot be read far enough. On failure there is nothing to close. */
bool image_open(struct call *c, const struct image_file *file, struct image *out);
/* False: so far the file could not be read whole (E_UNREADABLE), and what was made of it is worth nothing. For who
 * keeps something of it before it is closed. */
bool image_is_whole(struct call *c, const struct image *image);
/* When c->error says that something is wrong with what is in the file: is that so? True: its bytes are those that
 * were stored, or its row says the same already. False: they are not, and c->error is E_UNREADABLE. image_close
 * asks; before it, who makes something else of the error has to. */
bool image_blame(struct call *c, const struct image *image);
/* False: as image_is_whole, of all that was read. */
bool image_close(struct call *c, struct image *image) __attribute__((warn_unused_result));

/* E_INVALID (DICOM without an image), E_UNSUPPORTED_TYPE (a document, a transfer syntax that is not decoded). */
bool image_format(struct call *c, const struct image *image, struct pixel_format *out);
/* Frame (page) `number` from 1; E_NOT_FOUND past the last. Samples live in the call's arena. */
bool image_samples(struct call *c, const struct image *image, int64_t number, struct samples *out);

/* A frame's encoded bytes, as they are stored: a part of the file, or, where they are in several pieces, a copy. */
struct encoded_frame {
    const char *media_type;
    int64_t offset, length; /* in the file; length 0: `bytes` instead */
    struct str bytes;       /* in the call's arena */
};
/* E_UNSUPPORTED_TYPE for what has no frames in this sense (raster files), E_NOT_FOUND past the last, E_TOO_LARGE for a
 * copy larger than MAX_FRAME. */
bool image_encoded(struct call *c, const struct image *image, int64_t number, struct encoded_frame *out);

/* A job for the decoder processes about frame `number`, all but its kind and presentation. Its lists live in the
 * arena. */
bool image_job(struct call *c, const struct image *image, int64_t number, struct decode_job *job);
/* Has it done. The result lies in the arena, and is counted into what the call holds. */
bool image_run(struct call *c, const struct decode_job *job, struct decode_result *result);

/* How pixels become millimetres. */
enum spacing_source {
    SPACING_NONE,
    SPACING_PIXEL,
    SPACING_DETECTOR /* Imager Pixel Spacing: at the detector, not in the patient */
};
struct pixel_spacing {
    enum spacing_source source;
    double row_mm, column_mm; /* between centres of rows (down), of columns (across) */
};
/* Frame `number`'s, from the functional groups where there are such. */
void image_spacing(struct call *c, const struct image *image, int64_t number, struct pixel_spacing *out);

#endif
