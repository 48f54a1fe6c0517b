/* prepare.h - from a frame to the numbers that a model takes, the same in training and here.
 *
 *     struct film film;
 *     struct prepared ready;
 *     if (!film_of_image(c, &image, frame, &card.input, &film) || !prepare(c, &film, &card.input, &ready)) ...
 *     ready.tensor
 *
 *   frame --decoder--> film: 8 bits at natural size, bone bright --fit, resample--> width x height
 *         --range, normalisation--> numbers, in the layout of the card
 *
 * The film is what /rendered shows of the frame with the card's window (imaging/presentation.h): by default the file's
 * first VOI LUT or window, else the whole range of its values. MONOCHROME1 is turned, padding is black. A raster file
 * is taken as it is shown. Grey of colours is 0.299 R + 0.587 G + 0.114 B, not rounded.
 *
 * RESAMPLE_AREA is the mean over the rectangle of the frame that a pixel of the input covers, pixels cut by its edge
 * counting by their share, in double precision, larger or smaller. RESAMPLE_BILINEAR has half-pixel centres and no
 * antialiasing, and repeats the edge (OpenCV's INTER_LINEAR). models/chest-pneumonia/preprocess.py is the reference:
 * equal to 1e-4 a pixel.
 *
 * FIT_SQUASH does not care for the pixels' aspect; LETTERBOX and CROP take the frame as it looks with square pixels.
 *
 * PREPARATION_VERSION goes into every result; it is raised when any value here changes by more than rounding.
 *
 * film_of_image blocks (decoder processes). Results lie in the call's arena.
 */
#ifndef ROENTGEN_PREPARE_H
#define ROENTGEN_PREPARE_H

#include "diagnosis/card.h"
#include "imaging/image.h"
#include "imaging/picture_query.h"

#define PREPARATION_VERSION "1"
enum { PREPARED_BINS = 16 };

/* A frame as 8 bits, at its natural size. */
struct film {
    int64_t width, height;
    int channels;        /* 1, or 3: R, G, B */
    double pixel_aspect; /* height of a pixel by its width; 1: square */
    const uint8_t *at;   /* rows without gaps */
};
/* Failure: what image_job, presentation_of and the decoders say; of a WINDOW_GIVEN that this file cannot be shown by,
 * problems of the query. */
bool film_of_image(struct call *c, const struct image *image, int64_t frame, const struct card_input *input,
                   struct film *out);

/* The picture that /rendered would send for this query, before it is encoded: of any size, with square pixels. */
bool film_of_query(struct call *c, const struct image *image, const struct picture_query *query, struct film *out);

/* How the frame lies in the input: x_input = x_frame * scale_x + left, likewise y. Edges: 0 is the left edge of the
 * first pixel, in both. */
struct placement {
    double scale_x, scale_y, left, top;
    int64_t frame_width, frame_height, input_width, input_height;
};
bool placement_of(const struct film *film, const struct card_input *input, struct placement *out, struct error *error);
void placement_to_frame(const struct placement *placement, double x, double y, double *frame_x, double *frame_y);
void placement_to_input(const struct placement *placement, double x, double y, double *input_x, double *input_y);

struct prepared {
    struct tensor tensor; /* of one picture, named as the card's input */
    struct placement placement;
    char pixels_sha256[65];          /* of the film: its width, height and channels as text, then its bytes */
    double mean, deviation;          /* of the fitted picture, 0 to 1, before range and normalisation; all channels */
    double histogram[PREPARED_BINS]; /* of the same: shares, their sum is 1; white is in the last */
};
/* E_INVALID: a film without pixels. */
bool prepare(struct call *c, const struct film *film, const struct card_input *input, struct prepared *out);

#endif
