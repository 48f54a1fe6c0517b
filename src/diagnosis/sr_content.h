/* sr_content.h - content items of an SR document (PS3.3 C.17.3), written as they come.
 *
 *     sr_container(w, SR_CONTAINS, CODE("DCM", "126010", "Imaging Measurements"), NULL);
 *     sr_text(w, SR_CONTAINS, CODE("DCM", "121106", "Comment"), words);       // a whole item, without children
 *     sr_children_end(w);                                                     // of the container
 *
 * An item without a concept name has NULL for it. Text that is empty makes no item: its value is of Type 1.
 */
#ifndef ROENTGEN_DIAGNOSIS_SR_CONTENT_H
#define ROENTGEN_DIAGNOSIS_SR_CONTENT_H

#include "base/clock.h"
#include "diagnosis/card.h"
#include "dicom/writer.h"

#define SR_CONTAINS "CONTAINS"
#define SR_OBSERVED "HAS OBS CONTEXT"
#define SR_ACQUIRED "HAS ACQ CONTEXT"
#define SR_MODIFIED "HAS CONCEPT MOD"
#define SR_PROPERTY "HAS PROPERTIES"
#define SR_INFERRED "INFERRED FROM"
#define SR_SELECTED "SELECTED FROM"

/* A code sequence of one item. */
void dicom_put_code(struct dicom_writer *w, uint32_t sequence, const struct card_code *code);
/* Codes: CODE_ROW in a table of constants, CODE as an argument. */
#define CODE_TEXT(literal) \
    { \
        "" literal, (ptrdiff_t)sizeof(literal) - 1 \
    }
#define CODE_ROW(scheme, value, meaning) \
    { \
        CODE_TEXT(scheme), CODE_TEXT(value), CODE_TEXT(meaning) \
    }
#define CODE(scheme, value, meaning) (&(const struct card_code){ S(scheme), S(value), S(meaning) })
/* Concepts that no standard has a code for. */
#define OUR_SCHEME "99ROENTGEN"
#define OURS(value, meaning) CODE(OUR_SCHEME, value, meaning)

/* As clocks show it where the server stands: a DA, or a TM. The same as a DT, with its offset from UTC. */
void dicom_put_moment(struct dicom_writer *w, uint32_t tag, struct instant at, bool is_time);
struct str dicom_datetime(struct arena *arena, struct instant at);

/* An instance that is referred to. */
struct sr_reference {
    struct str class_uid, instance_uid;
    int64_t frame; /* of several; 0: all of it */
};
/* Referenced SOP Class and Instance UID, and the frame: of an item. */
void sr_reference_put(struct dicom_writer *w, const struct sr_reference *to);

enum sr_unit { SR_PERCENT, SR_PIXELS };
/* UCUM, for the units of annotations; NULL: it is none of theirs. */
const struct card_code *sr_unit_of(struct str unit);

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
void sr_quantity(struct dicom_writer *w, const char *relation, const struct card_code *concept, double value,
                 const struct card_code *unit);
void sr_image(struct dicom_writer *w, const char *relation, const struct card_code *concept,
              const struct sr_reference *image);
/* Any other instance. */
void sr_composite(struct dicom_writer *w, const char *relation, const struct sr_reference *instance);
/* Points on an image: POINT, MULTIPOINT, POLYLINE. */
void sr_points(struct dicom_writer *w, const char *relation, const struct card_code *concept, const char *type,
               const double *xy, int numbers, const struct sr_reference *image);

/* An item of text, a number or an image, whose children follow, at least one. */
void sr_text_begin(struct dicom_writer *w, const char *relation, const struct card_code *concept, struct str text);
void sr_number_begin(struct dicom_writer *w, const char *relation, const struct card_code *concept, double value,
                     const struct card_code *unit);
void sr_image_begin(struct dicom_writer *w, const char *relation, const struct sr_reference *image);
void sr_children_end(struct dicom_writer *w); /* of the item that was begun last, and of the item itself */

#endif
