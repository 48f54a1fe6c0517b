/* mask.h - which pixels of a frame a model gave a label: made of what it answered, kept with the result, drawn.
 *
 *     mask_of_grid(c, &grid, &placement, threshold, &mask)      // counted, its box and mean, packed
 *     masks_keep(c, diagnosis_id, &masks)                       // in the transaction that writes the result
 *     masks_load(c, diagnosis_id, STR_NULL, &masks)             // those of all labels, in the card's order
 *     struct str bits = STR_NULL;
 *     mask_bits(c, &mask, &bits)                                // mask_has(bits, y * mask.width + x)
 *
 *   grid (0 to 1, over the whole input) --placement, bilinear between centres of cells--> value at the middle of each
 *         pixel of the frame --at or above the threshold--> one bit --deflate--> `packed`
 *
 * Where cells are smaller than pixels, a pixel's value is the highest of the cells whose middles lie in it: no small
 * finding is lost between pixels, or made less by its neighbours.
 *
 * So crop, borders and size are undone: a mask has the frame's own pixels, rows from the top. What of the frame the
 * model did not see (FIT_CROP) is not in it; a border (FIT_LETTERBOX) is no part of the frame.
 *
 *   bits     pixel i is bit i % 8 of byte i / 8, the lowest first, rows without gaps: as DICOM packs a frame of one bit
 *            (PS3.5 8.1.1). What is left of the last byte is 0.
 *
 * A mask cannot be made again but by asking the model again, so it lies in a row of the database, base64 of `packed`,
 * goes into each backup and goes with its result. One that does not pack into MASK_BYTES_MAX, masks of one result that
 * together are more than MASKS_BYTES_MAX, or frames and labels of more than MASKS_PIXELS_MAX, fail the question: to
 * leave some out would say that nothing was there.
 */
#ifndef ROENTGEN_MASK_H
#define ROENTGEN_MASK_H

#include "diagnosis/finding.h"
#include "diagnosis/heat_map.h"

enum { MASK_BYTES_MAX = 4 << 20, MASKS_BYTES_MAX = 16 << 20 };
#define MASKS_PIXELS_MAX ((int64_t)1 << 32)

struct mask {
    struct str label;
    int64_t place;          /* among those of its result, from 0 */
    int64_t width, height;  /* of the frame */
    int64_t pixels;         /* how many belong to it */
    struct finding_box box; /* around all of them; NaN: there are none */
    double most, mean;      /* of the cells on the frame; of the pixels within, NaN: there are none */
    struct str packed;
    struct str kept; /* `packed` in base64, made outside of the transaction; null in those that were loaded */
};
/* E_INVALID: more than MASK_BYTES_MAX. E_UNAVAILABLE: no memory. `label` and `place` are left to the
 * caller. */
bool mask_of_grid(struct call *c, const struct grid *grid, const struct placement *placement, double threshold,
                  struct mask *out);
/* In the arena; where *bits is those of another mask of this size, in their place. E_INTERNAL: what is kept is none. */
bool mask_bits(struct call *c, const struct mask *mask, struct str *bits);
static inline bool mask_has(struct str bits, int64_t pixel)
{
    return (unsigned char)bits.at[pixel / 8] >> (pixel % 8) & 1;
}

/* ---- mask_rows.c ---- */

/* Inside the transaction that writes the result. `masks`: struct mask, one for each finding, in their order. */
bool masks_keep(struct call *c, int64_t diagnosis_id, const struct list *masks);
/* Those of this label (null: of all), in the order of the findings; `most` and `mean` are not kept. */
bool masks_load(struct call *c, int64_t diagnosis_id, struct str label, struct list *out);

/* ---- mask_draw.c ---- */

struct mask_style {
    double opacity; /* 0 to 1, of what is blended */
    bool blended;   /* over the canvas; false: alone, on black */
    bool outline;   /* a line along its border, instead of all of it */
    int64_t colour; /* 0xRRGGBB, of all; INTEGER_NULL: to each one its own, the same whichever others are drawn */
};
/* Over each other, the last on top. The canvas has the frame's shape and any size: a pixel of it is that of the frame
 * under its middle. */
bool masks_draw(struct call *c, const struct list *masks, const struct mask_style *style, struct canvas *canvas);

#endif
