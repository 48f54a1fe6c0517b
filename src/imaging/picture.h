/* picture.h - an image file opened for what is in it: its header, its frames, its scale.
 *
 *     static bool mean_of(struct call *c, struct picture *picture) { ... picture_samples(c, picture, 1, &samples) ... }
 *     static bool mean_get(struct call *c) { return picture_look(c, in->file_id, PICTURE_READ, mean_of); }
 *
 * Blocks (files, helpers): on a worker. The database connection is given back before any of that.
 */
#ifndef ROENTGEN_PICTURE_H
#define ROENTGEN_PICTURE_H

#include "records/image_file.h"
#include "base/file_view.h"
#include "dicom/pixels.h"
#include "raster/decoder.h"

struct picture {
    struct image_file file;
    int fd;
    struct file_view view;      /* the whole file */
    struct dicom_object *dicom; /* NULL: a JPEG, PNG or TIFF */
    struct str damage;          /* why the DICOM file could not be read to its end; null: it could */
};

enum picture_header { PICTURE_READ, PICTURE_UNREAD /* `dicom` is NULL */ };
/* What `look` returns of a file that the caller may see, opened for it and closed after it; the audit row is about
 * it. False as well when the file could not be opened (below), or not be read whole (E_UNREADABLE), whatever `look`
 * said. */
bool picture_look(struct call *c, int64_t file_id, enum picture_header header,
                  bool (*look)(struct call *c, struct picture *picture));

/* A row already loaded; rights are the caller's business. E_CONFLICT while it is still uploading, E_INVALID when a
 * DICOM file's header cannot be read far enough. On failure there is nothing to close. */
bool picture_open_file(struct call *c, const struct image_file *file, struct picture *out);
/* False: so far the file could not be read whole (E_UNREADABLE), and what was made of it is worth nothing. For who
 * keeps something of it before it is closed. */
bool picture_is_whole(struct call *c, const struct picture *picture);
/* When c->error says that something is wrong with what is in the file: is that so? True: its bytes are those that
 * were stored, or its row says the same already. False: they are not, and c->error is E_UNREADABLE. picture_close
 * asks; before it, who makes something else of the error has to. */
bool picture_blame(struct call *c, const struct picture *picture);
/* False: as picture_is_whole, of all that was read. */
bool picture_close(struct call *c, struct picture *picture) __attribute__((warn_unused_result));

/* E_INVALID (DICOM without an image), E_UNSUPPORTED_TYPE (a document, a transfer syntax that is not decoded). */
bool picture_format(struct call *c, const struct picture *picture, struct pixel_format *out);
/* Frame (page) `number` from 1; E_NOT_FOUND past the last. Samples live in the call's arena. */
bool picture_samples(struct call *c, const struct picture *picture, int64_t number, struct samples *out);

/* A job for the decoder processes about frame `number`, all but its kind and rendering. Its lists live in the arena. */
bool picture_job(struct call *c, const struct picture *picture, int64_t number, struct decode_job *job);
bool picture_run(struct call *c, const struct decode_job *job, struct decode_result *result);

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
void picture_spacing(struct call *c, const struct picture *picture, int64_t number, struct pixel_spacing *out);

#endif
