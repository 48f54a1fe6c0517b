/* dicom_source.h - all that a DICOM object about a diagnosis is made of, and what every such object holds. Private to
 * diagnosis/.
 *
 *     dicom_source_load(c, id, &source)                          // rows: result, model, who judged
 *     dicom_source_film(c, &image, &source)                      // the film's header
 *     dicom_source_begin(&w, &source, &about)                    // the file, up to the end of its group 0020
 */
#ifndef ROENTGEN_DIAGNOSIS_DICOM_SOURCE_H
#define ROENTGEN_DIAGNOSIS_DICOM_SOURCE_H

#include "diagnosis/diagnosis.h"
#include "diagnosis/diagnosis_dicom.h"
#include "diagnosis/sr_content.h"
#include "imaging/annotation.h"

/* A reader's last word. */
struct dicom_judgement {
    struct reading said;
    struct str reader, department; /* `reader`: a PN, never empty */
};

struct dicom_source {
    struct diagnosis d;
    struct model model;
    struct card card;
    struct list findings;     /* struct finding */
    struct list judgements;   /* struct dicom_judgement */
    struct list measurements; /* struct annotation: what the model's key points have become, with their values */
    struct list masks;        /* struct mask, of dicom_segmentation_load: one for each of `findings` */
    struct str mask_bits;     /* of dicom_segmentation_draw: all of them, as pixel data */
    struct str refusal;       /* why there is no finding: the gate's sentence; null: there is no such reason */
    int64_t version;          /* of what is told: 1, and one more for each review and a withdrawal */
    struct instant at;        /* when it was said last */
    bool is_verified, is_rejected, is_withdrawn;

    struct image_file file;
    const struct dicom_dataset *film; /* the header's data set */
    struct str study_uid, series_uid;
    struct sr_reference reference; /* to the film, and the frame where it has several */
};
bool dicom_source_load(struct call *c, int64_t id, struct dicom_source *out);
/* E_CONFLICT: there is nothing that could be referred to. */
bool dicom_source_film(struct call *c, const struct image *image, struct dicom_source *source);
/* "REJECTED", "WITHDRAWN", "confirmed by a reader" and so on: for people. */
const char *dicom_source_standing(const struct dicom_source *source);

/* What differs between the objects. */
struct dicom_about {
    enum diagnosis_object_kind kind;
    const char *class_uid, *modality;
    int64_t series_number;
    struct str instance_uid; /* its own */
    ptrdiff_t max_bytes;
    /* Of group 0008, between Series Description and group 0010; NULL: nothing. */
    void (*put_group_8)(struct call *c, struct dicom_writer *w, const struct dicom_source *source);
    void (*put_group_18)(struct call *c, struct dicom_writer *w, const struct dicom_source *source); /* likewise */
};
/* File, groups 0008 to 0020: what PS3.3 has in the modules Patient, General Study, General or SR Document Series and
 * General Equipment, and the dates of the content. */
void dicom_source_begin(struct call *c, struct dicom_writer *w, const struct dicom_source *source,
                        const struct dicom_about *about);
/* Writes the whole object; `instance_uid` is its own. On failure c->error is filled. */
bool dicom_report_write(struct call *c, const struct dicom_source *source, struct str instance_uid,
                        struct dicom_writer *w);
/* Groups of Imaging Measurements: one for each of source->measurements. */
void dicom_measurements_put(struct call *c, struct dicom_writer *w, const struct dicom_source *source);
/* TID 4019: the model as the algorithm of what follows. */
void dicom_algorithm_put(struct call *c, struct dicom_writer *w, const struct diagnosis *d);
/* The picture of the evidence, drawn once. */
struct dicom_picture {
    int64_t width, height;
    const uint8_t *at; /* R, G, B */
};
bool dicom_heatmap_draw(struct call *c, const struct image *image, const struct dicom_source *source,
                        struct dicom_picture *out);
bool dicom_heatmap_write(struct call *c, const struct dicom_source *source, const struct dicom_picture *picture,
                         struct str instance_uid, struct dicom_writer *w);

/* The masks: read while the database is at hand, then put together, then written. E_CONFLICT: it has none. */
bool dicom_segmentation_load(struct call *c, struct dicom_source *source);
bool dicom_segmentation_draw(struct call *c, struct dicom_source *source);
/* Of mask_bits, whether drawn or not. */
void dicom_segmentation_release(struct call *c, struct dicom_source *source);
bool dicom_segmentation_write(struct call *c, const struct dicom_source *source, struct str instance_uid,
                              struct dicom_writer *w);

#endif
