/* image.h - an image file opened for what is in it: its header, its frames, its scale.
 *
 *     static bool mean_of(struct call *c, struct image *image) { ... image_samples(c, image, 1, &samples) ... }
 *     static bool mean_get(struct call *c) { return image_look(c, in->file_id, IMAGE_READ, mean_of); }
 *
 * Blocks (files, helpers): on a worker. The database connection is given back before any of that.
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

enum image_header { IMAGE_READ, IMAGE_UNREAD /* `dicom` is NULL */ };
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

/* A job for the decoder processes about frame `number`, all but its kind and presentation. Its lists live in the
 * arena. */
bool image_job(struct call *c, const struct image *image, int64_t number, struct decode_job *job);
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
