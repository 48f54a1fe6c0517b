/* presentation.h - how a frame is to be shown: from what the file says and what was asked, to a struct presentation
 * (raster/render.h).
 *
 *     struct presentation *presentation = malloc(sizeof(*presentation));     // 1.2 MB: never on the stack
 *     if (!presentation_of(c, image.dicom, &format, in->frame, in, presentation)) ...
 *     job.presentation = presentation;
 *
 * Grey: the window asked for, else the file's first VOI LUT, else its first window, else the full range of the
 * values. A window asked for is in the values that histograms and measurements tell, the file's own are in those of
 * its modality (pixel_values.h). Overlays are not drawn, presentation states not applied. Functional groups of the
 * frame count before the file's own attributes.
 *
 * The caller owns the presentation, which refers to nothing of the file or the query. Failure is E_INVALID: a wish that
 * contradicts another or this file, told as problems of the query, or a lookup table that the picture needs and that is
 * broken; the presentation is then unspecified.
 */
#ifndef ROENTGEN_PRESENTATION_H
#define ROENTGEN_PRESENTATION_H

#include "imaging/image.h"
#include "imaging/pixel_values.h"

/* Windows of CT, in Hounsfield units, as they are commonly set: name, centre, width, what for. */
#define CT_PRESETS(X) \
    X(lung, -600, 1500, "lungs") \
    X(mediastinum, 50, 350, "mediastinum") \
    X(abdomen, 50, 400, "soft parts of the abdomen") \
    X(soft_tissue, 40, 400, "soft parts elsewhere") \
    X(liver, 30, 150, "liver: small differences") \
    X(bone, 400, 1800, "bone") \
    X(spine, 50, 250, "soft parts of the spine") \
    X(brain, 40, 80, "brain") \
    X(subdural, 75, 215, "blood beside the brain") \
    X(stroke, 40, 40, "early infarction: grey and white matter apart") \
    X(temporal_bone, 600, 2800, "temporal bone, inner ear") \
    X(angio, 300, 600, "vessels filled with contrast medium")

enum { PICTURE_SIDE_MAX = 8192 };

/* What is white of a VOI LUT: the largest value of as many bits as its descriptor says, or its largest entry. */
enum voi_range { VOI_RANGE_DECLARED, VOI_RANGE_USED };

/* What is asked of a picture; a member that is null leaves it to the file. */
struct picture_query {
    int64_t file_id;
    int64_t frame;
    double window_center, window_width; /* NaN: not asked for */
    unsigned preset;                    /* 0: none */
    struct str voi;                     /* "none", a number from 1, a name; null: the file's first */
    unsigned voi_range;                 /* enum voi_range + 1; 0: declared */
    bool invert;
    int64_t width, height; /* INTEGER_NULL: any */
    unsigned format;       /* enum picture_format + 1 */
    int64_t quality, bits;
};
extern const struct schema picture_query_schema;
extern const char *const picture_formats[];     /* picture_formats[PICTURE_JPEG] is "jpeg" */
extern const char *const picture_media_types[]; /* likewise */

/* The query of a picture as the file would have it, e.g. for a thumbnail: nothing asked for but the box. */
void picture_query_default(struct picture_query *query);

/* `object` NULL: a raster file, whose format need not be known yet (`format` NULL). */
bool presentation_of(struct call *c, const struct dicom_object *object, const struct pixel_format *format,
                     int64_t frame, const struct picture_query *query, struct presentation *out);

/* What whoever looks at the picture should know: that a VOI LUT is shown by a range that it does not use, that the
 * file's rescale or window cannot be read (header_doubts.h). At most `most` bytes. Null: nothing. */
struct str presentation_remark(struct call *c, const struct dicom_object *object, const struct picture_query *query,
                               const struct presentation *presentation, ptrdiff_t most);
/* What the samples stand for, and the unit of that (null: none known): all that counting or measuring takes of a
 * presentation. Colours have no unit. */
bool presentation_of_values(struct call *c, const struct dicom_object *object, const struct pixel_format *format,
                            int64_t frame, struct presentation *out, struct str *unit);

#endif
