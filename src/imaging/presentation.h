/* presentation.h - how a frame is to be shown: from what the file says and what was asked (picture_query.h), to a
 * struct presentation (raster/render.h).
 *
 *     struct presentation *presentation = presentation_new();                // 1.2 MB: never on the stack
 *     if (!presentation_of(c, image.dicom, &format, in->frame, in, presentation)) ...
 *     job.presentation = presentation;
 *     ...
 *     presentation_free(presentation);
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
#include "imaging/picture_query.h"
#include "imaging/pixel_values.h"

/* A new one, unspecified inside: its tables are seldom filled, too large for a stack, and for an arena, which would
 * clear them. Never NULL. */
struct presentation *presentation_new(void);
void presentation_free(struct presentation *presentation); /* takes NULL */

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
