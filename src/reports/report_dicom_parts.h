/* report_dicom_parts.h - what the files that write DICOM objects of a report share. Private to reports/. */
#ifndef ROENTGEN_REPORTS_REPORT_DICOM_PARTS_H
#define ROENTGEN_REPORTS_REPORT_DICOM_PARTS_H

#include "diagnosis/sr_content.h"
#include "reports/report_dicom.h"
#include "reports/report_subject.h"

#define UID_ENCAPSULATED_PDF "1.2.840.10008.5.1.4.1.1.104.1"
#define UID_COMPREHENSIVE_SR "1.2.840.10008.5.1.4.1.1.88.33"
#define UID_KEY_OBJECTS "1.2.840.10008.5.1.4.1.1.88.59"
/* Of a row `o` of report_instances: it is stored, or its file is there and only the note is missing (the server was
 * stopped between the two). */
#define REPORT_FILED \
    "(o.stored_at is not null or exists (select 1 from image_files f join reports r on r.study_id = f.study_id where " \
    "r.id = o.report_id and f.sop_instance_uid = o.sop_instance_uid and f.is_instance = 1 and f.is_report = 1))"
enum { REPORT_OBJECT_BYTES_MAX = 64 << 20 };

/* An instance of the study that is referred to, and the image that it is here. */
struct report_evidence {
    int64_t image_file_id;
    struct str series_uid;
    struct sr_reference reference;
    bool has_frames; /* several */
};

struct report_source {
    struct call *c;
    struct report report;
    struct report_version version;
    json_t *subject; /* what is, or would be, signed */
    bool is_signed, is_in_error, is_chinese;
    struct str study_uid;
    struct instant at;          /* when it was signed, else when the version was made */
    struct str document;        /* of REPORT_AS_PDF: the PDF */
    struct str predecessor_uid; /* of REPORT_AS_SR */
    struct list images;         /* struct key_image */
    struct list evidence;       /* struct report_evidence: images, and what was stored */
    struct list measured;       /* struct report_measured */
    int64_t measured_count;     /* annotations with values in it */
};

/* Annotations that sources name whose words still stand: each once, of those that can be seen; a model's only while a
 * reader stands by them (report_drawing_confirmed). */
struct report_measured {
    const struct report_evidence *image;
    int64_t version;
    struct list annotations; /* struct annotation: those that are told */
    struct list all;         /* of the version */
};

/* ---- report_dicom.c: what all objects hold ---- */

struct report_class {
    const char *class_uid, *modality;
    int64_t series_number;
    const char *series_words;
};
/* File and groups 0008 to 0020. */
void report_dicom_begin(const struct report_source *s, enum report_object_kind kind, const struct report_class *about,
                        struct str instance_uid, struct dicom_writer *w);
struct str report_dicom_told(const struct report_source *s, const char *part, const char *name);
/* As a PN, and never empty. */
struct str report_dicom_person(const struct report_source *s, struct str name);
/* The image, where it is an instance of the study; NULL. */
const struct report_evidence *report_dicom_evidence(const struct report_source *s, int64_t image_file_id);
/* Current Requested Procedure Evidence Sequence; nothing, where there is nothing to refer to. */
void report_dicom_put_evidence(const struct report_source *s, struct dicom_writer *w);
void report_dicom_put_empty(struct dicom_writer *w, uint32_t sequence);
struct str report_dicom_series(const struct report_source *s, enum report_object_kind kind);

/* ---- the objects; on failure c->error is filled ---- */

bool report_sr_write(const struct report_source *s, struct str instance_uid, struct dicom_writer *w);
bool report_measurements_write(const struct report_source *s, struct str instance_uid, struct dicom_writer *w);
bool report_rejection_write(const struct report_source *s, struct str instance_uid, struct dicom_writer *w);
/* What an SR document has before its content, and what all content begins with (report_sr.c). */
void report_sr_begin(const struct report_source *s, enum report_object_kind kind, const struct card_code *title,
                     const char *template, struct str instance_uid, struct dicom_writer *w);
/* Who wrote it, in which language. */
void report_sr_context(const struct report_source *s, struct dicom_writer *w);

#endif
