/* annotation.h - what people and models draw and measure on an image file.
 *
 * A file has one set of annotations, kept whole in versions that are never rewritten:
 *
 *     image_annotations            image_annotation_versions
 *     file 7 -> version 3          file 7, version 1: content (JSON)   who, when, comment, counts
 *                                  file 7, version 2
 *                                  file 7, version 3  <- current
 *
 *     struct annotation_set before, now;
 *     if (!annotation_set_load(c, file_id, 0, &before)) ...                      // 0: the current version
 *     if (!annotation_set_replace(c, image, &before, after, comment, &now)) ...
 *
 * The set is replaced as a whole. An annotation that is the same as before keeps its author, times and values; others
 * are measured anew. Values are always the server's own (measure/measure.h): from the points and the frame's spacing,
 * or the annotation's calibration.
 *
 * Sets and all in them lie in the call's arena; `after` is changed (ids, authors, values). The image is borrowed. On
 * failure nothing is kept: wishes that cannot be measured are problems by their place in the body, all of them at once
 * (E_INVALID); a version that somebody else was faster with is E_PRECONDITION_FAILED; pixels that cannot be decoded
 * are no failure, but a remark on the annotations that wanted them.
 */
#ifndef ROENTGEN_ANNOTATION_H
#define ROENTGEN_ANNOTATION_H

#include "imaging/image.h"
#include "measure/measure.h"

enum { ANNOTATIONS_MAX = 1000, ANNOTATION_VALUES_MAX = MEASURE_VALUES_MAX + 5 };

enum annotation_source { SOURCE_NONE, SOURCE_HUMAN, SOURCE_MODEL };

/* Where a value's unit comes from. */
enum value_basis { BASIS_NONE, BASIS_PIXELS, BASIS_PIXEL_SPACING, BASIS_DETECTOR, BASIS_CALIBRATION, BASIS_ULTRASOUND };

struct annotation_value {
    struct str name;
    double value;
    struct str unit;
    unsigned spacing; /* enum value_basis; none for pixel values */
};

/* Either mm_per_pixel, or a length between two points. */
struct annotation_calibration {
    double mm_per_pixel, length_mm;
    struct measure_point from, to;
};

struct annotation_model {
    struct str name, version;
};

struct annotation {
    struct str id;
    unsigned kind; /* measure_kind_at(kind - 1) */
    int64_t frame;
    struct list points; /* struct measure_point */
    struct str label;
    unsigned facing, patient_left, laterality; /* enum measure_side */
    bool standing;
    struct annotation_calibration calibration;
    unsigned source;
    struct annotation_model model;
    bool visible;
    /* What the server says of it. */
    struct list values; /* struct annotation_value */
    struct str remark;
    int64_t created_by;
    struct instant created_at;
    int64_t updated_by;
    struct instant updated_at;
};
extern const struct schema annotation_schema;        /* as clients send and see it */
extern const struct schema stored_annotation_schema; /* the same with nothing read-only, as versions keep it */

struct annotation_set {
    int64_t file_id, version; /* 0: none yet */
    struct list annotations;
    struct str comment;
    int64_t updated_by;
    struct instant updated_at;
};
extern const struct schema annotation_set_schema;

/* Version `number`, 0: the current one; E_NOT_FOUND. Without any there is an empty set of version 0. */
bool annotation_set_load(struct call *c, int64_t file_id, int64_t number, struct annotation_set *out);
/* The same version's number and the SHA-256 of it as it is stored, in hexadecimal. NONE: there is no such version. */
enum found annotation_set_digest(struct call *c, int64_t file_id, int64_t number, int64_t *version, struct str *sha256);
/* `after` (of struct annotation) takes the place of the set that was read as `before`: measured, kept as the next
 * version, with its audit row. Nothing is kept when nothing differs and there is no comment. On a worker. */
bool annotation_set_replace(struct call *c, struct image *image, const struct annotation_set *before, struct list after,
                            struct str comment, struct annotation_set *out);

/* Checks and measures those of the set whose `values` have no items yet, decoding each frame that needs it once.
 * Problems are told by their place in the body ("annotations.3.points"). Blocks. */
bool annotations_measure(struct call *c, const struct image *image, struct annotation *annotations, ptrdiff_t count);

#endif
