/* sr_content.h - content items of an SR document (PS3.3 C.17.3), written as they come. Private to diagnosis/.
 *
 *     sr_container(w, SR_CONTAINS, CODE("DCM", "126010", "Imaging Measurements"), NULL);
 *     sr_text(w, SR_CONTAINS, CODE("DCM", "121106", "Comment"), words);       // a whole item, without children
 *     sr_children_end(w);                                                     // of the container
 *
 * An item without a concept name has NULL for it. Text that is empty makes no item: its value is of Type 1.
 */
#ifndef ROENTGEN_DIAGNOSIS_SR_CONTENT_H
#define ROENTGEN_DIAGNOSIS_SR_CONTENT_H

#include "diagnosis/dicom_source.h"

#define SR_CONTAINS "CONTAINS"
#define SR_OBSERVED "HAS OBS CONTEXT"
#define SR_ACQUIRED "HAS ACQ CONTEXT"
#define SR_MODIFIED "HAS CONCEPT MOD"
#define SR_PROPERTY "HAS PROPERTIES"
#define SR_INFERRED "INFERRED FROM"
#define SR_SELECTED "SELECTED FROM"

enum sr_unit { SR_PERCENT, SR_PIXELS };

/* Content Template Sequence, of the data set or an item; before its children. */
void sr_template(struct dicom_writer *w, const char *template);
/* Begins one, whose children follow, at least one. `template`: the TID; NULL: it has none. */
void sr_container(struct dicom_writer *w, const char *relation, const struct card_code *concept, const char *template);

void sr_text(struct dicom_writer *w, const char *relation, const struct card_code *concept, struct str text);
void sr_code(struct dicom_writer *w, const char *relation, const struct card_code *concept,
             const struct card_code *value);
void sr_uid(struct dicom_writer *w, const char *relation, const struct card_code *concept, struct str uid);
void sr_person(struct dicom_writer *w, const char *relation, const struct card_code *concept, struct str name);
void sr_number(struct dicom_writer *w, const char *relation, const struct card_code *concept, double value,
               enum sr_unit unit);
/* The film. */
void sr_image(struct dicom_writer *w, const char *relation, const struct card_code *concept,
              const struct dicom_source *source);
/* Points on the film: POINT, MULTIPOINT, POLYLINE. */
void sr_points(struct dicom_writer *w, const char *relation, const struct card_code *concept, const char *type,
               const double *xy, int numbers, const struct dicom_source *source);

/* An item of text, a number or the film, whose children follow, at least one. */
void sr_text_begin(struct dicom_writer *w, const char *relation, const struct card_code *concept, struct str text);
void sr_number_begin(struct dicom_writer *w, const char *relation, const struct card_code *concept, double value,
                     const struct card_code *unit);
void sr_image_begin(struct dicom_writer *w, const char *relation, const struct dicom_source *source);
void sr_children_end(struct dicom_writer *w); /* of the item that was begun last, and of the item itself */

#endif
